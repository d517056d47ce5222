"""Relaxation rates and committors of overdamped dynamics in 1-D and 2-D.

Rates come from the finite-volume generator on three grids, extrapolated to zero spacing in even
powers; the change against two grids is the error. Regions that cut the cells move by less than a
layer of them: there the rates with a layer less and with a layer more bound the error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from langevin_lab.exact.finite_volume import Domain, Generator, generator
from langevin_lab.exact.reference import Array, Reference
from langevin_lab.exact.regions import MovedRegion, Region, membership
from langevin_lab.exact.requirements import (
    checked_cells,
    checked_modes,
    require_dimension,
    require_overdamped,
)

# A factorisation of 160^2 cells in 2-D takes about half a second.
_FINEST = {1: 1600, 2: 160}
_FRACTIONS = (0.5, 0.7, 1.0)
_LEAST = 8  # of the finest grid: 4, 6 and 8 cells are three grids


def spectrum(
    dynamics: Any,
    n_modes: int = 4,
    *,
    domain: Domain | None = None,
    within: str | None = None,
    n: int | None = None,
) -> list[Reference]:
    """Compute the smallest non-zero relaxation rates of overdamped dynamics, increasing.

    Parameters
    ----------
    dynamics : Overdamped
        dim 1 or 2, constant temperature.
    n_modes : int, optional
        How many rates, >= 1.
    domain : ((low, high), ...), optional
        Box with reflecting walls; default from the energy, truncation error 2e-16 relative.
    within : str, optional
        Region with a reflecting boundary, as in `generator`. The boundary is of first order in the
        spacing: the rate is that of the finest grid, its error the larger of twice the spread over
        three grids and the change from dropping or adding a layer of cells at the boundary. Where
        a box will do, `domain` is of second order.
    n : int, optional
        Cells along each coordinate of the finest grid; default 1600 in 1-D, 160 in 2-D.

    Returns
    -------
    list of Reference
        Rates and errors [1/time].

    Raises
    ------
    ValueError
        n_modes no whole number >= 1 or more than the coarsest grid has; n < 8; as `generator`.
    """
    n_modes = checked_modes(n_modes)
    found = at_zero_spacing(
        dynamics, lambda grid: grid.slow_modes(n_modes)[0], domain=domain, within=within, n=n
    )
    return [Reference(float(value), float(error)) for value, error in zip(*found)]


@dataclass(frozen=True)
class Committor:
    """The probability to reach B before A on the grid.

    Attributes
    ----------
    axes : tuple of (n,) arrays
        Cell centres along each coordinate.
    probability : array over the grid
        0 on A, 1 on B; NaN in cells that are left out for their energy.
    rate : float
        Equilibrium reactive flux from A to B [1/time], through the level q = 1/2: of the grid
        exact to rounding, however small. Its relative error is of second order in the spacing for
        the barrier, about spacing^2 |curvature|/T, and of first order for the ends of A and B where
        they matter: between hilltops, not between the bottoms of wells.
    """

    axes: tuple[Array, ...]
    probability: Array
    rate: float

    def __call__(self, x: ArrayLike) -> Array:
        """Linear interpolation at points (..., dim), or (...) in 1-D."""
        from scipy.interpolate import RegularGridInterpolator

        points = np.asarray(x, dtype=np.float64)
        if len(self.axes) == 1 and (points.ndim == 0 or points.shape[-1] != 1):
            points = points[..., None]
        return RegularGridInterpolator(self.axes, self.probability)(points)


def committor(
    dynamics: Any,
    a: Region,
    b: Region,
    *,
    domain: Domain | None = None,
    within: str | None = None,
    n: int | None = None,
) -> Committor:
    """Solve L q = 0, q = 0 on A, q = 1 on B, for the probability to reach B before A.

    Parameters
    ----------
    dynamics : Overdamped
        dim 1 or 2.
    a, b : str or callable
        The sets: conditions such as "x < -0.9 and y > 0" over the coordinates and parameters, or
        membership of points (..., dim) to bool (...). Cells belong by their centres, so
        the answer is of first order in the spacing; `splitting_probability` is exact in 1-D.
    domain, within, n
        As `generator`.

    Returns
    -------
    Committor

    Raises
    ------
    ValueError
        A or B empty on the grid, or overlapping.
    """
    grid = generator(dynamics, domain=domain, within=within, n=n)
    in_a, in_b = (membership(region, dynamics.potential, grid.points) for region in (a, b))
    if not in_a.any() or not in_b.any() or (in_a & in_b).any():
        raise ValueError(
            f"set a holds {in_a.sum()} cells, set b {in_b.sum()}, both {(in_a & in_b).sum()}; each "
            "needs cells of its own: refine n or change the sets"
        )
    q = grid.solve(in_a | in_b, in_b.astype(np.float64))
    field = np.full(grid.inside.shape, np.nan)
    field[grid.inside] = q
    return Committor(grid.axes, field, grid.flux_through_half(q))


def at_zero_spacing(
    dynamics: Any,
    solve: Callable[[Generator], Any],
    *,
    domain: Domain | None,
    within: Region | None,
    n: int | None,
) -> Reference:
    """A result on the grid, number or array, at zero spacing, from n/2, 0.7 n and n cells.

    With a region, that of the finest grid: its error does not go as a power of the spacing.
    """
    require_overdamped(dynamics, "a Fokker-Planck spectrum")
    dim = require_dimension(dynamics, (1, 2), "a Fokker-Planck spectrum")
    finest = checked_cells(_FINEST[dim] if n is None else n, _LEAST)
    sizes = [round(fraction * finest) for fraction in _FRACTIONS]

    def on_grid(size: int, region: Region | None) -> Any:
        return solve(generator(dynamics, domain=domain, within=region, n=size))

    values = [on_grid(size, within) for size in sizes]
    if within is None:
        return extrapolated(sizes, values)
    moved = [
        on_grid(finest, MovedRegion(within, dynamics.potential, outwards))
        for outwards in (False, True)
    ]
    change = np.abs(np.array(moved) - values[-1]).max(axis=0)
    return Reference(values[-1], np.maximum(2.0 * np.ptp(values, axis=0), change))


def extrapolated(sizes: Sequence[float], values: Any) -> Reference:
    """Value at zero spacing from v = v0 + a h^2 + b h^4 on three grids, of numbers or of arrays.

    The error is the larger change from leaving one grid out: either may vanish where the error
    changes sign.
    """
    values = np.asarray(values, dtype=np.float64)
    flat, squares = values.reshape(3, -1), np.array(sizes, dtype=np.float64) ** -2.0
    value = _at_zero(squares) @ flat
    pairs = [_at_zero(squares[two]) @ flat[two] for two in (slice(0, 2), slice(1, 3))]
    error = np.maximum(np.abs(pairs[0] - pairs[1]), np.abs(value - pairs[1]))
    error += 1e-12 * np.abs(value)
    if values.ndim == 1:
        return Reference(float(value[0]), float(error[0]))
    return Reference(value.reshape(values.shape[1:]), error.reshape(values.shape[1:]))


def _at_zero(squares: Array) -> Array:
    """Weights of the polynomial through the values at `squares`, read at 0."""
    inverse: Array = np.linalg.inv(np.vander(squares, increasing=True))
    return inverse[0]
