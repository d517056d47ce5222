"""Continuous-time equations as small frozen dataclasses; how they are stepped is not known here."""

from langevin_lab.dynamics.equations import Dynamics, GradientFlow, Langevin, Overdamped
from langevin_lab.dynamics.momentum_schedules import (
    CoolMomentum,
    MomentumFriction,
    baoab_friction,
    baoab_momentum,
    bbk_friction,
    bbk_momentum,
)
from langevin_lab.dynamics.schedules import (
    Constant,
    Exponential,
    Linear,
    Logarithmic,
    Piecewise,
    Steps,
    Table,
)

__all__ = [
    "Constant",
    "CoolMomentum",
    "Dynamics",
    "Exponential",
    "GradientFlow",
    "Langevin",
    "Linear",
    "Logarithmic",
    "MomentumFriction",
    "Overdamped",
    "Piecewise",
    "Steps",
    "Table",
    "baoab_friction",
    "baoab_momentum",
    "bbk_friction",
    "bbk_momentum",
]
