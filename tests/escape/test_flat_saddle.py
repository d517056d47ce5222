"""Exit from saddles without curvature: quadrature in 1-D, two solutions of the plane, scaling."""

import math

import numpy as np
import pytest
from scipy.integrate import dblquad

import langevin_lab as ll
from langevin_lab.escape import flat_saddle_exit_time, monkey_saddle_exit_time
from langevin_lab.escape.flat_saddle import MONKEY_CONSTANT

SETTINGS = {"amplitude": 2.0, "temperature": 0.03, "friction": 1.7}


@pytest.mark.parametrize(("degree", "one_sided"), [(3, True), (4, False), (5, True), (6, False)])
def test_mean_is_that_of_the_passage_integral(degree, one_sided):
    """Far out the flow is what is left; the wall of the two-sided one stands on its top."""
    falling = ll.Potential.from_expression(f"-a*x**{degree}", parameters={"a": 2.0})
    dynamics = ll.Overdamped(falling, temperature=0.03, friction=1.7)
    wall = {} if one_sided else {"reflecting": 0.0}
    for distance, accuracy in ((1.0, 3e-5), (3.0, 1e-9)):
        exact = ll.exact.mean_first_passage_time(dynamics, 0.0, distance, **wall).value
        ours = flat_saddle_exit_time(
            degree=degree, one_sided=one_sided, distance=distance, **SETTINGS
        )
        assert ours == pytest.approx(exact, rel=accuracy)


def test_constant_of_the_cubic_is_a_double_integral():
    inner = dblquad(lambda z, y: np.exp(z**3 - y**3), 0.0, 6.0, lambda y: -4.0, lambda y: y)[0]
    # Beyond 6 the flow: 1/(3 y) + 1/(18 y^4).
    expected = inner + 1 / 18 + 1 / (18 * 6.0**4)
    ours = flat_saddle_exit_time(degree=3, amplitude=1.0, temperature=1.0, one_sided=True)
    assert ours == pytest.approx(expected, rel=2e-7)
    assert ours == pytest.approx(2.0 * math.gamma(4 / 3) ** 2, rel=1e-13)


def polar_solution(radius, n_angles, n_points):
    """Mean time from the monkey saddle to a circle at T = 1: cos(3 k a), Chebyshev points in r."""
    j = np.arange(n_points + 1)
    x = np.cos(np.pi * j / n_points)
    sign = np.where((j == 0) | (j == n_points), 2.0, 1.0) * (-1.0) ** j
    first = np.outer(sign, 1 / sign) / (x[:, None] - x + np.eye(n_points + 1))
    first -= np.diag(first.sum(axis=1))
    first /= radius
    second, half = first @ first, (n_points + 1) // 2
    r = radius * x[:half]

    def folded(matrix, parity):  # f_k(-r) = (-1)^k f_k(r)
        return matrix[:half, :half] + parity * matrix[:half, half:][:, ::-1]

    system = np.zeros((n_angles, half, n_angles, half))
    for k in range(n_angles):
        slope = folded(first, (-1) ** k)
        system[k, :, k] += folded(second, (-1) ** k) + np.diag(1 / r) @ slope
        system[k, :, k] -= np.diag(9.0 * k**2 / r**2)
        flow = -1.5 * np.diag(r**2) @ slope
        if k + 1 < n_angles:
            system[k + 1, :, k] += flow + np.diag(4.5 * k * r)
        system[abs(k - 1), :, k] += flow - np.diag(4.5 * k * r)
    right = np.zeros((n_angles, half))
    right[0] = -1.0
    for k in range(n_angles):  # 0 on the circle
        system[k, 0], right[k, 0] = 0.0, 0.0
        system[k, 0, k, 0] = 1.0
    size = n_angles * half
    solved = np.linalg.solve(system.reshape(size, size), right.ravel())[:half]
    both = np.concatenate([solved, solved[::-1]])
    fit = np.polynomial.chebyshev.chebfit(x, both, n_points)
    return float(np.polynomial.chebyshev.chebval(0.0, fit))


def test_monkey_saddle_solves_its_equation_in_polar_coordinates():
    near, far = polar_solution(3.0, 14, 71), polar_solution(4.0, 22, 85)
    for radius, exact in ((3.0, near), (4.0, far)):
        ours = monkey_saddle_exit_time(amplitude=1.0, temperature=1.0, distance=radius)
        assert exact - ours == pytest.approx(-0.19 * radius**-7, rel=0.2)
    # What is left falls as r^-7: two radii give the constant.
    rest = [1 / (3 * r) + 1 / (9 * r**4) for r in (3.0, 4.0)]
    constant = (4**7 * (far + rest[1]) - 3**7 * (near + rest[0])) / (4**7 - 3**7)
    assert constant == pytest.approx(MONKEY_CONSTANT, abs=4e-6)


def test_monkey_saddle_by_finite_volumes():
    monkey = ll.Potential.from_expression("x**3 - 3*x*y**2", "x, y")
    means = []
    for n in (81, 161):
        cells = ll.exact.generator(
            ll.Overdamped(monkey, temperature=1.0), domain=((-2.1, 2.1), (-2.1, 2.1)), n=n
        )
        r = np.hypot(*cells.points.T)
        angle = np.arctan2(*cells.points.T[::-1]) % (2 * np.pi / 3) - np.pi / 3
        far = np.maximum(r, 2.0)
        # Series of the mean time to infinity around a valley.
        beyond = 1 / (3 * far) + 3 * angle**2 / (14 * far) + 4 / (63 * far**4)
        means.append(cells.solve(r >= 2.0, beyond, -1.0)[np.argmin(r)])
    constant = means[1] + (means[1] - means[0]) / 3
    assert constant == pytest.approx(MONKEY_CONSTANT, rel=4e-3)
    assert constant != pytest.approx(1.02 * MONKEY_CONSTANT, rel=4e-3)


def test_times_scale_with_amplitude_temperature_and_friction():
    one = monkey_saddle_exit_time(amplitude=1.0, temperature=1.0, distance=5.0)
    # Lengths in (T/a)^(1/3), times in friction a^(-2/3) T^(-1/3).
    other = monkey_saddle_exit_time(amplitude=8.0, temperature=1e-3, friction=3.0, distance=0.25)
    assert other == pytest.approx(one * 3.0 / 4.0 * 10.0, rel=1e-12)
    slope = np.log10(
        monkey_saddle_exit_time(amplitude=1.0, temperature=1e-6)
        / monkey_saddle_exit_time(amplitude=1.0, temperature=1e-3)
    )
    assert slope == pytest.approx(1.0, rel=1e-12)


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match=r"temperature=0\.0 must be a finite number > 0"):
        monkey_saddle_exit_time(amplitude=1.0, temperature=0.0)
    with pytest.raises(ValueError, match=r"degree=2 must be"):
        flat_saddle_exit_time(degree=2, amplitude=1.0, temperature=1.0)
    near = r"distance=0\.1 must be at least 1\.5 \(temperature/amplitude\)\^\(1/3\) = 0\.15; nearer"
    with pytest.raises(ValueError, match=near):
        monkey_saddle_exit_time(amplitude=1.0, temperature=1e-3, distance=0.1)
    with pytest.raises(ValueError, match=r"distance=nan must be at least"):
        flat_saddle_exit_time(degree=3, amplitude=1.0, temperature=1.0, distance=np.nan)
