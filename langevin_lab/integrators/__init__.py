"""Methods: pure steps, each written once, each with one record of what it claims."""

from __future__ import annotations

import importlib
from typing import Any

from langevin_lab.integrators.chains import nose_hoover
from langevin_lab.integrators.deterministic import solve_flow
from langevin_lab.integrators.diffusions import ITO_SCHEMES, ito_scheme
from langevin_lab.integrators.energy_balance import (
    EnergyBalance,
    NotSeparableError,
    energy_balance,
)
from langevin_lab.integrators.methods import Method, linear_map, spectral_radius
from langevin_lab.integrators.partitions import partitioned
from langevin_lab.integrators.program import Program
from langevin_lab.integrators.properties import Properties
from langevin_lab.integrators.registry import (
    ADAPTIVE_WORDS,
    WORDS,
    every_name,
    method,
    method_for,
    names,
    properties,
    specimen,
)
from langevin_lab.integrators.words import splitting

__all__ = [
    "ADAPTIVE_WORDS",
    "ITO_SCHEMES",
    "WORDS",
    "EnergyBalance",
    "Method",
    "NotSeparableError",
    "Program",
    "Properties",
    "certificate",
    "energy_balance",
    "every_name",
    "ito_scheme",
    "linear_map",
    "method",
    "method_for",
    "names",
    "nose_hoover",
    "partitioned",
    "properties",
    "solve_flow",
    "specimen",
    "spectral_radius",
    "splitting",
]


def __getattr__(name: str) -> Any:
    # The one name here that opens an upper room, and only on use: a method is examined with the
    # exact laws and the convergence studies that stand on this room.
    if name == "certificate":
        return importlib.import_module("langevin_lab.lab.certificate").certificate
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
