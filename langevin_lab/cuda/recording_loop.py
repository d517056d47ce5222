"""The loop of a recording kernel: one replica a thread, its state in registers.

This file is pasted, from the marker on, after the device functions that `writer` writes for one
potential and one method; here those names are only declared. A step that leaves the bound is taken
back: the thread is done with the state and the sums of the step before, as on the CPU. What stands
between "each phase" and "end" is written out for each of the steps that share their normals' pairs.

A histogram is counted in the block's shared memory where it fits: groups are neighbouring replicas,
so the threads of a warp count in different rows of a column, and different banks.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numba import uint32, uint64

from langevin_lab.cuda.intrinsics import entry, inlined

N_HISTOGRAMS = N_GROUPS = STEPS_PER_FILL = LONGEST = 0
NOISY = SCHEDULED = SAVES = RECORDS = False
real = float
cuda: Any = importlib.import_module("numba.cuda")


def load_state(state, column):
    """What is carried of the replica of a column."""


def store_state(state, column, carried):
    """Write what is kept."""


def save_state(saved, place, column, carried):
    """Write the state to one place of the path."""


def load_sums(sums, column):
    """The sums of a replica."""


def store_sums(sums, column, totals):
    """Write the sums."""


def load_parameters(parameters):
    """All parameters as a tuple."""


def load_coefficients(table, row):
    """A row of the table."""


def draw(seed, replica, fill):
    """Normals of the steps fill*STEPS_PER_FILL, ..."""


def no_normals():
    """The same, all zero."""


def of_phase(first, second):
    """The normals of the step at hand, of the two that share pairs."""


def is_due(skipped, done, last):
    """Whether the step at hand is one of this launch."""


def refresh(carried, parameters, seed, replica, first_step):
    """The stored gradient and energy."""


def step(carried, normals, coefficients, parameters):
    """What is carried, one step later."""


def is_outside(carried, bound):
    """Whether the state is NaN or not below the bound, or a memory not finite."""


def record(carried, totals, parameters):
    """The sums with the moments added."""


def count(carried, parameters, edges, n_bins, group, shared, n_shared, counts):
    """Add the histogrammed observables, by `count_one`."""


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


@inlined
def in_32_bits(steps):
    """A number of steps; one beyond any launch as LONGEST."""
    return np.int32(steps if steps < LONGEST else LONGEST)


@entry
def advance(
    state, sums, diverged, counts, saved, table, parameters, edges, n_bins, n_shared, seed,
    bound, first_step, n_steps, burn_in, record_every, save_every, first_replica,
):  # fmt: skip
    """Advance one replica a thread by n_steps steps, fewer than LONGEST.

    state (N_KEPT, n), sums (N_MOMENTS, n), diverged (n) are updated in place, counts
    (N_HISTOGRAMS, N_GROUPS, bins + 3) is added to, saved (n_saved, N_STATE, n) is filled.
    """
    shared = cuda.shared.array(0, uint32)
    if N_HISTOGRAMS > 0:
        clear_shared(shared, n_shared)
    column = np.int64(cuda.blockIdx.x) * cuda.blockDim.x + cuda.threadIdx.x
    if column < state.shape[1]:
        replica = np.uint64(first_replica + column)
        group = np.int64(replica % np.uint64(N_GROUPS))
        limit = real(bound)
        constants = load_parameters(parameters)
        coefficients = load_coefficients(table, 0)
        carried = load_state(state, column)
        carried = refresh(carried, constants, seed, replica, first_step)
        before = carried
        totals = load_sums(sums, column)
        until_record = in_32_bits(burn_in - first_step + record_every)
        if first_step >= burn_in:
            until_record = in_32_bits(record_every - (first_step - burn_in) % record_every)
        until_save = np.int32(LONGEST)
        if SAVES:
            until_save = in_32_bits(save_every - first_step % save_every)
        place = 0
        last = np.int32(n_steps)
        done = np.int32(0 if diverged[column] < 0 else n_steps)
        left = False
        fill = np.uint64(first_step // STEPS_PER_FILL)
        skipped = np.int32(first_step % STEPS_PER_FILL)  # the first of two, run by the last launch
        first, second = no_normals()
        while done < last:
            if NOISY:
                first, second = draw(seed, replica, fill)
                fill += np.uint64(1)
            # --- each phase ---
            if is_due(skipped, done, last):
                if SCHEDULED:
                    coefficients = load_coefficients(table, done)
                before = carried
                normals = of_phase(first, second)
                carried = step(carried, normals, coefficients, constants)
                done = np.int32(done + np.int32(1))
                left = is_outside(carried, limit)
                if left:
                    break
                if RECORDS:
                    until_record = np.int32(until_record - np.int32(1))
                    if until_record == 0:
                        until_record = in_32_bits(record_every)
                        totals = record(carried, totals, constants)
                        if N_HISTOGRAMS > 0:
                            count(
                                carried, constants, edges, n_bins, group, shared, n_shared, counts
                            )  # fmt: skip
                if SAVES:
                    until_save = np.int32(until_save - np.int32(1))
                    if until_save == 0:
                        until_save = in_32_bits(save_every)
                        save_state(saved, place, column, carried)
                        place += 1
            # --- end ---
            skipped = np.int32(0)
        if left:
            carried = before
            diverged[column] = first_step + done
        while place < saved.shape[0]:  # a replica that left the bound stays in its last state
            save_state(saved, place, column, carried)
            place += 1
        store_sums(sums, column, totals)
        store_state(state, column, carried)
    if N_HISTOGRAMS > 0:
        add_shared(shared, n_shared, counts)
