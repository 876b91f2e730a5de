"""Loads a model file of advgrid into PyTorch: the function that stands in the README."""
import h5py
import torch


def load_model(path):
    """Any models/NAME.h5 whose architecture is `base` or `small`, for images in [0,1], NCHW."""
    file, nn, layers = h5py.File(path), torch.nn, []
    def value(name): return nn.Parameter(torch.tensor(file[name][()]), requires_grad=False)
    mean, deviation = value("normalize/mean")[:, None, None], value("normalize/deviation")[:, None, None]
    every = {"base": 2, "small": 1}[file.attrs["architecture"]]
