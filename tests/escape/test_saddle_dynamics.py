"""Exit from the saddle of a potential: spectra, steps of schemes and optimisers, regions."""

import numpy as np
import pytest
from z_test import assert_agrees, assert_refutes

import langevin_lab as ll
from langevin_lab.escape import (
    optimal_saddle_friction,
    saddle_exit_region,
    saddle_exit_time,
    strict_saddle_exit_time,
)
from langevin_lab.limits.escape_steps import heavy_ball_exit_steps

# Curvatures -2, -0.5, 3 along turned axes, saddle off the origin.
TURN = np.linalg.qr(np.array([[2.0, 1.0, 0.0], [0.3, -1.0, 1.0], [1.0, 0.2, 0.5]]))[0]
HESSIAN = TURN @ np.diag([-2.0, -0.5, 3.0]) @ TURN.T
CENTRE = np.array([0.4, -1.0, 0.0])


@pytest.fixture(scope="module")
def turned():
    names = [f"({name} - ({c!r}))" for name, c in zip("xyz", CENTRE.tolist())]
    terms = [f"({HESSIAN[i, j].item()!r})*{names[i]}*{names[j]}/2"
             for i in range(3) for j in range(3)]  # fmt: skip
    return ll.Potential.from_expression(" + ".join(terms), "x, y, z")


def test_exit_and_rate_take_the_same_points_for_stationary():
    well = ll.potentials.double_well()  # curvature 4 at the saddle, gradient -4 x
    near, far = 5e-6, 2e-5
    dynamics = ll.Overdamped(well, temperature=1e-4)
    assert saddle_exit_time(dynamics, near, 0.1).growth_rates[0] == pytest.approx(4.0)
    assert ll.escape.eyring_kramers(well, -1.0, near, 0.1).value > 0
    for refused in (
        lambda: saddle_exit_time(dynamics, far, 0.1),
        lambda: ll.escape.eyring_kramers(well, -1.0, far, 0.1),
    ):
        with pytest.raises(ValueError, match="is not stationary"):
            refused()


@pytest.mark.parametrize("thermal", [False, True])
def test_continuous_law_is_that_of_the_spectrum(turned, thermal):
    dynamics = ll.Langevin(turned, temperature=1e-5, friction=0.3, mass=2.0)
    law = saddle_exit_time(dynamics, CENTRE, 0.7, thermal_start=thermal)
    expected = strict_saddle_exit_time(
        curvatures=[2.0, 0.5], distance=0.7, temperature=1e-5, friction=0.3, mass=2.0,
        thermal_start=thermal,
    )  # fmt: skip
    assert law.mean == pytest.approx(expected.mean, rel=1e-12)
    slow = ll.Overdamped(turned, temperature=1e-5, friction=3.0)
    law = saddle_exit_time(slow, CENTRE, [0.7, 0.2], region="box")
    expected = strict_saddle_exit_time(
        curvatures=[2.0, 0.5], distance=[0.7, 0.2], temperature=1e-5, friction=3.0, region="box"
    )
    assert law.mean == pytest.approx(expected.mean, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "order"),
    [("BAOAB", 2), ("OBABO", 2), ("StochasticHeun", 2), ("EulerMaruyama", 1)],
)
def test_law_of_a_scheme_tends_to_that_of_the_dynamics(turned, name, order):
    overdamped = name in ("StochasticHeun", "EulerMaruyama")
    kind = ll.Overdamped if overdamped else ll.Langevin
    dynamics = kind(turned, temperature=1e-5, friction=0.8)
    thermal = not overdamped
    limit = saddle_exit_time(dynamics, CENTRE, 0.7, thermal_start=thermal).mean
    steps = np.array([0.04, 0.02, 0.01])
    errors = []
    for dt in steps:
        law = saddle_exit_time(dynamics, CENTRE, 0.7, integrator=name, dt=dt, thermal_start=thermal)
        assert law.delay == pytest.approx(dt / 2)
        errors.append(abs(law.mean - law.delay - limit))
    slope = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope == pytest.approx(order, abs=0.1)


def test_thermal_momenta_of_a_scheme_have_its_mass(turned):
    heavy = ll.Langevin(turned, temperature=1e-5, friction=0.3, mass=4.0)
    limit = saddle_exit_time(heavy, CENTRE, 0.7, thermal_start=True).mean
    law = saddle_exit_time(heavy, CENTRE, 0.7, integrator="BAOAB", dt=0.01, thermal_start=True)
    assert law.mean - law.delay == pytest.approx(limit, rel=1e-4)


@pytest.mark.parametrize("momentum", [0.0, 0.6, 0.95])
def test_law_of_heavy_ball_is_that_of_its_recursion(momentum):
    saddle = ll.potentials.strict_saddle(dim=3, instability=0.7)
    optimiser = ll.momentum.HeavyBall(learning_rate=0.02, momentum=momentum)
    law = saddle_exit_time(saddle, np.zeros(3), 0.5, integrator=optimiser, gradient_noise=1e-7)
    expected = heavy_ball_exit_steps(
        learning_rate=0.02, momentum=momentum, curvature=0.7, gradient_noise=1e-7, distance=0.5
    )
    assert law.mean - 0.5 == pytest.approx(expected.mean, rel=1e-10)
    assert law.growth_rates[0] == pytest.approx(np.log(expected.growth), rel=1e-10)
    assert law.amplitudes[0] == pytest.approx(expected.amplitude, rel=1e-9)


@pytest.mark.parametrize(("thermal", "friction"), [(True, 0.0), (True, 0.4), (False, 0.4)])
def test_variance_of_a_scheme_is_that_of_its_exact_law(turned, thermal, friction):
    dynamics = ll.Langevin(turned, temperature=1e-5, friction=friction, mass=2.0)
    law = saddle_exit_time(dynamics, CENTRE, 1.0, integrator="BAOAB", dt=0.1, thermal_start=thermal)
    start = np.diag([0.0, 2e-5 * thermal])
    for n_steps in (0, 1, 2, 7, 60):
        _, exact = ll.exact.propagate(
            "BAOAB", n_steps, mean=[0.0, 0.0], covariance=start, stiffness=-0.5, temperature=1e-5,
            friction=friction, dt=0.1, mass=2.0,
        )  # fmt: skip
        found = law._weights(np.float64(0.1 * n_steps))
        assert found[1] == pytest.approx(exact[0, 0], rel=1e-8, abs=1e-20)


@pytest.mark.parametrize(
    "optimiser",
    [
        ll.momentum.HeavyBall(learning_rate=0.05, momentum=0.9),
        ll.momentum.HeavyBall(learning_rate=0.05, momentum=0.0),
        ll.momentum.Nesterov(learning_rate=0.05, momentum=0.7),
        ll.momentum.SGD(learning_rate=0.05, momentum=0.9, dampening=0.4),
    ],
    ids=["heavy ball", "descent", "Nesterov", "dampening"],
)
def test_variance_of_an_optimiser_is_that_of_its_exact_law(turned, optimiser):
    law = saddle_exit_time(turned, CENTRE, 1.0, integrator=optimiser, gradient_noise=0.01)
    for n_steps in (1, 2, 7, 60):
        _, exact = ll.exact.propagate(
            optimiser, n_steps, mean=[0.0, 0.0], stiffness=-0.5, gradient_noise=0.01
        )
        found = law._weights(np.float64(n_steps))
        assert found[1] == pytest.approx(exact[0, 0], rel=1e-8)


def test_stored_normal_of_leimkuhler_and_matthews_is_drawn_at_the_start():
    """x' = (1 + dt) x + sqrt(T dt/2) (r + n), r' = n: moments by hand, and a numpy ensemble."""
    dynamics = ll.Overdamped(ll.Potential.from_expression("-x**2/2"), temperature=1e-4)
    law = saddle_exit_time(dynamics, 0.0, 1.0, integrator="LeimkuhlerMatthews", dt=0.1)
    assert law.amplitudes[0] ** 2 == pytest.approx(1e-4 / 1.1, rel=1e-12)
    x, n, rng = np.zeros(20_000), 20_000, np.random.default_rng(8)
    stored, steps, inside = rng.standard_normal(n), np.zeros(n), np.ones(n, bool)
    while inside.any():
        drawn = rng.standard_normal(n)
        x = np.where(inside, 1.1 * x + np.sqrt(1e-4 * 0.1 / 2) * (stored + drawn), x)
        stored, steps = drawn, steps + inside
        inside &= np.abs(x) < 1.0
    error = 0.1 * steps.std() / np.sqrt(n)
    assert_agrees(0.1 * steps.mean(), error, law.mean, n, "Leimkuhler-Matthews")
    cold = ll.Overdamped(dynamics.potential, temperature=0.93e-4)
    wrong = saddle_exit_time(cold, 0.0, 1.0, integrator="LeimkuhlerMatthews", dt=0.1)
    assert_refutes(0.1 * steps.mean(), error, wrong.mean, n, "temperature")


def test_first_passage_of_heavy_ball_follows_the_law():
    """Plain numpy steps on two unstable directions of different curvature."""
    curvatures, n, rng = np.array([1.0, 0.6]), 20_000, np.random.default_rng(3)
    potential = ll.Potential.from_expression(
        "-(a*x**2 + b*y**2)/2 + z**2", "x, y, z", {"a": 1.0, "b": 0.6}
    )
    optimiser = ll.momentum.HeavyBall(learning_rate=0.05, momentum=0.8)
    law = saddle_exit_time(potential, np.zeros(3), 1.0, integrator=optimiser, gradient_noise=0.01)
    x, p, steps = np.zeros((n, 2)), np.zeros((n, 2)), np.zeros(n)
    inside = np.ones(n, bool)
    while inside.any():
        kick = -curvatures * x + 0.01 * rng.standard_normal((n, 2))
        p = 0.8 * p - 0.05 * kick
        x = np.where(inside[:, None], x + p, x)
        steps += inside
        inside &= (x**2).sum(axis=1) < 1.0
    error = steps.std() / np.sqrt(n)
    assert_agrees(steps.mean(), error, law.mean, n, "steps")
    wrong = ll.momentum.HeavyBall(learning_rate=0.05, momentum=0.79)
    other = saddle_exit_time(potential, np.zeros(3), 1.0, integrator=wrong, gradient_noise=0.01)
    assert_refutes(steps.mean(), error, other.mean, n, "momentum")
    alone = heavy_ball_exit_steps(
        learning_rate=0.05, momentum=0.8, curvature=1.0, gradient_noise=0.01, distance=1.0
    )
    assert_refutes(steps.mean(), error, alone.mean + 0.5, n, "steepest direction alone")


def test_noise_of_the_potential_counts_like_that_of_the_argument(turned):
    optimiser = ll.momentum.Nesterov(learning_rate=0.05, momentum=0.5)
    given = saddle_exit_time(turned, CENTRE, 0.5, integrator=optimiser, gradient_noise=0.01)
    drawn = turned.with_gradient_noise(covariance=1e-4 * np.eye(3))
    own = saddle_exit_time(drawn, CENTRE, 0.5, integrator=optimiser)
    assert own.mean == pytest.approx(given.mean, rel=1e-12)


def test_gradient_noise_is_a_temperature_for_small_steps(turned):
    """Two half kicks with one drawn gradient: sigma^2 dt = 2 friction mass times more T."""
    dt, friction = 0.002, 0.8
    spread = np.sqrt(2 * friction * 1e-5 / dt)
    noisy = ll.Langevin(
        turned.with_gradient_noise(standard_deviation=spread), temperature=1e-5, friction=friction
    )
    law = saddle_exit_time(noisy, CENTRE, 0.7, integrator="BAOAB", dt=dt)
    hot = ll.Langevin(turned, temperature=2e-5, friction=friction)
    assert law.mean == pytest.approx(saddle_exit_time(hot, CENTRE, 0.7).mean, rel=1e-3)
    with pytest.raises(ValueError, match="the gradient is drawn"):
        saddle_exit_time(noisy, CENTRE, 0.7)


def test_region_is_the_distance_in_the_unstable_plane(turned):
    from langevin_lab.potentials import parse_region

    points = CENTRE + np.random.default_rng(1).standard_normal((200, 3))
    u = (points - CENTRE) @ TURN[:, :2]
    values = dict(zip("xyz", points.T))
    sphere = parse_region(saddle_exit_region(turned, CENTRE, 1.1), ("x", "y", "z"))
    assert np.array_equal(sphere.evaluate(values), (u**2).sum(axis=1) >= 1.21)
    box = parse_region(saddle_exit_region(turned, CENTRE, [0.7, 1.4], region="box"), tuple("xyz"))
    assert np.array_equal(box.evaluate(values), (np.abs(u) >= [0.7, 1.4]).any(axis=1))


def test_region_of_a_straight_saddle_is_short():
    saddle = ll.potentials.strict_saddle(dim=3)
    assert saddle_exit_region(saddle, np.zeros(3), 0.5) == "(x)**2 >= 0.25"
    assert saddle_exit_region(saddle, np.zeros(3), 0.5, region="box") == "abs(x) >= 0.5"


def test_best_friction_of_one_direction_is_known():
    saddle = ll.potentials.strict_saddle()
    for temperature in (1e-12, 1e-14, 1e-18):
        known, law = ll.escape.optimal_exit_friction(
            curvature=1.0, distance=1.0, temperature=temperature
        )
        friction, exit = optimal_saddle_friction(saddle, [0.0, 0.0], 1.0, temperature=temperature)
        assert friction == pytest.approx(known, rel=1e-4)
        assert exit.mean == pytest.approx(law.mean, rel=1e-10)


def test_best_friction_of_two_directions_is_a_minimum(turned):
    friction, law = optimal_saddle_friction(turned, CENTRE, 0.7, temperature=1e-6, mass=2.0)
    assert friction * law.mean == pytest.approx(1.0, abs=0.3)  # sqrt(k/m) = 1, l near 1
    for factor in (0.9, 1.1):
        near = ll.Langevin(turned, temperature=1e-6, friction=factor * friction, mass=2.0)
        assert saddle_exit_time(near, CENTRE, 0.7).mean > law.mean


def test_wrong_input_is_refused(turned):
    dynamics = ll.Langevin(turned, temperature=1e-4, friction=0.3)
    heavy = ll.momentum.HeavyBall(learning_rate=0.01, momentum=0.5)

    def refused(message, *arguments, error=ValueError, function=saddle_exit_time, **settings):
        with pytest.raises(error, match=message):
            function(*arguments, **settings)

    refused(r"is not stationary: \|gradient\|=", dynamics, CENTRE + 0.1, 1.0)
    refused(r"must be a finite point with 3 coordinate", dynamics, [0.0, 1.0], 1.0)
    well = ll.Langevin(ll.potentials.harmonic(stiffness=2.0), temperature=0.1, friction=1.0)
    refused(r"no unstable direction: its lowest Hessian eigenvalue is 2", well, 0.0, 1.0)
    refused(r"is a potential: wrap it in ll\.Langevin", turned, CENTRE, 1.0, error=TypeError)
    refused(r"dt=0\.1 and gradient_noise=None need an integrator", dynamics, CENTRE, 1.0, dt=0.1)
    refused(r"has no noise, so that it never leaves", turned, CENTRE, 1.0, integrator=heavy)
    refused(r"has no Maxwell law", turned, CENTRE, 1.0, integrator=heavy, gradient_noise=0.1,
            thermal_start=True)  # fmt: skip
    refused(r"is not the same in all directions", turned, CENTRE, 1.0, integrator=heavy,
            gradient_noise=[0.1, 0.2, 0.1])  # fmt: skip
    uneven = ll.Langevin(turned, temperature=1e-4, friction=(0.3, 0.3, 0.5))
    refused(r"friction=.* differs between coordinates", uneven, CENTRE, 1.0)
    slow = ll.Overdamped(turned, temperature=1e-4)
    refused(r"overdamped dynamics has no momenta", slow, CENTRE, 1.0, thermal_start=True,
            integrator="StochasticHeun", dt=0.1)  # fmt: skip
    refused(r"no friction is best in .*; it is for T << curvature distance\^2 = 2", turned,
            CENTRE, 1.0, function=optimal_saddle_friction, temperature=1e4)  # fmt: skip
