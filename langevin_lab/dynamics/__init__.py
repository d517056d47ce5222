"""Continuous-time equations as small frozen dataclasses; how they are stepped is not known here."""

from langevin_lab.dynamics.chains import NoseHooverChain
from langevin_lab.dynamics.diffusions import ItoDiffusion
from langevin_lab.dynamics.equations import Dynamics, GradientFlow, Langevin, Overdamped
from langevin_lab.dynamics.partition import Block, Partitioned
from langevin_lab.dynamics.published import adla, adlala, lol, multilayer_langevin
from langevin_lab.dynamics.schedules import Exponential, Linear, Piecewise
from langevin_lab.dynamics.thermostats import AdaptiveLangevin

__all__ = [
    "AdaptiveLangevin",
    "Block",
    "Dynamics",
    "Exponential",
    "GradientFlow",
    "ItoDiffusion",
    "Langevin",
    "Linear",
    "NoseHooverChain",
    "Overdamped",
    "Partitioned",
    "Piecewise",
    "adla",
    "adlala",
    "lol",
    "multilayer_langevin",
]
