"""Strong and weak orders of the records: paths on one refined Brownian path, moments by algebra.

Strong. Steps of 2^-4 ... 2^-8 use sums of the increments of one fine path, on U = x^2/2 + x^4/4.
The j-th of a step's m normals is the standardised increment of the j-th m-th of the step. For the
letter O that is not its Ornstein-Uhlenbeck integral, but the two differ by independent errors of
size dt^(3/2) a step, which leaves order 1 as it is. Schemes of a higher strong order take the
increment and its time integral from the path, jointly Gaussian and composed without error.

Weak. On a quadratic the law at time 1 is Gaussian for the scheme and for the equation.
"""

import functools

import by_hand
import numpy as np
import pytest
from scipy.linalg import expm, solve_continuous_lyapunov

import langevin_lab as ll
from langevin_lab.integrators import method, names, properties

QUARTIC = ll.Potential.from_expression("x**2/2 + x**4/4")
HARMONIC = ll.Potential.from_expression("x**2/2")
N_FINE, N_PATHS = 8192, 400
N_JOINT = 4096
JOINT_STEPS = {"langevin": N_JOINT // 2, "overdamped": N_JOINT}  # UBU has two U a step
LEVELS = np.arange(4, 9)
STEPS = 2.0**-LEVELS
FRICTION = 1.3
LINEAR = [pair for pair in names() if properties(pair[0], equation=pair[1]).linear]
NOISY = [pair for pair in LINEAR if method(pair[0], equation=pair[1]).n_normals]
FLOWS = [pair for pair in LINEAR if pair not in NOISY]


def gradient(x):
    return x + x**3


def dynamics_of(scheme, potential):
    hot = scheme.n_normals > 0
    if scheme.properties.equation == "overdamped":
        return ll.Overdamped(potential, temperature=float(hot), friction=FRICTION)
    if scheme.properties.equation == "adaptive":
        return ll.AdaptiveLangevin(
            potential, temperature=1.0, thermal_mass=2.0, applied_noise=np.sqrt(2 * FRICTION)
        )
    friction = FRICTION if scheme.thermostatted else 0.0
    return ll.Langevin(potential, temperature=float(hot), friction=friction)


@functools.cache
def increments():
    """Increments of N_PATHS Brownian paths over time 1, shape (N_FINE, N_PATHS)."""
    generator = np.random.Generator(np.random.Philox(7))
    return generator.standard_normal((N_FINE, N_PATHS)) / np.sqrt(N_FINE)


def has_joint_noise(scheme):
    """Whether two normals stand for an increment and its time integral."""
    return "U" in scheme.name or scheme.name == "SRA1"


def joint_factor(rate, time):
    """Cholesky factor of the law of (W, Z) from 0: dW = -rate W dt + dB, dZ = W dt."""
    drift = np.array([[-rate, 0.0], [1.0, 0.0]])
    noise = np.diag([1.0, 0.0])
    # Van Loan (1978): the covariance is a block of one exponential.
    block = expm(np.block([[-drift, noise], [np.zeros((2, 2)), drift.T]]) * time)
    return np.linalg.cholesky(block[2:, 2:].T @ block[:2, 2:])


@functools.cache
def joint_path(rate):
    """(W, Z) over each of N_JOINT short times from 0, shape (N_JOINT, 2, N_PATHS)."""
    generator = np.random.Generator(np.random.Philox(8))
    fine = generator.standard_normal((N_JOINT, 2, N_PATHS))
    return np.einsum("ij,njp->nip", joint_factor(rate, 1.0 / N_JOINT), fine)


def joint_normals(rate, n_intervals):
    """Pairs of normals for equal parts of time 1, shape (n_intervals, 2, N_PATHS)."""
    parts = joint_path(rate).reshape(n_intervals, -1, 2, N_PATHS)
    short = expm(np.array([[-rate, 0.0], [1.0, 0.0]]) / N_JOINT)
    total = np.zeros((n_intervals, 2, N_PATHS))
    for k in range(parts.shape[1]):
        total = np.einsum("ij,njp->nip", short, total) + parts[:, k]
    return np.einsum("ij,njp->nip", np.linalg.inv(joint_factor(rate, 1.0 / n_intervals)), total)


def normals_of(scheme, n_steps):
    """Normals of all steps to time 1, shape (n_steps, n_normals, N_PATHS), from one path."""
    m = scheme.n_normals
    if has_joint_noise(scheme):
        rate = 0.0 if scheme.properties.equation == "overdamped" else FRICTION
        return joint_normals(rate, n_steps * m // 2).reshape(n_steps, m, N_PATHS)
    return increments().reshape(n_steps, m, -1, N_PATHS).sum(axis=2) * np.sqrt(n_steps * m)


def path_end(scheme, n_steps, **changes):
    """State at time 1, shape (n_state, N_PATHS), driven by sums of the fine increments."""
    parts = normals_of(scheme, n_steps) if scheme.n_normals else None
    coefficients = scheme.coefficients(dynamics_of(scheme, QUARTIC), 1.0 / n_steps) | changes
    state = {name: np.full((N_PATHS, 1), 0.5) for name in scheme.state_names}
    state = scheme.carried_state(state, gradient)
    for n in range(n_steps):
        normals = np.zeros((0, N_PATHS, 1)) if parts is None else parts[n][..., None]
        state = scheme.step(state, normals, coefficients, gradient)
    return np.stack([state[name][:, 0] for name in scheme.state_names])


@functools.cache
def fine_end(equation, joint=False):
    """Paths at time 1 with a fraction of the smallest step that is tested: 1/32, or 1/4 to 1/8."""
    if joint:
        return path_end(
            method({"langevin": "UBU", "overdamped": "SRA1"}[equation]), JOINT_STEPS[equation]
        )
    accurate = {"langevin": "BAOAB", "adaptive": "BADODAB", "overdamped": "StochasticHeun"}
    return path_end(method(accurate[equation]), N_FINE)


def slope(errors):
    """Slope of log error against log dt over the finer four steps."""
    return np.polyfit(np.log(STEPS[1:]), np.log(errors[1:]), 1)[0]


def strong_slope(scheme, names_of_error=slice(None), **changes):
    exact = fine_end(scheme.properties.equation, has_joint_noise(scheme))[names_of_error]
    # The error of SRA1 has a term of order two that fades only slowly beside that of order 3/2.
    levels = LEVELS + 2 if scheme.name == "SRA1" else LEVELS
    ends = (path_end(scheme, 2**level, **changes)[names_of_error] for level in levels)
    return slope(np.array([np.sqrt(np.mean((end - exact) ** 2)) for end in ends]))


@pytest.mark.parametrize(("name", "equation"), NOISY)
def test_strong_order_on_a_refined_brownian_path(name, equation):
    scheme = method(name, equation=equation)
    assert strong_slope(scheme) == pytest.approx(scheme.properties.strong_order, abs=0.12)


def test_half_an_increment_costs_half_an_order_in_the_momentum_only():
    """Negative control of the test above; BBK's positions keep order 1."""
    assert strong_slope(method("BBK"), slice(1, 2)) == pytest.approx(0.5, abs=0.05)
    assert strong_slope(method("BBK"), slice(0, 1)) == pytest.approx(1.0, abs=0.12)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("UBU", {"own": 0.0}),
        ("BUB", {"shared": 0.0}),
        ("SRA1", {"own": 0.0}),
        ("SRA1", {"shared": 0}),
    ],
)
def test_without_the_joint_law_the_order_is_lost(name, changes):
    """Negative control: without one of the two normals in its place order 1 is left."""
    assert strong_slope(method(name), **changes) == pytest.approx(1.0, abs=0.12)


@pytest.mark.parametrize(("name", "equation"), FLOWS)
def test_orders_of_the_flows_without_noise(name, equation):
    from scipy.integrate import solve_ivp

    scheme = method(name, equation=equation)
    friction = np.asarray(dynamics_of(scheme, QUARTIC).friction)

    def rate(_, y):
        if equation == "overdamped":
            return -gradient(y) / friction
        return np.array([y[1], -gradient(y[0]) - friction * y[1]])

    start = np.full(len(scheme.state_names), 0.5)
    exact = solve_ivp(rate, (0, 1), start, method="DOP853", rtol=1e-13, atol=1e-15).y[:, -1]
    errors = np.array([np.abs(path_end(scheme, 2**k)[:, 0] - exact).max() for k in LEVELS])
    assert scheme.properties.strong_order == scheme.properties.weak_order
    assert slope(errors) == pytest.approx(scheme.properties.weak_order, abs=0.1)


def linear_step(scheme, dt):
    """M and N of z' = M z + N n on U = x^2/2, z the state and the last normal if it is stored."""
    keys = by_hand.linear_keys(scheme)
    inputs = np.eye(len(keys) + scheme.n_normals)
    state = {k: inputs[:, [i]] for i, k in enumerate(keys)}
    state |= by_hand.frozen_thermostats(scheme, FRICTION, len(inputs))
    state = scheme.carried_state(state, lambda x: x)
    normals = inputs[:, len(keys) :].T[..., None]
    dynamics = by_hand.linear_dynamics(scheme, HARMONIC, temperature=1.0, friction=FRICTION)
    coefficients = scheme.coefficients(dynamics, dt)
    after = scheme.step(state, normals, coefficients, lambda x: x)
    image = np.concatenate([after[key] for key in keys], axis=1).T
    return image[:, : len(keys)], image[:, len(keys) :]


def discrete_law(scheme, n_steps):
    """Mean matrix and covariance of the state at time 1, from a sharp start and r = 0."""
    m, n = linear_step(scheme, 1.0 / n_steps)
    mean, covariance = np.eye(len(m)), np.zeros((len(m), len(m)))
    for _ in range(n_steps):
        mean, covariance = m @ mean, m @ covariance @ m.T + n @ n.T
    size = len(scheme.program.state_vectors)
    return np.stack([mean[:size, :size], covariance[:size, :size]])


def exact_law(scheme):
    if scheme.properties.equation == "overdamped":
        drift, noise = np.array([[-1.0 / FRICTION]]), np.array([[2.0 / FRICTION]])
    else:
        drift, noise = np.array([[0.0, 1.0], [-1.0, -FRICTION]]), np.diag([0.0, 2 * FRICTION])
    mean = expm(drift)
    final = solve_continuous_lyapunov(drift, -noise)
    return np.stack([mean, final - mean @ final @ mean.T])


@pytest.mark.parametrize(("name", "equation"), NOISY)
def test_weak_order_of_the_law_at_time_one(name, equation):
    scheme = method(name, equation=equation)
    exact = exact_law(scheme)
    errors = [np.abs(discrete_law(scheme, 2**k) - exact).max() for k in LEVELS]
    assert slope(np.array(errors)) == pytest.approx(scheme.properties.weak_order, abs=0.1)
