"""What CoolMomentum, ARSGD and ARAdam do beyond `test_optimisers`, which holds them as well."""

import copy
import io

import pytest
import torch
from torch import nn

from langevin_lab.pytorch.optim import AdaptiveHeavyBall, ARAdam, CoolMomentum

MAKERS = {
    "CoolMomentum": lambda params, **more: CoolMomentum(
        params, **{"lr": 0.05, "start_momentum": 0.9, "total_steps": 40, **more}
    ),
    "AdaptiveHeavyBall": lambda params, **more: AdaptiveHeavyBall(params, **{"lr": 0.1, **more}),
    "ARAdam": lambda params, **more: ARAdam(params, **{"lr": 0.01, **more}),
}
each_optimiser = pytest.mark.parametrize("make", MAKERS.values(), ids=list(MAKERS))


def model_and_data(dtype=torch.float64, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1)).to(dtype)
        inputs = torch.randn(16, 3).to(dtype)
    return model, inputs, inputs.sum(dim=1, keepdim=True).sin()


def train(model, optimiser, inputs, targets, n_steps, *, extra=lambda m: 0.0):
    for _ in range(n_steps):
        optimiser.zero_grad()
        loss = nn.functional.mse_loss(model(inputs), targets) + extra(model)
        loss.backward()
        optimiser.step()
    return model


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@each_optimiser
def test_a_resumed_run_has_the_same_bits(make, dtype):
    model, *data = model_and_data(dtype)
    optimiser = make(model.parameters())
    train(model, optimiser, *data, 6)
    file = io.BytesIO()
    torch.save({"model": model.state_dict(), "optimiser": optimiser.state_dict()}, file)
    train(model, optimiser, *data, 9)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    again = model_and_data(dtype, seed=1)[0]
    again.load_state_dict(saved["model"])
    # Everything comes from the file: the numbers of the new optimiser are others.
    other = make(again.parameters(), lr=0.5, weight_decay=0.1)
    other.load_state_dict(saved["optimiser"])
    train(again, other, *data, 9)
    assert same(model, again)
    assert other.momenta() == optimiser.momenta()
    forgetful = make(model_and_data(dtype, seed=1)[0].parameters())
    assert forgetful.momenta() != optimiser.momenta(), "the state matters"


@each_optimiser
def test_a_cycled_momentum_is_refused_by_the_scheduler(make):
    optimiser = make(model_and_data()[0].parameters())
    with pytest.raises(ValueError, match="momentum or beta1"):
        torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=0.1, total_steps=9)
    torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=0.1, total_steps=9, cycle_momentum=False)


@each_optimiser
def test_parameters_without_a_gradient_stay(make):
    model, *data = model_and_data()
    frozen = model[0].weight.detach().clone()
    model[0].weight.requires_grad_(False)
    spare = nn.Parameter(torch.ones(2, dtype=torch.float64))
    optimiser = make([*model.parameters(), spare])
    train(model, optimiser, *data, 2)
    assert torch.equal(model[0].weight, frozen)
    assert torch.equal(spare, torch.ones(2, dtype=torch.float64))
    assert spare not in optimiser.state


@each_optimiser
def test_weight_decay_is_a_penalty(make):
    model, *data = model_and_data()
    twin = copy.deepcopy(model)
    train(model, make(model.parameters(), weight_decay=0.3), *data, 8)
    train(
        twin, make(twin.parameters()), *data, 8,
        extra=lambda m: 0.15 * sum(p.square().sum() for p in m.parameters()),
    )  # fmt: skip
    for mine, its in zip(model.parameters(), twin.parameters()):
        torch.testing.assert_close(mine, its, rtol=1e-9, atol=1e-12)


@each_optimiser
def test_state_of_short_parameters_is_float32(make):
    model, *data = model_and_data(torch.bfloat16)
    full = copy.deepcopy(model).float()
    optimiser = make(model.parameters())
    train(model, optimiser, *data, 5)
    train(full, make(full.parameters()), *(part.float() for part in data), 5)
    for parameter, reference in zip(model.parameters(), full.parameters()):
        assert parameter.dtype == torch.bfloat16
        held = [value for value in optimiser.state[parameter].values() if torch.is_tensor(value)]
        assert {value.dtype for value in held} == {torch.float32}
        torch.testing.assert_close(parameter.float(), reference, rtol=0.02, atol=0.02)
