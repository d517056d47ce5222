"""Stationary variances of noisy optimisers: Lyapunov equation, exact laws, published numbers."""

import math

import numpy as np
import pytest
from scipy.linalg import solve_discrete_lyapunov

import langevin_lab as ll
from langevin_lab.limits import (
    LangevinReading,
    OptimiserReading,
    stationary_variances,
    to_langevin,
    to_optimiser,
)

CURVATURE = 1.7


def lyapunov(optimiser, curvature):
    """Variances of x and D from the 2x2 recursion, written out from its two lines."""
    rate, momentum, ahead = optimiser.learning_rate, optimiser.momentum, optimiser.look_ahead
    # D' = momentum D - rate (curvature (x + ahead D) + noise n);  x' = x + D'
    to_d = np.array([-rate * curvature, momentum - rate * curvature * ahead])
    matrix = np.array([np.array([1.0, 0.0]) + to_d, to_d])
    spread = rate * optimiser.gradient_noise / math.sqrt(optimiser.batch_size) * np.ones(2)
    return np.diag(solve_discrete_lyapunov(matrix, np.outer(spread, spread)))


@pytest.mark.parametrize("look_ahead", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("rate", [1e-3, 0.1, 0.4])
def test_variances_solve_the_lyapunov_equation(rate, momentum, look_ahead):
    optimiser = OptimiserReading(
        learning_rate=rate, momentum=momentum, look_ahead=look_ahead, gradient_noise=0.8,
        batch_size=3,
    )  # fmt: skip
    law = stationary_variances(optimiser, curvature=CURVATURE)
    expected = lyapunov(optimiser, CURVATURE)
    np.testing.assert_allclose([law.position, law.displacement], expected, rtol=1e-9)
    assert law.configurational_temperature == CURVATURE * law.position
    # Negative control: a noise, or a momentum, wrong by 3 %.
    for change in ({"gradient_noise": 1.03 * 0.8}, {"momentum": 0.97 * momentum}):
        wrong = OptimiserReading(**(vars(optimiser) | change))
        if wrong != optimiser:
            moved = stationary_variances(wrong, curvature=CURVATURE).position / expected[0] - 1
            assert abs(moved) > 1e-4


def test_variances_are_the_published_ones():
    """Curvature and noise 1, learning rate 0.1 (theory of momentum SGD near a minimum)."""
    for momentum, expected in ((0.0, 0.05263), (0.5, 0.10345), (0.9, 0.51351), (0.99, 5.129)):
        optimiser = OptimiserReading(learning_rate=0.1, momentum=momentum)
        law = stationary_variances(optimiser, curvature=1.0, gradient_noise=1.0)
        assert math.isclose(law.position, expected, rel_tol=1e-4)


READING = {"dt": 0.3, "friction": 0.6, "mass": 1.4, "temperature": 0.5}


@pytest.mark.parametrize("name", ["BBK", "SemiImplicitEuler"])
def test_method_at_its_temperature_has_the_law_of_the_optimiser(name):
    optimiser = to_optimiser(LangevinReading(convention=name, **READING))
    law = stationary_variances(optimiser, curvature=CURVATURE)
    exact = ll.exact.stationary_covariance(name, stiffness=CURVATURE, **READING)
    assert math.isclose(law.position, exact[0, 0], rel_tol=1e-12)
    wrong = stationary_variances(optimiser, curvature=1.03 * CURVATURE)
    assert not math.isclose(wrong.position, exact[0, 0], rel_tol=1e-2)
    if name == "SemiImplicitEuler":  # whose momentum is mass D/dt
        displacement = exact[1, 1] * (READING["dt"] / READING["mass"]) ** 2
        assert math.isclose(law.displacement, displacement, rel_tol=1e-12)


@pytest.mark.parametrize(
    "optimiser",
    [
        ll.momentum.GradientDescent(learning_rate=0.1),
        ll.momentum.HeavyBall(learning_rate=0.1, momentum=0.9),
        ll.momentum.Nesterov(learning_rate=0.1, momentum=0.9),
        ll.momentum.MomentumFamily(learning_rate=0.1, momentum=0.9, look_ahead=0.4),
        ll.momentum.SGD(learning_rate=0.1, momentum=0.9, dampening=0.3),
    ],
    ids=lambda optimiser: type(optimiser).__name__,
)
def test_optimisers_have_the_law_of_their_constants(optimiser):
    exact = ll.exact.stationary_covariance(optimiser, stiffness=CURVATURE, gradient_noise=0.9)
    law = stationary_variances(optimiser, curvature=CURVATURE, gradient_noise=0.9)
    assert math.isclose(law.position, exact[0, 0], rel_tol=1e-10)
    if optimiser.momenta and not hasattr(optimiser, "nesterov"):  # whose p is the displacement
        assert math.isclose(law.displacement, exact[1, 1], rel_tol=1e-10)


@pytest.mark.parametrize("name", ["BAOAB", "SemiImplicitEuler"])
def test_cold_method_on_noisy_gradients_has_the_law_of_the_optimiser(name):
    cold = READING | {"temperature": 0.0}
    optimiser = to_optimiser(LangevinReading(convention=name, **cold))
    law = stationary_variances(optimiser, curvature=CURVATURE, gradient_noise=0.9)
    exact = ll.exact.stationary_covariance(name, stiffness=CURVATURE, gradient_noise=0.9, **cold)
    assert math.isclose(law.position, exact[0, 0], rel_tol=1e-12)


def test_baoab_at_the_temperature_agrees_where_the_curvature_is_small():
    optimiser = to_optimiser(LangevinReading(convention="BAOAB", **READING))
    for curvature in (1.0, 0.1, 0.01):
        exact = ll.exact.stationary_covariance("BAOAB", stiffness=curvature, **READING)[0, 0]
        law = stationary_variances(optimiser, curvature=curvature)
        # Off by the small parameter of the temperature, and by little else.
        small = optimiser.learning_rate * curvature / (2 * (1 + optimiser.momentum))
        assert math.isclose(law.position / exact, 1 / (1 - small), rel_tol=1e-12)


@pytest.mark.parametrize("name", ["BAOAB", "BBK"])
def test_both_thermometers_read_the_same_with_coolmomentums_learning_rate(name):
    reading = LangevinReading(convention=name, **READING)
    optimiser = to_optimiser(reading)
    law = stationary_variances(optimiser, curvature=CURVATURE)
    kinetic = law.kinetic_temperature(reading)
    assert math.isclose(kinetic, law.configurational_temperature, rel_tol=1e-13)
    # Borysenko and Byshkin's l = dt^2/mass, with the corrected factor and its curvature.
    step, sigma, momentum = 0.09 / 1.4, optimiser.gradient_noise, optimiser.momentum
    expected = step * sigma**2 * (1 + momentum) / (4 * (1 - momentum)) / (1 - step * CURVATURE / 4)
    assert math.isclose(kinetic, expected, rel_tol=1e-13)
    plain = to_langevin(optimiser, convention="SemiImplicitEuler")
    biased = law.kinetic_temperature(plain) / law.configurational_temperature
    assert math.isclose(biased, 2 / (1 + momentum), rel_tol=1e-12)


@pytest.mark.parametrize("rate", [1.0, 2.0, 2.5])
@pytest.mark.parametrize("look_ahead", [0.0, 0.5])
def test_law_exists_where_the_recursion_contracts(rate, look_ahead):
    optimiser = OptimiserReading(
        learning_rate=rate, momentum=0.5, look_ahead=look_ahead, gradient_noise=1.0
    )
    step = np.array([-rate, 0.5 - rate * look_ahead])
    radius = abs(np.linalg.eigvals([np.array([1.0, 0.0]) + step, step])).max()
    if radius < 1:
        expected = lyapunov(optimiser, 1.0)[0]
        law = stationary_variances(optimiser, curvature=1.0)
        assert math.isclose(law.position, expected, rel_tol=1e-9)
    else:
        with pytest.raises(ValueError, match=r"learning_rate\*curvature=.* does not contract"):
            stationary_variances(optimiser, curvature=1.0)


def test_batch_rule_is_the_variance_of_a_mean_of_independent_draws():
    """The variance of a mean of batch_size independent draws, by all of them."""
    examples = np.array([-1.3, 0.2, 0.4, 2.1])
    batches = np.stack(np.meshgrid(*[examples] * 3), axis=-1).reshape(-1, 3)
    optimiser = OptimiserReading(learning_rate=0.1, gradient_noise=examples.std(), batch_size=3)
    assert math.isclose(optimiser.evaluation_noise, batches.mean(axis=1).std(), rel_tol=1e-13)


def test_saddles_and_looked_ahead_points_are_refused():
    optimiser = OptimiserReading(learning_rate=0.1, momentum=0.5)
    with pytest.raises(ValueError, match=r"curvature=-1.0 must be a finite number > 0"):
        stationary_variances(optimiser, curvature=-1.0, gradient_noise=1.0)
    sgd = ll.momentum.SGD(learning_rate=0.1, momentum=0.5, nesterov=True)
    with pytest.raises(ValueError, match=r"nesterov=True: .* stores the looked-ahead point"):
        stationary_variances(sgd, curvature=1.0, gradient_noise=1.0)
