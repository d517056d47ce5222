"""What says that a torch function is the same in another process: its code and all it reads.

A run is continued, and results are combined, only if the potential is the same. Of a function that
is its code and the values of the names in it: closures, defaults, globals, and so on for functions
among those. Numbers, arrays, tensors and modules count by value, functions of libraries by name, of
any other object only the type.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import types
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

__all__ = ["function_key", "tensors_key"]

_PLAIN = (type(None), bool, int, float, complex, str, bytes)
_LIBRARIES = {"langevin_lab", "math", "numpy", "torch"}


def function_key(function: Any) -> str:
    """Text that two functions share if they compute the same from the same."""
    return _Keys().key(function)


def tensors_key(tensors: Mapping[str, torch.Tensor]) -> str:
    """Hash of names, kinds, shapes and all numbers."""
    total = hashlib.sha256()
    for name, value in tensors.items():
        total.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        own = value.detach().cpu().contiguous().reshape(-1)
        total.update(own.view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


class _Keys:
    """Keys of values; each function or container in full once, as they may name one another."""

    def __init__(self) -> None:
        self.seen: dict[int, tuple[int, Any]] = {}  # kept alive, so that an id is one value's

    def key(self, value: Any) -> str:
        """Text for a value."""
        if isinstance(value, _PLAIN):
            return repr(value)
        if isinstance(value, np.ndarray | np.generic):
            array = np.ascontiguousarray(value)
            numbers = "" if array.dtype.hasobject else hashlib.sha256(array.tobytes()).hexdigest()
            return f"{array.dtype} {array.shape} {numbers}"
        if isinstance(value, torch.Tensor):
            return tensors_key({"": value})
        if isinstance(value, torch.nn.Module):
            named = itertools.chain(value.named_parameters(), value.named_buffers())
            return f"{value!r} {tensors_key(dict(named))}"
        if id(value) in self.seen:
            return f"as number {self.seen[id(value)][0]}"
        self.seen[id(value)] = len(self.seen), value
        return self._of_parts(value)

    def _of_parts(self, value: Any) -> str:
        if isinstance(value, tuple | list):
            return f"{type(value).__name__}{[self.key(item) for item in value]}"
        if isinstance(value, dict):
            return f"dict{[(self.key(name), self.key(item)) for name, item in value.items()]}"
        if isinstance(value, functools.partial):
            return f"partial{[self.key(v) for v in (value.func, value.args, value.keywords)]}"
        if isinstance(value, types.MethodType):
            return f"{self.key(value.__func__)} of {self.key(value.__self__)}"
        if isinstance(value, types.CodeType):
            return self._of_code(value)
        if isinstance(value, types.FunctionType):
            return self._of_function(value)
        return repr(type(value))

    def _of_function(self, function: types.FunctionType) -> str:
        name = f"{function.__module__}.{function.__qualname__}"
        if name.split(".", 1)[0] in _LIBRARIES:
            return name
        code, read = function.__code__, dict[str, Any]()
        for known in sorted(_global_names(code) & function.__globals__.keys()):
            read[known] = function.__globals__[known]
        for known, cell in zip(code.co_freevars, function.__closure__ or ()):
            try:
                read[known] = cell.cell_contents
            except ValueError:  # not assigned yet
                continue
        parts = [function.__defaults__, function.__kwdefaults__, read]
        return f"{function.__qualname__} {self._of_code(code)} {[self.key(p) for p in parts]}"

    def _of_code(self, code: types.CodeType) -> str:
        # First comes the docstring, up to Python 3.13 None without one.
        first = int(bool(code.co_consts) and isinstance(code.co_consts[0], str | None))
        constants = [self.key(value) for value in code.co_consts[first:]]
        return f"{code.co_code.hex()} {code.co_names} {constants}"


def _global_names(code: types.CodeType) -> set[str]:
    """Names that the code, or code within it, may look up among the globals."""
    inner = [value for value in code.co_consts if isinstance(value, types.CodeType)]
    return set(code.co_names).union(*map(_global_names, inner))
