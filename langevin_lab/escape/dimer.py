"""The dimer method: to a saddle of index 1 by gradients and Hessian-vector products alone.

The lowest curvature and its direction n come from minimising n'Hn over unit vectors; then x moves
along the force with its part along n turned round,

    f = -gradient + 2 (gradient . n) n,

by nonlinear conjugate gradients whose step lengths come from a product with the Hessian, and only
along n while the curvature is still positive. The dimer of the original, two
images whose difference estimates H n, is shrunk to a point: `Potential.hessian_product` is its
exact limit. Cost: a few products a step, none of them a Hessian.

Source: Henkelman and Jonsson (1999); minimisation over the span of direction, residual and last
change: Knyazev (2001).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from langevin_lab.escape.symmetry import Symmetry

Array = np.ndarray

_ROTATIONS = 8  # products a step, at most
_TURNED = 1e-3  # |residual| of the direction, relative to its curvature
_AHEAD = 0.5  # step while the curvature is positive, relative to the largest
_CONVERGED = 1e-6  # gradient, relative to the largest curvature seen times max_step


def follow_dimer(
    potential: Any,
    start: Array,
    direction: Array,
    *,
    symmetry: Symmetry,
    max_step: float,
    n_steps: int,
) -> tuple[Array, bool]:
    """Climb from a start to a saddle of index 1.

    Parameters
    ----------
    potential : Potential
    start, direction : (dim,) arrays
        Where to begin, and a guess of the lowest mode there; need not be normalised.
    symmetry : Symmetry
    max_step : float
        Largest step [length].
    n_steps : int

    Returns
    -------
    position : (dim,) array
    converged : bool
        Whether gradient and curvature are those of a saddle; refine it by Newton's method.
    """
    with np.errstate(all="ignore"):  # far out there may be no numbers left
        return _followed(potential, start, direction, symmetry, max_step, n_steps)


def _followed(
    potential: Any, x: Array, mode: Array, symmetry: Symmetry, max_step: float, n_steps: int
) -> tuple[Array, bool]:
    heading = force = np.zeros_like(x)
    stiffest = 0.0
    for _ in range(n_steps):
        flat = symmetry.flat_basis(x)
        gradient = _across(flat, potential.gradient(x))
        before = mode
        mode, curvature, largest = lowest_mode(potential, x, mode, flat)
        if not (np.isfinite(gradient).all() and np.isfinite(curvature)):
            return x, False
        stiffest = max(stiffest, largest)
        if curvature >= 0:
            # Uphill out of the basin; at its bottom the way that was begun.
            slope = float(gradient @ mode)
            side = slope if abs(slope) > 1e-9 * stiffest * max_step else float(before @ mode)
            x = x + _AHEAD * max_step * np.sign(side) * mode
            heading = force = np.zeros_like(x)
            continue
        if np.linalg.norm(gradient) < _CONVERGED * stiffest * max_step:
            return x, True
        turned = 2.0 * float(gradient @ mode) * mode - gradient
        heading = _conjugate(heading, force, turned)
        force = turned
        product = _across(flat, potential.hessian_product(x, heading))
        x = x + heading * _length(heading, force, product, mode, curvature, max_step)
    return x, False


def _conjugate(heading: Array, last: Array, force: Array) -> Array:
    """Polak and Ribiere's next direction; the force itself where that would go back."""
    size = float(last @ last)
    if size == 0.0:
        return force
    ahead = force + max(0.0, float(force @ (force - last)) / size) * heading
    return ahead if ahead @ force > 0 else force


def _length(
    heading: Array, force: Array, product: Array, mode: Array, curvature: float, max_step: float
) -> float:
    """Zero of the turned force along a direction, in the quadratic model; at most max_step."""
    along = float(heading @ mode)
    bend = float(heading @ product) - 2.0 * curvature * along * along
    longest = max_step / max(float(np.linalg.norm(heading)), 1e-300)
    return min(float(heading @ force) / bend, longest) if bend > 0 else longest


def lowest_mode(
    potential: Any, x: Array, guess: Array, flat: Array, n_rotations: int = _ROTATIONS
) -> tuple[Array, float, float]:
    """Return the direction of lowest curvature at x, that curvature and the largest one met.

    Parameters
    ----------
    potential : Potential
    x, guess : (dim,) arrays
    flat : (n, dim) array
        Orthonormal directions that are left out, or zeros.
    n_rotations : int
        Hessian-vector products, at most, after the first.
    """
    mode = _unit(_across(flat, guess))
    product = _across(flat, potential.hessian_product(x, mode))
    change = None
    largest = 0.0
    for _ in range(n_rotations):
        curvature = float(mode @ product)
        residual = product - curvature * mode
        size = float(np.linalg.norm(residual))
        largest = max(largest, abs(curvature), size)
        if not np.isfinite(size) or size <= _TURNED * max(abs(curvature), 1e-3 * largest):
            break
        fresh = residual / size
        image = _across(flat, potential.hessian_product(x, fresh))
        basis, images = [mode, fresh], [product, image]
        if change is not None:
            basis.append(change[0])
            images.append(change[1])
        old = mode, product
        mode, product = _lowest_in_span(np.array(basis), np.array(images))
        change = _rest(mode - (mode @ old[0]) * old[0], product - (mode @ old[0]) * old[1])
    return mode, float(mode @ product), largest


def _lowest_in_span(basis: Array, images: Array) -> tuple[Array, Array]:
    """Rayleigh and Ritz: the unit vector of smallest n'Hn in a span, and its image H n."""
    left, sizes, _ = np.linalg.svd(basis @ basis.T)
    kept = sizes > 1e-10 * sizes[0]
    orthonormal = left[:, kept] / np.sqrt(sizes[kept])
    small = orthonormal.T @ (images @ basis.T) @ orthonormal
    weights = orthonormal @ np.linalg.eigh(0.5 * (small + small.T))[1][:, 0]
    return weights @ basis, weights @ images


def _rest(change: Array, image: Array) -> tuple[Array, Array] | None:
    size = float(np.linalg.norm(change))
    return None if size < 1e-8 else (change / size, image / size)


def _across(flat: Array, vector: Array) -> Array:
    return vector - flat.T @ (flat @ vector)


def _unit(vector: Array) -> Array:
    return vector / max(float(np.linalg.norm(vector)), 1e-300)
