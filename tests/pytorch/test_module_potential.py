"""Modules as potentials: a network written twice agrees; what cannot be replicated is refused."""

import pickle

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.potentials.gradient_noise import drawn_gradient

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from langevin_lab.pytorch import module_potential, tensor_functions  # noqa: E402

EXAMPLES = ll.potentials.spirals(40, seed=1)
INPUTS = torch.tensor(EXAMPLES.inputs)
LABELS = torch.tensor(EXAMPLES.targets, dtype=torch.float64).reshape(-1, 1)
binary_cross_entropy = nn.functional.binary_cross_entropy_with_logits


def sequential(*between):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 6), *(between or (nn.Tanh(),)), nn.Linear(6, 1))


def potential(module=None, loss=binary_cross_entropy, targets=LABELS, **more):
    return module_potential(module or sequential(), loss, INPUTS, targets, **more)


def network(**more):
    return ll.potentials.multilayer_perceptron(
        EXAMPLES.inputs, EXAMPLES.targets, hidden=(6,), loss="binary_cross_entropy", **more
    )


def test_a_sequential_module_is_the_network_of_the_same_layers():
    U, V = potential(batch_size=5), network(batch_size=5)
    x, indices = V.start(seed=1, n_replicas=7), np.random.default_rng(1).integers(0, 40, (7, 5))
    np.testing.assert_allclose(U.energy(x), V.energy(x), rtol=1e-12)
    np.testing.assert_allclose(U.gradient(x), V.gradient(x), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(U.hessian(x[0]), V.hessian(x[0]), rtol=1e-11, atol=1e-14)
    drawn = [drawn_gradient(W, x, indices=indices) for W in (U, V)]
    np.testing.assert_allclose(*drawn, rtol=1e-12, atol=1e-14)
    assert U.gradient_noise == V.gradient_noise


def test_convolutions_and_class_numbers_agree_with_a_loop_over_replicas():
    torch.manual_seed(1)
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3)).double()
    images, classes = torch.randn(9, 1, 4, 4, dtype=torch.float64), torch.arange(9) % 3
    U = module_potential(module, nn.functional.cross_entropy, images, classes, batch_size=4)
    x, indices = U.start(seed=2, n_replicas=3), np.array([[0, 1, 2, 3], [8, 8, 7, 0], [4, 5, 6, 7]])
    expected = []
    for point, own in zip(torch.tensor(x), indices):
        nn.utils.vector_to_parameters(point, module.parameters())
        module.zero_grad()
        nn.functional.cross_entropy(module(images[own]), classes[own]).backward()
        expected.append(nn.utils.parameters_to_vector([p.grad for p in module.parameters()]))
    found = drawn_gradient(U, x, indices=indices)
    np.testing.assert_allclose(found, torch.stack(expected), rtol=1e-11, atol=1e-14)


def test_blocks_have_the_names_of_parameters_and_submodules():
    U = potential()
    assert U.blocks["0.weight"] == slice(0, 12)
    assert U.blocks["0.bias"] == slice(12, 18)
    assert U.blocks["0"] == slice(0, 18)
    assert U.blocks["2"] == slice(18, 25)
    assert U.variables[3] == "m0_weight_1_1"
    assert U.variables[-1] == "m2_bias_0"
    groups = ("0.weight", "0.bias")
    constants = {"temperature": 1e-4, "epsilon": 0.05, "applied_noise": 0.01, "friction": 0.1}
    dynamics = ll.dynamics.adlala(U, groups, **constants)
    assert [len(block.coordinates) for block in dynamics.blocks] == [12, 6, 7]


def test_fixed_parameters_buffers_and_tied_ones_are_no_coordinates():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(2, 2)
            self.second = self.first
            self.last = nn.Linear(2, 1)
            self.last.bias.requires_grad_(False)
            self.register_buffer("inputs", torch.tensor([2.0, 3.0]))

        def forward(self, x):
            return self.last(self.second(torch.tanh(self.first(x) * self.inputs)))

    module = Tied().double()
    U = potential(module)
    assert list(U.blocks) == ["first", "first.weight", "first.bias", "last", "last.weight"]
    assert U.dim == 8
    x = U.start()
    np.testing.assert_array_equal(x[:4], module.first.weight.detach().flatten())
    with torch.no_grad():
        expected = float(binary_cross_entropy(module(INPUTS), LABELS))
    assert U.energy(x) == pytest.approx(expected, rel=1e-13)


def test_the_potential_keeps_what_module_and_examples_were():
    module, targets = sequential(), LABELS.clone()
    U = potential(module, targets=targets)
    before, energy = U.start(), U.energy(U.start())
    with torch.no_grad():
        module[0].weight.add_(1.0)
        targets.mul_(0.0)
    np.testing.assert_array_equal(U.start(), before)
    assert U.energy(before) == energy


def test_starts_are_drawn_by_the_modules_themselves():
    U, state = potential(), torch.random.get_rng_state()
    many, few = U.start(seed=3, n_replicas=500), U.start(seed=3, n_replicas=2)
    np.testing.assert_array_equal(many[:2], few)
    np.testing.assert_array_equal(U.start(seed=3), few[0])
    assert torch.equal(torch.random.get_rng_state(), state)
    # nn.Linear: even on +-1/sqrt(n_inputs), weights and biases.
    for block, width in (("0", 1 / np.sqrt(2)), ("2", 1 / np.sqrt(6))):
        own = many[:, U.blocks[block]]
        assert 0.99 * width < np.abs(own).max() <= width
        assert np.var(own) == pytest.approx(width**2 / 3, rel=0.05)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-6), (torch.bfloat16, 0.05)])
def test_lower_precision_rounds(dtype, tolerance):
    U = potential(sequential(nn.Tanh(), nn.BatchNorm1d(6)).eval(), batch_size=5)
    x, indices = U.start(seed=1, n_replicas=4), np.arange(20).reshape(4, 5)
    functions = tensor_functions(U, dtype=dtype)
    found = functions.batch_gradient(torch.tensor(x, dtype=dtype), torch.tensor(indices))
    assert found.dtype == dtype
    exact = drawn_gradient(U, x, indices=indices)
    error = np.abs(found.double().numpy() - exact).max() / np.abs(exact).max()
    assert 0.001 * tolerance < error < tolerance


def test_a_pickled_potential_is_the_same():
    U = potential(batch_size=5)
    V = pickle.loads(pickle.dumps(U))
    x = U.start(seed=1)
    assert U.energy(x) == V.energy(x)
    assert V.blocks == U.blocks
    assert V == U
    assert potential(batch_size=5, loss=nn.functional.mse_loss) != U
    assert V.code.digest == U.code.digest != potential(targets=1 - LABELS).code.digest


class Frozen(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2, 1, dtype=torch.float64), requires_grad=False)

    def forward(self, x):
        return x @ self.weight


class Bare(Frozen):
    def __init__(self):
        super().__init__()
        self.weight.requires_grad_(True)


def refused(module, message, error=ValueError, **more):
    with pytest.raises(error, match=message):
        potential(module, **more)


def test_what_cannot_be_replicated_is_refused():
    refused(sequential(nn.BatchNorm1d(6)), r"changes its buffers 1.running_mean, .*module.eval")
    refused(sequential(nn.Dropout(0.5)), "draws random numbers.*module.eval")
    untracked = nn.BatchNorm1d(6, track_running_stats=False)
    refused(sequential(untracked), "mean of those of their halves .* no batch_size", batch_size=5)
    refused(Frozen(), "module=Frozen has no parameter that needs a gradient")


def test_losses_must_be_one_number_and_of_batches_a_mean():
    def total(outputs, targets):
        return binary_cross_entropy(outputs, targets, reduction="sum")

    def each(outputs, targets):
        return binary_cross_entropy(outputs, targets, reduction="none")

    assert potential(loss=total).dim == 25
    refused(None, r'reduction="mean" .* no batch_size', loss=total, batch_size=5)
    refused(None, r"gave \(4, 1\); it must be a tensor without axes", loss=each)
    refused(None, "gave float; it must be a tensor", loss=lambda outputs, targets: 1.0)


def test_wrong_arguments_are_named():
    refused(3, "module=3 must be a torch.nn.Module", TypeError)
    refused(None, "loss=5 must be a function", TypeError, loss=5)
    refused(None, r"targets of shape \(39, 1\) must have one row", targets=LABELS[1:])
    refused(None, "batch_size=0", batch_size=0)
    refused(None, "batch_size=41 must be at most the 40 examples", batch_size=41)
    assert potential(batch_size=41, replacement=True).gradient_noise.replacement
    with pytest.raises(ValueError, match="n_replicas=3 starts need a seed"):
        potential().start(n_replicas=3)
    with pytest.raises(ValueError, match="seed=-1"):
        potential().start(seed=-1)
    with pytest.raises(ValueError, match=r"Bare has parameters but no method reset_parameters"):
        potential(Bare()).start(seed=1)


@pytest.mark.parametrize(
    ("module", "loss", "targets", "reason"),
    [
        (sequential(), nn.functional.mse_loss, LABELS[:, 0], "Using a target size"),
        (nn.Linear(3, 1), nn.functional.mse_loss, LABELS, "mat1 and mat2 shapes"),
        (nn.LSTM(2, 1), nn.functional.mse_loss, LABELS, "tuple"),
        (nn.Linear(2, 2), nn.functional.cross_entropy, LABELS[:, 0], "Long"),
    ],
)
def test_a_loss_that_cannot_be_computed_is_named_with_its_shapes(module, loss, targets, reason):
    shape = r"inputs of shape \(4, 2\) and targets of shape \(4.*float64: .*"
    with pytest.raises(ValueError, match=shape + reason):
        potential(module, loss, targets)
