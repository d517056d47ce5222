"""Eigenvector following: many points at once, uphill along some modes and downhill along the rest.

With curvatures l_i, modes v_i and g_i = v_i . gradient a step is

    s_i = + g_i/|l_i|   along the modes that are climbed,     s_i = - g_i/|l_i|   along the others,

each |s_i| and |s| at most the trust radius, which grows where the quadratic model predicts the next
gradient and shrinks where it does not. Next to a stationary point of index k, with its k unstable
modes climbed, this is Newton's method; it is repelled by every other index.

Source: Cerjan and Miller (1981); Wales, Energy Landscapes (2003), chapter 6.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from langevin_lab.escape.refinement import slope_and_hessian
from langevin_lab.escape.symmetry import Symmetry

Array = np.ndarray

_CONVERGED = 1e-7  # length of a full step, relative to the largest trust radius
_GROW, _SHRINK = 0.15, 0.5  # relative error of the predicted gradient


def follow_modes(
    potential: Any,
    starts: Array,
    index: int,
    *,
    symmetry: Symmetry,
    max_step: float,
    n_steps: int,
    followed: Array | None = None,
    bounds: Array | None = None,
) -> tuple[Array, Array]:
    """Follow eigenvectors from every start towards a stationary point of one index.

    Parameters
    ----------
    potential : Potential
    starts : (n, dim) array
    index : int
        Number of modes that are climbed: the lowest ones.
    symmetry : Symmetry
    max_step : float
        Largest step, positive [length].
    n_steps : int
    followed : (n, dim) array, optional
        With index 1: direction to climb first. As long as no curvature is negative the mode with
        the largest overlap with the last one is climbed, then the lowest.
    bounds : (dim, 2) array, optional
        Points that leave this box by its own width are given up.

    Returns
    -------
    positions : (n, dim) array
        Where each has come to.
    converged : (n,) array of bool
    """
    walk = _Walk(starts, max_step, followed)
    for _ in range(n_steps):
        if not walk.active.size:
            break
        x = walk.x[walk.active]
        with np.errstate(all="ignore"):  # far out there may be no numbers left
            gradient, hessian = slope_and_hessian(potential, x, symmetry)
            sizes = np.linalg.norm(gradient, axis=-1), np.linalg.norm(hessian, axis=(-1, -2))
        keep = np.isfinite(sizes[0]) & np.isfinite(sizes[1])
        if bounds is not None:
            width = bounds[:, 1] - bounds[:, 0]
            keep &= ((x > bounds[:, 0] - width) & (x < bounds[:, 1] + width)).all(-1)
        walk.active, gradient, hessian = walk.active[keep], gradient[keep], hessian[keep]
        if walk.active.size:
            _advance(walk, gradient, hessian, index)
    return walk.x, walk.converged


class _Walk:
    """The state of all points; `active` are the numbers of those that still move."""

    def __init__(self, starts: Array, max_step: float, followed: Array | None):
        n, _ = starts.shape
        self.x = starts.copy()
        self.max_step = max_step
        self.radius = np.full(n, max_step)
        self.expected = np.full(starts.shape, np.nan)
        self.followed = None if followed is None else followed.copy()
        self.converged = np.zeros(n, dtype=bool)
        self.active = np.arange(n)

    def adapt(self, gradient: Array) -> None:
        """Change trust radii by how well the last gradients were predicted."""
        expected = self.expected[self.active]
        error = np.linalg.norm(gradient - expected, axis=-1)
        error /= np.linalg.norm(gradient, axis=-1) + np.linalg.norm(expected, axis=-1) + 1e-300
        radius = self.radius[self.active]
        radius = np.where(error < _GROW, np.minimum(1.5 * radius, self.max_step), radius)
        self.radius[self.active] = np.where(error > _SHRINK, 0.5 * radius, radius)


def _advance(walk: _Walk, gradient: Array, hessian: Array, index: int) -> None:
    """One step of all active points."""
    walk.adapt(gradient)
    numbers = walk.active
    curvatures, modes = np.linalg.eigh(hessian)
    components = np.einsum("nji,nj->ni", modes, gradient)
    radius = walk.radius[numbers][:, None]
    # A tiny number instead of zero curvature: the limit of the step is the radius.
    size = np.abs(components) / np.maximum(np.abs(curvatures), 1e-300)
    step = -np.sign(components) * np.minimum(size, radius)
    step[_climbed(walk, curvatures, modes, index)] *= -1.0
    length = np.linalg.norm(step, axis=-1, keepdims=True)
    step *= np.minimum(1.0, radius / np.maximum(length, 1e-300))
    move = np.einsum("nij,nj->ni", modes, step)
    walk.x[numbers] += move
    walk.expected[numbers] = gradient + np.einsum("nij,nj->ni", hessian, move)
    is_done = np.linalg.norm(size, axis=-1) < _CONVERGED * walk.max_step
    walk.converged[numbers] = is_done
    walk.active = numbers[~is_done]


def _climbed(walk: _Walk, curvatures: Array, modes: Array, index: int) -> Array:
    """Mask (n, dim) of the modes that are climbed."""
    mask = np.zeros(curvatures.shape, dtype=bool)
    if walk.followed is None:
        mask[:, :index] = True
        return mask
    overlap = np.abs(np.einsum("nji,nj->ni", modes, walk.followed[walk.active]))
    chosen = np.where(curvatures[:, 0] < 0, 0, overlap.argmax(axis=-1))
    rows = np.arange(len(chosen))
    mask[rows, chosen] = True
    walk.followed[walk.active] = modes[rows, :, chosen]
    return mask
