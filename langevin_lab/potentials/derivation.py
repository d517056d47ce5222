"""From one formula to the text of energy, gradient, Hessian and higher derivatives, by sympy.

This module imports sympy: it is itself imported only where a formula is met for the first time.
Numbers are exact rationals until the text is written, common subexpressions are shared inside each
function. The kink of abs has slope 0, and its second derivative is taken as 0 (the Dirac peak at
the kink has no value).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any

import sympy
from sympy.printing.latex import LatexPrinter

from langevin_lab.potentials.penalised_formula import penalised_latex
from langevin_lab.potentials.scalar_text import TextWriter
from langevin_lab.potentials.syntax import ExpressionError
from langevin_lab.potentials.tree import Node

# Horner's form is tried where expansion stays small.
_HORNER_VARIABLES = 2
_HORNER_DEGREE = 12


class sign(sympy.Function):
    """Slope of `absolute`: -1, 0, 1; its own slope is 0."""

    def fdiff(self, argindex: int = 1) -> Any:
        return sympy.Integer(0)


class absolute(sympy.Function):
    """|u| of a real u, whose derivatives never leave the real numbers."""

    def fdiff(self, argindex: int = 1) -> Any:
        return sign(self.args[0])


class sigmoid(sympy.Function):
    """1/(1 + e^-u)."""

    def fdiff(self, argindex: int = 1) -> Any:
        return self * (1 - self)


class softplus(sympy.Function):
    """log(1 + e^u)."""

    def fdiff(self, argindex: int = 1) -> Any:
        return sigmoid(self.args[0])


_FUNCTIONS = {
    "absolute": absolute,
    "arctan": sympy.atan,
    "cos": sympy.cos,
    "cosh": sympy.cosh,
    "exp": sympy.exp,
    "log": sympy.log,
    "sigmoid": sigmoid,
    "sin": sympy.sin,
    "sinh": sympy.sinh,
    "softplus": softplus,
    "sqrt": sympy.sqrt,
    "tan": sympy.tan,
    "tanh": sympy.tanh,
}
_NAMES = {
    absolute: "absolute",
    sign: "sign",
    sigmoid: "sigmoid",
    softplus: "softplus",
    sympy.Abs: "absolute",
    sympy.sign: "sign",
    sympy.atan: "arctan",
    sympy.cos: "cos",
    sympy.cosh: "cosh",
    sympy.exp: "exp",
    sympy.log: "log",
    sympy.sin: "sin",
    sympy.sinh: "sinh",
    sympy.tan: "tan",
    sympy.tanh: "tanh",
}


class Derivation:
    """The symbolic side of one formula.

    Parameters
    ----------
    text : str
        What the user wrote, for error messages.
    tree : Node
        Its tree.
    variables, parameters : sequence of str
        Names of the coordinates and of the parameters.
    arguments : sequence of str
        Their names in the generated text, coordinates first.
    """

    def __init__(
        self,
        text: str,
        tree: Node,
        variables: Sequence[str],
        parameters: Sequence[str],
        arguments: Sequence[str],
    ):
        self.text = text
        self.symbols = {name: sympy.Symbol(name, real=True) for name in (*variables, *parameters)}
        self.coordinates = [self.symbols[name] for name in variables]
        self.parameters = [self.symbols[name] for name in parameters]
        self.arguments = tuple(arguments)
        self.is_penalised = tree[0] == "penalised"
        plain = self._expression(tree[2] if self.is_penalised else tree)
        # sympy writes |u| for some roots and cot for some tan; only these functions compile.
        plain = plain.replace(sympy.Abs, absolute)
        self.plain = plain.replace(sympy.cot, lambda u: sympy.cos(u) / sympy.sin(u))
        self._check(self.plain)
        self.energy = self._penalised(tree[1]) if self.is_penalised else self.plain

    def _penalised(self, coefficient: Node) -> Any:
        squares = [_derivative(self.plain, x) ** 2 for x in self.coordinates]
        return self.plain + self._expression(coefficient) * sympy.Add(*squares)

    def part(self, part: str) -> str:
        """Return "energy, gradient", that with ", hessian", "order 3" or "along 2"."""
        if part == "energy, gradient, hessian":
            return self.source()
        if part == "energy, gradient":
            return self.example_source()
        kind, count = part.split()
        return (self.derivative_source if kind == "order" else self.product_source)(int(count))

    def source(self) -> str:
        """Return the text of energy, gradient and hessian."""
        hessian = [
            _derivative(self._gradient[i], x)
            for i in range(len(self.coordinates))
            for x in self.coordinates[i:]
        ]
        return f"{self.example_source()}\n\n{self._function('hessian', hessian)}"

    def example_source(self) -> str:
        """Return the text of energy and gradient."""
        energy = self._function("energy", [self.energy], is_tuple=False)
        return f"{energy}\n\n{self._function('gradient', self._gradient)}"

    @cached_property
    def _gradient(self) -> list[Any]:
        return [_derivative(self.energy, x) for x in self.coordinates]

    def product_source(self, n_vectors: int) -> str:
        """Return the text of ``product``: the gradient of the derivative along `n_vectors` vectors.

        With one vector v that is the Hessian times v; its arguments v0, v1, ... come last, vector
        by vector. The derivative along a vector is one expression as compact as the formula, so
        nothing grows with the number of entries of the Hessian.
        """
        size = len(self.coordinates)
        directions = [sympy.Symbol(f"$v{i}", real=True) for i in range(n_vectors * size)]
        along = self.energy
        for first in range(0, len(directions), size):
            along = self._directional(along, directions[first : first + size])
        entries = [_derivative(along, x) for x in self.coordinates]
        return self._function("product", entries, directions=directions)

    def _directional(self, expression: Any, vector: Sequence[Any]) -> Any:
        """Derivative of an expression of the coordinates along a vector."""
        shift = sympy.Symbol("$shift", real=True)
        moved = {x: x + shift * v for x, v in zip(self.coordinates, vector)}
        return _derivative(expression.xreplace(moved), shift).xreplace({shift: sympy.Integer(0)})

    def derivative_source(self, order: int) -> str:
        """Return the text of ``derivatives``: all of one order over sorted indices."""
        indices = itertools.combinations_with_replacement(self.coordinates, order)
        return self._function("derivatives", [_derivative(self.energy, *xs) for xs in indices])

    def latex(self) -> str:
        """Return the formula as LaTeX, without dollar signs."""
        shown = self.plain.replace(_is_long_fraction, lambda e: sympy.Float(float(e), 15))
        latex = _LatexPrinter({"mul_symbol": r"\,"}).doprint(shown)
        return penalised_latex(latex) if self.is_penalised else latex

    def _expression(self, tree: Node) -> Any:
        kind = tree[0]
        if kind == "number":
            return sympy.Rational(tree[1].numerator, tree[1].denominator)
        if kind == "constant":
            return sympy.pi if tree[1] == "pi" else sympy.E
        if kind == "name":
            return self.symbols[tree[1]]
        if kind == "sum":
            return sympy.Add(*(self._expression(term) for term in tree[1]))
        if kind == "product":
            return sympy.Mul(*(self._expression(factor) for factor in tree[1]))
        if kind == "power":
            return sympy.Pow(self._expression(tree[1]), self._expression(tree[2]))
        return _FUNCTIONS[tree[1]](self._expression(tree[2]))

    def _check(self, expression: Any) -> None:
        bad = (sympy.I, sympy.zoo, sympy.nan, sympy.oo, sympy.S.NegativeInfinity)
        if expression.has(*bad):
            raise ExpressionError(
                self.text,
                "its value is complex or infinite for all real coordinates",
                "change the argument of the root, logarithm or quotient",
            )

    def _function(
        self,
        name: str,
        outputs: list[Any],
        *,
        is_tuple: bool = True,
        directions: Sequence[Any] = (),
    ) -> str:
        for output in outputs:
            self._check(output)
        definitions, reduced = self._shared(outputs)
        lines: list[str] = []
        symbols = (*self.coordinates, *self.parameters, *directions)
        arguments = (*self.arguments, *(symbol.name[1:] for symbol in directions))
        names = {symbol.name: argument for symbol, argument in zip(symbols, arguments)}
        writer = TextWriter(names, frozenset(symbol.name for symbol in self.parameters), lines)
        for symbol, expression in definitions:
            writer.assign(symbol.name, self._tree(expression))
        texts = [writer.text(self._tree(expression)) for expression in reduced]
        value = f"({', '.join(texts)}{',' if len(texts) == 1 else ''})" if is_tuple else texts[0]
        body = "".join(f"    {line}\n" for line in [*lines, f"return {value}"])
        return f"def {name}({', '.join(arguments)}):\n{body}"

    def _shared(self, outputs: list[Any]) -> tuple[list[tuple[Any, Any]], list[Any]]:
        """Return (definitions, outputs) with common parts named, in the cheaper of two forms."""
        # '$' cannot be part of a name that a user wrote.
        candidates = [sympy.cse(outputs, symbols=sympy.numbered_symbols("$"))]
        horner = [self._horner(output) for output in outputs]
        if horner != outputs:
            candidates.append(sympy.cse(horner, symbols=sympy.numbered_symbols("$")))
        return min(candidates, key=_cost)

    def _horner(self, expression: Any) -> Any:
        if (
            len(self.coordinates) > _HORNER_VARIABLES
            or not expression.is_polynomial(*self.coordinates)
            or _degree(expression) > _HORNER_DEGREE
        ):
            return expression
        return sympy.horner(expression, *self.coordinates)

    def _tree(self, expression: Any) -> Node:
        """Return a sympy expression as a tree, numbers without names evaluated."""
        if expression.is_Symbol:
            return ("name", expression.name)
        if expression.is_Rational:
            return ("number", Fraction(int(expression.p), int(expression.q)))
        if expression.is_number:
            return ("number", Fraction(self._value(expression)))
        if expression.is_Add:
            return ("sum", tuple(self._tree(term) for term in expression.as_ordered_terms()))
        if expression.is_Mul:
            factors = expression.as_ordered_factors()
            return ("product", tuple(self._tree(factor) for factor in factors))
        if expression.is_Pow:
            return ("power", self._tree(expression.base), self._tree(expression.exp))
        function = _NAMES.get(expression.func)
        if function is None:
            raise ExpressionError(
                self.text,
                f"its derivative holds {expression.func.__name__}, which has no compiled form",
                "rewrite the formula or use Potential.from_functions",
            )
        return ("call", function, self._tree(expression.args[0]))

    def _value(self, expression: Any) -> float:
        value = expression.evalf(40)
        if not value.is_Float:
            raise ExpressionError(
                self.text, f"{expression} is not a real number", "change the constants"
            )
        return float(value)


def _degree(expression: Any) -> int:
    """Return a bound on the degree of a polynomial, without expanding it."""
    if expression.is_Pow and expression.exp.is_Integer:
        return _degree(expression.base) * int(expression.exp)
    if expression.is_Symbol:
        return 1
    degrees = [_degree(argument) for argument in expression.args]
    return sum(degrees) if expression.is_Mul else max(degrees, default=0)


def _derivative(expression: Any, *coordinates: Any) -> Any:
    for x in coordinates:
        expression = sympy.diff(expression, x)
        if any(not power.exp.is_number for power in expression.atoms(sympy.Pow)):
            # n x**n/x would be nan at 0 where n x**(n - 1) is not.
            expression = sympy.powsimp(expression, combine="exp")
    return expression


def _cost(shared: tuple[list[tuple[Any, Any]], list[Any]]) -> int:
    definitions, outputs = shared
    return int(sum(sympy.count_ops(e) for e in [*(d for _, d in definitions), *outputs]))


def _is_long_fraction(expression: Any) -> bool:
    """Return whether a number reads better as a decimal."""
    return bool(expression.is_Rational and expression.q > 20)


class _LatexPrinter(LatexPrinter):
    """Names of several letters upright, bars for `absolute`."""

    def _print_Symbol(self, expression: Any, style: str = "plain") -> str:
        text = super()._print_Symbol(expression, style)
        head, mark, subscript = text.partition("_")
        is_word = len(head) > 1 and head.isalpha()
        return rf"\mathrm{{{head}}}{mark}{subscript}" if is_word else text

    def _print_absolute(self, expression: Any, exp: str | None = None) -> str:
        bars = rf"\left|{{{self._print(expression.args[0])}}}\right|"
        return bars if exp is None else f"{bars}^{{{exp}}}"
