"""The kernel that runs replicas until they arrive, a thread each; pasted like `recording_loop`.

A thread whose replica has arrived or diverged is done; the others note their columns in a list, for
the next launch to run over. The order of the list is that in which blocks end, and matters to
nothing: the noise of a replica is that of its own index.
"""

from __future__ import annotations

import numpy as np
from numba import cuda, int64

from langevin_lab.cuda.intrinsics import entry

STEPS_PER_FILL = 0


def load_state(state, column):
    """What is carried of the replica of a column."""


def store_state(state, column, carried):
    """Write what is kept."""


def load_parameters(parameters):
    """All parameters as a tuple."""


def load_coefficients(table, row):
    """A row of the table."""


def draw(seed, replica, fill):
    """Normals of the steps fill*STEPS_PER_FILL, ..."""


def no_normals():
    """The same, all zero."""


def refresh(carried, parameters, seed, replica, first_step):
    """The stored gradient and energy."""


def step(carried, normals, coefficients, parameters):
    """What is carried, one step later."""


def is_outside(carried, bound):
    """Whether the state is NaN or not below the bound, or a memory not finite."""


def look(carried, parameters):
    """What is seen of a state after a step: whether it lies in the target, or how far away."""


def has_arrived(before, after, seed, replica, done):
    """Whether the replica has arrived between two looks, in step number ``done``."""


# --- kernel ---------------------------------------------------------------------------------------


@entry
def advance_to_target(
    state, columns, survivors, n_survivors, arrival, outside, table, parameters, seed, noisy, bound,
    first_step, n_steps, first_replica, n_columns,
):  # fmt: skip
    """Advance the replicas of the columns by n_steps, those that arrive no further.

    arrival (n_replicas,) gets the step of the first arrival, outside (n_replicas,) the step after
    which the state is first NaN or not below the bound, in the target or not. The columns of the
    others go to survivors (n_columns,), their number to n_survivors (1,).
    """
    place = cuda.shared.array(2, int64)  # survivors of the block, and where they go in the list
    if cuda.threadIdx.x == 0:
        place[0] = 0
    cuda.syncthreads()
    here = np.int64(cuda.blockIdx.x) * cuda.blockDim.x + cuda.threadIdx.x
    staying, own, column = False, np.int64(0), np.int64(0)
    if here < n_columns:
        stop = first_step + n_steps
        column = columns[here]
        replica = np.uint64(first_replica) + np.uint64(column)
        constants = load_parameters(parameters)
        coefficients = load_coefficients(table, 0)
        carried = load_state(state, column)
        carried = refresh(carried, constants, seed, replica, first_step)
        before = look(carried, constants)
        first, second = no_normals()
        done, staying = first_step, True
        while staying and done < stop:
            if noisy and (STEPS_PER_FILL == 1 or done % 2 == 0 or done == first_step):
                first, second = draw(seed, replica, np.uint64(done // STEPS_PER_FILL))
            normals = first
            if STEPS_PER_FILL == 2 and done % 2 == 1:
                normals = second
            if table.shape[0] > 1:
                coefficients = load_coefficients(table, done - first_step)
            carried = step(carried, normals, coefficients, constants)
            after = look(carried, constants)
            if is_outside(carried, bound):
                outside[column] = done + 1
                staying = False
            elif has_arrived(before, after, seed, replica, done):
                arrival[column] = done + 1
                staying = False
            before = after
            done += 1
        if staying:
            store_state(state, column, carried)
            own = cuda.atomic.add(place, 0, 1)
    cuda.syncthreads()
    if cuda.threadIdx.x == 0:
        place[1] = cuda.atomic.add(n_survivors, 0, place[0])
    cuda.syncthreads()
    if staying:
        survivors[place[1] + own] = column
