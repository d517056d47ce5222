"""How far a training went: path length, displacement and distance from the start, by block.

    length          sum over saved steps of |x_{k+1} - x_k|
    distance        |x_k - x_0| of every saved state
    displacement    the last of these

The length is that of the polygon through the saved states: where the path is a diffusion without
momenta it grows as 1/sqrt(spacing), with momenta it converges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.potentials.arguments import points
from langevin_lab.training.blocks import named_blocks

__all__ = ["PathMeasures", "path_measures"]


@dataclass(frozen=True)
class PathMeasures:
    """Of one block of coordinates.

    Attributes
    ----------
    length : ndarray of shape (...)
        One a replica [length].
    distance : ndarray of shape (n_saved, ...)
        From the start; with a start given apart it has that one more.
    """

    length: np.ndarray
    distance: np.ndarray

    @property
    def displacement(self) -> np.ndarray:
        """Distance of the end from the start, shape (...)."""
        return self.distance[-1]

    @property
    def straightness(self) -> np.ndarray:
        """displacement/length, from 0 to 1; NaN where nothing moved."""
        with np.errstate(invalid="ignore"):
            return self.displacement / self.length


def path_measures(
    potential: Any, path: Any, *, start: Any = None, blocks: Any = None
) -> dict[str, PathMeasures]:
    """Return length, distances from the start and displacement of a saved path, by block.

    Parameters
    ----------
    potential : Potential
    path : array_like of shape (n_saved, dim) or (n_saved, n_replicas, dim)
        Such as ``run["x"]`` of a run with ``save_every``.
    start : array_like of shape (dim,) or (n_replicas, dim), optional
        What came before the first saved state, which a run does not save; by default that state
        itself.
    blocks : optional
        As `kinetic_temperature`.

    Returns
    -------
    dict
        Name -> PathMeasures.

    Raises
    ------
    ValueError, TypeError
        If path or start has a wrong shape, there are fewer than two states, or a block is unknown.

    Example
    -------
    >>> import langevin_lab as ll
    >>> found = path_measures(ll.potentials.harmonic(dim=2), [[0, 0], [3, 4], [3, 0]])["all"]
    >>> float(found.length), float(found.displacement)
    (9.0, 3.0)
    """
    path = points(potential.name, "path", path, potential.dim)
    if start is not None and path.ndim > 1:
        before = points(potential.name, "start", start, potential.dim)
        path = np.concatenate([np.broadcast_to(before, path.shape[1:])[None], path])
    if path.ndim < 2 or len(path) < 2:
        raise ValueError(f"path of shape {path.shape} must hold two states or more")
    result = {}
    for name, block in named_blocks(potential, blocks).items():
        part = path[..., block]
        steps = np.linalg.norm(np.diff(part, axis=0), axis=-1)
        result[name] = PathMeasures(steps.sum(axis=0), np.linalg.norm(part - part[0], axis=-1))
    return result
