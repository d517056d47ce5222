"""Functions that compiled code calls, and those that Python calls.

A `part` is translated once and optimised where it ends up; a `whole` is what Python calls, with all
parts below it. That halves the time of compiling (`compiled.linking`), but by interfaces that numba
may change: under a version that it has not been tested with, both are plain `numba.njit`, with the
same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba import config

LINKING_TESTED = ("0.68",)  # versions of numba


def links() -> bool:
    """Whether parts are linked by `compiled.linking`."""
    return numba.__version__.rpartition(".")[0] in LINKING_TESTED


def part(function: Callable[..., Any], **options: Any) -> Any:
    """Make a function that compiled code calls.

    Parameters
    ----------
    function : callable
        Of numbers and arrays. It may call itself; of functions that call each other in a circle
        use `numba.njit`: linked parts abort there, "unresolved symbol".
    **options
        Further options of `numba.njit`.

    Returns
    -------
    callable
        Called from Python it is compiled as a whole of its own.
    """
    return _made("linked_part", function, options)


def whole(function: Callable[..., Any], **options: Any) -> Any:
    """Make a function that Python calls; arguments are those of `part`."""
    return _made("linked_whole", function, options)


def _made(kind: str, function: Callable[..., Any], options: dict[str, Any]) -> Any:
    if getattr(config, "DISABLE_JIT", False):
        return function
    if links():
        from langevin_lab.compiled import linking

        return getattr(linking, kind)(function, **options)
    return numba.njit(error_model="numpy", nogil=True, **options)(function)
