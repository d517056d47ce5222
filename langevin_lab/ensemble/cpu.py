"""The parts of the backend "cpu": what other backends have parts of the same names for."""

from __future__ import annotations

from langevin_lab.ensemble.crossing_paths import CrossingPaths
from langevin_lab.ensemble.machine import hardware_of
from langevin_lab.ensemble.passages import Passage
from langevin_lab.ensemble.run import Run
from langevin_lab.ensemble.split_paths import SplitPaths, rate_paths, start_paths

__all__ = [
    "CrossingPaths",
    "Passage",
    "Run",
    "SplitPaths",
    "hardware_of",
    "rate_paths",
    "start_paths",
]
