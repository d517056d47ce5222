"""The kernels of adaptive multilevel splitting, one run of the algorithm a thread; pasted.

The algorithm and its random numbers are those of the loop of the CPU (`ensemble.splitting_loop`),
where a run has a lane. Here each run has its own step number as well: a thread whose path needs
room for records stops, and the others go on to the end of their steps.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numba import float64

from langevin_lab.cuda.intrinsics import entry, inlined
from langevin_lab.noise.philox import philox_bits

STEPS_PER_FILL = N_WORK = 0
NOISY = False
real = float
cuda: Any = numba.cuda


def load_into(work, state, column):
    """What is carried of the path of a column; in the array, where it is no tuple."""


def read_into(work, record):
    """What is carried, from a row of numbers; in the array, where it is no tuple."""


def store_record(record, carried):
    """Write all that is carried to a row of numbers."""


def load_parameters(parameters):
    """All parameters as a tuple."""


def load_coefficients(table, row):
    """A row of the table."""


def draw_into(work, seed, replica, fill):
    """Normals of the steps fill*STEPS_PER_FILL, ..."""


def quiet(work):
    """The same, all zero."""


def refresh(carried, parameters, seed, replica, first_step):
    """The stored gradient and energy."""


def step(carried, normals, coefficients, parameters):
    """What is carried, one step later."""


def is_outside(carried, bound):
    """Whether the state is NaN or not below the bound, or a memory not finite."""


def histogram_values(carried, parameters):
    """The coordinate, as a tuple of one number."""


def in_source(carried, parameters):
    """Whether a state lies in the source region."""


def in_target(carried, parameters):
    """Whether a state lies in the target region."""


# --- kernel ---------------------------------------------------------------------------------------

# Columns of a run's numbers, as on the CPU.
STATUS, PATH, N_WAITING, N_ITERATIONS, N_DRAWS, N_BRANCHES, FIRST_STEP, LAST_STEP = range(8)
RUNNING, DONE, EXTINCT, DIVERGED = range(4)
FIRST_DRAW = 2**61  # beyond those of minibatches
WHOLE = 2.0**52  # from here on a number is whole, infinite or NaN


@inlined
def level_of(carried, parameters, spacing):
    """The coordinate, rounded down to a multiple of the spacing if there is one."""
    value = np.float64(histogram_values(carried, parameters)[0])
    if spacing > 0.0:
        scaled = value / spacing
        if abs(scaled) < WHOLE:
            below = np.float64(np.int64(scaled))
            if below > scaled:
                below -= 1.0
            scaled = below
        value = scaled * spacing
    return value


@inlined
def chosen_index(seed, replica, number, n):
    """The draw of that number of one replica, from 0 ... n - 1 (`noise.batches`)."""
    pair = np.uint64(2**63) + (np.uint64(number) >> np.uint64(1))
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    first, second = philox_bits(
        pair & low, pair >> half, replica & low, replica >> half, seed & low, seed >> half
    )
    bits = second if np.uint64(number) & np.uint64(1) else first
    u = np.float64(np.int64(bits >> np.uint64(12))) * 2.0**-52  # exact
    return np.int64(u * n)


@inlined
def copy_record(target, source):
    """Copy a row of numbers."""
    for row in range(source.size):
        target[row] = source[row]


@inlined
def append_record(carried, level, killed, count, levels, states):
    """Append the state to a path's records; return their number, below its limit if can be.

    When the records are full, those that no branch will start from any more are dropped.
    """
    levels[count] = level
    store_record(states[count], carried)
    count += 1
    if count < levels.size:
        return count
    first = np.int64(0)
    while first < count and levels[first] <= killed:
        first += 1
    for k in range(first, count):
        levels[k - first] = levels[k]
        copy_record(states[k - first], states[k])
    return count - first


@inlined
def lowest_level(levels, n_killed):
    """The n_killed-th smallest level, counted with repetition."""
    level, below = -np.inf, np.int64(0)
    while below < n_killed:
        following, count = np.inf, np.int64(0)
        for k in range(levels.size):
            if levels[k] > level or (below == 0 and levels[k] == level):
                if levels[k] < following:
                    following, count = levels[k], np.int64(1)
                elif levels[k] == following:
                    count += 1
        level, below = following, below + count
    return level


@inlined
def branch(levels, counts, record_levels, records, child, parent, killed):
    """Start the child at the parent's first state above the killed level."""
    first = np.int64(0)
    while record_levels[parent, first] <= killed:
        first += 1
    copy_record(records[child, 0], records[parent, first])
    record_levels[child, 0] = record_levels[parent, first]
    levels[child] = record_levels[parent, first]
    counts[child] = 1


@inlined
def kill(
    levels, counts, record_levels, records, waiting, survivors, numbers, weights, n_killed, seed,
    replica,
):  # fmt: skip
    """Kill the lowest paths, ties included, and branch each from a survivor; or end the run."""
    n_paths = levels.size
    level = lowest_level(levels, n_killed)
    n_survivors, n_dead = np.int64(0), np.int64(0)
    for k in range(n_paths):
        if levels[k] > level or levels[k] == np.inf:
            survivors[n_survivors] = k
            n_survivors += 1
        else:
            waiting[n_dead] = k
            n_dead += 1
    if n_survivors == 0:
        numbers[STATUS] = EXTINCT
        numbers[N_ITERATIONS] += 1
        weights[1] = -np.inf
        return
    weights[1] += math.log(n_survivors / n_paths)
    if level == np.inf:
        numbers[STATUS] = DONE
        return
    weights[0] = level
    for k in range(n_dead):
        parent = survivors[chosen_index(seed, replica, FIRST_DRAW + numbers[N_DRAWS], n_survivors)]
        numbers[N_DRAWS] += 1
        branch(levels, counts, record_levels, records, waiting[k], parent, level)
    numbers[N_ITERATIONS] += 1
    numbers[N_BRANCHES] += n_dead
    numbers[N_WAITING] = n_dead


@inlined
def next_path(
    levels, counts, record_levels, records, waiting, survivors, numbers, weights, n_killed, seed,
    replica, done,
):  # fmt: skip
    """Take the next path that has to be run; return its number, -1 if none."""
    numbers[PATH] = -1
    while numbers[STATUS] == RUNNING:
        if numbers[N_WAITING] == 0:
            kill(
                levels, counts, record_levels, records, waiting, survivors, numbers, weights,
                n_killed, seed, replica,
            )  # fmt: skip
            continue
        numbers[N_WAITING] -= 1
        path = waiting[numbers[N_WAITING]]
        if levels[path] < np.inf:  # else it starts in the target
            numbers[PATH] = path
            numbers[FIRST_STEP] = done
            return path
    numbers[LAST_STEP] = done
    return np.int64(-1)


@entry
def split(
    state, all_levels, all_counts, all_record_levels, all_records, all_waiting, all_survivors,
    all_numbers, all_weights, replicas, steps, table, parameters, seed, bound, n_killed,
    spacing, n_steps,
):  # fmt: skip
    """Advance each run that is not over by n_steps, or until its path needs room for records.

    state (n, N_CARRIED), all_levels and all_counts and all_waiting and all_survivors (n, n_paths),
    all_record_levels (n, n_paths, room), all_records (n, n_paths, room, N_CARRIED), all_numbers
    (n, 8), all_weights (n, 2), replicas and steps (n,) belong to the n runs; all but replicas are
    updated.
    """
    run = np.int64(cuda.blockIdx.x) * cuda.blockDim.x + cuda.threadIdx.x
    if run < replicas.size and all_numbers[run, STATUS] == RUNNING:
        levels, counts, waiting = all_levels[run], all_counts[run], all_waiting[run]
        record_levels, records = all_record_levels[run], all_records[run]
        survivors, numbers, weights = all_survivors[run], all_numbers[run], all_weights[run]
        replica, first_step = replicas[run], steps[run]
        done, stop = first_step, first_step + n_steps
        limit = real(bound)
        constants = load_parameters(parameters)
        coefficients = load_coefficients(table, 0)
        path = numbers[PATH]
        work = cuda.local.array(N_WORK, float64)
        carried = read_into(work, state[run])
        if path < 0:
            path = next_path(
                levels, counts, record_levels, records, waiting, survivors, numbers, weights,
                n_killed, seed, replica, done,
            )  # fmt: skip
            if path >= 0:
                carried = read_into(work, records[path, 0])
        reached = levels[path] if path >= 0 else np.inf
        full = False
        first, second = quiet(work)
        while path >= 0 and done < stop and not full:
            if NOISY and (STEPS_PER_FILL == 1 or done % 2 == 0 or done == first_step):
                first, second = draw_into(work, seed, replica, np.uint64(done // STEPS_PER_FILL))
            normals = first
            if STEPS_PER_FILL == 2 and done % 2 == 1:
                normals = second
            carried = step(carried, normals, coefficients, constants)
            done += 1
            level = level_of(carried, constants, spacing)
            arrived = in_target(carried, constants)
            fallen = in_source(carried, constants)
            lost = is_outside(carried, limit)
            if not (level > reached or arrived or fallen or lost):
                continue
            if lost:
                numbers[STATUS], numbers[LAST_STEP], numbers[PATH] = DIVERGED, done, -1
                path = np.int64(-1)
                continue
            if arrived or not fallen:
                reached = np.inf if arrived else level
                counts[path] = append_record(
                    carried, reached, weights[0], counts[path], record_levels[path], records[path]
                )
                levels[path] = reached
            if arrived or fallen:
                path = next_path(
                    levels, counts, record_levels, records, waiting, survivors, numbers, weights,
                    n_killed, seed, replica, done,
                )  # fmt: skip
                if path >= 0:
                    carried = read_into(work, records[path, 0])
                    reached = levels[path]
            full = path >= 0 and counts[path] == record_levels.shape[1]
        store_record(state[run], carried)
        steps[run] = done


@entry
def start_paths(kept, replicas, parameters, seed, spacing, levels, records):
    """From kept rows (N_KEPT, n) of the starts to their levels (n,) and carried rows (n, ...)."""
    path = np.int64(cuda.blockIdx.x) * cuda.blockDim.x + cuda.threadIdx.x
    if path < levels.size:
        constants = load_parameters(parameters)
        carried = load_into(cuda.local.array(N_WORK, float64), kept, path)
        carried = refresh(carried, constants, seed, replicas[path], 0)
        store_record(records[path], carried)
        levels[path] = rated(carried, constants, spacing)


@entry
def rate_paths(records, parameters, spacing, levels):
    """Levels (n,) of carried rows (n, N_CARRIED)."""
    path = np.int64(cuda.blockIdx.x) * cuda.blockDim.x + cuda.threadIdx.x
    if path < levels.size:
        constants = load_parameters(parameters)
        carried = read_into(cuda.local.array(N_WORK, float64), records[path])
        levels[path] = rated(carried, constants, spacing)


@inlined
def rated(carried, parameters, spacing):
    """The level of a state; infinity in the target, NaN in the source."""
    if in_target(carried, parameters):
        return np.inf
    if in_source(carried, parameters):
        return np.nan
    return level_of(carried, parameters, spacing)
