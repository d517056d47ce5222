"""Training of networks with any method of the package: protocol, probes of the loss, averages."""

from __future__ import annotations

import importlib
from typing import Any

# Public name -> submodule, imported on use.
_NAMES: dict[str, str] = {
    "gradient_moments": "thermostat_balance",
    "settled_thermostat": "thermostat_balance",
}

__all__ = sorted(_NAMES)


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
