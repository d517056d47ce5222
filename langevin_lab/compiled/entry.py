"""The decorators of kernel modules: an entry point that Python calls, and the parts that it calls.

An entry point is compiled once on a machine, then read from disk. Only for modules that
`compiled.modules.load` writes: numba goes by the time stamp of the file, and only there does the
file's name stand for everything that its machine code depends on.

`compiled` and `inlined` are those of `compiled.intrinsics` for functions that compiled code alone
calls: without the wrappers by which Python and C would call them, which take long to compile.
"""

from __future__ import annotations

from typing import Any

import numba

_PART: dict[str, Any] = {
    "error_model": "numpy",
    "nogil": True,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}

entry = numba.njit(cache=True, nogil=True, error_model="numpy")
compiled = numba.njit(**_PART)
inlined = numba.njit(forceinline=True, **_PART)
