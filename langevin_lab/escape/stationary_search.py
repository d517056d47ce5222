"""All stationary points of a potential in a box, from many starts.

Starts fill the box and a little around it evenly (a Sobol net, shifted at random); from each,
eigenvectors are followed to points of every index asked for, refined by Newton's method. Rounds of
starts are added until one finds nothing new and every point was reached twice.

No search of this kind proves that it is complete. But for a potential that grows without bound in
every direction, all of whose stationary points are found and not degenerate,

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
    n_starts: int = 256,
    n_rounds: int = 8,
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
        Starts of one round for one index, rounded up to a power of 2.
    n_rounds : int
        Largest number of rounds. It is less if one finds no new point and all were reached twice:
        a point that was reached once tells of others that were not.
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
        If there is no box, a side is empty, n_starts or n_rounds < 1, or an index is not in 0..dim.

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
    for name, value in (("n_starts", n_starts), ("n_rounds", n_rounds)):
        if not (isinstance(value, (int, np.integer)) and value >= 1):
            raise ValueError(f"{name}={value!r} must be an integer >= 1")
    search = _Search(potential, box, wanted, symmetry or Symmetry())
    rng = np.random.default_rng(seed)
    for _ in range(n_rounds):
        n_before = len(search.found)
        search.add_round(_even_points(box, n_starts, rng))
        if len(search.found) == n_before and min(search.hits, default=2) >= 2:
            break
    return sorted_points(search.found)


class _Search:
    """Points found so far, and how often each was."""

    def __init__(self, potential: Any, box: Array, wanted: tuple[int, ...], symmetry: Symmetry):
        self.potential, self.box, self.wanted, self.symmetry = potential, box, wanted, symmetry
        self.found: list[StationaryPoint] = []
        self.hits: list[int] = []
        self.scale: float | None = None

    def add_round(self, starts: Array) -> None:
        """Follow eigenvectors from all starts to every index."""
        if self.scale is None:
            self.scale = _typical_curvature(self.potential, starts)
        for index in self.wanted:
            ends, converged = follow_modes(
                self.potential, starts, index, symmetry=self.symmetry, bounds=self.box,
                max_step=_step_of(self.box), n_steps=_FOLLOW_STEPS,
            )  # fmt: skip
            for end in ends[converged]:
                point = self._point(end)
                if point is not None and point.index in self.wanted:
                    self._add(point)

    def _add(self, point: StationaryPoint) -> None:
        number = find(point, self.found, self.symmetry)
        if number is None:
            self.found.append(point)
            self.hits.append(1)
        else:
            self.hits[number] += 1

    def _point(self, end: Array) -> StationaryPoint | None:
        position = refined(self.potential, end, self.symmetry)
        if position is None:
            return None
        low, high = self.box.T
        room = 1e-9 * (high - low)
        is_inside = bool(((position >= low - room) & (position <= high + room)).all())
        # A cluster may be anywhere in space: copies of it are in the box.
        if not is_inside and self.symmetry.directions is None:
            return None
        return record(self.potential, position, self.symmetry, self.scale)


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
    """Sobol points moved by one random shift modulo the box, which is widened by 1/20 a side.

    Without that a point next to a face would be reached from one side only.
    """
    from scipy.stats import qmc

    exponent = max(0, math.ceil(math.log2(n_starts)))
    net = qmc.Sobol(len(box), scramble=False).random_base2(exponent)
    unit = (net + rng.random(len(box))) % 1.0
    width = box[:, 1] - box[:, 0]
    return box[:, 0] - 0.05 * width + 1.1 * unit * width


def _step_of(box: Array) -> float:
    return float((box[:, 1] - box[:, 0]).min()) / _STEPS_ACROSS


def _typical_curvature(potential: Any, points: Array) -> float:
    hessians = potential.hessian(points)
    largest = np.abs(hessians).sum(axis=-1).max(axis=-1)
    return float(np.median(largest[np.isfinite(largest)])) if np.isfinite(largest).any() else 0.0
