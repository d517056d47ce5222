"""PyTorch: ensembles of tensors, the methods as `torch.optim` optimisers, noise, models."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

if importlib.util.find_spec("torch") is None:
    raise ImportError(
        "langevin_lab.pytorch needs PyTorch, which is not installed; "
        "pip install langevin_lab[torch]"
    )

# Rooms inside this one, imported on use.
_ROOMS = ("noise", "optim")
# Public name -> submodule, imported on use.
_NAMES: dict[str, str] = {
    "PRESETS": "image_presets",
    "EpochRecord": "image_training",
    "ImagePreset": "image_presets",
    "ImageSet": "images",
    "ModulePotential": "modules",
    "NetworkFunctions": "network_functions",
    "PathNoise": "sde_paths",
    "ResidualNetwork": "models",
    "SdeProblem": "sde_problems",
    "StationaryDensity": "sde_stationary",
    "TensorFunctions": "functions",
    "TorchEquation": "sde_problems",
    "TorchPotential": "potentials",
    "as_torchsde": "sde",
    "brownian_motion": "brownian",
    "draw_examples": "minibatches",
    "load_images": "images",
    "make_optimiser": "image_training",
    "module_potential": "modules",
    "resnet20": "models",
    "resnet34": "models",
    "sde_convergence": "sde_evidence",
    "sde_examples": "sde_problems",
    "small_cnn": "models",
    "stationary_claims": "sde_stationary",
    "synthetic_images": "images",
    "tensor_functions": "functions",
    "torch_potential": "potentials",
    "train_images": "image_training",
}

__all__ = sorted([*_NAMES, *_ROOMS])


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
