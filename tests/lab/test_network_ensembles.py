"""Network ensembles: the law of independent errors, what claims take, a small run."""

import dataclasses
import functools
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray
from shipped import experiment

from langevin_lab.lab.discovery import load_module

FIGURE = Path(__file__).parents[2] / "figures" / "network_ensembles.py"
module = experiment("network_ensembles")
CONFIG = dataclasses.replace(
    module.Config(), n_replicas=12, epochs=20, n_looks=4, hidden=4, n_train=50, n_test=160,
    batch_size=10, compared_steps=5, n_compared=2,
)  # fmt: skip


@functools.cache
def dataset():
    return module.run(CONFIG)


@pytest.mark.slow
def test_small_networks_give_claims_and_a_figure():
    found = module.claims(dataset())
    assert sum(claim.statement.startswith("control") for claim in found) >= 3
    assert dataset()["accuracy"].shape == (5, 12)
    assert dataset().attrs["backend"] == "cpu"
    figure = load_module(FIGURE, "figures").draw(dataset())
    assert len(figure.axes) == 3
    plt.close(figure)


@pytest.mark.slow
def test_both_programs_train_the_same_networks():
    pytest.importorskip("torch")
    same, other = dataset()["difference"].values
    assert same < 1e-12
    assert other > 1e-3


def outcomes(n_networks, n_points, *, spread, seed=1):
    """Right or wrong: points of different difficulty, networks that differ by ``spread``."""
    rng = np.random.default_rng(seed)
    difficulty = rng.uniform(0.6, 0.9, n_points)
    ability = spread * rng.choice([-1, 1], (n_networks, 1))
    return rng.random((n_networks, n_points)) < difficulty + ability


def scattered(right):
    return xarray.Dataset(module._scatter("", right))


def test_independent_errors_scatter_by_poissons_law_and_no_test_set_confirms_them():
    right = scattered(outcomes(4_000, 400, spread=0.0))
    ratio, share = module.variance_ratio(right), module.confirmed_share(right)
    assert abs(ratio.value - 1) < 4 * ratio.stderr
    assert abs(share.value) < 4 * share.stderr
    assert ratio.stderr < 0.03
    # The law of equally hard points is wider, and would be refuted.
    p = float(right["on_half"].mean())
    wider = ratio.value * float(right["independent"]) / (p * (1 - p) / 400)
    assert abs(wider - 1) > 0.03


def test_networks_that_differ_scatter_by_their_variance_and_any_test_set_confirms_it():
    spread = 0.05
    right = scattered(outcomes(4_000, 400, spread=spread))
    ratio, share = module.variance_ratio(right), module.confirmed_share(right)
    # Outcomes of all networks together have the mean share of either kind.
    own = float(right["independent"])
    expected = spread**2 / (own - spread**2 / 400 + spread**2)
    assert abs(share.value - expected) < 4 * share.stderr
    assert ratio.value == pytest.approx(1 + spread**2 * (1 - 1 / 400) / own, rel=0.05)


def test_outcomes_dealt_anew_keep_every_point_and_lose_the_networks():
    right = outcomes(300, 400, spread=0.1)
    dealt = np.random.default_rng(2).permuted(right, axis=0)
    np.testing.assert_array_equal(dealt.sum(axis=0), right.sum(axis=0))
    before, after = (module.variance_ratio(scattered(some)) for some in (right, dealt))
    assert before.value > 10
    assert abs(after.value - 1) < 4 * after.stderr


def test_averages_of_all_networks_are_the_average():
    rng = np.random.default_rng(3)
    labels = rng.random(800) < 0.5
    chances = np.clip(labels + rng.normal(0, 0.6, (9, 800)), 0, 1)
    data = xarray.Dataset(module._averages(rng, chances, labels))
    assert data["size"].values.tolist() == [1, 2, 4, 8, 9]
    whole = module.grouped((chances.mean(axis=0) > 0.5) == labels)
    np.testing.assert_allclose(data["average"].isel(size=-1), whole)
    single = ((chances > 0.5) == labels).mean()
    assert float(data["average"].isel(size=0).mean()) == pytest.approx(single, abs=0.03)
    assert whole.mean() > single + 0.05


def test_quantiles_have_the_errors_of_their_order_statistics():
    accuracy = np.random.default_rng(4).normal(0.8, 0.02, 2_000)
    value, error = module._quantiles(np.random.default_rng(5), accuracy).T
    assert value[2] == pytest.approx(np.median(accuracy))
    # Median of normals: sqrt(pi/2) standard errors of the mean.
    assert error[2] == pytest.approx(np.sqrt(np.pi / 2) * 0.02 / np.sqrt(2_000), rel=0.25)


def test_presets_fit_their_machines():
    presets = module.EXPERIMENT.presets
    assert module.cost(presets["quick"]) < 90
    assert presets["paper"].n_replicas == 10_000
    assert presets["paper"].backend == "torch:cuda"
    for config in presets.values():
        assert config.n_test % (2 * module.N_GROUPS) == 0
        assert config.n_steps % config.n_looks == 0
