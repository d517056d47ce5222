"""The methods as `torch.optim` optimisers, for models of your own.

    from langevin_lab.pytorch import optim
    optimiser = optim.Langevin(model.parameters(), lr=0.1, temperature=1e-4, friction=1.0, seed=1)

Each is a proper `torch.optim.Optimizer`: groups, schedulers, closures, `state_dict`.
"""

from __future__ import annotations

import importlib
from typing import Any

# Public name -> submodule, imported on use.
_NAMES: dict[str, str] = {
    "ARAdam": "adaptive_momentum",
    "AdLaLa": "partitions",
    "AdaptiveHeavyBall": "adaptive_momentum",
    "AdaptiveLangevin": "langevin",
    "CoolMomentum": "cool_momentum",
    "LOL": "partitions",
    "Langevin": "langevin",
    "SGHMC": "stochastic_gradients",
    "SGLD": "stochastic_gradients",
    "SGNHT": "stochastic_gradients",
}

__all__ = sorted(_NAMES)


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
