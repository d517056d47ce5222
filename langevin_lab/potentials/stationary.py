"""Stationary points of a potential: starting values -> Newton -> `StationaryPoint`.

A potential carries a rule: a function of its parameters that gives positions (closed forms or
starting values of a few digits). Newton's method polishes each until rounding, energy and index
come from the potential itself, so nothing is stated that was not computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from langevin_lab.potentials.potential import Potential

_GRADIENT_TOLERANCE = 1e-9
_NEWTON_STEPS = 60
# A direction counts as flat below this fraction of the largest curvature.
_FLAT = 1e-8
# Newton may leave the starting value by this much (relative to 1 + |x|), else it found another.
_REACH = 0.5
_DESCENT_STEPS = 50_000


class Start(NamedTuple):
    """A starting value; `kind` is given where the Hessian does not tell it."""

    position: Any
    kind: str | None = None


Rule = Callable[[Mapping[str, float]], Iterable[Any]]


@dataclass(frozen=True)
class FixedStarts:
    """The rule for positions that do not follow from the parameters by a formula."""

    positions: tuple[tuple[float, ...], ...]

    def __call__(self, parameters: Mapping[str, float]) -> Iterable[Any]:
        return self.positions


@dataclass(frozen=True, eq=False)
class StationaryPoint:
    """A point where the gradient vanishes.

    Attributes
    ----------
    position : ndarray (dim,)
    energy : float
    index : int
        The number of unstable directions (negative eigenvalues of the Hessian).
    kind : "minimum", "saddle", "maximum" or "degenerate"
        In one dimension the top of a barrier is a "saddle".
    curvatures : ndarray (dim,)
        Eigenvalues of the Hessian, ascending.
    """

    position: np.ndarray
    energy: float
    index: int
    kind: str
    curvatures: np.ndarray

    def __repr__(self) -> str:
        where = ", ".join(f"{round(value, 12) + 0.0:.6g}" for value in self.position[:4])
        dots = ", ..." if len(self.position) > 4 else ""
        return f"StationaryPoint({self.kind} at ({where}{dots}), energy={self.energy:.6g})"


class Barrier(NamedTuple):
    """`saddle.energy - minimum.energy`, for a saddle whose downhill path ends in the minimum."""

    minimum: StationaryPoint
    saddle: StationaryPoint
    height: float


def stationary_points(potential: Potential, starts: Iterable[Any]) -> tuple[StationaryPoint, ...]:
    """Return the distinct stationary points that Newton's method reaches from `starts`.

    A start from which it does not converge nearby is left out (parameters may have removed it).
    """
    found: list[StationaryPoint] = []
    for start in starts:
        start = start if isinstance(start, Start) else Start(start)
        position = polished(potential, np.asarray(start.position, dtype=np.float64))
        if position is None:
            continue
        size = 1e-6 * (1 + np.linalg.norm(position))
        if all(np.linalg.norm(position - other.position) > size for other in found):
            found.append(point_at(potential, position, start.kind))
    return tuple(found)


def polished(potential: Potential, start: np.ndarray) -> np.ndarray | None:
    """Return the stationary point next to `start` by Newton's method, or None."""
    x, best, smallest = start.copy(), start.copy(), np.inf
    for _ in range(_NEWTON_STEPS):
        gradient, hessian = potential.gradient(x), potential.hessian(x)
        if not (np.all(np.isfinite(gradient)) and np.all(np.isfinite(hessian))):
            return None
        size = float(np.linalg.norm(gradient))
        if size < smallest:
            best, smallest = x, size
        if size == 0.0:
            break
        # The pseudo-inverse leaves flat directions (rotations of a cluster) alone.
        step = np.linalg.lstsq(hessian, -gradient, rcond=1e-10)[0]
        x = x + step
        if np.linalg.norm(step) <= 1e-15 * (1 + np.linalg.norm(x)):
            break
    scale = 1.0
    if smallest > _GRADIENT_TOLERANCE:  # the norm takes a singular value decomposition
        scale = max(1.0, 1e-6 * float(np.linalg.norm(potential.hessian(best), 2)))
    moved = np.linalg.norm(best - start) > _REACH * (1 + np.linalg.norm(start))
    return None if smallest > _GRADIENT_TOLERANCE * scale or moved else best


def point_at(potential: Potential, position: np.ndarray, kind: str | None) -> StationaryPoint:
    """Return the record of a stationary point."""
    curvatures = np.linalg.eigvalsh(potential.hessian(position))
    flat = _FLAT * float(np.max(np.abs(curvatures)))
    index = int(np.sum(curvatures < -flat))
    if kind is None:
        kind = _kind(index, int(np.sum(np.abs(curvatures) <= flat)), len(curvatures))
    position, curvatures = position.copy(), curvatures.copy()
    position.flags.writeable = curvatures.flags.writeable = False
    return StationaryPoint(position, float(potential.energy(position)), index, kind, curvatures)


def _kind(index: int, n_flat: int, dim: int) -> str:
    if n_flat:
        return "degenerate"
    if index == 0:
        return "minimum"
    # In one dimension the top of a barrier is the saddle of the rate formulas.
    return "maximum" if index == dim > 1 else "saddle"


def barriers(potential: Potential) -> tuple[Barrier, ...]:
    """Return the barriers: for each saddle of index 1 the known minima on its two sides.

    The sides are found by steepest descent from the saddle along its unstable direction.
    """
    table = []
    for saddle in potential.stationary_points:
        if saddle.index != 1:
            continue
        direction = np.linalg.eigh(potential.hessian(saddle.position))[1][:, 0]
        seen: list[StationaryPoint] = []
        for sign in (-1.0, 1.0):
            shift = sign * 1e-3 * (1 + np.linalg.norm(saddle.position))
            minimum = _minimum_below(potential, saddle.position + shift * direction)
            if minimum is not None and minimum not in seen:
                seen.append(minimum)
                table.append(Barrier(minimum, saddle, saddle.energy - minimum.energy))
    return tuple(table)


def barrier_height(potential: Potential, minimum: Any, saddle: Any) -> float:
    """Return U(saddle) - U(minimum) of two stationary points or positions (dim,)."""
    energies = [
        point.energy if isinstance(point, StationaryPoint) else float(potential.energy(point))
        for point in (minimum, saddle)
    ]
    return energies[1] - energies[0]


def largest_curvature(potential: Potential) -> float | None:
    """Return the largest curvature of the known minima, by the rule's closed form if it has one."""
    closed_form = getattr(potential.rule, "largest_curvature", None)
    largest = None if closed_form is None else closed_form(potential.parameters)
    if largest is None:
        largest = max((point.curvatures[-1] for point in potential.minima), default=None)
    return None if largest is None else float(largest)


def _minimum_below(potential: Potential, x: np.ndarray) -> StationaryPoint | None:
    """Return the known minimum at the end of the path of steepest descent from x."""
    step, energy, gradient = 1e-3, potential.energy(x), potential.gradient(x)
    for _ in range(_DESCENT_STEPS):
        trial = x - step * gradient
        lower = potential.energy(trial)
        # Half the linear decrease: steps stay well below 1/curvature, so the path is followed.
        if lower <= energy - 0.5 * step * float(gradient @ gradient):
            x, energy, gradient = trial, lower, potential.gradient(trial)
            step *= 1.2
        else:
            step *= 0.5
        for point in potential.minima:
            near = 1e-2 * (1 + np.linalg.norm(point.position))
            if np.linalg.norm(x - point.position) < near:
                return point
        if step < 1e-300 or not np.any(gradient):
            return None
    return None
