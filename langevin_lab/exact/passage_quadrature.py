"""One-dimensional overdamped first passage and committor by quadrature.

For friction dx = -V' dt + sqrt(2 friction T) dW every first-passage quantity is an iterated
integral of exp(+-V/T) (Gardiner 2009, section 5.5):

    tau(a)   = (friction/T) int_a^b exp(V(y)/T) int_{-inf}^y exp(-V(z)/T) dz dy
    Var(a)   = 2 (friction/T)^2 int_a^b exp(V(y)/T) int_{-inf}^y exp(V(z)/T) I(z)^2 dz dy,
               I(z) = int_{-inf}^z exp(-V/T)
    q(x)     = int_a^x exp(V/T) / int_a^b exp(V/T)

for a target b to the right of a; the other side by reflection. The variance comes from
D w'' - (V'/friction) w' = -2 D tau'^2, which has positive terms only: no difference of moments.
Every answer carries the change under halving all panels, the mass cut off in the tail and the
rounding of V/T.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.exact.panels import Panels, adaptive_panels
from langevin_lab.exact.quadrature import CUT, EPS, ReducedEnergy, log_tail_mass, rises_beyond
from langevin_lab.exact.reference import Reference
from langevin_lab.exact.requirements import (
    friction_of,
    require_dimension,
    require_overdamped,
    require_true_gradient,
    temperature_of,
)


@dataclass(frozen=True)
class PassageTime:
    """Moments of a first passage time, in units of time.

    Attributes
    ----------
    mean, standard_deviation : Reference
        Each with its error bound.
    """

    mean: Reference
    standard_deviation: Reference


def mean_first_passage_time(
    dynamics: Any, start: float, target: float, *, reflecting: float | None = None
) -> Reference:
    """Compute the mean time from `start` to the first visit of `target`, 1-D overdamped.

    ``tau = (friction/T) int_start^target exp(V(y)/T) int_{-inf}^y exp(-V(z)/T) dz dy``

    Parameters
    ----------
    dynamics : Overdamped
        dim 1, constant temperature.
    start, target : float
        Positions; the target may lie on either side.
    reflecting : float, optional
        Position of a reflecting wall on the far side of `start`. Default: none, the potential
        itself must confine there; the tail beyond exp(-45) is cut and its mass is in the error.

    Returns
    -------
    Reference
        Mean passage time and its error bound, in units of time.

    Raises
    ------
    ValueError
        dim != 1; start, target or wall not finite or in the wrong order; no confinement.
    TypeError
        Underdamped dynamics.

    Notes
    -----
    Integrals are carried as logarithms, so barriers of several hundred temperatures are exact.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> eq = ll.Overdamped(ll.potentials.double_well(barrier=1.0), temperature=0.2)
    >>> round(float(ll.exact.mean_first_passage_time(eq, -1.0, 1.0)), 3)
    182.418
    """
    return first_passage_moments(dynamics, start, target, reflecting=reflecting).mean


def first_passage_moments(
    dynamics: Any, start: float, target: float, *, reflecting: float | None = None
) -> PassageTime:
    """Compute mean and standard deviation of a first passage time, 1-D overdamped.

    Parameters, errors: as `mean_first_passage_time`.

    Returns
    -------
    PassageTime
        `mean` and `standard_deviation`, each a Reference in units of time.
    """
    require_overdamped(dynamics, "a first passage time")
    require_dimension(dynamics, (1,), "first passage by quadrature")
    require_true_gradient(dynamics)
    side = _check_order(start, target, reflecting)
    if start == target:
        return PassageTime(Reference(0.0, 0.0), Reference(0.0, 0.0))
    v = ReducedEnergy(dynamics, side)
    a, b = side * start, side * target
    if reflecting is None:
        left, log_tail = _confined_left(v, a)
    else:
        left, log_tail = side * reflecting, -np.inf
    panels = adaptive_panels(v, np.unique([left, a, b]))
    diffusion = temperature_of(dynamics) / _scalar_friction(dynamics)
    fine = _log_moments(v, panels.halved(), a, log_tail)
    coarse = _log_moments(v, panels, a, log_tail)
    rounding = 4 * EPS * (8.0 + v.largest(panels))

    def reference(fine: float, coarse: float) -> Reference:
        value = math.exp(min(fine, 709.0)) / diffusion
        if fine >= 709.0 or not np.isfinite(value):
            raise ValueError(
                f"passage time exp({fine:.1f}) is beyond float64; raise the temperature "
                f"{temperature_of(dynamics)}"
            )
        # log_moments already divides by the mass cut off, relative to the mass left of start.
        return Reference(value, float(value * (abs(np.expm1(coarse - fine)) + tail + rounding)))

    tail = float(np.exp(fine[2]))
    return PassageTime(reference(fine[0], coarse[0]), reference(fine[1], coarse[1]))


def splitting_probability(dynamics: Any, start: float, a: float, b: float) -> Reference:
    """Compute the committor: the probability to reach `b` before `a`, 1-D overdamped.

    ``q(start) = int_a^start exp(V/T) / int_a^b exp(V/T)``

    Parameters
    ----------
    dynamics : Overdamped
        dim 1, constant temperature. The friction plays no part.
    start, a, b : float
        Positions, start between a and b (either order of a and b).

    Returns
    -------
    Reference
        Probability and error bound.

    Raises
    ------
    ValueError
        start outside [a, b]; a = b; dim != 1.
    TypeError
        Underdamped dynamics.
    """
    require_overdamped(dynamics, "the 1-D committor")
    require_dimension(dynamics, (1,), "the committor by quadrature")
    require_true_gradient(dynamics)
    if not (np.isfinite([start, a, b]).all() and a != b and min(a, b) <= start <= max(a, b)):
        raise ValueError(
            f"start={start} must lie between a={a} and b={b}, which must differ; all finite"
        )
    if start in (a, b):
        return Reference(float(start == b), 0.0)
    side = 1.0 if b > a else -1.0
    v = ReducedEnergy(dynamics, side)
    panels = adaptive_panels(v, side * np.array([a, start, b]))

    def probability(panels: Panels) -> float:
        _, left = panels.log_cumulative(v(panels.nodes))
        return float(np.exp(left[np.searchsorted(panels.edges, side * start)] - left[-1]))

    value, coarse = probability(panels.halved()), probability(panels)
    rounding = 4 * EPS * (8.0 + v.largest(panels))
    return Reference(value, abs(value - coarse) + rounding * value)


def _check_order(start: float, target: float, reflecting: float | None) -> float:
    """Return +1 for a target on the right, -1 on the left; refuse a misplaced wall."""
    if not np.isfinite([start, target]).all():
        raise ValueError(f"start={start} and target={target} must be finite positions")
    side = 1.0 if target >= start else -1.0
    if reflecting is not None and not side * (start - reflecting) >= 0.0:
        raise ValueError(
            f"reflecting={reflecting} must lie on the far side of start={start} from "
            f"target={target}"
        )
    return side


def _scalar_friction(dynamics: Any) -> float:
    return float(np.asarray(friction_of(dynamics), dtype=np.float64).reshape(-1)[0])


def _confined_left(v: ReducedEnergy, a: float) -> tuple[float, float]:
    """Cut the half line left of `a` at the first point 45 above v(a); log of the mass beyond."""
    step, x = 1e-3 * (1.0 + abs(a)), a
    level = float(v(np.array(a))) + CUT
    while not rises_beyond(v, x, level):
        x -= step
        step *= 1.1
        if a - x > 1e8 * (1.0 + abs(a)):
            raise ValueError(
                f"the potential does not confine on the far side of start={a * v.side}; pass "
                "reflecting=<position of a wall>"
            )
    return x, log_tail_mass(v, x)


def _log_moments(
    v: ReducedEnergy, panels: Panels, a: float, log_tail: float
) -> tuple[float, float, float]:
    """Logs of D * mean, D * standard deviation and of the relative tail mass, D = T / friction."""
    values = v(panels.nodes)
    at_start = int(np.searchsorted(panels.edges, a))
    log_mass, mass_edges = panels.log_cumulative(-values)
    slope = values + log_mass
    _, time = panels.log_cumulative_from_right(slope)
    log_inner, _ = panels.log_cumulative(2.0 * slope - values)
    _, variance = panels.log_cumulative_from_right(values + log_inner)
    # Mass left of the first node that counts: at a wall there is none left of start itself.
    mass = mass_edges[at_start] if at_start else log_mass[0, -1]
    log_variance = float(np.log(2.0) + variance[at_start])
    return float(time[at_start]), 0.5 * log_variance, float(log_tail - mass)
