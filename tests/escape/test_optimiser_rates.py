"""Escapes per step of noisy heavy ball: algebra, and first passages of the optimiser itself."""

import numpy as np
import pytest
from z_test import assert_agrees, assert_refutes

import langevin_lab as ll
from langevin_lab.escape import eyring_kramers, first_passage, heavy_ball_escape, kramers


def double_well():
    return ll.potentials.double_well(barrier=1.0)


def noise_for(temperature, learning_rate, momentum):
    return np.sqrt(2 * (1 - momentum) * temperature / learning_rate)


def test_diffusion_is_eyring_kramers_with_friction_one_minus_momentum():
    numbers = {"learning_rate": 0.01, "momentum": 0.8, "gradient_noise": 3.0}
    rate = heavy_ball_escape(double_well(), -1.0, 0.0, **numbers, growth="diffusion")
    temperature = 0.01 * 9.0 / (2 * 0.2)
    expected = 0.01 * eyring_kramers(double_well(), -1.0, 0.0, temperature, friction=0.2).value
    assert rate.value == pytest.approx(expected, rel=1e-13)
    twice = heavy_ball_escape(double_well(), -1.0, 0.0, **numbers, multiplicity=2)
    once = heavy_ball_escape(double_well(), -1.0, 0.0, **numbers)
    assert twice.value == pytest.approx(2 * once.value, rel=1e-14)
    assert "(1 - momentum)^2 = 2 << 1" in rate.valid


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("learning_rate", [1e-9, 1e-3, 0.2])
def test_growth_is_that_of_the_optimiser_itself(momentum, learning_rate):
    """The eigenvalue of heavy ball's step on -2 x^2, in a plane that turns the saddle."""
    noise = noise_for(0.2, learning_rate, momentum)
    numbers = {"learning_rate": learning_rate, "momentum": momentum, "gradient_noise": noise}
    rate = heavy_ball_escape(double_well(), -1.0, 0.0, **numbers)
    step = np.array([[1 + 4 * learning_rate, momentum], [4 * learning_rate, momentum]])
    entropy = np.sqrt(8.0 / 4.0) * np.exp(-5.0)
    expected = np.log(np.linalg.eigvals(step).max()) / (2 * np.pi) * entropy
    # Of a growth of 1e-9 the eigenvalue knows seven digits.
    assert rate.value == pytest.approx(expected, rel=1e-11, abs=1e-16 * entropy)


def test_small_steps_are_kramers_in_the_langevin_reading():
    """Friction and time step of BBK: momentum = (1 - g)/(1 + g), g = friction dt/2."""
    errors = []
    for dt in (0.02, 0.01):
        half = 0.5 * 3.0 * dt
        momentum = (1 - half) / (1 + half)
        learning_rate = 0.5 * dt**2 * (1 + momentum)
        noise = noise_for(0.2, learning_rate, momentum)
        numbers = {"learning_rate": learning_rate, "momentum": momentum, "gradient_noise": noise}
        rate = heavy_ball_escape(double_well(), -1.0, 0.0, **numbers).value / dt
        errors.append(rate / kramers(double_well(), -1.0, 0.0, 0.2, friction=3.0).value - 1)
    assert errors[0] / errors[1] == pytest.approx(4.0, abs=0.1)
    assert abs(errors[1]) < 1e-4


def passage(learning_rate, momentum, noise, n_replicas):
    optimiser = ll.momentum.HeavyBall(learning_rate=learning_rate, momentum=momentum)
    return first_passage(
        double_well(), optimiser, gradient_noise=noise, target="x > 1", start=-1.0,
        n_replicas=n_replicas, seed=11,
    ).mean  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("learning_rate", "momentum", "growth"),
    [(5e-4, 0.5, "diffusion"), (5e-4, 0.5, "recursion"), (1e-3, 0.0, "recursion")],
)
def test_first_passages_in_the_overdamped_regime(learning_rate, momentum, growth):
    """T = 0.3: formula times mean steps is the exact ratio of times, 1.1750 (theory 7.3)."""
    noise = noise_for(0.3, learning_rate, momentum)
    mean = passage(learning_rate, momentum, noise, 2500)

    def product(**wrong):
        numbers = {"learning_rate": learning_rate, "momentum": momentum, "gradient_noise": noise}
        rate = heavy_ball_escape(double_well(), -1.0, 0.0, **(numbers | wrong), growth=growth)
        return mean.value * rate.value, mean.stderr * rate.value

    overdamped = ll.Overdamped(double_well(), temperature=0.3)
    exact = ll.exact.mean_first_passage_time(overdamped, -1.0, 1.0).value
    ratio = exact * eyring_kramers(double_well(), -1.0, 0.0, 0.3).value
    assert_agrees(*product(), ratio, 2500, growth)
    # Control: noise wrong by 3 %, which is 6 % of the temperature.
    assert_refutes(*product(gradient_noise=1.03 * noise), ratio, 2500, growth)


@pytest.mark.slow
def test_first_passages_with_inertia():
    """Friction 2, T = 0.2 (BBK): Kramers-Langer is 1.0500 of the exact rate (theory 7.4)."""
    learning_rate, momentum = 0.00263, 0.9
    noise = noise_for(0.2, learning_rate, momentum)
    mean = passage(learning_rate, momentum, noise, 4000)
    numbers = {"learning_rate": learning_rate, "momentum": momentum, "gradient_noise": noise}
    settings = (double_well(), -1.0, 0.0)
    rate = heavy_ball_escape(*settings, **numbers).value
    assert_agrees(mean.value * rate, mean.stderr * rate, 1.0500, 4000, "recursion")
    # Controls: noise wrong by 3 %, and the growth of the diffusion approximation.
    for wrong in ({"gradient_noise": 1.03 * noise}, {"growth": "diffusion"}):
        rate = heavy_ball_escape(*settings, **(numbers | wrong)).value
        assert_refutes(mean.value * rate, mean.stderr * rate, 1.0500, 4000, "recursion")


def test_wrong_input_is_refused():
    numbers = {"learning_rate": 0.01, "momentum": 0.5, "gradient_noise": 1.0}
    for wrong, message in (
        ({"learning_rate": 0.0}, r"learning_rate=0\.0 must be"),
        ({"gradient_noise": -1.0}, r"gradient_noise=-1\.0 must be"),
        ({"momentum": 1.0}, r"momentum=1\.0 must"),
        ({"growth": "fast"}, r"growth='fast' must be one of recursion, diffusion"),
        ({"learning_rate": 0.5}, r"minimum is 4, at or above the stability limit 3;"),
        ({"multiplicity": 0}, r"multiplicity=0"),
    ):
        with pytest.raises(ValueError, match=message):
            heavy_ball_escape(double_well(), -1.0, 0.0, **(numbers | wrong))
