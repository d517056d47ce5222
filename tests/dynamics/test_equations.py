import dataclasses

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.dynamics import Linear

WELL = ll.potentials.double_well()
PLANE = ll.Potential.from_expression("x**2/2 + y**2", variables=("x", "y"))


def langevin(**changes):
    return ll.Langevin(PLANE, **{"temperature": 1.0, "friction": 1.0, **changes})


def test_equations_say_whether_they_have_momenta_and_noise():
    flow = ll.GradientFlow(WELL)
    assert (flow.momenta, flow.temperature, flow.friction, flow.dim) == (False, 0.0, 1.0, 1)
    assert not ll.Overdamped(WELL, temperature=1.0).momenta
    assert langevin().momenta
    assert langevin().dim == 2


def test_equations_are_frozen_and_hashable_with_arrays_given():
    dynamics = langevin(friction=np.array([1.0, 2.0]), mass=[1, 3])
    assert dynamics.friction == (1.0, 2.0)
    assert dynamics.mass == (1.0, 3.0)
    assert isinstance(hash(dynamics), int)
    with pytest.raises(dataclasses.FrozenInstanceError):
        dynamics.mass = 2.0


@pytest.mark.parametrize("equation", [ll.Overdamped, ll.Langevin])
def test_physical_scalars_are_keyword_only(equation):
    with pytest.raises(TypeError, match="positional"):
        equation(WELL, 1.0, 1.0)


@pytest.mark.parametrize("temperature", [-0.1, np.nan, np.inf])
def test_bad_temperature_is_refused(temperature):
    with pytest.raises(ValueError, match=f"temperature={temperature} must be finite and >= 0.*use"):
        ll.Overdamped(WELL, temperature=temperature)


@pytest.mark.parametrize("value", ["hot", True, None, [1.0]])
def test_temperature_that_is_no_number_is_refused(value):
    with pytest.raises(TypeError, match=r"temperature=.* must be a number"):
        langevin(temperature=value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("friction", -1.0, r"friction=-1.0 must be finite and >= 0"),
        ("friction", [1.0, -2.0], r"friction=\[1.0, -2.0\] must be finite and >= 0"),
        ("friction", np.nan, "friction=nan must be finite"),
        ("mass", 0.0, "mass=0.0 must be finite and > 0"),
        ("mass", [1.0, np.inf], r"mass=\[1.0, inf\] must be finite and > 0"),
        ("mass", [1.0, 2.0, 3.0], r"mass has shape \(3,\): give one .* shape \(2,\)"),
        ("mass", [[1.0, 2.0]], r"mass has shape \(1, 2\)"),
    ],
)
def test_bad_friction_and_mass_are_refused(name, value, message):
    with pytest.raises(ValueError, match=message):
        langevin(**{name: value})


@pytest.mark.parametrize("name", ["friction", "mass"])
@pytest.mark.parametrize("value", [True, "2", [True, 1.0], ["1", "2"], np.array([True, True])])
def test_friction_and_mass_that_numpy_would_convert_are_refused(name, value):
    with pytest.raises(TypeError, match=rf"{name}=.* must be a number, or one per coordinate"):
        langevin(**{name: value})


@pytest.mark.parametrize("name", ["friction", "mass"])
def test_friction_and_mass_that_are_no_numbers_are_refused(name):
    with pytest.raises(TypeError, match=f"{name}='big' must be a number, or one per coordinate"):
        langevin(**{name: "big"})


def test_friction_may_be_zero_for_langevin_only():
    assert langevin(friction=0.0).friction == 0.0
    with pytest.raises(ValueError, match=r"friction=0\.0 must be finite and > 0"):
        ll.Overdamped(WELL, temperature=1.0, friction=0.0)


@pytest.mark.parametrize("equation", [ll.GradientFlow, ll.Overdamped, ll.Langevin])
def test_what_is_no_potential_is_refused(equation):
    numbers = {} if equation is ll.GradientFlow else {"temperature": 1.0}
    if equation is ll.Langevin:
        numbers["friction"] = 1.0
    with pytest.raises(TypeError, match=r"potential='x\*\*2' is not a Potential: use"):
        equation("x**2", **numbers)


def test_constant_temperature_at_any_times():
    dynamics = langevin(temperature=0.5)
    assert not dynamics.is_scheduled
    np.testing.assert_array_equal(dynamics.temperature_at(np.arange(3.0)), [0.5, 0.5, 0.5])


def test_schedule_is_asked_at_the_times():
    dynamics = langevin(temperature=Linear(start=1.0, stop=0.0, duration=2.0))
    assert dynamics.is_scheduled
    np.testing.assert_allclose(dynamics.temperature_at(np.array([0.0, 0.5, 3.0])), [1, 0.75, 0])


def test_friction_at_any_times():
    dynamics = langevin(friction=0.5)
    np.testing.assert_array_equal(dynamics.friction_at(np.arange(3.0)), [0.5, 0.5, 0.5])
    assert langevin(friction=(0.5, 2.0)).friction_at(np.arange(3.0)).tolist() == [[0.5, 2.0]] * 3
    falling = langevin(friction=Linear(start=1.0, stop=0.0, duration=2.0))
    np.testing.assert_allclose(falling.friction_at(np.array([0.0, 0.5, 3.0])), [1, 0.75, 0])


def test_dynamics_say_what_is_scheduled():
    ramp = Linear(start=1.0, stop=0.5, duration=2.0)
    assert langevin().scheduled == ll.GradientFlow(WELL).scheduled == ()
    assert langevin(friction=ramp).scheduled == ("friction",)
    assert langevin(temperature=ramp, friction=ramp).scheduled == ("temperature", "friction")
    assert langevin(friction=ramp).is_scheduled
    assert not langevin().is_scheduled
    cold = [ll.GradientFlow(WELL), langevin(temperature=0.0, friction=ramp)]
    warm = [langevin(temperature=ramp), langevin(temperature=0.1, friction=0.0)]
    assert [dynamics.is_noiseless for dynamics in cold + warm] == [True, True, False, False]


def test_dynamics_at_a_time_holds_the_numbers_of_its_schedules():
    ramp = Linear(start=1.0, stop=0.5, duration=2.0)
    dynamics = langevin(temperature=ramp, friction=ramp, mass=(1.0, 2.0))
    assert dynamics.at(1.0) == langevin(temperature=0.75, friction=0.75, mass=(1.0, 2.0))
    assert langevin().at(1.0) == langevin()
    columns = dynamics.at(np.array([0.0, 1.0, 2.0]))
    for values in (columns.temperature, columns.friction):
        np.testing.assert_array_equal(values, [[1.0], [0.75], [0.5]])
    assert columns.mass == (1.0, 2.0)
    assert not columns.is_scheduled
    assert dynamics.friction is ramp


def test_scheduled_friction_is_refused_where_a_number_would_be():
    stopping = Linear(start=1.0, stop=0.0, duration=2.0)
    assert langevin(friction=stopping).at(5.0).friction == 0.0
    message = "friction schedule returned 0.0 at time 5: it must be finite and > 0"
    with pytest.raises(ValueError, match=message):
        ll.Overdamped(WELL, temperature=1.0, friction=stopping).at(5.0)
    with pytest.raises(ValueError, match=r"friction schedule returned -4\.0 at time 5: .* >= 0"):
        langevin(friction=lambda time: 1.0 - time).friction_at(5.0)
    with pytest.raises(ValueError, match=r"friction schedule returned shape \(3, 2\) for times of"):
        langevin(friction=lambda time: np.ones((3, 2))).at(np.arange(3.0))


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (lambda t: 1.0 - t, r"returned -1.0 at time 2: it must be finite and >= 0"),
        (lambda t: t * np.nan, "returned nan at time 0"),
        (lambda t: 1.0, r"returned shape \(\) for times of shape \(3,\)"),
    ],
)
def test_bad_schedules_are_refused_with_value_and_time(schedule, message):
    with pytest.raises(ValueError, match=message):
        langevin(temperature=schedule).temperature_at(np.arange(3.0))


def test_description_holds_the_numbers_and_no_addresses():
    assert (
        langevin(mass=(1.0, 2.0))
        .describe()
        .endswith("temperature=1.0, friction=1.0, mass=(1.0, 2.0))")
    )
    assert ll.GradientFlow(WELL).describe() == f"GradientFlow(potential={WELL!r})"
    scheduled = langevin(temperature=lambda time: np.ones_like(time)).describe()
    assert "lambda" in scheduled
    assert "0x" not in scheduled
