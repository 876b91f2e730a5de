"""The models of a finished run in PyTorch: the clean predictions and margins that it stored.

python3 check_model.py RUN_FOLDER CIFAR_FOLDER compares results.h5 of a run on CIFAR-10 with what
PyTorch makes of its models and the test images; exit code 0 where they agree, 1 where they do not
or where every model of the run draws noise, 77 where h5py or PyTorch is not installed.
"""
import pathlib
import sys

sys.dont_write_bytecode = True  # not in the source tree
try:
    import h5py
    import numpy
    import torch
    from load_model import load_model
except ImportError as missing:
    print(missing)
    sys.exit(77)

POOLS = {"base": ("conv2", "conv4", "conv6"), "base-norm": ("conv2", "conv4", "conv6"),
         "small": ("conv1", "conv2")}
TOLERANCE = 1e-4


def read_cifar10(folder):
    records = numpy.fromfile(folder / "test_batch.bin", numpy.uint8).reshape(-1, 3073)
    images = torch.from_numpy(records[:, 1:].copy()).view(-1, 3, 32, 32).double() / 255
    return images, records[:, 0]


def compare(name, network, samples, images, labels):
    index = samples["index"][()].astype(int)
    if (samples["label"][()] != labels[index]).any():
        sys.exit(f"check_model: {name}: labels are not those of CIFAR-10's test images")
    with torch.no_grad():
        logits = network(images[index])
    rows, own = torch.arange(len(index)), torch.from_numpy(labels[index]).long()
    others = logits.clone()
    others[rows, own] = -torch.inf
    margins = (logits[rows, own] - others.max(dim=1).values).numpy()
    expected = samples["clean_margin"][()]
    wrong = logits.argmax(dim=1).numpy() != samples["clean_prediction"][()]
    off = numpy.abs(margins - expected)
    near = numpy.abs(margins) < TOLERANCE
    print(f"{name}: {len(index)} images, margins differ by at most {off.max():.2g}, "
          f"{wrong.sum()} predictions differ")
    if (off > TOLERANCE * (1 + numpy.abs(margins))).any() or (wrong & ~near).any():
        sys.exit(f"check_model: {name}: PyTorch says otherwise")


def main(run, cifar10):
    torch.set_num_threads(1)
    images, labels = read_cifar10(cifar10)
    with h5py.File(run / "results.h5") as file:
        keys = {row["defense"].decode(): row["key"].decode() for row in file["results"][()]}
        done = 0
        for path in sorted((run / "models").glob("*.h5")):
            with h5py.File(path) as model:
                pools = POOLS[model.attrs["architecture"]]
            if path.stem not in keys or "noise" in path.stem:
                continue  # one of several seeds, or a network that draws
            compare(path.stem, load_model(path, pools).double(), file["samples"][keys[path.stem]],
                    images, labels)
            done += 1
    if done == 0:
        sys.exit("check_model: no model of this run can be compared")


main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
