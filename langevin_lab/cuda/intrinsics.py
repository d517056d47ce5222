"""The primitives of generated CUDA code: the names of `compiled.intrinsics` on a card.

Four of those are LLVM instructions that the CUDA compiler knows and serve as they are; the rest are
functions of CUDA's libdevice. Arithmetic is strict here too: the compiler would contract a*b + c to
one rounding, as it may by default, so a product that is to be rounded is written `multiply(a, b)`
(`mul.rn`, which is never contracted). Division and square root round correctly by default.

Imported by generated modules only: it needs `numba.cuda`, or its simulator.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from numba import cuda

if ".simulator" in str(cuda.jit.__module__):
    from langevin_lab.cuda.simulated import (
        absolute,
        bits_of,
        copysign,
        entry,
        float_of,
        fma,
        inlined,
        multiply,
        nearest,
        select,
        sqrt,
    )
else:  # pragma: no cover: runs inside numba, where nothing is measured
    from numba.cuda import libdevice

    from langevin_lab.compiled.intrinsics import bits_of, float_of, fma, select

    # The separate package numba-cuda calls it forceinline, and gave inline another meaning.
    _INLINE = (
        {"forceinline": True}
        if "forceinline" in inspect.signature(cuda.jit).parameters
        else {"inline": True}
    )

    def inlined(function: Callable[..., Any]) -> Any:
        """Make a function that kernels call, always inlined."""
        return cuda.jit(function, device=True, **_INLINE)

    def entry(function: Callable[..., Any]) -> Any:
        """Make a kernel; its machine code is kept on disk, next to the module's text."""
        return cuda.jit(function, cache=True)

    @inlined
    def multiply(a, b):
        """Return a*b, rounded before anything is added to it (mul.rn.f64)."""
        return libdevice.dmul_rn(a, b)

    @inlined
    def sqrt(x):
        """Return the correctly rounded square root; nan below zero (sqrt.rn.f64)."""
        return libdevice.dsqrt_rn(x)

    @inlined
    def absolute(x):
        """Return x without its sign bit."""
        return libdevice.fabs(x)

    @inlined
    def nearest(x):
        """Return the nearest integer as a float, ties to even."""
        return libdevice.rint(x)

    @inlined
    def copysign(magnitude, sign):
        """Return the magnitude of the first with the sign bit of the second."""
        return libdevice.copysign(magnitude, sign)


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
