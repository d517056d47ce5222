"""CoolMomentum's temperature and its inverse, its cooling factor, its readings and limits."""

import math

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.dynamics import CoolingMomentum
from langevin_lab.limits import (
    CONVENTIONS,
    cool_momentum_noise,
    cool_momentum_temperature,
    cooling_factor,
)
from langevin_lab.momentum import CoolMomentum, HeavyBall

NUMBERS = {"learning_rate": 0.3, "momentum": 0.8, "batch_size": 7.0, "curvature": 1.9}


def lyapunov(rate, momentum, curvature, noise):
    """The covariance of (x, D) from its own linear equations, solved as they stand."""
    kick = rate * (1 + momentum) / 2
    matrix = np.array([[1 - kick * curvature, momentum], [-kick * curvature, momentum]])
    source = (kick * noise) ** 2 * np.ones(4)
    return np.linalg.solve(np.eye(4) - np.kron(matrix, matrix), source).reshape(2, 2)


def test_temperature_solves_the_lyapunov_equation():
    noise = 1.3
    found = cool_momentum_temperature(**NUMBERS, gradient_noise=noise)
    exact = lyapunov(0.3, 0.8, 1.9, noise / math.sqrt(7.0))
    assert 1.9 * exact[0, 0] == pytest.approx(found, rel=1e-12)
    assert exact[1, 1] / 0.3 == pytest.approx(found, rel=1e-12)
    wrong = lyapunov(0.3, 0.79, 1.9, noise / math.sqrt(7.0))
    assert abs(1.9 * wrong[0, 0] / found - 1) > 0.02


def test_at_small_steps_it_is_that_of_the_dictionary():
    cool = CoolMomentum(learning_rate=0.3, momentum=0.8)
    reading = ll.limits.to_langevin(cool, convention="BBK", gradient_noise=1.3, batch_size=7)
    flat = cool_momentum_temperature(**NUMBERS | {"curvature": 0.0}, gradient_noise=1.3)
    assert reading.temperature == pytest.approx(flat, rel=1e-14)
    assert cool_momentum_temperature(**NUMBERS, gradient_noise=1.3) / flat == pytest.approx(
        1 / (1 - 0.3 * 1.9 / 4), rel=1e-14
    )


def test_noise_inverts_the_temperature():
    momenta = np.array([[0.0, 0.5, 0.9], [0.99, 0.2, 0.7]])
    numbers = NUMBERS | {"momentum": momenta}
    hot = cool_momentum_temperature(**numbers, gradient_noise=1.3)
    assert hot.shape == (2, 3)
    for momentum, temperature in zip(momenta.flat, hot.flat):
        back = cool_momentum_noise(**NUMBERS | {"momentum": momentum}, temperature=temperature)
        assert back == pytest.approx(1.3, rel=1e-14)
        assert isinstance(back, float)
    quiet = cool_momentum_noise(**numbers, temperature=0.2)
    assert quiet.shape == (2, 3)
    assert quiet[0, 0] > quiet[1, 0]


def test_it_cools_by_199_and_not_by_100():
    assert cooling_factor(0.99) == pytest.approx(199.0, rel=1e-12)
    assert cooling_factor(0.99, 0.0) != pytest.approx(100.0, rel=0.5)
    assert cooling_factor(0.9, 0.9) == 1.0


@pytest.mark.parametrize(
    ("part", "momentum", "left", "quoted"),
    [
        (0.25, 0.9684, 0.313, 0.316),
        (0.5, 0.9, 0.0955, 0.1),
        (0.75, 0.684, 0.0268, 0.0316),
        (0.9, 0.369, 0.0109, 0.0158),
        (1.0, 0.0, 0.00503, 0.01),
    ],
)
def test_table_of_the_published_schedule(part, momentum, left, quoted):
    rho = float(CoolingMomentum(start=0.99, duration=1.0)(part))
    assert rho == pytest.approx(momentum, abs=6e-5 if part < 0.7 else 6e-4)
    assert 1 / cooling_factor(0.99, rho) == pytest.approx(left, rel=5e-3)
    assert 0.01 / (1 - rho) == pytest.approx(quoted, rel=5e-3)


def test_later_schedules_cool_as_they_are_named():
    part = np.linspace(0, 1, 21)
    falling = {
        form: 1 / cooling_factor(0.99, CoolingMomentum(start=0.99, duration=1.0, form=form)(part))
        for form in ("exponential", "linear")
    }
    np.testing.assert_allclose(falling["exponential"], 199.0**-part, rtol=1e-10)
    # (1 + rho)/(1 - rho) = 1 + 2 rho/(1 - rho)
    np.testing.assert_allclose(falling["linear"], 1 - part * 198 / 199, rtol=1e-10)


def test_readings_as_dynamics_have_the_square_root_of_the_rate_as_their_step():
    cool = CoolMomentum(learning_rate=0.04, momentum=0.8)
    for name in ("BAOAB", "BBK"):
        reading = ll.limits.to_langevin(cool, convention=name)
        assert (reading.dt, reading.mass) == (pytest.approx(0.2, rel=1e-14), 1.0)
        back = ll.limits.to_optimiser(reading)
        assert back.learning_rate == pytest.approx(0.04 * 0.9, rel=1e-12)
        assert back.momentum == pytest.approx(0.8, rel=1e-12)
    assert ll.limits.to_langevin(cool, convention="BAOAB").friction == pytest.approx(
        -math.log(0.8) / 0.2
    )
    assert ll.limits.to_langevin(cool, convention="BBK").friction == pytest.approx(
        2 * 0.2 / 1.8 / 0.2
    )
    plain = HeavyBall(learning_rate=0.036, momentum=0.8)
    for name in CONVENTIONS:
        one, other = (ll.limits.to_langevin(m, convention=name) for m in (cool, plain))
        assert one.dt == pytest.approx(other.dt, rel=1e-14)
        assert one.friction == pytest.approx(other.friction, rel=1e-14)


@pytest.mark.parametrize(
    ("limit", "order"), [("gradient_flow", 1.0), ("momentum_flow", 2.0), ("modified_flow", 2.0)]
)
def test_limits_of_heavy_ball_hold_for_it(limit, order):
    found = ll.limits.compare(
        lambda rate: CoolMomentum(learning_rate=rate, momentum=0.5), limit,
        ll.potentials.double_well(), start=[0.5],
    )  # fmt: skip
    measured = found.order if order == 1.0 else found.late_order
    low, high = measured.interval()
    assert low < order < high


def test_diffusion_has_the_temperature_of_small_steps():
    well = ll.potentials.harmonic().with_gradient_noise(standard_deviation=1.3)
    limit = ll.limits.diffusion(CoolMomentum(learning_rate=0.004, momentum=0.5), well)
    expected = cool_momentum_temperature(learning_rate=0.004, momentum=0.5, gradient_noise=1.3)
    assert limit.dynamics.temperature == pytest.approx(expected, rel=1e-14)
    assert limit.time_per_step == pytest.approx(0.003)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"momentum": 1.0}, r"momentum=1\.0 must be a momentum coefficient in \[0, 1\)"),
        ({"momentum": [0.5, -0.1]}, r"momentum=-0\.1 must be a momentum coefficient"),
        ({"learning_rate": 0.0}, r"learning_rate=0\.0 must be a finite number > 0"),
        ({"batch_size": 0}, "batch_size=0 must be a finite number > 0"),
        ({"curvature": -1.0}, r"curvature=-1\.0 must be a finite number >= 0"),
        ({"curvature": 14.0}, r"learning_rate=0\.3 times curvature=14 must be .* < 0\.285714"),
    ],
)
def test_values_out_of_range_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        cool_momentum_temperature(**{**NUMBERS, "gradient_noise": 1.0, **changes})
    with pytest.raises(ValueError, match=message):
        cool_momentum_noise(**{**NUMBERS, "temperature": 1.0, **changes})


def test_negative_noise_temperature_or_momentum_is_refused():
    with pytest.raises(ValueError, match="gradient_noise=-1 must be a finite number >= 0"):
        cool_momentum_temperature(**NUMBERS, gradient_noise=-1)
    with pytest.raises(ValueError, match="temperature=-1 must be a finite number >= 0"):
        cool_momentum_noise(**NUMBERS, temperature=-1)
    with pytest.raises(ValueError, match=r"momentum=1\.0 must be a momentum coefficient in"):
        cooling_factor(1.0)


def test_schedule_in_place_of_its_values_is_refused():
    schedule = ll.dynamics.CoolingMomentum(start=0.99, duration=10)
    with pytest.raises(TypeError, match=r"momentum=CoolingMomentum\(.* give its values, schedule"):
        cool_momentum_temperature(**{**NUMBERS, "gradient_noise": 1.0, "momentum": schedule})
    with pytest.raises(TypeError, match="momentum='a' must be numbers"):
        cooling_factor("a")
