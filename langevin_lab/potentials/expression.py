"""Formulas typed by a user: observables such as ``"x**2"`` and regions such as ``"x > 0.9"``.

Both are parsed through a whitelist, never evaluated, and end as Python source of scalars in the
vocabulary of ``langevin_lab.compiled.elementary``, which a kernel pastes and numpy runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from langevin_lab.potentials.code import NUMPY_FUNCTIONS
from langevin_lab.potentials.scalar_text import TextTooLong, TextWriter
from langevin_lab.potentials.syntax import (
    TOO_LARGE,
    ExpressionError,
    read_arithmetic,
    read_condition,
)
from langevin_lab.potentials.tree import Node, names_in

__all__ = ["Expression", "ExpressionError", "Region", "parse_expression", "parse_region"]


@dataclass(frozen=True)
class _Formula:
    text: str
    names_used: tuple[str, ...]
    source: str
    tree: Node = field(repr=False, compare=False)

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """Return the value over numpy arrays that broadcast against one another.

        Parameters
        ----------
        values : mapping
            Name -> number or array, at least for `names_used`.

        Raises
        ------
        KeyError
            If a name in `names_used` has no value.
        """
        missing = [name for name in self.names_used if name not in values]
        if missing:
            raise KeyError(f"values lack {missing[0]!r}, which {self.text!r} uses; add it")
        known = {name: np.asarray(values[name]) for name in self.names_used}
        code = compile(self.source, "<expression>", "eval")
        with np.errstate(all="ignore"):
            # The source was written by TextWriter from a whitelisted tree.
            value = eval(code, {"__builtins__": {}, **NUMPY_FUNCTIONS}, known)
        shape = np.broadcast_shapes(*(array.shape for array in known.values()))
        return np.broadcast_to(value, shape).copy()[()]


class Expression(_Formula):
    """An arithmetic formula: `text`, `names_used` in order, `source` for compiled code."""


class Region(_Formula):
    """A condition on the state: `text`, `names_used` in order, boolean `source`."""


def parse_expression(text: str, names: Sequence[str]) -> Expression:
    """Parse an arithmetic formula of the given names.

    Admissible are numbers, ``+ - * / **``, parentheses, the functions abs, arctan (atan), cos,
    cosh, exp, log, sigmoid, sin, sinh, softplus, sqrt, tan, tanh and the constants pi, e.

    Parameters
    ----------
    text : str
        For example ``"x**2 + p**2/2"``.
    names : sequence of str
        The names that may occur.

    Returns
    -------
    Expression
        Its `source` multiplies integer powers out and fuses sums of products (fma).

    Raises
    ------
    ExpressionError
        If anything else occurs; the message names the piece, its position and what is allowed.

    Example
    -------
    >>> parse_expression("x**2 + k", ("x", "k")).source
    'fma(x, x, k)'
    """
    tree = read_arithmetic(text, names)
    return Expression(text, _used(tree, names), _source(text, tree, TextWriter().text), tree)


def parse_region(text: str, names: Sequence[str]) -> Region:
    """Parse a condition: comparisons (also chained) joined by and, or, not (or & | ~).

    Returns
    -------
    Region
        Its `source` is a boolean expression of scalars. A comparison with nan is false.

    Raises
    ------
    ExpressionError
        If the text is not a condition over `names`.

    Example
    -------
    >>> parse_region("0.9 < x < 2", ("x",)).source
    '((0.9 < x) & (x < 2.0))'
    """
    tree = read_condition(text, names)
    return Region(text, _used(tree, names), _source(text, tree, TextWriter().condition), tree)


def _used(tree: Node, names: Sequence[str]) -> tuple[str, ...]:
    used = names_in(tree)
    return tuple(name for name in names if name in used)


def _source(text: str, tree: Node, write: Callable[[Node], str]) -> str:
    """Return a source that Python accepts, else raise."""
    remedy = "split it or use Potential.from_functions"
    try:
        source = write(tree)
    except OverflowError:
        raise ExpressionError(text, *TOO_LARGE) from None
    except TextTooLong as error:
        raise ExpressionError(text, str(error), remedy) from None
    try:
        compile(source, "<expression>", "eval")
    except (SyntaxError, RecursionError, MemoryError):
        raise ExpressionError(text, "it is nested too deeply to be compiled", remedy) from None
    return source
