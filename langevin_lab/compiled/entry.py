"""The decorators of kernel modules: an entry point that Python calls, and the parts that it calls.

An entry point is compiled once on a machine, then read from disk. Only for modules that
`compiled.modules.load` writes: numba goes by the time stamp of the file, and only there does the
file's name stand for everything that its machine code depends on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langevin_lab.compiled.intrinsics import compiled, inlined
from langevin_lab.compiled.parts import whole

__all__ = ["compiled", "entry", "inlined"]


def entry(function: Callable[..., Any]) -> Any:
    """Compile a function that Python calls; the machine code is kept on disk."""
    dispatcher = whole(function, cache=True)
    if hasattr(dispatcher, "_cache"):  # a plain function has none
        _forget_what_cannot_be_read(dispatcher._cache)
    return dispatcher


def _forget_what_cannot_be_read(cache: Any) -> None:
    """Make files that a full disk or a lost machine cut off a reason to compile, not to fail."""
    load = cache.load_overload

    def load_or_forget(*arguments: Any) -> Any:
        try:
            return load(*arguments)
        except Exception:  # whatever pickle and LLVM make of half a file
            cache.flush()
            return None

    cache.load_overload = load_or_forget
