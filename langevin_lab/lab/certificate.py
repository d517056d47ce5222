"""The certificate of a method: its record, and what can be computed about it without sampling.

On a harmonic well a step is linear, z' = M z + B n with z the state and n standard normals. M and
B are read off by feeding the step basis vectors. Then, with Q = B B^T,

    stationary covariance    Sigma = M Sigma M^T + Q
    stability                spectral radius of M at most 1
    diffusion without force  sum of the responses of x to one normal

with unit curvature, mass and temperature, and unit friction where the method has friction. A
thermostat is frozen at that friction; for the position's variance it is slow and at rest where it
holds the kinetic energy. A method that accepts or rejects is held to what it promises: the Gibbs
law stays, by quadrature over positions and normals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.lab.errors import LabError

_STEPS = 0.25 * 0.5 ** np.arange(5)
_ROUNDING = 1e-11
_QUADRATURE = 1e-6  # of kinks in the acceptance; 3 % of its temperature make 1e-5 and more
_ORDER_SLACK = 0.15  # an observed order may be off by this much at the steps above


@dataclass(frozen=True)
class Check:
    """One line of the certificate: what should be, what is, whether they agree."""

    statement: str
    expected: str
    found: str
    passed: bool


@dataclass(frozen=True)
class Certificate:
    """A method's record and the checks of it."""

    properties: Any
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether all checks do."""
        return all(check.passed for check in self.checks)


class _Well:
    """U = curvature x^2/2 in one coordinate."""

    dim = 1

    def __init__(self, curvature: float):
        self.curvature = curvature

    def energy(self, x: np.ndarray) -> np.ndarray:
        return 0.5 * self.curvature * (x**2).sum(axis=-1)

    def gradient(self, x: np.ndarray) -> np.ndarray:
        return self.curvature * x


def certificate(name: str, *, equation: str | None = None) -> Certificate:
    """Check a method's record against its own step.

    Parameters
    ----------
    name : str
        A splitting word or a method's name.
    equation : {"langevin", "overdamped", "adaptive"}, optional
        Which variant, where a name has two.

    Returns
    -------
    Certificate

    Raises
    ------
    LabError
        If the name is unknown.
    """
    from langevin_lab import integrators

    try:
        method = integrators.method(name, equation=equation)
    except (TypeError, ValueError) as error:
        raise LabError(str(error)) from error
    if not method.properties.linear:
        return Certificate(method.properties, tuple(_metropolis_checks(method)))
    step = _LinearStep(method)
    checks = [_cost(step), _rest(step), _free_flight(step), _stability(step), *_weak_orders(step)]
    if method.n_normals:
        checks.append(_position_variance(step))
    return Certificate(method.properties, tuple(checks))


class _LinearStep:
    """A method on a one-dimensional well, as matrices over state and stored vectors."""

    def __init__(self, method: Any):
        self.method = method
        self.vectors = method.program.state_vectors
        self.names = (*self.vectors, *method.stored)
        self.has_momenta = "p" in method.state_names
        self.friction = 1.0 if getattr(method, "thermostatted", True) else 0.0

    def dynamics(self, curvature: float, *, friction: float, temperature: float) -> Any:
        from langevin_lab import dynamics

        if self.method.properties.equation == "adaptive":
            return dynamics.AdaptiveLangevin(
                _Well(curvature), temperature=max(temperature, 1.0), thermal_mass=np.inf,
                applied_noise=np.sqrt(2.0 * friction * temperature),
            )  # fmt: skip
        if self.has_momenta:
            return dynamics.Langevin(
                _Well(curvature), temperature=temperature, friction=friction, mass=1.0
            )
        return dynamics.Overdamped(_Well(curvature), temperature=temperature, friction=friction)

    def run(
        self, state: dict[str, Any], normals: np.ndarray, dt: float, gradient: Callable, **dynamics
    ) -> dict[str, np.ndarray]:
        """One step from arrays of shape (..., 1)."""
        numbers = self.method.coefficients(self.dynamics(**dynamics), dt)
        frozen = np.full((1,), float(dynamics["friction"]))
        state = state | dict.fromkeys(self.method.program.thermostats, frozen)
        return self.method.step(state, normals, numbers, gradient)

    def matrices(self, dt: float, curvature: float = 1.0, **changes) -> tuple[np.ndarray, ...]:
        """M (n, n) and B (n, n_normals): the images of the basis vectors."""
        size, n_normals = len(self.names), self.method.n_normals
        basis = np.eye(size + n_normals)[..., None]
        options = {"friction": self.friction, "temperature": float(n_normals > 0)} | changes
        after = self.run(
            {name: basis[:, i] for i, name in enumerate(self.names)},
            basis[:, size:].swapaxes(0, 1),
            dt,
            lambda x: curvature * x,
            curvature=curvature,
            **options,
        )
        image = np.stack([after[name][:, 0] for name in self.names])
        return image[:, :size], image[:, size:]

    def covariance(
        self, dt: float, curvature: float = 1.0, thermostat: float | None = None
    ) -> np.ndarray:
        """Stationary covariance, from Sigma = M Sigma M^T + B B^T.

        A thermostat may be frozen at another friction than the noise is for.
        """
        matrix, noise = self.matrices(dt, curvature)
        if thermostat is not None:
            matrix, other = self.matrices(dt, curvature, friction=thermostat)
            noise = other * np.sqrt(self.friction / thermostat)
        size = len(matrix)
        system = np.eye(size**2) - np.kron(matrix, matrix)
        return np.linalg.solve(system, (noise @ noise.T).ravel()).reshape(size, size)


def _cost(step: _LinearStep) -> Check:
    calls = []

    def gradient(x):
        calls.append(x)
        return x

    state = {name: np.ones(1) for name in step.names}
    normals = np.zeros((step.method.n_normals, 1))
    step.run(state, normals, 0.1, gradient, curvature=1.0, friction=step.friction, temperature=0.0)
    stated = step.method.properties
    expected = f"{stated.gradients_per_step}, {stated.normals_per_step}"
    found = f"{len(calls)}, {step.method.n_normals}"
    return Check("gradients and normals a step", expected, found, expected == found)


def _rest(step: _LinearStep) -> Check:
    state = {name: np.zeros(1) for name in step.names}
    normals = np.zeros((step.method.n_normals, 1))
    after = step.run(
        state, normals, 0.1, lambda x: x, curvature=1.0, friction=step.friction, temperature=0.0
    )
    moved = max(float(np.abs(value).max()) for name, value in after.items() if name in step.names)
    return Check("rest at the minimum, without noise", "0", f"{moved:.2g}", moved == 0)


def _free_flight(step: _LinearStep) -> Check:
    """Without force, noise and friction x grows by dt p and p stays."""
    dt = 0.1
    friction = 0.0 if step.has_momenta else 1.0
    matrix, _ = step.matrices(dt, 0.0, friction=friction, temperature=0.0)
    size = len(step.vectors)
    exact = np.array([[1.0, dt], [0.0, 1.0]])[:size, :size]
    error = float(np.abs(matrix[:size, :size] - exact).max())
    return Check("free flight: error after a step", "0", f"{error:.1g}", error < _ROUNDING)


def _stability(step: _LinearStep) -> Check:
    """Bisection of the spectral radius; with momenta at friction 0, as the record states it."""
    friction = 0.0 if step.has_momenta else 1.0
    # Without friction the radius is 1 up to the limit, where eigenvalues collide: rounding then
    # moves them by 1e-8, and beyond the limit they part like a square root.
    tolerance = 1e-7 if step.has_momenta else 1e-12

    def unstable(dt: float) -> bool:
        matrix, _ = step.matrices(dt, friction=friction, temperature=0.0)
        return bool(np.abs(np.linalg.eigvals(matrix)).max() > 1 + tolerance)

    stated = float(step.method.properties.stability_limit)
    low, high = 0.0, 0.05
    while not unstable(high) and high < 100:
        low, high = high, high + 0.05
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if unstable(middle) else (middle, high)
    unit = "omega dt" if step.has_momenta else "curvature dt / friction"
    passed = abs(low - stated) < 1e-6 * max(stated, 1.0)
    return Check(f"stability limit, {unit}", f"{stated:.8g}", f"{low:.8g}", passed)


def _weak_orders(step: _LinearStep) -> list[Check]:
    """Each observable converges at least as stated, and one of them no faster."""
    stated = step.method.properties.weak_order
    biases = {"order of the flow without noise": _flow_error(step)}
    if step.method.n_normals:
        biases["free diffusion: order of the bias"] = _diffusion_bias(step)
        if step.has_momenta:
            # <p^2> / (mass T) - 1 on the harmonic well
            biases["harmonic <p^2>: order of the bias"] = lambda dt: step.covariance(dt)[1, 1] - 1
    observed = {statement: _observed_order(bias) for statement, bias in biases.items()}
    checks = [
        Check(statement, f"at least {stated:g}", text, order > stated - _ORDER_SLACK)
        for statement, (order, text) in observed.items()
    ]
    lowest, text = min(observed.values())
    passed = abs(lowest - stated) < _ORDER_SLACK
    return [*checks, Check("lowest of these orders", f"{stated:g}", text, passed)]


def _flow_error(step: _LinearStep) -> Callable[[float], float]:
    """Without noise, M^(1/dt) against the exact flow over unit time."""
    from scipy.linalg import expm

    size = len(step.vectors)
    generator = np.array([[0.0, 1.0], [-1.0, -step.friction]]) if size == 2 else -np.eye(1)
    exact = expm(generator)

    def error(dt: float) -> float:
        matrix, _ = step.matrices(dt, temperature=0.0)
        start = np.eye(len(step.names))[:, :size]
        if "g" in step.names:  # the stored gradient belongs to the starting point
            start[step.names.index("g"), 0] = 1.0
        power = np.linalg.matrix_power(matrix, round(1 / dt))
        return float(np.abs((power @ start)[:size] - exact).max())

    return error


def _diffusion_bias(step: _LinearStep) -> Callable[[float], float]:
    """Without force the variance of x grows by 2 T / friction a time unit in the long run."""

    def bias(dt: float) -> float:
        matrix, noise = step.matrices(dt, 0.0)
        hidden = slice(1, None)
        settled = np.linalg.solve(np.eye(len(matrix) - 1) - matrix[hidden, hidden], noise[hidden])
        response = noise[0] + matrix[0, hidden] @ settled
        return float(response @ response) / (2 * dt) - 1

    return bias


def _position_variance(step: _LinearStep) -> Check:
    """Curvature <x^2> / T - 1 on the harmonic well: the stated order exactly, or no bias."""
    stated = step.method.properties.configurational_order
    settled = _settled if step.method.program.thermostats else _LinearStep.covariance
    order, text = _observed_order(lambda dt: settled(step, dt)[0, 0] - 1)
    passed = order == np.inf or abs(order - stated) < _ORDER_SLACK
    return Check("harmonic <x^2>: order of the bias", f"{stated:g}", text, bool(passed))


def _settled(step: _LinearStep, dt: float) -> np.ndarray:
    """Stationary covariance under a slow thermostat where its mean drift is 0."""
    from scipy.optimize import brentq

    rest = brentq(lambda value: _thermostat_drift(step, dt, value), 0.5, 1.8, xtol=1e-14)
    return step.covariance(dt, thermostat=rest)


def _thermostat_drift(step: _LinearStep, dt: float, thermostat: float) -> float:
    """Mean change of the thermostat in a step.

    A step acts on coordinates one by one, so the columns of a root of the covariance can stand as
    coordinates: the dot product that drives the thermostat sums them to the mean.
    """
    from langevin_lab import dynamics

    method = step.method
    size = 2 + method.n_normals
    root = np.eye(size)
    root[:2, :2] = np.linalg.cholesky(step.covariance(dt, thermostat=thermostat)[:2, :2])
    (name,) = method.program.thermostats
    state = {"x": root[:1], "p": root[1:2], name: np.full((1, 1), thermostat)}
    state = method.carried_state(state, lambda x: x)
    moving = dynamics.AdaptiveLangevin(
        _Well(1.0), temperature=1.0, thermal_mass=1.0, applied_noise=np.sqrt(2.0 * step.friction)
    )
    numbers = method.coefficients(moving, dt)
    after = method.step(state, root[2:, None, :], numbers, lambda x: x)
    return float(after[name][0, 0]) - thermostat


def _metropolis_checks(method: Any) -> list[Check]:
    """Cost of a step, and the Gibbs law before and after one at several steps."""
    from langevin_lab.integrators.metropolis import outcomes

    calls: list[np.ndarray] = []

    def gradient(x):
        calls.append(x)
        return x

    def change(dt: float) -> float:
        """<x^2> after a step minus before, by quadrature; momenta are drawn in the step."""
        grid, weight = _gaussian_grid()
        normals = np.broadcast_to(grid[:, None], (method.n_normals, len(grid), len(grid), 1))
        x = np.broadcast_to(grid[:, None, :], normals.shape[1:])
        numbers = method.coefficients(_hot_well(method), dt)
        state = {"x": x, "p": np.zeros_like(x)}
        ends = outcomes(method, state, normals.swapaxes(1, 2), numbers, gradient, _Well(1.0).energy)
        accept = np.exp(-np.maximum(ends.energy_error, 0.0))
        moved = accept * (ends.accepted["x"] ** 2 - x**2)
        return float(np.sum(weight[:, None] * weight * moved[..., 0]))

    state = method.carried_state({"x": np.ones(1), "p": np.ones(1)}, gradient, _Well(1.0).energy)
    calls.clear()
    method.step(
        state, np.ones((method.n_normals, 1)), method.coefficients(_hot_well(method), 0.1),
        gradient, energy=_Well(1.0).energy, scalar_normals=np.ones((2, 1)),
    )  # fmt: skip
    stated = method.properties
    expected = f"{stated.gradients_per_step}, {stated.normals_per_step}"
    found = f"{len(calls)}, {method.n_normals}"
    checks = [Check("gradients and normals a step", expected, found, expected == found)]
    for dt in (0.2, 1.0, 1.8):
        error = abs(change(dt))
        statement = f"Gibbs law kept at dt = {dt:g}: change of <x^2>"
        checks.append(Check(statement, "0", f"{error:.0e}", error < _QUADRATURE))
    return checks


def _hot_well(method: Any) -> Any:
    """Unit temperature; friction so strong that a step draws its momentum, which is Gibbs' too."""
    from langevin_lab import dynamics

    if method.properties.equation == "langevin":
        return dynamics.Langevin(_Well(1.0), temperature=1.0, friction=np.inf)
    return dynamics.Overdamped(_Well(1.0), temperature=1.0)


def _gaussian_grid() -> tuple[np.ndarray, np.ndarray]:
    """Nodes (n, 1) and weights (n,) for a standard normal; the integrand has kinks."""
    nodes = np.linspace(-8.0, 8.0, 401)
    weight = np.exp(-(nodes**2) / 2)
    return nodes[:, None], weight / weight.sum()


def _observed_order(bias: Callable[[float], float]) -> tuple[float, str]:
    """Order of |bias| at halved steps and its text; infinite if there is no bias at all."""
    from langevin_lab.evidence import order

    sizes = np.array([abs(bias(dt)) for dt in _STEPS])
    if sizes.max() < _ROUNDING:
        return np.inf, f"exact, {sizes.max():.0e}"
    seen = sizes > _ROUNDING
    if seen.sum() < 3:  # too small to tell: counts as no order
        return -np.inf, f"|bias| < {sizes.max():.0e}"
    observed = float(order(_STEPS[seen], sizes[seen]).value)
    return observed, f"{observed:.3f}"
