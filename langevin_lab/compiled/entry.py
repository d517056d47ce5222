"""The decorator of entry points: compiled once on a machine, then read from disk.

Only for modules that `compiled.modules.load` writes: numba goes by the time stamp of the file, and
only there does the file's name stand for everything that its machine code depends on.
"""

from __future__ import annotations

import numba

entry = numba.njit(cache=True, nogil=True, error_model="numpy")
