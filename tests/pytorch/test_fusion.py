"""What a card computes as one kernel: the same numbers as operation by operation."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from langevin_lab.potentials import Minibatch  # noqa: E402
from langevin_lab.pytorch import ensemble_noise, fusion, minibatches  # noqa: E402
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
