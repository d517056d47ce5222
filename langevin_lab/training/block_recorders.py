"""Recorders of a run that average over one block of coordinates, such as a layer of a network.

    BlockMean("x**2", "weights_1")    mean square of the first layer's weights
    block_temperatures(network)       kinetic temperature and virial of every block, by name

They are summed by the kernel at every recorded step; nothing is saved. The gradient in them is that
of all examples, which costs as much as a step on all of them: see ``record_every``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.dynamics.partition import block_coordinates
from langevin_lab.ensemble.moments import Moment
from langevin_lab.ensemble.recorders import Recorder, Statistics
from langevin_lab.training.blocks import named_blocks
from langevin_lab.training.temperatures import check_form

__all__ = ["BlockMean", "block_temperatures"]


@dataclass(frozen=True)
class BlockMean(Recorder):
    """Running mean of an expression, averaged over the coordinates of a block too.

    Parameters
    ----------
    text : str
        Over ``x``, ``p``, ``grad``, ``mass`` of one coordinate and the potential's parameters.
    coordinates : str or slice
        Name of a block or variable, or a slice; neighbours.

    Raises
    ------
    TypeError
        If text is no string.
    ValueError, TypeError
        In a run, if the coordinates are unknown or no neighbours.

    Example
    -------
    >>> import langevin_lab as ll
    >>> eq = ll.Langevin(ll.potentials.harmonic(dim=3), temperature=1.0, friction=1.0)
    >>> BlockMean("p**2/mass", slice(1, 3)).moments(eq)
    (Moment(text='p**2/mass', over_coordinates=True, block=(1, 3)),)
    """

    text: str
    coordinates: Any

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise TypeError(f"text={self.text!r} must be an expression such as 'x**2'")

    def moments(self, dynamics: Any) -> tuple[Moment, ...]:
        """The sum over the block."""
        return (Moment(self.text, over_coordinates=True, block=self._span(dynamics)),)

    def estimate(self, statistics: Statistics, dynamics: Any) -> tuple[float, float]:
        """Mean over the block and standard error."""
        first, stop = self._span(dynamics)
        return statistics.estimate(lambda total: total / (stop - first))

    def _span(self, dynamics: Any) -> tuple[int, int]:
        return _neighbours(block_coordinates(self.coordinates, dynamics.potential, 1))


def block_temperatures(potential: Any, blocks: Any = None, *, momenta: bool = True) -> dict:
    """Return recorders of the kinetic temperature and the virial of every block.

    Parameters
    ----------
    potential : Potential
    blocks : optional
        As `kinetic_temperature`, of neighbours each.
    momenta : bool
        Whether the dynamics has momenta; without them the virials alone.

    Returns
    -------
    dict
        "kinetic_NAME" and "virial_NAME" -> BlockMean, for ``simulate(observe=...)``. A network
        without weight decay, whose virial shows no temperature, gets the kinetic ones alone.

    Raises
    ------
    ValueError, TypeError
        If a block is unknown, or of neither kind anything is left.

    Source
    ------
    Tolman (1918); see `configurational_temperature`.

    Example
    -------
    >>> import langevin_lab as ll
    >>> sorted(block_temperatures(ll.potentials.harmonic(dim=3)))
    ['kinetic_all', 'virial_all']
    """
    texts = {"kinetic": "p**2/mass"} if momenta else {}
    try:
        check_form(potential, "virial")
        texts["virial"] = "x*grad"
    except ValueError:
        if not texts:
            raise
    spans = {name: _neighbours(found) for name, found in named_blocks(potential, blocks).items()}
    return {
        f"{kind}_{name}": BlockMean(text, slice(*span))
        for kind, text in texts.items()
        for name, span in spans.items()
    }


def _neighbours(coordinates: Sequence[int] | np.ndarray) -> tuple[int, int]:
    """(first, stop) of coordinates that are neighbours."""
    first, stop = int(min(coordinates)), int(max(coordinates)) + 1
    if sorted(coordinates) != list(range(first, stop)):
        raise ValueError(
            f"the {len(coordinates)} coordinates from {first} to {stop - 1} are no neighbours: "
            "record parts of them, each with its own BlockMean"
        )
    return first, stop
