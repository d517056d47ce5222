"""Regions given as text, on grids: domains with reflecting boundaries, and sets A and B."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_lab.exact.reference import Array
from langevin_lab.potentials.expression import parse_region

Region = str | Callable[[Array], NDArray[np.bool_]]


def membership(region: Region, potential: Any, points: Array) -> NDArray[np.bool_]:
    """Which points (..., dim) lie in a region.

    Parameters
    ----------
    region : str or callable
        A condition on the coordinates and parameters of the potential, or points -> bool.
    potential : Potential
    points : (..., dim) array
    """
    if callable(region):
        return np.asarray(region(points), dtype=bool)
    coordinates = {name: points[..., d] for d, name in enumerate(potential.variables)}
    known = {**potential.parameters, **coordinates}
    found = parse_region(region, tuple(known)).evaluate(known)
    return np.broadcast_to(np.asarray(found, dtype=bool), points.shape[:-1])


def cells_within(region: str | None, potential: Any, points: Array) -> NDArray[np.bool_]:
    """Which cells of a grid, given by their centres, a domain keeps; all of them for None."""
    if region is None:
        return np.ones(points.shape[:-1], dtype=bool)
    inside = membership(region, potential, points)
    if inside.sum() < 4:
        raise ValueError(
            f"within={region!r} holds {inside.sum()} cells of the grid: refine n, or pass a domain "
            "around the region"
        )
    return inside
