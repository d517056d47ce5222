"""Newton's method to rounding, the record of a stationary point, and which records are the same.

All three look at the Hessian across the flat directions Q of a symmetry only: Q'Q = 1 and

    H' = (1 - Q Q') H (1 - Q Q') + c Q Q',     c = 1 + the largest curvature,

has no zero modes, and no step of it leads along Q.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from langevin_lab.escape.symmetry import Symmetry
from langevin_lab.potentials import StationaryPoint

Array = np.ndarray

_STEPS = 100
# A curvature below this fraction of the landscape's largest is that of a degenerate point.
_FLAT = 1e-8
# Points whose invariants differ by less, relative to their size, are one.
_SAME = 1e-5
# |gradient| of a stationary point, relative to the largest curvature times the size of x.
_STATIONARY = 1e-11


def slope_and_hessian(potential: Any, x: Array, symmetry: Symmetry) -> tuple[Array, Array]:
    """Return gradient (..., dim) and Hessian H' (..., dim, dim) across the flat directions."""
    gradient, hessian = potential.gradient(x), potential.hessian(x)
    flat = symmetry.flat_basis(x)
    if not flat.shape[-2]:
        return gradient, hessian
    along = np.swapaxes(flat, -1, -2) @ flat
    across = np.eye(x.shape[-1]) - along
    with np.errstate(invalid="ignore", over="ignore"):
        gradient = np.einsum("...ij,...j->...i", across, gradient)
        largest = 1.0 + np.abs(hessian).sum(axis=-1).max(axis=-1)
        hessian = across @ hessian @ across + largest[..., None, None] * along
    return gradient, hessian


def refined(potential: Any, start: Array, symmetry: Symmetry) -> Array | None:
    """Return the stationary point that Newton's method reaches from next to it, or None."""
    x, best, smallest, waited = start, start, np.inf, 0
    for _ in range(_STEPS):
        gradient, hessian = slope_and_hessian(potential, x, symmetry)
        if not (np.isfinite(gradient).all() and np.isfinite(hessian).all()):
            break
        size = float(np.linalg.norm(gradient))
        waited = 0 if size < 0.5 * smallest else waited + 1
        if size < smallest:
            best, smallest = x, size
        if size == 0.0 or waited == 3:  # rounding: it gets no smaller
            break
        step = np.linalg.lstsq(hessian, -gradient, rcond=1e-14)[0]
        x = x + step
        if np.linalg.norm(step) <= 1e-16 * np.linalg.norm(x):
            break
    largest = np.abs(potential.hessian(best)).sum(axis=-1).max() if np.isfinite(smallest) else 0.0
    limit = _STATIONARY * (1.0 + largest * (1.0 + float(np.linalg.norm(best))))
    return best if smallest <= limit else None


def record(
    potential: Any, x: Array, symmetry: Symmetry, scale: float | None = None
) -> StationaryPoint:
    """Return the record of the stationary point x.

    Zero modes of the symmetry make no point degenerate; curvatures below 1e-8 times the largest,
    or times `scale`, the largest elsewhere, do.
    """
    values = np.linalg.eigvalsh(slope_and_hessian(potential, x, symmetry)[1])
    curvatures = np.linalg.eigvalsh(potential.hessian(x))
    n_flat = int(np.rint((symmetry.flat_basis(x) ** 2).sum()))
    if n_flat:  # those of H' at c, above all others
        values = values[:-n_flat]
    flat = _FLAT * max(float(np.abs(curvatures).max()), scale or 0.0)
    index = int((values < -flat).sum())
    kind = "minimum" if index == 0 else "saddle"
    if (np.abs(values) <= flat).any():
        kind = "degenerate"
    elif index == len(values) > 1:
        kind = "maximum"
    position = x.copy()
    position.flags.writeable = curvatures.flags.writeable = False
    return StationaryPoint(position, float(potential.energy(x)), index, kind, curvatures)


def is_same(first: StationaryPoint, second: StationaryPoint, symmetry: Symmetry) -> bool:
    """Return whether two points are copies: the same energy, spectrum and invariants."""
    if first.index != second.index or first.kind != second.kind:
        return False
    energy = abs(first.energy - second.energy)
    spread = np.abs(first.curvatures - second.curvatures).max()
    # Cheap comparisons first; what is stationary has energies that agree to second order.
    if energy > _SAME * (1.0 + abs(first.energy)):
        return False
    if spread > 1e-2 * np.abs(first.curvatures).max() + 1e-6:
        return False
    size = 1.0 + float(np.abs(first.position).max())
    return symmetry.distance(first.position, second.position) <= _SAME * size


def find(
    point: StationaryPoint, among: Iterable[StationaryPoint], symmetry: Symmetry
) -> int | None:
    """Return the number of the copy of a point among others, or None."""
    for number, other in enumerate(among):
        if is_same(point, other, symmetry):
            return number
    return None


def sorted_points(points: Iterable[StationaryPoint]) -> tuple[StationaryPoint, ...]:
    """Return points by index, then energy, then position: an order without chance in it."""

    def key(point: StationaryPoint) -> tuple:
        return point.index, round(point.energy, 9), tuple(np.round(point.position, 6))

    return tuple(sorted(points, key=key))
