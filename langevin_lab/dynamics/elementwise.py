"""Functions of the C library, number by number.

NumPy chooses another exp, expm1 or power for arrays on machines with AVX-512, and the last bit
differs from that of other machines. Coefficients and schedules are few numbers that decide every
later one, so they come from the C library, the same for scalars and arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np


def exp(values: Any) -> Any:
    """exp(values), a float for a number and an array of the same shape for an array."""
    return _each(math.exp, values)


def expm1(values: Any) -> Any:
    """exp(values) - 1 without cancellation, shaped as `exp`."""
    return _each(math.expm1, values)


def log(values: Any) -> Any:
    """Natural logarithm of values > 0, shaped as `exp`."""
    return _each(math.log, values)


def power(base: float, exponents: Any) -> Any:
    """base ** exponents for a number base > 0, shaped as `exp`."""
    return _each(lambda exponent: math.pow(base, exponent), exponents)


def _each(function: Callable[[float], float], values: Any) -> Any:
    values = np.asarray(values, dtype=float)
    if values.ndim == 0:
        return function(float(values))
    results = [function(value) for value in values.ravel().tolist()]
    return np.array(results, dtype=float).reshape(values.shape)
