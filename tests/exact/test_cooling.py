"""Probabilities after cooling, against closed forms, the generator and equilibrium."""

import numpy as np
import pytest
from scipy.special import ndtr

import langevin_lab as ll
from langevin_lab.dynamics import Exponential, Linear
from langevin_lab.exact import cooled_probability

WELLS = ll.potentials.tilted_double_well(barrier=1.0, tilt=0.2)
UPPER = (0.0, np.inf)


def cooled(temperature, duration=2.0, basin=UPPER, friction=1.0, **settings):
    equation = ll.Overdamped(WELLS, temperature=temperature, friction=friction)
    return cooled_probability(equation, basin, duration, **settings)


def gaussian_probability(stiffness, friction, start, cooling, duration, high):
    """P(x < high) on a harmonic well: dv/dt = -2 k v/friction + 2 T/friction, solved by hand."""
    decay, rate = 2 * stiffness / friction, cooling
    source = 2 * start / friction
    variance = np.exp(-decay * duration) * start / stiffness
    variance += source * (np.exp(-rate * duration) - np.exp(-decay * duration)) / (decay - rate)
    return ndtr(high / np.sqrt(variance))


@pytest.mark.parametrize("end", [0.48, 0.5])  # an edge of the cells, and within one
@pytest.mark.parametrize("friction", [1.0, 2.5])
def test_harmonic_well_has_the_gaussian_law_of_its_cooling(friction, end):
    duration, stiffness = 1.5, 2.0
    schedule = Exponential(start=1.0, stop=0.2, duration=duration)
    equation = ll.Overdamped(
        ll.potentials.harmonic(stiffness=stiffness), temperature=schedule, friction=friction
    )
    found = cooled_probability(equation, (-np.inf, end), duration, domain=(-4.0, 4.0))
    law = stiffness, friction, 1.0, np.log(5.0) / duration, duration
    exact = gaussian_probability(*law, end)
    assert abs(found.value - exact) < found.error < 1e-4
    # A friction that is wrong by 3 % is seen.
    wrong = gaussian_probability(stiffness, 1.03 * friction, *law[2:], end)
    assert abs(found.value - wrong) > 5 * found.error


def test_constant_temperature_is_the_exponential_of_the_generator():
    """The same grid, other code: the sparse generator and scipy's expm_multiply."""
    from scipy.sparse.linalg import expm_multiply

    box = (-2.5, 2.5)
    equation = ll.Overdamped(WELLS, temperature=0.3, friction=2.0)
    grid = ll.exact.generator(equation, domain=box, n=200)
    start = np.exp(-WELLS.energy(grid.points))
    end = expm_multiply(grid.matrix.T * 2.0, start / start.sum())
    law = end[grid.points[:, 0] > 0.0].sum()
    found = cooled(0.3, friction=2.0, start_temperature=1.0, domain=box, n_cells=200, n_steps=400)
    assert found.value == pytest.approx(law, abs=1e-6)
    assert abs(found.value - start[grid.points[:, 0] > 0.0].sum() / start.sum()) > 0.01


@pytest.mark.parametrize("grading", [1.0, 2.0])
def test_steps_in_time_are_of_second_order(grading):
    cooling = Exponential(start=1.0, stop=0.05, duration=3.0)
    values = [
        cooled(cooling, 3.0, start_temperature=2.0, n_cells=100, n_steps=n, grading=grading).value
        for n in (40, 80, 160, 320)
    ]
    early, middle, late = np.diff(values)
    assert 3.7 < early / middle < 4.3
    assert 3.7 < middle / late < 4.3


def test_error_covers_what_a_finer_grid_changes():
    schedule = Exponential(start=1.0, stop=0.03, duration=20.0)
    coarse = cooled(schedule, 20.0, n_cells=100, n_steps=60)
    fine = cooled(schedule, 20.0, n_cells=800, n_steps=1000)
    assert abs(coarse.value - fine.value) < coarse.error < 0.01
    assert fine.error < 0.02 * coarse.error


def test_equilibrium_stays():
    equation = ll.Overdamped(WELLS, temperature=0.5)
    law = 1.0 - ll.exact.gibbs_probability_below(equation, 0.0).value
    found = cooled(0.5, 5.0)
    assert found.value == pytest.approx(law, abs=2e-5)
    assert abs(found.value - law) < found.error + 1e-6
    assert cooled(0.5, 5.0, basin=(-np.inf, np.inf)).value == pytest.approx(1.0, abs=1e-11)


def test_fast_cooling_keeps_the_law_of_the_start():
    law = ll.exact.gibbs_probability_below(ll.Overdamped(WELLS, temperature=2.0), 0.0).value
    found = cooled(0.01, 1e-4, start_temperature=2.0)
    assert found.value == pytest.approx(1.0 - law, abs=1e-4)


def test_start_is_the_schedule_at_time_0_and_the_domain_that_of_the_hottest_moment():
    heating = Linear(start=0.1, stop=1.0, duration=4.0)
    told = cooled(heating, 4.0, start_temperature=0.1, domain=(-3.0, 3.0))
    assert cooled(heating, 4.0).value == pytest.approx(told.value, abs=told.error)


def test_temperatures_a_thousand_times_below_the_barrier_underflow_nowhere():
    schedule = Exponential(start=1.0, stop=1e-3, duration=50.0)
    frozen = cooled(schedule, 50.0, n_cells=800)
    # The wells have parted long before a hundredth of the barrier, at two thirds of the time.
    parted = Exponential(start=1.0, stop=1e-2, duration=100 / 3)
    assert 0.1 < frozen.value < 0.4
    assert frozen.value == pytest.approx(cooled(parted, 100 / 3).value, abs=5e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"duration": 0.0}, r"duration=0\.0 must be a finite number > 0"),
        ({"grading": -1.0}, r"grading=-1\.0 must be a finite number > 0"),
        ({"start_temperature": 0.0}, r"start_temperature=0\.0 must be a finite number > 0"),
        ({"n_cells": 6}, "n_cells=6 must be an even number of at least 8"),
        ({"n_cells": 101}, "n_cells=101 must be an even number of at least 8"),
        ({"n_steps": 0}, "n_steps=0 must be an even number of at least 2"),
        ({"domain": (1.0, -1.0)}, r"domain=\(1\.0, -1\.0\) must be 1 finite pair"),
        ({"basin": (1.0, 0.0)}, r"basin=\(1\.0, 0\.0\) must be a pair \(low, high\), low < high"),
        ({"basin": (4.0, 5.0), "domain": (-3.0, 3.0)}, r"basin=.* the domain \(-3\.0, 3\.0\)"),
        ({"basin": 0.0}, r"basin=0\.0 must be a pair"),
        (
            {"domain": (-30.0, 30.0), "n_cells": 40},
            r"falls by \S+ temperatures within half a cell, more than 500, with 40 cells on "
            r"domain=\(-30\.0, 30\.0\): narrow the domain or raise n_cells",
        ),
    ],
)
def test_settings_out_of_range_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        cooled(0.3, **settings)


def test_numbers_of_cells_are_whole():
    with pytest.raises(TypeError, match=r"n_cells=200\.0 must be an even whole number"):
        cooled(0.3, n_cells=200.0)


def test_absolute_zero_is_not_reached():
    to_zero = Linear(start=1.0, stop=0.0, duration=2.0)
    with pytest.raises(ValueError, match=r"temperature=0\.0 at time 2 must be positive; cool to"):
        cooled(to_zero)


def test_other_equations_are_refused():
    plane = ll.Potential.from_expression("x**2 + y**2", variables=("x", "y"))
    with pytest.raises(ValueError, match="cooled probability needs a potential of dimension 1"):
        cooled_probability(ll.Overdamped(plane, temperature=1.0), UPPER, 1.0)
    with pytest.raises(TypeError, match="cooled probability is computed for overdamped dynamics"):
        cooled_probability(ll.Langevin(WELLS, temperature=1.0, friction=1.0), UPPER, 1.0)
