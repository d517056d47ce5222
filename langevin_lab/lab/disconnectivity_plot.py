"""A disconnectivity graph: every minimum a line that rises until a saddle joins it to others.

Source: Becker and Karplus (1997).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from langevin_lab.lab.figure_style import COLOURS

__all__ = ["draw_disconnectivity"]

Group = tuple[int, ...]


def draw_disconnectivity(
    axes: Any,
    minima: Sequence[float],
    saddles: Sequence[float],
    edges: Sequence[tuple[int, int]],
    *,
    n_shown: int | None = None,
) -> None:
    """Draw the disconnectivity graph of minima and saddles.

    A line begins at the energy of its minimum and ends at that of the lowest saddle over which a
    lower minimum is reached; a bar there joins it to the line of that minimum's group.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    minima : sequence of float
        Energies.
    saddles : sequence of float
        Energies, ascending.
    edges : sequence of (int, int)
        Numbers of the minima beside each saddle; -1 for none.
    n_shown : int, optional
        Draw the lowest so many minima only; ways over others still count.

    Raises
    ------
    ValueError
        If there are no minima, or as `langevin_lab.escape.merges_of`.
    """
    from langevin_lab.escape import merges_of

    energies = np.asarray(minima, dtype=float)
    if not energies.size:
        raise ValueError("minima is empty; give the energy of one at least")
    shown = set(np.argsort(energies, kind="stable")[:n_shown].tolist())
    merges = merges_of(len(energies), saddles, edges)
    kept = []
    for merge in merges:
        groups = [tuple(i for i in group if i in shown) for group in merge.groups]
        if all(groups):
            kept.append((merge.energy, groups))
    place, top = _places(energies, shown, [groups for _, groups in kept])
    for energy, groups in kept:
        ends = [place[group] for group in groups]
        for group, x in zip(groups, ends):
            axes.plot([x, x], [top[group], energy], color=COLOURS[0], linewidth=0.9)
        axes.plot(ends, [energy, energy], color=COLOURS[0], linewidth=0.9)
        joined = tuple(sorted(groups[0] + groups[1]))
        top[joined] = energy
    highest = max([energy for energy, _ in kept], default=float(energies.max()))
    room = 0.05 * (highest - float(energies.min()))
    for group in _roots(shown, [groups for _, groups in kept]):
        axes.plot([place[group]] * 2, [top[group], highest + room], color=COLOURS[0], linewidth=0.9)
    axes.set_xlim(-1.0, len(shown))
    axes.set_xticks([])


def _roots(shown: set[int], joins: list[list[Group]]) -> list[Group]:
    """Groups that nothing joins to another."""
    left: dict[Group, None] = {(i,): None for i in sorted(shown)}
    for groups in joins:
        for group in groups:
            del left[group]
        left[tuple(sorted(groups[0] + groups[1]))] = None
    return list(left)


def _places(
    energies: np.ndarray, shown: set[int], joins: list[list[Group]]
) -> tuple[dict[Group, float], dict[Group, float]]:
    """Horizontal place and lower end of every group's line: no two lines cross."""
    ordered: dict[Group, list[int]] = {(i,): [i] for i in shown}
    for groups in joins:
        # The group with the lower minimum to the left.
        first, second = sorted(groups, key=lambda group: float(energies[list(group)].min()))
        ordered[tuple(sorted(first + second))] = ordered[first] + ordered[second]
    roots = sorted(_roots(shown, joins), key=lambda group: float(energies[list(group)].min()))
    columns = {i: x for x, i in enumerate(i for root in roots for i in ordered[root])}
    place: dict[Group, float] = {(i,): float(columns[i]) for i in shown}
    for groups in joins:
        joined = tuple(sorted(groups[0] + groups[1]))
        place[joined] = 0.5 * (place[groups[0]] + place[groups[1]])
    return place, {(i,): float(energies[i]) for i in shown}
