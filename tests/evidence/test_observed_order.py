import math

import numpy as np
import pytest

from langevin_lab.evidence import Claim, Estimate, Order, OrderEstimate, order
from langevin_lab.evidence.order_fit import fit_order


def halvings(coarsest, n):
    return coarsest * 0.5 ** np.arange(n)


@pytest.mark.parametrize("p", [0.5, 1, 2, 4])
def test_pure_power_law_is_read_to_rounding(p):
    h = halvings(0.3, 5)
    estimate = order(h, 7 * h**p)
    assert isinstance(estimate, OrderEstimate)
    assert estimate.value == pytest.approx(p, abs=1e-12)
    low, high = estimate.interval(0.9999)
    assert high - low < 1e-10
    assert low <= p + 1e-12
    assert high >= p - 1e-12


def test_steps_may_come_in_any_order():
    h = halvings(0.3, 5)
    e = h * (1 + h)
    shuffled = [3, 0, 4, 1, 2]
    assert order(h[shuffled], e[shuffled]) == order(h, e)


def test_pairwise_slopes_are_those_of_neighbours():
    estimate = order([0.4, 0.2, 0.1], [Estimate(4.0, 0.04), Estimate(1.0, 0.01), 0.25])
    assert [round(s.value, 12) for s in estimate.pairwise] == [2.0, 2.0]
    assert estimate.pairwise[0].stderr == pytest.approx(math.hypot(0.01, 0.01) / math.log(2))


@pytest.mark.parametrize("n", [4, 5, 6])
@pytest.mark.parametrize("coarsest", [0.1, 0.25])
@pytest.mark.parametrize("p", [1, 2])
def test_smooth_corrections_stay_inside_the_interval(p, coarsest, n):
    h = halvings(coarsest, n)
    for a in (-1.0, -0.5, 0.3, 1.0, 2.0):
        for b in (-2.0, -0.5, 0.0, 1.0, 2.0):
            low, high = order(h, h**p * (1 + a * h + b * h**2)).interval(0.95)
            assert low <= p <= high, (a, b)


def test_three_steps_are_trusted_less():
    """Corrections that nearly cancel look like a pure power law of order 0.986 here."""
    h = halvings(0.1, 3)
    low, high = order(h, h * (1 - 0.5 * h + 2 * h**2)).interval(0.95)
    assert low < 1 < high


def test_published_bias_of_euler_maruyama_is_first_order():
    """Theory sheet 7.2: three exact biases of <x^2> on the quartic well; plain slope 1.03."""
    steps, bias = [0.04, 0.02, 0.01], [1.119e-2, 5.440e-3, 2.685e-3]
    low, high = order(steps, bias).interval(0.99)
    assert low < 1 < high
    assert high - low < 0.3


def test_preasymptotic_curvature_widens_the_interval():
    """e = h/(h + h0) has order 1 for h << h0 and 0 for h >> h0: slopes 0.08 to 0.42 here."""
    h = halvings(1.0, 5)
    low, high = order(h, h / (h + 1 / 16)).interval(0.95)
    assert low < 0
    assert high > 1
    # Negative control: the same slopes without drift give a narrow interval.
    low, high = order(h, h**0.25).interval(0.95)
    assert high - low < 1e-9


def test_rounding_floor_widens_the_interval():
    h = halvings(0.1, 6)
    low, high = order(h, h**4 + 1e-7).interval(0.95)
    assert high - low > 2


@pytest.mark.parametrize("curvature", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("noise", [0.01, 0.05])
def test_interval_covers_the_order_of_noisy_errors(noise, curvature):
    rng = np.random.default_rng(11)
    h = halvings(0.2, 5)
    truth = h**2 * (1 + curvature * h)
    spread = noise * np.linspace(0.5, 2, 5) * truth
    n, missed, excluded = 1000, 0, 0
    for _ in range(n):
        measured = truth + spread * rng.standard_normal(5)
        estimate = order(h, [Estimate(e, s, 100) for e, s in zip(measured, spread)])
        low, high = estimate.interval(0.95)
        missed += not low <= 2 <= high
        excluded += low > 1 and high < 3
    print(f"missed {missed} of {n}, allowed 2-8 % | neighbours excluded {excluded}")
    assert 0.02 * n <= missed <= 0.08 * n
    assert excluded > 0.95 * n  # and it is narrow enough to be of use


def test_wrong_order_is_refuted_and_noise_is_inconclusive():
    h = halvings(0.2, 5)

    def outcome(p, claimed, noise):
        errors = [Estimate(e, noise * e) for e in h**p]
        return Claim("order", "test", Order(claimed), order(h, errors)).verdict().outcome

    assert outcome(2, 2, 0.02) == "consistent"
    assert outcome(2, 1, 0.02) == "refuted"
    assert outcome(2, 2, 0.7) == "inconclusive"
    assert outcome(1.5, 2, 0.02) == "refuted"


def test_scatter_of_exact_errors_is_seen():
    rng = np.random.default_rng(12)
    h = halvings(0.2, 6)
    estimates = [order(h, h**2 * np.exp(0.05 * rng.standard_normal(6))) for _ in range(200)]
    missed = sum(not low <= 2 <= high for low, high in (e.interval(0.95) for e in estimates))
    assert missed <= 20
    assert min(e.stderr for e in estimates) > 0
    assert {e.n_eff for e in estimates} == {4.0}


def test_scatter_beyond_the_known_errors_widens_them():
    h = halvings(0.2, 6)
    bumpy = h**2 * np.array([1.0, 1.2, 0.8, 1.2, 0.8, 1.0])
    known = order(h, [Estimate(e, 0.1 * e) for e in bumpy])
    too_small = order(h, [Estimate(e, 0.001 * e) for e in bumpy])
    assert too_small.stderr > 0.3 * known.stderr


def test_noisy_logarithm_is_allowed_for():
    h = halvings(0.2, 4)
    quiet = order(h, [Estimate(e, 0.01 * e) for e in h])
    loud = order(h, [Estimate(e, 0.4 * e) for e in h])
    assert loud.bias_bound - quiet.bias_bound > 0.05


def test_logarithm_of_a_noisy_error_is_low_by_half_its_variance():
    h, variance = 2.0 ** -np.arange(5), np.array([1e-4, 1e-3, 1e-3, 1e-2, 4e-2])
    low = np.log(h) - variance / 2
    fit = fit_order(np.log(h), low, np.diag(variance), 50.0)
    assert fit.slope == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("p", [1, 2])
def test_three_steps_known_well_still_leave_the_next_term(p):
    h = np.array([0.4, 0.2, 0.1])
    errors = h**p * (1 + 0.5 * h)
    slope = order(h, [Estimate(error, 1e-6 * error, 100) for error in errors])
    assert abs(slope.value - p) > 10 * slope.stderr
    low, high = slope.interval()
    assert low < p < high
    assert high - low < 0.3


def test_few_samples_reach_the_degrees_of_freedom():
    h = halvings(0.2, 4)
    few = order(h, [Estimate(e, 0.01 * e, 5) for e in h])
    assert few.n_eff < 30
    assert order(h, [Estimate(e, 0.01 * e) for e in h]).n_eff == math.inf


def test_text_has_three_decimals_at_most():
    h = halvings(0.2, 4)
    assert str(order(h, h**2)) == "2.000"
    assert str(OrderEstimate(2.0512, 0.031, 10, 0.1)) == "2.051 ± 0.031"


@pytest.mark.parametrize(
    ("steps", "errors", "message"),
    [
        ([0.2, 0.1], [4.0, 1.0], "2 steps: an order with an interval needs 3, better 5"),
        ([0.2, 0.1, 0.05], [4.0, 1.0], r"steps have shape \(3,\) for 2 errors"),
        ([0.2, 0.1, 0.1], [4.0, 1.0, 1.0], "must all be different"),
        ([0.2, 0.1, -0.1], [4.0, 1.0, 1.0], "must be finite and > 0"),
        ([0.2, 0.1, 0.05], [4.0, 1.0, 0.0], "error at step 0.05 is 0: an order needs errors > 0"),
        (
            [0.2, 0.1, 0.05],
            [4.0, Estimate(-0.1, 0.2), 1.0],
            "error at step 0.1 is -0.10 ± 0.20: an order needs errors > 0",
        ),
    ],
)
def test_what_gives_no_order_is_refused(steps, errors, message):
    with pytest.raises(ValueError, match=message):
        order(steps, errors)
