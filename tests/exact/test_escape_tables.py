"""The escape tables of the theory sheet (7.3, 7.4), every entry by two independent routes.

Table 7.3: mean passage times by nested quadrature and by eigenvalues of the generator with an
absorbing target; gaps by finite volumes and by the rate of absorption at the saddle. Table 7.4: hop
rates by Hermite-Galerkin; `test_kinetic.py` holds its cheap rows and its limits.
"""

import numpy as np
import pytest
from reference_rates import UNDERDAMPED

import langevin_lab as ll
from langevin_lab.exact import (
    escape_rate,
    first_passage_law,
    mean_first_passage_time,
    spectral_gap,
)

# Temperature: Eyring-Kramers time, passage to the saddle, to the other well, ratio, gap.
OVERDAMPED = {
    0.1: (24465.3, 12762.7, 25527.1, 1.0434, 7.83577e-5),
    0.15: (872.773, 467.175, 935.932, 1.0724, None),
    0.2: (164.846, 90.4759, 182.418, 1.1066, 1.11046e-2),
    0.25: (60.6433, 33.9457, 69.2636, 1.1422, None),
    0.3: (31.1353, 17.6460, 36.5837, 1.1750, 5.77167e-2),
    0.5: (8.20718, 4.60654, 10.2586, 1.2500, None),
}
# Temperature: friction of the largest rate, that rate.
TURNOVER = {0.1: (0.446, 1.7282e-5), 0.15: (0.601, 4.526e-4), 0.2: (0.726, 2.2763e-3),
            0.3: (0.894, 1.1507e-2)}  # fmt: skip
ENTROPIC = "(x**2 - 1)**2 + (y**2/2)*(1 + 3*exp(-4*x**2))"
FOUR_DIGITS = 5e-5


def overdamped(temperature):
    return ll.Overdamped(ll.potentials.double_well(barrier=1.0), temperature=temperature)


def hop_rate(temperature, friction):
    potential = ll.Potential.from_expression("(x**2 - 1)**2", variables=("x",))
    dynamics = ll.Langevin(potential, temperature=temperature, friction=friction)
    return escape_rate(dynamics)


@pytest.mark.parametrize("temperature", OVERDAMPED)
def test_overdamped_table_by_quadrature_and_by_spectrum(temperature):
    kramers, *passages, ratio, gap = OVERDAMPED[temperature]
    dynamics = overdamped(temperature)
    rate = ll.escape.eyring_kramers(dynamics.potential, -1.0, 0.0, temperature)
    assert 1 / rate.value == pytest.approx(kramers, rel=FOUR_DIGITS)
    for target, expected in zip((0.0, 1.0), passages):
        integral = mean_first_passage_time(dynamics, -1.0, target)
        spectral = first_passage_law(dynamics, -1.0, target, n=200).mean
        assert integral.value == pytest.approx(expected, rel=FOUR_DIGITS)
        assert spectral.value == pytest.approx(expected, rel=FOUR_DIGITS)
        assert abs(spectral.value - integral.value) < spectral.error + integral.error
        assert spectral.error < 1e-6 * spectral.value
    assert integral.value / kramers == pytest.approx(ratio, abs=1e-4)
    if gap is not None:
        found = spectral_gap(dynamics)
        assert found.value == pytest.approx(gap, rel=FOUR_DIGITS)
        # Odd eigenfunctions vanish on the saddle: the gap is the rate of absorption there.
        absorbed = first_passage_law(dynamics, -1.0, 0.0, n=200).rate
        assert abs(absorbed.value - found.value) < absorbed.error + found.error


def test_a_wrong_digit_of_the_table_is_seen():
    """Control: four digits exclude a temperature wrong by 1e-3."""
    for temperature in (0.1, 0.5):
        _, _, expected, _, _ = OVERDAMPED[temperature]
        wrong = mean_first_passage_time(overdamped(temperature * 1.001), -1.0, 1.0).value
        assert abs(wrong / expected - 1) > 10 * FOUR_DIGITS


@pytest.mark.parametrize(
    ("temperature", "ratio"), [(0.1, 1.0078), (0.15, 1.0086), (0.2, 1.0104), (0.3, 1.0257)]
)
def test_entropic_barrier_in_the_plane(temperature, ratio):
    """gap/(2 k) with k of Eyring and Kramers."""
    potential = ll.Potential.from_expression(ENTROPIC, variables=("x", "y"))
    gap = spectral_gap(ll.Overdamped(potential, temperature=temperature), n=110)
    rate = ll.escape.eyring_kramers(potential, (-1.0, 0.0), (0.0, 0.0), temperature).value
    assert gap.value / (2 * rate) == pytest.approx(ratio, abs=1e-4)
    assert gap.error < 1e-5 * gap.value


@pytest.mark.slow
@pytest.mark.parametrize("column", [0, 1], ids=["T=0.1", "T=0.2"])
def test_hop_rates_at_every_friction(column):
    for friction, rates in UNDERDAMPED.items():
        value, error = hop_rate((0.1, 0.2)[column], friction)
        print(f"friction {friction}: {value:.5g} +- {error:.1g} | {rates[column]:.5g}")
        assert value == pytest.approx(rates[column], rel=1e-4)
        assert error < 1e-4 * value


@pytest.mark.slow
@pytest.mark.parametrize("temperature", TURNOVER)
def test_turnover_maximum(temperature):
    """A quartic in log(friction) through five rates around the maximum."""
    where, largest = TURNOVER[temperature]
    offsets = np.linspace(-0.5, 0.5, 5)
    frictions = 0.6 * np.exp(offsets) * (temperature / 0.15) ** 0.6
    rates = [hop_rate(temperature, friction).value for friction in frictions]
    fit = np.polynomial.Polynomial.fit(np.log(frictions), rates, 4)
    roots = fit.deriv().roots()
    roots = roots[np.abs(roots.imag) < 1e-12].real
    top = roots[np.argmin(np.abs(roots - np.log(frictions[2])))]
    assert np.log(frictions[0]) < top < np.log(frictions[-1])
    assert np.exp(top) == pytest.approx(where, abs=1.5e-3)
    assert fit(top) == pytest.approx(largest, rel=1e-3)
