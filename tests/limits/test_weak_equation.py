"""The result class: stochastic equations, their obstructions, LaTeX, compiled dynamics."""

import numpy as np
import pytest
import sympy
from one_step import is_of_order
from z_test import assert_agrees, assert_refutes

import langevin_lab as ll
from langevin_lab.evidence import order
from langevin_lab.limits.formula_text import formula_text, symbolic_energy
from langevin_lab.limits.operators import MOMENTUM, POSITION
from langevin_lab.limits.weak_equation import weak_modified_equation
from langevin_lab.limits.weak_generator import FRICTION, MASS, STEP, TEMPERATURE
from langevin_lab.limits.weak_latex import expression_latex
from langevin_lab.limits.weak_quadratic import weak_modified_quadratic

NUMBERS = {"temperature": 0.7, "friction": 1.3, "mass": 1.6}
WELL = ll.Potential.from_expression("x**4/4 + a*x**3 + x**2/2", parameters={"a": 0.2})
EXIST = (
    ("EulerMaruyama", 1), ("OBABO", 2), ("OABAO", 2), ("UBU", 2), ("BAO", 1), ("ABO", 1),
    ("OABO", 2), ("NABNC", 2), ("NABNCN", 2), ("EulerMaruyama", 0), ("BAOAB", 0),
)  # fmt: skip


@pytest.mark.parametrize(("name", "order_kept"), EXIST)
def test_noise_factor_squares_to_the_diffusion_up_to_the_order(name, order_kept):
    equation = weak_modified_equation(name, order_kept)
    scale = sympy.diag(*(1, 1 / MASS)[: 1 if name == "EulerMaruyama" else 2])
    difference = equation.noise * equation.noise.T - 2 * scale * equation.diffusion * scale
    for entry in difference:
        expanded = sympy.expand(entry)
        assert all(expanded.coeff(STEP, k) == 0 for k in range(order_kept + 1))


@pytest.mark.parametrize("word", ["BAOAB", "ABOBA", "AOBOA", "BAO", "BACNCAB"])
def test_noise_that_cannot_be_realised_is_refused_with_the_reason(word):
    equation = weak_modified_equation(word, 2)
    assert "not positive semidefinite: D_xx - D_xp^2/D_pp = -T*gamma*h**2/" in equation.obstruction
    with pytest.raises(ValueError, match=rf"method='{word}' has no modified stochastic equation"):
        _ = equation.noise
    with pytest.raises(ValueError, match=r"or use order=1$"):
        equation.dynamics(WELL, dt=0.1, **NUMBERS)
    assert weak_modified_equation(word, 1).obstruction == ""


def test_obstruction_tells_the_sign_that_the_matrix_has():
    """D_h at h = 0.1 of BAOAB has a negative eigenvalue, that of OBABO has none."""
    numbers = {TEMPERATURE: 0.7, FRICTION: 1.3, MASS: 1.6, STEP: 0.1}
    energy = {sympy.Function("U")(POSITION): POSITION**2 / 2}
    lowest = {}
    for word in ("BAOAB", "OBABO", "UBU"):
        matrix = weak_modified_equation(word).diffusion.subs(energy).doit().subs(numbers)
        lowest[word] = np.linalg.eigvalsh(np.array(matrix, dtype=float)).min()
    assert lowest["BAOAB"] < 0
    assert lowest["OBABO"] > 0
    assert lowest["UBU"] == 0


def test_euler_maruyama_at_order_two_is_no_diffusion():
    equation = weak_modified_equation("EulerMaruyama", 2)
    assert "d_x^3 d_p^0, of order 3" in equation.obstruction
    assert equation.generator.order == 3
    with pytest.raises(ValueError, match="which the generator of no stochastic equation does"):
        _ = equation.noise


@pytest.mark.parametrize(("name", "order_kept"), EXIST)
def test_dynamics_have_the_drift_and_noise_of_the_symbols(name, order_kept):
    equation = weak_modified_equation(name, order_kept)
    dynamics = equation.dynamics(WELL, dt=0.2, **NUMBERS)
    momenta = name != "EulerMaruyama"
    point = (0.6, -0.5) if momenta else (0.6,)
    state = np.array([point])
    functions = dynamics.functions(sorted(dynamics.function_names))
    values = {TEMPERATURE: 0.7, FRICTION: 1.3, MASS: 1.6, STEP: 0.2}
    energy = sympy.sympify("x**4/4 + x**3/5 + x**2/2", {"x": POSITION})

    def number(expression):
        explicit = expression.subs(sympy.Function("U")(POSITION), energy).doit()
        return float(explicit.subs({POSITION: 0.6, MOMENTUM: -0.5 * 1.6, **values}))

    scales = (1.0, 1 / 1.6)
    drift = [number(a) * scale for a, scale in zip(equation.drift, scales)]
    np.testing.assert_allclose(functions["drift"](state)[0], drift, rtol=1e-12)
    columns = [f(state)[0] for key, f in functions.items() if key.startswith("noise")]
    covariance = sum(np.outer(column, column) for column in columns)
    noise = equation.noise.applyfunc(number)
    expected = np.array(noise * noise.T, dtype=float)
    np.testing.assert_allclose(covariance, expected, rtol=1e-12, atol=1e-15)


def test_variables_of_the_dynamics():
    overdamped = weak_modified_equation("EulerMaruyama", 1).dynamics(WELL, dt=0.2, **NUMBERS)
    assert overdamped.potential.variables == ("x",)
    assert overdamped.potential.parameters["modified_dt"] == 0.2
    assert overdamped.potential.parameters["a"] == 0.2
    assert "mass" not in overdamped.potential.parameters
    moving = weak_modified_equation("OBABO").dynamics(WELL, dt=0.2, **NUMBERS)
    assert moving.potential.variables == ("x", "v")
    named = ll.Potential.from_expression("v**2/2*friction", "v", {"friction": 2.0})
    renamed = weak_modified_equation("OBABO").dynamics(named, dt=0.2, **NUMBERS)
    assert renamed.potential.variables == ("v", "v_")
    assert renamed.potential.parameters["friction"] == 2.0
    assert renamed.potential.parameters["friction_"] == 1.3


def stationary_variance(dynamics):
    """<x^2> of dx = a dt + b dW by quadrature of the density b^-2 exp(2 int a/b^2)."""
    x = np.linspace(-3.5, 3.5, 20_001)
    functions = dynamics.functions(("drift", "noise"))
    drift, noise = (functions[key](x[:, None])[:, 0] for key in ("drift", "noise"))
    slope = 2 * drift / noise**2
    integral = np.concatenate([[0], np.cumsum((slope[1:] + slope[:-1]) / 2)]) * (x[1] - x[0])
    density = np.exp(integral - integral.max()) / noise**2
    return density @ x**2 / density.sum()


def test_modified_equation_of_euler_maruyama_raises_the_order_of_the_stationary_bias():
    quartic = ll.potentials.quartic_well()
    numbers = {"temperature": 1.0, "friction": 1.0}
    original = ll.Overdamped(quartic, **numbers)
    steps = 0.02 * 2.0 ** (-0.5 * np.arange(5))
    errors, wrong = [], []
    for dt in steps:
        true = ll.exact.stationary_average("EulerMaruyama", original, lambda x: x**2, dt).value
        for step, found in ((dt, errors), (1.03 * dt, wrong)):
            modified = weak_modified_equation("EulerMaruyama", 1).dynamics(
                quartic, dt=float(step), **numbers
            )
            found.append(abs(stationary_variance(modified) - true))
    assert is_of_order(order(steps, errors), 2, width=0.2)
    assert not is_of_order(order(steps, wrong), 2, width=0.2)


def test_harmonic_variance_of_the_modified_euler_maruyama():
    """T (1 + k h/2)^2/(k (1 + k h/2)): 1/(1 - k h/2) up to h^2."""
    well = ll.potentials.harmonic(stiffness=2.0)
    dynamics = weak_modified_equation("EulerMaruyama", 1).dynamics(
        well, dt=0.1, temperature=0.5, friction=1.0
    )
    assert stationary_variance(dynamics) == pytest.approx(0.25 * 1.1, rel=1e-6)


@pytest.mark.slow
def test_modified_equation_of_obabo_runs_compiled():
    """Its law on the harmonic well, at a large dt, is sampled with fine steps."""
    physical = {"temperature": 1.0, "friction": 1.0}
    dynamics = weak_modified_equation("OBABO").dynamics(
        ll.potentials.harmonic(), dt=0.6, **physical
    )
    result = ll.simulate(
        dynamics, "EulerMaruyama", dt=0.004, n_steps=8_000, n_replicas=2_000, seed=3,
        burn_in=2_000, observe={"x2": "x**2"}, start=(0.0, 0.0),
    )  # fmt: skip
    linear = weak_modified_quadratic("OBABO", stiffness=1.0, **physical)
    expected = linear.stationary_covariance(0.6)[0, 0]
    value, stderr = float(result["x2"]), float(result["x2_stderr"])
    assert_agrees(value, stderr, expected, label="OBABO modified")
    assert_refutes(value, stderr, 1.0, label="OBABO modified")
    exact = ll.exact.stationary_covariance("OBABO", stiffness=1.0, dt=0.6, **physical)[0, 0]
    assert abs(expected - exact) < 0.2 * (exact - 1.0)


def test_latex_of_the_first_equation_of_euler_maruyama():
    assert weak_modified_equation("EulerMaruyama", 1).latex() == (
        r"\begin{aligned} \mathrm{d}x &= \left[- \frac{{U'}}{\gamma} + h \frac{T {U'''} - {U''} "
        r"{U'}}{2 \gamma^{2}}\right] \mathrm{d}t + \left[\frac{\sqrt{2} \sqrt{T}}{\sqrt{\gamma}} + "
        r"h \frac{\sqrt{2} \sqrt{T} {U''}}{2 \gamma^{\frac{3}{2}}}\right] \mathrm{d}W \end{aligned}"
    )


def test_text_has_drift_diffusion_and_what_obstructs():
    lines = weak_modified_equation("EulerMaruyama", 1).text.splitlines()
    assert lines[0] == "EulerMaruyama to order 1 in law, overdamped dynamics"
    assert lines[2] == "D of xx: T/gamma + T*h*Derivative(U(x), (x, 2))/gamma**2"
    printed = repr(weak_modified_equation("BAOAB", 2))
    assert "D of xx: -T*gamma*h**2/(12*m)\nD of xp: 0\n" in printed
    assert "no stochastic equation: its diffusion matrix is not positive" in printed


def test_latex_is_of_the_generator_where_there_is_no_stochastic_equation():
    text = weak_modified_equation("BAOAB").latex()
    assert text.startswith(r"\mathcal{L}_h = ")
    assert r"\left[- h^{2} \frac{T \gamma}{12 m}\right] \partial_x^{2}" in text
    assert r"\mathrm{d}W_2" in weak_modified_equation("OBABO").latex()
    assert r"\mathrm{d}W_" not in weak_modified_equation("UBU").latex()


def test_latex_of_a_potential_with_an_integral():
    second = weak_modified_equation("EulerMaruyama", 2).effective_potential[1]
    text = expression_latex(second)
    assert r"{\int \left(- \frac{{U''}^{2} {U'}}{6 \gamma^{2}}\right) \mathrm{d}x}" in text
    assert "int 1" not in text


@pytest.mark.parametrize("order_kept", [-1, 3, 1.5, True])
def test_other_orders_are_refused(order_kept):
    with pytest.raises(ValueError, match=rf"order={order_kept}: weak modified generators"):
        weak_modified_equation("BAOAB", order_kept)


@pytest.mark.parametrize("name", ["LeimkuhlerMatthews", "BBK", "GHMC", "BADODAB", "RK4"])
def test_methods_of_another_kind_are_refused(name):
    with pytest.raises(ValueError, match=rf"method='{name}' .* is no composition of the sub-flows"):
        weak_modified_equation(name)


@pytest.mark.parametrize("word", ["BAB", "ABA"])
def test_words_without_noise_are_refused(word):
    with pytest.raises(ValueError, match=rf"method='{word}' draws no normals"):
        weak_modified_equation(word)


def test_synonyms_and_methods_are_understood():
    expected = weak_modified_equation("BAOAB")
    assert weak_modified_equation("V R O R V") == expected
    assert weak_modified_equation(ll.integrators.method("BAOAB")) == expected


def test_effective_potential_is_for_overdamped_motion():
    with pytest.raises(ValueError, match=r"method='BAOAB' has momenta"):
        _ = weak_modified_equation("BAOAB").effective_potential


def test_dynamics_refuse_what_has_no_formula_or_too_many_coordinates():
    equation = weak_modified_equation("EulerMaruyama", 1)
    numbers = {"dt": 0.1, "temperature": 1.0, "friction": 1.0}
    with pytest.raises(TypeError, match="potential='x' has no formula"):
        equation.dynamics("x", **numbers)
    with pytest.raises(ValueError, match="has 2 coordinates; weak modified equations on general"):
        equation.dynamics(ll.potentials.harmonic(dim=2), **numbers)
    with pytest.raises(ValueError, match=r"dt=0 must be a finite number > 0"):
        equation.dynamics(WELL, **(numbers | {"dt": 0}))
    kinked = ll.Potential.from_expression("abs(x) + x**2/2")
    with pytest.raises(ValueError, match="is the slope of a kink"):
        equation.dynamics(kinked, **numbers)


def test_formulas_survive_the_way_through_symbols():
    text = "exp(-x**2/2)*sin(k*x) + log(1 + x**2) + sigmoid(x) + softplus(x) + pi*x + e**x"
    potential = ll.Potential.from_expression(text, parameters={"k": 1.7})
    energy, _ = symbolic_energy(potential)
    again = ll.Potential.from_expression(formula_text(energy), parameters={"k": 1.7})
    x = np.linspace(-2, 2, 9)[:, None]
    np.testing.assert_allclose(again.energy(x), potential.energy(x), rtol=1e-14)
    absolute = ll.Potential.from_expression("abs(x)*x**2")
    assert formula_text(symbolic_energy(absolute)[0]) == "x**2*abs(x)"
