"""Networks over tensors: the numbers of `Network` to 1e-12, whatever its choices."""

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.potentials.architecture import ACTIVATIONS, LOSSES
from langevin_lab.potentials.gradient_noise import drawn_gradient

torch = pytest.importorskip("torch")
from langevin_lab.pytorch import network_functions, tensor_functions  # noqa: E402

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
    x, functions = points(U), tensor_functions(U)
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
    found = tensor_functions(U).batch_gradient(torch.from_numpy(x), torch.from_numpy(indices))
    expected = drawn_gradient(U, x, indices=indices)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_gradient_is_the_derivative_that_torch_finds(activation):
    U = network("cross_entropy", activation, weight_decay=0.1)
    functions = tensor_functions(U)
    x = torch.from_numpy(points(U)).requires_grad_()
    functions.energy(x).sum().backward()
    np.testing.assert_allclose(functions.gradient(x.detach()), x.grad, rtol=1e-11, atol=1e-13)


def test_axes_of_points_may_lie_anywhere():
    U = network("binary_cross_entropy", batch_size=4)
    x, functions = torch.from_numpy(points(U, 6)), tensor_functions(U)
    indices = torch.from_numpy(RNG.integers(0, 23, (6, 4)))
    drawn, block = functions.batch_gradient(x, indices), x.view(2, 3, -1)
    torch.testing.assert_close(functions.energy(x.mT, axis=0), functions.energy(x))
    torch.testing.assert_close(functions.gradient(x.mT, axis=0), functions.gradient(x).mT)
    torch.testing.assert_close(functions.gradient(block), functions.gradient(x).view(block.shape))
    found = functions.batch_gradient(block, indices.view(2, 3, 4))
    torch.testing.assert_close(found, drawn.view(block.shape))
    torch.testing.assert_close(functions.batch_gradient(x[0], indices[0]), drawn[0])


@pytest.mark.parametrize("loss", LOSSES)
def test_the_hessian_follows_from_the_energy(loss):
    U = network(loss, "tanh", (4,), weight_decay=0.1)
    x = points(U, 2, scale=1.0)
    found = tensor_functions(U).hessian(torch.from_numpy(x))
    np.testing.assert_allclose(found, U.hessian(x), rtol=1e-10, atol=1e-12)


def test_columns_of_replicas_give_the_same_as_rows():
    U = network(batch_size=4)
    x, indices = torch.from_numpy(points(U)), torch.from_numpy(RNG.integers(0, 23, (6, 4)))
    functions, columns = tensor_functions(U), x.mT.contiguous().mT
    assert not columns.is_contiguous()
    torch.testing.assert_close(functions.gradient(columns), functions.gradient(x))
    torch.testing.assert_close(
        functions.batch_gradient(columns, indices), functions.batch_gradient(x, indices)
    )


def test_replicas_worked_through_in_pieces_do_not_notice(monkeypatch):
    U = network("cross_entropy")
    x, functions = torch.from_numpy(points(U, 11)), tensor_functions(U)
    indices, inputs = torch.from_numpy(RNG.integers(0, 23, (11, 4))), torch.from_numpy(INPUTS)

    def everything():
        drawn = functions.batch_gradient(x, indices)
        return functions.energy(x), functions.gradient(x), drawn, functions.outputs(x, inputs)

    whole = everything()
    monkeypatch.setattr(network_functions, "_ON_CPU", 3 * 23 * 5)
    torch.testing.assert_close(everything(), whole, rtol=1e-13, atol=1e-14)


def test_large_outputs_overflow_nowhere():
    for loss in LOSSES:
        U = network(loss, "softplus")
        x = torch.from_numpy(points(U, scale=1e3))
        functions = tensor_functions(U)
        assert torch.isfinite(functions.energy(x)).all()
        expected = U.gradient(x.numpy())
        np.testing.assert_allclose(functions.gradient(x), expected, rtol=1e-11, atol=1e-9)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-6), (torch.bfloat16, 0.05)])
def test_lower_precision_rounds(dtype, tolerance):
    U = network("binary_cross_entropy", batch_size=5)
    x, indices = points(U, scale=1.0), RNG.integers(0, 23, (6, 5))
    functions = tensor_functions(U, dtype=dtype)
    found = functions.batch_gradient(torch.tensor(x, dtype=dtype), torch.from_numpy(indices))
    assert found.dtype == dtype
    error = np.abs(found.double().numpy() - drawn_gradient(U, x, indices=indices)).max()
    scale = np.abs(U.gradient(x)).max()
    assert 0.001 * tolerance * scale < error < tolerance * scale
