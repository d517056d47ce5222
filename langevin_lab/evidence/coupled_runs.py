"""A method at several steps and an accurate reference, all along the same Brownian paths.

The differences between the runs are what orders are read from: the distance of the end points
(strong), or the difference of an observable (weak, invariant), whose mean needs far fewer paths
than the two means apart. The reference runs twice, on the cells of the path and on cells twice as
long; what that changes shows what is left of its own error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.evidence.brownian_path import BrownianPath, brownian_path
from langevin_lab.evidence.path_normals import PathNormal, path_normals
from langevin_lab.evidence.reference_path import State, reference_states
from langevin_lab.integrators import Method

_CHUNK = 4_000_000  # numbers of a path held at a time

Measure = Callable[[list[State], list[State]], np.ndarray]


@dataclass(frozen=True, eq=False)
class CoupledDifferences:
    """One number a path and step, against the fine and against the coarser reference.

    Attributes
    ----------
    fine, coarse : (n_steps, n_paths) arrays
        A run that diverged has nan.
    """

    fine: np.ndarray
    coarse: np.ndarray


def squared_distance(states: list[State], reference: list[State]) -> np.ndarray:
    """Squared distance of the last states over all their coordinates, shape (n_paths,)."""
    last, other = states[-1], reference[-1]
    return sum(((last[name] - other[name]) ** 2).sum(axis=-1) for name in other)


def observable_difference(observable: Callable[[State], np.ndarray], *, last_only: bool) -> Measure:
    """Difference of an observable at the end, or averaged over the second half of the times."""

    def difference(states: list[State], reference: list[State]) -> np.ndarray:
        first = len(states) - 1 if last_only else len(states) // 2
        pairs = zip(states[first:], reference[first:])
        return np.mean([observable(one) - observable(two) for one, two in pairs], axis=0)

    return difference


def coupled_differences(
    method: Method,
    dynamics: Any,
    measure: Measure,
    *,
    counts: tuple[int, ...],
    duration: float,
    start: State,
    n_paths: int,
    seed: int,
    cells_per_step: int,
    noise: Mapping[str, PathNormal] | None = None,
) -> CoupledDifferences:
    """Run a method with each number of steps along the same paths.

    Parameters
    ----------
    method, dynamics
        The dynamics has a constant temperature.
    measure : callable
        ``measure(states, reference states) -> (n_paths,)``, lists over the times that all runs
        share, the end included.
    counts : tuple of int
        Steps in the duration.
    duration, start, n_paths, seed
        ``start`` holds arrays of shape (dim,).
    cells_per_step : int
        The reference resolves the finest step this finely, or more so.
    noise : mapping, optional
        See `path_normals`.
    """
    normals = path_normals(method, noise)
    parts = [normal.part[1] for normal in normals]
    n_cells = math.lcm(*(count * part for count in counts for part in (1, *parts)))
    n_cells *= math.ceil(cells_per_step * max(counts) / n_cells)
    n_cells *= 1 + n_cells % 2
    n_times = math.gcd(*counts, n_cells // 2)
    chunk = max(1, _CHUNK // (3 * n_cells * dynamics.dim))
    pieces = []
    for first in range(0, n_paths, chunk):
        here = min(chunk, n_paths - first)
        path = brownian_path(
            duration, n_cells, here, seed=seed, dim=dynamics.dim, first_path=first,
            friction=dynamics.friction if dynamics.equation == "langevin" else 0.0,
        )  # fmt: skip
        begin = {name: np.broadcast_to(x, (here, *x.shape)) for name, x in start.items()}
        chance = np.random.default_rng((seed, first))
        # A run may diverge at a coarse step, which counts; it must not warn.
        with np.errstate(all="ignore"):
            pieces.append(
                _differences(
                    method, dynamics, measure, path, counts, n_times, begin, normals, chance
                )
            )
    fine, coarse = (np.concatenate(arrays, axis=1) for arrays in zip(*pieces))
    return CoupledDifferences(fine, coarse)


def _differences(method, dynamics, measure, path, counts, n_times, begin, normals, chance):
    """Arrays (n_steps, n_paths) against the fine and the coarser reference."""
    references = [
        _kept(reference_states(dynamics, cells, begin), cells.n_intervals // n_times)
        for cells in (path, path.coarser(path.n_intervals // 2))
    ]
    rows = []
    for count in counts:
        states = _kept(
            _method_states(method, dynamics, path, count, begin, normals, chance),
            count // n_times,
        )
        rows.append([measure(states, reference) for reference in references])
    return np.array([row[0] for row in rows]), np.array([row[1] for row in rows])


def _method_states(method, dynamics, path: BrownianPath, count: int, begin, normals, chance):
    """The state after each step; ``chance`` draws what accepts steps, which no path holds."""
    n_paths, dim = path.integrals.shape[2:]
    values = np.empty((len(normals), count, n_paths, dim))
    for j, normal in enumerate(normals):
        values[j] = normal.values(path, count)
    coefficients = method.coefficients(dynamics, path.interval * path.n_intervals / count)
    gradient, energy = dynamics.potential.gradient, dynamics.potential.energy
    state = method.carried_state(begin, gradient, energy)
    shape = (method.program.n_scalar_normals, n_paths, 1)
    for n in range(count):
        scalars = chance.standard_normal(shape)
        state = method.step(
            state, values[:, n], coefficients, gradient, energy=energy, scalar_normals=scalars
        )
        yield {name: state[name] for name in begin}


def _kept(states, every: int) -> list[State]:
    """Every n-th of the states."""
    return [state for k, state in enumerate(states, start=1) if k % every == 0]
