"""The decorators of all compiled code and the machine operations that Python has no word for.

All arithmetic is strict IEEE 754: no fastmath flag is set, so the compiler may neither reassociate
nor contract, and a result does not depend on vector width, remainder loops, chunks or threads.
A multiply-add with one rounding is asked for explicitly with `fma`. Every operation here is a
single LLVM instruction or intrinsic that the loop vectoriser knows, so a loop that calls them is
vectorised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import config
from numba.extending import intrinsic as _intrinsic

from langevin_lab.compiled.parts import part

__all__ = [
    "absolute",
    "bits_of",
    "compiled",
    "copysign",
    "float_of",
    "fma",
    "has_many_vector_registers",
    "inlined",
    "nearest",
    "select",
    "sqrt",
    "stay_a_call",
]

_DOUBLE = ir.DoubleType()
# Numba's annotation would have callers pass the typing context, which it supplies itself.
intrinsic: Any = _intrinsic


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function of numbers and arrays: strict IEEE arithmetic, no interpreter lock."""
    return part(function)


def inlined(function: Callable[..., Any]) -> Any:
    """Like `compiled`, and always inlined: a call that stays a call stops vectorisation."""
    return part(function, forceinline=True)


def has_many_vector_registers() -> bool:
    """Say whether the compiler may use 32 vector registers (AVX-512, NEON) rather than 16."""
    chosen = getattr(config, "CPU_FEATURES", None)  # NUMBA_CPU_FEATURES, where a user sets it
    if chosen is not None:
        return "+avx512f" in chosen
    features = binding.get_host_cpu_features()
    return bool(features.get("avx512f") or features.get("neon"))


def _call(name: str) -> Any:  # pragma: no cover: runs inside numba, where nothing is measured
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(_DOUBLE, [_DOUBLE] * len(args))
        function = builder.module.declare_intrinsic(name, [_DOUBLE], kind)
        return builder.call(function, args)

    return generate


@intrinsic
def fma(typing_context, a, b, c):
    """Return a*b + c with one rounding (llvm.fma.f64)."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fma(*args)

    return types.float64(types.float64, types.float64, types.float64), generate


@intrinsic
def sqrt(typing_context, x):
    """Return the correctly rounded square root; nan below zero (llvm.sqrt.f64)."""
    return types.float64(types.float64), _call("llvm.sqrt")


@intrinsic
def absolute(typing_context, x):
    """Return x without its sign bit (llvm.fabs.f64)."""
    return types.float64(types.float64), _call("llvm.fabs")


@intrinsic
def nearest(typing_context, x):
    """Return the nearest integer as a float, ties to even (llvm.rint.f64)."""
    return types.float64(types.float64), _call("llvm.rint")


@intrinsic
def copysign(typing_context, magnitude, sign):
    """Return the magnitude of the first with the sign bit of the second (llvm.copysign.f64)."""
    return types.float64(types.float64, types.float64), _call("llvm.copysign")


@intrinsic
def bits_of(typing_context, x):
    """Return the 64 bits of a float64 as a uint64."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(64))

    return types.uint64(types.float64), generate


@intrinsic
def float_of(typing_context, bits):
    """Return the float64 that has the 64 given bits."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], _DOUBLE)

    return types.float64(types.uint64), generate


@intrinsic
def select(typing_context, condition, yes, no):
    """Return `yes` where the condition holds, else `no`; both are evaluated, nothing branches."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(*args)

    return types.float64(types.boolean, types.float64, types.float64), generate


@intrinsic
def stay_a_call(typing_context):
    """Keep the function that calls this from being inlined: a large body is compiled once."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        # Numba hands the wish to be inlined on from callers to what they call.
        builder.function.attributes.discard("alwaysinline")
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), generate
