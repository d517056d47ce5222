"""The continuous equations that optimisers and integrators approximate, each with its range."""

from langevin_lab.limits.comparison import Comparison, compare, iterate
from langevin_lab.limits.flows import (
    gradient_flow,
    inertia,
    modified_flow,
    momentum_flow,
    penalty,
    slow_velocity,
)
from langevin_lab.limits.high_resolution import high_resolution, low_resolution
from langevin_lab.limits.limit import Limit
from langevin_lab.limits.regime import OutsideRegimeWarning, SmallParameter

__all__ = [
    "Comparison",
    "Limit",
    "OutsideRegimeWarning",
    "SmallParameter",
    "compare",
    "gradient_flow",
    "high_resolution",
    "inertia",
    "iterate",
    "low_resolution",
    "modified_flow",
    "momentum_flow",
    "penalty",
    "slow_velocity",
]
