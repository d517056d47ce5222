"""The primitives of `intrinsics` under numba's CUDA simulator: plain Python over numpy scalars.

Every result is a numpy scalar, so that a division by zero gives inf as on a card.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
from numba import cuda, njit

from langevin_lab.compiled import intrinsics

__all__ = [
    "absolute",
    "bits_of",
    "copysign",
    "entry",
    "float_of",
    "fma",
    "inlined",
    "multiply",
    "nearest",
    "select",
    "sqrt",
]


@njit
def _fma(a, b, c):  # pragma: no cover: compiled
    return intrinsics.fma(a, b, c)


_fma(1.0, 1.0, 1.0)  # before the threads of a simulated block would all compile it


def inlined(function: Callable[..., Any]) -> Any:
    """A device function: the plain one."""
    return function


def entry(function: Callable[..., Any]) -> Any:
    """A kernel whose threads, like those of a card, do not warn of overflow or nan."""

    def quiet(*arguments):
        with np.errstate(all="ignore"):
            function(*arguments)

    # The simulator puts its stand-in for `cuda` in the globals of the function that it is given.
    return cuda.jit(
        FunctionType(
            quiet.__code__, function.__globals__, function.__name__, None, quiet.__closure__
        )
    )


def multiply(a: Any, b: Any) -> Any:
    """Return a*b, rounded before anything is added to it."""
    return np.float64(a) * np.float64(b)


def fma(a: Any, b: Any, c: Any) -> Any:
    """Return a*b + c with one rounding."""
    return np.float64(_fma(a, b, c))


def sqrt(x: Any) -> Any:
    """Return the correctly rounded square root."""
    return np.sqrt(np.float64(x))


def absolute(x: Any) -> Any:
    """Return x without its sign bit."""
    return np.abs(np.float64(x))


def nearest(x: Any) -> Any:
    """Return the nearest integer as a float, ties to even."""
    return np.rint(np.float64(x))


def copysign(magnitude: Any, sign: Any) -> Any:
    """Return the magnitude of the first with the sign bit of the second."""
    return np.copysign(np.float64(magnitude), sign)


def bits_of(x: Any) -> Any:
    """Return the 64 bits of a float64 as a uint64."""
    return np.float64(x).view(np.uint64)


def float_of(bits: Any) -> Any:
    """Return the float64 that has the 64 given bits."""
    return np.uint64(bits).view(np.float64)


def select(condition: Any, yes: Any, no: Any) -> Any:
    """Return `yes` where the condition holds, else `no`."""
    return np.float64(yes if condition else no)
