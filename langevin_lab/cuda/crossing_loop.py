"""The kernel that records where trajectories first cross a surface, a thread each; pasted.

It follows `splitting_loop` in the module. What counts as a crossing is said on the CPU's loop
(`ensemble.crossing_loop`), and so are the columns of a trajectory's numbers.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import float64

from langevin_lab.cuda.intrinsics import entry
from langevin_lab.cuda.splitting_loop import (
    draw_into,
    in_source,
    in_target,
    is_outside,
    load_coefficients,
    load_parameters,
    quiet,
    read_into,
    step,
    store_record,
)

STEPS_PER_FILL = N_WORK = 0
NOISY = False
real = float
cuda: Any = numba.cuda


def beyond_surface(carried, parameters):
    """Whether a state lies beyond the surface."""


# --- kernel ---------------------------------------------------------------------------------------

ARMED, N_CROSSINGS, FROM_STEP, TO_STEP, OUTSIDE = range(5)


@entry
def record_crossings(
    state, start, crossings, all_numbers, replicas, table, parameters, seed, bound,
    n_skipped, every, first_step, n_steps,
):  # fmt: skip
    """Follow each trajectory that lacks crossings by n_steps, or until it has all.

    state and start (n, N_CARRIED), crossings (n, n_kept, N_CARRIED), all_numbers (n, 5) and
    replicas (n,) belong to the n trajectories.
    """
    run = np.int64(cuda.blockIdx.x) * cuda.blockDim.x + cuda.threadIdx.x
    if run < replicas.size and all_numbers[run, TO_STEP] < 0:
        numbers, kept, replica = all_numbers[run], crossings[run], replicas[run]
        limit = real(bound)
        constants = load_parameters(parameters)
        coefficients = load_coefficients(table, 0)
        work = cuda.local.array(N_WORK, float64)
        carried = read_into(work, state[run])
        armed, n_crossings = numbers[ARMED], numbers[N_CROSSINGS]
        done, stop, running = first_step, first_step + n_steps, True
        first, second = quiet(work)
        while running and done < stop:
            if NOISY and (STEPS_PER_FILL == 1 or done % 2 == 0 or done == first_step):
                first, second = draw_into(work, seed, replica, np.uint64(done // STEPS_PER_FILL))
            normals = first
            if STEPS_PER_FILL == 2 and done % 2 == 1:
                normals = second
            carried = step(carried, normals, coefficients, constants)
            done += 1
            if is_outside(carried, limit):
                numbers[OUTSIDE] = numbers[TO_STEP] = done
                running = False
            elif armed == 1 and beyond_surface(carried, constants):
                armed = np.int64(0)
                n_crossings += 1
                later = n_crossings - n_skipped
                if later == 0:
                    numbers[FROM_STEP] = done
                if later > 0 and later % every == 0:
                    store_record(kept[later // every - 1], carried)
                    if later // every == kept.shape[0]:
                        numbers[TO_STEP] = done
                        running = False
            elif in_source(carried, constants):
                armed = np.int64(1)
            if in_target(carried, constants):
                carried = read_into(work, start[run])
                armed = np.int64(0)
        store_record(state[run], carried)
        numbers[ARMED], numbers[N_CROSSINGS] = armed, n_crossings
