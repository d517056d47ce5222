"""Any normals of any replicas as an array, with arguments checked."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any, SupportsIndex

import numpy as np

from langevin_lab.compiled.intrinsics import compiled
from langevin_lab.compiled.modules import load
from langevin_lab.noise.streams import fill_coordinate_normals

__all__ = ["normals"]

_LIMIT = 2**64

_ENTRY = '''"""Normals of chosen replicas, the entry point of `langevin_lab.noise.normals`."""

from langevin_lab.compiled.entry import entry
from langevin_lab.noise.random_access import fill_rows


@entry
def fill(out, seed, replicas, first_pair, skip):
    fill_rows(out, seed, replicas, first_pair, skip)
'''


def _integer(name: str, value: Any) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}={value!r} is a {type(value).__name__}; give an integer") from None
    if not 0 <= number < _LIMIT:
        raise ValueError(f"{name}={number} is outside [0, 2**64); give an integer in that range")
    return number


def _span(start: Any, count: Any) -> tuple[int, int]:
    """Number of the first normal and how many there are, which end where a stream does."""
    start, count = _integer("start", start), _integer("count", count)
    if start + count > _LIMIT:
        raise ValueError(
            f"start={start} and count={count} end beyond normal number 2**64; use a smaller start"
        )
    return start, count


def normals(
    seed: int, replicas: SupportsIndex | Iterable[SupportsIndex], start: int, count: int
) -> np.ndarray:
    """Return the normals number start ... start + count - 1 of the given replicas.

    A pure function: no state is kept, any part of any stream can be asked for in any order and in
    pieces of any size, and the same numbers come back bit for bit as compiled loops use.

    Parameters
    ----------
    seed : int
        Names the stream, 0 <= seed < 2**64.
    replicas : int or iterable of int
        Absolute replica indices, each 0 <= replica < 2**64; an int is one replica.
    start : int
        Index of the first normal, 0 <= start.
    count : int
        How many normals per replica, 0 <= count, start + count <= 2**64.

    Returns
    -------
    ndarray (n_replicas, count)
        Independent standard normals, float64, dimensionless.

    Raises
    ------
    TypeError
        If an argument is no integer.
    ValueError
        If an integer is outside its range.

    Source
    ------
    Salmon, Moraes, Dror, Shaw, SC11 (2011): Philox4x32-10; Box and Muller (1958).

    Example
    -------
    >>> from langevin_lab.noise import normals
    >>> all_at_once = normals(seed=1, replicas=range(3), start=0, count=10)
    >>> bool((normals(seed=1, replicas=2, start=7, count=3) == all_at_once[2:, 7:]).all())
    True
    """
    seed = _integer("seed", seed)
    start, count = _span(start, count)
    if isinstance(replicas, np.ndarray):
        replicas = replicas.ravel()
    chosen = replicas if isinstance(replicas, Iterable) else [replicas]
    indices = np.array([_integer("replica", replica) for replica in chosen], dtype=np.uint64)
    out = np.empty((len(indices), count))
    fill = load(_ENTRY, "normals").fill
    fill(out, np.uint64(seed), indices, np.uint64(start // 2), start % 2)
    return out


@compiled
def fill_rows(out, seed, replicas, first_pair, skip):
    """Write each replica's normals, from number 2*first_pair + skip on, to its row of out."""
    n_pairs = (skip + out.shape[1] + 1) // 2
    row = np.empty(2 * n_pairs)
    for i in range(out.shape[0]):
        fill_coordinate_normals(row, seed, replicas[i], first_pair, n_pairs)
        # Not a slice: numba compiles shape errors with it, which takes 2 s.
        for j in range(out.shape[1]):
            out[i, j] = row[skip + j]
