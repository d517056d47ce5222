"""Regions of grids: domains with reflecting boundaries, sets A and B, connected pieces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True)
class MovedRegion:
    """A region on a grid with the layer of cells inside of its boundary dropped, or one added."""

    region: Region
    potential: Any
    outwards: bool

    def __call__(self, points: Array) -> NDArray[np.bool_]:
        from scipy import ndimage

        inside = membership(self.region, self.potential, points)
        if self.outwards:
            return np.asarray(ndimage.binary_dilation(inside))
        # Walls of the box stay where they are.
        return np.asarray(ndimage.binary_erosion(inside, border_value=1))

    def __repr__(self) -> str:
        return repr(self.region)


def cells_within(region: Region | None, potential: Any, points: Array) -> NDArray[np.bool_]:
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


def one_piece(
    kept: NDArray[np.bool_], points: Array, holding: Array | None = None
) -> NDArray[np.bool_]:
    """The connected piece of the kept cells that holds a point, or the largest one.

    Parameters
    ----------
    kept : bool array over the grid
    points : array over the grid, (..., dim)
        Centres of the cells.
    holding : (dim,) array, optional

    Raises
    ------
    ValueError
        The cell nearest to the point is not kept; the piece has fewer than 4 cells.
    """
    from scipy import ndimage

    labels, _ = ndimage.label(kept)
    if holding is None:
        label = 1 + np.argmax(np.bincount(labels.ravel(), minlength=2)[1:])
    else:
        label = labels.ravel()[np.argmin(np.sum((points - holding) ** 2, axis=-1))]
    if label == 0:
        raise ValueError(
            f"the point {holding} lies in no cell kept of this box: its energy is never reached at "
            "this temperature, or the region leaves it out; move it, or raise n"
        )
    piece = np.asarray(labels == label)
    if piece.sum() < 4:
        raise ValueError(
            f"the energy and the region leave a piece of {piece.sum()} cells, at least 4 are "
            "needed; raise n or the temperature, or use a larger region"
        )
    return piece


def connecting_level(energy: Array) -> float:
    """Lowest grid energy at which all local minima of the grid lie in one connected piece."""
    from scipy import ndimage

    lowest = ndimage.minimum_filter(energy, size=3, mode="nearest")
    minima = (energy == lowest) & np.isfinite(energy)
    levels = np.unique(energy[np.isfinite(energy)])
    first, last = int(np.searchsorted(levels, energy[minima].max())), len(levels) - 1
    while first < last:
        middle = (first + last) // 2
        labels, _ = ndimage.label(energy <= levels[middle])
        if len(np.unique(labels[minima])) == 1:
            last = middle
        else:
            first = middle + 1
    return float(levels[last])
