"""Runs of methods that accept or reject: what can be observed, bounded, continued."""

import numpy as np
import pytest
from z_test import assert_agrees, assert_refutes

import langevin_lab as ll

WELL = ll.potentials.double_well()
HOT = ll.Langevin(WELL, temperature=0.5, friction=1.0)
OBSERVE = {"x2": "x**2", "rate": "accepted", "height": "energy"}
pytestmark = pytest.mark.slow


def height(x):
    return WELL.energy(np.asarray(x)[..., None])


def run(n_steps=1200, **changes):
    settings = {"dt": 0.6, "n_replicas": 256, "seed": 5, "observe": OBSERVE, "burn_in": 200}
    return ll.simulate(HOT, "GHMC", n_steps=n_steps, progress=False, **{**settings, **changes})


def test_averages_are_those_of_the_gibbs_law_at_a_large_step():
    sampled = run(n_steps=6000)
    for name, function in {"x2": lambda x: x**2, "height": height}.items():
        exact = ll.exact.gibbs_average(HOT, function).value
        assert_agrees(sampled[name], sampled[f"{name}_stderr"], exact, 256, name)
        assert_refutes(sampled[name], sampled[f"{name}_stderr"], 1.05 * exact, 256, name)
    assert 0.5 < float(sampled["rate"]) < 0.95
    assert set(np.unique(sampled["accepted_final"])) == {0.0, 1.0}


def test_continued_run_is_the_uninterrupted_one_with_its_saved_acceptances():
    whole = run(save_every=50)
    first = run(n_steps=500, save_every=50)
    rest = run(n_steps=700, save_every=50, continue_from=first)
    assert whole["accepted"].dims == ("time", "replica")
    for name in ("x2", "rate", "accepted", "accepted_final", "x_final", "p_final", "x"):
        np.testing.assert_array_equal(rest[name], whole[name])


def test_bound_is_for_positions_and_momenta_alone():
    """An acceptance of 1 lies outside no bound."""
    quiet = ll.Langevin(ll.potentials.harmonic(), temperature=1e-4, friction=1.0)
    settings = {"dt": 0.1, "n_steps": 100, "n_replicas": 4, "seed": 5, "start": np.zeros(1)}
    bounded = ll.simulate(quiet, "GHMC", divergence_bound=0.5, progress=False, **settings)
    assert (bounded["diverged_step"] == -1).all()
    assert (bounded["accepted_final"] == 1).all()


def test_observable_named_as_what_is_saved_is_refused():
    with pytest.raises(ValueError, match=r"observe uses \['accepted'\], which the result needs"):
        run(observe={"accepted": "accepted"}, save_every=50)


def test_thermostat_start_is_refused():
    with pytest.raises(ValueError, match=r"start_thermostat=0\.5, but Langevin has no thermostat"):
        run(start_thermostat=0.5)


@pytest.mark.parametrize("potential", [ll.potentials.entropic_barrier, ll.potentials.phi4_chain])
def test_observed_energy_is_that_of_the_saved_positions(potential):
    """The step carries its energy, and an observable reads that one; in both forms of kernel."""
    landscape = potential()
    hot = ll.Overdamped(landscape, temperature=0.3)
    path = ll.simulate(
        hot, "MALA", dt=0.05, n_steps=64, n_replicas=16, seed=2, observe={"height": "energy"},
        save_every=1, start=np.full(landscape.dim, 0.3), progress=False,
    )  # fmt: skip
    expected = landscape.energy(path["x"].values).mean()
    assert float(path["height"]) == pytest.approx(expected, rel=1e-12)
    assert 0.05 < float(path["accepted"].mean()) < 0.999


def test_first_passage_times_of_mala_are_those_of_the_equation():
    cold = ll.Overdamped(WELL, temperature=0.4)
    exact = ll.exact.mean_first_passage_time(cold, -1.0, 1.0).value
    mean = ll.escape.first_passage(
        cold, "MALA", target="x > 1", start=-1.0, dt=0.002, n_replicas=4000, seed=3, progress=False
    ).mean
    assert_agrees(mean.value, mean.stderr, exact, 4000)
    assert_refutes(mean.value, mean.stderr, 1.1 * exact, 4000)
