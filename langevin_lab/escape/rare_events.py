"""Probabilities and rates of rare events, by adaptive multilevel splitting in compiled loops.

The algorithm and its sources are in `splitting`, the flux in `surface_crossings`. Everything is
looked at once a step, so what is estimated belongs to the scheme with its time step; for overdamped
dynamics boundaries look 0.5826 sqrt(2 T dt/friction) further away than they are (`crossing`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from langevin_lab.ensemble.checks import (
    check_bound,
    check_count,
    check_gradient_noise,
    check_seed,
    check_stability,
    default_threads,
)
from langevin_lab.ensemble.iteration import matched
from langevin_lab.ensemble.kernel import SplittingKernel
from langevin_lab.ensemble.start import check_start_arguments, initial_state
from langevin_lab.escape.rare_event_results import RareEvent, RareEventRate
from langevin_lab.escape.splitting import Plan, split, started
from langevin_lab.escape.surface_crossings import surface_crossings
from langevin_lab.integrators import Method
from langevin_lab.potentials import Potential

CROSSING_REPLICA = 2**62  # the trajectories that cross draw their noise from here on


def rare_event_probability(
    dynamics: Any,
    method: str | Method,
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
) -> RareEvent:
    """Estimate the probability of reaching the target before the source.

    Each run estimates it as prod (1 - killed/n_replicas), without bias.

    Parameters
    ----------
    dynamics : Dynamics
        Constant temperature and friction.
    method : str or Method
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
    regions = {"source": source, "target": target}
    plan = _plan(
        dynamics, method, dt, coordinate, regions, seed, n_replicas, n_killed, level_spacing,
        n_threads, divergence_bound,
    )  # fmt: skip
    runs = _runs(first_run, n_runs, n_replicas)
    replicas = (runs[0] * n_replicas + np.arange(n_runs * n_replicas)).astype(np.uint64)
    starts = {
        "start": start, "start_momentum": start_momentum, "start_thermostat": start_thermostat
    }  # fmt: skip
    levels, states = _started(plan, starts, replicas)
    if np.isnan(levels).any():
        raise ValueError(
            f"a path starts in source={source!r}, or coordinate={coordinate!r} is not a number "
            "there; give a start between source and target"
        )
    if np.isposinf(levels).any():
        raise ValueError(
            f"a path starts in target={target!r}, or coordinate={coordinate!r} is infinite there; "
            "give a start between source and target"
        )
    shape = (n_runs, n_replicas)
    found = split(plan, runs, levels.reshape(shape), states.reshape(*shape, -1))
    return _event(found, plan, n_replicas, first_run)


def rare_event_rate(
    dynamics: Any,
    method: str | Method,
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
) -> RareEventRate:
    """Estimate the rate from a source to a target: flux through a surface times probability.

    rate = (first crossings of the surface per time) * P(target before source | crossing), which is
    one over the mean passage time from the start to the target, at the simulated time step and for
    momenta of any friction, since paths start in the states in which a direct run has crossed.

    Parameters
    ----------
    dynamics, method, dt, coordinate, source, target, seed, n_replicas, n_killed, n_runs
        As `rare_event_probability`; likewise first_run, level_spacing, n_threads and
        divergence_bound.
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
    DivergedPathError, NoArrivalError, MemoryError
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
    surface = f"not ({source})" if surface is None else surface
    regions = {"source": source, "target": target, "surface": surface}
    plan = _plan(
        dynamics, method, dt, coordinate, regions, seed, n_replicas, n_killed, level_spacing,
        n_threads, divergence_bound,
    )  # fmt: skip
    every = check_count("crossings_per_path", crossings_per_path, 1)
    runs = _runs(first_run, n_runs, n_replicas)
    starts = {
        "start": start, "start_momentum": start_momentum, "start_thermostat": start_thermostat
    }  # fmt: skip
    replicas = CROSSING_REPLICA + runs
    levels, states = _started(plan, starts, replicas)
    if not np.isnan(levels).all():
        raise ValueError(f"start lies outside source={source!r}; the flux is that out of it")
    crossings = surface_crossings(plan, replicas, states, n_replicas, every)
    if np.isnan(crossings.levels).any():
        raise ValueError(
            f"surface={surface!r} is crossed within source={source!r}, or coordinate="
            f"{coordinate!r} is not a number there; move the surface out of the source"
        )
    found = split(plan, runs, crossings.levels, crossings.states)
    event = _event(found, plan, n_replicas, first_run)
    return RareEventRate(event, crossings.n_crossings, crossings.times)


def _plan(
    dynamics: Any, method: Any, dt: Any, coordinate: str, regions: dict[str, str], seed: Any,
    n_replicas: Any, n_killed: Any, level_spacing: Any, n_threads: Any, bound: Any,
) -> Plan:  # fmt: skip
    """The arguments checked, and the kernel that they name."""
    if isinstance(dynamics, Potential):
        raise TypeError(
            f"dynamics={dynamics!r} is a potential: wrap it in ll.Langevin or ll.Overdamped"
        )
    dynamics, scheme, dt = matched(dynamics, method, dt)
    if dynamics.is_scheduled:
        raise ValueError(
            f"{type(dynamics).__name__} is scheduled: a path that is branched has no time of its "
            "own; use constant temperature and friction"
        )
    if dynamics.is_noiseless and dynamics.potential.gradient_noise is None:
        raise ValueError("temperature=0: branches would all be the same; give a temperature > 0")
    check_gradient_noise(scheme, dynamics)
    check_stability(scheme, dynamics, dt)
    n_threads = default_threads() if n_threads is None else check_count("n_threads", n_threads, 1)
    n_killed = check_count("n_killed", n_killed, 1)
    if check_count("n_replicas", n_replicas, 2) <= n_killed:
        raise ValueError(
            f"n_killed={n_killed} must be below n_replicas={n_replicas}, or no path is left to "
            "branch from"
        )
    kernel = SplittingKernel(dynamics, scheme, dt, coordinate=coordinate, regions=regions)
    return Plan(
        kernel=kernel,
        seed=check_seed(seed),
        n_killed=n_killed,
        bound=check_bound(bound),
        spacing=_spacing(level_spacing),
        n_threads=n_threads,
    )


def _spacing(level_spacing: Any) -> float:
    if level_spacing is None:
        return 0.0
    if not (isinstance(level_spacing, (int, float, np.number)) and 0 < level_spacing < np.inf):
        raise ValueError(
            f"level_spacing={level_spacing!r} must be a number > 0 [units of the coordinate], or "
            "None for levels that are not rounded"
        )
    return float(level_spacing)


def _runs(first_run: Any, n_runs: Any, n_replicas: int) -> np.ndarray:
    """Numbers of the runs, shape (n_runs,)."""
    n_runs = check_count("n_runs", n_runs, 2)
    first = check_count("first_run", first_run, 0)
    if (first + n_runs) * n_replicas > CROSSING_REPLICA:
        raise ValueError(
            f"first_run={first} with n_runs={n_runs} and n_replicas={n_replicas} reaches beyond "
            "2**62 paths; use a smaller first_run"
        )
    return np.arange(first, first + n_runs).astype(np.uint64)


def _started(
    plan: Plan, starts: dict[str, Any], replicas: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Levels and carried rows of the starts of the replicas, which follow one another."""
    kernel = plan.kernel
    check_start_arguments(kernel.method, kernel.dynamics, starts)
    vectors = initial_state(
        kernel.dynamics, kernel.layout, starts, seed=plan.seed, first_replica=int(replicas[0]),
        n_replicas=replicas.size,
    )  # fmt: skip
    return started(plan, vectors, replicas)


def _event(found: Any, plan: Plan, n_replicas: int, first_run: int) -> RareEvent:
    return RareEvent(
        found.log_probabilities, found.n_iterations, found.n_branches, found.n_steps,
        n_replicas=n_replicas, n_killed=plan.n_killed, dt=plan.kernel.dt, seed=plan.seed,
        first_run=first_run,
    )  # fmt: skip
