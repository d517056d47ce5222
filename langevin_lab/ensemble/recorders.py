"""Running statistics in constant memory, each with an error bar.

A recorder names the moments that the kernel sums for every replica, and turns their group means
into statistics. Groups are independent replicas (below 8 replicas, stretches of time), so the
scatter between groups gives the error: value = f(mean of groups), error by the delete-one
jackknife, exact for a mean and good to 1/n_groups for a smooth f. With few groups, (value - truth)
over error follows Student's t of n_groups - 1 degrees of freedom, not a normal law.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.ensemble.moments import Moment, momentum_name


@dataclass(frozen=True)
class Statistics:
    """Group means of a recorder's moments.

    Parameters
    ----------
    means : ndarray of shape (n_moments, n_groups)
    overall : ndarray of shape (n_moments,)
        Means over everything recorded, an unfinished group included.
    group_time : float
        Time that one group was recorded for.
    spacing : float, optional
        Time between two recorded steps.
    """

    means: np.ndarray
    overall: np.ndarray
    group_time: float
    spacing: float = 0.0

    def estimate(self, function: Callable[..., Any]) -> tuple[float, float]:
        """(value, standard error) of a function of the mean moments, by jackknife."""
        n_groups = self.means.shape[1]
        mean = self.means.mean(axis=1)
        left_out = mean[:, None] + (mean[:, None] - self.means) / (n_groups - 1)
        values = function(*left_out)
        spread = np.sum((values - values.mean()) ** 2)
        return float(function(*self.overall)), float(np.sqrt(spread * (n_groups - 1) / n_groups))


@dataclass(frozen=True)
class Recorder(ABC):
    """Base: a list of moments and a function from their means to the statistic."""

    @abstractmethod
    def moments(self, dynamics: Any) -> tuple[Moment, ...]:
        """Moments that the kernel must sum."""

    @abstractmethod
    def estimate(self, statistics: Statistics, dynamics: Any) -> tuple[float, float]:
        """(value, standard error)."""


def _check_text(text: Any) -> None:
    if not isinstance(text, str) or not text.strip():
        raise TypeError(f"observable={text!r} must be an expression in a string, such as 'x**2'")


@dataclass(frozen=True)
class Mean(Recorder):
    """Running mean of an expression.

    Parameters
    ----------
    text : str
        Over the potential's variables and parameters, momenta (``p``, or ``p_x``...), ``energy``,
        ``grad_x``..., ``laplacian``, ``mass_x``..., ``dt``, thermostats (``xi``, or ``xi_1``...),
        of a Metropolis method ``accepted``, of an adaptive heavy ball ``momentum`` of a step.
    """

    text: str

    def __post_init__(self) -> None:
        _check_text(self.text)

    def moments(self, dynamics: Any) -> tuple[Moment, ...]:
        """The expression itself."""
        return (Moment(self.text),)

    def estimate(self, statistics: Statistics, dynamics: Any) -> tuple[float, float]:
        """Mean and standard error of the mean."""
        return statistics.estimate(lambda mean: mean)


@dataclass(frozen=True)
class CoordinateMean(Recorder):
    """Running mean of an expression, averaged over the coordinates too.

    Parameters
    ----------
    text : str
        Over ``x``, ``p``, ``grad``, ``mass`` of one coordinate and the potential's parameters.
    """

    text: str

    def __post_init__(self) -> None:
        _check_text(self.text)

    def moments(self, dynamics: Any) -> tuple[Moment, ...]:
        """The sum over coordinates."""
        return (Moment(self.text, over_coordinates=True),)

    def estimate(self, statistics: Statistics, dynamics: Any) -> tuple[float, float]:
        """Mean over coordinates and standard error."""
        return statistics.estimate(lambda total: total / dynamics.dim)


@dataclass(frozen=True)
class Variance(Recorder):
    """Variance ``<f^2> - <f>^2`` of an expression under the recorded law."""

    text: str

    def __post_init__(self) -> None:
        _check_text(self.text)

    def moments(self, dynamics: Any) -> tuple[Moment, ...]:
        """First and second moment."""
        return (Moment(self.text), Moment(f"({self.text})**2"))

    def estimate(self, statistics: Statistics, dynamics: Any) -> tuple[float, float]:
        """Variance and standard error."""
        return statistics.estimate(lambda first, second: second - first**2)


@dataclass(frozen=True)
class Covariance(Recorder):
    """Covariance ``<f g> - <f><g>`` of two expressions."""

    first: str
    second: str

    def __post_init__(self) -> None:
        _check_text(self.first)
        _check_text(self.second)

    def moments(self, dynamics: Any) -> tuple[Moment, ...]:
        """Both means and the mean product."""
        product = Moment(f"({self.first})*({self.second})")
        return (Moment(self.first), Moment(self.second), product)

    def estimate(self, statistics: Statistics, dynamics: Any) -> tuple[float, float]:
        """Covariance and standard error."""
        return statistics.estimate(lambda first, second, product: product - first * second)


@dataclass(frozen=True)
class KineticTemperature(Recorder):
    """Kinetic temperature ``<p^2/mass>`` per coordinate.

    Parameters
    ----------
    half_step : bool, optional
        Use the momentum half a kick later, ``p - (dt/2) grad U(x)``: on a harmonic well BAOAB's
        half-step momentum is exact where the one on the step is low by a factor 1 - (omega dt)^2/4.
        Only for methods whose step ends with a kick of dt/2 at the new position: words that end in
        B and have two.

    Source
    ------
    Zhang, Liu, Yan, Tuckerman and Liu (2019) [ZLYTL19].
    """

    half_step: bool = False

    def moments(self, dynamics: Any) -> tuple[Moment, ...]:
        """Sum over coordinates of p^2/mass."""
        if not dynamics.momenta:
            raise ValueError(
                f"KineticTemperature needs momenta, which {type(dynamics).__name__} has not; "
                "use ConfigurationalTemperature()"
            )
        if dynamics.equation == "descent":
            raise ValueError("KineticTemperature: p of an optimiser is no momentum; observe 'p**2'")
        momentum = "(p - 0.5*dt*grad)" if self.half_step else "p"
        return (Moment(f"{momentum}**2/mass", over_coordinates=True),)

    def check_method(self, method: Any, dynamics: Any, dt: float) -> None:
        """Raise ValueError for a half-step momentum that the method does not pass through."""
        if not self.half_step:
            return
        last = [(line.target, line.expression) for line in method.program.lines[-1:]]
        coefficients = method.coefficients(dynamics.at(0.5 * dt), dt)
        if last == [("p", "fma(-kick, g, p)")] and np.all(coefficients["kick"] == 0.5 * dt):
            return
        raise ValueError(
            f"KineticTemperature(half_step=True): a step of {method.name} does not end with a kick "
            "of dt/2, so no half-step momentum belongs to it; use half_step=False, or a word such "
            "as 'BAOAB'"
        )

    def estimate(self, statistics: Statistics, dynamics: Any) -> tuple[float, float]:
        """Temperature and standard error."""
        return statistics.estimate(lambda total: total / dynamics.dim)


@dataclass(frozen=True)
class ConfigurationalTemperature(Recorder):
    """Temperature read off the positions.

    Parameters
    ----------
    form : {"virial", "laplacian"}, optional
        ``<x . grad U>/dim``, for any confining potential; or ``<|grad U|^2>/<trace Hessian>``,
        for potentials from an expression, invariant under a shift of the origin.

    Source
    ------
    Rugh (1997) for the Laplacian form; the virial form is equipartition (Tolman 1918).
    """

    form: str = "virial"

    def __post_init__(self) -> None:
        if self.form not in ("virial", "laplacian"):
            raise ValueError(f"form={self.form!r} must be 'virial' or 'laplacian'")

    def moments(self, dynamics: Any) -> tuple[Moment, ...]:
        """The virial, or the squared gradient and the Laplacian."""
        if self.form == "virial":
            return (Moment("x*grad", over_coordinates=True),)
        if dynamics.potential.code.form != "scalar":
            raise ValueError(
                "form='laplacian' needs a Hessian in compiled form, which a potential from loops "
                "has not; use form='virial'"
            )
        return (Moment("grad*grad", over_coordinates=True), Moment("laplacian"))

    def estimate(self, statistics: Statistics, dynamics: Any) -> tuple[float, float]:
        """Temperature and standard error."""
        if self.form == "virial":
            return statistics.estimate(lambda virial: virial / dynamics.dim)
        return statistics.estimate(lambda squared, laplacian: squared / laplacian)


@dataclass(frozen=True)
class AutocorrelationTime(Recorder):
    """Integrated autocorrelation time ``tau = int_0^inf C(t)/C(0) dt`` [time].

    From the variance of the time averages of independent groups of duration t:
    ``var(mean) = 2 tau var(f)/t (1 + O(tau/t))``. For an exponential correlation it is 1/rate.
    It is the time of the recorded chain, with a sum over lags in place of the integral: with
    ``spacing = record_every dt`` an exponential correlation gives
    ``(spacing/2) coth(spacing/(2 tau))``, never less than spacing/2. Nothing corrects for that;
    an estimate below twice the spacing, where it is more than 2 % off, warns.

    Source
    ------
    Sokal (1997) [S97].
    """

    text: str

    def __post_init__(self) -> None:
        _check_text(self.text)

    def moments(self, dynamics: Any) -> tuple[Moment, ...]:
        """First and second moment."""
        return (Moment(self.text), Moment(f"({self.text})**2"))

    def estimate(self, statistics: Statistics, dynamics: Any) -> tuple[float, float]:
        """Time and standard error; the jackknife runs over the mean squared deviation too."""
        first, second = statistics.means
        n_groups = first.size
        deviation = (first - first.mean()) ** 2 * n_groups / (n_groups - 1)
        extended = Statistics(
            np.stack([first, second, deviation]),
            np.append(statistics.overall, deviation.mean()),
            statistics.group_time,
        )
        half_time = 0.5 * statistics.group_time
        value, error = extended.estimate(
            lambda mean, square, scatter: half_time * scatter / (square - mean**2)
        )
        if value < 2 * statistics.spacing:
            warnings.warn(
                f"{self!r}: the estimate {value:.3g} is below twice the spacing "
                f"{statistics.spacing:g} of recorded steps, so it is the time of the sampled chain "
                "and not of the process; lower record_every or dt",
                RuntimeWarning,
                stacklevel=6,
            )
        return value, error


@dataclass(frozen=True)
class Histogram:
    """Normalised histogram of an expression, with an error bar for every bin.

    Error bars come from the scatter between (groups of) replicas. A replica that diverges is
    counted up to the step before; the counts of replicas are not kept apart.

    Parameters
    ----------
    text : str
        Observable, as for `Mean`.
    bins : int
        Number of equal bins, >= 1.
    low, high : float
        Range; samples outside are counted apart and reported.
    """

    text: str
    bins: int
    low: float
    high: float

    def __post_init__(self) -> None:
        _check_text(self.text)
        if isinstance(self.bins, bool) or not isinstance(self.bins, int) or self.bins < 1:
            raise ValueError(f"bins={self.bins!r} must be an integer >= 1")
        if any(isinstance(edge, (str, bool, type(None))) for edge in (self.low, self.high)):
            raise TypeError(f"low={self.low!r}, high={self.high!r} must be numbers")
        if not (np.isfinite(self.low) and np.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"low={self.low}, high={self.high}: need finite low < high")

    @property
    def edges(self) -> np.ndarray:
        """Edges of the bins, shape (bins + 1,)."""
        return np.linspace(self.low, self.high, self.bins + 1)


def recorders(observe: Any) -> dict[str, Recorder | Histogram]:
    """The ``observe`` argument with strings turned into `Mean`.

    Raises
    ------
    TypeError, ValueError
        If it is no mapping from names to expressions or recorders, or a name is taken.
    """
    if observe is None:
        return {}
    if not isinstance(observe, dict):
        raise TypeError(
            f"observe={observe!r} must be a dict of names to expressions or recorders, "
            "such as {'x2': 'x**2'}"
        )
    result: dict[str, Recorder | Histogram] = {}
    for name, value in observe.items():
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError(
                f"observe has the name {name!r}: it must be an identifier, such as 'x2'"
            )
        result[name] = Mean(value) if isinstance(value, str) else value
        if not isinstance(result[name], (Recorder, Histogram)):
            raise TypeError(
                f"observe[{name!r}]={value!r} must be an expression in a string or a recorder"
            )
    derived = {f"{name}_stderr" for name in result}
    derived |= {f"{name}_bin" for name, value in result.items() if isinstance(value, Histogram)}
    clashes = (_RESERVED & {*result, *derived}) | (derived & {*result})
    if clashes:
        raise ValueError(
            f"observe uses {sorted(clashes)}, which the result needs itself; choose another name"
        )
    return result


_RESERVED = {
    "x", "p", "x_final", "p_final", "r_final", "time", "replica", "coordinate", "diverged_step",
    "moment_sum", "histogram_count", "batch_sum", "batch", "moment", "histogram", "group",
    "count_bin",
}  # fmt: skip


def unique_moments(recorders_: Sequence[Recorder], dynamics: Any) -> list[Moment]:
    """All moments that the recorders need, each once, in order."""
    return list(dict.fromkeys(m for recorder in recorders_ for m in recorder.moments(dynamics)))


__all__ = [
    "AutocorrelationTime",
    "ConfigurationalTemperature",
    "CoordinateMean",
    "Covariance",
    "Histogram",
    "KineticTemperature",
    "Mean",
    "Recorder",
    "Statistics",
    "Variance",
    "momentum_name",
    "recorders",
    "unique_moments",
]
