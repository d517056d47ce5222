"""Averages over samples of the weights and along a path, and what samples are worth."""

import numpy as np
import pytest
from z_test import assert_agrees, assert_refutes

from langevin_lab.training import (
    effective_sample_size,
    exponential_average,
    posterior_predictive,
    weight_average,
)

rng = np.random.default_rng(1)


def test_entropies_are_those_of_scipy():
    from scipy import stats

    p = rng.dirichlet(np.ones(4), (2, 3, 7))
    found = posterior_predictive(p)
    mean = p.mean(axis=(0, 1))
    np.testing.assert_allclose(found.probabilities, mean, rtol=1e-12)
    np.testing.assert_allclose(found.entropy, stats.entropy(mean, axis=-1), rtol=1e-12)
    expected = stats.entropy(p, axis=-1).mean(axis=(0, 1))
    np.testing.assert_allclose(found.expected_entropy, expected, rtol=1e-12)
    divergence = stats.entropy(p, np.broadcast_to(mean, p.shape), axis=-1).mean(axis=(0, 1))
    np.testing.assert_allclose(found.mutual_information, divergence, rtol=1e-10)
    assert found.n_samples == 6
    assert found.stderr.shape == (7, 4)


def test_one_chance_is_that_of_two_classes():
    chance = rng.random((5, 7, 1))
    one, two = (
        posterior_predictive(chance),
        posterior_predictive(np.concatenate([1 - chance, chance], -1)),
    )
    for name in ("entropy", "expected_entropy", "mutual_information", "unbiased_information"):
        np.testing.assert_allclose(getattr(one, name), getattr(two, name), rtol=1e-10, atol=1e-14)


def test_samples_that_agree_have_no_information_and_impossible_classes_no_entropy():
    same = posterior_predictive(np.broadcast_to([0.2, 0.8, 0.0], (4, 1, 3)))
    assert same.mutual_information == pytest.approx(0, abs=1e-15)
    assert same.unbiased_information == pytest.approx(0, abs=1e-12)
    assert same.entropy == pytest.approx(-0.2 * np.log(0.2) - 0.8 * np.log(0.8), rel=1e-12)
    certain = posterior_predictive([[[1.0, 0.0]], [[0.0, 1.0]]])
    assert certain.mutual_information == pytest.approx(np.log(2), rel=1e-12)


def test_few_samples_have_too_little_information_and_the_jackknife_mends_it():
    """Even chances: H(1/2) = log 2 of the mean, 1/2 on average of each, so I = log 2 - 1/2."""
    exact = np.log(2) - 0.5
    found = [posterior_predictive(rng.random((6, 1, 1))) for _ in range(6000)]
    plain = np.array([one.mutual_information[0] for one in found])
    mended = np.array([one.unbiased_information[0] for one in found])
    root = np.sqrt(len(found))
    assert_refutes(plain.mean(), plain.std() / root, exact, 6000, "plain")
    assert_agrees(mended.mean(), mended.std() / root, exact, 6000, "jackknife")
    assert_refutes(mended.mean(), mended.std() / root, 0.95 * exact, 6000, "jackknife")


def test_error_of_a_mean_is_its_scatter():
    chance = rng.random((4000, 1, 1))
    found = posterior_predictive(chance)
    assert found.stderr[0, 0] == pytest.approx(np.sqrt(1 / 12 / 4000), rel=0.05)


def test_exponential_average_is_the_weighted_sum():
    path, decay = rng.normal(size=(9, 2, 3)), 0.7
    weights = (1 - decay) * decay ** np.arange(8, -1, -1)
    weights[0] = decay**8
    assert weights.sum() == pytest.approx(1, rel=1e-12)
    found = exponential_average(path, decay=decay)
    np.testing.assert_allclose(found[-1], np.tensordot(weights, path, 1), rtol=1e-12)
    np.testing.assert_array_equal(found[0], path[0])
    np.testing.assert_array_equal(exponential_average(path, decay=0.0), path)


def test_exponential_average_is_that_of_pytorch():
    torch = pytest.importorskip("torch")
    path = rng.normal(size=(6, 4))
    module = torch.nn.Linear(4, 1, bias=False, dtype=torch.float64)
    with torch.no_grad():
        module.weight[:] = torch.tensor(path[:1])
        averaged = torch.optim.swa_utils.AveragedModel(
            module, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9)
        )
        for row in path:
            module.weight[:] = torch.tensor(row)
            averaged.update_parameters(module)
    found = exponential_average(path, decay=0.9)[-1]
    np.testing.assert_allclose(found, averaged.module.weight[0].detach().numpy(), rtol=1e-12)


def test_weight_average_is_the_mean():
    path = rng.normal(size=(9, 2, 3))
    found = weight_average(path, first=4)
    for k in range(5):
        np.testing.assert_allclose(found[k], path[4 : 5 + k].mean(axis=0), rtol=1e-12)


def autoregression(a, n=4000, n_replicas=8, seed=3):
    noise = np.random.default_rng(seed).normal(size=(n, n_replicas))
    values = np.zeros_like(noise)
    values[0] = noise[0] / np.sqrt(1 - a**2)
    for k in range(1, n):
        values[k] = a * values[k - 1] + noise[k]
    return values


@pytest.mark.parametrize("a", [0.0, 0.5, 0.9, -0.5])
def test_samples_of_an_autoregression_are_worth_a_known_share(a):
    """x' = a x + noise: (1 - a)/(1 + a) of their number."""
    found = effective_sample_size(autoregression(a))
    assert found == pytest.approx(32_000 * (1 - a) / (1 + a), rel=0.12)


def test_sample_size_is_that_of_arviz():
    arviz = pytest.importorskip("arviz")
    for a in (0.0, 0.7, 0.95):
        values = autoregression(a, n=800, n_replicas=4)
        assert effective_sample_size(values) == pytest.approx(
            float(arviz.ess(values.T, method="identity")), rel=0.03
        )


def test_replicas_that_do_not_mix_are_worth_little():
    values = autoregression(0.0, n=500, n_replicas=4) + 5.0 * np.arange(4)
    assert effective_sample_size(values) < 10
    many = effective_sample_size(np.stack([values, autoregression(0.0, n=500, n_replicas=4)], -1))
    assert many.shape == (2,)
    assert many[0] == effective_sample_size(values)
    assert many[1] > 1000
    assert np.isnan(effective_sample_size(np.ones((10, 2))))


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match=r"probabilities of shape \(1, 3, 1\) must be"):
        posterior_predictive(np.ones((1, 3, 1)))
    with pytest.raises(ValueError, match=r"hold 2, which is not from 0 to 1: use predict\(\)"):
        posterior_predictive(np.full((2, 3, 1), 2.0))
    with pytest.raises(ValueError, match=r"decay=1.0 must lie in \[0, 1\)"):
        exponential_average([1.0], decay=1.0)
    with pytest.raises(ValueError, match=r"path of shape \(0,\) must be \(n_saved, ...\)"):
        exponential_average([], decay=0.5)
    with pytest.raises(ValueError, match="first=3 leaves none of 3 states to average"):
        weight_average([1.0, 2.0, 3.0], first=3)
    with pytest.raises(ValueError, match="weight_average: first=-1 must be at least 0"):
        weight_average([1.0], first=-1)
    with pytest.raises(ValueError, match=r"series of shape \(3, 2\) must be .* at least 4"):
        effective_sample_size(np.ones((3, 2)))
    with pytest.raises(ValueError, match="series is not finite: leave diverged"):
        effective_sample_size(np.full((5, 2), np.nan))
