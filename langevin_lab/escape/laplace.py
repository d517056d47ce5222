"""First correction in T of the Eyring-Kramers law, any dimension: Laplace's method to next order.

The rate over a saddle is k = T capacity / partition, up to terms exponentially small in dU/T, with

    partition = int exp(-U/T) dx                          around the minimum,
    capacity  = min_h int |grad h|^2 exp(-U/T) dx         h = 0 in the well, 1 beyond the saddle

(friction 1; other frictions rescale the coordinates). With x = point + sqrt(T) z, U3 and U4 the
cubic and quartic terms of U there, and <> the Gaussian average of covariance |H|^-1,

    partition = leading (1 + T <U3^2/2 - U4>_m)
    capacity  = leading (1 + T <U3^2/2 - U4 + P dU3/dz_1>_s)

z_1 along the unstable direction, of curvature -a. The last term is what the committor gains by
bending, h = h_0 + sqrt(T) h_0'(z_1) P(z): the quadratic polynomial P solves

    (Laplacian - z.|H| grad - a) P = dU3/dz_1.

In one dimension the saddle's terms add up to -U4/(8 U2^2) - 5 U3^2/(24 |U2|^3).
Source: Bovier, Eckhoff, Gayrard and Klein (2004) for k as a capacity; the expansion is done here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_lab.escape.barrier import Barrier

Array = NDArray[np.float64]


def first_correction(potential: Any, barrier: Barrier, friction: Array) -> float:
    """Coefficient of T in (Eyring-Kramers rate) / (rate)."""
    partition = _partition(*_expansion(potential, barrier.minimum, friction))
    capacity = _capacity(*_expansion(potential, barrier.saddle, friction))
    return partition - capacity


def _expansion(potential: Any, point: Array, friction: Array) -> tuple[Array, Array, Array]:
    """Curvatures, and third and fourth derivatives along the eigenvectors of the Hessian.

    Of x sqrt(friction), in which every friction is 1.
    """
    scale = 1.0 / np.sqrt(friction)
    curvatures, vectors = np.linalg.eigh(potential.hessian(point) * np.outer(scale, scale))
    frame = scale[:, None] * vectors
    third = np.einsum("abc,ai,bj,ck", potential.derivatives(point, 3), *(frame,) * 3, optimize=True)
    fourth = potential.derivatives(point, 4)
    return curvatures, third, np.einsum("abcd,ai,bj,ck,dl", fourth, *(frame,) * 4, optimize=True)


def _partition(curvatures: Array, third: Array, fourth: Array) -> float:
    """<U3^2/2 - U4> by Wick's theorem."""
    spread = 1.0 / np.abs(curvatures)
    trace = np.einsum("ijj,j", third, spread)
    chain = np.sum(trace**2 * spread) / 8
    melon = np.einsum("ijk,ijk,i,j,k", third, third, *(spread,) * 3, optimize=True) / 12
    return float(chain + melon - np.einsum("iijj,i,j", fourth, spread, spread) / 8)


def _capacity(curvatures: Array, third: Array, fourth: Array) -> float:
    """<U3^2/2 - U4 + P dU3/dz_1>; `curvatures` ascend, so that direction 0 is the unstable one."""
    steepness = np.abs(curvatures)
    spread, slope = 1.0 / steepness, third[0]
    # P = z.bend z/2 + offset and dU3/dz_1 = z.slope z/2.
    bend = -slope / (steepness[0] + steepness[:, None] + steepness[None, :])
    offset = np.trace(bend) / steepness[0]
    trace = float(np.diag(slope) @ spread)
    bending = (np.diag(bend) @ spread) * trace / 4 + 0.5 * offset * trace
    bending += 0.5 * np.sum(bend * slope * np.outer(spread, spread))
    return _partition(curvatures, third, fourth) + float(bending)
