"""Standard errors: z-scores over many seeds have the variance that they claim."""

import warnings
from types import SimpleNamespace

import cases
import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.ensemble.recorders import Histogram, Statistics
from langevin_lab.ensemble.result import _histogram
from langevin_lab.ensemble.run import FEW_REPLICAS, MAX_BATCHES, Batches, Run

SEEDS = 200
WELL = cases.WELL


def test_jackknife_of_a_mean_is_the_standard_error_of_the_mean():
    groups = np.random.default_rng(0).normal(size=(1, 40))
    value, error = Statistics(groups, groups.mean(axis=1), 1.0).estimate(lambda mean: mean)
    assert value == pytest.approx(groups.mean(), rel=1e-12)
    assert error == pytest.approx(groups.std(ddof=1) / np.sqrt(40), rel=1e-12)


def test_jackknife_of_a_ratio_is_the_delta_method():
    rng = np.random.default_rng(1)
    a, b = 1.0 + 0.01 * rng.normal(size=(2, 4000))
    groups = np.stack([a, b])
    value, error = Statistics(groups, groups.mean(axis=1), 1.0).estimate(lambda a, b: a / b)
    assert value == pytest.approx(a.mean() / b.mean(), rel=1e-12)
    assert error == pytest.approx((a - b).std() / np.sqrt(4000), rel=2e-2)


def test_batches_join_in_pairs_and_lose_nothing():
    batches, total = Batches(), 0
    for _ in range(3 * MAX_BATCHES):
        current = np.full((2, 4), float(batches.length))  # one a step; the last column is padding
        total += batches.length
        batches.close(current, 3)
        assert (current == 0).all()
        assert len(batches.sums) < MAX_BATCHES
        np.testing.assert_array_equal(
            batches.sums, np.full((len(batches.sums), 2, 3), batches.length)
        )
    assert batches.length * len(batches.sums) == total
    assert batches.length == 16 * 2**5


def test_groups_of_few_replicas_are_their_stretches_of_time():
    path = np.random.default_rng(2).normal(size=(2900, 2))  # one number a step and replica
    batches, begin = Batches(), 0
    while begin + batches.length <= len(path):
        end = begin + batches.length
        batches.close(path[begin:end].sum(axis=0)[None], 2)
        begin = end
    run = SimpleNamespace(
        batches=batches, sums=path[begin:].sum(axis=0)[None], n_replicas=2, n_recorded=len(path),
        diverged=np.full(2, -1),
    )  # fmt: skip
    means, overall, length = Run.groups(run)
    # 90 stretches of 32 steps, joined by fives: at least 16 groups a replica.
    assert (len(batches.sums), length) == (90, 160)
    expected = path[: 18 * 160].reshape(18, 160, 2).mean(axis=1).T.ravel()
    np.testing.assert_allclose(means[0], expected, rtol=1e-12, atol=1e-14)
    assert overall[0] == pytest.approx(path.mean(), rel=1e-12)


def test_error_bar_of_a_histogram_is_the_scatter_of_its_groups():
    """Groups of one size: the ratio estimator is the standard error of their mean density."""
    counts = np.random.default_rng(3).multinomial(1000, [0.1, 0.2, 0.3, 0.25, 0.15, 0.0], size=32)
    found = _histogram(SimpleNamespace(counts=counts[None]), "h", Histogram("x", 3, 0.0, 1.5), 0)
    densities = counts[:, 1:4] / 1000 / 0.5
    np.testing.assert_allclose(found["h"][1], densities.mean(axis=0), rtol=1e-12)
    error = densities.std(axis=0, ddof=1) / np.sqrt(32)
    np.testing.assert_allclose(found["h_stderr"][1], error, rtol=1e-12)


def z_scores(n_replicas, n_steps, **changes):
    """z of <x> on the symmetric double well, exactly 0, for many seeds."""
    scores, groups = [], 0
    for seed in range(SEEDS):
        settings = {"n_steps": n_steps, "seed": seed, "burn_in": 0, "record_every": 1, **changes}
        start = np.random.default_rng(seed).choice([-1.0, 1.0], (n_replicas, 1))
        observe = {"m": "x", "x2": "x**2"}
        run = cases.simulate(
            "LeimkuhlerMatthews", n_replicas, start=start, observe=observe, **settings
        )
        # All replicas in one well for good: no scatter, and nothing from within could tell.
        scores.append(float(run["m"]) / max(float(run["m_stderr"]), 1e-3))
        groups = run["m"].attrs["n_groups"]
    print(f"n_replicas = {n_replicas}: variance of z {np.var(scores):.2f}, groups {groups}")
    return np.array(scores), groups


# The variance of 200 z-scores scatters by 0.1; Student's t of n - 1 has (n - 1)/(n - 3).
@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_replicas", "n_steps", "dt"),
    [(64, 40, 0.05), (8, 3000, 0.07), (20, 3000, 0.07), (5, 12000, 0.07)],
)
def test_z_scores_have_unit_variance(n_replicas, n_steps, dt):
    scores, groups = z_scores(n_replicas, n_steps, dt=dt)
    assert groups == n_replicas if n_replicas >= FEW_REPLICAS else 32 <= groups < 64
    assert abs(scores.mean()) < 5 / np.sqrt(SEEDS)
    student = (groups - 1) / (groups - 3)
    assert 0.7 < scores.var() / student < 1.5


def slow_scores(n_replicas):
    """z of <x> at T = 0.15, where hardly any replica changes the well within the run."""
    slow = ll.Overdamped(WELL, temperature=0.15)
    scores = []
    for seed in range(SEEDS):
        start = np.random.default_rng(seed).choice([-1.0, 1.0], (n_replicas, 1))
        run = ll.simulate(
            slow, "LeimkuhlerMatthews", dt=0.07, n_steps=600, seed=seed, n_replicas=n_replicas,
            start=start, observe={"m": "x"},
        )  # fmt: skip
        scores.append(float(run["m"]) / float(run["m_stderr"]))
    return np.array(scores)


@pytest.mark.slow
@pytest.mark.parametrize("n_replicas", [8, 16])
def test_error_bars_cover_the_truth_where_replicas_hardly_mix(n_replicas):
    from scipy import stats

    scores = slow_scores(n_replicas)
    covered = np.abs(scores) < stats.t.ppf(0.975, n_replicas - 1)
    assert 0.87 < covered.mean() < 0.995
    # With all replicas in one well (1 run in 128 of 8) there is no variance to speak of.
    inside = scores[np.abs(scores) < 10]
    assert inside.size >= 0.96 * SEEDS
    assert 0.7 < inside.var() * (n_replicas - 3) / (n_replicas - 1) < 1.4


@pytest.mark.slow
def test_stretches_of_time_would_not_cover_it(monkeypatch):
    monkeypatch.setattr("langevin_lab.ensemble.run.FEW_REPLICAS", 32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        scores = slow_scores(8)
    scores = scores[np.abs(scores) < 10]
    print(f"covered {(np.abs(scores) < 2.4).mean():.2f}, variance {scores.var():.2f}")
    assert scores.var() * 5 / 7 > 2


@pytest.mark.slow
def test_two_replicas_that_hardly_mix_warn():
    slow = ll.Overdamped(WELL, temperature=0.15)
    with pytest.warns(RuntimeWarning, match=r"n_replicas=2: .* correlate by \d\.\d\d, so the bars"):
        ll.simulate(
            slow, "LeimkuhlerMatthews", dt=0.07, n_steps=600, seed=1, n_replicas=2,
            start=[[-1.0], [1.0]], observe={"m": "x"},
        )  # fmt: skip


@pytest.mark.slow
def test_a_long_run_of_few_replicas_hardly_ever_warns():
    fast = ll.Overdamped(ll.potentials.harmonic(), temperature=1.0)
    for seed in range(20):  # warnings are errors
        ll.simulate(
            fast, "LeimkuhlerMatthews", dt=0.2, n_steps=20_000, seed=seed, n_replicas=2,
            start=0.0, observe={"m": "x"},
        )  # fmt: skip


@pytest.mark.slow
def test_too_short_a_run_of_few_replicas_warns():
    message = (
        r"n_replicas=1: error bars come from stretches of 0\.\d+ time units, and neighbouring ones "
        r"correlate by 0\.\d\d, .* raise n_steps tenfold or use n_replicas >= 8"
    )
    with pytest.warns(RuntimeWarning, match=message):
        cases.simulate(
            "LeimkuhlerMatthews", 1, n_steps=1000, dt=0.01, burn_in=0, record_every=1,
            observe={"m": "x", "x2": "x**2"},
        )  # fmt: skip


@pytest.mark.slow
def test_that_warning_is_earned():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        scores, _ = z_scores(1, 1000, dt=0.01)
    assert scores.var() > 4
