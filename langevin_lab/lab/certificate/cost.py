"""Nanoseconds of a replica-step of the compiled kernel, on a quartic well in one coordinate."""

from __future__ import annotations

import time

from langevin_lab.lab.certificate.diffusion_checks import anharmonic
from langevin_lab.lab.certificate.subject import Subject

_N_REPLICAS = 2048
_N_STEPS = 500
_REPEATS = 3


def nanoseconds_per_step(subject: Subject) -> float:
    """Best of a few runs after one that compiles; all cores work on the replicas.

    Parameters
    ----------
    subject : Subject
        Of an equation with a test problem.

    Returns
    -------
    float
        [ns], wall time over replicas and steps.
    """
    from langevin_lab import Potential
    from langevin_lab.ensemble import simulate

    if subject.equation == "ito":
        dynamics = anharmonic(subject)
    else:
        count = subject.n_coordinates if subject.equation == "partitioned" else 1
        names = [f"x{index}" for index in range(count)]
        wells = " + ".join(f"{name}**2/2 + {name}**4/4" for name in names)
        dynamics = subject.dynamics(
            Potential.from_expression(wells, variables=names),
            temperature=subject.temperature,
            friction=subject.friction,
        )
    best = float("inf")
    for _ in range(1 + _REPEATS):
        started = time.perf_counter()
        simulate(
            dynamics, subject.method, dt=0.05, n_steps=_N_STEPS, n_replicas=_N_REPLICAS, seed=1,
            start=[0.0] * dynamics.dim, observe={"x2": f"{dynamics.potential.variables[0]}**2"},
        )  # fmt: skip
        best = min(best, time.perf_counter() - started)
    return best / (_N_REPLICAS * _N_STEPS) * 1e9
