"""Brier score, its parts and the negative log likelihood, against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn import metrics
from z_test import assert_agrees, assert_refutes

import langevin_lab as ll
from langevin_lab.training import brier_score, negative_log_likelihood

rng = np.random.default_rng(1)
CHANCES = rng.random(300)
OUTCOMES = (rng.random(300) < CHANCES**2).astype(int)
CLASSES = rng.dirichlet(np.ones(4), 300)
TARGETS = rng.integers(0, 4, 300)


def test_scores_are_those_of_scikit_learn():
    assert brier_score(CHANCES, OUTCOMES).value == pytest.approx(
        metrics.brier_score_loss(OUTCOMES, CHANCES), rel=1e-12
    )
    assert negative_log_likelihood(CHANCES, OUTCOMES).value == pytest.approx(
        metrics.log_loss(OUTCOMES, CHANCES), rel=1e-12
    )
    assert negative_log_likelihood(CLASSES, TARGETS).value == pytest.approx(
        metrics.log_loss(TARGETS, CLASSES), rel=1e-12
    )
    by_hand = np.mean(np.sum((CLASSES - np.eye(4)[TARGETS]) ** 2, axis=-1))
    assert brier_score(CLASSES, TARGETS).value == pytest.approx(by_hand, rel=1e-12)


def test_likelihood_is_the_loss_of_a_network():
    inputs = rng.normal(size=(40, 3))
    for loss, targets in (
        ("cross_entropy", np.arange(40) % 3),
        ("binary_cross_entropy", np.arange(40) % 2),
    ):
        network = ll.potentials.multilayer_perceptron(inputs, targets, loss=loss)
        x = network.start(seed=1, n_replicas=3)
        found = negative_log_likelihood(network.predict(x, inputs), targets)
        np.testing.assert_allclose(found.value, network.energy(x), rtol=1e-12)


@pytest.mark.parametrize("n_bins", [1, 4, 15])
@pytest.mark.parametrize(("p", "targets"), [(CHANCES, OUTCOMES), (CLASSES, TARGETS)])
def test_parts_sum_to_the_score(p, targets, n_bins):
    found = brier_score(p, targets, n_bins=n_bins)
    parts = found.reliability - found.resolution + found.uncertainty + found.within_bins
    assert parts == pytest.approx(found.value, rel=1e-12)
    if n_bins == 1:
        assert found.resolution == pytest.approx(0, abs=1e-15)


def test_parts_of_forecasts_that_are_equal_within_bins():
    """Murphy's three parts alone, by hand: forecasts .2 and .7."""
    p = np.repeat([0.2, 0.7], [30, 20])
    outcomes = np.concatenate([np.arange(30) < 9, np.arange(20) < 12]).astype(int)
    found = brier_score(p, outcomes, n_bins=5)
    assert found.within_bins == pytest.approx(0, abs=1e-15)
    assert found.reliability == pytest.approx(0.6 * 0.1**2 + 0.4 * 0.1**2, rel=1e-12)
    assert found.resolution == pytest.approx(0.6 * 0.12**2 + 0.4 * 0.18**2, rel=1e-12)
    assert found.uncertainty == pytest.approx(0.42 * 0.58, rel=1e-12)


def test_two_classes_score_twice_the_chance_of_one():
    both = np.column_stack([1 - CHANCES, CHANCES])
    one, two = brier_score(CHANCES, OUTCOMES), brier_score(both, OUTCOMES)
    assert two.value == pytest.approx(2 * one.value, rel=1e-12)
    assert two.uncertainty == pytest.approx(2 * one.uncertainty, rel=1e-12)


def test_error_bars_are_those_of_examples():
    """Perfect forecasts, even in (0, 1): the mean of f (1 - f) is 1/6."""
    chances = rng.random(20_000)
    found = brier_score(chances, (rng.random(20_000) < chances).astype(int))
    assert_agrees(found.value, found.stderr, 1 / 6, 20_000)
    assert_refutes(found.value, found.stderr, 1.05 / 6, 20_000)


def test_replicas_are_scored_each():
    p = rng.dirichlet(np.ones(4), (2, 3, 300))
    found, likelihood = brier_score(p, TARGETS), negative_log_likelihood(p, TARGETS)
    alone = brier_score(p[1, 0], TARGETS)
    for name, value in vars(alone).items():
        assert getattr(found, name)[1, 0] == pytest.approx(value, rel=1e-12), name
    assert likelihood.value.shape == (2, 3)
    assert likelihood.value[1, 0] == negative_log_likelihood(p[1, 0], TARGETS).value


def test_what_was_impossible_and_came_true_is_infinite():
    for p, targets in (([0.0, 0.5], [1, 1]), ([1.0, 0.5], [0, 1]), ([[1, 0], [1, 0]], [0, 1])):
        found = negative_log_likelihood(p, targets)
        assert np.isinf(found.value)
        assert np.isnan(found.stderr)
    assert negative_log_likelihood([1.0, 0.0], [1, 0]).value == 0


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="1 target gives no error bar: score two examples"):
        brier_score([0.5], [1])
    with pytest.raises(ValueError, match="1 target gives no error bar: score two examples"):
        negative_log_likelihood([0.5], [1])
    with pytest.raises(ValueError, match="brier_score: n_bins=0 must be at least 1"):
        brier_score([0.5, 0.5], [1, 0], n_bins=0)
    with pytest.raises(ValueError, match=r"targets hold 3, which is no class of 0, \.\.\., 2"):
        negative_log_likelihood(np.full((2, 3), 1 / 3), [0, 3])
