"""What a card gives is what the CPU gives, to the bit: averages, counts, paths, divergence."""

import card_runs
import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.cuda import device
from langevin_lab.cuda.writer import LONGEST
from langevin_lab.ensemble import Histogram, Variance
from langevin_lab.ensemble.layout import N_GROUPS

WELL = ll.potentials.double_well()
EQUATION = ll.Langevin(WELL, temperature=0.5, friction=1.0)
SHARED = {
    "dt": 0.05,
    "n_steps": 23,
    "observe": {
        "x2": "x**2",
        "e": "energy",
        "curvature": "laplacian",
        "spread": Variance("x*p"),
        "density": Histogram("x", 12, -2.0, 2.0),
        "momentum": Histogram("p", 5, -1.0, 1.0),
    },
    "burn_in": 3,
    "record_every": 2,
    "save_every": 4,
    "n_replicas": 37,  # two blocks and a rest of simulated threads; no multiple of the groups
}


@pytest.fixture(scope="module")
def on_cpu():
    return ll.simulate(EQUATION, "BAOAB", seed=11, progress=False, **SHARED)


def on_card(**changes):
    settings = {"seed": 11, "backend": "cuda", "progress": False} | SHARED | changes
    return ll.simulate(EQUATION, "BAOAB", **settings)


@pytest.mark.parametrize("chunk_size", [None, 1, 7])
def test_a_run_has_the_bits_of_the_cpu(on_cpu, chunk_size):
    card_runs.assert_same(on_cpu, on_card(chunk_size=chunk_size))


def test_another_seed_is_another_run(on_cpu):
    with pytest.raises(AssertionError):
        card_runs.assert_same(on_cpu, on_card(seed=12), rtol=1e-3)


def test_a_range_of_replicas_is_that_of_the_whole(on_cpu):
    part = on_card(first_replica=9, n_replicas=11)
    for name in ("x_final", "p_final", "x", "p"):
        expected = on_cpu[name].isel(replica=slice(9, 20))
        np.testing.assert_array_equal(part[name], expected)


@pytest.mark.parametrize(("first", "second"), [("cpu", "cuda"), ("cuda", "cpu"), ("cuda", "cuda")])
def test_a_run_continues_on_the_other_side(on_cpu, first, second):
    begun = on_card(n_steps=9, backend=first)
    ended = on_card(n_steps=14, backend=second, continue_from=begun)
    card_runs.assert_same(on_cpu, ended)


def test_few_replicas_are_averaged_over_the_same_stretches_of_time():
    settings = {"dt": 0.05, "n_steps": 70, "observe": {"x2": "x**2"}, "n_replicas": 2}
    expected, found = card_runs.both(EQUATION, "BAOAB", **settings)
    card_runs.assert_same(expected, found)


def test_bins_that_do_not_fit_into_a_block_are_counted_on_the_card():
    settings = {"dt": 0.05, "n_steps": 8, "n_replicas": 20}
    observe = {"density": Histogram("x", 700, -2.0, 2.0), "momentum": Histogram("p", 3, -9.0, 9.0)}
    expected, found = card_runs.both(EQUATION, "BAOAB", observe=observe, **settings)
    card_runs.assert_same(expected, found)
    assert int(found["histogram_count"].sum()) == 2 * 20 * 8


def test_the_longest_launch_cannot_overflow_a_bin_of_a_block():
    """All replicas of a group that a block has, in one bin at every step, counted in 32 bits."""
    assert LONGEST * (device.THREADS // N_GROUPS) <= 2**32


def test_not_a_number_has_a_bin_of_its_own():
    settings = {"dt": 0.05, "n_steps": 4, "n_replicas": 9}
    observe = {"root": Histogram("sqrt(x)", 3, 0.0, 1.1)}
    start = np.linspace(-1.0, 1.0, 9)[:, None]
    expected, found = card_runs.both(EQUATION, "BAOAB", observe=observe, start=start, **settings)
    card_runs.assert_same(expected, found)


@pytest.mark.parametrize("bound", [1e10, 41.0])
@pytest.mark.parametrize("chunk_size", [None, 2])
def test_a_replica_that_blows_up_is_frozen_at_the_same_step(bound, chunk_size):
    start = np.linspace(-1.0, 1.0, 12)[:, None]
    start[[2, 7], 0] = 2.9, 40.0
    settings = {
        "dt": 0.2, "n_steps": 19, "n_replicas": 12, "start": start, "save_every": 2,
        "observe": {"x2": "x**2", "density": Histogram("x", 6, -2.0, 2.0)},
        "divergence_bound": bound,
    }  # fmt: skip
    expected, found = card_runs.both(EQUATION, "BAOAB", card={"chunk_size": chunk_size}, **settings)
    card_runs.assert_same(expected, found)
    assert (found["diverged_step"] >= 0).sum() >= 1
    assert (found["diverged_step"] < 0).sum() >= 8


def test_a_memory_that_is_not_finite_freezes_the_replica():
    cliff = ll.Potential.from_expression("exp(x**4)", variables=("x",))
    start = np.array([[0.3], [-0.2], [4.6], [0.1], [0.5], [0.2], [0.4], [-0.4]])
    settings = {"n_steps": 6, "n_replicas": 8, "start": start, "observe": {"mean": "x"}}
    settings["divergence_bound"] = 1e300  # far above the state, below the gradient's square
    expected, found = card_runs.both(cliff, ll.momentum.Adam(learning_rate=0.01), **settings)
    card_runs.assert_same(expected, found)
    assert list(np.flatnonzero(found["diverged_step"] >= 0)) == [2]


def test_the_dataset_names_the_card(on_cpu):
    attributes = on_card().attrs
    assert attributes["backend"] == "cuda"
    assert "numba" in attributes["compiler"]
    assert attributes["device"] != on_cpu.attrs["device"]
