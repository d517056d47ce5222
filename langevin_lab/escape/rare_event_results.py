"""What independent splitting runs estimate: a probability, a rate, and how good the runs were."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from langevin_lab.escape.rare_event_runs import (
    joined_columns,
    joined_hardware,
    require_joinable,
    require_parts,
)
from langevin_lab.evidence import Estimate, jackknife


@dataclass(frozen=True, eq=False)
class RareEvent:
    """Probabilities that independent runs of splitting found.

    Parameters
    ----------
    log_probabilities : ndarray of shape (n_runs,)
        Of each run: -inf if it died out.
    n_iterations : ndarray of int, shape (n_runs,)
        Times that paths were killed; ideally -n_replicas ln(probability)/n_killed of them.
    n_branches, n_steps : ndarray of int, shape (n_runs,)
        Paths branched, and steps simulated, in each run.
    n_replicas, n_killed : int
        Paths of a run, and paths killed at a time.
    dt : float
    seed : int
    runs : ndarray of int, shape (n_runs,)
        Numbers of the runs under the seed, which their noise depends on.
    settings : dict, optional
        Text of each argument that the runs share, of the dynamics and of its potential.
    hardware : dict, optional
        Backend, device, and versions of what drives it.
    """

    log_probabilities: np.ndarray
    n_iterations: np.ndarray
    n_branches: np.ndarray
    n_steps: np.ndarray
    n_replicas: int
    n_killed: int
    dt: float
    seed: int
    runs: np.ndarray
    settings: dict[str, str] = field(default_factory=dict)
    hardware: dict[str, str] = field(default_factory=dict)

    @property
    def n_runs(self) -> int:
        """Independent runs."""
        return self.log_probabilities.size

    @property
    def probabilities(self) -> np.ndarray:
        """Unbiased estimate of each run, shape (n_runs,)."""
        return np.exp(self.log_probabilities)

    @property
    def n_extinct(self) -> int:
        """Runs that died out: all their paths tied; they count as 0 in the mean."""
        return int(np.sum(np.isneginf(self.log_probabilities)))

    @property
    def probability(self) -> Estimate:
        """Mean over the runs, unbiased, with its standard error.

        Raises
        ------
        ValueError
            If it is below the smallest number that the computer has.
        """
        return mean_of(self.log_probabilities)

    @property
    def relative_variance(self) -> Estimate:
        """Variance of one run's estimate over the squared mean.

        Raises
        ------
        ValueError
            If fewer than three runs are left, or all died out.
        """
        return relative_variance_of(self.log_probabilities)

    @property
    def ideal_relative_variance(self) -> float:
        """p^(-1/n_replicas) - 1, that of a coordinate as good as the committor; about |ln p|/N.

        Raises
        ------
        ValueError
            If all runs died out.
        """
        if self.n_extinct == self.n_runs:
            raise ValueError(
                f"all {self.n_runs} runs died out: there is no ideal relative variance; use more "
                "n_replicas"
            )
        scaled, logarithm = scaled_exponentials(self.log_probabilities)
        return math.expm1(-(math.log(scaled.mean()) + logarithm) / self.n_replicas)

    def combined(self, other: RareEvent) -> RareEvent:
        """Join the runs of two calls that differ in ``first_run`` and ``n_runs`` only.

        Raises
        ------
        ValueError
            If a run is in both, or a setting differs.
        """
        require_joinable(self, other)
        hardware = joined_hardware(self, other)
        return replace(self, **joined_columns(self, other, _COLUMNS), hardware=hardware)

    def to_dataset(self) -> Any:
        """The runs as an `xarray.Dataset`, to be stored as netCDF."""
        import xarray

        columns = {name: ("run", getattr(self, name)) for name in _COLUMNS}
        numbers = {name: getattr(self, name) for name in _NUMBERS}
        texts = {name: json.dumps(getattr(self, name)) for name in ("settings", "hardware")}
        return xarray.Dataset(columns, attrs=numbers | texts)

    @classmethod
    def from_dataset(cls, dataset: Any) -> RareEvent:
        """The runs that `to_dataset` gave.

        Raises
        ------
        ValueError
            If the dataset lacks a part of them.
        """
        require_parts(dataset, _COLUMNS, (*_NUMBERS, "settings"))
        numbers: dict[str, Any] = {
            name: int(dataset.attrs[name]) for name in _NUMBERS if name != "dt"
        }
        columns: dict[str, Any] = {name: dataset[name].values for name in _COLUMNS}
        settings = json.loads(dataset.attrs["settings"])
        hardware = json.loads(dataset.attrs.get("hardware", "{}"))
        dt = float(dataset.attrs["dt"])
        return cls(**columns, **numbers, dt=dt, settings=settings, hardware=hardware)


_COLUMNS = ("log_probabilities", "n_iterations", "n_branches", "n_steps", "runs")
_LEAST_LOGARITHM = -690.0  # exp of it, times a small relative error, has all its digits
_NUMBERS = ("n_replicas", "n_killed", "dt", "seed")


@dataclass(frozen=True, eq=False)
class RareEventRate:
    """Rate from a source to a target: flux through a surface times probability beyond it.

    Parameters
    ----------
    event : RareEvent
        From the crossing states of each run's own trajectory.
    n_crossings : int
        First crossings of each trajectory, of which n_replicas started paths.
    crossing_times : ndarray of shape (n_runs,)
        Time that they took.
    """

    event: RareEvent
    n_crossings: int
    crossing_times: np.ndarray

    @property
    def runs(self) -> np.ndarray:
        """Numbers of the runs under the seed."""
        return self.event.runs

    @property
    def n_runs(self) -> int:
        """Independent runs."""
        return self.event.n_runs

    @property
    def probability(self) -> Estimate:
        """Of reaching the target before the source, from a crossing."""
        return self.event.probability

    @property
    def flux(self) -> Estimate:
        """First crossings per time."""
        return flux_of(self.n_crossings, self.crossing_times)

    @property
    def rate(self) -> Estimate:
        """Flux times probability, one over the mean passage time at the simulated dt.

        The error is the jackknife's over runs: a run's paths start from crossings of its own
        trajectory, so that flux and probability of a run need not be independent.
        """
        return rate_of(self.event.log_probabilities, self.n_crossings, self.crossing_times)

    def combined(self, other: RareEventRate) -> RareEventRate:
        """Join the runs of two calls that differ in ``first_run`` and ``n_runs`` only.

        Raises
        ------
        ValueError
            If a run is in both, or a setting differs.
        """
        if self.n_crossings != other.n_crossings:
            raise ValueError(
                f"n_crossings={self.n_crossings} and {other.n_crossings} do not combine; only "
                "first_run and n_runs may differ"
            )
        event = self.event.combined(other.event)
        return replace(self, event=event, **joined_columns(self, other, ("crossing_times",)))

    def to_dataset(self) -> Any:
        """The runs as an `xarray.Dataset`, to be stored as netCDF."""
        dataset = self.event.to_dataset().assign(crossing_times=("run", self.crossing_times))
        return dataset.assign_attrs(n_crossings=self.n_crossings)

    @classmethod
    def from_dataset(cls, dataset: Any) -> RareEventRate:
        """The runs that `to_dataset` gave.

        Raises
        ------
        ValueError
            If the dataset lacks a part of them.
        """
        require_parts(dataset, ("crossing_times",), ("n_crossings",))
        event, n_crossings = RareEvent.from_dataset(dataset), int(dataset.attrs["n_crossings"])
        return cls(event, n_crossings, dataset["crossing_times"].values)


def flux_of(n_crossings: int, times: np.ndarray) -> Estimate:
    """Crossings per time of independent trajectories that had equally many."""
    sums = np.stack([np.full(times.size, float(n_crossings)), times], axis=1)
    return jackknife(lambda s: s[0] / s[1], sums)


def rate_of(log_probabilities: np.ndarray, n_crossings: int, times: np.ndarray) -> Estimate:
    """Flux times mean probability, by the jackknife over runs."""
    scaled, logarithm = scaled_exponentials(log_probabilities)
    columns = [scaled, np.full(scaled.size, float(n_crossings)), times, np.ones(scaled.size)]
    found = jackknife(lambda s: s[0] / s[3] * s[1] / s[2], np.stack(columns, axis=1))
    return _scaled_back(found, logarithm)


def mean_of(log_probabilities: np.ndarray) -> Estimate:
    """Mean of exp(l) over independent runs, with its error."""
    scaled, logarithm = scaled_exponentials(log_probabilities)
    return _scaled_back(Estimate.from_samples(scaled), logarithm)


def _scaled_back(found: Estimate, logarithm: float) -> Estimate:
    """The estimate times exp(logarithm); ValueError where that has no digits."""
    if logarithm < _LEAST_LOGARITHM:
        raise ValueError(
            f"an estimate of about exp({logarithm:.0f}) is below the smallest number; see "
            "log_probabilities"
        )
    return found * math.exp(logarithm)


def scaled_exponentials(logarithms: np.ndarray) -> tuple[np.ndarray, float]:
    """exp(l - max l), whose squares do not underflow, and max l; 0 if all are -inf."""
    largest = float(logarithms.max())
    largest = largest if math.isfinite(largest) else 0.0
    return np.exp(logarithms - largest), largest


def relative_variance_of(log_probabilities: np.ndarray) -> Estimate:
    """Variance of exp(l) over its squared mean.

    Raises
    ------
    ValueError
        If fewer than three runs are left, or all died out.
    """
    scaled, _ = scaled_exponentials(log_probabilities)
    if scaled.size < 3 or not scaled.any():
        extinct = int(np.sum(np.isneginf(log_probabilities)))
        raise ValueError(
            f"{scaled.size} runs, {extinct} of them extinct, have no relative variance; "
            "use n_runs >= 3 and more n_replicas"
        )
    sums = np.stack([scaled, scaled**2, np.ones(scaled.size)], axis=1)
    return jackknife(lambda s: s[1] * s[2] / s[0] ** 2 - 1.0, sums)
