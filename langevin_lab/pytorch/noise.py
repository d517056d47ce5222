"""The package's normals as torch operations: the same integers on any device, floats to a few ulp.

`langevin_lab.noise` defines which counter gives which normal; here the ten rounds of Philox4x32
run on int64 tensors, whose products wrap around as unsigned ones do, so that masks give the two
halves of a 32 x 32 bit product. Logarithm, sine and cosine are those of torch, after the exact
reduction of the angle to |y| <= 1/8 of a turn.

Source: Salmon, Moraes, Dror and Shaw (2011); Box and Muller (1958).
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import torch

from langevin_lab.compiled.modules import load
from langevin_lab.noise import philox
from langevin_lab.noise.random_access import _ENTRY, _integer, _span

__all__ = ["draw", "normal_pairs", "normals", "philox4x32"]

_M0, _M1, _W0, _W1, _LOW = map(int, (philox._M0, philox._M1, philox._W0, philox._W1, philox._LOW))
# Pairs at a time: the words of a block stay in the second-level cache of a CPU.
_BLOCK = 1 << 14


def philox4x32(
    counter: tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], key: tuple[Any, Any]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the four 32-bit words of Philox4x32-10.

    Parameters
    ----------
    counter : four int64 tensors of shapes that broadcast
        Words in [0, 2**32).
    key : tuple of two int, or int64 tensors
        Words in [0, 2**32).

    Returns
    -------
    four int64 tensors
        Words in [0, 2**32); equal to the known-answer vectors of Random123.

    Source
    ------
    Salmon, Moraes, Dror and Shaw (2011), section 4.3.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for number in range(10):
        u, v = (k0 + number * _W0) & _LOW, (k1 + number * _W1) & _LOW
        a, b = c0 * _M0, c2 * _M1
        # The shift keeps the sign of a product beyond 2^63: the mask drops its copies.
        c0 = ((b >> 32) & _LOW) ^ c1 ^ u
        c2 = ((a >> 32) & _LOW) ^ c3 ^ v
        c1, c3 = b & _LOW, a & _LOW
    return c0, c1, c2, c3


def normals(
    seed: int,
    replica: int,
    start: int,
    count: int,
    *,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Return the normals number start ... start + count - 1 of one replica, by torch alone.

    Parameters
    ----------
    seed, replica : int
        In [0, 2**64), as `langevin_lab.noise.normals`.
    start, count : int
        >= 0, start + count <= 2**64.
    dtype : torch.dtype, optional
        Of the result; the numbers are made in float64 and rounded.
    device : torch.device or str, optional

    Returns
    -------
    tensor of shape (count,)

    Raises
    ------
    TypeError, ValueError
        If an argument is no integer, or out of range.

    Example
    -------
    >>> from langevin_lab.pytorch.noise import normals
    >>> whole = normals(1, 0, 0, 10)
    >>> bool((normals(1, 0, 7, 3) == whole[7:]).all())
    True
    """
    seed, replica = _integer("seed", seed), _integer("replica", replica)
    start, count = _span(start, count)
    first, skip = divmod(start, 2)
    n_pairs = (skip + count + 1) // 2
    # On a GPU one block: every operation costs a launch.
    block = _BLOCK if torch.device(device or "cpu").type == "cpu" else max(n_pairs, 1)
    out = torch.empty(2 * n_pairs, dtype=dtype, device=device)
    for done in range(0, n_pairs, block):
        width = min(block, n_pairs - done)
        cosine, sine = _pairs(seed, replica, first + done, width, device)
        rows = out[2 * done : 2 * (done + width)].view(width, 2)
        rows[:, 0], rows[:, 1] = cosine, sine
    return out[skip : skip + count]


def _pairs(seed, replica, first, n_pairs, device) -> tuple[torch.Tensor, torch.Tensor]:
    """The normals 2 q and 2 q + 1 of the pairs q = first ..., each of shape (n_pairs,)."""
    # Low and high word apart: q reaches 2^63 and first + arange must not wrap.
    low = torch.arange(n_pairs, dtype=torch.int64, device=device) + (first & _LOW)
    counter = (
        low & _LOW,
        ((low >> 32) + (first >> 32)) & _LOW,
        low.new_tensor(replica & _LOW),
        low.new_tensor(replica >> 32),
    )
    return normal_pairs(seed, counter)


def normal_pairs(
    seed: int, counter: tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the normals 2 q and 2 q + 1, in float64.

    Parameters
    ----------
    seed : int
    counter : four int64 tensors of shapes that broadcast
        Low and high word of q, low and high word of the replica.
    """
    return box_muller(philox4x32(counter, (seed & _LOW, seed >> 32)))


def box_muller(
    words: tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the two normals that four words make, in float64."""
    w0, w1, w2, w3 = words
    # Upper 52 of 64 bits: 32 of the first word, 20 of the second.
    n1, n2 = (w0 << 20) | (w1 >> 12), (w2 << 20) | (w3 >> 12)
    radius = n1.double().mul_(-(2.0**-52)).add_(1.0).log_().mul_(-2.0).sqrt_()
    cosine, sine = _circle(n2.double().mul_(2.0**-52))
    return cosine.mul_(radius), sine.mul_(radius)


def _circle(turns: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """cos and sin of 2 pi turns for turns in [0, 1)."""
    quadrant = torch.round(4.0 * turns)
    angle = turns.sub_(0.25 * quadrant).mul_(2.0 * math.pi)  # the difference is exact
    cosine, sine = torch.cos(angle), torch.sin(angle)
    odd = torch.remainder(quadrant, 2.0) == 1.0
    even_part, odd_part = torch.where(odd, sine, cosine), torch.where(odd, cosine, sine)
    # Quadrants 1 and 2 have a negative cosine, 2 and 3 a negative sine (4 is 0 again).
    negative_cosine = (quadrant == 1.0) | (quadrant == 2.0)
    negative_sine = (quadrant == 2.0) | (quadrant == 3.0)
    return (
        torch.where(negative_cosine, -even_part, even_part),
        torch.where(negative_sine, -odd_part, odd_part),
    )


def draw(seed: int, replica: int, start: int, out: torch.Tensor) -> None:
    """Write the same normals the fastest way: compiled on a CPU, as torch operations elsewhere.

    Parameters
    ----------
    seed, replica, start : int
        As `normals`, unchecked.
    out : tensor of shape (count,)
        Of any device and floating dtype.
    """
    if out.device.type != "cpu":
        out.copy_(normals(seed, replica, start, out.numel(), dtype=out.dtype, device=out.device))
        return
    replicas = np.array([replica], np.uint64)
    # Blocks that fit in a cache: fresh memory for millions of normals costs more than the normals.
    block = torch.empty((1, min(out.numel(), 2 * _BLOCK)), dtype=torch.float64)
    for done in range(0, out.numel(), 2 * _BLOCK):
        part = block[:, : out.numel() - done]
        first, skip = divmod(start + done, 2)
        _compiled_fill()(part.numpy(), np.uint64(seed), replicas, np.uint64(first), skip)
        out[done : done + part.shape[1]].copy_(part[0])


@functools.cache
def _compiled_fill() -> Any:
    """What `langevin_lab.noise.normals` calls, looked up once instead of in every step."""
    return load(_ENTRY, "normals").fill
