import math

import numpy as np
import pytest
from scipy import stats

from langevin_lab.evidence import Claim, Estimate, judge


def family(z_values, stderr=0.005, n_eff=None, predicted=1.0):
    return [
        Claim(f"claim {i}", "source", predicted, Estimate(1.0 + z * stderr, stderr, n_eff))
        for i, z in enumerate(z_values)
    ]


def outcomes(claims, **options):
    return [verdict.outcome for verdict in judge(claims, **options)]


def test_threshold_grows_with_the_family():
    assert outcomes(family([3.0])) == ["refuted"]
    assert outcomes(family([3.0] + [0.0] * 19))[0] == "consistent"
    assert outcomes(family([3.6] + [0.0] * 19))[0] == "refuted"


def test_holm_steps_down():
    """p = 0.004 is above 1 %/3 but below 1 %/1 once the two smaller ones are refuted."""
    z = [stats.norm.isf(p / 2) for p in (1e-6, 0.0049, 0.009)]
    assert outcomes(family(z)) == ["refuted"] * 3
    assert outcomes(family([0.0, z[1], z[2]])) == ["consistent"] * 3


def test_verdicts_keep_the_order_of_the_claims():
    verdicts = judge(family([0.0, 9.0, 1.0]))
    assert [v.claim.statement for v in verdicts] == ["claim 0", "claim 1", "claim 2"]
    assert [v.outcome for v in verdicts] == ["consistent", "refuted", "consistent"]


def test_exact_claims_do_not_cost_power():
    exact = [Claim("exact", "source", 1.0, 1.0)] * 100
    alone = judge(family([0.0]))[0]
    together = judge(family([0.0]) + exact)[0]
    assert together.z_limit == alone.z_limit == pytest.approx(stats.norm.isf(0.005))


def test_limit_is_bonferronis():
    verdict = judge(family([0.0] * 10))[0]
    assert verdict.z_limit == pytest.approx(stats.norm.isf(0.0005))
    expected = (stats.norm.isf(0.0005) + stats.norm.isf(0.1)) * 0.005
    assert verdict.detectable == pytest.approx(expected, rel=1e-6)


def test_empty_family_has_no_verdicts():
    assert judge([]) == []


def test_bad_arguments_are_refused():
    with pytest.raises(TypeError, match=r"3.0 is no Claim; claims\(dataset\) must return a list"):
        judge([3.0])
    with pytest.raises(ValueError, match=r"false_alarm_rate=0.0 must lie in \(0, 0.5\]"):
        judge([], false_alarm_rate=0.0)
    with pytest.raises(ValueError, match=r"power=1.0 must lie in \[0.5, 1\)"):
        judge([], power=1.0)


def simulate(predicted, n_families, rate, seed):
    """Fraction of families of 12 claims, two with few samples, that hold a refuted one."""
    rng = np.random.default_rng(seed)
    sizes = [6, 15] + [1000] * 10
    alarms = 0
    for _ in range(n_families):
        claims = [
            Claim(
                "mean",
                "simulation",
                predicted,
                Estimate(1 + 0.008 * z, 0.008 * math.sqrt(rng.chisquare(n - 1) / (n - 1)), n),
            )
            for n, z in zip(sizes, rng.standard_normal(12))
        ]
        alarms += "refuted" in outcomes(claims, false_alarm_rate=rate)
    return alarms / n_families


def test_true_families_raise_false_alarms_at_the_stated_rate():
    n, rate = 1500, 0.1
    observed = simulate(1.0, n, rate, seed=3)
    spread = math.sqrt(rate * (1 - rate) / n)
    print(f"observed {observed:.4f} +- {spread:.4f} | expected <= {rate} | n={n}")
    assert observed < rate + 5 * spread
    assert observed > rate - 5 * spread  # independent claims nearly use the rate up
    # Negative control: without the correction 12 claims alarm in 1 - 0.9^12 = 72 % of families.
    assert rate + 5 * spread < 1 - (1 - rate) ** 12


def test_constant_wrong_by_5_percent_is_caught_at_1_percent_false_alarms():
    assert simulate(1.05, 200, 0.01, seed=4) == 1.0


def test_claim_wrong_by_the_resolution_is_refuted_with_the_stated_power():
    """A claim that just counts as consistent refutes an error of 5 % in 90 % of experiments."""
    rng = np.random.default_rng(5)
    level = 0.01 / 12
    stderr = 0.05 / (stats.norm.isf(level / 2) + stats.norm.isf(0.1))
    z_limit = judge(family([0.0] * 12, stderr))[0].z_limit
    assert outcomes(family([0.0] * 12, 0.999 * stderr)) == ["consistent"] * 12
    assert outcomes(family([0.0] * 12, 1.001 * stderr)) == ["inconclusive"] * 12
    n = 20_000
    caught = np.mean(np.abs(0.05 / stderr + rng.standard_normal(n)) > z_limit)
    spread = math.sqrt(0.09 / n)
    z = (caught - 0.9) / spread
    print(f"observed {caught:.4f} +- {spread:.4f} | expected 0.9 | z={z:.1f} | n={n}")
    assert abs(z) < 5
