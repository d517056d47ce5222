"""Closed forms of stationary densities, against quadrature, exact laws and their own equation."""

import numpy as np
import pytest
import sympy
from one_step import is_of_order

import langevin_lab as ll
from langevin_lab.evidence import order
from langevin_lab.limits.differential_polynomials import (
    ENERGY,
    antiderivative,
    energy_slope,
    with_functions,
    with_symbols,
)
from langevin_lab.limits.local_density import STIFFNESS
from langevin_lab.limits.operators import MOMENTUM, POSITION
from langevin_lab.limits.weak_equation import weak_modified_equation
from langevin_lab.limits.weak_generator import FRICTION, MASS, TEMPERATURE, log_density_slopes

U1, U2, U3, U4 = (energy_slope(k) for k in (1, 2, 3, 4))
T, GAMMA, X, P = TEMPERATURE, FRICTION, POSITION, MOMENTUM


@pytest.mark.parametrize("polynomial", [U1**2 * U2, U1 * U3 + U2**3 / 7, ENERGY * U1**3, U4])
def test_antiderivative_undoes_the_derivative(polynomial):
    local, rest = antiderivative(polynomial.diff(X))
    assert rest == 0
    assert sympy.expand(local - polynomial) == 0


def test_antiderivative_leaves_what_is_no_derivative():
    local, rest = antiderivative(U1 * U2**2 + U1 * U2 + U3**2 + ENERGY)
    assert rest == U1 * U2**2 + U3**2 + ENERGY
    assert local == U1**2 / 2


def test_symbols_and_functions_are_two_ways_of_writing_one_polynomial():
    polynomial = U3**2 * ENERGY - U1 * P
    assert not with_symbols(polynomial).has(ENERGY)
    assert with_functions(with_symbols(polynomial)) == polynomial


def test_first_effective_potential_of_euler_maruyama():
    """U_1 = T U''/2 - U'^2/4 at friction 1."""
    (first,) = weak_modified_equation("EulerMaruyama", 1).effective_potential
    assert sympy.expand(first - (T * U2 / 2 - U1**2 / 4) / GAMMA) == 0


def test_effective_potential_of_euler_maruyama_on_a_harmonic_well_is_the_exact_one():
    """var = T/(k (1 - k h/2)): U_1 = -k^2 x^2/4 up to a constant, and no U_2."""
    potentials = weak_modified_equation("EulerMaruyama", 2).effective_potential
    on_well = [u.subs({ENERGY: STIFFNESS * X**2 / 2, GAMMA: 1}).doit().diff(X) for u in potentials]
    assert sympy.expand(on_well[0] + STIFFNESS**2 * X / 2) == 0
    assert sympy.expand(on_well[1]) == 0


def euler_maruyama_average(order_kept, dt, scale=1.0):
    """<x^2> under exp(-(U + h U_1 + h^2 U_2)/T) on U = x^4/4 + x^2/2 at T = friction = 1."""
    x = np.linspace(-5, 5, 4001)
    energy = X**4 / 4 + X**2 / 2
    total = energy
    for k, u in enumerate(weak_modified_equation("EulerMaruyama", order_kept).effective_potential):
        explicit = u.subs({ENERGY: energy, GAMMA: 1, T: 1}).doit()
        total += (scale if k + 1 == order_kept else 1) * dt ** (k + 1) * explicit
    values = sympy.lambdify(X, total)(x)
    # The series in h is no density far out, where U_1 ~ -U'^2/4 wins.
    inside = np.abs(x) < 3.2
    weights = np.where(inside, np.exp(-(values - values[inside].min())), 0.0)
    return float(weights @ x**2 / weights.sum())


@pytest.mark.parametrize("kept", [1, 2])
def test_effective_potential_of_euler_maruyama_raises_the_order_of_its_bias(kept):
    equation = ll.Overdamped(ll.potentials.quartic_well(), temperature=1.0, friction=1.0)
    steps = 0.02 * 2.0 ** (-0.5 * np.arange(5))
    true = [
        ll.exact.stationary_average("EulerMaruyama", equation, lambda x: x**2, dt).value
        for dt in steps
    ]

    def left(scale):
        predicted = [euler_maruyama_average(kept, dt, scale) for dt in steps]
        return order(steps, np.abs(np.subtract(true, predicted)))

    assert is_of_order(left(1.0), kept + 1, width=0.25)
    assert not is_of_order(left(1.03), kept + 1, width=0.25)


def test_density_correction_of_euler_maruyama_expands_its_effective_potential():
    equation = weak_modified_equation("EulerMaruyama", 2)
    first, second = equation.effective_potential
    g_1, g_2 = equation.density_correction
    assert sympy.expand(g_1 + first / T) == 0
    difference = sympy.expand(g_2 + second / T - first**2 / (2 * T**2))
    assert difference == 0


def stationarity(generators, corrections):
    """L_k^+ 1 + ... + L^+ g_k for every k: 0 if the corrections are right."""
    adjoints = [d.adjoint_under(log_density_slopes(momenta=True)) for d in generators]
    full = [sympy.Integer(1), *corrections]
    return [
        sympy.expand(sum(adjoints[i](full[k - i]) for i in range(k + 1)))
        for k in range(1, len(full))
    ]


@pytest.mark.parametrize("word", ["UBU", "BUB"])
def test_words_with_the_joint_letter_have_a_local_density(word):
    equation = weak_modified_equation(word)
    corrections = equation.density_correction
    assert corrections[0] == 0
    assert stationarity(equation.generators, corrections) == [0, 0]
    wrong = (corrections[0], 1.03 * corrections[1])
    assert stationarity(equation.generators, wrong)[1] != 0


def test_local_density_of_ubu():
    """g_2 = (gamma p U'/m - 2 U'^2/m + p^2 U''/m^2)/(24 T)."""
    g_2 = weak_modified_equation("UBU").density_correction[1]
    expected = GAMMA * P * U1 / MASS - 2 * U1**2 / MASS + P**2 * U2 / MASS**2
    assert sympy.expand(g_2 - expected / (24 * T)) == 0


@pytest.mark.parametrize("word", ["BAO", "ABO", "OBA", "BAOA"])
def test_first_corrections_of_unsymmetric_words_are_local(word):
    equation = weak_modified_equation(word, 1)
    assert stationarity(equation.generators, equation.density_correction) == [0]


def test_bao_is_hotter_by_half_its_friction_times_the_step():
    """g_1 = -gamma U/(2 T) + p U'/(2 m T): the second part is its momentum half a kick late."""
    (found,) = weak_modified_equation("BAO", 1).density_correction
    assert sympy.expand(found + GAMMA * ENERGY / (2 * T) - P * U1 / (2 * MASS * T)) == 0


@pytest.mark.parametrize("word", ["BAOAB", "ABOBA", "OBABO", "OABAO"])
def test_symmetric_words_with_o_have_no_local_density(word):
    assert weak_modified_equation(word).density_correction is None


def test_baoab_leaves_positions_of_the_harmonic_well_alone():
    """g_2 = (k/(8 m)) (1 - p^2/(m T)): no x in it."""
    first, second = weak_modified_equation("BAOAB").harmonic_density_correction
    assert first == 0
    assert sympy.expand(second - STIFFNESS / (8 * MASS) * (1 - P**2 / (MASS * T))) == 0


@pytest.mark.parametrize("name", ["BAOAB", "OBABO", "BAO", "UBU", "EulerMaruyama"])
def test_harmonic_corrections_are_those_of_the_exact_covariance(name):
    """d^2/dh^2 of the variances at h = 0, by differences of the exact law."""
    numbers = {STIFFNESS: 1.7, MASS: 1.0, GAMMA: 0.8, T: 0.6}
    physical = {"stiffness": 1.7, "temperature": 0.6, "friction": 0.8}
    g_1, g_2 = weak_modified_equation(name).harmonic_density_correction
    momenta = name != "EulerMaruyama"
    for f, row in ((X**2, 0), (P**2, 1)) if momenta else ((X**2, 0),):

        def exact(h, row=row):
            return ll.exact.stationary_covariance(name, dt=h, **physical)[row, row]

        means = [gaussian_mean((f * g).subs(numbers)) for g in (g_1, g_2)]
        limit = 0.6 / 1.7 if row == 0 else 0.6
        h = 1e-2
        found = (exact(h) - limit - h * means[0]) / h**2
        finer = (exact(h / 2) - limit - h / 2 * means[0]) / (h / 2) ** 2
        assert 2 * finer - found == pytest.approx(means[1], abs=2e-4)


def gaussian_mean(expression):
    """Over x and p of the harmonic well above."""
    variances = (0.6 / 1.7, 0.6)
    total = 0.0
    for powers, c in sympy.Poly(expression, X, P).terms():
        if all(n % 2 == 0 for n in powers):
            factors = [
                float(sympy.factorial2(n - 1)) * v ** (n / 2) for n, v in zip(powers, variances)
            ]
            total += float(c) * factors[0] * factors[1]
    return total
