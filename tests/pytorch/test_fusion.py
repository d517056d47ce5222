"""What a card computes as one kernel: the same numbers as operation by operation."""

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.potentials import Minibatch

torch = pytest.importorskip("torch")
from langevin_lab.pytorch import (  # noqa: E402
    blocks,
    ensemble_noise,
    fusion,
    minibatches,
    stretches,
)
from langevin_lab.pytorch.backend import Run  # noqa: E402
from langevin_lab.pytorch.ensemble_noise import EnsembleNoise  # noqa: E402

CPU = torch.device("cpu")


def noise(lanes, by_torch=True):
    replicas = np.array([0, 5, 2**40])
    return EnsembleNoise(
        2**63 + 5, replicas, lanes=lanes, dtype=torch.float64, device=CPU, by_torch=by_torch
    )


@pytest.mark.parametrize("lanes", [False, True])
def test_normals_made_by_torch_are_those_of_compiled_code(lanes):
    found = noise(lanes).normals(torch.tensor(2**33 - 7), 1, 40)
    expected = noise(lanes, by_torch=False).normals(2**33 - 7, 1, 40)
    torch.testing.assert_close(found, expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("replacement", [False, True])
def test_examples_drawn_by_torch_are_those_of_compiled_code(replacement):
    kind = Minibatch(n_examples=70, batch_size=9, replacement=replacement, label_noise=0.0)
    found = noise(False).indices(kind, 5, 12)
    assert torch.equal(found, noise(False, by_torch=False).indices(kind, 5, 12))
    assert found.shape == (3, 12, 9)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's own compiler
def test_one_kernel_gives_the_same_numbers(monkeypatch):
    expected = noise(False).normals(torch.tensor(2**33 - 7), 0, 40)
    drawn = {"n_examples": 500, "replacement": False}
    indices = minibatches.draw_examples(3, torch.arange(5), 40, 300, **drawn)
    kernel = fusion._compiled(ensemble_noise._DRAWN[False, torch.float64].__wrapped__)
    monkeypatch.setitem(ensemble_noise._DRAWN, (False, torch.float64), kernel)
    for name in ("_first_images", "_next_images"):
        function = getattr(minibatches, name).__wrapped__
        monkeypatch.setattr(minibatches, name, fusion._compiled(function))
    found = noise(False).normals(torch.tensor(2**33 - 7), 0, 40)
    torch.testing.assert_close(found, expected, rtol=1e-14, atol=1e-15)
    again = minibatches.draw_examples(3, torch.arange(5), 40, 300, **drawn)
    assert torch.equal(again, indices)


def test_on_a_cpu_nothing_is_compiled(monkeypatch):
    monkeypatch.setattr(fusion, "_compiled", None)
    assert fusion.fused(torch.add)(torch.ones(2), torch.ones(2)).tolist() == [2.0, 2.0]


MOONS = ll.potentials.two_moons(60, seed=1)
NETWORK = ll.potentials.multilayer_perceptron(
    MOONS.inputs, MOONS.targets, hidden=(4,), loss="binary_cross_entropy", batch_size=7
)
CONSTANTS = {"temperature": 1e-4, "epsilon": 0.05, "applied_noise": 0.01, "friction": 0.1}
ADLALA = ll.dynamics.adlala(NETWORK, ("weights_1", "biases_1"), **CONSTANTS)


def trained(backend):
    return ll.simulate(
        ADLALA, "AdLaLa", dt=0.2, n_steps=70, n_replicas=3, seed=3, backend=backend,
        start=NETWORK.start(seed=2, n_replicas=3), start_thermostat=(0.1, 0.1),
    )  # fmt: skip


@pytest.fixture
def long_run_on_a_card(monkeypatch):
    """What a card does in a long run, but for graphs and kernels: steps are traced."""
    made = []
    monkeypatch.setattr(Run, "captures", True)
    monkeypatch.setattr(blocks, "LONG", 10)
    monkeypatch.setattr(stretches.GraphedRunner, "__call__", lambda self, *a: self.function(*a))
    monkeypatch.setattr(torch, "compile", lambda traced: made.append(traced) or traced)
    return made


def test_a_traced_step_goes_the_compiled_path(long_run_on_a_card):
    found = trained("torch")
    expected = trained("cpu")
    for name in ("x_final", "p_final", "xi_1_final"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-11, atol=1e-12)
    (step,) = long_run_on_a_card  # traced once for all steps
    assert sum("bmm" in str(node.target) for node in step.graph.nodes) == 5


def test_a_step_that_cannot_be_compiled_is_run_with_a_warning(long_run_on_a_card, monkeypatch):
    def refuse(traced):
        raise RuntimeError("no Triton here\nmore")

    monkeypatch.setattr(torch, "compile", refuse)
    with pytest.warns(RuntimeWarning, match=r"cannot be compiled \(no Triton here\) and are run"):
        found = trained("torch")
    np.testing.assert_allclose(found["x_final"], trained("cpu")["x_final"], rtol=1e-11, atol=1e-12)


def test_schedules_are_not_part_of_a_compiled_step(long_run_on_a_card):
    cooled = ll.Langevin(
        NETWORK, friction=1.0, temperature=ll.dynamics.Linear(start=0.1, stop=0.0, duration=12.0)
    )
    plan = {"dt": 0.2, "n_steps": 40, "n_replicas": 3, "seed": 3}
    start = NETWORK.start(seed=2, n_replicas=3)
    ours, torchs = (
        ll.simulate(cooled, "BAOAB", start=start, backend=name, **plan) for name in ("cpu", "torch")
    )
    np.testing.assert_allclose(torchs["x_final"], ours["x_final"], rtol=1e-11, atol=1e-12)
    assert not long_run_on_a_card
