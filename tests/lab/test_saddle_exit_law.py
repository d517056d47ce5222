"""The exit law: summaries by hand, the statistic of the law, wrong constants turning red."""

import dataclasses
import functools

import numpy as np
import pytest
from scipy.stats import kstest
from shipped import experiment

import langevin_lab as ll
from langevin_lab.escape import FirstPassage

module = experiment("saddle_exit_law")
CONFIG = dataclasses.replace(
    module.Config(), overdamped_replicas=20_000, langevin_replicas=4_000, overdamped_dt=0.01,
    cold_frictions=(0.03, 0.157, 1.0), thermal_frictions=(0.1,),
)  # fmt: skip


@functools.cache
def dataset():
    return module.run(CONFIG)


def outcomes(data):
    return {
        claim.statement: claim.verdict(false_alarm_rate=2e-4).outcome
        for claim in module.claims(data)
    }


@pytest.mark.slow
def test_a_small_ensemble_refutes_nothing_but_cannot_see_5_percent():
    found = outcomes(dataset())
    control = [name for name in found if name.startswith("control")]
    assert [name for name, outcome in found.items() if outcome == "refuted"] == []
    assert found[control[0]] == "inconclusive"


@pytest.mark.slow
def test_a_wrong_friction_is_refuted():
    wrong = dataset().assign_coords(cold_friction=1.5 * dataset()["cold_friction"])
    exact = ll.escape.langevin_saddle_exit_time
    row = wrong.isel(cold_friction=0)
    theory = exact(curvature=1.0, distance=1.0, temperature=1e-4, friction=0.045).mean
    claim = ll.evidence.Claim("wrong", "here", theory, module._estimate(row, "cold_mean"))
    assert claim.verdict().outcome == "refuted"


def passage_of(times, dt=0.0):
    everyone = np.ones(len(times), bool)
    return FirstPassage(times, everyone, ~everyone, dt, "none", np.zeros(0))


def test_half_a_step_of_delay_is_taken_off():
    times = np.array([1.0, 2.0, 4.0])
    found = module._summaries("n", "case", [passage_of(times, dt=0.5)])
    assert found["n_mean"][1] == pytest.approx([7.0 / 3.0 - 0.25])
    assert found["n_spread"][1] == pytest.approx([times.std()])


def test_statistic_of_the_law_is_that_of_scipy():
    law = ll.escape.linear_saddle_exit_time(curvature=1.0, distance=1.0, temperature=1e-4)
    generator = np.random.default_rng(2)
    amplitude = np.abs(generator.standard_normal(5000)) * 0.01
    times = np.log(1.0 / amplitude)
    found = module._law(CONFIG, passage_of(times))
    expected = kstest(times, law.probability).statistic
    assert float(found["kolmogorov"][1]) == pytest.approx(np.sqrt(5000) * expected, rel=1e-9)
    assert float(found["kolmogorov"][1]) < 1.95
    hot = module._law(CONFIG, passage_of(times - 0.5 * np.log(1.2)))  # 20 % hotter
    assert float(hot["kolmogorov"][1]) > 1.95
    assert found["left"][1] == pytest.approx(module.QUANTILES, abs=0.03)
