"""The loop that runs replicas until they enter a target region; pasted like `kernel_loop`.

Replicas that have arrived go on in their lanes until the call ends, and are then taken out: the
caller packs the survivors, whose noise depends on their own index and not on their place.
"""

from __future__ import annotations

import numpy as np

from langevin_lab.compiled.entry import compiled, entry, inlined

WIDTH = N_KEPT = N_BOUNDED = N_ROWS = NORMALS = N_NORMALS = STEPS_PER_FILL = 0
N_STATE = N_WATCHED = 0


def fill_normals(work, width, seed, replicas, fill):
    """Write the normals of the steps fill*STEPS_PER_FILL, ... to the rows from NORMALS on."""


def refresh_block(work, width, parameters, seed, replicas, first_step):
    """Compute the stored gradient from the positions; draw a random one before step 0 only."""


def advance_block(work, width, normals, coefficients, parameters):
    """One step of all lanes."""


def in_target(work, lane, parameters):
    """Whether one lane lies in the target region."""


# --- kernel ---------------------------------------------------------------------------------------


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
def count_arrivals(work, width, waiting, parameters, bound):
    """Number of waiting lanes (1; others 0) that lie in the target or outside the bound."""
    arrivals = 0
    for i in range(width):
        arrivals += waiting[i] * (in_target(work, i, parameters) | is_outside(work, i, bound))
    return arrivals


@compiled
def mark_arrivals(work, width, waiting, parameters, bound, passage, outside, first_column, step):
    """Note the step of the lanes that have arrived or diverged and wait for them no longer."""
    for i in range(width):
        if waiting[i] == 1:
            if is_outside(work, i, bound):
                outside[first_column + i] = step
                waiting[i] = 0
            elif in_target(work, i, parameters):
                passage[first_column + i] = step
                waiting[i] = 0


@entry
def advance_to_target(
    state, replicas, passage, outside, table, parameters, seed, first_step, n_steps, bound, noisy,
    first_block, last_block, width,
):  # fmt: skip
    """Advance the blocks by n_steps; passage (n_columns) gets the step of the first arrival.

    Columns with passage >= 0 have arrived before (or are padding). outside (n_columns) gets the
    step after which a waiting lane's state is first NaN or not below the bound, in the target or
    not: a replica that blows up through a target has not arrived.
    """
    buffer = np.zeros(N_ROWS * WIDTH + 8)
    work = buffer[(-buffer.ctypes.data % 64) // 8 :]  # rows begin at cache lines
    waiting = np.zeros(width, np.int64)
    for block in range(first_block, last_block):
        column = block * width
        ids = replicas[column : column + width]
        for i in range(width):
            waiting[i] = passage[column + i] < 0
            for row in range(N_KEPT):
                work[row * WIDTH + i] = state[row, column + i]
        refresh_block(work, width, parameters, seed, ids, first_step)
        for step in range(first_step, first_step + n_steps):
            phase = step % STEPS_PER_FILL
            if noisy and (phase == 0 or step == first_step):
                fill_normals(work, width, seed, ids, step // STEPS_PER_FILL)
            row = 0 if table.shape[0] == 1 else step - first_step
            normals = work[(NORMALS + phase * N_NORMALS) * WIDTH :]
            advance_block(work, width, normals, table[row], parameters)
            if count_arrivals(work, width, waiting, parameters, bound) > 0:
                mark_arrivals(
                    work, width, waiting, parameters, bound, passage, outside, column, step + 1
                )
        for i in range(width):
            for row in range(N_KEPT):
                state[row, column + i] = work[row * WIDTH + i]
