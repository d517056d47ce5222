"""Arguments that splitting and forward-flux sampling share: checked, and made a plan of."""

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
from langevin_lab.ensemble.split_paths import Plan
from langevin_lab.ensemble.start import check_start_arguments, initial_state
from langevin_lab.escape.backend_choice import chosen_backend
from langevin_lab.escape.splitting import started
from langevin_lab.potentials import Potential


def make_plan(
    dynamics: Any,
    integrator: Any,
    dt: Any,
    kernel_texts: tuple[str, dict[str, str]],
    *,
    seed: Any,
    n_killed: int,
    level_spacing: Any,
    n_threads: Any,
    divergence_bound: Any,
    backend: Any,
    precision: Any,
) -> Plan:
    """What all runs share.

    Parameters
    ----------
    kernel_texts : tuple
        The coordinate, and the regions by name.
    """
    chosen = chosen_backend(backend, precision)
    if isinstance(dynamics, Potential):
        raise TypeError(
            f"dynamics={dynamics!r} is a potential: wrap it in ll.Langevin or ll.Overdamped"
        )
    dynamics, scheme, dt = matched(dynamics, integrator, dt)
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
    coordinate, regions = kernel_texts
    kernel = SplittingKernel(dynamics, scheme, dt, coordinate=coordinate, regions=regions)
    chosen.part("SplitPaths").check(chosen, kernel)
    return Plan(
        kernel=kernel,
        seed=check_seed(seed),
        n_killed=n_killed,
        bound=check_bound(divergence_bound),
        spacing=_spacing(level_spacing),
        n_threads=n_threads,
        backend=chosen,
    )


def _spacing(level_spacing: Any) -> float:
    if level_spacing is None:
        return 0.0
    number = isinstance(level_spacing, (int, float, np.integer, np.floating))
    if isinstance(level_spacing, bool) or not (number and 0 < level_spacing < np.inf):
        raise ValueError(
            f"level_spacing={level_spacing!r} must be a number > 0 [units of the coordinate], or "
            "None for levels that are not rounded"
        )
    return float(level_spacing)


def check_killed(n_replicas: Any, n_killed: Any) -> None:
    """Raise ValueError unless 1 <= n_killed < n_replicas."""
    n_killed = check_count("n_killed", n_killed, 1)
    if check_count("n_replicas", n_replicas, 2) <= n_killed:
        raise ValueError(
            f"n_killed={n_killed} must be below n_replicas={n_replicas}, or no path is left to "
            "branch from"
        )


def check_runs(first_run: Any, n_runs: Any, n_replicas: int, limit: int) -> None:
    """Raise ValueError unless there are two runs, and their paths lie below the limit."""
    n_runs = check_count("n_runs", n_runs, 2)
    first = check_count("first_run", first_run, 0)
    if (first + n_runs) * n_replicas > limit:
        raise ValueError(
            f"first_run={first} with n_runs={n_runs} and n_replicas={n_replicas} reaches beyond "
            f"2**{limit.bit_length() - 1} paths; use a smaller first_run"
        )


def started_paths(
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


def started_in_source(
    plan: Plan, starts: dict[str, Any], replicas: np.ndarray, source: str
) -> np.ndarray:
    """Carried rows of starts that have to lie in the source."""
    levels, states = started_paths(plan, starts, replicas)
    if not np.isnan(levels).all():
        raise ValueError(f"start lies outside source={source!r}; the flux is that out of it")
    return states


def check_crossings(levels: np.ndarray, surface: str, source: str, coordinate: str) -> None:
    """Raise ValueError if a crossing lies in the source, or has no level.

    Parameters
    ----------
    surface : str
        The argument that gave it, with its value.
    """
    if np.isnan(levels).any():
        raise ValueError(
            f"{surface} is crossed within source={source!r}, or coordinate={coordinate!r} is not a "
            "number there; move it out of the source"
        )


def start_counts(plan: Plan) -> dict[str, int]:
    """How many numbers a path has of each start."""
    dim = plan.kernel.dynamics.dim
    n_thermostats = len(plan.kernel.method.program.thermostats)
    return {"start": dim, "start_momentum": dim, "start_thermostat": n_thermostats}
