"""The loop for potentials of loops over arrays: one replica a thread, its state in a local array.

This file is pasted, from the marker on, after the block functions that `row_writer` writes; here
those names are only declared. The array is laid out as a block of the CPU with one lane
(`ensemble.layout`); a step that leaves the bound is taken back from its copy.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numba import float64, uint32

from langevin_lab.cuda.intrinsics import entry, inlined

N_HISTOGRAMS = N_GROUPS = STEPS_PER_FILL = N_KEPT = N_CARRIED = N_MOMENTS = N_ROWS = COPY = 0
NORMALS = N_NORMALS = N_STATE = N_BOUNDED = N_WATCHED = 0
NOISY = SCHEDULED = SAVES = RECORDS = False
cuda: Any = importlib.import_module("numba.cuda")


def fill_normals(work, width, seed, replicas, fill):
    """Write the normals of the steps fill*STEPS_PER_FILL, ... to the rows from NORMALS on."""


def refresh_block(work, width, parameters, seed, replicas, first_step):
    """Compute the stored gradient from the positions; draw a random one before step 0 only."""


def advance_block(work, width, normals, coefficients, parameters):
    """One step."""


def record_block(work, width, parameters):
    """Add the moments to their sums."""


def count(work, parameters, edges, n_bins, group, shared, n_shared, counts):
    """Add the histogrammed observables, by `count_one`."""


def clear_shared(shared, n_shared):
    """Set the block's table to zero."""


def add_shared(shared, n_shared, counts):
    """Add the block's table to the card's."""


# --- kernel ---------------------------------------------------------------------------------------


@inlined
def array_is_outside(work, bound):
    """Whether the state is NaN or not below the bound, or a memory not finite."""
    outside = False
    for row in range(N_BOUNDED):
        outside |= not abs(work[row]) < bound
    for row in range(N_STATE, N_WATCHED):
        outside |= not abs(work[row]) < np.inf
    return outside


@inlined
def save_array(saved, place, column, work):
    """Write the state to one place of the path."""
    for row in range(N_STATE):
        saved[place, row, column] = work[row]


@entry
def advance(
    state, sums, diverged, counts, saved, table, parameters, edges, n_bins, n_shared, seed, bound,
    first_step, n_steps, burn_in, record_every, save_every, first_replica,
):  # fmt: skip
    """Advance one replica a thread by n_steps steps.

    state (N_KEPT, n), sums (N_MOMENTS, n), diverged (n) are updated in place, counts
    (N_HISTOGRAMS, N_GROUPS, bins + 3) is added to, saved (n_saved, N_STATE, n) is filled.
    """
    shared = cuda.shared.array(0, uint32)
    if N_HISTOGRAMS > 0:
        clear_shared(shared, n_shared)
    work = cuda.local.array(N_ROWS, float64)
    column = np.int64(cuda.blockIdx.x) * cuda.blockDim.x + cuda.threadIdx.x
    if column < state.shape[1]:
        replica = np.uint64(first_replica + column)
        replicas = (replica,)
        group = np.int64(replica % np.uint64(N_GROUPS))
        for row in range(N_ROWS):
            work[row] = 0.0
        for row in range(N_KEPT):
            work[row] = state[row, column]
        for row in range(N_MOMENTS):
            work[N_CARRIED + row] = sums[row, column]
        refresh_block(work, 1, parameters, seed, replicas, first_step)
        place = 0
        left = False
        done = np.int64(0) if diverged[column] < 0 else n_steps
        begun = done
        while done < n_steps:
            step = first_step + done
            phase = step % STEPS_PER_FILL
            if NOISY and (phase == 0 or done == begun):
                fill_normals(work, 1, seed, replicas, step // STEPS_PER_FILL)
            for row in range(N_CARRIED + N_MOMENTS):
                work[COPY + row] = work[row]
            normals = work[NORMALS + phase * N_NORMALS :]
            advance_block(work, 1, normals, table[done if SCHEDULED else 0], parameters)
            done += 1
            left = array_is_outside(work, bound)
            if left:
                break
            if RECORDS and step >= burn_in and (step + 1 - burn_in) % record_every == 0:
                record_block(work, 1, parameters)
                if N_HISTOGRAMS > 0:
                    count(work, parameters, edges, n_bins, group, shared, n_shared, counts)
            if SAVES and (step + 1) % save_every == 0:
                save_array(saved, place, column, work)
                place += 1
        if left:
            for row in range(N_CARRIED + N_MOMENTS):
                work[row] = work[COPY + row]
            diverged[column] = first_step + done
        while place < saved.shape[0]:  # a replica that left the bound stays in its last state
            save_array(saved, place, column, work)
            place += 1
        for row in range(N_KEPT):
            state[row, column] = work[row]
        for row in range(N_MOMENTS):
            sums[row, column] = work[N_CARRIED + row]
    if N_HISTOGRAMS > 0:
        add_shared(shared, n_shared, counts)
