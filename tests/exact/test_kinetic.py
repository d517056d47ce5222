"""Underdamped spectra: the exact column of theory table 7.4, closed forms and limits."""

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.exact import escape_rate, gibbs_probability_below, spectral_gap


def langevin(text, temperature, friction, mass=1.0):
    potential = ll.Potential.from_expression(text, variables=("x",))
    return ll.Langevin(potential, temperature=temperature, friction=friction, mass=mass)


DOUBLE_WELL = "(x**2 - 1)**2"


@pytest.mark.parametrize(
    ("friction", "temperature", "expected"),
    [
        (0.5, 0.1, 1.7240e-5),
        (1.0, 0.1, 1.5586e-5),
        (10.0, 0.1, 3.7834e-6),
        (0.3, 0.2, 1.8470e-3),
        (1.0, 0.2, 2.2168e-3),
        (2.0, 0.2, 1.7854e-3),
        (10.0, 0.2, 5.3807e-4),
    ],
)
def test_hop_rates_of_the_theory_table(friction, temperature, expected):
    rate, error = escape_rate(langevin(DOUBLE_WELL, temperature, friction))
    assert rate == pytest.approx(expected, rel=5e-5)
    assert error < 1e-4 * rate


@pytest.mark.slow
@pytest.mark.parametrize(
    ("friction", "temperature", "expected"),
    [(0.05, 0.1, 6.840e-6), (0.05, 0.2, 5.396e-4)],
)
def test_hop_rates_at_low_friction(friction, temperature, expected):
    rate, error = escape_rate(langevin(DOUBLE_WELL, temperature, friction))
    # The sheet does not state its convergence at this friction.
    assert abs(rate - expected) < error + 1e-3 * expected


@pytest.mark.parametrize("friction", [0.5, 3.0])
def test_harmonic_rate_is_the_damped_oscillator(friction):
    """-(-friction/2 +- sqrt(friction^2/4 - k/mass)), k = 3, mass = 2."""
    value, error = spectral_gap(langevin("3*x**2/2", 0.7, friction, mass=2.0))
    root = friction / 2 - np.sqrt(complex(friction**2 / 4 - 1.5))
    assert abs(value - root.real) <= error


def test_high_friction_is_the_overdamped_gap():
    """friction * rate tends to the overdamped rate; the correction is of order 1/friction^2."""
    potential = ll.Potential.from_expression(DOUBLE_WELL, variables=("x",))
    overdamped = spectral_gap(ll.Overdamped(potential, temperature=0.2)).value
    deviation = [
        friction * spectral_gap(langevin(DOUBLE_WELL, 0.2, friction)).value / overdamped - 1
        for friction in (40.0, 80.0)
    ]
    assert abs(deviation[0]) < 5e-3
    assert deviation[0] / deviation[1] == pytest.approx(4.0, rel=0.02)


def test_mass_changes_the_unit_of_time_only():
    """x at mass m, friction g is x at mass 1, friction g sqrt(m), in time t / sqrt(m)."""
    heavy = spectral_gap(langevin(DOUBLE_WELL, 0.3, 0.5, mass=4.0)).value
    unit = spectral_gap(langevin(DOUBLE_WELL, 0.3, 1.0)).value
    assert heavy == pytest.approx(unit / 2.0, rel=1e-6)


def test_tilted_rates_obey_detailed_balance():
    dynamics = langevin("(x**2 - 1)**2 + 0.3*x", 0.1, 1.0)
    down, up = escape_rate(dynamics, well=1.0).value, escape_rate(dynamics, well=-1.0).value
    left = gibbs_probability_below(dynamics, 0.075).value
    assert down / up == pytest.approx(left / (1 - left), rel=2e-3)


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match=r"friction=0\.0 leaves no kinetic relaxation"):
        spectral_gap(langevin(DOUBLE_WELL, 0.2, 0.0))
    with pytest.raises(ValueError, match="n=100 belong to overdamped grids"):
        spectral_gap(langevin(DOUBLE_WELL, 0.2, 1.0), n=100)
    with pytest.raises(ValueError, match="the wells hold"):
        escape_rate(langevin("(x**2 - 1)**2 + 0.3*x", 0.15, 1.0))
    plane = ll.Potential.from_expression("x**2 + y**2", variables=("x", "y"))
    with pytest.raises(ValueError, match="dimension 1, not 2"):
        spectral_gap(ll.Langevin(plane, temperature=1.0, friction=1.0))


def test_too_low_a_friction_is_refused(monkeypatch):
    monkeypatch.setattr("langevin_lab.exact.kinetic._SIZES", ((16, 8), (24, 12)))
    with pytest.raises(ValueError, match=r"friction=0\.001 is too low for 24 x 12"):
        spectral_gap(langevin(DOUBLE_WELL, 0.1, 1e-3))
