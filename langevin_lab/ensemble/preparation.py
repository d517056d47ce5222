"""A run that is checked and ready: `simulate` advances it to its end, a training by epochs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.ensemble.backends import Backend, parse_backend
from langevin_lab.ensemble.checks import (
    check_bound,
    check_count,
    check_first_replica,
    check_gradient_noise,
    check_memory,
    check_seed,
    check_stability,
    default_threads,
)
from langevin_lab.ensemble.iteration import matched
from langevin_lab.ensemble.kernel import Kernel, RecordingKernel
from langevin_lab.ensemble.layout import N_GROUPS
from langevin_lab.ensemble.moments import Moment
from langevin_lab.ensemble.recorders import (
    Histogram,
    KineticTemperature,
    Recorder,
    recorders,
    unique_moments,
)
from langevin_lab.ensemble.result import potential_key, previous_run, provenance, settings_key
from langevin_lab.ensemble.run import (
    FEW_REPLICAS,
    FIRST_BATCH,
    Run,
    restore,
)
from langevin_lab.ensemble.start import check_start_arguments, given_starts, initial_state


@dataclass(frozen=True)
class Prepared:
    """A run, what it records, and the settings that a later part of it must share."""

    run: Run
    recorded: dict[str, Any]
    moments: list[Moment]
    settings: dict[str, Any]

    def attributes(self) -> dict[str, Any]:
        """Provenance, and what a continued run is checked against."""
        run, dynamics = self.run, self.run.kernel.dynamics
        attributes = provenance(self.settings | {"n_steps": run.step})
        attributes |= {"backend": str(run.backend), **run.hardware}
        if dynamics.is_scheduled:
            attributes |= _schedule_samples(dynamics, run.step * run.kernel.dt)
        if run.batches is not None:
            attributes |= {"batch_length": run.batches.length, "batch_filled": run.batches.filled}
        return attributes


def prepare(
    dynamics: Any,
    integrator: Any,
    *,
    n_steps: int,
    seed: int,
    dt: float | None = None,
    gradient_noise: Any = None,
    n_replicas: int = 1,
    observe: dict[str, Any] | None = None,
    burn_in: int = 0,
    record_every: int = 1,
    save_every: int | None = None,
    start: Any = None,
    start_momentum: Any = "thermal",
    start_thermostat: Any = "thermal",
    first_replica: int = 0,
    continue_from: Any = None,
    n_threads: int | None = None,
    divergence_bound: float = 1e10,
    backend: str = "cpu",
    precision: str = "float64",
    solver: str | None = None,
) -> Prepared:
    """Check the arguments of `simulate` for n_steps to come, 0 or more, and set the run up."""
    chosen = parse_backend(backend, precision, solver)
    dynamics, scheme, dt = matched(dynamics, integrator, dt, gradient_noise)
    scheme = chosen.part("Run").method_for(chosen, dynamics, scheme)
    seed = check_seed(seed)
    n_replicas = check_count("n_replicas", n_replicas, 1)
    burn_in = check_count("burn_in", burn_in, 0)
    record_every = check_count("record_every", record_every, 1)
    save_every = 0 if save_every is None else check_count("save_every", save_every, 1)
    first_replica = check_first_replica(first_replica, n_replicas)
    n_threads = default_threads() if n_threads is None else check_count("n_threads", n_threads, 1)
    divergence_bound = check_bound(divergence_bound)
    recorded = recorders(observe)
    kernel, moments = _recording_kernel(dynamics, scheme, dt, recorded)
    chosen.part("Run").check(chosen, kernel)
    settings = {
        "dynamics": dynamics.describe(),
        "potential": potential_key(dynamics.potential),
        "method": scheme.name,
        "dt": dt,
        "seed": seed,
        "n_replicas": n_replicas,
        "first_replica": first_replica,
        "observe": settings_key({name: repr(value) for name, value in recorded.items()}),
        "burn_in": burn_in,
        "record_every": record_every,
        "save_every": save_every,
        "divergence_bound": divergence_bound,
        "precision": chosen.precision,
    }
    starts = {
        "start": start, "start_momentum": start_momentum, "start_thermostat": start_thermostat
    }  # fmt: skip
    check_start_arguments(scheme, dynamics, starts)
    earlier = 0
    if continue_from is not None:
        earlier = _check_continuation(continue_from, settings, starts, dynamics)
    total = earlier + n_steps
    check_gradient_noise(scheme, dynamics)
    check_stability(scheme, dynamics, dt, total)
    _check_recording(kernel, recorded, settings, total, n_threads)
    run = _set_up(kernel, settings, _histograms(recorded), n_threads, starts, continue_from, chosen)
    if save_every:
        run.saved = np.zeros((total // save_every - earlier // save_every, *run.saved.shape[1:]))
    return Prepared(run, recorded, moments, settings)


def _recording_kernel(
    dynamics: Any, scheme: Any, dt: float, recorded: dict[str, Any]
) -> tuple[Kernel, list[Moment]]:
    """The kernel that sums what is recorded, and the moments of which averages are made."""
    plain = _plain(recorded)
    for recorder in plain:
        if isinstance(recorder, KineticTemperature):
            recorder.check_method(scheme, dynamics, dt)
    moments = unique_moments(plain, dynamics)
    counted = [Moment(histogram.text) for histogram in _histograms(recorded)]
    return RecordingKernel(dynamics, scheme, dt, moments, counted), moments


def _plain(recorded: dict[str, Any]) -> list[Recorder]:
    return [recorder for recorder in recorded.values() if isinstance(recorder, Recorder)]


def _histograms(recorded: dict[str, Any]) -> list[Histogram]:
    return [recorder for recorder in recorded.values() if isinstance(recorder, Histogram)]


def _set_up(
    kernel: Kernel,
    settings: dict[str, Any],
    histograms: list[Histogram],
    n_threads: int,
    starts: dict[str, Any],
    continue_from: Any,
    backend: Backend,
) -> Run:
    layout, n_replicas = kernel.layout, settings["n_replicas"]
    if continue_from is None:
        vectors = initial_state(
            kernel.dynamics, layout, starts, seed=settings["seed"],
            first_replica=settings["first_replica"], n_replicas=n_replicas,
        )  # fmt: skip
    else:
        vectors = {
            name: np.atleast_2d(continue_from[f"{name}_final"].values.T) for name in layout.kept
        }
    state = np.concatenate([vectors[name] for name in layout.kept])
    kind = backend.part("Run")
    padding = kind.n_columns(n_replicas, layout, n_threads) - n_replicas
    state = np.concatenate([state, np.repeat(state[:, -1:], padding, axis=1)], axis=1)
    run: Run = kind(
        kernel=kernel,
        state=np.ascontiguousarray(state),
        n_replicas=n_replicas,
        first_replica=settings["first_replica"],
        seed=settings["seed"],
        edges=np.array([[h.low, h.bins / (h.high - h.low)] for h in histograms]).reshape(-1, 2),
        n_bins=np.array([h.bins for h in histograms], np.int64),
        burn_in=settings["burn_in"],
        record_every=settings["record_every"],
        save_every=settings["save_every"],
        bound=float(settings["divergence_bound"]),
        n_threads=n_threads,
        backend=backend,
    )
    if continue_from is not None:
        restore(run, previous_run(continue_from))
    return run


def _check_continuation(
    previous: Any, settings: dict[str, Any], starts: dict[str, Any], dynamics: Any
) -> int:
    """Steps of the earlier run; ValueError if it ran otherwise, or a start is given as well."""
    given = given_starts(starts)
    if given:
        raise ValueError(
            f"{given[0]} is given and so is continue_from, which starts where it ended"
        )
    missing = [key for key in ("n_steps", *settings) if key not in getattr(previous, "attrs", {})]
    if missing:
        raise TypeError(
            f"continue_from has no attributes {missing}: give a dataset that ll.simulate returned"
        )
    for key, value in settings.items():
        if str(previous.attrs[key]) != str(value):
            raise ValueError(
                f"continue_from ran with {key}={previous.attrs[key]}, this call has {key}={value}; "
                "a run continues under the same settings"
            )
    if dynamics.is_scheduled:
        _check_schedule(previous, dynamics)
    return int(previous.attrs["n_steps"])


def _schedule_samples(dynamics: Any, duration: float) -> dict[str, list[float]]:
    """The schedules at a few times of the run: what a plain function can be recognised by."""
    times = np.linspace(0.0, duration, 9)[1::2]
    samples = dynamics.scheduled_values(times)
    return {"schedule_times": times.tolist()} | {
        f"schedule_{name}": values.tolist() for name, values in samples.items()
    }


def _check_schedule(previous: Any, dynamics: Any) -> None:
    """Raise ValueError if the earlier run had other values at the times noted then."""
    times = np.atleast_1d(previous.attrs["schedule_times"])
    for name, now in dynamics.scheduled_values(times).items():
        before = np.atleast_1d(previous.attrs[f"schedule_{name}"])
        differs = np.abs(now - before) > 1e-12 * np.abs(before)
        if differs.any():
            first, what = int(np.argmax(differs)), name.replace("s", "", 1)
            raise ValueError(
                f"continue_from ran with {what} {before[first]:g} at time {times[first]:g}, this "
                f"call's schedule has {now[first]:g}; a run continues under the same settings"
            )


def _check_recording(
    kernel: Kernel, recorded: dict[str, Any], settings: dict[str, Any], total: int, n_threads: int
) -> None:
    """Raise ValueError or MemoryError if what is recorded or saved in all steps cannot be."""
    n_replicas, save_every = settings["n_replicas"], settings["save_every"]
    n_recorded = (total - settings["burn_in"]) // settings["record_every"]
    histograms = _histograms(recorded)
    _check_lengths(settings, total, recording=bool(recorded))
    _check_error_bars(_plain(recorded), histograms, n_replicas, n_recorded)
    _check_names(recorded, kernel, saving=save_every > 0)
    n_bins = max((h.bins for h in histograms), default=0)
    _check_memory(kernel, n_replicas, total, save_every, n_bins=n_bins, n_threads=n_threads)


def _check_lengths(settings: dict[str, Any], total: int, *, recording: bool) -> None:
    """Raise ValueError if nothing would be recorded, or saved, in all steps."""
    burn_in, record_every = settings["burn_in"], settings["record_every"]
    if recording and total - burn_in < record_every:
        raise ValueError(
            f"burn_in={burn_in} and record_every={record_every} leave nothing to record in "
            f"n_steps={total}; use burn_in <= {max(0, total - record_every)}"
        )
    save_every = settings["save_every"]
    if save_every > total:
        raise ValueError(
            f"save_every={save_every} saves nothing in n_steps={total}; use save_every <= {total}"
        )


def _check_names(recorded: dict[str, Any], kernel: Kernel, *, saving: bool) -> None:
    """Raise ValueError if an observable has the name of something else in the result."""
    needed = {f"{name}_final" for name in kernel.layout.kept}
    if saving:
        needed |= set(kernel.method.program.state_scalars)
    taken = sorted(needed & set(recorded))
    if taken:
        raise ValueError(
            f"observe uses {taken}, which the result needs itself; choose another name"
        )


def _check_error_bars(
    plain: list[Recorder], histograms: list[Histogram], n_replicas: int, n_recorded: int
) -> None:
    """Raise ValueError if fewer than two groups will be left to scatter."""
    if histograms and n_replicas < 2:
        raise ValueError(
            f"n_replicas={n_replicas}: {histograms[0]!r} of a single replica has no error bar; "
            "use n_replicas >= 2"
        )
    if plain and n_replicas < FEW_REPLICAS and n_recorded // FIRST_BATCH * n_replicas < 2:
        raise ValueError(
            f"n_replicas={n_replicas} and {n_recorded} recorded steps give no error bar; record "
            f">= {FIRST_BATCH * (2 if n_replicas == 1 else 1)} steps or use n_replicas >= "
            f"{FEW_REPLICAS}"
        )


def _check_memory(
    kernel: Kernel, n_replicas: int, n_steps: int, save_every: int, *, n_bins: int, n_threads: int
) -> None:
    layout = kernel.layout
    rows = 3 * layout.n_carried + 3 * layout.n_moments + 1
    saved = 2 * (n_steps // save_every) * layout.constants()["N_STATE"] if save_every else 0
    # Counts of the run and of its result, and two in each of up to four tasks a thread.
    counts = layout.n_histograms * N_GROUPS * (n_bins + 3) * (2 + 8 * n_threads)
    state = n_replicas * (rows + saved)
    advice = "raise save_every or lower n_replicas" if save_every else "lower n_replicas"
    check_memory(8 * (state + counts), "use fewer bins" if counts > state else advice)


def saved_path(previous: Any, kernel: Kernel) -> np.ndarray:
    """The earlier run's path in the kernel's order: (time, state and coordinate, replica)."""
    if "time" not in previous.sizes:
        return np.zeros((0, kernel.layout.constants()["N_STATE"], previous.sizes["replica"]))
    values = [previous[name].values for name in kernel.method.program.state]
    # A thermostat has no axis of coordinates.
    rows = [v[:, None] if v.ndim == 2 else v.transpose(0, 2, 1) for v in values]
    return np.concatenate(rows, axis=1)
