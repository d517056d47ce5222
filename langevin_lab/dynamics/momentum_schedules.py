"""CoolMomentum's schedule of the momentum coefficient, and what it means as a friction.

A heavy ball of momentum coefficient ``momentum`` and time step dt is Langevin dynamics of unit mass
whose friction depends on the method that it is read as:

    BBK        momentum = (1 - friction dt/2)/(1 + friction dt/2)
               friction = 2 (1 - momentum)/((1 + momentum) dt)
    BAOAB      momentum = exp(-friction dt)
               friction = -log(momentum)/dt

Both have the learning rate dt^2 (1 + momentum)/2. At a constant noise of the gradient the
temperature is proportional to (1 + momentum)/(1 - momentum), the friction of BBK upside down.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.dynamics import elementwise
from langevin_lab.dynamics.schedules import check_number, check_positive

FORMS = ("published", "exponential", "linear")


@dataclass(frozen=True, kw_only=True)
class CoolingMomentum:
    """Momentum coefficient that falls from ``start`` at time 0 to 0 at time ``duration``.

    With f = time/duration, kept between 0 and 1, the forms are::

        "published"     1 - (1 - start)^(1 - f): 1/(1 - momentum) falls exponentially
        "exponential"   (1 - q)/(1 + q), q = ((1 - start)/(1 + start))^(1 - f):
                        (1 + momentum)/(1 - momentum), the temperature, falls exponentially
        "linear"        start (1 - f)/(1 - start f): momentum/(1 - momentum) falls linearly

    Parameters
    ----------
    start : float
        Momentum coefficient at time 0, in [0, 1).
    duration : float
        Time at which it reaches 0, > 0; the number of iterations S for a clock that counts them.
    form : {"published", "exponential", "linear"}, optional
        The published schedule, or one of the authors' two later ones.

    Source
    ------
    Borysenko and Byshkin (2021), equation (20) [BB21]; the later forms are those of the files
    coolmomentum.py and cool_lin.py of the authors' repository.

    Examples
    --------
    >>> from langevin_lab.dynamics import CoolingMomentum
    >>> momentum = CoolingMomentum(start=0.99, duration=1000)
    >>> [round(float(momentum(n)), 4) for n in (0, 250, 500, 1000)]
    [0.99, 0.9684, 0.9, 0.0]
    """

    start: float
    duration: float
    form: str = "published"

    def __post_init__(self) -> None:
        check_number("start", self.start)
        if not 0 <= self.start < 1:
            raise ValueError(f"start={self.start!r} must be a momentum coefficient in [0, 1)")
        check_positive("duration", self.duration)
        if self.form not in FORMS:
            raise ValueError(f"form={self.form!r} must be one of {FORMS}")

    @property
    def alpha(self) -> float:
        """Factor of 1/(1 - momentum) in one time unit of the published form."""
        return math.pow(1.0 - self.start, 1.0 / self.duration)

    def __call__(self, time):
        """Momentum coefficient at ``time`` (scalar or array)."""
        left = 1.0 - np.clip(np.asarray(time, dtype=float) / self.duration, 0.0, 1.0)
        if self.form == "published":
            return 1.0 - elementwise.power(1.0 - self.start, left)
        if self.form == "exponential":
            inverse = elementwise.power((1.0 - self.start) / (1.0 + self.start), left)
            return (1.0 - inverse) / (1.0 + inverse)
        return self.start * left / (1.0 - self.start * (1.0 - left))


def bbk_friction(momentum: Any, dt: float) -> Any:
    """Friction ``2 (1 - momentum)/((1 + momentum) dt)`` of a heavy ball read as BBK.

    Parameters
    ----------
    momentum : float or array_like
        Momentum coefficient in [0, 1].
    dt : float
        Time step > 0, the square root of the learning rate [time].

    Returns
    -------
    float or ndarray of the shape of ``momentum``
        [1/time], between 0 and 2/dt.

    Raises
    ------
    ValueError
        If the momentum is outside [0, 1] or dt <= 0.

    Examples
    --------
    >>> from langevin_lab.dynamics import bbk_friction
    >>> float(bbk_friction(0.6, dt=0.5))
    1.0
    """
    momentum = _check_momentum(momentum, zero=True)
    check_positive("dt", dt)
    return (2.0 * (1.0 - momentum) / ((1.0 + momentum) * dt))[()]


def baoab_friction(momentum: Any, dt: float) -> Any:
    """Friction ``-log(momentum)/dt`` of a heavy ball read as BAOAB.

    Parameters
    ----------
    momentum : float or array_like
        Momentum coefficient in (0, 1]; 0 would be an infinite friction.
    dt : float
        Time step > 0, the square root of the learning rate [time].

    Returns
    -------
    float or ndarray of the shape of ``momentum``
        [1/time].

    Raises
    ------
    ValueError
        If the momentum is outside (0, 1] or dt <= 0.

    Examples
    --------
    >>> from langevin_lab.dynamics import baoab_friction
    >>> round(float(baoab_friction(0.9, dt=0.1)), 4)
    1.0536
    """
    momentum = _check_momentum(momentum, zero=False)
    check_positive("dt", dt)
    return np.abs(elementwise.log(momentum) / dt)[()]


def bbk_momentum(friction: Any, dt: float) -> Any:
    """Momentum coefficient ``(1 - friction dt/2)/(1 + friction dt/2)``; inverts `bbk_friction`.

    Parameters
    ----------
    friction : float or array_like
        [1/time], between 0 and 2/dt.
    dt : float
        > 0 [time].

    Raises
    ------
    ValueError
        If the friction is negative or above 2/dt, where the momentum would be negative.
    """
    check_positive("dt", dt)
    half = np.asarray(friction, dtype=float) * dt / 2.0
    bad = ~((half >= 0) & (half <= 1))
    if bad.any():
        raise ValueError(
            f"friction={float(np.asarray(friction)[bad].flat[0])} must lie between 0 and "
            f"2/dt={2.0 / dt:g}, where the momentum coefficient of BBK is 0; use a smaller dt"
        )
    return ((1.0 - half) / (1.0 + half))[()]


def baoab_momentum(friction: Any, dt: float) -> Any:
    """Momentum coefficient ``exp(-friction dt)``; inverts `baoab_friction`.

    Parameters
    ----------
    friction : float or array_like
        [1/time], >= 0.
    dt : float
        > 0 [time].

    Raises
    ------
    ValueError
        If the friction is negative or not finite.
    """
    check_positive("dt", dt)
    friction = np.asarray(friction, dtype=float)
    bad = ~(np.isfinite(friction) & (friction >= 0))
    if bad.any():
        raise ValueError(f"friction={float(friction[bad].flat[0])} must be finite and >= 0")
    return elementwise.exp(-friction * dt)


_READINGS = {"BBK": bbk_friction, "BAOAB": baoab_friction}


@dataclass(frozen=True, kw_only=True)
class MomentumFriction:
    """Friction of a scheduled momentum coefficient, for ``Langevin(friction=...)``.

    Parameters
    ----------
    momentum : callable
        Schedule of the momentum coefficient, over the clock of the dynamics.
    dt : float
        Time step of the run, > 0 [time]. It must be the ``dt`` that the run is given, which
        nothing checks: another step has this friction, but another momentum coefficient.
    reading : {"BBK", "BAOAB"}, optional
        The formula: `bbk_friction` or `baoab_friction`. The latter knows no momentum of 0, so a
        CoolingMomentum must end after the run.

    Examples
    --------
    >>> from langevin_lab.dynamics import CoolingMomentum, MomentumFriction
    >>> friction = MomentumFriction(momentum=CoolingMomentum(start=0.9, duration=10.0), dt=0.1)
    >>> round(float(friction(10.0)), 4)
    20.0
    """

    momentum: Callable[[Any], Any]
    dt: float
    reading: str = "BBK"

    def __post_init__(self) -> None:
        if not callable(self.momentum):
            raise TypeError(
                f"momentum={self.momentum!r} must be a schedule, such as CoolingMomentum(...); "
                "convert a number with bbk_friction or baoab_friction"
            )
        check_positive("dt", self.dt)
        if self.reading not in _READINGS:
            raise ValueError(f"reading={self.reading!r} must be one of {tuple(_READINGS)}")

    def __call__(self, time):
        """Friction at ``time`` (scalar or array)."""
        return _READINGS[self.reading](self.momentum(time), self.dt)


def _check_momentum(momentum: Any, *, zero: bool) -> np.ndarray:
    """``momentum`` as an array; ValueError unless all are in [0, 1], or in (0, 1]."""
    momentum = np.asarray(momentum, dtype=float)
    bad = ~((momentum >= 0) & (momentum <= 1)) | ((momentum == 0) & (not zero))
    if bad.any():
        value = float(momentum[bad].flat[0])
        if value == 0:
            raise ValueError(
                "momentum=0.0 has an infinite friction when read as BAOAB; read it as BBK, or end "
                "the run before the momentum does"
            )
        raise ValueError(f"momentum={value} must be a momentum coefficient in [0, 1]")
    return momentum
