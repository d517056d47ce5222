"""`Descent`: an optimiser at work on a potential, a dynamics whose time counts steps."""

import re

import numpy as np
import pytest
from landscapes import Quartic

import langevin_lab as ll
from langevin_lab.dynamics import Linear
from langevin_lab.momentum import SGD, Descent, GradientDescent, HeavyBall, Nesterov

BALL = HeavyBall(learning_rate=0.1, momentum=0.5)
RAMPED = HeavyBall(learning_rate=Linear(start=0.1, stop=0.0, duration=10.0), momentum=0.5)


def test_what_it_says_of_itself():
    descent = Descent(Quartic(2), BALL)
    assert descent.dim == 2
    assert descent.momenta
    assert not Descent(Quartic(2), GradientDescent(learning_rate=0.1)).momenta
    assert descent.temperature == 0.0
    assert descent.is_noiseless
    assert not descent.is_scheduled
    assert descent.at(3.0) is descent
    assert descent.thermal_momentum_scale.tolist() == [0.0, 0.0]


def test_a_schedule_is_read_at_the_number_of_the_step():
    descent = Descent(Quartic(1), RAMPED)
    assert descent.scheduled == ("learning_rate",)
    assert descent.at(4.0).optimiser.learning_rate == descent.at(4.99).optimiser.learning_rate
    assert descent.at(4.5).optimiser.learning_rate == pytest.approx(0.06)
    values = descent.scheduled_values(np.array([0.5, 4.5]))
    np.testing.assert_allclose(values["learning_rates"], [0.1, 0.06])
    assert descent.at(4.5).scheduled == ()
    assert Descent(Quartic(1), SGD(learning_rate=0.1, momentum=0.5, dampening=0.5)).scheduled == (
        "dampening",
    )


def test_it_needs_a_potential_and_an_optimiser():
    with pytest.raises(TypeError, match="potential=3 is not a Potential"):
        Descent(3, BALL)
    with pytest.raises(
        TypeError, match=r"optimiser='HeavyBall' must be one of langevin_lab.moment"
    ):
        Descent(Quartic(1), "HeavyBall")


def test_the_method_must_be_that_of_the_optimiser():
    descent = Descent(Quartic(1), BALL)
    nesterov = Nesterov(learning_rate=0.1, momentum=0.5).method()
    message = r"method='Nesterov' is not the step of HeavyBall\(.*; give the optimiser itself"
    with pytest.raises(ValueError, match=message):
        nesterov.coefficients(descent, 1.0)
    with pytest.raises(ValueError, match=re.escape("use the method() of its optimiser")):
        ll.integrators.method("BAOAB").check(descent)
    with pytest.raises(ValueError, match="'HeavyBall' is for descent dynamics, not for GradientFl"):
        BALL.method().check(ll.GradientFlow(Quartic(1)))
    with pytest.raises(ValueError, match=r"learning_rate is a schedule: pass dynamics.at"):
        RAMPED.method().coefficients(Descent(Quartic(1), RAMPED), 1.0)
