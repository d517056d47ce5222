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
    potential = CoupledWell(subject.n_coordinates)

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
    potential = CoupledWell(subject.n_coordinates)
    zero = dict.fromkeys(subject.program.state_vectors, np.zeros(potential.dim))
    zero |= {name: np.zeros(1) for name in subject.program.thermostats}
    state = subject.method.carried_state(zero, potential.gradient)
    normals = np.zeros((subject.method.n_normals, potential.dim))
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
    normals = np.zeros((subject.method.n_normals, potential.dim))
    if subject.equation == "partitioned":
        # Overdamped blocks have forgotten their first momentum after a step.
        state = subject.step(state, normals, dynamics, _SMALL_STEP, potential.gradient)
    after = subject.step(state, normals, dynamics, _SMALL_STEP, potential.gradient)
    field = vector_field_of(subject, dynamics, state)
    with np.errstate(invalid="ignore"):
        errors = [np.abs((after[k] - state[k]) / _SMALL_STEP - field[k]) for k in field]
    error = max(float(np.nanmax(values)) for values in errors)
    statement = "small step against the equation: error"
    yield held(statement, f"< {_FIELD_TOLERANCE:g}", f"{error:.1g}", error < _FIELD_TOLERANCE)


def vector_field_of(subject: Subject, dynamics, state) -> dict[str, np.ndarray]:
    """The equation without noise at a state; nan for momenta of overdamped blocks."""
    force = -dynamics.potential.gradient(state["x"])
    if not subject.has_momenta:
        return {"x": force / np.asarray(dynamics.friction)}
    if subject.equation == "nose_hoover":
        return _chain_field(dynamics, state, force)
    if subject.equation == "partitioned":
        return _block_fields(subject, dynamics, state, force)
    mass, p = np.asarray(dynamics.mass), state["p"]
    if subject.equation == "adaptive":
        return _adaptive_field(dynamics, state["p"], state["xi"], force, mass)
    return {"x": p / mass, "p": force - np.asarray(dynamics.friction) * p}


def _adaptive_field(dynamics, p, thermostat, force, mass) -> dict[str, np.ndarray]:
    surplus = (p**2 / mass).sum(axis=-1, keepdims=True) - p.shape[-1] * dynamics.temperature
    return {"x": p / mass, "p": force - COUPLING * thermostat * p, "xi": surplus / THERMAL_MASS}


def _chain_field(dynamics, state, force) -> dict[str, np.ndarray]:
    """mu_j dxi_j = E_j - mu_j xi_j xi_{j+1}."""
    p, mass, masses = state["p"], np.asarray(dynamics.mass), dynamics.thermal_masses
    field = {"x": p / mass, "p": force - state["xi_1"] * p}
    drive = (p**2 / mass).sum(axis=-1, keepdims=True) - dynamics.dim * dynamics.temperature
    for j, own in enumerate(masses, start=1):
        following = state[f"xi_{j + 1}"] if j < len(masses) else 0.0
        field[f"xi_{j}"] = drive / own - state[f"xi_{j}"] * following
        drive = own * state[f"xi_{j}"] ** 2 - dynamics.temperature
    return field


def _block_fields(subject: Subject, dynamics, state, force) -> dict[str, np.ndarray]:
    """Block by block, each under its own equation."""
    field = {name: np.full_like(state[name], np.nan) for name in ("x", "p")}
    mass = np.asarray(dynamics.mass)
    suffixes = [f"_{k}" for k in range(1, len(dynamics.blocks) + 1)]
    for block, suffix in zip(dynamics.blocks, suffixes if subject.program.blocks else [""]):
        own, here = block.dynamics, list(block.coordinates)
        p, pull = state["p"][..., here], force[..., here]
        if own.equation == "overdamped":
            friction = np.broadcast_to(own.friction, (dynamics.dim,))[here]
            field["x"][..., here] = pull / friction
            continue
        if own.equation == "adaptive":
            moved = _adaptive_field(own, p, state[f"xi{suffix}"], pull, mass[here])
            field[f"xi{suffix}"] = moved["xi"]
        else:
            friction = np.broadcast_to(own.friction, (dynamics.dim,))[here]
            moved = {"x": p / mass[here], "p": pull - friction * p}
        for name in ("x", "p"):
            field[name][..., here] = moved[name]
    return field
