"""The comparison on digits: recipes and budgets, measures by hand, wrong numbers refuted."""

import dataclasses
import math
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray
from shipped import experiment

import langevin_lab as ll
from langevin_lab.lab.discovery import load_module

pytest.importorskip("sklearn")
FIGURE = Path(__file__).parents[2] / "figures" / "digits_comparison.py"
module = experiment("digits_comparison")
CONFIG = dataclasses.replace(
    module.Config(), test_share=0.9, hidden=2, n_epochs=4, n_trials=3, n_folds=2, n_seeds=3,
    n_curvatures=2, n_resamples=4,
)  # fmt: skip


def made_up(*, accuracy=0.97, gain=0.01, share=0.2, slow=0.4, seed=1):
    """A dataset with known means."""
    rng = np.random.default_rng(seed)
    names, n, digits = list(module.SCHEMES), 10, 400
    samples = [module.SCHEMES[name].samples for name in names]
    means = np.array([accuracy, 0.13, 0.01, 0.02])[:, None]
    scatter = np.array([0.003, 0.005, 0.002, 0.002])[:, None]
    test = means + scatter * rng.normal(size=(len(names), 4, n))
    averaged = np.where(np.array(samples)[:, None, None], test + 0.01, np.nan)
    every = ("scheme", "seed", "digit")
    hard = rng.random((1, 1, digits))  # the same digits are hard for all
    data = {
        "test": (("scheme", "measure", "seed"), test),
        "averaged": (("scheme", "measure", "seed"), averaged),
        "right": (every, (hard + 0.01 * rng.random((17, n, digits)) < accuracy).astype(np.int8)),
        "minus_log": (every, hard + 0.1 * rng.random((17, n, digits))),
        "kept_loss": (("scheme", "seed"), averaged[:, 1] + gain),
        "train_accuracy": (("scheme", "seed"), np.full((len(names), n), 0.999)),
        "sharpness": (("scheme", "curved"), share * 10 * (1 + 0.03 * rng.normal(size=(17, 5)))),
        "tuned_limit": ("scheme", np.full(len(names), 10.0)),
        "tuned_best": ("scheme", np.array(["rate 0.3, memory 10"] * len(names))),
        "slow_right": (("seed", "digit"), rng.random((n, digits)) < slow),
        "permuted_right": (("seed", "digit"), rng.random((n, digits)) < 0.1),
    }
    coordinates = {"scheme": names, "measure": list(module.MEASURES)}
    return xarray.Dataset(data, coordinates, {"slow_factor": 100.0})


def refuted(dataset):
    return [
        claim.statement
        for claim in module.claims(dataset)
        if claim.verdict(false_alarm_rate=1e-4).outcome == "refuted"
    ]


def test_numbers_that_agree_are_consistent():
    outcomes = {
        claim.statement: claim.verdict(false_alarm_rate=1e-5).outcome
        for claim in module.claims(made_up())
    }
    assert set(outcomes.values()) == {"consistent"}, outcomes
    assert len(outcomes) == 17 + 6 + 3 + 2


def test_numbers_that_do_not_are_refuted():
    assert sum("accuracy on test" in name for name in refuted(made_up(accuracy=0.85))) == 17
    assert sum("gain of averaging" in name for name in refuted(made_up(gain=-1e-6))) == 6
    assert sum("limit of stability" in name for name in refuted(made_up(share=1.5))) == 3
    # A control that learns as well as the rest is none.
    assert [name for name in refuted(made_up(slow=0.97)) if "too small" in name]


def test_figure_shows_every_method():
    figure = load_module(FIGURE, "figures").draw(made_up())
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert [label.split("\n")[0] for label in labels] == list(module.SCHEMES)
    plt.close(figure)


def test_numbers_have_the_meaning_that_the_ranges_state():
    named = module._named({"rate": 0.6, "memory": 20.0, "square_memory": 50.0})
    assert named["learning_rate"] == pytest.approx(0.03)  # a 20th of the rate of descent
    assert named["momentum"] == pytest.approx(0.95)
    assert named["square_decay"] == pytest.approx(0.98)
    network = module.problem(CONFIG).network
    friction = module.SCHEMES["SGNHT"].make(network, {"dt": 0.1, "temperature": 1e-5}, 1)[0]
    assert friction.thermostat_mean == pytest.approx(1.0)  # without batches
    assert friction.thermal_mass == network.dim


@pytest.mark.parametrize("name", list(module.SCHEMES))
def test_every_trial_is_in_its_range_and_legal(name):
    """The constructors check their numbers; a word has to suit its dynamics."""
    network = module.problem(CONFIG).network
    tried = module.trials(CONFIG, name)
    assert len(tried) == CONFIG.n_trials
    for numbers in tried:
        for key, (low, high) in module.SCHEMES[name].ranges.items():
            assert low <= numbers[key] <= high
        dynamics, method, arguments = module.SCHEMES[name].make(network, numbers, 10)
        if isinstance(method, str):
            assert dynamics.potential is network
            assert arguments["dt"] == numbers["dt"]
            assert ll.integrators.method_for(method, dynamics) is not None
        else:
            assert (dynamics, arguments) == (network, {})
    if name == "CoolMomentum":
        assert {numbers["form"] for numbers in tried} == {0.0, 1.0, 2.0}


def test_limit_of_stability_is_that_of_heavy_ball_by_hand():
    found = module._limit(CONFIG, module.problem(CONFIG), "heavy ball", {"rate": 1.0, "memory": 10})
    assert found == pytest.approx(2 * 1.9 / 0.1)
    assert math.isnan(module._limit(CONFIG, module.problem(CONFIG), "Adam", {}))


def test_measures_of_forecasts_by_hand():
    """Two classes, four examples, one of them wrong."""
    p = np.array([[[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]]])
    accuracy, loss, _, plug_in = module.measures(CONFIG, p, np.array([0, 0, 1, 1]))[:, 0]
    assert accuracy == 0.75
    assert loss == pytest.approx(-np.log([0.9, 0.8, 0.7, 0.4]).mean())
    assert plug_in == pytest.approx((0.1 + 0.2 + 0.3 + 0.6) / 4)  # each in a bin of its own


def test_permuted_labels_are_the_same_labels_elsewhere():
    own, other = (module.problem(CONFIG, permuted=flag).network.data.values for flag in (0, 1))
    np.testing.assert_array_equal(own[:, :64], other[:, :64])
    np.testing.assert_array_equal(np.sort(own[:, 64]), np.sort(other[:, 64]))
    assert (own[:, 64] != other[:, 64]).mean() > 0.7


def test_no_test_digit_is_learnt_and_folds_share_out_the_rest():
    setting = module.problem(CONFIG)
    own = setting.network.data.values[:, :64]
    assert len(own) + setting.test.n_examples == 1797
    kept = {row.tobytes() for row in setting.test.inputs}
    for network, fold in setting.folds:
        assert network.data.n_examples + fold.n_examples == len(own)
        assert network.gradient_noise.batch_size == CONFIG.batch_size
        learnt = {row.tobytes() for row in network.data.values[:, :64]}
        assert not learnt & kept
        assert not learnt & {row.tobytes() for row in fold.inputs}
    validated = np.concatenate([fold.inputs for _, fold in setting.folds])
    np.testing.assert_array_equal(np.sort(validated, axis=0), np.sort(own, axis=0))


def test_a_network_that_diverged_reads_nothing():
    setting = module.problem(CONFIG)
    weights = setting.network.start(seed=1, n_replicas=2)
    weights[1] = np.nan
    p = module.forecasts(setting, weights)
    np.testing.assert_array_equal(p[1], 0.1)
    np.testing.assert_array_equal(p[0], setting.network.predict(weights[0], setting.test.inputs))
    curved = module._curved(setting.network, weights)
    assert np.isfinite(curved[0])
    assert np.isnan(curved[1])


@pytest.mark.slow
def test_a_small_run_tunes_compares_and_keeps_its_budget(monkeypatch):
    names = ("heavy ball", "SGLD")
    monkeypatch.setattr(module, "SCHEMES", {name: module.SCHEMES[name] for name in names})
    found = module.run(CONFIG)
    assert found["validation_loss"].shape == (2, CONFIG.n_trials, CONFIG.n_folds)
    assert found["test"].shape == (2, 4, CONFIG.n_seeds)
    assert module.samplers(found) == ["SGLD"]
    best = found["validation_loss"].mean("fold").argmin("trial")
    np.testing.assert_array_equal(best, found["tuned_trial"])
    numbers = module.trials(CONFIG, "heavy ball")[int(best[0])]
    text = f"rate {numbers['rate']:.2g}, memory {numbers['memory']:.2g}"
    assert found["tuned_best"].values[0] == text
    assert found["slow_right"].mean() < 0.5
    right = found["right"].mean("digit")
    np.testing.assert_allclose(right, found["test"].sel(measure="accuracy"), rtol=1e-12)
    np.testing.assert_allclose(
        found["minus_log"].mean("digit"), found["test"].sel(measure="loss"), rtol=1e-6
    )
    assert module.claims(found)
