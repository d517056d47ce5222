"""The primitives of float32 kernels, under the names of `intrinsics`.

Products, multiply-adds, quotients and square roots round once and correctly, as in
`single_simulated`, so that the simulator and a card give the same bits.

Imported by generated modules only: it needs `numba.cuda`, or its simulator.
"""

from __future__ import annotations

from numba import config

from langevin_lab.cuda.intrinsics import entry, inlined

if config.ENABLE_CUDASIM:
    from langevin_lab.cuda.single_simulated import (
        absolute,
        bits_of,
        copysign,
        float_of,
        fma,
        multiply,
        nearest,
        select,
        sqrt,
    )
else:  # pragma: no cover: runs inside numba, where nothing is measured
    from numba import float32, int32, uint32
    from numba.cuda import libdevice

    @inlined
    def fma(a, b, c):
        """Return a*b + c with one rounding (fma.rn.f32)."""
        return libdevice.fmaf_rn(float32(a), float32(b), float32(c))

    @inlined
    def multiply(a, b):
        """Return a*b, rounded before anything is added to it (mul.rn.f32)."""
        return libdevice.fmul_rn(float32(a), float32(b))

    @inlined
    def sqrt(x):
        """Return the correctly rounded square root; nan below zero (sqrt.rn.f32)."""
        return libdevice.fsqrt_rn(float32(x))

    @inlined
    def absolute(x):
        """Return x without its sign bit."""
        return libdevice.fabsf(float32(x))

    @inlined
    def nearest(x):
        """Return the nearest integer as a float, ties to even."""
        return libdevice.rintf(float32(x))

    @inlined
    def copysign(magnitude, sign):
        """Return the magnitude of the first with the sign bit of the second."""
        return libdevice.copysignf(float32(magnitude), float32(sign))

    @inlined
    def bits_of(x):
        """Return the 32 bits of a float32 as a uint32."""
        return uint32(libdevice.float_as_int(float32(x)))

    @inlined
    def float_of(bits):
        """Return the float32 that has the 32 given bits."""
        return libdevice.int_as_float(int32(uint32(bits)))

    @inlined
    def select(condition, yes, no):
        """Return `yes` where the condition holds, else `no`; both are evaluated."""
        return float32(yes) if condition else float32(no)


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
