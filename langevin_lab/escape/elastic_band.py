"""The path of minimum energy between two minima: nudged elastic band with climbing images.

Images x_i along the path move by the force across it and by a spring along it,

    f_i = -gradient + (gradient . t) t + spring (|x_{i+1} - x_i| - |x_i - x_{i-1}|) t,

with the tangent t towards the neighbour of higher energy. Once the band has settled its highest
images climb: f_i = -gradient + 2 (gradient . t) t. Each ends near a saddle of index 1, which
Newton's method then makes exact; the band itself is good to the tolerance.

Source: [HUJ00] for the climbing image; [HJ00] for tangent and
spring; Bitzek et al. (2006) for the relaxation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from langevin_lab.escape.refinement import find, record, refined
from langevin_lab.escape.symmetry import Symmetry
from langevin_lab.potentials import StationaryPoint

Array = np.ndarray


class PathError(RuntimeError):
    """The band did not come to rest.

    Attributes
    ----------
    residual : float
        Largest force across the path that is left, relative to the largest gradient on it.
    """

    def __init__(self, message: str, *, residual: float):
        super().__init__(message)
        self.residual = residual


@dataclass(frozen=True, eq=False)
class MinimumEnergyPath:
    """A path of minimum energy.

    Attributes
    ----------
    path : (n_images, dim) array
    energies : (n_images,) array
    lengths : (n_images,) array
        Arc length from the start.
    saddles : tuple of StationaryPoint
        Those of index 1 that the path passes, in its order; refined by Newton's method.
    residual : float
        Largest force across the path, relative to the largest gradient on it.
    """

    path: Array
    energies: Array
    lengths: Array
    saddles: tuple[StationaryPoint, ...]
    residual: float

    @property
    def saddle(self) -> StationaryPoint:
        """The highest saddle of the path: the barrier."""
        if not self.saddles:
            raise ValueError(
                "the path passes no saddle of index 1; a path keeps a symmetry that its first "
                "guess has: give initial=, a point off it"
            )
        return max(self.saddles, key=lambda saddle: saddle.energy)


def minimum_energy_path(
    potential: Any,
    start: Any,
    end: Any,
    *,
    n_images: int = 21,
    initial: ArrayLike | None = None,
    n_steps: int = 5000,
    tolerance: float = 1e-3,
    symmetry: Symmetry | None = None,
) -> MinimumEnergyPath:
    """Return the path of minimum energy from one minimum to another.

    There may be several; which one is found depends on the path that the search begins with, and
    a symmetry which that has is kept, though the path may then pass points of higher index. The
    saddles are exact; between them images lie off the curve of steepest descent by a distance that
    falls as 1/n_images, since tangents are one-sided.

    Parameters
    ----------
    potential : Potential
    start, end : StationaryPoint or (dim,) array_like
        Minima. For a cluster: with its particles numbered and turned alike.
    n_images : int
        Points of the path, ends included; at least 5.
    initial : (n, dim) array_like, optional
        Points of a first guess of the path between the ends, by default the straight line.
    n_steps : int
        Steps of the band, at most.
    tolerance : float
        Largest force across the path when it ends, relative to the largest gradient along it.
    symmetry : Symmetry, optional
        Zero modes of the symmetry do not make a saddle degenerate.

    Raises
    ------
    ValueError
        If start or end is no minimum, the two are one point, the energy on the first path is not
        finite, or a number is out of range.
    PathError
        If the band is not at rest after n_steps.

    Example
    -------
    >>> import langevin_lab as ll
    >>> U = ll.potentials.mueller_brown()
    >>> found = minimum_energy_path(U, U.minima[0], U.minima[1])
    >>> [round(saddle.energy, 3) for saddle in found.saddles]
    [-40.665, -72.249]
    """
    symmetry = symmetry or Symmetry()
    if not (isinstance(n_images, (int, np.integer)) and n_images >= 5):
        raise ValueError(f"n_images={n_images!r} must be an integer >= 5")
    for name, value in (("n_steps", n_steps), ("tolerance", tolerance)):
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name}={value} must be positive and finite")
    ends = [_minimum(potential, name, x, symmetry) for name, x in (("start", start), ("end", end))]
    if np.linalg.norm(ends[1] - ends[0]) <= 1e-6 * (1.0 + np.linalg.norm(ends[0])):
        raise ValueError(f"start and end are both {ends[0].tolist()}; give two minima")
    path = _first_path(potential, ends, initial, n_images)
    path, residual = _relaxed(potential, path, n_steps, tolerance)
    lengths = _lengths(path)
    saddles = _saddles(potential, path, symmetry)
    return MinimumEnergyPath(path, potential.energy(path), lengths, saddles, residual)


def _minimum(potential: Any, name: str, given: Any, symmetry: Symmetry) -> Array:
    x = np.atleast_1d(np.asarray(getattr(given, "position", given), dtype=np.float64))
    if x.shape != (potential.dim,) or not np.isfinite(x).all():
        raise ValueError(
            f"{name}={given!r} must be a finite point of {potential.dim} coordinate(s)"
        )
    position = refined(potential, x, symmetry)
    if position is None or np.linalg.norm(position - x) > 1e-3 * (1.0 + np.linalg.norm(x)):
        raise ValueError(f"{name}={x.tolist()} is not stationary; give a minimum")
    if record(potential, position, symmetry).index:
        raise ValueError(f"{name}={x.tolist()} is a saddle or maximum; give a minimum")
    return position


def _first_path(
    potential: Any, ends: list[Array], initial: ArrayLike | None, n_images: int
) -> Array:
    points = np.array(ends)
    if initial is not None:
        between = np.asarray(initial, dtype=np.float64)
        if between.ndim != 2 or between.shape[1] != potential.dim:
            raise ValueError(f"initial of shape {between.shape} must be (n, {potential.dim})")
        points = np.concatenate([points[:1], between, points[1:]])
    path = _spread(points, n_images)
    energies = potential.energy(path)
    if not np.isfinite(energies).all():
        raise ValueError(
            f"the energy is not finite at image {int(np.argmin(np.isfinite(energies)))} of the "
            "first path; give initial=, points of a path around it"
        )
    return path


def _spread(points: Array, n_images: int) -> Array:
    """Points at equal arc length along a polygon."""
    lengths = _lengths(points)
    kept = np.concatenate([[True], np.diff(lengths) > 0])
    at = np.linspace(0.0, lengths[-1], n_images)
    columns = [np.interp(at, lengths[kept], column[kept]) for column in points.T]
    return np.stack(columns, axis=1)


def _lengths(path: Array) -> Array:
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])


def _relaxed(potential: Any, path: Array, n_steps: int, tolerance: float) -> tuple[Array, float]:
    """The band at rest, by damped motion (FIRE) whose velocity is cut where it goes uphill.

    Lengths of steps follow from the largest curvature along the first path.
    """
    hessians = potential.hessian(path)
    stiffness = float(np.median(np.abs(np.linalg.eigvalsh(hessians)).max(axis=-1)))
    longest = 0.5 * _lengths(path)[-1] / (len(path) - 1)
    dt = 0.3 / np.sqrt(stiffness)
    velocity, mixing, since = np.zeros_like(path), 0.1, 0
    is_climbing, residual = False, np.inf
    for _ in range(int(n_steps)):
        force, across, size = _forces(potential, path, 0.2 * stiffness, is_climbing)
        residual = float(across / size)
        if residual < (tolerance if is_climbing else 10 * tolerance):
            if is_climbing:
                return path, residual
            is_climbing = True
            continue
        power = float((force * velocity).sum())
        if power > 0:
            since += 1
            ratio = float(np.linalg.norm(velocity)) / max(float(np.linalg.norm(force)), 1e-300)
            velocity = (1 - mixing) * velocity + mixing * ratio * force
            if since > 5:
                dt, mixing = min(1.1 * dt, 1.0 / np.sqrt(stiffness)), 0.99 * mixing
        else:
            velocity, mixing, since, dt = np.zeros_like(path), 0.1, 0, 0.5 * dt
        velocity = velocity + dt * force
        step = dt * velocity
        length = np.linalg.norm(step, axis=1).max()
        path = path + step * min(1.0, longest / max(length, 1e-300))
    raise PathError(
        f"the path is not at rest after n_steps={n_steps:g}: the largest force across it is "
        f"{residual:.2g} of the largest along it, tolerance={tolerance:g}; raise n_steps or "
        "n_images, or give a better initial path",
        residual=residual,
    )


def _forces(
    potential: Any, path: Array, spring: float, is_climbing: bool
) -> tuple[Array, float, float]:
    """Forces of all images (zero at the ends), the largest across the path, largest gradient."""
    energies, gradient = potential.energy(path), potential.gradient(path)[1:-1]
    tangent = _tangents(path, energies)
    along = (gradient * tangent).sum(axis=1, keepdims=True)
    across = -gradient + along * tangent
    gaps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    force = across + spring * (gaps[1:] - gaps[:-1])[:, None] * tangent
    if is_climbing:
        peaks = _peaks(energies)[1:-1]
        force[peaks] = (across + along * tangent)[peaks]
        across = np.where(peaks[:, None], force, across)
    largest = float(np.linalg.norm(across, axis=1).max())
    full = np.zeros_like(path)
    full[1:-1] = force
    return full, largest, max(float(np.linalg.norm(gradient, axis=1).max()), 1e-300)


def _tangents(path: Array, energies: Array) -> Array:
    """Unit tangents of the inner images, towards the higher neighbour (a mix at extrema)."""
    ahead, behind = path[2:] - path[1:-1], path[1:-1] - path[:-2]
    rise, fall = energies[2:] - energies[1:-1], energies[:-2] - energies[1:-1]
    larger = np.maximum(np.abs(rise), np.abs(fall))[:, None]
    smaller = np.minimum(np.abs(rise), np.abs(fall))[:, None]
    goes_up = (energies[2:] > energies[:-2])[:, None]
    mixed = ahead * np.where(goes_up, larger, smaller) + behind * np.where(goes_up, smaller, larger)
    is_up = ((rise > 0) & (fall < 0))[:, None]
    is_down = ((rise < 0) & (fall > 0))[:, None]
    tangent = np.where(is_up, ahead, np.where(is_down, behind, mixed))
    length = np.linalg.norm(tangent, axis=1, keepdims=True)
    return tangent / np.maximum(length, 1e-300)


def _peaks(energies: Array) -> Array:
    """Mask of the images that are higher than both neighbours; of two alike the second."""
    peaks = np.zeros(len(energies), dtype=bool)
    peaks[1:-1] = (energies[1:-1] >= energies[:-2]) & (energies[1:-1] > energies[2:])
    return peaks


def _saddles(potential: Any, path: Array, symmetry: Symmetry) -> tuple[StationaryPoint, ...]:
    """The saddles next to the peaks of a path, each once."""
    found: list[StationaryPoint] = []
    for image in path[_peaks(potential.energy(path))]:
        position = refined(potential, image, symmetry)
        if position is None:
            continue
        point = record(potential, position, symmetry)
        is_saddle = point.index == 1 and point.kind != "degenerate"
        if is_saddle and find(point, found, Symmetry()) is None:
            found.append(point)
    return tuple(found)
