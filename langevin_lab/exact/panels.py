"""Cumulative integrals of exp(+-v) on Gauss-Legendre panels, carried as logarithms.

Nested integrals such as the mean first passage time multiply exp(v) by an integral of exp(-v),
v = energy / temperature. Either factor can be 1e60; their logarithms are harmless. Panels are
bisected until v changes by at most `_MAX_CHANGE` on each and exp(+-v) is resolved to rounding, so
inside a panel plain arithmetic is accurate, and only panel totals are combined as logarithms.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from langevin_lab.exact.reference import Array

_ORDER = 16
_MAX_CHANGE = 2.0
_MAX_PANELS = 200_000
_TAIL = 1e-12


def _rule(order: int) -> tuple[Array, Array, Array, Array]:
    """Nodes, weights, matrix of integrals from -1 to the nodes, map to Legendre coefficients."""
    nodes, weights = legendre.leggauss(order)
    basis = legendre.legvander(nodes, order)
    degree = np.arange(order)
    to_coefficients = (degree + 0.5)[:, None] * weights * basis[:, :order].T
    integrals = np.empty((order, order))
    integrals[:, 0] = nodes + 1.0
    integrals[:, 1:] = (basis[:, 2:] - basis[:, : order - 1]) / (2 * degree[1:] + 1)
    return nodes, weights, integrals @ to_coefficients, to_coefficients


_NODES, _WEIGHTS, _INTEGRATE, _TO_COEFFICIENTS = _rule(_ORDER)


@dataclass(frozen=True)
class Panels:
    """A partition of an interval with Gauss-Legendre nodes on each piece.

    Attributes
    ----------
    edges : (n + 1,) array
    nodes : (n, order) array
    """

    edges: Array

    @property
    def nodes(self) -> Array:
        half = 0.5 * np.diff(self.edges)[:, None]
        return self.edges[:-1, None] + half * (_NODES + 1.0)

    def halved(self) -> Panels:
        """The same interval with every panel cut in two."""
        middle = 0.5 * (self.edges[:-1] + self.edges[1:])
        return Panels(np.sort(np.concatenate([self.edges, middle])))

    def integrate(self, values: Array) -> float:
        """Integral of a function given at the nodes."""
        return float(np.sum(0.5 * np.diff(self.edges) * (values @ _WEIGHTS)))

    def log_cumulative(self, log_f: Array) -> tuple[Array, Array]:
        """Logarithm of the integral of exp(log_f) from the left end to all nodes and edges."""
        half = 0.5 * np.diff(self.edges)
        shift = log_f.max(axis=1)
        scaled = np.exp(log_f - shift[:, None])
        # The integral over the first thousandth of a panel may round to zero or below.
        inside = np.maximum(half[:, None] * (scaled @ _INTEGRATE.T), 1e-300)
        totals = shift + np.log(half * (scaled @ _WEIGHTS))
        at_edges = np.concatenate([[-np.inf], np.logaddexp.accumulate(totals)])
        at_nodes = np.logaddexp(at_edges[:-1, None], shift[:, None] + np.log(inside))
        return at_nodes, at_edges

    def log_cumulative_from_right(self, log_f: Array) -> tuple[Array, Array]:
        """Logarithm of the integral of exp(log_f) from all nodes and edges to the right end."""
        mirrored = Panels(-self.edges[::-1])
        at_nodes, at_edges = mirrored.log_cumulative(log_f[::-1, ::-1])
        return at_nodes[::-1, ::-1], at_edges[::-1]


def adaptive_panels(reduced_energy: Callable[[Array], Array], breakpoints: Array) -> Panels:
    """Bisect until exp(+-reduced_energy) is resolved to rounding on every panel.

    Parameters
    ----------
    reduced_energy : callable
        v(x) = energy / temperature for an array of positions.
    breakpoints : (m,) array, m >= 2
        Increasing points that must be panel edges; first and last bound the interval.

    Raises
    ------
    ValueError
        More than 200,000 panels: the energy is not smooth, or not finite, on the interval.
    """
    edges = np.unique(
        np.concatenate([np.linspace(a, b, 9) for a, b in itertools.pairwise(breakpoints)])
    )
    while True:
        panels = Panels(edges)
        unresolved = _unresolved(reduced_energy(panels.nodes))
        # A panel that floating point cannot halve any more is as good as it gets.
        unresolved &= np.diff(edges) > 1e-13 * (edges[-1] - edges[0])
        if not unresolved.any():
            return panels
        middle = 0.5 * (edges[:-1] + edges[1:])[unresolved]
        edges = np.sort(np.concatenate([edges, middle]))
        if len(edges) > _MAX_PANELS:
            raise ValueError(
                f"{len(edges)} panels on [{edges[0]:.6g}, {edges[-1]:.6g}] do not resolve "
                "exp(energy / temperature); the energy must be smooth and finite there"
            )


def _unresolved(v: Array) -> NDArray[np.bool_]:
    """Panels where v changes too much or the Legendre tail of exp(+-v) is not negligible."""
    centred = v - v[:, :1]
    change = centred.max(axis=1) - centred.min(axis=1)
    small = change <= _MAX_CHANGE
    result = ~small
    # The energy itself carries a rounding error, which no bisection removes.
    tail = max(
        _TAIL, 16 * np.finfo(float).eps * float(np.abs(v).max(initial=0.0, where=np.isfinite(v)))
    )
    for sign in (1.0, -1.0):
        coefficients = np.abs(np.exp(sign * centred[small]) @ _TO_COEFFICIENTS.T)
        result[small] |= coefficients[:, -3:].max(axis=1) > tail * coefficients.max(axis=1)
    return result
