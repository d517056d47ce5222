"""ARSGD and ARAdam as torch optimisers, against their recursions in numpy."""

import math

import numpy as np
import pytest
import torch

from langevin_lab.pytorch.optim import AdaptiveHeavyBall, ARAdam

STIFFNESS = np.array([0.05, 0.4, 1.0, 0.7])
START = np.array([1.0, -0.7, 0.4, 0.9])


def weights():
    """Four coordinates in two parameters: the norms are over both."""
    values = torch.tensor(START)
    return [torch.nn.Parameter(values[:1].clone()), torch.nn.Parameter(values[1:].reshape(3, 1))]


def set_gradients(params):
    x = torch.cat([p.detach().flatten() for p in params])
    gradient = torch.tensor(STIFFNESS) * x + 0.1 * x**3
    params[0].grad, params[1].grad = gradient[:1].clone(), gradient[1:].reshape(3, 1).clone()


def torch_path(optimiser, params, n_steps):
    path, momenta = [], []
    for _ in range(n_steps):
        set_gradients(params)
        optimiser.step()
        path.append(np.concatenate([p.detach().numpy().ravel() for p in params]))
        momenta.append(optimiser.momenta()[0])
    return np.array(path), np.array(momenta)


def numpy_path(n_steps, lr, margin, *, adam=False):
    x, moved, before = START.copy(), np.zeros(4), np.zeros(4)
    m, v, path, momenta = np.zeros(4), np.zeros(4), [], []
    for n in range(1, n_steps + 1):
        g = STIFFNESS * x + 0.1 * x**3
        momentum = 0.0
        if moved.any():
            ratio = np.linalg.norm(g - before) / np.linalg.norm(moved)
            momentum = min((1 - math.sqrt(lr * ratio)) ** 2, 1 - margin)
        before = g
        if adam:
            m, v = momentum * m + (1 - momentum) * g, 0.99 * v + 0.01 * g**2
            moved = -lr * m / (np.sqrt(v / (1 - 0.99**n)) + 1e-8)
        else:
            moved = momentum * moved - lr * g
        x = x + moved
        path.append(x)
        momenta.append(momentum)
    return np.array(path), np.array(momenta)


@pytest.mark.parametrize("margin", [1e-3, 0.4])
def test_path_of_arsgd_is_the_recursion(margin):
    params = weights()
    found = torch_path(AdaptiveHeavyBall(params, lr=0.8, margin=margin), params, 60)
    expected = numpy_path(60, 0.8, margin)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-10, atol=1e-15)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-9)
    assert found[1][0] == 0.0
    assert (found[1].max() == 0.6) == (margin == 0.4), "the margin is at work in one of the two"


@pytest.mark.parametrize("margin", [1e-3, 0.4])
def test_path_of_aradam_is_the_recursion(margin):
    params = weights()
    optimiser = ARAdam(params, lr=0.02, margin=margin, square_decay=0.99)
    found, expected = torch_path(optimiser, params, 60), numpy_path(60, 0.02, margin, adam=True)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-10, atol=1e-15)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-9)


def test_momentum_finds_the_optimum_of_the_slowest_mode():
    """(1 - sqrt(lr nu))^2 at lr = 1, nu = 0.01, L = 1: 0.81, theory 4."""
    x = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
    optimiser = AdaptiveHeavyBall([x], lr=1.0)
    for _ in range(80):
        x.grad = x.detach() * torch.tensor([1.0, 0.01], dtype=torch.float64)
        optimiser.step()
    assert optimiser.momenta()[0] == pytest.approx((1 - math.sqrt(0.01)) ** 2, abs=1e-6)


@pytest.mark.parametrize("kind", [AdaptiveHeavyBall, ARAdam])
def test_momentum_where_the_ratio_says_nothing(kind):
    x = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
    optimiser = kind([x], lr=0.1, margin=0.2)
    assert math.isnan(optimiser.momenta()[0])
    found = []
    for gradient in (0.0, 1.0, 1.0):  # no step; a step of length 0 before; no change of g
        x.grad = torch.full((2,), gradient, dtype=torch.float64)
        optimiser.step()
        found += optimiser.momenta()
    assert found == [0.0, 0.0, 0.8]
    assert torch.isfinite(x).all()


def test_without_momentum_they_are_torchs_own():
    for ours, torchs in (
        (lambda p: AdaptiveHeavyBall(p, lr=0.3, margin=1.0), lambda p: torch.optim.SGD(p, lr=0.3)),
        (
            lambda p: ARAdam(p, lr=0.02, margin=1.0, epsilon=1e-3),
            lambda p: torch.optim.Adam(p, lr=0.02, betas=(0.0, 0.999), eps=1e-3),
        ),
    ):
        one, other = weights(), weights()
        here, there = ours(one), torchs(other)
        for _ in range(25):
            for params in (one, other):
                set_gradients(params)
            here.step()
            there.step()
        for mine, its in zip(one, other):
            torch.testing.assert_close(mine, its, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("kind", [AdaptiveHeavyBall, ARAdam])
def test_a_group_has_its_own_momentum(kind):
    together, first, second = weights(), weights(), weights()
    optimiser = kind([{"params": [p]} for p in together], lr=0.1)
    alone = [kind(first[:1], lr=0.1), kind(second[1:], lr=0.1)]
    for _ in range(9):
        for params in (together, first, second):
            set_gradients(params)
        for one in (optimiser, *alone):
            one.step()
    assert torch.equal(together[0], first[0])
    assert torch.equal(together[1], second[1])
    assert optimiser.momenta() == [one.momenta()[0] for one in alone]
    assert len(set(optimiser.momenta())) == 2


def test_groups_of_mixed_precision_have_one_momentum():
    params = [torch.nn.Parameter(p.detach().to(kind)) for p, kind in
              zip(weights(), (torch.float32, torch.float64))]  # fmt: skip
    optimiser, reference = AdaptiveHeavyBall(params, lr=0.8), numpy_path(12, 0.8, 1e-3)
    for _ in range(12):
        x = torch.cat([p.detach().flatten() for p in params])
        gradient = torch.tensor(STIFFNESS) * x + 0.1 * x**3
        params[0].grad, params[1].grad = gradient[:1].float(), gradient[1:].reshape(3, 1)
        optimiser.step()
    np.testing.assert_allclose(params[1].detach().numpy().ravel(), reference[0][-1][1:], rtol=1e-5)


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (AdaptiveHeavyBall, {"margin": 0.0}, "margin=0.0 must be > 0 and at most 1"),
        (AdaptiveHeavyBall, {"lr": 0.0}, "lr=0.0 must be"),
        (AdaptiveHeavyBall, {"weight_decay": -1.0}, "weight_decay=-1.0 must be"),
        (ARAdam, {"margin": 1.5}, "margin=1.5 must be > 0 and at most 1"),
        (ARAdam, {"epsilon": 0.0}, "epsilon=0.0 must be a finite number > 0"),
        (ARAdam, {"square_decay": 1.0}, "square_decay=1.0 must be >= 0 and < 1"),
    ],
)
def test_wrong_numbers_are_refused(kind, given, message):
    with pytest.raises(ValueError, match=message):
        kind(weights(), **given)


@pytest.mark.parametrize("kind", [AdaptiveHeavyBall, ARAdam])
def test_a_late_first_gradient_is_no_change_of_one(kind):
    """A layer that is thawed in a run leaves the momentum of that step to the others."""
    alone, others = weights(), weights()
    late = torch.nn.Parameter(torch.zeros(2).double())
    one, other = kind(alone, lr=0.1), kind([*others, late], lr=0.1)
    torch_path(one, alone, 5)
    torch_path(other, others, 5)
    late.grad = torch.tensor([30.0, -2.0], dtype=torch.float64)
    torch_path(one, alone, 1)
    torch_path(other, others, 1)
    assert 0.05 < one.momenta()[0] < 0.9
    assert other.momenta() == one.momenta()
    assert all(torch.equal(a, b) for a, b in zip(alone, others))
    # Its own first step is any parameter's first step.
    first = torch.nn.Parameter(torch.zeros(2).double())
    first.grad = late.grad
    kind([first], lr=0.1).step()
    torch.testing.assert_close(late, first, rtol=1e-12, atol=0)
