"""The primitives of float32 kernels, under the names of `intrinsics`.

Products, multiply-adds, quotients and square roots round once and correctly, as in
`single_simulated`, so that the simulator and a card give the same bits.

Imported by generated modules only: it needs `numba.cuda`, or its simulator.
"""

from __future__ import annotations

from typing import Any

from numba import config

from langevin_lab.cuda.intrinsics import entry, inlined

if getattr(config, "ENABLE_CUDASIM", False):
    from langevin_lab.cuda.single_simulated import (
        absolute,
        bits_of,
        copysign,
        float_of,
        fma,
        larger,
        multiply,
        nearest,
        select,
        sqrt,
        sqrt_of_normal,
        wide_product,
    )
else:  # pragma: no cover: runs inside numba, where nothing is measured
    from llvmlite import ir
    from numba import float32, int32, types, uint32
    from numba.cuda import libdevice

    from langevin_lab.compiled.intrinsics import intrinsic

    def _assembly(text: str, constraints: str, result: Any, arguments: list[Any]) -> Any:
        """What writes one instruction of PTX that the compiler would not find by itself."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            code = ir.InlineAsm(ir.FunctionType(result, arguments), text, constraints)
            return builder.call(code, args)

        return generate

    @intrinsic
    def _reciprocal_root(typing_context, x):
        """Return 1/sqrt(x), within 2 ulp, as the unit for special functions gives it."""
        real = ir.FloatType()
        code = _assembly("rsqrt.approx.ftz.f32 $0, $1;", "=f,f", real, [real])
        return types.float32(types.float32), code

    @intrinsic
    def wide_product(typing_context, a, b):
        """Return the product of two uint32 as a uint64 (mul.wide.u32)."""
        word = ir.IntType(32)
        code = _assembly("mul.wide.u32 $0, $1, $2;", "=l,r,r", ir.IntType(64), [word, word])
        return types.uint64(types.uint32, types.uint32), code

    @inlined
    def sqrt_of_normal(x):
        """Return the correctly rounded square root of an x that is no subnormal, no zero."""
        # What the compiler makes of sqrt.rn.f32, without its branch for all other x.
        y = _reciprocal_root(x)
        root = multiply(x, y)
        return fma(fma(-root, root, x), multiply(float32(0.5), y), root)

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
    def larger(a, b):
        """Return the larger of two numbers (max.f32)."""
        return libdevice.fmaxf(float32(a), float32(b))

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
    "larger",
    "multiply",
    "nearest",
    "select",
    "sqrt",
    "sqrt_of_normal",
    "wide_product",
]
