"""First passage times of a *discretised* one-dimensional scheme, without sampling.

The number of steps N until the scheme, looked at after every step, lies beyond b has moments
u(x) = E N and v(x) = E N^2 that obey

    u = 1 + K u,    v = 2 u - 1 + K v,    (K f)(x) = E_n[ f(x'(x, n)) 1(x'(x, n) < b) ]

with x' the method's own step. With cubic interpolation on a grid these are linear systems. The
integrand jumps where the step crosses b: Gauss-Legendre panels in the normal n end there. The
solution shows what a time step does to a passage time, with and without a shift of the boundary.

With a Brownian bridge between the looks, a step that stays below b still arrives with the
probability exp(-2 (b - x)(b - x')/s^2), s^2 = 2 T dt/friction, so f is weighted by one minus that;
the arrival is then put in the middle of its step.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from langevin_lab.exact.one_normal import Step, interpolation, scheme_problem
from langevin_lab.exact.passage_quadrature import PassageTime
from langevin_lab.exact.reference import Array, Reference
from langevin_lab.integrators import Method

_LARGEST_NORMAL = 8.5  # beyond it lies a mass of 2e-17
_PANEL_NODES = 8
_PANELS = 16  # of the coarse rule; the fine one has twice as many
_ROUNDING = 1e-15  # of one step's probabilities; a passage of N steps multiplies it by N
_LARGEST_ERROR = 0.1  # of a passage by rounding, relative: beyond, it is refused


def discrete_passage_time(
    method: str | Method,
    dynamics: Any,
    start: float,
    target: float,
    dt: float,
    *,
    shift: float = 0.0,
    bridge: bool = False,
) -> Reference:
    """Mean first passage time of a scheme with time step dt, its time-step bias included.

    Parameters
    ----------
    method : str or Method
        An overdamped scheme that draws one normal a step and stores none.
    dynamics : Overdamped
        Of dim 1, constant temperature > 0, confining to the left.
    start, target : float
        start < target, passage upwards.
    dt : float
        Time step > 0.
    shift : float, optional
        The scheme has arrived when x + shift >= target.
    bridge : bool, optional
        Whether a Brownian bridge between two looks may arrive too.

    Returns
    -------
    Reference
        Mean time, and the change from half as many grid points and half as many normals.

    Raises
    ------
    ValueError
        dim != 1, start not below target, a method with more than one normal or a stored one, or so
        many steps that rounding leaves less than a digit (`discrete_passage_rate` keeps them); a
        time step or a position that is not finite.
    TypeError
        A time step or a position that is no number, `bridge` neither True nor False.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> eq = ll.Overdamped(ll.potentials.double_well(), temperature=0.5)
    >>> value, error = ll.exact.discrete_passage_time("StochasticHeun", eq, -1.0, 1.0, 0.05)
    >>> exact = ll.exact.mean_first_passage_time(eq, -1.0, 1.0).value
    >>> 1.01 < value / exact < 1.03            # looked at every 0.05, it arrives late
    True
    """
    return discrete_passage_moments(
        method, dynamics, start, target, dt, shift=shift, bridge=bridge
    ).mean


def discrete_passage_moments(
    method: str | Method,
    dynamics: Any,
    start: float,
    target: float,
    dt: float,
    *,
    shift: float = 0.0,
    bridge: bool = False,
) -> PassageTime:
    """Compute mean and standard deviation of a scheme's first passage time.

    Parameters, errors: as `discrete_passage_time`.

    Returns
    -------
    PassageTime
        `mean` and `standard_deviation`, each a Reference in units of time.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> eq = ll.Overdamped(ll.potentials.double_well(), temperature=0.2)
    >>> found = ll.exact.discrete_passage_moments("StochasticHeun", eq, -1.0, 1.0, 0.02)
    >>> 0.99 < found.standard_deviation.value / found.mean.value < 1   # nearly exponential
    True
    """
    problem = scheme_problem(
        method, dynamics, dt, "a passage time of a scheme", start=start, target=target, shift=shift
    )
    if not isinstance(bridge, bool | np.bool_):
        raise TypeError(f"bridge={bridge!r} must be True or False")
    boundary = target - shift
    if not start < boundary:
        raise ValueError(
            f"start={start} must lie below target - shift = {boundary}; exchange x and -x for a "
            "passage downwards"
        )
    low = problem.low(start)
    # A quarter of the noise's width resolves the kernel to many digits with cubic pieces.
    n_cells = problem.n_cells(low, boundary, 4.0)
    coarse, fine = (
        _moments(
            problem.scheme, dynamics, dt, np.linspace(low, boundary, m * n_cells + 1), start, m,
            problem.spread if bridge else 0.0,
        )
        for m in (1, 2)
    )  # fmt: skip
    errors = np.abs(fine - coarse) + _ROUNDING * fine[0] * fine
    if not min(coarse[0], fine[0]) > 0 or _ROUNDING * fine[0] > _LARGEST_ERROR:
        raise ValueError(
            f"dt={dt:g} makes a passage from start={start} to target={target} of so many steps "
            "that rounding leaves no digit of it; use discrete_passage_rate, or a larger dt"
        )
    if bridge:
        fine[0] -= 0.5
    return PassageTime(*(Reference(float(f * dt), float(e * dt)) for f, e in zip(fine, errors)))


def _moments(
    scheme: Method,
    dynamics: Any,
    dt: float,
    grid: Array,
    start: float,
    refinement: int,
    spread: float = 0.0,
) -> Array:
    """Mean and standard deviation of the number of steps from ``start`` beyond the last point.

    With a spread > 0, that of a step, paths are Brownian bridges between the looks.
    """
    from scipy.interpolate import CubicSpline
    from scipy.sparse import eye_array
    from scipy.sparse.linalg import splu

    step = Step(scheme, dynamics, dt)
    normals, weights = _normals(step, grid, refinement * _PANELS)
    images = step(grid[:, None], normals)
    if spread:
        weights = weights * _stay(grid[-1] - grid[:, None], grid[-1] - images, spread)
    operator = interpolation(grid, images, weights)
    inverse = splu((eye_array(grid.size) - operator).tocsc())
    mean = inverse.solve(np.ones(grid.size))
    square = inverse.solve(2.0 * mean - 1.0)
    first, second = (float(CubicSpline(grid, values)(start)) for values in (mean, square))
    return np.array([first, np.sqrt(max(second - first**2, 0.0))])


def _stay(before: Array, after: Array, spread: float) -> Array:
    """Probability that a Brownian bridge between two distances does not touch the boundary."""
    return -np.expm1(-2.0 * before * np.maximum(after, 0.0) / spread**2)


def _normals(step: Step, grid: Array, n_panels: int) -> tuple[Array, Array]:
    """Nodes and weights of the Gaussian average over steps that stay, (n_grid, n_nodes) each.

    A panel with one end beyond the last grid point is cut where the step crosses it.
    """
    edges = np.linspace(-_LARGEST_NORMAL, _LARGEST_NORMAL, n_panels + 1)
    stays = step(grid[:, None], edges) < grid[-1]
    left, right = (np.tile(side, (grid.size, 1)) for side in (edges[:-1], edges[1:]))
    row, panel = np.nonzero(stays[:, :-1] != stays[:, 1:])
    inside = np.where(stays[row, panel], edges[panel], edges[panel + 1])
    crossing = _crossing(
        step, grid[row], inside, edges[panel] + edges[panel + 1] - inside, grid[-1]
    )
    left[row, panel] = np.minimum(inside, crossing)
    right[row, panel] = np.maximum(inside, crossing)
    half = np.where(stays[:, :-1] | stays[:, 1:], 0.5 * (right - left), 0.0)
    points, shares = np.polynomial.legendre.leggauss(_PANEL_NODES)
    nodes = (0.5 * (left + right))[..., None] + half[..., None] * points
    weights = half[..., None] * shares * np.exp(-0.5 * nodes**2) / np.sqrt(2.0 * np.pi)
    return nodes.reshape(grid.size, -1), weights.reshape(grid.size, -1)


def _crossing(step: Step, x: Array, inside: Array, outside: Array, boundary: float) -> Array:
    """Normals at which the step from x lands on the boundary, by bisection."""
    for _ in range(52):
        middle = 0.5 * (inside + outside)
        stays = step(x, middle) < boundary
        inside, outside = np.where(stays, middle, inside), np.where(stays, outside, middle)
    return inside
