"""Continuous-time equations as small frozen dataclasses; how they are stepped is not known here."""

from langevin_lab.dynamics.equations import Dynamics, GradientFlow, Langevin, Overdamped
from langevin_lab.dynamics.schedules import Exponential, Linear, Piecewise

__all__ = [
    "Dynamics",
    "Exponential",
    "GradientFlow",
    "Langevin",
    "Linear",
    "Overdamped",
    "Piecewise",
]
