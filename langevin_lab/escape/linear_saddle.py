"""Exit times from a linear saddle: escape without a barrier, logarithmic in the noise.

    overdamped    friction dx = curvature x dt + sqrt(2 friction T) dW,         x(0) = 0
    Langevin      dx = p/mass dt,
                  dp = curvature x dt - friction p dt + sqrt(2 friction mass T) dW

until |x| >= distance. With D = T/friction and growth k = curvature/friction the overdamped mean is

    tau = (2/k) int_0^s F(u) du = (distance^2/(2 D)) 2F2(1, 1; 3/2, 2; -s^2),
    s = distance sqrt(k/(2 D)),       F Dawson's function,

and for s >> 1 the exit is that of a Gaussian amplitude S n that grows as exp(l t):

    <t> = [ln(distance/S) + (g_E + ln 2)/2] / l,   sd = pi/(2 sqrt(2) l),
    P(t' <= t) = erfc(distance exp(-l t) / (S sqrt 2)),   g_E = 0.5772...

Source: Suzuki (1977) for the scaling law; the amplitudes by projection on the unstable direction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_lab.dynamics.schedules import check_number, check_positive

Array = NDArray[np.float64]

_EULER_GAMMA = 0.5772156649015329
_MEAN_LOG = 0.5 * (_EULER_GAMMA + np.log(2.0))


@dataclass(frozen=True)
class ExitTime:
    """Law of the time to leave a linear saddle.

    Attributes
    ----------
    mean, standard_deviation : float
        [time].
    growth_rate : float
        l, of the unstable direction [1/time].
    log_amplitude : float
        ln(distance/S), S the standard deviation of the growing amplitude at its start.
    valid : str
        When mean, standard deviation and law hold.
    """

    mean: float
    standard_deviation: float
    growth_rate: float
    log_amplitude: float
    valid: str

    def __float__(self) -> float:
        return self.mean

    def probability(self, time: ArrayLike) -> Array:
        """Probability to have left by `time` (scaling law): erfc(distance e^(-l t)/(S sqrt 2))."""
        from scipy.special import erfc

        time = np.asarray(time, dtype=np.float64)
        return erfc(np.exp(self.log_amplitude - self.growth_rate * time) / np.sqrt(2.0))


def linear_saddle_exit_time(
    *, curvature: float, distance: float, temperature: float, friction: float = 1.0
) -> ExitTime:
    """Overdamped exit of |x| = distance from the top of an inverted parabola.

    ``mean = (distance^2 / (2 D)) 2F2(1, 1; 3/2, 2; -curvature distance^2 / (2 T))``, D = T/friction

    Parameters
    ----------
    curvature : float
        > 0: the energy is -curvature x^2/2.
    distance : float
        > 0.
    temperature : float
        > 0.
    friction : float, optional
        > 0, of the overdamped equation.

    Returns
    -------
    ExitTime
        The mean is exact at any temperature; standard deviation and law are those of
        T << curvature distance^2.

    Raises
    ------
    ValueError
        An argument that is not positive and finite.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> exit = ll.escape.linear_saddle_exit_time(curvature=1.0, distance=1.0, temperature=0.01)
    >>> round(exit.mean, 6)
    2.932689
    """
    check_all_positive(
        curvature=curvature, distance=distance, temperature=temperature, friction=friction
    )
    growth = curvature / friction
    scaled = distance * np.sqrt(0.5 * curvature / temperature)
    return ExitTime(
        mean=2.0 / growth * _dawson_integral(scaled),
        standard_deviation=float(np.pi / (2.0 * np.sqrt(2.0) * growth)),
        growth_rate=growth,
        log_amplitude=float(np.log(np.sqrt(2.0) * scaled)),
        valid="mean: any temperature; standard deviation and law: T << curvature distance^2",
    )


def langevin_saddle_exit_time(
    *,
    curvature: float,
    distance: float,
    temperature: float,
    friction: float,
    mass: float = 1.0,
    thermal_start: bool = False,
) -> ExitTime:
    """Underdamped exit of |x| = distance from the top of an inverted parabola, x(0) = 0.

    ``mean = [ln(distance/S) + 0.635181] / l``, l = (-friction + sqrt(friction^2 + 4 k))/2,
    k = curvature/mass, and with the momentum at rest (cold) or Maxwellian (thermal) at the start
    ``S^2 = friction T/mass / (l (2 l + friction)^2)`` (cold) or
    ``S^2 = k T/mass / (l^2 (2 l + friction)^2)`` (thermal).

    Parameters
    ----------
    curvature, distance, temperature
        As `linear_saddle_exit_time`.
    friction : float
        A rate; > 0 for a cold start, >= 0 for a thermal one.
    mass : float, optional
        > 0.
    thermal_start : bool, optional
        Momentum drawn from the Maxwell law instead of 0.

    Returns
    -------
    ExitTime

    Raises
    ------
    ValueError
        An argument out of range.

    Notes
    -----
    With thermal momenta the mean grows with the friction. From a cold start it has a minimum at a
    finite friction, because friction is the only source of noise.
    """
    check_all_positive(curvature=curvature, distance=distance, temperature=temperature, mass=mass)
    check_friction(friction, thermal_start)
    growth, amplitude = growth_and_amplitude(
        curvature / mass, temperature / mass, friction, thermal_start
    )
    log_amplitude = float(np.log(distance / amplitude))
    return ExitTime(
        mean=float((log_amplitude + _MEAN_LOG) / growth),
        standard_deviation=float(np.pi / (2.0 * np.sqrt(2.0) * growth)),
        growth_rate=float(growth),
        log_amplitude=log_amplitude,
        valid="T << curvature distance^2",
    )


def growth_and_amplitude(
    stiffness: Any, velocity_variance: float, friction: float, thermal_start: bool
) -> tuple[Any, Any]:
    """Growth rates l and S of dx = v dt, dv = stiffness x dt - friction v dt + noise."""
    # The stable form of (-friction + sqrt(friction^2 + 4 k))/2.
    growth = 2.0 * stiffness / (friction + np.sqrt(friction**2 + 4.0 * stiffness))
    source = stiffness / growth**2 if thermal_start else friction / growth
    return growth, np.sqrt(velocity_variance * source) / (2.0 * growth + friction)


def optimal_exit_friction(
    *, curvature: float, distance: float, temperature: float, mass: float = 1.0
) -> tuple[float, ExitTime]:
    """Friction at which a particle at rest leaves an inverted parabola soonest, and the exit there.

    Friction brakes the growth and is the only source of noise; the optimum is about
    ``sqrt(curvature/mass)/(mean l)`` and falls with the logarithm of the temperature only.

    Parameters
    ----------
    curvature, distance, temperature, mass
        As `langevin_saddle_exit_time`.

    Returns
    -------
    float, ExitTime
        The friction [1/time] to about 1e-7 relative, and the law at it.

    Raises
    ------
    ValueError
        An argument out of range, or a temperature so high that the formula has no minimum.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> friction, exit = ll.escape.optimal_exit_friction(
    ...     curvature=1.0, distance=1.0, temperature=1e-4)
    >>> round(friction, 3), round(exit.mean, 3)
    (0.157, 7.38)
    """
    from scipy.optimize import minimize_scalar

    settings: dict[str, Any] = {
        "curvature": curvature, "distance": distance, "temperature": temperature, "mass": mass
    }  # fmt: skip
    check_all_positive(**settings)
    rate = np.sqrt(curvature / mass)

    def mean(log_friction: float) -> float:
        friction = float(rate * np.exp(log_friction))
        return langevin_saddle_exit_time(friction=friction, **settings).mean

    low, high = np.log(1e-6), np.log(1e2)
    found = minimize_scalar(mean, bounds=(low, high), method="bounded", options={"xatol": 1e-9})
    if min(found.x - low, high - found.x) < 1e-3 or found.fun <= 0:
        raise ValueError(
            f"temperature={temperature} with curvature distance^2={curvature * distance**2:g}: the "
            "exit formula has no minimum in the friction; it is for T << curvature distance^2"
        )
    friction = float(rate * np.exp(found.x))
    return friction, langevin_saddle_exit_time(friction=friction, **settings)


def check_all_positive(**values: Any) -> None:
    """Raise TypeError or ValueError unless all values are finite numbers > 0."""
    for name, value in values.items():
        check_positive(name, value)


def check_friction(friction: Any, thermal_start: bool) -> None:
    """Raise unless the friction is a finite number > 0, or >= 0 with thermal momenta."""
    check_number("friction", friction)
    if not (np.isfinite(friction) and friction >= 0 and (friction > 0 or thermal_start)):
        raise ValueError(
            f"friction={friction} must be finite and > 0 (>= 0 with thermal_start=True)"
        )


def _dawson_integral(s: float) -> float:
    """int_0^s F(u) du: Gauss-Legendre up to 12, the asymptotic series of F beyond."""
    from scipy.special import dawsn

    nodes, weights = np.polynomial.legendre.leggauss(60)
    inner = min(s, 12.0)
    total = 0.5 * inner * np.sum(weights * dawsn(0.5 * inner * (1.0 + nodes)))
    if s > inner:
        # F(u) = 1/(2u) + 1/(4u^3) + 3/(8u^5) + 15/(16u^7) + ..., integrated term by term.
        total += 0.5 * np.log(s / inner)
        coefficient = 0.25
        for k in range(1, 13):
            power = 2 * k
            total += coefficient / power * (inner**-power - s**-power)
            coefficient *= (2 * k + 1) / 2
    return float(total)
