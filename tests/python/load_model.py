"""A network of advgrid, models/NAME.h5, in PyTorch; needs nothing else of this repository."""
import h5py, torch
from torch import nn

def load_model(path, pools=("conv2", "conv4", "conv6")):  # the layers behind which `base` pools
    keys = {"mean": "running_mean", "variance": "running_var"}  # what PyTorch calls them
    with h5py.File(path) as file:
        values = {name: {keys.get(key, key): torch.tensor(file[name][key][()]) for key in file[name]} for name in file}
    pixels, layers = values.pop("normalize"), [nn.BatchNorm2d(3, eps=0, affine=False)]
    layers[0].running_mean, layers[0].running_var = pixels["running_mean"], pixels["deviation"] ** 2
    for name in sorted(name for name in values if name[:4] != "norm"):  # conv1 ... conv6, dense1, dense2
        outputs, inputs, *kernel = values[name]["weight"].shape
        layers += [nn.Conv2d(inputs, outputs, kernel, padding=1)] if kernel else [nn.Flatten(), nn.Linear(inputs, outputs)]
        layers[-1].load_state_dict(values[name])
        if "norm" + name[4:] in values:  # norm1 ... norm6 of `base-norm`
            layers += [nn.BatchNorm2d(outputs)]
            layers[-1].load_state_dict(values["norm" + name[4:]])
        layers += [nn.ReLU()] + [nn.MaxPool2d(2)] * (name in pools)
    return nn.Sequential(*layers[:-1]).eval()  # images [n, 3, 32, 32] in [0, 1] to logits
