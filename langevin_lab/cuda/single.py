"""What a float32 kernel is made of: state, coefficients, noise and functions in float32.

A Python literal is a float64 to the compiler, and one of them turns a whole expression into
float64, 1/2 the throughput on a data-centre card and 1/64 on others. So every literal of a text is
wrapped: `4.0*x` becomes `multiply(real(4.0), x)`. Sums of moments alone are float64: a float32
sum of n values of one size stops to grow at n = 2^24.

Two limits come with float32. A step is lost where it is less than half a unit in the last place of
what it is added to, 6e-8 of it: a slow drift without noise then stands still. And the unit itself
must be small against the step of the momenta: dt sqrt(temperature/mass) >> 1.2e-7 |x|. Measured
biases are in the documentation (how-to/gpu).
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator

from langevin_lab.cuda.pasting import pasted, without_contraction

__all__ = ["HEADER", "noise", "translated", "vocabulary", "with_single_literals"]

HEADER = """\
from numba import float32 as real
from langevin_lab.cuda.single_intrinsics import (
    absolute, bits_of, copysign, entry, float_of, fma, inlined, multiply, nearest, select, sqrt,
    larger, sqrt_of_normal, wide_product,
)
"""

_INTEGERS = frozenset({"int32", "int64", "uint32", "uint64", "range", "real"})


def translated(source: str) -> str:
    """The text of scalar functions in this precision, each operation rounded once."""
    return with_single_literals(without_contraction(source))


@functools.cache
def vocabulary() -> str:
    """Text of the elementary functions."""
    modules = ("langevin_lab.cuda.single_elementary", "langevin_lab.compiled.elementary")
    return "\n\n\n".join(translated(pasted(module)) for module in modules)


@functools.cache
def noise() -> str:
    """Text of ``normal_pair(seed, replica, pair)`` and ``uniform(seed, replica, number)``."""
    return "\n\n\n".join(
        [
            pasted("langevin_lab.cuda.philox_words"),  # products of integers
            translated(pasted("langevin_lab.cuda.single_normals")),
        ]
    )


def with_single_literals(source: str) -> str:
    """The text with every float and int that enters arithmetic wrapped as real(...).

    Expressions of literals alone are wrapped as a whole. Left as they are: subscripts, arguments of
    ``range`` and of numpy's integer types, and what these are combined with.

    Raises
    ------
    ValueError
        If a literal is beyond float32.
    """
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line.encode()))
    data = source.encode()  # positions of nodes count bytes
    edits: list[tuple[int, str]] = []
    for node in _literals(ast.parse(source)):
        _check(node)
        edits.append((starts[node.lineno - 1] + node.col_offset, "real("))
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        edits.append((starts[node.end_lineno - 1] + node.end_col_offset, ")"))
    for at, text in sorted(edits, key=lambda edit: edit[0], reverse=True):
        data = data[:at] + text.encode() + data[at:]
    return data.decode()


def _literals(node: ast.AST) -> Iterator[ast.expr]:
    """The largest expressions of numbers alone, outside of integer context."""
    if isinstance(node, ast.expr) and _is_number(node):
        yield node
        return
    if isinstance(node, ast.Call) and _name(node.func) in _INTEGERS:
        return
    parts = [node.left, node.right] if isinstance(node, ast.BinOp) else []
    parts += [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
    if any(_is_integer(part) for part in parts):
        parts = [part for part in parts if not _is_number(part)]
        children: list[ast.AST] = [*parts]
    elif isinstance(node, ast.Subscript):
        children = [node.value]
    else:
        children = list(ast.iter_child_nodes(node))
    for child in children:
        yield from _literals(child)


def _is_integer(node: ast.expr) -> bool:
    """Whether an expression is of integers by what it says: a cast, bits."""
    if isinstance(node, ast.BinOp):
        bitwise = (ast.LShift, ast.RShift, ast.BitAnd, ast.BitOr, ast.BitXor)
        parts = (node.left, node.right)
        of_bits = isinstance(node.op, bitwise) and not any(
            isinstance(part, ast.Compare) for part in parts
        )
        return of_bits or any(_is_integer(part) for part in parts)
    return isinstance(node, ast.Call) and _name(node.func) in _INTEGERS - {"real"}


def _is_number(node: ast.expr) -> bool:
    """Whether an expression is of literals, np.inf and np.nan alone."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, (int, float)) and not isinstance(node.value, bool)
    if isinstance(node, ast.Attribute):
        return _name(node) in ("inf", "nan")
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, (ast.USub, ast.UAdd)) and _is_number(node.operand)
    return isinstance(node, ast.BinOp) and _is_number(node.left) and _is_number(node.right)


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _check(node: ast.expr) -> None:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and 3.4028236e38 <= abs(part.value):
            raise ValueError(
                f"the number {part.value!r} of the text is beyond float32, which ends at 3.4e38; "
                "use precision='float64'"
            )
