"""`ModifiedFlow`: what it prints, the dynamics and fields that it makes, what it refuses."""

import dataclasses

import numpy as np
import pytest
import sympy

import langevin_lab as ll
from langevin_lab.limits import (
    ModifiedFlow,
    Tree,
    TreeSum,
)
from langevin_lab.limits.momentum_series import modified_flow_of_momentum
from langevin_lab.limits.splitting_series import modified_flow_of_word

WELL = ll.potentials.double_well()
LINE = ll.potentials.harmonic()
PLANE = ll.Potential.from_expression(
    "exp(x)*y/3 + c*x**2*y**2 + log(2 + x**2) + sqrt(4 + y)*e + abs(c)*pi*tanh(y)*x",
    ("x", "y"),
    {"c": 0.7},
)
POINTS = np.array([[0.3, 0.4], [-0.2, 0.9], [1.1, -0.6]])
STATES = np.concatenate([POINTS, [[0.1, -0.2], [0.5, 0.3], [-0.7, 0.2]]], axis=1)


def drift_of(dynamics, state):
    return dynamics.functions(("drift",))["drift"](state)


def test_text_and_latex_of_a_momentum_method():
    flow = modified_flow_of_momentum(1, look_ahead=0)
    assert flow.text == (
        "heavy ball to order 1, f = -grad U\n"
        "x' = 1/(1 - lambda) f\n"
        "   + h (-(lambda + 1)/(2*(1 - lambda)**3) f'f)"
    )
    assert repr(flow) == f"<ModifiedFlow {flow.text}>"
    assert flow.latex() == (
        "\\begin{aligned}\n"
        r"\dot x &= \frac{1}{1 - \lambda}\,f + h \left(-\frac{\lambda + 1}"
        r"{2 \left(1 - \lambda\right)^{3}}\,f'f\right) + O(h^{2}) \\" + "\n"
        r"&\quad f = -\nabla U" + "\n"
        r"\end{aligned}"
    )
    assert r"\frac{x_n - x_{n-1}}{h} &= \frac{1}{1 - \lambda}\,f + h" in flow.velocity_latex()


def test_latex_of_a_word_leaves_out_what_is_0():
    text = modified_flow_of_word("BAB", 3).latex()
    assert text == (
        "\\begin{aligned}\n"
        r"\dot x &= v + h^2 \left(-\frac{1}{6}\,f'v\right) + O(h^{4}) \\" + "\n"
        r"\dot v &= f + h^2 \left(\frac{1}{12}\,f'f + \frac{1}{12}\,f''(v, v)\right) + O(h^{4}) \\"
        "\n"
        r"&\quad f = -\nabla U/m,\ v = p/m" + "\n"
        r"\end{aligned}"
    )


def test_coefficients_by_text_or_tree():
    flow = modified_flow_of_word("BAOAB", 2)
    gamma = dict(flow.symbols)["friction"]
    assert flow.components == ("x", "v")
    assert flow.coefficient("f'v", 2, "v") == gamma / 12
    assert flow.coefficient(Tree.parse("f''(v, v)"), 2, component="v") == sympy.Rational(1, 12)
    assert flow.coefficient("f'f'f", 2) == 0
    assert flow == modified_flow_of_word("V R O R V", 2)
    assert hash(flow) == hash(modified_flow_of_word("BAOAB", 2))


def test_modified_loss_of_gradient_descent_by_hand():
    """x' = -U' - (h/2) U'' U' on U = b (x^2 - 1)^2."""
    equation = modified_flow_of_momentum(1, momentum=0, look_ahead=0).dynamics(
        WELL, learning_rate=0.01
    )
    b, x = 1.0, np.array([[0.3], [-1.2]])
    slope, curvature = 4 * b * x * (x**2 - 1), b * (12 * x**2 - 4)
    by_hand = -slope - 0.005 * curvature * slope
    np.testing.assert_allclose(drift_of(equation, x), by_hand, rtol=1e-13)
    wrong = -slope - 1.03 * 0.005 * curvature * slope
    assert np.abs(drift_of(equation, x) / wrong - 1).max() > 1e-4


def test_modified_verlet_by_hand():
    """U = k x^2/2, w^2 = k/mass: x' = v (1 + (h w)^2/6), v' = -w^2 x (1 - (h w)^2/12)."""
    h, well = 0.1, LINE.with_parameters(stiffness=3.0)
    equation = modified_flow_of_word("BAB", 2).dynamics(well, dt=h, mass=2.0)
    square = 3.0 / 2.0
    by_hand = [-0.7 * (1 + h**2 * square / 6), -square * 0.4 * (1 - h**2 * square / 12)]
    assert equation.potential.variables == ("x", "v")
    np.testing.assert_allclose(drift_of(equation, np.array([0.4, -0.7])), by_hand, rtol=1e-13)


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_formula_and_tensors_agree_for_momentum(order):
    flow = modified_flow_of_momentum(order)
    numbers = {"learning_rate": 0.02, "momentum": 0.4, "look_ahead": 0.3}
    equation = flow.dynamics(PLANE, **numbers)
    by_tensors = flow.field(PLANE, **numbers)(POINTS)
    np.testing.assert_allclose(drift_of(equation, POINTS), by_tensors, rtol=1e-12)
    one = flow.field(PLANE, **numbers)(POINTS[1])
    np.testing.assert_allclose(one, by_tensors[1], rtol=1e-14)
    assert equation.potential.variables == ("x", "y")
    assert set(equation.potential.parameters) == {"c", *(["learning_rate"] if order else [])}


@pytest.mark.parametrize("word", ["BAOAB", "BAO"])
def test_formula_and_tensors_agree_for_words(word):
    flow, numbers = modified_flow_of_word(word, 3), {"dt": 0.2, "friction": 0.6, "mass": (1.5, 0.8)}
    equation = flow.dynamics(PLANE, **numbers)
    by_tensors = flow.field(PLANE, **numbers)(STATES)
    np.testing.assert_allclose(drift_of(equation, STATES), by_tensors, rtol=1e-12, atol=1e-14)
    assert equation.potential.variables == ("x", "y", "v_x", "v_y")


def test_other_steps_need_no_other_code():
    flow = modified_flow_of_momentum(2, momentum=0.5, look_ahead=0.5)
    one, two = (flow.dynamics(PLANE, learning_rate=h) for h in (0.01, 0.02))
    assert one.drift == two.drift
    assert one.source(("drift",)) == two.source(("drift",))
    assert one.potential.parameters["learning_rate"] == 0.01
    other = PLANE.with_parameters(c=0.9)
    assert flow.dynamics(other, learning_rate=0.01).drift == one.drift


def test_result_runs_like_any_dynamics(plain_python):
    """In a kernel, whose own dt is another one than the parameter of that name."""
    equation = modified_flow_of_word("BAOAB", 2).dynamics(PLANE, dt=0.3, friction=0.5)
    result = ll.simulate(
        equation, "EulerMaruyama", dt=0.05, n_steps=3, n_replicas=2, start=STATES[0], seed=1
    )
    state, rate = STATES[0], modified_flow_of_word("BAOAB", 2).field(PLANE, dt=0.3, friction=0.5)
    for _ in range(3):
        state = state + 0.05 * rate(state)
    np.testing.assert_allclose(result["x_final"], [state, state], rtol=1e-12)


def test_own_step_is_the_default():
    flow = modified_flow_of_momentum(1, momentum=0.5, look_ahead=0, learning_rate=0.02)
    given = modified_flow_of_momentum(1, momentum=0.5, look_ahead=0)
    np.testing.assert_array_equal(
        flow.field(PLANE)(POINTS), given.field(PLANE, learning_rate=0.02)(POINTS)
    )
    assert flow.dynamics(PLANE).potential.parameters["learning_rate"] == 0.02
    assert flow.dynamics(PLANE, learning_rate=0.1).potential.parameters["learning_rate"] == 0.1
    assert modified_flow_of_word("BAB", 2, dt=0.3).dynamics(LINE).potential.parameters["dt"] == 0.3


def test_slow_velocity_by_hand():
    """v = lb f + h lb^2 (a - lb) f'f with f'f = U'' U'."""
    velocity = modified_flow_of_momentum(1, momentum=0.5, look_ahead=0.25).slow_velocity(
        PLANE, learning_rate=0.03
    )
    slope = PLANE.gradient(POINTS)
    chain = np.einsum("nij,nj->ni", PLANE.hessian(POINTS), slope)
    expected = -2 * slope + 0.03 * 4 * (0.25 - 2) * chain
    np.testing.assert_allclose(velocity(POINTS), expected, rtol=1e-13)


def test_limits_of_kovachki_and_stuart_are_the_first_two_terms():
    """The modified loss and the slow manifold of `limits.flows`, which were derived by hand."""
    optimiser = ll.momentum.Nesterov(learning_rate=0.03, momentum=0.6)
    numbers = {name: getattr(optimiser, name) for name in ("momentum", "look_ahead")}
    flow = modified_flow_of_momentum(1, **numbers, learning_rate=optimiser.learning_rate)
    rate, chain = flow.coefficient("f", 0), flow.coefficient("f'f", 1)
    assert ll.limits.penalty(optimiser) == pytest.approx(0.03 * float(-chain / (2 * rate)))
    by_hand = ll.limits.slow_velocity(optimiser, PLANE)
    np.testing.assert_allclose(flow.slow_velocity(PLANE)(POINTS), by_hand(POINTS), rtol=1e-13)


def test_field_takes_potentials_in_array_form():
    """A mean over examples against the same sum as one formula."""
    data = {"a": [0.5, -1.0, 2.0], "y": [0.2, 0.1, -0.4]}
    mean = ll.potentials.empirical_risk("(tanh(a*w + b) - y)**2", variables="w b", data=data)
    terms = [f"(tanh({a}*w + b) - ({y}))**2/3" for a, y in zip(data["a"], data["y"])]
    formula = ll.Potential.from_expression(" + ".join(terms), "w b")
    flow = modified_flow_of_momentum(3, momentum=0.5, look_ahead=0.0, learning_rate=0.05)
    np.testing.assert_allclose(flow.field(mean)(POINTS), flow.field(formula)(POINTS), rtol=1e-6)
    with pytest.raises(TypeError, match=r"is no formula to derive from; use .* or ModifiedFlow"):
        flow.dynamics(mean)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "the modified equation of heavy ball needs learning_rate: give learning_rate=..."),
        ({"learning_rate": 0.1}, "of heavy ball needs momentum: give momentum=..."),
        ({"learning_rate": 0.1, "friction": 1.0}, "friction=1.0 is not open in the equation of"),
        ({"learning_rate": 0.1, "look_ahead": 1.0}, "open are learning_rate, momentum"),
        ({"learning_rate": -0.1, "momentum": 0.5}, "learning_rate=-0.1 must be finite and > 0"),
        ({"learning_rate": 0.1, "momentum": 1.0}, "momentum=1.0 must be finite and >= 0 and < 1"),
        ({"learning_rate": 0.1, "momentum": 0.5, "mass": 2.0}, "mass=2.0, but heavy ball has none"),
    ],
)
@pytest.mark.parametrize("make", ["dynamics", "field"])
def test_numbers_of_momentum_methods_are_checked(make, arguments, message):
    flow = modified_flow_of_momentum(1, look_ahead=0)
    with pytest.raises(ValueError, match=message):
        getattr(flow, make)(PLANE, **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dt": 0.1}, "the modified equation of BAOAB needs friction"),
        ({"dt": 0.0, "friction": 1.0}, "dt=0.0 must be finite and > 0"),
        ({"dt": 0.1, "friction": -1.0}, "friction=-1.0 must be finite and >= 0"),
        ({"dt": 0.1, "friction": np.inf}, "friction=inf must be finite and >= 0"),
        ({"dt": 0.1, "friction": 1.0, "mass": 0.0}, "mass=0.0 must be > 0: one number, or one for"),
        ({"dt": 0.1, "friction": 1.0, "mass": (1.0, 2.0, 3.0)}, r"mass=\(1.0, 2.0, 3.0\) must be"),
    ],
)
def test_numbers_of_words_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        modified_flow_of_word("BAOAB", 2).dynamics(PLANE, **arguments)


def test_friction_of_each_coordinate_is_refused():
    with pytest.raises(TypeError, match=r"friction=\(1.0, 2.0\) must be a number"):
        modified_flow_of_word("BAOAB", 2).dynamics(PLANE, dt=0.1, friction=(1.0, 2.0))


def test_unsuitable_potentials_are_refused():
    flow = modified_flow_of_word("BAB", 2, dt=0.1)
    with pytest.raises(TypeError, match=r"potential='x' is not a Potential: use ll"):
        flow.field("x")
    drawn = LINE.with_gradient_noise(standard_deviation=0.1)
    for make in (flow.dynamics, flow.field):
        with pytest.raises(ValueError, match=r"the gradient of harmonic is drawn, .*; use the"):
            make(drawn)
    kink = ll.Potential.from_expression("abs(x)**3 + x**2")
    with pytest.raises(ValueError, match="is the slope of a kink: modified equations"):
        flow.dynamics(kink)
    with pytest.raises(ValueError, match="uses the name 'v', which the modified equation needs"):
        flow.dynamics(ll.Potential.from_expression("v*x**2", parameters={"v": 1.0}))
    with pytest.raises(ValueError, match="uses the name 'dt', which the modified equation needs"):
        flow.dynamics(ll.Potential.from_expression("dt**2/2", ("dt",)))
    long = modified_flow_of_momentum(3, momentum=0.5, look_ahead=0, learning_rate=1e-6)
    with pytest.raises(ValueError, match=r"has \d+ characters, more than the 20000 of a formula"):
        long.dynamics(ll.potentials.mueller_brown())


def test_wrong_state_is_refused():
    with pytest.raises(ValueError, match=r"shape \(3, 2\); its last axis must hold 4 numbers"):
        modified_flow_of_word("BAB", 1).field(PLANE, dt=0.1)(POINTS)
    field = modified_flow_of_momentum(1, momentum=0, look_ahead=0).field(PLANE, learning_rate=0.1)
    with pytest.raises(
        ValueError, match=r"shape \(\); its last axis must hold 2 numbers: positions"
    ):
        field(1.0)


def test_wrong_names_and_powers_are_refused():
    word, ball = (
        modified_flow_of_word("BAB", 2),
        modified_flow_of_momentum(2, momentum=0.5, look_ahead=0),
    )
    with pytest.raises(ValueError, match="component='velocity' must be one of x, v"):
        word.coefficient("f", 0, "velocity")
    with pytest.raises(ValueError, match="component='v' must be one of x, velocity"):
        ball.series("v")
    with pytest.raises(ValueError, match="power=3 must be an integer from 0 to order=2"):
        ball.coefficient("f", 3)
    with pytest.raises(ValueError, match="BAB moves its velocity by itself and has no slow"):
        word.slow_velocity(LINE, dt=0.1)
    with pytest.raises(ValueError, match="component='velocity' must be one of x, v"):
        word.velocity_latex()


def test_flow_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        modified_flow_of_word("BAB", 2).order = 3
    assert isinstance(modified_flow_of_momentum(0), ModifiedFlow)
    assert isinstance(modified_flow_of_momentum(0).series()[0], TreeSum)


@pytest.mark.parametrize("method", [
    ll.momentum.HeavyBall(learning_rate=0.02, momentum=0.8),
    ll.momentum.MomentumFamily(learning_rate=0.2, momentum=0.3, look_ahead=0.4),
])  # fmt: skip
def test_a_step_too_long_for_the_known_minima_warns_with_the_number_of_the_flow(method):
    well, equation = ll.potentials.harmonic(stiffness=2.0), ll.limits.modified_equation(method, 1)
    with pytest.warns(ll.limits.OutsideRegimeWarning):
        (small,) = ll.limits.gradient_flow(method, well).small_parameters
    for use in (equation.dynamics, equation.field, equation.slow_velocity):
        with pytest.warns(ll.limits.OutsideRegimeWarning, match="modified equation of") as seen:
            use(well)
        assert seen[0].filename == __file__
        assert seen[0].message.value == pytest.approx(small.value, rel=1e-12)


def test_words_warn_beyond_a_radian_or_a_relaxation_a_step_and_not_below():
    well, equation = ll.potentials.harmonic(stiffness=4.0), modified_flow_of_word("BAOAB", 2)
    with pytest.warns(ll.limits.OutsideRegimeWarning, match=r"frequency per step .* = 1\.1"):
        equation.dynamics(well, dt=1.05, friction=0.5, mass=4.0)
    with pytest.warns(ll.limits.OutsideRegimeWarning, match=r"friction per step .* = 1\.2 "):
        equation.dynamics(well, dt=0.4, friction=3.0)
    equation.dynamics(well, dt=0.4, friction=2.0)
    modified_flow_of_momentum(0, momentum=0.9, look_ahead=0).dynamics(well)
