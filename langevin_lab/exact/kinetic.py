"""Relaxation rates of underdamped Langevin dynamics in one dimension, by Hermite-Galerkin.

The backward Kramers generator, with p = sqrt(mass T) u, acts on f = sum_k f_k(x) he_k(u)
(orthonormal Hermite polynomials) as a block-tridiagonal operator

    (L f)_k = w [ sqrt(k) f_{k-1}' - sqrt(k + 1) d^* f_{k+1} ] - friction k f_k,  w = sqrt(T/mass),

d^* the adjoint of d/dx under the Gibbs law. The f_k are expanded in polynomials orthonormal under
that law, where d is a strictly upper triangular matrix, and L^-1 on functions of mean zero is a
block elimination from the highest k downwards (Risken's matrix continued fraction). The energy
identity rate = friction sum k |f_k|^2 / sum |f_k|^2 then reads a slow rate from positive terms.
Source: Risken (1989), section 10.3; Roussel and Stoltz (2018) for the Galerkin convergence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.exact.polynomials import polynomial_axis
from langevin_lab.exact.quadrature import gibbs_interval
from langevin_lab.exact.reference import Array, Reference
from langevin_lab.exact.requirements import (
    friction_of,
    per_coordinate,
    require_dimension,
    require_true_gradient,
    temperature_of,
)

# (polynomials in x, Hermite functions in p), enlarged until the rate stands still.
_SIZES = ((32, 32), (48, 64), (64, 96), (88, 144), (120, 240), (160, 512), (200, 1024))
_NEAREST = 6
_TINY = 1e-100
# exp(-60) keeps thirty temperatures above a barrier of thirty.
_CUT = 60.0


@dataclass(frozen=True)
class SlowMode:
    """The slowest relaxation mode of a Langevin dynamics.

    Attributes
    ----------
    rate : Reference
        [1/time].
    second_rate : float
        The next smallest among these real parts.
    nodes, weights, profile : (n,) array
        Positions, their Gibbs weights, and the eigenfunction averaged over the momentum there.
    """

    rate: Reference
    second_rate: float
    nodes: Array
    weights: Array
    profile: Array


def slow_mode(dynamics: Any, *, tolerance: float = 1e-6) -> SlowMode:
    """Compute the slowest relaxation mode of the Kramers generator.

    The smallest real part among the six non-zero eigenvalues nearest to zero.

    Parameters
    ----------
    dynamics : Langevin
        dim 1, constant temperature > 0, friction > 0.
    tolerance : float, optional
        Relative change between two basis sizes at which refinement stops.

    Returns
    -------
    SlowMode
        Its rate carries the last change as error.

    Raises
    ------
    ValueError
        dim != 1; friction = 0; no convergence to 1 % with 200 x 1024 functions: friction too low.

    Notes
    -----
    Cost on two cores: 0.2 s at friction 1, 2 s at friction 0.05, for dU = 10 T; 8 s at friction
    0.01, with an error of 0.3 %, for dU = 2 T to 5 T.
    """
    require_dimension(dynamics, (1,), "the kinetic spectrum")
    require_true_gradient(dynamics)
    friction = float(per_coordinate(friction_of(dynamics), 1)[0])
    if not 0 < friction < np.inf:
        raise ValueError(
            f"friction={friction} leaves no kinetic relaxation rate to compute; use a finite "
            "friction > 0"
        )
    previous = None
    for n_x, n_p in _SIZES:
        rate, second, nodes, weights, profile = _solve(dynamics, friction, n_x, n_p)
        change = abs(rate - previous) if previous is not None else np.inf
        if change <= tolerance * abs(rate):
            break
        previous = rate
    if not change <= 0.01 * abs(rate):
        raise ValueError(
            f"friction={friction} is too low for {n_x} x {n_p} basis functions: the rate "
            f"{rate:.4g} still changes by {change:.2g}; use escape.energy_diffusion"
        )
    error = change + 1e-10 * abs(rate)
    return SlowMode(Reference(rate, error), second, nodes, weights, profile)


def _solve(
    dynamics: Any, friction: float, n_x: int, n_p: int
) -> tuple[float, float, Array, Array, Array]:
    """Rate, second rate, nodes, their weights, profile of the slow mode."""
    import scipy.sparse.linalg as linalg

    temperature = temperature_of(dynamics)
    speed = float(np.sqrt(temperature / per_coordinate(dynamics.mass, 1)[0]))
    low, high = gibbs_interval(dynamics, _CUT)
    axis = polynomial_axis(
        "x",
        low,
        high,
        lambda x: -np.asarray(dynamics.potential.energy(x[:, None])) / temperature,
        n_nodes=3 * n_x + 20,
        degree=n_x - 1,
    )
    inverse = _Inverse(speed * axis.derivative(), friction, n_p)
    size = n_x * n_p
    operator = linalg.LinearOperator((size, size), matvec=inverse, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(size)
    # A tolerance: beside a rate of 1e-5 the others cannot reach rounding, and ARPACK would go on.
    values, vectors = linalg.eigs(operator, k=_NEAREST, v0=inverse(start), tol=1e-11)
    weights = np.arange(n_p)
    squares = np.sum(np.abs(vectors.reshape(n_p, n_x, -1)) ** 2, axis=1)
    rates = friction * (weights @ squares) / squares.sum(axis=0)
    slowest = int(np.argmin(rates))
    # A conjugate pair is one mode: the second rate is that of another eigenvalue.
    others = np.abs(values - values[slowest].conj()) > 1e-6 * abs(values[slowest])
    others[slowest] = False
    # The phase is arbitrary: turn the largest entry to the real axis.
    first = vectors[:n_x, slowest] / vectors[np.argmax(np.abs(vectors[:n_x, slowest])), slowest]
    profile = axis.table(axis.nodes) @ first.real
    return float(rates[slowest]), float(rates[others].min()), axis.nodes, axis.weights, profile


class _Inverse:
    """L^-1 on functions of mean zero by block elimination; `drift` is w d/dx."""

    def __init__(self, drift: Array, friction: float, n_p: int) -> None:
        n_x = len(drift)
        self._drift, self._adjoint = drift, np.ascontiguousarray(drift.T)
        self._n_p, self._n_x = n_p, n_x
        self._pivots = np.empty((n_p, n_x, n_x))
        pivot = -friction * (n_p - 1) * np.eye(n_x)
        for k in range(n_p - 1, 0, -1):
            self._pivots[k] = np.linalg.inv(pivot)
            pivot = k * drift.T @ self._pivots[k] @ drift - friction * (k - 1) * np.eye(n_x)
        # The constant function spans the null space: row and column 0 of the k = 0 block.
        self._pivots[0] = 0.0
        self._pivots[0, 1:, 1:] = np.linalg.inv(pivot[1:, 1:])

    def __call__(self, right: Array) -> Array:
        y = np.array(right, dtype=np.float64).reshape(self._n_p, self._n_x)
        for k in range(self._n_p - 1, 0, -1):
            y[k - 1] += np.sqrt(k) * _product(self._adjoint, _product(self._pivots[k], y[k]))
        y[0] = _product(self._pivots[0], y[0])
        for k in range(1, self._n_p):
            y[k] -= np.sqrt(k) * _product(self._drift, y[k - 1])
            y[k] = _product(self._pivots[k], y[k])
            # Modes decay with k into denormal numbers, which are ten times slower.
            y[k, np.abs(y[k]) < _TINY] = 0.0
        return y.ravel()


def _product(matrix: Array, vector: Array) -> Array:
    # Not matrix @ vector: on shared cores a threaded BLAS waits far longer than this takes.
    return np.einsum("ij,j->i", matrix, vector)
