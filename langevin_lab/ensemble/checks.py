"""What is checked before a run starts: counts, stability of the step, memory."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from langevin_lab.dynamics import Block, Partitioned
from langevin_lab.integrators import Method, Program, linear_map, spectral_radius
from langevin_lab.integrators.methods import UnitOscillator


class UnstableStepError(ValueError):
    """The time step is at or above the stability limit of the method for this potential.

    ``dt`` and ``limit`` are learning rates where the method is an optimiser.
    """

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


STABILITY_TIMES = 4096  # of a run at which schedules are looked at


def check_gradient_noise(method: Method, dynamics: Any) -> None:
    """Raise ValueError if steps are accepted by an energy that a drawn gradient has not."""
    noise = dynamics.potential.gradient_noise
    accepting = not method.properties.linear and dynamics.equation != "descent"
    if noise is not None and accepting:
        raise ValueError(
            f"method={method.name!r} accepts or rejects by the true energy, but the gradient is "
            f"drawn, {noise!r}; use the potential without gradient noise, or a word such as 'BAOAB'"
        )


def check_stability(method: Method, dynamics: Any, dt: float, n_steps: int = 1) -> None:
    """Raise UnstableStepError if the step is unstable at a known minimum of the potential.

    The step is linear there; it is unstable when an eigenvalue of its matrix lies outside the unit
    circle. One friction for all coordinates leaves independent normal modes of the Hessian over
    mass; frictions that differ mix them, and the matrix is that of all coordinates at once. Of a
    friction schedule the smallest and the largest value in ``n_steps`` steps must be stable; of
    schedules in blocks, and of an inertial flow, their values in the first and the last step. A
    step that is accepted or rejected is stable at any dt.
    """
    if dynamics.equation == "descent":
        check_descent_stability(method, dynamics, n_steps)
        return
    if not dynamics.is_scheduled:
        method.coefficients(dynamics, dt)  # an infinite friction is refused here, by its name
    if math.isnan(method.properties.stability_limit) or not method.properties.linear:
        return
    if dynamics.equation in ("partitioned", "inertial") and dynamics.is_scheduled:
        for time in (0.5 * dt, (n_steps - 0.5) * dt):
            _check_stability(method, dynamics.at(time), dt, f" at time {time:.6g}")
        return
    if "friction" not in dynamics.scheduled:
        _check_stability(method, dynamics, dt, "")
        return
    steps = np.unique(np.linspace(0, n_steps - 1, min(n_steps, STABILITY_TIMES)).astype(np.int64))
    frictions = dynamics.friction_at((steps + 0.5) * dt)
    for friction in (frictions.min(), frictions.max()):
        constant = replace(dynamics, friction=float(friction))
        _check_stability(method, constant, dt, f" at the scheduled friction {friction:.6g}")


def _check_stability(method: Method, dynamics: Any, dt: float, where: str) -> None:
    hessians = [_scaled_hessian(dynamics, point.position) for point in dynamics.potential.minima]
    curvatures = np.array([np.linalg.eigvalsh(hessian) for hessian in hessians]).ravel()
    if not (curvatures > 0).any():
        return

    def is_unstable(step: float) -> bool:
        matrices = _step_matrices(method, dynamics, hessians, curvatures, step)
        return any(np.any(spectral_radius(matrix) > 1 + 1e-7) for matrix in matrices)

    # At the limit itself eigenvalues have modulus 1 and noise adds up without end.
    low, high = 0.0, dt * (1 + 1e-6)
    if not is_unstable(high):
        return
    while high - low > 1e-8 * high:
        middle = 0.5 * (low + high)
        low, high = (low, middle) if is_unstable(middle) else (middle, high)
    scale = "mass" if dynamics.momenta else "friction"
    raise UnstableStepError(
        f"dt={dt:g} is at or above the stability limit {low:.6g} of {method.name} for "
        f"{dynamics.potential.name}{where} (largest curvature/{scale} {curvatures.max():.6g} at "
        f"its minima); use dt < {low:.4g}",
        dt=dt,
        limit=low,
    )


def check_descent_stability(method: Method, descent: Any, n_steps: int) -> None:
    """Raise UnstableStepError if an optimiser's step is unstable at a known minimum.

    At the minimum itself, with all numbers as they are in one step; of schedules at up to
    `STABILITY_TIMES` steps. Not in step 0, which is one of its own where there is dampening: what
    one step amplifies the others forget. A step that is stable for the largest curvature is stable
    for all.
    """
    curvature = descent.potential.max_curvature()
    if curvature is None or math.isnan(descent.optimiser.at(1).stability_limit):
        return
    last = max(1, n_steps - 1)
    steps = np.unique(np.linspace(1, last, min(last, STABILITY_TIMES)).astype(np.int64))
    frozen = descent.at(steps.astype(float)) if descent.is_scheduled else descent
    coefficients = frozen.optimiser.coefficients()
    # At the limit itself eigenvalues have modulus 1 and noise adds up without end.
    coefficients["rate"] = coefficients["rate"] * (1 + 1e-6)
    radius = np.ravel(spectral_radius(linear_map(method.program, coefficients, max(curvature, 0))))
    if radius.max() <= 1 + 1e-7:
        return
    step = int(steps[np.argmax(radius)])
    now = descent.optimiser.at(step)
    limit = now.stability_limit / (curvature + getattr(now, "weight_decay", 0.0))
    where = f" in step {step}" if descent.is_scheduled else ""
    raise UnstableStepError(
        f"learning_rate={now.learning_rate:g} is at or above the stability limit {limit:.6g} of "
        f"{now!r} for {descent.potential.name}{where} (largest curvature {curvature:.6g} at its "
        f"minima); use learning_rate < {limit:.4g}",
        dt=now.learning_rate,
        limit=limit,
    )


def _scaled_hessian(dynamics: Any, minimum: np.ndarray) -> np.ndarray:
    """Hessian over mass, or without momenta over friction, in its symmetric form."""
    scale = dynamics.mass if dynamics.momenta else dynamics.friction
    root = np.sqrt(np.broadcast_to(np.asarray(scale, dtype=float), (dynamics.dim,)))
    return np.asarray(dynamics.potential.hessian(minimum)) / np.outer(root, root)


def _step_matrices(
    method: Method, dynamics: Any, hessians: list[np.ndarray], curvatures: np.ndarray, dt: float
) -> list[np.ndarray]:
    """Matrices of one noiseless step: a batch over modes, or one of all coordinates a minimum."""
    if dynamics.equation in ("partitioned", "inertial"):
        blocks = dynamics.equation == "partitioned"
        frozen = _without_thermostats(dynamics) if blocks else dynamics
        coefficients = method.coefficient_rule(frozen, dt, 0.0)
        minima = dynamics.potential.minima
        hessians = [np.asarray(dynamics.potential.hessian(point.position)) for point in minima]
        return [_full_map(method.program, coefficients, hessian) for hessian in hessians]
    if dynamics.equation == "adaptive":
        coefficients = method.coefficient_rule(UnitOscillator(0.0), dt, 0.0)
        return [linear_map(method.program, coefficients, curvatures[curvatures > 0])]
    if dynamics.equation == "nose_hoover":
        chain = UnitOscillator(0.0, thermal_masses=(math.inf,) * dynamics.n_thermostats)
        coefficients = method.coefficient_rule(chain, dt, 0.0)
        return [linear_map(method.program, coefficients, curvatures[curvatures > 0])]
    frictions = np.unique(np.asarray(dynamics.friction)) if dynamics.momenta else np.ones(1)
    if frictions.size == 1:
        coefficients = method.coefficient_rule(UnitOscillator(float(frictions[0])), dt, 0.0)
        return [linear_map(method.program, coefficients, curvatures[curvatures > 0])]
    coefficients = method.coefficient_rule(UnitOscillator(np.asarray(dynamics.friction)), dt, 0.0)
    return [_full_map(method.program, coefficients, hessian) for hessian in hessians]


def _without_thermostats(dynamics: Any) -> Any:
    """The blocks with their thermostats frozen."""
    blocks = [
        Block(b.coordinates, b.dynamics.without_thermostat())
        if b.dynamics.equation == "adaptive"
        else b
        for b in dynamics.blocks
    ]
    return Partitioned(tuple(blocks))


def _full_map(program: Program, coefficients: dict[str, Any], hessian: np.ndarray) -> np.ndarray:
    """Matrix of one noiseless step on U = x.H.x/2, shape (n_state dim, n_state dim).

    Read off the step by feeding it the basis vectors.
    """
    dim = len(hessian)
    vectors = program.state_vectors
    basis = np.eye(len(vectors) * dim)
    state = {name: basis[:, i * dim : (i + 1) * dim] for i, name in enumerate(vectors)}
    state |= {name: np.zeros((len(basis), 1)) for name in program.thermostats}
    state |= {"g": state["x"] @ hessian, "r": np.zeros_like(state["x"])}
    normals = np.zeros((program.n_normals, *state["x"].shape))
    after = program.run(
        state, normals, coefficients, lambda x: x @ hessian,
        scalar_normals=np.zeros((program.n_scalar_normals, len(basis), 1)),
        functions=dict.fromkeys(program.functions, np.zeros_like),
    )  # fmt: skip
    return np.concatenate([after[name] for name in vectors], axis=1).T


def default_threads() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),  # version 2
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),  # version 1
)


def _physical_memory() -> int | None:
    """Bytes of the machine, if it tells."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _cgroup_memory() -> int | None:
    """Bytes that the container may use, if it is limited."""
    for path in CGROUP_LIMITS:
        try:
            return int(path.read_text())  # "max" where there is no limit
        except (OSError, ValueError):
            continue
    return None


def check_memory(n_bytes: int, advice: str) -> None:
    """Raise MemoryError before anything is allocated if this process may not have that much."""
    limits = [limit for limit in (_physical_memory(), _cgroup_memory()) if limit is not None]
    if not limits:
        return
    available = min(limits)
    if n_bytes > 0.9 * available:
        raise MemoryError(
            f"the run needs {n_bytes / 1e9:,.1f} GB and this machine has "
            f"{available / 1e9:,.1f} GB; {advice}"
        )
