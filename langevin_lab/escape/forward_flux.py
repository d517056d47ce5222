"""Forward-flux sampling: a rate as a flux times a product of conditional probabilities.

    rate = (first crossings of level 0 per time) * prod_k P(level k+1 before the source | level k)

A run crosses level 0 by direct simulation and keeps the states. From each level, n_trials trials
start in states of first arrival there, drawn at random, and run until they pass the next level or
fall back into the source; behind the last level comes the target. The product is unbiased. It is
an independent check of `rare_event_rate`: other branches, other noise, levels that are chosen.

A trial is a path of the splitting loop, of one round only: its records hold the state in which it
first was above the next level.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from langevin_lab.ensemble.checks import check_count
from langevin_lab.ensemble.split_paths import LAST_STEP, Plan, SplitPaths
from langevin_lab.escape.forward_flux_results import ForwardFlux
from langevin_lab.escape.rare_event_arguments import (
    check_crossings,
    check_runs,
    make_plan,
    start_counts,
    started_in_source,
)
from langevin_lab.escape.rare_event_batches import run_in_batches, shared_settings, starts_of_runs
from langevin_lab.escape.splitting import SplittingBlock, block_slices, run_blocks
from langevin_lab.escape.surface_crossings import surface_crossings
from langevin_lab.integrators import Method
from langevin_lab.noise import batch_indices

# Run r draws the noise of level k from replica TRIAL_REPLICA + k*RUNS + r: splitting has others.
TRIAL_REPLICA = 2**63
RUNS = 2**48
MOST_LEVELS = 2**14
LARGEST = float(np.finfo(float).max)
FIRST_DRAW = 2**61  # beyond those of minibatches, as in `splitting_loop`


def forward_flux_sampling(
    dynamics: Any,
    integrator: str | Method,
    *,
    dt: float,
    coordinate: str,
    source: str,
    target: str,
    levels: Sequence[float] | np.ndarray,
    seed: int,
    start: Any = None,
    start_momentum: Any = "thermal",
    start_thermostat: Any = "thermal",
    n_trials: int = 200,
    n_runs: int = 40,
    crossings_per_path: int = 1,
    first_run: int = 0,
    n_threads: int | None = None,
    divergence_bound: float = 1e10,
    checkpoint: str | Path | None = None,
    executor: Any = None,
    backend: str = "cpu",
    precision: str = "float64",
) -> ForwardFlux:
    """Estimate the rate from a source to a target by forward-flux sampling.

    The same rate as that of `rare_event_rate`, one over the mean passage time from the start to the
    target at the simulated time step, by a method that shares no noise with it under any seed.

    Parameters
    ----------
    dynamics, integrator, dt, coordinate, source, target, seed, n_runs, first_run
        As `rare_event_probability`; likewise n_threads, divergence_bound, checkpoint, executor,
        backend and precision.
    levels : sequence of float
        Values of the coordinate, increasing. Crossings of the first give the flux, so it has to be
        frequent and outside the source. A level that few trials reach makes the variance large: put
        levels such that one trial in three or so goes on.
    start, start_momentum, start_thermostat
        As in `simulate`, in the source; where the passage time is counted from.
    n_trials : int, optional
        Of a run, from each level, >= 2.
    crossings_per_path : int, optional
        One of so many crossings of a run starts a trial; more make the flux more precise.

    Returns
    -------
    ForwardFlux

    Raises
    ------
    ValueError
        As `rare_event_rate`; levels that do not increase.
    DivergedPathError, NoArrivalError, MemoryError, CheckpointError
        As `rare_event_rate`.

    Source
    ------
    Allen, Warren and ten Wolde (2005) [AWW05].

    Examples
    --------
    >>> import langevin_lab as ll
    >>> eq = ll.Overdamped(ll.potentials.double_well(), temperature=0.1)
    >>> found = ll.escape.forward_flux_sampling(
    ...     eq, "EulerMaruyama", dt=0.01, coordinate="x", source="x < -0.95", target="x > 0.9",
    ...     levels=[-0.8, -0.65, -0.5, -0.35, -0.2], seed=1)
    >>> exact = ll.exact.discrete_passage_rate("EulerMaruyama", eq, -1.0, 0.9, 0.01)
    >>> abs(found.rate.value - exact.value) < 4 * found.rate.stderr
    True
    """
    arguments = dict(locals())  # before any other name
    arguments["levels"] = _levels(levels)
    check_count("n_trials", n_trials, 2)
    check_count("crossings_per_path", crossings_per_path, 1)
    check_runs(first_run, n_runs, 1, RUNS)
    return run_in_batches(_flux_of_runs, ForwardFlux, arguments)


def _levels(levels: Any) -> np.ndarray:
    found = np.asarray(levels, dtype=float)
    rising = found.ndim == 1 and 0 < found.size < MOST_LEVELS
    if not (rising and np.isfinite(found).all() and np.all(np.diff(found) > 0)):
        raise ValueError(
            f"levels={levels!r} must be finite values of the coordinate, each above the one before"
        )
    return found


def _flux_of_runs(arguments: dict[str, Any], first_run: int, n_runs: int) -> ForwardFlux:
    """The runs first_run, first_run + 1, ... of a call with these arguments."""
    levels, n_trials = arguments["levels"], arguments["n_trials"]
    source, coordinate = arguments["source"], arguments["coordinate"]
    surface = f"({coordinate}) > {float(levels[0])!r}"
    plan = _plan_of(arguments, surface)
    runs = np.arange(first_run, first_run + n_runs)
    replicas = TRIAL_REPLICA + runs.astype(np.uint64)
    starts = starts_of_runs(arguments, start_counts(plan), first_run, n_runs, 1)
    states = started_in_source(plan, starts, replicas, source)
    crossings = surface_crossings(plan, replicas, states, n_trials, arguments["crossings_per_path"])
    check_crossings(crossings.levels, f"levels[0]={float(levels[0])!r}", source, coordinate)
    successes, n_steps = _climb(plan, replicas, crossings.levels, crossings.states, levels)
    return ForwardFlux(
        levels, successes, n_trials, crossings.n_crossings, crossings.times, n_steps,
        plan.kernel.dt, plan.seed, runs, shared_settings(arguments), plan.hardware,
    )  # fmt: skip


def _plan_of(arguments: dict[str, Any], surface: str) -> Plan:
    """A plan in which a round kills all paths at once, so that there is no second one."""
    regions = {name: arguments[name] for name in ("source", "target")} | {"surface": surface}
    names = ("seed", "n_threads", "divergence_bound", "backend", "precision")
    return make_plan(
        arguments["dynamics"], arguments["integrator"], arguments["dt"],
        (arguments["coordinate"], regions), n_killed=arguments["n_trials"], level_spacing=None,
        **{name: arguments[name] for name in names},
    )  # fmt: skip


def _climb(
    plan: Plan, replicas: np.ndarray, reached: np.ndarray, states: np.ndarray, levels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Trials that went on, (n_runs, n_levels), and steps that they took, (n_runs,).

    reached (n_runs, n_trials) and states (n_runs, n_trials, n_carried) are those at level 0.
    """
    successes = np.zeros((replicas.size, levels.size), np.int64)
    n_steps = np.zeros(replicas.size, np.int64)
    alive = np.arange(replicas.size)
    for k, following in enumerate([*levels[1:], np.inf]):
        own = replicas[alive] + np.uint64((k + 1) * RUNS)
        arrived, reached, states, taken = _trials(plan, own, reached, states, following)
        successes[alive, k] = arrived.sum(axis=1)
        n_steps[alive] += taken
        left = np.flatnonzero(successes[alive, k] > 0)
        if left.size == 0:
            break
        parents = [_parents(plan.seed, int(own[run]), arrived[run]) for run in left]
        reached = np.stack([reached[run, chosen] for run, chosen in zip(left, parents)])
        states = np.stack([states[run, chosen] for run, chosen in zip(left, parents)])
        alive = alive[left]
    return successes, n_steps


def _trials(
    plan: Plan, replicas: np.ndarray, reached: np.ndarray, states: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """One trial from each state: whether it passed the level, how high and in which state.

    Shapes (n_runs, n_trials), twice, and (n_runs, n_trials, n_carried); steps (n_runs,).
    """
    slices = block_slices(replicas.size, plan)
    blocks = [
        SplittingBlock(plan, replicas[part], reached[part].copy(), states[part], len(slices))
        for part in slices
    ]
    for block in blocks:  # records below make room, not those in the target
        block.paths.weights[:, 0] = min(level, LARGEST)
    run_blocks(blocks, plan.n_threads)
    for block in blocks:
        block.paths.fetch()
    found = [_first_above(block.paths, level) for block in blocks]
    arrived, above, after = (np.concatenate(parts) for parts in zip(*found))
    steps = np.concatenate([block.paths.numbers[:, LAST_STEP] for block in blocks])
    return arrived, above, after, steps


def _first_above(paths: SplitPaths, level: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whether each path passed the level, and its first record above; the target is infinity."""
    kept = np.arange(paths.room) < paths.counts[..., None]
    above = (paths.record_levels > level) | (paths.record_levels == np.inf)
    first = np.argmax(kept & above, axis=2)[..., None]
    reached = np.take_along_axis(paths.record_levels, first, axis=2)[..., 0]
    states = np.take_along_axis(paths.records, first[..., None], axis=2)[:, :, 0]
    return (kept & above).any(axis=2), reached, states


def _parents(seed: int, replica: int, arrived: np.ndarray) -> np.ndarray:
    """One of the arrived trials for each trial of the next level."""
    candidates, n_trials = np.flatnonzero(arrived), arrived.size
    batch = -(-FIRST_DRAW // n_trials)
    drawn = batch_indices(
        seed, replica, batch, n_examples=candidates.size, batch_size=n_trials, replacement=True
    )
    return np.asarray(candidates[drawn.ravel()])
