"""What loops whose replicas stop ask of a state in a local array; pasted after its block functions.

The array is laid out as a block of the CPU with one lane (`ensemble.layout`). The functions change
it in place and return it, where those of `writer` return another tuple of numbers.
"""

from __future__ import annotations

import numpy as np

from langevin_lab.cuda.intrinsics import inlined

N_KEPT = N_CARRIED = N_ROWS = NORMALS = N_NORMALS = STEPS_PER_FILL = 0
N_STATE = N_BOUNDED = N_WATCHED = 0


def fill_normals(work, width, seed, replicas, fill):
    """Write the normals of the steps fill*STEPS_PER_FILL, ... to the rows from NORMALS on."""


def refresh_block(work, width, parameters, seed, replicas, first_step):
    """Compute the stored gradient from the positions; draw a random one before step 0 only."""


def advance_block(work, width, normals, coefficients, parameters):
    """One step."""


# --- kernel ---------------------------------------------------------------------------------------


@inlined
def load_into(work, state, column):
    """The state of a column, in the array."""
    for row in range(N_CARRIED):
        work[row] = state[row, column] if row < N_KEPT else 0.0
    return work


@inlined
def store_state(state, column, carried):
    """Write what is kept."""
    for row in range(N_KEPT):
        state[row, column] = carried[row]


@inlined
def read_into(work, record):
    """What is carried, from a row of numbers, in the array."""
    for row in range(N_CARRIED):
        work[row] = record[row]
    return work


@inlined
def store_record(record, carried):
    """Write all that is carried to a row of numbers."""
    for row in range(N_CARRIED):
        record[row] = carried[row]


@inlined
def load_parameters(parameters):
    """All parameters."""
    return parameters


@inlined
def load_coefficients(table, row):
    """A row of the table, as the table and its number: a card's functions return no new arrays."""
    return table, np.int64(row)


@inlined
def normals_in(work):
    """Where the normals of one step lie, and those of the next that shares pairs with it."""
    return (work, NORMALS), (work, NORMALS + (STEPS_PER_FILL - 1) * N_NORMALS)


@inlined
def draw_into(work, seed, replica, fill):
    """Normals of the steps fill*STEPS_PER_FILL, ..."""
    fill_normals(work, 1, seed, (replica,), np.int64(fill))
    return normals_in(work)


@inlined
def quiet(work):
    """The same, all zero."""
    for row in range(NORMALS, N_ROWS):
        work[row] = 0.0
    return normals_in(work)


@inlined
def refresh(carried, parameters, seed, replica, first_step):
    """The stored gradient and energy."""
    refresh_block(carried, 1, parameters, seed, (replica,), first_step)
    return carried


@inlined
def step(carried, normals, coefficients, parameters):
    """What is carried, one step later."""
    work, place = normals
    table, row = coefficients
    advance_block(carried, 1, work[place:], table[row], parameters)
    return carried


@inlined
def is_outside(carried, bound):
    """Whether the state is NaN or not below the bound, or a memory not finite."""
    outside = False
    for row in range(N_BOUNDED):
        outside |= not abs(carried[row]) < bound
    for row in range(N_STATE, N_WATCHED):
        outside |= not abs(carried[row]) < np.inf
    return outside
