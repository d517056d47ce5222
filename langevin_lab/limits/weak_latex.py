"""Weak modified equations as LaTeX, ordered by powers of h, and as plain text.

This module imports sympy: it is itself imported only where an equation is printed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy

from langevin_lab.limits.differential_polynomials import SLOPES, with_symbols
from langevin_lab.limits.operators import MOMENTUM, derivative_latex
from langevin_lab.limits.weak_generator import MASS, STEP

if TYPE_CHECKING:
    from langevin_lab.limits.weak_equation import WeakModifiedEquation

__all__ = ["equation_latex", "equation_text", "expression_latex", "generator_latex"]

_PRIMES = ("U", "{U'}", "{U''}", "{U'''}", *(f"{{U^{{({k})}}}}" for k in range(4, 9)))
_NAMED = {slope: sympy.Symbol(name) for slope, name in zip(SLOPES, _PRIMES)}


def expression_latex(expression: Any) -> str:
    """An expression in U, U', ... with primes, powers of h in rising order, each simplified."""
    expression = sympy.sympify(expression)
    # An integral is printed first: its integrand's symbols must not look like constants.
    integrals = {integral: _integral(integral) for integral in expression.atoms(sympy.Integral)}
    plain = sympy.expand(with_symbols(expression.xreplace(integrals)).xreplace(_NAMED))
    powers = sorted({term.as_coeff_exponent(STEP)[1] for term in sympy.Add.make_args(plain)})
    text = " + ".join(_term(power, plain.coeff(STEP, power)) for power in powers)
    return text.replace("+ -", "-") or "0"


def _integral(integral: Any) -> Any:
    """A symbol that prints as the integral."""
    inner = expression_latex(integral.function)
    return sympy.Symbol(rf"{{\int \left({inner}\right) \mathrm{{d}}x}}")


def _term(power: int, coefficient: Any) -> str:
    """h^power times an expression, with a leading minus where it is negative."""
    coefficient = sympy.factor_terms(coefficient)
    text = sympy.latex(coefficient)
    if power == 0:
        return text
    if coefficient.is_Add:
        text = rf"\left({text}\right)"
    sign, text = ("- ", text[2:]) if text.startswith("- ") else ("", text)
    return f"{sign}{sympy.latex(STEP**power)} {text}"


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
                text += rf" + \left[{expression_latex(noise[i, j])}\right] \mathrm{{d}}{wiener}"
        lines.append(text)
    return r"\begin{aligned} " + r" \\ ".join(lines) + r" \end{aligned}"


def generator_latex(equation: WeakModifiedEquation) -> str:
    """The generator L_h as a sum of derivatives with coefficients."""
    parts = [
        rf"\left[{expression_latex(coefficient)}\right] {derivative_latex(power)}"
        for power, coefficient in equation.generator.terms.items()
    ]
    return r"\mathcal{L}_h = " + " + ".join(parts)


def equation_text(equation: WeakModifiedEquation) -> str:
    """Lines: the method, the drift of each coordinate, D of the second-order part."""
    names = ("x",) if equation.equation == "overdamped" else ("x", "p")
    rows = [f"{equation.method} to order {equation.order} in law, {equation.equation} dynamics"]
    rows += [f"drift of {name}: {drift}" for name, drift in zip(names, equation.drift)]
    matrix = equation.diffusion
    for i, first in enumerate(names):
        rows += [f"D of {first}{names[j]}: {matrix[i, j]}" for j in range(i, len(names))]
    if equation.obstruction:
        rows.append(f"no stochastic equation: {equation.obstruction}")
    return "\n".join(rows)
