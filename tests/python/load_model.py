"""Loads a model file of advgrid into PyTorch: the function that stands in the README."""
import h5py, torch
from torch import nn

def load_model(path, pools=("conv2", "conv4", "conv6")):  # the layers behind which `base` pools
    with h5py.File(path) as file:
        tensors = {layer: {name: torch.tensor(values[()]) for name, values in group.items()}
                   for layer, group in file.items()}
    pixels, layers = tensors.pop("normalize"), [nn.BatchNorm2d(3, eps=0, affine=False)]
    layers[0].running_mean, layers[0].running_var = pixels["mean"], pixels["deviation"] ** 2
    for name in sorted(tensors):  # conv1 ... conv6, dense1, dense2
        outputs, inputs, *kernel = tensors[name]["weight"].shape
        layers += [nn.Conv2d(inputs, outputs, kernel, padding=1)] if kernel else [
            nn.Flatten(), nn.Linear(inputs, outputs)]
        layers[-1].load_state_dict(tensors[name])
        layers += [nn.ReLU()] + [nn.MaxPool2d(2)] * (name in pools)
    return nn.Sequential(*layers[:-1]).eval()  # no ReLU behind the logits
