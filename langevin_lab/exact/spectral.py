"""Spectral gap and escape rate of a dynamics, overdamped (1-D, 2-D) or underdamped (1-D).

For two wells A and B with rates k_AB and k_BA the slowest relaxation rate is gap = k_AB + k_BA, and
detailed balance splits it by the populations:

    k_AB = gap pi_B,       k_BA = gap pi_A,       symmetric wells: k = gap / 2

Source: Bovier, Gayrard and Klein (2005) for gaps; Haenggi, Talkner and Borkovec (1990) for rates.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from langevin_lab.exact.finite_volume import Domain, Generator
from langevin_lab.exact.fokker_planck import at_zero_spacing, spectrum
from langevin_lab.exact.kinetic import slow_mode
from langevin_lab.exact.reference import Array, Reference
from langevin_lab.exact.requirements import is_underdamped, require_dimension
from langevin_lab.exact.thermostat_spectrum import adaptive_langevin_spectrum

# Below this ratio of the second to the first rate there is no two-state picture.
_SEPARATION = 5.0


def spectral_gap(
    dynamics: Any,
    *,
    domain: Domain | None = None,
    within: str | None = None,
    n: int | None = None,
) -> Reference:
    """Compute the smallest non-zero relaxation rate of a dynamics.

    Parameters
    ----------
    dynamics : Overdamped, Langevin or AdaptiveLangevin
        dim 1 or 2 (overdamped) or 1, constant temperature; adaptive: on a harmonic well.
    domain : ((low, high), ...), optional
        Overdamped: box with reflecting walls; default from the energy, truncation error 2e-16
        relative.
    within : str, optional
        Overdamped: region with a reflecting boundary, as in `spectrum`.
    n : int, optional
        Overdamped: cells along each coordinate of the finest grid; default 1600 in 1-D, 160 in 2-D.

    Returns
    -------
    Reference
        Rate and error [1/time]. Langevin dynamics: the smallest real part (of the
        six eigenvalues nearest to zero).

    Raises
    ------
    ValueError
        As `generator` (overdamped), `slow_mode` (Langevin), `adaptive_langevin_spectrum`; domain
        or n with a momentum.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> eq = ll.Overdamped(ll.potentials.double_well(barrier=1.0), temperature=0.2)
    >>> round(float(ll.exact.spectral_gap(eq)), 7)
    0.0111046
    """
    if is_underdamped(dynamics):
        _refuse_grid(domain, n, within)
        if hasattr(dynamics, "thermal_mass"):
            return adaptive_langevin_spectrum(dynamics)[0].rate
        return slow_mode(dynamics).rate
    return spectrum(dynamics, 1, domain=domain, within=within, n=n)[0]


def escape_rate(
    dynamics: Any,
    well: ArrayLike | None = None,
    *,
    domain: Domain | None = None,
    within: str | None = None,
    n: int | None = None,
) -> Reference:
    """Compute the rate of leaving one of two wells from the spectrum: ``gap * pi_other``.

    Parameters
    ----------
    dynamics : Overdamped or Langevin
        dim 1 or 2 (overdamped) or 1 (Langevin), with two metastable wells.
    well : (dim,) array_like or float, optional
        A point in the well that is left. Not needed for symmetric wells, where the rate is gap/2.
    domain, within, n
        As `spectral_gap`.

    Returns
    -------
    Reference
        Rate and error [1/time].

    Raises
    ------
    ValueError
        Second rate below 5 times the gap: no two-state picture; wells of unequal population and no
        `well`.

    Notes
    -----
    The slowest eigenfunction f is nearly constant on each well; with <f> = 0, <f^2> = 1 its third
    moment s gives the populations of the two, (1 -+ s/sqrt(4 + s^2))/2. The two-state picture
    itself is exact up to a relative error of order gap / second rate.
    """
    dim = require_dimension(dynamics, (1, 2), "an escape rate from the spectrum")
    inside = None if well is None else _shaped_point(well, dim)
    if is_underdamped(dynamics):
        _refuse_grid(domain, n, within)
        return _kinetic_rate(dynamics, inside)
    rate = at_zero_spacing(
        dynamics, lambda grid: _two_state_rate(grid, inside), domain=domain, within=within, n=n
    )
    return Reference(float(rate.value), float(rate.error))


def _refuse_grid(domain: Domain | None, n: int | None, within: str | None) -> None:
    if domain is not None or n is not None or within is not None:
        raise ValueError(
            f"domain={domain}, within={within} and n={n} belong to overdamped grids; leave them "
            "out with a momentum, whose basis refines itself"
        )


def check_separation(first: float, second: float) -> None:
    """Raise ValueError unless the second rate is at least five times the first."""
    if not second > _SEPARATION * first:
        raise ValueError(
            f"relaxation rates {first:.4g} and {second:.4g} are not separated by a factor of "
            f"{_SEPARATION:g}: there are no two states; lower the temperature or use spectral_gap"
        )


def other_population(mass: Array, slow: Array, at_well: float | None) -> float:
    """Population of the side that `slow` takes the other value on than at the well."""
    slow = slow - mass @ slow
    slow = slow / np.sqrt(mass @ slow**2)
    third = float(mass @ slow**3)
    # Values v+ = sqrt(pi-/pi+) and v- = -1/v+ have the third moment v+ + v-; the smaller
    # population (1 - |s|/sqrt(4 + s^2))/2 in a form that does not cancel.
    root = np.sqrt(4.0 + third**2)
    small = 2.0 / (root * (root + abs(third)))
    if at_well is None:
        if abs(small - 0.5) > 1e-6:
            raise ValueError(
                f"the wells hold {small:.6g} and {1 - small:.6g} of the probability: pass "
                "well=<a point in the well that is left>"
            )
        return 0.5
    well_is_upper = at_well > 0.5 * third
    # The side of the larger modulus is the less populated one.
    return 1.0 - small if well_is_upper == (third > 0) else small


def _two_state_rate(grid: Generator, well: Array | None) -> float:
    """Rate out of the well, gap times the population of the other side."""
    rates, functions = grid.slow_modes(2)
    check_separation(float(rates[0]), float(rates[1]))
    slow = functions[:, 0]
    at_well = None
    if well is not None:
        at_well = float(slow[np.argmin(np.sum((grid.points - well) ** 2, axis=1))])
    return float(rates[0]) * other_population(grid.mass, slow, at_well)


def _kinetic_rate(dynamics: Any, well: Array | None) -> Reference:
    """Rate out of the well for Langevin dynamics, from the momentum average of the slow mode."""
    mode = slow_mode(dynamics)
    value, error = mode.rate
    check_separation(value, mode.second_rate)
    slow = mode.profile / np.sqrt(mode.weights @ mode.profile**2)
    at_well = None if well is None else float(slow[np.argmin(np.abs(mode.nodes - well[0]))])
    other = other_population(mode.weights, slow, at_well)
    return Reference(value * other, error * other)


def _shaped_point(well: ArrayLike, dim: int) -> Array:
    try:
        point = np.atleast_1d(np.asarray(well, dtype=np.float64))
    except (TypeError, ValueError):  # words, ragged lists
        point = np.array([])
    if point.shape != (dim,) or not np.isfinite(point).all():
        raise ValueError(f"well={well!r} must be a finite point with {dim} coordinate(s)")
    return point
