"""Spectra where exp(dU/T) is 1e20 to 1e217: small rates keep their digits or are refused."""

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.exact import (
    committor,
    escape_rate,
    first_passage_law,
    generator,
    gibbs_probability_below,
    mean_first_passage_time,
    plane_passage_time,
    small_rates,
    spectral_gap,
    spectrum,
)

TRIPLE = "4*x**2*(x**2 - 1)**2"


def line(text, temperature):
    potential = ll.Potential.from_expression(text, variables=("x",))
    return ll.Overdamped(potential, temperature=temperature)


@pytest.mark.parametrize("temperature", [0.03, 0.02, 1 / (60 * np.log(10)), 0.002])
def test_gaps_of_a_line_equal_the_rate_of_absorption(temperature):
    """The odd mode vanishes on the saddle: singular values of another matrix, up to exp(500)."""
    dynamics = line("(x**2 - 1)**2", temperature)
    absorbed = first_passage_law(dynamics, -1.0, 0.0, n=200).rate
    value, error = spectral_gap(dynamics, n=400)
    assert abs(value - absorbed.value) < error + absorbed.error
    assert error < 1e-8 * value


@pytest.mark.parametrize("well", [-1.0, 1.0])
def test_rates_over_a_tilted_barrier_of_eighty_temperatures(well):
    dynamics = line("(x**2 - 1)**2 + 0.25*x", 0.012)
    rate = escape_rate(dynamics, well=well, n=600)
    passage = mean_first_passage_time(dynamics, well, -well).value
    assert rate.value * passage == pytest.approx(1.0, abs=1e-9)


def test_two_slow_modes_of_three_wells():
    """Outer and middle well exchange at exp(dU/T) = 1e60; the middle one has two ways out.

    The odd mode decays as an outer well empties, at the rate of absorption in the middle.
    """
    dynamics = line(TRIPLE, 16 / 27 / (60 * np.log(10)))
    odd, even = spectrum(dynamics, 2, n=400)
    outer = first_passage_law(dynamics, -1.0, 0.0, n=200).rate
    assert odd.value == pytest.approx(outer.value, rel=1e-9)
    # Even: out of the outer wells, and out of the middle to both sides, in detailed balance.
    share = gibbs_probability_below(dynamics, -np.sqrt(1 / 3)).value
    both = outer.value * (1 + 2 * share / (1 - 2 * share))
    assert even.value == pytest.approx(both, rel=1e-9)


def test_refinement_leaves_a_good_mode_alone():
    grid = generator(line("(x**2 - 1)**2", 0.2), n=200)
    rates, functions = grid.slow_modes(2)
    start = functions[:, 0] + 0.01 * functions[:, 1]
    rate, function = small_rates.refined_on_a_line(grid.mass, grid.conductance, start, [])
    assert rate == pytest.approx(rates[0], rel=1e-9)
    assert abs(grid.mass @ (function * functions[:, 0])) == pytest.approx(1.0, abs=1e-9)
    rate, _ = small_rates.refined_on_a_line(
        grid.mass, grid.conductance, functions[:, 1] + 0.01, [functions[:, 0]]
    )
    assert rate == pytest.approx(rates[1], rel=1e-9)


def test_rates_that_do_not_settle_say_so(monkeypatch):
    monkeypatch.setattr(small_rates, "_ITERATIONS", 1)
    with pytest.raises(ValueError, match="does not settle in 1 iterations"):
        spectral_gap(line("(x**2 - 1)**2", 0.01), n=200)


def test_what_cannot_be_resolved_is_refused():
    plane = ll.Potential.from_expression("(x**2 - 1)**2 + y**2", variables=("x", "y"))
    with pytest.raises(ValueError, match="below the rounding of a grid in the plane"):
        spectral_gap(ll.Overdamped(plane, temperature=0.012), n=60)
    with pytest.raises(ValueError, match=r"cells above exp\(700\)"):
        spectral_gap(line("(x**2 - 1)**2", 0.0012), n=200)


@pytest.mark.parametrize("temperature", [0.2, 0.015, 0.01, 0.003])
def test_flux_between_two_wells_keeps_its_digits(temperature):
    """Capacity 1 / int friction/(T rho) over the gap, up to a barrier of 330 T."""
    dynamics = line("(x**2 - 1)**2", temperature)
    found = committor(dynamics, "x <= -1", "x >= 1")
    spacing = np.diff(found.axes[0])[0]
    reduced = lambda x: (x**2 - 1) ** 2 / temperature  # noqa: E731
    climb = np.linspace(
        found.axes[0][found.probability == 0].max(),
        found.axes[0][found.probability == 1].min(),
        20001,
    )
    well = np.linspace(-2.0, 2.0, 40001)
    mass = np.trapezoid(np.exp(-reduced(well)), well)
    gap = np.trapezoid(np.exp(reduced(climb) - 1 / temperature), climb) / temperature
    expected = -1 / temperature - np.log(mass * gap)
    bound = spacing**2 / temperature
    assert np.log(found.rate) == pytest.approx(expected, abs=bound)
    assert bound < 0.05


@pytest.mark.parametrize(
    "solve",
    [
        lambda cold: committor(cold, "x <= -1", "x >= 1"),
        lambda cold: plane_passage_time(cold, -1.0, 1.0),
        lambda cold: solved_in_a_box(cold),
    ],
    ids=["committor", "plane", "solve"],
)
def test_energies_beyond_float64_are_refused_by_every_solver(solve):
    with pytest.raises(ValueError, match=r"cells above exp\(700\) .* raise the temperature"):
        solve(line("(x**2 - 1)**2", 0.001))


def solved_in_a_box(dynamics):
    grid = generator(dynamics, domain=(-1.5, 1.5))
    return grid.solve(grid.points[:, 0] > 1.0, np.zeros(len(grid.mass)), -1.0)


def test_fixed_cells_may_lie_however_high():
    """Only faces of free cells enter a solution: sets may hold what is never reached."""
    dynamics = line("(x**2 - 1)**2", 0.05)
    wide, narrow = (
        committor(dynamics, "x < -0.5", "x > 0.5", domain=(-end, end), n=round(200 * end))
        for end in (4.0, 2.0)
    )
    x = np.array([-0.3, 0.0, 0.1])
    np.testing.assert_allclose(wide(x), narrow(x), rtol=1e-9)
    assert wide.rate == pytest.approx(narrow.rate, rel=1e-9)


def test_laws_of_passage_beyond_float64_are_refused():
    well = "(x**2 - 1)**2"
    with pytest.raises(ValueError, match=r"exp\(-700\) .* log_mean_first_passage_time"):
        first_passage_law(line(well, 0.001), -1.0, 1.0)
    with pytest.raises(ValueError, match=r"wall at -10\.0 the energy rises by .* reflecting"):
        first_passage_law(line(well, 0.01), -1.0, 1.0, reflecting=-10.0)
