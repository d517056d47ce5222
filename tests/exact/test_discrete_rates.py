"""Escape rates of discretised schemes: the Gaussian kernel of Euler-Maruyama, and orders in dt."""

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.exact import discrete_escape_rate, escape_rate

TILTED = "(x**2 - 1)**2 + 0.1*x"


def overdamped(temperature, friction=1.0, text="(x**2 - 1)**2"):
    potential = ll.Potential.from_expression(text, variables=("x",))
    return ll.Overdamped(potential, temperature=temperature, friction=friction)


def kernel_gap(temperature, dt, tilt=0.0, n=320):
    """-log of the second eigenvalue of x -> N(x - dt V'(x), 2 T dt) on Gauss-Legendre nodes."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    x, weights = 2.4 * nodes, 2.4 * weights
    mean = x - dt * (4 * x * (x**2 - 1) + tilt)
    width = np.sqrt(2 * temperature * dt)
    kernel = weights * np.exp(-0.5 * ((x - mean[:, None]) / width) ** 2)
    kernel /= width * np.sqrt(2 * np.pi)
    # Beyond the box the map folds back: leave those starts out, they weigh nothing.
    inside = np.abs(x) < 2.0
    values = np.linalg.eigvals(kernel[np.ix_(inside, inside)])
    return -np.log(np.sort(values.real)[-2]) / dt


@pytest.mark.parametrize(("temperature", "dt"), [(0.25, 0.02), (0.15, 0.01)])
def test_euler_maruyama_rate_is_that_of_its_gaussian_kernel(temperature, dt):
    value, error = discrete_escape_rate("EulerMaruyama", overdamped(temperature), dt, degree=60)
    assert abs(value - kernel_gap(temperature, dt) / 2) < error + 1e-9 * value
    assert error < 1e-5 * value
    # Control: a time step wrong by 2 % is seen.
    assert abs(value - kernel_gap(temperature, 1.02 * dt) / 2) > 50 * error


def test_rates_out_of_unequal_wells_add_up_to_the_gap():
    dynamics = overdamped(0.2, text=TILTED)
    out = [
        discrete_escape_rate("EulerMaruyama", dynamics, 0.01, well, degree=60) for well in (1, -1)
    ]
    assert out[0].value + out[1].value == pytest.approx(kernel_gap(0.2, 0.01, tilt=0.1), rel=1e-6)
    for rate, well in zip(out, (1, -1)):
        assert rate.value == pytest.approx(escape_rate(dynamics, well=well).value, rel=0.02)
    with pytest.raises(ValueError, match="pass well="):
        discrete_escape_rate("EulerMaruyama", dynamics, 0.01)


def biases(method, dynamics, steps, degree):
    exact = escape_rate(dynamics).value
    return np.array(
        [
            discrete_escape_rate(method, dynamics, dt, degree=degree).value / exact - 1
            for dt in steps
        ]
    )


def test_bias_of_euler_maruyama_is_of_first_order():
    bias = biases("EulerMaruyama", overdamped(0.25, friction=2.0), 0.04 / 2.0 ** np.arange(5), 56)
    orders = np.log2(bias[:-1] / bias[1:])
    assert orders[-1] == pytest.approx(1.0, abs=0.05)
    assert (bias > 0).all()


@pytest.mark.slow
def test_bias_of_leimkuhler_matthews_is_of_first_order_in_rates():
    """Second order is its stationary law only."""
    bias = biases("LeimkuhlerMatthews", overdamped(0.25), (0.02, 0.01, 0.005), 32)
    np.testing.assert_allclose(np.log2(bias[:-1] / bias[1:]), 1.0, atol=0.03)


@pytest.mark.slow
def test_bias_of_baoab_is_of_second_order():
    dynamics = ll.Langevin(ll.potentials.double_well(), temperature=0.25, friction=1.0)
    bias = biases("BAOAB", dynamics, (0.2, 0.1, 0.05), 32)
    np.testing.assert_allclose(np.log2(bias[:-1] / bias[1:]), 2.0, atol=0.05)


def test_wrong_input_is_refused():
    dynamics = overdamped(0.25)
    with pytest.raises(ValueError, match="degree=4 must be at least 8"):
        discrete_escape_rate("EulerMaruyama", dynamics, 0.01, degree=4)
    with pytest.raises(ValueError, match="not separated by a factor of 5"):
        discrete_escape_rate("EulerMaruyama", overdamped(0.5, text="x**2/2"), 0.01)


def test_symmetric_wells_need_no_well_where_rounding_tells_them_apart():
    dynamics = overdamped(1 / 20)
    without, with_one = (
        discrete_escape_rate("EulerMaruyama", dynamics, 1e-3, well, degree=60)
        for well in (None, -1.0)
    )
    assert abs(without.value - with_one.value) < without.error
    exact = escape_rate(dynamics).value
    assert without.error < 0.1 * exact
    assert abs(without.value - exact) < without.error


@pytest.mark.parametrize("well", [None, -1.0])
@pytest.mark.parametrize("temperature", [1 / 25, 1 / 40])
def test_a_rate_without_a_digit_is_refused(temperature, well):
    with pytest.raises(ValueError, match=r"dt=0.001 leave no digit .* discrete_passage_rate"):
        discrete_escape_rate("EulerMaruyama", overdamped(temperature), 1e-3, well)


@pytest.mark.parametrize("dt", [1e-3, 1e-2])
@pytest.mark.parametrize("degree", [40, 60])
def test_a_shallow_well_without_weight_is_refused(dt, degree):
    tilted = ll.Overdamped(ll.potentials.tilted_double_well(tilt=-0.5), temperature=0.04)
    with pytest.raises(ValueError, match=r"temperature=0.04 and dt=.* leave no digit"):
        discrete_escape_rate("EulerMaruyama", tilted, dt, -1.0, degree=degree)
    with pytest.raises(ValueError, match=r"leave no digit|pass well="):
        discrete_escape_rate("EulerMaruyama", tilted, dt, degree=degree)


@pytest.mark.parametrize("well", [float("nan"), "a", [1.0, 2.0], [[1.0], []]])
def test_a_well_that_is_no_point_is_refused(well):
    with pytest.raises(ValueError, match=r"well=.* must be a finite point with 1 coordinate"):
        discrete_escape_rate("EulerMaruyama", overdamped(0.25), 0.01, well)


@pytest.mark.parametrize("dt", [float("nan"), -0.01, 0.0])
def test_a_time_step_that_is_none_is_refused(dt):
    with pytest.raises(ValueError, match=r"dt=.* must be finite and > 0"):
        discrete_escape_rate("EulerMaruyama", overdamped(0.25), dt)
