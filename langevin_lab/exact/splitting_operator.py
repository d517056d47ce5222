"""The committor of a *discretised* one-dimensional scheme, without sampling.

The probability u(x) that a scheme, looked at after every step, is at or above b before it is at or
below a obeys

    u = h + K u,   h(x) = P(x'(x, n) >= b),   (K f)(x) = E_n[ f(x'(x, n)) 1(a < x'(x, n) < b) ]

with x' the method's own step. With cubic interpolation on a grid this is a linear system, whose
solution keeps its digits however small u is: every term is positive. Panels of Gauss-Legendre nodes
in the normal n end where the step crosses a or b.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from langevin_lab.exact.one_normal import Step, scheme_problem
from langevin_lab.exact.one_normal import interpolation as interpolated
from langevin_lab.exact.reference import Array, Reference
from langevin_lab.integrators import Method

_LARGEST_NORMAL = 9.0
_PANEL_NODES = 8
_PANELS = 12  # of the coarse rule; the fine one has twice as many
_ROUNDING = 1e-13  # of a solution whose terms all have one sign, relative


def discrete_splitting_probability(
    method: str | Method, dynamics: Any, start: float, a: float, b: float, dt: float
) -> Reference:
    """Probability that a scheme with time step dt is beyond b before it is beyond a.

    Parameters
    ----------
    method : str or Method
        An overdamped scheme that draws one normal a step and stores none, and whose step grows
        with its normal.
    dynamics : Overdamped
        Of dim 1, constant temperature > 0.
    start, a, b : float
        a < start < b.
    dt : float
        Time step > 0.

    Returns
    -------
    Reference
        Probability of x >= b before x <= a, and the change from half as many grid points and half
        as many normals.

    Raises
    ------
    ValueError
        dim != 1, a start not between a < b, a method with more than one normal or a stored one, or
        less than eight steps' noise between a and b; a time step or a position that is not finite.
    TypeError
        A time step or a position that is no number.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> eq = ll.Overdamped(ll.potentials.double_well(), temperature=0.1)
    >>> found = ll.exact.discrete_splitting_probability("EulerMaruyama", eq, -.8, -.9, .9, 2e-4)
    >>> continuous = ll.exact.splitting_probability(eq, -0.8, -0.9, 0.9)
    >>> print(f"{continuous.value:.4e} {found.value:.3e}")   # looked at once a step, a is further
    2.5633e-05 2.619e-05
    """
    problem = scheme_problem(
        method, dynamics, dt, "a splitting probability of a scheme", start=start, a=a, b=b
    )
    if not a < start < b:
        raise ValueError(
            f"start={start} must lie between a={a} and b={b}, a < b; exchange x and -x for the "
            "other direction"
        )
    problem.require_resolved(b - a, f"[a, b]=[{a}, {b}] is not eight of them wide")
    step = problem.step
    # A sixth of the noise's width resolves the kernel to many digits with cubic pieces.
    n_cells = problem.n_cells(a, b, 6.0)
    coarse, fine = (
        _committor(step, np.linspace(a, b, m * n_cells + 1), start, m * _PANELS) for m in (1, 2)
    )
    return Reference(fine, abs(fine - coarse) + _ROUNDING * fine)


def _committor(step: Step, grid: Array, start: float, n_panels: int) -> float:
    """The committor at the start, from its values on the grid."""
    from scipy.sparse import eye_array
    from scipy.sparse.linalg import splu

    nodes, weights = stepping_normals(step, np.append(grid, start), (grid[0], grid[-1]), n_panels)
    images = step(np.append(grid, start)[:, None], nodes)
    arrived = (weights * (images >= grid[-1])).sum(axis=1)
    inside = weights * ((images > grid[0]) & (images < grid[-1]))
    operator = interpolated(grid, images[:-1], inside[:-1])
    inverse = splu((eye_array(grid.size) - operator).tocsc())
    values = inverse.solve(arrived[:-1])
    last = interpolated(grid, images[-1:], inside[-1:])
    return float(arrived[-1] + (last @ values)[0])


def stepping_normals(
    step: Step, points: Array, boundaries: tuple[float, float], n_panels: int
) -> tuple[Array, Array]:
    """Nodes and weights of the Gaussian average, (n_points, n_nodes), in panels that end where
    the step from a point crosses a boundary; no panel is for an infinite one."""
    regular = np.linspace(-_LARGEST_NORMAL, _LARGEST_NORMAL, n_panels + 1)
    crossings = [_crossing(step, points, boundary) for boundary in boundaries]
    edges = np.tile(regular, (points.size, 1))
    edges = np.sort(np.concatenate([edges, np.stack(crossings, axis=1)], axis=1), axis=1)
    middle, half = 0.5 * (edges[:, 1:] + edges[:, :-1]), 0.5 * np.diff(edges, axis=1)
    places, shares = np.polynomial.legendre.leggauss(_PANEL_NODES)
    nodes = middle[..., None] + half[..., None] * places
    weights = half[..., None] * shares * np.exp(-0.5 * nodes**2) / np.sqrt(2.0 * np.pi)
    return nodes.reshape(points.size, -1), weights.reshape(points.size, -1)


def _crossing(step: Step, points: Array, boundary: float) -> Array:
    """Normals at which the step from each point lands on the boundary; an end if none does."""
    low = np.full(points.size, -_LARGEST_NORMAL)
    high = -low
    for _ in range(55):
        middle = 0.5 * (low + high)
        below = step(points, middle) < boundary
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return 0.5 * (low + high)
