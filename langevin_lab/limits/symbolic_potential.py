"""A potential's formula as a sympy expression, and expressions as text for compiled dynamics.

This module imports sympy: it is itself imported only where a formula is asked for.
"""

from __future__ import annotations

from typing import Any

from sympy.printing.str import StrPrinter

from langevin_lab.potentials import Potential
from langevin_lab.potentials.derivation import Derivation
from langevin_lab.potentials.syntax import read_arithmetic

__all__ = ["formula_text", "symbolic_energy"]


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
    names = (potential.variables, tuple(potential.parameters))
    tree = read_arithmetic(potential.text, (*names[0], *names[1]))
    derivation = Derivation(potential.text, tree, *names, (*names[0], *names[1]))
    return derivation.energy, tuple(derivation.coordinates)


def formula_text(expression: Any) -> str:
    """The expression as a formula of `ItoDiffusion` and `Potential.from_expression`.

    Raises
    ------
    ValueError
        If a function of the expression has no name there: the slope of abs.
    """
    return _FormulaPrinter().doprint(expression)


class _FormulaPrinter(StrPrinter):
    """What differs from sympy's own text: e, abs, and the kink's slope."""

    def _print_Exp1(self, expression: Any) -> str:
        return "e"

    def _print_absolute(self, expression: Any) -> str:
        return f"abs({self._print(expression.args[0])})"

    def _print_sign(self, expression: Any) -> str:
        raise ValueError(
            f"{expression} is the slope of a kink: modified equations hold for smooth potentials; "
            "smooth the abs, for example sqrt(x**2 + 0.01)"
        )
