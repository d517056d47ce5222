"""Kernels for a card: `simulate(..., backend="cuda")`, one replica a thread.

They are written from the same steps, potentials and functions as those of the CPU, and give the
same numbers. `kernel_source` shows the text of one.
"""

from __future__ import annotations

import importlib
from typing import Any

_NAMES = {
    "CudaCrossingPaths": "cuda_splitting",
    "CudaPassage": "cuda_passage",
    "CudaRun": "cuda_run",
    "CudaSplitPaths": "cuda_splitting",
    "NoDeviceError": "device",
    "find_device": "device",
    "hardware_of_card": "cuda_passage",
    "kernel_source": "kernel_text",
    "passage_source": "stopping_text",
    "rate_paths_on_card": "cuda_splitting",
    "single_steps": "single_emulation",
    "splitting_source": "stopping_text",
    "start_paths_on_card": "cuda_splitting",
}

__all__ = sorted(_NAMES)

# What `Backend.part` asks for -> the class that this room has for it.
_PARTS = {
    "CrossingPaths": "CudaCrossingPaths",
    "Passage": "CudaPassage",
    "Run": "CudaRun",
    "SplitPaths": "CudaSplitPaths",
    "hardware_of": "hardware_of_card",
    "rate_paths": "rate_paths_on_card",
    "start_paths": "start_paths_on_card",
}


def __getattr__(name: str) -> Any:
    public = _PARTS.get(name, name)
    if public in _NAMES:
        return getattr(importlib.import_module(f"{__name__}.{_NAMES[public]}"), public)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
