"""What all optimisers share: checked numbers, schedules of the step, one record."""

import math
import pickle

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.dynamics import Linear, Table
from langevin_lab.exact.quadratic import Quadratic
from langevin_lab.momentum import (
    SGD,
    Descent,
    GradientDescent,
    HeavyBall,
    MomentumFamily,
    Nesterov,
    NesterovSequence,
    Optimiser,
    StreamingPCA,
)

RAMP = Linear(start=0.1, stop=0.0, duration=10.0)
ALL = [
    GradientDescent(learning_rate=0.1),
    HeavyBall(learning_rate=RAMP, momentum=0.5),
    Nesterov(learning_rate=0.1, momentum=NesterovSequence()),
    MomentumFamily(learning_rate=0.1, momentum=0.5, look_ahead=0.2),
    SGD(learning_rate=0.1, momentum=0.5, dampening=0.2, weight_decay=0.1),
    SGD(learning_rate=Table(values=(0.1, 0.2), dt=1.0)),
    StreamingPCA(learning_rate=0.1, momentum=0.5, variances=(2.0, 1.0)),
]
each = pytest.mark.parametrize("optimiser", ALL, ids=lambda o: type(o).__name__)


@pytest.mark.parametrize(
    ("numbers", "kind", "message"),
    [
        ({"learning_rate": 0.0}, ValueError, r"learning_rate=0\.0 must be a finite number > 0"),
        ({"learning_rate": np.inf}, ValueError, "learning_rate=inf must be a finite number > 0"),
        ({"learning_rate": "0.1"}, TypeError, "learning_rate='0.1' must be a number"),
        ({"learning_rate": True}, TypeError, "learning_rate=True must be a number"),
        ({"momentum": 1.0}, ValueError, r"momentum=1\.0 must be a momentum coefficient in \[0, 1"),
        ({"momentum": -0.1}, ValueError, r"momentum=-0\.1 must be a momentum coefficient"),
        ({"momentum": np.nan}, ValueError, "momentum=nan must be a momentum coefficient"),
        ({"momentum": None}, TypeError, "momentum=None must be a number"),
        ({"look_ahead": -0.5}, ValueError, r"look_ahead=-0\.5 must be a finite number >= 0"),
        ({"look_ahead": RAMP}, TypeError, r"look_ahead=Linear\(.* must be a number"),
    ],
)
def test_wrong_numbers_are_named(numbers, kind, message):
    with pytest.raises(kind, match=message):
        MomentumFamily(**({"learning_rate": 0.1, "momentum": 0.5, "look_ahead": 0.2} | numbers))


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"learning_rate": lambda n: n - 2.0}, r"learning_rate schedule returned -2\.0 in step 0"),
        ({"learning_rate": lambda n: 1.0 / (n - 1.0)}, "returned -1.0 in step 0: .* and >= 0"),
        ({"momentum": lambda n: 0.3 * n}, r"momentum schedule returned 1\.2 in step 4: it must be"),
        ({"momentum": lambda n: n * np.nan}, "returned nan in step 0: .* between 0 and 1"),
        ({"momentum": lambda n: 0.5 if n < 3 else 0.9}, r"array of steps .*use np\.where for if"),
        ({"learning_rate": lambda n: math.exp(-n)}, r"rate schedule .* np\.exp for math\.exp"),
        ({"momentum": lambda n: 0.5}, r"momentum schedule returned shape \(\) for steps of shape"),
    ],
)
def test_wrong_values_of_a_schedule_are_named_with_their_step(numbers, message):
    ball = HeavyBall(**({"learning_rate": 0.1, "momentum": 0.5} | numbers))
    with np.errstate(divide="ignore"), pytest.raises(ValueError, match=message):
        ball.at(np.arange(6.0))


def test_at_freezes_what_is_scheduled():
    ball = HeavyBall(learning_rate=RAMP, momentum=NesterovSequence())
    assert ball.scheduled == ("learning_rate", "momentum")
    frozen = ball.at(4)
    assert (frozen.learning_rate, frozen.momentum) == (pytest.approx(0.06), 0.5)
    assert frozen.scheduled == ()
    rows = ball.at([4, 5])
    assert rows.learning_rate.shape == rows.momentum.shape == (2, 1)
    assert rows.momentum[1, 0] == pytest.approx(4 / 7)
    fixed = HeavyBall(learning_rate=0.1, momentum=0.5)
    assert fixed.at(7) is fixed


@each
def test_optimisers_are_values(optimiser):
    """They compare, hash, travel between processes and print all that makes them."""
    twin = pickle.loads(pickle.dumps(optimiser))
    assert twin == optimiser
    assert hash(twin) == hash(optimiser)
    name = type(optimiser).__name__
    assert eval(repr(optimiser), {name: type(optimiser)} | vars(ll.dynamics) | vars(ll.momentum))
    plane = ll.Potential.from_expression("x**2/2 + y**2", ("x", "y"))
    descent = Descent(plane, optimiser)
    assert repr(optimiser) in descent.describe()
    assert pickle.loads(pickle.dumps(descent)).describe() == descent.describe()


@each
def test_record_says_what_a_step_costs_and_where_it_comes_from(optimiser):
    record = optimiser.method().properties
    oja = isinstance(optimiser, StreamingPCA)
    assert record.name == type(optimiser).__name__
    assert record.equation == "descent"
    assert (record.gradients_per_step, record.normals_per_step) == ((0, 1) if oja else (1, 0))
    assert record.source == optimiser.source
    assert np.isnan(record.configurational_order)
    assert optimiser.method() is optimiser.method()
    known = not (set(optimiser.scheduled) - {"dampening"} or oja)
    assert record.stability_limit == optimiser.stability_limit if known else True
    assert np.isnan(record.stability_limit) == (not known)
    assert np.isnan([record.strong_order, record.weak_order]).all() == (not known)


def error_of_the_flow(optimiser, n_steps):
    """At the end of the path on x^2/2 from 1, over a time that the steps divide."""
    method, descent = optimiser.method(), Descent(Quadratic(np.eye(1)), optimiser)
    state = {name: np.zeros(1) for name in method.state_names} | {"x": np.ones(1)}
    for n in range(n_steps):
        values = method.coefficients(descent.at(float(n)), 1.0)
        state = method.step(state, np.zeros((0, 1)), values, lambda x: x)
    gain = (1 - getattr(optimiser, "dampening", 0.0)) / (1 - optimiser.momentum)
    return abs(state["x"][0] - np.exp(-gain * n_steps * optimiser.learning_rate))


@pytest.mark.parametrize(
    "make",
    [
        GradientDescent,
        lambda **eta: HeavyBall(**eta, momentum=0.5),
        lambda **eta: Nesterov(**eta, momentum=0.5),
        lambda **eta: MomentumFamily(**eta, momentum=0.5, look_ahead=1.2),
        lambda **eta: SGD(**eta, momentum=0.5, dampening=0.3),
        lambda **eta: SGD(**eta, momentum=0.5, nesterov=True),
    ],
)
def test_path_is_that_of_the_rescaled_gradient_flow_to_the_first_order(make):
    errors = [error_of_the_flow(make(learning_rate=1 / n), n) for n in (256, 512, 1024, 2048)]
    orders = np.log2(errors[:-1]) - np.log2(errors[1:])
    claimed = make(learning_rate=0.1).method().properties.strong_order
    assert np.abs(orders - claimed).max() < 0.05


def test_base_class_is_no_optimiser():
    with pytest.raises(TypeError, match=r"abstract methods? .*coefficients.* program"):
        Optimiser(learning_rate=0.1)
