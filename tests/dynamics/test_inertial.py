"""`InertialFlow`: what it accepts, its schedules, its text."""

import dataclasses
import math
import pickle

import numpy as np
import pytest

import langevin_lab as ll

PLANE = ll.Potential.from_expression("x**2/2 + 2*y**2", variables=("x", "y"))
NUMBERS = {"friction": 1.0, "hessian_damping": 0.1}


def falling(time):
    return 1.0 / (1.0 + np.asarray(time, dtype=float))


def test_numbers_and_defaults():
    flow = ll.InertialFlow(PLANE, friction=[1.0, 2.0], hessian_damping=0)
    assert (flow.force_scale, flow.mass, flow.hessian_damping) == (1.0, 1.0, 0.0)
    assert isinstance(flow.hessian_damping, float)
    assert flow.friction_at(0.0) == pytest.approx([1.0, 2.0])
    assert (flow.dim, flow.momenta, flow.equation) == (2, True, "inertial")
    assert (flow.temperature, flow.is_noiseless, flow.scheduled) == (0.0, True, ())
    assert flow.force_scale_at(np.zeros(3)) == pytest.approx(np.ones(3))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"friction": -1.0}, ValueError, r"friction=-1\.0 must be finite and >= 0"),
        ({"friction": math.inf}, ValueError, "friction=inf must be finite"),
        ({"friction": [1.0, 2.0, 3.0]}, ValueError, r"friction has shape \(3,\)"),
        ({"hessian_damping": -0.1}, ValueError, r"hessian_damping=-0\.1 must be finite and >= 0"),
        ({"hessian_damping": math.nan}, ValueError, "hessian_damping=nan must be finite"),
        ({"hessian_damping": falling}, TypeError, "hessian_damping=.* must be a number"),
        ({"force_scale": -1.0}, ValueError, r"force_scale=-1\.0 must be finite and >= 0"),
        ({"force_scale": "one"}, TypeError, "force_scale='one' must be a number"),
        ({"mass": 0.0}, ValueError, r"mass=0\.0 must be finite and > 0"),
        ({"mass": [1.0, 2.0]}, TypeError, r"mass=\[1\.0, 2\.0\] must be a number"),
    ],
)
def test_numbers_out_of_range_are_named(change, error, message):
    with pytest.raises(error, match=message):
        ll.InertialFlow(PLANE, **(NUMBERS | change))


def test_what_is_no_potential_is_refused():
    with pytest.raises(TypeError, match="potential='x' is not a Potential"):
        ll.InertialFlow("x", **NUMBERS)


def test_friction_and_force_scale_may_follow_schedules():
    flow = ll.InertialFlow(PLANE, friction=falling, hessian_damping=0.1, force_scale=falling)
    assert flow.scheduled == ("friction", "force_scale")
    values = flow.scheduled_values(np.array([0.0, 1.0]))
    assert values["force_scales"] == pytest.approx([1.0, 0.5])
    assert values["frictions"] == pytest.approx([1.0, 0.5])
    now = flow.at(3.0)
    assert (now.friction, now.force_scale, now.hessian_damping) == (0.25, 0.25, 0.1)
    negative = dataclasses.replace(flow, force_scale=lambda time: 1.0 - np.asarray(time))
    with pytest.raises(ValueError, match=r"force_scale schedule returned -1\.0 at time 2: it must"):
        negative.force_scale_at(np.array([0.0, 2.0]))


def test_text_equality_and_copies():
    flow = ll.InertialFlow(PLANE, **NUMBERS)
    for part in (
        "InertialFlow",
        "friction=1.0",
        "hessian_damping=0.1",
        "force_scale=1.0",
        "mass=1",
    ):
        assert part in flow.describe()
    assert pickle.loads(pickle.dumps(flow)) == flow
    assert hash(flow) != hash(dataclasses.replace(flow, hessian_damping=0.2))
