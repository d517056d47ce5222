"""Numbers that change in time: small frozen callables ``schedule(time) -> value``.

A schedule serves as a temperature, a friction, a learning rate or a momentum. It takes a time or an
array of times (units of the dynamics' clock) and returns values of the same shape. Any callable
with that contract may stand in for one. A step from t to t + dt uses the value at its midpoint
t + dt/2, which keeps second-order methods second order.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from langevin_lab.dynamics import elementwise


def check_number(name: str, value: Any) -> None:
    """Raise TypeError unless ``value`` is a real number."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name}={value!r} must be a number")


def check_nonnegative(name: str, value: Any) -> None:
    """Raise TypeError or ValueError unless ``value`` is a finite number >= 0."""
    check_number(name, value)
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{name}={value!r} must be a finite number >= 0")


def check_positive(name: str, value: Any) -> None:
    """Raise TypeError or ValueError unless ``value`` is a finite number > 0."""
    check_number(name, value)
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name}={value!r} must be a finite number > 0")


def _check_entries(name: str, entries: Any) -> tuple[float, ...]:
    """``entries`` as a tuple of floats; TypeError unless it is a sequence of numbers."""
    try:
        entries = tuple(entries.tolist() if isinstance(entries, np.ndarray) else entries)
    except TypeError:
        raise TypeError(f"{name}={entries!r} must be a sequence of numbers") from None
    for entry in entries:
        check_number(name, entry)
    return tuple(float(entry) for entry in entries)


def _known_at(time: np.ndarray, values: np.ndarray) -> np.ndarray:
    """``values``, but nan where the time is: what every formula of the time gives there."""
    return np.where(np.isnan(time), math.nan, values)[()]


@dataclass(frozen=True, kw_only=True)
class Constant:
    """The same ``value`` at all times; a run under it has the bits of one under the number.

    Parameters
    ----------
    value : float
        >= 0.
    """

    value: float

    def __post_init__(self) -> None:
        check_nonnegative("value", self.value)

    def __call__(self, time):
        """Value at ``time`` (scalar or array)."""
        return np.full(np.shape(time), float(self.value))[()]


@dataclass(frozen=True, kw_only=True)
class _Ramp:
    """From ``start`` at time 0 to ``stop`` at time ``duration``, held there afterwards."""

    start: float
    stop: float
    duration: float

    def __post_init__(self) -> None:
        check_nonnegative("start", self.start)
        check_nonnegative("stop", self.stop)
        check_positive("duration", self.duration)

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
        check_positive("start", self.start)
        check_positive("stop", self.stop)

    def __call__(self, time):
        """Value at ``time`` (scalar or array)."""
        ratio = self.stop / self.start
        return self.start * elementwise.power(ratio, self.fraction(time))


@dataclass(frozen=True, kw_only=True)
class Logarithmic:
    """Logarithmic cooling ``start log(2) / log(2 + time/timescale)``; ``start`` before time 0.

    It is the schedule c/log(2 + time/timescale) of simulated annealing with c = start log(2), the
    attribute `constant`. On a discrete state space the probability of a deepest minimum tends to
    one if and only if c is at least the depth of the deepest of the other local minima: the height
    that must be climbed to leave it for a lower one.

    Parameters
    ----------
    start : float
        Value at time 0, > 0.
    timescale : float
        Time unit of the logarithm, > 0 [time].

    Source
    ------
    Geman and Geman (1984) [GG84]; Hajek (1988), theorem 1, for the smallest constant [H88].

    Examples
    --------
    >>> from langevin_lab.dynamics import Logarithmic
    >>> float(Logarithmic(start=1.0, timescale=0.5)(1.0))
    0.5
    """

    start: float
    timescale: float

    def __post_init__(self) -> None:
        check_positive("start", self.start)
        check_positive("timescale", self.timescale)

    @property
    def constant(self) -> float:
        """The c of c/log(2 + time/timescale): to be compared with barrier heights."""
        return self.start * math.log(2.0)

    def __call__(self, time):
        """Value at ``time`` (scalar or array)."""
        elapsed = np.maximum(np.asarray(time, dtype=float), 0.0) / self.timescale
        return self.constant / elementwise.log(2.0 + elapsed)


@dataclass(frozen=True, kw_only=True)
class _Points:
    """Values at increasing times."""

    times: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "times", _check_entries("times", self.times))
        object.__setattr__(self, "values", _check_entries("values", self.values))
        if len(self.times) != len(self.values) or len(self.times) < 2:
            raise ValueError(
                f"times has {len(self.times)} entries and values has {len(self.values)}: "
                "give as many of each, at least two"
            )
        finite = all(math.isfinite(time) for time in self.times)
        if not (finite and all(a < b for a, b in zip(self.times, self.times[1:]))):
            raise ValueError(f"times={self.times} must be finite and increase strictly")
        for value in self.values:
            check_nonnegative("values", value)


class Piecewise(_Points):
    """Linear interpolation through the points (``times``, ``values``), constant outside them.

    Parameters
    ----------
    times : sequence of float
        Increasing times; at least two.
    values : sequence of float
        Values at those times, >= 0; as many as ``times``.
    """

    def __call__(self, time):
        """Value at ``time`` (scalar or array)."""
        return np.interp(time, self.times, self.values)


class Steps(_Points):
    """Piecewise constant: each value from its time until the next; the first one before, too.

    Parameters
    ----------
    times : sequence of float
        Increasing times; at least two. A step of the method whose midpoint is at or behind a time
        has the new value.
    values : sequence of float
        Values from those times on, >= 0; as many as ``times``.

    Examples
    --------
    >>> from langevin_lab.dynamics import Steps
    >>> Steps(times=(0.0, 10.0), values=(1.0, 0.1))([5.0, 10.0, 99.0]).tolist()
    [1.0, 0.1, 0.1]
    """

    def __call__(self, time):
        """Value at ``time`` (scalar or array)."""
        time = np.asarray(time, dtype=float)
        index = np.searchsorted(self.times, time, side="right") - 1
        return _known_at(time, np.asarray(self.values)[np.maximum(index, 0)])


@dataclass(frozen=True, kw_only=True)
class Table:
    """One value a step: ``values[k]`` from k dt until (k + 1) dt; the last one from there on.

    Parameters
    ----------
    values : sequence of float, or ndarray of shape (n,)
        Values of steps 0, 1, ..., >= 0; at least one. A time before 0 has the first.
    dt : float
        Duration of a step, > 0 [time]; 1 for an optimiser, whose clock counts steps.

    Examples
    --------
    >>> from langevin_lab.dynamics import Table
    >>> Table(values=(3.0, 2.0, 1.0), dt=0.1)([0.05, 0.15, 0.25, 7.0]).tolist()
    [3.0, 2.0, 1.0, 1.0]
    """

    values: tuple[float, ...]
    dt: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _check_entries("values", self.values))
        if not self.values:
            raise ValueError("values is empty: give the value of one step at least")
        for value in self.values:
            check_nonnegative("values", value)
        check_positive("dt", self.dt)

    def __repr__(self) -> str:
        """All values of a short table; of a long one their number, ends and hash."""
        values = repr(self.values)
        if len(self.values) > 16:
            digest = hashlib.sha256(self._array.tobytes()).hexdigest()[:16]
            values = f"<{len(self.values)} from {self.values[0]} to {self.values[-1]}, {digest}>"
        return f"Table(values={values}, dt={self.dt})"

    @cached_property
    def _array(self) -> np.ndarray:
        return np.array(self.values)

    def __call__(self, time):
        """Value at ``time`` (scalar or array)."""
        # k*dt/dt can come out one rounding below k.
        steps = np.floor(np.asarray(time, dtype=float) / self.dt * (1.0 + 1e-15))
        index = np.nan_to_num(np.clip(steps, 0, len(self.values) - 1)).astype(np.int64)
        return _known_at(steps, self._array[index])


def schedule_values(
    name: str, schedule: Callable[[Any], Any], points: Any, *, unit: str = "times"
) -> np.ndarray:
    """Values of a schedule in the shape of ``points``; ValueError if it does not take arrays."""
    try:
        values = np.asarray(schedule(points), dtype=float)
    except (TypeError, ValueError) as error:
        # What numpy says to `if n < 100` and to math.exp(n); errors of the schedule's own pass.
        if np.ndim(points) == 0 or not re.search("truth value|converted to Python", str(error)):
            raise
        raise ValueError(
            f"{name} schedule does not take an array of {unit} ({error}): it must work element by "
            "element; use np.where for if, np.exp for math.exp"
        ) from error
    if values.shape != np.shape(points):
        raise ValueError(
            f"{name} schedule returned shape {values.shape} for {unit} of shape "
            f"{np.shape(points)}: it must work element by element"
        )
    return values
