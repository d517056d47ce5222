"""Checks of schemes for Itô diffusions, on equations with closed forms and by quadrature.

    geometric     dx = mu x dt + sum_k sigma_k x dW_k:  E x^j = exp((j mu + j (j-1) sigma^2/2) t),
                  x = exp((mu - sigma^2/2) t + sum_k sigma_k W_k),     sigma^2 = sum_k sigma_k^2
    mixed         dx = -x dt + sum_k sigma_k (tau + x) dW_k:  <x^2> = tau^2 sigma^2/(2 - sigma^2)
    anharmonic    dx = -(x + x^3) dt + sum_k sigma_k (1 + x^2) dW_k

The average over the normals of a step is a Gauss-Hermite quadrature, exact for these polynomials;
only the strong order has sampled paths, against the exact solution on the same paths.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from langevin_lab.lab.certificate.record import Check, held
from langevin_lab.lab.certificate.stability import limit_of
from langevin_lab.lab.certificate.subject import Subject

if TYPE_CHECKING:
    from langevin_lab.evidence import ConvergenceStudy

_GROWTH = 0.3
_SIGMAS = (0.5, 0.3, 0.2, 0.2)  # of the noises, as many as a scheme has
_SHIFT = 0.5
_N_NODES = 8
_SMALL_STEP = 1e-6
_FIELD_TOLERANCE = 1e-4
_LAW_STEPS = 1.0 / np.array([64, 128, 256, 512, 1024])
_STRONG_COUNTS = (32, 64, 128, 256, 512)
_MOMENTS = (1, 2, 3, 4)
_N_PATHS = 4000
_SEED = 0
_SLACK = 0.15
_ROUNDING = 1e-12


def cost(subject: Subject) -> Iterator[Check]:
    """Gradients, or drifts in their place, and normals of a step against the record."""
    calls: list[Any] = []
    after = step(subject, anharmonic(subject), np.ones((1, 1)), _few_normals(subject, 1), 0.1,
                 calls=calls)  # fmt: skip
    record = subject.method.properties
    expected = f"{record.gradients_per_step}, {record.normals_per_step}"
    found = f"{len(calls)}, {subject.method.n_normals}"
    passed = expected == found and bool(np.isfinite(after).all())
    yield held("gradients and normals a step", expected, found, passed)


def small_step(subject: Subject) -> Iterator[Check]:
    """Mean and variance of a step over dt, for dt -> 0, against drift and noise."""
    x, dt = 0.7, _SMALL_STEP
    nodes, weights = quadrature(subject)
    moved = step(subject, anharmonic(subject), np.full((len(weights), 1), x), nodes, dt)[:, 0] - x
    mean, square = weights @ moved / dt, weights @ moved**2 / dt
    noise = sum(sigma**2 for sigma in _sigmas(subject)) * (1 + x**2) ** 2
    for name, found, exact in (("drift", mean, -(x + x**3)), ("noise", square, noise)):
        error = float(abs(found - exact))
        statement = f"small step against the equation, {name}: error"
        yield held(statement, f"< {_FIELD_TOLERANCE:g}", f"{error:.1g}", error < _FIELD_TOLERANCE)


def geometric_step(subject: Subject) -> Iterator[Check]:
    """Mean and mean square of a step from x = 1 in closed form, for the schemes known by name."""
    dt = 0.1
    nodes, weights = quadrature(subject)
    after = step(subject, _geometric(subject), np.ones((len(weights), 1)), nodes, dt)[:, 0]
    variance = sum(sigma**2 for sigma in _sigmas(subject))
    mean = 1 + _GROWTH * dt
    square = mean**2 + variance * dt
    sigmas = np.array(_sigmas(subject))
    corrections = {
        "EulerMaruyama": 0.0,
        "Milstein": variance**2 / 2,
        # b_k at the support of b_j: sigma_k (mu dt + sigma_j sqrt(dt)), of mean square sigma_j^2.
        "Platen": float(np.sum(
            _symmetric(sigmas[None, :] * (_GROWTH * np.sqrt(dt) + sigmas[:, None])) ** 2
        )) / 2,
    }  # fmt: skip
    error = float(abs(weights @ after - mean))
    yield held("geometric, mean of a step: error", "0", f"{error:.0e}", error < _ROUNDING)
    found = float(weights @ after**2)
    correction = corrections.get(subject.method.name)
    statement = "geometric, mean square of a step"
    if correction is None:
        yield Check(statement, "not stated", f"{found:.8f}", "measured")
        return
    exact = square + correction * dt**2
    passed = bool(abs(found - exact) < _ROUNDING)
    yield held(statement, f"{exact:.8f}", f"{found:.8f}", passed)


def _symmetric(matrix: np.ndarray) -> np.ndarray:
    return (matrix + matrix.T) / 2


def stability(subject: Subject) -> Iterator[Check]:
    """That of the drift alone, on U = x^2/2."""
    stated = subject.method.properties.stability_limit
    statement = "stability limit, curvature dt / friction"
    if np.isnan(stated):
        yield Check(statement, "", "a drift that has no potential", "does not apply")
        return
    silent = problem(subject, "x**2/2", "-x", ["0"] * len(_sigmas(subject)))
    none = np.zeros((1, len(_sigmas(subject))))
    found = limit_of(
        lambda dt: step(subject, silent, np.ones((1, 1)), none, dt), tolerance=_ROUNDING
    )
    yield held(statement, f"{stated:.8g}", f"{found:.8g}", abs(found - stated) < 1e-6 * stated)


def stationary_square(subject: Subject) -> Iterator[Check]:
    """Order of the bias of <x^2> of the mixed equation: x' = u x + v with random u and v."""
    stated = subject.method.properties.configurational_order
    variance = sum(sigma**2 for sigma in _sigmas(subject))
    exact = _SHIFT**2 * variance / (2 - variance)
    nodes, weights = quadrature(subject)

    def bias(dt: float) -> float:
        v, u, twice = (
            step(subject, _mixed(subject), np.full((len(weights), 1), x), nodes, dt)[:, 0]
            for x in (0.0, 1.0, 2.0)
        )
        if np.abs(twice - 2 * u + v).max() > _ROUNDING:
            return np.nan  # not affine: no closed form
        u = u - v
        mean = weights @ v / (1 - weights @ u)
        square = (2 * mean * (weights @ (u * v)) + weights @ v**2) / (1 - weights @ u**2)
        return abs(square / exact - 1)

    order, text = _order_of(bias)
    passed = abs(order - stated) < _SLACK
    yield held("mixed noise, <x^2>: order of the bias", f"{stated:g}", text, passed)


def measured_orders(subject: Subject) -> tuple[list[Check], list[ConvergenceStudy]]:
    """Strong order on exact paths; weak order of the first moments, by recursion."""
    from langevin_lab.lab.certificate.path_orders import study_check, weak_check

    strong, weak = strong_study(subject), weak_studies(subject)
    return [study_check(strong), weak_check(weak)], [strong, *weak]


def strong_study(subject: Subject) -> ConvergenceStudy:
    """Geometric equation; mean square distance at time 1 from the solution on the same paths."""
    from langevin_lab.evidence.convergence_study import ConvergenceStudy
    from langevin_lab.evidence.coupled_runs import CoupledDifferences
    from langevin_lab.evidence.sampled_errors import measured_errors

    sigmas, finest = np.array(_sigmas(subject)), max(_STRONG_COUNTS)
    generator = np.random.default_rng(_SEED)
    drawn = generator.standard_normal((finest, _N_PATHS, len(sigmas)))
    path = drawn.sum(axis=0) / np.sqrt(finest)
    exact = np.exp(_GROWTH - np.sum(sigmas**2) / 2 + path @ sigmas)
    squares = []
    for count in _STRONG_COUNTS:
        parts = drawn.reshape(count, -1, *drawn.shape[1:]).sum(axis=1) / np.sqrt(finest // count)
        x = np.ones((_N_PATHS, 1))
        advance = stepper(subject, _geometric(subject), 1.0 / count)
        for normals in parts:
            x = advance(x, normals)
        squares.append((x[:, 0] - exact) ** 2)
    steps, distances = 1.0 / np.array(_STRONG_COUNTS), np.array(squares)
    differences = CoupledDifferences(distances, distances)
    measured = measured_errors(steps, differences, squared=True)
    return ConvergenceStudy(
        subject.method.name, "strong", tuple(steps.tolist()), measured.errors, measured.used,
        measured.order, subject.method.properties.strong_order,
        f"{_N_PATHS} paths against the exact solution", subject.method.properties.source,
    )  # fmt: skip


def weak_studies(subject: Subject) -> list[ConvergenceStudy]:
    """Geometric equation: a step multiplies x by a random number, so E x^j by its j-th moment."""
    from langevin_lab.evidence import Estimate, order
    from langevin_lab.evidence.convergence_study import ConvergenceStudy

    nodes, weights = quadrature(subject)
    variance = sum(sigma**2 for sigma in _sigmas(subject))
    factors = {
        dt: step(subject, _geometric(subject), np.ones((len(weights), 1)), nodes, dt)[:, 0]
        for dt in _LAW_STEPS
    }
    studies = []
    for moment in _MOMENTS:
        exact = np.exp(moment * _GROWTH + moment * (moment - 1) / 2 * variance)
        errors = np.array([
            abs((weights @ factor**moment) ** round(1 / dt) - exact)
            for dt, factor in factors.items()
        ])  # fmt: skip
        record = subject.method.properties
        studies.append(ConvergenceStudy(
            record.name, "weak", tuple(_LAW_STEPS.tolist()), tuple(map(Estimate.exact, errors)),
            (True,) * len(errors), order(_LAW_STEPS, errors), record.weak_order,
            f"E x^{moment} by recursion, without sampling", record.source,
        ))  # fmt: skip
    return studies


def _order_of(bias: Any) -> tuple[float, str]:
    from langevin_lab.evidence import order

    sizes = np.array([bias(dt) for dt in _LAW_STEPS])
    if not np.isfinite(sizes).all():
        return np.nan, "a step is not affine in x"
    observed = float(order(_LAW_STEPS, sizes).value)
    return observed, f"{observed:.3f}"


def quadrature(subject: Subject) -> tuple[np.ndarray, np.ndarray]:
    """Normals (n, n_noises) and weights (n,)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(_N_NODES)
    weights = weights / weights.sum()
    count = len(_sigmas(subject))
    grid = np.array(list(itertools.product(nodes, repeat=count)))
    shares = np.array(list(itertools.product(weights, repeat=count)))
    return grid, shares.prod(axis=1)


def _few_normals(subject: Subject, count: int) -> np.ndarray:
    return np.ones((count, len(_sigmas(subject))))


def _sigmas(subject: Subject) -> tuple[float, ...]:
    """One for the noise of a coordinate, or one for each column."""
    return tuple(np.resize(_SIGMAS, subject.program.n_scalar_normals or 1).tolist())


def _geometric(subject: Subject) -> Any:
    noises = [f"{sigma}*x" for sigma in _sigmas(subject)]
    return problem(subject, f"-{_GROWTH}*x**2/2", f"{_GROWTH}*x", noises)


def _mixed(subject: Subject) -> Any:
    noises = [f"{sigma}*({_SHIFT} + x)" for sigma in _sigmas(subject)]
    return problem(subject, "x**2/2", "-x", noises)


def anharmonic(subject: Subject) -> Any:
    """The equation with a quartic well and noise that grows with x."""
    noises = [f"{sigma}*(1 + x**2)" for sigma in _sigmas(subject)]
    return problem(subject, "x**2/2 + x**4/4", "-x - x**3", noises)


def problem(subject: Subject, potential: str, drift: str, noises: list[str]) -> Any:
    """The equation in one coordinate, in the form that the method is made for."""
    program = subject.program
    own_drift = "drift" in program.functions
    return _diffusion(potential, drift if own_drift else None, tuple(noises),
                      bool(program.n_scalar_normals))  # fmt: skip


@functools.lru_cache(maxsize=32)
def _diffusion(potential: str, drift: str | None, noises: tuple[str, ...], columns: bool) -> Any:
    from langevin_lab import Potential, dynamics

    noise: Any = (noises,) if columns else noises[0]
    if drift is not None:
        return dynamics.ItoDiffusion.from_drift(drift, noise=noise)
    return dynamics.ItoDiffusion(Potential.from_expression(potential), noise=noise)


def step(
    subject: Subject, dynamics: Any, x: np.ndarray, normals: np.ndarray, dt: float,
    calls: list[Any] | None = None,
) -> np.ndarray:  # fmt: skip
    """One step; x (n, 1), normals (n, n_noises); the points of gradients are added to calls."""
    return stepper(subject, dynamics, dt, calls)(x, normals)


def stepper(subject: Subject, dynamics: Any, dt: float, calls: list[Any] | None = None) -> Any:
    """``advance(x, normals) -> x`` for steps of one size."""
    method, program = subject.method, subject.program
    coefficients = method.coefficients(dynamics, dt)
    functions = dict(dynamics.functions(program.functions))

    def counted(function):
        def call(x):
            if calls is not None:
                calls.append(x)
            return function(x)

        return call

    if "drift" in functions:
        functions["drift"] = counted(functions["drift"])
    gradient = counted(dynamics.potential.gradient)

    def advance(x: np.ndarray, normals: np.ndarray) -> np.ndarray:
        own: dict[str, Any] = {"functions": functions}
        drawn: Any = normals.T[..., None]
        if program.n_scalar_normals:
            own["scalar_normals"] = drawn
            drawn = []
        return method.step({"x": x}, drawn, coefficients, gradient, **own)["x"]

    return advance
