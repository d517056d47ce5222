"""Networks: against PyTorch, against finite differences, compiled loops against numpy."""

import copy
import pickle

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.compiled import vectors
from langevin_lab.limits.noise_covariance import noise_factor
from langevin_lab.potentials import (
    Minibatch,
    drawn_gradient,
    multilayer_perceptron,
    network_evaluation,
    network_function_loops,
    network_loops,
)
from langevin_lab.potentials.architecture import ACTIVATIONS, LOSSES, SCHEMES, Architecture
from langevin_lab.potentials.evaluation import along, difference
from langevin_lab.potentials.network_evaluation import _ACTIVATIONS, Passes
from langevin_lab.potentials.network_text import LANES, network_source, tile_width

N_INPUTS, N_OUTPUTS = 3, 2
# Rows in blocks of eight, four and one, columns in blocks of four and one; a linear model; deep.
SHAPES = [(), (1,), (13,), (9, 6), (5, 4, 3)]


def examples(loss, n=23, n_outputs=N_OUTPUTS):
    rng = np.random.default_rng(5)
    inputs = rng.normal(size=(n, N_INPUTS))
    if loss == "cross_entropy":
        return inputs, np.arange(n) % n_outputs
    if loss == "binary_cross_entropy":
        return inputs, rng.integers(0, 2, (n, n_outputs))
    return inputs, rng.normal(size=(n, n_outputs))


def network(loss="mean_square", hidden=(7,), activation="tanh", **options):
    return multilayer_perceptron(
        *examples(loss), hidden=hidden, activation=activation, loss=loss, **options
    )


def compiled_parts(potential):
    """The functions of a network's text; the loops in it are compiled, its own lines are not."""
    namespace = {"np": np, **vars(network_loops), **vars(network_function_loops)}
    exec(potential.code.source, namespace)
    return namespace


def parameters_of(potential):
    return np.concatenate([potential.parameter_values, potential.data.values.ravel()])


def torch_twin(potential):
    """(energy of a flat vector, module) in PyTorch, float64."""
    torch = pytest.importorskip("torch")
    nn = torch.nn
    shape = potential.architecture
    activation = {
        "relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "swish": nn.SiLU,
        # PyTorch's softplus is linear from a threshold of 20 on, wrong by 2e-9 there.
        "softplus": lambda: nn.Softplus(threshold=700),
    }[shape.activation]  # fmt: skip
    layers = []
    for n_inputs, n_outputs in zip(shape.widths, shape.widths[1:]):
        layers += [nn.Linear(n_inputs, n_outputs, dtype=torch.float64), activation()]
    module = nn.Sequential(*layers[:-1])
    loss = {
        "mean_square": nn.MSELoss, "binary_cross_entropy": nn.BCEWithLogitsLoss,
        "cross_entropy": nn.CrossEntropyLoss,
    }[shape.loss]()  # fmt: skip
    n = shape.widths[0]
    inputs = torch.tensor(potential.data.values[:, :n])
    targets = torch.tensor(potential.data.values[:, n:])
    if shape.loss == "cross_entropy":
        targets = targets[:, 0].long()
    decay = potential.parameters["weight_decay"]
    names = [name for name, _ in module.named_parameters()]
    sizes = [parameter.shape for parameter in module.parameters()]

    def energy(x, rows=slice(None)):
        parts = torch.split(x, [size.numel() for size in sizes])
        given = {name: p.reshape(size) for name, p, size in zip(names, parts, sizes)}
        outputs = torch.func.functional_call(module, given, (inputs[rows],))
        return loss(outputs, targets[rows]) + decay / 2 * (x**2).sum()

    return energy, module


def assert_close(found, expected, tolerance):
    scale = max(1e-300, np.abs(expected).max())
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [(13,), (9, 6)])
def test_derivatives_are_those_of_pytorch(activation, loss, hidden):
    torch = pytest.importorskip("torch")
    potential = network(loss, hidden, activation, weight_decay=0.03)
    energy, _ = torch_twin(potential)
    x = potential.start(seed=2, scheme="he_normal")
    v = np.random.default_rng(3).normal(size=x.shape)
    point = torch.tensor(x, requires_grad=True)
    slope = torch.autograd.grad(energy(point), point, create_graph=True)[0]
    product = torch.autograd.grad(slope @ torch.tensor(v), point)[0].numpy()
    slope = slope.detach().numpy()
    assert_close(potential.energy(x), energy(point).item(), 1e-13)
    assert_close(potential.gradient(x), slope, 1e-12)
    assert_close(potential.hessian_product(x, v), product, 1e-10)
    out = np.empty(potential.dim)
    compiled_parts(potential)["gradient"](x, parameters_of(potential), out)
    assert_close(out, slope, 1e-12)


def test_weights_are_in_the_order_of_pytorch():
    torch = pytest.importorskip("torch")
    potential = network(hidden=(4, 5))
    _, module = torch_twin(potential)
    x = torch.nn.utils.parameters_to_vector(module.parameters()).detach().numpy()
    inputs = np.random.default_rng(0).normal(size=(6, N_INPUTS))
    expected = module(torch.tensor(inputs)).detach().numpy()
    np.testing.assert_allclose(potential.outputs(x, inputs), expected, rtol=1e-13)
    first, second = potential.architecture.layers[:2]
    np.testing.assert_array_equal(first.matrices(x)[0], module[0].weight.detach())
    np.testing.assert_array_equal(x[potential.blocks["biases_2"]], module[2].bias.detach())
    assert second.weights == potential.blocks["weights_2"]
    assert potential.variables[first.n_inputs] == "w1_1_0"
    assert potential.variables[potential.blocks["biases_2"].start + 3] == "b2_3"


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("hidden", SHAPES)
def test_compiled_loops_are_numpy(hidden, loss):
    potential = network(loss, hidden, "swish", weight_decay=0.1, batch_size=10, replacement=True)
    x = potential.start(seed=1)
    parts, parameters = compiled_parts(potential), parameters_of(potential)
    out = np.empty(potential.dim)
    parts["gradient"](x, parameters, out)
    assert_close(out, potential.gradient(x), 1e-13)
    assert_close(parts["energy"](x, parameters), potential.energy(x), 1e-13)
    for n in (1, 4, 10, 29):  # tiles not full, full, several
        indices = np.random.default_rng(n).integers(0, 23, n)
        parts["batch_gradient"](x, parameters, potential.data.values, indices, np.zeros(0), out)
        expected = potential._evaluator.batch_gradient(
            x, potential.parameter_values, indices, np.zeros(0)
        )
        assert_close(out, expected, 1e-13)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("loss", LOSSES)
def test_large_outputs_neither_overflow_nor_lose_digits(activation, loss):
    potential = network(loss, (3,), activation)
    x = 300.0 * potential.start(seed=1)
    parts, out = compiled_parts(potential), np.empty(potential.dim)
    parts["gradient"](x, parameters_of(potential), out)
    assert np.isfinite(out).all()
    assert np.isfinite(potential.energy(x))
    assert_close(out, potential.gradient(x), 1e-12)
    assert_close(parts["energy"](x, parameters_of(potential)), potential.energy(x), 1e-12)


def test_activations_at_special_points():
    z = np.array([-800.0, -1.0, -0.0, 0.0, 1.0, 800.0, np.nan, 0.5])
    for name in ACTIVATIONS:
        values, slopes = z.copy(), np.empty(z.size)
        getattr(network_function_loops, f"{name}_values")(values, slopes)
        assert np.isfinite(values[:6]).all()
        assert np.isnan(values[6])
        with np.errstate(all="ignore"):
            expected = _ACTIVATIONS[name](z)
        np.testing.assert_allclose(values, expected[0], rtol=1e-14, atol=1e-300)
        np.testing.assert_allclose(slopes[:6], expected[1][:6], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("loss", LOSSES)
def test_derivatives_are_finite_differences(loss):
    potential = network(loss, (4, 3), "softplus", weight_decay=0.2)
    x = potential.start(seed=1, n_replicas=2)
    v = np.random.default_rng(1).normal(size=x.shape)
    assert_close(potential.gradient(x), difference(potential.energy, x), 1e-10)
    assert_close(potential.hessian_product(x, v), along(potential.gradient, x, v), 1e-10)
    hessian = potential.hessian(x)
    assert_close(np.einsum("rij,rj->ri", hessian, v), potential.hessian_product(x, v), 1e-13)
    np.testing.assert_array_equal(hessian, np.swapaxes(hessian, -1, -2))


def test_linear_model_has_its_least_squares_solution():
    inputs, targets = examples("mean_square")
    potential = network(hidden=())
    design = np.concatenate([inputs, np.ones((len(inputs), 1))], axis=1)
    solution = np.linalg.lstsq(design, targets, rcond=None)[0]
    x = np.concatenate([solution[:-1].T.ravel(), solution[-1]])
    np.testing.assert_allclose(potential.gradient(x), 0, atol=1e-14)
    np.testing.assert_allclose(
        potential.energy(x), np.mean((design @ solution - targets) ** 2), rtol=1e-13
    )


def test_linear_model_has_the_hessian_of_its_design():
    """(2/(n m)) sum_i a_i a_i^T for each of m outputs, a = (inputs, 1)."""
    inputs, _ = examples("mean_square")
    potential = network(hidden=())
    design = np.concatenate([inputs, np.ones((len(inputs), 1))], axis=1)
    expected = np.kron(np.eye(N_OUTPUTS), design.T @ design / len(inputs))
    # From one row of (weights, bias) an output to all weights, then all biases.
    order = [4 * i + j for i in range(N_OUTPUTS) for j in range(N_INPUTS)]
    order += [4 * i + N_INPUTS for i in range(N_OUTPUTS)]
    found = potential.hessian(np.zeros(potential.dim))
    assert_close(found, expected[np.ix_(order, order)] * 2 / N_OUTPUTS, 1e-13)


def test_many_points_and_examples_are_taken_in_portions(monkeypatch):
    potential = network("cross_entropy", batch_size=5)
    x = potential.start(seed=1, n_replicas=7)
    indices = np.arange(35).reshape(7, 5) % 23
    whole = potential.gradient(x), drawn_gradient(potential, x, indices=indices)
    monkeypatch.setattr("langevin_lab.potentials.network_evaluation._AT_ONCE", 70)
    portions = potential.gradient(x), drawn_gradient(potential, x, indices=indices)
    np.testing.assert_allclose(portions, whole, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_scores_are_those_of_backpropagation_in_any_company(activation, loss, monkeypatch):
    """The lean forward pass against the values that gradients keep; 150 examples in two pieces."""
    rng, shape = np.random.default_rng(2), (9, 6)
    inputs, targets = examples(loss)
    more = np.arange(150) % len(inputs)
    potential = multilayer_perceptron(
        inputs[more] + 0.1 * rng.normal(size=(150, N_INPUTS)), np.asarray(targets)[more],
        hidden=shape, activation=activation, loss=loss, weight_decay=0.3,
    )  # fmt: skip
    x = 1.5 * potential.start(seed=1, n_replicas=6).reshape(2, 3, -1)
    monkeypatch.setattr(network_evaluation, "_CACHED", 100 * 9)
    data, flat = potential.data.values[:, :N_INPUTS], x.reshape(6, -1)
    kept = Passes(potential.architecture, flat, data).outputs
    np.testing.assert_allclose(potential.outputs(x, data).reshape(kept.shape), kept, rtol=1e-12)
    found = potential.scores(x)
    assert list(found) == ["loss"] + ["accuracy"] * (loss != "mean_square")
    decay = 0.15 * np.sum(x**2, axis=-1)
    np.testing.assert_allclose(found["loss"] + decay, potential.energy(x), rtol=1e-12)
    if loss != "mean_square":
        wanted = potential.data.values[:, N_INPUTS:]
        share = potential.accuracy(x, data, wanted)
        np.testing.assert_allclose(found["accuracy"], share, rtol=1e-12)
        assert 0.0 < share.min() <= share.max() < 1.0
    for name, values in found.items():
        np.testing.assert_array_equal(potential.scores(x[1, 2])[name], values[1, 2])


def test_tiles_divide_batches_evenly():
    shape = Architecture((2, 100, 1), "relu", "binary_cross_entropy")
    assert LANES == vectors.LANES
    assert [tile_width(shape, n) for n in (1, 25, 32, 64, 65, 500)] == [4, 28, 32, 64, 36, 64]
    large = Architecture((784, 1000, 10), "relu", "cross_entropy")
    assert tile_width(large, 128) == 16
    assert "range(0, n, 28)" in network_source(shape, 25)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_start_has_the_law_of_its_scheme(scheme):
    potential = multilayer_perceptron(np.zeros((1, 50)), np.zeros((1, 30)), hidden=(40,))
    x = potential.start(seed=1, n_replicas=50, scheme=scheme)
    for layer, (n, m) in zip(potential.architecture.layers, [(50, 40), (40, 30)]):
        variance = {"xavier": 2 / (n + m), "he": 2 / n, "pytorch": 1 / (3 * n)}
        expected = variance[scheme.split("_")[0]]
        weights = x[:, layer.weights]
        # Variance of the estimate: 2 v^2/n for normals, (4/5) v^2/n for even numbers.
        error = expected * np.sqrt((2.0 if "normal" in scheme else 0.8) / weights.size)
        z = (weights.var() - expected) / error
        assert abs(z) < 5, f"{weights.var():.6f} +- {error:.6f} | {expected:.6f} | z = {z:.1f}"
        assert abs(weights.var() - 1.05 * expected) > 5 * error
        if "normal" not in scheme:
            assert np.abs(weights).max() <= np.sqrt(3 * expected)
        biases = x[:, layer.biases]
        assert np.abs(biases).max() <= (1 / np.sqrt(n) if scheme == "pytorch" else 0.0)
        assert (biases.std() > 0) == (scheme == "pytorch")
    few = potential.start(seed=1, n_replicas=3, scheme=scheme)
    np.testing.assert_array_equal(few, x[:3])
    np.testing.assert_array_equal(potential.start(seed=1, scheme=scheme), x[0])


def test_start_is_bounded_as_in_pytorch():
    torch = pytest.importorskip("torch")
    potential = multilayer_perceptron(np.zeros((1, 50)), np.zeros((1, 30)), hidden=(40,))
    x = potential.start(seed=1, n_replicas=50)
    torch.manual_seed(0)
    drawn = torch.stack([p.weight for p in (torch.nn.Linear(50, 40) for _ in range(50))])
    ours = x[:, potential.blocks["weights_1"]]
    assert np.abs(ours).max() == pytest.approx(drawn.abs().max().item(), rel=1e-3)
    assert ours.std() == pytest.approx(drawn.std().item(), rel=0.02)


def test_predictions_and_accuracy():
    inputs, classes = examples("cross_entropy")
    potential = network("cross_entropy")
    x = potential.start(seed=1, n_replicas=4)
    shares = potential.predict(x, inputs)
    assert shares.shape == (4, 23, 2)
    np.testing.assert_allclose(shares.sum(axis=-1), 1.0, rtol=1e-14)
    expected = (shares.argmax(axis=-1) == classes).mean(axis=-1)
    np.testing.assert_array_equal(potential.accuracy(x, inputs, classes), expected)
    binary = network("binary_cross_entropy")
    z = binary.outputs(x, inputs)
    np.testing.assert_allclose(binary.predict(x, inputs), 1 / (1 + np.exp(-z)), rtol=1e-13)
    right = binary.predict(x[0], inputs) > 0.5
    assert binary.accuracy(x[0], inputs, right) == 1.0
    assert binary.accuracy(x[0], inputs, ~right) == 0.0
    plain = network()
    np.testing.assert_array_equal(plain.predict(x, inputs), plain.outputs(x, inputs))


def test_other_data_and_parameters_keep_the_network():
    inputs, targets = examples("mean_square")
    potential = network(weight_decay=0.5, batch_size=4)
    x = potential.start(seed=1)
    test = potential.with_data(inputs[:9], targets[:9])
    assert test.gradient_noise is None
    assert test.data.n_examples == 9
    assert test.variables == potential.variables
    expected = np.mean((potential.outputs(x, inputs[:9]) - targets[:9]) ** 2) + 0.25 * x @ x
    np.testing.assert_allclose(test.energy(x), expected, rtol=1e-13)
    free = potential.with_parameters(weight_decay=0.0)
    assert free.code is potential.code
    np.testing.assert_allclose(potential.gradient(x) - free.gradient(x), 0.5 * x, rtol=1e-11)
    assert potential.gradient_noise == Minibatch(23, 4, False, 0.0)
    for other in (copy.copy(potential), pickle.loads(pickle.dumps(potential))):
        assert other == potential
        assert hash(other) == hash(potential)
        np.testing.assert_array_equal(other.gradient(x), potential.gradient(x))
    assert potential != test
    assert potential != network(weight_decay=0.5, batch_size=4, activation="relu")
    assert repr(test) == "multilayer_perceptron(weight_decay=0.5, dim=44)"


def test_full_batch_has_no_noise_and_noise_can_be_added():
    assert network(batch_size=23).gradient_noise is None
    noisy = network().with_gradient_noise(standard_deviation=0.1)
    assert noisy.gradient_noise.n_normals == noisy.dim
    assert isinstance(noisy, ll.potentials.Network)


def test_sampling_covariance_is_that_of_single_examples():
    potential = network(batch_size=5, replacement=True)
    x = potential.start(seed=1)
    inputs, targets = examples("mean_square")
    each = np.array([
        potential.with_data(inputs[[i]], targets[[i]]).gradient(x) for i in range(len(inputs))
    ])  # fmt: skip
    expected = np.cov(each.T, bias=True) / 5
    found = ll.limits.noise_covariance(potential, x)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-14)
    with pytest.raises(ValueError, match="multilayer_perceptron is made of loops, which a diff"):
        noise_factor(potential)


def test_blocks_are_partitions():
    potential = network(hidden=(4, 3))
    first, rest = (
        ll.Langevin(potential, temperature=0.1, friction=friction) for friction in (0.5, 1.0)
    )
    dynamics = ll.Partitioned([("layer_1", first), (("weights_2", "biases_2", "layer_3"), rest)])
    stop = potential.blocks["layer_1"].stop
    assert dynamics.blocks[0].coordinates == tuple(range(stop))
    assert dynamics.blocks[1].coordinates == tuple(range(stop, potential.dim))
    published = ll.dynamics.adlala(
        potential, ("weights_1", "biases_1"), temperature=0.1, epsilon=0.1, applied_noise=0.1,
        friction=1.0,
    )  # fmt: skip
    chosen = [block.coordinates for block in published.blocks]
    assert chosen[1] == tuple(range(12, 16))
    assert [len(block) for block in chosen] == [12, 4, potential.dim - 16]
    assert list(potential.blocks) == [
        f"{part}_{number}" for number in (1, 2, 3) for part in ("layer", "weights", "biases")
    ]
    with pytest.raises(TypeError, match=r"'layer_4' is no index and none of \['layer_1'"):
        ll.Partitioned([("layer_4", first)])
    with pytest.raises(TypeError, match=r"'weights_3', \.\.\.\]; did you mean 'biases_3'\?"):
        ll.Partitioned([("bias_3", first)])


IN, OUT = examples("mean_square")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"activation": "gelu"}, ValueError, "activation='gelu' must be one of relu, tanh, sig"),
        ({"loss": "hinge"}, ValueError, "loss='hinge' must be one of mean_square, binary_cross"),
        ({"hidden": 20}, TypeError, "hidden=20 must be a sequence of widths"),
        ({"hidden": (0,)}, ValueError, "hidden=0 must be at least 1"),
        ({"hidden": (2.5,)}, ValueError, "hidden=2.5 must be an integer of at least 1"),
        ({"weight_decay": -1.0}, ValueError, "weight_decay=-1 must be zero or positive"),
        ({"batch_size": 24}, ValueError, "batch_size=24 must be from 1 to the number of exam"),
        ({"n_classes": 3}, ValueError, "n_classes=3 belongs to loss='cross_entropy'"),
        ({"inputs": IN[:5]}, ValueError, "5 inputs but 23 targets; one row is one example"),
        ({"inputs": "a"}, TypeError, "inputs must be an array of numbers, one row an example"),
        ({"inputs": np.zeros((2, 2, 2))}, ValueError, r"inputs of shape \(2, 2, 2\) must be"),
        ({"targets": np.full((23, 1), np.nan)}, ValueError, "targets is nan in row 0, column 0; "),
        (
            {"loss": "binary_cross_entropy", "targets": 2 * np.ones(23)},
            ValueError,
            "targets from 2 to 2 must be from 0 to 1 for loss='binary_cross_entropy'",
        ),
        (
            {"loss": "cross_entropy", "targets": np.full(23, 0.5)},
            ValueError,
            r"targets must be class numbers 0, \.\.\., 1 for loss='cross_entropy', but hold 0\.5",
        ),
        (
            {"loss": "cross_entropy", "targets": np.arange(23), "n_classes": 3},
            ValueError,
            r"class numbers 0, \.\.\., 2 for loss='cross_entropy', but hold 3",
        ),
    ],
)
def test_wrong_input_is_refused(options, error, message):
    given = {"inputs": IN, "targets": OUT} | options
    with pytest.raises(error, match=message):
        multilayer_perceptron(given.pop("inputs"), given.pop("targets"), **given)


def test_wrong_use_is_refused():
    potential = network()
    x = potential.start(seed=0)
    with pytest.raises(ValueError, match="scheme='zeros' must be one of pytorch, xavier_uniform"):
        potential.start(seed=0, scheme="zeros")
    with pytest.raises(ValueError, match="seed=-1 must be at least 0"):
        potential.start(seed=-1)
    with pytest.raises(ValueError, match="n_replicas=0 must be at least 1"):
        potential.start(seed=0, n_replicas=0)
    with pytest.raises(ValueError, match=r"inputs of shape \(2, 5\) must be \(n_examples, 3\)"):
        potential.outputs(x, np.zeros((2, 5)))
    with pytest.raises(ValueError, match=r"x of shape .* does not end in dim=44"):
        potential.predict(x[:3], IN)
    with pytest.raises(ValueError, match="has the loss mean_square, which knows no classes"):
        potential.accuracy(x, IN, OUT)
    binary = network("binary_cross_entropy")
    with pytest.raises(ValueError, match="2 targets for 23 inputs; one row is one example"):
        binary.accuracy(x, IN, np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"coefficient=0\.1: a gradient penalty of multilayer_"):
        potential.with_gradient_penalty(0.1)
