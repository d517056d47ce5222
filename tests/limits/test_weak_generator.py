"""Modified generators against the exact one-step expectation of the real step."""

import numpy as np
import pytest
import sympy
from one_step import at_start, average_after_step, is_of_order, observables, series_of_semigroup

from langevin_lab.evidence import order
from langevin_lab.limits.operators import MOMENTUM, POSITION, Operator
from langevin_lab.limits.weak_equation import weak_modified_equation
from langevin_lab.limits.weak_generator import letter_generator

WORDS = ("BAOAB", "ABOBA", "OBABO", "BAO", "ABO", "BACNCAB", "UBU", "ANCB")
STEPS = 0.04 * 0.5 ** np.arange(5)


def residual_order(name, generators, steps=STEPS):
    """Order of E f(z_1) minus exp(h L_h) f, the exponential cut after h^(order + 1)."""
    functions = observables(POSITION, None if name == "EulerMaruyama" else MOMENTUM)
    series = np.array([series_of_semigroup(generators, f)[::-1] for f in functions])
    errors = [
        np.linalg.norm(average_after_step(name, h) - [np.polyval(row, h) for row in series])
        for h in steps
    ]
    return order(steps, errors)


@pytest.mark.parametrize("name", [*WORDS, "EulerMaruyama"])
def test_step_follows_its_modified_generator_to_order_four_locally(name):
    assert is_of_order(residual_order(name, weak_modified_equation(name, 2).generators), 4)


@pytest.mark.parametrize("name", [*WORDS, "EulerMaruyama"])
@pytest.mark.parametrize("cut", [1, 2])
def test_local_order_without_the_last_corrections(name, cut):
    """The original equation, and the one without L_2: the exponential is not cut shorter."""
    generators = weak_modified_equation(name, 2).generators
    nothing = Operator({})
    found = residual_order(name, (*generators[:cut], *[nothing] * (3 - cut)))
    expected = 2 if cut == 1 and generators[1] != nothing else 3
    assert is_of_order(found, expected, width=0.4)


@pytest.mark.parametrize("name", ["BAOAB", "BAO", "EulerMaruyama"])
def test_every_coefficient_wrong_by_three_percent_loses_the_order(name):
    generators = weak_modified_equation(name, 2).generators
    for power, coefficient in generators[2].terms.items():
        changed = Operator({**generators[2].terms, power: 1.03 * coefficient})
        found = residual_order(name, (*generators[:2], changed))
        print(name, power, found, found.interval())
        assert not is_of_order(found, 4)


def test_reversed_composition_is_refuted():
    """The first letter stands leftmost: the generators of ABO are not those of OBA."""
    of_reversed = weak_modified_equation("OBA", 2).generators
    assert residual_order("ABO", of_reversed, 0.02 * 0.5 ** np.arange(4)).value < 2.5


@pytest.mark.parametrize("word", ["BAOAB", "ABOBA", "OBABO", "OABAO", "UBU", "BACNCAB"])
def test_palindromes_have_no_first_correction(word):
    assert weak_modified_equation(word, 1).generators[1] == Operator({})


@pytest.mark.parametrize("word", ["BAO", "ABO", "BAOA"])
def test_other_words_have_a_first_correction(word):
    assert weak_modified_equation(word, 1).generators[1] != Operator({})


def test_letters_add_up_to_the_kramers_generator():
    total = letter_generator("A") + letter_generator("B") + letter_generator("O")
    for word in ("BAOAB", "BAO", "BACNCAB", "UBU"):
        assert weak_modified_equation(word, 0).generators == (total,)
    assert letter_generator("U") == letter_generator("A") + letter_generator("O")


def test_euler_maruyama_first_correction_as_published():
    """L_1 = -(1/2)(F F' + T F'') d - T F' d^2 at friction 1: Zygalakis (2011)."""
    correction = weak_modified_equation("EulerMaruyama", 1).generators[1]
    x, k = POSITION, sympy.Symbol("k")
    force = -k * x**3
    energy = {sympy.Function("U")(x): k * x**4 / 4, sympy.Symbol("gamma", positive=True): 1}
    temperature = sympy.Symbol("T", positive=True)
    drift = -(force * force.diff(x) + temperature * force.diff(x, 2)) / 2
    expected = Operator({(1, 0): drift, (2, 0): -temperature * force.diff(x)})
    assert correction.replaced(energy) == expected


def test_friction_alone_damps_the_mean_exactly():
    generators = (letter_generator("C"),)
    assert series_of_semigroup(generators, MOMENTUM)[1] == pytest.approx(1.3 * 0.8)
    assert at_start(MOMENTUM) == -0.8
