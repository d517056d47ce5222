"""Mean first passage time of a *discretised* one-dimensional scheme, without sampling.

The mean number of steps u(x) until the scheme, looked at after every step, lies beyond b obeys

    u(x) = 1 + E_n[ u(x'(x, n)) 1(x'(x, n) < b) ]

with x' the method's own step. On a grid with cubic interpolation and the trapezoid rule over the
normal n this is a linear system. Its solution shows what a time step does to a passage time, with
and without a shift of the boundary.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from langevin_lab.exact.quadrature import gibbs_interval
from langevin_lab.exact.reference import Array, Reference
from langevin_lab.exact.requirements import require_dimension, require_overdamped, temperature_of
from langevin_lab.integrators import Method
from langevin_lab.integrators import method as find_method

_LARGEST_NORMAL = 8.0
_CUT = 40.0  # the grid ends where the Gibbs density is exp(-40) of its maximum


def discrete_passage_time(
    method: str | Method,
    dynamics: Any,
    start: float,
    target: float,
    dt: float,
    *,
    shift: float = 0.0,
) -> Reference:
    """Mean first passage time of a scheme with time step dt, its time-step bias included.

    Parameters
    ----------
    method : str or Method
        An overdamped scheme that draws one normal a step and stores none.
    dynamics : Overdamped
        Of dim 1, constant temperature > 0, confining.
    start, target : float
        start < target, passage upwards.
    dt : float
        Time step > 0.
    shift : float, optional
        The scheme has arrived when x + shift >= target.

    Returns
    -------
    Reference
        Mean time, and the change from half as many grid points.

    Raises
    ------
    ValueError
        dim != 1, start not below target, or a method with more than one normal or a stored one.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> eq = ll.Overdamped(ll.potentials.double_well(), temperature=0.5)
    >>> value, error = ll.exact.discrete_passage_time("StochasticHeun", eq, -1.0, 1.0, 0.05)
    >>> exact = ll.exact.mean_first_passage_time(eq, -1.0, 1.0).value
    >>> 1.01 < value / exact < 1.03            # looked at every 0.05, it arrives late
    True
    """
    require_overdamped(dynamics, "a passage time of a scheme")
    require_dimension(dynamics, (1,), "a passage time of a scheme")
    scheme = find_method(method)
    if scheme.n_normals != 1 or "r" in scheme.stored:
        raise ValueError(
            f"method={scheme.name!r} draws {scheme.n_normals} normals and stores {scheme.stored}; "
            "use 'EulerMaruyama' or 'StochasticHeun'"
        )
    boundary = target - shift
    if not start < boundary:
        raise ValueError(
            f"start={start} must lie below target - shift = {boundary}; exchange x and -x for a "
            "passage downwards"
        )
    spread = np.sqrt(2.0 * temperature_of(dynamics) * dt / float(np.max(dynamics.friction)))
    low = min(gibbs_interval(dynamics, _CUT)[0], start - 10 * spread)
    # A quarter of the noise's width resolves the kernel to many digits with cubic pieces.
    n_cells = max(200, int(4.0 * (boundary - low) / spread))
    coarse, fine = (
        _mean_steps(scheme, dynamics, dt, np.linspace(low, boundary, n + 1), start)
        for n in (n_cells, 2 * n_cells)
    )
    return Reference(fine * dt, abs(fine - coarse) * dt)


def _mean_steps(scheme: Method, dynamics: Any, dt: float, grid: Array, start: float) -> float:
    """Mean number of steps from ``start`` beyond the last grid point."""
    from scipy.interpolate import CubicSpline
    from scipy.sparse import csr_array, eye_array
    from scipy.sparse.linalg import spsolve

    normals, weights = _trapezoid(40 * int(np.sqrt(grid.size)))
    images = _images(scheme, dynamics, dt, grid, normals)
    spacing = grid[1] - grid[0]
    place = np.clip((images - grid[0]) / spacing, 0.0, None)
    stays = images < grid[-1]
    cell = np.clip(place.astype(int), 1, grid.size - 3)
    t = place - cell
    # Lagrange cubic through the points cell-1 ... cell+2.
    pieces = (
        -t * (t - 1) * (t - 2) / 6,
        (t + 1) * (t - 1) * (t - 2) / 2,
        -(t + 1) * t * (t - 2) / 2,
        (t + 1) * t * (t - 1) / 6,
    )
    rows = np.broadcast_to(np.arange(grid.size)[:, None], images.shape)
    operator = csr_array((grid.size, grid.size))
    for offset, piece in enumerate(pieces, start=-1):
        entries = (piece * weights * stays).ravel()
        places = (rows.ravel(), (cell + offset).ravel())
        operator = operator + csr_array((entries, places), shape=operator.shape)
    steps = spsolve((eye_array(grid.size) - operator).tocsc(), np.ones(grid.size))
    return float(CubicSpline(grid, steps)(start))


def _trapezoid(n_nodes: int) -> tuple[Array, Array]:
    """Nodes and weights for the average over a standard normal."""
    nodes = np.linspace(-_LARGEST_NORMAL, _LARGEST_NORMAL, n_nodes)
    weights = np.exp(-0.5 * nodes**2)
    return nodes, weights / weights.sum()


def _images(scheme: Method, dynamics: Any, dt: float, grid: Array, normals: Array) -> Array:
    """x' for every grid point and normal, shape (n_grid, n_normals)."""
    gradient = dynamics.potential.gradient
    x = np.repeat(grid[:, None, None], normals.size, axis=1)
    state = scheme.carried_state({"x": x}, gradient)
    draws = np.broadcast_to(normals[None, None, :, None], (1, *x.shape))
    coefficients = scheme.coefficients(dynamics, dt)
    return scheme.step(state, draws, coefficients, gradient)["x"][..., 0]
