"""Networks trained by torch: the paths of the compiled code, with the same batches and noise."""

import numpy as np
import pytest

import langevin_lab as ll

torch = pytest.importorskip("torch")

PARTS = ll.training.stratified_split(ll.potentials.two_moons(90, seed=1), seed=2)
TRAIN = PARTS[0]
CONSTANTS = {"temperature": 1e-4, "epsilon": 0.05, "applied_noise": 0.01, "friction": 0.1}


def network(**more):
    choices = {"hidden": (5,), "loss": "binary_cross_entropy", "batch_size": 7} | more
    return ll.potentials.multilayer_perceptron(TRAIN.inputs, TRAIN.targets, **choices)


def module_potential(**more):
    nn = torch.nn
    module = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1))
    targets = torch.tensor(TRAIN.targets, dtype=torch.float64).reshape(-1, 1)
    loss = nn.functional.binary_cross_entropy_with_logits
    return ll.pytorch.module_potential(module, loss, TRAIN.inputs, targets, **more)


def adlala(potential, blocks=("weights_1", "biases_1")):
    return ll.dynamics.adlala(potential, blocks, **CONSTANTS)


def path(dynamics, integrator="AdLaLa", **more):
    x = network().start(seed=2, n_replicas=5)
    plan = {"dt": 0.2, "n_steps": 70, "n_replicas": 5, "save_every": 7, "seed": 3, "start": x}
    if integrator == "AdLaLa":
        plan["start_thermostat"] = (0.1, 0.1)
    return ll.simulate(dynamics, integrator, **(plan | more))


def test_adlala_by_torch_goes_the_compiled_path():
    ours, torchs = (path(adlala(network()), backend=name) for name in ("cpu", "torch"))
    for name in ("x", "p", "xi_1", "xi_2"):
        np.testing.assert_allclose(torchs[name], ours[name], rtol=1e-11, atol=1e-12)
    other = path(adlala(network()), backend="torch", seed=4)
    assert np.abs(other["x"] - ours["x"]).max() > 1e-3


@pytest.mark.parametrize("replacement", [False, True])
def test_a_module_goes_the_path_of_the_compiled_network(replacement):
    noise = {"batch_size": 7, "replacement": replacement}
    ours = path(adlala(network(**noise)))
    module = adlala(module_potential(**noise), ("0.weight", "0.bias"))
    torchs = path(module, backend="torch")
    np.testing.assert_allclose(torchs["x"], ours["x"], rtol=1e-11, atol=1e-12)


def test_a_full_batch_goes_the_same_path_too():
    compiled, (U, V) = (
        ll.Langevin(network(batch_size=None), temperature=0.01, friction=1.0),
        (network(batch_size=None), module_potential()),
    )
    ours = path(compiled, "BAOAB")
    for potential in (U, V):
        dynamics = ll.Langevin(potential, temperature=0.01, friction=1.0)
        torchs = path(dynamics, "BAOAB", backend="torch")
        np.testing.assert_allclose(torchs["x"], ours["x"], rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-5), ("bfloat16", 0.05)])
def test_lower_precision_stays_near_the_path(precision, tolerance):
    ours = path(adlala(network()))
    torchs = path(adlala(network()), backend="torch", precision=precision)
    error = np.abs(torchs["x_final"] - ours["x_final"]).max()
    assert 1e-3 * tolerance < error < tolerance


def trained(backend, **more):
    return ll.training.train(
        adlala(network()), "AdLaLa", dt=0.3, n_epochs=6, seed=1, validation=PARTS[1],
        n_replicas=5, patience=2, start_thermostat=(0.1, 0.1), backend=backend, **more,
    )  # fmt: skip


def test_training_by_torch_stops_where_compiled_code_does():
    ours, torchs = trained("cpu"), trained("torch")
    np.testing.assert_array_equal(torchs["stopped_epoch"], ours["stopped_epoch"])
    assert np.count_nonzero(ours["stopped_epoch"].values > 0) > 0
    for name in ("x_final", "x_best", "train_loss", "validation_accuracy"):
        np.testing.assert_allclose(torchs[name], ours[name], rtol=1e-10, atol=1e-12)
    assert torchs.attrs["backend"] == "torch"


def test_training_goes_on_with_another_backend():
    first = ll.training.train(
        adlala(network()), "AdLaLa", dt=0.3, n_epochs=2, seed=1, start_thermostat=(0.1, 0.1)
    )
    both = [
        ll.training.train(
            adlala(network()), "AdLaLa", dt=0.3, n_epochs=2, seed=1, continue_from=first,
            backend=backend,
        )
        for backend in ("cpu", "torch")
    ]  # fmt: skip
    np.testing.assert_allclose(both[1]["x_final"], both[0]["x_final"], rtol=1e-11, atol=1e-12)


def test_a_module_needs_torch_to_run():
    with pytest.raises((TypeError, ValueError), match="backend='torch'"):
        path(adlala(module_potential(batch_size=7), ("0.weight", "0.bias")))
