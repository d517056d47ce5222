"""Sampled stationary variances of optimisers with gradient noise against the exact law."""

import numpy as np
import pytest
from z_test import assert_agrees, assert_refutes

import langevin_lab as ll
from langevin_lab.exact import stationary_covariance
from langevin_lab.momentum import HeavyBall, Nesterov

WELL = ll.potentials.harmonic()


def sampled(optimiser, sigma=1.0, n_steps=12_000):
    run = ll.simulate(
        WELL, optimiser, gradient_noise=sigma, n_steps=n_steps, n_replicas=1024, seed=5,
        burn_in=2000, observe={"x2": "x**2", "d2": "p**2"},
    )  # fmt: skip
    return {name: (float(run[name]), float(run[f"{name}_stderr"])) for name in ("x2", "d2")}


@pytest.mark.slow
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("kind", [HeavyBall, Nesterov])
def test_variances_are_those_of_the_exact_law(kind, momentum):
    both = {"learning_rate": 0.1, "momentum": momentum}
    law = np.diag(stationary_covariance(kind(**both), stiffness=1.0, gradient_noise=1.0))
    louder = np.diag(stationary_covariance(kind(**both), stiffness=1.0, gradient_noise=1.03))
    other = both | {"momentum": 0.97 * momentum + 0.03 * (momentum == 0)}
    slower = np.diag(stationary_covariance(kind(**other), stiffness=1.0, gradient_noise=1.0))
    for index, (name, (value, stderr)) in enumerate(sampled(kind(**both)).items()):
        label = f"{name}, momentum {momentum}"
        assert stderr < 0.01 * value
        assert_agrees(value, stderr, law[index], 1024, label)
        assert_refutes(value, stderr, louder[index], 1024, f"{label}, noise 3 %")
        if name == "x2":
            assert_refutes(value, stderr, slower[index], 1024, f"{label}, momentum 3 %")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("momentum", "published"), [(0.0, 0.05263), (0.5, 0.10345), (0.9, 0.51351), (0.99, 5.129)]
)
def test_published_variances_at_rate_a_tenth(momentum, published):
    """The exact law gives the numbers; that of the diffusion limit, 0.05/(1 - mu), is refuted."""
    ball = HeavyBall(learning_rate=0.1, momentum=momentum)
    law = stationary_covariance(ball, stiffness=1.0, gradient_noise=1.0)
    assert law[0, 0] == pytest.approx(published, rel=1e-4)
    value, stderr = sampled(ball)["x2"]
    assert_agrees(value, stderr, published, 1024, f"momentum {momentum}")
    if momentum < 0.9:
        assert_refutes(value, stderr, 0.05 / (1 - momentum), 1024, "diffusion limit")
