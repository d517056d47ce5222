"""Blocks of one potential under different equations: AdLa, AdLaLa, LOL, multi-layer Langevin.

Every block is a set of coordinates with its own dynamics on the whole potential; the blocks feel
each other through the forces alone. With one temperature in all blocks the stationary density of
the positions is exp(-U/T), whatever the equations of the blocks are.

Source: Leimkuhler, Matthews and Vlaar (2019).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.dynamics.equations import Dynamics


@dataclass(frozen=True)
class Block:
    """Some coordinates and their equation.

    Parameters
    ----------
    coordinates : tuple of int
        Indices of the coordinates.
    dynamics : Dynamics
        On the whole potential; of numbers per coordinate those of the block count.
    """

    coordinates: tuple[int, ...]
    dynamics: Dynamics


def block_coordinates(coordinates: Any, potential: Any, number: int) -> tuple[int, ...]:
    """Coordinates of block ``number`` as a tuple of indices."""
    where = f"coordinates {coordinates!r} of block {number}"
    dim, variables = int(potential.dim), tuple(potential.variables)
    blocks = getattr(potential, "blocks", {})
    if isinstance(coordinates, slice):
        coordinates = range(*coordinates.indices(dim))
    if isinstance(coordinates, str | int | np.integer):
        coordinates = (coordinates,)
    if not isinstance(coordinates, Iterable):
        raise TypeError(f"{where} must be a slice, indices or names of variables or blocks")
    indices = []
    for entry in coordinates:
        if isinstance(entry, str) and entry in blocks:
            indices.extend(range(dim)[blocks[entry]])
        elif isinstance(entry, str) and entry in variables:
            indices.append(variables.index(entry))
        elif isinstance(entry, bool) or not isinstance(entry, int | np.integer):
            known = [*blocks, *variables]
            raise TypeError(f"{where}: {entry!r} is no index and none of {_listed(entry, known)}")
        elif not 0 <= entry < dim:
            raise ValueError(f"{where}: index {entry} is outside 0..{dim - 1}")
        else:
            indices.append(int(entry))
    if not indices:
        raise ValueError(f"{where} are none: give a block at least one coordinate")
    return tuple(indices)


@dataclass(frozen=True)
class Partitioned(Dynamics):
    """Blocks of coordinates of one potential, each under its own equation.

    Parameters
    ----------
    blocks : sequence of (coordinates, Dynamics)
        Coordinates as a slice, indices, names of variables or of a network's blocks such as
        "weights_1"; together every coordinate once.
        Letters of a word name blocks by their place here: "A1" drifts the first.

    Raises
    ------
    ValueError, TypeError
        If coordinates are missing, repeated or unknown, potentials differ, or a block is
        partitioned itself.

    Notes
    -----
    An `Overdamped` block keeps its own clock: under a word of order two in dt it makes the step of
    Leimkuhler and Matthews with dt. ``Langevin(..., friction=math.inf)`` is the block of LOL, whose
    clock is dt^2/2.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> U = ll.potentials.harmonic(dim=3)
    >>> first = ll.AdaptiveLangevin(U, temperature=1.0, thermal_mass=20.0, applied_noise=0.1)
    >>> rest = ll.Langevin(U, temperature=1.0, friction=0.5)
    >>> ll.Partitioned([(slice(0, 1), first), (slice(1, 3), rest)]).blocks[1].coordinates
    (1, 2)
    """

    blocks: Sequence[Any]
    momenta = True
    equation = "partitioned"

    def __post_init__(self) -> None:
        if not isinstance(self.blocks, Sequence) or not self.blocks:
            raise TypeError(
                f"blocks={self.blocks!r} must be a sequence of (coordinates, dynamics), one a block"
            )
        blocks = []
        for number, entry in enumerate(self.blocks, start=1):
            coordinates, dynamics = _pair(entry, number)
            indices = block_coordinates(coordinates, dynamics.potential, number)
            blocks.append(Block(indices, dynamics))
        object.__setattr__(self, "blocks", tuple(blocks))
        self._check_cover()

    def _check_cover(self) -> None:
        for number, block in enumerate(self.blocks, start=1):
            if block.dynamics.potential != self.potential:
                raise ValueError(
                    f"block {number} is on {block.dynamics.potential!r}, block 1 on "
                    f"{self.potential!r}: all blocks need the same potential"
                )
        count = np.bincount(
            [i for block in self.blocks for i in block.coordinates], minlength=self.dim
        )
        if (count != 1).any():
            wrong = int(np.argmax(count != 1))
            raise ValueError(
                f"coordinate {wrong} is in {count[wrong]} blocks: every coordinate of 0.."
                f"{self.dim - 1} must be in exactly one"
            )

    @property
    def potential(self) -> Any:
        """The potential that all blocks share."""
        return self.blocks[0].dynamics.potential

    @property
    def temperature(self) -> Any:  # type: ignore[override]
        """The temperature of all blocks; a tuple of them where they differ."""
        temperatures = [block.dynamics.temperature for block in self.blocks]
        same = all(temperature == temperatures[0] for temperature in temperatures)
        return temperatures[0] if same else tuple(temperatures)

    @property
    def scheduled(self) -> tuple[str, ...]:
        """What changes in time, with the number of its block: "temperature of block 1"."""
        return tuple(
            f"{name} of block {number}"
            for number, block in enumerate(self.blocks, start=1)
            for name in block.dynamics.scheduled
        )

    def scheduled_values(self, times) -> dict[str, np.ndarray]:
        """Values of what is scheduled in each block: "temperatures_1" -> shape (n,)."""
        return {
            f"{name}_{number}": values
            for number, block in enumerate(self.blocks, start=1)
            for name, values in block.dynamics.scheduled_values(times).items()
        }

    def at(self, time) -> Partitioned:
        """The same blocks with their schedules replaced by their values at ``time``."""
        blocks = [Block(block.coordinates, block.dynamics.at(time)) for block in self.blocks]
        return Partitioned(tuple(blocks))

    def temperature_at(self, time):
        """Temperature at ``time`` where all blocks have the same.

        Raises
        ------
        ValueError
            If temperatures differ: ask the dynamics of a block.
        """
        if isinstance(self.temperature, tuple):
            raise ValueError(
                f"the blocks have temperatures {self.temperature}: ask one of them, "
                "blocks[k].dynamics.temperature_at(time)"
            )
        return super().temperature_at(time)

    def friction_at(self, time):
        """Refused with TypeError: each block has a friction, or none, of its own."""
        raise TypeError(
            "each block has its own friction, if any: blocks[k].dynamics.friction_at(time)"
        )

    @property
    def is_noiseless(self) -> bool:
        """Whether no block has noise of its own."""
        return all(block.dynamics.is_noiseless for block in self.blocks)

    def _per_coordinate(self, values: Sequence[Any]) -> tuple[float, ...]:
        """One number per coordinate from one or one per coordinate of each block."""
        result = np.zeros(self.dim)
        for block, value in zip(self.blocks, values):
            chosen = list(block.coordinates)
            result[chosen] = np.broadcast_to(value, (self.dim,))[chosen]
        return tuple(result.tolist())

    @property
    def mass(self) -> tuple[float, ...]:
        """Mass of each coordinate; 1 in overdamped blocks."""
        return self._per_coordinate([getattr(b.dynamics, "mass", 1.0) for b in self.blocks])

    @property
    def thermal_momentum_scale(self) -> np.ndarray:
        """sqrt(mass T) of each coordinate at time 0."""
        scales = [block.dynamics.thermal_momentum_scale for block in self.blocks]
        return np.array(self._per_coordinate(scales))

    def thermostat_start(self, draws: np.ndarray) -> np.ndarray:
        """Thermostats of the adaptive blocks from their invariant law."""
        start, done = np.zeros_like(draws), 0
        for block in self.blocks:
            if block.dynamics.equation == "adaptive":
                start[done : done + 1] = block.dynamics.thermostat_start(draws[done : done + 1])
                done += 1
        return start


def _listed(entry: Any, known: list[str], most: int = 8) -> str:
    """The first names, and the one that ``entry`` is close to."""
    names = ", ".join(map(repr, known[:most])) + (", ..." if len(known) > most else "")
    close = difflib.get_close_matches(entry, known, n=1) if isinstance(entry, str) else []
    return f"[{names}]" + "".join(f"; did you mean {name!r}?" for name in close)


def _pair(entry: Any, number: int) -> tuple[Any, Dynamics]:
    if isinstance(entry, Block):
        entry = (entry.coordinates, entry.dynamics)
    if not (isinstance(entry, Sequence) and len(entry) == 2 and isinstance(entry[1], Dynamics)):
        raise TypeError(f"block {number} is {entry!r}, but must be (coordinates, dynamics)")
    if isinstance(entry[1], Partitioned):
        raise TypeError(f"block {number} is partitioned itself: list its blocks here")
    if entry[1].equation not in ("langevin", "adaptive", "overdamped"):
        raise TypeError(
            f"block {number} is a {type(entry[1]).__name__}, which stands for all coordinates; use "
            "Langevin, AdaptiveLangevin or Overdamped in a block"
        )
    return entry[0], entry[1]
