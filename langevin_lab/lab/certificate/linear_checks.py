"""Checks on a harmonic well, where a step is linear: z' = M z + B n, nothing is sampled.

    stationary covariance    Sigma = M Sigma M^T + B B^T
    stability                spectral radius of M at most 1
    diffusion without force  sum of the responses of x to one normal

with unit curvature, mass and temperature, and unit friction where the method has friction; a
thermostat is frozen at that friction.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from langevin_lab.lab.certificate.record import Check, HarmonicLaw, held
from langevin_lab.lab.certificate.stability import COLLISION, limit_of
from langevin_lab.lab.certificate.subject import Subject, Well, stationary
from langevin_lab.lab.certificate.verdicts import ORDER_SLACK, judged_order, known_orders

_STEPS = 0.25 * 0.5 ** np.arange(5)
# Where the slope still changes, as where terms of two orders cancel, at steps that much smaller.
_FINER, _SLOPE_CHANGE = (1, 8, 64), 0.1
_ROUNDING = 1e-11
_LAW_STEPS = (0.1, 0.2, 0.4, 0.8)
_LAW_FRICTIONS = (0.1, 1.0, 10.0)
_SAME = 1e-9


def linearity(subject: Subject) -> Iterator[Check]:
    """What all checks here rest on: the image of a sum is the sum of the images."""
    step = subject.linear(0.3)
    size, dim = len(step.matrix), step.dim
    draws = np.random.default_rng(1).standard_normal(size + step.noise.shape[1])
    state = {name: draws[[i]] for i, name in enumerate(step.names)}
    state |= {name: np.full(1, subject.friction) for name in subject.program.thermostats}
    state = subject.method.carried_state(state, lambda x: x)
    normals = draws[size:].reshape(subject.method.n_normals, dim)
    after = subject.step(state, normals, _frozen(subject), 0.3, lambda x: x)
    image = np.concatenate([np.atleast_1d(after[name]) for name in step.names])
    expected = step.matrix @ draws[:size] + step.noise @ draws[size:]
    error = float(np.abs(image - expected).max())
    yield held("linear on a harmonic well: error", "0", f"{error:.1g}", error < _ROUNDING)


def _frozen(subject: Subject):
    """The dynamics of `Subject.linear` at its defaults."""
    from langevin_lab import dynamics

    if subject.equation == "adaptive":
        noise = math.sqrt(2.0 * subject.friction * subject.temperature)
        return dynamics.AdaptiveLangevin(
            Well(), temperature=1.0, thermal_mass=math.inf, applied_noise=noise
        )
    return subject.dynamics(Well(), temperature=subject.temperature, friction=subject.friction)


def free_flight(subject: Subject) -> Iterator[Check]:
    """Without force, noise and friction x grows by dt p and p stays."""
    dt = 0.1
    friction = 0.0 if subject.has_momenta else 1.0
    step = subject.linear(dt, stiffness=0.0, friction=friction, temperature=0.0)
    size = step.n_state
    exact = np.array([[1.0, dt], [0.0, 1.0]])[:size, :size]
    error = float(np.abs(step.matrix[:size, :size] - exact).max())
    yield held("free flight: error after a step", "0", f"{error:.1g}", error < _ROUNDING)


def stability(subject: Subject) -> Iterator[Check]:
    """Bisection of the spectral radius; with momenta at friction 0, as the record states it."""
    stated = float(subject.method.properties.stability_limit)
    found = found_stability_limit(subject)
    unit = "omega dt" if subject.has_momenta else "curvature dt / friction"
    passed = abs(found - stated) < 1e-6 * max(stated, 1.0)
    yield held(f"stability limit, {unit}", f"{stated:.8g}", f"{found:.8g}", passed)


def found_stability_limit(subject: Subject) -> float:
    """Largest stable dt, to 1e-12; the radius is that of the whole map, stored normals included."""
    friction = 0.0 if subject.has_momenta else 1.0
    # One eigenvalue alone does not collide with another.
    tolerance = COLLISION if subject.has_momenta else 1e-12
    return limit_of(
        lambda dt: subject.linear(dt, friction=friction, temperature=0.0).matrix,
        tolerance=tolerance,
    )


def orders_of_linear_laws(subject: Subject) -> Iterator[Check]:
    """Each observable converges at least as stated; one no faster, if that is known."""
    stated = subject.method.properties.weak_order
    biases = {"order of the flow without noise": _flow_error(subject)}
    if subject.is_noisy:
        biases["free diffusion: order of the bias"] = _diffusion_bias(subject)
        if subject.has_momenta:
            # <p^2>/(mass T) - 1
            biases["harmonic <p^2>: order of the bias"] = lambda dt: (
                subject.covariance(dt)[1, 1] - 1
            )
    observed = {statement: _observed_order(bias) for statement, bias in biases.items()}
    for statement, (order, text) in observed.items():
        yield held(statement, f"at least {stated:g}", text, order > stated - ORDER_SLACK)
    lowest, text = min(observed.values())
    known, _ = known_orders(subject)
    yield judged_order("lowest of these orders", stated, lowest, text, known)


def _flow_error(subject: Subject) -> Callable[[float], float]:
    """Without noise, M^(1/dt) against the exact flow over unit time."""
    from scipy.linalg import expm

    size = 2 if subject.has_momenta else 1
    generator = np.array([[0.0, 1.0], [-1.0, -subject.friction]]) if size == 2 else -np.eye(1)
    exact = expm(generator)

    def error(dt: float) -> float:
        matrix = subject.linear(dt, temperature=0.0).matrix
        power = np.linalg.matrix_power(matrix, round(1 / dt))
        return float(np.abs(power[:size, :size] - exact).max())

    return error


def _diffusion_bias(subject: Subject) -> Callable[[float], float]:
    """Without force the variance of x grows by 2 T / friction a time unit in the long run."""

    def bias(dt: float) -> float:
        step = subject.linear(dt, stiffness=0.0)
        matrix, noise = step.matrix, step.noise
        hidden = slice(1, None)
        settled = np.linalg.solve(np.eye(len(matrix) - 1) - matrix[hidden, hidden], noise[hidden])
        response = noise[0] + matrix[0, hidden] @ settled
        return float(response @ response) / (2 * dt) - 1

    return bias


def position_variance(subject: Subject) -> Iterator[Check]:
    """Curvature <x^2>/T - 1 on the harmonic well: no bias, or the stated order or higher."""
    stated = subject.method.properties.configurational_order
    settled = _settled if subject.program.thermostats else Subject.covariance
    order, text = _observed_order(lambda dt: settled(subject, dt)[0, 0] - 1)
    statement = "harmonic <x^2>: order of the bias"
    if order == np.inf:
        yield Check(statement, f"{stated:g}", text, "holds")
        return
    yield judged_order(statement, stated, order, text, known_orders(subject)[1])


def _settled(subject: Subject, dt: float) -> np.ndarray:
    """Stationary covariance under a slow thermostat where its mean drift is 0."""
    from scipy.optimize import brentq

    def drift(thermostat: float) -> float:
        return _thermostat_drift(subject, dt, thermostat)

    low, high = 0.5, 1.8
    if drift(low) * drift(high) > 0:  # it never rests near the friction that the noise is for
        return np.full((2, 2), np.nan)
    return _covariance_at(subject, dt, brentq(drift, low, high, xtol=1e-14))


def _covariance_at(subject: Subject, dt: float, thermostat: float) -> np.ndarray:
    """A thermostat frozen at another friction than the noise is for."""
    step = subject.linear(dt, friction=thermostat)
    return stationary(step.matrix, step.noise * np.sqrt(subject.friction / thermostat))


def _thermostat_drift(subject: Subject, dt: float, thermostat: float) -> float:
    """Mean change of the thermostat in a step.

    A step acts on coordinates one by one, so the columns of a root of the covariance can stand as
    coordinates: the dot product that drives the thermostat sums them to the mean.
    """
    from langevin_lab import dynamics

    method = subject.method
    size = 2 + method.n_normals
    root = np.eye(size)
    root[:2, :2] = np.linalg.cholesky(_covariance_at(subject, dt, thermostat)[:2, :2])
    (name,) = method.program.thermostats
    state = {"x": root[:1], "p": root[1:2], name: np.full((1, 1), thermostat)}
    state = method.carried_state(state, lambda x: x)
    moving = dynamics.AdaptiveLangevin(
        Well(), temperature=1.0, thermal_mass=1.0, applied_noise=math.sqrt(2.0 * subject.friction)
    )
    after = method.step(state, root[2:, None, :], method.coefficients(moving, dt), lambda x: x)
    return float(after[name][0, 0]) - thermostat


def _observed_order(bias: Callable[[float], float]) -> tuple[float, str]:
    """Order of |bias| at halved steps and its text; infinite if there is no bias at all."""
    from langevin_lab.evidence import order

    observed, text = -np.inf, "no bias to fit"
    for finer in _FINER:
        steps = _STEPS / finer
        sizes = np.array([abs(bias(dt)) for dt in steps])
        if sizes.max() < _ROUNDING:
            return np.inf, f"exact, {sizes.max():.0e}"
        seen = sizes > _ROUNDING
        if seen.sum() >= 3:
            observed = float(order(steps[seen], sizes[seen]).value)
            text = f"{observed:.3f}"
            slopes = np.diff(np.log(sizes[seen])) / np.diff(np.log(steps[seen]))
            if abs(slopes[-1] - slopes[-2]) < _SLOPE_CHANGE:
                break
    return observed, text


def harmonic_law(subject: Subject, dts: tuple[float, ...] = _LAW_STEPS) -> HarmonicLaw | None:
    """The exact stationary law over dt, for several frictions if they make a difference."""
    if subject.why_not_linear or not subject.is_noisy:
        return None
    frictions: tuple[float, ...] = _LAW_FRICTIONS if subject.has_momenta else (1.0,)
    laws = np.array([[_law(subject, dt, friction) for dt in dts] for friction in frictions])
    finite = np.isfinite(laws).all()
    if finite and np.abs(laws - laws[:1]).max() < _SAME:
        frictions, laws = (), laws[:1]  # one row for all
    columns = [tuple(map(tuple, laws[:, :, i].tolist())) for i in range(laws.shape[-1])]
    return HarmonicLaw(dts, frictions, *columns)


def _law(subject: Subject, dt: float, friction: float) -> list[float]:
    """<x^2>, <p^2>, <x p>; nan where the step does not contract."""
    step = subject.linear(dt, friction=friction)
    if not step.spectral_radius < 1.0 - 1e-13:
        return [np.nan] * (3 if subject.has_momenta else 1)
    law = stationary(step.matrix, step.noise)
    return [law[0, 0], law[1, 1], law[0, 1]] if subject.has_momenta else [law[0, 0]]
