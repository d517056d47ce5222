import dataclasses

import numpy as np
import pytest

from langevin_lab import integrators
from langevin_lab.integrators import metropolis, registry
from langevin_lab.lab import LabError
from langevin_lab.lab.certificate import certificate, draw_certificate
from langevin_lab.lab.certificate.path_orders import strong_study, study_check, weak_check
from langevin_lab.lab.certificate.reversal import (
    lag_one_asymmetry,
    process_is_reversible,
    step_is_reversible,
)
from langevin_lab.lab.certificate.subject import FRICTIONS, MASSES, STIFFNESS, Subject, Well


def verdicts(method, **options):
    return {check.statement: check.verdict for check in certificate(method, **options).checks}


def refuted(method, **options):
    return [check.statement for check in certificate(method, **options).checks if not check.passed]


def with_record(name, **changes):
    method = integrators.method(name)
    return dataclasses.replace(method, properties=dataclasses.replace(method.properties, **changes))


def with_lines(name, *lines):
    """The method with more lines at the end of its step."""
    method = integrators.method(name)
    program = dataclasses.replace(method.program, text=(*method.program.text, *lines))
    return dataclasses.replace(method, program=program)


def with_coefficient(name, changed):
    """The method with some of its numbers replaced, a function of all of them."""
    method = integrators.method(name)
    rule = method.coefficient_rule

    def coefficients(dynamics, dt, temperature):
        values = rule(dynamics, dt, temperature)
        return values | changed(values)

    return dataclasses.replace(method, coefficient_rule=coefficients)


@pytest.mark.parametrize(("name", "equation"), registry.every_name())
def test_every_record_stands_up_to_its_step(name, equation):
    paper = certificate(name, equation=equation)
    assert paper.properties.equation == equation
    assert paper.properties.name == name or equation == "partitioned"
    rest = [check for check in paper.checks if check.verdict != "holds" and check.applies]
    # Words whose detailed balance no derivation states are in REVERSIBLE, with what they have.
    assert {(check.statement.split(",")[0], check.verdict) for check in rest} <= {
        ("detailed balance", "measured")
    }
    assert sum(check.applies for check in paper.checks) >= 4


def test_certificate_computes_what_the_record_states():
    found = {check.statement: check.found for check in certificate("BAOAB", orders=False).checks}
    assert found["gradients and normals a step"] == "1, 1"
    assert found["stability limit, omega dt"] == "2"
    assert found["harmonic <x^2>: order of the bias"].startswith("exact")
    assert found["harmonic <p^2>: order of the bias"] == "2.000"


def test_certificate_is_a_name_of_the_integrators():
    assert integrators.certificate is certificate
    assert "certificate" in dir(integrators)


@pytest.mark.parametrize(
    ("name", "changes", "statement"),
    [
        ("BAOAB", {"stability_limit": 2.05}, "stability limit, omega dt"),
        ("BAOAB", {"gradients_per_step": 2}, "gradients and normals a step"),
        ("BAOAB", {"weak_order": 3.0}, "order of the flow without noise"),
        ("BAOAB", {"weak_order": 1.0}, "lowest of these orders"),
        ("BBK", {"weak_order": 2.0}, "lowest of these orders"),
        ("ABA", {"weak_order": 1.0}, "lowest of these orders"),
        ("OBABO", {"configurational_order": 1.0}, "harmonic <x^2>: order of the bias"),
        ("SemiImplicitEuler", {"configurational_order": 1.0}, "harmonic <x^2>: order of the bias"),
        ("OBABO", {"configurational_order": 4.0}, "harmonic <x^2>: order of the bias"),
        ("EulerMaruyama", {"configurational_order": 2.0}, "harmonic <x^2>: order of the bias"),
        ("EulerMaruyama", {"stability_limit": 1.9}, "stability limit, curvature dt / friction"),
        ("BADODAB", {"weak_order": 1.0}, "order of the flow, thermostat moving"),
        ("ACNDNCAB", {"weak_order": 2.0}, "order of the flow, thermostat moving"),
    ],
)
def test_wrong_record_is_refuted(name, changes, statement):
    assert statement in refuted(with_record(name, **changes), orders=False)


@pytest.mark.parametrize("name", ["BAOAB", "EulerMaruyama", "BBK", "BADODAB"])
@pytest.mark.parametrize("error", [-0.5, 0.5])
def test_strong_order_wrong_by_a_half_is_refuted(name, error):
    stated = integrators.properties(name).strong_order + error
    if stated > 0:
        study = strong_study(Subject(with_record(name, strong_order=stated)))
        assert study_check(study).verdict == "refuted"


@pytest.mark.parametrize(
    ("changes", "statement"),
    [
        ({"weak_order": 1.0}, "weak order, lowest of several"),
        ({"weak_order": 2.5}, "weak order, lowest of several"),
        ({"configurational_order": 1.5}, "configurational order, quartic well"),
    ],
)
def test_wrong_measured_orders_are_refuted(changes, statement):
    assert statement in refuted(with_record("ABOBA", **changes))


def test_weak_order_is_that_of_the_worst_observable():
    from langevin_lab.lab.certificate.path_orders import weak_studies

    studies = weak_studies(Subject(integrators.method("SemiImplicitEuler")))
    assert weak_check(studies).verdict == "holds"
    fast = [study for study in studies if study.verdict == "consistent"][:1]
    assert weak_check([dataclasses.replace(study, expected=2.0) for study in fast]).verdict == (
        "refuted"
    )
    empty = dataclasses.replace(fast[0], order=None, used=(False,) * len(fast[0].used))
    assert weak_check([empty]).verdict == "inconclusive"
    assert weak_check([empty]).found == "no order"


@pytest.mark.parametrize(
    ("lines", "statement"),
    [
        (("x = x + 1e-9",), "rest at the minimum, without noise"),
        (("x = 1.001 * x",), "free flight: error after a step"),
        (("p = 0.999 * p",), "harmonic <p^2>: order of the bias"),
        (("p = 0.999 * p",), "free diffusion: order of the bias"),
        (("p = 0.999 * p",), "step, flip p, step, flip p: distance"),
        (("x = 1.001 * x",), "stored gradient is that at x: error"),
        (("p = fma(1e-3, p * absolute(p), p)",), "linear on a harmonic well: error"),
    ],
)
def test_wrong_step_is_refuted(lines, statement):
    assert statement in refuted(with_lines("BAOAB", *lines), orders=False)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("BADODAB", lambda v: {"gain": 1.02 * v["gain"]}),
        ("BADODAB", lambda v: {"target": v["target"] / 2}),
        ("BADODAB", lambda v: {"inverse_mass": 1.0}),
        ("BADODAB", lambda v: {"relaxing": 0.98 * v["relaxing"]}),
        ("BACNDNCAB", lambda v: {"braking": 1.02 * v["braking"]}),
        ("BAOAB", lambda v: {"decay": v["decay"] ** 1.02}),
        ("EulerMaruyama", lambda v: {"drift": 1.02 * v["drift"]}),
    ],
)
def test_wrong_coefficients_are_seen_at_small_steps(name, changed):
    wrong = with_coefficient(name, changed)
    assert "small step against the equation: error" in refuted(wrong, orders=False)


def test_wrong_friction_in_o_keeps_the_balance_and_loses_the_law():
    wrong = with_coefficient("BAOAB", lambda v: {"decay": v["decay"] ** 2})
    found = verdicts(wrong, orders=False)
    assert found["heat + shadow work = energy: residual"] == "holds"
    assert found["harmonic <x^2>: order of the bias"] == "refuted"


@pytest.mark.parametrize("name", ["SemiImplicitEuler", "BBK"])
def test_mixed_lines_are_not_separable(name):
    checks = {check.statement: check for check in certificate(name, orders=False).checks}
    line = checks["heat + shadow work = energy: residual"]
    assert line.verdict == "does not apply"
    assert line.found == "not separable: a line mixes force with friction or noise"


def test_reversal_claimed_for_a_word_that_is_none_is_refuted():
    wrong = dataclasses.replace(integrators.method("ABO"), name="ABOBA")
    assert {
        "step, flip p, step, flip p: distance",
        "detailed balance, 1 coordinate",
        "detailed balance, 2 coordinates, two frictions",
    } <= set(refuted(wrong, orders=False))
    other = dataclasses.replace(integrators.method("BAOAB"), name="ABO")
    assert "step, flip p, step, flip p: distance" in refuted(other, orders=False)


REVERSIBLE = {
    # word: (step, process in one coordinate, process in two with their own frictions)
    "BAOAB": (True, True, True),
    "OBABO": (True, True, True),
    "OBABABO": (True, True, True),
    "BABOBAB": (True, True, True),
    "AOBOA": (True, True, False),
    "ABOBOBA": (True, True, False),
    "BACNCAB": (True, True, False),
    "BANCNAB": (True, True, False),
    "ACNCBCNCA": (True, True, False),
    "BOAOB": (True, False, False),
    "NCBABCN": (True, False, False),
    "BOABAOB": (True, False, False),
    "BAOAOAB": (True, False, False),
    "OABOBAO": (True, False, False),
    "BOAB": (True, False, False),
    "BAOA": (False, False, False),
    "ABO": (False, False, False),
    "ACNB": (False, False, False),
}


@pytest.mark.parametrize("word", REVERSIBLE)
def test_words_are_reversible_where_the_derivation_says(word):
    subject = Subject(integrators.method(word))
    step, one, two = REVERSIBLE[word]
    assert step_is_reversible(subject) is step
    # What the derivation does not reach is not stated.
    assert process_is_reversible(subject) == (one or None, two or None)
    for dt in (0.2, 0.7):
        first = lag_one_asymmetry(subject, dt)
        second = lag_one_asymmetry(
            subject, dt, stiffness=STIFFNESS, friction=FRICTIONS, mass=MASSES
        )
        assert (first < 1e-12) is one, first
        assert (second < 1e-12) is two, second
    assert refuted(subject.method, orders=False) == []


def test_detailed_balance_is_measured_where_nothing_states_it():
    renamed = dataclasses.replace(integrators.method("BAOAB"), name="Mine")
    found = verdicts(renamed, orders=False)
    assert found["detailed balance, 1 coordinate"] == "measured"
    assert found["step, flip p, step, flip p: distance"] == "measured"


def test_lag_one_covariance_against_a_sampled_path():
    """C = M Sigma from 4000 paths of SemiImplicitEuler, whose C is not its own reverse."""
    method = integrators.method("SemiImplicitEuler")
    subject = Subject(method)
    dynamics = subject.dynamics(Well(), temperature=1.0, friction=1.0)
    numbers = method.coefficients(dynamics, 0.3)
    generator = np.random.Generator(np.random.Philox(4))
    state = {"x": np.zeros((4000, 1)), "p": np.zeros((4000, 1))}
    products = []
    for n in range(200):
        normals = generator.standard_normal((1, 4000, 1))
        after = method.step(state, normals, numbers, lambda x: x)
        if n >= 100:
            products.append(after["x"] * state["p"] + after["p"] * state["x"])
        state = after
    values = np.mean(products, axis=0)[:, 0]
    step = subject.linear(0.3)
    covariance = step.matrix @ subject.covariance(0.3)
    expected = covariance[0, 1] + covariance[1, 0]
    z = (values.mean() - expected) / (values.std(ddof=1) / np.sqrt(len(values)))
    print(f"{values.mean():.4f} | {expected:.4f} | z = {z:.2f} | n_eff = {len(values)}")
    assert abs(z) < 5
    assert abs(values.mean()) > 5 * values.std(ddof=1) / np.sqrt(len(values))


def test_harmonic_law_is_the_closed_form():
    law = certificate("BAOAB", orders=False).law
    assert law.frictions == ()  # the same at any friction
    np.testing.assert_allclose(law.position, 1.0, rtol=1e-12)
    np.testing.assert_allclose(law.momentum, [1 - np.array(law.dts) ** 2 / 4], rtol=1e-12)
    euler = certificate("SemiImplicitEuler", orders=False).law
    dt, friction = np.array(euler.dts), np.array(euler.frictions)[:, None]
    stable = 4 - 2 * friction * dt - dt**2
    expected = np.where(stable > 0, 4 / stable, np.nan)
    np.testing.assert_allclose(euler.momentum, expected, rtol=1e-10)


def test_method_outside_every_domain_has_no_certificate():
    strange = with_record("BAOAB", equation="mystery")
    with pytest.raises(LabError, match="no check applies to method='BAOAB', equation='mystery'"):
        certificate(strange)


@pytest.mark.parametrize("name", ["MALA", "GHMC"])
def test_method_that_rejects_is_held_to_its_law_alone(name):
    paper = certificate(name)
    assert paper.studies == ()
    reasons = {check.found for check in paper.checks if not check.applies}
    assert reasons == {"the step accepts or rejects"}
    assert sum(check.statement.startswith("Gibbs law kept") for check in paper.checks) == 3


@pytest.mark.parametrize("name", ["MALA", "GHMC"])
def test_wrong_temperature_of_an_acceptance_is_refuted(monkeypatch, name):
    def colder(*arguments):
        ends = exact(*arguments)
        return dataclasses.replace(ends, energy_error=ends.energy_error / 1.03)

    exact = metropolis.outcomes
    monkeypatch.setattr(metropolis, "outcomes", colder)
    assert refuted(name)[-1].startswith("Gibbs law kept at dt = 1.8: change of <x^2>")


def test_frozen_thermostat_would_hide_the_order_of_sgnht():
    wrong = with_record("SGNHT", configurational_order=2.0)
    assert refuted(wrong, orders=False) == ["harmonic <x^2>: order of the bias"]


@pytest.mark.slow
def test_cost_is_measured_on_request():
    assert certificate("BAOAB", orders=False).nanoseconds is None
    assert 0.1 < certificate("BAOAB", orders=False, cost=True).nanoseconds < 1e4


def test_unknown_method_is_one_line():
    with pytest.raises(LabError, match="method='BAOAX': letter 'X' at position 5 is unknown"):
        certificate("BAOAX")


@pytest.mark.parametrize(
    ("name", "titles"),
    [
        (
            "SemiImplicitEuler",
            ["harmonic law against Gibbs", "stability on a harmonic well"],
        ),
        (
            "BAOAB",
            ["harmonic law against Gibbs", "stability on a harmonic well", "energy balance"],
        ),
        ("RK4", ["stability on a harmonic well"]),
    ],
)
def test_figure_has_a_panel_for_what_applies(name, titles):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure = draw_certificate(certificate(name, orders=False))
    figure.canvas.draw()
    drawn = [axes.get_title(loc="left").split(",")[0] for axes in figure.axes]
    plt.close(figure)
    assert drawn == titles


def test_figure_draws_the_orders_that_were_measured():
    import matplotlib.pyplot as plt

    figure = draw_certificate(certificate("EulerMaruyama"))
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    plt.close(figure)
    assert titles[:3] == [
        "paths, quartic well", "expectations, harmonic well", "stationary averages",
    ]  # fmt: skip
