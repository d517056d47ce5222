"""Image models: sizes, the residual block, the start."""

import math

import pytest
import torch
import torch.nn.functional as functional
from torch import nn
from z_test import assert_agrees, assert_refutes

from langevin_lab.pytorch.models import ResidualNetwork, resnet20, resnet34, small_cnn


def n_parameters(model):
    return sum(weight.numel() for weight in model.parameters())


def counted(n_blocks, widths, *, bias, project, norm_of_project):
    """Parameters, layer by layer: convolutions, two numbers per normalised channel, last layer."""
    total, channels = 3 * widths[0] * 9 + bias * widths[0] + 2 * widths[0], widths[0]
    for stage, (count, width) in enumerate(zip(n_blocks, widths)):
        for block in range(count):
            total += (channels + width) * width * 9 + 2 * bias * width + 4 * width
            if stage and not block and project:
                total += channels * width + bias * width + 2 * norm_of_project * width
            channels = width
    return total + 10 * channels + 10


@pytest.mark.parametrize(
    ("model", "printed", "parts"),
    [
        (resnet20, 273_066, {"bias": 1, "project": 1, "norm_of_project": 0}),
        (
            lambda: resnet20(shortcut="padding"),
            269_722,
            {"bias": 0, "project": 0, "norm_of_project": 0},
        ),
    ],
    ids=["keras", "padding"],
)
def test_resnet20_has_a_quarter_of_a_million_parameters(model, printed, parts):
    assert n_parameters(model()) == printed == counted((3, 3, 3), (16, 32, 64), **parts)
    assert round(printed / 1e6, 2) == 0.27


def test_resnet34_has_21_million_parameters():
    with torch.device("meta"):  # no weights are made
        model = resnet34()
    parts = {"bias": 0, "project": 1, "norm_of_project": 1}
    expected = counted((3, 4, 6, 3), (64, 128, 256, 512), **parts)
    assert n_parameters(model) == 21_282_122 == expected


def test_keras_counts_the_running_averages_too():
    model = resnet20()
    moving = sum(b.numel() for b in model.buffers() if b.ndim)
    assert n_parameters(model) + moving == 274_442
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {(m.eps, m.momentum) for m in norms} == {(1e-3, 0.01)}
    padded = [m for m in resnet20(shortcut="padding").modules() if isinstance(m, nn.BatchNorm2d)]
    assert {(m.eps, m.momentum) for m in padded} == {(1e-5, 0.1)}


@pytest.mark.parametrize("shortcut", ["keras", "padding", "normalised"])
def test_block_is_its_formula(shortcut):
    """A network of two stages of one block each, once more with functions."""
    torch.manual_seed(0)
    model = ResidualNetwork((1, 1), (4, 6), shortcut=shortcut).double()
    images = torch.randn(5, 3, 8, 8, dtype=torch.float64)

    def norm(x, module):
        mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), False, keepdim=True)
        return (x - mean) / (variance + module.eps).sqrt()

    def convolve(x, module, stride=1):
        padding = module.kernel_size[0] // 2
        return functional.conv2d(x, module.weight, module.bias, stride, padding)

    x = norm(convolve(images, model.first), model.first_norm).clamp(min=0)
    for block, stride in zip(model.blocks, (1, 2)):
        y = norm(convolve(x, block.one, stride), block.one_norm).clamp(min=0)
        y = norm(convolve(y, block.two), block.two_norm)
        if stride == 2:
            if shortcut == "keras":
                x = convolve(x, block.shortcut, 2)
            elif shortcut == "normalised":
                x = norm(convolve(x, block.shortcut[0], 2), block.shortcut[1])
            else:
                x = torch.cat([x[:, :, 0::2, 0::2], torch.zeros(5, 2, 4, 4).double()], dim=1)
        x = (x + y).clamp(min=0)
    expected = x.flatten(2).mean(dim=2) @ model.last.weight.T + model.last.bias
    torch.testing.assert_close(model(images), expected, rtol=1e-10, atol=1e-10)


def test_weights_start_from_hes_law():
    torch.manual_seed(1)
    model = resnet20()
    assert all(not m.bias.any() for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear)))
    weights = model.blocks[-1].two.weight.detach().double().flatten()
    squares = (weights**2).numpy()
    found = squares.mean(), squares.std() / math.sqrt(squares.size)
    assert_agrees(*found, 2 / (64 * 9), squares.size, "variance")
    assert_refutes(*found, 1.05 * 2 / (64 * 9), squares.size, "variance")
    standard = weights * math.sqrt(64 * 9 / 2)
    tails = (standard.abs() > 2).double().numpy()  # a truncated law has none
    stderr = tails.std() / math.sqrt(tails.size)
    assert_agrees(tails.mean(), stderr, math.erfc(math.sqrt(2)), tails.size, "tails")


def test_small_cnn():
    model = small_cnn(width=4, n_classes=7)
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 7)
    assert n_parameters(model) == (27 * 4 + 4) + (36 * 8 + 8) + (128 * 7 + 7)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="shortcut='zeros' must be one of"):
        resnet20(shortcut="zeros")
    with pytest.raises(ValueError, match=r"n_blocks=\(3, 3\) and widths=\(16,\) must have one"):
        ResidualNetwork((3, 3), (16,), shortcut="padding")
