"""Orthonormal polynomials of a one-dimensional weight, by the discrete Stieltjes recurrence.

    off_k phi_{k+1}(z) = (z - diag_k) phi_k(z) - off_{k-1} phi_{k-1}(z),     phi_0 = 1

Source: Gautschi (2004), section 2.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.legendre import leggauss

from langevin_lab.exact.reference import Array


@dataclass(frozen=True)
class Axis:
    """One variable: a box, quadrature nodes for its weight and its orthonormal polynomials.

    Attributes
    ----------
    name : str
    low, high : float
        The box.
    nodes, weights : (n,) array
        Quadrature of the weight, normalised to 1.
    diagonal, off_diagonal : (degree + 1,) array
        The recurrence.
    """

    name: str
    low: float
    high: float
    nodes: Array
    weights: Array
    diagonal: Array
    off_diagonal: Array

    def table(self, points: Array) -> Array:
        """Polynomials at points (...), put back on the box first: (..., degree + 1)."""
        points = np.clip(points, self.low, self.high)
        table = np.empty((*points.shape, len(self.diagonal)))
        table[..., 0] = 1.0
        for k in range(len(self.diagonal) - 1):
            following = (points - self.diagonal[k]) * table[..., k]
            if k:
                following -= self.off_diagonal[k - 1] * table[..., k - 1]
            table[..., k + 1] = following / self.off_diagonal[k]
        return table

    def derivative(self) -> Array:
        """Matrix of d/dz in the polynomials: entry (i, j) is <phi_i phi_j'>, zero unless i < j."""
        values = self.table(self.nodes)
        slopes = np.zeros_like(values)
        for k in range(len(self.diagonal) - 1):
            following = values[:, k] + (self.nodes - self.diagonal[k]) * slopes[:, k]
            if k:
                following -= self.off_diagonal[k - 1] * slopes[:, k - 1]
            slopes[:, k + 1] = following / self.off_diagonal[k]
        return np.triu((values * self.weights[:, None]).T @ slopes, 1)

    def outside(self, points: Array) -> Array:
        """Which points lie beyond the box or are not numbers."""
        return ~((points >= self.low) & (points <= self.high))


def polynomial_axis(
    name: str,
    low: float,
    high: float,
    log_weight: Callable[[Array], Array],
    *,
    n_nodes: int,
    degree: int,
) -> Axis:
    """Build the axis for the weight exp(log_weight) on [low, high].

    Gauss-Legendre nodes, so the weight may be anything smooth; `n_nodes` about twice the degree.
    """
    nodes, weights = leggauss(n_nodes)
    nodes = 0.5 * (low + high) + 0.5 * (high - low) * nodes
    logs = log_weight(nodes)
    weights = weights * np.exp(logs - logs.max())
    weights /= weights.sum()
    diagonal, off_diagonal = np.zeros(degree + 1), np.zeros(degree + 1)
    previous, current = np.zeros(n_nodes), np.ones(n_nodes)
    for k in range(degree + 1):
        diagonal[k] = np.sum(weights * nodes * current**2)
        following = (nodes - diagonal[k]) * current
        if k:
            following -= off_diagonal[k - 1] * previous
        off_diagonal[k] = np.sqrt(np.sum(weights * following**2))
        previous, current = current, following / off_diagonal[k]
    return Axis(name, low, high, nodes, weights, diagonal, off_diagonal)
