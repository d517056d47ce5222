"""Which examples a minibatch holds, as torch operations: the integers of `noise.batches`.

Replicas lie along the first axis, their draws along the second. All draws of a stretch of steps are
made at once: some hundred operations, however many steps and replicas, so that a step is left with
taking its columns.
"""

from __future__ import annotations

import math

import torch

from langevin_lab.noise import batches, permutation
from langevin_lab.pytorch.fusion import fused
from langevin_lab.pytorch.noise import philox4x32

__all__ = ["draw_examples"]

_LOW = 0xFFFFFFFF
_DRAWS, _KEYS, _FEW = int(batches._DRAWS), int(batches._KEYS), permutation.FEW
_STEP, _MIX_1, _MIX_2 = map(int, (permutation._STEP, permutation._MIX_1, permutation._MIX_2))


def draw_examples(
    seed: int,
    replicas: torch.Tensor,
    first_draw: int,
    count: int,
    *,
    n_examples: int,
    replacement: bool,
) -> torch.Tensor:
    """Return the draws number first_draw ... first_draw + count - 1 of replicas.

    Batch number e of B examples has the draws e B, ..., e B + B - 1. On a GPU this waits for the
    device, since a permutation is walked on until all images are examples.

    Parameters
    ----------
    seed : int
        In [0, 2**64).
    replicas : int64 tensor of shape (n_replicas,)
        Absolute replica indices; those from 2**63 on as the negative number of the same bits.
    first_draw, count : int
        >= 0.
    n_examples : int
        1 <= n_examples < 2**31.
    replacement : bool

    Returns
    -------
    int64 tensor of shape (n_replicas, count)
        On the device of ``replicas``; equal to `langevin_lab.noise.batch_indices`.

    Source
    ------
    `langevin_lab.noise.batches` and `.permutation`, which say where they come from.

    Example
    -------
    >>> import torch
    >>> from langevin_lab.pytorch.minibatches import draw_examples
    >>> epoch = draw_examples(1, torch.tensor([0]), 0, 6, n_examples=6, replacement=False)
    >>> sorted(epoch[0].tolist())
    [0, 1, 2, 3, 4, 5]
    """
    draws = torch.arange(count, dtype=torch.int64, device=replicas.device) + first_draw
    if replacement:
        return _independent(seed, replicas, draws, n_examples)
    epoch = first_draw // n_examples
    n_epochs = (first_draw + count - 1) // n_examples - epoch + 1
    words = _words(seed, replicas, epoch, n_epochs, 2 if n_examples > _FEW else _FEW // 4)
    positions, own = draws % n_examples, draws // n_examples - epoch
    if n_examples <= _FEW:
        orders = _shuffled(words, n_examples)
        return orders.flatten(1)[:, own * n_examples + positions]
    return _images(positions, words[:, own].unbind(-1), n_examples)


def _bits(seed: int, replicas: torch.Tensor, pairs: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Four words of each replica and pair; pairs from 2^63 on are negative."""
    rows = replicas[:, None]
    counter = (pairs & _LOW, (pairs >> 32) & _LOW, rows & _LOW, (rows >> 32) & _LOW)
    return philox4x32(counter, (seed & _LOW, seed >> 32))


def _independent(
    seed: int, replicas: torch.Tensor, draws: torch.Tensor, n_examples: int
) -> torch.Tensor:
    """floor(u n), u the upper 52 of the 64 bits that a draw shares with its neighbour."""
    w0, w1, w2, w3 = _bits(seed, replicas, (draws >> 1) + (_DRAWS - 2**64))
    odd = (draws & 1) == 1
    bits = torch.where(odd, (w2 << 20) | (w3 >> 12), (w0 << 20) | (w1 >> 12))
    return (bits.double().mul_(2.0**-52).mul_(n_examples)).long()


def _words(
    seed: int, replicas: torch.Tensor, epoch: int, n_epochs: int, n_pairs: int
) -> torch.Tensor:
    """The words of which the permutations of epochs are made: (n_replicas, n_epochs, words)."""
    pairs = torch.arange(n_pairs, dtype=torch.int64, device=replicas.device)
    epochs = torch.arange(n_epochs, dtype=torch.int64, device=replicas.device) + epoch
    numbers = _FEW // 4 * epochs[:, None] + pairs + (_KEYS - 2**64)
    words = _bits(seed, replicas, numbers.flatten())
    return torch.stack(words, dim=-1).view(len(replicas), n_epochs, 4 * n_pairs)


def _images(
    positions: torch.Tensor, keys: tuple[torch.Tensor, ...], n_examples: int
) -> torch.Tensor:
    """Images under the permutations with these eight keys, each (n_replicas, n_draws)."""
    a = math.isqrt(n_examples - 1) + 1
    b = (n_examples + a - 1) // a
    sizes = [torch.tensor(size, device=positions.device) for size in (a, b, n_examples)]
    images = _first_images(positions, *keys, *sizes)
    while bool((images >= n_examples).any()):
        images = _next_images(images, *keys, *sizes)
    return images


def _rounds(numbers: torch.Tensor, *keys_and_sizes: torch.Tensor) -> torch.Tensor:
    """The rounds of a permutation of a b numbers."""
    *keys, a, b, _ = keys_and_sizes
    left, right = numbers // b, numbers % b
    for j in range(0, 8, 2):
        left = _moved(left, right, keys[j], a)
        right = _moved(right, left, keys[j + 1], b)
    return left * b + right


def _walked(images: torch.Tensor, *keys_and_sizes: torch.Tensor) -> torch.Tensor:
    """Those that are no examples moved on."""
    beyond = images >= keys_and_sizes[-1]
    return torch.where(beyond, _rounds(images, *keys_and_sizes), images)


_first_images, _next_images = fused(_rounds), fused(_walked)


def _moved(
    half: torch.Tensor, other: torch.Tensor, key: torch.Tensor, size: torch.Tensor
) -> torch.Tensor:
    """(half + F(key, other)) mod size; all words below 2^32, so that shifts bring in zeros."""
    h = other.mul(_STEP).add(key).bitwise_and_(_LOW)
    h ^= h >> 16
    h.mul_(_MIX_1).bitwise_and_(_LOW)  # wraps as an unsigned product does
    h ^= h >> 15
    h.mul_(_MIX_2).bitwise_and_(_LOW)
    h ^= h >> 16
    return h.mul_(size).bitwise_right_shift_(32).add_(half).remainder_(size)


def _shuffled(words: torch.Tensor, n: int) -> torch.Tensor:
    """Orders of few things, one word a swap: (n_replicas, n_epochs, n)."""
    order = torch.empty((*words.shape[:-1], n), dtype=torch.int64, device=words.device)
    for i in range(n):
        j = (words[..., i : i + 1] * (i + 1)) >> 32
        order[..., i] = order.gather(-1, j)[..., 0] if i else 0
        order.scatter_(-1, j, i)
    return order
