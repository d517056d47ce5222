"""Walks from a minimum over saddles of index 1 to its neighbours.

    minimum -> along a mode, either way -> eigenvector following or dimer -> Newton -> saddle
            -> steepest descent on both sides -> two minima

A walk need not end in a saddle of the minimum that it left: the two minima say what it joins.

Source: Wales, Energy Landscapes (2003), chapter 6.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.escape.dimer import follow_dimer
from langevin_lab.escape.downhill import minimum_below
from langevin_lab.escape.eigenvector_following import follow_modes
from langevin_lab.escape.refinement import find, record, refined, slope_and_hessian
from langevin_lab.escape.symmetry import Symmetry
from langevin_lab.potentials import StationaryPoint

Array = np.ndarray

METHODS = ("eigenvector", "dimer")
_STEPS = 400
_FIRST = 0.5  # first displacement, in largest steps
# Off the saddle by this many largest steps: short beside the basins, long beside rounding.
_OFF = 0.05


@dataclass(frozen=True, eq=False)
class Connection:
    """A saddle of index 1 and the minima downhill of it.

    Attributes
    ----------
    saddle : StationaryPoint
    minima : tuple of two StationaryPoint or None
        Against and along the unstable direction; None where the descent ends in no minimum.
    """

    saddle: StationaryPoint
    minima: tuple[StationaryPoint | None, StationaryPoint | None]


def find_connections(
    potential: Any,
    minimum: StationaryPoint,
    *,
    n_modes: int | None = None,
    n_random: int = 0,
    displacement: float | None = None,
    seed: int = 0,
    max_step: float = 0.1,
    method: str = "eigenvector",
    symmetry: Symmetry | None = None,
) -> tuple[Connection, ...]:
    """Return the distinct saddles that walks from a minimum reach, with the minima they join.

    Parameters
    ----------
    potential : Potential
    minimum : StationaryPoint
    n_modes : int, optional
        How many of the softest modes to walk along, each both ways; all by default.
    n_random : int
        Further walks, from points around the minimum: every coordinate is displaced by a uniform
        number in (-displacement, displacement).
    displacement : float
        Four times max_step by default [length].
    seed : int
        Of these points.
    max_step : float
        Largest step [length]: a tenth of the distance over which the Hessian changes is good.
    method : {"eigenvector", "dimer"}
        "eigenvector" climbs the mode that it set out on, by the Hessian at every step; "dimer"
        the softest mode wherever it is, by a few Hessian-vector products. Descents and Newton's
        method take Hessians in any case.
    symmetry : Symmetry, optional
        Copies of a saddle count as one; no walk leads along its flat directions.

    Raises
    ------
    ValueError
        If `minimum` is none, a number is out of range, or the method is unknown.

    Example
    -------
    >>> import langevin_lab as ll
    >>> U = ll.potentials.himmelblau()
    >>> connections = find_connections(U, U.minima[0], max_step=0.2)
    >>> sorted({round(connection.saddle.energy, 4) for connection in connections})
    [13.3119, 67.7192]
    """
    _check(minimum, n_modes, n_random, displacement, max_step, method)
    symmetry = symmetry or Symmetry()
    directions = _directions(potential, minimum, symmetry, n_modes)
    starts = minimum.position + _FIRST * max_step * directions
    if n_random:
        reach = 4.0 * max_step if displacement is None else displacement
        drawn = np.random.default_rng(seed).uniform(-reach, reach, size=(n_random, potential.dim))
        starts = np.concatenate([starts, minimum.position + drawn])
        directions = np.concatenate([directions, drawn])
    scale = float(np.abs(minimum.curvatures).max())
    found: list[StationaryPoint] = []
    for end in _climbs(potential, starts, directions, symmetry, max_step, method):
        position = refined(potential, end, symmetry)
        if position is None:
            continue
        saddle = record(potential, position, symmetry, scale)
        if saddle.index == 1 and saddle.kind == "saddle" and find(saddle, found, symmetry) is None:
            found.append(saddle)
    found.sort(key=lambda saddle: saddle.energy)
    return tuple(
        connection_of(potential, saddle, max_step=max_step, symmetry=symmetry) for saddle in found
    )


def connection_of(
    potential: Any,
    saddle: StationaryPoint,
    *,
    max_step: float = 0.1,
    symmetry: Symmetry | None = None,
) -> Connection:
    """Return a saddle of index 1 with the minima on its two sides, by steepest descent.

    Parameters
    ----------
    potential : Potential
    saddle : StationaryPoint
    max_step : float
        Largest step of the descent [length].
    symmetry : Symmetry, optional

    Raises
    ------
    ValueError
        If the point is no saddle of index 1, or max_step is not positive.
    """
    if saddle.index != 1 or saddle.kind == "degenerate":
        raise ValueError(f"saddle={saddle!r} has index {saddle.index}; it must be 1")
    _check_step(max_step)
    symmetry = symmetry or Symmetry()
    hessian = slope_and_hessian(potential, saddle.position, symmetry)[1]
    mode = np.linalg.eigh(hessian)[1][:, 0]
    mode = mode * np.sign(mode[np.abs(mode).argmax()])  # the same sign on every machine
    minima = []
    for side in (-1.0, 1.0):
        start = saddle.position + side * _OFF * max_step * mode
        end = minimum_below(potential, start, symmetry=symmetry, max_step=max_step)
        point = None if end is None else record(potential, end, symmetry)
        minima.append(point if point is not None and point.kind == "minimum" else None)
    return Connection(saddle, (minima[0], minima[1]))


def _climbs(
    potential: Any,
    starts: Array,
    directions: Array,
    symmetry: Symmetry,
    max_step: float,
    method: str,
) -> Iterator[Array]:
    """Ends of the climbs that converged."""
    if method == "eigenvector":
        ends, converged = follow_modes(
            potential, starts, 1, symmetry=symmetry, max_step=max_step, n_steps=_STEPS,
            followed=directions,
        )  # fmt: skip
        yield from ends[converged]
        return
    for place, direction in zip(starts, directions):
        end, is_saddle = follow_dimer(
            potential, place, direction, symmetry=symmetry, max_step=max_step, n_steps=_STEPS
        )
        if is_saddle:
            yield end


def _directions(
    potential: Any, minimum: StationaryPoint, symmetry: Symmetry, n_modes: int | None
) -> Array:
    """Unit vectors (n, dim): the softest modes both ways, none flat."""
    n_flat = int(np.rint((symmetry.flat_basis(minimum.position) ** 2).sum()))
    n_free = potential.dim - n_flat
    hessian = slope_and_hessian(potential, minimum.position, symmetry)[1]
    modes = np.linalg.eigh(hessian)[1].T[: n_free if n_modes is None else min(n_modes, n_free)]
    modes = modes * np.sign(modes[np.arange(len(modes)), np.abs(modes).argmax(axis=1)])[:, None]
    return np.concatenate([modes, -modes])


def _check(
    minimum: StationaryPoint,
    n_modes: int | None,
    n_random: int,
    displacement: float | None,
    max_step: float,
    method: str,
) -> None:
    if not (isinstance(minimum, StationaryPoint) and minimum.kind == "minimum"):
        raise ValueError(f"minimum={minimum!r} must be a StationaryPoint that is a minimum")
    if n_modes is not None and not n_modes >= 0:
        raise ValueError(f"n_modes={n_modes} must be >= 0, or None for all")
    if not n_random >= 0:
        raise ValueError(f"n_random={n_random} must be >= 0")
    if n_modes == 0 and n_random == 0:
        raise ValueError("n_modes=0 and n_random=0 leave no walk; raise one")
    if displacement is not None and not (np.isfinite(displacement) and displacement > 0):
        raise ValueError(f"displacement={displacement} must be positive and finite, or None")
    _check_step(max_step)
    if method not in METHODS:
        raise ValueError(f"method={method!r} is unknown; one of {', '.join(METHODS)}")


def _check_step(max_step: float) -> None:
    if not (np.isfinite(max_step) and max_step > 0):
        raise ValueError(f"max_step={max_step} must be positive and finite")
