"""Predictions of the bath of minibatches, each by a second way."""

import dataclasses

import numpy as np
import pytest
from shipped import experiment

module = experiment("minibatch_bath")


def brute_epoch_variance(momentum, n_batches, n_epochs=60):
    """Mean over the place in the epoch of w.C.w, the covariance written out batch by batch."""
    count = n_batches * n_epochs
    epoch = np.arange(count) // n_batches
    covariance = np.where(epoch[:, None] == epoch, -1.0 / (n_batches - 1), 0.0)
    np.fill_diagonal(covariance, 1.0)
    found = []
    for last in range(count - n_batches, count):
        weights = np.append(momentum ** np.arange(last, -1, -1.0), np.zeros(count - 1 - last))
        found.append(weights @ covariance @ weights)
    return np.mean(found) * (1 - momentum**2)


@pytest.mark.parametrize(("momentum", "n_batches"), [(0.0, 5), (0.5, 4), (0.8, 7), (0.9, 12)])
def test_epochs_on_a_flat_loss_have_the_sum_of_their_covariances(momentum, n_batches):
    found = module.epoch_factor(momentum, n_batches)
    assert found == pytest.approx(brute_epoch_variance(momentum, n_batches), rel=1e-9)
    assert abs(module.epoch_factor(momentum + 0.02, n_batches) - found) > 1e-5
    assert found == pytest.approx(1.0) if momentum == 0 else found < 0.95


def test_lags_are_those_of_slow_cooling_and_of_the_recursion(monkeypatch):
    slow = dataclasses.replace(module.Config(), n_steps=60_000)
    fast = dataclasses.replace(module.Config(), n_steps=3_000)
    low, high = module._lags(slow, 10.0)
    assert np.all(low[:-6] > 0.99)
    assert np.all(high[:-6] < 1.02)
    assert module._lags(fast, 10.0)[1].max() > 1.05
    monkeypatch.setattr(module, "CoolingMomentum", lambda **_: lambda n: np.full(np.shape(n), 0.99))
    low, high = module._lags(fast, 10.0)
    stiff = 1 / (1 - fast.learning_rate * 10.0 / 4)
    np.testing.assert_allclose(low, 1.0, rtol=1e-4)
    np.testing.assert_allclose(high, stiff, rtol=1e-9)
