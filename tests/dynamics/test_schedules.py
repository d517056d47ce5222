import math

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.dynamics import (
    Constant,
    Exponential,
    Linear,
    Logarithmic,
    Piecewise,
    Steps,
    Table,
)

LINEAR = Linear(start=2.0, stop=1.0, duration=4.0)
GEOMETRIC = Exponential(start=2.0, stop=0.5, duration=4.0)
POINTS = Piecewise(times=(1.0, 2.0, 4.0), values=(1.0, 3.0, 0.0))
STEPS = Steps(times=(1.0, 2.0, 4.0), values=(1.0, 3.0, 0.0))
TABLE = Table(values=(3.0, 1.0, 2.0), dt=0.5)
LOGARITHMIC = Logarithmic(start=3.0, timescale=2.0)
ALL = [Constant(value=1.5), LINEAR, GEOMETRIC, LOGARITHMIC, POINTS, STEPS, TABLE]


@pytest.mark.parametrize(
    ("schedule", "times", "values"),
    [
        (LINEAR, [-1.0, 0.0, 1.0, 4.0, 9.0], [2.0, 2.0, 1.75, 1.0, 1.0]),
        (GEOMETRIC, [-1.0, 0.0, 2.0, 4.0, 9.0], [2.0, 2.0, 1.0, 0.5, 0.5]),
        (POINTS, [0.0, 1.0, 1.5, 3.0, 9.0], [1.0, 1.0, 2.0, 1.5, 0.0]),
        (STEPS, [0.0, 1.0, 1.99, 2.0, 3.99, 4.0, 9.0], [1.0, 1.0, 1.0, 3.0, 3.0, 0.0, 0.0]),
        (TABLE, [-1.0, 0.0, 0.25, 0.75, 1.25, 9.0], [3.0, 3.0, 3.0, 1.0, 2.0, 2.0]),
        (Constant(value=2), [-1.0, 0.0, 5.0], [2.0, 2.0, 2.0]),
        # log(2 + t/2) is 1, 2 and 3 times log(2) at t = 0, 4 and 12.
        (LOGARITHMIC, [-1.0, 0.0, 4.0, 12.0], [3.0, 3.0, 1.5, 1.0]),
    ],
)
def test_values_inside_and_outside_the_range(schedule, times, values):
    np.testing.assert_allclose(schedule(np.array(times)), values, rtol=1e-14)
    for time, value in zip(times, values):
        assert float(schedule(time)) == pytest.approx(value, rel=1e-14)


@pytest.mark.parametrize("schedule", ALL, ids=lambda schedule: type(schedule).__name__)
def test_schedules_work_element_by_element_and_can_be_hashed(schedule):
    times = np.linspace(-1.0, 9.0, 12).reshape(3, 4)
    values = schedule(times)
    assert values.shape == (3, 4)
    assert values.ravel().tolist() == [float(schedule(time)) for time in times.ravel()]
    assert hash(schedule) == hash(eval(repr(schedule)))
    assert schedule == eval(repr(schedule))


def test_a_table_gives_step_k_its_own_value_at_both_ends_and_in_the_middle():
    n_steps = 20_000
    for dt in (0.1, 0.003, 1.0, 1 / 3):
        table = Table(values=np.arange(float(n_steps)), dt=dt)
        k = np.arange(n_steps)
        for part in (0.0, 0.5, 0.999):
            np.testing.assert_array_equal(table((k + part) * dt), k)


@pytest.mark.parametrize("schedule", [LINEAR, GEOMETRIC, LOGARITHMIC, POINTS, STEPS, TABLE])
def test_no_time_has_no_value_and_the_dynamics_says_so(schedule):
    assert math.isnan(schedule(math.nan))
    values = schedule(np.array([math.nan, 1.0]))
    assert math.isnan(values[0])
    assert values[1] == schedule(1.0)
    cooling = ll.Overdamped(ll.potentials.harmonic(), temperature=schedule)
    with pytest.raises(ValueError, match="temperature schedule returned nan at time nan"):
        cooling.temperature_at(math.nan)


def test_a_long_table_prints_its_hash_and_not_its_numbers():
    values = np.linspace(2.0, 1.0, 1000)
    one, other = Table(values=values, dt=0.1), Table(values=values, dt=0.1)
    assert one == other
    assert repr(one) == repr(other)
    assert repr(one).startswith("Table(values=<1000 from 2.0 to 1.0, ")
    values[500] += 1e-12
    assert repr(Table(values=values, dt=0.1)) != repr(one)


def test_logarithmic_cooling_has_the_constant_of_the_classical_form():
    times = np.linspace(0.0, 1e6, 7)
    expected = LOGARITHMIC.constant / np.log(2.0 + times / 2.0)
    np.testing.assert_allclose(LOGARITHMIC(times), expected, rtol=1e-14)
    assert LOGARITHMIC.constant == pytest.approx(3.0 * math.log(2.0), rel=1e-15)


def test_schedules_are_values_that_print_themselves():
    assert Linear(start=2.0, stop=1.0, duration=4.0) == LINEAR
    assert repr(POINTS) == "Piecewise(times=(1.0, 2.0, 4.0), values=(1.0, 3.0, 0.0))"
    assert hash(POINTS) == hash(Piecewise(times=[1, 2, 4], values=[1, 3, 0]))


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        (Linear, {"start": -1.0}, "start=-1.0 must be a finite number >= 0"),
        (Linear, {"stop": math.nan}, "stop=nan must be a finite number >= 0"),
        (Linear, {"duration": 0.0}, "duration=0.0 must be a finite number > 0"),
        (Exponential, {"start": 0.0}, "start=0.0 must be a finite number > 0"),
        (Exponential, {"stop": 0.0}, "stop=0.0 must be a finite number > 0"),
        (Exponential, {"duration": math.inf}, "duration=inf must be a finite number > 0"),
    ],
)
def test_bad_ramps_are_refused(kind, changes, message):
    with pytest.raises(ValueError, match=message):
        kind(**{"start": 1.0, "stop": 0.5, "duration": 1.0, **changes})


def test_ramps_of_no_numbers_are_refused():
    with pytest.raises(TypeError, match="start='hot' must be a number"):
        Linear(start="hot", stop=1.0, duration=1.0)
    with pytest.raises(TypeError, match="stop=None must be a number"):
        Exponential(start=1.0, stop=None, duration=1.0)


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (Constant, {"value": -1.0}, "value=-1.0 must be a finite number >= 0"),
        (Logarithmic, {"start": 0.0, "timescale": 1.0}, "start=0.0 must be a finite number > 0"),
        (Logarithmic, {"start": 1.0, "timescale": -2.0}, "timescale=-2.0 must be a finite .* > 0"),
        (Table, {"values": (), "dt": 1.0}, "values is empty: give the value of one step at least"),
        (Table, {"values": (1.0, -3.0), "dt": 1.0}, "values=-3.0 must be a finite number >= 0"),
        (Table, {"values": (1.0, math.nan), "dt": 1.0}, "values=nan must be a finite number >= 0"),
        (Table, {"values": (1.0,), "dt": 0.0}, "dt=0.0 must be a finite number > 0"),
    ],
)
def test_bad_numbers_are_refused(kind, arguments, message):
    with pytest.raises(ValueError, match=message):
        kind(**arguments)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (3.0, r"values=3\.0 must be a sequence of numbers"),
        ("123", "values='1' must be a number"),
        ((1.0, "2"), "values='2' must be a number"),
        ((True, 1.0), "values=True must be a number"),
        (np.ones((2, 2)), r"values=\[1\.0, 1\.0\] must be a number"),
    ],
)
def test_tables_of_no_numbers_are_refused(values, message):
    with pytest.raises(TypeError, match=message):
        Table(values=values, dt=1.0)


@pytest.mark.parametrize(
    ("times", "values", "message"),
    [
        ((0.0, 1.0), (1.0,), "times has 2 entries and values has 1: give as many"),
        ((0.0,), (1.0,), "times has 1 entries and values has 1: .*at least two"),
        ((0.0, 0.0), (1.0, 1.0), r"times=\(0.0, 0.0\) must be finite and increase strictly"),
        ((0.0, math.inf), (1.0, 1.0), r"times=\(0.0, inf\) must be finite and increase"),
        ((0.0, 1.0), (1.0, -1.0), "values=-1.0 must be a finite number >= 0"),
    ],
)
def test_bad_points_are_refused(times, values, message):
    for kind in (Piecewise, Steps):
        with pytest.raises(ValueError, match=message):
            kind(times=times, values=values)
