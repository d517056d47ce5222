"""Arguments of `hop_rate`, checked."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from langevin_lab.ensemble.checks import check_count
from langevin_lab.ensemble.iteration import matched
from langevin_lab.integrators import Method
from langevin_lab.momentum import Optimiser
from langevin_lab.potentials import Potential


def constant_dynamics(
    dynamics: Any, integrator: Any, dt: Any, gradient_noise: Any
) -> tuple[Any, Method, float]:
    """Constant dynamics, its method and the step, each checked to fit the others."""
    if isinstance(dynamics, Potential) and not isinstance(integrator, Optimiser):
        raise TypeError(
            f"dynamics={dynamics!r} is a potential: wrap it in ll.Langevin or ll.Overdamped, or "
            "give an optimiser"
        )
    dynamics, scheme, dt = matched(dynamics, integrator, dt, gradient_noise)
    if dynamics.is_scheduled:
        raise ValueError(
            f"{type(dynamics).__name__} is scheduled: its hop rates change with time; use constant "
            "temperature and friction, or constant numbers of an optimiser"
        )
    return dynamics, scheme, dt


def half_of(n_replicas: Any) -> int:
    """Half of an even number of replicas, 16 or more."""
    half, odd = divmod(check_count("n_replicas", n_replicas, 16), 2)
    if odd:
        raise ValueError(
            f"n_replicas={n_replicas} must be even: half of them begin at each of the starts; use "
            f"{n_replicas + 1}"
        )
    return half


def two_points(starts: Any, potential: Any) -> np.ndarray:
    """The starts, shape (2, dim)."""
    try:
        points = np.asarray(starts, dtype=float)
    except (TypeError, ValueError):  # words, or rows of different lengths
        points = np.full((), np.nan)
    if points.shape == (2,) and potential.dim == 1:
        points = points[:, None]
    if points.shape != (2, potential.dim) or not np.isfinite(points).all():
        raise ValueError(
            f"starts={starts!r} must be two finite points of {potential.name}, of shape (2, "
            f"{potential.dim}); give one in the well, then one out of it"
        )
    return points


def check_time(name: str, time: Any, dt: float) -> None:
    """Raise ValueError unless a time is finite and no shorter than the step."""
    number = isinstance(time, (int, float, np.integer, np.floating)) and not isinstance(time, bool)
    if not (number and dt <= time < math.inf):
        raise ValueError(f"{name}={time!r} must be a number, finite and >= dt={dt:g}")


def slow_and_fast(rates: Any) -> tuple[float, float]:
    """The two rates that were given, as numbers."""
    try:
        slow, fast = (float(rate) for rate in rates)
    except (TypeError, ValueError):
        slow = fast = math.nan
    if not 0 < slow < fast < math.inf:
        raise ValueError(
            f"relaxation_rates={rates!r} must be two numbers, 0 < slow < fast, both finite"
        )
    return slow, fast
