"""Checks of one step on an anharmonic, coupled well: what it costs, where it rests, where it goes.

For dt -> 0 and without noise a step is the equation's vector field,

    (z' - z)/dt -> f(z),     dx/dt = p/mass,  dp/dt = -grad U - friction p  (overdamped: dx/dt =
                             -grad U/friction),  thermal_mass dxi/dt = p.p/mass - dim T,

here with a different friction and mass for every coordinate, so that a thermostat's count of
degrees of freedom and its gain are among what is checked.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from langevin_lab.lab.certificate.record import Check, held
from langevin_lab.lab.certificate.subject import COUPLING, THERMAL_MASS, CoupledWell, Subject

_SMALL_STEP = 1e-6
_FIELD_TOLERANCE = 1e-4  # the error is of order dt, constants wrong by 1e-3 are far above it


def cost(subject: Subject) -> Iterator[Check]:
    """Gradients and normals that a step uses, against the record."""
    calls = []
    potential = CoupledWell()

    def gradient(x):
        calls.append(x)
        return potential.gradient(x)

    state = subject.start(potential)
    normals = np.zeros((subject.method.n_normals, potential.dim))
    dynamics = subject.coupled_dynamics(temperature=0.0)
    after = subject.step(state, normals, dynamics, 0.1, gradient)
    stated = subject.method.properties
    expected = f"{stated.gradients_per_step}, {stated.normals_per_step}"
    found = f"{len(calls)}, {subject.method.n_normals}"
    yield held("gradients and normals a step", expected, found, expected == found)
    if "g" in subject.method.stored:
        off = float(np.abs(after["g"] - potential.gradient(after["x"])).max())
        yield held("stored gradient is that at x: error", "0", f"{off:.1g}", off == 0)


def rest(subject: Subject) -> Iterator[Check]:
    """At the minimum, without noise and momenta, nothing moves."""
    potential = CoupledWell()
    zero = dict.fromkeys(subject.program.state_vectors, np.zeros(2))
    zero |= {name: np.zeros(1) for name in subject.program.thermostats}
    state = subject.method.carried_state(zero, potential.gradient)
    normals = np.zeros((subject.method.n_normals, 2))
    dynamics = subject.coupled_dynamics(temperature=0.0)
    after = subject.step(state, normals, dynamics, 0.1, potential.gradient)
    # A thermostat cools what rests: it moves, and rightly so.
    moved = max(float(np.abs(after[name]).max()) for name in subject.program.state_vectors)
    yield held("rest at the minimum, without noise", "0", f"{moved:.2g}", moved == 0)


def vector_field(subject: Subject) -> Iterator[Check]:
    """(z' - z)/dt at a tiny dt against the equation, coordinate by coordinate."""
    dynamics = subject.coupled_dynamics(temperature=0.0)
    potential = dynamics.potential
    state = subject.start(potential)
    normals = np.zeros((subject.method.n_normals, 2))
    after = subject.step(state, normals, dynamics, _SMALL_STEP, potential.gradient)
    field = vector_field_of(subject, dynamics, state)
    error = max(
        float(np.abs((after[name] - state[name]) / _SMALL_STEP - field[name]).max())
        for name in field
    )
    statement = "small step against the equation: error"
    yield held(statement, f"< {_FIELD_TOLERANCE:g}", f"{error:.1g}", error < _FIELD_TOLERANCE)


def vector_field_of(subject: Subject, dynamics, state) -> dict[str, np.ndarray]:
    """The equation without noise at a state."""
    force = -dynamics.potential.gradient(state["x"])
    if not subject.has_momenta:
        return {"x": force / np.asarray(dynamics.friction)}
    mass, p = np.asarray(dynamics.mass), state["p"]
    if subject.equation == "adaptive":
        surplus = (p**2 / mass).sum(axis=-1, keepdims=True) - dynamics.dim * dynamics.temperature
        rates = {"xi": surplus / THERMAL_MASS}
        return {"x": p / mass, "p": force - COUPLING * state["xi"] * p, **rates}
    return {"x": p / mass, "p": force - np.asarray(dynamics.friction) * p}
