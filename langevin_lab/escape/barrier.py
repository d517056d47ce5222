"""A minimum and a saddle, checked, with the numbers that every rate formula needs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_lab.dynamics.schedules import check_number, check_positive

Array = NDArray[np.float64]

# A gradient above this times the largest curvature is not at a stationary point.
_STATIONARY = 1e-5


class Barrier:
    """A checked pair of minimum and saddle.

    Attributes
    ----------
    dim : int
    minimum, saddle : (dim,) array
    minimum_hessian, saddle_hessian : (dim, dim) array
    height : float
        U(saddle) - U(minimum) > 0 [energy].
    log_arrhenius : float
        -height / temperature, which has no underflow.
    log_entropy : float
        Logarithm of sqrt(det minimum_hessian / |det saddle_hessian|).

    Raises
    ------
    ValueError
        A point that is not stationary, or whose Hessian has the wrong number of negative
        eigenvalues (named in the message); a saddle below the minimum; temperature <= 0.
    """

    def __init__(
        self, potential: Any, minimum: ArrayLike, saddle: ArrayLike, temperature: float
    ) -> None:
        check_positive("temperature", temperature)
        self.dim = int(potential.dim)
        self.minimum = point_of("minimum", minimum, self.dim)
        self.saddle = point_of("saddle", saddle, self.dim)
        self.minimum_hessian = _checked_hessian(potential, "minimum", self.minimum, index=0)
        self.saddle_hessian = _checked_hessian(potential, "saddle", self.saddle, index=1)
        self.height = float(potential.energy(self.saddle)) - float(potential.energy(self.minimum))
        if not self.height > 0:
            raise ValueError(
                f"saddle={self.saddle.tolist()} lies {self.height:.6g} above "
                f"minimum={self.minimum.tolist()}; it must be higher"
            )
        self.log_arrhenius = -self.height / temperature
        (_, log_minimum), (_, log_saddle) = (
            np.linalg.slogdet(hessian) for hessian in (self.minimum_hessian, self.saddle_hessian)
        )
        self.log_entropy = float(0.5 * (log_minimum - log_saddle))


def point_of(name: str, value: ArrayLike, dim: int) -> Array:
    """The coordinates of a point, checked."""
    # A StationaryPoint of the potential says where it is.
    point = np.atleast_1d(np.asarray(getattr(value, "position", value), dtype=np.float64))
    if point.shape != (dim,) or not np.isfinite(point).all():
        raise ValueError(f"{name}={value!r} must be a finite point with {dim} coordinate(s)")
    return point


def _checked_hessian(potential: Any, name: str, x: Array, *, index: int) -> Array:
    """Hessian at x, refused unless x is stationary with `index` negative eigenvalues."""
    hessian = stationary_hessian(potential, name, x)
    eigenvalues = np.linalg.eigvalsh(hessian)
    if np.sum(eigenvalues < 0) != index or np.abs(eigenvalues).min() <= 1e-10 * float(
        np.abs(eigenvalues).max()
    ):
        kind = "all positive" if index == 0 else "exactly one negative, none zero"
        raise ValueError(
            f"{name}={x.tolist()} has Hessian eigenvalues "
            f"{np.array2string(eigenvalues, precision=6)}; a {name} needs {kind}"
        )
    return hessian


def stationary_hessian(potential: Any, name: str, x: Array) -> Array:
    """Hessian at x, refused unless x is stationary."""
    hessian = np.asarray(potential.hessian(x), dtype=np.float64)
    scale = float(np.abs(np.linalg.eigvalsh(hessian)).max())
    size = float(np.linalg.norm(potential.gradient(x)))
    if not size <= _STATIONARY * max(scale, 1e-300):
        raise ValueError(
            f"{name}={x.tolist()} is not stationary: |gradient|={size:.3g}; refine it first"
        )
    return hessian


def positive(name: str, value: ArrayLike, dim: int, *, zero: bool = False) -> Array:
    """Return the value as an array, one number or one a coordinate, all positive (or zero)."""
    for entry in np.asarray(value, dtype=object).ravel().tolist():
        check_number(name, entry)
    array = np.asarray(value, dtype=np.float64)
    if array.ndim > 1 or (array.ndim == 1 and array.shape != (dim,)):
        raise ValueError(f"{name} has shape {array.shape}; give a number or shape ({dim},)")
    if not (np.isfinite(array).all() and ((array > 0) | (zero & (array == 0))).all()):
        raise ValueError(f"{name}={value!r} must be finite and {'>= 0' if zero else '> 0'}")
    return np.broadcast_to(array, (dim,)).astype(np.float64)
