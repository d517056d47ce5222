"""Time-step bias without sampling: theory 7.2, harmonic closed forms, a third route."""

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.exact import (
    gibbs_average,
    stationary_average,
    stationary_covariance,
    stationary_law,
)

EXACT = 0.4679199170


def quartic():
    return ll.potentials.quartic_well(quartic=1.0, stiffness=1.0)


def overdamped(temperature=1.0, friction=1.0):
    return ll.Overdamped(quartic(), temperature=temperature, friction=friction)


def langevin(friction, mass=1.0):
    return ll.Langevin(quartic(), temperature=1.0, friction=friction, mass=mass)


def bias(method, dynamics, dt, *, largest_error=1e-8, **options):
    exact = gibbs_average(dynamics, lambda x: x**2).value
    value, error = stationary_average(method, dynamics, lambda x: x**2, dt, **options)
    assert error < largest_error
    return value - exact


# Rounded in the sheet to three or four digits: (method, dt, bias, half a unit of its last digit).
OVERDAMPED_TABLE = [
    ("EulerMaruyama", 0.04, 1.119e-2, 5e-6),
    ("EulerMaruyama", 0.02, 5.440e-3, 5e-7),
    ("EulerMaruyama", 0.01, 2.685e-3, 5e-7),
    ("LeimkuhlerMatthews", 0.04, -8.62e-5, 5e-8),
    ("LeimkuhlerMatthews", 0.02, -2.06e-5, 5e-8),
    ("LeimkuhlerMatthews", 0.01, -5.05e-6, 5e-9),
]
# Sampled in the sheet, with errors of about 6e-5 (larger for the rows without one).
LANGEVIN_TABLE = [
    ("BAOAB", 0.4, -2.30e-3, 6e-5),
    ("BAOAB", 0.3, -1.17e-3, 6e-5),
    ("BAOAB", 0.2, -5.4e-4, 6e-5),
    ("ABOBA", 0.3, -8.83e-3, 6e-5),
    ("ABOBA", 0.2, -3.76e-3, 1e-4),
    ("ABOBA", 0.15, -2.01e-3, 1.5e-4),
    ("OBABO", 0.3, 1.492e-2, 1e-4),
    ("OBABO", 0.2, 6.36e-3, 1e-4),
    ("OBABO", 0.15, 3.63e-3, 1e-4),
]


@pytest.mark.parametrize(("method", "dt", "expected", "tolerance"), OVERDAMPED_TABLE)
def test_overdamped_biases_of_the_theory_sheet(method, dt, expected, tolerance):
    assert bias(method, overdamped(), dt) == pytest.approx(expected, abs=1.01 * tolerance)


@pytest.mark.parametrize(("method", "dt", "expected", "tolerance"), LANGEVIN_TABLE)
def test_langevin_biases_of_the_theory_sheet(method, dt, expected, tolerance):
    ours = bias(method, langevin(1.0), dt, degree=16, n_normal_nodes=10, largest_error=3e-7)
    assert ours == pytest.approx(expected, abs=1.01 * tolerance)


@pytest.mark.parametrize(
    ("friction", "dt", "expected"),
    [(20.0, 0.45, -6.2e-4), (20.0, 0.35, -2.1e-4), (5.0, 0.45, -8.7e-4), (5.0, 0.35, -3.8e-4)],
)
def test_baoab_biases_at_high_friction(friction, dt, expected):
    ours = bias("BAOAB", langevin(friction), dt, degree=16, largest_error=3e-7)
    assert ours == pytest.approx(expected, abs=2e-5)


def gaussian_kernel_average(mean, temperature_step, grid):
    """<x^2> of x' = mean(x) + sqrt(2 T dt) n by power iteration on a fine grid: a third route."""
    width = np.sqrt(temperature_step)
    kernel = np.exp(-0.5 * ((grid[None, :] - mean(grid)[:, None]) / width) ** 2)
    kernel *= (grid[1] - grid[0]) / (width * np.sqrt(2 * np.pi))
    matrix = kernel.T - np.eye(len(grid))
    matrix[0] = 1.0
    law = np.linalg.solve(matrix, np.eye(len(grid))[0])
    return float(law @ grid**2)


@pytest.mark.parametrize("dt", [0.04, 0.02])
def test_euler_maruyama_equals_its_gaussian_kernel_on_a_grid(dt):
    grid = np.linspace(-4.5, 4.5, 601)
    expected = gaussian_kernel_average(lambda x: x - dt * (x**3 + x), 2 * dt, grid)
    value, _ = stationary_average("EulerMaruyama", overdamped(), lambda x: x**2, dt)
    assert value == pytest.approx(expected, abs=1e-8)


def test_leimkuhler_matthews_equals_the_chain_of_its_half_steps():
    """z = x - s r is a Markov chain with one normal: z' = z + 2 s r - dt U'(z + s r), s^2 = T dt/2.

    Solved on a grid of z with cubic interpolation; x = z + s r gives <x^2> = <z^2> + s^2.
    """
    dt, s = 0.04, np.sqrt(0.02)
    grid = np.linspace(-4.5, 4.5, 601)
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    x = grid[:, None] + s * nodes
    position = (2 * x - grid[:, None] - dt * (x**3 + x) - grid[0]) / (grid[1] - grid[0])
    low = np.clip(np.floor(position).astype(int), 1, len(grid) - 3)
    t = np.clip(position - low, 0.0, 1.0)
    operator = np.zeros((len(grid), len(grid)))
    rows = np.broadcast_to(np.arange(len(grid))[:, None], x.shape)
    for offset, lagrange in (
        (-1, -t * (t - 1) * (t - 2) / 6),
        (0, (t + 1) * (t - 1) * (t - 2) / 2),
        (1, -(t + 1) * t * (t - 2) / 2),
        (2, (t + 1) * t * (t - 1) / 6),
    ):
        np.add.at(operator, (rows, low + offset), weights / weights.sum() * lagrange)
    system = operator.T - np.eye(len(grid))
    system[0] = 1.0
    law = np.linalg.solve(system, np.eye(len(grid))[0])
    value, _ = stationary_average("LeimkuhlerMatthews", overdamped(), lambda x: x**2, dt)
    assert value == pytest.approx(law @ grid**2 + s**2, abs=1e-8)


def test_conjugate_words_have_one_law_of_positions():
    """BAOA starts half a kick later than BAOAB: positions at the end of a step agree."""
    word, cyclic, other = (
        stationary_law(name, langevin(1.0), 0.2, degree=20) for name in ("BAOAB", "BAOA", "ABOBA")
    )
    for observable in (lambda x: x**2, lambda x: x**4):
        (value, error), (same, other_error) = word.average(observable), cyclic.average(observable)
        assert abs(value - same) <= error + other_error < 2e-5
        # Negative control: ABOBA is not conjugate to it.
        assert abs(value - other.average(observable).value) > 1e-3
    assert 0.0 < word.escape_probability < 1e-8


HARMONIC_METHODS = ["BAOAB", "OBABO", "BOAOB", "ABO", "SemiImplicitEuler"]


@pytest.mark.parametrize("method", [*HARMONIC_METHODS, "EulerMaruyama", "LeimkuhlerMatthews"])
def test_harmonic_wells_agree_with_the_gaussian_law(method):
    potential = ll.potentials.harmonic(stiffness=2.0)
    settings = {"temperature": 0.7, "friction": 1.3}
    law = stationary_covariance(method, stiffness=2.0, dt=0.3, **settings)
    if len(law) == 1:
        dynamics = ll.Overdamped(potential, **settings)
        observables = {(0, 0): lambda x: x**2}
    else:
        dynamics = ll.Langevin(potential, **settings)
        observables = {(0, 0): lambda x: x**2, (0, 1): lambda x, p: x * p, (1, 1): lambda p: p**2}
    ours = stationary_law(method, dynamics, 0.3, degree=12)
    for entry, observable in observables.items():
        value, error = ours.average(observable)
        assert value == pytest.approx(law[entry], abs=1e-9)
        assert error < 1e-6


@pytest.mark.slow
def test_bbk_with_three_variables_agrees_with_the_gaussian_law():
    dynamics = ll.Langevin(ll.potentials.harmonic(stiffness=2.0), temperature=0.7, friction=1.3)
    law = stationary_covariance("BBK", stiffness=2.0, temperature=0.7, friction=1.3, dt=0.3)
    value, _ = stationary_average("BBK", dynamics, lambda x: x**2, 0.3, degree=10)
    assert value == pytest.approx(law[0, 0], abs=1e-8)


def test_bias_orders():
    """Halving dt divides the bias by 2 (Euler-Maruyama) or 4; other orders are excluded."""
    for method, dynamics, dt, order in (
        ("EulerMaruyama", overdamped(), 0.01, 1),
        ("LeimkuhlerMatthews", overdamped(), 0.01, 2),
        ("StochasticHeun", overdamped(), 0.01, 2),
        ("BAOAB", langevin(1.0), 0.1, 2),
        ("ABOBA", langevin(1.0), 0.1, 2),
    ):
        steps = (bias(method, dynamics, h, degree=16) for h in (dt, dt / 2))
        observed = np.log2(next(steps) / next(steps))
        assert observed == pytest.approx(order, abs=0.05), method


def test_mass_and_friction_units():
    """x at mass m, friction g, step h is x at mass 1, friction g sqrt(m), step h / sqrt(m)."""
    heavy = bias("BAOAB", langevin(0.5, mass=4.0), 0.4, degree=16)
    assert heavy == pytest.approx(bias("BAOAB", langevin(1.0), 0.2, degree=16), abs=1e-9)
    slow = bias("EulerMaruyama", overdamped(friction=2.5), 0.05)
    assert slow == pytest.approx(bias("EulerMaruyama", overdamped(), 0.02), abs=1e-11)


def test_a_double_well_needs_more_polynomials_and_says_so():
    dynamics = ll.Overdamped(ll.potentials.double_well(barrier=1.0), temperature=0.2)
    coarse = stationary_average("EulerMaruyama", dynamics, lambda x: x**2, 0.01, degree=16)
    fine = stationary_average("EulerMaruyama", dynamics, lambda x: x**2, 0.01, degree=40)
    assert fine.error < 1e-7
    assert abs(coarse.value - fine.value) <= coarse.error
    grid = np.linspace(-2.2, 2.2, 701)
    expected = gaussian_kernel_average(lambda x: x - 0.01 * 4 * x * (x**2 - 1), 0.004, grid)
    assert fine.value == pytest.approx(expected, abs=1e-7)


def test_wrong_input_is_refused():
    dynamics = langevin(1.0)
    with pytest.raises(ValueError, match=r"dt=1.2 makes method 'BAOAB' leave the domain"):
        stationary_average("BAOAB", dynamics, lambda x: x**2, 1.2)
    with pytest.raises(ValueError, match=r"observable takes \('q',\).*carries \('x', 'p'\)"):
        stationary_average("BAOAB", dynamics, lambda q: q**2, 0.1)
    with pytest.raises(ValueError, match="degree=7 must be at least 8"):
        stationary_average("BAOAB", dynamics, lambda x: x**2, 0.1, degree=7)
    with pytest.raises(ValueError, match="n_normal_nodes=3 at least 4"):
        stationary_average("BAOAB", dynamics, lambda x: x**2, 0.1, n_normal_nodes=3)
    with pytest.raises(ValueError, match="'BAB' draws no normals"):
        stationary_average("BAB", dynamics, lambda x: x**2, 0.1)
    plane = ll.potentials.harmonic(stiffness=1.0, dim=2)
    with pytest.raises(ValueError, match="dimension 1, not 2"):
        stationary_average(
            "BAOAB", ll.Langevin(plane, temperature=1.0, friction=1.0), lambda x: x, 0.1
        )
