"""Stationary densities of modified equations in closed form, where there is one.

The stationary density of a step is rho_h = rho (1 + h g_1 + h^2 g_2 + ...), rho the Gibbs density,
and order by order, with the adjoints in L^2(rho),

    L^+ g_1 = -L_1^+ 1,        L^+ g_2 = -L_2^+ 1 - L_1^+ g_1

Overdamped, one dimension: the flux vanishes at every order, which gives g_k' as a polynomial in
U', U'', ...; it is integrated if it is the derivative of another one. The effective potential is
then U + h U_1 + h^2 U_2 with U_1 = -T g_1 and U_2 = -T (g_2 - g_1^2/2).

Langevin: a g_k made of the same derivatives and of powers of p with numbers as coefficients is
looked for by linear algebra: dimensions leave a finite list. On a quadratic U a polynomial in x
and p, whose coefficients may be any functions of the parameters, always exists.

This module imports sympy: it is itself imported only where a density is asked for. Source:
Leimkuhler, Matthews and Stoltz (2016), section 3; Zygalakis (2011) for Euler-Maruyama.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import sympy

from langevin_lab.limits.differential_polynomials import (
    ENERGY,
    SLOPES,
    antiderivative,
    energy_slope,
    with_symbols,
)
from langevin_lab.limits.operators import MOMENTUM, POSITION, Operator
from langevin_lab.limits.weak_generator import FRICTION, MASS, TEMPERATURE, log_density_slopes

__all__ = [
    "STIFFNESS", "effective_corrections", "effective_potential",
    "local_corrections", "quadratic_corrections",
]  # fmt: skip

STIFFNESS = sympy.Symbol("k", positive=True)


def effective_corrections(generators: Sequence[Operator]) -> tuple[Any, ...]:
    """(g_1, ..., g_k) of overdamped motion: rho (1 + h g_1 + ...) is stationary, to be normalised.

    Parameters
    ----------
    generators : sequence of Operator
        L, L_1, ..., L_k, k <= 2, in x alone.

    Returns
    -------
    tuple of sympy expressions
        What has no antiderivative in U', U'', ... stays a `sympy.Integral`.
    """
    logarithms = [-u / TEMPERATURE for u in effective_potential(generators)]
    squares = [0, logarithms[0] ** 2 / 2] if logarithms else []
    return tuple(sympy.expand(g + square) for g, square in zip(logarithms, squares))


def effective_potential(generators: Sequence[Operator]) -> tuple[Any, ...]:
    """(U_1, ..., U_k) with the stationary density exp(-(U + h U_1 + ...)/T) of overdamped motion.

    Parameters
    ----------
    generators : sequence of Operator
        L, L_1, ..., L_k, k <= 2, in x alone.

    Returns
    -------
    tuple of sympy expressions
        Each up to a constant; what has no antiderivative in U', U'', ... stays a `sympy.Integral`.
    """
    slope = log_density_slopes(momenta=False)[0]
    first = sympy.Integer(0)  # g_1
    potentials = []
    for k in range(1, len(generators)):
        # rho g_k' = -(gamma/T) times the flux that the lower orders drive
        fluxes = [_flux(generators[k], sympy.Integer(1), slope)]
        if k == 2:
            fluxes.append(_flux(generators[1], first, slope))
        of_correction = -FRICTION / TEMPERATURE * sympy.Add(*fluxes)
        # log(1 + h g_1 + h^2 g_2) = h g_1 + h^2 (g_2 - g_1^2/2)
        of_logarithm = of_correction - first * sympy.diff(first, POSITION)
        local, rest = antiderivative(-TEMPERATURE * of_logarithm)
        if k == 1:
            first = sympy.expand(-local / TEMPERATURE)
        potentials.append(local if rest == 0 else local + sympy.Integral(rest, POSITION))
    return tuple(potentials)


def _flux(generator: Operator, g: Any, slope: Any) -> Any:
    """J with (1/rho) D*(rho g) = (d_x + slope) J."""
    total = sympy.Integer(0)
    for (i, _), c in generator.terms.items():
        part = c * g
        for _ in range(i - 1):
            part = -(sympy.diff(part, POSITION) + slope * part)
        total -= part
    return sympy.expand(total)


def local_corrections(generators: Sequence[Operator]) -> tuple[Any, ...] | None:
    """(g_1, ..., g_k) of Langevin dynamics on a general potential; None if they are not local.

    Parameters
    ----------
    generators : sequence of Operator
        L, L_1, ..., L_k, k <= 2, in x and p.

    Returns
    -------
    tuple of sympy expressions or None
        Polynomials in p, U, U', ... and the parameters: rho (1 + h g_1 + h^2 g_2) is stationary, to
        be normalised as a whole.
    """
    slopes = log_density_slopes(momenta=True)
    parameters = (FRICTION, 1 / MASS, MASS, 1 / TEMPERATURE, TEMPERATURE)
    return _solved(generators, slopes, lambda k: list(_monomials(k)), parameters)


def quadratic_corrections(generators: Sequence[Operator]) -> tuple[Any, ...]:
    """(g_1, ..., g_k) on U = k x^2/2, each of mean zero under rho; overdamped or Langevin.

    Parameters
    ----------
    generators : sequence of Operator
        L, L_1, ..., L_k for the general potential.
    """
    momenta = generators[0].coefficient(0, 2) != 0
    on_quadratic = [d.replaced({ENERGY: STIFFNESS * POSITION**2 / 2}) for d in generators]
    slopes = (-STIFFNESS * POSITION / TEMPERATURE, log_density_slopes(momenta=momenta)[1])

    def polynomials(k: int) -> list[Any]:
        degrees = itertools.product(range(2 * k + 1), range(2 * k + 1 if momenta else 1))
        return [POSITION**i * MOMENTUM**j for i, j in degrees if i + j in range(2, 2 * k + 1, 2)]

    found = _solved(on_quadratic, slopes, polynomials, (), mean=_gaussian_mean)
    assert found is not None  # L^+ maps polynomials of a degree onto those of mean zero
    return found


def _gaussian_mean(polynomial: Any) -> Any:
    """Mean under rho of U = k x^2/2."""
    variances = (TEMPERATURE / STIFFNESS, MASS * TEMPERATURE)
    total = sympy.Integer(0)
    for powers, c in sympy.Poly(polynomial, POSITION, MOMENTUM).terms():
        if all(power % 2 == 0 for power in powers):
            pairs = zip(powers, variances)
            c *= sympy.Mul(*(sympy.factorial2(n - 1) * v ** (n // 2) for n, v in pairs))
            total += c
    return sympy.expand(total)


def _monomials(order: int) -> Iterator[Any]:
    """All products of the dimension time^-order with time reversal's parity.

    gamma^a times derivatives of U with order - a primes in all, times powers of U and of p; powers
    of m and T mend the dimension.
    """
    for primes in range(order + 1):
        for powers in _partitions(primes):
            for bare in range(order + 1):
                for b in range(primes % 2, 2 * order + 1, 2):
                    slopes = sympy.Mul(*(energy_slope(k) for k in powers)) * ENERGY**bare
                    units = MASS ** (-(b + primes) // 2) * TEMPERATURE ** (
                        sympy.Rational(primes - b, 2) - len(powers) - bare
                    )
                    yield FRICTION ** (order - primes) * slopes * MOMENTUM**b * units


def _partitions(total: int) -> list[tuple[int, ...]]:
    return [
        parts
        for length in range(total + 1)
        for parts in itertools.combinations_with_replacement(range(1, total + 1), length)
        if sum(parts) == total
    ]


def _solved(generators, slopes, ansatz, parameters, mean=None) -> tuple[Any, ...] | None:
    """The corrections order by order, from the ansatz's elements with unknown coefficients."""
    adjoints = [generator.adjoint_under(slopes) for generator in generators]
    corrections: list[Any] = [sympy.Integer(1)]
    for k in range(1, len(generators)):
        pairs = zip(adjoints[1 : k + 1], reversed(corrections))
        right = sympy.Add(*(adjoint(g) for adjoint, g in pairs))
        elements = [one for one in ansatz(k) if one.has(POSITION, MOMENTUM)]
        found = _combination(adjoints[0], elements, right, parameters)
        if found is None:
            return None
        corrections.append(found if mean is None else found - mean(found))
    return tuple(corrections[1:])


def _combination(operator: Operator, elements, right, parameters) -> Any:
    """The combination of elements that the operator maps to -right; None if there is none."""
    unknowns = sympy.symbols(f"c0:{len(elements)}")
    images = (c * operator(element) for c, element in zip(unknowns, elements))
    equation = with_symbols(sympy.expand(sympy.Add(*images) + right))
    if equation == 0:
        return sympy.Integer(0)
    generators = (*parameters, POSITION, MOMENTUM, *SLOPES)
    conditions = sympy.Poly(equation, *(g for g in generators if equation.has(g))).coeffs()
    solutions = sympy.linsolve(conditions, *unknowns)
    if solutions == sympy.S.EmptySet:
        return None
    values = [value.subs(dict.fromkeys(unknowns, 0)) for value in next(iter(solutions))]
    return sympy.Add(*(sympy.factor(c) * element for c, element in zip(values, elements)))
