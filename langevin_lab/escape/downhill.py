"""Steepest descent with long steps, from a saddle to the minima on its two sides.

Where gradient g and Hessian H are taken as a linear force, the path x' = -gradient is known:

    x(t) - x(0) = -sum_i v_i g_i (1 - exp(-l_i t))/l_i .

Each step follows it to the trust radius; it is taken back if the gradient at its end is not the
predicted one. So the path is the curve of steepest descent, not that of a minimiser, which may
jump into another basin; near the minimum a step is Newton's.

Source: Page and McIver (1988).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from langevin_lab.escape.refinement import refined, slope_and_hessian
from langevin_lab.escape.symmetry import Symmetry

Array = np.ndarray

_STEPS = 2000
_ACCEPTED = 0.25  # relative error of the predicted gradient
_NEAR = 1e-4  # length of a Newton step, relative to max_step, from which Newton takes over


def minimum_below(potential: Any, start: Array, *, symmetry: Symmetry, max_step: float) -> Any:
    """Return the minimum (dim,) at the end of the path of steepest descent, None if there is none.

    Parameters
    ----------
    potential : Potential
    start : (dim,) array
    symmetry : Symmetry
    max_step : float
        Largest step [length].
    """
    x, radius = start, 0.1 * max_step
    gradient, hessian = slope_and_hessian(potential, x, symmetry)
    for _ in range(_STEPS):
        curvatures, modes = np.linalg.eigh(hessian)
        components = modes.T @ gradient
        step = _path_step(curvatures, components, radius)
        if curvatures[0] > 0 and np.linalg.norm(components / curvatures) < _NEAR * max_step:
            return refined(potential, x, symmetry)
        move = modes @ step
        expected = gradient + hessian @ move
        slope, curving = slope_and_hessian(potential, x + move, symmetry)
        error = np.linalg.norm(slope - expected)
        scale = np.linalg.norm(gradient) + np.linalg.norm(expected)
        if not error <= _ACCEPTED * scale:
            radius *= 0.5
            if radius < 1e-12 * max_step:
                return None
            continue
        x, gradient, hessian = x + move, slope, curving
        radius = min(1.5 * radius, max_step)
    return None


def _path_step(curvatures: Array, components: Array, radius: float) -> Array:
    """Displacement along the path of the linear force, at most `radius` long."""
    largest = float(np.abs(curvatures).max())
    # Long enough to end in the minimum if there is one; growth is cut before it overflows.
    time = 1e6 / largest
    if curvatures[0] <= 0:
        time = min(time, 50.0 / max(-float(curvatures[0]), 1e-8 * largest))
    for _ in range(200):
        scaled = curvatures * time
        is_flat = np.abs(scaled) < 1e-12
        share = np.where(is_flat, 1.0, -np.expm1(-scaled) / np.where(is_flat, 1.0, scaled))
        step = -components * time * share
        if np.linalg.norm(step) <= radius:
            break
        time *= 0.5
    return step
