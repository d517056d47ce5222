"""Temperatures that change in time: small frozen callables ``schedule(time) -> temperature``.

A schedule takes a time or an array of times (units of the dynamics' clock) and returns values of
the same shape. Any callable with that contract may stand in for one. A step from t to t + dt uses
the value at its midpoint t + dt/2, which keeps second-order methods second order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.dynamics import elementwise


def _check_number(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name}={value!r} must be a number")


def _check_nonnegative(name: str, value: Any) -> None:
    _check_number(name, value)
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{name}={value!r} must be a finite number >= 0")


def _check_positive(name: str, value: Any) -> None:
    _check_number(name, value)
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name}={value!r} must be a finite number > 0")


@dataclass(frozen=True, kw_only=True)
class _Ramp:
    """From ``start`` at time 0 to ``stop`` at time ``duration``, held there afterwards."""

    start: float
    stop: float
    duration: float

    def __post_init__(self) -> None:
        _check_nonnegative("start", self.start)
        _check_nonnegative("stop", self.stop)
        _check_positive("duration", self.duration)

    def fraction(self, time):
        """Part of the ramp that is behind ``time``, between 0 and 1."""
        return np.clip(np.asarray(time, dtype=float) / self.duration, 0.0, 1.0)


class Linear(_Ramp):
    """Ramp ``start + (stop - start) time / duration``, held at ``stop`` afterwards.

    Parameters
    ----------
    start, stop : float
        Values at time 0 and from time ``duration`` on; >= 0.
    duration : float
        Length of the ramp, > 0 [time].
    """

    def __call__(self, time):
        """Value at ``time`` (scalar or array)."""
        return self.start + (self.stop - self.start) * self.fraction(time)


class Exponential(_Ramp):
    """Geometric cooling ``start (stop/start)^(time/duration)``, held at ``stop`` afterwards.

    Parameters
    ----------
    start, stop : float
        Values at time 0 and from time ``duration`` on; > 0.
    duration : float
        Length of the ramp, > 0 [time].
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_positive("start", self.start)
        _check_positive("stop", self.stop)

    def __call__(self, time):
        """Value at ``time`` (scalar or array)."""
        ratio = self.stop / self.start
        return self.start * elementwise.power(ratio, self.fraction(time))


@dataclass(frozen=True, kw_only=True)
class Piecewise:
    """Linear interpolation through the points (``times``, ``values``), constant outside them.

    Parameters
    ----------
    times : sequence of float
        Increasing times; at least two.
    values : sequence of float
        Values at those times, >= 0; as many as ``times``.
    """

    times: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "times", tuple(float(time) for time in self.times))
        object.__setattr__(self, "values", tuple(float(value) for value in self.values))
        if len(self.times) != len(self.values) or len(self.times) < 2:
            raise ValueError(
                f"times has {len(self.times)} entries and values has {len(self.values)}: "
                "give as many of each, at least two"
            )
        finite = all(math.isfinite(time) for time in self.times)
        if not (finite and all(a < b for a, b in zip(self.times, self.times[1:]))):
            raise ValueError(f"times={self.times} must be finite and increase strictly")
        for value in self.values:
            _check_nonnegative("values", value)

    def __call__(self, time):
        """Value at ``time`` (scalar or array)."""
        return np.interp(time, self.times, self.values)
