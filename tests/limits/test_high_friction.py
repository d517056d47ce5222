"""Configurational corrections at high friction, against Galerkin solutions and closed forms."""

import functools

import numpy as np
import pytest
import sympy

import langevin_lab as ll
from langevin_lab.evidence import order
from langevin_lab.limits.differential_polynomials import ENERGY, energy_slope
from langevin_lab.limits.local_density import STIFFNESS
from langevin_lab.limits.operators import POSITION
from langevin_lab.limits.weak_equation import weak_modified_equation
from langevin_lab.limits.weak_generator import FRICTION, MASS, TEMPERATURE

X, T = POSITION, TEMPERATURE
U1, U2, U3, U4 = (energy_slope(k) for k in (1, 2, 3, 4))
WELL = ll.potentials.quartic_well()
FRICTIONS = 8.0 * 2.0 ** np.arange(4)


def predicted_bias(potential):
    """-<x^2; U_k>/T on the quartic well at unit mass and temperature, at each friction."""
    x = np.linspace(-4, 4, 2001)
    energy = X**4 / 4 + X**2 / 2
    numbers = {MASS: 1, T: 1}
    explicit = potential.subs({ENERGY: energy, **numbers}).doit()
    values = sympy.lambdify((X, FRICTION), explicit)
    weights = np.exp(-sympy.lambdify(X, energy)(x))
    weights /= weights.sum()
    deviation = x**2 - weights @ x**2
    return np.array([-(weights * deviation) @ (values(x, g) + 0 * x) for g in FRICTIONS])


@functools.cache
def computed_bias(word, power):
    equation = weak_modified_equation(word)
    return np.array(
        [
            equation.stationary_correction(WELL, temperature=1.0, friction=g)
            .coefficient(lambda x: x**2, power)
            .value
            for g in FRICTIONS
        ]
    )


def test_baoab_is_of_higher_order_in_positions_at_high_friction():
    """No part of order 0 or 1 in 1/gamma: Leimkuhler and Matthews (2013)."""
    equation = weak_modified_equation("BAOAB")
    assert equation.high_friction_potential(1) == 0
    found = equation.high_friction_potential(2)
    expected = (
        -(T**2) * U4 / 24 + T * U1 * U3 / 12 - T * U2**2 / 48 - U1**2 * U2 / 24
        + sympy.Integral(U1 * U2**2 / 12, X)
    )  # fmt: skip
    expected = expected / (FRICTION * MASS) ** 2
    assert sympy.simplify((found - expected).diff(X).doit()) == 0


@pytest.mark.parametrize("word", ["BAOAB", "ABOBA", "OBABO", "OABAO"])
@pytest.mark.parametrize("last", [0, 2])
def test_remainder_falls_with_the_next_power_of_the_friction(word, last):
    """Odd powers are absent."""
    potential = weak_modified_equation(word).high_friction_potential(last)
    left = np.abs(computed_bias(word, 2) - predicted_bias(potential))
    assert order(1 / FRICTIONS, left).value == pytest.approx(last + 2, abs=0.15)


def test_a_potential_wrong_by_three_percent_leaves_more():
    potential = 1.03 * weak_modified_equation("BAOAB").high_friction_potential(2)
    left = np.abs(computed_bias("BAOAB", 2) - predicted_bias(potential))
    assert order(1 / FRICTIONS, left).value < 3.5


@pytest.mark.parametrize("word", ["BAOAB", "ABOBA", "OBABO", "OABAO"])
def test_harmonic_limit_is_the_exact_variance(word):
    """U_2 = -(1/2) (second-order change of T/var) x^2: 0, 0 and -+ k^2 x^2/8."""
    on_well = weak_modified_equation(word).high_friction_potential(4)
    on_well = on_well.subs(ENERGY, STIFFNESS * X**2 / 2).doit().diff(X)
    expected = {"OBABO": -1, "OABAO": 1}.get(word, 0) * STIFFNESS**2 * X / (4 * MASS)
    assert sympy.expand(on_well - expected) == 0


@pytest.mark.parametrize("word", ["UBU", "BUB"])
def test_joint_letter_has_the_same_potential_at_every_friction(word):
    equation = weak_modified_equation(word)
    sign = {"UBU": U1**2 / 12 - T * U2 / 24, "BUB": T * U2 / 12 - U1**2 / 24}[word] / MASS
    for last in (0, 3):
        assert sympy.expand(equation.high_friction_potential(last) - sign) == 0


def test_first_correction_of_an_unsymmetric_word():
    """BAO is hotter: U_1 = gamma U/2, as its density correction says."""
    found = weak_modified_equation("BAO", 1).high_friction_potential(2)
    assert sympy.expand(found - FRICTION * ENERGY / 2) == 0


def test_what_cannot_be_asked_is_refused():
    with pytest.raises(ValueError, match=r"'EulerMaruyama' has no momenta; its effective_poten"):
        weak_modified_equation("EulerMaruyama").high_friction_potential()
    with pytest.raises(ValueError, match=r"order=1 of 'BAOAB' holds no correction"):
        weak_modified_equation("BAOAB", 1).high_friction_potential()
    with pytest.raises(ValueError, match=r"last=-1 must be an integer >= 0"):
        weak_modified_equation("BAOAB").high_friction_potential(-1)
