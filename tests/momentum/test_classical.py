"""Gradient descent, heavy ball, Nesterov and the family: their recursions, limits, equivalences."""

import numpy as np
import pytest
import recursions
from landscapes import Quartic

import langevin_lab as ll
from langevin_lab.dynamics import Exponential, Linear, Table
from langevin_lab.momentum import (
    SGD,
    GradientDescent,
    HeavyBall,
    MomentumFamily,
    Nesterov,
    NesterovSequence,
)

BOWL, N_STEPS = Quartic(3), 40
START = np.random.default_rng(5).uniform(-1, 1, (4, 3))
RATES = {"fixed": 0.07, "scheduled": Linear(start=0.12, stop=0.01, duration=30.0)}
MOMENTA = {
    "none": 0.0,
    "fixed": 0.85,
    "scheduled": Exponential(start=0.2, stop=0.95, duration=25.0),
    "table": Table(values=(0.9, 0.1, 0.5, 0.99), dt=1.0),
}
each_rate = pytest.mark.parametrize("rate", RATES.values(), ids=RATES)
each_momentum = pytest.mark.parametrize("momentum", MOMENTA.values(), ids=MOMENTA)


def path(optimiser, potential=BOWL):
    return np.array(recursions.stepped(optimiser, potential, START, N_STEPS))


def assert_same(left, right, tolerance=1e-14):
    np.testing.assert_allclose(left, right, rtol=0, atol=tolerance)


@each_rate
def test_gradient_descent_is_cauchy_s_recursion(rate):
    expected = recursions.two_points(START, BOWL.gradient, N_STEPS, rate, 0.0, 0.0)
    assert_same(path(GradientDescent(learning_rate=rate)), expected)


@each_rate
@each_momentum
def test_heavy_ball_is_polyak_s_recursion(rate, momentum):
    expected = recursions.two_points(START, BOWL.gradient, N_STEPS, rate, momentum, 0.0)
    assert_same(path(HeavyBall(learning_rate=rate, momentum=momentum)), expected)


@each_rate
@each_momentum
def test_nesterov_takes_the_gradient_one_momentum_ahead(rate, momentum):
    expected = recursions.two_points(START, BOWL.gradient, N_STEPS, rate, momentum, momentum)
    assert_same(path(Nesterov(learning_rate=rate, momentum=momentum)), expected)


@each_rate
@each_momentum
@pytest.mark.parametrize("look_ahead", [0.3, 1.7])
def test_family_takes_the_gradient_as_far_ahead_as_it_is_told(rate, momentum, look_ahead):
    expected = recursions.two_points(START, BOWL.gradient, N_STEPS, rate, momentum, look_ahead)
    family = MomentumFamily(learning_rate=rate, momentum=momentum, look_ahead=look_ahead)
    assert_same(path(family), expected)


@pytest.mark.parametrize("resistance", [3.0, 4.5])
def test_sequence_is_that_of_su_boyd_and_candes(resistance):
    sequence = NesterovSequence(resistance=resistance)
    nesterov = Nesterov(learning_rate=0.07, momentum=sequence)
    expected = recursions.extrapolated(START, BOWL.gradient, N_STEPS, 0.07, resistance)
    assert_same(path(nesterov), expected)
    k = np.arange(1, 50)
    assert_same(sequence(k), (k - 1) / (k + resistance - 1), 0)
    assert sequence(0) == 0


def test_a_sequence_that_starts_a_step_late_is_noticed():
    late = Nesterov(learning_rate=0.07, momentum=lambda n: n / (n + 3.0))
    expected = recursions.extrapolated(START, BOWL.gradient, N_STEPS, 0.07)
    assert np.abs(path(late) - expected).max() > 1e-3


def test_first_step_is_one_of_gradient_descent():
    for method in (
        HeavyBall(learning_rate=0.07, momentum=0.9),
        Nesterov(learning_rate=0.07, momentum=0.9),
        MomentumFamily(learning_rate=0.07, momentum=0.9, look_ahead=2.0),
        SGD(learning_rate=0.07, momentum=0.9, dampening=0.7),
    ):
        assert_same(path(method)[1], START - 0.07 * BOWL.gradient(START))


@each_rate
@each_momentum
def test_family_holds_heavy_ball_and_nesterov(rate, momentum):
    both = {"learning_rate": rate, "momentum": momentum}
    assert_same(path(MomentumFamily(**both, look_ahead=0.0)), path(HeavyBall(**both)), 0)
    if not callable(momentum):
        assert_same(path(MomentumFamily(**both, look_ahead=momentum)), path(Nesterov(**both)), 0)


@each_rate
@pytest.mark.parametrize("kind", [HeavyBall, Nesterov, SGD])
def test_without_momentum_all_are_gradient_descent(rate, kind):
    descent = path(GradientDescent(learning_rate=rate))
    assert_same(path(kind(learning_rate=rate, momentum=0.0)), descent)


def test_heavy_ball_is_sgd_at_a_constant_rate_and_only_there():
    both = {"learning_rate": 0.05, "momentum": 0.9}
    assert_same(path(SGD(**both)), path(HeavyBall(**both)), 1e-13)
    falling = both | {"learning_rate": RATES["scheduled"]}
    assert np.abs(path(SGD(**falling)) - path(HeavyBall(**falling))).max() > 1e-3


def test_sgd_with_nesterov_walks_through_the_looked_ahead_points():
    """y_n = x_n + momentum (x_n - x_{n-1}), as Sutskever et al. (2013) have it."""
    both = {"learning_rate": 0.05, "momentum": 0.8}
    x = path(Nesterov(**both))
    ahead = x + 0.8 * np.diff(x, axis=0, prepend=x[:1])
    assert_same(path(SGD(**both, nesterov=True)), ahead, 1e-13)


@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("look_ahead", [None, 0.0, 0.4, 2.0])
def test_stability_limit_is_where_the_spectral_radius_passes_one(momentum, look_ahead):
    kinds = {
        "ball": lambda eta: HeavyBall(learning_rate=eta, momentum=momentum),
        "nesterov": lambda eta: Nesterov(learning_rate=eta, momentum=momentum),
        "descent": lambda eta: GradientDescent(learning_rate=eta),
    }
    if look_ahead is not None:
        kinds = {
            "family": lambda eta: MomentumFamily(
                learning_rate=eta, momentum=momentum, look_ahead=look_ahead
            )
        }
    for make in kinds.values():
        limit, stiffness = make(1.0).stability_limit, 1.7
        for factor, stable in ((1 - 1e-6, True), (1 + 1e-6, False)):
            method = make(factor * limit / stiffness)
            radius = ll.exact.linear_map(method, stiffness=stiffness).spectral_radius
            assert (radius < 1) == stable, method


def test_closed_forms_of_the_stability_limits():
    both = {"learning_rate": 0.1, "momentum": 0.5}
    assert GradientDescent(learning_rate=0.1).stability_limit == 2
    assert HeavyBall(**both).stability_limit == 3
    assert Nesterov(**both).stability_limit == 1.5
    assert MomentumFamily(**both, look_ahead=1.0).stability_limit == 1
    assert HeavyBall(learning_rate=0.1, momentum=0.5).method().properties.stability_limit == 3


def test_scheduled_momentum_has_no_one_stability_limit():
    nesterov = Nesterov(learning_rate=0.1, momentum=NesterovSequence())
    with pytest.raises(
        ValueError, match="momentum is a schedule, so Nesterov has no one stability"
    ):
        _ = nesterov.stability_limit
    assert nesterov.at(3).stability_limit == pytest.approx(2 * 1.4 / 1.8)
    assert np.isnan(nesterov.method().properties.stability_limit)
    falling = HeavyBall(learning_rate=RATES["scheduled"], momentum=0.5)
    assert falling.stability_limit == 3


@pytest.mark.parametrize("resistance", [0.0, -1.0, np.nan])
def test_resistance_must_be_positive(resistance):
    with pytest.raises(ValueError, match=r"resistance=.* must be a finite number > 0"):
        NesterovSequence(resistance=resistance)
