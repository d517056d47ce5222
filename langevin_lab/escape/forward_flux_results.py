"""What independent runs of forward-flux sampling found."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from langevin_lab.escape.rare_event_results import (
    flux_of,
    mean_of,
    rate_of,
    relative_variance_of,
)
from langevin_lab.escape.rare_event_runs import (
    joined_columns,
    joined_hardware,
    require_joinable,
    require_parts,
)
from langevin_lab.evidence import Estimate

_COLUMNS = ("successes", "crossing_times", "n_steps", "runs")
_NUMBERS = ("n_trials", "n_crossings", "seed")


@dataclass(frozen=True, eq=False)
class ForwardFlux:
    """Flux through a first level, and how many trials went on from each level to the next.

    Parameters
    ----------
    levels : ndarray of shape (n_levels,)
        Values of the coordinate, increasing; after the last comes the target.
    successes : ndarray of int, shape (n_runs, n_levels)
        Of n_trials from each level; 0 from a run's first level without success on.
    n_trials : int
    n_crossings : int
        First crossings of each run's trajectory, of which n_trials started trials.
    crossing_times : ndarray of shape (n_runs,)
        Time that they took.
    n_steps : ndarray of int, shape (n_runs,)
        Steps of all trials of a run.
    dt : float
    seed : int
    runs : ndarray of int, shape (n_runs,)
        Numbers of the runs under the seed, which their noise depends on.
    settings : dict, optional
        Text of each argument that the runs share, of the dynamics and of its potential.
    hardware : dict, optional
        Backend, device, and versions of what drives it.
    """

    levels: np.ndarray
    successes: np.ndarray
    n_trials: int
    n_crossings: int
    crossing_times: np.ndarray
    n_steps: np.ndarray
    dt: float
    seed: int
    runs: np.ndarray
    settings: dict[str, str] = field(default_factory=dict)
    hardware: dict[str, str] = field(default_factory=dict)

    @property
    def n_runs(self) -> int:
        """Independent runs."""
        return len(self.successes)

    @property
    def log_probabilities(self) -> np.ndarray:
        """Of reaching the target before the source, in each run: -inf if no trial went on."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.successes / self.n_trials).sum(axis=1))

    @property
    def probability(self) -> Estimate:
        """Of reaching the target before the source, from a crossing; unbiased."""
        return mean_of(self.log_probabilities)

    @property
    def relative_variance(self) -> Estimate:
        """Variance of one run's probability over the squared mean.

        Raises
        ------
        ValueError
            If fewer than three runs are left, or all died out.
        """
        return relative_variance_of(self.log_probabilities)

    @property
    def conditional_probabilities(self) -> np.ndarray:
        """Fraction of trials that go on from each level, shape (n_levels,): NaN if none began."""
        begun = np.ones(self.successes.shape, bool)
        begun[:, 1:] = self.successes[:, :-1] > 0
        with np.errstate(invalid="ignore"):
            return np.asarray(self.successes.sum(axis=0) / (self.n_trials * begun.sum(axis=0)))

    @property
    def flux(self) -> Estimate:
        """First crossings of the first level per time."""
        return flux_of(self.n_crossings, self.crossing_times)

    @property
    def rate(self) -> Estimate:
        """Flux times probability, its error by the jackknife over runs."""
        return rate_of(self.log_probabilities, self.n_crossings, self.crossing_times)

    def combined(self, other: ForwardFlux) -> ForwardFlux:
        """Join the runs of two calls that differ in ``first_run`` and ``n_runs`` only.

        Raises
        ------
        ValueError
            If a run is in both, or a setting differs.
        """
        if not np.array_equal(self.levels, other.levels):
            raise ValueError(
                f"levels={self.levels.tolist()} and {other.levels.tolist()} do not combine; only "
                "first_run and n_runs may differ"
            )
        require_joinable(self, other, ("n_trials", "n_crossings", "dt", "seed"))
        hardware = joined_hardware(self, other)
        return replace(self, **joined_columns(self, other, _COLUMNS), hardware=hardware)

    def to_dataset(self) -> Any:
        """The runs as an `xarray.Dataset`, to be stored as netCDF."""
        import xarray

        variables = {
            "successes": (("run", "level"), self.successes),
            "crossing_times": ("run", self.crossing_times),
            "n_steps": ("run", self.n_steps),
            "runs": ("run", self.runs),
        }
        numbers = {name: getattr(self, name) for name in (*_NUMBERS, "dt")}
        numbers |= {name: json.dumps(getattr(self, name)) for name in ("settings", "hardware")}
        return xarray.Dataset(variables, coords={"level": self.levels}, attrs=numbers)

    @classmethod
    def from_dataset(cls, dataset: Any) -> ForwardFlux:
        """The runs that `to_dataset` gave.

        Raises
        ------
        ValueError
            If the dataset lacks a part of them.
        """
        require_parts(dataset, (*_COLUMNS, "level"), (*_NUMBERS, "dt", "settings"))
        columns: dict[str, Any] = {name: dataset[name].values for name in _COLUMNS}
        numbers: dict[str, Any] = {name: int(dataset.attrs[name]) for name in _NUMBERS}
        dt, settings = float(dataset.attrs["dt"]), json.loads(dataset.attrs["settings"])
        hardware = json.loads(dataset.attrs.get("hardware", "{}"))
        texts = {"settings": settings, "hardware": hardware}
        return cls(levels=dataset["level"].values, **columns, **numbers, dt=dt, **texts)
