"""The committor of a discretised scheme against its Gaussian kernel, and what is refused."""

import numpy as np
import pytest
from scipy.special import ndtr

import langevin_lab as ll
from langevin_lab.escape.crossing import OVERSHOOT
from langevin_lab.exact import discrete_splitting_probability, splitting_probability

TILTED = ll.potentials.tilted_double_well(tilt=0.25)


def well(temperature, potential=TILTED):
    return ll.Overdamped(potential, temperature=temperature)


def kernel_probability(dynamics, start, a, b, dt, n=500):
    """u = h + K u between a and b on Gauss-Legendre nodes: a kernel without a negative entry."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    x, weights = a + 0.5 * (b - a) * (nodes + 1), 0.5 * (b - a) * weights
    width = np.sqrt(2 * dynamics.temperature * dt)

    def kernel(points):
        mean = points - dt * dynamics.potential.gradient(points[:, None])[:, 0]
        density = np.exp(-0.5 * ((x - mean[:, None]) / width) ** 2) / np.sqrt(2 * np.pi)
        return weights * density / width, ndtr((mean - b) / width)

    inside, arrived = kernel(x)
    values = np.linalg.solve(np.eye(n) - inside, arrived)
    inside, arrived = kernel(np.array([start]))
    return (arrived + inside @ values)[0]


@pytest.mark.parametrize("temperature", [0.3, 0.1, 0.03])
def test_euler_maruyama_equals_its_gaussian_kernel_down_to_tiny_probabilities(temperature):
    arguments = (-0.95, -1.05, 0.9, 2e-3)
    value, error = discrete_splitting_probability("EulerMaruyama", well(temperature), *arguments)
    expected = kernel_probability(well(temperature), *arguments)
    assert abs(value - expected) < error < 1e-3 * expected
    assert expected < {0.3: 0.05, 0.1: 1e-5, 0.03: 1e-16}[temperature]


def rest_after_shift(method, dt):
    """Relative difference to the continuous committor with both boundaries moved out."""
    shift = OVERSHOOT * np.sqrt(2 * 0.1 * dt)
    found = discrete_splitting_probability(method, well(0.1), -0.8, -0.95, 0.9, dt)
    return (
        found.value / splitting_probability(well(0.1), -0.8, -0.95 - shift, 0.9 + shift).value - 1
    )


def test_boundaries_look_further_away_by_the_overshoot_of_a_step():
    """What the shift leaves is of first order in dt, and of StochasticHeun next to nothing."""
    coarse, fine = (rest_after_shift("EulerMaruyama", dt) for dt in (1e-3, 2.5e-4))
    assert coarse / fine == pytest.approx(4.0, rel=0.05)
    assert abs(fine) < 2e-3
    assert abs(rest_after_shift("StochasticHeun", 1e-3)) < 2e-5
    unshifted = discrete_splitting_probability("StochasticHeun", well(0.1), -0.8, -0.95, 0.9, 1e-3)
    continuous = splitting_probability(well(0.1), -0.8, -0.95, 0.9)
    assert unshifted.value / continuous.value - 1 > 0.02


def test_a_wrong_temperature_is_noticed():
    right, wrong = (
        discrete_splitting_probability("EulerMaruyama", well(t), -0.95, -1.05, 0.9, 2e-3)
        for t in (0.1, 0.103)
    )
    assert abs(right.value - wrong.value) > 1000 * (right.error + wrong.error)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start": -1.1}, r"start=-1.1 must lie between a=-1.05 and b=0.9"),
        ({"dt": 0.5}, r"dt=0.5 makes steps of 0.316, and \[a, b\]=\[-1.05, 0.9\] is not eight"),
        ({"method": "LeimkuhlerMatthews"}, "draws 1 normals and stores"),
        ({"method": "MALA"}, "accepts or rejects each step"),
    ],
)
def test_what_is_refused(changes, message):
    arguments = {"method": "EulerMaruyama", "start": -0.95, "a": -1.05, "b": 0.9, "dt": 2e-3}
    with pytest.raises(ValueError, match=message):
        discrete_splitting_probability(dynamics=well(0.1), **{**arguments, **changes})
