"""`Potential`: shapes, parameters, names, stationary points, pickling and every error."""

import itertools
import math
import pickle
import re

import numpy as np
import pytest
import sympy

from langevin_lab import potentials
from langevin_lab.potentials import derivation
from langevin_lab.potentials.derivation import Derivation
from langevin_lab.potentials.expression import ExpressionError, parse_expression
from langevin_lab.potentials.potential import Potential
from langevin_lab.potentials.stationary import StationaryPoint


@pytest.fixture(scope="module")
def well():
    return Potential.from_expression(
        "(x**2 - 1)**2 + k*y**2/2",
        ("x", "y"),
        {"k": 4.0},
        name="well",
        stationary_points=[(1.0, 0.0), (0.1, 0.0), (-1.0, 0.0)],
        bounds=[(-2, 2), (-1, 1)],
    )


def test_values_by_hand(well):
    assert well.energy([2.0, 1.0]) == 11.0
    assert well.gradient([2.0, 1.0]).tolist() == [24.0, 4.0]
    assert well.hessian([2.0, 1.0]).tolist() == [[44.0, 0.0], [0.0, 4.0]]
    third = well.derivatives([2.0, 1.0], 3)
    assert third.shape == (2, 2, 2)
    assert third[0, 0, 0] == 48.0
    assert np.count_nonzero(third) == 1
    fourth = well.derivatives([2.0, 1.0], 4)
    assert fourth[0, 0, 0, 0] == 24.0
    assert np.count_nonzero(fourth) == 1


@pytest.mark.parametrize("shape", [(), (1,), (5,), (3, 4), (0,), (2, 1, 3)])
def test_leading_axes_are_points(well, shape):
    x = np.random.default_rng(0).normal(size=(*shape, 2))
    assert np.shape(well.energy(x)) == shape
    assert well.gradient(x).shape == (*shape, 2)
    assert well.hessian(x).shape == (*shape, 2, 2)
    assert well.derivatives(x, 3).shape == (*shape, 2, 2, 2)
    for index in np.ndindex(shape):
        assert well.energy(x)[index] == well.energy(x[index])
        assert np.array_equal(well.gradient(x)[index], well.gradient(x[index]))


def test_constant_derivatives_fill_all_points():
    U = Potential.from_expression("3*x + k", "x", {"k": 1.0})
    assert U.gradient(np.zeros((4, 1))).tolist() == [[3.0]] * 4
    assert U.hessian(np.zeros((4, 1))).tolist() == [[[0.0]]] * 4


def test_derivatives_of_orders_one_and_two_are_gradient_and_hessian(well):
    x = [[0.3, 0.4]]
    assert np.array_equal(well.derivatives(x, 1), well.gradient(x))
    assert np.array_equal(well.derivatives(x, 2), well.hessian(x))


@pytest.mark.parametrize("order", [0, 7, -1, 2.5])
def test_derivative_order_out_of_range(well, order):
    with pytest.raises(ValueError, match=rf"order={order} must be an integer from 1 to 6"):
        well.derivatives([0.0, 0.0], order)


@pytest.mark.parametrize("shape", [(), (3,), (2, 1)])
def test_wrong_trailing_dimension_is_named(well, shape):
    message = rf"x of shape {re.escape(str(shape))} does not end in dim=2 of well"
    with pytest.raises(ValueError, match=message):
        well.energy(np.zeros(shape))


def test_one_dimension_needs_its_axis():
    U = potentials.double_well()
    with pytest.raises(ValueError, match=r"does not end in dim=1 of double_well; x\[..., None\]"):
        U.energy(np.zeros(5))
    assert U.energy(np.zeros(5)[..., None]).tolist() == [1.0] * 5


def test_far_points_give_no_warning():
    U = potentials.mueller_brown()
    assert not np.isfinite(U.energy([1e200, 1e200]))


def test_parameters_are_read_only_and_ordered(well):
    assert list(well.parameters.items()) == [("k", 4.0)]
    with pytest.raises(TypeError):
        well.parameters["k"] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        well.parameter_values[0] = 1.0
    with pytest.raises(AttributeError):
        well.name = "other"


def test_changing_a_parameter_keeps_the_code(well):
    softer = well.with_parameters(k=1.0)
    assert softer.code is well.code
    assert (well.parameters["k"], softer.parameters["k"]) == (4.0, 1.0)
    assert softer.energy([1.0, 2.0]) == 2.0
    assert softer.minima[0].curvatures.tolist() == [1.0, 8.0]
    assert well.minima[0].curvatures.tolist() == [4.0, 8.0]


def test_changing_an_unknown_parameter_suggests_the_known():
    message = "double_well has no parameter 'barier'; its parameters are: barrier .*'barrier'"
    with pytest.raises(ValueError, match=message):
        potentials.double_well().with_parameters(barier=2.0)
    with pytest.raises(ValueError, match="its parameters are: none"):
        Potential.from_expression("x**2").with_parameters(k=2.0)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_parameters_must_be_finite(value):
    with pytest.raises(ValueError, match=rf"k={value} must be finite"):
        Potential.from_expression("k*x**2", "x", {"k": value})
    with pytest.raises(ValueError, match=rf"double_well: barrier={value} must be finite"):
        potentials.double_well().with_parameters(barrier=value)


def test_parameters_must_be_numbers():
    with pytest.raises(TypeError, match="k='a' must be a number"):
        Potential.from_expression("k*x**2", "x", {"k": "a"})


def test_a_changed_parameter_passes_the_same_check():
    with pytest.raises(ValueError, match="double_well: barrier=-1 must be positive"):
        potentials.double_well().with_parameters(barrier=-1.0)


@pytest.mark.parametrize(
    ("variables", "parameters", "message"),
    [
        ((), {}, "variables is empty"),
        ("", {}, "variables is empty"),
        (("x", "x"), {}, "variable 'x' is given twice"),
        (("x",), {"x": 1.0}, "'x' is both a variable and a parameter"),
        (("p",), {}, "variable name 'p' is reserved for the momentum"),
        (("p_x",), {}, "variable name 'p_x' is reserved for a momentum"),
        (("x",), {"t": 1.0}, "parameter name 't' is reserved for the time"),
        (("x",), {"exp": 1.0}, "parameter name 'exp' is reserved for a function"),
        (("x",), {"fma": 1.0}, "parameter name 'fma' is reserved for a function"),
        (("x",), {"pi": 1.0}, "parameter name 'pi' is reserved for a constant"),
        (("lambda",), {}, "variable name 'lambda' is not a name"),
        (("x",), {"1a": 1.0}, "parameter name '1a' is not a name"),
        (("x",), {3: 1.0}, "parameter name 3 is not a name"),
        (("x",), {"__k": 1.0}, "parameter name '__k' begins with _"),
        (("x",), {"k": 1.0}, "parameter 'k' does not occur in 'x\\*\\*2'"),
    ],
)
def test_names_are_checked(variables, parameters, message):
    with pytest.raises(ValueError, match=message):
        Potential.from_expression("x**2", variables, parameters)


@pytest.mark.parametrize("text", ["sqrt(-x**2)", "log(x - x)"])
def test_formula_that_is_complex_or_infinite_everywhere(text):
    with pytest.raises(ExpressionError, match="its value is complex or infinite"):
        Potential.from_expression(text)


def test_constant_that_is_complex():
    with pytest.raises(ExpressionError, match="is not a real number; change the constants"):
        Potential.from_expression("x**2*(-8)**(x - x + 1/3)")


@pytest.mark.parametrize("text", ["1e300*x*1e300", "1e200*x**2*1e200 + x"])
def test_formula_whose_constants_overflow(text):
    with pytest.raises(ExpressionError, match="a number is too large for float64"):
        Potential.from_expression(text)
    with pytest.raises(ExpressionError, match="a number is too large for float64"):
        parse_expression(text, ("x",))


def nested_sums(levels):
    text = "x"
    for i in range(levels):
        products = " + ".join(f"{i + j + 2}*x*y" if j % 2 else f"x*y**{j + 2}" for j in range(8))
        text = f"k*({text}) + {products}"
    return text


def test_formula_too_deep_for_pythons_parser():
    with pytest.raises(ExpressionError, match="it is nested too deeply to be compiled"):
        parse_expression(nested_sums(29), ("x", "y", "k"))
    parse_expression(nested_sums(4), ("x", "y", "k"))


def test_derived_code_too_deep_for_pythons_parser(monkeypatch):
    monkeypatch.setattr(Derivation, "source", lambda self: "(" * 300)
    with pytest.raises(ExpressionError, match="its derivatives are too long to be compiled"):
        Potential.from_expression("x**2 + 0.321*x")


def test_derived_code_too_long(monkeypatch):
    monkeypatch.setattr("langevin_lab.potentials.scalar_text._LONGEST_TEXT", 20)
    with pytest.raises(ExpressionError, match="its derivatives are too long to be compiled"):
        Potential.from_expression("sin(x**2 + 0.7654321)*cos(x + 1.2345)")


def test_high_powers_of_sums_are_not_expanded():
    U = Potential.from_expression("((x + 1)**100 + y)**10/1000", "x, y")
    assert U.gradient([0.0, 0.0]).tolist() == [1.0, 0.01]


def test_function_without_compiled_form_is_named(monkeypatch):
    monkeypatch.delitem(derivation._NAMES, sympy.sinh)
    with pytest.raises(ExpressionError, match="its derivative holds sinh, which has no compiled"):
        Potential.from_expression("sinh(x**2 + 0.123)")


def test_roots_and_tangents_that_sympy_rewrites_still_compile():
    assert Potential.from_expression("sqrt(x**2)").gradient([-2.0]).tolist() == [-1.0]
    U = Potential.from_expression("tan(x + pi/2)")
    assert U.energy([0.5]) == pytest.approx(math.tan(0.5 + math.pi / 2), rel=1e-13)
    assert U.gradient([0.5]) == pytest.approx([1 + math.tan(0.5 + math.pi / 2) ** 2], rel=1e-13)


def test_malicious_formula_is_refused():
    with pytest.raises(ExpressionError, match="an attribute is not allowed"):
        Potential.from_expression("__import__('os').system('true')")


def test_parameter_names_that_collide_with_generated_names_work():
    names = ("x0", "x1", "t0", "t1", "g0", "h00", "energy", "value", "gradient", "\u03b3")
    text = " + ".join(f"{i + 1}*{name}*x**2" for i, name in enumerate(names))
    U = Potential.from_expression(text, "x", dict.fromkeys(names, 1.0))
    assert U.energy([1.0]) == 55.0
    assert U.code.source.isascii()
    assert len(set(U.code.arguments)) == len(U.code.arguments) == 11
    assert U.with_parameters(t0=2.0).energy([1.0]) == 58.0


def test_spelling_and_spaces_do_not_change_the_code():
    one = Potential.from_expression("k*x**2/2 + 0.5", "x", {"k": 1.0})
    other = Potential.from_expression(" k * x**2.0 / 2 + .50", "x", {"k": 7.0})
    assert one.code.digest == other.code.digest
    assert one.code.digest != Potential.from_expression("k*x**2/3", "x", {"k": 1.0}).code.digest


@pytest.mark.parametrize("name", ["mueller_brown", "lennard_jones_cluster", "gaussian_mixture"])
def test_potentials_travel_to_other_processes(name):
    U = potentials.catalogue()[name]()
    copy = pickle.loads(pickle.dumps(U))
    x = np.random.default_rng(2).normal(size=U.dim)
    assert copy.energy(x) == U.energy(x)
    assert copy.code.digest == U.code.digest
    assert dict(copy.parameters) == dict(U.parameters)
    assert len(copy.stationary_points) == len(U.stationary_points)


def test_stationary_points_are_polished(well):
    minimum, saddle, _ = well.stationary_points
    assert saddle.position == pytest.approx([0.0, 0.0], abs=1e-15)
    assert (saddle.index, saddle.kind, saddle.energy) == (1, "saddle", 1.0)
    assert minimum.kind == "minimum"
    assert len(well.minima) == 2
    assert well.saddles == (saddle,)
    assert well.max_curvature() == 8.0
    with pytest.raises(ValueError, match="read-only"):
        saddle.position[0] = 1.0
    assert "saddle at (0, 0), energy=1" in repr(saddle)


def test_barriers_join_saddles_to_both_minima(well):
    assert sorted(b.minimum.position[0] for b in well.barriers) == [-1.0, 1.0]
    assert [b.height for b in well.barriers] == [1.0, 1.0]
    assert well.barrier(well.minima[0], well.saddles[0]) == 1.0
    assert well.barrier([1.0, 0.0], [0.0, 0.0]) == 1.0


def test_starts_that_lead_nowhere_are_left_out():
    U = Potential.from_expression("x**3/3 + k*x", "x", {"k": -1.0}, stationary_points=[[1.0]])
    assert [type(p) for p in U.stationary_points] == [StationaryPoint]
    assert U.with_parameters(k=1.0).stationary_points == ()
    assert U.with_parameters(k=1.0).max_curvature() is None
    log = Potential.from_expression("log(x)", stationary_points=[[-1.0]])
    assert log.stationary_points == ()
    pole = Potential.from_expression("log(x)", stationary_points=[[0.0]])
    assert pole.stationary_points == ()


def test_without_a_rule_nothing_is_known():
    U = Potential.from_expression("x**2")
    assert (U.stationary_points, U.barriers, U.max_curvature()) == ((), (), None)


@pytest.mark.parametrize("points", [[1.0, 2.0], [(1.0, 2.0)], 3.0])
def test_wrong_shape_of_stationary_points(points):
    with pytest.raises(ValueError, match=r"stationary_points of shape .* must be \(n, 1\)"):
        Potential.from_expression("x**2", stationary_points=points)


@pytest.mark.parametrize("bounds", [[(1.0, -1.0)], [(0.0, 1.0)] * 2])
def test_wrong_bounds(bounds):
    with pytest.raises(ValueError, match=r"must be 1 pairs \(low, high\) with low < high"):
        Potential.from_expression("x**2", bounds=bounds)


def test_repr_is_short():
    assert repr(potentials.double_well(barrier=2.0)) == "double_well(barrier=2)"
    assert repr(potentials.harmonic(dim=3)) == "harmonic(stiffness=1, dim=3)"
    assert repr(Potential.from_expression("x*y", "x y")) == "x*y(dim=2)"
    assert len(repr(potentials.gaussian_mixture(means=np.eye(6)))) < 200
    assert repr(potentials.double_well().code).startswith("Code(form='scalar', digest='")


def test_latex():
    U = Potential.from_expression("k*(x**2 - 1)**2 + abs(x)**3 + 0.0123*x", "x", {"k": 1.0})
    assert r"k\,\left(x^{2} - 1\right)^{2}" in U.latex
    assert r"\left|{x}\right|^{3}" in U.latex
    assert "0.0123" in U.latex
    word = Potential.from_expression("depth*x**2 + omega*x", parameters={"depth": 1, "omega": 1})
    assert r"\mathrm{depth}\,x^{2}" in word.latex
    assert r"\omega\,x" in word.latex


def test_variables_may_be_one_string():
    assert Potential.from_expression("x*y", "x, y").variables == ("x", "y")
    assert Potential.from_expression("x**2").variables == ("x",)


def test_long_sums_and_high_dimensions_derive():
    xs = [f"q{i}" for i in range(12)]
    text = " + ".join(f"({a}**2 - 1)**2/4" for a in xs)
    text += " + " + " + ".join(f"k*({a} - {b})**2" for a, b in itertools.pairwise(xs))
    U = Potential.from_expression(text, xs, {"k": 0.5})
    x = np.linspace(-1, 1, 12)
    expected = np.sum((x**2 - 1) ** 2 / 4) + 0.5 * np.sum(np.diff(x) ** 2)
    assert U.energy(x) == pytest.approx(expected, rel=1e-14)
    assert U.hessian(x)[3, 4] == pytest.approx(-1.0, rel=1e-14)


def test_potentials_are_equal_when_code_and_parameters_are():
    first, same = potentials.double_well(barrier=2.0), potentials.double_well(barrier=2.0)
    assert first == same
    assert hash(first) == hash(same)
    assert pickle.loads(pickle.dumps(first)) == first
    assert first != potentials.double_well(barrier=2.1)
    assert first != potentials.harmonic()
    assert first != "double_well"


def test_variables_without_order_are_refused():
    with pytest.raises(TypeError, match="has no order; give a tuple such as"):
        Potential.from_expression("x**2 + 10*y**2", {"x", "y"})
