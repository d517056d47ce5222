"""The mean flow and the moments of the diffusion, step by step, against the formulas."""

import math

import numpy as np
import pytest

from langevin_lab.limits.escape_phases import convergence_steps, crossing_steps
from langevin_lab.limits.regime import OutsideRegimeWarning


def oja_steps(rate, momentum, gap, start, stop):
    """Steps of the noiseless rule with momentum in the plane of the first two directions."""
    v = np.array([math.sqrt(start), math.sqrt(1.0 - start)])
    p = np.zeros(2)
    variances = np.array([1.0 + gap, 1.0])
    step = 0
    while v[0] ** 2 < stop:
        p = momentum * p + rate * (variances * v - (variances @ v**2) * v)
        v = v + p
        step += 1
    return step


@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_crossing_is_that_of_the_rule_without_noise(momentum):
    rate = 2e-3 * (1 - momentum)
    asked = {"learning_rate": rate, "momentum": momentum, "curvature": 1.5, "distance": 0.3}
    steps = oja_steps(rate, momentum, 1.5, 0.09, 0.91)
    assert crossing_steps(**asked) == pytest.approx(steps, rel=0.01)
    half = oja_steps(rate, momentum, 1.5, 0.09, 0.5)
    assert 0.5 * crossing_steps(**asked) == pytest.approx(half, rel=0.02)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_mean_error_after_convergence_steps_is_the_stated_bound(momentum):
    """All noise in the direction of the gap, where the bound on E' is an equation."""
    rate, gap, power, error = 1e-4 * (1 - momentum), 0.7, 5.0, 0.05
    steps = convergence_steps(
        learning_rate=rate, momentum=momentum, gap=gap, distance=0.4, error=error,
        noise_power=power,
    )  # fmt: skip
    effective = rate / (1 - momentum)
    square = 0.16
    for _ in range(round(steps)):
        square += -2 * effective * gap * square + effective**2 * power
    stationary = effective * power / (2 * gap)
    decayed = (error - 8 * stationary) / 0.16
    assert square == pytest.approx(error - (7 + decayed) * stationary, rel=1e-3)
    assert square <= error - 3.5 * effective * power / gap


def test_start_within_the_error_needs_no_steps():
    asked = {"learning_rate": 1e-5, "momentum": 0.0, "gap": 1.0, "noise_power": 1.0}
    assert convergence_steps(distance=0.1, error=0.5, **asked) == 0.0


def test_wrong_input_and_regime():
    common = {"learning_rate": 5e-4, "momentum": 0.0, "distance": 0.3}
    with pytest.raises(ValueError, match=r"distance=0\.8 must be below sqrt\(1/2\)"):
        crossing_steps(**common | {"distance": 0.8}, curvature=1.0)
    with pytest.raises(ValueError, match=r"0\.048; use a learning_rate below 0\.000417"):
        convergence_steps(**common, gap=1.0, error=0.04, noise_power=24.0)
    with pytest.raises(ValueError, match="error="):
        convergence_steps(**common, gap=1.0, error=0.0, noise_power=24.0)
    with pytest.raises(ValueError, match="noise_power="):
        convergence_steps(**common, gap=1.0, error=0.1, noise_power=-1.0)
    with pytest.raises(ValueError, match="gap="):
        convergence_steps(**common, gap=0.0, error=0.1, noise_power=1.0)
    fast = common | {"momentum": 0.95}
    with pytest.warns(OutsideRegimeWarning, match=r"= 0\.2 is above 0\.1"):
        crossing_steps(**fast, curvature=1.0)
    with pytest.warns(OutsideRegimeWarning, match=r"= 0\.2 is above 0\.1"):
        convergence_steps(**fast, gap=1.0, error=0.5, noise_power=1.0)
