"""Check of the energy balance of a run on the coupled anharmonic well, line by line."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from langevin_lab.integrators.energy_balance import (
    EnergyBalance,
    NotSeparableError,
    energy_balance,
)
from langevin_lab.lab.certificate.record import Check, held
from langevin_lab.lab.certificate.subject import Subject

N_STEPS = 300
TIME_STEP = 0.2
_ROUNDING = 1e-13
_STATEMENT = "heat + shadow work = energy: residual"


def energy(subject: Subject) -> Iterator[Check]:
    """Heat and shadow work, summed over a run, against the change of the energy."""
    try:
        residual = run_balance(subject).residual
    except NotSeparableError:
        reason = "not separable: a line mixes force with friction or noise"
        yield Check(_STATEMENT, "", reason, "does not apply")
        return
    yield held(_STATEMENT, f"< {_ROUNDING:g}", f"{residual:.1e}", residual < _ROUNDING)


def run_balance(subject: Subject) -> EnergyBalance:
    """The balance of one path of `N_STEPS` steps."""
    dynamics = subject.coupled_dynamics(temperature=subject.temperature)
    shape = (N_STEPS, subject.method.n_normals, dynamics.dim)
    normals = np.random.default_rng(3).standard_normal(shape)
    start = subject.start(dynamics.potential)
    return energy_balance(subject.method, dynamics, TIME_STEP, start=start, normals=normals)
