"""Laws of arrival times, also of censored ones: survival, distance from a law, change of hazard."""

import numpy as np
import pytest
from scipy import stats
from z_test import assert_agrees, assert_refutes

import langevin_lab as ll
from langevin_lab.escape import FirstPassage


def made(times, arrived, diverged=None):
    times, arrived = np.array(times), np.array(arrived)
    diverged = np.zeros_like(arrived) if diverged is None else np.array(diverged)
    return FirstPassage(times, arrived, diverged, 0.1, "none", np.zeros(0))


def censored(rng, law, end):
    times = law(rng)
    return made(np.minimum(times, end), times < end)


def test_mean_with_censoring_is_the_exponential_fit_of_scipy():
    found = censored(np.random.default_rng(7), lambda rng: rng.exponential(3.0, 500), 4.0)
    sample = stats.CensoredData(uncensored=found.times[found.arrived],
                                right=found.times[~found.arrived])  # fmt: skip
    assert found.mean.value == pytest.approx(
        stats.expon.fit(sample, floc=0)[1], rel=1e-4
    )  # its simplex search stops there


def test_survival_is_the_product_of_kaplan_and_meier():
    """Six replicas, two of them censored, and one diverged; by hand, with Greenwood's variance."""
    found = made([1.0, 2.0, 2.0, 3.0, 4.0, 5.0, 0.5], [True, True, False, True, False, True, False],
                 [False] * 6 + [True]).survival()  # fmt: skip
    np.testing.assert_array_equal(found.times, [1.0, 2.0, 3.0, 4.0, 5.0])
    factors = np.array([5 / 6, 4 / 5, 2 / 3, 1.0, 0.0])
    np.testing.assert_allclose(found.probability, np.cumprod(factors), rtol=1e-12)
    greenwood = 1 / (6 * 5) + 1 / (5 * 4) + 1 / (3 * 2)
    survival = found.probability[2]
    spread = 1.959963985 * np.sqrt(greenwood) / np.log(survival)
    np.testing.assert_allclose(
        [found.low[2], found.high[2]],
        sorted(survival ** np.exp([spread, -spread])), rtol=1e-8,
    )  # fmt: skip
    np.testing.assert_allclose(found([0.0, 1.0, 2.5]), [1.0, 5 / 6, 2 / 3], rtol=1e-12)
    low, high = found.interval([0.0, 1.0, 2.5, 3.0])
    np.testing.assert_array_equal(low, [1.0, *found.low[:3]])
    np.testing.assert_array_equal(high, [1.0, *found.high[:3]])
    assert found(9.0) == 0.0


def test_survival_is_unknown_after_the_last_replica_was_lost():
    found = made([1.0, 2.0], [True, False]).survival()
    assert found(1.5) == 0.5
    assert np.isnan(found(2.5))
    assert np.isnan(found.interval(2.5)).all()


def test_survival_at_no_time_is_not_a_number():
    for found in (made([1.0, 2.0], [True, True]).survival(), made([1.0], [False]).survival()):
        np.testing.assert_array_equal(np.isnan(found([np.nan, 0.5])), [True, False])
        assert np.isnan(found.interval(np.nan)).all()


def test_intervals_of_survival_cover_as_often_as_they_say():
    rng, truth, covered = np.random.default_rng(11), np.exp(-1.0), {0.9: 0, 0.6: 0}
    for _ in range(600):
        found = censored(rng, lambda rng: rng.exponential(1.0, 80), 1.7)
        for confidence in covered:
            band = found.survival(confidence)
            low, high = band.interval(1.0)
            covered[confidence] += low <= truth <= high
    for confidence, count in covered.items():
        spread = np.sqrt(600 * confidence * (1 - confidence))
        # Counts are discrete, which moves the level by a percent or two.
        assert_agrees(count, spread, 600 * confidence, 600, f"coverage {confidence}")
    assert_refutes(covered[0.6], spread, 600 * 0.9, 600, "coverage of the other level")


def test_distance_from_a_law_is_that_of_scipy():
    times = np.random.default_rng(8).exponential(2.0, 400)
    law = stats.expon(scale=2.1).cdf
    found, expected = made(times, [True] * 400).compare(law), stats.kstest(times, law)
    assert found.distance == pytest.approx(expected.statistic, rel=1e-12)
    assert found.statistic == pytest.approx(20 * expected.statistic, rel=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    late = made(times + 0.3, [True] * 400).compare(law, delay=0.3)
    assert late.distance == pytest.approx(expected.statistic, rel=1e-9)


def test_the_exact_law_is_taken_as_it_comes():
    equation = ll.Overdamped(ll.potentials.harmonic(), temperature=1.0)
    law = ll.exact.first_passage_law(equation, 0.0, 1.0, n=64)
    times = np.array([law.quantile(p).value for p in (0.1, 0.3, 0.5, 0.7, 0.9)])
    found = made(times, [True] * 5).compare(law.probability)
    expected = stats.kstest(times, lambda t: law.probability(t).value).statistic
    assert 0.09 < expected < 0.11
    assert found.distance == pytest.approx(expected, rel=1e-12)
    assert found == made(times, [True] * 5).compare(lambda t: law.probability(t).value)
    alone = made(times[3:4], [True]).compare(law.probability)
    assert alone.distance == pytest.approx(float(law.probability(times[3])), rel=1e-12)
    shifted = made(times + 0.4, [True] * 5).compare(law.probability, delay=0.4)
    assert shifted.distance == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("law", "message"),
    [
        (
            lambda t: 0.5,
            r"law gave shape \(\) for times of shape \(3,\); give a function of arrays",
        ),
        (lambda t: np.outer(t, t), r"law gave shape \(3, 3\) for times of shape \(3,\)"),
        (lambda t: np.full(3, np.nan), "law gave nan at time 1: give the probability of having"),
        (lambda t: t, "law gave 2 at time 2: give the probability of having arrived, in"),
        (lambda t: -t, "law gave -1 at time 1: give the probability"),
    ],
)
def test_what_is_no_law_is_refused(law, message):
    with pytest.raises(ValueError, match=message):
        made([1.0, 2.0, 3.0], [True] * 3).compare(law)


@pytest.mark.parametrize("delay", [np.nan, np.inf, "half a step", None])
def test_a_delay_that_is_no_time_is_refused(delay):
    with pytest.raises(ValueError, match=f"delay={delay!r} must be a finite number"):
        made([1.0, 2.0, 3.0], [True] * 3).compare(stats.expon().cdf, delay=delay)


def test_distance_of_censored_times_is_taken_up_to_the_end_of_the_follow_up():
    law = stats.expon(scale=1.0).cdf
    found = made([0.5, 0.2, 1.0, 1.0], [True, True, False, False]).compare(law)
    assert found.distance == pytest.approx(0.1813, abs=1e-4)  # law(0.2), before anyone
    assert found.n == 4
    later = made([0.7, 0.2, 2.0, 2.0], [True, True, False, False]).compare(law)
    assert later.distance == pytest.approx(law(2.0) - 0.5)


def test_law_of_censored_times_is_rejected_as_rarely_as_it_says_and_a_wrong_one_is():
    rng, right, wrong = np.random.default_rng(12), [], []
    for _ in range(300):
        found = censored(rng, lambda rng: rng.exponential(1.0, 2000), 1.2)
        right.append(found.compare(stats.expon().cdf).p_value)
        wrong.append(found.compare(stats.expon(scale=1.1).cdf).p_value)
    # Cut short, the distance is smaller, so the p-value bounds the probability from above.
    assert np.mean(np.array(right) < 0.1) < 0.1 + 4 * np.sqrt(0.09 / 300)
    assert np.mean(np.array(wrong) < 0.1) > 0.5


def test_change_of_hazard_scatters_as_its_error_says_and_sees_a_delay():
    rng = np.random.default_rng(13)
    changes = [censored(rng, lambda rng: rng.exponential(2.0, 1000), 3.0).hazard_change
               for _ in range(400)]  # fmt: skip
    scores = np.array([change.value / change.stderr for change in changes])
    assert_agrees(scores.mean(), 1 / 20, 0.0, 400, "mean score")
    assert_agrees(scores.std(), 1 / np.sqrt(800), 1.0, 400, "deviation of scores")
    assert_refutes(scores.std(), 1 / np.sqrt(800), 1.3, 400, "deviation of scores")
    delayed = censored(rng, lambda rng: 0.5 + rng.exponential(2.0, 1000), 3.0).hazard_change
    assert delayed.value > 4 * delayed.stderr


def test_change_of_hazard_by_hand():
    found = made([1.0, 3.0, 4.0], [True, True, False]).hazard_change
    assert found.value == pytest.approx(1 / 3 - 1 / 5)  # on the way for 5 and for 3 in the halves
    assert found.stderr == pytest.approx(np.sqrt(2 / 8 * (1 / 5 + 1 / 3)))


@pytest.mark.parametrize(
    ("found", "ask", "message"),
    [
        (made([1.0], [True]), lambda f: f.survival(1.0), r"confidence=1\.0 must lie between 0 and"),
        (made([1.0], [False], [True]), lambda f: f.survival(), "no replica was followed: all div"),
        (made([1.0], [False], [True]), lambda f: f.compare(np.exp), "no replica was followed: all"),
        (made([1.0, 2.0], [False, False]), lambda f: f.compare(np.exp),
         "followed up to 2 different times, from 1 on; the distance"),
        (made([1.0, 2.0], [False, True]), lambda f: f.compare(np.exp), "up to 1 different times"),
        (made([0.1] * 3, [True] * 3), lambda f: f.standard_deviation,
         "all 3 arrivals were at time 0.1: an error of their standard deviation cannot be estim"),
        (made([0.0], [True]), lambda f: f.hazard_change, "1 replicas were followed for no time"),
    ],
)  # fmt: skip
def test_laws_that_cannot_be_estimated_are_refused(found, ask, message):
    with pytest.raises(ValueError, match=message):
        ask(found)
