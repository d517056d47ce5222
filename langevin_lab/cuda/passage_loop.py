"""The kernel that runs replicas until they arrive, a thread each; pasted like `recording_loop`.

A thread whose replica has arrived or diverged is done; the others note their columns in a list, for
the next launch to run over. The order of the list is that in which blocks end, and matters to
nothing: the noise of a replica is that of its own index.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import float64, int64

from langevin_lab.cuda.intrinsics import entry

STEPS_PER_FILL = N_WORK = 0
NOISY = SCHEDULED = False
real = float
cuda: Any = numba.cuda


def load_into(work, state, column):
    """What is carried of the replica of a column; in the array, where it is no tuple."""


def store_state(state, column, carried):
    """Write what is kept."""


def load_parameters(parameters):
    """All parameters as a tuple."""


def load_coefficients(table, row):
    """A row of the table."""


def draw_into(work, seed, replica, fill):
    """Normals of the steps fill*STEPS_PER_FILL, ..."""


def quiet(work):
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


def look(carried, parameters):
    """What is seen of a state after a step: whether it lies in the target, or how far away."""


def has_arrived(before, after, seed, replica, number):
    """Whether the replica has arrived between two looks, in the step of that number."""


# --- kernel ---------------------------------------------------------------------------------------


@entry
def advance_to_target(
    state, columns, survivors, n_survivors, arrival, outside, table, parameters, seed, bound,
    first_step, n_steps, first_replica, n_columns,
):  # fmt: skip
    """Advance the replicas of the columns by n_steps < 2**31, those that arrive no further.

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
        column = columns[here]
        replica = np.uint64(first_replica) + np.uint64(column)
        limit = real(bound)
        constants = load_parameters(parameters)
        coefficients = load_coefficients(table, 0)
        work = cuda.local.array(N_WORK, float64)
        carried = load_into(work, state, column)
        carried = refresh(carried, constants, seed, replica, first_step)
        before = look(carried, constants)
        lost, arrived = False, False
        last, done = np.int32(n_steps), np.int32(0)
        fill = np.uint64(first_step // STEPS_PER_FILL)
        skipped = np.int32(first_step % STEPS_PER_FILL)  # the first of two, run by the last launch
        first, second = quiet(work)
        while done < last:
            if NOISY:
                first, second = draw_into(work, seed, replica, fill)
                fill += np.uint64(1)
            # --- each phase ---
            if is_due(skipped, done, last):
                if SCHEDULED:
                    coefficients = load_coefficients(table, done)
                normals = of_phase(first, second)
                carried = step(carried, normals, coefficients, constants)
                after = look(carried, constants)
                lost = is_outside(carried, limit)
                arrived = has_arrived(before, after, seed, replica, first_step + done)
                before = after
                done = np.int32(done + np.int32(1))
                if lost or arrived:
                    break
            # --- end ---
            skipped = np.int32(0)
        if lost:
            outside[column] = first_step + done
        elif arrived:
            arrival[column] = first_step + done
        else:
            staying = True
            store_state(state, column, carried)
            own = cuda.atomic.add(place, 0, 1)
    cuda.syncthreads()
    if cuda.threadIdx.x == 0:
        place[1] = cuda.atomic.add(n_survivors, 0, place[0])
    cuda.syncthreads()
    if staying:
        survivors[place[1] + own] = column
