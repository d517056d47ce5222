"""Streaming PCA: the mean increment is Oja's field, its second moments those of Gaussian data."""

import numpy as np
import pytest
from z_test import assert_agrees, assert_refutes

import langevin_lab as ll
from langevin_lab.momentum import StreamingPCA

VARIANCES = np.array([4.0, 3.0, 2.0, 1.0])


def pca(learning_rate=1.0, momentum=0.0):
    return StreamingPCA(learning_rate=learning_rate, momentum=momentum, variances=tuple(VARIANCES))


def simulated(method, start, n_steps=1, n_replicas=8, **options):
    options = {"seed": 3, "start": start} | options
    return ll.simulate(method.potential, method, n_steps=n_steps, n_replicas=n_replicas, **options)


def test_step_is_oja_s_rule_with_momentum():
    method = pca(0.1, 0.7).method()
    rng = np.random.default_rng(0)
    v, p, normals = rng.normal(size=(3, 6, 4))
    descent = ll.momentum.Descent(pca().potential, pca(0.1, 0.7))
    state = method.step(
        {"x": v, "p": p}, normals[None], method.coefficients(descent, 1.0), lambda x: 1 / 0
    )
    for row in range(6):
        data = np.sqrt(VARIANCES) * normals[row]
        projector = np.eye(4) - np.outer(v[row], v[row])
        expected = 0.7 * p[row] + 0.1 * projector @ np.outer(data, data) @ v[row]
        np.testing.assert_allclose(state["p"][row], expected, rtol=0, atol=1e-13)
        np.testing.assert_allclose(state["x"][row], v[row] + expected, rtol=0, atol=1e-13)


def test_potential_is_minus_half_the_variance_along_v():
    v = np.array([0.3, -0.2, 0.5, 1.0])
    assert pca().potential.energy(v) == pytest.approx(-0.5 * v @ np.diag(VARIANCES) @ v)
    np.testing.assert_allclose(pca().potential.gradient(v), -VARIANCES * v)


@pytest.mark.slow
@pytest.mark.parametrize("v", [[0.5, 0.5, 0.5, 0.5], [0.9, -0.1, 0.6, 0.2]], ids=["unit", "long"])
def test_mean_increment_is_oja_s_field(v):
    n, v = 1_000_000, np.array(v)
    increments = simulated(pca(), v, n_replicas=n)["x_final"].values - v
    field = VARIANCES * v - (v @ (VARIANCES * v)) * v
    for i in range(4):
        sample, expected = increments[:, i], field[i]
        stderr = sample.std() / np.sqrt(n)
        assert_agrees(sample.mean(), stderr, expected, n, f"field along {i}")
    largest = np.abs(field).argmax()
    sample = increments[:, largest]
    stderr = sample.std() / np.sqrt(n)
    assert_refutes(sample.mean(), stderr, 1.05 * field[largest], n, "5 % more")


@pytest.mark.slow
@pytest.mark.parametrize("j", [0, 1])
def test_second_moments_at_an_eigenvector_are_products_of_variances(j):
    """alpha_ij^2 = E[(X_i X_j)^2] = lam_i lam_j, and 0 along the eigenvector itself."""
    n = 1_000_000
    increments = simulated(pca(), np.eye(4)[j], n_replicas=n)["p_final"].values
    assert np.abs(increments[:, j]).max() < 1e-12
    for i in {0, 1, 2, 3} - {j}:
        squares = increments[:, i] ** 2
        stderr, expected = squares.std() / np.sqrt(n), VARIANCES[i] * VARIANCES[j]
        assert_agrees(squares.mean(), stderr, expected, n, f"alpha^2 of {i}, {j}")
        assert_refutes(squares.mean(), stderr, 1.03 * expected, n, "3 % more")


@pytest.mark.slow
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_variances_about_the_first_eigenvector(momentum):
    """eta alpha_1i^2/(2 (1 - mu)(lam_1 - lam_i)) within 5 %, at an effective rate of 5e-3."""
    eta = 5e-3 * (1 - momentum)
    run = simulated(
        pca(eta, momentum), np.eye(4)[0], n_steps=60_000, n_replicas=2048, save_every=1500
    )
    samples = run["x"].values[4:]
    expected = eta * VARIANCES[0] * VARIANCES[1:] / (2 * (1 - momentum))
    expected = expected / (VARIANCES[0] - VARIANCES[1:])
    observed = (samples[..., 1:] ** 2).mean(axis=(0, 1))
    print(observed, expected)
    np.testing.assert_allclose(observed / (samples**2).sum(axis=-1).mean(), expected, rtol=0.05)


@pytest.mark.slow
def test_bits_do_not_depend_on_threads_chunks_ranges_or_interruptions():
    start = np.random.default_rng(2).normal(size=(700, 4)) / 2
    whole = simulated(pca(0.01, 0.5), start, 50, 700, n_threads=1)
    for options in ({"n_threads": 2, "chunk_size": 7}, {"chunk_size": 1}):
        again = simulated(pca(0.01, 0.5), start, 50, 700, **options)
        np.testing.assert_array_equal(again["x_final"], whole["x_final"])
    part = simulated(pca(0.01, 0.5), start[600:], 50, 100, first_replica=600)
    np.testing.assert_array_equal(part["x_final"], whole["x_final"][600:])
    begun = simulated(pca(0.01, 0.5), start, 21, 700)
    ended = simulated(pca(0.01, 0.5), None, 29, 700, continue_from=begun)
    np.testing.assert_array_equal(ended["x_final"], whole["x_final"])


@pytest.mark.parametrize(
    ("variances", "kind", "message"),
    [
        ((1.0,), ValueError, r"variances=\(1\.0,\) must be two or more, and not all of them 0"),
        ((0.0, 0.0), ValueError, r"variances=\(0\.0, 0\.0\) must be two or more, and not all"),
        ((1.0, -2.0), ValueError, r"variances=-2\.0 must be a finite number >= 0"),
        ((1.0, np.nan), ValueError, "variances=nan must be a finite number >= 0"),
        ((1.0, "2"), TypeError, "variances='2' must be a number"),
        ("ab", TypeError, "variances='ab' must be a sequence of numbers"),
        (3.0, TypeError, r"variances=3\.0 must be a sequence of numbers"),
        (np.eye(2), TypeError, r"(?s)variances=array\(.* must be a sequence of numbers"),
    ],
)
def test_variances_must_be_numbers(variances, kind, message):
    with pytest.raises(kind, match=message):
        StreamingPCA(learning_rate=0.1, momentum=0.5, variances=variances)


def test_variances_may_be_an_array():
    method = StreamingPCA(learning_rate=0.1, momentum=0.5, variances=np.array([2, 1]))
    assert method.variances == (2.0, 1.0)
    assert np.isnan(method.stability_limit)
