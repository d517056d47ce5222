"""What the parser accepts, and that everything else is refused with one clear line."""

import math
import pickle
import random
import sys
import time

import pytest

from langevin_lab.potentials.expression import ExpressionError, parse_expression, parse_region

NAMES = ("x", "y", "k")
VALUES = {"x": 0.5, "y": 0.3, "k": 2.0}
MATH = {
    "sqrt": math.sqrt,
    "exp": math.exp,
    "log": math.log,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "atan": math.atan,
    "arctan": math.atan,
    "abs": abs,
    "sigmoid": lambda u: 1 / (1 + math.exp(-u)),
    "softplus": lambda u: math.log1p(math.exp(u)),
    "pi": math.pi,
    "e": math.e,
}

ACCEPTED = [
    "3",
    "1e-3",
    ".5",
    "1_000",
    "pi",
    "e",
    "x",
    "  x\n + y",
    "-x**2",
    "--x",
    "+-x",
    "-x - -y",
    "x*-1",
    "x - y - k",
    "x - (y - k)",
    "x/y/k",
    "x/(y/k)",
    "1/x**2 + y*k*3/4",
    "-(x + 1)**5 - 2*x*y",
    "x**2 + y**2 - 2*x*y + 3",
    "(x - y)*(x + y)*(k - 1)",
    "x**2**3",
    "x**0",
    "x**1",
    "x**7",
    "x**16",
    "x**-3",
    "x**0.5",
    "x**-0.5",
    "x**1.5",
    "x**-3.5",
    "x**(1/3)",
    "x**y",
    "2**x",
    "e**x",
    "e**-x**2",
    "sqrt(x)*x**1.5",
    "exp(-x**2/2)/sqrt(2*pi)",
    "sin(x) + cos(y)*tan(k/3) - sinh(x)*cosh(y) + tanh(k)",
    "atan(x) + arctan(y)",
    "abs(x - y) + abs(y - x)",
    "log(x/y)",
    "sigmoid(2*x) + softplus(x + y)",
    "(((((((((x)))))))))",
    "0*x + 1",
    "x*0",
    "(x + y)**2/(x - y)**2",
    "k*(x**2 - 1)**2",
    "-(x*y)",
    "-(-x)**3",
    "3 - 2*pi*x + 4*pi",
    "+".join(["x*y"] * 30),
    "-".join(f"{i}*x**{i}" for i in range(1, 12)),
]


@pytest.mark.parametrize("text", ACCEPTED)
def test_accepted_text_has_the_value_that_python_gives_it(text):
    expression = parse_expression(text, NAMES)
    expected = eval(text.strip().replace("\n", " "), {"__builtins__": {}, **MATH, **VALUES})
    assert expression.evaluate(VALUES) == pytest.approx(expected, rel=1e-14, abs=1e-15)
    assert expression.text == text


REFUSED = {
    "": "it is empty",
    "   \n": "it is empty",
    "__import__('os').system('true')": "an attribute is not allowed at position 1",
    "x + foo": "unknown name 'foo' at position 5; known names: x, y, k, and the constants pi, e",
    "  xx": "unknown name 'xx' at position 3",
    "sinn(x)": "unknown function 'sinn' at position 1; known functions: abs, .*did you mean 'sin'",
    "eval('1')": "unknown function 'eval'",
    "x^2": r"the operator '\^' is not allowed at position 1; use \*\* for powers",
    "x//y": "the operator '//' is not allowed",
    "x % y": "the operator '%' is not allowed",
    "x @ y": "the operator '@' is not allowed",
    "x << 1": "the operator '<<' is not allowed",
    "x & y": "the operator '&' is not allowed",
    "x.real": "an attribute is not allowed",
    "x.__class__": "an attribute is not allowed",
    "x[0]": "a subscript is not allowed",
    "lambda: 1": "a lambda is not allowed",
    "(lambda: 1)()": "a lambda is not allowed",
    "[i for i in x]": "a comprehension is not allowed",
    "[x]": "a list is not allowed",
    "{x}": "a set is not allowed",
    "{1: x}": "a dictionary is not allowed",
    "x, y": "a tuple is not allowed",
    "x if y else k": "a conditional is not allowed",
    "(x := 1)": "an assignment is not allowed",
    "'a'": "a string is not allowed",
    "b'a'": "a string is not allowed",
    "f'{x}'": "a string is not allowed",
    "1j*x": "1j is not a real number",
    "True": "True is not a real number",
    "None": "None is not a real number",
    "...": "Ellipsis is not a real number",
    "x < 1": "a comparison is not allowed",
    "x and y": "'and' or 'or' is not allowed",
    "not x": "'not' and '~' are for conditions only",
    "~x": "'not' and '~' are for conditions only",
    "sin": r"'sin' is a function without argument at position 1; write sin\(x\)",
    "sin()": "sin takes one argument, not 0",
    "sin(x, y)": "sin takes one argument, not 2",
    "sin(x=1)": "sin takes one argument, not 1",
    "sin(*x)": "sin takes one argument, not 1",
    "x(y)": "unknown function 'x'",
    "x) + (y": "the syntax is not that of a formula at position 2",
    "x +": "the syntax is not that of a formula",
    "x y": "the syntax is not that of a formula",
    "2x": "the syntax is not that of a formula",
    "import os": "the syntax is not that of a formula",
    "x = 1": "the syntax is not that of a formula",
    "x; y": "the syntax is not that of a formula",
    "yield": "the syntax is not that of a formula",
    "await x": "await is not allowed|the syntax is not that of a formula",
    "x # y": "'#' is not allowed",
    "x\x00": "not that of a formula|no formula has",
    "\ud800": "not that of a formula|no formula has",
    "1e999": "a number is too large for float64 at position 1",
    "9" * 30: r"an integer is larger than 2\*\*63",
    "9" * 5000: "the syntax is not that of a formula|larger than",
    "9**9**9": "the exponent 3.8742e\\+08 is larger than 100 at position 4",
    "x**101": "the exponent 101 is larger than 100",
    "x**-1e9": "the exponent -1e\\+09 is larger than 100",
    "((x**100)**100)**2": "nested powers reach degree 20000, more than 1000",
    "1/0": "'1 / 0' is not a finite real number",
    "x + log(-1)": r"'log\(-1\)' is not a finite real number at position 5",
    "sqrt(-1)": "is not a finite real number",
    "(-8)**(1/3)": "is not a finite real number",
    "exp(1000)*x": "is not a finite real number",
    "1e300*1e300": "is not a finite real number",
    "log(0)": "is not a finite real number",
    "(" * 300 + "x" + ")" * 300: "nested more than 60 levels deep",
    "exp(" * 70 + "x" + ")" * 70: "nested more than 60 levels deep",
    "-" * 19000 + "x": "nested more than 60 levels deep",
    "x" * 20001: "it has 20001 characters, more than 20000",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: ascii(text[:30]))
def test_anything_else_is_refused_in_one_line(text):
    with pytest.raises(ExpressionError, match=REFUSED[text]) as caught:
        parse_expression(text, NAMES)
    message = str(caught.value)
    assert "\n" not in message
    assert "; " in message
    assert len(message) < 400
    assert caught.value.text == text


def test_a_very_long_sum_is_read_or_refused_but_leaks_no_recursion_error():
    """Python's own parser gives up on 9,000 terms up to 3.12 and reads them from 3.13 on."""
    text = "x" + "+x" * 9000
    if sys.version_info >= (3, 13):
        assert parse_expression(text, NAMES).evaluate({"x": 1.0}) == 9001
    else:
        with pytest.raises(ExpressionError, match="nested more than 60 levels deep"):
            parse_expression(text, NAMES)


def test_error_survives_pickling_with_its_position():
    with pytest.raises(ExpressionError) as caught:
        parse_expression("x + foo", NAMES)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), copy.position) == (str(caught.value), 5)


def test_position_counts_characters_not_bytes():
    with pytest.raises(ExpressionError, match="unknown name 'foo' at position 7"):
        parse_expression(" \u03b3\u03b3 + foo", ("\u03b3\u03b3",))


def test_recursion_limit_of_the_caller_does_not_leak(monkeypatch):
    def deep(*arguments):
        raise RecursionError

    monkeypatch.setattr("langevin_lab.potentials.syntax._Reader.arithmetic", deep)
    with pytest.raises(ExpressionError, match="nested more than 60 levels deep"):
        parse_expression("x", NAMES)


@pytest.mark.parametrize(
    "text", ["x - (y*k - {})", "x*(y + k*{})", "k/(x + 1/{})", "sin({})*x + y"]
)
def test_nested_texts_are_parsed_in_linear_time(text):
    nested = "x"
    for _ in range(14):
        nested = text.replace("{}", f"({nested})")
    started = time.perf_counter()
    parse_expression(nested, NAMES)
    assert time.perf_counter() - started < 1


def test_functions_that_repeat_their_argument_do_not_explode():
    started = time.perf_counter()
    with pytest.raises(ExpressionError, match="its code has more than 200000 characters"):
        parse_expression("softplus(" * 50 + "x" + ")" * 50, NAMES)
    assert time.perf_counter() - started < 1


def test_text_that_is_no_string_is_a_type_error():
    with pytest.raises(TypeError, match="expression must be a string, not int"):
        parse_expression(3, NAMES)


REGIONS = {
    "x > 0.9": lambda x, y: x > 0.9,
    "0 < x < 1": lambda x, y: 0 < x < 1,
    "x**2 + y**2 <= 1": lambda x, y: x**2 + y**2 <= 1,
    "x > 0 and y < 1 or x < -1": lambda x, y: (x > 0 and y < 1) or x < -1,
    "x > 0 and (y < 1 or x < -1)": lambda x, y: x > 0 and (y < 1 or x < -1),
    "(x > 0) & (y < 1) | (x < -1)": lambda x, y: (x > 0 and y < 1) or x < -1,
    "not x > 0": lambda x, y: not x > 0,
    "~(x > 0) & ~(y > 0)": lambda x, y: not x > 0 and not y > 0,
    "not (x > 0 and y > 0)": lambda x, y: not (x > 0 and y > 0),
    "abs(x) >= y >= -1": lambda x, y: abs(x) >= y >= -1,
}


@pytest.mark.parametrize("text", REGIONS)
def test_region_agrees_with_python_over_numbers_and_arrays(text):
    region = parse_region(text, ("x", "y"))
    draw = random.Random(1)
    points = [(draw.uniform(-2, 2), draw.uniform(-2, 2)) for _ in range(200)]
    expected = [REGIONS[text](x, y) for x, y in points]
    assert any(expected)
    assert not all(expected)
    assert [bool(region.evaluate({"x": x, "y": y})) for x, y in points] == expected
    xs, ys = zip(*points)
    assert region.evaluate({"x": xs, "y": ys}).tolist() == expected


REFUSED_REGIONS = {
    "x": "a number stands where a condition is needed at position 1",
    "x + 1": "a number stands where a condition is needed",
    "True": "a number stands where a condition is needed",
    "x > 0 and y": "a number stands where a condition is needed at position 11",
    "not x": "a number stands where a condition is needed",
    "x > 0 & y < 1": r"'&' binds tighter than a comparison at position 5; put parentheses",
    "x == 1": "the comparison '==' is not allowed",
    "x != 1": "the comparison '!=' is not allowed",
    "x in y": "the comparison 'in' is not allowed",
    "x is y": "the comparison 'is' is not allowed",
    "(x > 1) > 2": "a comparison is not allowed at position 2",
    "x > foo": "unknown name 'foo' at position 5",
    "x > __import__('os')": "unknown function '__import__'",
    "lambda: x > 0": "a lambda stands where a condition is needed",
    "(not " * 70 + "x > 0" + ")" * 70: "nested more than 60 levels deep",
    "": "it is empty",
}


@pytest.mark.parametrize("text", REFUSED_REGIONS, ids=lambda text: text[:30])
def test_wrong_region_is_refused_in_one_line(text):
    with pytest.raises(ExpressionError, match=REFUSED_REGIONS[text]) as caught:
        parse_region(text, ("x", "y"))
    assert "\n" not in str(caught.value)


def test_comparison_with_nan_is_false():
    assert not parse_region("x > 0", ("x",)).evaluate({"x": math.nan})


def test_evaluate_names_a_missing_value():
    with pytest.raises(KeyError, match="values lack 'y'"):
        parse_expression("x + y", NAMES).evaluate({"x": 1.0})


def test_random_texts_end_in_a_value_or_in_an_expression_error_soon():
    pieces = [
        *"xyk0123456789.+-*/()<>&|~^,[]{}'\"=:;@!% \n\\_e",
        "**",
        "exp(",
        "log(",
        "and ",
        "9**",
    ]
    pieces += ["not ", "lambda ", "__import__", "e9", "()", "if ", "else ", "for ", "in ", "\u03b3"]
    draw = random.Random(7)
    started, accepted, messages = time.perf_counter(), 0, []
    for _ in range(4000):
        text = "".join(draw.choice(pieces) for _ in range(draw.randrange(1, 14)))
        for parse in (parse_expression, parse_region):
            try:
                parse(text, NAMES).evaluate(VALUES)
                accepted += 1
            except ExpressionError as error:
                messages.append(str(error))
    assert accepted > 20
    assert not any("\n" in message for message in messages)
    assert time.perf_counter() - started < 20


def test_names_used_come_in_the_given_order():
    assert parse_expression("k*y + x - x", NAMES).names_used == ("x", "y", "k")
    assert parse_expression("2", NAMES).names_used == ()


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("x**2", "x*x"),
        ("x**4", "(x*x)*(x*x)"),
        ("x**2 + y", "fma(x, x, y)"),
        ("2*x*k + y", "fma(2.0*x, k, y)"),
        ("x/k", "x/k"),
        ("-x*y", "-x*y"),
        ("3/4*x", "0.75*x"),
        ("2*pi*x", "6.283185307179586*x"),
    ],
)
def test_source_multiplies_powers_out_and_fuses_products(text, source):
    assert parse_expression(text, NAMES).source == source


def test_powers_of_powers_of_sums_are_refused_before_they_explode():
    with pytest.raises(ExpressionError, match="its code has more than 200000 characters"):
        parse_expression("(((x+1)**10+y)**10+x)**10 + " + "+".join(["(x+y*k)**100"] * 400), NAMES)
