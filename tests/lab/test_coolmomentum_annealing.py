"""Parts of the CoolMomentum experiment that nothing is sampled in, each by a second way."""

import dataclasses

import numpy as np
import pytest
from shipped import experiment

import langevin_lab as ll
from langevin_lab.momentum import CoolMomentum
from langevin_lab.potentials import drawn_gradient

module = experiment("coolmomentum_annealing")


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


def test_variance_of_examples_is_that_of_gradients_of_one():
    config = dataclasses.replace(module.Config(), batch_size=1)
    network, _, _ = module._network(config, weight_decay=0.1)
    x = network.start(seed=1, n_replicas=2)
    found = module.example_variance(network, x)
    every = np.arange(network.data.n_examples)[:, None]
    for row, value in zip(x, found):
        gradients = drawn_gradient(network, np.broadcast_to(row, (len(every), x.shape[1])),
                                   indices=every)  # fmt: skip
        assert value == pytest.approx(gradients.var(axis=0).mean(), rel=1e-9)


def test_scheme_of_the_hops_is_coolmomentum():
    """SGHMC's step with the dictionary's constants moves x as CoolMomentum does, noise included."""
    cool, T, well = CoolMomentum(learning_rate=0.01, momentum=0.8), 0.2, ll.potentials.double_well()
    noise = module._noise(cool, T)
    reading = ll.limits.to_langevin(cool, convention="SemiImplicitEuler", gradient_noise=noise)
    scheme = ll.integrators.method("SemiImplicitEuler")
    values = scheme.coefficients(reading.dynamics(well), reading.dt)
    normals = np.random.default_rng(1).standard_normal((30, 1, 1))
    state, x, step = {"x": np.array([[0.3]]), "p": np.zeros((1, 1))}, 0.3, 0.0
    for normal in normals:
        state = scheme.step(state, normal[None], values, well.gradient)
        drawn = well.gradient(np.array([x]))[0] - noise * normal.item()
        step = 0.8 * step - 0.01 * 1.8 / 2 * drawn
        x += step
        assert state["x"].item() == pytest.approx(x, abs=1e-13)


def test_lags_are_those_of_slow_cooling_and_of_the_recursion(monkeypatch):
    slow = dataclasses.replace(module.Config(), bath_steps=60_000)
    fast = dataclasses.replace(module.Config(), bath_steps=3_000)
    low, high = module._lags(slow, 10.0)
    assert np.all(low[:-6] > 0.99)
    assert np.all(high[:-6] < 1.02)
    assert module._lags(fast, 10.0)[1].max() > 1.05
    monkeypatch.setattr(module, "CoolingMomentum", lambda **_: lambda n: np.full(np.shape(n), 0.99))
    low, high = module._lags(fast, 10.0)
    stiff = 1 / (1 - fast.bath_rate * 10.0 / 4)
    np.testing.assert_allclose(low, 1.0, rtol=1e-4)
    np.testing.assert_allclose(high, stiff, rtol=1e-9)


def test_momenta_of_the_methods():
    for method in module.METHODS:
        momentum = module._momentum(method, 100)
        wanted = {"plain SGD": 0.0, "constant 0.9": 0.9}.get(method, 0.99)
        assert float(momentum(0)) == pytest.approx(wanted)
        assert float(momentum(100)) == pytest.approx(0.0 if method in module.FORMS else wanted)


def test_funnel_has_the_wells_that_are_counted():
    funnel = module.rough_funnel()
    centre, neighbour = np.zeros(2), np.array([0.5, 0.5])
    for point in (centre, neighbour):
        found = ll.escape.minimise(funnel, point + 0.05)
        assert np.abs(found.position - point).max() < 0.03
    assert funnel.energy(centre) < funnel.energy(neighbour) - 0.1
    assert funnel.energy(neighbour / 2) > funnel.energy(neighbour) + 0.8
    assert 0.02 * np.linalg.eigvalsh(funnel.hessian(centre)).max() < 4
