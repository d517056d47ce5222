"""Translations: the same positions, the same noise, the same temperature, and there and back."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from landscapes import Quartic

import langevin_lab as ll
from langevin_lab.integrators import method_for
from langevin_lab.limits import (
    CONVENTIONS,
    LangevinReading,
    OptimiserReading,
    OutsideRegimeWarning,
    small_parameters,
    to_langevin,
    to_optimiser,
)

KINETIC = ("BAOAB", "BBK", "SemiImplicitEuler")
OVERDAMPED = ("gradient_flow", "effective_learning_rate")
QUARTIC = Quartic(2)
N_STEPS = 200


def heavy_ball(first, second, rate, momentum, noise=None):
    """Positions of the recursion from its first two."""
    path = [first, second]
    for n in range(1, N_STEPS):
        drawn = QUARTIC.gradient(path[-1]) + (0.0 if noise is None else noise[n])
        path.append(path[-1] + momentum * (path[-1] - path[-2]) - rate * drawn)
    return np.array(path)


def positions(name, dynamics, dt, normals):
    """Positions of a method, start included; normals (n_steps, n_normals, 1, dim)."""
    scheme = method_for(name, dynamics)
    gradient, coefficients = QUARTIC.gradient, scheme.coefficients(dynamics, dt)
    start = {"x": np.array([[1.2, -0.7]]), "p": np.array([[0.3, 0.5]])}
    state = scheme.carried_state(start, gradient)
    path = [state["x"]]
    for drawn in normals[:, : scheme.n_normals]:
        state = scheme.step(state, drawn, coefficients, gradient)
        path.append(state["x"])
    return np.array(path)


@pytest.mark.parametrize("mass", [1.0, 2.5])
@pytest.mark.parametrize("name", KINETIC)
def test_noiseless_positions_are_heavy_ball(name, mass):
    dynamics = ll.Langevin(QUARTIC, temperature=0.0, friction=0.8, mass=mass)
    path = positions(name, dynamics, 0.2, np.zeros((N_STEPS, 1, 1, 2)))
    found = to_optimiser(dynamics, dt=0.2, convention=name)
    rate, momentum = found.learning_rate, found.momentum
    same = heavy_ball(path[0], path[1], rate, momentum)
    np.testing.assert_allclose(same, path, rtol=0, atol=1e-12)
    # Negative controls: constants wrong by 3 %.
    for wrong in (heavy_ball(path[0], path[1], 1.03 * rate, momentum),
                  heavy_ball(path[0], path[1], rate, 0.97 * momentum)):  # fmt: skip
        assert abs(wrong - path).max() > 1e-3


def test_conventions_are_told_apart_by_the_positions():
    """The constants of another convention are not those of BAOAB."""
    dynamics = ll.Langevin(QUARTIC, temperature=0.0, friction=0.8)
    path = positions("BAOAB", dynamics, 0.2, np.zeros((N_STEPS, 1, 1, 2)))
    for name in KINETIC[1:]:
        found = to_optimiser(dynamics, dt=0.2, convention=name)
        other = heavy_ball(path[0], path[1], found.learning_rate, found.momentum)
        assert abs(other - path).max() > 1e-5


@pytest.mark.parametrize(("name", "shift"), [("BBK", 1), ("SemiImplicitEuler", 0)])
def test_noisy_positions_are_noisy_heavy_ball(name, shift):
    """Step by step; BBK keeps a normal for the next step."""
    dynamics = ll.Langevin(QUARTIC, temperature=0.4, friction=0.8, mass=1.7)
    normals = np.random.default_rng(5).normal(size=(N_STEPS, 1, 1, 2))
    path = positions(name, dynamics, 0.2, normals)
    found = to_optimiser(dynamics, dt=0.2, convention=name)
    noise = -found.gradient_noise * np.roll(normals[:, 0], shift, axis=0)
    same = heavy_ball(path[0], path[1], found.learning_rate, found.momentum, noise)
    np.testing.assert_allclose(same, path, rtol=0, atol=1e-11)
    wrong = heavy_ball(path[0], path[1], found.learning_rate, found.momentum, 1.03 * noise)
    assert abs(wrong - path).max() > 1e-3


@pytest.mark.parametrize("name", OVERDAMPED)
@pytest.mark.parametrize("look_ahead", [0.0, 0.8])
def test_constant_force_gives_the_velocity_and_a_kick_the_diffusion(name, look_ahead):
    optimiser = OptimiserReading(
        learning_rate=0.03, momentum=0.8, look_ahead=look_ahead, gradient_noise=1.4, batch_size=4
    )
    reading = to_langevin(optimiser, convention=name)
    step = kick = total = 0.0
    for n in range(400):
        step = 0.8 * step - 0.03 * 2.0
        kick = 0.8 * kick + (0.03 * 0.7 if n == 0 else 0.0)
        total += kick
    assert math.isclose(step, -2.0 / reading.friction * reading.dt, rel_tol=1e-12)
    diffused = 2 * reading.temperature * reading.dt / reading.friction
    assert math.isclose(total**2, diffused, rel_tol=1e-12)
    assert not math.isclose(total**2, 1.03 * diffused, rel_tol=1e-2)
    equation = reading.dynamics(QUARTIC)
    assert equation == ll.Overdamped(
        QUARTIC, temperature=reading.temperature, friction=reading.friction
    )


def random_reading(name, rng):
    """Constants over several decades, the momentum in [0, 1)."""
    dt, loss = 10 ** rng.uniform(-4, 1), rng.uniform(1e-3, 1.0)
    friction = {"gradient_flow": loss, "effective_learning_rate": 1.0}.get(name, loss / dt)
    mass = 10 ** rng.uniform(-2, 2) if name in KINETIC else None
    return LangevinReading(
        convention=name, dt=dt, friction=friction, mass=mass, temperature=10 ** rng.uniform(-3, 1)
    )


def close(found, expected, scale=1.0):
    return abs(found - expected) <= 4e-15 * abs(expected) * scale


@pytest.mark.parametrize("choice", ["batch_size", "gradient_noise"])
@pytest.mark.parametrize("name", CONVENTIONS)
def test_dynamics_to_optimiser_and_back_is_the_identity(name, choice):
    rng = np.random.default_rng(11)
    for _ in range(300):
        reading = random_reading(name, rng)
        choices = {choice: 10 ** rng.uniform(-1, 2), "dampening": rng.uniform(0, 0.9)}
        if name == "effective_learning_rate":
            choices["momentum"] = rng.uniform(0, 0.99)
        optimiser = to_optimiser(reading, **choices)
        free = rng.choice(["mass", "dt"])
        given = {free: getattr(reading, free)} if name in KINETIC else {}
        again = to_langevin(optimiser, convention=name, **given)
        assert close(again.dt, reading.dt)
        assert close(again.mass, reading.mass)
        assert close(again.temperature, reading.temperature)
        # The momentum is stored to 1e-16: so is friction dt, not its ratio to it.
        lost = reading.friction * (reading.dt if name in KINETIC else 1.0)
        assert close(again.friction, reading.friction, scale=1 / min(lost, 1.0))


@pytest.mark.parametrize("name", CONVENTIONS)
def test_optimiser_to_dynamics_and_back_is_the_identity(name):
    rng = np.random.default_rng(12)
    for _ in range(300):
        optimiser = OptimiserReading(
            learning_rate=10 ** rng.uniform(-5, 1), momentum=rng.uniform(0.01, 0.999),
            dampening=rng.uniform(0, 0.9), gradient_noise=10 ** rng.uniform(-2, 2),
            batch_size=float(rng.integers(1, 513)),
        )  # fmt: skip
        given = {"mass": 10 ** rng.uniform(-2, 2)} if name in KINETIC else {}
        reading = to_langevin(optimiser, convention=name, **given)
        free = {"momentum": optimiser.momentum} if name == "effective_learning_rate" else {}
        for choice in ("gradient_noise", "batch_size"):
            again = to_optimiser(
                reading, dampening=optimiser.dampening, **free,
                **{choice: getattr(optimiser, choice)},
            )  # fmt: skip
            # A momentum is known to 1e-16, the temperature to that of 1 - momentum.
            lost = {"learning_rate": 1.0, "momentum": optimiser.momentum}
            for constant, value in vars(optimiser).items():
                scale = 1 / lost.get(constant, 1 - optimiser.momentum)
                assert close(getattr(again, constant), value, scale), constant


@pytest.mark.parametrize("name", CONVENTIONS)
def test_round_trip_notices_three_percent(name):
    reading = random_reading(name, np.random.default_rng(13))
    optimiser = to_optimiser(reading)
    wrong = SimpleNamespace(
        learning_rate=1.03 * optimiser.learning_rate, momentum=optimiser.momentum
    )
    assert not close(to_langevin(wrong, convention=name).dt, reading.dt, scale=1e12)


def test_temperature_needs_no_convention_and_that_of_coolmomentum_is_the_published_one():
    # sigma^2 = 4 T (1 - momentum)/(dt^2 (1 + momentum)), learning rate dt^2 (1 + momentum)/2.
    sigma = math.sqrt(4 * 0.2 * 0.1 / (0.01 * 1.9))
    cool = OptimiserReading(learning_rate=0.01 * 1.9 / 2, momentum=0.9, gradient_noise=sigma)
    for name in CONVENTIONS:
        assert math.isclose(to_langevin(cool, convention=name).temperature, 0.2, rel_tol=1e-14)
    assert math.isclose(to_langevin(cool, convention="BBK").dt, 0.1, rel_tol=1e-14)
    cold = OptimiserReading(learning_rate=0.01 / 2, momentum=0.0, gradient_noise=sigma)
    warm = OptimiserReading(learning_rate=0.01 * 1.99 / 2, momentum=0.99, gradient_noise=sigma)
    # Cooling from momentum 0.99 to 0 is by 199, not by 100.
    assert math.isclose(warm.temperature / cold.temperature, 199.0, rel_tol=1e-12)


def test_readings_of_a_dynamics_and_of_its_constants_agree():
    langevin = ll.Langevin(QUARTIC, temperature=0.3, friction=0.9, mass=2.0)
    reading = LangevinReading(convention="BAOAB", dt=0.1, friction=0.9, mass=2.0, temperature=0.3)
    assert to_optimiser(langevin, dt=0.1, convention="BAOAB") == to_optimiser(reading)
    assert reading.dynamics(QUARTIC) == langevin
    flow = to_optimiser(ll.GradientFlow(QUARTIC), dt=0.1, convention="effective_learning_rate")
    assert flow == OptimiserReading(learning_rate=0.1)


def slow_rate(momentum, step):
    """Decay of the slow mode of heavy ball a step, learning rate times curvature = step."""
    half = (1 + momentum - step) / 2
    return -math.log(half + math.sqrt(half**2 - momentum))


@pytest.mark.parametrize("momentum", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("name", OVERDAMPED)
def test_flow_is_ten_percent_off_at_the_limit_of_its_regime(name, momentum):
    rate = 0.2 * (1 - momentum) ** 2 / (1 + momentum)
    optimiser = OptimiserReading(learning_rate=rate, momentum=momentum)
    (small,) = small_parameters(optimiser, convention=name, curvature=1.0)
    assert math.isclose(small.value, small.limit)
    reading = to_langevin(optimiser, convention=name)
    ratio = slow_rate(momentum, optimiser.learning_rate) / (reading.dt / reading.friction)
    assert 0.09 < ratio - 1 < 0.14


def test_flows_are_readings_on_their_clock():
    """The momentum ODE of heavy ball is BBK with the learning rate as its time step."""
    ball = ll.momentum.HeavyBall(learning_rate=1e-3, momentum=0.7)
    flow = ll.limits.gradient_flow(ball, QUARTIC, curvature=3.0)
    reading = to_langevin(ball, convention="gradient_flow")
    assert flow.dynamics.friction == reading.friction
    assert flow.time_per_step == reading.dt
    inertial = ll.limits.momentum_flow(ball, QUARTIC, curvature=3.0)
    reading = to_langevin(ball, convention="BBK", dt=inertial.time_per_step)
    assert math.isclose(inertial.dynamics.friction, reading.friction, rel_tol=1e-14)
    assert math.isclose(inertial.dynamics.mass, reading.mass, rel_tol=1e-14)


def test_flows_and_dictionary_have_one_ratio_of_clocks():
    family = ll.momentum.MomentumFamily(learning_rate=1e-3, momentum=0.7, look_ahead=0.4)
    flow = ll.limits.gradient_flow(family, QUARTIC, curvature=3.0)
    (small,) = small_parameters(family, convention="gradient_flow", curvature=3.0)
    (same,) = flow.small_parameters
    assert math.isclose(small.value, same.value, rel_tol=1e-14)
    assert (small.name, small.limit) == (same.name, same.limit)


@pytest.mark.parametrize("name", KINETIC)
def test_discretisation_is_five_to_ten_percent_off_at_the_limit_of_its_regime(name):
    per_step, frequency = (limit for _, limit in CONVENTIONS[name].small)
    # Undamped, cos(angle) = 1 - (omega dt)^2/2.
    angle = math.acos(1 - frequency / 2)
    assert 0.04 < angle / math.sqrt(frequency) - 1 < 0.1
    found = to_optimiser(LangevinReading(convention=name, dt=1.0, friction=per_step))
    decay = -math.log(found.momentum) / per_step
    mobility = found.learning_rate / (1 - found.momentum) * per_step
    errors = sorted(abs(value - 1) for value in (decay, mobility))
    assert errors[0] < 1e-14  # each convention has one of the two exactly
    assert 0.07 < errors[1] < 0.12


def test_outside_the_regime_the_number_is_warned_of_at_the_line_that_asks():
    message = (
        r"the reading as gradient_flow is outside its regime: ratio of clocks "
        r"\(learning_rate\*curvature.* = 1.9 is above 0.1; use a smaller learning rate"
    )
    optimiser = OptimiserReading(learning_rate=0.01, momentum=0.9)
    with pytest.warns(OutsideRegimeWarning, match=message) as caught:
        to_langevin(optimiser, convention="gradient_flow", curvature=2.0)
    assert caught[0].filename == __file__
    with pytest.warns(
        OutsideRegimeWarning, match="friction per step .* = 1.5 is above 1"
    ) as caught:
        to_optimiser(LangevinReading(convention="BBK", dt=1.0, friction=1.5), curvature=0.1)
    assert caught[0].filename == __file__
    to_langevin(optimiser, convention="gradient_flow", curvature=0.09)  # silent, as is the next
    to_langevin(optimiser, convention="BBK", curvature=2.0)


def test_temperature_has_a_regime_where_there_is_noise():
    optimiser = SimpleNamespace(learning_rate=0.1, momentum=0.5)
    quiet = small_parameters(optimiser, convention="BAOAB", curvature=2.0)
    noisy = small_parameters(optimiser, convention="BAOAB", curvature=2.0, gradient_noise=1.0)
    assert [p.name for p in noisy[:2]] == [p.name for p in quiet]
    assert [p.value for p in noisy[2:]] == [pytest.approx(0.2 / 3), 0.0]
    ahead = OptimiserReading(learning_rate=0.1, momentum=0.5, look_ahead=0.5, gradient_noise=1.0)
    found = small_parameters(ahead, convention="gradient_flow", curvature=2.0)
    assert [p.value for p in found] == [pytest.approx(v) for v in (0.4, 0.2 / 3, 0.2)]


def test_contradicting_choices_are_named():
    ball = OptimiserReading(learning_rate=0.1, momentum=0.9)
    with pytest.raises(ValueError, match=r"mass=2.0 and dt=0.1 are one free choice: give one"):
        to_langevin(ball, convention="BAOAB", mass=2.0, dt=0.1)
    with pytest.raises(ValueError, match=r"mass=1.0, dt=None: .*'gradient_flow' is overdamped"):
        to_langevin(ball, convention="gradient_flow", mass=1.0)
    with pytest.raises(ValueError, match=r"mass=-1.0 must be a finite number > 0"):
        to_langevin(ball, convention="BAOAB", mass=-1.0)
    with pytest.raises(ValueError, match=r"dt=0.0 must be a finite number > 0"):
        to_langevin(ball, convention="BAOAB", dt=0.0)
    with pytest.raises(ValueError, match=r"curvature=-1.0 must be a finite number > 0"):
        to_langevin(ball, convention="BAOAB", curvature=-1.0)
    ahead = OptimiserReading(learning_rate=0.1, momentum=0.9, look_ahead=0.9)
    with pytest.raises(ValueError, match=r"look_ahead=0.9: .*reads heavy ball only; use 'gradient"):
        to_langevin(ahead, convention="BBK")
    with pytest.raises(ValueError, match="convention='baoab' is unknown: use one of 'BAOAB', "):
        to_langevin(ball, convention="baoab")
    with pytest.raises(ValueError, match=r"momentum=0.0 has an infinite friction when read as"):
        to_langevin(OptimiserReading(learning_rate=0.1), convention="BAOAB")
    still = OptimiserReading(learning_rate=0.1, momentum=1.0)
    with pytest.raises(ValueError, match="momentum=1 has no gradient_flow: it never relaxes"):
        to_langevin(still, convention="gradient_flow")
    with pytest.raises(ValueError, match="momentum=1 has no friction, so gradient_noise=2 heats"):
        to_langevin(still, convention="BBK", gradient_noise=2.0)


def test_dynamics_that_are_no_optimiser_are_named():
    reading = LangevinReading(convention="SemiImplicitEuler", dt=1.0, friction=1.5)
    with pytest.raises(ValueError, match=r"friction=1.5 at dt=1 has the momentum -0.5 < 0 .* dt"):
        to_optimiser(reading)
    flow = LangevinReading(convention="gradient_flow", dt=1.0, friction=1.5)
    with pytest.raises(ValueError, match=r"momentum -0.5 < 0 in .*; use a smaller friction"):
        to_optimiser(flow)
    with pytest.raises(ValueError, match=r"friction=3.0 must lie between 0 and 2/dt=2"):
        to_optimiser(LangevinReading(convention="BBK", dt=1.0, friction=3.0))
    warm = LangevinReading(convention="BBK", dt=1.0, friction=0.5, temperature=0.2)
    with pytest.raises(ValueError, match=r"gradient_noise=1.0 and batch_size=2: the temperature"):
        to_optimiser(warm, gradient_noise=1.0, batch_size=2)
    with pytest.raises(ValueError, match=r"gradient_noise=0.0 must be a finite number > 0"):
        to_optimiser(warm, gradient_noise=0.0)
    with pytest.raises(ValueError, match=r"momentum=0.5: convention='BBK' has it follow"):
        to_optimiser(warm, momentum=0.5)
    with pytest.raises(ValueError, match=r"dampening=1.0 must be in \[0, 1\)"):
        to_optimiser(warm, dampening=1.0)
    cold = LangevinReading(convention="BBK", dt=1.0, friction=0.5)
    with pytest.raises(ValueError, match=r"gradient_noise=1: no batch size makes temperature 0"):
        to_optimiser(cold, gradient_noise=1.0)
    free = LangevinReading(convention="BBK", dt=1.0, friction=0.0, temperature=0.2)
    with pytest.raises(ValueError, match=r"temperature=0.2: without friction there is no noise"):
        to_optimiser(free)
    clock = LangevinReading(convention="effective_learning_rate", dt=1.0, friction=1.0)
    with pytest.raises(ValueError, match=r"momentum=1.0 must be in \[0, 1\)"):
        to_optimiser(clock, momentum=1.0)


def test_hamiltonian_dynamics_is_an_optimiser_of_momentum_one():
    for name in KINETIC:
        reading = LangevinReading(convention=name, dt=0.5, friction=0.0)
        optimiser = to_optimiser(reading)
        assert (optimiser.learning_rate, optimiser.momentum) == (0.25, 1.0)
        assert to_langevin(optimiser, convention=name) == reading
