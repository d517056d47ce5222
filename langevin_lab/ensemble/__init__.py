"""Ensembles: compiled loops over replicas, recorders, `simulate`."""

from __future__ import annotations

import importlib
from typing import Any

_NAMES = {
    "AutocorrelationTime": "recorders",
    "ConfigurationalTemperature": "recorders",
    "CoordinateMean": "recorders",
    "Covariance": "recorders",
    "DivergenceError": "result",
    "Forecast": "forecasting",
    "Histogram": "recorders",
    "KineticTemperature": "recorders",
    "Mean": "recorders",
    "UnstableStepError": "checks",
    "Variance": "recorders",
    "forecast": "forecasting",
    "simulate": "simulation",
}

__all__ = sorted(_NAMES)


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
