"""The generator of overdamped dynamics on a grid, 1-D and 2-D, with Gibbs exactly stationary.

    L f = sum_d ( D_d f_dd - (dU/dx_d / friction_d) f_d ),        D_d = temperature / friction_d

Finite volumes with the Gibbs density taken at the centres of cells and of faces,

    (L f)_i = (1/m_i) sum_j c_ij (f_j - f_i),      m_i = exp(-U(x_i)/T) |cell|,
                                                   c_ij = D exp(-U(x_ij)/T) |cell| / spacing^2,

are in detailed balance with m for every grid; the error of eigenvalues is of second order in the
spacing, even powers only. Cells above an energy level far over the highest barrier are left out.
Source: Scharfetter and Gummel (1969); Latorre, Metzner, Hartmann and Schuette (2011), section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_lab.exact.reference import Array
from langevin_lab.exact.regions import Region, cells_within, connecting_level, one_piece
from langevin_lab.exact.requirements import (
    checked_cells,
    checked_modes,
    friction_of,
    per_coordinate,
    require_dimension,
    require_overdamped,
    require_true_gradient,
    temperature_of,
)
from langevin_lab.exact.small_rates import kept_digits, refined_on_a_line

# Cells are kept up to 36 temperatures above the highest barrier: exp(-36) = 2e-16.
_MARGIN = 36.0
_COARSE = {1: 2001, 2: 97}

Domain = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Generator:
    """The generator on the kept cells of a grid: a reversible Markov jump process.

    Attributes
    ----------
    axes : tuple of (n,) arrays
        Cell centres along each coordinate.
    inside : bool array over the grid
        Which cells are kept.
    points : (n_cells, dim) array
        Centres of the kept cells, in the order of all vectors here.
    mass : (n_cells,) array
        Gibbs probability of the cells, sum 1.
    pairs : (2, n_faces) int array
        Indices of the two cells of each face.
    conductance : (n_faces,) array
        Probability per time that crosses a face in equilibrium, one way.
    """

    axes: tuple[Array, ...]
    inside: NDArray[np.bool_]
    points: Array
    mass: Array
    pairs: NDArray[np.int64]
    conductance: Array

    @cached_property
    def matrix(self) -> Any:
        """L as a sparse matrix (n_cells, n_cells) [1/time]; its rows sum to zero."""
        import scipy.sparse as sparse

        return sparse.diags_array(1.0 / self.mass) @ (-self._stiffness)

    @cached_property
    def _stiffness(self) -> Any:
        """The symmetric matrix of the Dirichlet form, -m L."""
        import scipy.sparse as sparse

        i, j = self.pairs
        n = len(self.mass)
        off = sparse.coo_array((self.conductance, (i, j)), shape=(n, n)).tocsr()
        off = off + off.T
        return (sparse.diags_array(off.sum(axis=1)) - off).tocsc()

    def slow_modes(self, n_modes: int) -> tuple[Array, Array]:
        """Smallest non-zero eigenvalues of -L and their eigenfunctions.

        Parameters
        ----------
        n_modes : int
            How many, from the slowest.

        Returns
        -------
        (n_modes,) array, (n_cells, n_modes) array
            Rates [1/time], increasing; eigenfunctions normalised to <f^2> = 1 under `mass`.

        Notes
        -----
        Each rate is the Rayleigh quotient sum c_ij (f_i - f_j)^2 / sum m_i f_i^2, a sum of
        positive terms: small gaps keep their digits. On a line those too small for that are
        refined by `refined_on_a_line`; in the plane they are refused.

        Raises
        ------
        ValueError
            More modes than cells; cells above exp(700); in the plane a rate below 1e-23 of the
            largest of a cell.
        """
        import scipy.sparse as sparse
        import scipy.sparse.linalg as linalg

        n, root = len(self.mass), np.sqrt(self.mass)
        if checked_modes(n_modes) > n - 2:
            raise ValueError(
                f"n_modes={n_modes} are too many for a grid of which {n} cells are kept, at most "
                f"{n - 2} can be had; ask for fewer or raise n"
            )
        _require_within_float64(self.conductance)
        scale = sparse.diags_array(1.0 / root)
        symmetric = (scale @ self._stiffness @ scale).tocsc()
        # The shift only keeps the factors finite: the null vector is projected out on both sides.
        shift = 1e-10 * float(symmetric.diagonal().max())
        solver = linalg.splu(symmetric + shift * sparse.eye_array(n, format="csc"))

        def inverse(u: Array) -> Array:
            u = np.ravel(u)
            u = solver.solve(u - root * (root @ u))
            return u - root * (root @ u)

        operator = linalg.LinearOperator((n, n), matvec=inverse, dtype=np.float64)
        start = np.random.default_rng(0).standard_normal(n)
        _, vectors = linalg.eigsh(operator, k=n_modes, which="LA", v0=start)
        functions = vectors / root[:, None]
        # Once more through the inverse: what ARPACK left of fast modes shrinks by rate ratios.
        functions = np.stack([inverse(vector) for vector in vectors.T], axis=1) / root[:, None]
        functions -= self.mass @ functions
        functions /= np.sqrt(self.mass @ functions**2)
        i, j = self.pairs
        rates = self.conductance @ (functions[i] - functions[j]) ** 2
        order = np.argsort(rates)
        rates, functions = rates[order], functions[:, order]
        lost = ~kept_digits(rates, float(symmetric.diagonal().max()))
        if lost.any() and len(self.axes) > 1:
            raise ValueError(
                f"a rate of {rates[0]:.2g} is below the rounding of a grid in the plane; raise the "
                "temperature"
            )
        for k in np.flatnonzero(lost):
            slower = [functions[:, j] for j in range(k)]
            rates[k], functions[:, k] = refined_on_a_line(
                self.mass, self.conductance, functions[:, k], slower
            )
        return rates, functions

    def solve(self, fixed: NDArray[np.bool_], values: Array, source: Array | float = 0.0) -> Array:
        """Solve L f = source off the `fixed` cells, f = values on them.

        Parameters
        ----------
        fixed : (n_cells,) bool array
        values : (n_cells,) array
            Read on the fixed cells only.
        source : (n_cells,) array or float, optional
            -1 gives mean first passage times to the fixed cells, 0 committors.

        Returns
        -------
        (n_cells,) array

        Raises
        ------
        ValueError
            Free cells above exp(700).
        """
        import scipy.sparse as sparse
        import scipy.sparse.linalg as linalg

        free = ~fixed
        _require_within_float64(self.conductance[free[self.pairs].any(axis=0)])
        result = np.where(fixed, values, 0.0).astype(np.float64)
        right = -self.mass * source - self._stiffness @ result
        matrix = self._stiffness[free][:, free]
        # Rows of wells and barriers differ by exp(barrier/T); on one scale no pivot is lost.
        root = 1.0 / np.sqrt(matrix.diagonal())
        scale = sparse.diags_array(root)
        scaled = linalg.spsolve((scale @ matrix @ scale).tocsc(), root * right[free])
        result[free] = root * scaled
        return result

    def flux_through_half(self, q: Array) -> float:
        """Flux of a solution between 0 and 1 down through its level 1/2 [1/time].

        The flux is the same through every cut. Far from where q is held its differences are large:
        near 0 and 1 they are rounding, under conductances that may be exp(barrier/T) larger.
        """
        i, j = self.pairs
        cut = (q[i] >= 0.5) != (q[j] >= 0.5)
        return float(self.conductance[cut] @ np.abs(q[i] - q[j])[cut])


def _require_within_float64(conductance: Array) -> None:
    if not conductance.min(initial=np.inf) > np.finfo(float).tiny:
        raise ValueError(
            "cells above exp(700) are beyond float64; raise the temperature, take a smaller domain "
            "or, for the time over a barrier on a line, log_mean_first_passage_time"
        )


def generator(
    dynamics: Any,
    *,
    domain: Domain | None = None,
    within: Region | None = None,
    n: int | None = None,
) -> Generator:
    """Discretise the generator of overdamped dynamics.

    Parameters
    ----------
    dynamics : Overdamped
        dim 1 or 2, constant temperature.
    domain : ((low, high), ...), optional
        A box with reflecting walls. Default: found from the energy (`automatic_domain`); its
        truncation error is exp(-36) = 2e-16 relative to the flux over the highest barrier.
    within : str or callable, optional
        Region over the coordinates, such as "x**2 + y**2 < 4", or points -> bool, with a reflecting
        boundary: cells whose centres lie outside are left out. Its largest connected piece
        counts, and a boundary across the grid is of first order in the spacing. Give a domain that
        holds it where the energy alone does not confine.
    n : int, optional
        Cells along each coordinate; default 800 in 1-D, 160 in 2-D.

    Returns
    -------
    Generator
        Its `mass` is the invariant law on the domain.

    Raises
    ------
    ValueError
        dim not 1 or 2; a domain of a wrong shape or order; n < 4; no confinement; a region that
        holds fewer than 4 cells; a drawn gradient.
    TypeError
        Underdamped dynamics.
    """
    require_overdamped(dynamics, "the Fokker-Planck generator")
    require_true_gradient(dynamics)
    dim = require_dimension(dynamics, (1, 2), "the Fokker-Planck generator")
    n = checked_cells({1: 800, 2: 160}[dim] if n is None else n, 4)
    if domain is None:
        box, level = automatic_domain(dynamics)
    else:
        box, level = checked_domain(domain, dim), np.inf
    return generator_in(dynamics, box, level, n, within)


def generator_in(
    dynamics: Any,
    box: Domain,
    level: float,
    n: int,
    within: Region | None = None,
    holding: Array | None = None,
) -> Generator:
    """The generator on the cells of a box, n along each coordinate, with energies <= level.

    Of several pieces that do not touch it is the one that holds the point, or the largest.
    """
    dim, temperature = len(box), temperature_of(dynamics)
    spacing, axes, energy, faces = energies_on_grid(dynamics.potential, box, n)
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    kept = (energy <= level) & cells_within(within, dynamics.potential, points)
    inside = one_piece(kept, points, holding)
    index = np.full(energy.shape, -1)
    index[inside] = np.arange(inside.sum())
    # Energies are counted from the lowest cell: the mass of a well never underflows.
    lowest = float(energy[inside].min())
    mass = np.exp((lowest - energy[inside]) / temperature)
    pairs, conductance = [], []
    diffusion = temperature / per_coordinate(friction_of(dynamics), dim)
    for d in range(dim):
        lower, upper = np.delete(index, -1, axis=d), np.delete(index, 0, axis=d)
        both = (lower >= 0) & (upper >= 0)
        pairs.append(np.stack([lower[both], upper[both]]))
        climb = faces[d][both] - lowest
        conductance.append(crossing_rate(climb, temperature, diffusion[d], spacing[d]))
    total = mass.sum()
    return Generator(
        axes, inside, points[inside], mass / total, np.concatenate(pairs, axis=1),
        np.concatenate(conductance) / total,
    )  # fmt: skip


def energies_on_grid(
    potential: Any, box: Domain, n: int
) -> tuple[list[float], tuple[Array, ...], Array, list[Array]]:
    """Spacings, axes of cell centres, energies there and, by coordinate, at the faces' centres."""
    spacing = [(high - low) / n for low, high in box]
    axes = tuple(low + h * (np.arange(n) + 0.5) for (low, _), h in zip(box, spacing))
    faces = []
    for d in range(len(axes)):
        centres = tuple(x[:-1] + 0.5 * spacing[d] if e == d else x for e, x in enumerate(axes))
        faces.append(_energy_on(potential, centres))
    return spacing, axes, _energy_on(potential, axes), faces


def crossing_rate(climb: Array, temperature: float, diffusion: float, spacing: float) -> Array:
    """Rate D exp(-climb/T) / spacing^2 through faces that lie ``climb`` above a level [1/time].

    From the energy of a cell it is the rate of jumps out of it, from the lowest energy of all the
    conductance of the face.
    """
    return diffusion / spacing**2 * np.exp(-climb / temperature)


def automatic_domain(dynamics: Any) -> tuple[Domain, float]:
    """Find the box and the energy level beyond which nothing matters at this temperature.

    The level is 36 temperatures above the lowest energy at which all minima seen in the box are
    connected; the box grows from [-1, 1] along each face until the energy on it exceeds the level.

    Parameters
    ----------
    dynamics : Overdamped or Langevin
        dim 1 or 2.

    Returns
    -------
    ((low, high), ...), float
        The box and the level [energy].

    Raises
    ------
    ValueError
        The energy stays below the level out to 1e6: no confinement.

    Notes
    -----
    A minimum that a ridge above the level hides from the growing box is not found: pass `domain`.
    """
    potential, temperature = dynamics.potential, temperature_of(dynamics)
    dim = int(potential.dim)
    low, high = -np.ones(dim), np.ones(dim)
    while True:
        axes = tuple(np.linspace(a, b, _COARSE[dim]) for a, b in zip(low, high))
        energy = _energy_on(potential, axes)
        level = connecting_level(energy) + _MARGIN * temperature
        grown = False
        for d in range(dim):
            step = 0.1 * (high[d] - low[d])
            if np.take(energy, 0, axis=d).min() <= level:
                low[d], grown = low[d] - step, True
            if np.take(energy, -1, axis=d).min() <= level:
                high[d], grown = high[d] + step, True
        if not grown:
            return _bounding_box(axes, energy <= level), level
        if (high - low).max() > 1e6:
            raise ValueError(
                f"the potential stays below {level:.4g} out to |x| = 5e5 and does not confine; "
                "pass domain=((low, high), ...) for reflecting walls"
            )


def _energy_on(potential: Any, axes: tuple[Array, ...]) -> Array:
    with np.errstate(over="ignore"):
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        return np.asarray(potential.energy(points), dtype=np.float64)


def checked_domain(domain: Any, dim: int) -> Domain:
    """``domain`` as pairs of floats, one a coordinate; ValueError unless it is a finite box."""
    array = np.asarray(domain, dtype=np.float64)
    if array.ndim == 1 and dim == 1:
        array = array[None]
    if (
        array.shape != (dim, 2)
        or not np.isfinite(array).all()
        or not (array[:, 0] < array[:, 1]).all()
    ):
        raise ValueError(
            f"domain={domain!r} must be {dim} finite pair(s) (low, high) with low < high"
        )
    return tuple((float(a), float(b)) for a, b in array)


def _bounding_box(axes: tuple[Array, ...], mask: NDArray[np.bool_]) -> Domain:
    """Smallest box around the mask, one coarse cell wider on each side."""
    box = []
    for d, x in enumerate(axes):
        others = tuple(e for e in range(len(axes)) if e != d)
        hit = np.flatnonzero(mask.any(axis=others))
        box.append((float(x[max(hit[0] - 1, 0)]), float(x[min(hit[-1] + 1, len(x) - 1)])))
    return tuple(box)
