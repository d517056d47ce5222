"""Trials cover their ranges; paired differences against scipy and hand-made tables; refusals."""

import numpy as np
import pytest
from scipy import stats

from langevin_lab.training import crossed_mean, latin_hypercube_trials, paired_differences

RANGES = {"learning_rate": (1e-3, 10.0), "memory": (2.0, 50.0)}


@pytest.mark.parametrize("n_trials", [1, 2, 7])
def test_each_part_of_each_range_is_tried_once(n_trials):
    trials = latin_hypercube_trials(RANGES, n_trials, seed=3)
    for name, (low, high) in RANGES.items():
        values = np.sort([trial[name] for trial in trials])
        edges = np.geomspace(low, high, n_trials + 1)
        assert ((values >= edges[:-1]) & (values <= edges[1:])).all()


def test_trials_are_those_of_their_seed():
    assert latin_hypercube_trials(RANGES, 5, seed=1) == latin_hypercube_trials(RANGES, 5, seed=1)
    assert latin_hypercube_trials(RANGES, 5, seed=1) != latin_hypercube_trials(RANGES, 5, seed=2)


def places(n_designs):
    """Where two trials lie in the logarithmic ranges of two numbers: (design, trial, number)."""
    designs = [latin_hypercube_trials(RANGES, 2, seed=seed) for seed in range(n_designs)]
    logs = np.log([[tuple(trial.values()) for trial in design] for design in designs])
    low, high = np.log(list(RANGES.values())).T
    return (logs - low) / (high - low)


def test_places_are_uniform_in_their_parts_and_numbers_meet_at_random():
    found = places(3000)
    # The mean of one place in each half has the variance 2 (1/4)/12/4 = 1/96.
    mean = found[..., 0].mean()
    error = np.sqrt(1 / 96 / len(found))
    assert abs(mean - 0.5) < 5 * error, f"{mean} +- {error}, expected 0.5"
    assert abs(0.97 * mean - 0.5) > 5 * error  # the control
    single = found[:, 0, :]
    assert stats.kstest(single[:, 0], "uniform").pvalue > 1e-5
    assert abs(np.corrcoef(single.T)[0, 1]) * np.sqrt(len(found)) < 5


def test_differences_are_those_of_the_paired_t_test():
    rng = np.random.default_rng(5)
    values = {name: rng.normal(size=8) + shift for name, shift in
              (("a", 0.0), ("b", 0.3), ("c", 2.0), ("d", -1.0))}  # fmt: skip
    found = paired_differences(values, "a", level=0.9)
    raw = {name: stats.ttest_rel(values[name], values["a"]) for name in "bcd"}
    for name, test in raw.items():
        low, high = test.confidence_interval(1 - 0.1 / 3)  # all three hold at 90 %
        assert found[name].low == pytest.approx(low, rel=1e-10)
        assert found[name].high == pytest.approx(high, rel=1e-10)
        assert found[name].difference.value == pytest.approx(np.mean(values[name] - values["a"]))
    ordered = sorted(raw, key=lambda name: raw[name].pvalue)
    running = 0.0
    for k, name in enumerate(ordered):
        running = max(running, (3 - k) * raw[name].pvalue)
        assert found[name].p_value == pytest.approx(min(running, 1.0), rel=1e-9)


def test_adjusted_p_values_are_the_textbook_ones():
    from langevin_lab.training.tuning import _holm

    # Of 0.01, 0.04, 0.03, 0.005: 4 x 0.005, 3 x 0.01, 2 x 0.03, and 0.04 is held up at 0.06.
    np.testing.assert_allclose(_holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    assert _holm([0.9, 0.8]) == [1.0, 1.0]


def crossed(rng, n_seeds=6, n_examples=30, inner=0.5):
    """Values whose seeds and examples have effects of unit variance."""
    effects = rng.normal(size=(n_seeds, 1)), rng.normal(size=(1, n_examples))
    return effects[0] + effects[1] + inner * rng.normal(size=(n_seeds, n_examples))


def test_error_of_a_crossed_mean_is_that_of_drawing_both():
    """Variance 1/6 + 1/30 + 0.25/180; the squared stderr has its last part twice."""
    rng = np.random.default_rng(8)
    found = [crossed_mean(crossed(rng)) for _ in range(4000)]
    variance, once = 1 / 6 + 1 / 30 + 0.25 / 180, 0.25 / 180
    for name, values, expected in (
        ("deviation", [item.value**2 for item in found], variance),
        ("stderr", [item.stderr**2 for item in found], variance + once),
    ):
        mean, error = np.mean(values), np.std(values) / np.sqrt(len(values))
        z = (mean - expected) / error
        assert abs(z) < 5, f"{name}: {mean} +- {error}, expected {expected}, z = {z}"
    # The control: seeds alone miss the 17 % that examples add.
    seeds_alone = np.array([item.stderr**2 for item in found]) - 1 / 30
    assert (seeds_alone.mean() - variance) / (seeds_alone.std() / np.sqrt(4000)) < -5


def test_pairs_of_seeds_and_examples_are_crossed_means_of_differences():
    rng = np.random.default_rng(9)
    first, second = crossed(rng), crossed(rng)
    found = paired_differences({"a": first, "b": second}, "a")["b"].difference
    assert found == crossed_mean(second - first)
    rows, columns = (second - first).mean(axis=1), (second - first).mean(axis=0)
    by_hand = rows.var(ddof=1) / 6 + columns.var(ddof=1) / 30
    assert found.stderr == pytest.approx(np.sqrt(by_hand), rel=1e-12)
    assert found.value == pytest.approx(rows.mean(), rel=1e-12)


def test_methods_without_a_difference_are_rarely_told_apart():
    """At most 5 % of families are wrong; without Holm's factors, the control, more are."""
    rng = np.random.default_rng(11)
    families, raw, n = 0, 0, 600
    for _ in range(n):
        values = dict(zip("abcdef", rng.normal(size=(6, 10))))
        found = paired_differences(values, "a")
        families += min(item.p_value for item in found.values()) < 0.05
        raw += min(stats.ttest_rel(values[x], values["a"]).pvalue for x in "bcdef") < 0.05
    error = np.sqrt(0.05 * 0.95 / n)
    assert families / n < 0.05 + 4 * error
    assert raw / n > 0.05 + 4 * error


def test_the_same_numbers_differ_by_nothing():
    same = paired_differences({"a": [1.0, 2.0], "b": [1.0, 2.0], "c": [2.0, 3.0]}, "a")
    assert (same["b"].p_value, same["b"].difference.value) == (1.0, 0.0)
    assert (same["c"].p_value, same["c"].low, same["c"].high) == (0.0, 1.0, 1.0)


@pytest.mark.parametrize("limits", [(0.0, 1.0), (2.0, 1.0), (1.0, 1.0), (1.0, np.inf)])
def test_ranges_have_to_be_positive_and_ordered(limits):
    with pytest.raises(ValueError, match=r"range of rate=\(.*must be 0 < low < high"):
        latin_hypercube_trials({"rate": limits}, 3, seed=0)


def test_trials_and_seeds_are_whole_numbers():
    with pytest.raises(ValueError, match="n_trials"):
        latin_hypercube_trials(RANGES, 0, seed=0)
    with pytest.raises(ValueError, match="seed"):
        latin_hypercube_trials(RANGES, 3, seed=-1)


def test_means_are_over_seeds_and_examples_only():
    with pytest.raises(ValueError, match=r"values have shape \(2, 2, 2\), but must have"):
        crossed_mean(np.zeros((2, 2, 2)))


def test_comparisons_need_the_reference_and_the_same_seeds():
    with pytest.raises(ValueError, match="reference='z' and another"):
        paired_differences({"a": [1.0, 2.0], "b": [1.0, 2.0]}, "z")
    with pytest.raises(ValueError, match="reference='a' and another"):
        paired_differences({"a": [1.0, 2.0]}, "a")
    with pytest.raises(ValueError, match=r"b has shape \(3,\), a has \(2,\)"):
        paired_differences({"a": [1.0, 2.0], "b": [1.0, 2.0, 3.0]}, "a")
    with pytest.raises(ValueError, match="level=1"):
        paired_differences({"a": [1.0, 2.0], "b": [1.0, 2.0]}, "a", level=1)
