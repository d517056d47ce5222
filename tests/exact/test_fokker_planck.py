"""Overdamped spectra, escape rates and committors: theory table 7.3 and independent routes."""

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.exact import (
    committor,
    escape_rate,
    generator,
    gibbs_probability_below,
    invariant_density,
    mean_first_passage_time,
    spectral_gap,
    spectrum,
    splitting_probability,
)

ENTROPIC = "(x**2 - 1)**2 + (y**2/2)*(1 + 3*exp(-4*x**2))"


def line(text, temperature, friction=1.0):
    potential = ll.Potential.from_expression(text, variables=("x",))
    return ll.Overdamped(potential, temperature=temperature, friction=friction)


def plane(text, temperature, friction=1.0):
    potential = ll.Potential.from_expression(text, variables=("x", "y"))
    return ll.Overdamped(potential, temperature=temperature, friction=friction)


def double_well(temperature, friction=1.0):
    potential = ll.potentials.double_well(barrier=1.0)
    return ll.Overdamped(potential, temperature=temperature, friction=friction)


def schroedinger_gap(temperature, n=200, half_width=2.2):
    """Gap of -T d2 + V'^2/(4T) - V''/2, the symmetrised generator, in the sinc basis."""
    h = 2 * half_width / n
    x = -half_width + h * np.arange(n + 1)
    index = np.subtract.outer(np.arange(n + 1), np.arange(n + 1))
    with np.errstate(divide="ignore"):
        kinetic = np.where(index == 0, np.pi**2 / 3, 2.0 * (-1.0) ** index / index**2.0) / h**2
    slope, curvature = 4 * x * (x**2 - 1), 12 * x**2 - 4
    well = slope**2 / (4 * temperature) - curvature / 2
    return np.linalg.eigvalsh(temperature * kinetic + np.diag(well))[1]


@pytest.mark.parametrize(
    ("temperature", "expected"), [(0.1, 7.83577e-5), (0.2, 1.11046e-2), (0.3, 5.77167e-2)]
)
def test_double_well_gap_by_two_routes_and_the_theory_table(temperature, expected):
    value, error = spectral_gap(double_well(temperature))
    assert error < 1e-9 * value
    assert value == pytest.approx(schroedinger_gap(temperature), rel=1e-8)
    assert value == pytest.approx(expected, rel=1e-5)
    # friction only stretches time
    slow = spectral_gap(double_well(temperature, friction=2.5))
    assert slow.value == pytest.approx(value / 2.5, rel=1e-10)


@pytest.mark.parametrize(
    ("temperature", "expected", "ratio"),
    [
        (0.1, 4.2312e-5, 1.0078),
        (0.15, 1.18699e-3, 1.0086),
        (0.2, 6.29568e-3, 1.0104),
        (0.3, 3.38371e-2, 1.0257),
    ],
)
def test_entropic_barrier_gap_of_the_theory_table(temperature, expected, ratio):
    dynamics = plane(ENTROPIC, temperature)
    value, error = spectral_gap(dynamics, n=140)
    assert value == pytest.approx(expected, rel=2e-5)
    assert error < 1e-6 * value
    rate = ll.escape.eyring_kramers(dynamics.potential, (-1.0, 0.0), (0.0, 0.0), temperature)
    assert value / (2 * rate.value) == pytest.approx(ratio, abs=1e-4)


@pytest.mark.parametrize("temperature", [0.05, 0.02])
def test_exponentially_small_gaps_keep_their_digits(temperature):
    """Twice the rate of mean passage to the saddle, corrected by the other direction: 3e-22."""
    value, error = spectral_gap(double_well(temperature))
    to_saddle = mean_first_passage_time(double_well(temperature), -1.0, 0.0).value
    # A particle on the saddle falls to either side: gap * tau(-1 -> 0) -> 1.
    assert value * to_saddle == pytest.approx(1.0, abs=temperature / 10)
    assert error < 1e-10 * value


def test_harmonic_spectra_are_the_integers():
    rates = spectrum(line("x**2/2", temperature=0.7, friction=2.0), 4)
    np.testing.assert_allclose([r.value for r in rates], [0.5, 1.0, 1.5, 2.0], rtol=1e-7)
    for rate, exact in zip(rates, (0.5, 1.0, 1.5, 2.0)):
        assert abs(rate.value - exact) <= rate.error
    for n in (60, 100, 200):  # the stated error is a bound on coarse grids too
        rates = spectrum(line("x**2/2", temperature=0.7, friction=2.0), 4, n=n)
        for rate, exact in zip(rates, (0.5, 1.0, 1.5, 2.0)):
            assert abs(rate.value - exact) <= rate.error
    # Two coordinates with their own frictions: sums of stiffness/friction = 1/2 and 3.
    dynamics = plane("x**2/2 + 3*(y - 1)**2/2", temperature=0.5, friction=(2.0, 1.0))
    rates = spectrum(dynamics, 3, n=80)
    np.testing.assert_allclose([r.value for r in rates], [0.5, 1.0, 1.5], rtol=1e-5)


def test_generator_is_reversible_and_conserves_probability():
    grid = generator(plane(ENTROPIC, 0.2), n=40)
    matrix = grid.matrix.toarray()
    np.testing.assert_allclose(matrix.sum(axis=1), 0.0, atol=1e-9)
    np.testing.assert_allclose(grid.mass @ matrix, 0.0, atol=1e-12)
    flux = grid.mass[:, None] * matrix
    np.testing.assert_allclose(flux, flux.T, atol=1e-15)
    assert grid.mass.sum() == pytest.approx(1.0, rel=1e-14)
    # The automatic domain leaves out cells, none of which matter.
    assert 0.3 < grid.inside.mean() < 1.0
    x2 = grid.mass @ grid.points[:, 0] ** 2
    assert 0.5 < x2 < 1.2


def test_a_reflecting_box_has_the_cosine_spectrum():
    """Flat potential on [0, 2]: rates T (n pi/2)^2 / friction."""
    rates = spectrum(line("0*x", temperature=0.3), 3, domain=(0.0, 2.0))
    expected = 0.3 * (np.arange(1, 4) * np.pi / 2) ** 2
    np.testing.assert_allclose([r.value for r in rates], expected, rtol=1e-10)


def test_escape_rate_is_half_the_gap_for_symmetric_wells():
    dynamics = double_well(0.2)
    rate = escape_rate(dynamics)
    assert rate.value == pytest.approx(0.5 * spectral_gap(dynamics).value, rel=1e-12)
    assert rate.value == pytest.approx(escape_rate(dynamics, well=-1.0).value, rel=1e-9)


@pytest.mark.parametrize("temperature", [0.08, 0.12])
def test_escape_rates_of_a_tilted_well_obey_detailed_balance(temperature):
    dynamics = line("(x**2 - 1)**2 + 0.3*x", temperature)
    down, up = escape_rate(dynamics, well=1.0), escape_rate(dynamics, well=-1.0)
    assert down.value + up.value == pytest.approx(spectral_gap(dynamics).value, rel=1e-10)
    left = gibbs_probability_below(dynamics, 0.075).value
    assert down.value / up.value == pytest.approx(left / (1 - left), rel=2e-3)
    # Each is the inverse mean passage time to the bottom of the other well, up to time spent there.
    tau = mean_first_passage_time(dynamics, 0.96, -1.04).value
    assert down.value * tau == pytest.approx(1.0, abs=5e-3)
    tau = mean_first_passage_time(dynamics, -1.04, 0.96).value
    assert up.value * tau == pytest.approx(1.0, abs=3e-2)


def test_committor_on_the_grid_agrees_with_quadrature():
    dynamics = double_well(0.2)
    n, half = 900, 1.8
    low = committor(dynamics, lambda x: x[..., 0] < -0.9, lambda x: x[..., 0] > 0.9,
                    domain=(-half, half), n=n)  # fmt: skip
    spacing = 2 * half / n
    # The sets end at the last centres inside them.
    a, b = -0.9 - spacing / 2, 0.9 + spacing / 2
    for x in (-0.5, 0.1, 0.7):
        expected = splitting_probability(dynamics, x, a, b).value
        assert low(x) == pytest.approx(expected, abs=2e-5)
    # Capacity: 1 / int friction/(T rho), rho the normalised density.
    edges = np.linspace(a, b, 4001)
    v = (edges**2 - 1) ** 2 / 0.2
    normalisation = np.exp(-1 / 0.2) / invariant_density(dynamics)(0.0)
    resistance = np.sum(0.5 * (np.exp(v[1:]) + np.exp(v[:-1])) * np.diff(edges))
    resistance *= normalisation / 0.2
    assert low.rate == pytest.approx(1 / resistance, rel=1e-4)


def test_committor_in_the_plane_is_one_half_on_the_symmetry_line():
    dynamics = plane(ENTROPIC, 0.2)
    result = committor(dynamics, lambda x: x[..., 0] < -0.9, lambda x: x[..., 0] > 0.9, n=80)
    np.testing.assert_allclose(result([[0.0, 0.0], [0.0, 0.4]]), 0.5, atol=1e-10)
    assert np.isnan(result.probability).any()
    assert result([[0.1, 0.2]])[0] > 0.5


@pytest.mark.parametrize("n", [7, 2, 9.5, True, -30])
def test_three_grids_take_a_whole_number_of_at_least_eight_cells(n):
    for solve in (spectral_gap, escape_rate, lambda dynamics, n: spectrum(dynamics, 1, n=n)):
        with pytest.raises(ValueError, match=f"n={n} cells are too few .* use at least 8"):
            solve(double_well(0.2), n=n)


@pytest.mark.parametrize("n", [3, 4.5, True])
def test_one_grid_takes_a_whole_number_of_at_least_four_cells(n):
    with pytest.raises(ValueError, match=f"n={n} cells are too few .* use at least 4"):
        generator(double_well(0.2), n=n)
    assert len(generator(double_well(0.2), n=np.int64(4), domain=(-1, 1)).mass) == 4


def test_eight_cells_are_three_grids_and_an_honest_error():
    value, error = spectrum(line("x**2/2", 0.5), 1, n=8)[0]
    assert abs(value - 1.0) < error


@pytest.mark.parametrize(
    ("n_modes", "message"),
    [
        (1.5, "must be a whole number of at least 1"),
        (True, "must be a whole number"),
        (50, "too many for a grid of which 30 cells are kept, at most 28 can be had"),
    ],
)
def test_numbers_of_modes_that_no_grid_has_are_refused(n_modes, message):
    with pytest.raises(ValueError, match=f"n_modes={n_modes} .*{message}"):
        spectrum(double_well(0.2), n_modes, n=60, domain=(-2, 2))


def test_wrong_input_is_refused():
    dynamics = double_well(0.2)
    with pytest.raises(ValueError, match="n_modes=0"):
        spectrum(dynamics, 0)
    with pytest.raises(ValueError, match=r"domain=\(1\.0, -1\.0\) must be 1 finite pair"):
        generator(dynamics, domain=(1.0, -1.0))
    with pytest.raises(ValueError, match="does not confine"):
        spectral_gap(line("-x**2", temperature=0.2))
    with pytest.raises(ValueError, match="not separated by a factor of 5"):
        escape_rate(line("x**2/2", temperature=0.2))
    with pytest.raises(ValueError, match=r"the wells hold 0\.0\d+ and 0\.9\d+"):
        escape_rate(line("(x**2 - 1)**2 + 0.3*x", temperature=0.1))
    with pytest.raises(ValueError, match=r"well=\(1.0, 2.0\) must be a finite point with 1"):
        escape_rate(dynamics, well=(1.0, 2.0))
    with pytest.raises(ValueError, match="set a holds 0 cells"):
        committor(dynamics, lambda x: x[..., 0] < -9, lambda x: x[..., 0] > 0.9)
    cube = ll.Potential.from_expression("x**2 + y**2 + z**2", variables=("x", "y", "z"))
    with pytest.raises(ValueError, match="dimension 1 or 2, not 3"):
        spectral_gap(ll.Overdamped(cube, temperature=1.0))
    with pytest.raises(TypeError, match="overdamped dynamics, not Langevin"):
        generator(ll.Langevin(dynamics.potential, temperature=0.2, friction=1.0))
