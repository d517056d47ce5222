"""Kernels for a card: `simulate(..., backend="cuda")`, one replica a thread.

They are written from the same steps, potentials and functions as those of the CPU, and give the
same numbers. `kernel_source` shows the text of one.
"""

from __future__ import annotations

import importlib
from typing import Any

_NAMES = {
    "CudaRun": "cuda_run",
    "NoDeviceError": "device",
    "find_device": "device",
    "kernel_source": "kernel_text",
}

__all__ = sorted(_NAMES)

# What `Backend.part` asks for -> the class that this room has for it.
_PARTS = {"Run": "CudaRun"}


def __getattr__(name: str) -> Any:
    public = _PARTS.get(name, name)
    if public in _NAMES:
        return getattr(importlib.import_module(f"{__name__}.{_NAMES[public]}"), public)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
