"""Modified equations: the experiment's own pieces, and wrong terms turning red."""

import dataclasses
import functools

import numpy as np
import pytest
from shipped import experiment

import langevin_lab as ll

module = experiment("modified_equations")
CONFIG = dataclasses.replace(
    module.Config(),
    optimiser_counts=(48, 68, 96, 136, 192),
    word_counts=(10, 14, 20, 28, 40),
    langevin_dt=(0.3, 0.25, 0.2, 0.16, 0.12),
    overdamped_dt=(0.04, 0.03, 0.022, 0.016, 0.012),
    covariance_counts=(6, 9, 13, 19, 27),
)


@functools.cache
def dataset():
    return module.run(CONFIG)


def outcomes(data):
    return {
        claim.statement: claim.verdict(false_alarm_rate=0.01).outcome
        for claim in module.claims(data)
    }


def test_no_claim_is_refuted_on_few_steps():
    found = outcomes(dataset())
    assert "refuted" not in found.values()
    inconclusive = [name for name, outcome in found.items() if outcome != "consistent"]
    assert all("control" in name or "h^3" in name for name in inconclusive)


def test_the_iteration_of_words_is_that_of_the_ensemble():
    found = module._word_end(CONFIG, "BAOAB", 20)
    dynamics = ll.Langevin(module._landscape(), temperature=0.0, friction=CONFIG.friction)
    run = ll.simulate(
        dynamics, "BAOAB", dt=CONFIG.duration / 20, n_steps=20, seed=0, start=module.START,
        start_momentum=module.VELOCITY,
    )  # fmt: skip
    final = np.concatenate([run["x_final"].values[0], run["p_final"].values[0]])
    assert found == pytest.approx(final, abs=1e-13)


def test_palindromes_gain_two_orders_at_even_order():
    expected = [[module._expected(name, kept) for kept in module.KEPT] for name in ("BAOAB", "BAO")]
    assert expected == [[2, 2, 4, 4], [1, 2, 3, 4]]


def test_a_second_order_term_wrong_by_3_percent_is_refuted(monkeypatch):
    right = ll.limits.modified_equation

    def wrong(method, kept, **options):
        flow = right(method, kept, **options)
        if kept < 2:
            return flow
        drift = []
        for name, series in flow.drift:
            drift.append((name, (*series[:2], 1.03 * series[2], *series[3:])))
        return dataclasses.replace(flow, drift=tuple(drift))

    monkeypatch.setattr(ll.limits, "modified_equation", wrong, raising=False)
    config = dataclasses.replace(CONFIG, word_counts=(40, 56, 80, 112, 160))
    errors = module._word_errors(config, "BAOAB")[2]
    measured = ll.evidence.order(config.duration / np.array(config.word_counts), errors)
    claim = ll.evidence.Claim("BAOAB", "wrong term", ll.evidence.Order(4), measured)
    assert claim.verdict().outcome != "consistent"
    assert measured.value < 3


def test_a_predicted_bias_wrong_by_3_percent_is_refuted():
    data = dataset()
    wrong = data.assign(term=1.03 * data["term"])
    found = outcomes(wrong)
    for name in ("ABOBA", "OBABO"):
        statement = f"{name}: order of the bias less its terms to the second"
        assert outcomes(data)[statement] == "consistent"
        assert found[statement] != "consistent"


def test_shadow_energy_of_velocity_verlet_generates_its_modified_flow():
    """x' = dH~/dp, p' = -dH~/dx with H~ = H + h^2 (p^2 U''/12 - U'^2/24), on a quartic."""
    flow = ll.limits.modified_equation("BAB", 2)
    well = ll.Potential.from_expression("x**4/4")
    h, x, p = 0.2, 0.7, -0.4
    rate = flow.field(well, dt=h)(np.array([x, p]))
    u1, u2, u3 = x**3, 3 * x**2, 6 * x
    expected = [p + h**2 * p * u2 / 6, -u1 - h**2 * (p**2 * u3 / 12 - u1 * u2 / 12)]
    assert rate == pytest.approx(expected, rel=1e-13)


def test_effective_potential_and_harmonic_term_are_measured_not_assumed():
    assert np.abs(dataset()["effective_potential"]).max() == 0
    assert abs(float(dataset()["harmonic_term"])) < 1e-12
