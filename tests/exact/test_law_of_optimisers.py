"""Exact laws of optimisers with gradient noise on a quadratic, against independent solutions."""

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.dynamics import Linear
from langevin_lab.exact import NoStationaryLaw, linear_map, propagate, stationary_covariance
from langevin_lab.momentum import (
    SGD,
    GradientDescent,
    HeavyBall,
    MomentumFamily,
    Nesterov,
    NesterovSequence,
    StreamingPCA,
)

MOMENTA = (0.0, 0.5, 0.9, 0.99)
each_momentum = pytest.mark.parametrize("momentum", MOMENTA)
each_rate = pytest.mark.parametrize("rate_times_stiffness", [1e-4, 0.1, 1.0, 1.9])


def heavy_ball_law(learning_rate, momentum, stiffness, sigma):
    """Var x and Var D: the closed form of noisy heavy ball on k x^2/2."""
    below = (1 - momentum) * (2 * (1 + momentum) - learning_rate * stiffness)
    return (
        learning_rate * sigma**2 * (1 + momentum) / (stiffness * below),
        2 * learning_rate**2 * sigma**2 / below,
    )


def autoregression(first, second, sigma):
    """Var x and Cov(x_n, x_{n-1}) of x_n = first x_{n-1} + second x_{n-2} + sigma R_n."""
    variance = (1 - second) * sigma**2 / ((1 + second) * ((1 - second) ** 2 - first**2))
    return variance, first / (1 - second) * variance


@each_momentum
@each_rate
def test_heavy_ball_has_the_closed_form(momentum, rate_times_stiffness):
    stiffness, sigma = 2.5, 0.7
    eta = rate_times_stiffness / stiffness
    ball = HeavyBall(learning_rate=eta, momentum=momentum)
    law = stationary_covariance(ball, stiffness=stiffness, gradient_noise=sigma)
    x, displacement = heavy_ball_law(eta, momentum, stiffness, sigma)
    assert law[0, 0] == pytest.approx(x, rel=1e-10)
    assert law[1, 1] == pytest.approx(displacement, rel=1e-10)
    assert law[0, 1] == pytest.approx(displacement / 2, rel=1e-10)  # x_n - D/2 has the same mean


@each_momentum
def test_a_momentum_wrong_by_two_percent_is_noticed(momentum):
    wrong = HeavyBall(learning_rate=0.1, momentum=0.98 * momentum or 0.02)
    law = stationary_covariance(wrong, stiffness=1.0, gradient_noise=1.0)
    assert abs(law[0, 0] / heavy_ball_law(0.1, momentum, 1.0, 1.0)[0] - 1) > 1e-3


def test_gradient_descent_is_heavy_ball_without_momentum():
    law = stationary_covariance(
        GradientDescent(learning_rate=0.3), stiffness=1.7, gradient_noise=0.4
    )
    assert law.shape == (1, 1)
    assert law[0, 0] == pytest.approx(heavy_ball_law(0.3, 0.0, 1.7, 0.4)[0], rel=1e-12)


@each_momentum
@pytest.mark.parametrize("look_ahead", [0.0, 0.4, 1.5, None])
def test_family_is_an_autoregression_of_two_positions(momentum, look_ahead):
    ahead = momentum if look_ahead is None else look_ahead
    eta, k, sigma = 0.2, 1.3, 0.8
    if look_ahead is None:
        method = Nesterov(learning_rate=eta, momentum=momentum)
    else:
        method = MomentumFamily(learning_rate=eta, momentum=momentum, look_ahead=ahead)
    law = stationary_covariance(method, stiffness=k, gradient_noise=sigma)
    slope = eta * k
    variance, neighbour = autoregression(
        1 + momentum - slope * (1 + ahead), -(momentum - slope * ahead), eta * sigma
    )
    assert law[0, 0] == pytest.approx(variance, rel=1e-10)
    assert law[1, 1] == pytest.approx(2 * (variance - neighbour), rel=1e-10)


@pytest.mark.parametrize("momentum", [0.3, 0.9])
def test_nesterov_in_two_coordinates_solves_its_lyapunov_equation(momentum):
    from scipy.linalg import solve_discrete_lyapunov

    stiffness = np.array([[2.0, 0.5], [0.5, 1.0]])
    noise = np.array([[1.0, 0.3], [0.3, 0.5]])
    eta = 0.2
    law = stationary_covariance(
        Nesterov(learning_rate=eta, momentum=momentum), stiffness=stiffness, gradient_noise=noise
    )
    shrink = np.eye(2) - eta * stiffness  # of the looked-ahead point (1 + mu) x - mu x_before
    companion = np.block(
        [[(1 + momentum) * shrink, -momentum * shrink], [np.eye(2), np.zeros((2, 2))]]
    )
    source = np.zeros((4, 4))
    source[:2, :2] = eta**2 * noise
    pairs = solve_discrete_lyapunov(companion, source)
    difference = np.block([[np.eye(2), np.zeros((2, 2))], [np.eye(2), -np.eye(2)]])
    np.testing.assert_allclose(law, difference @ pairs @ difference.T, rtol=1e-10, atol=1e-14)


@each_momentum
def test_sgd_is_heavy_ball_with_a_dampened_rate(momentum):
    dampening = 0.25 if momentum else 0.0
    eta, k, sigma = 0.2, 1.3, 0.8
    sgd = SGD(learning_rate=eta, momentum=momentum, dampening=dampening)
    law = stationary_covariance(sgd, stiffness=k, gradient_noise=sigma)
    x, displacement = heavy_ball_law((1 - dampening) * eta, momentum, k, sigma)
    assert law[0, 0] == pytest.approx(x, rel=1e-10)
    assert law[1, 1] == pytest.approx(displacement / eta**2, rel=1e-10)  # p is a buffer
    decayed = SGD(learning_rate=eta, momentum=momentum, dampening=dampening, weight_decay=0.3)
    law = stationary_covariance(decayed, stiffness=k, gradient_noise=sigma)
    expected = heavy_ball_law((1 - dampening) * eta, momentum, k + 0.3, sigma)[0]
    assert law[0, 0] == pytest.approx(expected, rel=1e-10)


def test_momentum_of_coolmomentum_reads_the_temperature_off_its_displacements():
    """With the rate l (1 + momentum)/2 the two thermometers agree: k Var x = Var D/l."""
    scale, momentum, k = 0.3, 0.8, 1.9
    ball = HeavyBall(learning_rate=scale * (1 + momentum) / 2, momentum=momentum)
    law = stationary_covariance(ball, stiffness=k, gradient_noise=1.0)
    assert k * law[0, 0] == pytest.approx(law[1, 1] / scale, rel=1e-12)
    expected = scale * (1 + momentum) / ((1 - momentum) * (4 - scale * k))
    assert k * law[0, 0] == pytest.approx(expected, rel=1e-12)


def walked(ball, n_steps, stiffness, sigma, mean, covariance):
    """Mean and covariance by the two-position recursion, step after step."""
    matrix = np.array([[1.0, ball.momentum], [0.0, ball.momentum]])
    matrix -= ball.learning_rate * stiffness * np.array([[1.0, 0.0], [1.0, 0.0]])
    kick = -ball.learning_rate * sigma * np.ones(2)
    for _ in range(n_steps):
        mean = matrix @ mean
        covariance = matrix @ covariance @ matrix.T + np.outer(kick, kick)
    return mean, covariance


@pytest.mark.parametrize("n_steps", [0, 1, 2, 13])
def test_propagate_walks_step_by_step(n_steps):
    ball, mean = HeavyBall(learning_rate=0.2, momentum=0.7), np.array([1.5, -0.3])
    covariance = np.array([[0.5, 0.1], [0.1, 0.2]])
    law = propagate(
        ball, n_steps, mean=mean, covariance=covariance, stiffness=1.3, gradient_noise=0.6
    )
    expected = walked(ball, n_steps, 1.3, 0.6, mean, covariance)
    for got, wanted in zip(law, expected):
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("n_steps", [1, 2, 7])
def test_first_step_of_dampened_sgd_is_not_dampened_in_its_law(n_steps, plain_python):
    sgd = SGD(learning_rate=0.2, momentum=0.8, dampening=0.5)
    mean, _ = propagate(sgd, n_steps, mean=[1.0, 0.0], stiffness=1.0, gradient_noise=0.3)
    run = ll.simulate(ll.potentials.harmonic(), sgd, n_steps=n_steps, seed=1, start=1.0)
    assert mean[0] == pytest.approx(run["x_final"].item(), rel=1e-13)
    first = propagate(sgd, 1, mean=[1.0, 0.0], stiffness=1.0, gradient_noise=0.3)[1]
    assert first[1, 1] == pytest.approx(0.3**2, rel=1e-13)
    later = sgd.at(1)  # the numbers of all other steps
    assert propagate(later, 1, mean=[1.0, 0.0], stiffness=1.0, gradient_noise=0.3)[1][
        1, 1
    ] == pytest.approx((0.5 * 0.3) ** 2, rel=1e-13)


def test_one_step_of_a_schedule_has_a_law():
    falling = HeavyBall(learning_rate=Linear(start=0.4, stop=0.2, duration=4.0), momentum=0.5)
    law = stationary_covariance(falling.at(2), stiffness=1.0, gradient_noise=1.0)
    assert law[0, 0] == pytest.approx(heavy_ball_law(0.3, 0.5, 1.0, 1.0)[0])


BALL = HeavyBall(learning_rate=0.1, momentum=0.5)
DATA = StreamingPCA(learning_rate=0.1, momentum=0.5, variances=(2.0, 1.0))


@pytest.mark.parametrize(
    ("method", "given", "kind", "message"),
    [
        (BALL, {"temperature": 0.0}, ValueError, r"temperature=0\.0 has no meaning for HeavyBall"),
        (BALL, {"friction": 1.0}, ValueError, r"friction=1\.0 has no meaning for HeavyBall"),
        (BALL, {"dt": 0.1}, ValueError, r"dt=0\.1 has no meaning for HeavyBall.*; leave it out"),
        (BALL, {"mass": 2.0}, ValueError, r"mass=2\.0 has no meaning for HeavyBall"),
        ("BAOAB", {}, TypeError, "temperature is missing: method='BAOAB' needs it"),
        ("BAOAB", {"temperature": 1.0}, TypeError, "friction is missing: method='BAOAB' needs it"),
        ("BAOAB", {"temperature": 1.0, "friction": 1.0}, TypeError, "dt is missing: method='BAOA"),
        (DATA, {}, ValueError, r"StreamingPCA\(.*draws its own data, .* simulate it"),
        (
            Nesterov(learning_rate=0.1, momentum=NesterovSequence()),
            {},
            ValueError,
            r"Nesterov\(.*follows a schedule: .*; give numbers, or its at\(step\)",
        ),
    ],
)
def test_arguments_that_a_method_lacks_or_needs(method, given, kind, message):
    for ask in (linear_map, stationary_covariance):
        with pytest.raises(kind, match=message):
            ask(method, stiffness=1.0, **given)


@pytest.mark.parametrize(
    ("learning_rate", "stiffness", "radius"), [(3.0, 1.0, "1 "), (0.1, -1.0, "1.1"), (0.1, 0, "1 ")]
)
def test_no_law_where_a_step_does_not_contract(learning_rate, stiffness, radius):
    ball = HeavyBall(learning_rate=learning_rate, momentum=0.5)
    message = rf"HeavyBall\(.*\) has the spectral radius {radius}.*use a smaller learning_rate"
    with pytest.raises(NoStationaryLaw, match=message) as error:
        stationary_covariance(ball, stiffness=stiffness, gradient_noise=1.0)
    assert error.value.dt is None


def test_stability_limit_in_dt_is_not_for_an_optimiser():
    with pytest.raises(TypeError, match=r"HeavyBall\(.*has no dt; .* its own stability_limit"):
        ll.exact.stability_limit(BALL, friction=1.0)
