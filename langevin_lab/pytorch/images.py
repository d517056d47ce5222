"""Sets of small images as bytes on a device, normalised and augmented there batch by batch.

All random numbers of an epoch are a function of (seed, epoch), drawn on the CPU: the order of the
images, their shifts and their reflections are the same on every device, and a run that is continued
sees what it would have seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor

from langevin_lab.potentials import read_cifar10

__all__ = ["ImageSet", "Normalisation", "epoch_batches", "load_images", "synthetic_images"]

PADDING = 4


@dataclass(frozen=True)
class ImageSet:
    """Images of uint8, (n, channels, height, width), and their labels of int64, (n,)."""

    images: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        if self.images.dtype != torch.uint8 or self.images.ndim != 4:
            raise ValueError(
                f"images of {self.images.dtype} and shape {tuple(self.images.shape)} must be uint8 "
                "and (n, channels, height, width)"
            )
        if self.labels.dtype != torch.int64 or self.labels.shape != self.images.shape[:1]:
            raise ValueError(
                f"labels of {self.labels.dtype} and shape {tuple(self.labels.shape)} must be int64 "
                f"and ({len(self.images)},), one per image"
            )

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device | str) -> ImageSet:
        """The same set on a device."""
        return ImageSet(self.images.to(device), self.labels.to(device))


def load_images(folder: str | Path, *, part: str = "train") -> ImageSet:
    """Return CIFAR-10 from a folder; see `langevin_lab.potentials.read_cifar10` for the files."""
    images, labels = read_cifar10(folder, part=part)
    return ImageSet(torch.from_numpy(images), torch.from_numpy(labels))


def synthetic_images(n_images: int, *, seed: int, n_classes: int = 10) -> ImageSet:
    """Return images of CIFAR-10's shape and type that can be learnt: a smoke test, not a data set.

    Each class is a smooth pattern of 4 x 4 colours, the same for every seed, under noise.

    Parameters
    ----------
    n_images : int
        The labels go round the classes.
    seed : int
        Of the noise.
    n_classes : int, optional

    Raises
    ------
    ValueError
        If n_images is negative.
    """
    if n_images < 0:
        raise ValueError(f"n_images={n_images} must be >= 0, for example 2000")
    patterns = torch.rand(n_classes, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    patterns = functional.interpolate(patterns, size=(32, 32), mode="bilinear")
    labels = torch.arange(n_images) % n_classes
    noise = torch.rand(n_images, 3, 32, 32, generator=torch.Generator().manual_seed(seed))
    return ImageSet((127.0 * (patterns[labels] + noise)).to(torch.uint8), labels)


@dataclass(frozen=True)
class Normalisation:
    """What is subtracted from pixels between 0 and 1, and what they are divided by.

    Make one from the training images with `of`.
    """

    mean: Tensor
    scale: Tensor

    @classmethod
    def of(cls, images: Tensor, kind: str) -> Normalisation:
        """Return the normalisation of a set of images.

        Parameters
        ----------
        images : Tensor of uint8, shape (n, channels, height, width)
        kind : "pixel" or "channel"
            Subtract the mean of each pixel of each channel; or subtract each channel's mean and
            divide by its standard deviation.
        """
        if kind == "pixel":
            # In parts: float64 of all images of CIFAR-10 would take 1.2 GB.
            total = sum(part.double().sum(dim=0) for part in images.split(5_000))
            mean = torch.as_tensor(total) / (255.0 * len(images))
            return cls(mean.float(), torch.ones_like(mean, dtype=torch.float32))
        if kind == "channel":
            counts = torch.stack([plane.flatten().bincount(minlength=256) for plane in
                                  images.transpose(0, 1)]).double()  # fmt: skip
            levels = torch.arange(256, device=images.device).double() / 255.0
            share = counts / counts.sum(dim=1, keepdim=True)
            mean = (share * levels).sum(dim=1, keepdim=True)
            variance = (share * (levels - mean).square()).sum(dim=1)
            return cls(mean.float()[:, :, None], variance.sqrt().float()[:, None, None])
        raise ValueError(f"normalisation={kind!r} must be 'pixel' or 'channel'")

    def __call__(self, images: Tensor) -> Tensor:
        """Float32 images, normalised."""
        return (images.float() / 255.0 - self.mean) / self.scale


def epoch_batches(
    images: ImageSet,
    normalisation: Normalisation,
    *,
    batch_size: int,
    seed: int,
    epoch: int,
    augment: bool,
    drop_last: bool,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the normalised batches of one epoch, in random order, (images, labels) each.

    With augment, an image is padded by 4 pixels of 0 after the normalisation, cut to its size at a
    random place and reflected with probability 1/2. drop_last leaves out what fills no batch.

    Source
    ------
    He and others (2016), section 4.2 [HZRS16].
    """
    # Not torch's generator: its seeds count modulo 2^32 on the CPU, which cannot hold both numbers.
    generator = np.random.default_rng((seed, epoch))
    n_images, device = len(images), images.images.device
    order = torch.from_numpy(generator.permutation(n_images)).to(device)
    shifts = torch.from_numpy(generator.integers(2 * PADDING + 1, size=(2, n_images))).to(device)
    reflected = torch.from_numpy(generator.integers(2, size=n_images) == 1).to(device)
    end = n_images - n_images % batch_size if drop_last else n_images
    for start in range(0, end, batch_size):
        chosen = order[start : start + batch_size]
        batch = normalisation(images.images[chosen])
        if augment:
            batch = cropped(batch, shifts[:, chosen], reflected[chosen])
        yield batch, images.labels[chosen]


def cropped(batch: Tensor, shifts: Tensor, reflected: Tensor) -> Tensor:
    """Images padded by 0 and cut from row shifts[0] and column shifts[1] on, some reflected.

    Parameters
    ----------
    batch : Tensor of shape (n, channels, height, width)
    shifts : Tensor of int64, shape (2, n)
        From 0 to 8; 4 leaves an image where it is.
    reflected : Tensor of bool, shape (n,)
    """
    n_images, _, height, width = batch.shape
    padded = functional.pad(batch, (PADDING,) * 4)
    rows = shifts[0, :, None] + torch.arange(height, device=batch.device)
    columns = torch.arange(width, device=batch.device).expand(n_images, width)
    columns = shifts[1, :, None] + torch.where(reflected[:, None], width - 1 - columns, columns)
    number = torch.arange(n_images, device=batch.device)[:, None, None]
    # Indices apart from each other put their axes first: (n, height, width, channels).
    cut = padded[number, :, rows[:, :, None], columns[:, None, :]]
    return cut.permute(0, 3, 1, 2).contiguous()
