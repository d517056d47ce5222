"""Networks for images of 32 x 32 pixels: residual networks and a small convolutional one.

A residual block adds its input, or a shortcut of it, to two 3 x 3 convolutions with batch
normalisation, and a rectifier ends it. Where the channels double, the side halves, and the shortcut
has to follow:

    "keras"      a 1 x 1 convolution with bias, nothing after it (the Keras example's ResNet v1;
                 all its convolutions have biases, though normalisation follows them)
    "padding"    every second pixel, new channels filled with zeros: option A of He and others, no
                 weights
    "normalised" a 1 x 1 convolution without bias, then batch normalisation: option B

Source: He and others (2016), section 4.2 for ResNet-20 and table 1 for ResNet-34 [HZRS16].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import MappingProxyType

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

__all__ = ["MODELS", "ResidualNetwork", "resnet20", "resnet34", "small_cnn"]

SHORTCUTS = ("keras", "padding", "normalised")


class ResidualNetwork(nn.Module):
    """Residual network of basic blocks: images (n, 3, 32, 32) -> scores (n, n_classes).

    Parameters
    ----------
    n_blocks : sequence of int
        Blocks per stage.
    widths : sequence of int
        Channels per stage; from one stage to the next the side halves.
    shortcut : {"keras", "padding", "normalised"}
        See the module; "keras" takes biases and Keras' constants of batch normalisation too
        (epsilon 1e-3, running averages that keep 0.99), the others have PyTorch's.
    n_classes : int, optional

    Raises
    ------
    ValueError
        If the shortcut is unknown or stages and widths do not match.

    Notes
    -----
    Weights of convolutions and of the last layer start from He's normal law of variance
    2/inputs [HZRS15], biases from 0.
    """

    def __init__(
        self, n_blocks: Sequence[int], widths: Sequence[int], *, shortcut: str, n_classes: int = 10
    ) -> None:
        super().__init__()
        if shortcut not in SHORTCUTS:
            raise ValueError(f"shortcut={shortcut!r} must be one of {SHORTCUTS}")
        if len(n_blocks) != len(widths) or not n_blocks:
            raise ValueError(
                f"n_blocks={tuple(n_blocks)} and widths={tuple(widths)} must have one number per "
                "stage each"
            )
        self.first = _convolution(3, widths[0], shortcut=shortcut)
        self.first_norm = _norm(widths[0], shortcut)
        blocks, channels = [], widths[0]
        for stage, (count, width) in enumerate(zip(n_blocks, widths)):
            for number in range(count):
                stride = 2 if stage > 0 and number == 0 else 1
                blocks.append(_Block(channels, width, stride=stride, shortcut=shortcut))
                channels = width
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.Linear(channels, n_classes)
        self.apply(_initialise)

    def forward(self, images: Tensor) -> Tensor:
        """Scores of the classes, before the softmax."""
        x = torch.relu(self.first_norm(self.first(images)))
        scores: Tensor = self.last(self.blocks(x).mean(dim=(2, 3)))
        return scores


class _Block(nn.Module):
    """relu(shortcut(x) + norm(conv(relu(norm(conv(x))))))."""

    def __init__(self, channels: int, width: int, *, stride: int, shortcut: str) -> None:
        super().__init__()
        self.one = _convolution(channels, width, stride=stride, shortcut=shortcut)
        self.one_norm = _norm(width, shortcut)
        self.two = _convolution(width, width, shortcut=shortcut)
        self.two_norm = _norm(width, shortcut)
        self.stride, self.new_channels = stride, width - channels
        self.shortcut: nn.Module | None = None
        if stride != 1 or channels != width:
            project = _convolution(channels, width, side=1, stride=stride, shortcut=shortcut)
            if shortcut == "keras":
                self.shortcut = project
            elif shortcut == "normalised":
                self.shortcut = nn.Sequential(project, _norm(width, shortcut))

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.one_norm(self.one(x)))
        y = self.two_norm(self.two(y))
        return torch.relu(y + self._passed(x))

    def _passed(self, x: Tensor) -> Tensor:
        if self.shortcut is not None:
            passed: Tensor = self.shortcut(x)
            return passed
        if self.stride == 1 and self.new_channels == 0:
            return x
        thinned = x[:, :, :: self.stride, :: self.stride]
        return functional.pad(thinned, (0, 0, 0, 0, 0, self.new_channels))


def resnet20(*, shortcut: str = "keras", n_classes: int = 10) -> ResidualNetwork:
    """ResNet-20 v1 for CIFAR-10: 3 stages of 3 blocks, 16, 32 and 64 channels.

    Parameters
    ----------
    shortcut : {"keras", "padding", "normalised"}, optional
        By default the Keras example's, 273,066 parameters, which CoolMomentum's authors trained;
        "padding" is the paper's, 269,722 parameters.
    n_classes : int, optional

    Source
    ------
    He and others (2016), section 4.2 [HZRS16]; the Keras example cifar10_resnet.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> sum(weight.numel() for weight in ll.pytorch.resnet20().parameters())
    273066
    """
    return ResidualNetwork((3, 3, 3), (16, 32, 64), shortcut=shortcut, n_classes=n_classes)


def resnet34(*, shortcut: str = "normalised", n_classes: int = 10) -> ResidualNetwork:
    """ResNet-34 for CIFAR-10: ImageNet's stages after a 3 x 3 convolution without pooling.

    Four stages of 3, 4, 6 and 3 blocks with 64 to 512 channels, 21,282,122 parameters: the network
    of CoolMomentum's PyTorch runs.

    Source
    ------
    He and others (2016), table 1 [HZRS16].
    """
    widths = (64, 128, 256, 512)
    return ResidualNetwork((3, 4, 6, 3), widths, shortcut=shortcut, n_classes=n_classes)


def small_cnn(*, n_classes: int = 10, width: int = 16) -> nn.Sequential:
    """Two 3 x 3 convolutions with pooling and one linear layer: a smoke test, or a first try.

    Parameters
    ----------
    n_classes : int, optional
    width : int, optional
        Channels of the first convolution; the second has twice as many.
    """
    model = nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(width, 2 * width, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(4),
        nn.Flatten(), nn.Linear(32 * width, n_classes),
    )  # fmt: skip
    return model.apply(_initialise)


MODELS: MappingProxyType[str, Callable[[], nn.Module]] = MappingProxyType(
    {"resnet20": resnet20, "resnet34": resnet34, "small_cnn": small_cnn}
)
"""Name on the command line -> function that makes the model."""


def _convolution(
    channels: int, width: int, *, side: int = 3, stride: int = 1, shortcut: str
) -> nn.Conv2d:
    return nn.Conv2d(
        channels, width, side, stride=stride, padding=side // 2, bias=shortcut == "keras"
    )


def _norm(width: int, shortcut: str) -> nn.BatchNorm2d:
    # Keras keeps 0.99 of its running averages; PyTorch counts what comes in: 0.01.
    return (
        nn.BatchNorm2d(width, eps=1e-3, momentum=0.01)
        if shortcut == "keras"
        else (nn.BatchNorm2d(width))
    )


def _initialise(module: nn.Module) -> None:
    """He's normal law for weights, 0 for biases; batch normalisation starts at 1 and 0 itself."""
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        inputs = module.weight[0].numel()
        nn.init.normal_(module.weight, std=math.sqrt(2.0 / inputs))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
