"""The decorator of entry points: compiled once on a machine, then read from disk."""

from __future__ import annotations

import numba

entry = numba.njit(cache=True, nogil=True, error_model="numpy")
