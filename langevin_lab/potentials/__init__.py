"""Energy landscapes: `Potential`, formulas typed by a user, and the catalogue.

A potential knows its energy, gradient, Hessian, parameters and known stationary points; it knows
nothing of time or noise. Catalogue functions are grouped in `one_dimensional`, `two_dimensional`,
`n_dimensional` and `particles`; all are attributes of this room and listed by `catalogue`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langevin_lab.potentials.potential import Potential

_CATALOGUE = {
    "one_dimensional": ("double_well", "morse", "quartic_well", "tilted_double_well", "washboard"),
    "two_dimensional": (
        "entropic_barrier",
        "himmelblau",
        "monkey_saddle",
        "mueller_brown",
        "six_hump_camel",
        "three_hole",
    ),
    "n_dimensional": (
        "ackley",
        "funnel",
        "gaussian_mixture",
        "harmonic",
        "rastrigin",
        "rosenbrock",
        "strict_saddle",
        "styblinski_tang",
    ),
    "particles": ("lennard_jones_cluster", "phi4_chain"),
}
_PLACES = {
    "Code": "code",
    "Data": "data",
    "Examples": "examples",
    "Expression": "expression",
    "ExpressionError": "expression",
    "FactorNoise": "gradient_noise",
    "GaussianNoise": "gradient_noise",
    "Minibatch": "gradient_noise",
    "Network": "network",
    "Potential": "potential",
    "Region": "expression",
    "StationaryPoint": "stationary",
    "checkerboard": "examples",
    "drawn_gradient": "gradient_noise",
    "empirical_risk": "risk",
    "load_breast_cancer": "installed_examples",
    "load_cifar10": "stored_examples",
    "load_digits": "installed_examples",
    "load_mnist": "stored_examples",
    "multilayer_perceptron": "network",
    "parse_expression": "expression",
    "parse_region": "expression",
    "read_cifar10": "stored_examples",
    "read_idx": "stored_examples",
    "spirals": "examples",
    "teacher_network": "examples",
    "trigonometric_plane": "examples",
    "two_moons": "examples",
    **{name: module for module, names in _CATALOGUE.items() for name in names},
}

__all__ = ["catalogue", *sorted(_PLACES)]


def catalogue() -> Mapping[str, Callable[..., Potential]]:
    """Return every catalogue function by name; each makes a potential with its default parameters.

    Example
    -------
    >>> catalogue()["double_well"]().dim
    1
    """
    names = sorted(name for group in _CATALOGUE.values() for name in group)
    return MappingProxyType({name: __getattr__(name) for name in names})


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_PLACES[name]}")
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
