"""Exit from a strict saddle: several unstable directions, each with its own curvature.

On U = -sum_i k_i u_i^2/2 the directions are independent. Each becomes a Gaussian amplitude
S e^(l t) n, with (`linear_saddle`)

    overdamped    l = k/friction,                         S^2 = T/k
    Langevin      l (l + friction) = k/mass,
                  S^2 = friction T/mass / (l (2 l + friction)^2)     from rest (cold)
                  S^2 = k T/mass^2 / (l^2 (2 l + friction)^2)        from thermal momenta

and from a sharp start its variance is S^2 (e^(2 l t) - 1), with E(x) = e^x - 1 and r = l + friction
of Langevin dynamics T/mass/(l + r)^2 times

    cold       (friction/l) E(2 l t) + 4 E(-friction t) - (friction/r) E(-2 r t)
    thermal    (r/l) E(2 l t) + 2 E(-friction t) + (l/r) E(-2 r t).

`growing_amplitudes` has the law of the exit. More unstable directions leave sooner: m equal ones
have the mean [ln(L/S) - (digamma(m/2) + ln 2)/2]/l for T -> 0, ln(L/(S sqrt m))/l for large m. At
any temperature the overdamped mean of m equal ones is

    (L^2/(2 m D)) 2F2(1, 1; m/2 + 1, 2; -z),       z = k L^2/(2 T),    D = T/friction,

from D (f'' + (m - 1) f'/r) + l r f' = -1 for the distance r from the saddle, integrated twice.
Stable directions play no part.
Source: Suzuki (1977) for the scaling law.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from langevin_lab.dynamics.schedules import check_number, check_positive
from langevin_lab.ensemble.checks import check_count
from langevin_lab.escape.growing_amplitudes import Array, SaddleExit, warn_of_noise
from langevin_lab.escape.linear_saddle import (
    check_all_positive,
    check_friction,
    growth_and_amplitude,
)

REGIONS = ("sphere", "box")

# ln z from which the exact mean is its asymptote: what that leaves out is (m/2 - 1)/(2 z l).
_LARGE = 40.0


def strict_saddle_exit_time(
    *,
    curvatures: ArrayLike,
    distance: ArrayLike,
    temperature: float,
    friction: float = 1.0,
    mass: float | None = None,
    thermal_start: bool = False,
    region: str = "sphere",
) -> SaddleExit:
    """Law of the exit from the top of ``-sum_i curvature_i u_i^2/2``, started on it.

    Parameters
    ----------
    curvatures : (m,) array_like
        Of the unstable directions, all > 0 [energy/length^2].
    distance : float or (m,) array_like
        > 0; one a direction for a box only [length].
    temperature : float
        > 0 [energy].
    friction : float, optional
        A rate; > 0, or >= 0 with thermal momenta.
    mass : float, optional
        > 0, of Langevin dynamics; by default the dynamics is overdamped.
    thermal_start : bool, optional
        Momenta drawn from the Maxwell law instead of 0; Langevin dynamics only.
    region : {"sphere", "box"}, optional
        Left when sum u_i^2 >= distance^2, or when any |u_i| >= distance_i.

    Returns
    -------
    SaddleExit
        For T << curvature distance^2 of the directions that lead out, its `noise_at_exit`; soft
        directions that do not are welcome. A UserWarning names the direction otherwise.

    Raises
    ------
    ValueError
        An argument out of range; a distance per direction with a sphere; a thermal start without a
        mass.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> for m in (1, 2, 10):
    ...     exit = ll.escape.strict_saddle_exit_time(
    ...         curvatures=[1.0] * m, distance=1.0, temperature=1e-4)
    ...     print(m, round(exit.mean, 4), round(exit.standard_deviation, 4))
    1 5.2404 1.1107
    2 4.5473 0.6412
    10 3.506 0.235
    """
    return warn_of_noise(
        exit_law(
            curvatures=curvatures, distance=distance, temperature=temperature, friction=friction,
            mass=mass, thermal_start=thermal_start, region=region,
        )
    )  # fmt: skip


def exit_law(
    *, curvatures: ArrayLike, distance: ArrayLike, temperature: float, friction: float,
    mass: float | None, thermal_start: bool, region: str,
) -> SaddleExit:  # fmt: skip
    """`strict_saddle_exit_time` without its warning."""
    stiffness = _positive_array("curvatures", curvatures)
    check_positive("temperature", temperature)
    check_friction(friction, thermal_start)
    distances = distances_of(distance, len(stiffness), region)
    if mass is None:
        if thermal_start:
            raise ValueError(
                "thermal_start=True without a mass: overdamped dynamics has no momenta"
            )
        amplitudes = np.sqrt(temperature / stiffness)
        return SaddleExit(stiffness / friction, amplitudes, distances, region)
    check_positive("mass", mass)
    spread = temperature / mass
    growth, amplitudes = growth_and_amplitude(stiffness / mass, spread, friction, thermal_start)
    transients = _transients(growth, spread, friction, thermal_start)
    return SaddleExit(growth, amplitudes, distances, region, transients=transients)


def isotropic_saddle_exit_mean(
    *, n_unstable: int, curvature: float, distance: float, temperature: float, friction: float = 1.0
) -> float:
    """Exact mean overdamped exit time of a sphere around m equally unstable directions.

    ``mean = (distance^2/(2 m D)) 2F2(1, 1; m/2+1, 2; -curvature distance^2/(2 T))``, D = T/friction

    Parameters
    ----------
    n_unstable : int
        m >= 1.
    curvature, distance, temperature, friction : float
        > 0. Any temperature; beyond k L^2/(2 T) = e^40 the limit (ln z - digamma(m/2))/(2 l).

    Returns
    -------
    float
        [time], to 1e-12 relative up to m = 100.

    Raises
    ------
    ValueError, TypeError
        An argument out of range.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> round(ll.escape.isotropic_saddle_exit_mean(
    ...     n_unstable=1, curvature=1.0, distance=1.0, temperature=0.1), 6)
    1.724138
    """
    m = check_count("n_unstable", n_unstable, 1)
    check_all_positive(
        curvature=curvature, distance=distance, temperature=temperature, friction=friction
    )
    log_z = math.log(0.5 * curvature) + 2.0 * math.log(distance) - math.log(temperature)
    if log_z > _LARGE:
        from scipy.special import digamma

        return float(0.5 * (log_z - digamma(0.5 * m)) * friction / curvature)
    z = math.exp(log_z)
    # mean = (1/(m l)) int_0^z 1F1(1; m/2 + 1; -s) ds, smooth in ln(1 + s).
    nodes, weights = np.polynomial.legendre.leggauss(100)
    half = 0.5 * np.log1p(z)
    s = np.expm1(half * (nodes + 1.0))
    integral = half * np.sum(weights * (1.0 + s) * _kummer(0.5 * m + 1.0, -s))
    return float(integral * friction / (m * curvature))


def _kummer(b: float, x: Array) -> Array:
    """1F1(1; b; x) for x <= 0, by its series at either end, where scipy has no numbers."""
    from scipy.special import hyp1f1

    size = -x
    small, large = size < 1e-9, size > 1e9 * b
    inner = np.where(small | large, 1.0, size)
    outer = np.where(large, size, 1.0)
    far = (b - 1.0) / outer * (1.0 + (2.0 - b) / outer)
    return np.where(small, 1.0 - size / b, np.where(large, far, hyp1f1(1.0, b, -inner)))


def _transients(
    growth: Array, velocity_variance: float, friction: float, thermal_start: bool
) -> tuple[Array, Array]:
    """Rates and variances of what dies out, as in the module's docstring."""
    decay = growth + friction
    scale = velocity_variance / (growth + decay) ** 2
    if thermal_start:
        parts = np.stack([2.0 + 0.0 * growth, growth / decay], axis=-1)
    else:
        parts = np.stack([4.0 + 0.0 * growth, -friction / decay], axis=-1)
    rates = np.stack([friction + 0.0 * growth, 2.0 * decay], axis=-1)
    return rates, scale[:, None] * parts


def distances_of(distance: ArrayLike, m: int, region: str) -> Array:
    """Return the distance of each of the m directions; refuse a region that is neither."""
    if region not in REGIONS:
        raise ValueError(f"region={region!r} must be 'sphere' or 'box'")
    array = _positive_array("distance", distance)
    if region == "sphere" and np.ndim(distance):
        raise ValueError(
            f"distance={distance!r} of a sphere must be one number; a box has one a direction"
        )
    if array.shape not in ((1,), (m,)):
        raise ValueError(f"distance={distance!r} must be one number, or one for each of {m}")
    return np.broadcast_to(array, (m,)).copy()


def _positive_array(name: str, values: ArrayLike) -> Array:
    """Values > 0, one or a list, as an array; errors that name the argument otherwise."""
    entries = np.asarray(values, dtype=object)
    for entry in entries.ravel().tolist():
        check_number(name, entry)
    array = np.atleast_1d(entries.astype(np.float64))
    if array.ndim != 1 or not array.size or not (np.isfinite(array) & (array > 0)).all():
        raise ValueError(f"{name}={values!r} must be positive and finite, one or a list")
    return array
