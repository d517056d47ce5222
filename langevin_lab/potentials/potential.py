"""`Potential`: an energy landscape with its derivatives, parameters and known stationary points."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from langevin_lab.potentials.arguments import (
    box,
    check_parameter_names,
    coordinates,
    finite,
    points,
    rule_of,
)
from langevin_lab.potentials.code import Code
from langevin_lab.potentials.data import Data
from langevin_lab.potentials.evaluation import Evaluator, evaluator_of
from langevin_lab.potentials.formula import derived
from langevin_lab.potentials.gradient_noise import GradientNoise, gaussian_noise
from langevin_lab.potentials.stationary import (
    Barrier,
    Rule,
    StationaryPoint,
    barrier_height,
    barriers,
    largest_curvature,
    stationary_points,
)

_HIGHEST_ORDER = 6


@dataclass(frozen=True, eq=False, repr=False)
class Potential:
    """An energy function of `dim` coordinates; immutable.

    Make one with a function of the catalogue, `Potential.from_expression` or
    `Potential.from_functions`. Units: energies in the unit of temperature (k_B = 1), lengths free.

    Positions have shape (..., dim): the last axis holds the coordinates, any leading axes are
    points. In one dimension that is (..., 1).

    Attributes
    ----------
    name : str
    variables : tuple of str
        Names of the coordinates, for observables and axes.
    parameters : mapping
        Name -> value, in order.
    code : Code
        What compiled kernels are written from; shared by all parameter values.
    latex : str
        The formula, without dollar signs; may be empty.
    text : str
        The formula as typed, a mark behind it for a gradient penalty; empty for loops.
    bounds : tuple of (low, high), or None
        A box that shows the interesting part, one pair per coordinate.
    rule : function or None
        Parameters -> starting values of the known stationary points.
    requirement : function or None
        Raises ValueError for parameters out of range.
    data : Data or None
        The examples that an `empirical_risk` averages over.
    gradient_noise : GaussianNoise, FactorNoise, Minibatch or None
        How the gradient that a method gets differs from `gradient`, which is the true one.
    """

    name: str
    variables: tuple[str, ...]
    parameters: Mapping[str, float]
    code: Code
    latex: str = ""
    text: str = ""
    bounds: tuple[tuple[float, float], ...] | None = None
    rule: Rule | None = None
    requirement: Callable[[str, Mapping[str, float]], None] | None = None
    data: Data | None = None
    gradient_noise: GradientNoise | None = None

    def __post_init__(self) -> None:
        checked = {name: finite(self.name, name, v) for name, v in self.parameters.items()}
        if self.requirement is not None:
            self.requirement(self.name, checked)
        object.__setattr__(self, "parameters", MappingProxyType(checked))

    @classmethod
    def from_expression(
        cls,
        text: str,
        variables: Sequence[str] | str = ("x",),
        parameters: Mapping[str, float] | None = None,
        *,
        name: str | None = None,
        stationary_points: Rule | Sequence[Any] | None = None,
        bounds: Sequence[tuple[float, float]] | None = None,
        requirement: Callable[[str, Mapping[str, float]], None] | None = None,
    ) -> Potential:
        """Return the potential of a formula; its derivatives are derived, compiled and cached.

        Parameters
        ----------
        text : str
            For example ``"(x**2 - 1)**2 + k*y**2/2"``; see `parse_expression` for what may occur.
        variables : sequence of str, or str
            Names of the coordinates in order; "x, y" counts as ("x", "y").
        parameters : mapping, optional
            Name -> finite value. Parameters stay arguments of the compiled code.
        name : str, optional
            For printing; the text by default.
        stationary_points : function or sequence of positions, optional
            Starting values (as a function of the parameters, or fixed) for Newton's method.
        bounds : sequence of (low, high), optional
            The interesting box.
        requirement : function(name, parameters), optional
            Raises ValueError for parameters out of range.

        Raises
        ------
        ExpressionError
            If the text is not an admissible formula of these names or is complex everywhere.
        ValueError
            If a name is reserved or used twice, or a parameter is not finite or does not occur.

        Example
        -------
        >>> U = Potential.from_expression("k*x**2/2", parameters={"k": 4.0})
        >>> float(U.energy([1.0])), U.with_parameters(k=2.0).gradient([1.0])
        (2.0, array([2.]))
        """
        given = dict(parameters or {})
        names, code, latex = derived(text, variables, tuple(given))
        return cls(
            name=name or (text if len(text) <= 40 else "expression"),
            variables=names,
            parameters=given,
            code=code,
            latex=latex,
            text=text,
            bounds=box(bounds, len(names)),
            rule=rule_of(stationary_points, len(names)),
            requirement=requirement,
        )

    @classmethod
    def from_functions(
        cls,
        *,
        energy: Callable[..., Any],
        gradient: Callable[..., Any],
        dim: int,
        parameters: Mapping[str, float] | None = None,
        hessian: Callable[..., Any] | None = None,
        name: str = "user potential",
        variables: Sequence[str] | None = None,
        latex: str = "",
        probe: Sequence[float] | None = None,
        stationary_points: Rule | Sequence[Any] | None = None,
        bounds: Sequence[tuple[float, float]] | None = None,
    ) -> Potential:
        """Return the potential of a user's own ``numba.njit`` functions over arrays.

        ``energy(x, parameters) -> float``, ``gradient(x, parameters, out) -> None`` and optionally
        ``hessian(x, parameters, out) -> None`` with x (dim,), parameters (n_parameters,), out
        (dim,) or (dim, dim), all float64. Without `hessian` the Hessian is a fourth-order finite
        difference of the gradient, good to about 1e-10 relative.

        Parameters
        ----------
        energy, gradient, hessian : functions decorated with numba.njit
            They are called at `probe` and compared with finite differences.
        dim : int
            Number of coordinates, at least 1.
        parameters : mapping, optional
            Name -> finite value; passed as an array in this order.
        probe : sequence of float, optional
            A point (dim,) of finite energy for the check; by default between 0.3 and 0.7.

        Raises
        ------
        TypeError
            If a function is not compiled.
        ValueError
            If dim < 1, or the functions fail at `probe` or contradict one another there.
        """
        from langevin_lab.potentials.functions import checked_code

        given = dict(parameters or {})
        values = np.array([finite(name, key, value) for key, value in given.items()])
        code = checked_code(energy, gradient, hessian, dim, values, probe)
        return cls(
            name=name,
            variables=coordinates(variables, dim),
            parameters=given,
            code=code,
            latex=latex,
            bounds=box(bounds, dim),
            rule=rule_of(stationary_points, dim),
        )

    def _identity(self) -> tuple[Any, ...]:
        values = tuple(self.parameters.items())
        return (
            self.name, self.variables, values, self.code.digest, self.data, self.gradient_noise
        )  # fmt: skip

    def __eq__(self, other: object) -> bool:
        """Equal: the same code, parameters, data and gradient noise, also after pickling."""
        if not isinstance(other, Potential):
            return NotImplemented
        return self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __repr__(self) -> str:
        values = ", ".join(f"{key}={value:g}" for key, value in list(self.parameters.items())[:6])
        dots = ", ..." if len(self.parameters) > 6 else ""
        size = "" if self.dim == 1 else f"{', ' if values else ''}dim={self.dim}"
        noise = "" if self.gradient_noise is None else f" with {self.gradient_noise!r}"
        return f"{self.name}({values}{dots}{size}){noise}"

    def __reduce__(self) -> tuple[Any, ...]:
        fields = (self.name, self.variables, dict(self.parameters), self.code, self.latex)
        more = (self.text, self.bounds, self.rule, self.requirement, self.data)
        return Potential, (*fields, *more, self.gradient_noise)

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return len(self.variables)

    @cached_property
    def parameter_values(self) -> np.ndarray:
        """The parameters as a float64 array (n_parameters,), read-only."""
        values = np.array(list(self.parameters.values()), dtype=np.float64)
        values.flags.writeable = False
        return values

    def energy(self, x: Any) -> Any:
        """Return U(x): x (..., dim) -> (...)."""
        return self._evaluator.energy(self._points(x), self.parameter_values)

    def gradient(self, x: Any) -> np.ndarray:
        """Return dU/dx_i: x (..., dim) -> (..., dim). The force is its negative."""
        return self._evaluator.gradient(self._points(x), self.parameter_values)

    def hessian(self, x: Any) -> np.ndarray:
        """Return d2U/dx_i dx_j: x (..., dim) -> (..., dim, dim)."""
        return self._evaluator.hessian(self._points(x), self.parameter_values)

    def hessian_product(self, x: Any, v: Any) -> np.ndarray:
        """Return sum_j d2U/dx_i dx_j v_j: x, v (..., dim) that broadcast -> (..., dim).

        Derived along v for a formula and a risk, which make no Hessian for it. In array form the
        Hessian times v; without a Hessian function a difference along v (error 1e-10 relative).
        """
        x, v = np.broadcast_arrays(self._points(x), points(self.name, "v", v, self.dim))
        return self._evaluator.hessian_product(x, v, self.parameter_values)

    def derivatives(self, x: Any, order: int) -> np.ndarray:
        """Return the tensor of all derivatives of one order: x (..., dim) -> (..., dim, ..., dim).

        Analytic for a formula (derived on first use and cached); beyond order 2 fourth-order
        finite differences in array form (relative error about 1e-10 at order 3, 1e-7 at order 4).

        Raises
        ------
        ValueError
            If order is not an integer from 1 to 6.
        """
        if order not in range(1, _HIGHEST_ORDER + 1):
            raise ValueError(f"order={order!r} must be an integer from 1 to {_HIGHEST_ORDER}")
        x = self._points(x)
        if order == 1:
            return self.gradient(x)
        if order == 2:
            return self.hessian(x)
        return self._evaluator.derivatives(x, self.parameter_values, order)

    def with_parameters(self, **changes: float) -> Potential:
        """Return the potential with some parameters changed; the code is the same, not recompiled.

        Raises
        ------
        ValueError
            If a name is no parameter or a value is out of range.
        """
        check_parameter_names(self.name, self.parameters, changes)
        changed = replace(self, parameters={**self.parameters, **changes})
        # The evaluator depends on code and data alone; pass it on instead of making it again.
        changed.__dict__["_evaluator"] = self._evaluator
        return changed

    def with_gradient_noise(
        self, *, standard_deviation: Any = None, covariance: Any = None, factor: Any = None
    ) -> Potential:
        """Return the potential whose gradient is drawn: gradient(x) + B n, n standard normals.

        Every evaluation in a step takes fresh normals. Energy, gradient, Hessian and stationary
        points stay the true ones; `gradient_noise` describes the rest.

        Parameters
        ----------
        standard_deviation : float or array_like of shape (dim,), optional
            Of one gradient, in each coordinate [energy/length].
        covariance : array_like of shape (dim, dim), optional
            Of one gradient; symmetric, no negative eigenvalue. B is its Cholesky factor.
        factor : (dim, n_normals) nested sequence of str or float, optional
            B(x) itself, in the variables and parameters of a potential made from an expression.

        Raises
        ------
        ValueError, TypeError
            Unless exactly one is given, of the right shape and finite; if the gradient of the
            potential is drawn already.

        Example
        -------
        >>> U = Potential.from_expression("x**2/2").with_gradient_noise(standard_deviation=0.1)
        >>> U.gradient([1.0]), U.gradient_noise.n_normals
        (array([1.]), 1)
        """
        noise = gaussian_noise(
            self, standard_deviation=standard_deviation, covariance=covariance, factor=factor
        )
        return replace(self, gradient_noise=noise)

    def with_gradient_penalty(self, coefficient: float) -> Potential:
        """Return the potential U + c |grad U|^2, the modified loss of backward error analysis.

        Its gradient is (1 + 2 c H) grad U, H the Hessian: derived for a formula and a risk, in
        array form from the Hessian function, else a central difference along the gradient (error
        about 1e-10 relative); the new Hessian is then a finite difference.

        Parameters
        ----------
        coefficient : float
            c, finite, of either sign [length^2/energy]; the parameter `gradient_penalty`.

        Raises
        ------
        ValueError, TypeError
            If coefficient is no finite number, if the gradient is drawn (penalise first, then add
            noise), if the name `gradient_penalty` is taken (as by a first penalty).

        Example
        -------
        >>> U = Potential.from_expression("x**2").with_gradient_penalty(0.5)
        >>> U.gradient([1.0]), U.with_parameters(gradient_penalty=0.25).energy([1.0])
        (array([6.]), np.float64(2.0))
        """
        from langevin_lab.potentials.penalty import penalised

        return penalised(self, coefficient)

    @cached_property
    def stationary_points(self) -> tuple[StationaryPoint, ...]:
        """The known stationary points at the present parameters, polished to rounding."""
        return () if self.rule is None else stationary_points(self, self.rule(self.parameters))

    @property
    def minima(self) -> tuple[StationaryPoint, ...]:
        """The known minima, lowest first."""
        found = (point for point in self.stationary_points if point.kind == "minimum")
        return tuple(sorted(found, key=lambda point: point.energy))

    @property
    def saddles(self) -> tuple[StationaryPoint, ...]:
        """The known saddles of index 1, lowest first."""
        found = (point for point in self.stationary_points if point.index == 1)
        return tuple(sorted(found, key=lambda point: point.energy))

    @cached_property
    def barriers(self) -> tuple[Barrier, ...]:
        """Every known (minimum, saddle) pair joined by a path of steepest descent, with heights."""
        return barriers(self)

    def barrier(self, minimum: Any, saddle: Any) -> float:
        """Return U(saddle) - U(minimum) of two stationary points or positions (dim,)."""
        return barrier_height(self, minimum, saddle)

    def max_curvature(self) -> float | None:
        """Return the largest Hessian eigenvalue over the known minima; None if none is known."""
        return largest_curvature(self)

    @cached_property
    def _evaluator(self) -> Evaluator:
        return evaluator_of(self)

    def _points(self, x: Any) -> np.ndarray:
        return points(self.name, "x", x, self.dim)
