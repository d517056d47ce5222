"""Calibration errors: by enumeration of outcomes, and on forecasts of known calibration."""

import itertools
import math

import numpy as np
import pytest
from z_test import assert_agrees, assert_refutes

from langevin_lab.training import calibration_error, reliability_diagram
from langevin_lab.training.reliability import _of_halves, _three


def enumerated(forecast, chance, n):
    """Means of plug-in, split-sample and mean square over all outcomes of n equal forecasts."""
    total = np.zeros(3)
    for outcome in itertools.product((0, 1), repeat=n):
        found = calibration_error(np.full(n, forecast), outcome, n_bins=1, n_resamples=2)
        weight = chance ** sum(outcome) * (1 - chance) ** (n - sum(outcome))
        total += weight * np.array([found.plug_in, found.split_sample, found.mean_square])
    return total


@pytest.mark.parametrize(("forecast", "chance"), [(0.5, 0.5), (0.3, 0.3), (0.6, 0.7), (0.9, 0.2)])
def test_means_over_all_outcomes(forecast, chance):
    n, gap = 5, chance - forecast
    plug_in, left_out, square = enumerated(forecast, chance, n)
    assert square == pytest.approx(gap**2, abs=1e-14)
    assert left_out <= abs(gap) + 1e-14
    assert plug_in >= abs(gap) - 1e-14
    if gap == 0:
        assert left_out == pytest.approx(0, abs=1e-14)
        assert plug_in > 0.1


def test_halves_take_the_sign_of_each_other():
    """Of five examples k fall into one half, k binomial, whose sum has the sign of heads - .3 k."""
    n, forecast, chance = 5, 0.3, 0.5
    expected = 0.0
    for k in range(n + 1):
        heads = np.arange(k + 1)
        shares = [math.comb(k, h) * chance**h * (1 - chance) ** (k - h) for h in heads]
        sign = np.sum(shares * np.sign(np.round(heads - k * forecast, 12)))
        # Either half may be the one that has k.
        expected += 2 * math.comb(n, k) / 2**n * (n - k) / n * (chance - forecast) * sign
    found = 0.0
    for outcome in itertools.product((0, 1), repeat=n):
        weight = chance ** sum(outcome) * (1 - chance) ** (n - sum(outcome)) / 2**n
        for first in itertools.product((False, True), repeat=n):
            residuals = np.array(outcome) - forecast
            found += weight * _of_halves(residuals, np.ones((n, 1)), np.array(first))
    assert found == pytest.approx(expected, abs=1e-14)
    assert abs(expected / (chance - forecast) - 1) > 0.2


def test_bootstrap_knows_the_mean_over_all_halves():
    """Of 600 residuals in a bin the sum with random signs is normal."""
    residuals, table = np.random.default_rng(8).normal(0.1, 1, 600), np.ones((600, 1))
    halves = np.random.default_rng(9).integers(0, 2, (4000, 600)) == 1
    value, stderr, n = mean_of(_of_halves(residuals, table, halves))
    expected = _three(residuals, table, np.ones(600))[1]
    assert_agrees(value, stderr, expected, n)
    assert_refutes(value, stderr, 1.05 * expected, n)


@pytest.mark.parametrize("mean", [0.0, 0.04, 0.1])
def test_mean_over_normal_halves_is_the_integral(mean):
    """|S| where the sum D with random signs is smaller, else -|D|, D of the variance sum r^2."""
    from scipy import integrate, stats

    residuals = np.random.default_rng(8).normal(mean, 1, 100)
    total, scale = abs(residuals.sum()), np.sqrt(np.sum(residuals**2))
    share = 2 * stats.norm.cdf(total / scale) - 1
    tail = 2 * integrate.quad(lambda d: d * stats.norm.pdf(d, scale=scale), total, 30 * scale)[0]
    found = _three(residuals, np.ones((100, 1)), np.ones(100))[1]
    assert found == pytest.approx((total * share - tail) / 100, rel=1e-10)


def data_sets(shift, n_sets=300, n=1000, seed=1, **options):
    """Errors of forecasts that come true with chance forecast + shift."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n_sets):
        forecasts = rng.uniform(0.1, 0.85, n)
        came_true = rng.random(n) < forecasts + shift
        rows.append(calibration_error(forecasts, came_true, n_resamples=6, **options))
    return {name: np.array([getattr(row, name) for row in rows]) for name in vars(rows[0])}


def mean_of(samples):
    return samples.mean(), samples.std(ddof=1) / np.sqrt(len(samples)), len(samples)


def test_perfect_forecasts_have_no_debiased_error_but_a_plug_in():
    found = data_sets(0.0)
    for name in ("split_sample", "mean_square"):
        value, stderr, n = mean_of(found[name])
        assert_agrees(value, stderr, 0.0, n, name)
    value, stderr, n = mean_of(found["split_sample"])
    assert_refutes(value, stderr, 0.005, n, "an error of half a percent")
    value, stderr, n = mean_of(found["plug_in"] - found["expected_if_calibrated"])
    assert_agrees(value, stderr, 0.0, n, "plug-in")
    value, stderr, n = mean_of(found["plug_in"])
    assert_refutes(value, stderr, 0.0, n, "plug-in")


@pytest.mark.parametrize("equal_counts", [False, True])
def test_known_miscalibration_is_measured(equal_counts):
    found = data_sets(0.05, n_bins=10, equal_counts=equal_counts)
    value, stderr, n = mean_of(found["mean_square"])
    assert_agrees(value, stderr, 0.05**2, n, "mean square")
    assert_refutes(value, stderr, 1.2 * 0.05**2, n, "mean square")
    low, stderr, n = mean_of(found["split_sample"])
    assert low < 0.05 + 5 * stderr
    high, stderr, n = mean_of(found["plug_in"])
    assert high > 0.05 - 5 * stderr


@pytest.mark.slow
def test_interval_holds_the_truth_and_five_percent_are_caught():
    rng = np.random.default_rng(3)
    for shift, n in ((0.0, 1500), (0.02, 1500), (0.05, 4000)):
        covered = caught = above = 0
        for seed in range(40):
            forecasts = rng.uniform(0.1, 0.85, n)
            found = calibration_error(
                forecasts, rng.random(n) < forecasts + shift, n_resamples=60, seed=seed, n_bins=10
            )
            covered += found.low <= shift <= found.high
            caught += found.p_value < 0.05
            above += found.low > 0
        print(f"{shift}: covered {covered}, caught {caught}, above 0 {above} of 40")
        assert covered >= 36
        if shift == 0:
            assert caught <= 7
            assert above <= 2
        if shift == 0.05:
            assert caught >= 38
            assert above >= 30


def test_errors_of_the_mean_square_are_its_scatter():
    rng, n = np.random.default_rng(5), 1200
    values, errors = [], []
    for seed in range(120):
        forecasts = rng.uniform(0.1, 0.85, n)
        found = calibration_error(
            forecasts, rng.random(n) < forecasts + 0.1, n_resamples=50, seed=seed
        )
        values.append(found.mean_square)
        errors.append(found.mean_square_stderr)
    assert np.mean(errors) == pytest.approx(np.std(values, ddof=1), rel=0.25)


def test_classes_are_judged_by_the_likeliest():
    rng = np.random.default_rng(6)
    logits = 2.0 * rng.normal(size=(500, 4))
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    targets = rng.integers(0, 4, 500)
    as_binary = calibration_error(p.max(axis=-1), p.argmax(axis=-1) == targets)
    of_classes = calibration_error(p, targets)
    for name, value in vars(as_binary).items():
        assert getattr(of_classes, name) == value, name
    drawn = (p.cumsum(axis=-1) < rng.random((500, 1))).sum(axis=-1)
    assert calibration_error(p, drawn).p_value > 0.01
    assert of_classes.p_value < 0.01


def test_replicas_are_judged_each():
    rng = np.random.default_rng(7)
    p, targets = rng.random((2, 3, 80, 1)), rng.integers(0, 2, 80)
    found = calibration_error(p, targets, n_resamples=20, seed=4)
    diagram = reliability_diagram(p, targets, n_bins=5)
    assert found.plug_in.shape == (2, 3)
    assert diagram.counts.shape == (2, 3, 5)
    assert diagram.edges.shape == (2, 3, 6)
    alone = calibration_error(p[1, 2], targets, n_resamples=20, seed=4)
    assert [getattr(found, name)[1, 2] for name in vars(found)] == list(vars(alone).values())
    weights = diagram.counts / 80
    gaps = np.nan_to_num(abs(diagram.frequency - diagram.confidence))
    np.testing.assert_allclose(
        (weights * gaps).sum(axis=-1),
        calibration_error(p, targets, n_bins=5, n_resamples=2).plug_in,
        rtol=1e-12,
    )


def test_memory_does_not_decide_on_the_numbers(monkeypatch):
    rng = np.random.default_rng(10)
    forecasts, targets = rng.random(50), rng.integers(0, 2, 50)
    whole = calibration_error(forecasts, targets, n_resamples=30)
    monkeypatch.setattr("langevin_lab.training.reliability._AT_ONCE", 350)
    in_parts = calibration_error(forecasts, targets, n_resamples=30)
    for name, value in vars(whole).items():
        assert getattr(in_parts, name) == pytest.approx(value, rel=1e-12), name


def test_diagram_counts_every_forecast_once():
    diagram = reliability_diagram([0.0, 0.2, 0.5, 1.0], [0, 1, 0, 1], n_bins=5)
    assert diagram.counts.tolist() == [1, 1, 1, 0, 1]
    assert np.isnan(diagram.frequency[3])
    assert np.isnan(diagram.confidence[3])
    equal = reliability_diagram(np.arange(90) / 100, np.arange(90) % 2, n_bins=9, equal_counts=True)
    assert equal.counts.tolist() == [10] * 9


def test_interval_of_a_frequency_is_wilsons():
    """Its ends are the chances whose normal quantile the frequency is."""
    diagram = reliability_diagram(np.full(40, 0.6), np.arange(40) < 12, n_bins=1, level=0.9)
    for end in (diagram.low[0], diagram.high[0]):
        assert abs(0.3 - end) == pytest.approx(1.6448536269514722 * np.sqrt(end * (1 - end) / 40))
    never = reliability_diagram(np.full(40, 0.1), np.zeros(40, int), n_bins=1)
    assert abs(never.low[0]) < 1e-12
    assert never.high[0] == pytest.approx(0.0876, abs=1e-4)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match=r"of shape \(3,\) and targets of shape \(2,\) must be"):
        calibration_error([0.1, 0.2, 0.3], [0, 1])
    with pytest.raises(ValueError, match=r"hold -0.1, which is not from 0 to 1: use predict\(\)"):
        calibration_error([-0.1, 0.2], [0, 1])
    with pytest.raises(ValueError, match=r"sum to 1 but for 0\.2; normalise"):
        calibration_error([[0.5, 0.3], [0.5, 0.5]], [0, 1])
    with pytest.raises(ValueError, match=r"targets hold 2, which is no class of 0, \.\.\., 1"):
        calibration_error([0.1, 0.2], [0, 2])
    with pytest.raises(ValueError, match="calibration: n_bins=0 must be at least 1"):
        reliability_diagram([0.1, 0.2], [0, 1], n_bins=0)
    with pytest.raises(ValueError, match="n_resamples=1 must be at least 2"):
        calibration_error([0.1, 0.2], [0, 1], n_resamples=1)
    with pytest.raises(ValueError, match=r"level=1.0 must lie in \(0, 1\)"):
        calibration_error([0.1, 0.2], [0, 1], level=1.0)
