"""The loop that runs replicas until their path, seen or not, touches a boundary; in place of
`passage_loop` and called like it.

Between two looks the path is a Brownian bridge. At the scaled distances e0 and e1 from a flat
boundary (distance times sqrt(2) over the standard deviation of a step) it has touched the boundary
with the probability exp(-e0 e1); a uniform number of the replica and the step decides.
"""

from __future__ import annotations

import numpy as np

from langevin_lab.compiled.elementary import exp
from langevin_lab.compiled.entry import compiled, entry, inlined
from langevin_lab.noise.uniforms import uniform

WIDTH = N_KEPT = N_BOUNDED = N_ROWS = NORMALS = N_NORMALS = STEPS_PER_FILL = N_BOUNDARIES = 0
N_STATE = N_WATCHED = 0


def fill_normals(work, width, seed, replicas, fill):
    """Write the normals of the steps fill*STEPS_PER_FILL, ... to the rows from NORMALS on."""


def refresh_block(work, width, parameters, seed, replicas, first_step):
    """Compute the stored gradient from the positions; draw a random one before step 0 only."""


def advance_block(work, width, normals, coefficients, parameters):
    """One step of all lanes."""


def histogram_values(work, lane, parameters):
    """The scaled distances of one lane from the boundaries, negative beyond them."""


# --- kernel ---------------------------------------------------------------------------------------

FAR = 40.0  # exp(-40) is less than the spacing of uniform numbers


@inlined
def is_outside(work, lane, bound):
    """Whether the lane's state is NaN or not below the bound, or a memory not finite."""
    outside = False
    for row in range(N_BOUNDED):
        outside |= not abs(work[row * WIDTH + lane]) < bound
    for row in range(N_STATE, N_WATCHED):
        outside |= not abs(work[row * WIDTH + lane]) < np.inf
    return outside


@compiled
def measure(work, width, parameters, distances):
    """Write the scaled distances of all lanes, shape (N_BOUNDARIES, width)."""
    for i in range(width):
        values = histogram_values(work, i, parameters)
        for j in range(N_BOUNDARIES):
            distances[j, i] = values[j]


@compiled
def count_near(work, width, waiting, bound, before, after):
    """Number of waiting lanes (1; others 0) that may have touched a boundary, or are outside."""
    count = 0
    for i in range(width):
        near = is_outside(work, i, bound)
        for j in range(N_BOUNDARIES):
            near |= (not after[j, i] > 0.0) | (before[j, i] * after[j, i] < FAR)
        count += waiting[i] * near
    return count


@compiled
def has_crossed(before, after, lane, seed, replica, step):
    """Whether the path of a lane has touched a boundary in the step.

    Far apart, two boundaries are not both touched in a step, so the probabilities add.
    """
    probability = 0.0
    for j in range(N_BOUNDARIES):
        if not after[j, lane] > 0.0:
            return True
        if before[j, lane] * after[j, lane] < FAR:
            probability += exp(-before[j, lane] * after[j, lane])
    return probability > 0.0 and uniform(seed, replica, step) < probability


@entry
def advance_to_target(
    state, replicas, passage, outside, table, parameters, seed, first_step, n_steps, bound, noisy,
    first_block, last_block, width,
):  # fmt: skip
    """Advance the blocks by n_steps; passage (n_columns) gets the step of the first arrival.

    Columns with passage >= 0 have arrived before (or are padding). outside (n_columns) gets the
    step after which a waiting lane's state is first NaN or not below the bound.
    """
    buffer = np.zeros(N_ROWS * WIDTH + 8)
    work = buffer[(-buffer.ctypes.data % 64) // 8 :]  # rows begin at cache lines
    waiting = np.zeros(width, np.int64)
    before, after = np.zeros((N_BOUNDARIES, width)), np.zeros((N_BOUNDARIES, width))
    for block in range(first_block, last_block):
        column = block * width
        ids = replicas[column : column + width]
        for i in range(width):
            waiting[i] = passage[column + i] < 0
            for row in range(N_KEPT):
                work[row * WIDTH + i] = state[row, column + i]
        refresh_block(work, width, parameters, seed, ids, first_step)
        measure(work, width, parameters, before)
        for step in range(first_step, first_step + n_steps):
            phase = step % STEPS_PER_FILL
            if noisy and (phase == 0 or step == first_step):
                fill_normals(work, width, seed, ids, step // STEPS_PER_FILL)
            row = 0 if table.shape[0] == 1 else step - first_step
            normals = work[(NORMALS + phase * N_NORMALS) * WIDTH :]
            advance_block(work, width, normals, table[row], parameters)
            measure(work, width, parameters, after)
            if count_near(work, width, waiting, bound, before, after) > 0:
                for i in range(width):
                    if waiting[i] == 0:
                        continue
                    if is_outside(work, i, bound):
                        outside[column + i] = step + 1
                        waiting[i] = 0
                    elif has_crossed(before, after, i, seed, ids[i], step):
                        passage[column + i] = step + 1
                        waiting[i] = 0
            before, after = after, before
        for i in range(width):
            for row in range(N_KEPT):
                state[row, column + i] = work[row * WIDTH + i]
