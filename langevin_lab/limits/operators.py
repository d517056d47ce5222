"""Differential operators in position and momentum with exact coefficients.

    D = sum_ij c_ij(x, p) d_x^i d_p^j,        (a d^i)(b d^j) = a sum_k binom(i, k) (d^k b) d^(i-k+j)

The coefficients are sympy expressions, expanded, so that operators over differential polynomials
of U(x) are equal exactly when their coefficients are. This module imports sympy: it is itself
imported only where an operator is met for the first time. Source: Leimkuhler, Matthews and Stoltz
(2016), section 3, for the use of operators, their commutators and adjoints.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import comb
from typing import Any

import sympy

__all__ = ["MOMENTUM", "POSITION", "Operator", "derivative_latex"]

POSITION = sympy.Symbol("x", real=True)
MOMENTUM = sympy.Symbol("p", real=True)

Power = tuple[int, int]


class Operator:
    """A differential operator ``sum c_ij d_x^i d_p^j``; immutable.

    Parameters
    ----------
    terms : mapping of (int, int) to sympy expression
        (i, j) -> c_ij; numbers count as expressions, zeros are dropped.

    Notes
    -----
    ``A @ B`` is the product (B acts first on a function), ``A(f)`` the action on an expression;
    sums, differences and multiples by numbers or expressions from the left are as written.

    Examples
    --------
    >>> from langevin_lab.limits.operators import POSITION, Operator
    >>> slope, multiply = Operator({(1, 0): 1}), Operator({(0, 0): POSITION})
    >>> slope @ multiply - multiply @ slope
    Operator({(0, 0): 1})
    """

    __slots__ = ("_terms",)

    def __init__(self, terms: Mapping[Power, Any]) -> None:
        expanded = {power: sympy.expand(c) for power, c in terms.items()}
        self._terms = {power: expanded[power] for power in sorted(expanded) if expanded[power] != 0}

    @property
    def terms(self) -> dict[Power, Any]:
        """(i, j) -> c_ij, without zeros."""
        return dict(self._terms)

    @property
    def order(self) -> int:
        """Largest i + j; 0 for the operator 0."""
        return max((i + j for i, j in self._terms), default=0)

    def coefficient(self, i: int, j: int = 0) -> Any:
        """c_ij, which may be 0."""
        return self._terms.get((i, j), sympy.Integer(0))

    def __call__(self, function: Any) -> Any:
        """The image of an expression in x and p, expanded."""
        images = (c * _derivative(function, power) for power, c in self._terms.items())
        return sympy.expand(sympy.Add(*images))

    def __add__(self, other: Operator) -> Operator:
        powers = {*self._terms, *other._terms}
        return Operator({k: self.coefficient(*k) + other.coefficient(*k) for k in powers})

    def __sub__(self, other: Operator) -> Operator:
        return self + (-other)

    def __neg__(self) -> Operator:
        return self * -1

    def __mul__(self, factor: Any) -> Operator:
        """The operator with every coefficient multiplied: ``factor`` stands left of it."""
        return Operator({power: c * factor for power, c in self._terms.items()})

    __rmul__ = __mul__

    def __truediv__(self, divisor: Any) -> Operator:
        return self * (1 / sympy.sympify(divisor))

    def __matmul__(self, other: Operator) -> Operator:
        """The product by Leibniz's rule."""
        terms: dict[Power, Any] = {}
        for (i, j), a in self._terms.items():
            for (k, n), b in other._terms.items():
                for r in range(i + 1):
                    for s in range(j + 1):
                        inner = _derivative(b, (r, s))
                        power = (i - r + k, j - s + n)
                        product = comb(i, r) * comb(j, s) * a * inner
                        terms[power] = terms.get(power, 0) + product
        return Operator(terms)

    def commutator(self, other: Operator) -> Operator:
        """``self @ other - other @ self``."""
        return self @ other - other @ self

    def adjoint_under(self, log_slopes: tuple[Any, Any]) -> Operator:
        """The adjoint in L^2 of a density rho: ``g -> (1/rho) D*(rho g)``.

        Parameters
        ----------
        log_slopes : tuple of two expressions
            d log rho/dx and d log rho/dp.

        Returns
        -------
        Operator
            ``sum_ij (-1)^(i+j) (d_x + d_x log rho)^i (d_p + d_p log rho)^j c_ij``; applied to 1 it
            is D* rho/rho, which vanishes if D generates a process that keeps rho.
        """
        along_x = Operator({(1, 0): -1, (0, 0): -log_slopes[0]})
        along_p = Operator({(0, 1): -1, (0, 0): -log_slopes[1]})
        total = Operator({})
        for (i, j), c in self._terms.items():
            part = Operator({(0, 0): c})
            for slope in (*[along_p] * j, *[along_x] * i):
                part = slope @ part
            total = total + part
        return total

    def replaced(self, rule: Mapping[Any, Any]) -> Operator:
        """The operator with parts of its coefficients replaced, then differentiated out."""
        return Operator({k: c.subs(rule).doit() for k, c in self._terms.items()})

    def latex(self) -> str:
        """The operator as LaTeX, without dollar signs."""
        texts = [
            rf"\left({sympy.latex(c)}\right) {derivative_latex(power)}"
            for power, c in self._terms.items()
        ]
        return " + ".join(texts) or "0"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Operator) and self._terms == other._terms

    def __hash__(self) -> int:
        return hash(tuple(self._terms.items()))

    def __repr__(self) -> str:
        return f"Operator({self._terms})"


def _derivative(function: Any, power: Power) -> Any:
    function = sympy.sympify(function)
    for variable, count in zip((POSITION, MOMENTUM), power):
        if count:
            function = sympy.diff(function, variable, count)
    return function


def derivative_latex(power: Power) -> str:
    """d_x^i d_p^j as LaTeX; 1 for no derivative."""
    parts = [
        rf"\partial_{name}" + (f"^{{{count}}}" if count > 1 else "")
        for name, count in zip("xp", power)
        if count
    ]
    return " ".join(parts) or "1"
