"""Weak errors and stationary biases without sampling, where the law of the method is known.

weak, linear forces         both laws are Gaussian: the scheme's from its linear map, the
                            equation's from the matrix exponential of (drift, noise)
invariant, linear forces    the stationary Gaussian of the scheme's linear map against Gibbs
invariant, one coordinate   the transfer operator of the scheme against quadrature

Averages over a Gaussian of up to three variables are Gauss-Hermite sums of 24 nodes a variable,
exact for polynomials of degree 47.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.evidence.reference_path import State, noise_amplitude
from langevin_lab.integrators import Method

_NODES = 24
_LARGEST_GAUSSIAN = 3
_ROUNDING = 1e-13  # of an average, relative to the observable's size

Observable = Callable[[State], np.ndarray]


@dataclass(frozen=True)
class ExactErrors:
    """Signed errors (n,), bounds on their numerical error (n,), how they were computed.

    A step at which the scheme has no law has nan.
    """

    errors: np.ndarray
    bounds: np.ndarray
    how: str


@dataclass(frozen=True)
class _LinearForce:
    """grad U(x) = stiffness (x - centre)."""

    stiffness: np.ndarray
    centre: np.ndarray


def weak_errors(
    method: Method, dynamics: Any, observable: Observable, counts: tuple[int, ...], duration: float,
    start: State,
) -> ExactErrors | None:  # fmt: skip
    """Error of an expectation at the end, or None where the law is not known."""
    from langevin_lab import exact

    force = _linear_force(dynamics)
    names = method.state_names
    if force is None or len(names) * dynamics.dim > _LARGEST_GAUSSIAN:
        return None
    shift = _shift(force, names)
    begin = np.concatenate([start[name] for name in names]) - shift
    truth = _average(
        observable, names, *_law_of_the_equation(dynamics, force, duration, begin), shift
    )
    errors, sizes = [], []
    for count in counts:
        law = exact.propagate(
            method, count, mean=begin, dt=duration / count, **_parameters(dynamics, force)
        )
        value = _average(observable, names, *law, shift)
        errors.append(value - truth)
        sizes.append(abs(value) + abs(truth))
    bounds = _ROUNDING * (1.0 + np.array(sizes))
    return ExactErrors(np.array(errors), bounds, "Gaussian laws, without sampling")


def invariant_errors(
    method: Method, dynamics: Any, observable: Observable, steps: np.ndarray
) -> ExactErrors | None:
    """Bias of a stationary average, or None where the stationary law is not known."""
    force = _linear_force(dynamics)
    names = method.state_names
    if force is not None and len(names) * dynamics.dim <= _LARGEST_GAUSSIAN:
        return _gaussian_biases(method, dynamics, observable, steps, force)
    if dynamics.dim == 1:
        return _operator_biases(method, dynamics, observable, steps)
    return None


def _gaussian_biases(method, dynamics, observable, steps, force) -> ExactErrors:
    from langevin_lab import exact

    names, shift = method.state_names, _shift(force, method.state_names)
    zero = np.zeros(len(shift))
    lowest = float(np.linalg.eigvalsh(force.stiffness).min())
    if lowest <= 0:
        raise ValueError(
            f"no stationary law: stiffness has eigenvalue {lowest:g} <= 0; use a confining "
            "potential or kind='weak'"
        )
    covariances = [dynamics.temperature * np.linalg.inv(force.stiffness)]
    if dynamics.momenta:
        mass = np.broadcast_to(dynamics.mass, (dynamics.dim,))
        covariances.append(np.diag(dynamics.temperature * mass))
    size = dynamics.dim
    gibbs = np.zeros((len(zero), len(zero)))
    for k, block in enumerate(covariances):
        gibbs[k * size : (k + 1) * size, k * size : (k + 1) * size] = block
    truth = _average(observable, names, zero, gibbs, shift)
    errors, sizes = np.full(len(steps), math.nan), np.zeros(len(steps))
    for k, dt in enumerate(steps):
        try:
            law = exact.stationary_covariance(method, dt=dt, **_parameters(dynamics, force))
        except exact.NoStationaryLaw:
            continue
        errors[k] = _average(observable, names, zero, law, shift) - truth
        sizes[k] = abs(truth) + abs(errors[k])
    return ExactErrors(errors, _ROUNDING * (1.0 + sizes), "Gaussian laws, without sampling")


def _operator_biases(method, dynamics, observable, steps) -> ExactErrors:
    from langevin_lab import exact

    def of_state(x, p=None):
        state = {"x": x[..., None]}
        return observable(state if p is None else state | {"p": p[..., None]})

    def of_position(x):
        return of_state(x)

    def of_both(x, p):
        return of_state(x, p)

    if "p" in method.state_names:
        truth = _gibbs_average_with_momentum(dynamics, observable)
    else:
        truth = exact.gibbs_average(dynamics, of_position)
    errors, bounds = np.full(len(steps), math.nan), np.full(len(steps), math.inf)
    for k, dt in enumerate(steps):
        try:
            law = exact.stationary_law(method, dynamics, dt)
        except ValueError as error:
            if "leave the domain" not in str(error):
                raise
            continue
        value, bound = law.average(of_both if "p" in method.state_names else of_position)
        errors[k], bounds[k] = value - truth.value, bound + truth.error
    return ExactErrors(errors, bounds, "transfer operator, without sampling")


def _gibbs_average_with_momentum(dynamics, observable):
    from langevin_lab import exact

    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    momenta = nodes * math.sqrt(float(np.ravel(dynamics.mass)[0]) * dynamics.temperature)

    def averaged(x):
        points = {
            "x": np.repeat(x[..., None], len(nodes), axis=-1)[..., None],
            "p": np.broadcast_to(momenta, (*x.shape, len(nodes)))[..., None],
        }
        return observable(points) @ (weights / weights.sum())

    return exact.gibbs_average(dynamics, averaged)


def _linear_force(dynamics) -> _LinearForce | None:
    """The force if it is linear with a centre, else None."""
    dim, gradient = dynamics.dim, dynamics.potential.gradient
    origin = gradient(np.zeros(dim))
    stiffness = gradient(np.eye(dim)) - origin
    points = np.random.default_rng(0).standard_normal((8, dim)) * np.array([[1.0], [3.0]] * 4)
    values = gradient(points)
    size = np.abs(values).max()
    if not np.isfinite(size) or not np.allclose(stiffness, stiffness.T, atol=1e-10 * size):
        return None
    if np.abs(values - origin - points @ stiffness).max() > 1e-11 * size:
        return None
    if not np.any(origin):
        return _LinearForce(stiffness, np.zeros(dim))
    if np.linalg.matrix_rank(stiffness) < dim:
        return None
    return _LinearForce(stiffness, -np.linalg.solve(stiffness, origin))


def _shift(force: _LinearForce, names: tuple[str, ...]) -> np.ndarray:
    zero = np.zeros_like(force.centre)
    return np.concatenate([force.centre if name == "x" else zero for name in names])


def _parameters(dynamics, force: _LinearForce) -> dict[str, Any]:
    parameters = {
        "stiffness": force.stiffness,
        "temperature": dynamics.temperature,
        "friction": dynamics.friction,
    }
    return parameters | ({"mass": dynamics.mass} if dynamics.momenta else {})


def _law_of_the_equation(dynamics, force, duration, begin) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance at the end of dz = A z dt + noise, both from one exponential."""
    from scipy.linalg import expm

    dim = dynamics.dim
    friction = np.diag(np.broadcast_to(dynamics.friction, (dim,)))
    amplitude = np.broadcast_to(noise_amplitude(dynamics), (dim,))
    if dynamics.momenta:
        zero = np.zeros((dim, dim))
        inverse_mass = np.diag(1.0 / np.broadcast_to(dynamics.mass, (dim,)))
        drift = np.block([[zero, inverse_mass], [-force.stiffness, -friction]])
        noise = np.diag(np.concatenate([np.zeros(dim), amplitude**2]))
    else:
        drift, noise = -np.linalg.solve(friction, force.stiffness), np.diag(amplitude**2)
    n = len(drift)
    # Van Loan (1978): the upper right block of the exponential holds the integral of the noise.
    block = expm(duration * np.block([[-drift, noise], [np.zeros((n, n)), drift.T]]))
    move = block[n:, n:].T
    covariance = move @ block[:n, n:]
    return move @ begin, (covariance + covariance.T) / 2


def _average(observable: Observable, names, mean, covariance, shift) -> float:
    """Average over a Gaussian of few variables."""
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    n = len(mean)
    grid = np.stack([g.ravel() for g in np.meshgrid(*[nodes] * n, indexing="ij")], axis=-1)
    weight = np.prod(np.stack(np.meshgrid(*[weights / weights.sum()] * n, indexing="ij")), axis=0)
    points = shift + mean + grid @ root.T
    size = n // len(names)
    state = {name: points[:, k * size : (k + 1) * size] for k, name in enumerate(names)}
    return float(observable(state) @ weight.ravel())
