"""`modified_equation`: which analysis a method gets, the known results by itself, refusals."""

import pytest
import sympy

import langevin_lab as ll
from langevin_lab.limits import ModifiedFlow, WeakModifiedEquation, modified_equation, penalty
from langevin_lab.momentum import SGD, HeavyBall, MomentumFamily, Nesterov, NesterovSequence

LAM, A = sympy.Symbol("lambda"), sympy.Symbol("a")


def first(equation):
    """Coefficient of f'f at the first power of the step."""
    return sympy.sympify(equation.coefficient("f'f", 1))


def test_gradient_descent_finds_a_quarter_of_the_squared_gradient():
    # x' = -grad(U + (h/4)|grad U|^2) = f - (h/2) f'f, since f'f = grad |grad U|^2/2.
    equation = modified_equation("GradientDescent", 2)
    assert first(equation) == sympy.Rational(-1, 2)
    assert equation.coefficient("f'f'f", 2) == sympy.Rational(1, 3)
    assert equation.coefficient("f''(f, f)", 2) == sympy.Rational(1, 12)


@pytest.mark.parametrize(
    ("name", "alpha"),
    [
        ("HeavyBall", (1 + LAM) / 2),
        ("Nesterov", (1 - LAM + 2 * LAM**2) / 2),
        ("MomentumFamily", (1 + LAM - 2 * A * (1 - LAM)) / 2),
    ],
)
def test_momentum_methods_find_the_coefficient_of_the_modified_loss(name, alpha):
    found = first(modified_equation(name, 1))
    symbols = {symbol.name: symbol for symbol in found.free_symbols}
    expected = -alpha / (1 - LAM) ** 3
    expected = expected.subs({LAM: symbols.get("lambda", LAM), A: symbols.get("a", A)})
    assert sympy.simplify(found - expected) == 0


def test_optimisers_bring_their_numbers():
    for method in (
        HeavyBall(learning_rate=0.1, momentum=0.5),
        Nesterov(learning_rate=0.1, momentum=0.5),
        MomentumFamily(learning_rate=0.1, momentum=0.5, look_ahead=0.25),
    ):
        equation = modified_equation(method, 1)
        # f~ = f/(1 - m) + h c f'f, and -grad(c |grad U|^2)/(1 - m) = -2 c f'f/(1 - m).
        assert 0.1 * float(first(equation)) == pytest.approx(-2 * penalty(method) / 0.5, rel=1e-14)
        dynamics = equation.dynamics(ll.potentials.harmonic())
        assert dynamics.potential.parameters["learning_rate"] == 0.1


def test_words_are_analysed_in_law_with_noise_and_as_flows_without():
    assert isinstance(modified_equation("BAOAB"), WeakModifiedEquation)
    assert isinstance(modified_equation("V R O R V"), WeakModifiedEquation)
    assert isinstance(modified_equation("BAOAB", 3, noise=False), ModifiedFlow)
    assert isinstance(modified_equation("BAB", 4), ModifiedFlow)
    assert isinstance(modified_equation("EulerMaruyama", 1), WeakModifiedEquation)
    flow = modified_equation("EulerMaruyama", 1, noise=False)
    assert flow.name == "EulerMaruyama"
    assert first(flow) == sympy.Rational(-1, 2)


def test_a_class_of_optimisers_is_analysed_with_symbols():
    assert modified_equation(HeavyBall, 1).text == modified_equation("HeavyBall", 1).text


def test_what_cannot_be_analysed_is_refused():
    with pytest.raises(ValueError, match=r"order=3 of BAOAB: .* in law .*noise=False"):
        modified_equation("BAOAB", 3)
    with pytest.raises(ValueError, match="noise=True for 'HeavyBall', whose noise is that of the"):
        modified_equation("HeavyBall", noise=True)
    with pytest.raises(TypeError, match="noise='yes' must be True, False or None"):
        modified_equation("BAOAB", noise="yes")
    with pytest.raises(ValueError, match="draws no normals"):
        modified_equation("BAB", noise=True)
    with pytest.raises(ValueError, match="follows a schedule of momentum"):
        modified_equation(Nesterov(learning_rate=0.1, momentum=NesterovSequence()))
    with pytest.raises(ValueError, match="decays weights"):
        modified_equation(SGD(learning_rate=0.1, weight_decay=0.1))
    with pytest.raises(ValueError, match="method='HeavyBal' is unknown"):
        modified_equation("HeavyBal")
    with pytest.raises(ValueError, match="is no composition of the sub-flows"):
        modified_equation("LeimkuhlerMatthews")
