"""Ends, trace and density of the Hessian's spectrum, against the whole matrix."""

import numpy as np
import pytest
from z_test import assert_agrees, assert_refutes

import langevin_lab as ll
from langevin_lab.training import hessian_trace, sharpness, spectral_density

rng = np.random.default_rng(2)
INPUTS = rng.normal(size=(30, 5))


def network(loss="cross_entropy", hidden=(9,), **options):
    """Of 84 coordinates, more than those whose matrix is made."""
    targets = np.arange(30) % 3 if loss == "cross_entropy" else rng.normal(size=(30, 3))
    return ll.potentials.multilayer_perceptron(
        INPUTS, targets, hidden=hidden, loss=loss, activation="tanh", **options
    )


def points(potential, n=2):
    return 3.0 * potential.start(seed=1, n_replicas=n)


@pytest.mark.parametrize("hidden", [(9,), (2,)])
def test_both_ends_are_those_of_the_matrix(hidden):
    potential = network(hidden=hidden)
    x = points(potential)
    found = sharpness(potential, x, n_largest=3, n_smallest=2, tolerance=1e-10)
    values, vectors = np.linalg.eigh(potential.hessian(x))
    scale = values[:, -1:]
    np.testing.assert_allclose(found.largest.values, values[:, :-4:-1], rtol=1e-9)
    np.testing.assert_allclose(found.smallest.values, values[:, :2], atol=1e-9 * scale.max())
    overlaps = np.sum(found.largest.vectors * vectors.swapaxes(-1, -2)[:, :-4:-1], axis=-1)
    np.testing.assert_allclose(abs(overlaps), 1, atol=1e-6)
    np.testing.assert_array_equal(found.value, found.largest.values[:, 0])
    assert found.residual.shape == (2,)
    assert (
        np.take_along_axis(
            found.largest.vectors, abs(found.largest.vectors).argmax(-1)[..., None], -1
        )
        > 0
    ).all()


@pytest.mark.parametrize("tolerance", [1e-1, 1e-3])
def test_an_eigenvalue_lies_within_the_residual(tolerance):
    potential = network()
    x = points(potential)
    found = sharpness(potential, x, n_largest=2, tolerance=tolerance)
    values = np.linalg.eigvalsh(potential.hessian(x))
    distances = abs(values[:, None] - found.largest.values[..., None]).min(axis=-1)
    assert (distances <= found.largest.residuals + 1e-13).all()
    assert (found.largest.residuals > 0).all()
    v, value = found.largest.vectors[0, 0], found.largest.values[0, 0]
    residual = np.linalg.norm(potential.hessian(x[0]) @ v - value * v)
    assert found.largest.residuals[0, 0] == pytest.approx(residual, rel=1e-9)


def test_sharpness_of_a_linear_model_is_that_of_its_inputs():
    """Of the mean square of k outputs: 2/(k n) sum of a a^T, with the 1 that a bias sees."""
    n_inputs, k = 60, 2
    inputs = rng.normal(size=(200, n_inputs))
    model = ll.potentials.multilayer_perceptron(
        inputs, rng.normal(size=(200, k)), hidden=(), weight_decay=0.25
    )
    rows = np.column_stack([inputs, np.ones(200)])
    expected = 2 / (k * 200) * np.linalg.svd(rows)[1][0] ** 2 + 0.25
    found = sharpness(model, np.zeros(model.dim), tolerance=1e-10)
    assert float(found.value) == pytest.approx(expected, rel=1e-9)
    assert found.value.shape == ()
    test_data = model.with_data(2 * inputs, rng.normal(size=(200, k)))
    assert sharpness(test_data, np.zeros(model.dim)).value > found.value


def test_flat_directions_are_found_as_smallest():
    """1000 coordinates of curvature 0 but one: a tolerance relative to 0 would never be reached."""
    inputs = np.zeros((4, 500))
    inputs[:, 0] = 1.0
    model = ll.potentials.multilayer_perceptron(inputs, np.zeros(4), hidden=())
    found = sharpness(model, np.zeros(501), n_smallest=1)
    assert float(found.value) == pytest.approx(4.0, rel=1e-9)  # 2 (1 + 1), weight and bias
    assert abs(float(found.smallest.values[0])) < 1e-5


def test_trace_is_that_of_the_matrix():
    potential = network()
    x = points(potential)
    found = hessian_trace(potential, x, n_probes=400, seed=3)
    traces = np.trace(potential.hessian(x), axis1=-2, axis2=-1)
    for k, trace in enumerate(traces):
        assert_agrees(found.value[k], found.stderr[k], trace, found.n)
        assert_refutes(found.value[k], found.stderr[k], 1.5 * trace, found.n)
        assert found.estimate(k).value == found.value[k]
    matrix = potential.hessian(x[0])
    spread = np.sqrt(2 * (np.sum(matrix**2) - np.sum(np.diag(matrix) ** 2)) / 400)
    assert found.stderr[0] == pytest.approx(spread, rel=0.2)
    diagonal = ll.potentials.harmonic(stiffness=(1.0, 2.0, 4.0))
    exact = hessian_trace(diagonal, np.zeros(3), n_probes=2)
    assert (float(exact.value), float(exact.stderr)) == (7.0, 0.0)


def test_quadrature_is_exact_for_polynomials_along_each_direction():
    potential = network()
    x = points(potential)
    found = spectral_density(potential, x, n_probes=3, n_steps=6, seed=4)
    np.testing.assert_allclose(found.weights.sum(axis=-1), 1, rtol=1e-12)
    signs = 2.0 * np.random.default_rng(4).integers(0, 2, (3, potential.dim)) - 1.0
    v = signs / np.sqrt(potential.dim)
    for k in range(2):
        matrix = potential.hessian(x[k])
        scale = np.linalg.eigvalsh(matrix)[-1]
        for power in (1, 2, 5, 11):  # up to 2 n_steps - 1
            exact = np.sum(v * (v @ np.linalg.matrix_power(matrix / scale, power)), axis=-1)
            ours = np.sum(found.weights[k] * (found.nodes[k] / scale) ** power, axis=-1)
            np.testing.assert_allclose(ours, exact, rtol=1e-10)


def test_all_steps_give_the_eigenvalues_themselves():
    potential = network(hidden=(2,))
    x = points(potential)[0]
    found = spectral_density(potential, x, n_probes=2, n_steps=1000)
    values = np.linalg.eigvalsh(potential.hessian(x))
    assert found.nodes.shape == (2, potential.dim)
    np.testing.assert_allclose(found.nodes[0], values, atol=1e-9 * values[-1])
    mean = found.mean(lambda nodes: nodes**2)
    assert_agrees(mean.value, mean.stderr, np.mean(values**2), mean.n)


def test_density_is_that_of_the_eigenvalues():
    potential = network()
    x = points(potential)
    values = np.linalg.eigvalsh(potential.hessian(x))
    span = values.max() - values.min()
    grid, width = np.linspace(values.min() - span, values.max() + span, 401), span / 15
    found = spectral_density(potential, x, n_probes=200, n_steps=60, seed=1).density(
        grid, width=width
    )
    assert found.value.shape == (2, 401)
    bells = np.exp(-0.5 * ((grid[:, None] - values[:, None]) / width) ** 2)
    exact = bells.mean(axis=-1) / np.sqrt(2 * np.pi) / width
    seen = exact > 1e-3 / width
    z = (found.value - exact)[seen] / found.stderr[seen]
    assert abs(z).max() < 5
    assert abs((found.value - 1.1 * exact)[seen] / found.stderr[seen]).max() > 5
    np.testing.assert_allclose(np.trapezoid(found.value, grid, axis=-1), 1, rtol=1e-6)


def test_an_invariant_subspace_ends_the_iteration():
    """Two curvatures: all is known after two steps."""
    potential = ll.potentials.harmonic(stiffness=(1.0,) * 6 + (4.0,) * 2)
    found = spectral_density(potential, np.zeros(8), n_probes=4, n_steps=8)
    for function, mean in ((lambda t: t, 14 / 8), (lambda t: t**3, (6 + 2 * 64) / 8)):
        np.testing.assert_allclose(found.mean(function).value, mean, rtol=1e-12)
        np.testing.assert_allclose(found.mean(function).stderr, 0, atol=1e-12)


def test_wrong_arguments_are_refused():
    potential = network()
    x = points(potential)
    with pytest.raises(ValueError, match="sharpness: n_largest=0 must be at least 1"):
        sharpness(potential, x, n_largest=0)
    with pytest.raises(ValueError, match="n_largest=85 and n_smallest=0 must not exceed dim=84"):
        sharpness(potential, x, n_largest=85)
    with pytest.raises(ValueError, match="tolerance=0 must be positive"):
        sharpness(potential, x, tolerance=0)
    with pytest.raises(ValueError, match="sharpness: max_iterations=0 must be at least 1"):
        sharpness(potential, x, max_iterations=0)
    wide = network(hidden=(60,))
    for ends in ({"n_largest": 30}, {"n_smallest": 30}):
        with pytest.raises(
            RuntimeError, match=r"of \d+ eigenvalues reached tolerance=1e-14 in max_"
        ):
            sharpness(wide, points(wide), tolerance=1e-14, max_iterations=1, **ends)
    with pytest.raises(ValueError, match="1 points of x are not finite: leave diverged"):
        sharpness(potential, np.where(np.arange(2)[:, None] > 0, np.nan, x))
    with pytest.raises(ValueError, match="hessian_trace: n_probes=1 must be at least 2"):
        hessian_trace(potential, x, n_probes=1)
    with pytest.raises(ValueError, match="spectral_density: n_probes=1 must be at least 2"):
        spectral_density(potential, x, n_probes=1)
    with pytest.raises(ValueError, match="width=0 must be positive"):
        spectral_density(potential, x, n_steps=2).density([0.0], width=0)
    with pytest.raises(ValueError, match=r"index \(\) leaves values of shape \(2,\): name one"):
        hessian_trace(potential, x).estimate()
