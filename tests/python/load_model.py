"""Loads a model file of advgrid into PyTorch: the function that stands in the README."""
import h5py, torch
from torch import nn

def load_model(path, pools=("conv2", "conv4", "conv6")):  # behind which `base` pools
    with h5py.File(path) as file:
        tensors = {layer: {name: torch.tensor(values[()]) for name, values in group.items()}
                   for layer, group in file.items()}
    mean, deviation = (tensors["normalize"][name].view(3, 1, 1) for name in ("mean", "deviation"))
    layers = []
    for name in sorted(tensors.keys() - {"normalize"}):  # conv1 ... conv6, dense1, dense2
        outputs, inputs, *kernel = tensors[name]["weight"].shape
        layers += ([nn.Conv2d(inputs, outputs, kernel, padding=1)] if kernel else
                   [nn.Flatten(), nn.Linear(inputs, outputs)])
        layers[-1].load_state_dict(tensors[name])
        layers += [nn.ReLU()] + [nn.MaxPool2d(2)] * (name in pools)
    network = nn.Sequential(*layers[:-1])  # no ReLU behind the logits
    return lambda images: network((images - mean) / deviation)
