"""Schedules that count epochs."""

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.dynamics import Linear, Steps
from langevin_lab.training import EpochSchedule, per_epoch

INPUTS = np.arange(10.0)
NETWORK = ll.potentials.multilayer_perceptron(INPUTS, INPUTS, hidden=(1,), batch_size=4)


def test_a_rate_changes_with_the_first_step_of_its_epoch():
    """Three steps an epoch: epoch 2 begins with step 6."""
    rate = per_epoch(Steps(times=(0, 2), values=(0.5, 0.25)), NETWORK)
    sgd = ll.momentum.SGD(learning_rate=rate)
    assert [sgd.at(step).learning_rate for step in (0, 5, 6, 7)] == [0.5, 0.5, 0.25, 0.25]


def test_a_temperature_falls_over_so_many_epochs():
    cooling = per_epoch(Linear(start=1.0, stop=0.0, duration=4), NETWORK, dt=0.1)
    dynamics = ll.Langevin(NETWORK, temperature=cooling, friction=1.0)
    found = dynamics.temperature_at([0.0, 0.6, 1.2, 5.0])
    np.testing.assert_allclose(found, [1.0, 0.5, 0.0, 0.0], atol=1e-12)


def test_wrong_arguments():
    with pytest.raises(TypeError, match=r"schedule=0.1 must be a schedule such as"):
        per_epoch(0.1, NETWORK)
    with pytest.raises(ValueError, match=r"dt=0.0 must be a finite number > 0"):
        per_epoch(Linear(start=1, stop=0, duration=1), NETWORK, dt=0.0)
    with pytest.raises(ValueError, match=r"epoch_duration=-1 must be a finite number > 0"):
        EpochSchedule(schedule=abs, epoch_duration=-1)
    with pytest.raises(TypeError, match=r"is no network"):
        per_epoch(abs, ll.potentials.harmonic())
