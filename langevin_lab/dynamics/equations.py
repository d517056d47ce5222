"""The equations: gradient flow, overdamped and underdamped Langevin dynamics.

    gradient flow        dx = -grad U(x) dt
    overdamped           friction dx = -grad U(x) dt + sqrt(2 friction T) dW
    Langevin             dx = p/mass dt
                         dp = -grad U(x) dt - friction p dt + sqrt(2 friction mass T) dW

k_B = 1, ``friction`` is a rate [1/time] (in the overdamped equation with unit mass), W is a
standard Wiener process. The stationary density is exp(-U/T), times exp(-p^2/(2 mass T)) for
Langevin dynamics. Source: Leimkuhler and Matthews (2015), chapter 6.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from langevin_lab.dynamics.schedules import schedule_values

Temperature = float | Callable[[Any], Any]
Friction = float | tuple[float, ...] | Callable[[Any], Any]


def _check_potential(potential: Any) -> None:
    if not (hasattr(potential, "energy") and hasattr(potential, "dim")):
        raise TypeError(
            f"potential={potential!r} is not a Potential: use ll.potentials.NAME(), "
            "ll.Potential.from_expression(...) or ll.Potential.from_functions(...)"
        )


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name}={value!r} must be a number")
    return float(value)


def _check_temperature(value: Any) -> Temperature:
    if callable(value):
        return value
    number = _number("temperature", value)
    if not (np.isfinite(number) and number >= 0):
        raise ValueError(
            f"temperature={number} must be finite and >= 0 (energy units, k_B = 1); "
            "use temperature=0 for the deterministic flow"
        )
    return number


def _per_coordinate(
    name: str, value: Any, dim: int, *, zero: bool, infinite: bool = False
) -> float | tuple[float, ...]:
    """``value`` as a float, or as a tuple with one entry per coordinate; hashable either way."""
    allowed = (">= 0" if zero else "> 0") + (" (or math.inf)" if infinite else "")
    refused = TypeError(f"{name}={value!r} must be a number, or one per coordinate")
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise refused from None
    # numpy reads True as 1 and "2" as 2.
    entries = np.ravel(np.asarray(value, dtype=object))
    if any(isinstance(entry, (bool, np.bool_, str, bytes)) for entry in entries):
        raise refused
    if array.ndim > 1 or (array.ndim == 1 and array.shape != (dim,)):
        raise ValueError(
            f"{name} has shape {array.shape}: give one number or one per coordinate, shape ({dim},)"
        )
    finite = np.isfinite(array) | (infinite & (array == np.inf))
    bad = ~finite | (array < 0) | ((array == 0) & (not zero))
    if bad.any():
        raise ValueError(f"{name}={value!r} must be finite and {allowed}")
    return float(array) if array.ndim == 0 else tuple(float(entry) for entry in array)


def _check_friction(value: Any, dim: int, *, zero: bool, infinite: bool = False) -> Friction:
    if callable(value):
        return value
    return _per_coordinate("friction", value, dim, zero=zero, infinite=infinite)


class Dynamics:
    """Base of all equations: a potential, a temperature, and what they say about themselves."""

    potential: Any
    temperature: Temperature
    momenta = False
    equation = "overdamped"  # what methods are looked up by
    step_name = "dt"  # what a user makes smaller if steps are too long
    of_one_time = False  # whether this is what schedules are at a time, which may be 0

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return int(self.potential.dim)

    @property
    def scheduled(self) -> tuple[str, ...]:
        """Which of "temperature" and "friction" change in time."""
        names = ("temperature", "friction")
        return tuple(name for name in names if callable(getattr(self, name, None)))

    @property
    def is_scheduled(self) -> bool:
        """Whether the temperature or the friction changes in time."""
        return bool(self.scheduled)

    @property
    def is_noiseless(self) -> bool:
        """Whether there is no noise: temperature 0; a schedule of it counts as noise."""
        return not callable(self.temperature) and not np.any(self.temperature)

    def temperature_at(self, time):
        """Temperature at ``time`` (scalar or array), checked to be finite and >= 0.

        Raises
        ------
        ValueError
            If a schedule returns a negative or non-finite temperature, or the wrong shape.
        """
        if not callable(self.temperature):
            return np.full(np.shape(time), self.temperature)
        return _scheduled_values("temperature", self.temperature, time, zero=True)

    def friction_at(self, time):
        """Friction at ``time``, checked to be finite and >= 0 (without momenta: > 0).

        Returns
        -------
        ndarray of the shape of ``time``, for one friction a coordinate of shape (..., dim)

        Raises
        ------
        ValueError
            If a schedule returns a friction out of range, or the wrong shape.
        TypeError
            If the equation has no coefficient of friction.
        """
        if not hasattr(self, "friction"):
            raise TypeError(f"{type(self).__name__} has no friction that is a number or schedule")
        friction = self.friction
        if not callable(friction):
            return np.broadcast_to(friction, np.shape(time) + np.shape(friction)).copy()
        return _scheduled_values("friction", friction, time, zero=self.momenta)

    def scheduled_values(self, times) -> dict[str, np.ndarray]:
        """Values of what is scheduled at times of shape (n,): plural name -> shape (n,)."""
        return {f"{name}s": getattr(self, f"{name}_at")(times) for name in self.scheduled}

    def at(self, time) -> Dynamics:
        """The same dynamics with its schedules replaced by their values at ``time``.

        Parameters
        ----------
        time : float or array_like of shape (n,)
            An array gives columns of shape (n, 1) in place of numbers, one row a time: what the
            coefficients of n steps are made from. Such a dynamics cannot be hashed or compared.

        Returns
        -------
        Dynamics
            Itself if nothing is scheduled. A temperature of 0 that a schedule passes through is
            allowed, also where a number must be > 0.
        """
        if not self.is_scheduled:
            return self
        values = {name: getattr(self, f"{name}_at")(time) for name in self.scheduled}
        frozen = copy.copy(self)
        object.__setattr__(frozen, "of_one_time", True)
        for name, value in values.items():
            entry = float(value) if np.ndim(time) == 0 else value[:, None]
            object.__setattr__(frozen, name, entry)
        return frozen

    @property
    def thermal_momentum_scale(self) -> np.ndarray:
        """sqrt(mass T) of each coordinate at time 0, the width of the Maxwell distribution."""
        mass = np.broadcast_to(np.asarray(getattr(self, "mass", 1.0), dtype=float), (self.dim,))
        return np.sqrt(mass * float(self.temperature_at(0.0)))

    def thermostat_start(self, draws: np.ndarray) -> np.ndarray:
        """Thermostats from their invariant law; draws (n_thermostats, n) are standard normal."""
        return draws

    def describe(self) -> str:
        """One line with the equation's name and its numbers, for labels and provenance."""
        fields = [f"{name}={getattr(self, name)!r}" for name in self.__dataclass_fields__]  # type: ignore[attr-defined]
        # A schedule that is a plain function prints its address, which changes from run to run.
        return re.sub(r" at 0x[0-9a-f]+", "", f"{type(self).__name__}({', '.join(fields)})")


def _scheduled_values(name: str, schedule: Callable[[Any], Any], time: Any, *, zero: bool):
    """Values of a schedule in the shape of ``time``; ValueError for a bad shape or value."""
    values = schedule_values(name, schedule, time)
    bad = ~(np.isfinite(values) & ((values >= 0) if zero else (values > 0)))
    if bad.any():
        when = float(np.asarray(time)[bad].flat[0])
        raise ValueError(
            f"{name} schedule returned {float(values[bad].flat[0])} at time {when:g}: "
            f"it must be finite and {'>= 0' if zero else '> 0'}"
        )
    return values


@dataclass(frozen=True)
class GradientFlow(Dynamics):
    """Gradient flow ``dx = -grad U(x) dt``.

    Parameters
    ----------
    potential : Potential
        U, with ``dim`` coordinates.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> ll.GradientFlow(ll.potentials.double_well()).temperature
    0.0
    """

    potential: Any

    def __post_init__(self) -> None:
        _check_potential(self.potential)

    @property
    def temperature(self) -> float:  # type: ignore[override]
        """Zero: a flow has no noise."""
        return 0.0

    @property
    def friction(self) -> float:
        """One: the flow is overdamped dynamics with unit friction at temperature zero."""
        return 1.0


@dataclass(frozen=True)
class Overdamped(Dynamics):
    """Overdamped dynamics ``friction dx = -grad U dt + sqrt(2 friction T) dW``.

    Parameters
    ----------
    potential : Potential
        U, with ``dim`` coordinates.
    temperature : float or callable
        T >= 0 [energy], or a schedule ``temperature(time)``.
    friction : float, array_like of shape (dim,) or callable, optional
        > 0 [1/time, with unit mass], or a schedule ``friction(time)`` for all coordinates.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> ll.Overdamped(ll.potentials.double_well(), temperature=0.2).friction
    1.0
    """

    potential: Any
    temperature: Temperature = field(kw_only=True)
    friction: Friction = field(default=1.0, kw_only=True)

    def __post_init__(self) -> None:
        _check_potential(self.potential)
        object.__setattr__(self, "temperature", _check_temperature(self.temperature))
        friction = _check_friction(self.friction, self.dim, zero=False)
        object.__setattr__(self, "friction", friction)


@dataclass(frozen=True)
class Langevin(Dynamics):
    """Langevin dynamics ``dx = p/mass dt``, ``dp = -grad U dt - friction p dt + noise``.

    The noise is ``sqrt(2 friction mass T) dW``; ``friction = 0`` gives Hamiltonian dynamics,
    ``temperature = 0`` the damped (momentum) flow.

    Parameters
    ----------
    potential : Potential
        U, with ``dim`` coordinates.
    temperature : float or callable
        T >= 0 [energy], or a schedule ``temperature(time)``.
    friction : float, array_like of shape (dim,) or callable
        >= 0 [1/time]: a rate, not mass times rate; or a schedule ``friction(time)`` for all
        coordinates. ``math.inf`` redraws the momentum at every O, which makes BAOAB the method of
        Leimkuhler and Matthews with the step dt^2/(2 mass).
    mass : float or array_like of shape (dim,), optional
        > 0.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> ll.Langevin(ll.potentials.double_well(), temperature=0.2, friction=1.0).mass
    1.0
    """

    potential: Any
    temperature: Temperature = field(kw_only=True)
    friction: Friction = field(kw_only=True)
    mass: float | tuple[float, ...] = field(default=1.0, kw_only=True)
    momenta = True
    equation = "langevin"

    def __post_init__(self) -> None:
        _check_potential(self.potential)
        object.__setattr__(self, "temperature", _check_temperature(self.temperature))
        friction = _check_friction(self.friction, self.dim, zero=True, infinite=True)
        object.__setattr__(self, "friction", friction)
        object.__setattr__(self, "mass", _per_coordinate("mass", self.mass, self.dim, zero=False))
