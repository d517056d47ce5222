"""Gibbs averages of one-dimensional potentials by quadrature.

    <f> = int f(x) exp(-V(x)/T) dx / int exp(-V(x)/T) dx

on the panels of `panels`. Every answer carries the change under halving all panels, the mass cut
off in the tails and the rounding of V/T.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from langevin_lab.exact.panels import Panels, adaptive_panels
from langevin_lab.exact.reference import Array, Reference
from langevin_lab.exact.requirements import (
    require_dimension,
    temperature_of,
)

# exp(-45) = 3e-20: what lies beyond is below the rounding of what is kept.
CUT = 45.0
EPS = float(np.finfo(float).eps)
_GROWTH = 1.3  # of the scanned range


def gibbs_average(dynamics: Any, observable: Callable[[Array], Array]) -> Reference:
    """Average an observable of the position over the Gibbs law of a 1-D potential.

    ``<f> = int f(x) exp(-energy(x)/temperature) dx / int exp(-energy(x)/temperature) dx``

    Parameters
    ----------
    dynamics : Overdamped or Langevin
        Only the potential (dim 1) and the temperature matter; gradient noise plays no part.
    observable : callable
        f(x) for an array x of positions, same shape out; growth at most polynomial.

    Returns
    -------
    Reference
        Value and error, in the units of the observable.

    Raises
    ------
    ValueError
        dim != 1; temperature not a positive number; the potential does not confine.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> eq = ll.Overdamped(ll.potentials.harmonic(stiffness=4.0), temperature=1.0)
    >>> value, error = ll.exact.gibbs_average(eq, lambda x: x**2)
    >>> round(value, 12)
    0.25
    """
    v, panels, tail = _gibbs_panels(dynamics)

    def average(panels: Panels) -> tuple[float, float]:
        x = panels.nodes
        weight = np.exp(v.lowest - v(x))
        f = np.broadcast_to(np.asarray(observable(x), dtype=np.float64), x.shape)
        total = panels.integrate(weight)
        mean = panels.integrate(weight * f) / total
        return mean, panels.integrate(weight * np.abs(f)) / total

    value, size = average(panels.halved())
    coarse, _ = average(panels)
    rounding = EPS * (8.0 + v.largest(panels)) * size
    return Reference(value, abs(value - coarse) + (tail + rounding) * max(size, 1e-300))


def invariant_density(dynamics: Any) -> Callable[[Array], Array]:
    """Return the normalised Gibbs density of position of a 1-D potential as a function.

    ``density(x) = exp(-energy(x)/temperature) / int exp(-energy/temperature)``

    Parameters
    ----------
    dynamics : Overdamped or Langevin
        dim 1, constant temperature.

    Returns
    -------
    callable
        density(x) in 1/length, for scalars or arrays.

    Raises
    ------
    ValueError
        As `gibbs_average`.
    """
    v, panels, _ = _gibbs_panels(dynamics)
    total = panels.integrate(np.exp(v.lowest - v(panels.nodes)))
    return lambda x: np.exp(v.lowest - v(np.asarray(x, dtype=np.float64))) / total


def gibbs_probability_below(dynamics: Any, point: float) -> Reference:
    """Compute the Gibbs probability of x < point for a 1-D potential.

    Parameters
    ----------
    dynamics : Overdamped or Langevin
        dim 1, constant temperature.
    point : float

    Returns
    -------
    Reference
        Probability and error.

    Raises
    ------
    ValueError
        As `gibbs_average`; a point that is not finite.
    """
    if not np.isfinite(point):
        raise ValueError(f"point={point} must be a finite position")
    v, panels, tail = _gibbs_panels(dynamics)
    left, right = float(panels.edges[0]), float(panels.edges[-1])
    if not left < point < right:
        return Reference(float(point >= right), tail)
    panels = adaptive_panels(v, np.array([left, point, right]))

    def probability(panels: Panels) -> float:
        _, below = panels.log_cumulative(-v(panels.nodes))
        return float(np.exp(below[np.searchsorted(panels.edges, point)] - below[-1]))

    value = probability(panels.halved())
    rounding = EPS * (8.0 + v.largest(panels))
    return Reference(value, abs(value - probability(panels)) + tail + rounding)


class ReducedEnergy:
    """v(x) = energy(side * x) / temperature for arrays of positions."""

    def __init__(self, dynamics: Any, side: float = 1.0) -> None:
        self._potential = dynamics.potential
        self._temperature = temperature_of(dynamics)
        self.side = side
        self.lowest = 0.0

    def __call__(self, x: Array) -> Array:
        x = np.asarray(x, dtype=np.float64)
        # Far out an energy may overflow: infinity is the right answer there.
        with np.errstate(over="ignore"):
            energy = self._potential.energy((self.side * x)[..., None])
        return np.asarray(energy, dtype=np.float64) / self._temperature

    def largest(self, panels: Panels) -> float:
        return float(np.abs(self(panels.nodes)).max())


def rises_beyond(v: ReducedEnergy, x: float, level: float, side: float = -1.0) -> bool:
    """True when v >= level at x and keeps rising at a few points further out."""
    value = float(v(np.array(x)))
    if not value >= level:
        return False
    outer = v(x + side * (1.0 + abs(x)) * np.array([0.01, 0.1, 0.5, 1.0, 3.0]))
    return bool(np.all(outer > value))


def log_tail_mass(v: ReducedEnergy, x: float, side: float = -1.0) -> float:
    """Log of int exp(-v) beyond x, bounded with the least mean slope of v seen further out."""
    distance = (1.0 + abs(x)) * np.array([0.01, 0.1, 0.5, 1.0, 3.0])
    value = float(v(np.array(x)))
    slope = float(np.min((v(x + side * distance) - value) / distance))
    return -value - float(np.log(slope))


def _gibbs_panels(dynamics: Any) -> tuple[ReducedEnergy, Panels, float]:
    """Panels over all of the Gibbs law, and the bound on the relative mass beyond them."""
    require_dimension(dynamics, (1,), "a Gibbs average by quadrature")
    v = ReducedEnergy(dynamics)
    left, right = _gibbs_interval(v, CUT)
    panels = adaptive_panels(v, np.array([left, right]))
    v.lowest = float(v(panels.nodes).min())
    total = np.log(panels.integrate(np.exp(v.lowest - v(panels.nodes)))) - v.lowest
    beyond = np.logaddexp(log_tail_mass(v, left), log_tail_mass(v, right, 1.0))
    # Polynomial observables of degree up to 8 gain at most a few powers of ten out there.
    return v, panels, float(np.exp(beyond - total)) * 1e4


def gibbs_interval(dynamics: Any, cut: float) -> tuple[float, float]:
    """Find the interval outside which the 1-D Gibbs density is below exp(-cut) of its maximum.

    Raises
    ------
    ValueError
        The potential does not confine.
    """
    return _gibbs_interval(ReducedEnergy(dynamics), cut)


def _gibbs_interval(v: ReducedEnergy, cut: float) -> tuple[float, float]:
    """Interval around 0 outside which v exceeds its lowest value by `cut`."""
    interval = interval_below(v, 0.0, cut, (-1.0, 1.0))
    if interval is None:
        raise ValueError(
            "the potential does not confine: exp(-energy/temperature) cannot be normalised; add a "
            "confining term"
        )
    return interval


def interval_below(
    v: ReducedEnergy, origin: float, cut: float, sides: tuple[float, ...]
) -> tuple[float, float] | None:
    """Smallest interval outside which v exceeds its lowest value by `cut`.

    On one side of the origin it begins at the origin.
    Scans outwards, on one side of the origin or on both, and goes on to five times the distance of
    what it has found: a barrier higher than the cut may hide another well. None if v has not risen
    for good by 1e8.
    """
    width, shell = 1e-3, np.linspace(0.0, 1.0, 2001)[1:]
    x = np.array([origin])
    values = v(x)
    while width < 1e8 * (1.0 + abs(origin)):
        for side in sides:
            x = np.append(x, origin + side * width * shell)
            values = np.append(values, v(x[len(values) :]))
        level = float(np.nanmin(values)) + cut
        inside = x[values < level]
        if len(sides) == 1:
            inside = np.append(inside, origin)
        reach = 5.0 * (1.0 + np.abs(inside - origin).max())
        if width > reach and all(
            rises_beyond(v, origin + side * width, level, side) for side in sides
        ):
            # The next point further out on each side lies above the level.
            low, high = float(inside.min()), float(inside.max())
            return max(x[x < low], default=low), min(x[x > high], default=high)
        width *= _GROWTH
        shell = shell[shell > 1.0 / _GROWTH]
    return None
