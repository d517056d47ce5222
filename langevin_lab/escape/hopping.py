"""Basin hopping: a Metropolis walk over the energies that coordinates have after minimisation.

The walk sees V(x) = min U below x, a staircase without barriers inside a basin, so it gets out of
funnels that a run of Langevin dynamics would stay in.

Source: Li and Scheraga (1987); Wales and Doye (1997).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from langevin_lab.escape.refinement import find, record, refined, sorted_points
from langevin_lab.escape.stationary_search import checked_box
from langevin_lab.escape.symmetry import Symmetry
from langevin_lab.potentials import StationaryPoint

Array = np.ndarray

_ITERATIONS = 5000
_CORRECTIONS = 20


def minimise(
    potential: Any, start: ArrayLike, *, symmetry: Symmetry | None = None
) -> StationaryPoint | None:
    """Return a minimum near `start` by L-BFGS and Newton's method, None if there is none.

    L-BFGS goes downhill but need not stay in the basin of steepest descent.

    Parameters
    ----------
    potential : Potential
    start : (dim,) array_like
    symmetry : Symmetry, optional
    """
    symmetry = symmetry or Symmetry()
    x = _relaxed(potential, np.asarray(start, dtype=np.float64))
    position = None if x is None else refined(potential, x, symmetry)
    if position is None:
        return None
    point = record(potential, position, symmetry)
    return point if point.index == 0 else None


def basin_hopping(
    potential: Any,
    *,
    n_hops: int,
    temperature: float,
    step: float,
    seed: int,
    start: ArrayLike | None = None,
    n_walks: int = 1,
    symmetry: Symmetry | None = None,
) -> tuple[StationaryPoint, ...]:
    """Return the distinct minima that basin hopping visits, lowest first.

    Parameters
    ----------
    potential : Potential
    n_hops : int
        Minimisations of each walk, at least 1.
    temperature : float
        Of the Metropolis test between minima, positive [energy].
    step : float
        Every coordinate is moved by a uniform number in (-step, step) [length].
    seed : int
    start : (dim,) array_like, optional
        By default a point drawn from the potential's box, another for each walk.
    n_walks : int
        Independent walks.
    symmetry : Symmetry, optional
        Copies of a minimum count as one. Points with zero modes that it does not account for are
        left out, such as a cluster in two pieces: without it, every one of a cluster.

    Raises
    ------
    ValueError
        If a number is out of range, or there is neither a start nor a box.

    Source
    ------
    Wales, Doye, J. Phys. Chem. A 101, 5111 (1997).

    Example
    -------
    >>> import langevin_lab as ll
    >>> U = ll.potentials.himmelblau()
    >>> len(basin_hopping(U, n_hops=40, temperature=10.0, step=4.0, seed=0))
    4
    """
    for name, value in (("n_hops", n_hops), ("n_walks", n_walks)):
        if not (isinstance(value, (int, np.integer)) and value >= 1):
            raise ValueError(f"{name}={value!r} must be an integer >= 1")
    for name, size in (("temperature", temperature), ("step", step)):
        if not (np.isfinite(size) and size > 0):
            raise ValueError(f"{name}={size} must be positive and finite")
    box = checked_box(potential, None) if start is None else None
    symmetry = symmetry or Symmetry()
    found: list[StationaryPoint] = []
    for walk in range(n_walks):
        rng = np.random.default_rng((seed, walk))
        x = rng.uniform(box[:, 0], box[:, 1]) if box is not None else np.asarray(start, float)
        for minimum in _hops(potential, x, n_hops, temperature, step, rng):
            position = refined(potential, minimum, symmetry)
            if position is None:
                continue
            point = record(potential, position, symmetry)
            if point.kind == "minimum" and find(point, found, symmetry) is None:
                found.append(point)
    return sorted_points(found)


def _hops(
    potential: Any,
    x: Array,
    n_hops: int,
    temperature: float,
    step: float,
    rng: np.random.Generator,
) -> list[Array]:
    """The minima of one walk; one that a hop falls back into is not listed again."""
    visited: list[Array] = []
    current, energy = x, np.inf
    for _ in range(n_hops):
        trial = _relaxed(potential, x)
        if trial is not None:
            level = float(potential.energy(trial))
            if not np.allclose(trial, current, rtol=0.0, atol=1e-3 * step):
                visited.append(trial)
            if level <= energy or rng.random() < np.exp((energy - level) / temperature):
                current, energy = trial, level
        x = current + rng.uniform(-step, step, size=current.shape)
    return visited


def _relaxed(potential: Any, start: Array) -> Array | None:
    """End of L-BFGS from a start, None if the energy is not bounded below or not finite."""
    from scipy.optimize import minimize

    with np.errstate(all="ignore"):
        if not np.isfinite(potential.energy(start)):
            return None
        result = minimize(
            potential.energy, start, jac=potential.gradient, method="L-BFGS-B",
            options={"maxiter": _ITERATIONS, "maxcor": _CORRECTIONS, "ftol": 1e-14, "gtol": 1e-7},
        )  # fmt: skip
    return result.x if np.isfinite(result.x).all() and np.isfinite(result.fun) else None
