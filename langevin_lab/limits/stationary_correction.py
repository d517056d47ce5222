"""What a time step does to the stationary law, power by power, for any one-dimensional potential.

The step's stationary density is rho_h = rho (1 + h g_1 + h^2 g_2 + ...) with rho the Gibbs density
and <g_k> = 0. Since <L_h f>_rho_h = 0 for every f,

    < (L f) g_1 > = -< L_1 f >,        < (L f) g_2 > = -< L_2 f > - < (L_1 f) g_1 >

averages under rho. With f and g_k in products of the polynomials orthonormal under rho, and
G_k the matrices <(L_k phi_i) phi_j>, this is G_0 g_1 = -G_1 1, G_0 g_2 = -G_2 1 - G_1 g_1
(Galerkin); nothing but the generators' coefficients enters. The average of f is then off by
h <f g_1> + h^2 <f g_2> + O(h^3), and the configurational correction at x is the mean of g_k over
the momentum. The error of every number is its change from two thirds of the degrees.

Source: Leimkuhler, Matthews and Stoltz (2016), section 3; Debussche and Faou (2012).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from langevin_lab.dynamics import Langevin, Overdamped
from langevin_lab.exact import Reference
from langevin_lab.exact.polynomials import Axis, polynomial_axis
from langevin_lab.exact.quadrature import gibbs_interval
from langevin_lab.exact.reference import Array
from langevin_lab.exact.requirements import require_dimension, require_true_gradient
from langevin_lab.integrators.methods import check_time_step
from langevin_lab.limits.arguments import positive_numbers
from langevin_lab.limits.step_regime import check_step, step_regime

if TYPE_CHECKING:
    from langevin_lab.limits.weak_equation import WeakModifiedEquation

__all__ = ["StationaryCorrection", "stationary_correction"]

# Densities below exp(-50) of the highest are left out: high polynomials magnify what is cut.
_CUT = 50.0
_ROUNDING = 1e-12
_REFINEMENT = 1.5
_DEGREES = (36, 24)
_LOWEST_DEGREE = 6


@dataclass(frozen=True)
class _Solution:
    """g_1, g_2, ... in the polynomials and on the grid of the axes, and the Gibbs weights there."""

    axes: tuple[Axis, ...]
    coefficients: Array
    values: Array
    weights: Array

    def profiles(self, x: Array) -> Array:
        """Means over p at positions (n,), shape (order, n): the part of degree 0 in p."""
        along_x = self.coefficients if len(self.axes) == 1 else self.coefficients[..., 0]
        return along_x @ self.axes[0].table(x).T

    def average(self, observable: Callable[..., Array], names: tuple[str, ...], k: int) -> float:
        """<f g_k>."""
        grids = np.meshgrid(*(axis.nodes for axis in self.axes), indexing="ij")
        by_name = {axis.name: grid for axis, grid in zip(self.axes, grids)}
        function = np.asarray(observable(**{name: by_name[name] for name in names}), dtype=float)
        return float(np.sum(self.weights * self.values[k - 1] * function))


@dataclass(frozen=True)
class StationaryCorrection:
    """The stationary law of a method as a power series in its time step.

    Attributes
    ----------
    method : str
    order : int
        The highest power that is held.
    nodes, weights : (n,) array
        Positions and their Gibbs weights, which sum to 1.
    profiles : (order, n) array
        Configurational correction of each power at the nodes: the density of positions is that of
        the Gibbs law times 1 + dt profiles[0] + dt^2 profiles[1].
    profile_errors : (order, n) array
        Their changes from two thirds of the degrees. They are small against 1 where the weights
        are not small: in the tails the expansion knows nothing.
    """

    method: str
    order: int
    nodes: Array
    weights: Array
    profiles: Array
    profile_errors: Array
    _fine: _Solution
    _coarse: _Solution
    _dynamics: Any

    def coefficient(self, observable: Callable[..., Array], power: int) -> Reference:
        """Compute the coefficient of one power of dt in the average of an observable.

        Parameters
        ----------
        observable : callable
            f(x), for words also f(p) or f(x, p): arguments by name; arrays in, same shape out.
        power : int
            1 to `order`.

        Returns
        -------
        Reference
            Value, and its change from two thirds of the degrees.

        Raises
        ------
        ValueError
            If the power is not held, or an argument of the observable is no state.
        """
        if power not in range(1, self.order + 1):
            raise ValueError(f"power={power!r} is not held; use 1 to {self.order}")
        names = tuple(inspect.signature(observable).parameters)
        known = tuple(axis.name for axis in self._fine.axes)
        if not names or not set(names) <= set(known):
            raise ValueError(
                f"observable takes {names}; method {self.method!r} has {known}: name its "
                "arguments after these"
            )
        value = self._fine.average(observable, names, power)
        change = abs(value - self._coarse.average(observable, names, power))
        return Reference(value, change + _ROUNDING * (1.0 + abs(value)))

    def bias(self, observable: Callable[..., Array], dt: float) -> Reference:
        """Predict average minus Gibbs average at a time step, up to dt^order.

        Parameters
        ----------
        observable : callable
            As in `coefficient`.
        dt : float
            Time step > 0.

        Returns
        -------
        Reference
            The error is that of the coefficients; higher powers of dt are not in it.

        Warns
        -----
        OutsideRegimeWarning
            As `WeakModifiedEquation.dynamics`, at this dt.
        """
        check_time_step(dt)
        self._check_regime(dt)
        parts = [(dt**k, self.coefficient(observable, k)) for k in range(1, self.order + 1)]
        value = sum(power * part.value for power, part in parts)
        return Reference(value, sum(power * part.error for power, part in parts))

    def _check_regime(self, dt: float) -> None:
        dynamics = self._dynamics
        curvature = dynamics.potential.max_curvature()
        if curvature is None or curvature <= 0:
            return
        numbers = {"curvature": curvature, "friction": dynamics.friction}
        if isinstance(dynamics, Langevin):
            numbers["mass"] = dynamics.mass
        asked = f"the bias of {self.method} on {dynamics.potential.name}"
        check_step(step_regime(dynamics.equation, dt, **numbers), asked, stacklevel=4)


def stationary_correction(
    equation: WeakModifiedEquation,
    potential: Any,
    *,
    temperature: float,
    friction: float,
    mass: float = 1.0,
    degree: int | tuple[int, int] | None = None,
) -> StationaryCorrection:
    """Solve for the stationary law; see `WeakModifiedEquation.stationary_correction`."""
    if equation.order == 0:
        raise ValueError(
            f"order=0 of {equation.method!r} is the original equation, whose stationary law is the "
            "Gibbs law; use order 1 or 2"
        )
    degrees = (degree, degree) if isinstance(degree, int) else degree or _DEGREES
    if min(degrees) < _LOWEST_DEGREE:
        raise ValueError(f"degree={degree!r} must be at least {_LOWEST_DEGREE}")
    positive_numbers(temperature=temperature, friction=friction, mass=mass)
    if equation.equation == "langevin":
        dynamics: Any = Langevin(potential, temperature=temperature, friction=friction, mass=mass)
    else:
        dynamics = Overdamped(potential, temperature=temperature, friction=friction)
    require_dimension(dynamics, (1,), "the stationary correction")
    require_true_gradient(dynamics)
    coarser = tuple(int(n / _REFINEMENT) for n in degrees)
    fine, coarse = (_solve(equation, dynamics, mass, sizes) for sizes in (degrees, coarser))
    axis = fine.axes[0]
    profiles = fine.profiles(axis.nodes)
    errors = np.abs(profiles - coarse.profiles(axis.nodes))
    return StationaryCorrection(
        equation.method, equation.order, axis.nodes, axis.weights, profiles, errors, fine, coarse,
        dynamics,
    )  # fmt: skip


def _solve(equation: Any, dynamics: Any, mass: float, degrees: tuple[int, ...]) -> _Solution:
    """The Galerkin systems, one power after the other."""
    axes = _axes(dynamics, mass, degrees)
    matrices = [_matrix(generator, axes, dynamics, mass) for generator in equation.generators]
    coefficients = np.zeros((equation.order + 1, len(matrices[0])))
    coefficients[0, 0] = 1.0
    for k in range(1, equation.order + 1):
        right = sum(matrices[i] @ coefficients[k - i] for i in range(1, k + 1))
        # The constant is first: as a test it says 0 = 0, as an unknown <g_k> = 0 fixes it.
        coefficients[k, 1:] = np.linalg.solve(matrices[0][1:, 1:], -right[1:])
    expansion = coefficients[1:].reshape(-1, *(len(axis.diagonal) for axis in axes))
    values, weights = expansion, np.ones(())
    for axis in axes:
        values = np.tensordot(values, axis.table(axis.nodes), axes=(1, 1))
        weights = np.multiply.outer(weights, axis.weights)
    return _Solution(axes, expansion, values, weights)


def _axes(dynamics: Any, mass: float, degrees: tuple[int, ...]) -> tuple[Axis, ...]:
    """Weights, nodes and polynomials of x, and of p where there are momenta."""
    temperature, potential = dynamics.temperature, dynamics.potential
    low, high = gibbs_interval(dynamics, _CUT)
    weight = lambda x: -np.asarray(potential.energy(x[:, None])) / temperature  # noqa: E731
    # The coefficients are polynomials in derivatives of U: half as many nodes again.
    axes = [polynomial_axis("x", low, high, weight, n_nodes=3 * degrees[0] + 40, degree=degrees[0])]
    if isinstance(dynamics, Langevin):
        variance = mass * temperature
        reach = float(np.sqrt(2 * _CUT * variance))
        gaussian = lambda p: -0.5 * p**2 / variance  # noqa: E731
        n_nodes = 3 * degrees[1] + 40
        axes.append(
            polynomial_axis("p", -reach, reach, gaussian, n_nodes=n_nodes, degree=degrees[1])
        )
    return tuple(axes)


def _matrix(operator: Any, axes: tuple[Axis, ...], dynamics: Any, mass: float) -> Array:
    """<(D phi_i) phi_j>: each term is a function of x times a power of p."""
    import sympy

    from langevin_lab.limits.differential_polynomials import SLOPES, with_symbols
    from langevin_lab.limits.operators import MOMENTUM
    from langevin_lab.limits.weak_generator import FRICTION, MASS, TEMPERATURE

    at = axes[0].nodes[:, None]
    slopes = [dynamics.potential.energy(at)]
    used = _highest_slope(operator)
    slopes += [dynamics.potential.derivatives(at, k).ravel() for k in range(1, used + 1)]
    names = (*SLOPES[: used + 1], MASS, TEMPERATURE, FRICTION)
    numbers = (*slopes, mass, dynamics.temperature, dynamics.friction)
    size = int(np.prod([len(axis.diagonal) for axis in axes]))
    total = np.zeros((size, size))
    for (i, j), coefficient in operator.terms.items():
        for (power,), factor in sympy.Poly(with_symbols(coefficient), MOMENTUM).terms():
            part = _moment(axes[0], i, sympy.lambdify(names, factor)(*numbers))
            if len(axes) == 2:
                part = np.kron(part, _moment(axes[1], j, axes[1].nodes ** power))
            total += part
    return total


def _moment(axis: Axis, derivatives: int, factor: Any) -> Array:
    """<factor phi_i^(derivatives) phi_j> along one axis."""
    table = axis.table(axis.nodes)
    images = table @ np.linalg.matrix_power(axis.derivative(), derivatives)
    return (images * (axis.weights * factor)[:, None]).T @ table


def _highest_slope(operator: Any) -> int:
    """The highest derivative of U among the coefficients."""
    from langevin_lab.limits.differential_polynomials import SLOPES, with_symbols

    held = [with_symbols(c) for c in operator.terms.values()]
    return max((k for k, slope in enumerate(SLOPES) if any(c.has(slope) for c in held)), default=0)
