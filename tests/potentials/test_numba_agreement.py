"""One text, three readings: numpy, numba and sympy agree."""

import math
import subprocess
import sys

import numpy as np
import pytest
import sympy

from langevin_lab import potentials
from langevin_lab.compiled import elementary
from langevin_lab.potentials.code import NUMPY_FUNCTIONS
from langevin_lab.potentials.derivation import absolute, sigmoid, softplus
from langevin_lab.potentials.expression import parse_expression, parse_region
from langevin_lab.potentials.potential import Potential

FORMULAS = {name: f() for name, f in potentials.catalogue().items()}
FORMULAS = {name: U for name, U in FORMULAS.items() if U.code.form == "scalar"}


def compiled_functions(source):
    """Return the functions of a scalar text as a kernel writer would compile them."""
    namespace = {name: getattr(elementary, name) for name in NUMPY_FUNCTIONS}
    exec(source, namespace)
    return {name: elementary.inlined(namespace[name]) for name in ("energy", "gradient", "hessian")}


def test_functions_of_a_potential_are_compiled_ones_too():
    for name in NUMPY_FUNCTIONS:
        assert name in elementary.__all__


@pytest.mark.parametrize("name", FORMULAS)
def test_compiled_text_agrees_with_numpy(name):
    U = FORMULAS[name]
    functions = compiled_functions(U.code.source)
    for x in np.random.default_rng(3).uniform(-1.5, 1.5, (5, U.dim)):
        arguments = [*x, *U.parameter_values]
        expected = {
            "energy": U.energy(x),
            "gradient": U.gradient(x),
            "hessian": U.hessian(x)[np.triu_indices(U.dim)],
        }
        for part, value in expected.items():
            given = np.array(functions[part](*arguments))
            assert np.max(np.abs(given - value)) <= 1e-12 * (1 + np.max(np.abs(value)))


SYMPY = {
    "abs": absolute,
    "sigmoid": sigmoid,
    "softplus": softplus,
    "e": sympy.E,
}
TEXTS = [
    "(x**2 - 1)**2 + k*y**2/2",
    "A*exp(k*(x - 0.3)**2 - x*y + y**2/3)",
    "sqrt(x**2 + y**2 + 0.01)*tanh(k*x) + atan(y/A)",
    "log(1 + exp(k*x)) + cosh(y)/sinh(A + x**2)",
    "x**7 - 3*x**5*y + y**-3 + (x + y)**3.5 + x**1.25",
    "tan(x*y/4) + sigmoid(k*x - y)",
    "(1 + x**2)**k/(A + y**2)**2",
    "+".join(f"{i}*x**{i % 5}*y**{i % 4}*k" for i in range(1, 25)) + "+A",
]


@pytest.mark.parametrize("text", TEXTS)
def test_derived_text_agrees_with_sympy_in_forty_digits(text):
    values = {"k": 0.7, "A": 1.3}
    used = {name: value for name, value in values.items() if name in text}
    U = Potential.from_expression(text, ("x", "y"), used)
    x, y = sympy.symbols("x y", real=True)
    symbols = {"x": x, "y": y, **{name: sympy.Rational(str(v)) for name, v in used.items()}}
    expression = sympy.sympify(text, locals={**SYMPY, **symbols}, rational=True)
    point = {x: sympy.Rational(5, 8), y: sympy.Rational(3, 4)}

    def exact(derivative):
        return float(derivative.subs(point).evalf(40))

    at = [0.625, 0.75]
    assert U.energy(at) == pytest.approx(exact(expression), rel=1e-13)
    gradient = [exact(expression.diff(v)) for v in (x, y)]
    assert U.gradient(at) == pytest.approx(np.array(gradient), rel=1e-12)
    hessian = [[exact(expression.diff(a, b)) for a in (x, y)] for b in (x, y)]
    assert U.hessian(at) == pytest.approx(np.array(hessian), rel=1e-11)
    third = U.derivatives(at, 3)
    assert third[0, 1, 0] == third[0, 0, 1] == third[1, 0, 0]
    assert third[0, 0, 1] == pytest.approx(exact(expression.diff(x, x, y)), rel=1e-10)
    assert third[1, 1, 1] == pytest.approx(exact(expression.diff(y, y, y)), rel=1e-10)


def test_abs_has_slope_zero_at_its_kink_and_no_second_derivative():
    U = Potential.from_expression("abs(x) + abs(x**2 - 1)")
    assert U.gradient([[0.0], [0.5], [2.0], [-2.0]]).ravel().tolist() == [0.0, 0.0, 5.0, -5.0]
    assert U.hessian([[0.5], [2.0]]).ravel().tolist() == [-2.0, 2.0]


def test_softplus_and_sigmoid_never_overflow():
    U = Potential.from_expression("softplus(x)")
    far = np.array([[-800.0], [800.0]])
    assert U.energy(far).tolist() == [0.0, 800.0]
    assert U.gradient(far).ravel().tolist() == [0.0, 1.0]
    assert U.hessian(far).ravel().tolist() == [0.0, 0.0]


def test_power_with_a_parameter_as_exponent_is_right_at_zero():
    U = Potential.from_expression("x**n", "x", {"n": 2.0})
    assert U.gradient([0.0]).tolist() == [0.0]
    assert U.hessian([0.0]).tolist() == [[2.0]]


def test_region_and_observable_compile():
    namespace = {name: getattr(elementary, name) for name in NUMPY_FUNCTIONS}
    region = parse_region("0 < x < 2 and not (y > x**2 or y < -1)", ("x", "y"))
    observable = parse_expression("x**4 - 2*x*y + exp(-y)", ("x", "y"))
    exec(f"def inside(x, y):\n    return {region.source}", namespace)
    exec(f"def value(x, y):\n    return {observable.source}", namespace)
    inside, value = (elementary.compiled(namespace[name]) for name in ("inside", "value"))
    for x, y in np.random.default_rng(5).uniform(-2, 3, (100, 2)):
        values = {"x": x, "y": y}
        assert inside(x, y) == region.evaluate(values)
        assert value(x, y) == pytest.approx(observable.evaluate(values), rel=1e-12, abs=1e-12)
    assert not inside(math.nan, 0.0)


def test_text_is_the_same_under_every_hash_seed(tmp_path):
    program = (
        "from langevin_lab import potentials as p\n"
        "print(p.mueller_brown().code.digest, p.gaussian_mixture().code.digest,"
        " p.entropic_barrier().code.digest)"
    )
    digests = set()
    for seed in ("1", "2"):
        environment = {"PYTHONHASHSEED": seed, "LANGEVIN_LAB_CACHE": str(tmp_path / seed)}
        environment["PYTHONPATH"] = ":".join(sys.path)
        run = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, env=environment
        )
        assert run.returncode == 0, run.stderr
        digests.add(run.stdout)
    assert len(digests) == 1
