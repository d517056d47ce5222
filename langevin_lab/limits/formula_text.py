"""Formulas of the package, differentiated by sympy and written as formulas again.

This module imports sympy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy
from sympy.printing.str import StrPrinter

from langevin_lab.potentials.derivation import Derivation
from langevin_lab.potentials.syntax import read_arithmetic


def derivative_text(text: str, names: Sequence[str], by: Sequence[str]) -> str:
    """The derivative of a formula over ``names`` by some of them, as a formula."""
    arguments = [f"x{index}" for index in range(len(names))]
    derivation = Derivation(text, read_arithmetic(text, tuple(names)), names, (), arguments)
    return written(sympy.diff(derivation.energy, *(derivation.symbols[name] for name in by)))


def written(expression: Any) -> str:
    """A sympy expression in the language of the package."""
    shown = expression.replace(_is_long_fraction, lambda e: sympy.Float(float(e), 17))
    return str(_TextPrinter().doprint(shown))


def _is_long_fraction(expression: Any) -> bool:
    """Whether a fraction is read from a decimal, or grew beyond what one writes."""
    return bool(expression.is_Rational and expression.q > 10**4)


class _TextPrinter(StrPrinter):
    """Formulas in the spelling that the package reads."""

    def _print_absolute(self, expression: Any) -> str:
        return f"abs({self._print(expression.args[0])})"

    def _print_Exp1(self, expression: Any) -> str:
        return "e"
