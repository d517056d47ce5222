"""Checks of what a user hands over when a potential is made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from langevin_lab.potentials.formula import coordinate_names
from langevin_lab.potentials.stationary import FixedStarts, Rule


def finite(owner: str, name: str, value: Any) -> float:
    """Return ``value`` as a finite float; an error that names owner and parameter otherwise."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{owner}: {name}={value!r} must be a number") from None
    if not math.isfinite(number):
        raise ValueError(f"{owner}: {name}={number} must be finite")
    return number


def box(bounds: Sequence[tuple[float, float]] | None, dim: int) -> Any:
    """Return one (low, high) pair of floats a coordinate, or None."""
    if bounds is None:
        return None
    pairs = tuple((float(low), float(high)) for low, high in bounds)
    if len(pairs) != dim or any(low >= high for low, high in pairs):
        raise ValueError(f"bounds={bounds!r} must be {dim} pairs (low, high) with low < high")
    return pairs


def rule_of(given: Rule | Sequence[Any] | None, dim: int) -> Rule | None:
    """Return the rule for stationary points: as given, or fixed starting positions."""
    if given is None or callable(given):
        return given
    positions = np.asarray(given, dtype=np.float64)
    if positions.ndim != 2 or positions.shape[1] != dim:
        raise ValueError(
            f"stationary_points of shape {positions.shape} must be (n, {dim}): one row per point"
        )
    return FixedStarts(tuple(map(tuple, positions.tolist())))


def coordinates(variables: Sequence[str] | None, dim: int) -> tuple[str, ...]:
    """Return the names of the coordinates: as given, or x, y, z, x0, x1, ..."""
    if variables is None:
        return coordinate_names(dim)
    if len(variables) != dim:
        raise ValueError(f"variables={tuple(variables)!r} must be {dim} names")
    return tuple(variables)
