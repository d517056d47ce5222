"""Itô diffusions whose noise depends on the position.

    dx = -mobility grad U(x) dt + B(x) dW        or        dx = a(x) dt + B(x) dW

in the sense of Itô: B is taken at the beginning of dt. The Stratonovich equation with the same B
has the Itô drift a_i + (1/2) sum_jk B_jk dB_ik/dx_j. In one dimension the stationary density is
proportional to B^-2 exp(2 int a/B^2 dx).

The diffusion limit of stochastic gradient descent with learning rate eta and covariance Sigma(x) of
its gradients is of this kind, B B^T = eta Sigma.

Source: Kloeden and Platen (1992), chapter 4; Li, Tai and E (2017) for stochastic gradients.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from langevin_lab.dynamics.equations import Dynamics, _check_potential, _per_coordinate
from langevin_lab.potentials import Potential
from langevin_lab.potentials.formula import coordinate_names, derived
from langevin_lab.potentials.vector_fields import field_source, numpy_functions, slope_source


@dataclass(frozen=True)
class ItoDiffusion(Dynamics):
    """Itô equation ``dx = -mobility grad U dt + B(x) dW`` with B from expressions.

    Parameters
    ----------
    potential : Potential
        U, from an expression; its variables and parameters may occur in the expressions below.
    noise : str, or sequence of str, or nested sequence of shape (dim, n_noises)
        B [length/sqrt(time)]: one expression for independent noises of all coordinates, one for
        each coordinate (a diagonal factor), or the rows of a full factor. Numbers count as
        expressions.
    drift : str or sequence of str, optional
        a(x) [length/time], one expression for each coordinate, instead of -mobility grad U; the
        potential then stands only for what is observed.
    mobility : float or array_like of shape (dim,), optional
        > 0, as 1/friction in `Overdamped`.
    parameters : mapping, optional
        Name -> value of parameters that the potential does not have; it has them afterwards.

    Raises
    ------
    ValueError, TypeError
        If the potential is no expression, or shapes, names or numbers do not fit.
    ExpressionError
        If an entry is no formula of the potential's variables and parameters.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> U = ll.potentials.harmonic()
    >>> eq = ll.ItoDiffusion(U, noise="s*sqrt(1 + x**2)", parameters={"s": 0.5})
    >>> eq.noise, eq.potential.parameters["s"]
    (('s*sqrt(1 + x**2)',), 0.5)
    """

    potential: Any
    noise: Any = field(kw_only=True)
    drift: Any = field(default=None, kw_only=True)
    mobility: float | tuple[float, ...] = field(default=1.0, kw_only=True)
    parameters: Any = field(default=(), kw_only=True)
    equation = "ito"

    def __post_init__(self) -> None:
        _check_potential(self.potential)
        if self.potential.code.form != "scalar":
            raise TypeError(
                f"potential={self.potential!r} is given as compiled functions; noise from "
                "expressions needs a potential from one: use ll.Potential.from_expression(...)"
            )
        complete = _with_parameters(self.potential, dict(self.parameters))
        object.__setattr__(self, "potential", complete)
        object.__setattr__(self, "parameters", ())  # the potential has them now
        object.__setattr__(self, "noise", _noise(self.noise, self.dim))
        mobility = _per_coordinate("mobility", self.mobility, self.dim, zero=False)
        object.__setattr__(self, "mobility", mobility)
        if self.drift is not None:
            object.__setattr__(self, "drift", _entries("drift", self.drift, self.dim))
            if mobility != 1.0:
                raise ValueError(f"mobility={mobility} has no meaning with a drift; leave it out")
            if self.potential.gradient_noise is not None:
                raise ValueError(
                    f"the gradient of {self.potential.name} is drawn, but a drift takes no "
                    "gradient; use the potential without gradient noise, or no drift"
                )
        field_source(self.potential, self._functions)

    @classmethod
    def from_drift(
        cls,
        drift: Any,
        *,
        noise: Any,
        variables: Sequence[str] | str | None = None,
        parameters: Mapping[str, float] | None = None,
    ) -> ItoDiffusion:
        """Return ``dx = a(x) dt + B(x) dW`` where the drift is no gradient.

        Parameters
        ----------
        drift : str or sequence of str
            One expression for each coordinate.
        noise : str, or sequence of str, or nested sequence
            As in the class.
        variables : sequence of str, or str, optional
            Names of the coordinates; by default x; x, y; x, y, z; or x0, x1, ...
        parameters : mapping, optional
            Name -> value.

        Examples
        --------
        >>> import langevin_lab as ll
        >>> motion = ll.ItoDiffusion.from_drift(
        ...     "mu*x", noise="sigma*x", parameters={"mu": 0.1, "sigma": 0.3})
        >>> motion.drift
        ('mu*x',)
        """
        count = 1 if isinstance(drift, str) else len(drift)
        names = coordinate_names(count) if variables is None else variables
        nothing = Potential.from_expression("0", names, name="no potential")
        return cls(nothing, noise=noise, drift=drift, parameters=parameters or ())

    @property
    def temperature(self) -> float:  # type: ignore[override]
        """Nan: the noise is given by itself."""
        return math.nan

    @property
    def is_noiseless(self) -> bool:
        """False."""
        return False

    @property
    def friction(self) -> float | tuple[float, ...]:
        """1/mobility: the equation is friction dx = -grad U dt + friction B dW."""
        if isinstance(self.mobility, tuple):
            return tuple(1.0 / mobility for mobility in self.mobility)
        return 1.0 / self.mobility

    @property
    def n_noises(self) -> int | None:
        """Columns of a full factor; None for one noise for each coordinate."""
        return len(self.noise[0]) if isinstance(self.noise[0], tuple) else None

    @property
    def _columns(self) -> tuple[tuple[str, ...], ...]:
        return (self.noise,) if self.n_noises is None else tuple(zip(*self.noise))

    @property
    def _functions(self) -> dict[str, tuple[str, ...]]:
        """Name of a function that a step may call -> its entries."""
        functions = {} if self.drift is None else {"drift": self.drift}
        if self.n_noises is None:
            return functions | {"noise": self.noise}
        return functions | {f"noise_{k}": column for k, column in enumerate(self._columns)}

    @property
    def function_names(self) -> frozenset[str]:
        """The drift, if it is not that of the potential, and all noises."""
        return frozenset(self._functions)

    @cached_property
    def _slopes(self) -> tuple[str, tuple[int, int] | None]:
        diagonal = self.n_noises is None
        return slope_source(self.potential, self._columns, diagonal=diagonal)

    @property
    def noncommuting(self) -> tuple[int, int] | None:
        """Two noises whose order matters, counted from 0; None if all commute."""
        return self._slopes[1]

    def source(self, names: Sequence[str]) -> str:
        """Text of the vector functions that a step calls, in the arguments of the gradient."""
        source = field_source(self.potential, self._functions)
        if any(name.startswith("noise_slope") for name in names):
            source += "\n\n" + self._slopes[0]
        return source

    def functions(self, names: Sequence[str]) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
        """The vector functions that a step calls, over arrays (..., dim) -> (..., dim)."""
        made = numpy_functions(self.source(names), self.potential.parameter_values)
        return {name: made[name] for name in names}


def _text(name: str, value: Any) -> str:
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        return repr(float(value))
    if not isinstance(value, str):
        raise TypeError(f"{name}={value!r} must be an expression such as '0.3*x', or a number")
    return value


def _entries(name: str, value: Any, dim: int) -> tuple[str, ...]:
    """One text for each coordinate."""
    entries = [value] if isinstance(value, str) else list(value)
    if len(entries) != dim:
        raise ValueError(f"{name}={value!r} has {len(entries)} expressions for {dim} coordinates")
    return tuple(_text(name, entry) for entry in entries)


def _noise(value: Any, dim: int) -> tuple[Any, ...]:
    """A diagonal as a tuple of texts, a full factor as a tuple of rows."""
    if isinstance(value, str) or not isinstance(value, (Sequence, np.ndarray)):
        return (_text("noise", value),) * dim
    rows = [row if isinstance(row, (list, tuple, np.ndarray)) else None for row in value]
    if all(row is None for row in rows):
        return _entries("noise", value, dim)
    lengths = {0 if row is None else len(row) for row in rows}
    if len(rows) != dim or len(lengths) != 1 or 0 in lengths:
        raise ValueError(
            f"noise={value!r} must be one expression, one for each of {dim} coordinates, or {dim} "
            "rows of equal length, one entry for each noise"
        )
    return tuple(tuple(_text("noise", entry) for entry in row) for row in rows if row is not None)


def _with_parameters(potential: Potential, parameters: dict[str, float]) -> Potential:
    """The same landscape with more parameters, which its own formula does not hold."""
    new = {}
    for name, value in parameters.items():
        if name not in potential.parameters:
            new[name] = value
        elif potential.parameters[name] != value:
            raise ValueError(
                f"parameters: {name}={value} is {potential.parameters[name]:g} in "
                f"{potential.name}; set it there, with_parameters({name}={value})"
            )
    if not new:
        return potential
    every = {**potential.parameters, **new}
    _, code, _ = derived(potential.text, potential.variables, tuple(every), unused=True)
    return dataclasses.replace(potential, parameters=every, code=code)
