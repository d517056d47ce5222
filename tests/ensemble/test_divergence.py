"""A replica that blows up is frozen, counted and named; it does not touch its neighbours."""

import warnings

import cases
import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.ensemble import DivergenceError

pytestmark = pytest.mark.slow

N = 300
LOST = 5
FAR = {"BAOAB": 40.0, "LeimkuhlerMatthews": 10.0, "BBK": 40.0, "ABOBA": 100.0}
each_case = pytest.mark.parametrize("name", FAR)
each_size = pytest.mark.parametrize("n_replicas", [9, N])


def starts(name, n_replicas, lost=(LOST,)):
    """Most replicas where they belong, some far out on the quartic wall."""
    dynamics, _ = cases.CASES[name]
    start = cases.start_for(dynamics, n_replicas)
    start[list(lost), 0] = FAR[name]
    return start


def diverging(name, n_replicas=N, lost=(LOST,), **changes):
    settings = {"start": starts(name, n_replicas, lost), "burn_in": 0, "record_every": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return cases.simulate(name, n_replicas, **{**settings, **changes})


def per_replica(run):
    names = [name for name in run.data_vars if "replica" in run[name].dims]
    return {name: run[name] for name in names}


@each_case
@each_size
def test_others_are_bit_identical_to_a_run_without_it(name, n_replicas):
    run = diverging(name, n_replicas, save_every=10)
    clean = diverging(name, n_replicas, lost=(), save_every=10)
    others = np.delete(np.arange(n_replicas), LOST)
    assert int((clean["diverged_step"] >= 0).sum()) == 0
    assert set(per_replica(run)) == set(per_replica(clean))
    for variable, values in per_replica(run).items():
        expected = clean[variable].isel(replica=others)
        np.testing.assert_array_equal(values.isel(replica=others), expected)


@each_case
def test_step_is_the_first_at_which_the_state_is_outside(name):
    run = diverging(name)
    step = int(run["diverged_step"][LOST])
    assert 1 < step < 64
    assert list(np.flatnonzero(run["diverged_step"] >= 0)) == [LOST]
    # Bounds that no state reaches: the path that the frozen replica would have taken.
    free = diverging(name, n_steps=step, divergence_bound=1e300)
    just_before = diverging(name, n_steps=step - 1, divergence_bound=1e300)
    before = diverging(name, n_steps=step - 1)
    last = max(np.abs(free[f"{key}_final"][LOST]).max() for key in "xp" if f"{key}_final" in free)
    assert last >= 1e10
    for key in {"x", "p"} & {name[0] for name in run.data_vars if name.endswith("_final")}:
        assert np.abs(just_before[f"{key}_final"][LOST]).max() < 1e10
        np.testing.assert_array_equal(run[f"{key}_final"][LOST], before[f"{key}_final"][LOST])


@each_case
@each_size
def test_chunks_threads_and_continuation_change_no_bit(name, n_replicas):
    whole = diverging(name, n_replicas, save_every=7)
    hashes = {cases.sha256(whole)}
    for n_threads, chunk_size in ((1, 1), (2, 7), (1, None)):
        run = diverging(name, n_replicas, n_threads=n_threads, chunk_size=chunk_size, save_every=7)
        hashes.add(cases.sha256(run))
    run = diverging(name, n_replicas, n_steps=70, save_every=7)
    rest = diverging(name, n_replicas, n_steps=61, save_every=7, continue_from=run, start=None)
    assert len(hashes | {cases.sha256(rest)}) == 1


@each_case
def test_averages_leave_it_out(name):
    run = diverging(name)
    others = np.delete(np.arange(N), LOST)
    observable = next(iter(cases.CASES[name][1]))
    expected = run["moment_sum"][0, others].values / 131
    assert float(run[observable]) == pytest.approx(expected.mean(), rel=1e-12)
    assert float(run[f"{observable}_stderr"]) == pytest.approx(
        expected.std(ddof=1) / np.sqrt(N - 1), rel=1e-10
    )


@each_case
def test_saved_path_stays_at_the_last_state_inside(name):
    run = diverging(name, save_every=1)
    step = int(run["diverged_step"][LOST])
    path = run["x"].isel(replica=LOST).values
    assert np.isfinite(run["x"]).all()
    assert np.abs(path).max() < 1e10
    expected = np.broadcast_to(path[step - 2], path[step - 1 :].shape)
    np.testing.assert_array_equal(path[step - 1 :], expected)


@pytest.mark.parametrize("name", ["BAOAB", "ABOBA"])
def test_histogram_counts_it_up_to_its_divergence_only(name):
    run = diverging(name)
    step = int(run["diverged_step"][LOST])
    counts = run["histogram_count"].isel(histogram=0)
    assert int(counts.sum()) == 131 * (N - 1) + step - 1
    late = diverging(name, burn_in=64)
    clean = diverging(name, burn_in=64, lost=())
    missing = (clean["histogram_count"] - late["histogram_count"]).isel(histogram=0)
    assert int(missing.sum()) == 131 - 64
    assert int(missing.sel(group=LOST).sum()) == 131 - 64


@pytest.mark.parametrize(
    ("name", "bound"), [("BAOAB", 1.8), ("LeimkuhlerMatthews", 1.4), ("ABOBA", 1.8)]
)
def test_replica_that_would_come_back_is_caught_at_any_chunk(name, bound):
    path = diverging(name, lost=(), save_every=1)
    state = np.concatenate([np.abs(path[key].values) for key in "xp" if key in path], axis=2)
    outside = (state >= bound).any(axis=2)
    expected = np.where(outside.any(axis=0), outside.argmax(axis=0) + 1, -1)
    returned = outside.any(axis=0) & ~outside[-1]
    assert returned.sum() > 3
    for chunk_size in (1, 7, None):
        run = diverging(name, lost=(), divergence_bound=bound, chunk_size=chunk_size)
        np.testing.assert_array_equal(run["diverged_step"], expected)


def test_warning_counts_and_names_the_first():
    message = r"2 of 300 replicas diverged, the first of them replica 105 at step \d+; they are fr"
    start = starts("BAOAB", N, lost=(5, 250))
    with pytest.warns(RuntimeWarning, match=message):
        cases.simulate("BAOAB", start=start, first_replica=100)


@pytest.mark.parametrize("n_replicas", [3, 40])
def test_nothing_left_is_an_error_with_its_numbers(n_replicas):
    start = np.full((n_replicas, 1), 40.0)
    with pytest.raises(
        DivergenceError, match=f"{n_replicas} of {n_replicas} replicas diverged, th"
    ):
        cases.simulate("BAOAB", n_replicas, start=start)
    with pytest.raises(DivergenceError, match="use a smaller dt or another start") as caught:
        cases.simulate("BAOAB", n_replicas, start=start, first_replica=10)
    error = caught.value
    assert (error.n_diverged, error.n_replicas) == (n_replicas, n_replicas)
    assert 10 <= error.first_replica < 10 + n_replicas
    assert 0 < error.first_step < 64


def test_one_replica_left_has_no_error_bar_from_replicas():
    start = np.full((40, 1), 40.0)
    start[3] = 1.0
    with pytest.raises(DivergenceError, match="39 of 40 replicas diverged"):
        cases.simulate("BAOAB", 40, start=start)


def test_error_carries_what_is_there():
    start = np.full((40, 1), 40.0)
    start[3] = 1.0
    with pytest.raises(DivergenceError) as caught:
        cases.simulate("BAOAB", 40, start=start, save_every=10)
    kept = caught.value.dataset
    assert kept["diverged_step"][3] == -1
    assert int((kept["diverged_step"] > 0).sum()) == 39
    assert np.isfinite(kept["x_final"][3]).all()
    assert kept["x"].shape == (13, 40, 1)
    assert kept.attrs["n_steps"] == 131
    assert "x2" not in kept


def test_histogram_without_groups_does_not_take_the_means_with_it():
    """Replicas 0 and 32 are of one group of a histogram, but two of a mean."""
    start = np.full((40, 1), 40.0)
    start[[0, 32]] = 1.0
    message = r"38 of 40 .* too few are left for \['density', 'momentum'\], the rest is in this"
    with pytest.raises(DivergenceError, match=message) as caught:
        cases.simulate("BAOAB", 40, start=start)
    kept = caught.value.dataset
    expected = kept["moment_sum"][0, [0, 32]].values.mean() / 40
    assert float(kept["x2"]) == pytest.approx(expected, rel=1e-12)
    assert float(kept["x2_stderr"]) > 0
    assert "density" not in kept
    assert kept["histogram_count"].sum() > 0


def test_without_observables_a_lost_ensemble_is_a_warning():
    with pytest.warns(RuntimeWarning, match="3 of 3 replicas diverged"):
        run = ll.simulate(
            cases.CASES["BAOAB"][0], "BAOAB", dt=0.05, n_steps=20, seed=1, n_replicas=3, start=40.0
        )
    assert (run["diverged_step"] > 0).all()
