"""Hop rates from populations: two-state algebra, exact spectra, and what is refused."""

import numpy as np
import pytest
from z_test import assert_agrees, assert_refutes

import langevin_lab as ll
from langevin_lab.escape import HopRate, hop_rate, population_decay
from langevin_lab.exact.kinetic import slow_mode

WELL = ll.potentials.double_well()
BALL = ll.momentum.HeavyBall(learning_rate=0.1, momentum=0.5)
HOT = ll.Overdamped(WELL, temperature=0.5)
TILTED = ll.Potential.from_expression("(x**2 - 1)**2 + k*x", parameters={"k": 0.2}, name="tilted")


def measured(dynamics=HOT, method="StochasticHeun", **changes):
    settings = {"dt": 0.01, "well": "x < 0", "starts": (-1.0, 1.0), "n_replicas": 400, "seed": 3}
    return hop_rate(dynamics, method, **{**settings, **changes})


def two_states(rate, back_rate, times, amplitudes, n_groups=4):
    """Sums of exact populations, the same in all groups."""
    total, times = rate + back_rate, np.asarray(times)
    p, decay = back_rate / total, np.exp(-total * times)
    own = [100.0, *(100 * (p + amplitudes[0] * decay))]
    other = [50.0, *(50 * (p - amplitudes[1] * decay))]
    return HopRate(times, np.tile([*own, *other], (n_groups, 1)), 0.1, 0.0)


@pytest.mark.parametrize("amplitudes", [(0.7, 0.3), (0.6, 0.25)])
def test_rates_of_two_states_are_found_exactly(amplitudes):
    """Whatever weight faster modes have taken from the slow one."""
    found = two_states(0.07, 0.03, [4.0, 7.0, 10.0], amplitudes)
    assert found.relaxation_rate.value == pytest.approx(0.1, rel=1e-12)
    assert found.population.value == pytest.approx(0.3, rel=1e-12)
    assert found.rate.value == pytest.approx(0.07, rel=1e-12)
    assert found.back_rate.value == pytest.approx(0.03, rel=1e-12)
    assert found.plateau.value == pytest.approx(0.0, abs=1e-12)
    assert found.rate.stderr == pytest.approx(0.0, abs=1e-12)
    expected = 0.3 + amplitudes[0] * np.exp(-0.1 * np.array([4.0, 7.0, 10.0]))
    np.testing.assert_allclose(found.populations[0], expected, rtol=1e-12)


def test_a_second_decay_shows_in_the_plateau():
    found = two_states(0.07, 0.03, [4.0, 7.0, 10.0], (0.7, 0.3))
    found.sums[:, 1] += 5.0
    assert found.plateau.value > 0.1


def test_errors_of_two_states_are_those_of_repeated_runs():
    rng, scores = np.random.default_rng(4), []
    exact = two_states(0.07, 0.03, [4.0, 7.0, 10.0], (0.7, 0.3))
    fractions = exact.populations
    for _ in range(200):
        sums = np.empty((64, 8))
        for start, place in ((0, 0), (1, 4)):
            stay = rng.random((64, 200, 3)) < fractions[start]
            sums[:, place], sums[:, place + 1 : place + 4] = 200, stay.sum(axis=1)
        found = HopRate(exact.times, sums, 0.1, 0.0)
        scores.append([(found.relaxation_rate.value - 0.1) / found.relaxation_rate.stderr,
                       (found.rate.value - 0.07) / found.rate.stderr,
                       (found.back_rate.value - 0.03) / found.back_rate.stderr])  # fmt: skip
    for column, name in zip(np.transpose(scores), ("sum", "rate", "back rate")):
        assert_agrees(column.std(), 1 / np.sqrt(400), 1.0, 200, f"scores of {name}")
        assert_refutes(column.std(), 1 / np.sqrt(400), 1.35, 200, f"scores of {name}")


def test_window_is_the_best_for_the_computing_time():
    for settled in (0.05, 0.5, 2.0):
        decay = population_decay._best_decay(settled)
        cost = lambda w, s=settled: np.expm1(2 * w) / w**2 * (s + w)  # noqa: E731
        assert cost(decay) <= min(cost(decay + 0.05), cost(max(decay - 0.05, 0.4))) * (1 + 1e-12)


def test_times_come_from_the_exact_spectrum():
    slow, fast = (mode.value for mode in ll.exact.spectrum(HOT, 2))
    rates = population_decay._two_rates(HOT)
    assert rates == pytest.approx((slow, fast))
    settle, window, contamination = population_decay._times(HOT, rates, None, None, 0.05)
    assert settle == pytest.approx(8 / (fast - slow))
    assert window == pytest.approx(population_decay._best_decay(slow * settle) / slow)
    assert contamination == pytest.approx(np.exp(-8) / (slow * window))
    mode = slow_mode(ll.Langevin(WELL, temperature=0.5, friction=3.0), tolerance=1e-3)
    assert population_decay._two_rates(ll.Langevin(WELL, temperature=0.5, friction=3.0)) == (
        mode.rate.value, mode.second_rate,
    )  # fmt: skip


@pytest.mark.slow
def test_both_rates_between_unequal_wells_are_the_exact_ones():
    """Sum from the spectrum, population from the Gibbs law; the border is the saddle."""
    dynamics = ll.Overdamped(TILTED, temperature=0.4)
    saddle = float(np.sort(np.roots([4.0, 0.0, -4.0, 0.2]).real)[1])
    found = measured(dynamics, dt=0.005, well=f"x < {saddle!r}", n_replicas=400_000)
    total = ll.exact.spectral_gap(dynamics).value
    p = ll.exact.gibbs_probability_below(dynamics, saddle).value
    bound = found.contamination * total
    for estimate, exact, label in (
        (found.relaxation_rate, total, "sum"), (found.population, p, "population"),
        (found.rate, total * (1 - p), "out"), (found.back_rate, total * p, "back"),
    ):  # fmt: skip
        assert bound < estimate.stderr
        assert_agrees(estimate.value, estimate.stderr, exact, 400_000, label)
        assert_refutes(estimate.value, estimate.stderr, 1.05 * exact, 400_000, label)


@pytest.mark.slow
def test_underdamped_rate_is_that_of_the_kinetic_spectrum():
    dynamics = ll.Langevin(WELL, temperature=0.5, friction=3.0)
    mode = slow_mode(dynamics, tolerance=1e-4)
    found = measured(dynamics, "BAOAB", dt=0.05, n_replicas=400_000,
                     relaxation_rates=(mode.rate.value, mode.second_rate))  # fmt: skip
    estimate = found.relaxation_rate
    # The time step makes it diffuse 0.2 % faster.
    exact = mode.rate.value * (1 + (3.0 * 0.05) ** 2 / 12)
    assert_agrees(estimate.value, estimate.stderr, exact, 400_000, "BAOAB, friction 3")
    wrong = slow_mode(ll.Langevin(WELL, temperature=0.5, friction=3.3), tolerance=1e-4).rate.value
    assert_refutes(estimate.value, estimate.stderr, wrong, 400_000, "friction 10 % too high")
    assert abs(found.plateau.value) < 4 * found.plateau.stderr


@pytest.mark.slow
def test_hop_rate_of_an_optimiser_is_that_of_its_transfer_operator():
    """CoolMomentum is the step of SGHMC, whose rate at a finite step is known without sampling."""
    cool = ll.momentum.CoolMomentum(learning_rate=0.04, momentum=0.6)
    noise = ll.limits.cool_momentum_noise(learning_rate=0.04, momentum=0.6, temperature=0.5)
    reading = ll.limits.to_langevin(cool, convention="SemiImplicitEuler", gradient_noise=noise)
    per_time = ll.exact.discrete_escape_rate(
        "SemiImplicitEuler", reading.dynamics(WELL), reading.dt, degree=24
    )
    exact = reading.dt * per_time.value
    found = hop_rate(
        WELL, cool, gradient_noise=noise, well="x < 0", starts=(-1.0, 1.0), n_replicas=800_000,
        seed=4, relaxation_rates=(2 * exact, 20 * exact),
    )  # fmt: skip
    assert found.dt == 1.0
    both = found.relaxation_rate
    assert_agrees(both.value, both.stderr, 2 * exact, 512, "hops in a step")
    assert_refutes(both.value, both.stderr, 1.05 * 2 * exact, 512, "hops in a step")
    assert abs(found.population.value - 0.5) < 5 * found.population.stderr


def test_counting_crossings_overestimates_the_rate_at_weak_friction():
    """By 52 % between thresholds at +-0.7, temperature 0.2, friction 0.3; hops by bursts."""
    dynamics = ll.Langevin(WELL, temperature=0.2, friction=0.3)
    run = ll.simulate(dynamics, "BAOAB", dt=0.05, n_steps=40_000, n_replicas=300, save_every=2,
                      seed=9, start=-1.0)  # fmt: skip
    counts = []
    for x in run["x"].values[..., 0].T:
        sides = np.sign(x[np.abs(x) > 0.7])
        counts.append(np.count_nonzero(np.diff(sides)))
    counted = np.array(counts) / (40_000 * 0.05)
    stderr = counted.std(ddof=1) / np.sqrt(300)
    exact = slow_mode(dynamics, tolerance=1e-4).rate.value / 2
    assert_agrees(counted.mean() / exact, stderr / exact, 1.52, 300, "crossings / exact")
    assert_refutes(counted.mean() / exact, stderr / exact, 1.0, 300, "crossings / exact")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_replicas": 8}, "n_replicas=8 must be >= 16"),
        ({"starts": (1.0, -1.0)}, r"starts=\[\[1.0\], \[-1.0\]\] lie outside and inside well="),
        ({"starts": (-1.0, -0.5)}, "lie inside and inside well='x < 0'; give one inside, then one"),
        ({"starts": ((-1.0, 0.0), (1.0, 0.0))}, "must be two finite points of double_well, of sha"),
        ({"starts": (-1.0, 0.0, 1.0)}, r"starts=\(-1\.0, 0\.0, 1\.0\) must be two finite points "),
        ({"starts": ((-1.0,), (1.0, 2.0))}, "must be two finite points of double_well, of shape "),
        ({"starts": "wells"}, "starts='wells' must be two finite points of double_well, of shape"),
        ({"starts": (np.nan, 1.0)}, r"starts=\(nan, 1\.0\) must be two finite points of double_w"),
        ({"dynamics": WELL, "method": BALL}, r"dt=0\.01 with HeavyBall.*leave dt out"),
        ({"gradient_noise": 1.0}, r"gradient_noise=1\.0 is for an optimiser on a potential"),
        ({"dynamics": WELL, "method": BALL, "dt": None, "gradient_noise": 1.0},
         "settle=None, window=None: the exact spectrum, .* not for this Descent in 1-D; give"),
        ({"n_replicas": 401}, "n_replicas=401 must be even: half of them begin at each of the sta"),
        ({"dt": 0}, "dt=0 must be finite and > 0"),
        ({"relaxation_rates": 1.0}, "relaxation_rates=1.0 must be two numbers, 0 < slow < fast"),
        ({"relaxation_rates": (1.0, "a")}, r"relaxation_rates=\(1\.0, 'a'\) must be two numbers"),
        ({"relaxation_rates": (1, 2, 3)}, r"relaxation_rates=\(1, 2, 3\) must be two numbers, 0"),
        ({"settle": "a"}, "settle='a' must be a number, finite and >= dt=0.01"),
        ({"window": True}, "window=True must be a number, finite and >= dt=0.01"),
        ({"settle": 0.001}, r"settle=0\.001 must be a number, finite and >= dt=0\.01"),
        ({"window": np.inf}, "window=inf must be a number, finite and"),
        ({"relaxation_rates": (2.0, 1.0)}, r"relaxation_rates=\(2\.0, 1\.0\) must be two numbers"),
        ({"well": "y < 0"}, "unknown name 'y'"),
        ({"dynamics": ll.Overdamped(ll.potentials.entropic_barrier(), temperature=0.5),
          "starts": ((-1, 0), (1, 0))},
         "settle=None, window=None: the exact spectrum, .* not for this Overdamped in 2-D; give"),
        ({"dynamics": ll.Overdamped(WELL.with_gradient_noise(standard_deviation=0.1),
                                    temperature=0.5)}, "settle=None, window=None: the exact"),
    ],
)  # fmt: skip
def test_wrong_argument_is_named_with_its_value(changes, message):
    with pytest.raises(ValueError, match=message):
        measured(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dt": "a"}, "dt='a' must be a number > 0"),
        ({"dt": None}, "dt is missing: give the time step"),
        ({"dynamics": WELL}, "is a potential: wrap it in ll.Langevin or ll.Overdamped"),
        ({"method": BALL, "dt": None}, "dynamics=Overdamped.*an optimiser works on a Potential"),
        ({"n_replicas": 400.0}, "n_replicas=400.0 must be an integer"),
    ],
)  # fmt: skip
def test_an_argument_of_another_type_is_named(changes, message):
    with pytest.raises(TypeError, match=message):
        measured(**changes)


def test_a_schedule_is_refused_though_the_times_are_given():
    cooling = ll.dynamics.Linear(start=0.5, stop=0.1, duration=10.0)
    with pytest.raises(ValueError, match="Overdamped is scheduled: its hop rates change with time"):
        measured(ll.Overdamped(WELL, temperature=cooling), settle=1.0, window=1.0)


def test_a_clock_that_starts_too_early_is_told():
    """In the well all are near its minimum at first, so few leave; later as many as ever."""
    message = (
        r"decays at 0\.\d+ in the first half of the window and 0\.\d+ in the second, more than 4 "
    )
    with pytest.warns(RuntimeWarning, match=message + "standard errors apart: .* longer settle"):
        early = measured(n_replicas=20_000, dt=0.02, settle=0.02, window=2.0)
    assert early.plateau.value < -4 * early.plateau.stderr
    late = measured(n_replicas=20_000, dt=0.02, settle=1.5, window=6.0)  # a warning would raise
    assert abs(late.plateau.value) < 4 * late.plateau.stderr


def test_decay_lost_in_noise_is_refused(plain_python):
    message = r"population difference .* at time 0\.\d+, .* no decay can be read from it; use more"
    with pytest.raises(ValueError, match=message):
        measured(n_replicas=64, dt=0.05, settle=0.05, window=0.1)


def test_diverged_replicas_are_refused(plain_python):
    hill = ll.Potential.from_expression("-x**2/2", name="hill")
    message = r"dt=0\.5: 16 of 16 replicas diverged; use a smaller step"
    with pytest.warns(RuntimeWarning), pytest.raises(ValueError, match=message):
        measured(ll.Overdamped(hill, temperature=0.1), "EulerMaruyama", dt=0.5, n_replicas=16,
                 settle=40.0, window=1.0, relaxation_rates=(0.1, 1.0))  # fmt: skip
