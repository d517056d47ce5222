"""Curvature of a loss where a training stands: largest and smallest eigenvalues, trace.

The sharpness of a minimum is the largest eigenvalue of the Hessian H, here of all examples. Lanczos
iteration (scipy's ARPACK) needs products H v alone. A unit vector v and a number l that it returns
come with the residual r = |H v - l v|: some eigenvalue of H lies within r of l.

Source: Lehoucq, Sorensen and Yang (1998); Parlett (1980), theorem 4.5.1, for the residual.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.potentials.arguments import points
from langevin_lab.potentials.requirements import whole_number
from langevin_lab.training.sampled import Sampled, over

__all__ = ["Eigenpairs", "Sharpness", "hessian_trace", "sharpness"]

_DENSE = 40  # up to here the whole matrix costs less than an iteration


@dataclass(frozen=True)
class Eigenpairs:
    """Some eigenvalues of the Hessian at one point or many.

    Attributes
    ----------
    values : ndarray of shape (..., n)
        The outermost first [energy/length^2].
    vectors : ndarray of shape (..., n, dim)
        Of length one; the sign is that which makes the largest entry positive.
    residuals : ndarray of shape (..., n)
        |H v - value v|: an eigenvalue lies within it of the value.
    """

    values: np.ndarray
    vectors: np.ndarray
    residuals: np.ndarray


@dataclass(frozen=True)
class Sharpness:
    """Both ends of the Hessian's spectrum; see `sharpness`.

    Attributes
    ----------
    largest, smallest : Eigenpairs
        n_largest and n_smallest of them.
    """

    largest: Eigenpairs
    smallest: Eigenpairs

    @property
    def value(self) -> np.ndarray:
        """The largest eigenvalue, shape (...)."""
        return self.largest.values[..., 0]

    @property
    def residual(self) -> np.ndarray:
        """Its residual, shape (...)."""
        return self.largest.residuals[..., 0]


def sharpness(
    potential: Any,
    x: Any,
    *,
    n_largest: int = 1,
    n_smallest: int = 0,
    tolerance: float = 1e-6,
    max_iterations: int | None = None,
    seed: int = 0,
) -> Sharpness:
    """Return the largest eigenvalues of the Hessian, and the smallest if wanted.

    Parameters
    ----------
    potential : Potential
        For a network on other examples give ``network.with_data(inputs, targets)``.
    x : array_like of shape (..., dim)
        Points, one after the other: the iteration is that of one matrix.
    n_largest, n_smallest : int
        How many, together at least 1 and n_largest at least 1.
    tolerance : float
        Of the values, relative to the largest of them; positive.
    max_iterations : int, optional
        Restarts of the iteration, by default 10 dim.
    seed : int
        Of the vector that the iteration starts from.

    Returns
    -------
    Sharpness

    Raises
    ------
    ValueError
        If a number is out of range or x is not finite.
    RuntimeError
        If the iteration does not reach the tolerance.

    Notes
    -----
    A residual bounds the distance to the nearest eigenvalue; that no larger one was missed is as
    good as certain for a drawn start, but not proved. Up to dim = 40 the matrix is made and
    diagonalised. The Hessian of a relu network is that between its kinks.

    Source
    ------
    Lehoucq, Sorensen and Yang (1998); Pearlmutter (1994) for the products.

    Example
    -------
    >>> import langevin_lab as ll
    >>> found = sharpness(ll.potentials.harmonic(dim=3, stiffness=2.0), [0.0, 0.0, 0.0])
    >>> float(found.value), float(found.residual)
    (2.0, 0.0)
    """
    x = finite_points(potential, x)
    counts = (
        whole_number("sharpness", "n_largest", n_largest, 1),
        whole_number("sharpness", "n_smallest", n_smallest, 0),
    )
    if max(counts) > potential.dim:
        raise ValueError(
            f"n_largest={counts[0]} and n_smallest={counts[1]} must not exceed dim={potential.dim}"
        )
    if not tolerance > 0:
        raise ValueError(f"tolerance={tolerance} must be positive")
    if max_iterations is not None:
        whole_number("sharpness", "max_iterations", max_iterations, 1)
    rows = x.reshape(-1, potential.dim)
    if potential.dim <= _DENSE or max(counts) > potential.dim // 2:
        vectors = [_dense(potential, row, *counts) for row in rows]
    else:
        rng = np.random.default_rng(whole_number("sharpness", "seed", seed, 0))
        start = rng.standard_normal(potential.dim)
        limits = tolerance, max_iterations
        vectors = [_iterated(potential, row, *counts, start, *limits) for row in rows]
    shape = x.shape[:-1]
    return Sharpness(*(_pairs(potential, rows, found, shape) for found in zip(*vectors)))


def hessian_trace(potential: Any, x: Any, *, n_probes: int = 64, seed: int = 0) -> Sampled:
    """Return the trace of the Hessian from products with random signs, with its error bar.

    trace = mean of v.H v over v of independent entries +-1; one probe has the variance
    2 (sum of the squares off the diagonal).

    Parameters
    ----------
    potential : Potential
    x : array_like of shape (..., dim)
    n_probes : int
        At least 2; all points get the same.
    seed : int

    Returns
    -------
    Sampled
        Of shape (...): errors are those over probes, so points have common errors.

    Raises
    ------
    ValueError
        If a number is out of range or x is not finite.

    Source
    ------
    Hutchinson (1990).
    """
    x = finite_points(potential, x)
    n = whole_number("hessian_trace", "n_probes", n_probes, 2)
    signs = random_signs(whole_number("hessian_trace", "seed", seed, 0), (n, potential.dim))
    rows = x.reshape(-1, potential.dim)
    products = [potential.hessian_product(row, signs) for row in rows]
    samples = np.array([np.sum(signs * product, axis=-1) for product in products])
    return over(samples.reshape(*x.shape[:-1], n), axis=-1)


def random_signs(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """Independent entries +1 and -1 of even chance."""
    return 2.0 * np.random.default_rng(seed).integers(0, 2, shape) - 1.0


def finite_points(potential: Any, x: Any) -> np.ndarray:
    """Points (..., dim), all finite."""
    x = points(potential.name, "x", x, potential.dim)
    bad = int(np.count_nonzero(~np.isfinite(x).all(axis=-1)))
    if bad:
        raise ValueError(f"{bad} points of x are not finite: leave diverged replicas out")
    return x


def _dense(
    potential: Any, x: np.ndarray, n_largest: int, n_smallest: int
) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvectors (n, dim) of both ends from the matrix."""
    vectors = np.linalg.eigh(potential.hessian(x))[1].T
    return vectors[::-1][:n_largest], vectors[:n_smallest]


def _iterated(
    potential: Any,
    x: np.ndarray,
    n_largest: int,
    n_smallest: int,
    start: np.ndarray,
    tolerance: float,
    max_iterations: int | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvectors (n, dim) of both ends from products."""
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

    def end(count: int, which: str, shift: float) -> tuple[np.ndarray, np.ndarray]:
        def product(v: np.ndarray) -> np.ndarray:
            return potential.hessian_product(x, v.ravel()) - shift * v.ravel()

        matrix = LinearOperator((potential.dim, potential.dim), product, dtype=np.float64)
        try:
            return eigsh(
                matrix, count, which=which, v0=start, tol=tolerance, maxiter=max_iterations
            )
        except ArpackNoConvergence as error:
            raise RuntimeError(
                f"sharpness: {len(error.eigenvalues)} of {count} eigenvalues reached "
                f"tolerance={tolerance:g} in max_iterations={max_iterations or 10 * potential.dim};"
                " allow more of them or a larger tolerance"
            ) from None

    values, vectors = end(n_largest, "LA", 0.0)
    largest = vectors.T[np.argsort(-values)]
    if not n_smallest:
        return largest, np.empty((0, potential.dim))
    # ARPACK's tolerance is relative to each value, which for flat directions is 0.
    values, vectors = end(n_smallest, "SA", float(np.max(np.abs(values))))
    return largest, vectors.T[np.argsort(values)]


def _pairs(
    potential: Any, rows: np.ndarray, found: tuple[np.ndarray, ...], shape: tuple[int, ...]
) -> Eigenpairs:
    """Vectors with their Rayleigh quotients and residuals."""
    vectors = np.array(found)
    n = vectors.shape[1]
    places = np.abs(vectors).argmax(axis=-1)[..., None]
    vectors = vectors * np.sign(np.take_along_axis(vectors, places, axis=-1))
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    if n == 0:
        empty = np.empty((*shape, 0))
        return Eigenpairs(empty, vectors.reshape(*shape, 0, potential.dim), empty)
    products = potential.hessian_product(rows[:, None], vectors)
    values = np.sum(vectors * products, axis=-1)
    residuals = np.linalg.norm(products - values[..., None] * vectors, axis=-1)
    return Eigenpairs(
        values.reshape(*shape, n),
        vectors.reshape(*shape, n, potential.dim),
        residuals.reshape(*shape, n),
    )
