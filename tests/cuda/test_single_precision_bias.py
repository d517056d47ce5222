"""What float32 does to an ensemble: bits of a card, the same normals as in float64 beside it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numba import config

import langevin_lab as ll
from langevin_lab.cuda import single_emulation, single_steps
from langevin_lab.cuda.single_normals import circle, radius
from langevin_lab.ensemble.kernel import RecordingKernel
from langevin_lab.integrators import method_for

DT, FRICTION = 0.1, 1.0
SECOND_MOMENT = 6.3e-9  # E n^2 - 1 of the float32 normals, from test_normals_have_unit_variance


@pytest.fixture(autouse=True)
def quiet():
    """Arithmetic that overflows without a word, as on a card."""
    with np.errstate(all="ignore"):
        yield


def second_moment(scale=1.0, bits=20):
    """E n^2 - 1 by quadrature over the upper words; n = radius cos, which are independent."""
    middle = (np.arange(2**bits) * 2 + 1) << (31 - bits)
    words, zeros = middle.astype(np.uint32), np.zeros(2**bits, np.uint32)
    u = middle * 2.0**-32
    # Only the differences are summed: of the squares themselves the midpoint rule is too coarse.
    squares = (np.float32(scale) * radius(words, zeros)).astype(float) ** 2 + 2.0 * np.log1p(-u)
    cosines = circle(np.float32(1.0), words, zeros)[0].astype(float) ** 2
    cosines -= np.cos(2.0 * np.pi * u) ** 2
    return 0.5 * squares.mean() + 2.0 * cosines.mean()


@pytest.mark.slow
def test_normals_have_unit_variance_to_1e_8():
    assert second_moment() == pytest.approx(SECOND_MOMENT, abs=1e-9)


def test_a_radius_two_units_in_the_last_place_too_long_is_noticed():
    assert second_moment(scale=1.0 + 2.0**-22) > 1e-7


def coupled_moments(potential, *, dt=DT, temperature=1.0, start=0.0, n_steps=300, n_replicas=1500):
    """Means over replicas of x^2 and p^2 around the start, float32 minus float64, with errors."""
    motion = ll.Langevin(potential, temperature=temperature, friction=FRICTION)
    run = ll.simulate(
        motion, "BAOAB", dt=dt, n_steps=n_steps, n_replicas=n_replicas, seed=1, start=start,
        start_momentum=0.0, save_every=10,
    )  # fmt: skip
    steps = single_steps(motion, "BAOAB", dt=dt, start=np.full((n_replicas, 1), start), seed=1)
    sums, count = np.zeros((2, n_replicas)), 0
    for number, state in enumerate(itertools.islice(steps, n_steps), 1):
        if number % 10 == 0 and number * 3 > n_steps:
            count += 1
            for row, (name, zero) in enumerate((("x", start), ("p", 0.0))):
                reference = run[name].values[number // 10 - 1, :, 0] - zero
                sums[row] += (state[name][:, 0].astype(float) - zero) ** 2 - reference**2
    return sums.mean(axis=1) / count, sums.std(axis=1) / count / np.sqrt(n_replicas)


def decay_and_noise():
    """The coefficients of O, rounded to float32 and exact."""
    motion = ll.Langevin(ll.potentials.harmonic(), temperature=1.0, friction=FRICTION)
    method = method_for("BAOAB", motion)
    names = list(method.program.coefficients)
    row = RecordingKernel(motion, method, DT).table(0, 1)[0]
    exact = [row[names.index(name)] for name in ("decay", "noise")]
    return [float(np.float32(value)) for value in exact], exact


def report(means, errors, expected):
    z = (means - expected) / errors
    print(f"observed {means} +- {errors} | expected {expected} | z {z}")
    return np.abs(z).max()


@pytest.mark.slow
def test_stationary_law_of_a_spring_moves_as_noise_and_coefficients_round():
    """Both variances are T (1 + E n^2 - 1)(noise_32/noise_64)^2: kick and drift round alike."""
    means, errors = coupled_moments(ll.potentials.harmonic())
    (_, single), (_, double) = decay_and_noise()
    expected = (single / double) ** 2 * (1.0 + SECOND_MOMENT) - 1.0
    assert report(means, errors, expected) < 5
    assert errors.max() < 1e-8


@pytest.mark.slow
def test_a_decay_rounded_to_float32_would_move_it_visibly(monkeypatch):
    """Without its rest: by 2 decay (decay_32 - decay)/(1 - decay^2), 3e-8/(friction dt) at most."""
    whole = single_emulation._coefficients

    def without_rests(kernel):
        coefficients = whole(kernel)
        return (*coefficients[:4], *np.zeros(4, np.float32))

    monkeypatch.setattr(single_emulation, "_coefficients", without_rests)
    means, errors = coupled_moments(ll.potentials.harmonic())
    (decay, single), (exact, double) = decay_and_noise()
    unmoved = (single / double) ** 2 * (1.0 + SECOND_MOMENT) - 1.0
    assert report(means, errors, unmoved) > 5
    moved = unmoved + 2.0 * exact * (decay - exact) / (1.0 - exact**2)
    assert report(means, errors, moved) < 5


@pytest.mark.slow
def test_averages_over_a_double_well_move_by_less_than_1e_6():
    means, errors = coupled_moments(
        ll.potentials.double_well(), dt=0.05, temperature=0.2, start=0.0, n_steps=600
    )
    assert (np.abs(means) + 3 * errors).max() < 1e-6


def far_away(exponent):
    """A spring whose rest point is 1.5 * 2^exponent from zero; half a drift in units there."""
    centre = 1.5 * 2.0**exponent
    spring = ll.Potential.from_expression(
        "(x - centre)**2/2", variables=("x",), parameters={"centre": centre}
    )
    return spring, centre, 0.5 * DT / float(np.spacing(np.float32(centre)))


@pytest.mark.slow
def test_eight_units_in_the_last_place_a_drift_are_enough_and_one_is_not():
    potential, centre, units = far_away(15)
    assert units > 8
    means, errors = coupled_moments(potential, start=centre)
    assert (np.abs(means) - 3 * errors).max() < 2e-4
    potential, centre, units = far_away(20)
    assert units < 1
    means, errors = coupled_moments(potential, start=centre)
    assert (means - 3 * errors).max() > 5e-3


@pytest.mark.parametrize(("exponent", "moves"), [(-26, False), (-22, True)])
def test_a_descent_stands_still_below_half_a_unit(exponent, moves):
    tilt = ll.Potential.from_expression("slope*x", variables=("x",), parameters={"slope": 1.0})
    flow = ll.GradientFlow(tilt)
    steps = single_steps(flow, "EulerMaruyama", dt=2.0**exponent, start=np.ones((1, 1)), seed=1)
    *_, last = itertools.islice(steps, 200)
    expected = 1.0 - 200 * 2.0**exponent if moves else 1.0
    assert float(last["x"][0, 0]) == expected


@pytest.mark.skipif(not config.ENABLE_CUDASIM, reason="slow start on a card")
@pytest.mark.parametrize("method", ["BAOAB", "ABOBA"])
def test_a_kernel_gives_the_bits_of_the_arrays(method):
    motion = ll.Langevin(ll.potentials.double_well(), temperature=0.2, friction=FRICTION)
    run = ll.simulate(
        motion, method, dt=DT, n_steps=9, n_replicas=5, seed=2**34 + 1, start=1.0,
        start_momentum=0.0, backend="cuda", precision="float32", first_replica=7,
    )  # fmt: skip
    steps = single_steps(
        motion, method, dt=DT, start=np.ones((5, 1)), seed=2**34 + 1, first_replica=7
    )
    *_, last = itertools.islice(steps, 9)
    np.testing.assert_array_equal(run["x_final"].values, last["x"].astype(float))
    np.testing.assert_array_equal(run["p_final"].values, last["p"].astype(float))
    assert run.attrs["precision"] == "float32"


@pytest.mark.skipif(not config.ENABLE_CUDASIM, reason="slow start on a card")
def test_a_kernel_in_two_dimensions_follows_float64():
    motion = ll.Langevin(ll.potentials.mueller_brown(), temperature=10.0, friction=1.0)
    arguments = {
        "dt": 1e-3, "n_steps": 10, "n_replicas": 8, "seed": 3, "observe": {"u": "energy"}
    }  # fmt: skip
    single = ll.simulate(motion, "BAOAB", backend="cuda", precision="float32", **arguments)
    double = ll.simulate(motion, "BAOAB", **arguments)
    np.testing.assert_allclose(single["x_final"], double["x_final"], atol=1e-5)
    assert float(abs(single["x_final"] - double["x_final"]).max()) > 0
    assert float(single["u"]) == pytest.approx(float(double["u"]), rel=1e-5)


WELL = ll.potentials.double_well()
COOLING = ll.dynamics.Linear(start=1.0, stop=0.1, duration=0.1)
THERMOSTAT = ll.AdaptiveLangevin(WELL, temperature=0.2, thermal_mass=1.0, applied_noise=0.4)


@pytest.mark.skipif(not config.ENABLE_CUDASIM, reason="slow start on a card")
@pytest.mark.parametrize(
    ("dynamics", "method"),
    [
        (ll.Overdamped(WELL, temperature=0.2), "LeimkuhlerMatthews"),
        (THERMOSTAT, "BADODAB"),
        (ll.Langevin(WELL, temperature=0.2, friction=1.0), "GHMC"),
        (ll.GradientFlow(WELL), "RK4"),
        (WELL, ll.momentum.HeavyBall(learning_rate=1e-3, momentum=0.9)),
        (ll.Langevin(WELL, temperature=COOLING, friction=1.0), "BAOAB"),
    ],
    ids=["LeimkuhlerMatthews", "BADODAB", "GHMC", "RK4", "HeavyBall", "scheduled"],
)
def test_steps_of_all_kinds_follow_float64(dynamics, method):
    arguments = {"n_steps": 10, "n_replicas": 3, "seed": 5, "start": np.array([0.7])}
    if dynamics is not WELL:
        arguments["dt"] = 0.01
    single = ll.simulate(dynamics, method, backend="cuda", precision="float32", **arguments)
    double = ll.simulate(dynamics, method, **arguments)
    for name in [name for name in double if name.endswith("_final")]:
        np.testing.assert_allclose(single[name], double[name], atol=2e-6, err_msg=name)


@pytest.mark.parametrize(
    ("dynamics", "changes", "message"),
    [
        (ll.Langevin(WELL, temperature=COOLING, friction=1.0), {}, "has a schedule, and single_st"),
        (
            ll.Langevin(ll.potentials.phi4_chain(n_sites=2), temperature=1.0, friction=1.0),
            {"start": np.ones((3, 2))},
            "phi4_chain is made of loops over arrays, which run in float64; give a potential",
        ),
        (
            ll.Langevin(ll.potentials.mueller_brown(), temperature=9.0, friction=1.0),
            {"start": np.array([-0.5, 1.5])},
            r"start has the shape \(2,\); give \(n_replicas, 2\)",
        ),
        (
            ll.Langevin(WELL, temperature=1.0, friction=1.0),
            {"start_momentum": np.ones(3)},
            r"start_momentum has the shape \(3,\); give \(n_replicas, 1\)",
        ),
        (
            ll.Overdamped(WELL, temperature=1.0),
            {"method": "LeimkuhlerMatthews", "start_momentum": np.ones((3, 1))},
            "but Overdamped has no momenta; leave it out",
        ),
        (ll.Langevin(WELL, temperature=1.0, friction=1.0), {"seed": -1}, "seed=-1 must be >= 0"),
    ],
)
def test_what_single_steps_would_get_wrong_is_refused_at_once(dynamics, changes, message):
    settings = {"method": "BAOAB", "dt": 0.01, "start": np.ones((3, 1)), "seed": 1, **changes}
    with pytest.raises(ValueError, match=message):
        single_steps(dynamics, **settings)
