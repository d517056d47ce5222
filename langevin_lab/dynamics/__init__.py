"""Continuous-time equations as small frozen dataclasses; how they are stepped is not known here."""

from langevin_lab.dynamics.chains import NoseHooverChain
from langevin_lab.dynamics.diffusions import ItoDiffusion
from langevin_lab.dynamics.equations import Dynamics, GradientFlow, Langevin, Overdamped
from langevin_lab.dynamics.inertial import InertialFlow
from langevin_lab.dynamics.momentum_schedules import (
    CoolingMomentum,
    MomentumFriction,
    baoab_friction,
    baoab_momentum,
    bbk_friction,
    bbk_momentum,
)
from langevin_lab.dynamics.partition import Block, Partitioned
from langevin_lab.dynamics.published import adla, adlala, lol, multilayer_langevin
from langevin_lab.dynamics.schedules import (
    Constant,
    Exponential,
    Linear,
    Logarithmic,
    Piecewise,
    Steps,
    Table,
)
from langevin_lab.dynamics.stochastic_gradient import sghmc, sgld, sgnht
from langevin_lab.dynamics.thermostats import AdaptiveLangevin

__all__ = [
    "AdaptiveLangevin",
    "Block",
    "Constant",
    "CoolingMomentum",
    "Dynamics",
    "Exponential",
    "GradientFlow",
    "InertialFlow",
    "ItoDiffusion",
    "Langevin",
    "Linear",
    "Logarithmic",
    "MomentumFriction",
    "NoseHooverChain",
    "Overdamped",
    "Partitioned",
    "Piecewise",
    "Steps",
    "Table",
    "adla",
    "adlala",
    "baoab_friction",
    "baoab_momentum",
    "bbk_friction",
    "bbk_momentum",
    "lol",
    "multilayer_langevin",
    "sghmc",
    "sgld",
    "sgnht",
]
