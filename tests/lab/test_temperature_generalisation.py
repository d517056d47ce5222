"""Temperature and generalisation: gap by hand, claims on made-up data, wrong numbers refuted."""

import dataclasses

import numpy as np
import pytest
import xarray
from shipped import experiment

module = experiment("temperature_generalisation")
CONFIG = dataclasses.replace(
    module.Config(), n_data_sets=2, n_replicas=8, n_train=12, n_test=20, hidden=2, n_steps=200,
    burn_in=100, n_hessians=1, temperature_ratios=(0.01, 1.0, 10.0),
)  # fmt: skip


def made_up(*, kinetic=1.0, virial=1.0, better=4.0, seed=1):
    """A dataset with known temperatures and test accuracies."""
    rng = np.random.default_rng(seed)
    ratios = np.array([0.01, 0.1, 0.3, 1.0, 3.0, 10.0])
    nominal = 0.01 * ratios[:, None, None]
    noise = rng.normal(size=(2, 6, 20, 8))
    place = ("temperature_ratio", "data_set")
    accuracy = np.array([0.77, 0.77, 0.78, 0.77 + better / 100, 0.78, 0.69])[:, None]
    average = np.array([0.78, 0.79, 0.81, 0.885, 0.92, 0.89])[:, None]
    scatter = 0.02 * rng.normal(size=(3, 6, 20))
    data = {
        "kinetic": ((*place, "replica"), nominal * (kinetic * 0.9975 + 0.02 * noise[0])),
        "virial": ((*place, "replica"), nominal * (virial + 0.04 * noise[1])),
        "test_accuracy": (place, accuracy + scatter[0]),
        "train_accuracy": (place, np.linspace(0.97, 0.66, 6)[:, None] + scatter[1]),
        "average_accuracy": (place, average + scatter[2]),
        "sharpness": (place, np.linspace(4, 2, 6)[:, None] + rng.random((6, 20))),
        "laplacian": (place, np.full((6, 20), 0.04)),
        "heating": (place, np.full((6, 20), 1e-8)),
    }
    attributes = {
        "dt": 0.5, "kinetic_control": 1.03, "virial_control": 1.08, "wrong_labels": 0.2,
        "posterior_temperature": 0.01,
    }  # fmt: skip
    return xarray.Dataset(data, {"temperature_ratio": ratios}, attributes)


def refuted(dataset):
    outcomes = {
        claim.statement: claim.verdict(false_alarm_rate=1e-4).outcome
        for claim in module.claims(dataset)
    }
    return [name for name, outcome in outcomes.items() if outcome == "refuted"]


def test_numbers_that_agree_are_not_refuted():
    assert refuted(made_up()) == []


def test_a_wrong_thermometer_is_refuted_at_every_temperature():
    assert len(refuted(made_up(kinetic=1.03))) >= 6
    assert sum("virial temperature" in name for name in refuted(made_up(virial=0.93))) == 6


def test_heat_of_the_descent_widens_the_bounds():
    dataset = made_up(kinetic=1.02)
    warm = dataset.assign(heating=dataset["heating"] * 0 + 0.02 * 0.01 * dataset.temperature_ratio)
    assert len(refuted(dataset)) >= 6
    assert [name for name in refuted(warm) if "over nominal" in name] == []


def test_no_gain_is_refuted():
    assert any("beats T = 0.01/n, one network" in name for name in refuted(made_up(better=-4.0)))


def test_gap_is_that_of_equally_wrong_labels():
    """Of 1,000 points, 20 % wrong: right labels are met by a, wrong ones by 1 - a."""
    dataset = made_up()
    right = dataset["test_accuracy"].values
    expected = dataset["train_accuracy"].values - (800 * right + 200 * (1 - right)) / 1000
    np.testing.assert_allclose(module.with_gap(dataset)["gap"], expected, rtol=1e-12)


@pytest.mark.slow
def test_a_small_run_has_the_shapes_and_units_of_the_record():
    found = module.run(CONFIG)
    assert found["kinetic"].shape == (3, 2, 8)
    assert found["sharpness"].shape == (3, 2)
    assert found.attrs["posterior_temperature"] == 1 / 12
    for name in ("test_accuracy", "train_accuracy", "average_accuracy"):
        assert ((found[name] >= 0) & (found[name] <= 1)).all()
    assert (found["sharpness"] >= found["laplacian"]).all()
    nominal = found["temperature_ratio"].values[:, None] / 12
    # Far from equilibrium still, but of the right size: 2 x 8 replicas of 9 momenta.
    ratio = found["kinetic"].values.reshape(3, -1).mean(axis=1, keepdims=True) / nominal
    assert ((ratio[1:] > 0.3) & (ratio[1:] < 3)).all()
