"""Checks of a Nosé-Hoover chain: stability at rest, and the energy that its flow conserves.

    E = U + p.p/(2 mass) + sum_j mu_j xi_j^2/2 + T (dim eta_1 + eta_2 + ...),     eta_j' = xi_j

The step has no eta: it is summed up by the trapezium rule, whose error is of order 2. What E loses
in a time is then of the order of the word. Source: Martyna, Klein and Tuckerman (1992), eq. (2.6).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from langevin_lab.lab.certificate.record import Check, held
from langevin_lab.lab.certificate.stability import limit_of, spectral_radius
from langevin_lab.lab.certificate.subject import Subject, Well
from langevin_lab.lab.certificate.verdicts import judged_order, known_orders

_COUNTS = (32, 64, 128, 256)  # steps in the duration
_DURATION = 4.0


def stability(subject: Subject) -> Iterator[Check]:
    """Bisection on the unit oscillator, thermostats at rest at 0 and too heavy to move."""
    stated = subject.method.properties.stability_limit
    found = limit_of(lambda dt: resting_map(subject, dt))
    passed = abs(found - stated) < 1e-6 * max(stated, 1.0)
    yield held("stability limit, omega dt", f"{stated:.8g}", f"{found:.8g}", passed)
    radius = spectral_radius(resting_map(subject, 0.5 * found))
    yield held("modulus of the eigenvalues below it", "1", f"{radius:.12g}", abs(radius - 1) < 1e-9)


def resting_map(subject: Subject, dt: float) -> np.ndarray:
    """Matrix of a step over (x, p) on U = x^2/2."""
    from langevin_lab import dynamics

    count = len(subject.program.thermostats)
    heavy = dynamics.NoseHooverChain(Well(), temperature=1.0, thermal_masses=[1e30] * count)
    state = {"x": np.array([[1.0], [0.0]]), "p": np.array([[0.0], [1.0]])}
    state |= {name: np.zeros((2, 1)) for name in subject.program.thermostats}
    state = subject.method.carried_state(state, heavy.potential.gradient)
    after = subject.step(state, np.zeros((0, 2, 1)), heavy, dt, heavy.potential.gradient)
    return np.stack([after["x"][:, 0], after["p"][:, 0]])


def extended_energy(subject: Subject) -> Iterator[Check]:
    """Order of the largest change of E along a path on the coupled well."""
    from langevin_lab.evidence import order

    stated = subject.method.properties.weak_order
    errors = np.array([energy_change(subject, count) for count in _COUNTS])
    observed = float(order(_DURATION / np.array(_COUNTS), errors).value)
    statement = "extended energy: order of its change"
    yield judged_order(statement, stated, observed, f"{observed:.3f}", known_orders(subject)[0])


def energy_change(subject: Subject, count: int) -> float:
    """Largest minus smallest E."""
    dynamics = subject.coupled_dynamics(temperature=1.0)
    potential, dt = dynamics.potential, _DURATION / count
    mass, names = np.asarray(dynamics.mass), subject.program.thermostats
    weights = dynamics.temperature * np.array([dynamics.dim] + [1.0] * (len(names) - 1))
    state = subject.start(potential)
    coefficients = subject.method.coefficients(dynamics, dt)
    none, summed, energies = np.zeros((0, dynamics.dim)), np.zeros(len(names)), []
    for n in range(count + 1):
        thermostats = np.array([state[name][0] for name in names])
        own = potential.energy(state["x"]) + (state["p"] ** 2 / mass).sum() / 2
        own += np.asarray(dynamics.thermal_masses) @ thermostats**2 / 2
        energies.append(own + weights @ (summed + dt / 2 * thermostats * (n > 0)))
        summed += dt * thermostats * (0.5 if n == 0 else 1.0)
        state = subject.method.step(state, none, coefficients, potential.gradient)
    return float(np.ptp(energies))
