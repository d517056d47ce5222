"""Operators against direct application; compositions against matrix exponentials."""

import numpy as np
import pytest
import sympy
from one_step import is_of_order
from scipy.linalg import expm, logm

from langevin_lab.evidence import order
from langevin_lab.limits.composition import generator_of_flows, generator_of_series
from langevin_lab.limits.operators import MOMENTUM as P
from langevin_lab.limits.operators import POSITION as X
from langevin_lab.limits.operators import Operator

FIRST = Operator({(1, 0): P * X**2, (0, 2): sympy.sin(X), (1, 1): 3})
SECOND = Operator({(0, 1): -(X**3), (2, 0): P + 1, (0, 0): X * P})
FUNCTION = sympy.exp(X * P) + X**5 * P**3


def test_operator_acts_as_derivatives_do():
    expected = P * X**2 * FUNCTION.diff(X) + sympy.sin(X) * FUNCTION.diff(P, 2)
    expected += 3 * FUNCTION.diff(X, P)
    assert sympy.simplify(FIRST(FUNCTION) - expected) == 0


def test_product_is_the_action_of_one_after_the_other():
    for a, b in ((FIRST, SECOND), (SECOND, FIRST), (FIRST, FIRST)):
        assert sympy.simplify((a @ b)(FUNCTION) - a(b(FUNCTION))) == 0


def test_commutator_and_linear_combinations():
    combined = FIRST.commutator(SECOND) + 2 * FIRST - SECOND / 3
    direct = FIRST(SECOND(FUNCTION)) - SECOND(FIRST(FUNCTION))
    direct += 2 * FIRST(FUNCTION) - SECOND(FUNCTION) / 3
    assert sympy.simplify(combined(FUNCTION) - direct) == 0


def test_commutator_of_first_order_operators_is_of_first_order():
    a, b = Operator({(1, 0): P}), Operator({(0, 1): -(X**3)})
    assert a.commutator(b) == Operator({(0, 1): -3 * P * X**2, (1, 0): X**3})
    assert a.commutator(b).order == 1
    assert a.commutator(a) == Operator({})


def gaussian_mean(expression):
    """Over independent standard normals x and p: E x^n = (n - 1)!! for even n."""
    terms = sympy.Poly(expression, X, P).terms()
    return sum(
        c * sympy.factorial2(i - 1) * sympy.factorial2(j - 1)
        for (i, j), c in terms
        if i % 2 == j % 2 == 0
    )


def test_adjoint_under_a_gaussian_by_its_moments():
    operator = Operator({(1, 1): X * P, (0, 1): X**2, (2, 0): P**2})
    adjoint = operator.adjoint_under((-X, -P))
    f, g = X**3 * P + P**2, X * P + X**2 + 1
    assert gaussian_mean(operator(f) * g) == gaussian_mean(f * adjoint(g)) == 27


def test_equal_operators_hash_equally_and_print():
    same = Operator({(1, 0): X * (P + 1), (0, 1): 0})
    assert same == Operator({(1, 0): X * P + X})
    assert hash(same) == hash(Operator({(1, 0): X * P + X}))
    assert repr(same) == "Operator({(1, 0): p*x + x})"
    assert same.terms == {(1, 0): X * P + X}
    assert same != X
    assert same.latex() == r"\left(p x + x\right) \partial_x"
    assert Operator({(0, 2): 1, (0, 0): X}).latex().endswith(r"\left(1\right) \partial_p^{2}")
    assert Operator({}).latex() == "0"


def test_replacing_differentiates_afterwards():
    u = sympy.Function("U")(X)
    operator = Operator({(0, 1): u.diff(X)}).replaced({u: X**4})
    assert operator == Operator({(0, 1): 4 * X**3})


def matrices():
    rng = np.random.default_rng(5)
    return [rng.standard_normal((4, 4)) for _ in range(3)]


def remainder(series, exact, steps):
    return [np.abs(sum(h**k * z for k, z in enumerate(series)) - exact(h)).max() for h in steps]


def test_generator_of_flows_is_the_logarithm_of_the_product():
    flows, steps = matrices(), 0.04 * 0.5 ** np.arange(5)

    def exact(h):
        return logm(expm(h * flows[0]) @ expm(h * flows[1]) @ expm(h * flows[2])) / h

    series = generator_of_flows(flows)
    assert is_of_order(order(steps, remainder(series, exact, steps)), 3)
    wrong = (*series[:2], 1.03 * series[2])
    assert not is_of_order(order(steps, remainder(wrong, exact, steps)), 3)


def test_generator_of_series_is_the_logarithm_of_the_step():
    one, two, three = matrices()
    steps = 0.02 * 0.5 ** np.arange(5)

    def exact(h):
        return logm(np.eye(4) + h * one + h**2 * two + h**3 * three) / h

    series = generator_of_series([one, two, three])
    assert is_of_order(order(steps, remainder(series, exact, steps)), 3)
    wrong = (*series[:2], 1.03 * series[2])
    assert not is_of_order(order(steps, remainder(wrong, exact, steps)), 3)


@pytest.mark.parametrize("exact", [True, False])
def test_generators_of_operators_and_of_matrices_agree(exact):
    """On functions linear in (x, p) first-order operators are matrices, products reversed."""
    a, b = Operator({(1, 0): P}), Operator({(0, 1): -3 * X})
    as_matrices = [np.array([[0.0, 1], [0, 0]]), np.array([[0.0, 0], [-3, 0]])]
    operators = generator_of_flows([a, b, a])
    products = generator_of_flows([*as_matrices, as_matrices[0]][:: 1 if exact else -1])
    for operator, matrix in zip(operators, products):
        image = [float(operator(X).coeff(z)) for z in (X, P)]
        np.testing.assert_allclose(image, matrix[0], atol=1e-14)
