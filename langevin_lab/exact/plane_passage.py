"""Mean first passage time from a point to a plane x_axis = position, overdamped, 1-D and 2-D.

The generator L on a grid is a reversible jump process with stationary law m. From the cell s to
the set B it needs, exactly for that process,

    tau = sum_i m_i h_i / sum_cut c_ij (h_i - h_j),      L h = 0,  h(s) = 1,  h = 0 on B,

with h the probability to see s before B, whose flux is the same through every cut between them.
Solving L tau = -1 instead has the condition number of the time itself; h lies between 0 and 1 and
has no slow mode left, and at the cut h = 1/2 its differences are large: times of 1e17 keep their
digits. The cells are laid so that centres fall on the start and on the plane: the error is of
second order in the spacing, even powers only.
Source: Bovier, Eckhoff, Gayrard and Klein (2004), for the identity.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from langevin_lab.exact.finite_volume import Domain, automatic_domain, generator_in
from langevin_lab.exact.fokker_planck import extrapolated
from langevin_lab.exact.reference import Array, Reference
from langevin_lab.exact.requirements import (
    checked_cells,
    is_whole,
    require_dimension,
    require_overdamped,
    require_true_gradient,
)

_FINEST = {1: 1600, 2: 160}
_FRACTIONS = (0.5, 0.7, 1.0)  # of the three grids
_LEAST = 16  # cells along each coordinate of the finest
_FEWEST = 4  # cells between start and plane on the coarsest grid


def plane_passage_time(
    dynamics: Any, start: ArrayLike, plane: float, *, axis: int = 0, n: int | None = None
) -> Reference:
    """Compute the mean first passage time from a point to the plane ``x[axis] = plane``.

    Parameters
    ----------
    dynamics : Overdamped
        dim 1 or 2, constant temperature, confining.
    start : (dim,) array_like or float
        Inside the region that the energy allows; the plane may lie on either side.
    plane : float
        Position of the target's boundary along the axis [length].
    axis : int, optional
        Coordinate that the plane is normal to.
    n : int, optional
        Cells along each coordinate of the finest grid; default 1600 in 1-D, 160 in 2-D.

    Returns
    -------
    Reference
        Mean time, extrapolated from three grids, and its error [time].

    Raises
    ------
    ValueError
        dim not 1 or 2; axis out of range; n < 16; start not a finite point, on the plane, or at an
        energy that is never reached; start and plane closer than 4 cells; a plane that is not
        reached from the start; an error as large as the time; no confinement.
    TypeError
        Underdamped dynamics.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> eq = ll.Overdamped(ll.potentials.entropic_barrier(), temperature=0.1)
    >>> round(ll.exact.plane_passage_time(eq, [-1.0, 0.0], 1.0, n=80).value / 1e4, 2)
    4.73
    """
    require_overdamped(dynamics, "the passage time to a plane")
    require_true_gradient(dynamics)
    dim = require_dimension(dynamics, (1, 2), "the passage time to a plane")
    if not is_whole(axis) or axis not in range(dim):
        raise ValueError(f"axis={axis!r} must be one of 0 to {dim - 1}")
    point = np.atleast_1d(np.asarray(start, dtype=np.float64))
    if point.shape != (dim,) or not np.isfinite([*point, plane]).all() or point[axis] == plane:
        raise ValueError(
            f"start={start!r} must be a finite point with {dim} coordinate(s) off the plane {plane}"
        )
    box, level = automatic_domain(dynamics)
    energy = float(dynamics.potential.energy(point))
    if energy > level:
        raise ValueError(
            f"the energy {energy:.4g} of start={start!r} lies above {level:.4g}, which is never "
            "reached at this temperature; start lower"
        )
    finest = checked_cells(_FINEST[dim] if n is None else n, _LEAST)
    _require_apart(box, point, plane, axis, finest)
    found = [
        _on_grid(dynamics, point, plane, axis, (box, level), round(fraction * finest))
        for fraction in _FRACTIONS
    ]
    time = extrapolated(*zip(*found))
    if not time.error < time.value:
        raise ValueError(
            f"n={finest} cells give the time {time.value:.4g} +- {time.error:.2g}: the grids do "
            "not agree; raise n or the temperature"
        )
    return time


def _on_grid(
    dynamics: Any, start: Array, plane: float, axis: int, kept: tuple[Domain, float], n: int
) -> tuple[int, float]:
    """Cells between start and plane, and the mean time of the jump process on the grid."""
    box, level = kept
    aligned, n_between = _aligned(box, start, plane, axis, n)
    # Cut at the plane, valleys may fall apart: the one of the start counts.
    grid = generator_in(dynamics, aligned, level, n, holding=start)
    spacing = abs(plane - start[axis]) / n_between
    target = np.abs(grid.points[:, axis] - plane) < 0.5 * spacing
    if not target.any():
        raise ValueError(
            f"no cell at plane={plane} is reached at this temperature; move it towards the start"
        )
    at_start = np.zeros(len(grid.mass), bool)
    at_start[np.argmin(np.sum((grid.points - start) ** 2, axis=1))] = True
    returned = grid.solve(target | at_start, at_start.astype(np.float64))
    return n_between, float(grid.mass @ returned / grid.flux_through_half(returned))


def _require_apart(box: Domain, start: Array, plane: float, axis: int, n: int) -> None:
    """Raise ValueError if the coarsest of the grids has too few cells between start and plane."""
    n_between = _cells_between(box, start, plane, axis, round(_FRACTIONS[0] * n))
    if n_between < _FEWEST:
        raise ValueError(
            f"start and plane={plane} are {abs(plane - start[axis]):.4g} apart, {n_between} cells "
            f"of the coarsest of three grids with up to n={n}, at least {_FEWEST} needed; raise n"
        )


def _cells_between(box: Domain, start: Array, plane: float, axis: int, n: int) -> int:
    far = box[axis][0] if plane > start[axis] else box[axis][1]
    # Two cells of slack: one to shift the box by, one for its halves at both ends.
    return int(abs(plane - start[axis]) * (n - 2) / abs(plane - far))


def _aligned(box: Domain, start: Array, plane: float, axis: int, n: int) -> tuple[Domain, int]:
    """A box of n cells each way, with centres at the start and, as the last ones, on the plane.

    The spacings of all coordinates keep their ratio from grid to grid, as extrapolation needs.
    """
    side = 1.0 if plane > start[axis] else -1.0
    far = box[axis][0] if side > 0 else box[axis][1]
    n_between, width = _cells_between(box, start, plane, axis, n), abs(plane - far)
    spacing = abs(plane - start[axis]) / n_between
    aligned = []
    for d, (low, high) in enumerate(box):
        if d == axis:
            ends = plane + side * spacing * np.array([0.5, 0.5 - n])
            low, high = float(ends.min()), float(ends.max())
        else:
            own = spacing * (high - low) / width
            low = start[d] - own * (int((start[d] - low) / own) + 1.5)
            low, high = float(low), float(low + n * own)
        aligned.append((low, high))
    return tuple(aligned), n_between
