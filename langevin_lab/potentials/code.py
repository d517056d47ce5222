"""`Code`: what the kernel writer gets from a potential, and its evaluation over numpy arrays.

Scalar form: text of plain functions of scalars, for example in two dimensions with a parameter k

    def energy(x0, x1, k): ... return value
    def gradient(x0, x1, k): ... return (g0, g1)
    def hessian(x0, x1, k): ... return (h00, h01, h11)     # upper triangle, row by row

in the vocabulary of ``langevin_lab.compiled.elementary``. The kernel writer pastes it into a
module and decorates each function with ``inlined`` (a call that stays a call stops vectorisation:
5 times slower on Mueller-Brown); here the very same text runs over numpy arrays.

Array form: jitted ``energy(x, parameters) -> float``, ``gradient(x, parameters, out)`` and
optionally ``hessian(x, parameters, out)`` over arrays x of shape (dim,), out of shape (dim,) or
(dim, dim), parameters of shape (n_parameters,).
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from langevin_lab.compiled.numpy_functions import NUMPY_NAMESPACE

Function = Callable[..., Any]

# What generated text of a potential may call.
NUMPY_FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {
        name: NUMPY_NAMESPACE[name]
        for name in (
            "absolute", "arctan", "cos", "cosh", "exp", "fma", "log", "log1p", "power", "sign",
            "sin", "sinh", "sqrt", "tanh",
        )
    }
)  # fmt: skip


@dataclass(frozen=True, repr=False)
class Code:
    """The compiled access to a potential.

    Attributes
    ----------
    form : "scalar", "array" or, of torch functions, "torch"
    digest : str
        sha256 of everything that determines the compiled code; parameter values are no part of it.
    source : str
        Scalar form: the text of energy, gradient and hessian. Empty in array form.
    arguments : tuple of str
        Scalar form: the names of the arguments of those functions, coordinates then parameters.
    energy, gradient, hessian : jitted functions or None
        Array form; `hessian` may be missing.
    import_line : str
        Array form from this package: the line that binds the functions in a generated module.
    cacheable : bool
        Whether compiled kernels may be kept for other processes (not with a user's functions).
    """

    form: Literal["scalar", "array", "torch"]
    digest: str
    source: str = ""
    arguments: tuple[str, ...] = ()
    energy: Function | None = None
    gradient: Function | None = None
    hessian: Function | None = None
    import_line: str = ""
    cacheable: bool = True

    def __repr__(self) -> str:
        return f"Code(form={self.form!r}, digest={self.digest[:12]!r}, cacheable={self.cacheable})"


def digest_of(*parts: str) -> str:
    """Return the sha256 of texts, each preceded by its length so that no two lists collide."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode()
        total.update(f"{len(data)}:".encode())
        total.update(data)
    return total.hexdigest()


def run_over_arrays(source: str) -> dict[str, Function]:
    """Return the functions of a scalar text as numpy functions of arrays.

    The text passes a whitelist first: it may come from a cache file.
    """
    if not is_scalar_text(source):
        raise ValueError("source is not the text of scalar functions; delete the potential cache")
    namespace: dict[str, Any] = {"__builtins__": {}, **NUMPY_FUNCTIONS}
    exec(compile(source, "<potential>", "exec"), namespace)
    return {name: f for name, f in namespace.items() if name not in NUMPY_FUNCTIONS and callable(f)}


_STATEMENTS = (ast.Assign, ast.Return)
_PARTS = (
    ast.BinOp,
    ast.UnaryOp,
    ast.Tuple,
    ast.Name,
    ast.Constant,
    ast.operator,
    ast.unaryop,
    ast.expr_context,
)


def is_scalar_text(source: str) -> bool:
    """Return whether a text holds only functions of assignments, arithmetic and known calls."""
    try:
        module = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return bool(module.body) and all(
        isinstance(function, ast.FunctionDef)
        and _has_plain_header(function)
        and all(isinstance(line, _STATEMENTS) and _is_plain(line) for line in function.body)
        for function in module.body
    )


def _has_plain_header(function: ast.FunctionDef) -> bool:
    """Return whether a function has named arguments and nothing that would run at definition."""
    names = ", ".join(argument.arg for argument in function.args.args)
    return not function.decorator_list and ast.unparse(function).startswith(
        f"def {function.name}({names}):"
    )


def _is_plain(line: ast.stmt) -> bool:
    for node in ast.walk(line):
        if isinstance(node, ast.Call):
            known = isinstance(node.func, ast.Name) and node.func.id in NUMPY_FUNCTIONS
            if not known or node.keywords:
                return False
        elif isinstance(node, ast.Constant):
            if type(node.value) is not float:
                return False
        elif isinstance(node, ast.Name):
            if node.id.startswith("_"):
                return False
        elif not isinstance(node, _STATEMENTS + _PARTS):
            return False
    return True
