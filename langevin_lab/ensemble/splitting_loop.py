"""The loop of adaptive multilevel splitting, one run of the algorithm a lane; pasted like
`kernel_loop`.

A lane carries one path of its run at a time. When the path ends, the lane takes the next path that
waits; when none waits, the run kills its lowest paths, branches them from survivors, and these
wait. So no lane idles before its run is over, and all lanes of a block are at the same step number:
the noise of a run is that of its own index, step after step, whatever the lanes beside it do.

A path keeps its states at new maxima of the coordinate, with their levels; the first is where it
started. Records at or below the killed level are never read again, and make room when it is short.
The level of a state in the target is infinity, that of a state in the source is not looked at.
"""

from __future__ import annotations

import numpy as np

from langevin_lab.compiled.entry import compiled, entry, inlined
from langevin_lab.noise.batches import fill_batch_indices

WIDTH = N_KEPT = N_CARRIED = N_BOUNDED = N_ROWS = NORMALS = N_NORMALS = STEPS_PER_FILL = 0
N_STATE = N_WATCHED = 0


def fill_normals(work, width, seed, replicas, fill):
    """Write the normals of the steps fill*STEPS_PER_FILL, ... to the rows from NORMALS on."""


def refresh_block(work, width, parameters, seed, replicas, first_step):
    """Compute the stored gradient from the positions; draw a random one before step 0 only."""


def advance_block(work, width, normals, coefficients, parameters):
    """One step of all lanes."""


def histogram_values(work, lane, parameters):
    """The coordinate in one lane, as a tuple of one number."""


def in_source(work, lane, parameters):
    """Whether one lane lies in the source region."""


def in_target(work, lane, parameters):
    """Whether one lane lies in the target region."""


# --- kernel ---------------------------------------------------------------------------------------

# Columns of a run's numbers.
STATUS, PATH, N_WAITING, N_ITERATIONS, N_DRAWS, N_BRANCHES, FIRST_STEP, LAST_STEP = range(8)
RUNNING, DONE, EXTINCT, DIVERGED = range(4)
FIRST_DRAW = 2**61  # beyond those of minibatches


@inlined
def is_outside(work, lane, bound):
    """Whether the lane's state is NaN or not below the bound, or a memory not finite."""
    outside = False
    for row in range(N_BOUNDED):
        outside |= not abs(work[row * WIDTH + lane]) < bound
    for row in range(N_STATE, N_WATCHED):
        outside |= not abs(work[row * WIDTH + lane]) < np.inf
    return outside


@inlined
def level_of(work, lane, parameters, spacing):
    """The coordinate in one lane, rounded down to a multiple of the spacing if there is one."""
    value = histogram_values(work, lane, parameters)[0]
    if spacing > 0.0:
        value = np.floor(value / spacing) * spacing
    return value


@compiled
def look(work, width, reached, parameters, bound, spacing, seen, values):
    """Note levels, and which lanes are at a new maximum, in a region or outside; return if any."""
    count = 0
    for i in range(width):
        value = level_of(work, i, parameters, spacing)
        values[i] = value
        event = (
            (value > reached[i])
            | in_source(work, i, parameters)
            | in_target(work, i, parameters)
            | is_outside(work, i, bound)
        )
        seen[i] = event
        count += event
    return count > 0


@compiled
def append_record(work, lane, level, killed, count, levels, states):
    """Append the lane's state to a path's records; return their number, below its limit if can be.

    When the records are full, those that no branch will start from any more are dropped.
    """
    levels[count] = level
    for row in range(N_CARRIED):
        states[count, row] = work[row * WIDTH + lane]
    count += 1
    if count < levels.size:
        return count
    first = 0
    while first < count and levels[first] <= killed:
        first += 1
    for k in range(first, count):
        levels[k - first] = levels[k]
        for row in range(N_CARRIED):
            states[k - first, row] = states[k, row]
    return count - first


@compiled
def lowest_level(levels, n_killed):
    """The n_killed-th smallest level, counted with repetition."""
    level, below = -np.inf, 0
    while below < n_killed:
        following, count = np.inf, 0
        for k in range(levels.size):
            if levels[k] > level or (below == 0 and levels[k] == level):
                if levels[k] < following:
                    following, count = levels[k], 1
                elif levels[k] == following:
                    count += 1
        level, below = following, below + count
    return level


@compiled
def branch(levels, counts, record_levels, records, child, parent, killed):
    """Start the child at the parent's first state above the killed level."""
    first = 0
    while record_levels[parent, first] <= killed:
        first += 1
    for row in range(N_CARRIED):
        records[child, 0, row] = records[parent, first, row]
    record_levels[child, 0] = record_levels[parent, first]
    levels[child] = record_levels[parent, first]
    counts[child] = 1


@compiled
def kill(levels, counts, record_levels, records, waiting, numbers, weights, plan, replica):
    """Kill the lowest paths, ties included, and branch each from a survivor; or end the run.

    weights is (killed level, logarithm of the product of the surviving fractions).
    """
    seed, n_killed = plan[0], plan[3]
    n_paths = levels.size
    level = lowest_level(levels, n_killed)
    survivors = np.empty(n_paths, np.int64)
    n_survivors = n_dead = 0
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
    weights[1] += np.log(n_survivors / n_paths)
    if level == np.inf:
        numbers[STATUS] = DONE
        return
    weights[0] = level
    drawn = np.empty(1, np.int64)
    for k in range(n_dead):
        draw = FIRST_DRAW + numbers[N_DRAWS]
        fill_batch_indices(drawn, seed, replica, draw, n_survivors, True)
        numbers[N_DRAWS] += 1
        branch(levels, counts, record_levels, records, waiting[k], survivors[drawn[0]], level)
    numbers[N_ITERATIONS] += 1
    numbers[N_BRANCHES] += n_dead
    numbers[N_WAITING] = n_dead


@compiled
def next_path(
    work, lane, levels, counts, record_levels, records, waiting, numbers, weights, plan, replica,
    step,
):  # fmt: skip
    """Put the next path that has to be run into the lane; return its level, infinity if none."""
    numbers[PATH] = -1
    while numbers[STATUS] == RUNNING:
        if numbers[N_WAITING] == 0:
            kill(levels, counts, record_levels, records, waiting, numbers, weights, plan, replica)
            continue
        numbers[N_WAITING] -= 1
        path = waiting[numbers[N_WAITING]]
        if levels[path] < np.inf:  # else it starts in the target
            for row in range(N_CARRIED):
                work[row * WIDTH + lane] = records[path, 0, row]
            numbers[PATH] = path
            numbers[FIRST_STEP] = step
            return levels[path]
    numbers[LAST_STEP] = step
    return np.inf


@compiled
def settle(
    work, lane, levels, counts, record_levels, records, waiting, numbers, weights, parameters, plan,
    replica, level, step,
):  # fmt: skip
    """Record a lane's new maximum, or end its path and take the next; return the level reached."""
    path = numbers[PATH]
    if is_outside(work, lane, plan[2]):
        numbers[STATUS], numbers[LAST_STEP], numbers[PATH] = DIVERGED, step, -1
        return np.inf
    arrived = in_target(work, lane, parameters)
    if arrived or not in_source(work, lane, parameters):
        if arrived:
            level = np.inf
        counts[path] = append_record(
            work, lane, level, weights[0], counts[path], record_levels[path], records[path]
        )
        levels[path] = level
        if not arrived:
            return level
    return next_path(
        work, lane, levels, counts, record_levels, records, waiting, numbers, weights, plan,
        replica, step,
    )  # fmt: skip


@compiled
def rate_starts(work, parameters, spacing, levels, records):
    """Levels (n,) of carried rows (n, N_CARRIED); infinity in the target, NaN in the source."""
    for path in range(levels.size):
        for row in range(N_CARRIED):
            work[row * WIDTH] = records[path, row]
        levels[path] = level_of(work, 0, parameters, spacing)
        if in_target(work, 0, parameters):
            levels[path] = np.inf
        elif in_source(work, 0, parameters):
            levels[path] = np.nan


@entry
def start_paths(kept, replicas, parameters, seed, spacing, levels, records):
    """From kept rows (N_KEPT, n) of the starts to their levels (n,) and carried rows (n, ...)."""
    buffer = np.zeros(N_ROWS * WIDTH + 8)
    work = buffer[(-buffer.ctypes.data % 64) // 8 :]
    for path in range(levels.size):
        for row in range(N_KEPT):
            work[row * WIDTH] = kept[row, path]
        refresh_block(work, 1, parameters, seed, replicas[path : path + 1], 0)
        for row in range(N_CARRIED):
            records[path, row] = work[row * WIDTH]
    rate_starts(work, parameters, spacing, levels, records)


@entry
def split(
    state, levels, counts, record_levels, records, waiting, numbers, weights, replicas, table,
    parameters, plan, first_step, last_step,
):  # fmt: skip
    """Advance all runs of a block; return the step after which a path needs room for records.

    state (N_CARRIED, n), levels and counts and waiting (n, n_paths), record_levels (n, n_paths,
    room), records (n, n_paths, room, N_CARRIED), numbers (n, 8), weights (n, 2) and replicas (n,)
    belong to the n runs; all but the last are updated. plan is (seed, noisy, bound, n_killed,
    spacing).
    """
    seed, noisy, bound, _, spacing = plan
    buffer = np.zeros(N_ROWS * WIDTH + 8)
    work = buffer[(-buffer.ctypes.data % 64) // 8 :]  # rows begin at cache lines
    width, room = replicas.size, record_levels.shape[2]
    reached, values, seen = np.empty(width), np.empty(width), np.zeros(width, np.bool_)
    n_running = 0
    for i in range(width):
        for row in range(N_CARRIED):
            work[row * WIDTH + i] = state[row, i]
        path = numbers[i, PATH]
        reached[i] = np.inf if path < 0 else levels[i, path]
        if path < 0 and numbers[i, STATUS] == RUNNING:
            reached[i] = next_path(
                work, i, levels[i], counts[i], record_levels[i], records[i], waiting[i],
                numbers[i], weights[i], plan, replicas[i], first_step,
            )  # fmt: skip
        n_running += numbers[i, STATUS] == RUNNING
    step, full = first_step, False
    while step < last_step and n_running > 0 and not full:
        phase = step % STEPS_PER_FILL
        if noisy and (phase == 0 or step == first_step):
            fill_normals(work, width, seed, replicas, step // STEPS_PER_FILL)
        normals = work[(NORMALS + phase * N_NORMALS) * WIDTH :]
        advance_block(work, width, normals, table[0], parameters)
        step += 1
        if not look(work, width, reached, parameters, bound, spacing, seen, values):
            continue
        for i in range(width):
            if numbers[i, PATH] >= 0 and seen[i]:
                reached[i] = settle(
                    work, i, levels[i], counts[i], record_levels[i], records[i], waiting[i],
                    numbers[i], weights[i], parameters, plan, replicas[i], values[i], step,
                )  # fmt: skip
                path = numbers[i, PATH]
                full = full or (path >= 0 and counts[i, path] == room)
                n_running -= numbers[i, STATUS] != RUNNING
    for i in range(width):
        for row in range(N_CARRIED):
            state[row, i] = work[row * WIDTH + i]
    return step
