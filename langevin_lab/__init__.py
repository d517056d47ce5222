"""Continuous-time dynamics in learning and statistical physics: compiled, checked, with error bars.

The sentence that carries the package: a *potential* defines forces, a *dynamics* turns forces and
noise into a continuous-time equation, a *method* advances the state by one step, an *ensemble*
repeats that for many replicas, *estimates* summarise with error bars, a *claim* holds a prediction
against an estimate, an *experiment* asks one question, a *figure* shows the answer.

Rooms are imported on first use, so that ``import langevin_lab`` stays light.
"""

from __future__ import annotations

import importlib
from typing import Any

from langevin_lab._version import __version__

# Public name -> the room that defines it; a room's own name maps to itself.
_ROOMS = (
    "noise",
    "potentials",
    "dynamics",
    "integrators",
    "momentum",
    "ensemble",
    "exact",
    "limits",
    "escape",
    "evidence",
    "cuda",
    "training",
    "pytorch",
    "lab",
)
_NAMES = {
    "Potential": "potentials",
    "GradientFlow": "dynamics",
    "Overdamped": "dynamics",
    "Langevin": "dynamics",
    "AdaptiveLangevin": "dynamics",
    "InertialFlow": "dynamics",
    "ItoDiffusion": "dynamics",
    "NoseHooverChain": "dynamics",
    "Partitioned": "dynamics",
    "simulate": "ensemble",
}

__all__ = ["__version__", *sorted(_NAMES), *_ROOMS]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
