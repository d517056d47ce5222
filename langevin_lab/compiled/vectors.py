"""Four numbers at once, as a type of compiled code: for sums that the compiler must not reorder.

Strict arithmetic keeps a sum of products in its order, and a loop over it stays scalar. Written in
these vectors the order of the sum is the program's own: four running sums, added at the end as
(s0 + s1) + (s2 + s3), the same bits whatever registers a machine has.

    load(array, i)          a[i], ..., a[i + 3]        store(array, i, v)   the reverse
    spread(array, i)        a[i] four times            zero()               0 four times
    multiply_add(a, b, c)   a b + c, rounded once      add(a, b)            a + b
    total(v)                the sum of the four        totals(a, b, c, d)   the sums of four vectors
    add_apart(array, i, step, v)                       a[i] += v[0], a[i + step] += v[1], ...

Indices are not checked and count from the array's beginning.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import models, register_model

from langevin_lab.compiled.intrinsics import intrinsic

__all__ = [
    "LANES",
    "add",
    "add_apart",
    "load",
    "multiply_add",
    "spread",
    "store",
    "total",
    "totals",
    "zero",
]

LANES = 4
_DOUBLE = ir.DoubleType()
_FOUR = ir.VectorType(_DOUBLE, LANES)
_WORD = ir.IntType(32)


class Vector(types.Type):
    """Numba's type of four float64."""

    def __init__(self) -> None:
        super().__init__(name="Vector")


vector = Vector()


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _FOUR)


def _place(context: Any, builder: Any, signature: Any, args: Any, kind: Any) -> Any:
    """Pointer of a kind to entry args[1] of the array args[0]."""
    array = context.make_array(signature.args[0])(context, builder, args[0])
    return builder.bitcast(builder.gep(array.data, [args[1]]), kind.as_pointer())


def _shuffled(builder: Any, a: Any, b: Any, places: tuple[int, ...]) -> Any:
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_WORD, len(places)), places))


def _repeated(builder: Any, value: Any) -> Any:
    undefined = ir.Constant(_FOUR, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(_WORD, 0))
    return _shuffled(builder, first, undefined, (0,) * LANES)


@intrinsic
def load(typing_context, array, i):
    """Return a[i], ..., a[i + 3]."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(_place(context, builder, signature, args, _FOUR), align=8)

    return vector(array, types.intp), generate


@intrinsic
def store(typing_context, array, i, v):
    """Write a vector to a[i], ..., a[i + 3]."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[2], _place(context, builder, signature, args, _FOUR), align=8)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), generate


@intrinsic
def spread(typing_context, array, i):
    """Return a[i] four times."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _place(context, builder, signature, args, _DOUBLE)
        return _repeated(builder, builder.load(place, align=8))

    return vector(array, types.intp), generate


@intrinsic
def zero(typing_context):
    """Return 0 four times."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return ir.Constant(_FOUR, [0.0] * LANES)

    return vector(), generate


@intrinsic
def multiply_add(typing_context, a, b, c):
    """Return a*b + c with one rounding (llvm.fma.v4f64)."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(_FOUR, [_FOUR] * 3)
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.fma.v4f64")
        return builder.call(function, args)

    return vector(vector, vector, vector), generate


@intrinsic
def add(typing_context, a, b):
    """Return a + b."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fadd(*args)

    return vector(vector, vector), generate


def _four_totals(builder: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    even, odd = (0, 4, 2, 6), (1, 5, 3, 7)
    first = builder.fadd(_shuffled(builder, a, b, even), _shuffled(builder, a, b, odd))
    second = builder.fadd(_shuffled(builder, c, d, even), _shuffled(builder, c, d, odd))
    low = _shuffled(builder, first, second, (0, 1, 4, 5))
    return builder.fadd(low, _shuffled(builder, first, second, (2, 3, 6, 7)))


@intrinsic
def totals(typing_context, a, b, c, d):
    """Return the sums of the entries of four vectors, as a vector."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _four_totals(builder, *args)

    return vector(vector, vector, vector, vector), generate


@intrinsic
def total(typing_context, v):
    """Return the sum of the entries of a vector."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        sums = _four_totals(builder, args[0], args[0], args[0], args[0])
        return builder.extract_element(sums, ir.Constant(_WORD, 0))

    return types.float64(vector), generate


@intrinsic
def add_apart(typing_context, array, i, step, v):
    """Add the entries of a vector to a[i], a[i + step], a[i + 2 step], a[i + 3 step]."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array, index, step, v = args
        for lane in range(LANES):
            place = _place(context, builder, signature, (array, index), _DOUBLE)
            entry = builder.extract_element(v, ir.Constant(_WORD, lane))
            builder.store(builder.fadd(builder.load(place), entry), place)
            index = builder.add(index, step)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, vector), generate
