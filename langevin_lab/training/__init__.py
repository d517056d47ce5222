"""Training of networks with any method of the package: protocol, probes of the loss, averages."""

from __future__ import annotations

import importlib
from typing import Any

# Public name -> submodule, imported on use.
_NAMES: dict[str, str] = {
    "BlockMean": "block_recorders",
    "BrierScore": "scores",
    "CalibrationError": "reliability",
    "Eigenpairs": "curvature",
    "EpochSchedule": "epoch_schedule",
    "Evaluation": "evaluation",
    "PathMeasures": "paths",
    "Predictive": "posterior",
    "ReliabilityDiagram": "reliability",
    "Sampled": "sampled",
    "Sharpness": "curvature",
    "SpectralDensity": "spectrum",
    "ThermostatValues": "thermostats",
    "WeightDistribution": "weights",
    "best_replica": "history",
    "block_temperatures": "block_recorders",
    "brier_score": "scores",
    "calibration_error": "reliability",
    "configurational_temperature": "temperatures",
    "effective_sample_size": "sample_size",
    "exponential_average": "averages",
    "gradient_moments": "thermostat_balance",
    "hessian_trace": "curvature",
    "k_folds": "splits",
    "kinetic_temperature": "temperatures",
    "negative_log_likelihood": "scores",
    "path_measures": "paths",
    "per_epoch": "epoch_schedule",
    "posterior_predictive": "posterior",
    "posterior_temperature": "likelihood",
    "prior_variance": "likelihood",
    "reliability_diagram": "reliability",
    "settled_thermostat": "thermostat_balance",
    "sharpness": "curvature",
    "spectral_density": "spectrum",
    "standardised": "splits",
    "steps_per_epoch": "likelihood",
    "stratified_split": "splits",
    "thermostat_values": "thermostats",
    "train": "protocol",
    "weight_average": "averages",
    "weight_distribution": "weights",
    "with_label_noise": "splits",
}

__all__ = sorted(_NAMES)


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
