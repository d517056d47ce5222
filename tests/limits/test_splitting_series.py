"""Modified equations of words: shadow Hamiltonians, and Baker-Campbell-Hausdorff by hand."""

from collections import Counter

import pytest
import sympy

from langevin_lab.limits.flow_series import FRICTION
from langevin_lab.limits.splitting_series import modified_flow_of_word

x, v = sympy.symbols("x v", real=True)
f = sympy.Function("f")(x)
LETTERS = {
    "A": sympy.Matrix([v, 0]),
    "B": sympy.Matrix([0, f]),
    "O": sympy.Matrix([0, -FRICTION * v]),
    "U": sympy.Matrix([v, -FRICTION * v]),
}


def bracket(left, right):
    """The field of the commutator of derivatives along two fields."""
    return right.jacobian([x, v]) * left - left.jacobian([x, v]) * right


def graded(first, second):
    """Brackets of series of fields, power by power; lists begin with h^1."""
    total = [sympy.zeros(2, 1)] * len(first)
    for i, left in enumerate(first):
        for j, right in enumerate(second):
            if i + j + 1 < len(first):
                total[i + j + 1] = (total[i + j + 1] + bracket(left, right)).expand()
    return total


def combined(first, second):
    """log(exp(first) exp(second)) up to four factors of h."""
    one = graded(first, second)
    two, three = graded(first, one), graded(second, graded(second, first))
    four = graded(second, graded(first, one))
    return [
        (a + b + c / 2 + d / 12 + e / 12 - g / 24).expand()
        for a, b, c, d, e, g in zip(first, second, one, two, three, four)
    ]


def by_hand(word):
    """Fields of h, h^2, h^3, h^4 in one dimension; the first letter's operator stands leftmost."""
    counts, nothing = Counter(word), sympy.zeros(2, 1)
    parts = [[LETTERS[letter] / counts[letter], *[nothing] * 3] for letter in word]
    total = parts[0]
    for part in parts[1:]:
        total = combined(total, part)
    return total


def in_one_dimension(tree):
    children = [in_one_dimension(child) for child in tree.children]
    if tree.root == "v":
        return v
    return sympy.Mul(sympy.diff(f, x, len(children)), *children)


def evaluated(total):
    return sympy.expand(sum(c * in_one_dimension(tree) for tree, c in total.terms))


WORDS = ["BAB", "ABA", "BA", "AB", "BAOAB", "OBABO", "ABOBA", "BAO", "OAB", "OBA", "UBU", "BAOABAB"]


@pytest.mark.parametrize("word", WORDS)
def test_series_is_that_of_baker_campbell_hausdorff(word):
    flow, direct = modified_flow_of_word(word, 3), by_hand(word)
    for component, name in enumerate(("x", "v")):
        for power, total in enumerate(flow.series(name)):
            assert sympy.expand(evaluated(total) - direct[power][component]) == 0


def test_order_of_the_letters_matters():
    """Negative control: the word read from the right is another method."""
    assert (
        modified_flow_of_word("BAO", 1).series("v")[1]
        != modified_flow_of_word("OAB", 1).series("v")[1]
    )
    reverse = by_hand("OAB")
    assert sympy.expand(evaluated(modified_flow_of_word("BAO", 1).series()[1]) - reverse[1][0]) != 0


def test_semi_implicit_euler_has_the_known_shadow():
    """Kick, then drift: H - (h/2) p U'(x), so x' = v + (h/2) f, v' = f - (h/2) f'v."""
    flow = modified_flow_of_word("BA", 1)
    half = sympy.Rational(1, 2)
    assert flow.coefficient("f", 1, "x") == half
    assert flow.coefficient("f'v", 1, "v") == -half


@pytest.mark.parametrize(("word", "kinetic", "squared"), [("BAB", 12, -24), ("ABA", -24, 12)])
def test_verlet_follows_its_shadow_hamiltonian(word, kinetic, squared):
    """H + h^2 (p U'' p/kinetic + |U'|^2/squared) in one dimension, f = -U'."""
    shadow = -v * sympy.diff(f, x) * v / kinetic + f**2 / squared
    flow = modified_flow_of_word(word, 2)
    assert sympy.expand(evaluated(flow.series("x")[2]) - sympy.diff(shadow, v)) == 0
    assert sympy.expand(evaluated(flow.series("v")[2]) + sympy.diff(shadow, x)) == 0
    wrong = sympy.diff(shadow, v) * sympy.Rational(103, 100)
    assert sympy.expand(evaluated(flow.series("x")[2]) - wrong) != 0


@pytest.mark.parametrize("word", ["BAB", "ABA", "BAOAB", "OBABO", "ABOBA", "OABAO", "UBU", "BUB"])
def test_palindromes_have_no_odd_powers(word):
    flow = modified_flow_of_word(word, 5)
    for component in ("x", "v"):
        series = flow.series(component)
        assert [power for power, total in enumerate(series) if total] == [0, 2, 4]


def test_word_without_force_derivatives_keeps_the_friction_exact():
    """O and A commute with nothing else: UBU's correction vanishes with the force."""
    for component in ("x", "v"):
        terms = modified_flow_of_word("UBU", 2).series(component)[2].terms
        assert all("f" in tree.text for tree, _ in terms)
        assert any(
            tree.text == "v" for tree, _ in modified_flow_of_word("BAOAB", 2).series("x")[2].terms
        )


def test_noise_and_friction_in_two_letters_are_one_at_temperature_0():
    both, apart = modified_flow_of_word("BAOAB", 3), modified_flow_of_word("BACNAB", 3)
    assert both.drift == apart.drift
    assert modified_flow_of_word("V R O R V", 3) == both


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("BADODAB", "word='BADODAB' has D, a thermostat, which moves xi besides x and p"),
        ("BAEDEAB", "word='BAEDEAB' has D, a thermostat"),
        ("BAXAB", "letter 'X' at position 3 is unknown"),
        ("AOA", "it has no B"),
        ("BAAB", "repeats A without anything between"),
        ("BACAB", "has C .* but no N"),
        ("UBAU", "has U .* and A"),
    ],
)
def test_words_that_are_no_langevin_integrators_are_refused(word, message):
    with pytest.raises(ValueError, match=message):
        modified_flow_of_word(word, 2)


def test_other_input_is_refused():
    with pytest.raises(TypeError, match="word=3 must be a text such as 'BAOAB'"):
        modified_flow_of_word(3, 2)
    with pytest.raises(ValueError, match="order=-1 must be an integer from 0 to 5"):
        modified_flow_of_word("BAB", -1)
    with pytest.raises(ValueError, match=r"dt=-0.1 must be finite and > 0"):
        modified_flow_of_word("BAB", 1, dt=-0.1)
