import math

import pytest
from scipy import stats

from langevin_lab.evidence import (
    AtLeast,
    AtMost,
    Between,
    Claim,
    Estimate,
    Order,
    OrderEstimate,
)


def claim(predicted, measured, **options):
    return Claim("a statement", "a source", predicted, measured, **options)


def outcome(predicted, measured, **options):
    return claim(predicted, measured, **options).verdict().outcome


@pytest.mark.parametrize(
    ("predicted", "measured", "expected"),
    [
        (1.0, Estimate(1.005, 0.01), "consistent"),
        (1.0, Estimate(1.05, 0.01), "refuted"),
        (1.0, Estimate(0.95, 0.01), "refuted"),
        (1.0, Estimate(1.005, 0.02), "inconclusive"),
        (-1.0, Estimate(-1.005, 0.01), "consistent"),
        (Estimate(1.0, 0.03), Estimate(1.05, 0.01), "inconclusive"),
        (Estimate(1.0, 0.003), Estimate(1.005, 0.01), "consistent"),
    ],
)
def test_point_predictions(predicted, measured, expected):
    assert outcome(predicted, measured) == expected


def test_z_and_p_of_a_point_prediction():
    one = claim(Estimate(1.0, 0.3), Estimate(2.0, 0.4))
    assert one.z == pytest.approx(2.0)
    assert one.p_value == pytest.approx(2 * stats.norm.sf(2.0))
    assert claim(1.0, Estimate(0.0, 0.5)).z == pytest.approx(-2.0)


def test_few_samples_widen_the_threshold():
    assert outcome(1.0, Estimate(1.04, 0.01)) == "refuted"
    assert outcome(1.0, Estimate(1.04, 0.01, 4)) == "inconclusive"
    few = claim(1.0, Estimate(1.04, 0.01, 4))
    assert few.p_value == pytest.approx(2 * stats.t.sf(4.0, 3))


def test_power_decides_between_consistent_and_inconclusive():
    """At 1 % and 90 % power an error of 5 % needs stderr <= 5 % / (2.576 + 1.282)."""
    limit = 0.05 / (stats.norm.ppf(0.995) + stats.norm.ppf(0.9))
    assert outcome(1.0, Estimate(1.0, 0.999 * limit)) == "consistent"
    assert outcome(1.0, Estimate(1.0, 1.001 * limit)) == "inconclusive"
    assert outcome(1.0, Estimate(1.0, 1.001 * limit), resolution=0.06) == "consistent"
    assert outcome(10.0, Estimate(10.0, 9.99 * limit)) == "consistent"
    reason = claim(1.0, Estimate(1.0, 0.02)).verdict().reason
    assert reason == (
        "could not refute an error below 7.71 %, 5 % is needed: "
        f"it takes a standard error of {limit:.2g}"
    )


def test_prediction_zero_needs_a_scale():
    with pytest.raises(ValueError, match=r"scale=0.0 must be finite and > 0.*the size that counts"):
        claim(0.0, Estimate(0.001, 0.002))
    assert outcome(0.0, Estimate(0.001, 0.002), scale=1.0) == "consistent"
    assert outcome(0.0, Estimate(0.001, 0.002), scale=0.1) == "inconclusive"


@pytest.mark.parametrize(
    ("measured", "tolerance", "expected"),
    [
        (2.0 + 1e-11, 1e-10, "consistent"),
        (2.0 + 3e-10, 1e-10, "refuted"),
        (2.0 - 3e-10, 1e-10, "refuted"),
        (2.1, 0.06, "inconclusive"),
    ],
)
def test_exact_comparisons_go_by_the_relative_tolerance(measured, tolerance, expected):
    assert outcome(2.0, measured, tolerance=tolerance) == expected


def test_exact_verdict_prints_the_deviation():
    verdict = claim(2.0, 2.0 + 4e-11).verdict()
    assert verdict.z is None
    assert verdict.z_limit is None
    assert verdict.z_text == "Δ 4e-11"


def test_bias_bound_is_added_linearly_and_costs_power():
    measured = Estimate(1.03, 0.005)
    assert outcome(1.0, measured) == "refuted"
    assert outcome(1.0, measured, bias_bound=0.02) == "inconclusive"
    assert claim(1.0, measured, bias_bound=0.02).z == pytest.approx(2.0)
    assert outcome(1.0, measured, bias_bound=0.01) == "refuted"
    assert outcome(1.0, Estimate(1.01, 0.005), bias_bound=0.01) == "consistent"
    assert outcome(1.0, 1.02, bias_bound=0.021) == "consistent"
    assert outcome(1.0, 1.02, bias_bound=0.026) == "inconclusive"
    reason = claim(1.0, Estimate(1.0, 0.005), bias_bound=0.03).verdict().reason
    assert reason.endswith("lower the bias bound or the tolerance")
    assert claim(1.0, measured, bias_bound=0.02).verdict().measured_text == (
        "1.0300 ± 0.0050\nbias ≤ 0.02"
    )


@pytest.mark.parametrize(
    ("predicted", "measured", "expected"),
    [
        (AtMost(1.0), Estimate(0.5, 0.1), "consistent"),
        (AtMost(1.0), Estimate(0.99, 0.1), "inconclusive"),
        (AtMost(1.0), Estimate(1.01, 0.01), "consistent"),
        (AtMost(1.0), Estimate(1.04, 0.01), "refuted"),
        (AtMost(1.0), 1.0, "consistent"),
        (AtMost(1.0), 1.01, "refuted"),
        (AtLeast(1.0), Estimate(1.5, 0.1), "consistent"),
        (AtLeast(1.0), Estimate(1.01, 0.1), "inconclusive"),
        (AtLeast(1.0), Estimate(0.96, 0.01), "refuted"),
        (AtLeast(1.0), 0.99, "refuted"),
        (Between(1.0, 3.0), Estimate(2.0, 0.2), "consistent"),
        (Between(1.0, 3.0), Estimate(2.9, 0.2), "inconclusive"),
        (Between(1.0, 3.0), Estimate(3.2, 0.05), "refuted"),
        (Between(1.0, 3.0), Estimate(0.8, 0.05), "refuted"),
    ],
)
def test_bounds_and_ranges(predicted, measured, expected):
    assert outcome(predicted, measured) == expected


def test_signs_of_z_and_one_sided_p_values():
    below = claim(AtLeast(1.0), Estimate(0.97, 0.01))
    assert below.z == pytest.approx(-3.0)
    assert below.p_value == pytest.approx(stats.norm.sf(3.0))
    assert claim(AtMost(1.0), Estimate(0.97, 0.01)).z == pytest.approx(-3.0)
    assert claim(AtMost(1.0), Estimate(0.97, 0.01)).p_value == pytest.approx(stats.norm.cdf(3.0))
    inside = claim(Between(1.0, 3.0), Estimate(2.0, 0.1))
    assert inside.z == 0
    assert inside.p_value == 1.0
    assert claim(Between(1.0, 3.0), Estimate(0.8, 0.1)).z == pytest.approx(-2.0)


def test_satisfied_bound_says_so():
    reason = claim(AtMost(1.0), Estimate(0.5, 0.1)).verdict().reason
    assert reason == "the whole interval holds it, to within 5 %"


@pytest.mark.parametrize(
    ("order", "measured", "expected"),
    [
        (2, OrderEstimate(2.05, 0.03, math.inf, 0.02), "consistent"),
        (2, OrderEstimate(2.05, 0.4, math.inf, 0.02), "inconclusive"),
        (2, OrderEstimate(2.05, 0.03, math.inf, 1.0), "inconclusive"),
        (2, OrderEstimate(1.5, 0.03, math.inf, 0.02), "refuted"),
        (1, OrderEstimate(1.1, 0.001, math.inf, 0.02), "refuted"),
        (1, OrderEstimate(1.1, 0.001, math.inf, 0.12), "consistent"),
        (0.5, OrderEstimate(0.55, 0.03), "consistent"),
        (0.5, OrderEstimate(0.55, 0.2), "inconclusive"),
        (2, Estimate(2.05, 0.03, 50), "consistent"),
    ],
)
def test_orders_must_exclude_their_neighbours(order, measured, expected):
    assert outcome(Order(order), measured) == expected


def test_neighbours_of_an_order_are_integers():
    assert Order(2).neighbours == (1, 3)
    assert Order(0.5).neighbours == (0, 1)
    assert Order(1.5).neighbours == (1, 2)


def test_reasons_of_orders_state_the_interval():
    good = claim(Order(2), OrderEstimate(2.0, 0.0, math.inf, 0.1)).verdict()
    assert good.reason == "the interval 1.90 … 2.10 excludes the neighbouring integers"
    bad = claim(Order(2), OrderEstimate(1.5, 0.0, math.inf, 0.1)).verdict()
    assert bad.reason == "the interval 1.40 … 1.60 excludes the order"
    wide = claim(Order(2), OrderEstimate(2.0, 0.0, math.inf, 1.2)).verdict()
    assert wide.reason == "the interval 0.80 … 3.20 does not exclude the neighbouring integers"


@pytest.mark.parametrize("measured", [None, "0.5"])
def test_missing_measurement_is_refused(measured):
    with pytest.raises(TypeError, match=r"claim 'a statement': measured=.*give an Estimate"):
        claim(1.0, measured)


def test_nan_measurement_is_refused():
    with pytest.raises(ValueError, match="claim 'a statement': measured=nan; give an Estimate"):
        claim(1.0, math.nan)


def test_samples_without_scatter_are_refused_as_exact():
    with pytest.raises(ValueError, match="measured=1 has no scatter in n_eff=3 samples"):
        claim(1.0, Estimate.from_samples([1.0, 1.0, 1.0]))


@pytest.mark.parametrize(("predicted", "error"), [(math.nan, ValueError), ("two", TypeError)])
def test_bad_predictions_are_refused(predicted, error):
    with pytest.raises(error, match=r"predicted=.*give a finite number, an Estimate, AtMost"):
        claim(predicted, 1.0)


@pytest.mark.parametrize("form", [AtMost, AtLeast, Order])
def test_forms_refuse_numbers_that_are_not_finite(form):
    with pytest.raises(ValueError, match="=inf must be finite"):
        form(math.inf)


def test_empty_range_is_refused():
    with pytest.raises(ValueError, match=r"low=2.0 must be below high=1.0"):
        Between(2.0, 1.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tolerance": -1e-9}, "tolerance=-1e-09 must be finite and >= 0"),
        ({"bias_bound": -0.1}, "bias_bound=-0.1 must be finite and >= 0"),
        ({"bias_bound": math.nan}, "bias_bound=nan must be finite and >= 0"),
        ({"resolution": 0.0}, "resolution=0.0 must be > 0"),
        ({"scale": -1.0}, "scale=-1.0 must be finite and > 0"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        claim(1.0, 1.0, **options)


@pytest.mark.parametrize(("statement", "source"), [("", "s"), ("s", "  "), (None, "s")])
def test_claims_need_words(statement, source):
    with pytest.raises(ValueError, match="must be a sentence for the table"):
        Claim(statement, source, 1.0, 1.0)


@pytest.mark.parametrize(
    ("predicted", "text"),
    [
        (90.4759, "90.476"),
        (Estimate(1.0, 0.1), "1.00 ± 0.10"),
        (AtMost(1.0), "≤ 1"),
        (AtLeast(0.25), "≥ 0.25"),
        (Between(0.0, 3.0), "0 … 3"),
        (Order(2), "order 2"),
    ],
)
def test_predictions_print_the_digits_that_matter(predicted, text):
    verdict = claim(predicted, Estimate(90.5, 0.21)).verdict()
    assert verdict.predicted_text == text


def test_record_is_plain_json():
    import json

    verdict = claim(AtMost(1.0), Estimate(0.5, 0.1)).verdict()
    record = json.loads(json.dumps(verdict.record(), allow_nan=False))
    assert record["n_eff"] is None
    assert record["prediction"] == {"form": "AtMost", "bound": 1.0}
    assert record["verdict"] == "consistent"
    assert claim(1.0, 1.0).verdict().record()["z"] is None
    assert claim(2.0, 2.0).verdict().record()["prediction"] == {
        "form": "Point",
        "value": 2.0,
        "stderr": 0.0,
    }


def test_huge_z_stays_short():
    assert claim(1.0, Estimate(2.0, 1e-6)).verdict().z_text == "+1e+06"
    assert claim(1.0, Estimate(1.001, 0.001)).verdict().z_text == "+1.0"


def test_zero_has_no_sign():
    below = claim(1.0, Estimate(0.999, 0.01), bias_bound=0.01)
    assert str(below.z) == "0.0"
    assert claim(1.0, Estimate(0.9999, 0.01)).verdict().z_text == "0.0"


def test_a_wrong_claim_counts_as_refuted_only_beyond_the_critical_z():
    far = Claim("far", "here", 1.0, Estimate(1.1, 0.01))
    near = Claim("near", "here", 1.0, Estimate(1.001, 0.01))
    seen, blind = far.refutation(), near.refutation()
    assert seen.statement == "far: z / critical z"
    assert seen.measured.value == pytest.approx(10.0 / far.critical_z(0.01 / 1000))
    assert seen.verdict().outcome == "consistent"
    assert blind.verdict().outcome == "refuted"
    assert far.refutation(n_claims=20).measured.value > seen.measured.value


def test_a_bound_that_holds_by_far_is_not_refuted():
    """Its |z| is as large as that of one broken by as much."""
    held = Claim("held", "here", AtLeast(0.95), Estimate(1.05, 0.01))
    broken = Claim("broken", "here", AtLeast(0.95), Estimate(0.85, 0.01))
    assert abs(held.z) == pytest.approx(abs(broken.z)) == pytest.approx(10.0)
    assert held.refutation().measured.value == 0.0
    assert held.refutation().verdict().outcome == "refuted"
    assert broken.refutation().verdict().outcome == "consistent"


def test_an_exact_claim_has_no_critical_z():
    with pytest.raises(ValueError, match="claim 'sum' is exact: hold its verdict against"):
        Claim("sum", "here", 1.0, 2.0).refutation()
