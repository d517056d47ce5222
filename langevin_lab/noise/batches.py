"""Which examples a minibatch holds: a function of (seed, replica, number of the batch).

Batch number e of B examples takes the draws e B, ..., e B + B - 1 of its replica. The bits come
from the normals' Philox stream (`streams`), from counters that no normal uses, pairs q >= 2^63:

    with replacement     draw d: 52 bits of word d % 2 of pair 2^63 + d//2, floor(u n), u in [0, 1)
    without              draw d: the image of d % n under the permutation of epoch d // n, which is
                         made of 32-bit words of the pairs 2^63 + 2^62 + 8 epoch, ...
                         (`permutation`)

Both are even but for one part in 2^52/n and 2^32/sqrt(n). Without replacement every epoch of n
draws holds each example once; a batch may end one epoch and begin the next.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import SupportsIndex

import numpy as np

from langevin_lab.compiled.intrinsics import compiled
from langevin_lab.compiled.modules import load
from langevin_lab.noise.box_muller import one_plus_fraction
from langevin_lab.noise.permutation import FEW, fill_images
from langevin_lab.noise.philox import philox_bits
from langevin_lab.noise.random_access import _integer

__all__ = ["batch_indices", "fill_batch_indices"]

_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_ONE = np.uint64(1)
_DRAWS = np.uint64(1 << 63)
_KEYS = np.uint64((1 << 63) + (1 << 62))

_ENTRY = '''"""Minibatches of a replica, the entry point of `langevin_lab.noise.batch_indices`."""

from langevin_lab.compiled.entry import entry
from langevin_lab.noise.batches import fill_batch_indices


@entry
def fill(out, seed, replicas, first_draw, n, replacement):
    for i in range(out.shape[0]):
        fill_batch_indices(out[i], seed, replicas[i], first_draw, n, replacement)
'''


def batch_indices(
    seed: int,
    replicas: SupportsIndex | Iterable[SupportsIndex],
    batch: int,
    *,
    n_examples: int,
    batch_size: int,
    replacement: bool,
    count: int = 1,
) -> np.ndarray:
    """Return the examples of the batches number batch ... batch + count - 1 of the replicas.

    The same numbers as compiled loops use: in a step's order of gradient evaluations, a replica's
    batches are numbered from 0 on, the one of a carried gradient before step 0 being the first.

    Parameters
    ----------
    seed : int
        0 <= seed < 2**64.
    replicas : int or iterable of int
        Absolute replica indices.
    batch : int
        Number of the first batch, >= 0.
    n_examples : int
        1 <= n_examples < 2**31.
    batch_size : int
        1 <= batch_size; without replacement at most n_examples.
    replacement : bool
    count : int, optional
        How many batches.

    Returns
    -------
    ndarray of int64, shape (n_replicas, count, batch_size)

    Raises
    ------
    TypeError, ValueError
        If an argument is no integer, or out of range.

    Example
    -------
    >>> from langevin_lab.noise import batch_indices
    >>> epoch = batch_indices(1, 0, 0, n_examples=6, batch_size=2, replacement=False, count=3)
    >>> sorted(epoch.ravel().tolist())
    [0, 1, 2, 3, 4, 5]
    """
    seed, batch, count = (
        _integer(name, value)
        for name, value in (("seed", seed), ("batch", batch), ("count", count))
    )
    n, size = _integer("n_examples", n_examples), _integer("batch_size", batch_size)
    if not 1 <= n < 2**31:
        raise ValueError(f"n_examples={n} must be from 1 to 2**31 - 1")
    if size < 1 or (size > n and not replacement):
        raise ValueError(
            f"batch_size={size} must be >= 1, and without replacement at most n_examples={n}"
        )
    if (batch + count) * size > 2**62:
        raise ValueError(f"batch={batch} ends beyond draw number 2**62; use a smaller batch")
    chosen = replicas if isinstance(replicas, Iterable) else [replicas]
    indices = np.array([_integer("replica", replica) for replica in chosen], np.uint64)
    out = np.empty((indices.size, count * size), np.int64)
    fill = load(_ENTRY, "batches").fill
    fill(out, np.uint64(seed), indices, batch * size, n, bool(replacement))
    return out.reshape(indices.size, count, size)


@compiled
def _bits(seed, replica, pair):
    return philox_bits(
        pair & _LOW, pair >> _32, replica & _LOW, replica >> _32, seed & _LOW, seed >> _32
    )


@compiled
def _fill_words(words, seed, replica, epoch):
    for j in range(words.size // 4):
        first, second = _bits(seed, replica, _KEYS + np.uint64(FEW // 4 * epoch + j))
        words[4 * j], words[4 * j + 1] = first >> _32, first & _LOW
        words[4 * j + 2], words[4 * j + 3] = second >> _32, second & _LOW


@compiled
def fill_batch_indices(out, seed, replica, first_draw, n, replacement):
    """Write the draws number first_draw ... of one replica into the int64 array out."""
    seed, replica = np.uint64(seed), np.uint64(replica)
    if replacement:
        for i in range(out.size):
            draw = np.uint64(first_draw + i)
            first, second = _bits(seed, replica, _DRAWS + (draw >> _ONE))
            u = one_plus_fraction(second if draw & _ONE else first) - 1.0
            out[i] = np.int64(u * n)  # < n: n - u n is no less than the spacing of numbers below n
        return
    words = np.empty(FEW if n <= FEW else 8, np.uint64)
    start = 0
    while start < out.size:
        epoch, position = divmod(first_draw + start, n)
        stop = min(out.size, start + n - position)
        _fill_words(words, seed, replica, epoch)
        fill_images(out[start:stop], position, n, words)
        start = stop
