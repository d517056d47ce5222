"""The torch optimisers follow the methods of `langevin_lab.momentum` on a network, in float64."""

import numpy as np
import pytest
import torch
from torch import nn

import langevin_lab as ll
from langevin_lab.pytorch import optim

N_STEPS = 50
# Torch optimiser of the parameters, method of the package.
TWINS = {
    **{
        f"CoolMomentum, {form}": (
            lambda params, form=form: optim.CoolMomentum(
                params, lr=0.3, start_momentum=0.9, total_steps=40, schedule=form
            ),
            ll.momentum.CoolMomentum.cooling(n_steps=40, learning_rate=0.3, start=0.9, form=form),
        )
        for form in ("published", "exponential", "linear")
    },
    "AdaptiveHeavyBall": (
        lambda params: optim.AdaptiveHeavyBall(params, lr=0.2, margin=0.1),
        ll.momentum.AdaptiveHeavyBall(learning_rate=0.2, margin=0.1),
    ),
    "AdaptiveHeavyBall, decay": (
        lambda params: optim.AdaptiveHeavyBall(params, lr=0.1, weight_decay=0.01),
        ll.momentum.AdaptiveHeavyBall(learning_rate=0.1, weight_decay=0.01),
    ),
    "ARAdam": (
        lambda params: optim.ARAdam(params, lr=0.02, square_decay=0.99, epsilon=1e-6),
        ll.momentum.ARAdam(learning_rate=0.02, square_decay=0.99, epsilon=1e-6),
    ),
}


@pytest.fixture(scope="module")
def examples():
    return ll.potentials.spirals(40, seed=1, turns=1)


@pytest.fixture(scope="module")
def network(examples):
    return ll.potentials.multilayer_perceptron(
        examples.inputs, examples.targets, hidden=(6,), activation="tanh",
        loss="binary_cross_entropy",
    )  # fmt: skip


def package_path(optimiser, potential, start):
    """Positions of the method's own numpy steps, its schedules those of the step number."""
    method, descent = optimiser.method(), ll.momentum.Descent(potential, optimiser)
    state = method.carried_state({"x": start, "p": np.zeros_like(start)}, potential.gradient)
    path = []
    for n in range(N_STEPS):
        values = method.coefficients(descent.at(float(n)), 1.0)
        state = method.step(state, np.zeros((0, *start.shape)), values, potential.gradient)
        path.append(state["x"])
    return np.array(path)


def torch_path(make, examples, start):
    model = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 1)).double()
    nn.utils.vector_to_parameters(torch.tensor(start), model.parameters())
    inputs = torch.tensor(examples.inputs, dtype=torch.float64)
    targets = torch.tensor(examples.targets, dtype=torch.float64)
    optimiser, path = make(model.parameters()), []
    for _ in range(N_STEPS):
        optimiser.zero_grad()
        scores = model(inputs).squeeze(1)
        nn.functional.binary_cross_entropy_with_logits(scores, targets).backward()
        optimiser.step()
        path.append(nn.utils.parameters_to_vector(model.parameters()).detach().numpy().copy())
    return np.array(path)


@pytest.mark.parametrize("name", TWINS)
def test_paths_are_the_same(name, network, examples):
    make, method = TWINS[name]
    start = network.start(seed=3)
    found, expected = torch_path(make, examples, start), package_path(method, network, start)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)
    assert np.abs(found[-1] - start).max() > 0.05
