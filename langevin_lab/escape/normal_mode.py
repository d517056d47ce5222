"""Kramers turnover in the normal modes of barrier and bath: Pollak, Grabert and Haenggi.

At the top of the barrier the particle and an Ohmic bath separate into one unstable mode, which
grows at the Kramers rate l, and stable modes. Only the anharmonic part of the potential couples
them, so that the energy which the unstable mode loses to the others on one round of the well is
small even where friction is not. With x from the saddle, w_b the barrier frequency,

    l = -friction/2 + sqrt(friction^2/4 + w_b^2)      growth rate of the unstable mode
    r = l + friction                                  decay rate of the other real mode, l r = w_b^2
    share = 2 l/(l + r)                               u_00^2, weight of x in the unstable mode

the mode alone moves, at the energy of the barrier, on the orbit

    (dx/dt)^2 = (2 share/mass) [U_s - U(x) - mass friction l x^2/4]

and loses, with X(w) the Fourier transform of x(t),

    dE = (mass friction/(pi share^2)) int_0^inf w^2 (w^2 + l^2)/(w^2 + r^2) |X(w)|^2 dw
       = (mass friction/share^2) int z^2 dt,    dz/dt = -r z + d/dt (dx/dt + l x),

where the second line is Parseval's theorem. friction -> 0: friction times the action.
Source: Pollak, Grabert and Haenggi (1989), with the Ohmic kernel done in closed form.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_lab.dynamics.schedules import check_nonnegative, check_positive
from langevin_lab.escape.barrier import Barrier
from langevin_lab.escape.rates import Rate, growth_rate, kramers
from langevin_lab.escape.weak_friction import beyond_the_well, hop_factor, wells_of

Array = NDArray[np.float64]

# Panels on the orbit and collocation points in each; twice as many change the loss by 1e-10.
_PANELS, _POINTS = 80, 8
# The orbit is followed until |x| is sech(_REACH)^2 = 1e-6 of its turning point.
_REACH = 7.6


def pollak_grabert_haenggi(
    potential: Any,
    minimum: float,
    saddle: float,
    temperature: float,
    *,
    friction: float,
    mass: float = 1.0,
    other_minimum: float | None = None,
) -> Rate:
    """Escape rate of a 1-D well at any friction: Pollak, Grabert and Haenggi.

    ``rate = k_KL Y(d)`` out of a single well, ``k_KL Y(d) Y(d') / Y(d + d')`` between two wells, as
    `turnover`, but with d = `normal_mode_loss` / temperature.

    Parameters
    ----------
    As `turnover`.

    Returns
    -------
    Rate

    Raises
    ------
    ValueError
        As `turnover`.

    Source
    ------
    Pollak, Grabert and Haenggi (1989).

    Examples
    --------
    >>> import langevin_lab as ll
    >>> U = ll.potentials.double_well(barrier=1.0)
    >>> rate = ll.escape.pollak_grabert_haenggi(U, -1, 0, 0.1, friction=0.5, other_minimum=1)
    >>> f"{rate.value:.4e}"
    '1.7213e-05'
    """
    rate = kramers(potential, minimum, saddle, temperature, friction=friction, mass=mass)
    wells = wells_of(potential, minimum, saddle, temperature, friction, other_minimum)
    losses = [_loss(potential, well, friction, mass) / temperature for well in wells]
    return Rate(
        rate.log_value + math.log(hop_factor(losses)), "Pollak-Grabert-Haenggi turnover",
        "Pollak, Grabert and Haenggi (1989)",
        "T << dU at any Ohmic friction; within 5 % at dU/T = 10, 15 % high at dU/T = 5 and low "
        "friction, up to 11 % low at dU/T = 3.3",
    )  # fmt: skip


def normal_mode_loss(
    potential: Any, minimum: float, saddle: float, *, friction: float, mass: float = 1.0
) -> float:
    """Energy that the unstable normal mode loses to the bath on one round of the well.

    Parameters
    ----------
    potential : Potential
        dim 1.
    minimum, saddle : float
    friction : float
        A rate, >= 0.
    mass : float, optional

    Returns
    -------
    float
        [energy]; friction times `barrier_action` to first order in friction.

    Raises
    ------
    ValueError
        As `barrier_action`; mass <= 0 or friction < 0.

    Source
    ------
    Pollak, Grabert and Haenggi (1989).
    """
    return _loss(potential, Barrier(potential, minimum, saddle, 1.0), friction, mass)


def _loss(potential: Any, barrier: Barrier, friction: float, mass: float) -> float:
    if barrier.dim != 1:
        raise ValueError(f"the normal-mode loss needs dimension 1, not {barrier.dim}")
    check_nonnegative("friction", friction)
    check_positive("mass", mass)
    growth = growth_rate(barrier, friction, mass)
    decay = growth + friction
    share = 2 * growth / (growth + decay)
    orbit = _Orbit.of(potential, barrier, 0.5 * mass * friction * growth, 2 * share / mass)
    z = _filtered(-decay * orbit.clock, orbit.clock * (orbit.acceleration + growth * orbit.speed))
    return float(mass * friction / share**2 * np.sum(orbit.weights * orbit.clock * z**2))


@dataclass(frozen=True)
class _Orbit:
    """From saddle to turning point and back, x = turning sech(u)^2: (panels, points) in u.

    clock is dt/du, weights integrate over u.
    """

    clock: Array
    speed: Array
    acceleration: Array
    weights: Array

    @classmethod
    def of(cls, potential: Any, barrier: Barrier, stiffness: float, scale: float) -> _Orbit:
        """(dx/dt)^2 = scale (U_s - U - stiffness x^2/2)."""
        top, saddle = float(potential.energy(barrier.saddle)), float(barrier.saddle[0])

        def depth(x: Any) -> Array:
            at = np.atleast_1d(x)
            energy = np.asarray(potential.energy(at[..., None]), dtype=np.float64)
            return top - energy - 0.5 * stiffness * (at - saddle) ** 2

        reach = beyond_the_well(depth, saddle, float(barrier.minimum[0])) - saddle
        nodes, weights = np.polynomial.legendre.leggauss(_POINTS)
        half = _REACH / _PANELS
        centres = -_REACH + half * (2 * np.arange(_PANELS) + 1)
        u = centres[:, None] + half * nodes
        x = reach / np.cosh(u) ** 2
        # Out for u < 0, back for u > 0; no node is the turning point u = 0.
        speed = -np.sign(u * reach) * np.sqrt(scale * np.maximum(depth(saddle + x), 0.0))
        force = -np.asarray(potential.gradient((saddle + x)[..., None]))[..., 0] - stiffness * x
        return cls(-2 * x * np.tanh(u) / speed, speed, 0.5 * scale * force, half * weights)


def _filtered(rate: Array, source: Array) -> Array:
    """Solve dz/du = rate z + source, z as e^(2u) at first, by Gauss collocation on each panel.

    A-stable: at strong friction the filter forgets within a small part of a panel.
    """
    half = _REACH / _PANELS
    nodes, weights = np.polynomial.legendre.leggauss(_POINTS)
    powers = np.arange(_POINTS)
    # Integrals of the interpolating polynomial from the panel's start to each node.
    integral = (nodes[:, None] ** (powers + 1) - (-1.0) ** (powers + 1)) / (powers + 1)
    steps = half * integral @ np.linalg.inv(nodes[:, None] ** powers)
    system = np.eye(_POINTS) - steps * rate[:, None, :]
    right = np.stack([np.ones_like(rate), source @ steps.T], axis=-1)
    start, driven = np.moveaxis(np.linalg.solve(system, right), -1, 0)
    value, z = float(source[0, 0] / (2.0 - rate[0, 0])), np.empty_like(rate)
    for panel in range(_PANELS):
        z[panel] = start[panel] * value + driven[panel]
        value += half * float(weights @ (rate[panel] * z[panel] + source[panel]))
    return z
