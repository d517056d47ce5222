"""Splitting: the algorithm path by path, exact probabilities and rates down to e^-40, refusals."""

import math

import numpy as np
import pytest
from scipy import stats
from z_test import assert_agrees, assert_refutes

import langevin_lab as ll
from langevin_lab.compiled import modules
from langevin_lab.escape import (
    DivergedPathError,
    NoArrivalError,
    RareEvent,
    RareEventRate,
    rare_event_probability,
    rare_event_rate,
    splitting,
    surface_crossings,
)
from langevin_lab.exact import discrete_passage_time, discrete_splitting_probability
from langevin_lab.noise import batch_indices, normals

TILTED = ll.potentials.tilted_double_well(tilt=0.25)
WELL = ll.potentials.tilted_double_well(tilt=0.0)  # the same kernel
HOT = ll.Overdamped(WELL, temperature=0.5)


def hop(dynamics=HOT, method="EulerMaruyama", **changes):
    settings = {
        "dt": 2e-3, "coordinate": "x", "start": -0.92, "source": "x < -1.05", "target": "x > 0.9",
        "seed": 1,
    }  # fmt: skip
    return rare_event_probability(dynamics, integrator=method, **{**settings, **changes})


def hop_rate(dynamics=HOT, method="EulerMaruyama", **changes):
    settings = {
        "dt": 2e-3, "coordinate": "x", "start": -1.0, "source": "x < -0.95", "target": "x > 0.9",
        "surface": "x > -0.85", "seed": 1,
    }  # fmt: skip
    return rare_event_rate(dynamics, integrator=method, **{**settings, **changes})


def exact(dynamics, dt=2e-3):
    found = discrete_splitting_probability("EulerMaruyama", dynamics, -0.92, -1.05, 0.9, dt)
    return found.value


def cold(ratio, potential=WELL):
    """Overdamped at a barrier of ``ratio`` temperatures from the left well."""
    minimum, saddle = potential.minima[0], potential.saddles[0]
    return ll.Overdamped(potential, temperature=(saddle.energy - minimum.energy) / ratio)


def splitting_by_hand(run, n_paths, n_killed, *, seed, dt, temperature):
    """The algorithm on whole paths, with the noise of one run: (log probability, iterations)."""
    clock, drawn = 0, 0

    def path_from(x):
        nonlocal clock
        path = [x]
        while -1.05 <= path[-1] <= 0.9:
            noise = normals(seed, [run], clock, 1)[0, 0]
            gradient = float(WELL.gradient(np.array([path[-1]]))[0])
            path.append(path[-1] - dt * gradient + math.sqrt(2 * temperature * dt) * noise)
            clock += 1
        return path

    def level(path):
        return math.inf if path[-1] > 0.9 else max(path)

    paths = [None] * n_paths
    for k in reversed(range(n_paths)):
        paths[k] = path_from(-0.92)
    logarithm, iterations = 0.0, 0
    while True:
        killed = sorted(map(level, paths))[n_killed - 1]
        alive = [
            k for k in range(n_paths) if level(paths[k]) > killed or level(paths[k]) == math.inf
        ]
        dead = [k for k in range(n_paths) if k not in alive]
        if killed == math.inf:
            return logarithm + math.log(len(alive) / n_paths), iterations
        iterations += 1
        if not alive:
            return -math.inf, iterations
        logarithm += math.log(len(alive) / n_paths)
        branches = []
        for _ in dead:
            number = batch_indices(
                seed, run, 2**61 + drawn, n_examples=len(alive), batch_size=1, replacement=True
            )  # fmt: skip
            drawn += 1
            parent = paths[alive[number[0, 0, 0]]]
            branches.append(next(x for x in parent if x > killed))
        for k, x in reversed(list(zip(dead, branches))):
            paths[k] = path_from(x)


@pytest.mark.slow
@pytest.mark.parametrize("n_killed", [1, 3])
def test_algorithm_is_that_on_whole_paths_with_the_same_noise(plain_python, n_killed):
    """Records of new maxima are enough, and running out of room for them changes nothing."""
    found = hop(
        dt=0.02, n_replicas=6, n_runs=4, n_killed=n_killed, first_run=3, n_threads=1, seed=7
    )
    for k in range(4):
        expected = splitting_by_hand(3 + k, 6, n_killed, seed=7, dt=0.02, temperature=0.5)
        assert found.log_probabilities[k] == pytest.approx(expected[0], rel=1e-12)
        assert found.n_iterations[k] == expected[1]


@pytest.fixture(scope="module")
def event():
    return hop(n_replicas=20, n_runs=30)


@pytest.mark.slow
def test_bits_do_not_depend_on_threads_room_or_length_of_calls(event, monkeypatch):
    monkeypatch.setattr(splitting, "FIRST_ROOM", 2)
    monkeypatch.setattr(splitting, "CHUNK", 777)
    for n_threads in (1, 3):
        other = hop(n_replicas=20, n_runs=30, n_threads=n_threads)
        for name in ("log_probabilities", "n_iterations", "n_branches", "n_steps"):
            np.testing.assert_array_equal(getattr(other, name), getattr(event, name))


@pytest.mark.slow
def test_compiled_loop_equals_plain_python(plain_python):
    settings = {"dt": 0.02, "n_replicas": 5, "n_runs": 3}
    interpreted = hop(**settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("langevin_lab.ensemble.kernel.load", modules.load)
        compiled = hop(**settings)
    np.testing.assert_array_equal(interpreted.n_steps, compiled.n_steps)
    np.testing.assert_allclose(
        interpreted.log_probabilities, compiled.log_probabilities, rtol=1e-14
    )


@pytest.mark.slow
def test_runs_of_several_calls_join_to_those_of_one(event):
    parts = [
        hop(n_replicas=20, n_runs=count, first_run=first) for first, count in ((0, 12), (12, 18))
    ]
    joined = parts[1].combined(parts[0])
    np.testing.assert_array_equal(joined.runs, np.arange(30))
    np.testing.assert_array_equal(joined.log_probabilities, event.log_probabilities)
    with pytest.raises(ValueError, match="18 runs are in both, 12 the first: they share noise"):
        event.combined(parts[1])
    with pytest.raises(ValueError, match="seed=1 and seed=2 do not combine"):
        event.combined(hop(n_replicas=20, n_runs=2, seed=2, first_run=50))


@pytest.mark.slow
@pytest.mark.parametrize("potential", [WELL, TILTED], ids=["symmetric", "tilted"])
@pytest.mark.parametrize("ratio", [5, 10, 20, 30, 40])
def test_probability_is_exact_at_the_simulated_step(potential, ratio):
    dynamics = cold(ratio, potential)
    found = hop(dynamics, n_replicas=100, n_runs=400, seed=ratio)
    estimate, expected = found.probability, exact(dynamics)
    assert_agrees(estimate.value, estimate.stderr, expected, 400, f"barrier {ratio} T")
    warm = ll.Overdamped(potential, temperature=1.03 * dynamics.temperature)
    assert_refutes(estimate.value, estimate.stderr, exact(warm), 400, "3 % too warm")
    ratio = found.relative_variance * (1 / found.ideal_relative_variance)
    print(f"relative variance over the ideal {ratio}")
    assert abs(ratio.value - 1) < 0.3 + 2 * ratio.stderr


@pytest.mark.slow
def test_z_scores_over_repeats_are_normal():
    dynamics = cold(10)
    found = hop(dynamics, n_replicas=200, n_runs=40 * 40, seed=3)
    repeats = found.probabilities.reshape(40, 40)
    z = (repeats.mean(axis=1) - exact(dynamics)) / (repeats.std(axis=1, ddof=1) / np.sqrt(40))
    assert stats.kstest(z, "norm").pvalue > 1e-3
    assert stats.kstest(z + 1.0, "norm").pvalue < 1e-3
    assert 34 <= np.sum(np.abs(z) < 1.96) <= 40


@pytest.mark.slow
@pytest.mark.parametrize(("n_replicas", "n_iterations"), [(50, 522), (200, 2095)])
def test_reference_numbers_of_the_double_well(n_replicas, n_iterations):
    """Committor 2.62e-5 with both boundaries moved out by the overshoot of a step."""
    dynamics = ll.Overdamped(WELL, temperature=0.1)
    found = hop(dynamics, dt=2e-4, start=-0.8, source="x < -0.9", n_replicas=n_replicas, n_runs=100)
    estimate = found.probability
    assert_agrees(estimate.value, estimate.stderr, 2.619e-5, 100, f"{n_replicas} paths")
    assert found.n_iterations.mean() == pytest.approx(n_iterations, rel=0.02)
    assert_refutes(estimate.value, estimate.stderr, 2 * 2.619e-5, 100, "twice")


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"n_killed": 10},
        {"level_spacing": 0.1},
        {"coordinate": "x**3 + x"},
        {"coordinate": "-x"},  # a useless one
        {"n_replicas": 5, "n_runs": 4000},
    ],
    ids=str,
)
def test_any_coordinate_and_any_number_killed_is_unbiased(changes):
    found = hop(cold(4), **{"n_replicas": 50, "n_runs": 1000, **changes})
    expected = exact(cold(4))
    assert_agrees(found.probability.value, found.probability.stderr, expected, found.n_runs)


def forward_flux(dynamics, scheme, surfaces, *, n_trials, dt, rng):
    """log P(last surface before the source | start) by forward-flux sampling, and its variance.

    From random states at each surface, n_trials trials to the next one or back to the source.
    """
    gradient, coefficients = dynamics.potential.gradient, scheme.coefficients(dynamics, dt)
    states, logarithm, variance = np.full((1, 1), -0.92), 0.0, 0.0
    for surface in surfaces:
        x = states[rng.integers(len(states), size=n_trials)]
        arrived = []
        while x.size:
            x = scheme.step({"x": x}, rng.normal(size=(1, *x.shape)), coefficients, gradient)["x"]
            arrived.append(x[x[:, 0] > surface])
            x = x[(x[:, 0] <= surface) & (x[:, 0] >= -1.05)]
        states = np.concatenate(arrived)
        share = len(states) / n_trials
        logarithm += np.log(share)
        variance += (1 - share) / (share * n_trials)
    return logarithm, variance


@pytest.mark.slow
def test_forward_flux_sampling_finds_the_same_probability():
    dynamics = cold(10)
    logarithm, variance = forward_flux(
        dynamics, ll.integrators.method("EulerMaruyama"), np.linspace(-0.85, 0.9, 15),
        n_trials=4000, dt=2e-3, rng=np.random.default_rng(1),
    )  # fmt: skip
    found = hop(dynamics, n_replicas=100, n_runs=200, seed=9).probability.log()
    # Trials of a surface share their starts: four times the variance of independent ones.
    stderr = np.hypot(found.stderr, np.sqrt(4 * variance))
    assert_agrees(found.value, stderr, logarithm, 200, "splitting against forward flux")
    assert_refutes(found.value, stderr, logarithm + 1.0, 200, "a factor e")


@pytest.mark.slow
def test_potential_from_loops_in_two_dimensions():
    import numba

    @numba.njit
    def energy(x, parameters):
        return (x[0] ** 2 - 1) ** 2 + 2 * x[1] ** 2

    @numba.njit
    def gradient(x, parameters, out):
        out[0], out[1] = 4 * x[0] * (x[0] ** 2 - 1), 4 * x[1]

    potential = ll.Potential.from_functions(energy=energy, gradient=gradient, dim=2, parameters={})
    found = hop(
        ll.Overdamped(potential, temperature=0.2), coordinate="x", source="x < -1.05",
        target="x > 0.9", start=[-0.92, 0.0], n_replicas=50, n_runs=100,
    )  # fmt: skip
    expected = exact(ll.Overdamped(WELL, temperature=0.2))
    assert_agrees(found.probability.value, found.probability.stderr, expected, 100, "two dims")


@pytest.mark.slow
@pytest.mark.parametrize("ratio", [5, 10])
def test_overdamped_rate_is_one_over_the_discrete_passage_time(ratio):
    dynamics = cold(ratio)
    found = hop_rate(dynamics, n_replicas=200, n_runs=200, crossings_per_path=3)
    expected = 1 / discrete_passage_time("EulerMaruyama", dynamics, -1.0, 0.9, 2e-3).value
    assert_agrees(found.rate.value, found.rate.stderr, expected, 200, f"barrier {ratio} T")
    warm = ll.Overdamped(WELL, temperature=1.03 * dynamics.temperature)
    wrong = 1 / discrete_passage_time("EulerMaruyama", warm, -1.0, 0.9, 2e-3).value
    assert_refutes(found.rate.value, found.rate.stderr, wrong, 200, "3 % too warm")
    product = found.flux * found.probability
    assert product.value == pytest.approx(found.rate.value, rel=0.01)
    assert product.stderr == pytest.approx(found.rate.stderr, rel=0.25)


@pytest.mark.slow
def test_langevin_rate_is_that_of_direct_simulation_at_the_same_step():
    dynamics = ll.Langevin(WELL, temperature=0.25, friction=2.0)
    direct = ll.escape.first_passage(
        dynamics, "BAOAB", dt=0.05, start=-1.0, target="x > 0.9", n_replicas=60_000, seed=5
    ).rate
    found = hop_rate(dynamics, "BAOAB", dt=0.05, n_replicas=200, n_runs=400).rate
    stderr = math.hypot(direct.stderr, found.stderr)
    assert_agrees(found.value, stderr, direct.value, 200, "BAOAB")
    assert_refutes(found.value, stderr, 1.15 * direct.value, 200, "15 % off")


NOISY = WELL.with_gradient_noise(standard_deviation=1.0)
ADAPTIVE = ll.AdaptiveLangevin(WELL, temperature=0.3, thermal_mass=1.0, applied_noise=1.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "dynamics", "dt"),
    [
        ("LeimkuhlerMatthews", ll.Overdamped(WELL, temperature=0.3), 0.01),
        ("MALA", ll.Overdamped(WELL, temperature=0.3), 0.01),
        ("OBABO", ll.Langevin(NOISY, temperature=0.3, friction=2.0), 0.05),
        ("BADODAB", ADAPTIVE, 0.05),
    ],
)
def test_what_a_path_carries_is_branched_with_it(method, dynamics, dt):
    """A stored normal, an acceptance, a drawn gradient, a thermostat: against direct simulation."""
    direct = ll.escape.first_passage(
        dynamics, method, dt=dt, start=-1.0, target="x > 0.9", n_replicas=10_000, seed=2,
        crossing="none",
    ).rate  # fmt: skip
    found = hop_rate(dynamics, method, dt=dt, surface="x > -0.8", n_replicas=100, n_runs=100).rate
    stderr = math.hypot(direct.stderr, found.stderr)
    assert_agrees(found.value, stderr, direct.value, 100, method)
    assert_refutes(found.value, stderr, 1.2 * direct.value, 100, method)


@pytest.mark.slow
def test_langevin_rate_is_that_of_the_spectrum():
    dynamics = ll.Langevin(WELL, temperature=0.1, friction=5.0)
    found = hop_rate(dynamics, "BAOAB", dt=0.02, n_replicas=200, n_runs=80).rate
    assert_agrees(found.value, found.stderr, 6.9288e-6, 80, "friction 5")


@pytest.mark.slow
def test_rates_of_several_calls_join():
    one, other = (hop_rate(n_replicas=20, n_runs=5, first_run=first) for first in (0, 5))
    whole = hop_rate(n_replicas=20, n_runs=10, n_threads=1)
    assert one.combined(other).rate.value == pytest.approx(whole.rate.value, rel=1e-12)
    with pytest.raises(ValueError, match="n_crossings=20 and 40 do not combine"):
        one.combined(hop_rate(n_replicas=20, n_runs=5, first_run=5, crossings_per_path=2))


def event_of(*probabilities, n_replicas=100, first_run=0):
    with np.errstate(divide="ignore"):
        return logarithmic(np.log(probabilities), n_replicas, first_run)


def logarithmic(logarithms, n_replicas=100, first_run=0):
    counts = np.full(logarithms.size, 7)
    runs = first_run + np.arange(logarithms.size)
    return RareEvent(logarithms, counts, counts, counts, n_replicas, 1, 0.1, 1, runs)


def test_runs_on_both_sides_of_a_gap_leave_room_for_those_in_it():
    early, late, between = (event_of(k + 0.1, k + 0.2, first_run=2 * k) for k in (0, 2, 1))
    apart = early.combined(late)
    np.testing.assert_array_equal(apart.runs, [0, 1, 4, 5])
    with pytest.raises(ValueError, match="2 runs are in both, 4 the first: they share noise"):
        apart.combined(late)
    whole = apart.combined(between)
    np.testing.assert_array_equal(whole.runs, np.arange(6))
    np.testing.assert_allclose(whole.probabilities, [0.1, 0.2, 1.1, 1.2, 2.1, 2.2])
    times = np.array([1.0, 2.0])
    rates = [RareEventRate(event, 9, times + event.runs[0]) for event in (late, early)]
    both = rates[0].combined(rates[1])
    np.testing.assert_array_equal(both.runs, [0, 1, 4, 5])
    np.testing.assert_array_equal(both.crossing_times, [1.0, 2.0, 5.0, 6.0])


def test_estimates_are_those_of_the_runs_and_extinct_ones_count_as_zero():
    found = event_of(1e-200, 3e-200, 0.0, 4e-200)
    assert found.n_extinct == 1
    assert found.probability.value * 1e200 == pytest.approx(2.0)
    assert found.probability.stderr * 1e200 == pytest.approx(np.std([1, 3, 0, 4], ddof=1) / 2)
    assert found.ideal_relative_variance == pytest.approx(2e-200 ** (-1 / 100) - 1)
    many = np.random.default_rng(1).gamma(4.0, 1e-200, 4000)
    spread = event_of(*many).relative_variance
    assert_agrees(spread.value, spread.stderr, 0.25, 4000, "gamma law")
    assert_refutes(spread.value, spread.stderr, 0.35, 4000, "gamma law")


def test_probabilities_whose_squares_underflow_have_an_error():
    shifts = np.log([1.0, 3.0, 4.0])
    near, far = (logarithmic(shifts + level) for level in (-2.0, -400.0))
    relative = near.probability.stderr / near.probability.value
    assert far.probability.value / math.exp(-400) == pytest.approx(8 / 3, rel=1e-12)
    assert far.probability.stderr / far.probability.value == pytest.approx(relative, rel=1e-12)
    below = logarithmic(shifts - 800.0)
    assert below.ideal_relative_variance == pytest.approx(
        math.expm1((800 - math.log(8 / 3)) / 100), rel=1e-12
    )
    for number in (lambda: below.probability, lambda: rate_below(below).rate):
        with pytest.raises(
            ValueError, match=r"about exp\(-799\) is below the smallest number; see"
        ):
            number()


def rate_below(event):
    return RareEventRate(event, 10, np.array([1.0, 2.0, 3.0]))


def test_no_ideal_variance_where_all_died_out():
    with pytest.raises(
        ValueError, match="all 3 runs died out: there is no ideal relative variance"
    ):
        event_of(0.0, 0.0, 0.0).ideal_relative_variance  # noqa: B018


def test_rate_is_flux_times_probability_with_the_errors_of_both():
    rng = np.random.default_rng(2)
    n = 400
    times, factors = rng.gamma(25.0, 2.0, n), rng.gamma(4.0, 0.25e-9, n)
    found = RareEventRate(event_of(*factors), 100, times)
    assert_agrees(found.flux.value, found.flux.stderr, 2.0, n, "flux")
    assert_agrees(found.rate.value, found.rate.stderr, 2e-9, n, "rate")
    relative = np.hypot(0.2, 0.5) / np.sqrt(n)
    assert found.rate.stderr == pytest.approx(2e-9 * relative, rel=0.1)


def test_no_relative_variance_without_runs_that_live():
    for found in (event_of(1e-5, 2e-5), event_of(0.0, 0.0, 0.0)):
        with pytest.raises(ValueError, match=f"{found.n_runs} runs, {found.n_extinct} of them"):
            found.relative_variance  # noqa: B018


COOLING = ll.Overdamped(WELL, temperature=ll.dynamics.Linear(start=0.5, stop=0.1, duration=10.0))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"dynamics": WELL}, TypeError, "is a potential: wrap it in ll.Langevin"),
        ({"dynamics": COOLING}, ValueError, "Overdamped is scheduled: a path that is branched"),
        ({"dynamics": ll.Overdamped(WELL, temperature=0.0)}, ValueError, "temperature=0: branches"),
        ({"n_killed": 5, "n_replicas": 5}, ValueError, "n_killed=5 must be below n_replicas=5"),
        ({"n_replicas": 1}, ValueError, "n_replicas=1 must be >= 2"),
        ({"n_runs": 1}, ValueError, "n_runs=1 must be >= 2"),
        ({"first_run": 2**61}, ValueError, f"first_run={2**61} with n_runs=40"),
        ({"level_spacing": 0.0}, ValueError, "level_spacing=0.0 must be a number > 0"),
        ({"level_spacing": True}, ValueError, "level_spacing=True must be a number > 0"),
        ({"level_spacing": 0.1j}, ValueError, "level_spacing=0.1j must be a number > 0"),
        ({"n_threads": 0}, ValueError, "n_threads=0 must be >= 1"),
    ],
)
def test_arguments_out_of_range_are_refused(changes, error, message):
    with pytest.raises(error, match=message):
        hop(**changes)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start": -1.2}, "a path starts in source='x < -1.05'"),
        ({"start": 1.0}, "a path starts in target='x > 0.9'"),
    ],
)
def test_starts_in_a_region_are_refused(plain_python, changes, message):
    with pytest.raises(ValueError, match=message):
        hop(n_replicas=2, n_runs=2, **changes)


def test_rate_refuses_a_start_outside_the_source_and_a_surface_within(plain_python):
    few = {"n_replicas": 2, "n_runs": 2, "dt": 0.02}
    with pytest.raises(ValueError, match=r"start lies outside source='x < -0\.95'"):
        hop_rate(start=0.0, **few)
    with pytest.raises(ValueError, match=r"surface='x > -1\.1' is crossed within source='x < -0"):
        hop_rate(surface="x > -1.1", **few)


def test_paths_that_blow_up_or_never_end_are_errors(plain_python, monkeypatch):
    few = {"n_replicas": 3, "n_runs": 2, "dt": 0.02}
    with pytest.raises(DivergedPathError, match="a path of 2 of 2 runs has left") as caught:
        hop(divergence_bound=0.5, **few)
    assert caught.value.n_diverged == 2
    with pytest.raises(DivergedPathError, match="2 of 2 trajectories have left"):
        hop_rate(divergence_bound=0.5, **few)
    for module in (splitting, surface_crossings):
        monkeypatch.setattr(module, "GIVE_UP_STEPS", 30)
        monkeypatch.setattr(module, "CHUNK", 50)
    with pytest.raises(NoArrivalError, match="a path has reached neither source nor target"):
        hop(source="x < -9", target="x > 9", **few)
    with pytest.raises(NoArrivalError, match="no trajectory has crossed the surface"):
        hop_rate(surface="x > 9", target="x > 9", **few)


def test_room_for_records_is_checked_before_it_is_taken(plain_python, monkeypatch):
    monkeypatch.setattr("langevin_lab.ensemble.checks._physical_memory", lambda: 10_000)
    with pytest.raises(MemoryError, match="lower n_runs or n_replicas, or give level_spacing"):
        hop(n_replicas=20, n_runs=20)
