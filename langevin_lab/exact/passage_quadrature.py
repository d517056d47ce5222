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
from langevin_lab.exact.quadrature import CUT, EPS, ReducedEnergy, interval_below, log_tail_mass
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
    Integrals are carried as logarithms: any barrier up to a time of exp(709), and beyond it with
    `log_mean_first_passage_time`.

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
    if start == target:
        _problem(dynamics, start, target, reflecting)
        return PassageTime(Reference(0.0, 0.0), Reference(0.0, 0.0))
    return PassageTime(*map(_exponential, _log_passage(dynamics, start, target, reflecting)))


def log_mean_first_passage_time(
    dynamics: Any, start: float, target: float, *, reflecting: float | None = None
) -> Reference:
    """Compute the natural logarithm of a mean first passage time, at any barrier.

    Parameters, errors: as `mean_first_passage_time`, but a time beyond float64, above exp(709), is
    no error here; start and target must differ.

    Returns
    -------
    Reference
        log(mean time) and its error, which is the relative error of the time.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> eq = ll.Overdamped(ll.potentials.double_well(barrier=1.0), temperature=1e-4)
    >>> round(float(ll.exact.log_mean_first_passage_time(eq, -1.0, 1.0)), 4)   # 1/T + log(pi/8^.5)
    10000.105
    """
    if start == target:
        raise ValueError(f"start={start} is the target: its passage time 0 has no logarithm")
    return _log_passage(dynamics, start, target, reflecting)[0]


def _problem(
    dynamics: Any, start: float, target: float, reflecting: float | None
) -> tuple[ReducedEnergy, float, float]:
    """Check the input; the reduced energy with the target on the right, start and target there."""
    require_overdamped(dynamics, "a first passage time")
    require_dimension(dynamics, (1,), "first passage by quadrature")
    require_true_gradient(dynamics)
    side = passage_side(start, target, reflecting)
    return ReducedEnergy(dynamics, side), side * start, side * target


def _log_passage(
    dynamics: Any, start: float, target: float, reflecting: float | None
) -> tuple[Reference, Reference]:
    """Logarithms of mean and standard deviation, in units of time."""
    v, a, b = _problem(dynamics, start, target, reflecting)
    left, log_tail = (
        (v.side * reflecting, -np.inf) if reflecting is not None else confined_left(v, a)
    )
    panels = adaptive_panels(v, np.unique([left, a, b]))
    log_diffusion = math.log(temperature_of(dynamics) / scalar_friction(dynamics))
    fine = _log_moments(v, panels.halved(), a, log_tail)
    coarse = _log_moments(v, panels, a, log_tail)
    # The mass cut off comes relative to the mass left of start.
    common = math.exp(fine[2]) + 4 * EPS * (8.0 + v.largest(panels))
    return tuple(
        Reference(f - log_diffusion, float(abs(np.expm1(c - f)) + common))
        for f, c in zip(fine[:2], coarse[:2])
    )  # type: ignore[return-value]


def _exponential(logarithm: Reference) -> Reference:
    """The number whose logarithm is given, unless it is beyond float64."""
    if logarithm.value >= 709.0:
        raise ValueError(
            f"passage time exp({logarithm.value:.1f}) is beyond float64; raise the temperature or "
            "use log_mean_first_passage_time"
        )
    value = math.exp(logarithm.value)
    return Reference(value, value * logarithm.error)


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


def passage_side(start: float, target: float, reflecting: float | None) -> float:
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


def scalar_friction(dynamics: Any) -> float:
    """The constant friction of one-dimensional dynamics [1/time]."""
    return float(np.asarray(friction_of(dynamics), dtype=np.float64).reshape(-1)[0])


def confined_left(v: ReducedEnergy, a: float) -> tuple[float, float]:
    """Cut the half line left of `a` 45 above all that lies there; log of the mass beyond."""
    interval = interval_below(v, a, CUT, (-1.0,))
    if interval is None:
        raise ValueError(
            f"the potential does not confine on the far side of start={a * v.side}; pass "
            "reflecting=<position of a wall>"
        )
    return interval[0], log_tail_mass(v, interval[0])


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
