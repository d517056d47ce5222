"""The loop that records where trajectories first cross a surface; pasted after `splitting_loop`.

A crossing is the first state beyond the surface since the last state in the source. A trajectory
that reaches the target goes on from its start, as if it had been put back at once.
"""

from __future__ import annotations

import numpy as np

from langevin_lab.compiled.entry import compiled, entry

WIDTH = N_KEPT = N_CARRIED = N_ROWS = NORMALS = N_NORMALS = STEPS_PER_FILL = 0


def fill_normals(work, width, seed, replicas, fill):
    """Write the normals of the steps fill*STEPS_PER_FILL, ... to the rows from NORMALS on."""


def advance_block(work, width, normals, coefficients, parameters):
    """One step of all lanes."""


def in_source(work, lane, parameters):
    """Whether one lane lies in the source region."""


def in_target(work, lane, parameters):
    """Whether one lane lies in the target region."""


def beyond_surface(work, lane, parameters):
    """Whether one lane lies beyond the surface."""


def is_outside(work, lane, bound):
    """Whether the lane's state is NaN or not below the bound."""


def rate_starts(work, parameters, spacing, levels, records):
    """Levels (n,) of carried rows (n, N_CARRIED); infinity in the target, NaN in the source."""


# --- kernel ---------------------------------------------------------------------------------------

# Columns of a trajectory's numbers.
ARMED, N_CROSSINGS, FROM_STEP, TO_STEP, OUTSIDE = range(5)


@compiled
def watch(work, width, numbers, parameters, bound, seen):
    """Note which lanes change: into the source, beyond the surface, to the target or outside."""
    count = 0
    for i in range(width):
        event = (
            ((numbers[i, ARMED] == 0) & in_source(work, i, parameters))
            | ((numbers[i, ARMED] == 1) & beyond_surface(work, i, parameters))
            | in_target(work, i, parameters)
            | is_outside(work, i, bound)
        )
        seen[i] = event
        count += event
    return count > 0


@compiled
def note_crossing(work, lane, step, numbers, crossings, n_skipped, every):
    """Count a crossing; keep the state of one of every ``every`` after those skipped."""
    numbers[ARMED] = 0
    numbers[N_CROSSINGS] += 1
    later = numbers[N_CROSSINGS] - n_skipped
    if later == 0:
        numbers[FROM_STEP] = step
    if later > 0 and later % every == 0:
        for row in range(N_CARRIED):
            crossings[later // every - 1, row] = work[row * WIDTH + lane]
        if later == every * crossings.shape[0]:
            numbers[TO_STEP] = step


@entry
def record_crossings(
    state, start, crossings, numbers, replicas, table, parameters, plan, first_step, last_step
):
    """Follow trajectories until all have their crossings; return the last step.

    state and start (N_CARRIED, n), crossings (n, n_kept, N_CARRIED), numbers (n, 5) and replicas
    (n,) belong to the n trajectories. plan is (seed, noisy, bound, n_skipped, every).
    """
    seed, noisy, bound, n_skipped, every = plan
    buffer = np.zeros(N_ROWS * WIDTH + 8)
    work = buffer[(-buffer.ctypes.data % 64) // 8 :]  # rows begin at cache lines
    width, n_running = replicas.size, 0
    seen = np.zeros(width, np.bool_)
    for i in range(width):
        for row in range(N_CARRIED):
            work[row * WIDTH + i] = state[row, i]
        n_running += numbers[i, TO_STEP] < 0
    step = first_step
    while step < last_step and n_running > 0:
        phase = step % STEPS_PER_FILL
        if noisy and (phase == 0 or step == first_step):
            fill_normals(work, width, seed, replicas, step // STEPS_PER_FILL)
        normals = work[(NORMALS + phase * N_NORMALS) * WIDTH :]
        advance_block(work, width, normals, table[0], parameters)
        step += 1
        if not watch(work, width, numbers, parameters, bound, seen):
            continue
        for i in range(width):
            if not seen[i] or numbers[i, TO_STEP] >= 0:
                continue
            if is_outside(work, i, bound):
                numbers[i, OUTSIDE] = numbers[i, TO_STEP] = step
            elif numbers[i, ARMED] == 1 and beyond_surface(work, i, parameters):
                note_crossing(work, i, step, numbers[i], crossings[i], n_skipped, every)
            elif in_source(work, i, parameters):
                numbers[i, ARMED] = 1
            n_running -= numbers[i, TO_STEP] >= 0
            if in_target(work, i, parameters):
                for row in range(N_CARRIED):
                    work[row * WIDTH + i] = start[row, i]
                numbers[i, ARMED] = 0
    for i in range(width):
        for row in range(N_CARRIED):
            state[row, i] = work[row * WIDTH + i]
    return step


@entry
def rate_crossings(crossings, parameters, spacing, levels):
    """Levels (n,) of the states of crossings (n, N_CARRIED)."""
    rate_starts(np.zeros(N_ROWS * WIDTH), parameters, spacing, levels, crossings)
