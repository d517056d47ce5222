"""Weak modified generators: the equation whose semigroup is the step, up to a power of the step.

One step acts on observables, (P f)(z) = E f(z_1). With U general and smooth in one dimension,

    P = exp(h L_h),        L_h = L + h L_1 + h^2 L_2 + O(h^3)

For a splitting word P = exp(h_1 X_1) exp(h_2 X_2) ... in the order of the word (the letter that
moves first stands leftmost, because it is the outermost argument of f), with the generators

    A = (p/m) d_x         B = -U'(x) d_p        O = C + N        U = A + O
    C = -gamma p d_p      N = gamma m T d_p^2

so L_h is the Baker-Campbell-Hausdorff series; words that read the same in both directions have
L_1 = 0. Euler-Maruyama has P f(x) = E f(x + h F/gamma + sqrt(2 T h/gamma) n), F = -U', and

    P = sum_k h^k P_k,    P_k = gamma^-k sum_(a + b = k) F^a T^b / (a! b!) d_x^(a + 2 b)

This module imports sympy: it is itself imported only where a generator is met for the first time.
Source: Leimkuhler and Matthews (2013); Zygalakis (2011); Debussche and Faou (2012).
"""

from __future__ import annotations

import functools
from collections import Counter
from math import factorial
from typing import Any

import sympy

from langevin_lab.integrators.words import normalise
from langevin_lab.limits.composition import generator_of_flows, generator_of_series
from langevin_lab.limits.differential_polynomials import energy_slope
from langevin_lab.limits.operators import MOMENTUM, Operator

__all__ = [
    "FRICTION", "MASS", "STEP", "TEMPERATURE", "euler_maruyama_generators", "letter_generator",
    "log_density_slopes", "word_generators",
]  # fmt: skip

MASS = sympy.Symbol("m", positive=True)
FRICTION = sympy.Symbol("gamma", positive=True)
TEMPERATURE = sympy.Symbol("T", positive=True)
STEP = sympy.Symbol("h", positive=True)


def log_density_slopes(*, momenta: bool) -> tuple[Any, Any]:
    """d log rho/dx and d log rho/dp of the Gibbs density, the second 0 without momenta."""
    along_p = -MOMENTUM / (MASS * TEMPERATURE) if momenta else sympy.Integer(0)
    return -energy_slope(1) / TEMPERATURE, along_p


def letter_generator(letter: str) -> Operator:
    """The generator of a sub-flow: A, B, C, N, O = C + N or U = A + O."""
    single = {
        "A": {(1, 0): MOMENTUM / MASS},
        "B": {(0, 1): -energy_slope(1)},
        "C": {(0, 1): -FRICTION * MOMENTUM},
        "N": {(0, 2): FRICTION * MASS * TEMPERATURE},
    }
    joint = {"O": "CN", "U": "ACN"}
    parts = (Operator(single[part]) for part in joint.get(letter, letter))
    return functools.reduce(Operator.__add__, parts)


@functools.lru_cache(maxsize=64)
def word_generators(word: str) -> tuple[Operator, Operator, Operator]:
    """(L, L_1, L_2) of a splitting word for Langevin dynamics.

    Parameters
    ----------
    word : str
        A word over A, B, O or C, N or U, as `integrators.splitting` takes it; without noise the
        generators are those of the flow alone.

    Raises
    ------
    ValueError
        As `integrators.words.normalise`.
    """
    letters = normalise(word)
    counts = Counter(letters)
    return generator_of_flows([letter_generator(one) / counts[one] for one in letters])


@functools.lru_cache(maxsize=1)
def euler_maruyama_generators() -> tuple[Operator, Operator, Operator]:
    """(L, L_1, L_2) of Euler-Maruyama for overdamped dynamics."""
    force = -energy_slope(1)

    def coefficient(k: int) -> Operator:
        return Operator(
            {
                (a + 2 * (k - a), 0): force**a
                * TEMPERATURE ** (k - a)
                / (FRICTION**k * factorial(a) * factorial(k - a))
                for a in range(k + 1)
            }
        )

    return generator_of_series([coefficient(k) for k in (1, 2, 3)])
