"""What CoolMomentum, ARSGD and ARAdam must do as torch optimisers, whatever their rule."""

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


def train(model, optimiser, inputs, targets, n_steps, *, sign=1.0, extra=lambda m: 0.0):
    for _ in range(n_steps):
        optimiser.zero_grad()
        loss = sign * (nn.functional.mse_loss(model(inputs), targets) + extra(model))
        loss.backward()
        optimiser.step()
    return model


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters()))


@each_optimiser
def test_it_lowers_the_loss(make):
    model, inputs, targets = model_and_data()
    before = nn.functional.mse_loss(model(inputs), targets)
    train(model, make(model.parameters()), inputs, targets, 40)
    assert nn.functional.mse_loss(model(inputs), targets) < 0.5 * before


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
def test_a_copy_goes_the_same_way(make):
    model, *data = model_and_data()
    optimiser = make(model.parameters())
    train(model, optimiser, *data, 3)
    twin, its = copy.deepcopy((model, optimiser))
    assert same(train(model, optimiser, *data, 5), train(twin, its, *data, 5))


@each_optimiser
def test_schedulers_change_the_learning_rate(make):
    model, *data = model_and_data()
    by_hand = copy.deepcopy(model)
    optimiser = make(model.parameters())
    scheduler = torch.optim.lr_scheduler.StepLR(optimiser, step_size=2, gamma=0.3)
    rate, other = optimiser.param_groups[0]["lr"], make(by_hand.parameters())
    for n in range(6):
        other.param_groups[0]["lr"] = rate * 0.3 ** (n // 2)
        train(model, optimiser, *data, 1)
        train(by_hand, other, *data, 1)
        scheduler.step()
    for mine, its in zip(model.parameters(), by_hand.parameters()):
        torch.testing.assert_close(mine, its, rtol=1e-12, atol=1e-14)


@each_optimiser
def test_a_cycled_momentum_is_refused_by_the_scheduler(make):
    optimiser = make(model_and_data()[0].parameters())
    with pytest.raises(ValueError, match="momentum or beta1"):
        torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=0.1, total_steps=9)
    torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=0.1, total_steps=9, cycle_momentum=False)


@each_optimiser
def test_clipped_gradients_are_what_it_steps_on(make):
    model, inputs, targets = model_and_data()
    by_hand = copy.deepcopy(model)
    optimiser, other = make(model.parameters()), make(by_hand.parameters())
    for _ in range(4):
        for net, one in ((model, optimiser), (by_hand, other)):
            one.zero_grad()
            nn.functional.mse_loss(net(inputs), targets).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        norm = torch.cat([p.grad.flatten() for p in by_hand.parameters()]).norm()
        assert norm > 0.1
        for p in by_hand.parameters():
            p.grad *= 0.1 / (norm + 1e-6)
        optimiser.step()
        other.step()
    for mine, its in zip(model.parameters(), by_hand.parameters()):
        torch.testing.assert_close(mine, its, rtol=1e-10, atol=1e-13)


@each_optimiser
def test_a_closure_is_evaluated_with_gradients(make):
    model, inputs, targets = model_and_data()
    twin = copy.deepcopy(model)
    optimiser = make(model.parameters())

    def closure():
        optimiser.zero_grad()
        loss = nn.functional.mse_loss(model(inputs), targets)
        loss.backward()
        return loss

    losses = [optimiser.step(closure).item() for _ in range(3)]
    assert same(model, train(twin, make(twin.parameters()), inputs, targets, 3))
    assert losses[2] < losses[0]


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
def test_maximising_is_minimising_the_negative(make):
    model, *data = model_and_data()
    twin = copy.deepcopy(model)
    train(model, make(model.parameters(), maximize=True), *data, 5, sign=-1.0)
    assert same(model, train(twin, make(twin.parameters()), *data, 5))


@each_optimiser
def test_sparse_gradients_are_refused(make):
    embedding = nn.Embedding(4, 2, sparse=True)
    optimiser = make(embedding.parameters())
    embedding(torch.tensor([1])).sum().backward()
    with pytest.raises(ValueError, match=r"sparse gradient.*build the layer with sparse=False"):
        optimiser.step()


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


@each_optimiser
def test_a_compiled_model_is_trained_as_well(make):
    model, *data = model_and_data()
    twin = copy.deepcopy(model)
    compiled = torch.compile(model, backend="eager")
    train(compiled, make(compiled.parameters()), *data, 4)
    assert same(model, train(twin, make(twin.parameters()), *data, 4))


@pytest.mark.parametrize(
    ("name", "given", "epochs"),
    [
        ("CoolMomentum", {"lr": 0.1, "start_momentum": 0.9, "total_steps": 15 * 45}, 15),
        ("AdaptiveHeavyBall", {"lr": 0.3}, 15),
        ("ARAdam", {"lr": 0.01}, 15),
    ],
)
def test_digits_are_learnt(name, given, epochs):
    accuracy = digits_accuracy(MAKERS[name], given, epochs)
    print(f"{name}: {accuracy:.4f}")
    assert accuracy > 0.95


def digits_accuracy(make, given, epochs):
    """Test accuracy of 64-32-10 on scikit-learn's digits, trained on 1,440 in batches of 32."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    generator = torch.Generator().manual_seed(3)
    order = torch.randperm(len(digits.target), generator=generator)
    inputs = torch.tensor(digits.data / 16.0, dtype=torch.float32)[order]
    targets = torch.tensor(digits.target)[order]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimiser = make(model.parameters(), **given)
    for _ in range(epochs):
        for batch in torch.randperm(1440, generator=generator).split(32):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(inputs[batch]), targets[batch]).backward()
            optimiser.step()
    with torch.no_grad():
        return (model(inputs[1440:]).argmax(dim=1) == targets[1440:]).float().mean().item()
