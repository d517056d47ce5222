"""First passage: exact bits, exact means, and what is refused."""

import re

import numpy as np
import pytest
from z_test import assert_agrees, assert_refutes

import langevin_lab as ll
from langevin_lab.escape import FirstPassage, NoArrivalError, first_passage, passage

WELL = ll.potentials.double_well()
FLAT = ll.Potential.from_expression("k*x", parameters={"k": 0.0})
HOT = ll.Overdamped(WELL, temperature=0.5)
INERTIAL = ll.Langevin(WELL, temperature=0.5, friction=1.0)


def across(dynamics=HOT, method="StochasticHeun", **changes):
    """Out of the left well to the bottom of the right one."""
    settings = {"dt": 0.005, "start": -1.0, "target": "x > 1", "n_replicas": 200, "seed": 3}
    return first_passage(dynamics, method, **{**settings, **changes})


@pytest.fixture(scope="module")
def times():
    return across(n_replicas=500).times


@pytest.mark.slow
@pytest.mark.parametrize(("temperature", "exact"), [(0.5, 10.2586), (0.3, 36.5837)])
def test_mean_is_the_exact_integral(temperature, exact):
    dynamics = ll.Overdamped(WELL, temperature=temperature)
    mean = across(dynamics, n_replicas=100_000, seed=1).mean
    reference = ll.exact.mean_first_passage_time(dynamics, -1.0, 1.0).value
    assert reference == pytest.approx(exact, abs=1e-4)
    assert_agrees(mean.value, mean.stderr, exact, mean.n_eff, f"passage, T = {temperature}")
    assert_refutes(mean.value, mean.stderr, 1.03 * exact, mean.n_eff, "friction 3 % wrong")


@pytest.mark.slow
def test_friction_only_sets_the_clock():
    dynamics = ll.Overdamped(WELL, temperature=0.5, friction=3.0)
    slow = across(dynamics, dt=0.015)
    np.testing.assert_allclose(slow.times, 3 * across().times, rtol=1e-12)


@pytest.mark.slow
def test_looking_once_a_step_is_late_and_the_shift_makes_up_for_it():
    late = across(crossing="none", dt=0.02, n_replicas=100_000, seed=1)
    assert late.crossing == "none"
    assert late.shifts.size == 0
    assert_refutes(late.mean.value, late.mean.stderr, 10.2586, 100_000, "without shift")
    assert late.mean.value > 10.2586
    shifted = across(dt=0.02, n_replicas=100_000, seed=1)
    assert shifted.shift == pytest.approx(0.5825971579 * np.sqrt(2 * 0.5 * 0.02))
    assert_agrees(shifted.mean.value, shifted.mean.stderr, 10.2586, 100_000, "with shift")


@pytest.mark.slow
@pytest.mark.parametrize(("start", "exact"), [(0.0, 1.0), (0.5, 0.75)])
def test_brownian_motion_leaves_an_interval_in_the_exact_time(start, exact):
    brownian = ll.Overdamped(FLAT, temperature=1.0, friction=2.0)  # D = 1/2: 1 - start^2
    found = first_passage(
        brownian, "EulerMaruyama", dt=0.002, start=start, target="x > 1 or x < -1",
        n_replicas=100_000, seed=2,
    )  # fmt: skip
    assert_agrees(found.mean.value, found.mean.stderr, exact, 100_000, f"exit from {start}")
    assert_refutes(found.mean.value, found.mean.stderr, 1.03 * exact, 100_000, "exit")
    with pytest.raises(ValueError, match="the target has 2 boundaries: see shifts"):
        found.shift  # noqa: B018


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"n_threads": 1},
        {"n_threads": 3},
        {"n_replicas": 1},
        {"n_replicas": 137},
        {"first_replica": 111, "n_replicas": 77},
        {"max_time": 1e6},
    ],
)
def test_times_do_not_depend_on_threads_or_company(changes, times):
    found = across(**changes)
    first = changes.get("first_replica", 0)
    np.testing.assert_array_equal(found.times, times[first : first + len(found.times)])
    assert found.arrived.all()


@pytest.mark.slow
@pytest.mark.parametrize(("first", "longest"), [(1, 1), (7, 7), (64, 64), (5000, 10**5)])
def test_times_do_not_depend_on_the_packing(first, longest, times, monkeypatch):
    monkeypatch.setattr(passage, "FIRST_CHUNK", first)
    monkeypatch.setattr(passage, "MAX_CHUNK", longest)
    np.testing.assert_array_equal(across(n_replicas=20).times, times[:20])


@pytest.mark.slow
@pytest.mark.parametrize("bound", [1e10, 1.8])
def test_passage_is_the_first_step_of_the_path_in_the_target(bound):
    """Underdamped, a target over momenta too; a narrow bound loses replicas on their way."""
    settings = {"dt": 0.05, "seed": 4, "n_replicas": 100, "start": -0.5}
    path = ll.simulate(INERTIAL, "BAOAB", n_steps=400, save_every=1, **settings)
    x, p = path["x"].values[..., 0], path["p"].values[..., 0]
    inside = np.maximum(np.abs(x), np.abs(p)) < bound
    step_out = np.where(inside.all(axis=0), 401, (~inside).argmax(axis=0) + 1)
    hits = (x > 1) & (p > 0)
    step_in = np.where(hits.any(axis=0), hits.argmax(axis=0) + 1, 401)
    arrived, diverged = step_in < step_out, step_out <= np.minimum(step_in, 400)
    run = {"target": "x > 1 and p > 0", "max_time": 20.0, "divergence_bound": bound, **settings}
    if diverged.any():
        with pytest.warns(RuntimeWarning, match=f"{diverged.sum()} of 100 replicas diverged and"):
            found = first_passage(INERTIAL, "BAOAB", **run)
    else:
        found = first_passage(INERTIAL, "BAOAB", **run)
    np.testing.assert_array_equal(found.arrived, arrived)
    np.testing.assert_array_equal(found.diverged, diverged)
    steps = np.minimum(np.minimum(step_in, step_out), 400)
    np.testing.assert_allclose(found.times, 0.05 * steps, rtol=1e-14)
    assert found.n_diverged == diverged.sum()
    assert found.n_censored == (~arrived & ~diverged).sum()
    assert arrived.sum() > 5
    assert diverged.any() == (bound < 2)


@pytest.mark.slow
def test_max_time_cuts_and_nothing_else(times):
    found = across(n_replicas=500, max_time=6.0)
    np.testing.assert_array_equal(found.arrived, times <= 6.0)
    np.testing.assert_allclose(found.times, np.minimum(times, 6.0), rtol=1e-12)
    assert found.n_censored == (times > 6.0).sum()


@pytest.mark.slow
def test_exponential_mean_of_censored_times_is_near_the_uncensored_one():
    cold = ll.Overdamped(WELL, temperature=0.3)
    censored = across(cold, n_replicas=20_000, max_time=36.0)
    assert 0.2 < censored.n_censored / 20_000 < 0.5
    with pytest.warns(RuntimeWarning, match="not exponential"):  # the law has a delay
        mean = censored.mean
    assert mean.value == pytest.approx(36.5837, rel=0.05)
    assert mean.stderr == pytest.approx(mean.value / np.sqrt(censored.arrived.sum()), rel=1e-12)


@pytest.mark.parametrize(
    ("max_time", "steps"), [(0.3, 3), (0.39, 3), (0.1, 1), (0.15, 1), (0.7, 7), (12345.6, 123456)]
)
def test_no_replica_is_followed_longer_than_max_time(max_time, steps):
    assert passage._max_steps(max_time, HOT, 0.1) == steps


@pytest.mark.slow
def test_target_out_of_reach_is_given_up(monkeypatch):
    monkeypatch.setattr(passage, "GIVE_UP_STEPS", 10**6)
    message = r"target='x > 50': none of 200 replicas .* 1e\+06 steps .* give max_time"
    with pytest.raises(NoArrivalError, match=message) as caught:
        across(target="x > 50")
    assert caught.value.n_waiting == 200
    assert 1e6 <= 200 * caught.value.time / 0.005 < 5e6
    assert across(target="x > 50", max_time=50.0).n_censored == 200


@pytest.mark.slow
def test_long_run_reports_to_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(passage, "LINE_SECONDS", 0.0)
    across(n_replicas=20)
    assert capsys.readouterr().err == ""
    across(n_replicas=20, progress=True)
    assert (
        "StochasticHeun on double_well: 20 of 20 replicas have arrived" in capsys.readouterr().err
    )


def test_memory_is_checked_before_the_run():
    with pytest.raises(MemoryError, match="GB; lower n_replicas"):
        across(n_replicas=10**13)


def made(times, arrived, diverged=None):
    times, arrived = np.array(times), np.array(arrived)
    diverged = np.zeros_like(arrived) if diverged is None else np.array(diverged)
    return FirstPassage(times, arrived, diverged, 0.1, "none", np.zeros(0))


def test_estimates_leave_diverged_replicas_out():
    found = made([1.0, 2.0, 6.0, 0.1], [True, True, True, False], [False, False, False, True])
    assert (found.mean.value, found.mean.n_eff) == (3.0, 3)
    assert found.mean.stderr == pytest.approx(np.std([1, 2, 6], ddof=1) / np.sqrt(3))
    assert found.rate.value == pytest.approx(1 / 3)
    assert found.rate.stderr == pytest.approx(found.mean.stderr / 9)
    assert (found.n_censored, found.n_diverged, found.shift) == (0, 1, 0.0)


def test_estimate_with_censoring_is_total_time_over_arrivals():
    found = made([1.0, 2.0, 5.0, 5.0], [True, True, False, False])
    assert found.mean.value == pytest.approx(13 / 2)
    assert found.mean.stderr == pytest.approx(13 / 2 / np.sqrt(2))


def test_no_mean_without_arrivals():
    with pytest.raises(ValueError, match=r"1 of 3 replicas arrived: no mean .*; raise max_time"):
        made([1.0, 2.0, 2.0], [True, False, False]).mean  # noqa: B018


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start": 1.5}, "start lies in target='x > 1'; start outside it"),
        ({"start": 0.99}, r"start lies within a step's overshoot 0\.0412 of target='x > 1'; use a"),
        ({"start": [[-1.0]] * 199 + [[2.0]]}, "start lies in target='x > 1'"),
        ({"target": "energy < 0.5"}, "is not linear in the variables"),
        ({"target": "energy < 0.5", "crossing": "none"}, "start lies in target='energy < 0.5'"),
        ({"target": "grad_x > -1", "crossing": "none"}, "start lies in target='grad_x > -1'"),
        ({"target": "laplacian > 7", "crossing": "none"}, "start lies in target='laplacian > 7'"),
        ({"target": "mass_x > dt", "crossing": "none"}, "start lies in target='mass_x > dt'"),
        ({"target": "x > barrier - 9", "crossing": "none"}, "start lies in target='x > barrier"),
        ({"target": "x**2 > 4"}, "is not linear in the variables"),
        ({"target": "not x < 1"}, "needs a target without 'not'"),
        ({"target": "y > 1"}, "expression 'y > 1': unknown name 'y'"),
        ({"target": "p > 1"}, "expression 'p > 1': unknown name 'p'"),
        ({"target": "x + 1"}, r"expression 'x \+ 1'"),
        ({"target": "x >"}, "expression 'x >'"),
        ({"target": "__import__('os').system('true') > 0"}, 'expression "__import__'),
        ({"crossing": "exact"}, "crossing='exact' must be 'shift', 'bridge' or 'none'"),
        ({"method": "LeimkuhlerMatthews"}, "crossing='shift' needs noise that is independent from"),
        (
            {"dynamics": INERTIAL, "method": "BAOAB", "crossing": "shift"},
            "not for Langevin; use cr",
        ),
        ({"dynamics": INERTIAL}, "is for overdamped dynamics, not for Langevin"),
        ({"max_time": 0.001}, r"max_time=0\.001 must be finite and >= dt=0\.005"),
        ({"max_time": np.inf}, "max_time=inf must be finite"),
        ({"max_time": np.nan}, "max_time=nan must be finite"),
        ({"dynamics": ll.GradientFlow(WELL)}, "temperature=0 and max_time=None: without noise"),
        ({"n_replicas": 0}, "n_replicas=0 must be >= 1"),
        ({"seed": -1}, "seed=-1 must be >= 0"),
        ({"first_replica": -1}, "first_replica=-1 must be >= 0"),
        ({"divergence_bound": 0.0}, r"divergence_bound=0\.0 must be > 0"),
        ({"dt": 0.3}, r"dt=0\.3 is at or above the stability limit 0\.25 of StochasticHeun"),
        ({"start": [1.0, 2.0]}, r"start has shape \(2,\)"),
    ],
)
def test_wrong_argument_is_named_with_its_value(changes, message):
    with pytest.raises(ValueError, match=message) as caught:
        across(**changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dynamics": WELL}, "is a potential: wrap it in ll.Langevin"),
        ({"target": 1.0}, "expression must be a string, not float"),
        ({"max_time": "long"}, r"max_time='long' must be a number >= dt=0\.005, or None"),
        ({"seed": 1.0}, r"seed=1\.0 must be an integer: write 1"),
        ({"n_replicas": 2.5}, r"n_replicas=2\.5 must be an integer"),
        ({"divergence_bound": "far"}, "divergence_bound='far' must be a number > 0"),
    ],
)
def test_argument_of_the_wrong_kind_is_refused(changes, message):
    with pytest.raises(TypeError, match=message):
        across(**changes)


def test_shift_at_a_scheduled_temperature_is_refused():
    cooling = ll.dynamics.Linear(start=1.0, stop=0.5, duration=1.0)
    message = re.escape("crossing='shift' is for overdamped dynamics at a constant temperature")
    for changes in ({"temperature": cooling}, {"temperature": 1.0, "friction": cooling}):
        with pytest.raises(ValueError, match=message):
            across(ll.Overdamped(WELL, **changes), crossing="shift")
    resting = ll.Overdamped(WELL, temperature=0.0, friction=cooling)
    with pytest.raises(ValueError, match="temperature=0 and max_time=None: without noise"):
        across(resting, max_time=None)


def test_mean_of_times_that_are_not_exponential_warns_when_it_is_cut_short():
    found = across(n_replicas=20_000, max_time=1.0)
    with pytest.warns(RuntimeWarning, match=r"not exponential: .* raise max_time"):
        assert found.mean.value > 20.0  # the exact mean is 10.26


def test_exponential_times_cut_short_give_their_mean_without_a_warning():
    rng = np.random.default_rng(5)
    times = rng.exponential(3.0, 20_000)
    found = made(np.minimum(times, 4.0), times < 4.0)
    assert_agrees(found.mean.value, found.mean.stderr, 3.0, n=found.mean.n_eff)


def test_standard_deviation_scatters_as_its_error_says():
    generator = np.random.default_rng(3)
    everyone = [True] * 2000
    found = [
        made(generator.exponential(2.0, 2000), everyone).standard_deviation for _ in range(400)
    ]
    values = np.array([one.value for one in found])
    # An exponential law has m2 = s^2, m4 = 9 s^4, so the error of s is s sqrt(2/n).
    assert np.mean([one.stderr for one in found]) == pytest.approx(
        2.0 * np.sqrt(2 / 2000), rel=0.03
    )
    assert values.std() == pytest.approx(2.0 * np.sqrt(2 / 2000), rel=0.1)
    assert values.mean() == pytest.approx(2.0, abs=5 * values.std() / np.sqrt(400))


def test_standard_deviation_needs_all_arrivals_and_two_of_them():
    with pytest.raises(ValueError, match="1 of 3 replicas had not arrived: the late times"):
        made([1.0, 2.0, 6.0], [True, True, False]).standard_deviation  # noqa: B018
    with pytest.raises(ValueError, match="1 arrivals have no standard deviation"):
        made([1.0], [True]).standard_deviation  # noqa: B018
