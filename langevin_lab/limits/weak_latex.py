"""Weak modified equations as LaTeX, ordered by powers of h.

This module imports sympy: it is itself imported only where LaTeX is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy

from langevin_lab.limits.operators import MOMENTUM
from langevin_lab.limits.weak_generator import ENERGY, MASS, STEP, energy_slope

if TYPE_CHECKING:
    from langevin_lab.limits.weak_equation import WeakModifiedEquation

__all__ = ["equation_latex", "expression_latex", "generator_latex"]

_PRIMES = ("U", "{U'}", "{U''}", "{U'''}", *(f"{{U^{{({k})}}}}" for k in range(4, 9)))
_DERIVATIVES = {
    energy_slope(k) if k else ENERGY: sympy.Symbol(name) for k, name in enumerate(_PRIMES)
}


def expression_latex(expression: Any) -> str:
    """An expression in U, U', ... with primes, powers of h in rising order, each simplified."""
    # Derivatives before U itself, which they contain.
    plain = sympy.sympify(expression)
    for derivative in reversed(_DERIVATIVES):
        plain = plain.xreplace({derivative: _DERIVATIVES[derivative]})
    plain = sympy.expand(plain)
    powers = sorted({term.as_coeff_exponent(STEP)[1] for term in sympy.Add.make_args(plain)})
    texts = []
    for power in powers:
        coefficient = sympy.factor_terms(plain.coeff(STEP, power))
        factor = "" if power == 0 else sympy.latex(STEP**power)
        inner = sympy.latex(coefficient)
        if factor and coefficient.is_Add:
            inner = rf"\left({inner}\right)"
        texts.append(f"{factor} {inner}".strip())
    return " + ".join(texts).replace("+ -", "- ") or "0"


def equation_latex(equation: WeakModifiedEquation) -> str:
    """The stochastic equation: of x, or of x and v = p/m, with independent Wiener processes."""
    noise = equation.noise
    drift = list(equation.drift)
    names = ["x"]
    if equation.equation == "langevin":
        velocity = sympy.Symbol("v", real=True)
        drift = [a.xreplace({MOMENTUM: MASS * velocity}) for a in (drift[0], drift[1] / MASS)]
        names.append("v")
    used = [j for j in range(noise.cols) if any(noise.col(j))]
    lines = []
    for i, name in enumerate(names):
        text = rf"\mathrm{{d}}{name} &= \left[{expression_latex(drift[i])}\right] \mathrm{{d}}t"
        for number, j in enumerate(used, 1):
            if noise[i, j] != 0:
                wiener = "W" if len(used) == 1 else f"W_{number}"
                text += (
                    rf" + \left[{expression_latex(noise[i, j])}\right] \mathrm{{d}}{wiener}"
                )
        lines.append(text)
    return r"\begin{aligned} " + r" \\ ".join(lines) + r" \end{aligned}"


def generator_latex(equation: WeakModifiedEquation) -> str:
    """The generator L_h as a sum of derivatives with coefficients."""
    parts = []
    for powers, coefficient in equation.generator.terms.items():
        symbols = " ".join(
            rf"\partial_{name}" + (f"^{{{count}}}" if count > 1 else "")
            for name, count in zip("xp", powers)
            if count
        )
        parts.append(rf"\left[{expression_latex(coefficient)}\right] {symbols}")
    return r"\mathcal{L}_h = " + " + ".join(parts)
