"""Named blocks of coordinates, and samples of replicas, as the probes take them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from langevin_lab.dynamics.partition import block_coordinates
from langevin_lab.potentials.arguments import points


def named_blocks(potential: Any, blocks: Any) -> dict[str, np.ndarray]:
    """Name -> indices of coordinates.

    Parameters
    ----------
    potential : Potential
    blocks : None, sequence of str or mapping
        None: those of a network, else one block "all" of all coordinates. Names of blocks or
        variables of the potential; or name -> slice, indices or names.
    """
    if blocks is None:
        blocks = getattr(potential, "blocks", {"all": slice(None)})
    if isinstance(blocks, str):
        blocks = (blocks,)
    if not isinstance(blocks, Mapping):
        if not isinstance(blocks, Iterable):
            raise TypeError(f"blocks={blocks!r} must be names, or a mapping name -> coordinates")
        blocks = {name: name for name in blocks}
    if not blocks:
        raise ValueError("blocks are none: name one, or leave them out for all")
    return {
        str(name): np.array(block_coordinates(coordinates, potential, number))
        for number, (name, coordinates) in enumerate(blocks.items(), start=1)
    }


def replicas(potential: Any, name: str, given: Any) -> np.ndarray:
    """Samples (n_saved, n_replicas, dim), finite, of two replicas or more."""
    samples = points(potential.name, name, given, potential.dim)
    if samples.ndim < 2 or samples.shape[-2] < 2 or samples.size == 0:
        raise ValueError(
            f"{name} of shape {samples.shape} must be (..., n_replicas, dim) with two replicas or "
            "more: error bars come from their scatter"
        )
    bad = int(np.count_nonzero(~np.isfinite(samples).all(axis=-1)))
    if bad:
        raise ValueError(f"{bad} states of {name} are not finite: leave diverged replicas out")
    return samples.reshape(-1, *samples.shape[-2:])
