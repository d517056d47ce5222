"""Checks of what a user hands over when a potential is made."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Sequence
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


def points(owner: str, name: str, given: Any, dim: int) -> np.ndarray:
    """Return positions or vectors (..., dim) as float64."""
    array = np.asarray(given, dtype=np.float64)
    if array.ndim == 0 or array.shape[-1] != dim:
        hint = f"{name}[..., None] adds that axis" if dim == 1 else "coordinates come last"
        raise ValueError(
            f"{name} of shape {array.shape} does not end in dim={dim} of {owner}; {hint}"
        )
    return array


def check_parameter_names(owner: str, parameters: Iterable[str], given: Iterable[str]) -> None:
    """Raise ValueError for a name that is no parameter, with the one that may be meant."""
    own = list(parameters)
    for name in given:
        if name not in own:
            known = ", ".join(own) or "none"
            close = difflib.get_close_matches(name, own, n=1)
            guess = f" (did you mean {close[0]!r}?)" if close else ""
            raise ValueError(
                f"{owner} has no parameter {name!r}; its parameters are: {known}{guess}"
            )
