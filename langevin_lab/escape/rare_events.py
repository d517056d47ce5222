"""Probabilities and rates of rare events, by adaptive multilevel splitting in compiled loops.

The algorithm and its sources are in `splitting`, the flux in `surface_crossings`. Everything is
looked at once a step, so what is estimated belongs to the scheme with its time step; for overdamped
dynamics boundaries look 0.5826 sqrt(2 T dt/friction) further away than they are (`crossing`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from langevin_lab.ensemble.checks import check_count
from langevin_lab.ensemble.split_paths import Plan
from langevin_lab.escape.rare_event_arguments import (
    check_crossings,
    check_killed,
    check_runs,
    make_plan,
    start_counts,
    started_in_source,
    started_paths,
)
from langevin_lab.escape.rare_event_batches import run_in_batches, shared_settings, starts_of_runs
from langevin_lab.escape.rare_event_results import RareEvent, RareEventRate
from langevin_lab.escape.splitting import split
from langevin_lab.escape.surface_crossings import surface_crossings
from langevin_lab.integrators import Method

CROSSING_REPLICA = 2**62  # the trajectories that cross draw their noise from here on


def rare_event_probability(
    dynamics: Any,
    integrator: str | Method,
    *,
    dt: float,
    coordinate: str,
    source: str,
    target: str,
    seed: int,
    start: Any = None,
    start_momentum: Any = "thermal",
    start_thermostat: Any = "thermal",
    n_replicas: int = 200,
    n_killed: int = 1,
    n_runs: int = 40,
    first_run: int = 0,
    level_spacing: float | None = None,
    n_threads: int | None = None,
    divergence_bound: float = 1e10,
    checkpoint: str | Path | None = None,
    executor: Any = None,
    backend: str = "cpu",
    precision: str = "float64",
) -> RareEvent:
    """Estimate the probability of reaching the target before the source.

    Each run estimates it as prod (1 - killed/n_replicas), without bias.

    Parameters
    ----------
    dynamics : Dynamics
        Constant temperature and friction.
    integrator : str or Method
    dt : float
        Time step > 0 [time].
    coordinate : str
        Expression that grows towards the target, over the observable names: variables, momenta,
        ``energy``, parameters. Any gives the right mean; the closer its level sets are to those of
        the committor, the smaller the variance.
    source, target : str
        Regions such as "x < -0.9", over the same names.
    seed : int
    start : array_like, optional
        Positions outside both regions, one for all paths, or of shape (n_runs*n_replicas, dim);
        the known minimum of lowest energy by default.
    start_momentum, start_thermostat
        As in `simulate`.
    n_replicas : int, optional
        Paths of a run, > n_killed: relative variance of a run about |ln p|/n_replicas.
    n_killed : int, optional
        Paths killed at a time, and all that tie with them.
    n_runs : int, optional
        Independent runs >= 2, which run side by side.
    first_run : int, optional
        Number of the first run. Runs with other numbers are other runs: `RareEvent.combined` joins
        them.
    level_spacing : float, optional
        Round levels down to multiples of it, so that a path keeps at most one state for each
        multiple: less memory, more ties, still no bias. By default a path keeps its state at every
        new maximum of the coordinate above the killed level.
    n_threads, divergence_bound
        As in `simulate`. The bits do not depend on the threads.
    checkpoint : path, optional
        netCDF file that is written after every batch of runs. A call with the same settings goes
        on from it, to the same bits as if it had never been interrupted; one with more runs adds
        them.
    executor : concurrent.futures.Executor, optional
        Runs the batches, in other threads or processes, to the same bits; for processes the
        dynamics has to pickle, and ``integrator`` be a name.
    backend, precision : str, optional
        As in `simulate`: "cpu", or "cuda" for kernels on a card, a thread for each run, so that
        many runs of few paths keep it busy; the same noise, and the same paths.

    Returns
    -------
    RareEvent

    Raises
    ------
    ValueError
        If an argument is out of range, the dynamics is scheduled or noiseless, or a path starts in
        the source or the target.
    DivergedPathError
        If a path leaves the bound.
    NoArrivalError
        If a path stays between source and target for 1e9 steps of a coordinate.
    MemoryError
        If the records would not fit.
    CheckpointError
        If the checkpoint is that of other settings, or no checkpoint.

    Source
    ------
    Cerou and Guyader (2007) [CG07]; Brehier, Gazeau, Goudenege, Lelievre and Rousset (2016),
    section 3, for discrete time and ties [BGG16].

    Examples
    --------
    >>> import langevin_lab as ll
    >>> eq = ll.Overdamped(ll.potentials.double_well(), temperature=0.2)
    >>> found = ll.escape.rare_event_probability(
    ...     eq, "EulerMaruyama", dt=0.01, coordinate="x", start=-0.8, source="x < -0.9",
    ...     target="x > 0.9", n_replicas=50, seed=1)
    >>> exact = ll.exact.discrete_splitting_probability("EulerMaruyama", eq, -0.8, -0.9, 0.9, 0.01)
    >>> abs(found.probability.value - exact.value) < 4 * found.probability.stderr
    True
    """
    arguments = dict(locals())  # before any other name
    check_killed(n_replicas, n_killed)
    check_runs(first_run, n_runs, n_replicas, CROSSING_REPLICA)
    return run_in_batches(_probability_of_runs, RareEvent, arguments)


def _probability_of_runs(arguments: dict[str, Any], first_run: int, n_runs: int) -> RareEvent:
    """The runs first_run, first_run + 1, ... of a call with these arguments."""
    plan = _plan_of(arguments, ("source", "target"))
    n_replicas = arguments["n_replicas"]
    runs = np.arange(first_run, first_run + n_runs).astype(np.uint64)
    replicas = (runs[0] * n_replicas + np.arange(n_runs * n_replicas)).astype(np.uint64)
    starts = starts_of_runs(arguments, start_counts(plan), first_run, n_runs, n_replicas)
    levels, states = started_paths(plan, starts, replicas)
    _check_levels(levels, arguments)
    shape = (n_runs, n_replicas)
    found = split(plan, runs, levels.reshape(shape), states.reshape(*shape, -1))
    return _event(found, plan, arguments, runs)


def _check_levels(levels: np.ndarray, arguments: dict[str, Any]) -> None:
    """Raise ValueError if a path starts in a region."""
    wrong = (
        ("source", np.isnan(levels), "not a number"),
        ("target", np.isposinf(levels), "infinite"),
    )
    for region, there, what in wrong:
        if there.any():
            raise ValueError(
                f"a path starts in {region}={arguments[region]!r}, or coordinate="
                f"{arguments['coordinate']!r} is {what} there; give a start between source and "
                "target"
            )


def rare_event_rate(
    dynamics: Any,
    integrator: str | Method,
    *,
    dt: float,
    coordinate: str,
    source: str,
    target: str,
    seed: int,
    surface: str | None = None,
    start: Any = None,
    start_momentum: Any = "thermal",
    start_thermostat: Any = "thermal",
    n_replicas: int = 200,
    n_killed: int = 1,
    n_runs: int = 40,
    crossings_per_path: int = 1,
    first_run: int = 0,
    level_spacing: float | None = None,
    n_threads: int | None = None,
    divergence_bound: float = 1e10,
    checkpoint: str | Path | None = None,
    executor: Any = None,
    backend: str = "cpu",
    precision: str = "float64",
) -> RareEventRate:
    """Estimate the rate from a source to a target: flux through a surface times probability.

    rate = (first crossings of the surface per time) * P(target before source | crossing), which is
    one over the mean passage time from the start to the target, at the simulated time step and for
    momenta of any friction, since paths start in the states in which a direct run has crossed.

    Parameters
    ----------
    dynamics, integrator, dt, coordinate, source, target, seed, n_replicas, n_killed, n_runs
        As `rare_event_probability`; likewise first_run, level_spacing, n_threads,
        divergence_bound, checkpoint, executor, backend and precision.
    surface : str, optional
        Region beyond the first surface, such as "x > -0.8", outside the source; by default all that
        is not the source. A crossing is the first state in it since the last one in the source; it
        has to be frequent, since crossings are met by direct simulation.
    start, start_momentum, start_thermostat
        As in `simulate`, in the source; where the passage time is counted from.
    crossings_per_path : int, optional
        One of so many crossings of a run starts a path; more make the flux more precise.

    Returns
    -------
    RareEventRate

    Raises
    ------
    ValueError
        As `rare_event_probability`; the start lies outside the source, or the surface within it.
    DivergedPathError, NoArrivalError, MemoryError, CheckpointError
        As `rare_event_probability`; no crossing in 1e9 steps of a coordinate.

    Source
    ------
    Hill (1989) [H89]; Cerou, Guyader, Lelievre and Pommier (2011) [CGLP11].

    Examples
    --------
    >>> import langevin_lab as ll
    >>> eq = ll.Overdamped(ll.potentials.double_well(), temperature=0.2)
    >>> found = ll.escape.rare_event_rate(
    ...     eq, "EulerMaruyama", dt=0.01, coordinate="x", source="x < -0.95", target="x > 1",
    ...     surface="x > -0.8", n_replicas=50, seed=1)
    >>> exact = 1 / ll.exact.discrete_passage_time("EulerMaruyama", eq, -1.0, 1.0, 0.01).value
    >>> abs(found.rate.value - exact) < 4 * found.rate.stderr
    True
    """
    arguments = dict(locals())  # before any other name
    if surface is None:
        arguments["surface"] = f"not ({source})"
    check_killed(n_replicas, n_killed)
    check_runs(first_run, n_runs, n_replicas, CROSSING_REPLICA)
    check_count("crossings_per_path", crossings_per_path, 1)
    return run_in_batches(_rate_of_runs, RareEventRate, arguments)


def _rate_of_runs(arguments: dict[str, Any], first_run: int, n_runs: int) -> RareEventRate:
    """The runs first_run, first_run + 1, ... of a call with these arguments."""
    plan = _plan_of(arguments, ("source", "target", "surface"))
    n_replicas = arguments["n_replicas"]
    runs = np.arange(first_run, first_run + n_runs).astype(np.uint64)
    replicas = CROSSING_REPLICA + runs
    starts = starts_of_runs(arguments, start_counts(plan), first_run, n_runs, 1)
    states = started_in_source(plan, starts, replicas, arguments["source"])
    every = arguments["crossings_per_path"]
    crossings = surface_crossings(plan, replicas, states, n_replicas, every)
    surface, source = (arguments[name] for name in ("surface", "source"))
    check_crossings(crossings.levels, f"surface={surface!r}", source, arguments["coordinate"])
    found = split(plan, runs, crossings.levels, crossings.states)
    event = _event(found, plan, arguments, runs)
    return RareEventRate(event, crossings.n_crossings, crossings.times)


def _plan_of(arguments: dict[str, Any], regions: tuple[str, ...]) -> Plan:
    """Dynamics and integrator compiled with the coordinate and these regions."""
    texts = (arguments["coordinate"], {name: arguments[name] for name in regions})
    names = (
        "seed", "n_killed", "level_spacing", "n_threads", "divergence_bound", "backend",
        "precision",
    )  # fmt: skip
    return make_plan(
        arguments["dynamics"], arguments["integrator"], arguments["dt"], texts,
        **{name: arguments[name] for name in names},
    )  # fmt: skip


def _event(found: Any, plan: Plan, arguments: dict[str, Any], runs: np.ndarray) -> RareEvent:
    return RareEvent(
        found.log_probabilities, found.n_iterations, found.n_branches, found.n_steps,
        n_replicas=arguments["n_replicas"], n_killed=plan.n_killed, dt=plan.kernel.dt,
        seed=plan.seed, runs=runs.astype(np.int64), settings=shared_settings(arguments),
        hardware=plan.hardware,
    )  # fmt: skip
