"""From a modified generator to a stochastic equation, where there is one.

An operator of order two, a.grad + D:grad grad with D symmetric, generates dz = a dt + B dW with
B B^T = 2 D if D is positive semidefinite. The modified D_h = D + h D_1 + h^2 D_2 is known up to
h^k only, so that is asked of it up to terms beyond. With one coordinate

    B = sqrt(2 D) (1 + h b_1 + h^2 b_2)

is real whatever the signs of b_1 and b_2. For Langevin dynamics D has the single entry
D_vv = gamma T/m, and D_h is semidefinite up to h^k if and only if the Schur complement
S = D_xx - D_xv^2/D_vv is so:

    B = [ sqrt(2 S)   2 D_xv/B_vv ]
        [ 0           B_vv        ],      B_vv = sqrt(2 D_vv) up to h^k

B B^T = 2 D_h + O(h^(k+1)). The modified Fokker-Planck equation exists in all cases. This module
imports sympy: it is itself imported only where a noise is asked for.
Source: Zygalakis (2011); Debussche and Faou (2012) on generators of higher order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy

from langevin_lab.limits.operators import Operator
from langevin_lab.limits.weak_generator import MASS, STEP

__all__ = ["noise_factor", "obstruction", "truncated"]


def truncated(expression: Any, order: int) -> Any:
    """A polynomial in h without its powers above the order."""
    expanded = sympy.expand(expression)
    return sympy.Add(*(expanded.coeff(STEP, k) * STEP**k for k in range(order + 1)))


def obstruction(generators: Sequence[Operator]) -> str:
    """Why no stochastic equation has the generator L + h L_1 + ..., or "".

    Parameters
    ----------
    generators : sequence of Operator
        L, L_1, ..., L_k.
    """
    for k, generator in enumerate(generators):
        if generator.order > 2:
            i, j = max(generator.terms, key=sum)
            return (
                f"L_{k} holds ({generator.coefficient(i, j)}) d_x^{i} d_p^{j}, of order {i + j}, "
                "which the generator of no stochastic equation does"
            )
    complement = _schur_complement(generators)
    if complement.is_nonnegative:
        return ""
    return (
        f"its diffusion matrix is not positive semidefinite: D_xx - D_xp^2/D_pp = {complement} < 0 "
        f"up to terms of higher order than h^{len(generators) - 1}"
    )


def noise_factor(generators: Sequence[Operator]) -> Any:
    """B with B B^T = 2 D_h up to h^k, over x, or over x and v = p/m, as a matrix of expressions.

    Parameters
    ----------
    generators : sequence of Operator
        L, L_1, ..., L_k without `obstruction`.
    """
    order = len(generators) - 1
    if generators[0].coefficient(2) != 0:
        return sympy.Matrix([[_root(generators, (2, 0))]])
    own = _root(generators, (0, 2)) / MASS
    main, correction = _split(generators, (0, 2))
    # 1/sqrt(1 + e) = 1 - e/2 + ...; D_xp and e are both O(h), so this is enough for h^2.
    doubled = _series(generators, (1, 1))  # 2 D_xp
    shared = truncated(doubled * (1 - correction / 2), order) / sympy.sqrt(2 * main)
    return sympy.Matrix([[sympy.sqrt(2 * _schur_complement(generators)), shared], [0, own]])


def _schur_complement(generators: Sequence[Operator]) -> Any:
    """D_xx - D_xp^2/D_pp up to h^k; 0 without a momentum, where nothing is degenerate."""
    if generators[0].coefficient(2) != 0:
        return sympy.Integer(0)
    # D_xp is O(h), so that its square needs no more of D_pp than the leading term.
    shared = (_series(generators, (1, 1)) / 2) ** 2 / generators[0].coefficient(0, 2)
    return truncated(_series(generators, (2, 0)) - shared, len(generators) - 1)


def _root(generators: Sequence[Operator], power: tuple[int, int]) -> Any:
    """sqrt(2 D_h) of one diagonal entry, by sqrt(1 + e) = 1 + e/2 - e^2/8."""
    main, correction = _split(generators, power)
    factor = truncated(1 + correction / 2 - correction**2 / 8, len(generators) - 1)
    return sympy.sqrt(2 * main) * factor


def _split(generators: Sequence[Operator], power: tuple[int, int]) -> tuple[Any, Any]:
    """(D, D_h/D - 1) of one diagonal entry."""
    main = generators[0].coefficient(*power)
    return main, sympy.expand((_series(generators, power) - main) / main)


def _series(generators: Sequence[Operator], power: tuple[int, int]) -> Any:
    return sympy.Add(*(STEP**k * d.coefficient(*power) for k, d in enumerate(generators)))
