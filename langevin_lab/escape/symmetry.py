"""Which configurations are copies of one another, and along which directions they are joined.

Copies come from a continuous group (a cluster turned or moved: directions along which the Hessian
of a stationary point is zero) and from a finite one (identical particles or hidden units renamed).
A search that knows both neither mistakes zero modes for a degenerate point nor lists one minimum
n! times.

    invariants(x)   numbers that all copies share and other configurations do not
    directions(x)   tangents of the copies through x
    maps            matrices g of a finite group: x and g x are copies
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray

_LARGEST_GROUP = 20_000
# Tangents shorter than this fraction of the longest are none: the axis of a linear cluster.
_SPANS = 1e-7
# And shorter than this they are rounding: the centre of a rotation has none. Lengths of order 1.
_SHORTEST = 1e-9


@dataclass(frozen=True, eq=False)
class Symmetry:
    """The copies of a configuration.

    Parameters
    ----------
    invariants : function, optional
        x (..., dim) -> (..., n) numbers [length]; x itself by default.
    directions : function, optional
        x (..., dim) -> (..., n, dim), which need be neither normalised nor independent; none by
        default.
    maps : (n, dim, dim) array, optional
        The finite group, all of its elements; see `linear_symmetry`.

    Example
    -------
    >>> turned = Symmetry(
    ...     invariants=lambda x: np.linalg.norm(x, axis=-1, keepdims=True),
    ...     directions=lambda x: np.stack([-x[..., 1], x[..., 0]], axis=-1)[..., None, :],
    ... )
    >>> turned.distance(np.array([3.0, 4.0]), np.array([0.0, 5.0]))
    0.0
    """

    invariants: Callable[[Array], Array] | None = None
    directions: Callable[[Array], Array] | None = None
    maps: Array | None = None

    def distance(self, first: Array, second: Array) -> float:
        """Return the largest difference of invariants, for the copy of `first` next to `second`."""
        copies = first[None] if self.maps is None else self.maps @ first
        if self.invariants is not None:
            copies, second = self.invariants(copies), self.invariants(second)
        return float(np.abs(copies - second).max(axis=-1).min())

    def flat_basis(self, x: Array) -> Array:
        """Return orthonormal tangents (..., n, dim) of the copies of x; zeros where dependent."""
        if self.directions is None:
            return np.zeros((*x.shape[:-1], 0, x.shape[-1]))
        given = np.asarray(self.directions(x), dtype=np.float64)
        sizes, basis = np.linalg.svd(given, full_matrices=False)[1:]
        spans = sizes > np.maximum(_SPANS * sizes[..., :1], _SHORTEST)
        return basis * spans[..., None]


def rigid_motions(*, n_dimensions: int = 3, confined: bool = False) -> Symmetry:
    """Return the symmetry of a cluster of identical particles: moved, turned, mirrored, renamed.

    Two configurations count as copies if their sorted pair distances agree (and distances to the
    origin, if confined). There are 6 flat directions in space, 3 in the plane, and only the
    rotations in a trap.

    Parameters
    ----------
    n_dimensions : int
        2 or 3; coordinates are those of the first particle, of the second, ...
    confined : bool
        Whether a trap around the origin forbids translations.

    Raises
    ------
    ValueError
        If n_dimensions is not 2 or 3.
    """
    if n_dimensions not in (2, 3):
        raise ValueError(f"n_dimensions={n_dimensions!r} must be 2 or 3")
    turns = _rotations(n_dimensions)

    def invariants(x: Array) -> Array:
        atoms = x.reshape(*x.shape[:-1], -1, n_dimensions)
        pairs = np.triu_indices(atoms.shape[-2], 1)
        separations = atoms[..., pairs[0], :] - atoms[..., pairs[1], :]
        distances = np.sort(np.linalg.norm(separations, axis=-1), axis=-1)
        if not confined:
            return distances
        radii = np.sort(np.linalg.norm(atoms, axis=-1), axis=-1)
        return np.concatenate([distances, radii], axis=-1)

    def directions(x: Array) -> Array:
        atoms = x.reshape(*x.shape[:-1], -1, n_dimensions)
        # About the centre, so that rotations stay comparable with translations.
        centred = atoms if confined else atoms - atoms.mean(axis=-2, keepdims=True)
        found = [(centred @ turn).reshape(x.shape) for turn in turns]
        if not confined:
            n_atoms = atoms.shape[-2]
            unit = np.eye(n_dimensions) * np.sqrt((centred**2).mean() + 1e-300)
            found += [np.broadcast_to(np.tile(axis, n_atoms), x.shape) for axis in unit]
        return np.stack(found, axis=-2)

    return Symmetry(invariants, directions)


def linear_symmetry(generators: Sequence[Any]) -> Symmetry:
    """Return the finite group that matrices generate, such as renamed or mirrored coordinates.

    Parameters
    ----------
    generators : sequence of (dim, dim) arrays
        Orthogonal matrices g with U(g x) = U(x).

    Raises
    ------
    ValueError
        If a matrix is not square and orthogonal, or the group has more than 20000 elements.

    Example
    -------
    >>> len(linear_symmetry([[[0, 1], [1, 0]], [[-1, 0], [0, 1]]]).maps)  # of a square
    8
    """
    given = [np.asarray(matrix, dtype=np.float64) for matrix in generators]
    for matrix in given:
        square = matrix.ndim == 2 and matrix.shape == given[0].shape == matrix.shape[::-1]
        if not (square and np.allclose(matrix @ matrix.T, np.eye(len(matrix)), atol=1e-12)):
            raise ValueError(
                f"generators: {matrix.tolist()} must be an orthogonal matrix (dim, dim), all of "
                "one dim"
            )
    if not given:
        raise ValueError("generators=[] must hold a matrix; symmetry=None means no symmetry")
    known = {_key(np.eye(len(given[0]))): np.eye(len(given[0]))}
    fresh = list(known.values())
    while fresh:
        products = {_key(g @ element): g @ element for g in given for element in fresh}
        fresh = [element for key, element in products.items() if key not in known]
        known.update(products)
        if len(known) > _LARGEST_GROUP:
            raise ValueError(
                f"generators make a group of more than {_LARGEST_GROUP} elements; give invariants "
                "to Symmetry instead"
            )
    return Symmetry(maps=np.array(list(known.values())))


def _key(matrix: Array) -> bytes:
    return (np.round(matrix, 9) + 0.0).tobytes()


def _rotations(n_dimensions: int) -> list[Array]:
    """Antisymmetric matrices, one a plane of rotation."""
    turns = []
    for i in range(n_dimensions):
        for j in range(i):
            turn = np.zeros((n_dimensions, n_dimensions))
            turn[i, j], turn[j, i] = 1.0, -1.0
            turns.append(turn)
    return turns
