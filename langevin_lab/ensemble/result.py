"""The labelled dataset that a run returns, and how a later run continues from it."""

from __future__ import annotations

import json
import platform
import warnings
from typing import Any

import numpy as np

from langevin_lab._version import __version__
from langevin_lab.ensemble.layout import N_GROUPS
from langevin_lab.ensemble.moments import Moment
from langevin_lab.ensemble.recorders import Histogram, Recorder, Statistics
from langevin_lab.ensemble.run import FEW_REPLICAS, Batches, Run


class DivergenceError(RuntimeError):
    """Too few replicas are left to average over.

    Attributes
    ----------
    n_diverged, n_replicas : int
    first_replica, first_step : int
        The earliest divergence.
    """

    def __init__(self, diverged: np.ndarray, offset: int, advice: str):
        replica = int(np.argmin(np.where(diverged < 0, np.iinfo(np.int64).max, diverged)))
        self.n_diverged, self.n_replicas = int((diverged >= 0).sum()), diverged.size
        self.first_replica, self.first_step = offset + replica, int(diverged[replica])
        super().__init__(
            f"{self.n_diverged} of {self.n_replicas} replicas diverged, the first of them replica "
            f"{self.first_replica} at step {self.first_step}; {advice}"
        )


def dataset(
    run: Run, observe: dict[str, Recorder | Histogram], moments: list[Moment], attributes: dict
) -> Any:
    """The run as an `xarray.Dataset`."""
    import xarray

    variables: dict[str, Any] = _state_variables(run)
    if observe:
        _check_divergence(run)
        means, overall, group_steps = run.groups()
        group_time = group_steps * run.record_every * run.kernel.dt
        _warn_of_correlation(run, means, group_time)
        histograms = [name for name, recorder in observe.items() if isinstance(recorder, Histogram)]
        for name, recorder in observe.items():
            if isinstance(recorder, Histogram):
                variables |= _histogram(run, name, recorder, histograms.index(name))
                continue
            rows = [moments.index(moment) for moment in recorder.moments(run.kernel.dynamics)]
            statistics = Statistics(means[rows], overall[rows], group_time)
            value, error = recorder.estimate(statistics, run.kernel.dynamics)
            about = {"recorder": repr(recorder), "n_groups": means.shape[1]}
            variables[name] = ((), value, about)
            variables[f"{name}_stderr"] = ((), error, {"standard_error_of": name})
    variables |= _sums(run)
    coordinates = {
        "replica": np.arange(run.first_replica, run.first_replica + run.n_replicas),
        "coordinate": list(run.kernel.dynamics.potential.variables),
    }
    if run.saved.shape[0]:
        steps = run.save_every * np.arange(1, run.saved.shape[0] + 1)
        coordinates["time"] = steps * run.kernel.dt
    return xarray.Dataset(variables, coords=coordinates, attrs=attributes)


def _state_variables(run: Run) -> dict[str, Any]:
    """Final state, divergences and saved path."""
    layout, count = run.kernel.layout, run.n_replicas
    variables: dict[str, Any] = {
        "diverged_step": (
            ("replica",),
            run.diverged[:count].copy(),
            {"meaning": "step at which the replica left the bound and was frozen; -1: never"},
        )
    }
    final = run.state[:, :count].reshape(len(layout.kept), layout.dim, count)
    for index, name in enumerate(layout.kept):
        variables[f"{name}_final"] = (("replica", "coordinate"), final[index].T.copy())
    if run.saved.shape[0]:
        shape = (-1, len(layout.program.state), layout.dim, count)
        for index, name in enumerate(layout.program.state):
            path = run.saved.reshape(shape)[:, index]
            variables[name] = (("time", "replica", "coordinate"), path.transpose(0, 2, 1).copy())
    return variables


def _check_divergence(run: Run) -> None:
    diverged = run.diverged[: run.n_replicas]
    alive = run.first_replica + np.flatnonzero(diverged < 0)
    n_groups = alive.size * (1 if run.batches is None else len(run.batches.sums))
    if run.counts.shape[0]:
        n_groups = min(n_groups, np.unique(alive % N_GROUPS).size)
    if n_groups < 2:
        raise DivergenceError(diverged, run.first_replica, "use a smaller dt or another start")


def _warn_of_correlation(run: Run, means: np.ndarray, group_time: float) -> None:
    """Warn if stretches of time, taken as independent groups, correlate with their neighbours."""
    if run.batches is None or not run.kernel.noisy:
        return
    alive = int((run.diverged[: run.n_replicas] < 0).sum())
    series = means.reshape(len(means), alive, -1)
    if series.shape[2] < 8:
        return
    deviation = series - series.mean(axis=2, keepdims=True)
    products = (deviation[..., 1:] * deviation[..., :-1]).sum(axis=(1, 2))
    squares = (deviation**2).sum(axis=(1, 2))
    highest = float(np.max(products / np.where(squares > 0, squares, 1.0)))
    if highest > 0.5:
        warnings.warn(
            f"n_replicas={run.n_replicas}: error bars come from stretches of {group_time:g} time "
            f"units, and neighbouring ones correlate by {highest:.2f}, so the bars are too small; "
            f"raise n_steps tenfold or use n_replicas >= {FEW_REPLICAS}",
            RuntimeWarning,
            stacklevel=4,
        )


def _histogram(run: Run, name: str, recorder: Histogram, index: int) -> dict[str, Any]:
    """Density with error bars from the scatter between groups of replicas."""
    counts = run.counts[index, :, : recorder.bins + 2].astype(float)
    totals = counts.sum(axis=1)
    counts, totals = counts[totals > 0], totals[totals > 0]
    width = (recorder.high - recorder.low) / recorder.bins
    density = counts.sum(axis=0) / totals.sum() / width
    # Ratio estimator: groups differ in size when replicas are few or some diverged.
    residual = counts / width - totals[:, None] * density
    spread = np.sqrt((residual**2).sum(axis=0) * len(totals) / (len(totals) - 1))
    error = spread / totals.sum()
    centres = 0.5 * (recorder.edges[1:] + recorder.edges[:-1])
    about = {
        "recorder": repr(recorder),
        "n_groups": len(totals),
        "fraction_below": float(density[0] * width),
        "fraction_above": float(density[-1] * width),
    }
    return {
        name: ((f"{name}_bin",), density[1:-1], about),
        f"{name}_stderr": ((f"{name}_bin",), error[1:-1], {"standard_error_of": name}),
        f"{name}_bin": ((f"{name}_bin",), centres),
    }


def _sums(run: Run) -> dict[str, Any]:
    """What a continued run needs, and what other estimators can start from."""
    variables: dict[str, Any] = {}
    if run.sums.shape[0]:
        variables["moment_sum"] = (("moment", "replica"), run.sums[:, : run.n_replicas].copy())
    if run.batches is not None and run.batches.sums:
        variables["batch_sum"] = (("batch", "moment", "replica"), np.array(run.batches.sums))
    if run.counts.shape[0]:
        dims = ("histogram", "group", "count_bin")
        variables["histogram_count"] = (dims, run.counts.copy())
    return variables


def provenance(settings: dict[str, Any]) -> dict[str, Any]:
    """Attributes of the dataset: the settings, and the versions that they ran under."""
    import numba

    return settings | {
        "langevin_lab_version": __version__,
        "numpy_version": np.__version__,
        "numba_version": numba.__version__,
        "python_version": platform.python_version(),
    }


def potential_key(potential: Any) -> str:
    """The potential's formula (or the hash of its code) and all digits of its parameters."""
    formula = potential.text or potential.code.digest
    return json.dumps([formula, list(potential.variables), dict(potential.parameters)])


def settings_key(settings: dict[str, Any]) -> str:
    """The settings that a continued run must share, as one string."""
    return json.dumps(settings, sort_keys=True, default=str)


def previous_run(previous: Any) -> dict[str, Any]:
    """Everything that `run.restore` wants, read from the dataset of an earlier run."""
    n_moments = previous.sizes.get("moment", 0)
    n_replicas = previous.sizes["replica"]
    batches = None
    if "batch_length" in previous.attrs:
        batches = Batches(
            sums=list(previous["batch_sum"].values) if "batch_sum" in previous else [],
            length=int(previous.attrs["batch_length"]),
            filled=int(previous.attrs["batch_filled"]),
        )
    counts = np.zeros((0, N_GROUPS, 2), np.int64)
    return {
        "sums": previous["moment_sum"].values if n_moments else np.zeros((0, n_replicas)),
        "diverged": previous["diverged_step"].values,
        "counts": previous["histogram_count"].values if "histogram_count" in previous else counts,
        "batches": batches,
        "step": int(previous.attrs["n_steps"]),
    }
