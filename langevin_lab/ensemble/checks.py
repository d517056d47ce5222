"""What is checked before a run starts: counts, stability of the step, memory."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from langevin_lab.integrators import Method, linear_map, spectral_radius


class UnstableStepError(ValueError):
    """The time step is at or above the stability limit of the method for this potential."""

    def __init__(self, message: str, *, dt: float, limit: float):
        super().__init__(message)
        self.dt, self.limit = dt, limit


def check_count(name: str, value: Any, minimum: int) -> int:
    """``value`` as an int; an error that names the argument unless it is one >= minimum."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        if isinstance(value, float) and value.is_integer():
            raise TypeError(f"{name}={value!r} must be an integer: write {int(value)}")
        raise TypeError(f"{name}={value!r} must be an integer >= {minimum}")
    if value < minimum:
        raise ValueError(f"{name}={value} must be >= {minimum}")
    return int(value)


def check_seed(value: Any) -> int:
    """``value`` as an int in [0, 2**64); an error that names it otherwise."""
    seed = check_count("seed", value, 0)
    if seed >= 2**64:
        raise ValueError(f"seed={seed} must be < 2**64")
    return seed


def check_first_replica(value: Any, n_replicas: int) -> int:
    """``value`` as an int >= 0 that leaves room for the replicas below 2**63."""
    first = check_count("first_replica", value, 0)
    if first + n_replicas > 2**63:
        raise ValueError(
            f"first_replica={first} and n_replicas={n_replicas} reach beyond 2**63; "
            "use a smaller first_replica"
        )
    return first


def check_bound(value: Any) -> float:
    """``divergence_bound`` as a float > 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"divergence_bound={value!r} must be a number > 0")
    if not value > 0:
        raise ValueError(f"divergence_bound={value} must be > 0")
    return float(value)


def check_stability(method: Method, dynamics: Any, dt: float) -> None:
    """Raise UnstableStepError if the step is unstable at a known minimum of the potential.

    The step is linear there; it is unstable when an eigenvalue of its matrix for the largest
    curvature (over mass) lies outside the unit circle.
    """
    curvature = _largest_curvature(dynamics)
    if curvature is None or curvature <= 0:
        return
    frictions = np.unique(np.asarray(dynamics.friction))
    # At the limit itself eigenvalues have modulus 1 and noise adds up without end.
    low, high = 0.0, dt * (1 + 1e-6)
    if not all(_is_unstable(method, friction, curvature, high) for friction in frictions):
        return
    for _ in range(60):
        middle = 0.5 * (low + high)
        if all(_is_unstable(method, friction, curvature, middle) for friction in frictions):
            high = middle
        else:
            low = middle
    raise UnstableStepError(
        f"dt={dt:g} is at or above the stability limit {low:.6g} of {method.name} for "
        f"{dynamics.potential.name} (largest curvature/mass {curvature:.6g} at its minima); "
        f"use dt < {low:.4g}",
        dt=dt,
        limit=low,
    )


class _UnitMass:
    """One coordinate of unit mass with a given friction."""

    mass = 1.0

    def __init__(self, friction: float):
        self.friction = friction


def _is_unstable(method: Method, friction: float, curvature: float, dt: float) -> bool:
    coefficients = method.coefficient_rule(_UnitMass(float(friction)), dt, 0.0)
    return bool(spectral_radius(linear_map(method.program, coefficients, curvature)) > 1 + 1e-7)


def _largest_curvature(dynamics: Any) -> float | None:
    """Largest eigenvalue of the Hessian over mass at the known minima."""
    mass = np.asarray(getattr(dynamics, "mass", 1.0))
    largest = dynamics.potential.max_curvature()
    return None if largest is None else float(largest / mass.max())


def default_threads() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_memory(n_bytes: int, advice: str) -> None:
    """Raise MemoryError before anything is allocated if the machine has not that much."""
    try:
        available = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return
    if n_bytes > 0.9 * available:
        raise MemoryError(
            f"the run needs {n_bytes / 1e9:,.1f} GB and this machine has "
            f"{available / 1e9:,.1f} GB; {advice}"
        )
