"""Gibbs averages, passage times and committors by quadrature, each by a second route."""

import math

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.exact import (
    first_passage_moments,
    generator,
    gibbs_average,
    gibbs_probability_below,
    invariant_density,
    mean_first_passage_time,
    splitting_probability,
)


def double_well(temperature, friction=1.0):
    potential = ll.potentials.double_well(barrier=1.0)
    return ll.Overdamped(potential, temperature=temperature, friction=friction)


def formula(text, temperature, friction=1.0):
    potential = ll.Potential.from_expression(text, variables=("x",))
    return ll.Overdamped(potential, temperature=temperature, friction=friction)


# Theory 7.3: temperature, to the saddle, to the other well.
PASSAGE_TABLE = [
    (0.1, 12762.7, 25527.1),
    (0.15, 467.175, 935.932),
    (0.2, 90.4759, 182.418),
    (0.25, 33.9457, 69.2636),
    (0.3, 17.6460, 36.5837),
    (0.5, 4.60654, 10.2586),
]


@pytest.mark.parametrize(("temperature", "to_saddle", "to_well"), PASSAGE_TABLE)
def test_mean_first_passage_times_of_the_theory_table(temperature, to_saddle, to_well):
    dynamics = double_well(temperature)
    for target, expected in ((0.0, to_saddle), (1.0, to_well)):
        value, error = mean_first_passage_time(dynamics, -1.0, target)
        assert value == pytest.approx(expected, rel=5e-6)
        assert error < 1e-10 * value
        # The mirrored passage, and twice the friction.
        assert mean_first_passage_time(dynamics, 1.0, -target).value == pytest.approx(value)
        slow = mean_first_passage_time(double_well(temperature, 2.0), -1.0, target)
        assert slow.value == pytest.approx(2 * value, rel=1e-13)


@pytest.mark.parametrize("temperature", [0.2, 0.5])
def test_passage_moments_equal_the_finite_volume_solution(temperature):
    """L tau = -1 and L tau2 = -2 tau on a grid whose cell 0 to the right of 1 is the target."""
    dynamics = double_well(temperature)
    moments = first_passage_moments(dynamics, -1.0, 1.0)
    estimates = []
    for n in (400, 800):
        # Centres of cells lie at -1 and at 1; the domain's left end is far up the wall.
        spacing = 2.0 / n
        grid = generator(dynamics, domain=(-1.0 - (n // 2 + 0.5) * spacing, 1.0 + 0.5 * spacing),
                         n=n + n // 2 + 1)  # fmt: skip
        x = grid.points[:, 0]
        assert np.abs(x - 1.0).min() < 1e-12
        fixed = np.abs(x - 1.0) < 1e-12
        tau = grid.solve(fixed, np.zeros(len(x)), -1.0)
        square = grid.solve(fixed, np.zeros(len(x)), -2.0 * tau)
        at = np.argmin(np.abs(x + 1.0))
        estimates.append([tau[at], np.sqrt(square[at] - tau[at] ** 2)])
    mean, deviation = (4 * np.array(estimates[1]) - estimates[0]) / 3
    assert mean == pytest.approx(moments.mean.value, rel=1e-8)
    assert deviation == pytest.approx(moments.standard_deviation.value, rel=1e-8)


def test_free_diffusion_against_a_wall_has_elementary_moments():
    """No force, wall at 0, target L: mean L^2/(2D), variance L^4/(6 D^2)."""
    flat = formula("0*x", temperature=0.3, friction=1.5)
    diffusion, length = 0.2, 1.7
    for sign in (1.0, -1.0):
        moments = first_passage_moments(flat, 0.0, sign * length, reflecting=0.0)
        assert moments.mean.value == pytest.approx(length**2 / (2 * diffusion), rel=1e-13)
        assert moments.standard_deviation.value == pytest.approx(
            length**2 / (np.sqrt(6.0) * diffusion), rel=1e-12
        )


def test_a_downhill_passage_at_low_temperature_is_the_deterministic_time():
    """dx = -4 x dt from 3 to 0.2: ln(15)/4, with a small standard deviation kept in full."""
    well = formula("2*x**2", temperature=1e-3)
    moments = first_passage_moments(well, 3.0, 0.2)
    assert moments.mean.value == pytest.approx(np.log(15.0) / 4, abs=1e-3)
    # Linear noise: variance of x at the passage over the squared velocity there.
    spread = np.sqrt(1e-3 / 4 * (1 - 15.0**-2)) / (4 * 0.2)
    assert moments.standard_deviation.value == pytest.approx(spread, rel=2e-2)


@pytest.mark.parametrize("temperature", [0.05, 0.02, 0.0072, 0.003])
def test_barriers_up_to_hundreds_of_temperatures(temperature):
    """exp(dV/T) from 5e8 to 1e145: the ratio to Eyring-Kramers is 1 + (3/8) T + O(T^2)."""
    value, error = mean_first_passage_time(double_well(temperature), -1.0, 1.0)
    log_ratio = np.log(value) - np.log(np.pi / np.sqrt(8.0)) - 1.0 / temperature
    assert np.exp(log_ratio) == pytest.approx(1 + 0.375 * temperature, abs=2 * temperature**2)
    assert 0 < error < 1e-9 * value
    # Escape is exponential: mean and standard deviation agree up to the time inside the well.
    deviation = first_passage_moments(double_well(temperature), -1.0, 1.0).standard_deviation
    assert deviation.value == pytest.approx(value, rel=1e-6)


def test_mean_passage_equals_the_nested_integral_by_scipy():
    from scipy.integrate import quad

    dynamics = formula("(x**2 - 1)**2 + 0.3*x", temperature=0.4, friction=1.7)

    def v(x):
        return ((x**2 - 1) ** 2 + 0.3 * x) / 0.4

    def inner(y):
        return quad(lambda z: np.exp(v(y) - v(z)), -4.0, y, epsabs=1e-12, epsrel=1e-11)[0]

    expected = 1.7 / 0.4 * quad(inner, -1.1, 0.8, epsabs=1e-10, epsrel=1e-9)[0]
    assert mean_first_passage_time(dynamics, -1.1, 0.8).value == pytest.approx(expected, rel=1e-8)


def test_gibbs_averages_against_scipy_and_closed_forms():
    from scipy.integrate import quad

    quartic = formula("x**4/4 + x**2/2", temperature=1.0)
    value, error = gibbs_average(quartic, lambda x: x**2)
    assert value == pytest.approx(0.4679199170, abs=1e-10)
    weights = [quad(lambda x, n=n: x**n * np.exp(-(x**4) / 4 - x**2 / 2), -8, 8)[0] for n in (0, 2)]
    assert abs(value - weights[1] / weights[0]) < 1e-12
    assert error < 1e-13
    # Far from the origin, narrow, and through Langevin dynamics.
    potential = ll.Potential.from_expression("8*(x - 40)**2", variables=("x",))
    shifted = ll.Langevin(potential, temperature=0.01, friction=1.0)
    mean, error = gibbs_average(shifted, lambda x: x)
    assert abs(mean - 40.0) <= error < 1e-9
    variance = gibbs_average(shifted, lambda x: (x - 40.0) ** 2)
    assert variance.value == pytest.approx(0.01 / 16, rel=1e-12)
    assert float(variance) == variance.value


def test_invariant_density_is_normalised_and_gaussian_on_a_harmonic_well():
    density = invariant_density(formula("2*x**2", temperature=0.5))
    x = np.linspace(-2, 2, 9)
    np.testing.assert_allclose(density(x), np.exp(-4 * x**2) * 2 / np.sqrt(np.pi), rtol=1e-12)


def test_probability_below_is_the_error_function_on_a_harmonic_well():
    from scipy.special import erfc

    well = formula("x**2/2", temperature=1.0)
    for point in (-3.0, 0.0, 0.7):
        value, error = gibbs_probability_below(well, point)
        assert abs(value - 0.5 * erfc(-point / np.sqrt(2))) <= error + 1e-15
    assert gibbs_probability_below(well, -60.0).value == 0.0
    assert gibbs_probability_below(well, 60.0).value == 1.0


@pytest.mark.parametrize("point", [math.nan, math.inf, -math.inf])
def test_probability_below_no_position_is_refused(point):
    well = ll.Overdamped(ll.potentials.harmonic(), temperature=0.5)
    with pytest.raises(ValueError, match=f"point={point} must be a finite position"):
        gibbs_probability_below(well, point)


def test_probability_below_carries_the_change_under_halving(monkeypatch):
    """On panels too coarse for the density the error says so."""
    from langevin_lab.exact import quadrature
    from langevin_lab.exact.panels import Panels

    well = ll.Overdamped(ll.potentials.double_well(), temperature=0.05)
    exact = gibbs_probability_below(well, 0.3)
    monkeypatch.setattr(quadrature, "adaptive_panels", lambda _, edges: Panels(edges))
    coarse = gibbs_probability_below(well, 0.3)
    assert exact.error < 1e-13
    assert 1e-8 < abs(coarse.value - exact.value) < coarse.error


def test_committor_of_the_splitting_experiment():
    """Theory 7.6: 2.5633e-5 from -0.8 with A at -0.9, B at 0.9, T = 0.1."""
    from scipy.integrate import quad

    value, error = splitting_probability(double_well(0.1), -0.8, -0.9, 0.9)
    assert value == pytest.approx(2.5633e-5, rel=1e-5)
    parts = [quad(lambda y: np.exp(((y**2 - 1) ** 2 - 1) / 0.1), -0.9, to)[0] for to in (-0.8, 0.9)]
    assert abs(value - parts[0] / parts[1]) < 1e-10 * value
    assert error < 1e-12 * value
    # Exchanging the sets, and the ends.
    assert splitting_probability(double_well(0.1), -0.8, 0.9, -0.9).value == pytest.approx(
        1 - value
    )
    assert splitting_probability(double_well(0.1), 0.9, -0.9, 0.9) == (1.0, 0.0)
    assert splitting_probability(double_well(0.1), -0.9, -0.9, 0.9) == (0.0, 0.0)


def test_starting_on_the_target_takes_no_time():
    assert mean_first_passage_time(double_well(0.1), 1.0, 1.0) == (0.0, 0.0)


def test_wrong_input_is_refused():
    dynamics = double_well(0.2)
    with pytest.raises(ValueError, match="start=nan"):
        mean_first_passage_time(dynamics, np.nan, 1.0)
    with pytest.raises(ValueError, match=r"reflecting=0\.5 must lie on the far side of start=-1"):
        mean_first_passage_time(dynamics, -1.0, 1.0, reflecting=0.5)
    with pytest.raises(ValueError, match=r"reflecting=-2\.0 must lie on the far side of start=1"):
        mean_first_passage_time(dynamics, 1.0, -1.0, reflecting=-2.0)
    with pytest.raises(ValueError, match=r"does not confine on the far side of start=0\.0.*wall"):
        mean_first_passage_time(formula("-x", temperature=1.0), 0.0, -1.0)
    with pytest.raises(ValueError, match="does not confine"):
        gibbs_average(formula("-x**2", temperature=1.0), lambda x: x)
    with pytest.raises(ValueError, match=r"start=2\.0 must lie between a=-1\.0 and b=1\.0"):
        splitting_probability(dynamics, 2.0, -1.0, 1.0)
    with pytest.raises(ValueError, match=r"passage time exp\(\d+\.\d\) is beyond float64"):
        mean_first_passage_time(double_well(0.001), -1.0, 1.0)
    with pytest.raises(ValueError, match="panels on"):
        mean_first_passage_time(formula("x**2", temperature=1e-9), 3.0, -1.0)
    langevin = ll.Langevin(dynamics.potential, temperature=0.2, friction=1.0)
    with pytest.raises(TypeError, match="overdamped dynamics, not Langevin"):
        mean_first_passage_time(langevin, -1.0, 1.0)
    plane = ll.Potential.from_expression("x**2 + y**2", variables=("x", "y"))
    with pytest.raises(ValueError, match="dimension 1, not 2"):
        gibbs_average(ll.Overdamped(plane, temperature=1.0), lambda x: x)
    with pytest.raises(ValueError, match=r"temperature=0\.0 must be positive"):
        gibbs_average(double_well(0.0), lambda x: x)
    scheduled = ll.Overdamped(dynamics.potential, temperature=lambda t: 1.0 + 0 * t)
    with pytest.raises(ValueError, match="is not a number"):
        mean_first_passage_time(scheduled, -1.0, 1.0)
    thinning = ll.Overdamped(dynamics.potential, temperature=1.0, friction=lambda t: 1.0 + t)
    with pytest.raises(ValueError, match=r"friction=.* is not a number; exact rates and laws"):
        mean_first_passage_time(thinning, -1.0, 1.0)
    constant = ll.Overdamped(dynamics.potential, temperature=1.0)
    # The Gibbs law does not hold the friction: a schedule of it changes nothing.
    averages = [gibbs_average(d, lambda x: x**2).value for d in (thinning, constant)]
    assert averages[0] == averages[1]
