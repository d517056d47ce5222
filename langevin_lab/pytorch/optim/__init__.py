"""The methods of the package as `torch.optim` optimisers, for people who bring their own model."""

from __future__ import annotations

import importlib
from typing import Any

# Public name -> submodule, imported on use.
_NAMES: dict[str, str] = {
    "ARAdam": "adaptive_momentum",
    "AdaptiveHeavyBall": "adaptive_momentum",
    "CoolMomentum": "cool_momentum",
}

__all__ = sorted(_NAMES)


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
