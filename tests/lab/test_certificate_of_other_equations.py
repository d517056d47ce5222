"""Certificates of Itô schemes, chains and blocks: what is wrong is refuted, by the right line."""

import dataclasses

import numpy as np
import pytest
from scipy.integrate import quad_vec
from scipy.linalg import expm

from langevin_lab.integrators import ito_scheme, nose_hoover, partitioned, specimen
from langevin_lab.lab.certificate import certificate, draw_certificate
from langevin_lab.lab.certificate.diffusion_checks import strong_study
from langevin_lab.lab.certificate.partition_checks import equation_of_blocks, gaussian_law
from langevin_lab.lab.certificate.path_orders import normals_of_coordinates, study_check
from langevin_lab.lab.certificate.subject import Subject, blocks_of

THREE = partitioned("BADODAB", ("adaptive", "langevin", "overdamped"), ((0,), (1,), (2,)))


def refuted(method, **options):
    return [check.statement for check in certificate(method, **options).checks if not check.passed]


def with_record(method, **changes):
    return dataclasses.replace(method, properties=dataclasses.replace(method.properties, **changes))


def with_coefficient(method, changed):
    rule = method.coefficient_rule

    def coefficients(dynamics, dt, temperature):
        values = rule(dynamics, dt, temperature)
        return values | changed(values)

    return dataclasses.replace(method, coefficient_rule=coefficients)


@pytest.mark.parametrize(
    "method",
    [
        ito_scheme("Milstein", 2),
        ito_scheme("Platen", 2, own_drift=True),
        ito_scheme("EulerMaruyama", own_drift=True),
        nose_hoover("ABCD", 1),
        nose_hoover("BADCDAB", 2),
        THREE,
        partitioned("BAOAB", ("langevin",), ((0, 1),)),
    ],
    ids=str,
)
def test_other_kinds_of_noise_chains_and_blocks_stand_too(method):
    paper = certificate(method, orders=method.properties.equation == "ito")
    assert [check for check in paper.checks if not check.passed] == []
    assert sum(check.applies for check in paper.checks) >= 5


def test_milstein_without_its_correction_is_refuted_as_order_one():
    wrong = with_coefficient(ito_scheme("Milstein"), lambda v: {"half": 0.0})
    assert refuted(wrong) == ["geometric, mean square of a step", "strong order"]
    euler = with_record(wrong, strong_order=0.5)
    assert study_check(strong_study(Subject(euler))).verdict == "holds"


@pytest.mark.parametrize(
    ("name", "changes", "statement"),
    [
        ("EulerMaruyama", {"strong_order": 1.0}, "strong order"),
        ("Milstein", {"strong_order": 0.5}, "strong order"),
        ("Platen", {"strong_order": 1.5}, "strong order"),
        ("Milstein", {"weak_order": 2.0}, "weak order, lowest of several"),
        ("Platen", {"configurational_order": 2.0}, "mixed noise, <x^2>: order of the bias"),
        ("Milstein", {"stability_limit": 2.05}, "stability limit, curvature dt / friction"),
        ("EulerMaruyama", {"gradients_per_step": 2}, "gradients and normals a step"),
    ],
)
def test_wrong_record_of_an_ito_scheme_is_refuted(name, changes, statement):
    assert refuted(with_record(ito_scheme(name), **changes)) == [statement]


@pytest.mark.parametrize(
    ("changed", "statement"),
    [
        (lambda v: {"root": 1.02 * v["root"]}, "small step against the equation, noise: error"),
        (lambda v: {"full": 1.02 * v["full"]}, "small step against the equation, drift: error"),
        (lambda v: {"half": 0.95 * v["half"]}, "geometric, mean square of a step"),
    ],
)
def test_wrong_coefficient_of_an_ito_scheme_is_refuted(changed, statement):
    wrong = with_coefficient(ito_scheme("Milstein"), changed)
    assert statement in refuted(wrong, orders=False)


def test_scheme_that_is_not_affine_has_no_stationary_law():
    program = ito_scheme("EulerMaruyama").program
    bent = dataclasses.replace(program, text=(*program.text, "x = fma(1e-3 * x, x, x)"))
    wrong = dataclasses.replace(ito_scheme("EulerMaruyama"), program=bent, name="Mine")
    checks = {check.statement: check for check in certificate(wrong, orders=False).checks}
    assert checks["mixed noise, <x^2>: order of the bias"].found == "a step is not affine in x"
    assert checks["geometric, mean square of a step"].verdict == "measured"


@pytest.mark.parametrize(
    ("changed", "statement"),
    [
        (lambda v: {"target": 1.02 * v["target"]}, "small step against the equation: error"),
        (lambda v: {"gain": 1.02 * v["gain"]}, "extended energy: order of its change"),
        (lambda v: {"cool_2": 1.02 * v["cool_2"]}, "extended energy: order of its change"),
        (lambda v: {"stiff_3": 1.02 * v["stiff_3"]}, "order of the flow, thermostat moving"),
        (lambda v: {"kick": 1.02 * v["kick"]}, "stability limit, omega dt"),
    ],
)
def test_wrong_coefficient_of_a_chain_is_refuted(changed, statement):
    wrong = with_coefficient(nose_hoover("BADCDAB", 3), changed)
    assert statement in refuted(wrong, orders=False)


def test_wrong_order_of_a_chain_is_refuted():
    wrong = with_record(nose_hoover("BADCDAB", 2), weak_order=1.0, strong_order=1.0)
    assert refuted(wrong) == [
        "order of the flow, thermostat moving",
        "extended energy: order of its change",
        "strong order",
    ]


@pytest.mark.parametrize(
    ("changes", "statements"),
    [
        ({"weak_order": 2.0}, ["order of the flow, thermostat moving",
                               "coupled wells, mean at time 1: order",
                               "coupled wells, covariance at time 1: order",
                               "lowest of these orders"]),
        ({"configurational_order": 1.0}, ["coupled wells <x x>: order of the bias"]),
        ({"stability_limit": 1.95}, ["stability limit, omega dt"]),
        ({"normals_per_step": 1}, ["gradients and normals a step"]),
    ],
)  # fmt: skip
def test_wrong_record_of_blocks_is_refuted(changes, statements):
    assert refuted(with_record(specimen("AdLaLa"), **changes), orders=False) == statements


@pytest.mark.parametrize(
    ("changed", "statement"),
    [
        (lambda v: {"noise_2": 1.02 * v["noise_2"]}, "coupled wells <x x>: order of the bias"),
        (lambda v: {"noise_3": 1.02 * v["noise_3"]}, "coupled wells <x x>: order of the bias"),
        (lambda v: {"kick_3": 1.02 * v["kick_3"]}, "small step against the equation: error"),
        (lambda v: {"decay_2": v["decay_2"] ** 1.02}, "small step against the equation: error"),
        (lambda v: {"target_1": 2.0 * v["target_1"]}, "small step against the equation: error"),
    ],
)
def test_wrong_coefficient_of_a_block_is_refuted(changed, statement):
    assert statement in refuted(with_coefficient(THREE, changed), orders=False)


def test_blocks_are_told_by_their_coefficients():
    assert blocks_of(THREE) == [((0,), "adaptive"), ((1,), "langevin"), ((2,), "overdamped")]
    # D, O and so on: each block draws one normal, the second of AdLaLa one and the first two.
    assert normals_of_coordinates(Subject(THREE), 3) == [1, 1, 1]
    assert normals_of_coordinates(Subject(specimen("AdLaLa")), 2) == [2, 1]


def test_overdamped_blocks_say_what_does_not_apply():
    checks = {check.statement: check for check in certificate(THREE, orders=False).checks}
    reason = "overdamped blocks draw their momenta anew"
    for statement in ("step, flip p, step, flip p", "heat + shadow work = energy"):
        assert (checks[statement].verdict, checks[statement].found) == ("does not apply", reason)


def test_law_of_the_equation_against_its_integral():
    generator, diffusion, kept = equation_of_blocks(Subject(THREE))
    assert kept == [0, 1, 2, 3, 4]
    mean, covariance = gaussian_law(generator, diffusion)
    integral, _ = quad_vec(lambda t: expm(generator * t) @ diffusion @ expm(generator * t).T, 0, 1)
    np.testing.assert_allclose(mean, expm(generator), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(covariance, integral, rtol=1e-9, atol=1e-11)


def test_figure_of_an_ito_scheme_has_its_orders():
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure = draw_certificate(certificate("Milstein"))
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    plt.close(figure)
    assert titles == ["paths, geometric motion", "moments, geometric motion"]
