"""CoolMomentum as a torch optimiser: its recursion, its schedules, its temperature."""

import math

import numpy as np
import pytest
import torch
from z_test import assert_agrees, assert_refutes

import langevin_lab as ll
from langevin_lab.pytorch.optim import CoolMomentum
from langevin_lab.pytorch.optim.cool_momentum import total_steps_of


def quartic(x):
    """A loss with one curvature per coordinate; works for numpy and torch."""
    return (0.5 * (x**2 * STIFFNESS) + 0.25 * x**4).sum()


STIFFNESS = np.array([0.3, 1.0, 2.5])
START = [1.0, -0.7, 0.4]


def torch_path(optimiser, weight, n_steps):
    path = []
    for _ in range(n_steps):
        optimiser.zero_grad()
        (0.5 * (weight**2 * torch.tensor(STIFFNESS)) + 0.25 * weight**4).sum().backward()
        optimiser.step()
        path.append(weight.detach().numpy().copy())
    return np.array(path)


def weight_at_start():
    return torch.nn.Parameter(torch.tensor(START, dtype=torch.float64))


def momentum_of(form, f, start):
    """The three schedules, written from what falls in which way."""
    if form == "published":
        return 1 - 1 / ((1 / (1 - start)) ** (1 - f))
    if form == "exponential":
        ratio = ((1 + start) / (1 - start)) ** (1 - f)
        return (ratio - 1) / (ratio + 1)
    ratio = start / (1 - start) * (1 - f)
    return ratio / (1 + ratio)


@pytest.mark.parametrize("form", ["published", "exponential", "linear"])
def test_path_is_the_recursion(form):
    x, displacement, expected = np.array(START), np.zeros(3), []
    for n in range(30):
        momentum = momentum_of(form, min(n / 20, 1), 0.95)
        gradient = STIFFNESS * x + x**3
        displacement = momentum * displacement - 0.1 * (1 + momentum) / 2 * gradient
        x = x + displacement
        expected.append(x)
    weight = weight_at_start()
    optimiser = CoolMomentum([weight], lr=0.1, start_momentum=0.95, total_steps=20, schedule=form)
    np.testing.assert_allclose(torch_path(optimiser, weight, 30), expected, rtol=1e-12)


def test_first_step_goes_downhill_and_that_of_the_first_release_did_not():
    weight = weight_at_start()
    optimiser = CoolMomentum([weight], lr=0.1, total_steps=20)
    before, gradient = quartic(np.array(START)), STIFFNESS * START + np.array(START) ** 3
    (after,) = torch_path(optimiser, weight, 1)
    np.testing.assert_allclose(after, START - 0.1 * 1.99 / 2 * gradient, rtol=1e-14)
    assert quartic(after) < before < quartic(np.array(START) + gradient)


def test_slowly_cooled_it_is_torch_sgd():
    """At a constant momentum: SGD of the learning rate lr (1 + momentum)/2."""
    weight, other = weight_at_start(), weight_at_start()
    cool = CoolMomentum([weight], lr=0.1, start_momentum=0.8, total_steps=1e16)
    sgd = torch.optim.SGD([other], lr=0.1 * 1.8 / 2, momentum=0.8)
    np.testing.assert_allclose(
        torch_path(cool, weight, 40), torch_path(sgd, other, 40), rtol=1e-11, atol=1e-14
    )


def test_when_cooled_down_it_is_gradient_descent():
    weight = weight_at_start()
    optimiser = CoolMomentum([weight], lr=0.1, total_steps=5)
    torch_path(optimiser, weight, 5)
    assert optimiser.momenta() == [0.0]
    other = torch.nn.Parameter(weight.detach().clone())
    plain = torch.optim.SGD([other], lr=0.05)
    np.testing.assert_allclose(
        torch_path(optimiser, weight, 9), torch_path(plain, other, 9), rtol=1e-13
    )


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_displacements_measure_the_temperature(momentum):
    """Mean square displacement / lr = k Var x = l s^2 (1 + rho)/((1 - rho)(4 - l k)), theory 3."""
    lr, stiffness, noise, n = 0.5, 1.0, 0.7, 40_000
    weight = torch.nn.Parameter(torch.zeros(n, dtype=torch.float64))
    optimiser = CoolMomentum([weight], lr=lr, start_momentum=momentum, total_steps=1e16)
    assert math.isnan(optimiser.mean_square_displacement())
    generator = torch.Generator().manual_seed(5)
    for _ in range(300 if momentum else 40):
        normals = torch.randn(n, generator=generator, dtype=torch.float64)
        weight.grad = stiffness * weight.detach() + noise * normals
        optimiser.step()
    expected = lr * noise**2 * (1 + momentum) / ((1 - momentum) * (4 - lr * stiffness))
    for label, samples in (
        ("<displacement^2>/lr", optimiser.state[weight]["displacement"].numpy() ** 2 / lr),
        ("stiffness <x^2>", stiffness * weight.detach().numpy() ** 2),
    ):
        found = samples.mean(), samples.std() / math.sqrt(n)
        assert_agrees(*found, expected, n, label)
        assert_refutes(*found, 1.05 * expected, n, label)
    if momentum:
        assert_refutes(*found, expected / (1 + momentum), n, "of the form 1/(1 - momentum)")
    mean = optimiser.state[weight]["displacement"].square().mean().item()
    assert optimiser.mean_square_displacement() == pytest.approx(mean, rel=1e-12)


def test_alpha_and_total_steps_say_the_same():
    steps = [total_steps_of(alpha) for alpha in (0.99997, 0.999985258847)]
    assert steps == pytest.approx([153_503.370, 312_400], rel=1e-8)
    paths = []
    for given in ({"alpha": 0.9}, {"total_steps": total_steps_of(0.9)}):
        weight = weight_at_start()
        paths.append(torch_path(CoolMomentum([weight], lr=0.1, **given), weight, 60))
    np.testing.assert_array_equal(*paths)
    np.testing.assert_allclose(
        CoolMomentum([weight_at_start()], alpha=0.9).momenta(), [0.99], rtol=1e-14
    )


def test_groups_cool_by_their_own_numbers():
    cold, warm, alone = weight_at_start(), weight_at_start(), weight_at_start()
    optimiser = CoolMomentum(
        [{"params": [cold]}, {"params": [warm], "start_momentum": 0.5, "lr": 0.2}],
        lr=0.1, total_steps=20,
    )  # fmt: skip
    single = CoolMomentum([alone], lr=0.2, start_momentum=0.5, total_steps=20)
    for _ in range(7):
        for weight in (cold, warm, alone):
            weight.grad = weight.detach() ** 3
        optimiser.step()
        single.step()
    assert torch.equal(warm, alone)
    assert not torch.equal(cold, alone)
    assert optimiser.momenta() == [momentum_at(0.99), momentum_at(0.5)]


def momentum_at(start):
    return float(ll.dynamics.CoolingMomentum(start=start, duration=20)(7))


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({}, ValueError, "total_steps=None and alpha=None: give one of them"),
        ({"total_steps": 5, "alpha": 0.9}, ValueError, "total_steps=5 and alpha=0.9: give one"),
        (
            {"alpha": 0.9, "schedule": "linear"},
            ValueError,
            "alpha=0.9 belongs to schedule='published', not to 'linear'; give total_steps",
        ),
        ({"alpha": 1.0}, ValueError, "alpha=1.0 must be between 0 and 1"),
        ({"total_steps": 0}, ValueError, "duration=0 must be a finite number > 0"),
        ({"total_steps": 5, "start_momentum": 1.0}, ValueError, "start=1.0 must be a momentum"),
        ({"total_steps": 5, "schedule": "cosine"}, ValueError, "form='cosine' must be one of"),
        ({"total_steps": 5, "lr": -0.1}, ValueError, "lr=-0.1 must be"),
        ({"total_steps": 5, "weight_decay": -1}, ValueError, "weight_decay=-1 must be a finite"),
    ],
)
def test_wrong_numbers_are_refused(given, error, message):
    with pytest.raises(error, match=message):
        CoolMomentum([weight_at_start()], **given)
