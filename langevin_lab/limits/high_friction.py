"""The configurational correction of a splitting word at high friction, in closed form.

With rho_h = rho (1 + h^k g + ...), g = sum_n b_n(x) He_n(p) in Hermite polynomials of variance m T
and r = L_k^+ 1 = sum_n r_n(x) He_n(p), the equation L^+ g = -r reads

    n gamma b_n = r_n - (b_(n-1)' + (n+1) m T b_(n+1)')/m + (n+1) U' b_(n+1),     n = 0, 1, 2, ...

n = 0 says that positions have no flux, T b_1 = J with J the flux of L_k; n = 1 gives b_0', and
n >= 2 gives b_2, b_3, ... as series in 1/gamma, polynomials in U', U'', ... at every power. The
density of positions is then exp(-(U + h^k U_k)/T) with U_k' = -T b_0'. First h goes to 0, then
gamma to infinity: gamma h is small.

This module imports sympy: it is itself imported only where such a potential is asked for. Source:
Leimkuhler and Matthews (2013); Leimkuhler, Matthews and Stoltz (2016), for the limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy

from langevin_lab.limits.differential_polynomials import antiderivative, energy_slope
from langevin_lab.limits.operators import MOMENTUM, POSITION, Operator
from langevin_lab.limits.weak_generator import FRICTION, MASS, TEMPERATURE, log_density_slopes

__all__ = ["configurational_potential"]

_VARIANCE = MASS * TEMPERATURE


def configurational_potential(generator: Operator, last: int) -> Any:
    """U_k of the first correction L_k that is not 0, up to gamma^-last and a constant.

    Parameters
    ----------
    generator : Operator
        L_k, in x and p.
    last : int
        The last power of 1/gamma, >= 0.

    Returns
    -------
    sympy expression
        What has no antiderivative in U', U'', ... stays a `sympy.Integral`.
    """
    slopes = log_density_slopes(momenta=True)
    right = _hermite_coefficients(generator.adjoint_under(slopes)(sympy.Integer(1)))
    first = _flux(generator, slopes[0]) / TEMPERATURE
    # r holds gamma^2: each sweep settles one more power of 1/gamma, and one more polynomial.
    size = len(right) + last + 4
    right += [sympy.Integer(0)] * (size + 1 - len(right))
    found = [sympy.Integer(0), first] + [sympy.Integer(0)] * size
    for _ in range(last + 4):
        for n in range(2, size):
            rate = right[n] - sympy.diff(found[n - 1], POSITION) / MASS + _from_above(found, n)
            found[n] = _cut(rate / (n * FRICTION), last + 1)
    slope = MASS * (right[1] - FRICTION * first + _from_above(found, 1))
    local, rest = antiderivative(_cut(-TEMPERATURE * slope, last))
    return local if rest == 0 else local + sympy.Integral(rest, POSITION)


def _from_above(found: Sequence[Any], n: int) -> Any:
    """What b_(n+1) does to b_n."""
    above = found[n + 1]
    change = energy_slope(1) * above - TEMPERATURE * sympy.diff(above, POSITION)
    return (n + 1) * change


def _flux(generator: Operator, slope: Any) -> Any:
    """J with mean over p of D^+ 1 = (d_x + slope) J: only terms without d_p reach it."""
    total = sympy.Integer(0)
    for (i, j), c in generator.terms.items():
        if j == 0 and i > 0:
            part = _hermite_coefficients(c)[0]
            for _ in range(i - 1):
                part = -(sympy.diff(part, POSITION) + slope * part)
            total -= part
    return sympy.expand(total)


def _hermite_coefficients(polynomial: Any) -> list[Any]:
    """r_n of a polynomial in p: p^n = sum_k n!/((n - 2k)! k! 2^k) (m T)^k He_(n-2k)."""
    powers = sympy.Poly(polynomial, MOMENTUM).all_coeffs()[::-1]
    found = [sympy.Integer(0)] * len(powers)
    for n, c in enumerate(powers):
        for k in range(n // 2 + 1):
            weight = sympy.binomial(n, 2 * k) * sympy.factorial2(2 * k - 1)
            found[n - 2 * k] += c * weight * _VARIANCE**k
    return found


def _cut(expression: Any, last: int) -> Any:
    """Without powers of 1/gamma above the last."""
    terms = sympy.Add.make_args(sympy.expand(expression))
    return sympy.Add(*(t for t in terms if t.as_coeff_exponent(FRICTION)[1] >= -last))
