"""Domains and sets given as text: closed forms of the disc and the annulus."""

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.exact import committor, escape_rate, generator, spectral_gap, spectrum
from langevin_lab.exact.finite_volume import automatic_domain

BOX = ((-1.05, 1.05), (-1.05, 1.05))


def plane(text, temperature=1.0):
    potential = ll.Potential.from_expression(text, variables=("x", "y"))
    return ll.Overdamped(potential, temperature=temperature)


def test_free_diffusion_in_a_disc_has_bessel_rates():
    """Reflecting circle: T (j'_11)^2, twice, and T (j'_21)^2."""
    from scipy.special import jnp_zeros

    rates = spectrum(plane("0*x*y", 0.7), 3, domain=BOX, within="x**2 + y**2 < 1", n=120)
    expected = 0.7 * np.array([jnp_zeros(1, 1)[0], jnp_zeros(1, 1)[0], jnp_zeros(2, 1)[0]]) ** 2
    for (value, error), truth in zip(rates, expected):
        assert abs(value - truth) < error < 0.05 * truth
    # Control: a disc 5 % larger.
    wide = spectral_gap(plane("0*x*y", 0.7), domain=BOX, within="x**2 + y**2 < 1.1", n=120)
    assert abs(wide.value - expected[0]) > wide.error


@pytest.mark.parametrize("cut", np.linspace(-0.3, 0.3, 13).round(12))
def test_error_of_a_cut_box_holds_wherever_the_cut_falls_among_the_cells(cut):
    """The same reflecting wall by domain=, of second order; three grids may all cut alike."""
    dynamics = ll.Overdamped(ll.potentials.double_well(), temperature=0.2)
    (low, _), *_ = automatic_domain(dynamics)[0]
    expected = spectral_gap(dynamics, domain=(low, cut)).value
    for n in (200, 800):
        found = spectral_gap(dynamics, within=f"x < {cut}", n=n)
        assert abs(found.value - expected) < found.error < 80 / n * expected


def test_escape_rate_takes_a_region():
    """Three wells of which the region keeps two."""
    triple = ll.Potential.from_expression("8*x**2*(x**2 - 1)**2 + 0.2*x", variables=("x",))
    dynamics = ll.Overdamped(triple, temperature=0.15)
    (low, _), *_ = automatic_domain(dynamics)[0]
    expected = escape_rate(dynamics, -1.0, domain=(low, 0.5)).value
    found = escape_rate(dynamics, -1.0, within="x < 0.5", n=400)
    assert abs(found.value - expected) < found.error < 0.1 * expected
    with pytest.raises(ValueError, match="within=x > 0 and n=None belong to overdamped grids"):
        escape_rate(ll.Langevin(triple, temperature=1.0, friction=1.0), within="x > 0")


def test_mass_is_the_gibbs_law_of_the_region():
    """x^2 on a disc of the isotropic Gauss law: T (1 - s e^-s/(1 - e^-s)), s = R^2/2T."""
    gauss = plane("(x**2 + y**2)/2", 0.4)
    grid = generator(gauss, domain=BOX, within="x**2 + y**2 < 1", n=200)
    s = 1 / 0.8
    expected = 0.4 * (1 - s * np.exp(-s) / -np.expm1(-s))
    assert grid.mass @ grid.points[:, 0] ** 2 == pytest.approx(expected, rel=5e-3)
    assert (np.sum(grid.points**2, axis=1) < 1).all()


def test_committor_between_two_circles_is_the_logarithm():
    a, b = "x**2 + y**2 <= 0.2**2", "x**2 + y**2 >= 0.8**2"
    found = committor(plane("0*x*y"), a, b, domain=BOX, n=240)
    for angle in (0.0, 0.5, 2.0):
        point = 0.45 * np.array([np.cos(angle), np.sin(angle)])
        assert found(point[None])[0] == pytest.approx(np.log(0.45 / 0.2) / np.log(4), abs=0.01)
    half = committor(plane("0*x*y"), a, b, domain=BOX, within="y > 0", n=240)
    assert half([[0.0, 0.45]])[0] == pytest.approx(found([[0.0, 0.45]])[0], abs=2e-3)
    assert half.rate == pytest.approx(found.rate, rel=0.02)  # half of the flux of half of the mass


def test_text_and_function_name_the_same_sets_and_parameters_count():
    dynamics = ll.Overdamped(ll.potentials.double_well(barrier=1.0), temperature=0.2)
    one = committor(dynamics, "x < -0.9", "x > 0.9*barrier")
    other = committor(dynamics, lambda x: x[..., 0] < -0.9, lambda x: x[..., 0] > 0.9)
    np.testing.assert_array_equal(one.probability, other.probability)


def test_wrong_regions_are_refused():
    dynamics = plane("x**2 + y**2")
    with pytest.raises(ValueError, match=r"within='x > 50' holds 0 cells"):
        generator(dynamics, within="x > 50")
    with pytest.raises(ValueError, match="the energy and the region leave a piece of 0 cells"):
        generator(plane("(x**2 - 1)**2 + y**2", 0.05), within="x > 1.5 and y > 1.5")
    with pytest.raises(ValueError, match="w > 0"):
        generator(dynamics, within="w > 0")
    with pytest.raises(ValueError, match="within=x > 0 and n=None belong to overdamped grids"):
        spectral_gap(
            ll.Langevin(ll.potentials.double_well(), temperature=1.0, friction=1.0), within="x > 0"
        )
