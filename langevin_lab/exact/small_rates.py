"""Rates of a grid below what a factorised matrix can tell from rounding.

A sparse factorisation leaves a slow rate with a relative error of about eps^2 (largest rate of a
cell)/rate. On a line the generator has an inverse by sums of terms of one sign: the flux through a
face is the sum of all sources on one side of it. Inverse iteration with it keeps all digits.
"""

from __future__ import annotations

import numpy as np

from langevin_lab.exact.reference import Array

# Ten times eps squared, over the tolerated relative error of 1e-8.
_LEAST = 10 * float(np.finfo(float).eps) ** 2 / 1e-8
_ITERATIONS = 500
_TOLERANCE = 1e-13


def kept_digits(rates: Array, largest: float) -> Array:
    """Which rates a factorisation finds to eight digits, given the largest rate out of a cell."""
    return rates > _LEAST * largest


def refined_on_a_line(
    mass: Array, conductance: Array, function: Array, slower: list[Array]
) -> tuple[float, Array]:
    """Rate and eigenfunction next after those of `slower`, by inverse iteration from `function`.

    Raises
    ------
    ValueError
        The iteration does not settle: rates too close or too far apart.
    """
    rate = np.inf
    for _ in range(_ITERATIONS):
        for one in (np.ones(len(mass)), *slower):
            function = function - (mass * one) @ function * one
        sources = mass * function
        below, above = np.cumsum(sources)[:-1], -np.cumsum(sources[::-1])[-2::-1]
        size = np.cumsum(np.abs(sources))
        # The side with less to add up has the smaller rounding error.
        flux = np.where(size[:-1] <= size[-1] - size[:-1], below, above)
        # In units of the largest rise: squares of 1e200 would overflow.
        rises = -flux / conductance
        rises /= np.abs(rises).max()
        function = np.append(0.0, np.cumsum(rises))
        function -= mass @ function
        norm = np.sqrt(mass @ function**2)
        previous, rate = rate, float(conductance @ (rises / norm) ** 2)
        function /= norm
        if abs(rate - previous) <= _TOLERANCE * rate:
            return rate, function
    raise ValueError(
        f"the rate {rate:.3g} does not settle in {_ITERATIONS} iterations: other rates are too "
        "near; raise the temperature or use mean_first_passage_time"
    )
