"""Optimiser constants read as Langevin dynamics, and back: `to_langevin`, `to_optimiser`.

Every formula stands in `dictionary`, with its regime. (learning_rate, momentum) are two numbers
and (dt, friction, mass) three, so one of mass and dt is free. The temperature of an optimiser is
that of small curvature, the same in all conventions; `stationary_variances` are exact on any.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from langevin_lab.dynamics.schedules import check_positive
from langevin_lab.limits.dictionary import RULES, Convention, convention_named
from langevin_lab.limits.readings import (
    LangevinReading,
    OptimiserReading,
    one_number,
    read_dynamics,
    read_optimiser,
)
from langevin_lab.limits.regime import SmallParameter

__all__ = ["small_parameters", "to_langevin", "to_optimiser"]


def to_langevin(
    optimiser: Any,
    *,
    convention: str,
    mass: float | None = None,
    dt: float | None = None,
    gradient_noise: float | None = None,
    batch_size: float | None = None,
    curvature: float | None = None,
) -> LangevinReading:
    """Read an optimiser as a dynamics at a time step.

    Parameters
    ----------
    optimiser, gradient_noise, batch_size
        As `read_optimiser`.
    convention : str
        A key of `CONVENTIONS`: "BAOAB", "BBK", "SemiImplicitEuler", "gradient_flow" or
        "effective_learning_rate".
    mass, dt : float, optional
        The free choice where there are momenta: a mass > 0, by default 1, or a time step > 0.
    curvature : float, optional
        The largest of the potential, > 0: checks the regime.

    Returns
    -------
    LangevinReading
        Its friction is known to the rounding of the momentum, 1e-16/(friction dt).

    Raises
    ------
    ValueError
        If the convention is unknown or its momentum out of range, mass and dt are both given or
        either to an overdamped convention, or the optimiser looks ahead and momenta are asked for.

    Warns
    -----
    OutsideRegimeWarning
        If a small parameter on that curvature is above its limit.

    Examples
    --------
    >>> from langevin_lab.limits import OptimiserReading, to_langevin
    >>> cool = OptimiserReading(learning_rate=0.0095, momentum=0.9, gradient_noise=2.0)
    >>> reading = to_langevin(cool, convention="BBK")
    >>> round(reading.dt, 4), round(reading.friction, 4), round(reading.temperature, 4)
    (0.1, 1.0526, 0.19)
    """
    record = convention_named(convention)
    constants = read_optimiser(optimiser, gradient_noise=gradient_noise, batch_size=batch_size)
    rate, momentum = constants.damped_learning_rate, constants.momentum
    if record.equation == "overdamped":
        if mass is not None or dt is not None:
            raise ValueError(
                f"mass={mass}, dt={dt}: convention={convention!r} is overdamped, its dt follows "
                "from the learning rate and there is no mass; give neither"
            )
        if momentum == 1:
            raise ValueError(f"momentum=1 has no {convention}: it never relaxes; use momentum < 1")
        mass, dt = 0.0, rate / record.solve("learning_rate", dt=1.0, momentum=momentum)
    else:
        mass, dt = _mass_and_step(record, constants, mass, dt)
    found = LangevinReading(
        convention=convention,
        dt=dt,
        friction=record.solve("friction", momentum=momentum, dt=dt),
        mass=mass,
        temperature=constants.temperature,
    )
    _check_curvature(constants, convention, found, curvature)
    return found


def to_optimiser(
    langevin: Any,
    *,
    dt: float | None = None,
    convention: str | None = None,
    momentum: float | None = None,
    dampening: float = 0.0,
    gradient_noise: float | None = None,
    batch_size: float | None = None,
    curvature: float | None = None,
) -> OptimiserReading:
    """Find the optimiser that a dynamics at a time step is read from; inverts `to_langevin`.

    Parameters
    ----------
    langevin : LangevinReading, Langevin, Overdamped or GradientFlow
        A dynamics needs ``dt`` and ``convention``, and one number for friction, mass, temperature.
    dt, convention : optional
        As in `LangevinReading`, which has its own.
    momentum : float, optional
        In [0, 1), "effective_learning_rate" only, where it is free: by default 0.
    dampening : float, optional
        In [0, 1): the learning rate is raised to make up for it.
    gradient_noise, batch_size : float, optional
        The noise of one example, which fixes the batch size; or the batch size, by default 1,
        which fixes the noise.
    curvature : float, optional
        As in `to_langevin`.

    Returns
    -------
    OptimiserReading

    Raises
    ------
    ValueError
        If the friction is too large for the convention at this dt, the choices above contradict
        one another, or no noise has this temperature.

    Warns
    -----
    OutsideRegimeWarning
        As `to_langevin`.

    Examples
    --------
    >>> from langevin_lab.limits import LangevinReading, to_optimiser
    >>> reading = LangevinReading(convention="BAOAB", dt=0.1, friction=1.0, temperature=0.2)
    >>> optimiser = to_optimiser(reading, gradient_noise=16.0)
    >>> round(optimiser.momentum, 4), round(optimiser.batch_size, 1)
    (0.9048, 64.1)
    """
    reading = read_dynamics(langevin, dt, convention)
    record = convention_named(reading.convention)
    momentum = _momentum_of(record, reading, momentum)
    mass = reading.mass or 1.0
    damped = record.solve("learning_rate", dt=reading.dt, mass=mass, momentum=momentum)
    plain = OptimiserReading(learning_rate=damped, momentum=momentum)
    noisy = _with_noise(plain, reading.temperature, gradient_noise, batch_size)
    found = replace(noisy, dampening=dampening)
    unit = replace(found, learning_rate=1.0).damped_learning_rate
    found = replace(found, learning_rate=damped / unit)
    _check_curvature(found, reading.convention, reading, curvature)
    return found


def small_parameters(
    optimiser: Any, *, convention: str, curvature: float, **choices: float
) -> tuple[SmallParameter, ...]:
    """Compute the small parameters of a reading on a curvature, without a warning.

    Parameters
    ----------
    optimiser, convention, curvature
        As `to_langevin`.
    **choices
        Its mass, dt, gradient_noise or batch_size.

    Returns
    -------
    tuple of SmallParameter
        Those of the convention, and those of the temperature where there is gradient noise.
    """
    noise = {name: choices.get(name) for name in ("gradient_noise", "batch_size")}
    constants = read_optimiser(optimiser, **noise)
    reading = to_langevin(optimiser, convention=convention, **choices)
    return _small_parameters(constants, convention, reading, curvature)


def _mass_and_step(
    record: Convention, constants: OptimiserReading, mass: float | None, dt: float | None
) -> tuple[float, float]:
    """The free one of mass and dt as given, and the other solved for."""
    if constants.look_ahead != 0:
        raise ValueError(
            f"look_ahead={constants.look_ahead:g}: convention={record.name!r} reads heavy ball "
            "only; use 'gradient_flow' or 'effective_learning_rate', which hold for any look-ahead"
        )
    if mass is not None and dt is not None:
        raise ValueError(
            f"mass={mass} and dt={dt} are one free choice: give one, the other follows"
        )
    momentum, rate = constants.momentum, constants.damped_learning_rate
    if dt is not None:
        check_positive("dt", dt)
        return record.solve("learning_rate", dt=dt, mass=1.0, momentum=momentum) / rate, dt
    mass = 1.0 if mass is None else mass
    check_positive("mass", mass)
    unit = record.solve("learning_rate", dt=1.0, mass=mass, momentum=momentum)
    return mass, math.sqrt(rate / unit)


def _momentum_of(record: Convention, reading: LangevinReading, momentum: float | None) -> float:
    """Momentum coefficient of a reading; the one given where it is free."""
    if not record.has("momentum"):
        momentum = 0.0 if momentum is None else one_number("momentum", momentum)
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum={momentum} must be in [0, 1)")
        return momentum
    if momentum is not None:
        raise ValueError(
            f"momentum={momentum}: convention={record.name!r} has it follow from the friction; "
            "leave it out"
        )
    found = record.solve("momentum", friction=reading.friction, dt=reading.dt)
    if found < 0:
        raise ValueError(
            f"friction={reading.friction:g} at dt={reading.dt:g} has the momentum {found:g} < 0 in "
            f"convention={record.name!r}; use a smaller "
            + ("dt" if record.equation == "langevin" else "friction")
        )
    return found


def _with_noise(
    plain: OptimiserReading, temperature: float, noise: float | None, batch: float | None
) -> OptimiserReading:
    """The noiseless optimiser with the noise, or the batch size, that gives it a temperature."""
    if noise is not None and batch is not None:
        raise ValueError(
            f"gradient_noise={noise} and batch_size={batch}: the temperature fixes one of them; "
            "give the other"
        )
    if temperature > 0 and plain.momentum == 1:
        raise ValueError(
            f"temperature={temperature:g}: without friction there is no noise to hold it; "
            "use temperature=0 or friction > 0"
        )
    if noise is None:
        quiet = replace(plain, batch_size=1.0 if batch is None else batch)
        if temperature == 0:
            return quiet
        unit = replace(quiet, gradient_noise=1.0).temperature
        return replace(quiet, gradient_noise=math.sqrt(temperature / unit))
    check_positive("gradient_noise", noise)
    if temperature == 0:
        raise ValueError(
            f"gradient_noise={noise:g}: no batch size makes temperature 0 of it; leave it out"
        )
    noisy = replace(plain, gradient_noise=noise)
    return replace(noisy, batch_size=noisy.temperature / temperature)


def _small_parameters(
    constants: OptimiserReading, convention: str, reading: LangevinReading, curvature: float
) -> tuple[SmallParameter, ...]:
    check_positive("curvature", curvature)
    values = constants.constants() | {"curvature": float(curvature), "mass": reading.mass or 0.0}
    values |= {"dt": reading.dt, "friction": reading.friction}
    found = convention_named(convention).regime(**values)
    return found + (RULES["temperature"].regime(**values) if constants.gradient_noise > 0 else ())


def _check_curvature(
    constants: OptimiserReading,
    convention: str,
    reading: LangevinReading,
    curvature: float | None,
) -> None:
    """Warn, at the line that called the caller, of what is too large on ``curvature``."""
    if curvature is None:
        return
    for parameter in _small_parameters(constants, convention, reading, curvature):
        remedy = "use a smaller learning rate, a smaller dt"
        if "curvature" not in parameter.formula:
            remedy = "use a momentum nearer to 1, a smaller dt"
        parameter.check(f"the reading as {convention}", remedy=remedy, stacklevel=4)
