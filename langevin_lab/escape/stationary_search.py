"""All stationary points of a potential in a box, from many starts.

Starts fill the box evenly (a Sobol net, shifted at random); from each, eigenvectors are followed to
points of every index asked for, refined by Newton's method. Rounds of starts are added until one
finds nothing new. No search of this kind proves that it is complete; for a potential that grows
without bound in every direction, and all of whose stationary points are found and not degenerate,

    sum over points of (-1)^index = 1

(Morse), which a single missing point breaks: `morse_sum`.

Source: Wales, Energy Landscapes (2003), chapter 6; Milnor (1963), theorem 5.2 for the sum.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from langevin_lab.escape.eigenvector_following import follow_modes
from langevin_lab.escape.refinement import find, record, refined, sorted_points
from langevin_lab.escape.symmetry import Symmetry
from langevin_lab.potentials import StationaryPoint

Array = np.ndarray

_ROUNDS = 8
_FOLLOW_STEPS = 300
# Up to this many coordinates every index is looked for unless `indices` says otherwise.
_ALL_INDICES = 6
# A box side holds this many of the largest steps.
_STEPS_ACROSS = 20


def find_stationary_points(
    potential: Any,
    *,
    bounds: Sequence[tuple[float, float]] | None = None,
    n_starts: int = 128,
    seed: int = 0,
    indices: Sequence[int] | None = None,
    symmetry: Symmetry | None = None,
) -> tuple[StationaryPoint, ...]:
    """Return the distinct stationary points in a box, lowest index first, then lowest energy.

    Parameters
    ----------
    potential : Potential
        Without noise in the search: `gradient` and `hessian` are the true ones.
    bounds : sequence of (low, high), optional
        The box, one pair a coordinate; by default the potential's own.
    n_starts : int
        Starts of one round for one index, rounded up to a power of 2. Rounds go on until one
        finds no new point, at most 8.
    seed : int
        Of the shift of the starts.
    indices : sequence of int, optional
        Which indices to look for; all of them up to 6 coordinates, else 0 and 1. Others that
        Newton's method ends in are kept if their index is listed.
    symmetry : Symmetry, optional
        Copies of a point count as one, and zero modes of the symmetry do not make it degenerate.

    Returns
    -------
    tuple of StationaryPoint

    Raises
    ------
    ValueError
        If there is no box, a side is empty, n_starts < 1, or an index is not in 0..dim.

    Source
    ------
    Eigenvector following: Cerjan, Miller, J. Chem. Phys. 75, 2800 (1981).

    Example
    -------
    >>> import langevin_lab as ll
    >>> find_stationary_points(ll.potentials.double_well())
    (StationaryPoint(minimum at (-1), energy=0), StationaryPoint(minimum at (1), energy=0), \
StationaryPoint(saddle at (0), energy=1))
    """
    box = checked_box(potential, bounds)
    wanted = _checked_indices(indices, potential.dim)
    if not (isinstance(n_starts, (int, np.integer)) and n_starts >= 1):
        raise ValueError(f"n_starts={n_starts!r} must be an integer >= 1")
    symmetry = symmetry or Symmetry()
    rng = np.random.default_rng(seed)
    found: list[StationaryPoint] = []
    max_step = float((box[:, 1] - box[:, 0]).min()) / _STEPS_ACROSS
    scale = None
    for _ in range(_ROUNDS):
        starts = _even_points(box, n_starts, rng)
        if scale is None:
            scale = _typical_curvature(potential, starts)
        n_before = len(found)
        for index in wanted:
            ends, converged = follow_modes(
                potential, starts, index, symmetry=symmetry, max_step=max_step,
                n_steps=_FOLLOW_STEPS, bounds=box,
            )  # fmt: skip
            for end in ends[converged]:
                point = _point_in(potential, end, box, symmetry, scale)
                if point is not None and point.index in wanted:
                    if find(point, found, symmetry) is None:
                        found.append(point)
        if len(found) == n_before:
            break
    return sorted_points(found)


def morse_sum(points: Iterable[StationaryPoint]) -> int:
    """Return sum (-1)^index over points: 1 if they are all of a potential that confines.

    Parameters
    ----------
    points : iterable of StationaryPoint
        All indices and all copies; none degenerate.

    Raises
    ------
    ValueError
        If a point is degenerate: its contribution is not known from its index.

    Example
    -------
    >>> import langevin_lab as ll
    >>> morse_sum(ll.potentials.himmelblau().stationary_points)
    1
    """
    total = 0
    for point in points:
        if point.kind == "degenerate":
            raise ValueError(f"{point!r} is degenerate: (-1)^index is not its contribution")
        total += (-1) ** point.index
    return total


def checked_box(potential: Any, bounds: Sequence[tuple[float, float]] | None) -> Array:
    """Return the box as (dim, 2): the one given or the potential's own."""
    given = potential.bounds if bounds is None else bounds
    if given is None:
        raise ValueError(
            f"{potential!r} has no bounds; give bounds=, one (low, high) for each of its "
            f"{potential.dim} coordinate(s)"
        )
    box = np.asarray(given, dtype=np.float64)
    if box.shape != (potential.dim, 2) or not (box[:, 0] < box[:, 1]).all():
        raise ValueError(
            f"bounds={given!r} must be {potential.dim} pair(s) (low, high) with low < high"
        )
    return box


def _checked_indices(indices: Sequence[int] | None, dim: int) -> tuple[int, ...]:
    if indices is None:
        return tuple(range(dim + 1)) if dim <= _ALL_INDICES else (0, 1)
    wanted = tuple(sorted(set(indices)))
    if not wanted or wanted[0] < 0 or wanted[-1] > dim:
        raise ValueError(f"indices={tuple(indices)!r} must be among 0..{dim}, the coordinates")
    return wanted


def _even_points(box: Array, n_starts: int, rng: np.random.Generator) -> Array:
    """Sobol points moved by one random shift modulo the box."""
    from scipy.stats import qmc

    exponent = max(0, math.ceil(math.log2(n_starts)))
    net = qmc.Sobol(len(box), scramble=False).random_base2(exponent)
    unit = (net + rng.random(len(box))) % 1.0
    return box[:, 0] + unit * (box[:, 1] - box[:, 0])


def _typical_curvature(potential: Any, points: Array) -> float:
    hessians = potential.hessian(points)
    largest = np.abs(hessians).sum(axis=-1).max(axis=-1)
    return float(np.median(largest[np.isfinite(largest)])) if np.isfinite(largest).any() else 0.0


def _point_in(
    potential: Any, end: Array, box: Array, symmetry: Symmetry, scale: float
) -> StationaryPoint | None:
    position = refined(potential, end, symmetry)
    if position is None:
        return None
    room = 1e-9 * (box[:, 1] - box[:, 0])
    # A cluster may be anywhere in space: copies of it would be in the box.
    if symmetry.directions is None:
        if not ((position >= box[:, 0] - room) & (position <= box[:, 1] + room)).all():
            return None
    return record(potential, position, symmetry, scale)
