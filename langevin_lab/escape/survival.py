"""Laws of censored arrival times: survival by Kaplan and Meier, distance from a predicted law."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

_ROUNDING = 1e-9  # by which an exact law may leave [0, 1]


@dataclass(frozen=True, eq=False)
class Survival:
    """Probability of not having arrived, a step function.

    Parameters
    ----------
    times : ndarray of shape (n,)
        Where it steps, increasing: the distinct times of arrival, or of the end of a follow-up.
    probability, low, high : ndarray of shape (n,)
        From each time on, and the confidence interval at each time.
    confidence : float
        Of the interval at one time, not of the band as a whole.
    """

    times: np.ndarray
    probability: np.ndarray
    low: np.ndarray
    high: np.ndarray
    confidence: float

    def __call__(self, time: np.ndarray | float) -> np.ndarray:
        """Probability of being on the way after these times; NaN beyond the last known one."""
        return self._at(time, self.probability)

    def interval(self, time: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
        """Ends (low, high) of the confidence interval at these times; NaN as the probability.

        Parameters
        ----------
        time : float or array_like
        """
        return self._at(time, self.low), self._at(time, self.high)

    def _at(self, time: np.ndarray | float, steps: np.ndarray) -> np.ndarray:
        """A step function that is 1 before the first of the times."""
        time = np.asarray(time, dtype=float)
        values = np.concatenate([[1.0], steps])[np.searchsorted(self.times, time, side="right")]
        unknown = (time > self.times[-1]) & (self.probability[-1] > 0)
        return np.where(unknown | np.isnan(time), np.nan, values)


@dataclass(frozen=True)
class LawComparison:
    """Arrival times held against a law (Kolmogorov and Smirnov).

    Parameters
    ----------
    distance : float
        Largest difference between the fraction that has arrived and the law, up to the end of the
        follow-up.
    n : int
        Replicas.
    p_value : float
        Probability of so large a distance if the law is right; an upper bound on it if some had
        not arrived.
    """

    distance: float
    n: int
    p_value: float

    @property
    def statistic(self) -> float:
        """Kolmogorov's sqrt(n) distance: above 1.95 with probability 0.001 if the law is right."""
        return float(np.sqrt(self.n) * self.distance)


def survival_of(times: np.ndarray, arrived: np.ndarray, confidence: float) -> Survival:
    """Estimate of Kaplan and Meier with Greenwood's variance, interval on the log-log scale."""
    import scipy.stats as stats

    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence} must lie between 0 and 1, such as 0.95")
    if times.size == 0:
        raise ValueError("no replica was followed: all diverged; use a smaller dt")
    sample = stats.CensoredData(uncensored=times[arrived], right=times[~arrived])
    found = stats.ecdf(sample).sf
    # Where all or none have arrived the interval is not defined: the estimate stands alone.
    with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The confidence interval is undefined")
        band = found.confidence_interval(confidence_level=confidence, method="log-log")
    low, high = (
        np.where(np.isnan(side.probabilities), found.probabilities, side.probabilities)
        for side in (band.low, band.high)
    )
    return Survival(found.quantiles, found.probabilities, low, high, confidence)


def _predicted(law: Callable[[np.ndarray], Any], times: np.ndarray) -> np.ndarray:
    """The law at these times; ValueError if what it gives are no probabilities."""
    from langevin_lab.exact import Reference

    given = law(times)
    found = np.asarray(given.value if isinstance(given, Reference) else given, dtype=float)
    if found.shape != times.shape:
        raise ValueError(
            f"law gave shape {found.shape} for times of shape {times.shape}; give a function of "
            "arrays, one probability for each time"
        )
    wrong = ~((found >= -_ROUNDING) & (found <= 1 + _ROUNDING))
    if wrong.any():
        raise ValueError(
            f"law gave {found[wrong][0]:g} at time {times[wrong][0]:g}: give the probability of "
            "having arrived, in [0, 1]"
        )
    return found


def compared(
    times: np.ndarray, arrived: np.ndarray, law: Callable[[np.ndarray], Any]
) -> LawComparison:
    """Distance of arrival times, all followed up to the same time, from a law."""
    from scipy.stats import kstwo

    n, ends = times.size, np.unique(times[~arrived])
    if n == 0:
        raise ValueError("no replica was followed: all diverged; use a smaller dt")
    if ends.size > 1 or (ends.size and times[arrived].max(initial=0.0) > ends[0]):
        raise ValueError(
            f"replicas were followed up to {ends.size} different times, from {ends[0]:g} on; the "
            "distance from a law needs one max_time for all"
        )
    ordered = np.sort(times[arrived])
    predicted = _predicted(law, np.concatenate([ordered, ends]))
    # Before and after each arrival, and at the end of the follow-up.
    steps = np.arange(ordered.size + 1) / n
    below = np.concatenate([steps[:-1], steps[-1:]])[: predicted.size]
    distance = max(
        np.abs(predicted - below).max(),
        np.abs(predicted[: ordered.size] - steps[1:]).max(initial=0.0),
    )
    return LawComparison(float(distance), n, float(kstwo.sf(distance, n)))
