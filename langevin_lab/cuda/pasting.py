"""The package's own compiled functions as text, to be pasted into a kernel for a card.

One source serves the CPU and the card: imports and the module's docstring are dropped, private
names get the module's name in front, so that two tables called ``_LOG`` can stand in one file.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
from collections.abc import Iterable
from pathlib import Path

__all__ = ["pasted", "source_of", "without_contraction"]


def pasted(module: str, names: Iterable[str] = (), *, instead: str | None = None) -> str:
    """The text of a module's functions and constants.

    Parameters
    ----------
    module : str
        Such as "langevin_lab.compiled.exponential".
    names : iterable of str, optional
        Of functions; only these and what they need. By default all.
    instead : str, optional
        Another pasted module: what it defines takes the place of what has the same name here.

    Returns
    -------
    str
    """
    return _pasted(module, tuple(names), instead)


@functools.cache
def _pasted(module: str, names: tuple[str, ...], instead: str | None) -> str:
    source = source_of(module)
    lines = source.splitlines()
    others = _names_of(_body(source_of(instead))) if instead else set()
    body = [node for node in _body(source) if others.isdisjoint(_defined(node))]
    wanted = _needed(body, names) if names else _names_of(body)
    pieces = []
    for node in body:
        if wanted.isdisjoint(_defined(node)):
            continue
        assert node.end_lineno is not None
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
        while lines[first - 2].startswith("#"):  # the comment on top belongs to it
            first -= 1
        space = "\n\n" if isinstance(node, ast.FunctionDef) else ""
        pieces.append(space + "\n".join(lines[first - 1 : node.end_lineno]))
    text = re.sub(r"^@compiled$", "@inlined", "\n".join(pieces), flags=re.M)
    for home, defined in ((module, _names_of(body)), (instead or "", others)):
        stem = home.rpartition(".")[2]
        for name in defined:
            if name.startswith("_"):
                text = re.sub(rf"\b{name}\b", f"_{stem}{name}", text)
    return text.strip("\n")


def source_of(module: str) -> str:
    """The text of a module, which is not imported."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).read_text(encoding="utf-8")


def _body(source: str) -> list[ast.stmt]:
    """What is kept of a module."""
    return [
        node
        for node in ast.parse(source).body
        if isinstance(node, (ast.Assign, ast.FunctionDef)) and "__all__" not in _defined(node)
    ]


def _names_of(body: list[ast.stmt]) -> set[str]:
    return {name for node in body for name in _defined(node)}


def _defined(node: ast.stmt) -> set[str]:
    """The names that a statement of a module defines."""
    if isinstance(node, ast.FunctionDef):
        return {node.name}
    assert isinstance(node, ast.Assign)
    return {
        name.id
        for target in node.targets
        for name in ast.walk(target)
        if isinstance(name, ast.Name)
    }


def _needed(body: list[ast.stmt], names: Iterable[str]) -> set[str]:
    """The names and all names that their definitions read, in turn."""
    definitions = {name: node for node in body for name in _defined(node)}
    needed: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        needed.add(name)
        read = {node.id for node in ast.walk(definitions[name]) if isinstance(node, ast.Name)}
        waiting |= (read & definitions.keys()) - needed
    return needed


def without_contraction(source: str) -> str:
    """The text with every product a*b of floats in a function as multiply(a, b).

    Products of integers are those of loop counters, sizes and whole numbers. Only characters next
    to the operators change: comments and lines stay.
    """
    tree = ast.parse(source)
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line.encode()))
    data = source.encode()  # positions of nodes count bytes

    def place(line: int, column: int) -> int:
        return starts[line - 1] + column

    edits: list[tuple[int, int, int, str]] = []  # place, order there, bytes replaced, new text
    for node in _float_products(tree):
        left_end = place(node.left.end_lineno or 0, node.left.end_col_offset or 0)
        star = data.index(b"*", left_end)
        blank = data[left_end:star].rstrip()
        stop = star + 1 + (data[star + 1 : star + 2] == b" ")
        edits.append((place(node.lineno, node.col_offset), 1, 0, "multiply("))
        edits.append((left_end + len(blank), 2, stop - left_end - len(blank), ", "))
        edits.append((place(node.end_lineno or 0, node.end_col_offset or 0), 0, 0, ")"))
    for at, _, length, text in sorted(edits, reverse=True):
        data = data[:at] + text.encode() + data[at + length :]
    return data.decode()


def _float_products(tree: ast.Module) -> list[ast.BinOp]:
    """Products in functions, without those of integers."""
    products = []
    for function in tree.body:
        if isinstance(function, ast.FunctionDef):
            integers = _integer_names(function)
            products += [
                node
                for node in ast.walk(function)
                if isinstance(node, ast.BinOp)
                and isinstance(node.op, ast.Mult)
                and not _is_integer(node, integers)
            ]
    return products


def _integer_names(function: ast.FunctionDef) -> set[str]:
    """Loop counters, and names that are only ever given integers."""
    counters, given = set(), []
    for node in ast.walk(function):
        if isinstance(node, ast.For) and isinstance(node.target, ast.Name):
            counters.add(node.target.id)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            given.append((node.targets[0].id, node.value))
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            given.append((node.target.id, node.value))
    integers = counters | {name for name, _ in given}
    integers |= _constants(function)
    while True:
        others = {name for name, value in given if not _is_integer(value, integers)}
        if not others & integers:
            return integers
        integers -= others


def _constants(function: ast.FunctionDef) -> set[str]:
    """Names in capitals, which are sizes; but not arguments, as a potential's parameters are."""
    names = {node for node in ast.walk(function) if isinstance(node, ast.Name)}
    own = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    own |= {argument.arg for argument in function.args.args}
    return {node.id for node in names if node.id.isupper() and node.id[0] != "_"} - own


def _is_integer(node: ast.expr, integers: set[str]) -> bool:
    if isinstance(node, ast.Constant):
        return type(node.value) is int
    if isinstance(node, ast.Name):
        return node.id in integers
    if isinstance(node, ast.Attribute):
        return node.attr == "size"
    if isinstance(node, ast.Subscript):
        return isinstance(node.value, ast.Attribute) and node.value.attr == "shape"
    if isinstance(node, ast.UnaryOp):
        return _is_integer(node.operand, integers)
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func)
        chosen = called in ("min", "max") and all(_is_integer(a, integers) for a in node.args)
        return chosen or called in ("len", "np.int64", "np.uint64")
    if isinstance(node, ast.BinOp) and not isinstance(node.op, ast.Div):
        return _is_integer(node.left, integers) and _is_integer(node.right, integers)
    return False
