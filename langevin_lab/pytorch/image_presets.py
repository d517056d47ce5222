"""Published settings of training on CIFAR-10, as data.

The three of ResNet-20 are those of the Keras example, which CoolMomentum's authors took over; the
penalty 1e-4 |weights|^2 of its convolutions is a weight decay of 2e-4. The one of ResNet-34 is of
their PyTorch runs.

Source: Borysenko and Byshkin (2021) [BB21] and the authors' repository.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from langevin_lab.pytorch.models import MODELS

__all__ = ["PRESETS", "ImagePreset"]

DECAYED = ("kernels", "all")


@dataclass(frozen=True, kw_only=True)
class ImagePreset:
    """Everything that decides a training run but its data and its device.

    Parameters
    ----------
    model : str
        A name of `langevin_lab.pytorch.models.MODELS`.
    optimiser : str
        A class of `langevin_lab.pytorch.optim` or of `torch.optim`.
    options : mapping
        Its keyword arguments. Where it takes ``total_steps`` or ``seed`` and none is given, it gets
        those of the run.
    batch_size, epochs : int
    drop_last : bool, optional
        Leave out the images of an epoch that fill no batch.
    rate_steps : tuple of (int, float), optional
        (epoch, factor): from this epoch on, counted from 0, the learning rate is factor lr.
    weight_decay : float, optional
        Added to the gradient as weight_decay x, for every optimiser in the same way.
    decayed : {"kernels", "all"}, optional
        What weight_decay acts on: weights of convolutions, or all parameters.
    normalisation : {"pixel", "channel"}, optional
        See `langevin_lab.pytorch.images.Normalisation`.
    augment : bool, optional
        Shifts and reflections.
    seed : int, optional
        Of the start, the order and the augmentation.

    Raises
    ------
    ValueError
        If a name or a number is out of range.
    """

    model: str
    optimiser: str
    options: Mapping[str, Any] = field(default_factory=dict)
    batch_size: int
    epochs: int
    drop_last: bool = False
    rate_steps: tuple[tuple[int, float], ...] = ()
    weight_decay: float = 0.0
    decayed: str = "kernels"
    normalisation: str = "pixel"
    augment: bool = True
    seed: int = 1

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise ValueError(f"model={self.model!r} must be one of {sorted(MODELS)}")
        if self.decayed not in DECAYED:
            raise ValueError(f"decayed={self.decayed!r} must be one of {DECAYED}")
        if self.normalisation not in ("pixel", "channel"):
            raise ValueError(f"normalisation={self.normalisation!r} must be 'pixel' or 'channel'")
        for name in ("batch_size", "epochs"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name}={value!r} must be an integer >= 1")
        if not self.weight_decay >= 0:
            raise ValueError(f"weight_decay={self.weight_decay!r} must be >= 0")
        if not (isinstance(self.seed, int) and 0 <= self.seed < 2**31):
            raise ValueError(f"seed={self.seed!r} must be an integer from 0 to 2^31 - 1")

    def steps_per_epoch(self, n_images: int) -> int:
        """Steps of one epoch over so many images."""
        whole = n_images // self.batch_size
        return whole if self.drop_last else whole + bool(n_images % self.batch_size)

    def total_steps(self, n_images: int) -> int:
        """Steps of the whole run."""
        return self.epochs * self.steps_per_epoch(n_images)

    def rate_factor(self, epoch: int) -> float:
        """Factor of the learning rate in an epoch, counted from 0."""
        reached = [factor for first, factor in sorted(self.rate_steps) if epoch >= first]
        return reached[-1] if reached else 1.0


# The example lowers the rate where "epoch > 80" and so on, epochs counted from 0.
_STEPS = ((81, 1e-1), (121, 1e-2), (161, 1e-3), (181, 0.5e-3))


def _resnet20(optimiser: str, options: dict[str, Any], **more: Any) -> ImagePreset:
    return ImagePreset(
        model="resnet20", optimiser=optimiser, options=options, batch_size=32, epochs=200,
        drop_last=True, weight_decay=2e-4, decayed="kernels", **more,
    )  # fmt: skip


PRESETS: Mapping[str, ImagePreset] = MappingProxyType(
    {
        "coolmomentum-resnet20": _resnet20("CoolMomentum", {"lr": 0.01, "start_momentum": 0.99}),
        "adam-resnet20": _resnet20("Adam", {"lr": 1e-3, "eps": 1e-7}, rate_steps=_STEPS),
        "sgd-resnet20": _resnet20("SGD", {"lr": 0.01, "momentum": 0.9}, rate_steps=_STEPS),
        "coolmomentum-resnet34": ImagePreset(
            model="resnet34",
            optimiser="CoolMomentum",
            options={"lr": 0.01, "start_momentum": 0.99},
            batch_size=128,
            epochs=200,
            weight_decay=5e-4,
            decayed="all",
            normalisation="channel",
            seed=123,
        ),
    }
)
"""Name on the command line -> preset."""
