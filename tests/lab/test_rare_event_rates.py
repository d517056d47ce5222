"""Rates of rare events: deviations and summaries by hand, wrong constants turning red."""

import dataclasses
import functools

import numpy as np
import pytest
import xarray
from shipped import experiment

import langevin_lab as ll
from langevin_lab.escape import RareEvent, RareEventRate

module = experiment("rare_event_rates")
CONFIG = dataclasses.replace(
    module.Config(), ratios=(5.0, 10.0), n_replicas=50, n_runs=120, coarse_runs=100, flux_runs=20,
    flux_ratios=(10.0,), langevin_ratios=(7.5,), langevin_replicas=50, langevin_runs=20,
)  # fmt: skip


@functools.cache
def dataset():
    return module.run(CONFIG)


def outcomes(data):
    found = {}
    for claim in module.claims(data):
        found[claim.statement] = claim.verdict(false_alarm_rate=2e-4).outcome
    return found


@pytest.mark.slow
def test_small_runs_refute_nothing_but_what_they_cannot_see():
    found = outcomes(dataset())
    wrong = [name for name, outcome in found.items() if outcome == "refuted"]
    assert not [name for name in wrong if not name.startswith("control")]
    assert found["rate, tilted, 5 T"] == "consistent"


@pytest.mark.slow
def test_a_wrong_rate_is_refuted_by_rates_and_deviations():
    """Twice the exact rate: what 2 % of the temperature are at 40 T."""
    wrong = dataset().assign(exact=2 * dataset()["exact"])
    z = (wrong["rate"] - wrong["exact"]) / wrong["rate_stderr"] / np.sqrt(40)
    found = outcomes(wrong.assign(deviation=wrong["deviation"] * 0 + z))
    for name in ("rate, symmetric, 5 T", "mean of all deviations"):
        assert found[name] == "refuted"


@pytest.mark.slow
def test_twice_the_variance_is_refuted():
    wrong = dataset().assign(variance=2 * dataset()["variance"])
    assert outcomes(wrong)["variance/ideal, mean"] == "refuted"


def rate_of(log_probabilities, times):
    counts = np.zeros(len(times), int)
    event = RareEvent(log_probabilities, counts, counts, counts, 100, 1, 0.1, 1, 0)
    return RareEventRate(event, 50, times)


def test_deviations_of_true_error_bars_are_standard_normal():
    rng = np.random.default_rng(4)
    n = 4000
    logarithms = np.log(rng.gamma(20.0, 0.05, n)) - 80.0
    times = rng.gamma(400.0, 0.25, n)
    exact = 50 / 100.0 * np.exp(-80.0)
    z = module._deviations(rate_of(logarithms, times), exact, 40)
    assert z.shape == (40,)
    assert abs(z.mean()) < 4 / np.sqrt(40)
    assert 0.5 < z.var() < 1.7
    assert module._normal_p_value(z) > 1e-3
    low = module._deviations(rate_of(logarithms, times), 1.02 * exact, 40)
    shift = 0.02 / (np.sqrt(0.05) / 10.0)  # in errors of a repeat of 100 runs
    assert (z - low).mean() == pytest.approx(shift, rel=0.1)


def test_intervals_of_repeats_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(5)
    logarithms = np.log(rng.gamma(20.0, 0.05, 4000)) - 80.0
    found, exact = rate_of(logarithms, rng.gamma(400.0, 0.25, 4000)), 0.5 * np.exp(-80.0)
    shares = [module._covered(found, factor * exact, 400).mean() for factor in (1.0, 1.1)]
    assert shares[0] == pytest.approx(0.95, abs=4 * np.sqrt(0.05 * 0.95 / 400))
    assert shares[1] < 0.8  # control: 1.4 errors of a repeat of ten runs


@pytest.mark.slow
def test_intervals_that_hold_too_seldom_are_refuted():
    # What halved error bars would do: 32 % outside instead of 5 %.
    covered = dataset()["covered"] * 0 + (np.arange(dataset()["covered"].size) % 3 > 0).reshape(
        dataset()["covered"].shape
    )
    wrong = dataset().assign(covered=covered)
    assert outcomes(wrong)["share of 95 % intervals of repeats that hold the exact rate"] == (
        "refuted"
    )


def test_bias_of_langevin_rates_is_that_of_returns_and_of_the_step():
    assert module.langevin_bias(10.0, 0.0) == pytest.approx(2 * np.exp(-7.0))
    assert module.langevin_bias(200.0, 0.02) == pytest.approx((np.sqrt(8) * 0.02) ** 2 / 8)


def test_levels_are_one_temperature_apart_up_to_the_saddle():
    dynamics = module._cold(0.0, 10.0)
    levels = np.array(module._levels(dynamics))
    energies = (levels**2 - 1) ** 2
    assert levels[0] == pytest.approx(-0.85)
    np.testing.assert_allclose(np.diff(energies[:-1]), 0.1)
    assert 1.0 - 0.1 <= energies[-2] < 1.0
    assert levels[-1] == 0.1


def test_barriers_are_those_of_the_left_well():
    for tilt in (0.0, 0.25):
        dynamics = module._cold(tilt, 20.0)
        x = np.linspace(-1.3, 0.3, 20_001)
        energy = dynamics.potential.energy(x[:, None])
        barrier = energy[x > -0.5].max() - energy.min()
        assert barrier / dynamics.temperature == pytest.approx(20.0, rel=1e-6)
        assert module._start(dynamics) == pytest.approx(x[energy.argmin()], abs=1e-4)
    warm = module._cold(0.0, 20.0, 1.02)
    assert warm.temperature == pytest.approx(0.051)


def test_control_is_the_theory_of_a_warmer_bath():
    exact, warm = (
        ll.exact.discrete_passage_rate(
            "EulerMaruyama", module._cold(0.0, 40.0, factor), -1.0, 0.9, 2e-3
        ).value
        for factor in (1.0, 1.02)
    )
    assert warm / exact == pytest.approx(np.exp(40 * (1 - 1 / 1.02)), rel=0.02)
    row = {"rate": exact, "rate_stderr": 0.03 * exact, "warm": warm}
    data = {name: (("tilt", "ratio"), np.array([[value]])) for name, value in row.items()}
    found = xarray.Dataset(data, coords={"tilt": [0.0], "ratio": [40.0]})
    found = found.assign_attrs(control_factor=1.02, n_runs=240)
    (claim,) = module._control_claims(found)
    assert claim.verdict().outcome == "consistent"
    (blind,) = module._control_claims(found.assign(warm=found["rate"] * 1.01))
    assert blind.verdict().outcome != "consistent"
