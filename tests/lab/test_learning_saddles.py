"""Saddles of losses: the spectra, the bias without sampling, small runs, wrong constants."""

import dataclasses
import functools
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.stats import kstest
from shipped import experiment

import langevin_lab as ll
from langevin_lab.evidence import Estimate
from langevin_lab.lab.discovery import load_module

FIGURE = Path(__file__).parents[2] / "figures" / "learning_saddles.py"
module = experiment("learning_saddles")
CONFIG = dataclasses.replace(
    module.Config(), n_unstable=(1, 8), slope_temperatures=(1e-2, 1e-4), n_replicas=4_000,
    parabola_dt=0.02, monkey_temperatures=(1e-2, 1e-3), monkey_cells=(61, 121),
    factorisation_frictions=(0.03, 0.1, 1.5), factorisation_temperatures=(1e-7,),
    factorisation_replicas=2_000, network_frictions=(0.004, 0.015, 0.2), network_replicas=500,
    momenta=(0.5, 0.9),
)  # fmt: skip


@functools.cache
def dataset():
    return module.run(CONFIG)


@pytest.mark.slow
def test_a_small_ensemble_refutes_nothing_but_wrong_constants():
    found = {claim.statement: claim.verdict(false_alarm_rate=2e-5) for claim in
             module.claims(dataset())}  # fmt: skip
    refuted = [name for name, verdict in found.items() if verdict.outcome == "refuted"]
    # Few replicas leave some controls without the power that the quick preset has.
    assert [name for name in refuted if not name.startswith("control")] == []
    assert sum(name.startswith("control") for name in found) == 6


@pytest.mark.slow
def test_a_wrong_prediction_is_refuted():
    row = dataset().isel(factorisation_temperature=0, factorisation_friction=1)
    right = float(row["factorisation_predicted"])
    claim = module._law_claim(row, "factorisation", "5 % too long", predicted=1.05 * right)
    assert claim.verdict().outcome == "refuted"


def test_factorisation_leaves_the_saddle_by_its_singular_values():
    case = module.loss("factorisation")
    assert np.linalg.eigvalsh(case.potential.hessian(case.saddle)) == pytest.approx(
        [-1.0, -0.6, 0.6, 1.0]
    )
    assert np.abs(case.potential.gradient(case.saddle)).max() == 0.0


def test_permutation_saddle_has_one_unstable_direction_that_parts_the_units():
    case = module.loss("network")
    assert np.linalg.norm(case.potential.gradient(case.saddle)) < 1e-14
    values, vectors = np.linalg.eigh(case.potential.hessian(case.saddle))
    assert (values < 0).tolist() == [True, False, False, False]
    first, second = np.split(vectors[:, 0], 2)
    assert first == pytest.approx(-second, abs=1e-12)
    assert np.split(case.saddle, 2)[0] == pytest.approx(np.split(case.saddle, 2)[1])
    # Downhill lie the units of the teacher.
    end = ll.escape.minimise(case.potential, case.saddle + 0.1 * vectors[:, 0])
    assert sorted(end.position[1::2]) == pytest.approx([-3.0, 3.0], abs=1e-5)


def test_a_parabola_has_no_nonlinear_delay():
    parabola = ll.Potential.from_expression("-(x**2 + 0.5*y**2)/2 + z**2", "x, y, z")
    case = dataclasses.replace(module.loss("factorisation"), potential=parabola, saddle=np.zeros(3))
    law = ll.escape.strict_saddle_exit_time(curvatures=[1.0, 0.5], distance=0.2, temperature=1e-7)
    delay = module.nonlinear_delay(
        case, law, 0.2, 0.05 * law.growth_rates, decay=0.5, kick=0.05, drift=0.05
    )
    assert abs(delay) < 1e-10


@pytest.mark.parametrize("distance", [0.1, 0.3])
def test_nonlinear_delay_is_that_of_a_quartic(distance):
    """Overdamped -x^2/2 + x^4/4: ln x - ln(1 - x^2)/2 is the time, so the delay is L^2/2."""
    quartic = ll.Potential.from_expression("-x**2/2 + x**4/4 + y**2", "x, y")
    case = dataclasses.replace(module.loss("factorisation"), potential=quartic, saddle=np.zeros(2))
    law = ll.escape.strict_saddle_exit_time(curvatures=[1.0], distance=distance, temperature=1e-7)
    dt = 1e-3  # decay 0: plain descent with the rate kick drift
    delay = dt * module.nonlinear_delay(
        case, law, distance, dt * law.growth_rates, decay=0.0, kick=dt, drift=1.0, n_paths=3
    )
    exact = -0.5 * np.log((1 - distance**2) / (1 - (0.05 * distance) ** 2))
    assert delay == pytest.approx(exact, rel=0.01)


def test_slope_of_a_straight_line_and_its_error():
    x = np.array([1.0, 2.0, 4.0])
    row, slope = module._slope(x, 3.0 - 0.5 * x, np.array([0.1, 0.2, 0.1]))
    assert slope.value == pytest.approx(-0.5)
    weights = 1.0 / np.array([0.1, 0.2, 0.1]) ** 2
    covariance = np.linalg.inv(np.stack([np.ones(3), x]) * weights @ np.stack([np.ones(3), x]).T)
    assert slope.stderr == pytest.approx(np.sqrt(covariance[1, 1]))
    assert row @ np.ones(3) == pytest.approx(0.0, abs=1e-14)


def test_columns_keep_the_order_of_nested_estimates():
    table = [[Estimate(1.0, 0.1), Estimate(2.0, 0.2)], [Estimate(3.0, 0.3), Estimate(4.0, 0.4)]]
    found = module._columns("n", ("a", "b"), table)
    assert found["n_mean"][1].tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert found["n_mean_stderr"][1].tolist() == [[0.1, 0.2], [0.3, 0.4]]


def test_cost_grows_with_the_ensemble():
    more = dataclasses.replace(module.Config(), n_replicas=80_000)
    assert module.cost(more) > module.cost(module.Config())


def test_statistic_of_the_law_sees_a_missing_direction():
    law = ll.escape.strict_saddle_exit_time(
        curvatures=[1.0, 0.8], distance=1.0, temperature=1e-4, region="box"
    )
    amplitudes = np.sqrt(1e-4 / law.growth_rates) * np.random.default_rng(4).standard_normal(
        (5000, 2)
    )
    times = (-np.log(np.abs(amplitudes)) / law.growth_rates).min(axis=1)
    everyone = np.ones(5000, bool)
    passage = ll.escape.FirstPassage(times, everyone, ~everyone, 0.0, "none", np.zeros(0))
    expected = np.sqrt(5000) * kstest(times, law.probability).statistic
    # At the steps: from above only, so below scipy's by at most 1/sqrt(n).
    assert module.kolmogorov(passage, law) == pytest.approx(expected, abs=1 / np.sqrt(5000))
    assert module.kolmogorov(passage, law) < 1.95
    alone = ll.escape.linear_saddle_exit_time(curvature=1.0, distance=1.0, temperature=1e-4)
    assert module.kolmogorov(passage, alone) > 1.95


def test_a_bound_on_the_delay_of_looking_covers_both_limits():
    assert module.look_delay(0.01, 0.0, slope=2.0) == pytest.approx(0.005)
    noise = module.look_delay(1e-6, 2.0, slope=4.0)
    assert noise == pytest.approx(0.5826 * 2e-3 / 4.0, rel=1e-2)


@pytest.mark.slow
def test_the_figure_draws():
    figure = load_module(FIGURE, "shipped").draw(dataset())
    assert len(figure.axes) == 6
    plt.close(figure)
