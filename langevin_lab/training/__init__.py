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
    "PathMeasures": "paths",
    "Predictive": "posterior",
    "ReliabilityDiagram": "reliability",
    "Sampled": "sampled",
    "Sharpness": "curvature",
    "SpectralDensity": "spectrum",
    "ThermostatValues": "thermostats",
    "WeightDistribution": "weights",
    "block_temperatures": "block_recorders",
    "brier_score": "scores",
    "calibration_error": "reliability",
    "configurational_temperature": "temperatures",
    "effective_sample_size": "sample_size",
    "exponential_average": "averages",
    "hessian_trace": "curvature",
    "kinetic_temperature": "temperatures",
    "negative_log_likelihood": "scores",
    "path_measures": "paths",
    "posterior_predictive": "posterior",
    "reliability_diagram": "reliability",
    "sharpness": "curvature",
    "spectral_density": "spectrum",
    "thermostat_values": "thermostats",
    "weight_average": "averages",
    "weight_distribution": "weights",
}

__all__ = sorted(_NAMES)


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
