"""The continuous equations that optimisers and integrators approximate, each with its range."""

import importlib
from typing import Any

from langevin_lab.limits.adaptive_quadratic import (
    AdaptiveMomentum,
    OptimalMomentum,
    adaptive_momentum,
    optimal_momentum,
    stationary_adaptive_momentum,
)
from langevin_lab.limits.comparison import Comparison, compare, iterate
from langevin_lab.limits.cool_temperature import (
    cool_momentum_noise,
    cool_momentum_temperature,
    cooling_factor,
)
from langevin_lab.limits.dictionary import CONVENTIONS, RULES, Convention, Rule, dictionary_table
from langevin_lab.limits.diffusion import diffusion, diffusion_covariance, linear_diffusion
from langevin_lab.limits.escape_phases import convergence_steps, crossing_steps
from langevin_lab.limits.escape_steps import (
    ExitSteps,
    diffusion_exit_steps,
    exit_steps_with_probability,
    heavy_ball_exit_steps,
)
from langevin_lab.limits.exit_law import ExitLaw, exact_exit_law
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
from langevin_lab.limits.noise_covariance import noise_covariance
from langevin_lab.limits.noisy_quadratic import StationaryVariances, stationary_variances
from langevin_lab.limits.readings import LangevinReading, OptimiserReading, read_optimiser
from langevin_lab.limits.regime import OutsideRegimeWarning, SmallParameter, check_regime
from langevin_lab.limits.translation import small_parameters, to_langevin, to_optimiser

__all__ = [
    "CONVENTIONS",
    "RULES",
    "AdaptiveMomentum",
    "Comparison",
    "Convention",
    "ExitLaw",
    "ExitSteps",
    "LangevinReading",
    "Limit",
    "ModifiedFlow",
    "OptimalMomentum",
    "OptimiserReading",
    "OutsideRegimeWarning",
    "Rule",
    "SmallParameter",
    "StationaryVariances",
    "Tree",
    "TreeSum",
    "WeakModifiedEquation",
    "WeakModifiedQuadratic",
    "adaptive_momentum",
    "check_regime",
    "compare",
    "convergence_steps",
    "cool_momentum_noise",
    "cool_momentum_temperature",
    "cooling_factor",
    "crossing_steps",
    "dictionary_table",
    "diffusion",
    "diffusion_covariance",
    "diffusion_exit_steps",
    "exact_exit_law",
    "exit_steps_with_probability",
    "gradient_flow",
    "heavy_ball_exit_steps",
    "high_resolution",
    "inertia",
    "iterate",
    "linear_diffusion",
    "low_resolution",
    "modified_equation",
    "modified_flow",
    "momentum_flow",
    "noise_covariance",
    "optimal_momentum",
    "penalty",
    "read_optimiser",
    "slow_velocity",
    "small_parameters",
    "stationary_adaptive_momentum",
    "stationary_variances",
    "to_langevin",
    "to_optimiser",
    "weak_modified_quadratic",
]

# Public name -> the module that defines it; these modules import sympy, so they open on use.
_ON_USE = {
    "ModifiedFlow": "backward_error",
    "Tree": "elementary_differentials",
    "TreeSum": "elementary_differentials",
    "WeakModifiedEquation": "weak_equation",
    "WeakModifiedQuadratic": "weak_quadratic",
    "modified_equation": "equations",
    "weak_modified_quadratic": "weak_quadratic",
}


def __getattr__(name: str) -> Any:
    if name in _ON_USE:
        return getattr(importlib.import_module(f"{__name__}.{_ON_USE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
