"""The stability limit of a step whose matrix is known, by bisection of its spectral radius."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# Without friction the radius is 1 up to the limit, where eigenvalues collide: rounding then moves
# them by 1e-8, and beyond the limit they part like a square root.
COLLISION = 1e-7
_SPACING = 0.05


def limit_of(matrix: Callable[[float], np.ndarray], *, tolerance: float = COLLISION) -> float:
    """Find the largest stable dt, to 1e-12.

    Parameters
    ----------
    matrix : callable
        ``matrix(dt)``, of one step.
    tolerance : float, optional
        By how much the radius may exceed 1.
    """

    def unstable(dt: float) -> bool:
        return spectral_radius(matrix(dt)) > 1.0 + tolerance

    low, high = 0.0, _SPACING
    while not unstable(high) and high < 100:
        low, high = high, high + _SPACING
    for _ in range(44):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if unstable(middle) else (middle, high)
    return low


def spectral_radius(matrix: np.ndarray) -> float:
    """Largest modulus of the eigenvalues."""
    return float(np.abs(np.linalg.eigvals(matrix)).max())
