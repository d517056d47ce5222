"""Text of arithmetic and conditions -> small trees, through a whitelist over Python's grammar.

Nothing is evaluated: the text is split by ``ast.parse`` and every node is either known and
translated or refused with one line that names it. `tree` shows what comes out.
"""

from __future__ import annotations

import ast
import difflib
import math
import warnings
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NoReturn

from langevin_lab.potentials.tree import CONSTANTS, Node, constant_value, exact_value

# What the user writes -> the function of the tree.
FUNCTIONS = {
    "abs": "absolute",
    "arctan": "arctan",
    "atan": "arctan",
    "cos": "cos",
    "cosh": "cosh",
    "exp": "exp",
    "log": "log",
    "sigmoid": "sigmoid",
    "sin": "sin",
    "sinh": "sinh",
    "softplus": "softplus",
    "sqrt": "sqrt",
    "tan": "tan",
    "tanh": "tanh",
}

LONGEST_TEXT = 20_000
DEEPEST_NESTING = 60
LARGEST_EXPONENT = 100
LARGEST_DEGREE = 1000
LARGEST_INTEGER = 2**63
_SHOWN = 60
TOO_LARGE = ("a number is too large for float64", "use numbers below 1.8e308")

_ALLOWED = f"allowed: numbers, + - * / **, parentheses, {', '.join(sorted(FUNCTIONS))}, pi, e"
_ALLOWED_REGION = "allowed: comparisons < <= > >= joined by and, or, not (or & | ~)"
_OPERATORS = {
    ast.BitXor: "^",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.Mod: "%",
    ast.FloorDiv: "//",
    ast.MatMult: "@",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}
_COMPARISONS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_FORBIDDEN = {
    ast.Attribute: "an attribute",
    ast.Subscript: "a subscript",
    ast.Lambda: "a lambda",
    ast.ListComp: "a comprehension",
    ast.SetComp: "a comprehension",
    ast.DictComp: "a comprehension",
    ast.GeneratorExp: "a comprehension",
    ast.IfExp: "a conditional",
    ast.JoinedStr: "a string",
    ast.NamedExpr: "an assignment",
    ast.Tuple: "a tuple",
    ast.List: "a list",
    ast.Set: "a set",
    ast.Dict: "a dictionary",
    ast.Starred: "a star",
    ast.Compare: "a comparison",
    ast.BoolOp: "'and' or 'or'",
}


class ExpressionError(ValueError):
    """A text that is not an admissible expression; `text` and `position` (1-based) say where."""

    def __init__(self, text: str, problem: str, remedy: str, position: int | None = None):
        shown = repr(text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "...")
        where = "" if position is None else f" at position {position}"
        super().__init__(f"expression {shown}: {problem}{where}; {remedy}")
        self.text = text
        self.position = position
        self._arguments = (text, problem, remedy, position)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._arguments


def read_arithmetic(text: str, names: Sequence[str]) -> Node:
    """Return the tree of an arithmetic text whose free names are among `names`."""
    return _Reader(text, names).read(condition=False)


def read_condition(text: str, names: Sequence[str]) -> Node:
    """Return the tree of a condition (comparisons joined by and, or, not)."""
    return _Reader(text, names).read(condition=True)


class _Reader:
    """One text on its way to a tree."""

    def __init__(self, text: str, names: Sequence[str]):
        if not isinstance(text, str):
            raise TypeError(
                f"expression must be a string, not {type(text).__name__}; write for example 'x**2'"
            )
        self.text = text
        self.names = tuple(names)

    def fail(self, problem: str, remedy: str, node: ast.AST | None = None) -> NoReturn:
        raise ExpressionError(self.text, problem, remedy, self.position(node))

    def position(self, node: ast.AST | None) -> int | None:
        """Return where a node begins, counted in characters from 1."""
        column = getattr(node, "col_offset", None)  # in bytes of the text without leading blanks
        if column is None:
            return None
        blanks = len(self.text) - len(self.text.lstrip())
        before = self.text.lstrip().encode("utf-8", "replace")[:column]
        return blanks + len(before.decode("utf-8", "replace")) + 1

    def read(self, *, condition: bool) -> Node:
        body = self.parsed()
        try:
            return self.condition(body, 0) if condition else self.arithmetic(body, 0, Fraction(1))
        except RecursionError:
            self.nested_too_deeply()

    def parsed(self) -> ast.expr:
        """Return Python's syntax tree of the text, whose lines count as one."""
        if not self.text.strip():
            self.fail("it is empty", "write for example 'x**2'")
        if len(self.text) > LONGEST_TEXT:
            self.fail(
                f"it has {len(self.text)} characters, more than {LONGEST_TEXT}",
                "write a compiled function and use Potential.from_functions",
            )
        flat = " ".join(self.text.strip().splitlines())
        if "#" in flat:
            self.fail("'#' is not allowed", _ALLOWED)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SyntaxWarning)
                return ast.parse(flat, mode="eval").body
        except SyntaxError as error:
            if "nested" in str(error.msg) or "recursion" in str(error.msg):
                self.nested_too_deeply()
            blanks = len(self.text) - len(self.text.lstrip())
            position = None if not error.offset else blanks + min(error.offset, len(flat) + 1)
            raise ExpressionError(
                self.text, "the syntax is not that of a formula", _ALLOWED, position
            ) from None
        except (RecursionError, MemoryError):
            self.nested_too_deeply()
        except ValueError:
            self.fail("it holds characters that no formula has", _ALLOWED)

    def nested_too_deeply(self) -> NoReturn:
        raise ExpressionError(
            self.text,
            f"it is nested more than {DEEPEST_NESTING} levels deep",
            "split it or use Potential.from_functions",
        ) from None

    def arithmetic(self, node: ast.expr, depth: int, degree: Fraction) -> Node:
        """Return the tree of `node`; `degree` is the product of the exponents around it."""
        if depth > DEEPEST_NESTING:
            self.nested_too_deeply()
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
            tree = self.chain(node, (ast.Add, ast.Sub), depth, degree)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div)):
            tree = self.chain(node, (ast.Mult, ast.Div), depth, degree)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            tree = self.power(node, depth, degree)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
            return self.signed(node, depth, degree)
        elif isinstance(node, ast.Call):
            tree = self.call(node, depth, degree)
        elif isinstance(node, ast.Constant):
            return self.number(node)
        elif isinstance(node, ast.Name):
            return self.name(node)
        else:
            self.refuse(node)
        value = constant_value(tree)
        if value is not None and math.isnan(value):
            piece = ast.unparse(node)
            piece = piece if len(piece) <= _SHOWN else piece[: _SHOWN - 3] + "..."
            self.fail(f"{piece!r} is not a finite real number", "change the constants", node)
        return tree

    def chain(self, node: ast.expr, kinds: tuple[type, ...], depth: int, degree: Fraction) -> Node:
        """Return a + b - c ... or a*b/c ... as one sum or product, however long it is."""
        operands: list[tuple[type, ast.expr]] = []
        while isinstance(node, ast.BinOp) and isinstance(node.op, kinds):
            operands.append((type(node.op), node.right))
            node = node.left
        operands.append((kinds[0], node))
        terms = []
        for operator, operand in reversed(operands):
            tree = self.arithmetic(operand, depth + 1, degree)
            if operator is ast.Sub:
                tree = ("product", (("number", Fraction(-1)), tree))
            elif operator is ast.Div:
                tree = ("power", tree, ("number", Fraction(-1)))
            terms.append(tree)
        return ("sum" if kinds[0] is ast.Add else "product", tuple(terms))

    def signed(self, node: ast.expr, depth: int, degree: Fraction) -> Node:
        """Return a term behind any number of signs."""
        sign = 1
        while isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
            sign = -sign if isinstance(node.op, ast.USub) else sign
            node = node.operand
        tree = self.arithmetic(node, depth + 1, degree)
        if sign > 0:
            return tree
        if tree[0] == "number":
            return ("number", -tree[1])
        return ("product", (("number", Fraction(-1)), tree))

    def power(self, node: ast.BinOp, depth: int, degree: Fraction) -> Node:
        exponent = self.arithmetic(node.right, depth + 1, degree)
        exact = exact_value(exponent)
        value = constant_value(exponent)
        if value is not None and abs(value) > LARGEST_EXPONENT:
            self.fail(
                f"the exponent {value:g} is larger than {LARGEST_EXPONENT}",
                "use exp and log for steep functions",
                node.right,
            )
        if value is not None:
            exact = Fraction(value) if exact is None else exact
            exponent = ("number", exact)
            degree = degree * max(abs(exact), Fraction(1))
        if degree > LARGEST_DEGREE:
            self.fail(
                f"nested powers reach degree {float(degree):g}, more than {LARGEST_DEGREE}",
                "use exp and log for steep functions",
                node,
            )
        base = self.arithmetic(node.left, depth + 1, degree)
        if base == ("constant", "e"):
            return ("call", "exp", exponent)
        return ("power", base, exponent)

    def call(self, node: ast.Call, depth: int, degree: Fraction) -> Node:
        if not isinstance(node.func, ast.Name):
            self.refuse(node.func)
        function = node.func.id
        if function not in FUNCTIONS:
            known = f"known functions: {', '.join(sorted(FUNCTIONS))}"
            self.fail(
                f"unknown function {function!r}", known + _guess(function, FUNCTIONS), node.func
            )
        if len(node.args) != 1 or node.keywords or isinstance(node.args[0], ast.Starred):
            given = len(node.args) + len(node.keywords)
            self.fail(
                f"{function} takes one argument, not {given}",
                f"write {function}(...) of one number",
                node,
            )
        return ("call", FUNCTIONS[function], self.arithmetic(node.args[0], depth + 1, degree))

    def number(self, node: ast.Constant) -> Node:
        value = node.value
        if isinstance(value, str | bytes):
            self.fail("a string is not allowed", _ALLOWED, node)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fail(f"{value!r} is not a real number", _ALLOWED, node)
        if isinstance(value, int) and value > LARGEST_INTEGER:
            self.fail("an integer is larger than 2**63", "write it as a float such as 1e20", node)
        if not math.isfinite(value):
            self.fail(*TOO_LARGE, node)
        # repr gives the decimal that was written, so that 0.1 is exactly 1/10 in the derivation.
        return ("number", Fraction(repr(value)))

    def name(self, node: ast.Name) -> Node:
        if node.id in self.names:
            return ("name", node.id)
        if node.id in CONSTANTS:
            return ("constant", node.id)
        if node.id in FUNCTIONS:
            self.fail(f"{node.id!r} is a function without argument", f"write {node.id}(x)", node)
        known = ", ".join(self.names) if self.names else "none"
        remedy = f"known names: {known}, and the constants pi, e"
        self.fail(
            f"unknown name {node.id!r}", remedy + _guess(node.id, (*self.names, *FUNCTIONS)), node
        )

    def refuse(self, node: ast.expr) -> NoReturn:
        if isinstance(node, ast.BinOp):
            symbol = _OPERATORS[type(node.op)]
            remedy = "use ** for powers" if symbol == "^" else _ALLOWED
            self.fail(f"the operator {symbol!r} is not allowed", remedy, node)
        if isinstance(node, ast.UnaryOp):
            self.fail("'not' and '~' are for conditions only", _ALLOWED, node)
        kind = _FORBIDDEN.get(type(node), type(node).__name__.lower())
        self.fail(f"{kind} is not allowed", _ALLOWED, node)

    def condition(self, node: ast.expr, depth: int) -> Node:
        """Return the tree of a condition."""
        if depth > DEEPEST_NESTING:
            self.nested_too_deeply()
        if isinstance(node, ast.BoolOp):
            kind = "all" if isinstance(node.op, ast.And) else "any"
            return (kind, tuple(self.condition(value, depth + 1) for value in node.values))
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitAnd, ast.BitOr)):
            return self.condition_chain(node, depth)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.Invert)):
            return ("not", self.condition(node.operand, depth + 1))
        if isinstance(node, ast.Compare):
            return self.comparison(node, depth)
        found = _FORBIDDEN.get(type(node), "a number")
        self.fail(f"{found} stands where a condition is needed", _ALLOWED_REGION, node)

    def condition_chain(self, node: ast.BinOp, depth: int) -> Node:
        kind = type(node.op)
        left: ast.expr = node
        operands = []
        while isinstance(left, ast.BinOp) and isinstance(left.op, kind):
            operands.append(left.right)
            left = left.left
        operands.append(left)
        trees = tuple(self.condition(operand, depth + 1) for operand in reversed(operands))
        return ("all" if kind is ast.BitAnd else "any", trees)

    def comparison(self, node: ast.Compare, depth: int) -> Node:
        """Return a < b < c as (a < b) and (b < c)."""
        operands = [node.left, *node.comparators]
        for operand in operands:
            if isinstance(operand, ast.BinOp) and isinstance(operand.op, (ast.BitAnd, ast.BitOr)):
                symbol = _OPERATORS[type(operand.op)]
                self.fail(
                    f"{symbol!r} binds tighter than a comparison",
                    f"put parentheses: (x > 0) {symbol} (x < 1)",
                    operand,
                )
        pairs = []
        for operator, left, right in zip(node.ops, operands[:-1], operands[1:]):
            if type(operator) not in _COMPARISONS:
                symbol = _OPERATORS[type(operator)]
                self.fail(f"the comparison {symbol!r} is not allowed", _ALLOWED_REGION, node)
            a = self.arithmetic(left, depth + 1, Fraction(1))
            b = self.arithmetic(right, depth + 1, Fraction(1))
            pairs.append(("compare", _COMPARISONS[type(operator)], a, b))
        return pairs[0] if len(pairs) == 1 else ("all", tuple(pairs))


def _guess(name: str, known: Sequence[str] | dict[str, str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
