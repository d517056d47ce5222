"""The limits of momentum methods: the table in closed form, and wrong constants turning red."""

import dataclasses
import functools

import numpy as np
import pytest
from shipped import experiment

import langevin_lab as ll
from langevin_lab.evidence import Order, judge

module = experiment("kovachki_stuart")
CONFIG = dataclasses.replace(
    module.Config(), exponents=(6, 7, 8, 9, 10), network_exponents=(6, 7, 8, 9, 10)
)


def closed_form(name, curvature, h, momentum=0.9, duration=2.0):
    """Largest distance in any coordinate to the flow and to the ODE, from characteristic roots."""
    ahead = momentum if name == "NAG" else 0.0
    alpha = 0.5 * (1 + momentum - 2 * ahead * (1 - momentum))
    steps = np.arange(round(duration / h) + 1)
    sup = np.zeros(2)
    for k in (1.0, curvature):
        roots = np.roots([1.0, -(1 + momentum - h * k * (1 + ahead)), momentum - h * k * ahead])
        weights = np.linalg.solve([[1, 1], roots], [1.0, 1.0 - h * k])
        x = (weights * roots[None, :] ** steps[:, None]).sum(axis=1).real
        flow = np.exp(-k * h * steps / (1 - momentum))
        rates = np.roots([h * alpha, 1 - momentum, k]).astype(complex)
        speed = -k * (alpha - momentum) / (alpha * (1 - momentum))
        weights = np.linalg.solve([[1, 1], rates], [1.0, speed])
        ode = (weights * np.exp(h * steps[:, None] * rates)).sum(axis=1).real
        sup = np.maximum(sup, [np.abs(x - flow).max(), np.abs(x - ode).max()])
    return sup


@functools.cache
def table():
    return module._table(CONFIG)["table"][1]


@pytest.mark.parametrize("row", range(len(module.TABLE)))
def test_table_is_that_of_characteristic_roots(row):
    name, curvature, exponent, *_ = module.TABLE[row]
    expected = closed_form(name, curvature, 2.0**-exponent)
    assert table()[row] == pytest.approx(expected, rel=1e-5)


def test_references_hold_to_two_digits_and_a_wrong_momentum_does_not():
    references = np.array([numbers for *_, _, numbers in ((r[0], r[3:]) for r in module.TABLE)])
    assert table() == pytest.approx(references, rel=0.005)
    wrong = [closed_form(n, k, 2.0**-e, momentum=0.9 * 1.01) for n, k, e, *_ in module.TABLE]
    assert (np.abs(np.array(wrong) / references - 1) > 0.005).any(axis=1).all()


@functools.cache
def dataset():
    return module.run(CONFIG)


def test_claims_are_consistent_on_few_learning_rates():
    outcomes = {claim.statement: claim.verdict().outcome for claim in module.claims(dataset())}
    # Five rates, from 2^-6, do not reach beyond the first steps' O(h) everywhere.
    left_out = [name for name in outcomes if name.endswith("matched velocity")]
    assert {o for name, o in outcomes.items() if name not in left_out} == {"consistent"}


def test_quoted_coefficients_are_refuted_as_second_order():
    rates = dataset()["learning_rate"].values
    for name in module.METHODS:
        for comparison in module.COMPARISONS:
            if not comparison.startswith("quoted"):
                continue
            errors = dataset()["error"].sel(scheme=name, comparison=comparison).values
            claim = ll.evidence.Claim(
                comparison, "as quoted", Order(2), ll.evidence.order(rates, errors)
            )
            assert claim.verdict().outcome == "refuted"


def test_a_modified_coefficient_wrong_by_5_percent_turns_the_order_red(monkeypatch):
    right = ll.limits.penalty
    fine = dataclasses.replace(CONFIG, exponents=(9, 10, 11, 12, 13))
    monkeypatch.setattr(ll.limits.flows, "penalty", lambda optimiser: 1.05 * right(optimiser))
    errors = module._errors(
        "HB", ["modified loss"], module._loss(), [0.5, 1.2], 2.0, fine.exponents, 0.5
    )[0]
    measured = ll.evidence.order(2.0 ** -np.array(fine.exponents, dtype=float), errors)
    claim = ll.evidence.Claim("modified loss", "wrong", Order(2), measured)
    assert claim.verdict().outcome != "consistent"
    assert measured.value < 1.8


def test_quoted_forms_are_as_stated():
    b = 1 / (1 - 0.5)
    assert module.quoted("slow", 0.5, 0.2, 0.1) == pytest.approx(0.05 * b * (b - 0.2 + 0.5))
    assert module.quoted("memory", 0.5, 0.2, 0.1) == pytest.approx(0.05 * 1.0 * (1.0 - 0.2 + 0.5))
    assert module.quoted("none", 0.5, 0.2, 0.1) == 0.0


def test_a_wrong_momentum_is_seen_in_the_attraction():
    claims = [c for c in module.claims(dataset()) if "factor a step" in c.statement]
    assert len(claims) == 4
    wrong = [dataclasses.replace(c, measured=c.measured.value * 1.03) for c in claims]
    assert {verdict.outcome for verdict in judge(wrong)} == {"refuted"}


def test_network_is_the_one_of_its_formula():
    potential, start = module.network(3, hidden=2, n_examples=5)
    data = potential.data.values
    a, b, y = (data[:, potential.data.columns.index(name)] for name in ("a", "b", "y"))
    u = start
    hidden = [u[6 + i] * np.tanh(u[2 * i] * a + u[2 * i + 1] * b + u[4 + i]) for i in range(2)]
    expected = 0.5 * np.mean((sum(hidden) + u[8] - y) ** 2)
    assert float(potential.energy(start)) == pytest.approx(expected, rel=1e-14)
    assert module.network(3)[0].dim == 33
