"""Formulas of the package as sympy expressions, and expressions as formulas again.

This module imports sympy: it is itself imported only where a formula is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy
from sympy.printing.str import StrPrinter

from langevin_lab.potentials import Potential
from langevin_lab.potentials.derivation import Derivation
from langevin_lab.potentials.syntax import read_arithmetic

__all__ = ["derivative_text", "formula_text", "symbolic_energy"]

_LONGEST_FRACTION = 10**4  # denominators that one writes


def symbolic_energy(potential: Potential) -> tuple[Any, tuple[Any, ...]]:
    """U and its coordinates as sympy objects; parameters stay symbols, all are real.

    Parameters
    ----------
    potential : Potential
        From an expression.

    Returns
    -------
    tuple of an expression and a tuple of symbols

    Raises
    ------
    TypeError
        If it is no Potential, or one given as compiled functions or by data.
    """
    if not (isinstance(potential, Potential) and potential.text and potential.data is None):
        raise TypeError(
            f"potential={potential!r} has no formula to derive modified equations from; use "
            "ll.Potential.from_expression(...)"
        )
    derivation = _derivation(potential.text, potential.variables, tuple(potential.parameters))
    return derivation.energy, tuple(derivation.coordinates)


def derivative_text(text: str, names: Sequence[str], by: Sequence[str]) -> str:
    """The derivative of a formula over ``names`` by some of them, as a formula."""
    derivation = _derivation(text, names, ())
    return formula_text(sympy.diff(derivation.energy, *(derivation.symbols[name] for name in by)))


def _derivation(text: str, variables: Sequence[str], parameters: Sequence[str]) -> Derivation:
    names = (*variables, *parameters)
    return Derivation(text, read_arithmetic(text, names), variables, parameters, names)


def formula_text(expression: Any) -> str:
    """The expression as a formula of `ItoDiffusion` and `Potential.from_expression`.

    Fractions of long numbers, which come from decimals or grew, are written as decimals.

    Raises
    ------
    ValueError
        If a function of the expression has no name there: the slope of abs.
    """
    shown = expression.replace(_is_long_fraction, lambda e: sympy.Float(float(e), 17))
    return str(_FormulaPrinter().doprint(shown))


def _is_long_fraction(expression: Any) -> bool:
    return bool(expression.is_Rational and expression.q > _LONGEST_FRACTION)


class _FormulaPrinter(StrPrinter):
    """What differs from sympy's own text: e, abs, and the kink's slope."""

    def _print_Exp1(self, expression: Any) -> str:
        return "e"

    def _print_absolute(self, expression: Any) -> str:
        return f"abs({self._print(expression.args[0])})"

    def _print_sign(self, expression: Any) -> str:
        raise ValueError(
            f"{expression} is the slope of a kink: modified equations and diffusions need a smooth "
            "potential; write for example sqrt(x**2 + c**2) for abs(x)"
        )
