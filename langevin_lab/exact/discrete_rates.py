"""The escape rate of a *discretised* one-dimensional scheme, without sampling.

In the polynomials of `transfer_operator` the transfer operator P of one step is a matrix with the
eigenvalue 1 and, for two wells, another mu next to it. Populations relax by mu per step:

    gap = -log(mu)/dt,        rate out of a well = gap * stationary probability of the other one.

Any scheme in x, (x, p) or with a stored normal has such a matrix; its own `step` makes it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from langevin_lab.exact.reference import Array, Reference
from langevin_lab.exact.spectral import _shaped_point, check_separation, other_population
from langevin_lab.exact.transfer_operator import Galerkin, checked_scheme, galerkin
from langevin_lab.integrators import Method
from langevin_lab.integrators.methods import check_time_step

_ROUNDING = 1e-13  # of an eigenvalue of one step


def discrete_escape_rate(
    method: str | Method,
    dynamics: Any,
    dt: float,
    well: float | None = None,
    *,
    degree: int = 40,
    n_normal_nodes: int = 12,
) -> Reference:
    """Compute the rate at which a scheme with time step dt leaves one of two wells.

    ``rate = -log(second eigenvalue of the transfer operator)/dt * stationary probability beyond``

    Parameters
    ----------
    method : str or Method
        Any word or named scheme with noise.
    dynamics : Overdamped or Langevin
        Smooth potential of dim 1 with two wells, constant temperature > 0; friction > 0.
    dt : float
        Time step > 0.
    well : float, optional
        A point in the well that is left. Not needed for symmetric wells, where the rate is gap/2.
    degree, n_normal_nodes : int, optional
        As in `stationary_law`. A barrier of ten temperatures needs a degree of 60.

    Returns
    -------
    Reference
        Rate [1/time] and error: the change from 3/4 of the degree and of the normal nodes, the
        probability per time to leave the domain, and rounding, 1e-13/dt.

    Raises
    ------
    ValueError
        As `stationary_law`; second rate below 5 times the gap: no two states; wells of unequal
        population and no `well`; `well` no finite number; an error of half the rate or more.

    Notes
    -----
    Rounding leaves no digit of a rate below 2e-13/dt, a barrier of 20 temperatures or so; in one
    dimension and overdamped `discrete_passage_rate` goes to any barrier.

    Populations under the scheme's own stationary law. Cost on one core: 0.1 s for overdamped
    schemes with one normal, 5 s with a momentum or a stored normal at degree 40.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> eq = ll.Overdamped(ll.potentials.double_well(), temperature=0.25)
    >>> rate = ll.exact.discrete_escape_rate("EulerMaruyama", eq, dt=0.01)
    >>> round(rate.value / ll.exact.escape_rate(eq).value, 3)
    1.012
    """
    scheme = checked_scheme(method, dynamics, degree, n_normal_nodes)
    dt = check_time_step(dt)
    point = None if well is None else float(_shaped_point(well, 1)[0])
    fine, coarse = (
        _rate(galerkin(scheme, dynamics, dt, m * degree // 4, m * n_normal_nodes // 4), dt, point)
        for m in (4, 3)
    )
    rate = Reference(fine[0], abs(fine[0] - coarse[0]) + fine[1] + _ROUNDING / dt)
    if not rate.error < 0.5 * rate.value:
        raise ValueError(
            f"temperature={dynamics.temperature:g} and dt={dt:g} leave no digit of the rate: "
            f"{rate.value:.2g} with an error of {rate.error:.2g}; use a larger degree, or, "
            "overdamped, discrete_passage_rate, which keeps its digits"
        )
    return rate


def _rate(problem: Galerkin, dt: float, well: float | None) -> tuple[float, float]:
    """Rate out of the well, and the rate of leaving the domain."""
    solution = problem.solution()
    values, vectors = _slow_modes(problem.matrix[1:, 1:].T)
    first, second = (-float(np.log1p(value.real)) / dt for value in values[:2])
    check_separation(first, second)
    slow = problem.at_nodes(np.append(0.0, vectors[:, 0].real))
    # Averaged over the momentum or the stored normal, at every x.
    others = tuple(range(1, slow.ndim))
    mass = solution.mass.sum(axis=others)
    profile = (slow * solution.mass).sum(axis=others) / np.where(mass == 0.0, 1.0, mass)
    profile = profile - mass @ profile
    variance = mass @ profile**2
    if not variance > 0.0:  # rounding has made the mass of the mode negative: no digit is left
        return np.nan, np.nan
    profile /= np.sqrt(variance)
    nodes = problem.axes[0].nodes
    at_well = None if well is None else float(profile[np.argmin(np.abs(nodes - well))])
    return first * _other_population(mass, profile, at_well, first * dt), solution.escape / dt


def _other_population(mass: Array, profile: Array, at_well: float | None, per_step: float) -> float:
    """Population beyond the well; 1/2 if none is named and the wells differ by rounding only.

    The rounding of a step mixes the slow mode with the constant as far as it changes its rate.
    """
    if at_well is None:
        larger = other_population(mass, profile, float(profile.max()))
        if abs(larger - 0.5) * per_step < _ROUNDING:
            return 0.5
    return other_population(mass, profile, at_well)


def _slow_modes(matrix: Array) -> tuple[Array, Array]:
    """Eigenvalues of P - 1 nearest to 0 but not 0, and eigenvectors: small ones to all digits."""
    from scipy import linalg
    from scipy.sparse.linalg import LinearOperator, eigs

    factors = linalg.lu_factor(matrix)
    inverse = LinearOperator(
        matrix.shape, matvec=lambda v: linalg.lu_solve(factors, np.ravel(v)), dtype=np.float64
    )
    start = np.random.default_rng(0).standard_normal(len(matrix))
    values, vectors = eigs(inverse, k=4, v0=start, tol=1e-10)
    order = np.argsort(-np.abs(values))
    # The phase is arbitrary: turn the largest entry to the real axis.
    slowest = vectors[:, order]
    return 1.0 / values[order], slowest / slowest[np.argmax(np.abs(slowest), axis=0), range(4)]
