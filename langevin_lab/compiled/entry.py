"""The decorator of a kernel module's entry points: compiled once per machine, then read from disk."""

from __future__ import annotations

import numba

entry = numba.njit(cache=True, nogil=True, error_model="numpy")
