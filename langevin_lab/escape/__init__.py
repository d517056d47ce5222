"""Escape: first passage in the compiled loop, rate formulas and exit times, each with its range."""

from __future__ import annotations

import importlib
from typing import Any

# Public name -> submodule, imported on use: the formulas need no compiler.
_NAMES = {
    "ExitTime": "linear_saddle",
    "FirstPassage": "arrivals",
    "Rate": "rates",
    "barrier_action": "weak_friction",
    "NoArrivalError": "passage",
    "depopulation_factor": "weak_friction",
    "energy_diffusion": "weak_friction",
    "eyring_kramers": "rates",
    "first_passage": "passage",
    "kramers": "rates",
    "langevin_saddle_exit_time": "linear_saddle",
    "linear_saddle_exit_time": "linear_saddle",
    "rare_event_probability": "rare_events",
    "rare_event_rate": "rare_events",
    "DivergedPathError": "splitting",
    "RareEvent": "rare_event_results",
    "RareEventRate": "rare_event_results",
    "transition_state_theory": "rates",
    "turnover": "weak_friction",
}

__all__ = sorted(_NAMES)


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
