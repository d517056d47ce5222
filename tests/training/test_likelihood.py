"""Posterior temperatures: likelihood and prior by hand, and sampled against quadrature."""

import math

import numpy as np
import pytest
from z_test import assert_agrees, assert_refutes

import langevin_lab as ll
from langevin_lab.training import posterior_temperature, prior_variance, steps_per_epoch

RNG = np.random.default_rng(3)
INPUTS = RNG.normal(size=(12, 2))
X = RNG.normal(size=40)


def network(loss, targets, **options):
    options = {"hidden": (), "weight_decay": 0.05} | options
    return ll.potentials.multilayer_perceptron(INPUTS, targets, loss=loss, **options)


def log_posterior(loss, f, targets, variance):
    """Log likelihood of independent examples, written down by hand."""
    if loss == "mean_square":
        return -np.sum((targets - f) ** 2) / (2 * variance)
    if loss == "binary_cross_entropy":
        chance = 1 / (1 + np.exp(-f))
        return np.sum(np.log(np.where(targets == 1, chance, 1 - chance)))
    chance = np.exp(f) / np.exp(f).sum(axis=1, keepdims=True)
    return np.sum(np.log(chance[np.arange(len(f)), targets]))


@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        ("mean_square", RNG.normal(size=(12, 3))),
        ("binary_cross_entropy", RNG.integers(0, 2, (12, 3))),
        ("cross_entropy", np.arange(12) % 3),
    ],
)
@pytest.mark.parametrize("batch_size", [None, 4])
def test_energy_over_temperature_is_minus_the_log_posterior(loss, targets, batch_size):
    variance = 0.3 if loss == "mean_square" else None
    model = network(loss, targets, batch_size=batch_size)
    points = RNG.normal(size=(4, model.dim))
    T = posterior_temperature(model, target_variance=variance)
    prior = prior_variance(model, target_variance=variance)
    expected = [
        log_posterior(loss, model.outputs(x, INPUTS), targets, variance) - x @ x / (2 * prior)
        for x in points
    ]
    np.testing.assert_allclose(-model.energy(points) / T, expected, rtol=1e-12)


def test_no_weight_decay_is_a_flat_prior():
    assert prior_variance(network("cross_entropy", np.arange(12) % 3, weight_decay=0.0)) == math.inf


def test_steps_of_an_epoch():
    def steps(batch_size):
        return steps_per_epoch(network("mean_square", X[:12], batch_size=batch_size))

    assert [steps(size) for size in (None, 12, 6, 5, 1)] == [1, 1, 2, 3, 12]


def test_wrong_arguments():
    with pytest.raises(TypeError, match=r"HarmonicWell|harmonic.* is no network: give what"):
        posterior_temperature(ll.potentials.harmonic())
    with pytest.raises(ValueError, match=r"target_variance is missing"):
        posterior_temperature(network("mean_square", X[:12]))
    with pytest.raises(ValueError, match=r"target_variance=-1.0 must be a finite number > 0"):
        posterior_temperature(network("mean_square", X[:12]), target_variance=-1.0)
    with pytest.raises(ValueError, match=r"target_variance=1.0 belongs to the loss mean_square"):
        posterior_temperature(network("cross_entropy", np.arange(12) % 3), target_variance=1.0)


# Logistic regression with one input and a bias: two parameters, so quadrature is exact.
SLOPE = np.linspace(-2.0, 2.0, 15)
LABELS = (np.sin(2.3 * np.arange(15)) + SLOPE > 0).astype(int)
N_CHAINS = 1200


def logistic_regression():
    return ll.potentials.multilayer_perceptron(
        SLOPE, LABELS, hidden=(), loss="binary_cross_entropy", weight_decay=1 / 15 / 4.0
    )


def posterior_moments():
    """<w>, <b>, <w^2>, <b^2> under 15 Bernoulli likelihoods and the prior N(0, 4), on a grid."""
    w, b = np.meshgrid(np.linspace(-6, 9, 601), np.linspace(-6, 6, 481), indexing="ij")
    z = w[..., None] * SLOPE + b[..., None]
    log_density = np.sum(LABELS * z - np.log1p(np.exp(z)), axis=-1) - (w**2 + b**2) / 8
    density = np.exp(log_density - log_density.max())
    density /= density.sum()
    return [float((density * f).sum()) for f in (w, b, w**2, b**2)]


def sampled(dynamics, method, dt, n_steps, n_chains):
    """Chains of numpy steps; means over time of w, b, w^2, b^2, one row a chain."""
    step = ll.integrators.method(method, equation=dynamics.equation)
    rng = np.random.default_rng(7)
    potential, program = dynamics.potential, step.program
    coefficients = step.coefficients(dynamics, dt)
    x = np.tile([2.7, -0.3], (n_chains, 1))
    state = {"x": x, "p": rng.normal(size=x.shape) * np.sqrt(dynamics.temperature)}
    state |= {"g": potential.gradient(x), "r": rng.normal(size=x.shape)}
    total = np.zeros((n_chains, 4))
    for index in range(n_steps):
        normals = rng.normal(size=(program.n_normals, *x.shape))
        state |= program.run(state, normals, coefficients, potential.gradient)
        if index >= n_steps // 10:
            total += np.concatenate([state["x"], state["x"] ** 2], axis=1)
    return total / (n_steps - n_steps // 10)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["BAOAB", "SGHMC", "SGLD"])
def test_samplers_give_the_posterior_of_logistic_regression(name):
    """At T = 1/n: mean and second moment of both parameters; 4 % more temperature is noticed."""
    model = logistic_regression()
    expected = posterior_moments()

    def run(factor):
        T = factor * posterior_temperature(model)
        if name == "SGLD":
            made, dt = ll.dynamics.sgld(model, temperature=T), 0.1
        elif name == "SGHMC":
            made, dt = ll.dynamics.sghmc(model, temperature=T, friction=0.7), 0.15
        else:
            made, dt = (ll.Langevin(model, temperature=T, friction=0.7), "BAOAB"), 0.5
        return sampled(*made, dt, 6000 if name == "SGLD" else 3000, N_CHAINS)

    means = run(1.0)
    errors = means.std(axis=0, ddof=1) / N_CHAINS**0.5
    for label, *row in zip(("w", "b", "w^2", "b^2"), means.mean(axis=0), errors, expected):
        assert_agrees(*row, n=N_CHAINS, label=f"{name} {label}")
    hot = run(1.04)
    assert_refutes(
        hot[:, 3].mean(), hot[:, 3].std(ddof=1) / N_CHAINS**0.5, expected[3], N_CHAINS, "4 % hotter"
    )
