"""The spirals: recipes as published, the thermostats' balance, leads and tables by hand."""

import dataclasses
import functools
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray
from shipped import experiment

import langevin_lab as ll
from langevin_lab.lab.discovery import load_module

FIGURE = Path(__file__).parents[2] / "figures" / "adlala_spirals.py"
module = experiment("adlala_spirals")
CONFIG = dataclasses.replace(
    module.Config(), easier=(2.0,), n_pairs=3, n_seeds=2, n_easier=2, n_scanned=2, epochs=30,
    shown=(10, 20), hidden=4, n_train=50, n_test=40, batch_size=10, save_every=7, n_looks=10,
)  # fmt: skip


@functools.cache
def dataset():
    """Without the one method that neither claims nor figure name: a kernel less to compile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "METHODS", module.METHODS[:-1])
        return module.run(CONFIG)


@pytest.mark.slow
def test_small_networks_give_claims_and_a_figure():
    found = module.claims(dataset())
    # Nothing of the sheet's epochs was reached, so nothing of its table is claimed.
    assert [claim for claim in found if "epochs: test" in claim.statement] == []
    assert sum(claim.statement.startswith("control") for claim in found) == 3
    figure = load_module(FIGURE, "figures").draw(dataset())
    assert len(figure.axes) == 3 + 2 * 6
    plt.close(figure)


@pytest.mark.slow
def test_runs_are_counted_as_the_configuration_says():
    counts = np.isfinite(dataset()["test"].isel(epoch=-1)).sum("seed")
    assert counts.sel(scheme="AdLaLa", turns=4.0) == 3
    assert counts.sel(scheme="SGLD", turns=4.0) == 2
    assert counts.sel(scheme="LOL", turns=2.0) == 2
    assert counts.sel(scheme="SGLD", turns=2.0) == 0
    assert dataset().attrs["seconds_of_a_run"] > 0


@pytest.mark.slow
def test_a_run_does_not_depend_on_its_neighbours():
    alone = module._summary(CONFIG, module.Task("LOL", 2.0, 1))
    row = dataset()["test"].sel(scheme="LOL", turns=2.0).isel(seed=1)
    np.testing.assert_array_equal(row.values, alone["test"])


def spiral_network():
    return module.problem(CONFIG, 4.0, 0)[0]


def test_recipes_are_the_published_ones():
    network = spiral_network()
    dynamics, word, arguments = module.recipe("AdLaLa", network)
    weights, biases, rest = dynamics.blocks
    assert (word, arguments["dt"], arguments["start_thermostat"]) == ("AdLaLa", 0.25, (0.1, 0.1))
    assert weights.coordinates == tuple(range(8))
    assert biases.coordinates == tuple(range(8, 12))
    assert (rest.dynamics.temperature, rest.dynamics.friction) == (1e-4, 0.1)
    assert weights.dynamics.thermostat_mean == pytest.approx(0.5)  # sigma^2/(2 T)
    cold = module.recipe("AdLaLa cold", network)[0].blocks[0].dynamics
    assert (cold.temperature, cold.applied_noise) == (1e-6, 5e-4)
    adam = module.recipe("Adam", network)[1]
    assert (adam.learning_rate, adam.momentum, adam.square_decay) == (0.005, 0.9, 0.999)
    momentum = module.recipe("SGD momentum", network)[1]
    assert (momentum.learning_rate, momentum.momentum) == (0.05, 0.9)
    assert module.recipe("SGD", network)[1].learning_rate == 0.25
    half, double = (module.recipe(f"SGD momentum, rate x {by}", network)[1] for by in ("1/2", "2"))
    assert (half.learning_rate, half.momentum) == (0.025, 0.9)
    assert (double.learning_rate, double.momentum) == (0.1, 0.9)
    assert module.recipe("Adam, rate x 2", network)[1].learning_rate == 0.01


def test_a_seed_has_its_own_data_and_start():
    one, other = (module.problem(CONFIG, 4.0, seed) for seed in (0, 1))
    again = module.problem(CONFIG, 4.0, 0)
    assert not np.array_equal(one[1].inputs, other[1].inputs)
    assert not np.array_equal(one[3], other[3])
    np.testing.assert_array_equal(one[3], again[3])
    assert len(one[1].inputs) == 50
    assert len(one[2].inputs) == 40


def test_balance_of_a_point_by_hand():
    network = spiral_network()
    points = network.start(seed=5, n_replicas=3)
    p = np.random.default_rng(0).normal(size=points.shape)
    xi = np.array([[2.0, 2.5, 3.0], [1.0, 1.0, 1.0]])
    found = module.balance(CONFIG, network, points, p, xi)
    mean, variance = ll.training.gradient_moments(network, points)
    own = slice(8, 12)
    assert found[:, 1] == pytest.approx(
        [1.0, variance[:, own].mean(), (mean[:, own] ** 2).mean(), (p * mean)[:, own].mean(), 1e-4]
    )
    # The weights' thermostat has gained 1 in 2 x 7 steps of 0.25 with the gain 0.05.
    assert found[4, 0] == pytest.approx(1e-4 + 1.0 / (0.05 * 8 * 0.25 * 14))


def rows(**accuracies):
    """A dataset of final accuracies on four turns."""
    names = list(accuracies)
    values = np.full((len(names), 1, 4, 1), np.nan)
    for place, name in enumerate(names):
        values[place, 0, : len(accuracies[name]), 0] = accuracies[name]
    return xarray.Dataset(
        {"test": (("scheme", "turns", "seed", "epoch"), values)},
        coords={"scheme": names, "turns": [4.0], "epoch": [4000]}, attrs={"hardest": 4.0},
    )  # fmt: skip


def test_lead_is_of_pairs():
    data = rows(AdLaLa=[90.0, 80.0, 85.0, 99.0], Adam=[70.0, 62.0, 65.0])
    found = module.lead(data, "AdLaLa", "Adam", 4.0)
    assert found.value == pytest.approx((20 + 18 + 20) / 3)
    assert found.stderr == pytest.approx(np.std([20, 18, 20], ddof=1) / np.sqrt(3))


@pytest.mark.parametrize(("shift", "outcome"), [(0.0, "consistent"), (9.0, "refuted")])
def test_table_is_held_against_its_deviation(shift, outcome, monkeypatch):
    spread = np.array([-0.4, 0.3, 0.1, 0.0])
    monkeypatch.setattr(module, "PUBLISHED", {"LOL": module.PUBLISHED["LOL"]})
    (claim,) = module._table_claims(rows(LOL=88.3 + shift + spread))
    assert claim.verdict().outcome == outcome


def test_a_network_not_at_rest_settles_elsewhere():
    numbers = {"gradient_variance": 0.006, "squared_gradient": 0.004, "power": -0.001}
    right = ll.training.settled_thermostat(temperature=1e-4, dt=0.25, applied_noise=0.01, **numbers)
    data = xarray.Dataset(
        {name: (("followed", "block"), [[value]]) for name, value in
         (numbers | {"thermostat": right, "held_temperature": 1e-4}).items()},
        coords={"block": ["weights_1"]},
    )  # fmt: skip
    assert module.settled(data, "weights_1") == pytest.approx([1.0])
    assert module.settled(data, "weights_1", at_rest=True)[0] < 0.8


def test_cost_grows_with_the_pairs():
    more = dataclasses.replace(module.Config(), n_pairs=100)
    assert module.cost(more) > module.cost(module.Config())
