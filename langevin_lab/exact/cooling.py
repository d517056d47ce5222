"""Where cooled overdamped dynamics end, in one coordinate, without sampling.

    dp/dt = L(T(t))^T p,    p(0) = exp(-U/T_start)/Z

on the cells of `finite_volume`, whose jumps at the temperature of the moment go from cell i to its
neighbour j at the rate D exp(-(U(x_ij) - U(x_i))/T)/spacing^2, D = T/friction. Only differences of
energies at neighbouring points occur: nothing underflows however cold it gets. Time goes in the
two-stage SDIRK method of order 2, L-stable and of positive definite stages,

    k1 = L(T(t + a h))^T (p + a h k1),    k2 = L(T(t + h))^T (p + (1 - a) h k1 + a h k2),
    p' = p + (1 - a) h k1 + a h k2,       a = 1 - 1/sqrt(2),

one tridiagonal system a stage. Source: Alexander (1977), section 3 [A77].
"""

from __future__ import annotations

import dataclasses
import operator
from typing import Any

import numpy as np

from langevin_lab.dynamics.schedules import check_positive
from langevin_lab.exact.finite_volume import (
    Domain,
    automatic_domain,
    checked_domain,
    crossing_rate,
    energies_on_grid,
)
from langevin_lab.exact.reference import Array, Reference
from langevin_lab.exact.requirements import (
    friction_of,
    per_coordinate,
    require_dimension,
    require_overdamped,
    require_true_gradient,
)

_STAGE = 1.0 - np.sqrt(0.5)
_STEEPEST = 500.0  # temperatures within half a cell; beyond exp(709) nothing is left of a float


def cooled_probability(
    dynamics: Any,
    basin: tuple[float, float],
    duration: float,
    *,
    start_temperature: float | None = None,
    domain: Domain | tuple[float, float] | None = None,
    n_cells: int = 400,
    n_steps: int = 300,
    grading: float = 2.0,
) -> Reference:
    """Probability of an interval after a run under a schedule of the temperature, 1-D overdamped.

    ``dp/dt = d/dx (U'(x) p + T(t) dp/dx) / friction``, from a Gibbs law at time 0.

    Parameters
    ----------
    dynamics : Overdamped
        dim 1, constant friction; the temperature is a schedule or a number, > 0 at all times.
    basin : (float, float)
        Ends of the interval, low < high; infinite ones are fine.
    duration : float
        Length of the run, > 0 [time].
    start_temperature : float, optional
        Temperature > 0 of the Gibbs law at time 0; by default the schedule's at time 0.
    domain : (low, high), optional
        Interval with reflecting walls; by default as `generator` finds it at the highest
        temperature of the run, with a truncation error of exp(-36) = 2e-16 relative.
    n_cells : int, optional
        Cells of the grid, even, >= 8.
    n_steps : int, optional
        Steps in time, even, >= 2.
    grading : float, optional
        Step k ends at duration (k/n_steps)^grading: with 1 all are equal, with 2 they are short
        at the start, where a logarithm falls fastest. > 0.

    Returns
    -------
    Reference
        The probability on the full grid; as error the sum of its changes on half the cells and
        with half the steps, each about three times what the full grid leaves. Of walls that are
        passed as ``domain`` it knows nothing.

    Raises
    ------
    ValueError
        dim != 1; a temperature that is not positive; basin, duration, domain, n_cells, n_steps or
        grading out of range; an energy too steep for the cells; a drawn gradient; a scheduled
        friction.
    TypeError
        Underdamped dynamics.

    Notes
    -----
    Both errors are of second order, in time only where the schedule is smooth: let its jumps and
    kinks fall on the ends of steps.

    Source: Alexander (1977) for the steps in time [A77]; Scharfetter and Gummel (1969) for the
    fluxes [SG69].

    Examples
    --------
    >>> import langevin_lab as ll
    >>> well = ll.potentials.tilted_double_well(barrier=1.0, tilt=0.2)
    >>> saddle = well.saddles[0].position[0]
    >>> for duration in (1.0, 100.0):
    ...     cooling = ll.dynamics.Exponential(start=1.0, stop=0.05, duration=duration)
    ...     equation = ll.Overdamped(well, temperature=cooling)
    ...     left = ll.exact.cooled_probability(equation, (saddle, float("inf")), duration)
    ...     print(f"{left:.2f}")
    0.40
    0.23
    """
    require_overdamped(dynamics, "a cooled probability")
    require_dimension(dynamics, (1,), "a cooled probability")
    require_true_gradient(dynamics)
    check_positive("duration", duration)
    check_positive("grading", grading)
    n_cells = _even("n_cells", n_cells, 8)
    n_steps = _even("n_steps", n_steps, 2)
    times = float(duration) * np.linspace(0.0, 1.0, n_steps + 1) ** grading
    if start_temperature is None:
        start_temperature = float(_temperatures(dynamics, np.zeros(1))[0])
    check_positive("start_temperature", start_temperature)
    if domain is None:
        hottest = max(start_temperature, float(_temperatures(dynamics, times).max()))
        box, _ = automatic_domain(dataclasses.replace(dynamics, temperature=hottest))
    else:
        box = checked_domain(domain, 1)
    ends = _checked_basin(basin, box)

    def probability(n: int, times: Array) -> float:
        return _probability(dynamics, ends, start_temperature, box, n, times)

    value = probability(n_cells, times)
    in_space = abs(value - probability(n_cells // 2, times))
    in_time = abs(value - probability(n_cells, times[::2]))
    return Reference(value, in_space + in_time + 1e-12 * value)


def _probability(
    dynamics: Any, basin: tuple[float, float], start: float, box: Domain, n: int, times: Array
) -> float:
    """Probability of the basin at the last of ``times`` on n cells."""
    from scipy.interpolate import CubicSpline

    (spacing,), (centres,), energy, (faces,) = energies_on_grid(dynamics.potential, box, n)
    (friction,) = per_coordinate(friction_of(dynamics), 1)
    steps = np.diff(times)
    stages = times[:-1, None] + steps[:, None] * np.array([_STAGE, 1.0])
    temperatures = _temperatures(dynamics, stages)
    with np.errstate(invalid="ignore"):
        climbs = np.stack([faces - energy[:-1], faces - energy[1:]])
        steepest = float(np.max(-climbs)) / min(start, float(temperatures.min()))
    if not steepest < _STEEPEST:
        raise ValueError(
            f"the energy falls by {steepest:.4g} temperatures within half a cell, more than "
            f"{_STEEPEST:g}, with {n} cells on domain={box[0]}: narrow the domain or raise n_cells"
        )

    def slope(right: Array, step: float, temperature: float) -> Array:
        rates = crossing_rate(climbs, temperature, temperature / friction, spacing)
        return _implicit_slope(right, _STAGE * step, rates)

    p = np.exp((energy.min() - energy) / start)
    p /= p.sum()
    for step, (early, late) in zip(steps, temperatures):
        p = p + (1.0 - _STAGE) * step * slope(p, step, early)
        p = p + _STAGE * step * slope(p, step, late)
    # An end of the basin may cut a cell, in which the density is not uniform.
    edges = np.append(centres - spacing / 2, centres[-1] + spacing / 2)
    below = CubicSpline(edges, np.append(0.0, np.cumsum(p)))
    low, high = np.clip(basin, edges[0], edges[-1])
    return float(below(high) - below(low))


def _implicit_slope(right: Array, step: float, rates: Array) -> Array:
    """The k = L^T (right + step k), with the rates up and down through every face."""
    from scipy.linalg import solve_banded

    up, down = step * rates
    band = np.zeros((3, len(right)))
    band[0, 1:], band[2, :-1], band[1] = -down, -up, 1.0
    band[1, :-1] += up
    band[1, 1:] += down
    return (solve_banded((1, 1), band, right, check_finite=False) - right) / step


def _temperatures(dynamics: Any, times: Array) -> Array:
    """Temperatures at the times, all of them positive."""
    values = np.asarray(dynamics.temperature_at(times), dtype=np.float64)
    if not (values > 0.0).all():
        first = np.argmin(values > 0.0)
        raise ValueError(
            f"temperature={values.flat[first]} at time {times.flat[first]:.4g} must be positive; "
            "cool to e.g. 0.01 of the lowest barrier, where nothing moves any more"
        )
    return values


def _checked_basin(basin: Any, box: Domain) -> tuple[float, float]:
    """Ends of the basin; ValueError unless they are in order and reach into the box."""
    ends = np.asarray(basin, dtype=np.float64)
    (low, high), *_ = box
    if not (ends.shape == (2,) and ends[0] < ends[1] and ends[0] < high and ends[1] > low):
        raise ValueError(
            f"basin={basin!r} must be a pair (low, high), low < high, that shares points with "
            f"the domain {box[0]}"
        )
    return float(ends[0]), float(ends[1])


def _even(name: str, value: Any, least: int) -> int:
    """An even whole number, so that half as many is one, too."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}={value!r} must be an even whole number") from None
    if number < least or number % 2:
        raise ValueError(f"{name}={number} must be an even number of at least {least}")
    return number
