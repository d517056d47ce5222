"""The primitives of float32 kernels as numpy has them, for scalars and arrays alike.

They serve numba's CUDA simulator and, over arrays of replicas, the study of what float32 does to an
ensemble. Each rounds once and correctly, as the card's does (`fma.rn`, `sqrt.rn`, conversions to
nearest), so that the text of a kernel gives the card's bits here too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = [
    "absolute",
    "bits_of",
    "copysign",
    "float_of",
    "fma",
    "inlined",
    "larger",
    "multiply",
    "nearest",
    "select",
    "sqrt",
    "sqrt_of_normal",
    "wide_product",
]


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """A device function: the plain one."""
    return function


def fma(a: Any, b: Any, c: Any) -> Any:
    """Return a*b + c with one rounding.

    The product is exact in float64. The sum is rounded to odd there, so that rounding it again to
    float32 is as good as rounding once (Boldo and Melquiond 2008).
    """
    with np.errstate(all="ignore"):
        product = np.float64(np.float32(a)) * np.float64(np.float32(b))
        added = np.float64(np.float32(c))
        total = product + added
        part = total - product
        lost = (product - (total - part)) + (added - part)
        even = np.asarray(total).view(np.uint64) & np.uint64(1) == 0
        odd = np.nextafter(total, np.where(lost > 0.0, np.inf, -np.inf))
        inexact = (lost != 0.0) & np.isfinite(lost) & np.isfinite(total)
        return np.float32(np.where(inexact & even, odd, total))


def multiply(a: Any, b: Any) -> Any:
    """Return a*b, rounded before anything is added to it."""
    with np.errstate(all="ignore"):
        return np.float32(a) * np.float32(b)


def sqrt(x: Any) -> Any:
    """Return the correctly rounded square root; nan below zero."""
    with np.errstate(all="ignore"):
        return np.sqrt(np.float32(x))


def sqrt_of_normal(x: Any) -> Any:
    """Return the correctly rounded square root of an x that is no subnormal, no zero."""
    return sqrt(x)


def larger(a: Any, b: Any) -> Any:
    """Return the larger of two numbers."""
    return np.maximum(np.float32(a), np.float32(b))


def wide_product(a: Any, b: Any) -> Any:
    """Return the product of two uint32 as a uint64."""
    return np.uint64(a) * np.uint64(b)


def absolute(x: Any) -> Any:
    """Return x without its sign bit."""
    return np.abs(np.float32(x))


def nearest(x: Any) -> Any:
    """Return the nearest integer as a float, ties to even."""
    return np.rint(np.float32(x))


def copysign(magnitude: Any, sign: Any) -> Any:
    """Return the magnitude of the first with the sign bit of the second."""
    return np.copysign(np.float32(magnitude), np.float32(sign))


def bits_of(x: Any) -> Any:
    """Return the 32 bits of a float32 as a uint32."""
    return np.float32(x).view(np.uint32)


def float_of(bits: Any) -> Any:
    """Return the float32 that has the 32 given bits."""
    return np.uint32(bits).view(np.float32)


def select(condition: Any, yes: Any, no: Any) -> Any:
    """Return `yes` where the condition holds, else `no`."""
    return np.where(condition, np.float32(yes), np.float32(no))[()]
