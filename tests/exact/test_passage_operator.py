"""Passage times of a discretised scheme against the Gaussian kernel of Euler-Maruyama."""

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.exact import discrete_passage_time, mean_first_passage_time


def double_well(temperature, friction=1.0):
    potential = ll.potentials.double_well(barrier=1.0)
    return ll.Overdamped(potential, temperature=temperature, friction=friction)


def kernel_passage_time(temperature, dt, target, n=400):
    """u = 1 + K u below the target on Gauss-Legendre nodes, from -1."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    low, width = -2.6, np.sqrt(2 * temperature * dt)
    x = low + 0.5 * (target - low) * (nodes + 1)
    weights = 0.5 * (target - low) * weights

    def kernel(start):
        mean = start - dt * 4 * start * (start**2 - 1)
        z = (x - mean[:, None]) / width
        return weights * np.exp(-0.5 * z**2) / (width * np.sqrt(2 * np.pi))

    steps = np.linalg.solve(np.eye(n) - kernel(x), np.ones(n))
    return dt * (1 + kernel(np.array([-1.0])) @ steps)[0]


@pytest.mark.parametrize("shift", [0.0, 0.1])
def test_euler_maruyama_passage_equals_its_gaussian_kernel(shift):
    value, error = discrete_passage_time(
        "EulerMaruyama", double_well(0.5), -1.0, 1.0, 0.05, shift=shift
    )
    expected = kernel_passage_time(0.5, 0.05, 1.0 - shift)
    assert abs(value - expected) < 2 * error < 1e-3 * expected


def test_a_scheme_looked_at_every_step_arrives_late_and_the_delay_vanishes_with_dt():
    """The delay is that of a boundary moved out by 0.5826 sqrt(2 T dt)."""
    exact = mean_first_passage_time(double_well(0.5), -1.0, 1.0).value
    late = [
        discrete_passage_time("StochasticHeun", double_well(0.5), -1.0, 1.0, dt).value / exact - 1
        for dt in (0.05, 0.0125)
    ]
    assert late[0] > late[1] > 0.0
    moved = mean_first_passage_time(double_well(0.5), -1.0, 1.0 + 0.5826 * np.sqrt(0.0125)).value
    assert late[1] == pytest.approx(moved / exact - 1, rel=0.2)


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="'LeimkuhlerMatthews' draws 1 normals and stores"):
        discrete_passage_time("LeimkuhlerMatthews", double_well(0.5), -1.0, 1.0, 0.05)
    with pytest.raises(ValueError, match=r"start=1\.0 must lie below target - shift = -1\.0"):
        discrete_passage_time("EulerMaruyama", double_well(0.5), 1.0, -1.0, 0.05)
