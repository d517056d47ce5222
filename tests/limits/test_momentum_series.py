"""Modified equations of momentum methods: known coefficients, and two independent derivations."""

import numpy as np
import pytest
import sympy

from langevin_lab.limits.elementary_differentials import Tree
from langevin_lab.limits.flow_series import LOOK_AHEAD, MOMENTUM, STEP
from langevin_lab.limits.momentum_series import modified_flow_of_momentum

LB = 1 / (1 - MOMENTUM)


def equal(left, right):
    return sympy.simplify(left - right) == 0


def test_first_correction_is_the_gradient_of_the_modified_loss():
    """u' = -lb grad(U + (h/2) lb (lb - a - 1/2) |grad U|^2), and grad |grad U|^2/2 = f'f."""
    flow = modified_flow_of_momentum(1)
    assert equal(flow.coefficient("f", 0), LB)
    half = sympy.Rational(1, 2)
    assert equal(flow.coefficient("f'f", 1), -(LB**2) * (LB - LOOK_AHEAD - half))
    assert not equal(flow.coefficient("f'f", 1), -(LB**2) * (LB - LOOK_AHEAD + half))


@pytest.mark.parametrize(
    ("momentum", "look_ahead", "name", "loss"),
    [
        (0, 0, "gradient descent", sympy.Rational(1, 4)),
        (MOMENTUM, 0, "heavy ball", (1 + MOMENTUM) / (4 * (1 - MOMENTUM) ** 2)),
        (
            MOMENTUM,
            MOMENTUM,
            "Nesterov",
            (1 - MOMENTUM + 2 * MOMENTUM**2) / (4 * (1 - MOMENTUM) ** 2),
        ),
        (0.5, 0.25, "momentum family", sympy.Rational(5, 4)),
    ],
)
def test_coefficient_of_the_squared_gradient(momentum, look_ahead, name, loss):
    """h times this stands before |grad U|^2 in the loss: X_1 = -lb 2 loss f' (-grad U)..."""
    flow = modified_flow_of_momentum(1, momentum=momentum, look_ahead=look_ahead)
    assert flow.name == name
    rate = flow.coefficient("f", 0)
    assert equal(-flow.coefficient("f'f", 1) / (2 * rate), loss)


def test_gradient_descent_is_the_logarithm_of_eulers_map():
    flow = modified_flow_of_momentum(4, momentum=0, look_ahead=0)
    known = {
        0: {"f": 1},
        1: {"f'f": "-1/2"},
        2: {"f''(f, f)": "1/12", "f'f'f": "1/3"},
        3: {"f''(f, f'f)": "-1/12", "f'f''(f, f)": "-1/12", "f'f'f'f": "-1/4"},
    }
    for power, terms in known.items():
        expected = {Tree.parse(text): sympy.Rational(value) for text, value in terms.items()}
        assert dict(flow.series()[power].terms) == expected
    # A field of time alone leaves the trees f^(k)(f, ..., f): Bernoulli numbers over k!.
    assert flow.coefficient("f''''(f, f, f, f)", 4) == sympy.Rational(-1, 720)
    assert flow.coefficient("f'f'f'f'f", 4) == sympy.Rational(1, 5)


def cut(expression, highest, *others):
    """The polynomial without powers of the step beyond the highest."""
    terms = sympy.Poly(expression, STEP, *others).terms()
    kept = {powers: c for powers, c in terms if powers[0] <= highest}
    return sympy.Poly(kept or {(0,) * (1 + len(others)): 0}, STEP, *others).as_expr()


@pytest.mark.parametrize("momentum", ["0", "1/2", "9/10"])
@pytest.mark.parametrize("look_ahead", ["0", "2/5", "-1/3"])
def test_on_a_quadratic_the_flow_is_the_slow_root(momentum, look_ahead):
    """x_n ~ z^n, z^2 = z + momentum (z - 1) + h rate (z + look_ahead (z - 1)); z = exp(h X)."""
    order, rate, lam, a = 5, sympy.Rational(-3, 2), *map(sympy.Rational, (momentum, look_ahead))
    flow = modified_flow_of_momentum(order, momentum=lam, look_ahead=a)
    chains = [flow.coefficient("f'" * power + "f", power) for power in range(order + 1)]
    assert not any(low_powers_of_residual(chains, rate, lam, a))
    for power in range(order + 1):  # negative control: 3 % in any one coefficient
        wrong = [c * sympy.Rational(103 if k == power else 100, 100) for k, c in enumerate(chains)]
        assert any(low_powers_of_residual(wrong, rate, lam, a))


def low_powers_of_residual(chains, rate, momentum, look_ahead):
    order = len(chains) - 1
    exponent = sum(c * (STEP * rate) ** (k + 1) for k, c in enumerate(chains))
    root = term = sympy.Integer(1)
    for k in range(1, order + 2):
        term = cut(term * exponent / k, order + 1)
        root += term
    ahead = root + look_ahead * (root - 1)
    residual = root**2 - root - momentum * (root - 1) - STEP * rate * ahead
    return sympy.Poly(residual, STEP).all_coeffs()[::-1][: order + 2]


X = sympy.Symbol("x")
FORCE = 1 + 2 * X - X**2 + X**3 / 3


def in_one_dimension(tree):
    """f^(k) times the children."""
    children = [in_one_dimension(child) for child in tree.children]
    return sympy.Mul(sympy.diff(FORCE, X, len(children)), *children)


def moved(rate, sign, highest):
    """x(t + sign h) - x(t) along x' = rate, up to h^highest."""
    total, term = sympy.Integer(0), cut(rate, highest, X)
    for power in range(1, highest + 1):
        total += (sign * STEP) ** power * term / sympy.factorial(power)
        term = cut(sympy.diff(term, X) * rate, highest, X)
    return cut(total, highest, X)


@pytest.mark.parametrize(("momentum", "is_right"), [("1/3", True), ("103/300", False)])
def test_series_satisfies_the_recursion_in_one_dimension(momentum, is_right):
    """By direct differentiation: Taylor series of x(t +- h) in the recursion; 3 % is noticed."""
    order, ahead = 3, sympy.Rational(-2, 5)
    flow = modified_flow_of_momentum(order, momentum=sympy.Rational(1, 3), look_ahead=ahead)
    rate = sum(
        STEP**power * c * in_one_dimension(tree)
        for power, total in enumerate(flow.series())
        for tree, c in total.terms
    )
    forward, backward = moved(rate, 1, order + 1), -moved(rate, -1, order + 1)
    force, shift = FORCE, sympy.Integer(1)
    for k in range(1, order + 1):
        shift = cut(shift * ahead * backward / k, order, X)
        force += shift * sympy.diff(FORCE, X, k)
    residual = forward - sympy.Rational(momentum) * backward - STEP * force
    assert (cut(residual, order + 1, X) == 0) == is_right


def test_velocity_on_the_slow_manifold():
    """v = lb f + h lb^2 (a - lb) f'f + O(h^2); for gradient descent v is f(x - h v)."""
    flow = modified_flow_of_momentum(2)
    assert equal(flow.coefficient("f", 0, "velocity"), LB)
    assert equal(flow.coefficient("f'f", 1, "velocity"), LB**2 * (LOOK_AHEAD - LB))
    plain = modified_flow_of_momentum(2, momentum=0, look_ahead=0)
    # v = f - h f'v + h^2 f''(v, v)/2 - ... with v = f - h f'f inside.
    expected = {"f''(f, f)": sympy.Rational(1, 2), "f'f'f": sympy.Integer(1)}
    assert {t.text: c for t, c in plain.series("velocity")[2].terms} == expected


def test_symbols_and_numbers_agree():
    symbolic = modified_flow_of_momentum(3)
    numbers = modified_flow_of_momentum(3, momentum=0.9, look_ahead=0.25)
    values = {MOMENTUM: sympy.Rational(9, 10), LOOK_AHEAD: sympy.Rational(1, 4)}
    for component in ("x", "velocity"):
        for power, total in enumerate(symbolic.series(component)):
            for tree, coefficient in total.terms:
                assert coefficient.subs(values) == numbers.coefficient(tree, power, component)


def test_beyond_the_first_correction_there_is_no_loss():
    """grad(f . f'f) = 2 f'f'f + f''(f, f) is the only gradient of order two; GD has 4 to 1."""
    flow = modified_flow_of_momentum(2, look_ahead=0)
    chain, fork = (flow.coefficient(text, 2) for text in ("f'f'f", "f''(f, f)"))
    assert not equal(chain, 2 * fork)


def test_numbers_are_the_decimals_that_were_typed():
    assert modified_flow_of_momentum(0, momentum=0.9, look_ahead=0).coefficient("f", 0) == 10
    assert modified_flow_of_momentum(0, momentum=np.float64(0.9)).coefficient("f", 0) == 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"order": 6}, "order=6 must be an integer from 0 to 5: the highest power"),
        ({"order": True}, "order=True must be an integer"),
        ({"order": 1.5}, "order=1.5 must be an integer"),
        ({"momentum": 1.0}, "momentum=1.0 must be >= 0 and < 1"),
        ({"momentum": -0.1}, "momentum=-0.1 must be >= 0 and < 1"),
        ({"look_ahead": np.inf}, "look_ahead=inf must be finite"),
        ({"look_ahead": sympy.Symbol("q")}, "look_ahead=q holds other symbols than lambda and a"),
        ({"learning_rate": 0.0}, "learning_rate=0.0 must be finite and > 0"),
    ],
)
def test_values_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        modified_flow_of_momentum(**({"order": 1} | arguments))


def test_schedule_for_a_number_is_refused():
    with pytest.raises(TypeError, match=r"momentum=.* must be a number or a sympy expression"):
        modified_flow_of_momentum(1, momentum=lambda step: 0.5)
    with pytest.raises(TypeError, match="learning_rate='small' must be a number"):
        modified_flow_of_momentum(1, learning_rate="small")
