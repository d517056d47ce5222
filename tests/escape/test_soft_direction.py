"""Degenerate points: closed forms, quadrature by another route, exact spectra through a fork."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gamma, iv, kv

import langevin_lab as ll
from langevin_lab.escape import eyring_kramers, soft_eyring_kramers
from langevin_lab.escape.soft_direction import _Valley


def potential_of(text, variables=("x", "y")):
    return ll.Potential.from_expression(text, variables=variables)


def fork(curvature):
    """Saddle at 0 whose stable curvature is 2 * curvature; below 0 it has split in two."""
    return potential_of(f"(x**2 - 1)**2 + (x**2 + ({curvature}))*y**2 + y**4")


def exact_rate(potential, temperature, **grid):
    dynamics = ll.Overdamped(potential, temperature=temperature)
    gap = ll.exact.spectral_gap(dynamics, **grid)
    assert gap.error < 2e-5 * gap.value
    return gap.value / 2


def test_quadratic_directions_give_eyring_kramers():
    """Exactly quadratic along the soft direction: the two laws are one."""
    potential = potential_of("10*(x**2 - 1)**2 + y**2/2 + z**2", ("x", "y", "z"))
    settings = (potential, (-1, 0, 0), (0, 0, 0), 0.1)
    soft = soft_eyring_kramers(*settings, friction=(2.0, 1.0, 5.0), multiplicity=2).value
    plain = eyring_kramers(*settings, friction=(2.0, 1.0, 5.0), multiplicity=2).value
    assert soft == pytest.approx(plain, rel=1e-12)


@pytest.mark.parametrize("text", ["4*x**6 - 6*x**4", "(x**2 - 1)**4", "(x**2 - 1)**2"])
def test_one_dimension_is_exact_but_for_the_cut(text):
    """Quartic top, quartic minimum, neither: the rest is exponentially small."""
    potential = potential_of(text, ("x",))
    temperature = 0.05 * float(potential.energy([0.0]) - potential.energy([1.0]))
    rate = soft_eyring_kramers(potential, -1.0, 0.0, temperature).value
    assert rate == pytest.approx(exact_rate(potential, temperature, n=3200), rel=2e-6)


def test_quartic_saddle_has_a_gamma_function():
    """int exp(-y^4/T) dy = 2 Gamma(5/4) T^(1/4); the Hessian across is constant."""
    potential, t = potential_of("(x**2 - 1)**2 + x**4*y**2 + y**4"), 0.02
    expected = 2.0 * 2 * gamma(1.25) * t**0.25 / np.sqrt(2 * np.pi * t)
    valley = _Valley(potential, "saddle", (0.0, 0.0), np.ones(2))
    assert valley.integral(t) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("curvature", [0.3, 0.05, -0.05, -0.3])
def test_saddle_at_a_fork_has_the_bessel_functions_of_berglund_and_gentz(curvature):
    """int exp(-(c y^2 + y^4)/T) dy by K_1/4, beyond the fork by I_1/4 and I_-1/4."""
    t = 0.02
    potential = potential_of(f"(x**2 - 1)**2 + x**4*y**2 + ({curvature})*y**2 + y**4")
    z = curvature**2 / (8 * t)
    if curvature > 0:
        integral = 0.5 * np.sqrt(curvature) * np.exp(z) * kv(0.25, z)
    else:
        integral = np.pi / 2 * np.sqrt(-curvature / 2) * np.exp(z) * (iv(-0.25, z) + iv(0.25, z))
    valley = _Valley(potential, "saddle", (0.0, 0.0), np.ones(2))
    expected = 2.0 * integral / np.sqrt(2 * np.pi * t)
    assert valley.integral(t) == pytest.approx(expected, rel=1e-10)


def test_minimum_by_quadrature_on_its_relaxed_line():
    """x relaxes to 1/sqrt(1 + y^2) where the coupling is x^4 y^2."""
    potential, t = potential_of("(x**2 - 1)**2 + x**4*y**2 + y**4"), 0.05

    def integrand(y):
        squared = 1 / (1 + y**2)
        energy = (squared - 1) ** 2 + squared**2 * y**2 + y**4
        return np.exp(-energy / t) / np.sqrt(12 * squared * (1 + y**2) - 4)

    expected = quad(integrand, -3, 3, epsabs=0, epsrel=1e-12)[0] / np.sqrt(2 * np.pi * t)
    valley = _Valley(potential, "minimum", (1.0, 0.0), np.ones(2))
    assert valley.integral(t) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("curvature", [-0.3, -0.1, 0.0, 0.1, 0.3])
def test_rates_through_a_fork_of_saddles_are_uniformly_good(curvature):
    """Against the exact spectrum in 2-D: error T/2 on both sides, halved with T."""
    potential = fork(curvature)
    errors = [
        soft_eyring_kramers(potential, (-1, 0), (0, 0), t).value / exact_rate(potential, t, n=100)
        - 1
        for t in (0.1, 0.05)
    ]
    assert errors[0] == pytest.approx(0.047, abs=0.0025)
    assert errors[0] / errors[1] == pytest.approx(2.25, abs=0.1)
    if 0 < curvature < 0.2:  # the plain law is wrong by a factor there
        plain = eyring_kramers(potential, (-1, 0), (0, 0), 0.05).value
        assert plain > 1.6 * exact_rate(potential, 0.05, n=100)


def test_quartic_unstable_direction_in_the_plane():
    potential = potential_of("4*x**6 - 6*x**4 + (1 + x**2)*y**2")
    errors = [
        soft_eyring_kramers(potential, (-1, 0), (0, 0), t).value / exact_rate(potential, t, n=130)
        - 1
        for t in (0.2, 0.1)
    ]
    assert errors[0] == pytest.approx(0.0361, abs=1e-3)
    assert errors[0] / errors[1] == pytest.approx(2.25, abs=0.1)


def test_frictions_rescale_the_coordinates():
    """Friction (1, 4) is friction 1 for the coordinates x and 2 y."""
    stretched = potential_of("(x**2 - 1)**2 + x**2*(y/2)**2 + (y/2)**4")
    assert soft_eyring_kramers(
        fork(0.0), (-1, 0), (0, 0), 0.1, friction=(1.0, 4.0)
    ).value == pytest.approx(soft_eyring_kramers(stretched, (-1, 0), (0, 0), 0.1).value, rel=1e-9)


@pytest.mark.parametrize("friction", [2.0, 0.3, 17.0])
def test_one_friction_divides_the_rate(friction):
    """The cut of the integrals, where the energy turns, is no matter of the grid."""
    for potential, minimum, saddle, t in (
        (potential_of("(x**2 - 1)**2", ("x",)), -1.0, 0.0, 0.1),
        (fork(0.0), (-1, 0), (0, 0), 0.1),
    ):
        rate = soft_eyring_kramers(potential, minimum, saddle, t).value
        slow = soft_eyring_kramers(potential, minimum, saddle, t, friction=friction).value
        assert slow * friction == pytest.approx(rate, rel=1e-10)


@pytest.mark.parametrize("length", [1e-4, 1e5])
def test_units_of_length_do_not_matter(length):
    unit = f"{1 / length!r}"
    text = f"((x*{unit})**2 - 1)**2 + (x*{unit})**2*(y*{unit})**2 + (y*{unit})**4"
    rate = soft_eyring_kramers(potential_of(text), (-length, 0), (0, 0), 0.05).value
    expected = soft_eyring_kramers(fork(0.0), (-1, 0), (0, 0), 0.05).value / length**2
    assert rate == pytest.approx(expected, rel=1e-8)


def test_wrong_input_is_refused():
    potential = fork(0.0)
    with pytest.raises(ValueError, match=r"temperature=0\.0 must be a finite number > 0"):
        soft_eyring_kramers(potential, (-1, 0), (0, 0), 0.0)
    with pytest.raises(ValueError, match=r"saddle=\[0\.1, 0\.0\] is not stationary"):
        soft_eyring_kramers(potential, (-1, 0), (0.1, 0), 0.1)
    with pytest.raises(ValueError, match=r"saddle=\[1\.0, 0\.0\] lies 0 above minimum"):
        soft_eyring_kramers(potential, (-1, 0), (1, 0), 0.1)
    with pytest.raises(
        ValueError, match=r"minimum=\[0\.0, 0\.0\] has Hessian .* must be positive,"
    ):
        soft_eyring_kramers(potential, (0, 0), (0, 0), 0.1)
    doubly = potential_of("(x**2 - 1)**2 + x**4*y**2 + y**4 + x**2*z**2 + z**4", ("x", "y", "z"))
    with pytest.raises(ValueError, match=r"saddle=.* eigenvalues .* must be positive but one"):
        soft_eyring_kramers(doubly, (-1, 0, 0), (0, 0, 0), 0.1)
    with pytest.raises(ValueError, match="flat along the softest direction of saddle"):
        soft_eyring_kramers(potential_of("(x**2 - 1)**2 + y*0"), (-1, 0), (0, 0), 0.1)
    with pytest.raises(ValueError, match=r"must go down from saddle=.*by 5 temperatures, but goes"):
        soft_eyring_kramers(potential_of("(x**2 - 1)**2", ("x",)), -1.0, 0.0, 0.7)
    # Quartic top of y beside a minimum of x: no minimum.
    with pytest.raises(ValueError, match=r"must go up from minimum=.*other way.*no minimum"):
        soft_eyring_kramers(potential_of("(x**2 - 1)**2 + (y**2 - 1)**2/5"), (-1, 0), (0, 0), 0.02)
