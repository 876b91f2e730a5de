"""The defense `latent` in PyTorch: the class of the nearest of reference images in a latent space."""
import numpy
import torch

PURPOSE_REFERENCES = 12  # include/advgrid/base.h


def philox(seed, purpose):
    """The words of a stream of Philox4x32-10 (Salmon et al. 2011, section 4.3)."""
    mask, block = 0xFFFFFFFF, 0
    while True:
        counter, key = (block, 0, purpose, 0), (seed & mask, seed >> 32)
        for _ in range(10):
            first, second = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
            counter = (second >> 32 ^ counter[1] ^ key[0], second & mask,
                       first >> 32 ^ counter[3] ^ key[1], first & mask)
            key = (key[0] + 0x9E3779B9 & mask, key[1] + 0xBB67AE85 & mask)
        yield from counter
        block += 1


def permutation(words, count):
    """0 .. count - 1 shuffled by Fisher and Yates, without bias (Lemire 2019)."""
    order = numpy.arange(count)
    for end in range(count, 1, -1):
        rejected = 2 ** 32 % end
        product = next(words) * end
        while product & 0xFFFFFFFF < rejected:
            product = next(words) * end
        other = product >> 32
        order[end - 1], order[other] = order[other], order[end - 1]
    return order


def choose_references(labels, each, seed):
    """Training images: the first of each class, in an order drawn from the seed. [class, each]"""
    order = permutation(philox(seed, PURPOSE_REFERENCES), len(labels))
    return [order[labels[order] == label][:each] for label in range(labels.max() + 1)]


class Neighbours(torch.nn.Module):
    """Logits: minus the squared distance from the nearest reference of each class.

    `encoder` maps images to the latent space, references are images [class, each, 3, 32, 32]."""

    def __init__(self, encoder, references):
        super().__init__()
        self.encoder = encoder
        with torch.no_grad():
            points = encoder(references.flatten(0, 1)).flatten(1)
        self.points = points.view(*references.shape[:2], -1)

    def forward(self, images):
        latent = self.encoder(images).flatten(1)
        squared = (latent[:, None, None] - self.points).square().sum(3)  # [n, class, each]
        return -squared.min(dim=2).values

    def temperature(self):
        """The mean squared distance between references of different classes: what attacks divide
        the logits by."""
        classes, each, _ = self.points.shape
        squared = torch.cdist(self.points.flatten(0, 1), self.points.flatten(0, 1)).square()
        own = torch.arange(classes).repeat_interleave(each)
        return squared[own[:, None] != own].mean().item()


class Divided(torch.nn.Module):
    def __init__(self, network, divisor):
        super().__init__()
        self.network, self.divisor = network, divisor

    def forward(self, images):
        return self.network(images) / self.divisor
