"""First correction in T in several dimensions: algebra, and orders against exact spectra."""

import numpy as np
import pytest
from scipy.optimize import root

import langevin_lab as ll
from langevin_lab.escape import eyring_kramers
from langevin_lab.escape.barrier import Barrier
from langevin_lab.escape.laplace import first_correction

# Cubic and mixed terms at all three points; the plane of theory 7.3 has none at the saddle.
CURVED = "(x**2 - 1)**2 + 2*(y - x**2/2 - x/3)**2 + y**3/4 - 3*y*x**2/10"
TEMPERATURES = (0.1, 0.05, 0.025)
ENTROPIC = "(x**2 - 1)**2 + (y**2/2)*(1 + 3*exp(-4*x**2))"


def potential_of(text, variables=("x", "y")):
    return ll.Potential.from_expression(text, variables=variables)


def refined(potential, start):
    return root(potential.gradient, start, jac=potential.hessian, tol=1e-14).x


def correction_of(potential, minimum, saddle, friction=1.0):
    barrier = Barrier(potential, minimum, saddle, 0.1)
    return first_correction(potential, barrier, np.broadcast_to(friction, (potential.dim,)))


def test_one_dimension_has_the_known_coefficient():
    """[-U4/(8 U2^2) + 5 U3^2/(24 U2^3)]_m + [U4/(8 U2^2) + 5 U3^2/(24 |U2|^3)]_s."""
    potential = ll.potentials.tilted_double_well(barrier=1.0, tilt=0.2)
    expected = 0.0
    for sign, point in ((-1.0, potential.minima[0]), (1.0, potential.saddles[0])):
        x = point.position
        second, third, fourth = (float(potential.derivatives(x, n).item()) for n in (2, 3, 4))
        expected += sign * fourth / (8 * second**2) + 5 * third**2 / (24 * abs(second) ** 3)
    coefficient = correction_of(potential, potential.minima[0].position,
                                potential.saddles[0].position)  # fmt: skip
    assert coefficient == pytest.approx(expected, rel=1e-12)


def test_uncoupled_coordinates_do_not_count():
    alone = potential_of("(x**2 - 1)**2 + x**3/5", ("x",))
    with_others = potential_of("(x**2 - 1)**2 + x**3/5 + y**2 + y**3/3 + y**4 + cosh(z)",
                               ("x", "y", "z"))  # fmt: skip
    minimum = refined(alone, np.array([-1.0]))[0]
    assert correction_of(with_others, (minimum, 0, 0), (0, 0, 0)) == pytest.approx(
        correction_of(alone, minimum, 0.0), rel=1e-12
    )


def test_correction_does_not_depend_on_the_axes():
    plain = potential_of(CURVED)
    c, s = np.cos(0.7), np.sin(0.7)
    turned = potential_of(CURVED.replace("x", "#").replace("y", f"({s}*x + {c}*y)")
                          .replace("#", f"({c}*x - {s}*y)"))  # fmt: skip
    points = [refined(plain, np.array(start)) for start in ((-1.0, 0.2), (0.0, 0.0))]
    rotation = np.array([[c, s], [-s, c]])
    assert correction_of(turned, *(rotation @ point for point in points)) == pytest.approx(
        correction_of(plain, *points), rel=1e-10
    )


def test_frictions_rescale_the_coordinates():
    """Friction (1, 4) is friction 1 for the coordinates x and 2 y."""
    plain, scaled = potential_of(CURVED), potential_of(CURVED.replace("y", "(y/2)"))
    points = [refined(plain, np.array(start)) for start in ((-1.0, 0.2), (0.0, 0.0))]
    twice = [point * (1.0, 2.0) for point in points]
    rates = [
        eyring_kramers(plain, *points, 0.1, friction=(1.0, 4.0), correction=True).value,
        eyring_kramers(scaled, *twice, 0.1, correction=True).value,
    ]
    assert rates[0] == pytest.approx(rates[1], rel=1e-10)
    assert correction_of(plain, *points, (1.0, 4.0)) != pytest.approx(correction_of(plain, *points))


@pytest.mark.parametrize("text", [ENTROPIC, CURVED])
def test_corrected_law_is_off_by_the_square_of_temperature(text):
    """Exact spectrum in 2-D; halving T halves the error of the plain law, quarters the other."""
    potential = potential_of(text)
    minimum = refined(potential, np.array([-1.0, 0.2]))
    saddle = refined(potential, np.array([0.0, 0.0]))
    errors = []
    for temperature in TEMPERATURES:
        dynamics = ll.Overdamped(potential, temperature=temperature)
        exact = ll.exact.escape_rate(dynamics, well=minimum, n=100)
        laws = [
            eyring_kramers(potential, minimum, saddle, temperature, correction=correction).value
            for correction in (False, True)
        ]
        errors.append([law / exact.value - 1 for law in laws])
        assert exact.error / exact.value < 1e-2 * abs(errors[-1][1])
    plain, corrected = np.log2(np.abs(errors[:-1]) / np.abs(errors[1:])).T
    assert plain[-1] == pytest.approx(1.0, abs=0.2)
    assert corrected[-1] == pytest.approx(2.0, abs=0.2)
    # The coefficient itself, extrapolated to T = 0; one that is wrong by 3 % would be seen.
    slopes = np.array([e[0] / t for e, t in zip(errors, TEMPERATURES, strict=True)])
    once = 2 * slopes[1:] - slopes[:-1]
    measured = (4 * once[1] - once[0]) / 3
    assert measured == pytest.approx(correction_of(potential, minimum, saddle), rel=0.015)
