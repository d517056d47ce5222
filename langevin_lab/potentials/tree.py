"""Trees of formulas: what `syntax` reads, `derivation` differentiates, `scalar_text` writes.

A tree is made of tuples:

    ("number", Fraction)   ("constant", "pi" | "e")   ("name", str)
    ("sum", (a, b, ...))   ("product", (a, b, ...))   ("power", base, exponent)
    ("call", function, argument)
    ("compare", "<", a, b) ("all", (a, b, ...))       ("any", (a, b, ...))   ("not", a)
    ("penalised", c, a)                               at the root only: a + c |grad a|^2

Differences and quotients are sums with -1 times a term and products with a power -1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

Node = tuple[Any, ...]

CONSTANTS = {"pi": math.pi, "e": math.e}


def names_in(tree: Node) -> frozenset[str]:
    """Return the free names of a tree."""
    if tree[0] == "name":
        return frozenset((tree[1],))
    found: frozenset[str] = frozenset()
    for child in children(tree):
        found |= names_in(child)
    return found


def children(tree: Node) -> tuple[Node, ...]:
    """Return the operands of a tree."""
    kind = tree[0]
    if kind in ("sum", "product", "all", "any"):
        return tree[1]
    if kind in ("number", "constant", "name"):
        return ()
    return tuple(part for part in tree[1:] if isinstance(part, tuple))


def canonical(tree: Node) -> str:
    """Return a text that is equal for equal trees whatever the spaces and the spelling of 0.50."""
    if tree[0] in ("number", "constant", "name"):
        return f"{tree[0][0]}:{tree[1]}"
    labels = [part for part in tree if isinstance(part, str)]
    return f"({' '.join(labels + [canonical(child) for child in children(tree)])})"


def constant_value(tree: Node) -> float | None:
    """Return the value of a tree without names: nan where it is not a finite real; else None."""
    if names_in(tree):
        return None
    try:
        value = _number(tree)
    except (ArithmeticError, ValueError):
        return math.nan
    return value if isinstance(value, float) and math.isfinite(value) else math.nan


def _number(tree: Node) -> float:
    kind = tree[0]
    if kind == "number":
        return float(tree[1])
    if kind == "constant":
        return CONSTANTS[tree[1]]
    if kind == "sum":
        return math.fsum(_number(term) for term in tree[1])
    if kind == "product":
        return math.prod(_number(factor) for factor in tree[1])
    if kind == "power":
        return _number(tree[1]) ** _number(tree[2])
    return _CALLS[tree[1]](_number(tree[2]))


_CALLS: dict[str, Callable[[float], float]] = {
    "absolute": abs,
    "arctan": math.atan,
    "cos": math.cos,
    "cosh": math.cosh,
    "exp": math.exp,
    "log": math.log,
    "sigmoid": lambda u: 0.5 + 0.5 * math.tanh(0.5 * u),
    "sin": math.sin,
    "sinh": math.sinh,
    "softplus": lambda u: max(u, 0.0) + math.log1p(math.exp(-abs(u))),
    "sqrt": math.sqrt,
    "tan": math.tan,
    "tanh": math.tanh,
}


def exact_value(tree: Node) -> Fraction | None:
    """Return the exact value of rational arithmetic such as 3/2, else None."""
    kind = tree[0]
    if kind == "number":
        return tree[1]
    if kind in ("sum", "product"):
        values = [exact_value(child) for child in tree[1]]
        if any(value is None for value in values):
            return None
        known = [value for value in values if value is not None]
        return math.prod(known, start=Fraction(1)) if kind == "product" else sum(known, Fraction(0))
    if kind == "power" and tree[1][0] == "number" and tree[2][0] == "number":
        base, exponent = tree[1][1], tree[2][1]
        return base**exponent if exponent.denominator == 1 and base else None
    return None
