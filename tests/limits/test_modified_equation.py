"""`modified_equation`: which analysis a method gets, the known results by itself, refusals."""

import numpy as np
import pytest
import sympy

import langevin_lab as ll
from langevin_lab.limits import (
    ModifiedFlow,
    OutsideRegimeWarning,
    WeakModifiedEquation,
    modified_equation,
    penalty,
)
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
        HeavyBall(learning_rate=0.01, momentum=0.5),
        Nesterov(learning_rate=0.01, momentum=0.5),
        MomentumFamily(learning_rate=0.01, momentum=0.5, look_ahead=0.25),
    ):
        equation = modified_equation(method, 1)
        # f~ = f/(1 - m) + h c f'f, and -grad(c |grad U|^2)/(1 - m) = -2 c f'f/(1 - m).
        assert 0.01 * float(first(equation)) == pytest.approx(-2 * penalty(method) / 0.5, rel=1e-14)
        dynamics = equation.dynamics(ll.potentials.harmonic())
        assert dynamics.potential.parameters["learning_rate"] == 0.01


def test_words_are_analysed_in_law_with_noise_and_as_flows_without():
    assert isinstance(modified_equation("BAOAB"), WeakModifiedEquation)
    assert isinstance(modified_equation("V R O R V"), WeakModifiedEquation)
    assert isinstance(modified_equation("BAOAB", 3, noise=False), ModifiedFlow)
    assert isinstance(modified_equation("BAB", 4), ModifiedFlow)
    assert isinstance(modified_equation("EulerMaruyama", 1), WeakModifiedEquation)
    flow = modified_equation("EulerMaruyama", 1, noise=False)
    assert flow.name == "EulerMaruyama"
    assert [name for name, _ in flow.symbols] == ["dt", "friction"]


def test_flow_of_euler_maruyama_is_that_of_gradient_descent_on_its_own_clock():
    """x' = -grad U/friction in steps dt is gradient descent with learning rate dt/friction."""
    well, friction, dt = ll.potentials.double_well(), 2.5, 0.01
    flow = modified_equation("EulerMaruyama", 3, noise=False).dynamics(
        well, dt=dt, friction=friction
    )
    descent = modified_equation("GradientDescent", 3).dynamics(well, learning_rate=dt / friction)
    # x(0.3) there and here.
    slow = ll.integrators.solve_flow(flow, [-1.3], [0.0, 0.3]).x[-1]
    fast = ll.integrators.solve_flow(descent, [-1.3], [0.0, 0.3 / friction]).x[-1]
    assert slow == pytest.approx(fast, rel=1e-9)
    assert abs(slow - -1.0) > 0.01


def test_first_correction_of_euler_maruyama_has_the_friction_twice():
    gamma = sympy.Symbol("gamma", positive=True)
    flow = modified_equation("EulerMaruyama", 1, noise=False)
    assert first(flow) == -1 / (2 * gamma**2)


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
    with pytest.raises(ValueError, match=r"method='RK4' is no composition .*'HeavyBall', "):
        modified_equation("RK4")
    with pytest.raises(ValueError, match="method=SGD has no symbolic form: use one of Gradient"):
        modified_equation(SGD)
    with pytest.raises(TypeError, match=r"method=\['BAOAB'\] must be a splitting word"):
        modified_equation(["BAOAB"])


@pytest.mark.parametrize("method", ["BAOAB", "HeavyBall", HeavyBall(learning_rate=1, momentum=0)])
def test_an_order_is_an_integer_whatever_ran_before(method):
    modified_equation(method, 1)
    for order in (1.0, True, "1", -1, 6):
        with pytest.raises(ValueError, match=f"order={order!r} must be an integer from 0 to 5"):
            modified_equation(method, order)


def test_the_equation_of_stored_looked_ahead_points_is_that_of_the_recursion_to_order_1_only():
    # With y = x + m (x_n - x_{n-1}) and X = b f the drift of y differs at h^2, in f''(f, f): the
    # flow of order 2 of the recursion would be off by O(h^2) from the stored points.
    loss = ll.Potential.from_expression("x**2/2 + x**3/5 + x**4/8")
    ends = []
    for rate in (2.0**-9, 2.0**-10):
        method = SGD(learning_rate=rate, momentum=0.5, nesterov=True)
        n = round(0.5 / rate)
        path = ll.limits.iterate(method, loss, 1.0, 2 * n)[:, 0]
        flow = modified_equation(method, 1).dynamics(loss)
        end = ll.integrators.solve_flow(flow, path[n : n + 1], [0.5], rtol=1e-12, atol=1e-14)
        ends.append(abs(end["x"].values[-1, 0] - path[-1]))
    assert np.log2(ends[0] / ends[1]) == pytest.approx(2.0, abs=0.02)
    with pytest.raises(ValueError, match=r"order=2 for SGD.* stores looked-ahead points"):
        modified_equation(method, 2)


def test_equations_in_law_warn_out_of_their_range_at_the_line_that_asked():
    well = ll.potentials.double_well()  # curvature 8 at the minima
    overdamped = modified_equation("EulerMaruyama", 1)
    with pytest.warns(OutsideRegimeWarning, match=r"relaxation per step .* = 0\.24 ") as seen:
        overdamped.dynamics(well, dt=0.06, temperature=0.2, friction=2.0)
    assert seen[0].filename == __file__
    langevin = modified_equation("OBABO")
    with pytest.warns(OutsideRegimeWarning, match=r"frequency per step .* = 1\.28 "):
        langevin.dynamics(well, dt=0.4, temperature=0.2, friction=1.0)
    langevin.dynamics(well, dt=0.4, temperature=0.2, friction=1.0, mass=2.0)


@pytest.mark.parametrize(
    ("method", "long", "short"), [("EulerMaruyama", 0.11, 0.09), ("OBABO", 1.1, 0.9)]
)
def test_predicted_biases_warn_out_of_their_range_at_the_line_that_asked(method, long, short):
    correction = modified_equation(method, 2).stationary_correction(
        ll.potentials.harmonic(stiffness=2.0), temperature=1.0, friction=1.0,
        mass=1.0 if method[0] == "E" else 2.0, degree=6,
    )  # fmt: skip
    with pytest.warns(OutsideRegimeWarning, match=f"the bias of {method} on") as seen:
        correction.bias(lambda x: x**2, long)
    assert seen[0].filename == __file__
    correction.bias(lambda x: x**2, short)
