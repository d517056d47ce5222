"""Elementary differentials as numbers, through derivative tensors: for any potential.

A node of k children is minus the tensor of the (k + 1)-th derivatives of U at x, divided by the
mass, contracted with what its children are. Nothing is derived symbolically, so potentials in array
form will do; theirs are finite differences beyond the Hessian.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from langevin_lab.limits.elementary_differentials import Tree


class TreeValues:
    """The values of trees at points; equal trees are worked out once.

    Parameters
    ----------
    potential : Potential
    coordinates : mapping of {"x", "v"} to ndarray of shape (..., dim)
        Positions, and velocities if a tree has them.
    mass : float or ndarray of shape (dim,), optional
    """

    def __init__(
        self, potential: Any, coordinates: Mapping[str, np.ndarray], mass: Any = 1.0
    ) -> None:
        self._potential = potential
        self._mass = np.asarray(mass)
        self._values = {Tree(name): array for name, array in coordinates.items()}
        self._position = coordinates["x"]
        self._tensors: dict[int, np.ndarray] = {}

    def value(self, tree: Tree) -> np.ndarray:
        """The elementary differential, (..., dim)."""
        if tree not in self._values:
            tensor = self._tensor(len(tree.children) + 1)
            for child in tree.children:
                direction = self.value(child)
                # The tensor is symmetric: any axis but the first may be summed over.
                free = tensor.ndim - direction.ndim
                shape = (*direction.shape[:-1], *[1] * free, direction.shape[-1])
                tensor = np.sum(tensor * direction.reshape(shape), axis=-1)
            self._values[tree] = -tensor / self._mass
        return self._values[tree]

    def total(self, terms: Iterable[tuple[Tree, float]]) -> np.ndarray:
        """The sum of trees with numbers for coefficients, (..., dim)."""
        total = np.zeros(np.shape(self._position))
        for tree, coefficient in terms:
            total = total + coefficient * self.value(tree)
        return total

    def _tensor(self, order: int) -> np.ndarray:
        if order not in self._tensors:
            self._tensors[order] = self._potential.derivatives(self._position, order)
        return self._tensors[order]


def state_function(
    potential: Any,
    components: Mapping[str, tuple[tuple[Tree, float], ...]],
    *,
    has_velocity: bool,
    mass: Any = 1.0,
) -> Callable[[Any], np.ndarray]:
    """The function state -> components side by side, state (..., dim) or, with v, (..., 2 dim)."""
    dim = potential.dim
    width = 2 * dim if has_velocity else dim

    def evaluate(state: Any) -> np.ndarray:
        array = np.asarray(state, dtype=float)
        if array.ndim == 0 or array.shape[-1] != width:
            layout = "positions, then velocities" if has_velocity else "positions"
            raise ValueError(
                f"state has shape {array.shape}; its last axis must hold {width} numbers: {layout}"
            )
        coordinates = {"x": array[..., :dim]}
        if has_velocity:
            coordinates["v"] = array[..., dim:]
        values = TreeValues(potential, coordinates, mass)
        return np.concatenate([values.total(terms) for terms in components.values()], axis=-1)

    return evaluate
