"""First correction in T in several dimensions: algebra, and orders against exact spectra."""

import itertools

import numpy as np
import pytest
from scipy.optimize import root

import langevin_lab as ll
from langevin_lab.escape import eyring_kramers
from langevin_lab.escape.barrier import Barrier
from langevin_lab.escape.laplace import _capacity, _partition, first_correction

# Cubic and mixed terms at all three points; the plane of theory 7.3 has none at the saddle.
CURVED = "(x**2 - 1)**2 + 2*(y - x**2/2 - x/3)**2 + y**3/4 - 3*y*x**2/10"
TEMPERATURES = (0.12, 0.06, 0.03)
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


def symmetric(tensor):
    orders = list(itertools.permutations(range(tensor.ndim)))
    return sum(np.transpose(tensor, order) for order in orders) / len(orders)


def bending(curvatures, slope, nodes):
    """P and dU3/dz_1 at the nodes: P's equation solved for ten coefficients at random points."""
    steepness, rng = np.abs(curvatures), np.random.default_rng(5)
    powers = [p for p in itertools.product(range(3), repeat=3) if sum(p) <= 2]

    def monomial(z, power):
        return np.prod(z ** np.array(power), axis=-1)

    def operator(z, power):
        """(Laplacian - z.|H| grad - a) of a monomial."""
        power = np.array(power)
        value = -(steepness @ power + steepness[0]) * monomial(z, power)
        for i in np.flatnonzero(power == 2):
            value += 2 * monomial(z, power - 2 * np.eye(3, dtype=int)[i])
        return value

    points = rng.normal(size=(40, 3))
    right = 0.5 * np.einsum("ni,ij,nj->n", points, slope, points)
    matrix = np.stack([operator(points, power) for power in powers], axis=1)
    coefficients, *_ = np.linalg.lstsq(matrix, right)
    np.testing.assert_allclose(matrix @ coefficients, right, atol=1e-12)
    values = sum(c * monomial(nodes, p) for c, p in zip(coefficients, powers, strict=True))
    return values, 0.5 * np.einsum("ni,ij,nj->n", nodes, slope, nodes)


def test_contractions_are_the_gaussian_averages_of_the_docstring():
    """Random tensors in three dimensions, averages by Gauss-Hermite quadrature."""
    rng = np.random.default_rng(3)
    curvatures = np.array([-1.3, 0.7, 2.1])
    third, fourth = (symmetric(rng.normal(size=(3,) * order)) for order in (3, 4))
    x, w = np.polynomial.hermite_e.hermegauss(6)
    nodes = np.array(list(itertools.product(x, repeat=3))) / np.sqrt(np.abs(curvatures))
    weights = np.prod(list(itertools.product(w / w.sum(), repeat=3)), axis=1)
    cubic = np.einsum("ijk,ni,nj,nk->n", third, nodes, nodes, nodes) / 6
    quartic = np.einsum("ijkl,ni,nj,nk,nl->n", fourth, nodes, nodes, nodes, nodes) / 24
    partition = weights @ (0.5 * cubic**2 - quartic)
    assert _partition(curvatures, third, fourth) == pytest.approx(partition, rel=1e-12)
    bend, slope = bending(curvatures, third[0], nodes)
    capacity = partition + weights @ (bend * slope)
    assert _capacity(curvatures, third, fourth) == pytest.approx(capacity, rel=1e-11)


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
