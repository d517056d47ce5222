import pytest

import langevin_lab as ll
from langevin_lab.integrators import WORDS, Method, method, names, properties

WELL = ll.potentials.double_well()
HOT = ll.Langevin(WELL, temperature=1.0, friction=1.0)
OVERDAMPED = ll.Overdamped(WELL, temperature=1.0)


def test_every_name_is_a_method_with_a_record():
    for name, equation in names():
        found = method(name, equation=equation)
        assert isinstance(found, Method)
        assert found.properties == properties(name, equation=equation)
        assert (found.properties.name, found.properties.equation) == (name, equation)
        assert found.n_normals == found.properties.normals_per_step
    assert {word for word, _ in names()} >= set(WORDS)


def test_methods_are_made_once_and_pass_through():
    assert method("BAOAB") is method("BAOAB")
    assert method("EulerMaruyama") is method("EulerMaruyama")
    assert method(method("BAOAB")) is method("BAOAB")
    assert repr(method("BAOAB")) == "Method('BAOAB', langevin)"


def test_runge_kutta_depends_on_the_equation():
    assert method("RK4").state_names == ("x",)
    assert method("RK4", equation="langevin").state_names == ("x", "p")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("baoab", r"method='baoab' is unknown: did you mean 'BAOAB'\? use a splitting word"),
        ("EulerMaruyma", "did you mean 'EulerMaruyama'"),
        ("nonsense!", r"method='nonsense!' is unknown: use .* or one of BBK, EulerMaruyama"),
        ("", "method='' is unknown"),
        ("BAXAB", "letter 'X' at position 3"),
    ],
)
def test_unknown_names_are_refused_with_a_hint(name, message):
    with pytest.raises(ValueError, match=message):
        method(name)


@pytest.mark.parametrize("name", [None, 3, ["BAOAB"]])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(TypeError, match=r"method=.* must be a splitting word such as 'BAOAB'"):
        method(name)


@pytest.mark.parametrize(
    ("name", "dynamics", "message"),
    [
        ("BAOAB", OVERDAMPED, "method='BAOAB' is for langevin dynamics, not for Overdamped; use"),
        ("EulerMaruyama", HOT, "method='EulerMaruyama' is for overdamped dynamics, not for Lange"),
        ("RK4", OVERDAMPED, "method='RK4' has no noise but temperature=1.0; use temperature=0"),
        ("BAB", HOT, "method='BAB' has no O but friction=1.0; use friction=0 or a word with O"),
    ],
)
def test_method_that_cannot_solve_the_dynamics_is_refused(name, dynamics, message):
    with pytest.raises(ValueError, match=message):
        method(name).coefficients(dynamics, 0.1)


@pytest.mark.parametrize("dt", [0.0, -0.1, float("nan"), float("inf")])
def test_bad_time_step_is_refused(dt):
    with pytest.raises(ValueError, match=f"dt={dt} must be finite and > 0"):
        method("BAOAB").coefficients(HOT, dt)


@pytest.mark.parametrize("dt", ["0.1", None, True, [0.1]])
def test_time_step_that_is_no_number_is_refused(dt):
    with pytest.raises(TypeError, match=r"dt=.* must be a number > 0"):
        method("BAOAB").coefficients(HOT, dt)


def test_schedule_needs_its_temperature():
    cooling = ll.Langevin(WELL, temperature=lambda time: 1.0 + 0 * time, friction=1.0)
    with pytest.raises(ValueError, match="temperature is a schedule: pass temperature=dynamics"):
        method("BAOAB").coefficients(cooling, 0.1)
    assert method("BAOAB").coefficients(cooling, 0.1, 1.0) == method("BAOAB").coefficients(HOT, 0.1)
