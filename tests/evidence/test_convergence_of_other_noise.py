"""Orders measured of methods with joint noise, with a thermostat, with an acceptance."""

import dataclasses

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.evidence import PathNormal, convergence
from langevin_lab.integrators import Method, method

QUARTIC = ll.Potential.from_expression("x**2/2 + x**4/4")
WARM = ll.Overdamped(QUARTIC, temperature=1.0, friction=1.3)
HOT = ll.Langevin(QUARTIC, temperature=1.0, friction=1.3)


@pytest.mark.parametrize(
    ("name", "dynamics", "n_paths", "first"),
    [("UBU", HOT, 400, 4), ("BUB", HOT, 400, 4), ("SRA1", WARM, 1000, 5)],
)
def test_methods_say_what_their_joint_normals_stand_for(name, dynamics, n_paths, first):
    steps = 2.0 ** -np.arange(first, first + 5)
    study = convergence(name, dynamics, steps=steps, n_paths=n_paths)
    print(study)
    assert study.verdict == "consistent"
    assert study.expected > 1
    # Negative control: increments in the place of the joint normals lose the order.
    names = method(name).program.normals
    plain = {n: PathNormal(part=(j, len(names))) for j, n in enumerate(names)}
    assert convergence(name, dynamics, steps=steps, n_paths=200, noise=plain).verdict == "refuted"


def thermostatted(**changes):
    settings = {"temperature": 1.0, "thermal_mass": 2.0, "applied_noise": np.sqrt(2.6)} | changes
    return ll.AdaptiveLangevin(QUARTIC, **settings)


@pytest.mark.parametrize("name", ["BADODAB", "ACNDNCAB", "SGNHT"])
def test_strong_orders_with_a_thermostat(name):
    study = convergence(name, thermostatted(coupling=1.4, mass=0.7), n_paths=400)
    print(study)
    assert study.verdict == "consistent"
    assert dataclasses.replace(study, expected=2.0).verdict == "refuted"
    # Negative control: noise 3 % too strong.
    scheme = method(name, equation="adaptive")

    def rule(*arguments):
        numbers = scheme.coefficient_rule(*arguments)
        loud = {key: 1.03 * numbers[key] for key in ("noise", "push") if key in numbers}
        return numbers | loud

    wrong = Method(scheme.name, scheme.program, rule, scheme.properties)
    assert convergence(wrong, thermostatted(), n_paths=400).verdict == "refuted"


def test_weak_order_with_a_thermostat():
    cold = thermostatted(temperature=0.2, applied_noise=np.sqrt(0.4))
    study = convergence("ABDODBA", cold, "weak", start=1.5, n_paths=4000)
    print(study)
    assert study.verdict == "consistent"
    assert dataclasses.replace(study, expected=1.0).verdict == "refuted"


def test_thermostat_starts_alone_in_several_dimensions():
    plane = ll.Potential.from_expression("x**2/2 + y**2 + x*y/3", variables=("x", "y"))
    dynamics = ll.AdaptiveLangevin(plane, temperature=1.0, thermal_mass=2.0, applied_noise=1.0)
    start = {"x": [0.5, 0.1], "p": 0.0, "xi": 0.3}
    study = convergence("BADODAB", dynamics, start=start, n_paths=100)
    assert study.order.value == pytest.approx(1.0, abs=0.3)
    with pytest.raises(ValueError, match=r"start of xi is \[0.3, 0.3\]: .* or shape \(1,\)"):
        convergence("BADODAB", dynamics, start=start | {"xi": [0.3, 0.3]}, n_paths=100)


def test_metropolis_steps_are_accepted_by_chance_of_their_own():
    study = convergence("MALA", WARM, steps=2.0 ** -np.arange(3, 7), n_paths=8000)
    print(study)
    assert study.order.interval()[0] < 0.75 < study.order.interval()[1]
    assert dataclasses.replace(study, expected=1.25).verdict == "refuted"
    assert convergence("MALA", WARM, n_paths=50) == convergence("MALA", WARM, n_paths=50)


@pytest.mark.parametrize(("name", "dynamics"), [("MALA", WARM), ("GHMC", HOT)])
def test_metropolis_steps_have_paths_and_averages_but_no_bias(name, dynamics):
    for kind in ("strong", "weak"):
        study = convergence(name, dynamics, kind, n_paths=40, steps=2.0 ** -np.arange(2, 5))
        assert all(error is not None and error.value < 1 for error in study.errors)
        assert study.how.startswith("40 paths coupled to a reference")
    with pytest.raises(ValueError, match=f"{name} keeps the stationary law at any step"):
        convergence(name, dynamics, "invariant")


def test_normals_that_nobody_explains_are_named_and_make_no_high_order():
    halves = convergence("OBABO", HOT, n_paths=20)
    assert halves.how.endswith("normals taken as increments of equal parts of the step")
    assert convergence("BAOAB", HOT, n_paths=20).how == "20 paths coupled to a reference"
    silent = dataclasses.replace(method("SRA1"), path_normals=())
    with pytest.raises(ValueError, match=r"draws 2 normals .* no strong order 1\.5: give noise="):
        convergence(silent, WARM)
    assert convergence(silent, WARM, "weak", n_paths=20).kind == "weak"
