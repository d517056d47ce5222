"""Density of all the Hessian's eigenvalues, without the matrix: stochastic Lanczos quadrature.

For a unit vector v the eigenvalues l_k of H have weights (v.v_k)^2. After m steps of Lanczos
iteration from v the tridiagonal matrix T has eigenvalues t_j; with w_j the squared first
entries of its eigenvectors,

    sum_j w_j f(t_j) = v.f(H) v        exactly for polynomials f up to degree 2 m - 1,

and the mean over random directions v is the mean of f over the eigenvalues, trace f(H)/dim.

Source: Golub and Welsch (1969); Ubaru, Chen and Saad (2017); Ghorbani, Krishnan and Xiao (2019) for
networks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.potentials.requirements import whole_number
from langevin_lab.training.curvature import finite_points, random_signs
from langevin_lab.training.sampled import Sampled, over

__all__ = ["SpectralDensity", "spectral_density"]


@dataclass(frozen=True)
class SpectralDensity:
    """Quadrature of the Hessian's spectrum; see `spectral_density`.

    Attributes
    ----------
    nodes, weights : ndarray of shape (..., n_probes, n_steps)
        The weights of a probe sum to 1.
    """

    nodes: np.ndarray
    weights: np.ndarray

    def mean(self, function: Callable[[np.ndarray], np.ndarray]) -> Sampled:
        """Return the mean of a function over the eigenvalues, with its error over probes.

        Parameters
        ----------
        function : callable
            Of an array, entry by entry; in an extra last axis it may return several values.

        Returns
        -------
        Sampled
            Of shape (...); the error holds that of the directions, not that of the quadrature,
            which is exact for polynomials up to degree 2 n_steps - 1.
        """
        values = np.asarray(function(self.nodes))
        extra = (1,) * (values.ndim - self.nodes.ndim)
        weights = self.weights.reshape(*self.weights.shape, *extra)
        axis = self.nodes.ndim - 1
        return over(np.sum(weights * values, axis=axis), axis=axis - 1)

    def density(self, grid: Any, *, width: float) -> Sampled:
        """Return the density of eigenvalues at the grid, each a normal density of that width.

        Parameters
        ----------
        grid : array_like of shape (n,)
        width : float
            Standard deviation, positive [energy/length^2]. Below span/n_steps single nodes show.

        Returns
        -------
        Sampled
            Of shape (..., n) [length^2/energy].

        Raises
        ------
        ValueError
            Unless width > 0.
        """
        if not width > 0:
            raise ValueError(f"width={width} must be positive")
        grid = np.asarray(grid, dtype=np.float64)

        def bells(nodes: np.ndarray) -> np.ndarray:
            return np.exp(-0.5 * ((grid - nodes[..., None]) / width) ** 2)

        found = self.mean(bells)
        unit = np.sqrt(2.0 * np.pi) * width
        return Sampled(found.value / unit, found.stderr / unit, found.n)


def spectral_density(
    potential: Any, x: Any, *, n_probes: int = 16, n_steps: int = 40, seed: int = 0
) -> SpectralDensity:
    """Return the density of the Hessian's eigenvalues as nodes and weights.

    Parameters
    ----------
    potential : Potential
    x : array_like of shape (..., dim)
        Points, all at once: n_points n_probes n_steps dim numbers are held.
    n_probes : int
        Random directions, at least 2; their scatter is the error bar.
    n_steps : int
        Of Lanczos iteration, at least 1; dim are enough.
    seed : int

    Returns
    -------
    SpectralDensity

    Raises
    ------
    ValueError
        If a number is out of range or x is not finite.

    Source
    ------
    Ubaru, Chen and Saad (2017), algorithm 1.

    Example
    -------
    >>> import langevin_lab as ll
    >>> found = spectral_density(ll.potentials.harmonic(dim=50, stiffness=3.0), np.zeros(50))
    >>> round(float(found.mean(lambda value: value**2).value), 12)
    9.0
    """
    x = finite_points(potential, x)
    n_probes = whole_number("spectral_density", "n_probes", n_probes, 2)
    n_steps = min(whole_number("spectral_density", "n_steps", n_steps, 1), potential.dim)
    seed = whole_number("spectral_density", "seed", seed, 0)
    signs = random_signs(seed, (n_probes, potential.dim)) / np.sqrt(potential.dim)
    rows = x.reshape(-1, 1, potential.dim)
    diagonal, off = _tridiagonal(potential, rows, signs, n_steps)
    matrices = np.zeros((*diagonal.shape, n_steps))
    places = np.arange(n_steps)
    matrices[..., places, places] = diagonal
    matrices[..., places[1:], places[:-1]] = off  # eigh reads the lower triangle
    nodes, vectors = np.linalg.eigh(matrices)
    shape = (*x.shape[:-1], n_probes, n_steps)
    return SpectralDensity(nodes.reshape(shape), (vectors[..., 0, :] ** 2).reshape(shape))


def _tridiagonal(
    potential: Any, rows: np.ndarray, starts: np.ndarray, n_steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Diagonals (n_points, n_probes, n_steps) and the ones beside them, of n_steps - 1."""
    shape = (len(rows), *starts.shape)
    basis = np.zeros((n_steps, *shape))
    basis[0] = starts
    diagonal, off = np.zeros((n_steps, *shape[:2])), np.zeros((n_steps, *shape[:2]))
    for step in range(n_steps):
        v = potential.hessian_product(rows, basis[step])
        diagonal[step] = np.sum(v * basis[step], axis=-1)
        if step == n_steps - 1:
            break
        scale = np.linalg.norm(v, axis=-1)
        for _ in range(2):  # once is not enough to be orthogonal to rounding
            v = v - np.einsum("kpni,kpn->pni", basis, np.einsum("kpni,pni->kpn", basis, v))
        length = np.linalg.norm(v, axis=-1)
        # In an invariant subspace all is known: zeros in T give further nodes no weight.
        going = length > 1e-12 * np.where(scale > 0, scale, 1.0)
        off[step] = np.where(going, length, 0.0)
        basis[step + 1] = np.where(going, 1.0 / np.where(going, length, 1.0), 0.0)[..., None] * v
    return np.moveaxis(diagonal, 0, -1), np.moveaxis(off[:-1], 0, -1)
