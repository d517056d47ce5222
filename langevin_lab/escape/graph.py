"""The graph of a landscape: minima, and each saddle of index 1 as an edge between two of them.

    lowest barrier between two minima = min over ways of the highest saddle on the way

which union-find gives for all pairs at once: saddles in order of energy join what is not joined
yet. These merges are the branchings of the disconnectivity graph.

Source: Becker and Karplus (1997); Wales, Energy Landscapes (2003), chapter 5.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from langevin_lab.escape.refinement import find
from langevin_lab.escape.saddle_walk import Connection, connection_of, find_connections
from langevin_lab.escape.symmetry import Symmetry
from langevin_lab.potentials import StationaryPoint


@dataclass(frozen=True)
class Merge:
    """Two groups of minima that become one at the energy of a saddle.

    Attributes
    ----------
    energy : float
    saddle : int
        Number of the saddle.
    groups : tuple of two tuples of int
        Numbers of the minima of both, ascending.
    """

    energy: float
    saddle: int
    groups: tuple[tuple[int, ...], tuple[int, ...]]


def merges_of(
    n_minima: int, energies: Sequence[float], edges: Sequence[tuple[int, int]]
) -> tuple[Merge, ...]:
    """Return the merges of a graph of minima, lowest first.

    Parameters
    ----------
    n_minima : int
    energies : sequence of float
        Of the saddles, ascending.
    edges : sequence of (int, int)
        Numbers of the minima beside each saddle; -1 for none.

    Raises
    ------
    ValueError
        If there are not as many edges as energies, or these do not ascend.

    Example
    -------
    >>> [merge.groups for merge in merges_of(3, [1.0, 2.0, 3.0], [(0, 2), (2, 0), (1, 2)])]
    [((0,), (2,)), ((0, 2), (1,))]
    """
    if len(energies) != len(edges):
        raise ValueError(f"{len(energies)} energies and {len(edges)} edges; give one a saddle")
    if np.any(np.diff(energies) < 0):
        raise ValueError("energies of saddles must ascend; sort saddles and edges by energy")
    group: dict[int, tuple[int, ...]] = {number: (number,) for number in range(n_minima)}
    found = []
    for number, (first, second) in enumerate(edges):
        if first < 0 or second < 0 or group[first] == group[second]:
            continue
        pair = sorted((group[first], group[second]))
        found.append(Merge(float(energies[number]), number, (pair[0], pair[1])))
        joined = tuple(sorted(pair[0] + pair[1]))
        group.update(dict.fromkeys(joined, joined))
    return tuple(found)


@dataclass(frozen=True, eq=False)
class LandscapeGraph:
    """Minima and the saddles between them.

    Attributes
    ----------
    minima, saddles : tuple of StationaryPoint
        Lowest first.
    edges : tuple of (int, int)
        Of each saddle, the numbers of the minima on its two sides, smaller first. They are equal
        where both sides are copies of one minimum; -1 where a descent ended in no minimum.
    """

    minima: tuple[StationaryPoint, ...]
    saddles: tuple[StationaryPoint, ...]
    edges: tuple[tuple[int, int], ...]

    @cached_property
    def merges(self) -> tuple[Merge, ...]:
        """The merges of the disconnectivity graph, lowest first; at most one fewer than minima."""
        energies = [saddle.energy for saddle in self.saddles]
        return merges_of(len(self.minima), energies, self.edges)

    def barrier(self, start: int, end: int) -> float:
        """Return how far the lowest way from one minimum to another rises above the first.

        Parameters
        ----------
        start, end : int
            Numbers of minima.

        Returns
        -------
        float
            inf if no known saddles join them.

        Raises
        ------
        ValueError
            If a number is that of no minimum, or both are the same.
        """
        for name, number in (("start", start), ("end", end)):
            if not 0 <= number < len(self.minima):
                raise ValueError(f"{name}={number} must be from 0 to {len(self.minima) - 1}")
        if start == end:
            raise ValueError(f"start and end are both {start}; give two minima")
        for merge in self.merges:
            sides = [{start, end} & set(group) for group in merge.groups]
            if all(sides):
                return merge.energy - self.minima[start].energy
        return float("inf")

    @property
    def is_connected(self) -> bool:
        """Whether saddles join all minima."""
        return len(self.merges) == len(self.minima) - 1


def landscape_graph(
    potential: Any,
    points: Iterable[StationaryPoint],
    *,
    max_step: float = 0.1,
    symmetry: Symmetry | None = None,
) -> LandscapeGraph:
    """Return the graph of known stationary points, by steepest descent from each saddle.

    Parameters
    ----------
    potential : Potential
    points : iterable of StationaryPoint
        Such as `find_stationary_points` returns; those that are neither minima nor saddles of
        index 1 are left out. Minima that a descent ends in are added.
    max_step : float
        Largest step of the descents [length].
    symmetry : Symmetry, optional
        Copies of a point count as one.

    Example
    -------
    >>> import langevin_lab as ll
    >>> U = ll.potentials.mueller_brown()
    >>> graph = landscape_graph(U, U.stationary_points)
    >>> graph.edges, round(graph.barrier(0, 1), 3)
    (((1, 2), (0, 2)), 106.035)
    """
    symmetry = symmetry or Symmetry()
    builder = _Builder(symmetry)
    points = tuple(points)
    for point in points:
        if point.kind == "minimum":
            builder.minimum(point)
    for point in points:
        if point.index == 1 and point.kind != "degenerate":
            builder.add(connection_of(potential, point, max_step=max_step, symmetry=symmetry))
    return builder.graph()


def explore_landscape(
    potential: Any,
    minima: Iterable[StationaryPoint],
    *,
    max_minima: int = 100,
    n_modes: int | None = None,
    n_random: int = 0,
    displacement: float | None = None,
    seed: int = 0,
    max_step: float = 0.1,
    method: str = "eigenvector",
    symmetry: Symmetry | None = None,
) -> LandscapeGraph:
    """Return the graph that walks from minimum to minimum discover, lowest minima first.

    Parameters
    ----------
    potential : Potential
    minima : iterable of StationaryPoint
        Where to begin; one is enough.
    max_minima : int
        How many minima walks begin from, at least 1. More are in the graph, but not all of their
        neighbours: it is complete, as far as walks go, if it has no more minima than this.
    n_modes, n_random, displacement, seed, max_step, method, symmetry
        As in `find_connections`.

    Raises
    ------
    ValueError
        If there is no minimum to begin from, max_minima < 1, or as `find_connections`.

    Example
    -------
    >>> import langevin_lab as ll
    >>> U = ll.potentials.three_hole()
    >>> graph = explore_landscape(U, U.minima[:1])
    >>> len(graph.minima), len(graph.saddles), graph.is_connected
    (3, 3, True)
    """
    if not max_minima >= 1:
        raise ValueError(f"max_minima={max_minima} must be >= 1")
    symmetry = symmetry or Symmetry()
    builder = _Builder(symmetry)
    for point in minima:
        builder.minimum(point)
    if not builder.minima:
        raise ValueError("minima is empty; give one to begin from, such as potential.minima[:1]")
    visited: set[int] = set()
    while len(visited) < max_minima:
        waiting = [number for number in range(len(builder.minima)) if number not in visited]
        if not waiting:
            break
        number = min(waiting, key=lambda i: builder.minima[i].energy)
        visited.add(number)
        for connection in find_connections(
            potential, builder.minima[number], n_modes=n_modes, n_random=n_random,
            displacement=displacement, seed=seed + number, max_step=max_step, method=method,
            symmetry=symmetry,
        ):  # fmt: skip
            builder.add(connection)
    return builder.graph()


class _Builder:
    """Collects connections; minima and saddles are numbered in the order of their discovery."""

    def __init__(self, symmetry: Symmetry):
        self.symmetry = symmetry
        self.minima: list[StationaryPoint] = []
        self.saddles: list[StationaryPoint] = []
        self.edges: list[tuple[int, int]] = []

    def minimum(self, point: StationaryPoint | None) -> int:
        """Number of a minimum, a new one if it is not known; -1 for none."""
        if point is None:
            return -1
        number = find(point, self.minima, self.symmetry)
        if number is None:
            self.minima.append(point)
            number = len(self.minima) - 1
        return number

    def add(self, connection: Connection) -> None:
        """Add the edge of a saddle, unless it is known."""
        ends = self.minimum(connection.minima[0]), self.minimum(connection.minima[1])
        if find(connection.saddle, self.saddles, self.symmetry) is None:
            self.saddles.append(connection.saddle)
            self.edges.append(ends)

    def graph(self) -> LandscapeGraph:
        """Everything renumbered by energy."""
        order = np.argsort([point.energy for point in self.minima], kind="stable")
        place = {int(old): new for new, old in enumerate(order)} | {-1: -1}
        ranks = np.argsort([point.energy for point in self.saddles], kind="stable")
        edges = []
        for rank in ranks:
            first, second = sorted(place[end] for end in self.edges[rank])
            edges.append((first, second))
        return LandscapeGraph(
            tuple(self.minima[i] for i in order),
            tuple(self.saddles[i] for i in ranks),
            tuple(edges),
        )
