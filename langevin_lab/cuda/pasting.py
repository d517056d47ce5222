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

__all__ = ["pasted", "without_contraction"]


def pasted(module: str, names: Iterable[str] = ()) -> str:
    """The text of a module's functions and constants.

    Parameters
    ----------
    module : str
        Such as "langevin_lab.compiled.exponential".
    names : iterable of str, optional
        Of functions; only these and what they need. By default all.

    Returns
    -------
    str
    """
    return _pasted(module, tuple(names))


@functools.cache
def _pasted(module: str, names: tuple[str, ...]) -> str:
    source = _source(module)
    lines = source.splitlines()
    body = [node for node in ast.parse(source).body if _is_kept(node)]
    wanted = _needed(body, names) if names else {name for node in body for name in _defined(node)}
    private = {name for node in body for name in _defined(node) if name.startswith("_")}
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
    stem = module.rpartition(".")[2]
    for name in private:
        text = re.sub(rf"\b{name}\b", f"_{stem}{name}", text)
    return text.strip("\n")


def _source(module: str) -> str:
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).read_text(encoding="utf-8")


def _is_kept(node: ast.stmt) -> bool:
    return isinstance(node, (ast.Assign, ast.FunctionDef)) and "__all__" not in _defined(node)


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
    """The text with every product a*b in a function, all of them of floats, as multiply(a, b).

    Only characters next to the operators change: comments and lines stay.
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
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for node in {id(n): n for function in functions for n in ast.walk(function)}.values():
        if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)):
            continue
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
