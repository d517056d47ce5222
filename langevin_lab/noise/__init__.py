"""Noise is a function, not a state: normal number k of replica r under a seed, from a counter.

    from langevin_lab import noise
    noise.normals(seed=1, replicas=range(4), start=0, count=10)     # any of them, at any time

    noise.batch_indices(1, 0, batch=7, n_examples=500, batch_size=25, replacement=False)

Compiled loops take whole blocks from `fill_replica_normals` and `fill_coordinate_normals`, examples
of minibatches from `fill_batch_indices`, single decisions from `uniform`. The generator is
Philox4x32-10, the transform Box-Muller; `streams`, `batches` and `uniforms` hold the definitions.
"""

from __future__ import annotations

import importlib
from typing import Any

# Public name -> submodule: numba is imported when a name is first used.
_NAMES = {
    "batch_indices": "batches",
    "fill_batch_indices": "batches",
    "fill_coordinate_normals": "streams",
    "fill_replica_normals": "streams",
    "normal_pair": "streams",
    "normals": "random_access",
    "philox4x32": "philox",
    "uniform": "uniforms",
}

__all__ = [
    "batch_indices",
    "fill_batch_indices",
    "fill_coordinate_normals",
    "fill_replica_normals",
    "normal_pair",
    "normals",
    "philox4x32",
    "uniform",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
