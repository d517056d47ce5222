"""The loop of every kernel: blocks of replicas, stretches of steps, recording, divergence.

This file is pasted, from the marker on, into each generated module, after the constants and the
block functions that `kernel_text` writes for one potential and one method; here those names are
only declared. The whole state of a block lies in one flat array ``work`` of rows of ``WIDTH``
lanes, so that the compiler knows all distances between rows and vectorises without alias checks:

    carried vectors | sums of moments | copy of both | vectors local to a step | normals

A stretch of steps is run at full speed; only if a lane has left the bound at its end (with a bound
below NO_RETURN, at any of its steps) is the stretch repeated from the copy, step by step, to find
the step. Since noise is a function of (seed, replica, step), the repetition gives the other lanes
the same bits.
"""

from __future__ import annotations

import numpy as np

from langevin_lab.compiled.entry import compiled, entry

WIDTH = N_CARRIED = N_KEPT = N_MOMENTS = N_HISTOGRAMS = N_ROWS = COPY = NORMALS = 0
N_NORMALS = STEPS_PER_FILL = N_GROUPS = STRETCH = N_STATE = NO_RETURN = N_BOUNDED = N_WATCHED = 0


def fill_normals(work, width, seed, replicas, fill):
    """Write the normals of the steps fill*STEPS_PER_FILL, ... to the rows from NORMALS on."""


def refresh_block(work, width, parameters, seed, replicas, first_step):
    """Compute the stored gradient from the positions; draw a random one before step 0 only."""


def advance_block(work, width, normals, coefficients, parameters):
    """One step of all lanes."""


def record_block(work, width, parameters):
    """Add the moments of all lanes to their sums."""


def advance_and_record(work, width, normals, coefficients, parameters):
    """One step of all lanes, and its moments added."""


def histogram_values(work, lane, parameters):
    """Values of the histogrammed observables in one lane, as a tuple."""


# --- kernel ---------------------------------------------------------------------------------------


@compiled
def copy_rows(work, source, target, width):
    """Copy the carried vectors and the sums of all lanes."""
    for row in range(N_CARRIED + N_MOMENTS):
        for i in range(width):
            work[(target + row) * WIDTH + i] = work[(source + row) * WIDTH + i]


@compiled
def copy_lane(work, source, target, lane):
    """Copy the carried vectors and the sums of one lane."""
    for row in range(N_CARRIED + N_MOMENTS):
        work[(target + row) * WIDTH + lane] = work[(source + row) * WIDTH + lane]


@compiled
def lane_is_outside(work, lane, bound):
    """Whether the lane's state is NaN or not below the bound, or a memory not finite."""
    outside = False
    for row in range(N_BOUNDED):
        outside |= not abs(work[row * WIDTH + lane]) < bound
    for row in range(N_STATE, N_WATCHED):
        outside |= not abs(work[row * WIDTH + lane]) < np.inf
    return outside


@compiled
def count_outside(work, width, frozen, bound):
    """Number of entries of lanes not frozen that are as `lane_is_outside` says."""
    outside = 0
    for row in range(N_BOUNDED):
        for i in range(width):
            outside += (frozen[i] < 2) & (not abs(work[row * WIDTH + i]) < bound)
    for row in range(N_STATE, N_WATCHED):
        for i in range(width):
            outside += (frozen[i] < 2) & (not abs(work[row * WIDTH + i]) < np.inf)
    return outside


@compiled
def add_to_histograms(work, parameters, edges, n_bins, replicas, frozen, counts):
    """Count the lanes not frozen into bins 1..n.

    Bin 0 lies below the range, n + 1 above it, n + 2 is for NaN.
    """
    for i in range(frozen.size):
        if frozen[i] < 2:
            group = replicas[i] % np.uint64(N_GROUPS)
            values = histogram_values(work, i, parameters)
            for h in range(N_HISTOGRAMS):
                scaled = (values[h] - edges[h, 0]) * edges[h, 1]
                if scaled != scaled:
                    bin_index = n_bins[h] + 2
                elif scaled < 0.0:
                    bin_index = np.int64(0)
                elif scaled >= n_bins[h]:
                    bin_index = n_bins[h] + 1
                else:
                    bin_index = np.int64(scaled) + 1
                counts[h, group, bin_index] += 1


@compiled
def save_block(work, width, frozen, saved, first_column):
    """Write the state of all lanes to one slice of the saved path; frozen lanes from the copy."""
    for row in range(N_STATE):
        for i in range(width):
            if first_column + i < saved.shape[1]:
                place = COPY + row if frozen[i] == 2 else row
                saved[row, first_column + i] = work[place * WIDTH + i]


@compiled
def run_stretch(
    work, width, column, replicas, frozen, watch, diverged, counts, saved, tables, plan, start, stop
):
    """Run the steps start..stop-1; with ``watch`` follow the marked lanes and freeze them.

    Returns whether a lane not frozen was outside after the last step, or after any step if the
    bound is so narrow that a lane might come back.
    """
    outside = 0
    table, parameters, edges, n_bins = tables
    seed, noisy, bound, first_step, burn_in, record_every, save_every, first_saved = plan
    for fill in range(start // STEPS_PER_FILL, (stop + STEPS_PER_FILL - 1) // STEPS_PER_FILL):
        if noisy:
            fill_normals(work, width, seed, replicas, fill)
        for phase in range(STEPS_PER_FILL):
            step = fill * STEPS_PER_FILL + phase
            if step < start or step >= stop:
                continue
            if watch:
                for i in range(width):
                    if frozen[i] == 1:
                        copy_lane(work, 0, COPY, i)
            row = 0 if table.shape[0] == 1 else step - first_step
            normals = work[(NORMALS + phase * N_NORMALS) * WIDTH :]
            done = step + 1
            record = done > burn_in and (done - burn_in) % record_every == 0
            if record and not watch:
                advance_and_record(work, width, normals, table[row], parameters)
            else:
                advance_block(work, width, normals, table[row], parameters)
            if not watch and (bound < NO_RETURN or done == stop):
                outside += count_outside(work, width, frozen, bound)
            if watch:
                for i in range(width):
                    if frozen[i] == 1 and lane_is_outside(work, i, bound):
                        frozen[i] = 2
                        diverged[column + i] = done
                if record:
                    record_block(work, width, parameters)
            if record and N_HISTOGRAMS > 0:
                add_to_histograms(work, parameters, edges, n_bins, replicas, frozen, counts)
            if save_every > 0 and done % save_every == 0:
                save_block(work, width, frozen, saved[done // save_every - first_saved], column)
    return outside > 0


@compiled
def mark_outside(work, frozen, bound):
    """Mark the running lanes that may have left the bound with 1."""
    for i in range(frozen.size):
        if frozen[i] == 0 and (bound < NO_RETURN or lane_is_outside(work, i, bound)):
            frozen[i] = 1


@entry
def advance(
    state, sums, diverged, counts, saved, tables, plan, first_replica, n_steps, first_block,
    last_block, width,
):  # fmt: skip
    """Advance the blocks first_block..last_block-1 by n_steps steps.

    state (N_KEPT, n_columns), sums (N_MOMENTS, n_columns) and diverged (n_columns) are updated in
    place, counts[0] (N_HISTOGRAMS, N_GROUPS, bins + 3) is added to, saved (n_saved, N_STATE, n)
    is filled. tables and plan are the tuples that `run_stretch` takes apart.
    """
    buffer = np.zeros(N_ROWS * WIDTH + 8)
    work = buffer[(-buffer.ctypes.data % 64) // 8 :]  # rows begin at cache lines
    frozen = np.zeros(width, np.int64)
    replicas = np.zeros(width, np.uint64)
    scratch = counts[1]  # of the running stretch, in case it has to be repeated
    # Neighbouring replicas are in different groups; a narrow block touches its own groups only.
    n_groups = min(width, N_GROUPS) if N_HISTOGRAMS > 0 else 0
    bound, first_step, save_every = plan[2], plan[3], plan[6]
    for block in range(first_block, last_block):
        column = block * width
        n_running = 0
        for i in range(width):
            n_running += diverged[column + i] < 0
        if n_running == 0 and save_every == 0:
            continue  # the state stays as it is, and nothing of it is recorded
        for i in range(width):
            replicas[i] = first_replica + column + i
            frozen[i] = 2 if diverged[column + i] >= 0 else 0
            for row in range(N_KEPT):
                work[row * WIDTH + i] = state[row, column + i]
            for row in range(N_MOMENTS):
                work[(N_CARRIED + row) * WIDTH + i] = sums[row, column + i]
        refresh_block(work, width, tables[1], plan[0], replicas, first_step)
        step = first_step
        while step < first_step + n_steps:
            last = min(first_step + n_steps, (step // STRETCH + 1) * STRETCH)
            copy_rows(work, 0, COPY, width)
            for attempt in range(2):
                for i in range(n_groups):
                    scratch[:, replicas[i] % np.uint64(N_GROUPS)] = 0
                left = run_stretch(
                    work, width, column, replicas, frozen, attempt > 0, diverged, scratch, saved,
                    tables, plan, step, last,
                )  # fmt: skip
                if attempt > 0 or not left:
                    break
                mark_outside(work, frozen, bound)
                copy_rows(work, COPY, 0, width)
            for i in range(width):
                if frozen[i] == 2:
                    copy_lane(work, COPY, 0, i)
                else:
                    frozen[i] = 0
            for i in range(n_groups):
                group = replicas[i] % np.uint64(N_GROUPS)
                # Loops, not slices: numba compiles shape errors with those, which takes 3 s.
                for h in range(N_HISTOGRAMS):
                    for bin_index in range(counts.shape[3]):
                        counts[0, h, group, bin_index] += scratch[h, group, bin_index]
            step = last
        for i in range(width):
            for row in range(N_KEPT):
                state[row, column + i] = work[row * WIDTH + i]
            for row in range(N_MOMENTS):
                sums[row, column + i] = work[(N_CARRIED + row) * WIDTH + i]
