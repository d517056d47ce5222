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

__all__ = ["HEADER", "noise", "translated", "vocabulary", "with_low_parts", "with_single_literals"]

HEADER = """\
from numba import float32 as real
from langevin_lab.cuda.single_intrinsics import (
    absolute, bits_of, copysign, entry, float_of, fma, inlined, multiply, nearest, select, sqrt,
    larger, sqrt_of_normal, wide_product,
)
"""

# Module -> functions whose text serves both precisions.
_SHARED = {
    "langevin_lab.compiled.exponential": ("exp", "cosh", "sinh", "tanh", "log", "log1p", "power"),
    "langevin_lab.compiled.circular": ("sin", "cos", "arctan"),
}
_INTEGERS = frozenset({"int32", "int64", "uint32", "uint64", "range", "real"})
_TOO_LARGE = 2.0**128 - 2.0**103  # what would be rounded to infinity
_BITWISE = (ast.LShift, ast.RShift, ast.BitAnd, ast.BitOr, ast.BitXor)


def translated(source: str) -> str:
    """The text of scalar functions in this precision, each operation rounded once."""
    return with_single_literals(without_contraction(with_low_parts(source)))


@functools.cache
def vocabulary() -> str:
    """Text of the elementary functions."""
    own = "langevin_lab.cuda.single_elementary"
    shared = [pasted(module, names, instead=own) for module, names in _SHARED.items()]
    texts = [pasted(own), *shared, pasted("langevin_lab.compiled.elementary")]
    return "\n\n\n".join(map(translated, texts))


@functools.cache
def noise() -> str:
    """Text of ``normal_pair(seed, replica, pair)`` and ``uniform(seed, replica, number)``."""
    return "\n\n\n".join(
        [
            pasted("langevin_lab.cuda.philox_words"),  # products of integers
            translated(pasted("langevin_lab.cuda.single_normals")),
        ]
    )


def with_low_parts(source: str) -> str:
    """The text of a step in which a coefficient that multiplies what it updates has two float32.

    In p = decay p + noise n, an error of half a unit in the last place of decay is friction that
    no noise belongs to, or the reverse: the temperature would be wrong by 3e-8/(friction dt). So
    ``step`` adds the rest of the coefficient times p where a product is added anyway, and
    ``load_coefficients`` returns the rests after the coefficients. Other text stays as it is.
    """
    tree = ast.parse(source)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    if not functions.keys() & {"load_coefficients", "step"}:
        return source
    for node in ast.walk(functions.get("load_coefficients", ast.Module([], []))):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
            columns = [
                ast.unparse(item) for item in node.value.elts if "table" in ast.unparse(item)
            ]
            rests = [f"real({column[5:-1]} - np.float64({column}))" for column in columns]
            node.value.elts += [ast.parse(rest, mode="eval").body for rest in rests]
    for line in functions["step"].body if "step" in functions else []:
        if isinstance(line, ast.Assign):
            _add_low_part(line)
    return ast.unparse(tree)


def _add_low_part(line: ast.Assign) -> None:
    """Take the rests apart, or add the product with one."""
    (target,), value = line.targets, line.value
    if isinstance(target, ast.Tuple) and _name(value) == "coefficients":
        names = [_name(item) for item in target.elts]
        target.elts += [ast.Name(f"low_{name}", ast.Store()) for name in names]
    if isinstance(value, ast.Call) and _name(value.func) == "fma":
        factors, added = value.args[:2], value.args[2]
    elif isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult):
        factors, added = [value.left, value.right], None
    else:
        return
    for coefficient, other in (factors, factors[::-1]):
        name, updated = _name(coefficient), _name(target)
        if name.startswith("c_") and updated and _name(other) == updated:
            rest = _with_rest(added, f"low_{name} * {updated}")
            if rest:
                line.value = ast.parse(f"fma({name}, {updated}, {rest})", mode="eval").body


def _with_rest(added: ast.expr | None, rest: str) -> str:
    """What is added, and the rest; empty where the sum would be rounded back.

    The rest is less than half a unit in the last place of its neighbours: added to a float32 it is
    lost, added to a product that is not rounded yet it tips the balance as often as it should.
    """
    if added is None:
        return rest
    if isinstance(added, ast.BinOp) and isinstance(added.op, ast.Mult):
        return f"fma({ast.unparse(added.left)}, {ast.unparse(added.right)}, {rest})"
    if isinstance(added, ast.Call) and _name(added.func) == "fma":
        a, b, inner = added.args
        innermost = _with_rest(inner, rest)
        return f"fma({ast.unparse(a)}, {ast.unparse(b)}, {innermost})" if innermost else ""
    return ""


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
    children = [node.value] if isinstance(node, ast.Subscript) else list(ast.iter_child_nodes(node))
    if _is_integer(node) or (isinstance(node, ast.Compare) and any(map(_is_integer, children))):
        children = [child for child in children if not _is_number(child)]
    for child in children:
        yield from _literals(child)


def _is_integer(node: ast.AST) -> bool:
    """Whether an expression is of integers by what it says: a cast, bits."""
    if isinstance(node, ast.BinOp):
        parts = (node.left, node.right)
        of_bits = isinstance(node.op, _BITWISE) and not any(map(_is_condition, parts))
        return of_bits or any(map(_is_integer, parts))
    return isinstance(node, ast.Call) and _name(node.func) in _INTEGERS - {"real"}


def _is_condition(node: ast.expr) -> bool:
    return isinstance(node, (ast.Compare, ast.BoolOp)) or (
        isinstance(node, ast.BinOp) and any(map(_is_condition, (node.left, node.right)))
    )


def _is_number(node: ast.AST) -> bool:
    """Whether an expression is of literals, np.inf and np.nan alone."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, (int, float)) and not isinstance(node.value, bool)
    if isinstance(node, ast.Attribute):
        return _name(node) in ("inf", "nan")
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, (ast.USub, ast.UAdd)) and _is_number(node.operand)
    return isinstance(node, ast.BinOp) and _is_number(node.left) and _is_number(node.right)


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _check(node: ast.AST) -> None:
    for part in ast.walk(node):
        value = part.value if isinstance(part, ast.Constant) else None
        if isinstance(value, (int, float)) and abs(value) >= _TOO_LARGE:
            raise ValueError(
                f"the number {value!r} of the text is beyond float32, which ends at 3.4e38; "
                "use precision='float64'"
            )
