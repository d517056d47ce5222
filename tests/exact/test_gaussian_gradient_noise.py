"""The exact law with gradient noise: heavy-ball closed forms, temperature, transients."""

import numpy as np
import pytest

from langevin_lab.exact import linear_map, propagate, stationary_covariance

STIFFNESS, FRICTION, DT, SIGMA = 1.3, 0.5, 0.3, 0.7


def heavy_ball(decay, rate, k, sigma):
    """Var x and Var of the displacement of noisy heavy ball on k x^2/2, solved by hand."""
    common = sigma**2 / ((1 - decay) * (2 * (1 + decay) - rate * k))
    return rate * (1 + decay) * common / k, 2 * rate**2 * common


def law(name, **changes):
    settings = {
        "stiffness": STIFFNESS, "temperature": 0.0, "friction": FRICTION, "dt": DT,
        "gradient_noise": SIGMA,
    }  # fmt: skip
    return stationary_covariance(name, **(settings | changes))


def test_semi_implicit_euler_is_heavy_ball():
    found = law("SemiImplicitEuler")
    variance, displacement = heavy_ball(1 - FRICTION * DT, DT**2, STIFFNESS, SIGMA)
    np.testing.assert_allclose(found[0, 0], variance, rtol=1e-12)
    np.testing.assert_allclose(DT**2 * found[1, 1], displacement, rtol=1e-12)
    wrong = heavy_ball(1 - FRICTION * DT, DT**2, STIFFNESS, 1.02 * SIGMA)[0]
    assert abs(wrong / variance - 1) > 1e-2


def test_baoab_with_one_drawn_gradient_for_two_kicks_is_heavy_ball():
    decay = np.exp(-FRICTION * DT)
    variance, _ = heavy_ball(decay, DT**2 * (1 + decay) / 2, STIFFNESS, SIGMA)
    np.testing.assert_allclose(law("BAOAB")[0, 0], variance, rtol=1e-12)


def test_euler_maruyama_adds_dt_sigma_squared_over_two():
    # x' = (1 - a) x + noise, a = dt k: Var x = (2 T dt + dt^2 sigma^2)/(1 - (1 - a)^2).
    found = law("EulerMaruyama", friction=1.0, temperature=0.4)[0, 0]
    a = DT * STIFFNESS
    np.testing.assert_allclose(found, (0.8 * DT + DT**2 * SIGMA**2) / (a * (2 - a)), rtol=1e-12)


@pytest.mark.parametrize("dt", [0.02, 0.01])
def test_small_steps_raise_the_temperature_by_half_dt_sigma_squared_over_friction(dt):
    found = law("BAOAB", stiffness=1.0, temperature=1.0, dt=dt, gradient_noise=1.0)
    expected = 1 + dt / (2 * FRICTION)
    assert abs(found[0, 0] - expected) < dt**2
    assert abs(found[0, 0] - 1 - 1.05 * (expected - 1)) > 0.04 * (expected - 1)


def test_reference_run_of_langevin_with_gradient_noise():
    # Harmonic well, dt .1, sigma 1, friction .5: 1.098 measured, 1.1 in the limit of small steps.
    found = law("BAOAB", stiffness=1.0, temperature=1.0, dt=0.1, gradient_noise=1.0)
    np.testing.assert_allclose(found[0, 0], 1.1, atol=5e-4)


def test_forms_of_gradient_noise_agree():
    stiffness = [[2.0, 0.5], [0.5, 1.0]]
    number = law("BAOAB", stiffness=stiffness)
    np.testing.assert_allclose(
        law("BAOAB", stiffness=stiffness, gradient_noise=[SIGMA] * 2), number
    )
    matrix = SIGMA**2 * np.eye(2)
    np.testing.assert_allclose(law("BAOAB", stiffness=stiffness, gradient_noise=matrix), number)
    mixed = [[SIGMA**2, 0.1], [0.1, SIGMA**2]]
    assert abs(law("BAOAB", stiffness=stiffness, gradient_noise=mixed) - number).max() > 0.01


def test_noise_of_eigenmodes_adds_up():
    # Independent modes of a rotated problem: the law is that of each mode, rotated back.
    angle = 0.4
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    stiffness, variances = np.array([0.5, 2.0]), np.array([0.3, 1.2])
    whole = law(
        "BADODAB", temperature=1.0, stiffness=turn @ np.diag(stiffness) @ turn.T,
        gradient_noise=turn @ np.diag(variances) @ turn.T,
    )[:2, :2]  # fmt: skip
    modes = [
        law("BADODAB", temperature=1.0, stiffness=k, gradient_noise=np.sqrt(v))[0, 0]
        for k, v in zip(stiffness, variances)
    ]
    np.testing.assert_allclose(whole, turn @ np.diag(modes) @ turn.T, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", ["BAOAB", "ABOBA", "StochasticHeun", "BBK"])
def test_transient_ends_in_the_stationary_law(name):
    settings = {
        "stiffness": STIFFNESS, "temperature": 0.5, "friction": FRICTION, "dt": DT,
        "gradient_noise": SIGMA,
    }  # fmt: skip
    stationary = stationary_covariance(name, **settings)
    mean = np.ones(len(stationary))
    first, second = propagate(name, 4096, mean=mean, **settings)
    np.testing.assert_allclose(second, stationary, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(first, 0.0, atol=1e-12)


def test_gradient_carried_into_step_0_is_drawn():
    # One BAOAB step from a sharp start at T = 0: both half kicks are random, each once.
    settings = {"stiffness": STIFFNESS, "temperature": 0.0, "friction": FRICTION, "dt": DT}
    mean, covariance = propagate("BAOAB", 1, mean=[1.0, 0.0], gradient_noise=SIGMA, **settings)
    decay = np.exp(-FRICTION * DT)
    kick = 0.5 * DT * SIGMA
    dx = 0.5 * DT * (1 + decay) * kick
    dp = decay * kick + 0.5 * DT * STIFFNESS * -dx
    np.testing.assert_allclose(covariance[0, 0], dx**2, rtol=1e-12)
    np.testing.assert_allclose(covariance[0, 1], dx * (decay * kick - 0.5 * DT * STIFFNESS * dx))
    np.testing.assert_allclose(covariance[1, 1], dp**2 + kick**2, rtol=1e-12)
    still, _ = propagate("BAOAB", 1, mean=[1.0, 0.0], **settings)
    np.testing.assert_allclose(mean, still, rtol=1e-13)


def test_carried_gradient_is_part_of_the_linear_map():
    settings = {"stiffness": 1.0, "temperature": 1.0, "friction": 1.0, "dt": 0.1}
    assert linear_map("BAOAB", **settings).names == ("x", "p")
    assert linear_map("BAOAB", gradient_noise=1.0, **settings).names == ("x", "p", "g")
    assert linear_map("RK4", gradient_noise=1.0, **(settings | {"temperature": 0})).noise.shape == (
        (1, 4)
    )


def test_wrong_gradient_noise_is_named():
    with pytest.raises(ValueError, match=r"standard_deviation of shape \(3,\) must be one number"):
        law("BAOAB", gradient_noise=[1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="covariance has the negative eigenvalue -1"):
        law("BAOAB", stiffness=[1.0, 1.0], gradient_noise=[[0.0, 1.0], [1.0, 0.0]])
