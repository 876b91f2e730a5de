"""The same weights, images and attacks in PyTorch: the same logits, and the same images fall.

python3 check_attacks.py WRITE_CASE runs the program write_case in a temporary folder and compares
what it writes; exit code 0 where both agree, 1 where they do not, 77 where h5py or PyTorch is not
installed. An image whose margin is under 1e-4 on both sides may fall on one side alone.
"""
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # not in the source tree
try:
    import h5py
    import torch
    from attacks import fgsm, margins, move_l2, move_linf, pgd
    from load_model import load_model
except ImportError as missing:
    print(missing)
    sys.exit(77)

STEPS, TOLERANCE = 10, 1e-4


def check(condition, text):
    if not condition:
        sys.exit(f"check_attacks: {text}")


def read(group, name):
    return torch.tensor(group[name][()]).double()


def compare(case, name, network, images, labels):
    """One attack at one epsilon, on the images that are classified correctly."""
    group = {key: read(case[name], key) for key in case[name]}
    kind, norm, _ = name.split("-")
    move = {"linf": move_linf, "l2": move_l2}[norm]
    options = {"fgsm": {}, "pgd": {"steps": STEPS}}[kind]
    attack = {"fgsm": fgsm, "pgd": pgd}[kind]
    clean = margins(network(images).detach(), labels)
    correct = (clean > 0) & (group["clean_margin"] > 0)
    check(torch.allclose(clean, group["clean_margin"], TOLERANCE, TOLERANCE), "clean margins")
    epsilon = float(group["epsilon"])
    attacked = attack(network, images[correct], labels[correct], epsilon, move=move, **options)
    theirs = margins(network(attacked).detach(), labels[correct])
    ours, prediction = group["margin"][correct], group["prediction"][correct]
    fallen, expected = prediction != labels[correct], theirs < 0
    differ = (fallen != expected) & (torch.maximum(ours.abs(), theirs.abs()) >= TOLERANCE)
    linf = (attacked - images[correct]).abs().amax(dim=(1, 2, 3))
    print(f"{name} at {epsilon:.5f}: of {len(images)} images {int(correct.sum())} correct, "
          f"{int(fallen.sum())} fall here, {int(expected.sum())} in PyTorch; "
          f"margins differ by at most {(ours - theirs).abs().max():.2g}, "
          f"linf by {(linf - group['linf'][correct]).abs().max():.2g}")
    check(not differ.any(), f"{name}: images {torch.nonzero(differ).flatten().tolist()} differ")
    # A pixel whose gradient is next to zero may go the other way, and take the margin with it.
    close = torch.isclose(ours, theirs, 1e-3, 1e-3).double().mean()
    check(close > 0.95, f"{name}: only {close:.0%} of the margins are near PyTorch's")
    return int(fallen.sum()), int((~fallen).sum())


def main(program):
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        subprocess.run([program, folder], check=True)
        deep = "conv2", "conv4", "conv6"
        for name, pools in (("base", deep), ("base-norm", deep), ("small", ("conv1", "conv2"))):
            network = load_model(folder / f"{name}.h5", pools).double()
            with h5py.File(folder / "case.h5") as file:
                case = file[name]
                images = read(case, "images").view(-1, 3, 32, 32)
                labels = read(case, "labels").long()
                logits, expected = network(images).detach(), read(case, "logits")
                print(f"{name}: logits differ by at most {(logits - expected).abs().max():.2g}")
                check(torch.allclose(expected, logits, TOLERANCE, TOLERANCE), f"{name}: logits")
                outcomes = [compare(case, attack, network, images, labels)
                            for attack in sorted(case) if "-" in attack]
        check(len(outcomes) == 6, "six attacks were expected")
        fallen, standing = (sum(column) for column in zip(*outcomes))
        check(min(fallen, standing) > 50, "too few fall, or too few stand, to tell anything")


main(sys.argv[1])
