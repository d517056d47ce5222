"""The package's functions as text: names, comments, what is needed, products kept apart."""

import ast
import re

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.cuda import double, kernel_source, single
from langevin_lab.cuda.pasting import pasted, without_contraction
from langevin_lab.ensemble.kernel import RecordingKernel


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a*b", "multiply(a, b)"),
        ("a * b + c", "multiply(a, b) + c"),
        ("a*b*c", "multiply(multiply(a, b), c)"),
        ("a*(b*c)", "multiply(a, (multiply(b, c)))"),
        ("(a + b) * (c - d*e)", "multiply((a + b), (c - multiply(d, e)))"),
        ("-a*b", "multiply(-a, b)"),
        ("a*-b/c*d", "multiply(multiply(a, -b)/c, d)"),
        ("f(a*b, 2.0**52*c)", "f(multiply(a, b), multiply(2.0**52, c))"),
        ("values[2*k]*weight", "multiply(values[multiply(2, k)], weight)"),
        ("é*b", "multiply(é, b)"),
    ],
)
def test_products_are_calls(text, expected):
    source = f"def f(a):\n    return {text}  # a*b\n"
    assert without_contraction(source) == f"def f(a):\n    return {expected}  # a*b\n"


@pytest.mark.parametrize(
    ("source", "product"),
    [
        ("def f(x, A, B):\n    return A*B + x\n", "multiply(A, B) + x"),
        ("def f(x):\n    A, B = x\n    return 2*A + B\n", "multiply(2, A) + B"),
        ("def f(x):\n    return x[DIM*N_ROWS + 1]\n", "x[DIM*N_ROWS + 1]"),
    ],
)
def test_capitals_are_sizes_but_not_a_potentials_parameters(source, product):
    assert product in without_contraction(source)


def test_no_product_of_parameters_in_capitals_is_left():
    """Of a shared product the compiler would make fma(A, B, x), with other bits than the CPU's."""
    bent = ll.Potential.from_expression(
        "A*B*(x + y) + x**2/2 + y**2/2", variables=("x", "y"), parameters={"A": 1.1, "B": 0.3}
    )
    motion = ll.Overdamped(bent, temperature=1.0)
    kernel = RecordingKernel(motion, ll.integrators.method_for("EulerMaruyama", motion), 0.1)
    for precision in ("float64", "float32"):
        text = kernel_source(kernel, precision)
        assert "t0 = multiply(A, B)" in text
        assert "A*B" not in text[text.index("def energy(") :]


def test_products_over_several_lines_and_outside_functions():
    source = "TWO = 1.0*2.0\n\n\ndef f(a, b):\n    x = (a\n         * b)\n    return x*TWO\n"
    text = without_contraction(source)
    assert text.startswith("TWO = 1.0*2.0\n")
    names = {"multiply": lambda a, b: 10 * a + b}
    exec(text, names)
    assert names["f"](3, 4) == 342


def test_values_are_those_of_the_products():
    source = "def f(a, b, c):\n    return a*b*c - (a - b*c)*(c*a + b) + 3.0*a/(b*c)*-a*b\n"
    plain, apart = {}, {"multiply": lambda a, b: a * b}
    exec(source, plain)
    exec(without_contraction(source), apart)
    for numbers in np.random.default_rng(0).normal(size=(20, 3)):
        assert apart["f"](*numbers) == plain["f"](*numbers)


def test_two_tables_of_one_name_keep_their_values():
    text = pasted("langevin_lab.compiled.exponential") + pasted("langevin_lab.noise.box_muller")
    defined = re.findall(r"^(\w*_LOG) = ", text, flags=re.M)
    assert defined == ["_exponential_LOG", "_box_muller_LOG"]
    assert not re.search(r"(?<!\w)_LOG\b", text)


def test_comments_decorators_and_docstrings_come_along():
    text = pasted("langevin_lab.noise.box_muller", ["radius"])
    assert "# -2 (2 atanh(s) - 2 s)/s^3" in text
    assert '@inlined\ndef radius(v):\n    """Return sqrt' in text
    assert "def circle" not in text
    assert "_box_muller_SIN" not in text


def test_compiled_functions_become_inlined_ones():
    text = pasted("langevin_lab.noise.uniforms", ["uniform"])
    assert "@inlined\ndef uniform(" in text
    assert "@compiled" not in text


def test_another_module_takes_the_place_of_what_it_defines():
    own = "langevin_lab.cuda.single_elementary"
    text = pasted("langevin_lab.compiled.exponential", ["sinh"], instead=own)
    assert re.findall(r"^def (\w+)", text, flags=re.M) == ["sinh"]
    assert "t = expm1(" in text
    assert "half = _single_elementary_half_exp(size)" in text
    text = pasted("langevin_lab.compiled.exponential", ["log"], instead=own)
    assert re.findall(r"^def (\w+)", text, flags=re.M) == ["_exponential_log_limits", "log"]
    assert "return _exponential_log_limits(x, _single_elementary_log_of_sum(x, 0.0))" in text


def test_no_name_of_a_float32_vocabulary_is_left_undefined_or_defined_twice():
    tree = ast.parse(single.HEADER + "import numpy as np\n" + single.vocabulary())
    imported = [
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    ]
    defined = re.findall(r"^(?:def )?(\w+)(?: = |\()", single.vocabulary(), flags=re.M)
    assert len(set(defined)) == len(defined)
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
            known = {node.id for node in names if isinstance(node.ctx, ast.Store)}
            known |= {argument.arg for argument in function.args.args}
            assert {node.id for node in names} <= known | {*defined, *imported}, function.name


def test_no_float_product_is_left_in_the_vocabulary():
    texts = [double.vocabulary(), double.noise()]
    functions = {
        node.name: node
        for text in texts
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef)
    }
    products = {
        name
        for name, function in functions.items()
        for node in ast.walk(function)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)
    }
    assert products == {"_philox_round", "_philox_last_round", "_philox_round_keys"}  # integers
    assert {"exp", "log", "power", "sin", "tanh", "maximum", "normal_pair"} <= functions.keys()
