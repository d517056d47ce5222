"""Forward flux: trials against the exact committor, rates against exact ones and splitting."""

import math

import numpy as np
import pytest
from z_test import assert_agrees, assert_refutes

import langevin_lab as ll
from langevin_lab.escape import ForwardFlux, forward_flux, forward_flux_sampling, rare_event_rate
from langevin_lab.escape.rare_event_arguments import started_paths
from langevin_lab.exact import discrete_passage_rate, discrete_splitting_probability

WELL = ll.potentials.tilted_double_well(tilt=0.0)
LEVELS = [-0.85, -0.73, -0.63, -0.53, -0.43, -0.3, -0.1]


def cold(ratio, factor=1.0):
    return ll.Overdamped(WELL, temperature=factor / ratio)


def sample(dynamics=None, method="EulerMaruyama", **changes):
    settings = {
        "dt": 2e-3, "coordinate": "x", "start": -1.0, "source": "x < -0.95", "target": "x > 0.9",
        "levels": LEVELS, "n_trials": 100, "n_runs": 100, "seed": 5,
    }  # fmt: skip
    dynamics = cold(10) if dynamics is None else dynamics
    return forward_flux_sampling(dynamics, integrator=method, **{**settings, **changes})


def plan(n_trials):
    arguments = {
        "dynamics": cold(5), "integrator": "EulerMaruyama", "dt": 2e-3, "coordinate": "x",
        "source": "x < -0.95", "target": "x > 0.9", "seed": 3, "n_threads": 2,
        "divergence_bound": 1e10, "n_trials": n_trials, "backend": "cpu", "precision": "float64",
    }  # fmt: skip
    return forward_flux._plan_of(arguments, "x > -0.85")


@pytest.mark.slow
@pytest.mark.parametrize(("start", "level"), [(-0.85, -0.6), (-0.4, math.inf)])
def test_trials_arrive_with_the_probability_of_the_scheme(start, level, monkeypatch):
    """The records of a trial have to make room for new ones without losing the last."""
    monkeypatch.setattr("langevin_lab.escape.splitting.FIRST_ROOM", 4)
    n_runs, n_trials = 400, 200
    replicas = np.arange(n_runs * n_trials).astype(np.uint64)
    starts = {"start": np.full((replicas.size, 1), start)}
    starts |= {"start_momentum": "thermal", "start_thermostat": "thermal"}
    levels, states = started_paths(plan(n_trials), starts, replicas)
    arrived, reached, states, _ = forward_flux._trials(
        plan(n_trials), replicas[:n_runs], levels.reshape(n_runs, -1),
        states.reshape(n_runs, n_trials, -1), level,
    )  # fmt: skip
    shares = arrived.mean(axis=1)
    end = min(level, 0.9)
    arguments = ("EulerMaruyama", cold(5), start, -0.95, end, 2e-3)
    expected = discrete_splitting_probability(*arguments).value
    stderr = shares.std(ddof=1) / np.sqrt(n_runs)
    assert_agrees(shares.mean(), stderr, expected, n_runs, f"trials from {start}")
    assert_refutes(shares.mean(), stderr, 0.88 * expected, n_runs, "12 % off")
    assert (states[arrived][:, 0] > end).all()
    assert (states[~arrived][:, 0] <= end).all()
    if level < math.inf:  # the first state above: a step beyond at most
        np.testing.assert_array_equal(reached[arrived], states[arrived][:, 0])
        assert states[arrived][:, 0].max() < level + 6 * math.sqrt(2 * 0.2 * 2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("ratio", [5, 10])
def test_rate_is_that_of_the_scheme(ratio):
    found = sample(cold(ratio), n_trials=200, n_runs=200)
    expected = discrete_passage_rate("EulerMaruyama", cold(ratio), -1.0, 0.9, 2e-3).value
    assert_agrees(found.rate.value, found.rate.stderr, expected, 200, f"barrier {ratio} T")
    warm = discrete_passage_rate("EulerMaruyama", cold(ratio, 1.05), -1.0, 0.9, 2e-3).value
    assert_refutes(found.rate.value, found.rate.stderr, warm, 200, "5 % too warm")
    product = found.conditional_probabilities.prod()
    assert product == pytest.approx(found.probability.value, rel=0.15)


@pytest.mark.slow
def test_few_trials_are_unbiased_though_runs_die_out():
    found = sample(cold(5), n_trials=4, n_runs=6000, levels=[-0.85, -0.6, -0.3])
    assert np.isneginf(found.log_probabilities).mean() > 0.5
    expected = discrete_passage_rate("EulerMaruyama", cold(5), -1.0, 0.9, 2e-3).value
    assert_agrees(found.rate.value, found.rate.stderr, expected, 6000, "four trials")
    assert_refutes(found.rate.value, found.rate.stderr, 1.4 * expected, 6000, "40 % off")


@pytest.mark.slow
def test_langevin_rate_equals_that_of_splitting_on_other_noise():
    dynamics = ll.Langevin(WELL, temperature=0.15, friction=5.0)
    levels = [-0.85, -0.7, -0.6, -0.5, -0.4, -0.25, 0.0]
    found = sample(dynamics, "BAOAB", dt=0.05, levels=levels, n_trials=100, n_runs=150).rate
    split = rare_event_rate(
        dynamics, "BAOAB", dt=0.05, coordinate="x", start=-1.0, source="x < -0.95",
        surface="x > -0.85", target="x > 0.9", n_replicas=100, n_runs=150, seed=5,
    ).rate  # fmt: skip
    stderr = math.hypot(found.stderr, split.stderr)
    assert_agrees(found.value, stderr, split.value, 150, "BAOAB")
    assert_refutes(found.value, stderr, 1.5 * split.value, 150, "BAOAB")


@pytest.mark.slow
def test_bits_do_not_depend_on_threads_and_calls_join():
    whole = sample(n_runs=12, n_trials=20, n_threads=1)
    parts = [
        sample(n_runs=count, first_run=first, n_trials=20, n_threads=3)
        for first, count in ((0, 5), (5, 7))
    ]
    joined = parts[0].combined(parts[1])
    for name in ("successes", "crossing_times", "n_steps"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(whole, name))
    with pytest.raises(ValueError, match=r"levels=\[-0\.85, .* and \[-0\.85\] do not combine"):
        whole.combined(sample(n_runs=2, first_run=50, n_trials=20, levels=[-0.85]))
    with pytest.raises(ValueError, match="n_trials=20 and n_trials=30 do not combine"):
        whole.combined(sample(n_runs=2, first_run=50, n_trials=30))


def test_noise_of_a_level_is_its_own(plain_python, monkeypatch):
    """And that of the crossings as well: no two of them, of any runs, have a replica in common."""
    seen = []
    trials = forward_flux._trials

    def spied(plan, replicas, *others):
        seen.extend(replicas.tolist())
        return trials(plan, replicas, *others)

    monkeypatch.setattr(forward_flux, "_trials", spied)
    sample(cold(1), dt=0.02, levels=[-0.9, -0.7, -0.5], n_trials=6, n_runs=3, first_run=4)
    crossings = {forward_flux.TRIAL_REPLICA + run for run in (4, 5, 6)}
    assert len(seen) > 6
    assert len({*seen, *crossings}) == len(seen) + 3
    assert min(seen) > 2**62 + 2**61  # where splitting has none


def flux_of(successes, n_trials=10, first_run=0):
    successes = np.array(successes)
    runs = first_run + np.arange(3)
    times = np.array([1.0, 2.0, 3.0])
    return ForwardFlux(
        np.array([0.1, 0.2]), successes, n_trials, 20, times, np.zeros(3, int), 0.1, 1, runs
    )


def test_estimates_are_those_of_the_counts():
    found = flux_of([[5, 2], [4, 5], [0, 0]])
    np.testing.assert_allclose(np.exp(found.log_probabilities), [0.1, 0.2, 0.0])
    assert found.probability.value == pytest.approx(0.1)
    assert found.probability.stderr == pytest.approx(0.1 / math.sqrt(3))
    np.testing.assert_allclose(found.conditional_probabilities, [0.3, 0.35])
    assert found.flux.value == pytest.approx(10.0, rel=0.1)
    assert found.rate.value == pytest.approx(1.0, rel=0.35)
    assert found.relative_variance.value > 0.5
    again = ForwardFlux.from_dataset(found.to_dataset())
    np.testing.assert_array_equal(again.successes, found.successes)
    assert again.rate == found.rate
    assert (again.n_trials, again.dt, again.seed) == (10, 0.1, 1)


def test_probabilities_whose_squares_underflow_have_an_error():
    successes = np.ones((3, 40), int)
    successes[:, 0] = [1, 3, 4]
    levels, times = np.arange(40.0), np.array([1.0, 2.0, 3.0])
    found = ForwardFlux(
        levels, successes, 10**5, 10**6, times, np.zeros(3, int), 0.1, 1, np.arange(3)
    )
    assert found.probability.value * 1e200 == pytest.approx(8 / 3, rel=1e-10)
    expected = np.std([1, 3, 4], ddof=1) / math.sqrt(3)
    assert found.probability.stderr * 1e200 == pytest.approx(expected, rel=1e-10)


def test_runs_on_both_sides_of_a_gap_leave_room_for_those_in_it():
    early, late, between = (flux_of([[k, k]] * 3, first_run=3 * k) for k in (0, 2, 1))
    apart = late.combined(early)
    np.testing.assert_array_equal(apart.runs, [0, 1, 2, 6, 7, 8])
    with pytest.raises(ValueError, match="3 runs are in both, 6 the first: they share noise"):
        apart.combined(late)
    whole = apart.combined(between)
    np.testing.assert_array_equal(whole.successes[:, 0], np.repeat([0, 1, 2], 3))


def test_a_dataset_that_lacks_a_part_is_refused():
    dataset = flux_of([[5, 2], [4, 5], [1, 1]]).to_dataset().drop_vars("n_steps")
    del dataset.attrs["seed"]
    with pytest.raises(ValueError, match="the dataset lacks n_steps, seed; give one"):
        ForwardFlux.from_dataset(dataset)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"levels": [-0.5, -0.6]}, r"levels=\[-0.5, -0.6\] must be finite values"),
        ({"levels": []}, r"levels=\[\] must be finite values"),
        ({"levels": [0.0, math.inf]}, r"levels=\[0.0, inf\] must be finite values"),
        ({"n_trials": 1}, "n_trials=1 must be >= 2"),
        ({"n_runs": 1}, "n_runs=1 must be >= 2"),
        ({"first_run": 2**48}, f"first_run={2**48} with n_runs=100"),
        ({"crossings_per_path": 0}, "crossings_per_path=0 must be >= 1"),
    ],
)
def test_arguments_out_of_range_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        sample(**changes)


def test_a_first_level_within_the_source_is_refused(plain_python):
    few = {"n_trials": 2, "n_runs": 2, "dt": 0.02}
    with pytest.raises(ValueError, match=r"levels\[0\]=-1\.1 is crossed within source='x < "):
        sample(levels=[-1.1], **few)
    with pytest.raises(ValueError, match="start lies outside source"):
        sample(start=0.0, **few)
