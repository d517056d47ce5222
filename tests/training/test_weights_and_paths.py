"""Distributions of weights and lengths of paths, block by block."""

import numpy as np
import pytest
from z_test import assert_agrees, assert_refutes

import langevin_lab as ll
from langevin_lab.training import path_measures, weight_distribution
from langevin_lab.training.weights import _central

PLANE = ll.potentials.harmonic(dim=2)
NETWORK = ll.potentials.multilayer_perceptron(
    np.eye(5), np.zeros(5), hidden=(40,), loss="binary_cross_entropy"
)


def test_pytorchs_start_is_even_in_every_block():
    """Even in +-a: standard deviation a/sqrt(3), excess -6/5; a = 1/sqrt(n_inputs)."""
    x = NETWORK.start(seed=1, n_replicas=600)
    found = weight_distribution(NETWORK, x, n_bins=10, low=-0.5, high=0.5)
    for name, a in (("weights_1", 5**-0.5), ("weights_2", 40**-0.5)):
        value = found[name]
        expected = {
            "mean": 0.0,
            "standard_deviation": a / np.sqrt(3),
            "skewness": 0.0,
            "excess_kurtosis": -1.2,
        }
        for statistic, number in expected.items():
            estimate = getattr(value, statistic)
            assert_agrees(estimate.value, estimate.stderr, number, 600, f"{name} {statistic}")
        spread = value.standard_deviation
        assert_refutes(spread.value, spread.stderr, 1.05 * expected["standard_deviation"], 600)
        excess = value.excess_kurtosis
        assert_refutes(excess.value, excess.stderr, 0.95 * -1.2, 600)
    inside = found["weights_1"].density.value[1:-1]
    errors = found["weights_1"].density.stderr[1:-1]
    assert abs((inside - 0.5 * 5**0.5) / errors).max() < 5
    np.testing.assert_allclose(found["weights_1"].density.value.sum() * 0.1, 1, rtol=1e-12)


def test_moments_are_those_of_pooled_weights():
    from scipy import stats

    x = np.random.default_rng(1).gamma(2.0, size=(30, 50, 2)) + 100.0
    found = weight_distribution(PLANE, x, blocks={"second": 1})["second"]
    pooled = x[..., 1].ravel()
    for name, expected in (
        ("mean", pooled.mean()),
        ("standard_deviation", pooled.std()),
        ("skewness", stats.skew(pooled)),
        ("excess_kurtosis", stats.kurtosis(pooled)),
    ):
        # The jackknife moves a value by its bias, which is of order 1/50 of the error squared.
        estimate = getattr(found, name)
        assert estimate.value == pytest.approx(expected, abs=0.5 * estimate.stderr), name
    assert found.skewness.value == pytest.approx(2**0.5, abs=5 * found.skewness.stderr)
    rows = np.quantile(x[..., 1], [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
    np.testing.assert_allclose(found.quantiles.value, rows.mean(axis=1), rtol=1e-12)
    assert found.edges[0] == pooled.min()
    assert found.edges[-1] == pooled.max()


def test_paths_of_straight_and_closed_lines():
    turn = np.linspace(0, 2 * np.pi, 4001)
    path = np.stack([np.cos(turn), np.sin(turn)], axis=-1)
    found = path_measures(PLANE, path, blocks={"all": slice(None), "first": 0})
    assert found["all"].length == pytest.approx(2 * np.pi, rel=1e-6)
    assert found["all"].displacement == pytest.approx(0, abs=1e-12)
    assert found["all"].distance.max() == pytest.approx(2, rel=1e-6)
    assert found["first"].length == pytest.approx(4, rel=1e-6)
    line = np.arange(6)[:, None, None] * np.array([[3.0, 4.0], [0.0, 0.0]])
    straight = path_measures(PLANE, line[1:], start=line[0])["all"]
    np.testing.assert_allclose(straight.length, [25, 0], rtol=1e-12)
    np.testing.assert_allclose(straight.distance[:, 0], 5 * np.arange(6), rtol=1e-12)
    assert straight.straightness[0] == pytest.approx(1, rel=1e-12)
    assert np.isnan(straight.straightness[1])


def test_diffusions_get_longer_with_every_state_saved():
    """|dx| of n steps of variance v in the plane: n sqrt(pi v/2)."""
    steps = np.random.default_rng(2).normal(size=(400, 300, 2))
    path = steps.cumsum(axis=0)
    for spacing in (1, 4):
        saved = path[::spacing]
        lengths = path_measures(PLANE, saved)["all"].length
        expected = (len(saved) - 1) * np.sqrt(np.pi * spacing / 2)
        stderr = lengths.std(ddof=1) / np.sqrt(300)
        assert_agrees(lengths.mean(), stderr, expected, 300)
        assert_refutes(lengths.mean(), stderr, 1.02 * expected, 300)


def test_wrong_arguments_are_refused():
    x = np.arange(8.0).reshape(4, 2)
    with pytest.raises(ValueError, match=r"levels=\[1.5\] must be from 0 to 1"):
        weight_distribution(PLANE, x, levels=[1.5])
    with pytest.raises(ValueError, match="n_bins=0 must be at least 1"):
        weight_distribution(PLANE, x, n_bins=0)
    with pytest.raises(ValueError, match="block 'all': low=3 must be below high=3"):
        weight_distribution(PLANE, x, low=3, high=3)
    with pytest.raises(ValueError, match=r"must be .* with two replicas"):
        weight_distribution(PLANE, x[:1])
    with pytest.raises(ValueError, match=r"path of shape \(2,\) must hold two states or more"):
        path_measures(PLANE, x[0])
    with pytest.raises(ValueError, match=r"path of shape \(1, 2\) must hold two states or more"):
        path_measures(PLANE, x[:1])


def test_central_moments_are_those_of_scipy():
    from scipy import stats

    values = np.random.default_rng(3).gamma(2.0, size=50)
    sums = np.array([np.sum(values**power) for power in range(5)])
    np.testing.assert_allclose(_central(sums), stats.moment(values, [2, 3, 4]), rtol=1e-10)
