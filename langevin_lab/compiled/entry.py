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
    return whole(function, cache=True)
