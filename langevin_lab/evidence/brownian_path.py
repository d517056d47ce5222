"""One Brownian path seen at any resolution: increments and integrals, all from the same fine path.

On an interval of length h, with v the time left until its end, the path supplies

    increment             W = int dW                              sqrt(time)
    area                  I = int v dW = int (W(s) - W(0)) ds     time^(3/2)
    ornstein_uhlenbeck    E = int exp(-friction v) dW
    drifted               Q = int (1 - exp(-friction v))/friction dW,  the position integral of E

Stored are W, I and R = int (v - (1 - exp(-friction v))/friction)/friction dW, which tends to
int v^2/2 dW for small friction; then E = W - friction Q and Q = I - friction R hold without
cancellation. The three are jointly Gaussian and independent from one fine cell to the next, and an
interval a followed by one of length b has exactly

    W = W_a + W_b
    I = b W_a + I_a + I_b
    R = r(b) W_a + q(b) I_a + exp(-friction b) R_a + R_b

with q(b) = (1 - exp(-friction b))/friction and r(b) = (b - q(b))/friction. So nothing is
approximated when a path is made coarser.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# Forms over (W, I, R) of what a method may ask for, given the friction.
FUNCTIONALS: dict[str, Callable[[np.ndarray], tuple]] = {
    "increment": lambda friction: (1.0, 0.0, 0.0),
    "area": lambda friction: (0.0, 1.0, 0.0),
    "ornstein_uhlenbeck": lambda friction: (1.0, -friction, friction**2),
    "drifted": lambda friction: (0.0, 1.0, -friction),
}
_SERIES_BELOW = 0.3  # of friction * time, where r(b) is summed as a series
_SERIES_TERMS = 14  # 0.3^14/16! is far below rounding
_NODES = 16  # Gauss-Legendre, exact to rounding for friction * time <= 1


@dataclass(frozen=True, eq=False)
class BrownianPath:
    """Independent Brownian paths on a grid of equal intervals.

    Attributes
    ----------
    interval : float
        Length of an interval [time].
    friction : (dim,) array
        Of the Ornstein-Uhlenbeck integrals [1/time], >= 0.
    integrals : (3, n_intervals, n_paths, dim) array
        W, I and R of every interval.
    """

    interval: float
    friction: np.ndarray
    integrals: np.ndarray

    @property
    def n_intervals(self) -> int:
        """How many intervals the path is cut into."""
        return self.integrals.shape[1]

    def coarser(self, n_intervals: int) -> BrownianPath:
        """The same path on fewer intervals.

        Raises
        ------
        ValueError
            If ``n_intervals`` does not divide the path's own.
        """
        if n_intervals < 1 or self.n_intervals % n_intervals:
            raise ValueError(
                f"n_intervals={n_intervals} does not divide the {self.n_intervals} of the path; "
                "make the path with a multiple"
            )
        if n_intervals == self.n_intervals:
            return self
        count = self.n_intervals // n_intervals
        parts = self.integrals.reshape(3, n_intervals, count, *self.integrals.shape[2:])
        q, r, decay = _response(self.interval, self.friction)
        w, i, last = (part[:, 0].copy() for part in parts)
        for k in range(1, count):
            last = r * w + q * i + decay * last + parts[2, :, k]
            i += self.interval * w + parts[1, :, k]
            w += parts[0, :, k]
        return BrownianPath(count * self.interval, self.friction, np.stack([w, i, last]))

    def functional(self, name: str) -> np.ndarray:
        """One of `FUNCTIONALS` for every interval, shape (n_intervals, n_paths, dim)."""
        form = functional_form(name, self.friction)
        return np.einsum("dk,kntd->ntd", form, self.integrals)


def brownian_path(
    duration: float,
    n_intervals: int,
    n_paths: int,
    *,
    seed: int,
    dim: int = 1,
    friction: float | tuple[float, ...] | np.ndarray = 0.0,
    first_path: int = 0,
) -> BrownianPath:
    """Draw Brownian paths from the counter-based normals.

    Parameters
    ----------
    duration : float
        > 0 [time].
    n_intervals, n_paths : int
        >= 1.
    seed : int
        Names the stream.
    dim : int, optional
        Coordinates, each with its own Brownian motion.
    friction : float or (dim,) array, optional
        Rate >= 0 of the Ornstein-Uhlenbeck integrals.
    first_path : int, optional
        Path k is replica ``first_path + k`` of the stream, so paths can be made in pieces.

    Returns
    -------
    BrownianPath

    Raises
    ------
    ValueError
        If a count is < 1, the duration not > 0 or the friction not >= 0.

    Examples
    --------
    >>> fine = brownian_path(1.0, 8, 2, seed=1)
    >>> coarse = fine.coarser(2).functional("increment")
    >>> bool(np.allclose(coarse[0], fine.functional("increment")[:4].sum(axis=0)))
    True
    """
    from langevin_lab.noise import normals  # loads numba

    for name, count in {"n_intervals": n_intervals, "n_paths": n_paths, "dim": dim}.items():
        if count < 1:
            raise ValueError(f"{name}={count} must be at least 1")
    if not (math.isfinite(duration) and duration > 0):
        raise ValueError(f"duration={duration} must be finite and > 0 (time)")
    rates = np.broadcast_to(np.asarray(friction, dtype=float), (dim,))
    if not (np.isfinite(rates).all() and (rates >= 0).all()):
        raise ValueError(f"friction={friction} must be finite and >= 0 (1/time)")
    interval = duration / n_intervals
    replicas = range(first_path, first_path + n_paths)
    draws = normals(seed, replicas, 0, 3 * n_intervals * dim)
    # Draws of a path are ordered by interval, coordinate, integral.
    draws = draws.reshape(n_paths, n_intervals, dim, 3)
    root = np.linalg.cholesky(integral_covariance(interval, rates))
    return BrownianPath(interval, rates, np.einsum("dkj,tndj->kntd", root, draws))


def integral_covariance(interval: float, friction: np.ndarray) -> np.ndarray:
    """Covariance of (W, I, R) on one interval, shape (dim, 3, 3).

    By quadrature on a piece short enough for it, then by the rule for two intervals in a row.
    """
    friction = np.asarray(friction, dtype=float)
    halvings = max(0, math.ceil(math.log2(max(float(friction.max()) * interval, 1e-300))))
    piece = interval / 2**halvings
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    times, weights = piece * (nodes + 1) / 2, piece * weights / 2
    _, r, _ = _response(times[:, None], friction)
    kernels = np.stack([np.ones_like(r), np.broadcast_to(times[:, None], r.shape), r])
    covariance = np.einsum("kqd,lqd,q->dkl", kernels, kernels, weights)
    for _ in range(halvings):
        q, r, decay = _response(piece, friction)
        one, zero = np.ones_like(q), np.zeros_like(q)
        rows = [[one, zero, zero], [piece * one, one, zero], [r, q, decay]]
        move = np.moveaxis(np.array(rows), -1, 0)
        covariance = move @ covariance @ np.swapaxes(move, 1, 2) + covariance
        piece *= 2
    return covariance


def functional_form(name: str, friction: np.ndarray) -> np.ndarray:
    """Coefficients of (W, I, R) in one of `FUNCTIONALS`, shape (dim, 3)."""
    if name not in FUNCTIONALS:
        raise ValueError(f"functional={name!r} is unknown; use one of {', '.join(FUNCTIONALS)}")
    columns = FUNCTIONALS[name](np.asarray(friction, dtype=float))
    return np.stack([np.broadcast_to(column, np.shape(friction)) for column in columns], axis=-1)


def _response(time, friction) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """q(time), r(time), exp(-friction time), broadcast over time and friction."""
    time, friction = np.broadcast_arrays(np.asarray(time, dtype=float), friction)
    z = friction * time
    term = series = np.full_like(z, 0.5)
    for k in range(3, _SERIES_TERMS + 3):
        term = -term * z / k
        series = series + term
    # expm1: z can be 1e-8; z = 0 gives time and time^2/2.
    safe = np.where(z == 0, 1.0, z)
    q = np.where(z == 0, 1.0, -np.expm1(-safe) / safe)
    r = np.where(z < _SERIES_BELOW, series, (1.0 - q) / safe)
    return time * q, time**2 * r, np.exp(-z)
