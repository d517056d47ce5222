"""The continuous equations that optimisers and integrators approximate, each with its range."""

from langevin_lab.limits.dictionary import CONVENTIONS, RULES, Convention, Rule, dictionary_table
from langevin_lab.limits.noisy_quadratic import StationaryVariances, stationary_variances
from langevin_lab.limits.readings import LangevinReading, OptimiserReading, read_optimiser
from langevin_lab.limits.regime import OutsideRegimeWarning, SmallParameter, check_regime
from langevin_lab.limits.translation import small_parameters, to_langevin, to_optimiser

__all__ = [
    "CONVENTIONS",
    "RULES",
    "Convention",
    "LangevinReading",
    "OptimiserReading",
    "OutsideRegimeWarning",
    "Rule",
    "SmallParameter",
    "StationaryVariances",
    "check_regime",
    "dictionary_table",
    "read_optimiser",
    "small_parameters",
    "stationary_variances",
    "to_langevin",
    "to_optimiser",
]
