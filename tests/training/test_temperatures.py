"""Temperatures by block on exact samples of a linear model's Gibbs law, and what is refused."""

import numpy as np
import pytest
from z_test import assert_agrees, assert_refutes

import langevin_lab as ll
from langevin_lab.training import configurational_temperature, kinetic_temperature

TEMPERATURE = 0.3


def linear_model(batch_size=None):
    """A quadratic loss with a minimum off the origin and curvatures that couple the blocks."""
    rng = np.random.default_rng(1)
    return ll.potentials.multilayer_perceptron(
        rng.normal(size=(20, 3)), rng.normal(size=(20, 2)) + 1.0, hidden=(), weight_decay=0.1,
        batch_size=batch_size, replacement=batch_size is not None,
    )  # fmt: skip


def gibbs(potential, shape, seed=2):
    """Exact samples of exp(-U/T) of a quadratic: minimum plus normals of covariance T/H."""
    zero = np.zeros(potential.dim)
    matrix = potential.hessian(zero)
    minimum = -np.linalg.solve(matrix, potential.gradient(zero))
    factor = np.linalg.cholesky(TEMPERATURE * np.linalg.inv(matrix))
    normals = np.random.default_rng(seed).normal(size=(*shape, potential.dim))
    return minimum + normals @ factor.T


def assert_is_the_temperature(found):
    for name, estimate in found.items():
        assert_agrees(estimate.value, estimate.stderr, TEMPERATURE, estimate.n_eff, name)
        assert_refutes(estimate.value, estimate.stderr, 1.05 * TEMPERATURE, estimate.n_eff, name)


@pytest.mark.parametrize("batch_size", [None, 2])
@pytest.mark.parametrize("form", ["virial", "laplacian"])
def test_configurational_temperature_of_every_block(form, batch_size):
    """That of the full gradient, also of a network that trains on batches of two."""
    potential = linear_model(batch_size)
    x = gibbs(potential, (100, 600))
    found = configurational_temperature(potential, x, form=form)
    assert set(found) == {"layer_1", "weights_1", "biases_1"}
    assert_is_the_temperature(found)


def test_virial_does_not_depend_on_the_centre_but_its_error_does():
    potential = linear_model()
    x = gibbs(potential, (100, 400))
    far = configurational_temperature(potential, x, centre=-3.0, blocks="weights_1")
    near = configurational_temperature(potential, x, centre=x.mean(axis=(0, 1)), blocks="weights_1")
    assert_agrees(far["weights_1"].value, far["weights_1"].stderr, TEMPERATURE)
    assert_is_the_temperature(near)
    assert near["weights_1"].stderr < 0.7 * far["weights_1"].stderr


def test_a_drawn_gradient_would_be_too_hot():
    """Why the full gradient is taken: the noise of a batch adds to the square."""
    potential = linear_model(batch_size=2)
    x = gibbs(potential, (2000,))
    indices = np.random.default_rng(3).integers(0, 20, (2000, 2))
    drawn = ll.potentials.drawn_gradient(potential, x, indices=indices)
    trace = np.trace(potential.hessian(x[0]))
    square = np.sum(drawn**2, axis=-1).mean()
    assert square / trace > 1.5 * TEMPERATURE
    full = configurational_temperature(potential, x, form="laplacian", blocks="layer_1")["layer_1"]
    assert_agrees(full.value, full.stderr, TEMPERATURE, 2000)


def test_kinetic_temperature_of_blocks_and_masses():
    potential = linear_model()
    masses = np.linspace(0.5, 3.0, potential.dim)
    p = np.random.default_rng(4).normal(size=(20, 900, potential.dim)) * np.sqrt(masses)
    p[..., :6] *= np.sqrt(TEMPERATURE)
    p[..., 6:] *= np.sqrt(2 * TEMPERATURE)
    found = kinetic_temperature(potential, p, blocks=("weights_1", "biases_1"), mass=masses)
    assert_is_the_temperature({"weights_1": found["weights_1"]})
    assert_agrees(found["biases_1"].value, found["biases_1"].stderr, 2 * TEMPERATURE)
    assert_refutes(found["biases_1"].value, found["biases_1"].stderr, 1.9 * TEMPERATURE)
    means = np.mean(p**2 / masses, axis=0)[:, 6:].mean(axis=-1)
    assert found["biases_1"].value == pytest.approx(means.mean(), rel=1e-12)
    assert found["biases_1"].stderr == pytest.approx(means.std(ddof=1) / 30, rel=1e-12)


def test_blocks_are_named_in_every_way():
    potential = linear_model()
    p = np.random.default_rng(5).normal(size=(4, potential.dim))
    found = kinetic_temperature(
        potential, p, blocks={"a": slice(0, 2), "b": ("weights_1", "b1_0"), "c": 7}
    )
    square = (p**2).mean(axis=0)
    for name, expected in (("a", square[:2]), ("b", square[:7]), ("c", square[7])):
        assert found[name].value == pytest.approx(np.mean(expected), rel=1e-12)
    plain = ll.potentials.harmonic(dim=3)
    assert list(kinetic_temperature(plain, np.ones((2, 3)))) == ["all"]
    assert list(kinetic_temperature(plain, np.ones((2, 3)), blocks="y")) == ["y"]


def network(activation="tanh", weight_decay=0.1):
    return ll.potentials.multilayer_perceptron(
        [[0.0], [1.0]], [0.0, 1.0], hidden=(2,), activation=activation, weight_decay=weight_decay
    )


def test_wrong_arguments_are_refused():
    potential = network()
    x = potential.start(seed=1, n_replicas=3)
    with pytest.raises(ValueError, match=r"p of shape \(7,\) must be \(..., n_replicas, dim\)"):
        kinetic_temperature(potential, x[0])
    with pytest.raises(ValueError, match="1 states of x are not finite: leave diverged"):
        configurational_temperature(potential, np.where(np.arange(3)[:, None] == 1, np.inf, x))
    with pytest.raises(ValueError, match="mass=-1 must be positive"):
        kinetic_temperature(potential, x, mass=-1.0)
    with pytest.raises(TypeError, match="'layer_9' is no index and none of"):
        kinetic_temperature(potential, x, blocks=("layer_9",))
    with pytest.raises(TypeError, match="blocks=3 must be names, or a mapping"):
        kinetic_temperature(potential, x, blocks=3)
    with pytest.raises(ValueError, match="blocks are none: name one"):
        kinetic_temperature(potential, x, blocks=())
    with pytest.raises(ValueError, match="form='heat' must be 'virial' or 'laplacian'"):
        configurational_temperature(potential, x, form="heat")


def test_forms_that_show_no_temperature_are_refused():
    x = network().start(seed=1, n_replicas=3)
    with pytest.raises(ValueError, match="weight_decay=0, so its loss does not confine"):
        configurational_temperature(network(weight_decay=0.0), x)
    with pytest.raises(ValueError, match="form='laplacian' misses the curvature at the kinks"):
        configurational_temperature(network("relu"), x, form="laplacian")
    assert configurational_temperature(network("relu"), x)["layer_1"].stderr > 0
    assert configurational_temperature(network(weight_decay=0.0), x, form="laplacian")
