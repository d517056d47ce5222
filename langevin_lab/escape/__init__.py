"""Escape: rate formulas and exit times, each with where it holds."""

from langevin_lab.escape.linear_saddle import (
    ExitTime,
    langevin_saddle_exit_time,
    linear_saddle_exit_time,
)
from langevin_lab.escape.rates import Rate, eyring_kramers, kramers, transition_state_theory
from langevin_lab.escape.weak_friction import (
    barrier_action,
    depopulation_factor,
    energy_diffusion,
    turnover,
)

__all__ = [
    "ExitTime",
    "Rate",
    "barrier_action",
    "depopulation_factor",
    "energy_diffusion",
    "eyring_kramers",
    "kramers",
    "langevin_saddle_exit_time",
    "linear_saddle_exit_time",
    "transition_state_theory",
    "turnover",
]
