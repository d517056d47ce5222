"""SGLD, SGHMC, SGNHT: the updates of the papers by hand, in the papers' own numbers."""

import numpy as np
import pytest

import langevin_lab as ll

N = 50  # examples: U is their mean loss, the papers' is their sum
U = ll.potentials.harmonic(dim=3)
RNG = np.random.default_rng(1)
X, P = RNG.normal(size=(2, 4, 3))
NORMALS = RNG.normal(size=(1, 4, 3))


def one_step(made, dt, state):
    dynamics, name = made
    method = ll.integrators.method(name, equation=dynamics.equation)
    coefficients = method.coefficients(dynamics, dt)
    return method.program.run(state, NORMALS, coefficients, U.gradient)


def test_sgld_is_the_update_of_welling_and_teh():
    """theta += epsilon/2 grad log posterior + N(0, epsilon), epsilon = 2 dt/n."""
    dt = 0.2
    epsilon = 2 * dt / N
    found = one_step(ll.dynamics.sgld(U, temperature=1 / N), dt, {"x": X})
    expected = X - epsilon / 2 * N * U.gradient(X) + np.sqrt(epsilon) * NORMALS[0]
    np.testing.assert_allclose(found["x"], expected, rtol=1e-12)


def test_sghmc_is_the_update_of_chen_fox_and_guestrin():
    """v += -eta grad(n U) - alpha v + N(0, 2 (alpha - b) eta), theta += v; v = p dt there."""
    dt, friction, estimate = 0.2, 0.7, 0.3
    eta, alpha, b = dt**2 / N, friction * dt, estimate * dt
    made = ll.dynamics.sghmc(
        U, temperature=1 / N, friction=friction, gradient_noise_estimate=estimate
    )
    v = P * dt
    v = v - eta * N * U.gradient(X) - alpha * v + np.sqrt(2 * (alpha - b) * eta) * NORMALS[0]
    found = one_step(made, dt, {"x": X, "p": P})
    np.testing.assert_allclose(found["x"], X + v, rtol=1e-12)
    np.testing.assert_allclose(found["p"] * dt, v, rtol=1e-12)


def test_estimate_of_gradient_noise_leaves_the_temperature_right():
    """Applied noise and gradient noise together: 2 friction T dt of each step."""
    T, friction, dt, sigma = 0.05, 0.8, 0.1, 0.2
    estimate = dt * sigma**2 / (2 * T)
    dynamics, _ = ll.dynamics.sghmc(
        U, temperature=T, friction=friction, gradient_noise_estimate=estimate
    )
    total = 2 * friction * dynamics.temperature * dt + (dt * sigma) ** 2
    assert total == pytest.approx(2 * friction * T * dt, rel=1e-12)


def test_sgnht_is_algorithm_1_of_ding():
    """p += -h grad(n U) - xi p h + sqrt(2A) N(0, h), theta += p h, xi += (p.p/dim - 1) h.

    With the sum n U of the losses, forces are n times as strong: time runs sqrt(n) times faster.
    """
    dt, A, xi = 0.2, 0.4, np.full((4, 1), 0.3)
    h, faster = dt / np.sqrt(N), np.sqrt(N)
    p, friction = P * faster, xi * faster
    p = p - h * N * U.gradient(X) - friction * p * h + np.sqrt(2 * A * h) * NORMALS[0]
    friction = friction + ((p**2).sum(axis=1, keepdims=True) / 3 - 1) * h
    # 2 A friction of theirs is applied_noise^2/T of ours, each per its own time.
    applied_noise = np.sqrt(2 * (A / faster) / N)
    found = one_step(
        ll.dynamics.sgnht(U, temperature=1 / N, applied_noise=applied_noise), dt,
        {"x": X, "p": P, "xi": xi},
    )  # fmt: skip
    np.testing.assert_allclose(found["p"], p / faster, rtol=1e-12)
    np.testing.assert_allclose(found["x"], X + p * h, rtol=1e-12)
    np.testing.assert_allclose(found["xi"], friction / faster, rtol=1e-12)


def test_wrong_arguments():
    with pytest.raises(ValueError, match=r"gradient_noise_estimate=2 exceeds friction=1: the grad"):
        ll.dynamics.sghmc(U, temperature=0.1, friction=1.0, gradient_noise_estimate=2.0)
    with pytest.raises(ValueError, match=r"friction=0.0 must be a finite number > 0"):
        ll.dynamics.sghmc(U, temperature=0.1, friction=0.0)
    with pytest.raises(
        ValueError, match=r"gradient_noise_estimate=-1.0 must be a finite number >="
    ):
        ll.dynamics.sghmc(U, temperature=0.1, friction=1.0, gradient_noise_estimate=-1.0)
    with pytest.raises(ValueError, match=r"temperature=0.0 must be a finite number > 0"):
        ll.dynamics.sgnht(U, temperature=0.0, applied_noise=0.1)
    with pytest.raises(ValueError, match=r"temperature=-1.0"):
        ll.dynamics.sgld(U, temperature=-1.0)


def test_epochs_are_colder_than_the_estimate_of_independent_batches():
    """Those give T with their B; an epoch sums up to little noise, so most of T B/friction lacks.

    <x^2> at T is that of Euler's step, from its own linear equations.
    """
    T, friction, dt, batch = 0.02, 0.5, 0.1, 10
    y = np.random.default_rng(2).normal(size=200)
    estimate = dt * y.var() / batch / (2 * T)
    matrix = np.array([[1 - dt**2, dt * (1 - friction * dt)], [-dt, 1 - friction * dt]])
    kick = 2 * friction * T * dt * np.outer([dt, 1], [dt, 1])
    law = np.linalg.solve(np.eye(4) - np.kron(matrix, matrix), kick.ravel())[0]
    found = {}
    for replacement in (True, False):
        risk = ll.potentials.empirical_risk(
            "(b - y)**2/2", variables=("b",), data={"y": y}, batch_size=batch,
            replacement=replacement,
        )  # fmt: skip
        made = ll.dynamics.sghmc(
            risk, temperature=T, friction=friction, gradient_noise_estimate=estimate
        )
        run = ll.simulate(
            *made, dt=dt, n_steps=4_000, burn_in=500, n_replicas=300, seed=3, start=y.mean(),
            observe={"square": f"(b - {y.mean()})**2"}, progress=False,
        )  # fmt: skip
        found[replacement] = ll.evidence.Estimate.from_dataset(run, "square")
    assert abs(found[True].value - law) < 5 * found[True].stderr < 0.05 * law
    assert found[False].value + 5 * found[False].stderr < (1 - 0.5 * estimate / friction) * law
