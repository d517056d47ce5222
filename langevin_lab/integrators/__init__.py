"""Methods: pure steps, each written once, each with one record of what it claims."""

from langevin_lab.integrators.chains import nose_hoover
from langevin_lab.integrators.deterministic import solve_flow
from langevin_lab.integrators.diffusions import ITO_SCHEMES, ito_scheme
from langevin_lab.integrators.methods import Method, linear_map, spectral_radius
from langevin_lab.integrators.partitions import partitioned
from langevin_lab.integrators.program import Program
from langevin_lab.integrators.properties import Properties
from langevin_lab.integrators.registry import (
    ADAPTIVE_WORDS,
    WORDS,
    method,
    method_for,
    names,
    properties,
)
from langevin_lab.integrators.words import splitting

__all__ = [
    "ADAPTIVE_WORDS",
    "ITO_SCHEMES",
    "WORDS",
    "Method",
    "Program",
    "Properties",
    "ito_scheme",
    "linear_map",
    "method",
    "method_for",
    "names",
    "nose_hoover",
    "partitioned",
    "properties",
    "solve_flow",
    "spectral_radius",
    "splitting",
]
