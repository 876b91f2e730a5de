"""FGSM and PGD as PyTorch code writes them, from the images themselves or from a random start.

Images are [n, 3, 32, 32] in [0, 1]; a network maps them to logits. All is in double: in float the
gradient of the cross-entropy is lost to rounding where an image is classified with confidence
(softmax - 1 is 0), and attacks go astray.
"""
import torch


def margins(logits, labels):
    """z_y - max of the others."""
    rows = torch.arange(len(labels))
    others = logits.clone()
    others[rows, labels] = -torch.inf
    return logits[rows, labels] - others.max(dim=1).values


def gradient(network, images, labels, draws=1):
    """Mean logits over draws, and the mean gradient of the loss of each draw."""
    images = images.clone().requires_grad_()
    logits, slope = 0, 0
    for _ in range(draws):
        drawn = network(images)
        loss = torch.nn.functional.cross_entropy(drawn, labels, reduction="sum")
        slope = slope + torch.autograd.grad(loss, images)[0] / draws
        logits = logits + drawn.detach() / draws
    return logits, slope


def move_linf(images, clean, slope, length, epsilon):
    images = images + length * slope.sign()
    return torch.clamp(torch.clamp(images, clean - epsilon, clean + epsilon), 0, 1)


def lengths(images):
    return images.flatten(1).norm(dim=1).view(-1, 1, 1, 1)


def move_l2(images, clean, slope, length, epsilon):
    way = images + length * slope / lengths(slope) - clean
    return torch.clamp(clean + way * torch.clamp(epsilon / lengths(way), max=1), 0, 1)


def start_linf(clean, epsilon):
    """Uniform in the ball, as the next."""
    return torch.clamp(clean + epsilon * (2 * torch.rand_like(clean) - 1), 0, 1)


def start_l2(clean, epsilon):
    way = torch.randn_like(clean)
    radius = epsilon * torch.rand(len(clean), 1, 1, 1).to(clean) ** (1 / clean[0].numel())
    return torch.clamp(clean + radius * way / lengths(way), 0, 1)


def fgsm(network, images, labels, epsilon, move=move_linf, draws=1):
    slope = gradient(network, images, labels, draws)[1]
    return move(images, images, slope, epsilon, epsilon)


def pgd(network, images, labels, epsilon, steps, length=None, move=move_linf, draws=1, start=None,
        to_the_end=False):
    """The iterate with the lowest margin; an image that has fallen does not move on, unless other
    draws judge it."""
    length = 2.5 * epsilon / steps if length is None else length
    worst, least = images.clone(), torch.full_like(images[:, 0, 0, 0], torch.inf)
    x = images.clone() if start is None else start
    moving = torch.arange(len(images))
    for step in range(steps + 1):
        if len(moving) == 0:
            break
        logits, slope = gradient(network, x[moving], labels[moving], draws)
        margin = margins(logits, labels[moving])
        lower = margin < least[moving]
        worst[moving[lower]], least[moving[lower]] = x[moving[lower]], margin[lower]
        if step < steps:
            x[moving] = move(x[moving], images[moving], slope, length, epsilon)
        if not to_the_end:
            moving = moving[least[moving] >= 0]
    return worst
