"""What the operators of one-dimensional schemes with one fresh normal a step have in common.

The input and its refusals, the scheme's own step, the noise of a step, the reach of a grid to the
left of a start, and cubic interpolation on a grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.exact.passage_quadrature import confined_left, scalar_friction
from langevin_lab.exact.quadrature import ReducedEnergy
from langevin_lab.exact.reference import Array
from langevin_lab.exact.requirements import (
    require_dimension,
    require_overdamped,
    require_true_gradient,
    temperature_of,
)
from langevin_lab.integrators import Method
from langevin_lab.integrators import method as find_method
from langevin_lab.integrators.methods import check_time_step

_FEWEST_CELLS = 200
_LEAST_STEPS = 8.0  # of noise between two boundaries, where every panel of normals crosses one


@dataclass(frozen=True)
class SchemeProblem:
    """A checked scheme, its dynamics and time step, and the width of a step's noise."""

    scheme: Method
    dynamics: Any
    dt: float
    spread: float

    @property
    def step(self) -> Step:
        """The scheme's own step."""
        return Step(self.scheme, self.dynamics, self.dt)

    def low(self, start: float) -> float:
        """Where a grid may end to the left of a start: 45 T above all that lies there.

        How deep the wells to the right are plays no part: a scheme that starts high above them is
        not cut off from its own well.
        """
        return min(confined_left(ReducedEnergy(self.dynamics), start)[0], start - 10 * self.spread)

    def n_cells(self, low: float, high: float, a_spread: float) -> int:
        """Cells between two points, so many in the width of a step's noise."""
        return max(_FEWEST_CELLS, int(a_spread * (high - low) / self.spread))

    def require_resolved(self, width: float, what: str) -> None:
        """Raise ValueError unless a distance is at least eight steps' noise."""
        if width < _LEAST_STEPS * self.spread:
            raise ValueError(
                f"dt={self.dt:g} makes steps of {self.spread:.3g}, and {what}; use a smaller dt"
            )


def scheme_problem(
    method: str | Method, dynamics: Any, dt: float, what: str, **positions: float
) -> SchemeProblem:
    """Check the input that all operators of one normal share; positions by their names."""
    dt = check_time_step(dt)
    for name, value in positions.items():
        _check_position(name, value)
    scheme = one_normal_scheme(method, dynamics, what)
    spread = np.sqrt(2.0 * temperature_of(dynamics) * dt / scalar_friction(dynamics))
    return SchemeProblem(scheme, dynamics, dt, float(spread))


def _check_position(name: str, value: Any) -> None:
    """Raise unless a position is a finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name}={value!r} must be a number (a position)")
    if not np.isfinite(value):
        raise ValueError(f"{name}={value} must be finite; pass a position near the wells")


def one_normal_scheme(method: str | Method, dynamics: Any, what: str) -> Method:
    """The method, if its transfer operator in 1-D is an average over one fresh normal."""
    require_overdamped(dynamics, what)
    require_dimension(dynamics, (1,), what)
    require_true_gradient(dynamics)
    scheme = find_method(method)
    if not scheme.properties.linear:
        raise ValueError(
            f"method={scheme.name!r} accepts or rejects each step, which this operator does not "
            "know; use 'EulerMaruyama' or 'StochasticHeun'"
        )
    if scheme.n_normals != 1 or "r" in scheme.stored:
        raise ValueError(
            f"method={scheme.name!r} draws {scheme.n_normals} normals and stores {scheme.stored}; "
            "use 'EulerMaruyama' or 'StochasticHeun'"
        )
    return scheme


class Step:
    """The scheme's step x' = step(x, n), over arrays that broadcast."""

    def __init__(self, scheme: Method, dynamics: Any, dt: float):
        self.scheme = scheme
        self.gradient = dynamics.potential.gradient
        self.coefficients = scheme.coefficients(dynamics, dt)

    def __call__(self, x: Array, normals: Array) -> Array:
        x, normals = np.broadcast_arrays(x, normals)
        state = self.scheme.carried_state({"x": x[..., None]}, self.gradient)
        after = self.scheme.step(state, normals[None, ..., None], self.coefficients, self.gradient)
        return after["x"][..., 0]


def interpolation(grid: Array, images: Array, weights: Array) -> Any:
    """Sparse matrix of f -> sum over the images of weight * f(image), f given on the grid."""
    from scipy.sparse import csr_array

    place = np.clip((images - grid[0]) / (grid[1] - grid[0]), 0.0, grid.size - 1.0)
    cell = np.clip(place.astype(int), 1, grid.size - 3)
    t = place - cell
    # Lagrange cubic through the points cell-1 ... cell+2.
    pieces = (
        -t * (t - 1) * (t - 2) / 6,
        (t + 1) * (t - 1) * (t - 2) / 2,
        -(t + 1) * t * (t - 2) / 2,
        (t + 1) * t * (t - 1) / 6,
    )
    rows = np.broadcast_to(np.arange(len(images))[:, None], images.shape).ravel()
    operator = csr_array((len(images), grid.size))
    for offset, piece in enumerate(pieces, start=-1):
        entries = (piece * weights).ravel()
        places = (rows, (cell + offset).ravel())
        operator = operator + csr_array((entries, places), shape=operator.shape)
    return operator
