"""Networks over tensors: the numbers of `Network` to 1e-12, whatever its choices."""

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.potentials.architecture import ACTIVATIONS, LOSSES
from langevin_lab.potentials.gradient_noise import drawn_gradient

torch = pytest.importorskip("torch")
from langevin_lab.pytorch import network_functions  # noqa: E402
from langevin_lab.pytorch.network_functions import NetworkFunctions  # noqa: E402

RNG = np.random.default_rng(3)
INPUTS = RNG.normal(size=(23, 3))
TARGETS = {
    "mean_square": RNG.normal(size=(23, 2)),
    "binary_cross_entropy": RNG.random(size=(23, 2)),
    "cross_entropy": np.arange(23) % 4,
}


def network(loss="mean_square", activation="tanh", hidden=(5, 4), **more):
    return ll.potentials.multilayer_perceptron(
        INPUTS, TARGETS[loss], hidden=hidden, activation=activation, loss=loss, **more
    )


def points(potential, n=6, scale=3.0):
    return scale * potential.start(seed=2, n_replicas=n)


@pytest.mark.parametrize("hidden", [(), (6,), (5, 4)])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_energy_gradient_and_outputs_are_those_of_the_network(activation, loss, hidden):
    U = network(loss, activation, hidden, weight_decay=0.3)
    x, functions = points(U), NetworkFunctions(U)
    tensor = torch.from_numpy(x)
    np.testing.assert_allclose(functions.energy(tensor), U.energy(x), rtol=1e-12)
    np.testing.assert_allclose(functions.gradient(tensor), U.gradient(x), rtol=1e-12, atol=1e-13)
    outputs = functions.outputs(tensor, torch.from_numpy(INPUTS))
    np.testing.assert_allclose(outputs, U.outputs(x, INPUTS), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_of_drawn_examples_are_those_of_the_network(loss):
    U = network(loss, "swish", weight_decay=0.2, batch_size=5)
    x, indices = points(U), RNG.integers(0, 23, (6, 5))
    indices[0] = indices[0, 0]  # an example may be drawn again
    found = NetworkFunctions(U).gradient(torch.from_numpy(x), torch.from_numpy(indices))
    expected = drawn_gradient(U, x, indices=indices)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_gradient_is_the_derivative_that_torch_finds(activation):
    U = network("cross_entropy", activation, weight_decay=0.1)
    functions = NetworkFunctions(U)
    x = torch.from_numpy(points(U)).requires_grad_()
    functions.energy(x).sum().backward()
    np.testing.assert_allclose(functions.gradient(x.detach()), x.grad, rtol=1e-11, atol=1e-13)


def test_columns_of_replicas_give_the_same_as_rows():
    U = network(batch_size=4)
    x, indices = torch.from_numpy(points(U)), torch.from_numpy(RNG.integers(0, 23, (6, 4)))
    functions, columns = NetworkFunctions(U), x.mT.contiguous().mT
    assert not columns.is_contiguous()
    torch.testing.assert_close(functions.gradient(columns), functions.gradient(x))
    torch.testing.assert_close(functions.gradient(columns, indices), functions.gradient(x, indices))


def test_replicas_worked_through_in_pieces_do_not_notice(monkeypatch):
    U = network("cross_entropy")
    x, functions = torch.from_numpy(points(U, 11)), NetworkFunctions(U)
    indices, inputs = torch.from_numpy(RNG.integers(0, 23, (11, 4))), torch.from_numpy(INPUTS)

    def everything():
        drawn = functions.gradient(x, indices)
        return functions.energy(x), functions.gradient(x), drawn, functions.outputs(x, inputs)

    whole = everything()
    monkeypatch.setattr(network_functions, "_ON_CPU", 3 * 23 * 5)
    torch.testing.assert_close(everything(), whole, rtol=1e-13, atol=1e-14)


def test_large_outputs_overflow_nowhere():
    for loss in LOSSES:
        U = network(loss, "softplus")
        x = torch.from_numpy(points(U, scale=1e3))
        functions = NetworkFunctions(U)
        assert torch.isfinite(functions.energy(x)).all()
        expected = U.gradient(x.numpy())
        np.testing.assert_allclose(functions.gradient(x), expected, rtol=1e-11, atol=1e-9)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-6), (torch.bfloat16, 0.05)])
def test_lower_precision_rounds_and_gives_back_the_type_of_the_points(dtype, tolerance):
    U = network("binary_cross_entropy", batch_size=5)
    x, indices = points(U, scale=1.0), RNG.integers(0, 23, (6, 5))
    functions = NetworkFunctions(U, dtype=dtype)
    found = functions.gradient(torch.tensor(x, dtype=torch.float32), torch.from_numpy(indices))
    assert found.dtype == torch.float32
    error = np.abs(found.numpy() - drawn_gradient(U, x, indices=indices)).max()
    scale = np.abs(U.gradient(x)).max()
    assert 0.001 * tolerance * scale < error < tolerance * scale
