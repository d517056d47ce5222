"""Escape at weak friction, one dimension: energy diffusion and the Kramers turnover.

A particle that reaches the barrier has lost friction * S of energy in its last oscillation, S the
action at the barrier energy. When d = friction * S / T is not large the well is depleted near its
top and fewer particles escape than Kramers-Langer says: by the factor Y(d) of Mel'nikov and
Meshkov, which goes over into the energy-diffusion rate for d -> 0.

    Y(d) = exp[(1/pi) int_0^inf ln(1 - exp(-d (y^2 + 1/4))) / (y^2 + 1/4) dy]

Source: Kramers (1940); Mel'nikov and Meshkov (1986); Haenggi, Talkner and Borkovec (1990), ch. VI.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_lab.dynamics.schedules import check_number, check_positive
from langevin_lab.escape.barrier import Barrier, positive
from langevin_lab.escape.rates import Rate, kramers

Array = NDArray[np.float64]


def energy_diffusion(
    potential: Any,
    minimum: float,
    saddle: float,
    temperature: float,
    *,
    friction: float,
    mass: float = 1.0,
) -> Rate:
    """Escape rate from one 1-D well at vanishing friction.

    ``rate = (friction * S / temperature) * (w_0 / 2 pi) * exp(-dU / temperature)``

    Parameters
    ----------
    As `kramers`, one-dimensional; S is `barrier_action`.

    Returns
    -------
    Rate

    Raises
    ------
    ValueError
        As `barrier_action` and `kramers`.

    Source
    ------
    Kramers (1940).
    """
    barrier = Barrier(potential, minimum, saddle, temperature)
    positive("friction", friction, barrier.dim, zero=True)
    positive("mass", mass, barrier.dim)
    action = _action(potential, barrier, mass)
    frequency = np.sqrt(barrier.minimum_hessian[0, 0] / mass)
    prefactor = friction * action / temperature * frequency / (2 * np.pi)
    # Without friction there is no escape at all.
    log_prefactor = math.log(prefactor) if prefactor > 0 else -math.inf
    return Rate(
        log_prefactor + barrier.log_arrhenius, "energy diffusion", "Kramers (1940)",
        "T << dU and friction * action / T << 1",
    )  # fmt: skip


def turnover(
    potential: Any,
    minimum: float,
    saddle: float,
    temperature: float,
    *,
    friction: float,
    mass: float = 1.0,
    other_minimum: float | None = None,
) -> Rate:
    """Escape rate of a 1-D well at any friction: Mel'nikov and Meshkov.

    ``rate = k_KL Y(d)`` out of a single well, d = friction S / temperature; between two wells
    ``rate = k_KL Y(d) Y(d') / Y(d + d')`` with d' of the other well, since a particle that comes
    back within a few oscillations has not escaped.

    Parameters
    ----------
    As `kramers`, one-dimensional, and
    other_minimum : float, optional
        Minimum on the other side of the saddle. Default: none, escape is final (to infinity).

    Returns
    -------
    Rate

    Raises
    ------
    ValueError
        As `barrier_action` and `kramers`; friction = 0, or both minima on one side of the saddle.

    Source
    ------
    Mel'nikov and Meshkov (1986).
    """
    rate = kramers(potential, minimum, saddle, temperature, friction=friction, mass=mass)
    wells = wells_of(potential, minimum, saddle, temperature, friction, other_minimum)
    losses = [friction * _action(potential, well, mass) / temperature for well in wells]
    return Rate(
        rate.log_value + math.log(hop_factor(losses)), "Mel'nikov-Meshkov turnover",
        "Mel'nikov and Meshkov (1986)",
        "T << dU at any friction; 1-4 % high at dU/T = 10, up to 20 % at dU/T = 5 and low friction",
    )  # fmt: skip


def wells_of(
    potential: Any,
    minimum: float,
    saddle: float,
    temperature: float,
    friction: float,
    other_minimum: float | None,
) -> list[Barrier]:
    """One well, or the two on either side of the saddle, checked for a turnover rate."""
    check_number("friction", friction)
    if not friction > 0:
        raise ValueError(f"friction={friction} must be > 0 for a turnover rate (it vanishes at 0)")
    wells = [Barrier(potential, minimum, saddle, temperature)]
    if other_minimum is not None:
        wells.append(Barrier(potential, other_minimum, saddle, temperature))
        sides = [float((well.minimum - well.saddle)[0]) for well in wells]
        if sides[0] * sides[1] >= 0:
            raise ValueError(
                f"other_minimum={other_minimum} and minimum={minimum} lie on one side of "
                f"saddle={saddle}; give the minimum beyond the saddle"
            )
    return wells


def hop_factor(losses: list[float]) -> float:
    """Y(d) out of a single well, Y(d) Y(d') / Y(d + d') between two."""
    factor = depopulation_factor(losses[0])
    if len(losses) == 2:
        factor *= depopulation_factor(losses[1]) / depopulation_factor(sum(losses))
    return factor


def depopulation_factor(loss: float) -> float:
    """Mel'nikov-Meshkov factor Y of the mean energy loss per oscillation in units of T.

    ``Y(d) = exp[(1/pi) int_0^inf ln(1 - exp(-d (y^2 + 1/4))) / (y^2 + 1/4) dy]``

    Parameters
    ----------
    loss : float
        d = friction * action / temperature > 0.

    Returns
    -------
    float
        In (0, 1): d for small d, 1 for large.

    Raises
    ------
    ValueError
        loss <= 0.

    Source
    ------
    Mel'nikov and Meshkov (1986).
    """
    check_number("loss", loss)
    if not loss > 0:
        raise ValueError(f"loss={loss} must be positive (friction * action / temperature)")
    # y = tan(t)/2 turns dy/(y^2 + 1/4) into 2 dt, and the integrand into one on (0, pi/2).
    nodes, weights = _tanh_sinh()
    t = 0.25 * np.pi * (1.0 + nodes)
    logs = np.log(-np.expm1(-loss * 0.25 / np.cos(t) ** 2))
    return float(np.exp(0.5 * np.sum(weights * logs)))


def barrier_action(potential: Any, minimum: float, saddle: float, *, mass: float = 1.0) -> float:
    """Action of one oscillation of a 1-D well at the energy of its barrier.

    ``S = 2 int sqrt(2 mass (U(s) - U(x))) dx`` from the turning point to the saddle.

    Parameters
    ----------
    potential : Potential
        dim 1.
    minimum, saddle : float
    mass : float, optional

    Returns
    -------
    float
        [energy * time]; friction * S is the energy lost in one oscillation.

    Raises
    ------
    ValueError
        dim != 1; no minimum or no saddle; no turning point on the far side of the minimum.
    """
    check_positive("mass", mass)
    return _action(potential, Barrier(potential, minimum, saddle, 1.0), mass)


def _action(potential: Any, barrier: Barrier, mass: float) -> float:
    """Loop action at the barrier energy by Gauss-Legendre after removing the end's square root."""
    if barrier.dim != 1:
        raise ValueError(f"the barrier action needs dimension 1, not {barrier.dim}")
    saddle, minimum = float(barrier.saddle[0]), float(barrier.minimum[0])
    top = float(potential.energy(barrier.saddle))

    def depth(x: Any) -> Array:
        return top - np.asarray(potential.energy(np.atleast_1d(x)[:, None]), dtype=np.float64)

    turning = _turning_point(depth, minimum, saddle)
    # x = turning + (saddle - turning) sin^2: smooth through the root at the turning point.
    nodes, weights = np.polynomial.legendre.leggauss(200)
    angle = 0.25 * np.pi * (1.0 + nodes)
    x = turning + (saddle - turning) * np.sin(angle) ** 2
    jacobian = 0.25 * np.pi * abs(saddle - turning) * np.sin(2 * angle)
    momentum = np.sqrt(2 * mass * np.maximum(depth(x), 0.0))
    return float(2 * np.sum(weights * jacobian * momentum))


def _turning_point(depth: Callable[[Any], Array], minimum: float, saddle: float) -> float:
    """The point beyond the minimum where the energy is that of the saddle."""
    return _first_zero(depth, minimum, 0.02 * (minimum - saddle), minimum, saddle)


def beyond_the_well(depth: Callable[[Any], Array], saddle: float, minimum: float) -> float:
    """The first zero of the depth from the saddle on, on the side of the minimum."""
    first = 1e-3 * (minimum - saddle)
    return _first_zero(depth, saddle + first, first, minimum, saddle)


def _first_zero(
    depth: Callable[[Any], Array], start: float, step: float, minimum: float, saddle: float
) -> float:
    """Where the depth falls to zero beyond `start`, by growing steps and bisection."""
    outer, reach = start, 1e4 * abs(minimum - saddle)
    inner = start
    while depth(outer)[0] > 0:
        inner, outer, step = outer, outer + step, 1.05 * step
        if abs(outer - minimum) > reach:
            raise ValueError(
                f"the well at minimum={minimum} never rises to the energy of saddle={saddle} on "
                "its far side: there is no bounded orbit at the barrier energy"
            )
    for _ in range(200):
        middle = 0.5 * (inner + outer)
        if middle in (inner, outer):
            break
        inner, outer = (middle, outer) if depth(middle)[0] > 0 else (inner, middle)
    return 0.5 * (inner + outer)


def _tanh_sinh() -> tuple[Array, Array]:
    """Nodes and weights on (-1, 1) that tolerate logarithms at the ends."""
    t = np.linspace(-3.2, 3.2, 257)
    nodes = np.tanh(0.5 * np.pi * np.sinh(t))
    weights = (t[1] - t[0]) * 0.5 * np.pi * np.cosh(t) / np.cosh(0.5 * np.pi * np.sinh(t)) ** 2
    return nodes, weights
