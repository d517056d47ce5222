"""Histograms on a card: counted in a block's shared memory where they fit.

This file is pasted, from the marker on, into kernels. Groups are neighbouring replicas, so the
threads of a warp count in different rows of a column, and in different banks of the memory.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numba import uint32, uint64

from langevin_lab.cuda.intrinsics import inlined

N_GROUPS = 0
cuda: Any = importlib.import_module("numba.cuda")

# --- kernel ---------------------------------------------------------------------------------------


@inlined
def bin_of(value, low, per_unit, n_bins):
    """The bin: 1..n, 0 below the range, n + 1 above it, n + 2 for NaN."""
    scaled = (value - low) * per_unit
    if scaled != scaled:
        return n_bins + 2
    if scaled < 0.0:
        return np.int64(0)
    if scaled >= n_bins:
        return n_bins + 1
    return np.int64(scaled) + 1


@inlined
def count_one(histogram, bin_index, group, shared, n_shared, counts):
    """Add one to a bin: of the block's table, or of the card's where that has no room."""
    if n_shared > 0:
        row = histogram * counts.shape[2] + bin_index
        cuda.atomic.add(shared, row * N_GROUPS + group, uint32(1))
    else:
        cuda.atomic.add(counts, (histogram, group, bin_index), uint64(1))


@inlined
def clear_shared(shared, n_shared):
    """Set the block's table to zero."""
    for place in range(cuda.threadIdx.x, n_shared, cuda.blockDim.x):
        shared[place] = 0
    cuda.syncthreads()


@inlined
def add_shared(shared, n_shared, counts):
    """Add the block's table to the card's."""
    cuda.syncthreads()
    for place in range(cuda.threadIdx.x, n_shared, cuda.blockDim.x):
        if shared[place] > 0:
            row = place // N_GROUPS
            histogram = row // counts.shape[2]
            bin_index = row - histogram * counts.shape[2]
            where = (histogram, place % N_GROUPS, bin_index)
            cuda.atomic.add(counts, where, uint64(shared[place]))
