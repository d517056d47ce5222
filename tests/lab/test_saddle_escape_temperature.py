"""Escape against temperature: simulations replaced by draws from the exact law, right and wrong."""

import dataclasses
import math

import numpy as np
import pytest
import xarray
from shipped import FOLDER, experiment

import langevin_lab as ll
from langevin_lab.escape import FirstPassage, RareEvent, RareEventRate
from langevin_lab.escape.crossing import OVERSHOOT
from langevin_lab.evidence import AtLeast, judge
from langevin_lab.lab.discovery import load_module

module = experiment("saddle_escape_temperature")
CONFIG = dataclasses.replace(
    module.Config(), temperatures=(0.4, 0.5), tilted_temperatures=(0.5,),
    channel_temperatures=(0.5,), mueller_brown_temperatures=(30.0,), cold_temperatures=(0.05, 0.1),
    tilted_cold_temperatures=(0.06,), mueller_brown_cold_temperatures=(7.0,), curve_points=3,
)  # fmt: skip

COLD = module.Config().tilted_cold_temperatures


def exact_time(dynamics, start, plane):
    """Mean and standard deviation of a passage, exponential in two dimensions."""
    if len(start) == 1:
        moments = ll.exact.first_passage_moments(dynamics, *start, plane)
        return moments.mean.value, moments.standard_deviation.value
    mean = ll.exact.plane_passage_time(dynamics, start, plane, n=60).value
    return mean, mean


def install(monkeypatch, *, slower=1.0, warmer=1.0):
    """Draws from the exact law for both ways of simulating, possibly of a wrong law."""

    def wrong(dynamics):
        return ll.Overdamped(
            dynamics.potential, temperature=warmer * dynamics.temperature,
            friction=slower * dynamics.friction,
        )  # fmt: skip

    def first_passage(dynamics, method, *, dt, start, target, n_replicas, seed, backend):
        mean, spread = exact_time(wrong(dynamics), start, float(target.removeprefix("x > ")))
        shape = (mean / spread) ** 2
        times = np.random.default_rng(seed).gamma(shape, mean / shape, n_replicas)
        everyone = np.ones(n_replicas, bool)
        shift = OVERSHOOT * math.sqrt(2 * float(dynamics.temperature) * dt)
        return FirstPassage(times, everyone, ~everyone, dt, "shift", np.array([shift]))

    def rare_event_rate(dynamics, method, *, dt, start, target, n_runs, seed, **settings):
        mean, _ = exact_time(wrong(dynamics), start, float(target.removeprefix("x > ")))
        rng = np.random.default_rng(seed)
        probabilities = rng.gamma(4.0, 0.25e-3, n_runs)
        counts = np.full(n_runs, 1000)
        event = RareEvent(
            np.log(probabilities), counts, counts, counts, settings["n_replicas"],
            settings["n_killed"], dt, seed, np.arange(n_runs),
        )  # fmt: skip
        return RareEventRate(event, 100, np.full(n_runs, 0.1 * mean))

    monkeypatch.setattr(ll.escape, "first_passage", first_passage, raising=False)
    monkeypatch.setattr(ll.escape, "rare_event_rate", rare_event_rate, raising=False)


@pytest.fixture(scope="module")
def dataset():
    with pytest.MonkeyPatch.context() as patch:
        install(patch)
        return module.run(CONFIG)


def claim(dataset, beginning):
    found = module.claims(dataset)
    return next(claim for claim in found if claim.statement.startswith(beginning))


def with_values(dataset, **values):
    return dataset.assign({name: dataset[name] * 0 + value for name, value in values.items()})


def outcomes(dataset):
    return {verdict.claim.statement: verdict.outcome for verdict in judge(module.claims(dataset))}


@pytest.mark.slow
def test_draws_from_the_exact_law_leave_every_claim_standing(dataset):
    found = outcomes(dataset)
    assert {name: outcome for name, outcome in found.items() if outcome != "consistent"} == {}
    assert sum(name.startswith("control") for name in found) == 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wrong", "refuted"),
    [
        ({"slower": 1.03}, {"symmetric: mean time, T = 0.4", "symmetric: mean time, T = 0.5",
                            "uphill: mean time, T = 0.5", "control: friction 1.03 / friction 1"}),
        ({"warmer": 1.03}, {"symmetric: mean time, T = 0.05", "symmetric: mean time, T = 0.5",
                            "channel: mean time, T = 0.05", "Mueller-Brown: mean time, T = 7",
                            "uphill: slope d ln τ / d(1/T)", "uphill: mean time, T = 0.06"}),
    ],
)  # fmt: skip
def test_three_percent_of_friction_or_temperature_are_refuted(monkeypatch, wrong, refuted):
    install(monkeypatch, **wrong)
    found = outcomes(module.run(CONFIG))
    assert {name for name in refuted if found[name] != "refuted"} == set()
    assert found["τ/τ_EK - 1 as T → 0"] == "consistent"


@pytest.mark.slow
def test_each_number_has_its_own_time_step_bias(dataset):
    changed = with_values(
        dataset, time_step_bias=0.1, spread_bias=0.2, control_time_step_bias=0.3, control_exact=10,
        warm_time_step_bias=0.4,
    )  # fmt: skip
    assert claim(changed, "symmetric: mean time, T = 0.5").bias_bound == pytest.approx(0.1)
    assert claim(changed, "its standard deviation, T = 0.5").bias_bound == pytest.approx(0.2)
    assert claim(changed, "control: friction").bias_bound == pytest.approx(0.03)


@pytest.mark.slow
def test_bias_in_one_dimension_is_that_of_the_discrete_moments(dataset):
    equation = ll.Overdamped(ll.potentials.double_well(barrier=1.0), temperature=0.5)
    shift = OVERSHOOT * math.sqrt(0.01)
    discrete = ll.exact.discrete_passage_moments(
        "StochasticHeun", equation, -1.0, 1.0, 0.01, shift=shift
    )
    exact = ll.exact.first_passage_moments(equation, -1.0, 1.0)
    row = dataset.isel(point=int(np.flatnonzero(
        (dataset["passage"] == "symmetric") & (dataset["temperature"] == 0.5)
    )[0]))  # fmt: skip
    spread = dataset.sel(spread_temperature=0.5)["spread_bias"]
    for found, one, other in (
        (row["time_step_bias"], discrete.mean, exact.mean),
        (spread, discrete.standard_deviation, exact.standard_deviation),
    ):
        assert float(found) == pytest.approx(abs(one.value - other.value), abs=2e-4)


@pytest.mark.parametrize("dt", [0.01, 0.005])
def test_bias_of_splitting_keeps_its_digits_where_it_is_cold(dt):
    """It is 17 dt^2, and the computation's own error adds half of that at most."""
    well = module.passages()["symmetric"]
    exact = well.exact(0.04)
    row = {"temperature": 0.04, "method": "splitting", "shift": 0.0,
           "exact_mean": exact.value, "exact_error": exact.error}  # fmt: skip
    found = module._scheme_bias(well, row, dt) / exact.value
    assert 16 * dt**2 < found < 1.6 * 17 * dt**2


def test_bias_in_two_dimensions_is_a_seventh_of_what_four_time_steps_change(monkeypatch):
    """Between the anchors linear in 1/T, beyond the cold one its power 4/3."""
    times = {0.01: {0.5: 10.0, 0.1: 1000.0}, 0.04: {0.5: 10.7, 0.1: 1210.0}}

    def measured(well, size, temperature, dt, seed):
        mean = times[dt][temperature]
        return {"mean": mean, "mean_stderr": 1e-12 * mean}

    monkeypatch.setattr(module, "_measured", measured)
    rows = [
        {"temperature": T, "exact_mean": 1.0, "exact_error": 0.0, "method": method,
         **measured(None, None, T if T in times[0.01] else 0.1, 0.01, 0)}
        for T, method in ((0.05, "splitting"), (0.1, "splitting"), (0.2, "direct"), (0.5, "direct"))
    ]  # fmt: skip
    found = module._biases_of_two_steps(None, [None] * 4, rows, 0.01, 1)
    hot, cold = math.log(1.07) / 7, math.log(1.21) / 7
    assert found == pytest.approx(
        [2 ** (4 / 3) * cold, cold, hot + (cold - hot) * 3 / 8, hot], rel=1e-9
    )


def test_share_and_growth_of_the_bias_hold_in_one_dimension():
    well = module.passages()["symmetric"]

    def bias(T, dt):
        found = ll.exact.discrete_passage_time("StochasticHeun", well.dynamics(T), -1.0, 1.0, dt)
        return found.value / well.exact(T).value - 1.0

    fine = {T: bias(T, 0.01) for T in (0.1, 0.0666667, 0.05)}
    for T, value in fine.items():
        share = value / (bias(T, 0.04) - value)
        assert 0.5 * module.BIAS_SHARE < share < module.BIAS_SHARE
        assert value <= fine[0.1] * (0.1 / T) ** module.BIAS_GROWTH
    assert fine[0.05] > 1.9 * fine[0.1]


@pytest.mark.slow
def test_control_held_against_the_theory_of_friction_one_is_refuted(dataset):
    changed = with_values(dataset, control_exact=10, control_mean=10.3, control_mean_stderr=0.018)
    seen = claim(changed, "control as friction 1")
    assert isinstance(seen.predicted, AtLeast)
    assert seen.verdict().outcome == "consistent"
    blind = claim(with_values(changed, control_mean=10.0), "control as friction 1")
    assert blind.verdict().outcome == "refuted"


@pytest.mark.slow
def test_quick_preset_resolves_one_percent(dataset):
    """Passage times are nearly exponential: the standard error is mean / sqrt(n)."""
    n = module.Config().n_replicas
    changed = dataset.assign(mean_stderr=dataset["exact_mean"] / np.sqrt(n))
    found = claim(changed, "symmetric: mean time, T = 0.5")
    assert found.resolution == 0.01
    assert found.detectable(0.01 / 50, 0.8) < 0.01


@pytest.mark.slow
def test_times_up_and_down_have_the_ratio_of_the_populations(dataset):
    """Two harmonic wells: depth and curvature; a ratio wrong by 1.4 is seen."""
    found = claim(dataset, "ln(time up / time down), T = 0.06")
    well = ll.potentials.tilted_double_well(tilt=0.25)
    (low, high) = sorted(
        (float(m.energy), float(well.hessian(m.position).item())) for m in well.minima
    )
    expected = (high[0] - low[0]) / 0.06 + 0.5 * math.log(high[1] / low[1])
    assert found.predicted.estimate.value == pytest.approx(expected, abs=0.02)
    assert found.bias_bound < 0.01
    lower = dataset["mean"].where(dataset["passage"] != "downhill", dataset["mean"] / 1.4)
    wrong = claim(dataset.assign(mean=lower), "ln(time up / time down), T = 0.06")
    assert wrong.verdict().outcome == "refuted"


def exact_times_of_splitting(temperatures):
    """Rows of both ways with the exact time and one percent of error."""
    rows = [
        {"passage": name, "method": "splitting", "temperature": T, "mean": mean,
         "mean_stderr": 0.01 * mean, "n_samples": 256.0, "exact_mean": mean,
         "time_step_bias": 0.001 * mean}
        for name in ("uphill", "downhill")
        for T in temperatures
        for mean in [module.passages()[name].exact(T).value]
    ]  # fmt: skip
    columns = {name: ("point", np.array([row[name] for row in rows])) for name in rows[0]}
    return xarray.Dataset(columns).set_coords(["passage", "method", "temperature"])


@pytest.mark.parametrize("factor", [1.0, 1.1, 1 / 1.1])
def test_bound_of_the_balance_does_not_pay_for_wrong_populations(monkeypatch, factor):
    right = ll.exact.gibbs_probability_below

    def wrong(dynamics, point):
        below = right(dynamics, point).value
        odds = factor * below / (1.0 - below)
        return ll.exact.Reference(odds / (1.0 + odds), 0.0)

    monkeypatch.setattr(ll.exact, "gibbs_probability_below", wrong)
    found = {c.verdict().outcome for c in module._balance_claims(exact_times_of_splitting(COLD))}
    assert found == {"consistent" if factor == 1.0 else "refuted"}


@pytest.mark.parametrize("temperature", COLD)
def test_exact_times_have_the_ratio_of_the_populations_within_the_bound(temperature):
    (claim,) = module._balance_claims(exact_times_of_splitting([temperature]))
    distance = abs(claim.measured.value - claim.predicted.estimate.value)
    assert distance < 0.25 * (claim.bias_bound - 0.002)
    assert claim.bias_bound < 0.003


def test_two_saddles_in_series_take_the_time_of_the_chain():
    """k -> i -> b as a Markov chain: the mean time from a linear system."""
    well = module.passages()["Mueller-Brown"]
    middle, last = well.second
    T = 15.0

    def rate(minimum, saddle):
        return ll.escape.eyring_kramers(well.potential, minimum, saddle, T).value

    there, back = rate(well.minimum, well.saddle), rate(middle, well.saddle)
    on = rate(middle, last)
    generator = np.array([[-there, there], [back, -back - on]])
    expected = np.linalg.solve(generator, [-1.0, -1.0])[0]
    assert well.eyring_kramers(T) == pytest.approx(expected, rel=1e-12)
    assert expected > 1.02 / there


@pytest.mark.slow
def test_compression_is_passages_needed_over_time_simulated(dataset):
    rows = dataset.where(dataset["method"] == "splitting", drop=True)
    rows = rows.where(rows["passage"] != "Mueller-Brown", drop=True)
    needed = float((rows["exact_mean"] / (rows["mean_stderr"] / rows["mean"]) ** 2).sum())
    assert dataset.attrs["compression"].startswith(f"{needed:.0e} time units of direct")


@pytest.mark.slow
def test_statements_fit_their_rows(dataset):
    assert max(len(claim.statement) for claim in module.claims(dataset)) <= 38


@pytest.mark.slow
def test_figure_shows_every_point_three_times_and_its_distance_in_standard_errors(dataset):
    import matplotlib.pyplot as plt

    drawing = load_module(FOLDER.parent / "figures" / f"{module.EXPERIMENT.name}.py", "drawn")
    figure = drawing.draw(dataset)
    try:
        assert len(figure.axes) == 12
        assert [len(axes.containers) for axes in figure.axes[:3]] == [4, 4, 8]  # and bars of bias
        row = dataset.isel(point=0)
        line = figure.axes[2].containers[1].lines[0]
        distance = float((row["mean"] - row["exact_mean"]) / row["mean_stderr"])
        assert line.get_xydata()[0] == pytest.approx([1 / float(row["temperature"]), distance])
        texts = [text.get_text() for axes in figure.axes for text in axes.texts]
        assert sum("direct runs would need" in text for text in texts) == 4
    finally:
        plt.close(figure)
    assert drawing._power(9.7e13) == "$1\\times10^{14}$"


def test_cost_grows_with_what_is_simulated():
    config = module.Config()
    more = dataclasses.replace(config, n_replicas=2 * config.n_replicas)
    assert module.cost(more) > module.cost(config) + 5.0
