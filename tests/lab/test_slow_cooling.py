"""The parts of the slow-cooling experiment that nothing is sampled in, each by a second way."""

import dataclasses

import numpy as np
import pytest
from shipped import experiment

import langevin_lab as ll

slow_cooling = experiment("slow_cooling")


def test_upper_well_follows_two_wells_and_their_power_with_the_logarithm():
    config = dataclasses.replace(slow_cooling.Config(), slow_durations=(1e6, 1e7))
    found = slow_cooling._slow(config)
    ratio = found["left"][1] / found["left_two_wells"][1]
    assert np.all(np.abs(ratio - 1) < 0.005)
    assert ratio[1] - 1 == pytest.approx(0.0023, abs=2e-4)
    exponent = np.diff(np.log(found["left"][1])) / np.log(10)
    predicted = np.diff(np.log(found["left_law"][1])) / np.log(10)
    assert exponent == pytest.approx(predicted, rel=0.01)
    assert abs(exponent / -found["left_exponent"][1] - 1) > 0.05


def test_recursion_of_the_heavy_ball_is_bbk_at_a_frozen_momentum(monkeypatch):
    module = slow_cooling
    config = dataclasses.replace(module.Config(), harmonic_steps=4000)
    rho, dt = 0.9, config.harmonic_dt
    monkeypatch.setattr(module, "CoolingMomentum", lambda **_: lambda n: np.full(np.shape(n), rho))
    friction = ll.dynamics.bbk_friction(rho, dt)
    temperature = (1 + rho) / (1 - rho) / module.FACTOR
    law = ll.exact.stationary_covariance(
        "BBK", stiffness=1.0, temperature=temperature, friction=friction, dt=dt
    )
    assert module._heavy_ball_variance(config) == pytest.approx(law[0, 0], rel=1e-10)
