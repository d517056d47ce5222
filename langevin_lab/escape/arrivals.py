"""Arrival times of an ensemble and what they estimate."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from langevin_lab.escape.survival import LawComparison, Survival, compared, survival_of
from langevin_lab.evidence import Estimate


@dataclass(frozen=True, eq=False)
class FirstPassage:
    """Arrival times of all replicas.

    Parameters
    ----------
    times : ndarray of shape (n_replicas,)
        Time of arrival (over a bridge the middle of the step in which it happened), or of
        divergence, or the time up to which the replica was followed.
    arrived : ndarray of bool, shape (n_replicas,)
        False for replicas that were still on their way at ``max_time``, or diverged.
    diverged : ndarray of bool, shape (n_replicas,)
        Replicas that left the divergence bound; in no estimate.
    dt : float
    crossing : str
        How the finite time step was made up for: "shift", "bridge" or "none".
    shifts : ndarray of shape (n_comparisons,)
        By how much each comparison of the target was shifted; empty but for "shift".
    hardware : dict, optional
        Backend, device, and versions of what drives it.
    """

    times: np.ndarray
    arrived: np.ndarray
    diverged: np.ndarray
    dt: float
    crossing: str
    shifts: np.ndarray
    hardware: dict[str, str] = field(default_factory=dict)

    @property
    def shift(self) -> float:
        """Shift of a target with one boundary [length of its normal]; 0 if there was none."""
        if self.shifts.size > 1:
            raise ValueError(f"the target has {self.shifts.size} boundaries: see shifts")
        return float(self.shifts.sum())

    @property
    def n_censored(self) -> int:
        """Replicas that had not arrived by ``max_time``."""
        return int((~self.arrived & ~self.diverged).sum())

    @property
    def n_diverged(self) -> int:
        """Replicas that diverged."""
        return int(self.diverged.sum())

    @property
    def mean(self) -> Estimate:
        """Mean first passage time.

        Without censoring the sample mean. With it the maximum-likelihood mean of an exponential
        law, total time over arrivals, which holds for escape from a well but not in general: a
        RuntimeWarning says so when `hazard_change` is more than 4 standard errors from 0.
        """
        times = self.times[~self.diverged]
        n_arrived = int(self.arrived.sum())
        if n_arrived < 2:
            raise ValueError(
                f"{n_arrived} of {self.times.size} replicas arrived: no mean can be estimated; "
                "raise max_time or n_replicas"
            )
        if self.n_censored == 0:
            return Estimate(
                float(times.mean()), float(times.std(ddof=1) / np.sqrt(n_arrived)), n_arrived
            )
        self._warn_unless_exponential()
        mean = float(times.sum() / n_arrived)
        return Estimate(mean, mean / np.sqrt(n_arrived), n_arrived)

    @property
    def standard_deviation(self) -> Estimate:
        """Standard deviation of the first passage time, where all replicas arrived.

        Its standard error is that of the delta method: a sample variance has the variance
        (m4 - m2^2)/n, with m2 and m4 the central moments.
        """
        if self.n_censored:
            raise ValueError(
                f"{self.n_censored} of {self.times.size} replicas had not arrived: the late times, "
                "which a standard deviation is made of, are unknown; raise max_time"
            )
        times = self.times[~self.diverged]
        if times.size < 2:
            raise ValueError(f"{times.size} arrivals have no standard deviation; use more replicas")
        if np.ptp(times) == 0.0:
            raise ValueError(
                f"all {times.size} arrivals were at time {times[0]:g}: an error of their standard "
                "deviation cannot be estimated; use a smaller dt or more replicas"
            )
        deviation = times - times.mean()
        second, fourth = np.mean(deviation**2), np.mean(deviation**4)
        value = float(np.sqrt(second))
        stderr = float(np.sqrt(max(fourth - second**2, 0.0) / times.size)) / (2.0 * value)
        return Estimate(value, stderr, times.size)

    def survival(self, confidence: float = 0.95) -> Survival:
        """Probability of not having arrived against time, by Kaplan and Meier.

        Holds for any law of the times. Replicas that diverged are left out.

        Parameters
        ----------
        confidence : float, optional
            Of the interval at each time (Greenwood's variance, log-log scale).

        Raises
        ------
        ValueError
            If confidence does not lie between 0 and 1, or all replicas diverged.

        Source
        ------
        Kaplan and Meier (1958) [KM58], by `scipy.stats.ecdf`.
        """
        followed = ~self.diverged
        return survival_of(self.times[followed], self.arrived[followed], confidence)

    def compare(self, law: Callable[[np.ndarray], Any], *, delay: float = 0.0) -> LawComparison:
        """Hold the arrival times against a law, up to the end of the follow-up.

        Parameters
        ----------
        law : callable
            Array of times to the predicted probabilities of having arrived, such as
            ``ll.exact.first_passage_law(...).probability``.
        delay : float, optional
            Taken off every time: with crossing="none" half a step for a smooth path.

        Returns
        -------
        LawComparison

        Raises
        ------
        ValueError
            If replicas were not followed up to the same time, or all diverged; the law does not
            give one probability for each time; delay is not finite.
        """
        if not (isinstance(delay, (int, float, np.number)) and np.isfinite(delay)):
            raise ValueError(f"delay={delay!r} must be a finite number [time]")
        followed = ~self.diverged
        return compared(self.times[followed] - delay, self.arrived[followed], law)

    @property
    def hazard_change(self) -> Estimate:
        """Arrivals per time in the second half of the time followed, minus those in the first.

        0 for exponential times: the score test against a hazard that changes once, half way. Counts
        are Poisson; the pooled rate gives the error of both.

        Raises
        ------
        ValueError
            If nobody was on the way in the second half.
        """
        (early, late), exposure = self._arrivals_per_half()
        pooled = (early + late) / sum(exposure)
        stderr = np.sqrt(pooled * (1 / exposure[0] + 1 / exposure[1]))
        return Estimate(float(late / exposure[1] - early / exposure[0]), float(stderr))

    def _arrivals_per_half(self) -> tuple[tuple[int, int], tuple[float, float]]:
        """Arrivals, and time spent on the way by all, in each half of the time followed."""
        times, arrived = self.times[~self.diverged], self.arrived[~self.diverged]
        half = 0.5 * float(times.max(initial=0.0))
        late = float(np.maximum(times - half, 0.0).sum())
        if late == 0.0:
            raise ValueError(f"{times.size} replicas were followed for no time; see n_diverged")
        counts = int((arrived & (times <= half)).sum()), int((arrived & (times > half)).sum())
        return counts, (float(np.minimum(times, half).sum()), late)

    def _warn_unless_exponential(self) -> None:
        """Warn if the hazard of the first half is not that of the second."""
        change = self.hazard_change
        if abs(change.value) > 4 * change.stderr:
            (early, late), exposure = self._arrivals_per_half()
            warnings.warn(
                f"{self.n_censored} of {self.times.size} replicas had not arrived and arrivals are "
                f"not exponential: {early / exposure[0]:.3g} per time in the first half of the "
                f"time followed, {late / exposure[1]:.3g} in the second; the mean assumes they "
                "are, raise max_time",
                RuntimeWarning,
                stacklevel=3,
            )

    @property
    def rate(self) -> Estimate:
        """One over the mean first passage time."""
        mean = self.mean
        return Estimate(1.0 / mean.value, mean.stderr / mean.value**2, mean.n_eff)
