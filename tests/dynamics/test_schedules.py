import math

import numpy as np
import pytest

from langevin_lab.dynamics import Exponential, Linear, Piecewise

LINEAR = Linear(start=2.0, stop=1.0, duration=4.0)
GEOMETRIC = Exponential(start=2.0, stop=0.5, duration=4.0)
POINTS = Piecewise(times=(1.0, 2.0, 4.0), values=(1.0, 3.0, 0.0))


@pytest.mark.parametrize(
    ("schedule", "times", "values"),
    [
        (LINEAR, [-1.0, 0.0, 1.0, 4.0, 9.0], [2.0, 2.0, 1.75, 1.0, 1.0]),
        (GEOMETRIC, [-1.0, 0.0, 2.0, 4.0, 9.0], [2.0, 2.0, 1.0, 0.5, 0.5]),
        (POINTS, [0.0, 1.0, 1.5, 3.0, 9.0], [1.0, 1.0, 2.0, 1.5, 0.0]),
    ],
)
def test_values_inside_and_outside_the_range(schedule, times, values):
    np.testing.assert_allclose(schedule(np.array(times)), values, rtol=1e-14)
    for time, value in zip(times, values):
        assert float(schedule(time)) == pytest.approx(value, rel=1e-14)


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
    with pytest.raises(ValueError, match=message):
        Piecewise(times=times, values=values)
