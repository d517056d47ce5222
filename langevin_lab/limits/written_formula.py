"""Formulas over named constants as data: one text that is evaluated, printed and set in LaTeX."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from langevin_lab.potentials.expression import Expression, parse_expression

__all__ = ["SYMBOLS", "WrittenFormula"]

# Every name that a formula may use, and how docs print it.
SYMBOLS = {
    "learning_rate": r"\eta",
    "momentum": r"\mu",
    "look_ahead": "a",
    "dampening": r"\tau",
    "gradient_noise": r"\sigma",
    "batch_size": "B",
    "dt": "h",
    "friction": r"\gamma",
    "mass": "m",
    "temperature": "T",
    "curvature": "k",
}


@dataclass(frozen=True)
class WrittenFormula:
    """What is computed, and its formula over the names of `SYMBOLS`.

    Parameters
    ----------
    result : str
        Name of the result: a key of `SYMBOLS`, or words.
    text : str
        For example ``"dt**2*(1 + momentum)/(2*mass)"``.

    Examples
    --------
    >>> from langevin_lab.limits.written_formula import WrittenFormula
    >>> formula = WrittenFormula("friction", "(1 - momentum)/dt")
    >>> formula(momentum=0.75, dt=0.5), str(formula)
    (0.5, 'friction = (1 - momentum)/dt')
    """

    result: str
    text: str

    def __post_init__(self) -> None:
        _parsed(self.text)  # a misspelt name fails at import

    @property
    def names(self) -> tuple[str, ...]:
        """The constants that it uses."""
        return _parsed(self.text).names_used

    def __call__(self, **values: Any) -> float:
        """Evaluate it; names that it does not use may be given too."""
        return float(_parsed(self.text).evaluate(values))

    def __str__(self) -> str:
        return f"{self.result} = {self.text}"

    @property
    def latex(self) -> str:
        """``result = formula``, without dollar signs."""
        import sympy

        symbols = {name: sympy.Symbol(name, positive=True) for name in SYMBOLS}
        printed = sympy.latex(
            sympy.parse_expr(self.text, local_dict=symbols, evaluate=False),
            symbol_names={symbol: SYMBOLS[name] for name, symbol in symbols.items()},
            order="none",
        )
        result = SYMBOLS.get(self.result) or rf"\text{{{self.result}}}"
        return f"{result} = {printed}"


@functools.lru_cache(maxsize=128)
def _parsed(text: str) -> Expression:
    return parse_expression(text, tuple(SYMBOLS))
