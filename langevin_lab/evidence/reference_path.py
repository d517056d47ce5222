"""An accurate solution of a dynamics along a given Brownian path.

With drift f, constant noise amplitudes s, and (W, I) the increment and the area of an interval h,

    y  = z + (3/4) h f(z) + (3/2) s I/h
    z' = z + (h/3) (f(z) + 2 f(y)) + s W                      strong order 3/2

and without noise the classical Runge-Kutta method of order 4. z is x, (x, p) or, with a
thermostat, (x, p, xi).

Source: Roessler (2010), scheme SRA1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from langevin_lab.evidence.brownian_path import BrownianPath

State = dict[str, np.ndarray]

STRONG_ORDER = 1.5


def noise_amplitude(dynamics: Any) -> np.ndarray:
    """Factor of dW in the noisy equation (p, or x without momenta), shape () or (dim,)."""
    if dynamics.equation == "adaptive":
        return dynamics.applied_noise * np.sqrt(np.asarray(dynamics.mass))
    friction, temperature = np.asarray(dynamics.friction), dynamics.temperature
    if dynamics.momenta:
        return np.sqrt(2.0 * friction * np.asarray(dynamics.mass) * temperature)
    return np.sqrt(2.0 * temperature / friction)


def reference_states(dynamics: Any, path: BrownianPath, start: State) -> Iterator[State]:
    """The state after each interval of the path."""
    drift, amplitude = _drift(dynamics), noise_amplitude(dynamics)
    noisy = "p" if dynamics.momenta else "x"
    h, state = path.interval, start
    for increment, area in zip(path.integrals[0], path.integrals[1]):
        first = drift(state)
        if not np.any(amplitude):
            state = _runge_kutta(drift, state, first, h)
        else:
            middle = {name: state[name] + 0.75 * h * first[name] for name in state}
            middle[noisy] = middle[noisy] + (1.5 / h) * amplitude * area
            second = drift(middle)
            state = {
                name: state[name] + (h / 3.0) * (first[name] + 2.0 * second[name]) for name in state
            }
            state[noisy] = state[noisy] + amplitude * increment
        yield state


def _runge_kutta(drift: Any, state: State, first: State, h: float) -> State:
    def moved(rate: State, time: float) -> State:
        return {name: state[name] + time * rate[name] for name in state}

    second = drift(moved(first, h / 2))
    third = drift(moved(second, h / 2))
    fourth = drift(moved(third, h))
    return {
        name: state[name]
        + (h / 6) * (first[name] + 2 * second[name] + 2 * third[name] + fourth[name])
        for name in state
    }


def _drift(dynamics: Any) -> Any:
    """The right-hand side without noise, state -> rates."""
    gradient = dynamics.potential.gradient
    if dynamics.equation == "adaptive":
        return _adaptive_drift(dynamics)
    friction = np.asarray(dynamics.friction)
    if not dynamics.momenta:
        return lambda state: {"x": -gradient(state["x"]) / friction}
    inverse_mass = 1.0 / np.asarray(dynamics.mass)
    return lambda state: {
        "x": inverse_mass * state["p"],
        "p": -gradient(state["x"]) - friction * state["p"],
    }


def _adaptive_drift(dynamics: Any) -> Any:
    """The same with a thermostat, which is of shape (..., 1)."""
    gradient, inverse_mass = dynamics.potential.gradient, 1.0 / np.asarray(dynamics.mass)
    target = dynamics.dim * dynamics.temperature

    def drift(state: State) -> State:
        x, p, xi = state["x"], state["p"], state["xi"]
        excess = np.sum(inverse_mass * p * p, axis=-1, keepdims=True) - target
        return {
            "x": inverse_mass * p,
            "p": -gradient(x) - dynamics.coupling * xi * p,
            "xi": excess / dynamics.thermal_mass,
        }

    return drift
