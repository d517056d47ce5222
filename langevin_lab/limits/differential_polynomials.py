"""Polynomials in U, U', U'', ...: the general potential, its derivatives, antiderivatives.

For the algebra the derivatives U^(k)(x) become independent symbols u_k with d/dx u_k = u_(k+1).
This module imports sympy: it is itself imported only where a generator is met for the first time.
"""

from __future__ import annotations

import itertools
from typing import Any

import sympy

from langevin_lab.limits.operators import POSITION

__all__ = [
    "HIGHEST_SLOPE",
    "SLOPES",
    "antiderivative",
    "energy_slope",
    "with_functions",
    "with_symbols",
]  # fmt: skip

ENERGY = sympy.Function("U")(POSITION)
HIGHEST_SLOPE = 8
SLOPES = sympy.symbols(f"u0:{HIGHEST_SLOPE + 1}", real=True)


def energy_slope(order: int) -> Any:
    """d^order U/dx^order of the general potential; U itself for 0."""
    return sympy.diff(ENERGY, POSITION, order) if order else ENERGY


def with_symbols(expression: Any) -> Any:
    """U, U', U'', ... as u0, u1, u2, ..."""
    # Derivatives first: they contain U.
    rule = {energy_slope(k): SLOPES[k] for k in range(HIGHEST_SLOPE, 0, -1)}
    return sympy.sympify(expression).xreplace(rule).xreplace({ENERGY: SLOPES[0]})


def with_functions(expression: Any) -> Any:
    """u0, u1, ... as U and its derivatives."""
    return expression.xreplace({slope: energy_slope(k) for k, slope in enumerate(SLOPES)})


def antiderivative(expression: Any) -> tuple[Any, Any]:
    """Split a polynomial in U', U'', ... into a derivative and a rest: ``(G, rest)``.

    The highest derivative in d/dx G(U, ..., U^(n)) stands alone and to the first power: its factor
    is integrated and subtracted, what is not of this form goes to the rest, until nothing is left.
    The expression is a derivative exactly if the rest is 0.

    Examples
    --------
    >>> from langevin_lab.limits.differential_polynomials import antiderivative, energy_slope
    >>> antiderivative(energy_slope(1) * energy_slope(2))
    (Derivative(U(x), x)**2/2, 0)
    >>> antiderivative(energy_slope(2) ** 2)
    (0, Derivative(U(x), (x, 2))**2)
    """
    remaining = sympy.expand(with_symbols(expression))
    total = rest = sympy.Integer(0)
    while remaining != 0:
        highest = max((k for k in range(HIGHEST_SLOPE + 1) if remaining.has(SLOPES[k])), default=0)
        factor = remaining.coeff(SLOPES[highest], 1) if highest else sympy.Integer(0)
        other = sympy.expand(remaining - factor * SLOPES[highest])
        if other.has(SLOPES[highest]) or not highest:
            kept = [term for term in other.as_ordered_terms() if term.has(SLOPES[highest])]
            moved = sympy.Add(*kept) if highest else other
            rest, other = rest + moved, other - moved
        part = sympy.integrate(factor, SLOPES[highest - 1]) if highest else sympy.Integer(0)
        total += part
        remaining = sympy.expand(other + factor * SLOPES[highest] - _total_derivative(part))
    return sympy.expand(with_functions(total)), sympy.expand(with_functions(rest))


def _total_derivative(expression: Any) -> Any:
    """d/dx of a polynomial in u0, u1, ..."""
    pairs = itertools.pairwise(SLOPES)
    return sympy.Add(*(sympy.diff(expression, slope) * following for slope, following in pairs))
