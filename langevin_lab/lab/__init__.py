"""The lab: experiments, their results on disk, the verdict table, the command line.

An experiment asks one question in one file; its results are stored under a hash of everything
that determines them; `langevin-lab reproduce` runs what is missing and judges all claims as one
family. Nothing here knows any one experiment.
"""

from __future__ import annotations

import importlib
from typing import Any

# Public name -> module; loaded on use, so that the command line starts at once.
_NAMES = {
    "Experiment": "experiment",
    "LabError": "errors",
    "Store": "store",
    "discover": "discovery",
}

__all__ = ["Experiment", "LabError", "Store", "discover"]


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
