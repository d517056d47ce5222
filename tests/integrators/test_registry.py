import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.integrators import (
    ITO_SCHEMES,
    WORDS,
    Method,
    every_name,
    method,
    names,
    properties,
    registry,
    specimen,
)
from langevin_lab.integrators.partitions import PUBLISHED

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


def test_coefficients_of_a_schedule_need_a_time():
    def one(time):
        return 1.0 + 0 * time

    expected = method("BAOAB").coefficients(HOT, 0.1)
    cooling = ll.Langevin(WELL, temperature=one, friction=1.0)
    with pytest.raises(ValueError, match=r"temperature is a schedule: pass dynamics\.at\(time\)"):
        method("BAOAB").coefficients(cooling, 0.1)
    assert method("BAOAB").coefficients(cooling, 0.1, 1.0) == expected
    assert method("BAOAB").coefficients(cooling.at(3.0), 0.1) == expected
    thinning = ll.Langevin(WELL, temperature=one, friction=one)
    with pytest.raises(ValueError, match=r"friction is a schedule: pass dynamics\.at\(time\)"):
        method("BAOAB").coefficients(thinning, 0.1, 1.0)
    assert method("BAOAB").coefficients(thinning.at(3.0), 0.1) == expected


@pytest.mark.parametrize("name", ["BAOAB", "BBK", "SemiImplicitEuler", "OBABO", "EulerMaruyama"])
def test_coefficients_of_an_array_of_times_are_those_of_each(name):
    falling = ll.dynamics.Linear(start=2.0, stop=0.5, duration=3.0)
    rising = ll.dynamics.Exponential(start=0.1, stop=4.0, duration=3.0)
    scheme = method(name)
    equation = ll.Langevin if scheme.properties.equation == "langevin" else ll.Overdamped
    dynamics = equation(WELL, temperature=falling, friction=rising)
    times = np.linspace(0.05, 2.95, 7)
    rows = scheme.coefficients(dynamics.at(times), 0.1)
    for index, time in enumerate(times):
        for key, value in scheme.coefficients(dynamics.at(time), 0.1).items():
            assert np.broadcast_to(rows[key], (7, 1))[index, 0] == value, key


def test_scheduled_friction_and_temperature_of_methods_without_them_are_refused():
    fading = ll.dynamics.Linear(start=1.0, stop=0.0, duration=1.0)
    with pytest.raises(ValueError, match=r"has no O but friction=Linear\(start=1.0, .*friction=0"):
        method("BAB").check(ll.Langevin(WELL, temperature=1.0, friction=fading))
    runge_kutta = method("RK4", equation="langevin")
    with pytest.raises(ValueError, match=r"has no noise but temperature=Linear\(start=1.0"):
        runge_kutta.check(ll.Langevin(WELL, temperature=fading, friction=1.0))
    runge_kutta.check(ll.Langevin(WELL, temperature=0.0, friction=fading))


def test_every_name_holds_all_that_the_package_names():
    """A scheme, a published word or a named method that is left out of it has no certificate."""
    known = set(every_name())
    assert known >= set(registry._NAMED)
    assert known >= {(name, "ito") for name in ITO_SCHEMES}
    assert known >= {(name, "partitioned") for name in PUBLISHED}
    # An optimiser brings its own method; RK4 for the inertial flow has tests of its own.
    others = {"descent", "inertial"}
    assert {kind for _, kind in known} == set(integrators_equations()) - others


def integrators_equations():
    from langevin_lab.integrators.methods import _SUGGESTIONS

    return set(_SUGGESTIONS) - {"descent"}  # whose methods are made by optimisers


def test_specimen_is_a_method_for_every_name():
    for name, equation in every_name():
        found = specimen(name, equation=equation)
        assert found.properties.equation == equation
        if (name, equation) in names():
            assert found is method(name, equation=equation)
    assert specimen("Milstein") is specimen("Milstein", equation="ito")
    assert specimen("AdLaLa") is specimen("AdLaLa", equation="partitioned")
    assert specimen("SRA1") is method("SRA1")
    assert specimen("A1 A2 A3 O1 O2 O3 B1 B2 B3").program.blocks == ((0,), (1,), (2,))
    assert specimen("A1 A2 O1 C2 D2 B1 B2").program.thermostats == ("xi_2",)


def test_specimen_of_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="'Milsten' is none for an ItoDiffusion"):
        specimen("Milsten", equation="ito")
    with pytest.raises(ValueError, match="letter 'X' means nothing"):
        specimen("A1 X1 B1")
    with pytest.raises(TypeError, match="must be a splitting word"):
        specimen(3)


@pytest.mark.parametrize("find", [method, properties, specimen])
def test_unknown_equation_is_refused(find):
    with pytest.raises(ValueError, match="equation='nonsense' is unknown: use one of 'overdamped'"):
        find("BAOAB", equation="nonsense")


def test_equations_are_those_that_methods_are_for():
    assert set(registry._EQUATIONS) == set(integrators_equations()) - {"descent"}


@pytest.mark.parametrize(
    ("name", "equation", "message"),
    [
        ("BAOAB", "partitioned", r"depends on its blocks: use integrators.partitioned\('BAOAB'"),
        ("BAOAB", "nose_hoover", r"depends on its length: use integrators.nose_hoover\('BAOAB'"),
        ("MALA", "partitioned", "'MALA' has no variant for equation='partitioned': .*'overdamped'"),
        ("MALA", "nose_hoover", "'MALA' has no variant for equation='nose_hoover'"),
    ],
)
def test_equation_that_needs_more_than_a_name_is_refused(name, equation, message):
    with pytest.raises(ValueError, match=message):
        method(name, equation=equation)


def test_specimen_of_a_name_without_that_variant_is_refused():
    with pytest.raises(ValueError, match="'MALA' has no variant for equation='langevin'"):
        specimen("MALA", equation="langevin")
    assert specimen("RK4", equation="langevin") is method("RK4", equation="langevin")
