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
    dataset : xarray.Dataset or None
        What the run has nevertheless: final state, ``diverged_step``, saved path, sums, and the
        observables that still have an error bar.
    """

    def __init__(self, diverged: np.ndarray, offset: int, advice: str, *, dataset: Any = None):
        self.dataset = dataset
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
    """The run as an `xarray.Dataset`.

    Raises
    ------
    DivergenceError
        If an observable has fewer than two groups left; all else is in the error's ``dataset``.
    """
    import xarray

    histograms = {name: h for name, h in observe.items() if isinstance(h, Histogram)}
    plain = {name: r for name, r in observe.items() if not isinstance(r, Histogram)}
    variables: dict[str, Any] = _state_variables(run)
    lost = []
    if _n_groups(run) >= 2:
        variables |= _statistics(run, plain, moments)
    else:
        lost += list(plain)
    for index, (name, histogram) in enumerate(histograms.items()):
        if _n_histogram_groups(run, index) >= 2:
            variables |= _histogram(run, name, histogram, index)
        else:
            lost.append(name)
    variables |= _sums(run)
    coordinates = {
        "replica": np.arange(run.first_replica, run.first_replica + run.n_replicas),
        "coordinate": list(run.kernel.dynamics.potential.variables),
    }
    if run.saved.shape[0]:
        steps = run.save_every * np.arange(1, run.saved.shape[0] + 1)
        coordinates["time"] = steps * run.kernel.dt
    result = xarray.Dataset(variables, coords=coordinates, attrs=attributes)
    if lost:
        advice = (
            f"too few are left for {lost}, the rest is in this error's dataset; use a smaller "
            f"{run.kernel.dynamics.step_name} or another start"
        )
        diverged = run.diverged[: run.n_replicas]
        raise DivergenceError(diverged, run.first_replica, advice, dataset=result)
    return result


def _statistics(run: Run, observe: dict[str, Recorder], moments: list[Moment]) -> dict[str, Any]:
    """Value and standard error of every recorder; warns of those that are NaN."""
    variables: dict[str, Any] = {}
    if not observe:
        return variables
    means, overall, group_steps = run.groups()
    spacing = run.record_every * run.kernel.dt
    group_time = group_steps * spacing
    _warn_of_correlation(run, means, group_time)
    for name, recorder in observe.items():
        rows = [moments.index(moment) for moment in recorder.moments(run.kernel.dynamics)]
        statistics = Statistics(means[rows], overall[rows], group_time, spacing)
        value, error = recorder.estimate(statistics, run.kernel.dynamics)
        about = {"recorder": repr(recorder), "n_groups": means.shape[1]}
        variables[name] = ((), value, about)
        variables[f"{name}_stderr"] = ((), error, {"standard_error_of": name})
        if np.isnan(overall[rows]).any():
            count = int(np.isnan(means[rows]).any(axis=0).sum())
            _warn_of_nan(name, recorder, f"{count} of {means.shape[1]} groups")
    return variables


def _warn_of_nan(name: str, recorder: Recorder | Histogram, where: str) -> None:
    warnings.warn(
        f"observable {name!r}, {recorder!r}, was NaN in {where}: some states lie outside its "
        "domain; observe an expression that is defined wherever replicas go",
        RuntimeWarning,
        stacklevel=5,
    )


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
    for name, (_, _, dims) in _places(run, layout.kept).items():
        variables[f"{name}_final"] = (("replica", *dims), final_values(run, name))
    if run.saved.shape[0]:
        for name, (first, size, dims) in _places(run, layout.program.state).items():
            path = run.saved[:, first : first + size].transpose(0, 2, 1)
            shape = (len(path), count, *[size] * len(dims))
            variables[name] = (("time", "replica", *dims), path.reshape(shape).copy())
    return variables


def final_values(run: Run, name: str) -> np.ndarray:
    """A copy of the positions, ... of all replicas: (n_replicas,), coordinates an axis more."""
    first, size, dims = _places(run, run.kernel.layout.kept)[name]
    final = run.state[first : first + size, : run.n_replicas].T
    return final.reshape(run.n_replicas, *[size] * len(dims)).copy()


def _places(run: Run, names: tuple[str, ...]) -> dict[str, tuple[int, int, tuple[str, ...]]]:
    """First row, number of rows and dimensions of each name; a thermostat has no coordinate."""
    layout, first = run.kernel.layout, 0
    places: dict[str, tuple[int, int, tuple[str, ...]]] = {}
    for name in names:
        scalar = layout.program.is_scalar(name)
        places[name] = (first, layout.size(name), () if scalar else ("coordinate",))
        first += layout.size(name)
    return places


def _n_groups(run: Run) -> int:
    """Groups that averages have."""
    alive = int((run.diverged[: run.n_replicas] < 0).sum())
    return alive * (1 if run.batches is None else len(run.batches.sums))


def _n_histogram_groups(run: Run, index: int) -> int:
    """Groups of replicas that a histogram has: those with a replica left and a count."""
    alive = run.first_replica + np.flatnonzero(run.diverged[: run.n_replicas] < 0)
    counted = run.counts[index].sum(axis=1) > 0
    return int(counted[np.unique(alive % N_GROUPS)].sum())


def _warn_of_correlation(run: Run, means: np.ndarray, group_time: float) -> None:
    """Warn if stretches of time, taken as independent groups, correlate with their neighbours.

    Deviations are from the mean over all replicas, so that replicas stuck in different wells show.
    """
    if run.batches is None or not run.kernel.noisy:
        return
    alive = int((run.diverged[: run.n_replicas] < 0).sum())
    series = means.reshape(len(means), alive, -1)
    if series.shape[2] < 2:
        return
    deviation = series - series.mean(axis=(1, 2), keepdims=True)
    products = (deviation[..., 1:] * deviation[..., :-1]).mean(axis=(1, 2))
    squares = (deviation**2).mean(axis=(1, 2))
    highest = float(np.max(products / np.where(squares > 0, squares, 1.0)))
    noise = 1 / np.sqrt(series[0, :, 1:].size)  # one sigma for independent stretches
    if highest > 0.2 + 2 * noise:
        warnings.warn(
            f"n_replicas={run.n_replicas}: error bars come from stretches of {group_time:g} time "
            f"units, and neighbouring ones correlate by {highest:.2f}, so the bars are too small; "
            f"raise n_steps tenfold or use n_replicas >= {FEW_REPLICAS}",
            RuntimeWarning,
            stacklevel=4,
        )


def _histogram(run: Run, name: str, recorder: Histogram, index: int) -> dict[str, Any]:
    """Density with error bars from the scatter between groups of replicas."""
    counts = run.counts[index, :, : recorder.bins + 3].astype(float)
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
        "fraction_above": float(density[-2] * width),
    }
    if density[-1] > 0:
        about["fraction_nan"] = float(density[-1] * width)
        _warn_of_nan(name, recorder, f"{about['fraction_nan']:.3g} of the samples")
    return {
        name: ((f"{name}_bin",), density[1:-2], about),
        f"{name}_stderr": ((f"{name}_bin",), error[1:-2], {"standard_error_of": name}),
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
    """Formula (or the hash of the code), all digits of parameters, data's hash, gradient noise."""
    formula = potential.text or potential.code.digest
    key = [formula, list(potential.variables), dict(potential.parameters)]
    if potential.data is not None:
        key.append(potential.data.digest)
    if potential.gradient_noise is not None:
        key.append(potential.gradient_noise.key)
    return json.dumps(key)


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
    counts = np.zeros((0, N_GROUPS, 3), np.int64)
    return {
        "sums": previous["moment_sum"].values if n_moments else np.zeros((0, n_replicas)),
        "diverged": previous["diverged_step"].values,
        "counts": previous["histogram_count"].values if "histogram_count" in previous else counts,
        "batches": batches,
        "step": int(previous.attrs["n_steps"]),
    }
