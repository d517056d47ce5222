"""Formulas with a gradient penalty: how they are written, read and shown.

    U + c |grad U|^2      U a formula, c the parameter `gradient_penalty`

The text of such a formula is that of U with a mark behind it, so that whatever is derived from a
text (higher derivatives, a noise factor, the key of a run) is derived of the penalised formula.
"""

from __future__ import annotations

from collections.abc import Sequence

from langevin_lab.potentials.syntax import read_arithmetic
from langevin_lab.potentials.tree import Node

GRADIENT_PENALTY = "gradient_penalty"
_MARK = f" + {GRADIENT_PENALTY}*|grad|^2"


def read_formula(text: str, names: Sequence[str]) -> Node:
    """Return the tree of a formula, perhaps with a gradient penalty, of the given names."""
    if not (isinstance(text, str) and is_penalised(text)):
        return read_arithmetic(text, names)
    own = [name for name in names if name != GRADIENT_PENALTY]
    tree = read_arithmetic(plain_text(text), own)
    return ("penalised", ("name", GRADIENT_PENALTY), tree)


def is_penalised(text: str) -> bool:
    """Return whether a formula has a gradient penalty."""
    return text.endswith(_MARK)


def penalised_text(text: str) -> str:
    """Return the text of a formula with a gradient penalty added."""
    return text + _MARK


def plain_text(text: str) -> str:
    """Return the text without its gradient penalty."""
    return text.removesuffix(_MARK)


def penalised_latex(latex: str) -> str:
    """Return U + c |grad U|^2 with U shown behind it; `latex` may be empty."""
    formula = r"U + \mathrm{gradient}_{penalty}\,\left|\nabla U\right|^2"
    return rf"{formula}, \quad U = {latex}" if latex else formula
