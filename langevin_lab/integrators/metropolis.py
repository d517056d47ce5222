"""Metropolis methods: a step that is accepted or rejected, and keeps the Gibbs law at any dt.

MALA, overdamped, drift = dt/friction and n standard normal:

    y = x - drift grad U(x) + sqrt(2 T drift) n
    m = sqrt(drift/(2 T)) (grad U(x) + grad U(y)) - n       the normal that leads from y back to x
    d = U(y) - U(x) + (T/2) (m.m - n.n)

GHMC, Langevin: OBABO whose middle, a step of velocity Verlet from (x, p) to (y, v), is

    d = U(y) - U(x) + v.v/(2 mass) - p.p/(2 mass)

and ends in (y, v) or, rejected, in (x, -p): the sign keeps the law, since Verlet is reversible only
up to one. Both accept with probability min(1, exp(-d/T)). No uniform number is needed: with two
standard normals (s0^2 + s1^2)/2 is exponential with mean 1, so a step is accepted if
d <= T (s0^2 + s1^2)/2. A proposal whose energy overflows is rejected. The scalar ``accepted`` is 1
or 0 for the last step; the energy at x is carried, so each step costs one.

With ``friction=math.inf`` GHMC redraws all momenta: hybrid Monte Carlo of one step, which is MALA
with its drift dt^2/(2 mass). Source: Horowitz (1991) for GHMC; Roberts and Tweedie (1996) for MALA;
Bou-Rabee and Vanden-Eijnden (2010) for their orders in dt.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from langevin_lab.dynamics import elementwise
from langevin_lab.integrators.methods import Method
from langevin_lab.integrators.program import Program
from langevin_lab.integrators.properties import Properties

_DECIDE = "accepted = select(d <= 0.5 * temperature * (s0 * s0 + s1 * s1), 1.0, 0.0)"
_CARRY = (
    "x = select(accepted > 0.5, y, x)",
    "g = select(accepted > 0.5, h, g)",
    "e = select(accepted > 0.5, f, e)",
)


def _method(name, equation, program, coefficients, *, strong, weak, source) -> Method:
    properties = Properties(
        name=name,
        equation=equation,
        strong_order=strong,
        weak_order=weak,
        configurational_order=math.inf,
        gradients_per_step=program.gradients_per_step,
        normals_per_step=program.n_normals,
        stability_limit=math.inf,
        source=source,
        linear=False,
    )
    return Method(name, program, coefficients, properties)


def metropolis_adjusted_langevin() -> Method:
    """MALA: Euler-Maruyama accepted or rejected, unbiased averages of functions of position.

    A share of dt^(3/2) of the steps is rejected and stays behind by dt^(1/2): strong order 3/4.
    """
    program = Program(
        text=(
            "y = fma(noise, n0, fma(-drift, g, x))",
            "h = gradient(y)",
            "f = energy(y)",
            "u = width * n0",
            "w = fma(half, g + h, -u)",
            "k = dot(u, u)",
            "m = dot(w, w)",
            "d = fma(0.5, m - k, f - e)",
            _DECIDE,
            *_CARRY,
        ),
        state=("x", "accepted"),
        coefficients=("drift", "noise", "half", "width", "temperature"),
        n_normals=1,
        stored=("g", "e"),
        scalars=("accepted", "d", "e", "f", "k", "m"),
        n_scalar_normals=2,
    )

    def coefficients(dynamics, dt, temperature) -> dict[str, Any]:
        drift = dt / np.asarray(dynamics.friction)
        return {
            "drift": drift,
            "noise": np.sqrt(2.0 * temperature * drift),
            "half": np.sqrt(0.5 * drift),
            "width": np.sqrt(np.asarray(temperature, dtype=float)),
            "temperature": temperature,
        }

    return _method(
        "MALA", "overdamped", program, coefficients, strong=0.75, weak=1.0,
        source="Roberts and Tweedie (1996); strong order: Bou-Rabee and Vanden-Eijnden (2010)",
    )  # fmt: skip


def generalised_hybrid_monte_carlo() -> Method:
    """GHMC: OBABO with its Verlet step accepted or rejected, the Gibbs law at any dt.

    Rejections are rare, dt^3 a step, but turn the path around: strong order 1, which is that of
    OBABO, and weak order 2.
    """
    refresh = "p = fma(decay, p, noise * {normal})"
    program = Program(
        text=(
            refresh.format(normal="n0"),
            "w = inverse_mass * p",
            "k = dot(w, p)",
            "v = fma(-kick, g, p)",
            "y = fma(drift, v, x)",
            "h = gradient(y)",
            "f = energy(y)",
            "v = fma(-kick, h, v)",
            "w = inverse_mass * v",
            "m = dot(w, v)",
            "d = fma(0.5, m - k, f - e)",
            _DECIDE,
            "p = select(accepted > 0.5, v, -p)",
            *_CARRY,
            refresh.format(normal="n1"),
        ),
        state=("x", "p", "accepted"),
        coefficients=("kick", "drift", "inverse_mass", "decay", "noise", "temperature"),
        n_normals=2,
        stored=("g", "e"),
        scalars=("accepted", "d", "e", "f", "k", "m"),
        n_scalar_normals=2,
    )

    def coefficients(dynamics, dt, temperature) -> dict[str, Any]:
        mass, exponent = np.asarray(dynamics.mass), np.asarray(dynamics.friction) * (dt / 2)
        return {
            "kick": dt / 2,
            "drift": dt / mass,
            "inverse_mass": 1.0 / mass,
            "decay": elementwise.exp(-exponent),
            "noise": np.sqrt(-elementwise.expm1(-2.0 * exponent) * mass * temperature),
            "temperature": temperature,
        }

    return _method(
        "GHMC", "langevin", program, coefficients, strong=1.0, weak=2.0,
        source="Horowitz (1991); orders: Bou-Rabee and Vanden-Eijnden (2010)",
    )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Outcomes:
    """What a Metropolis step may lead to.

    Attributes
    ----------
    energy_error : ndarray of shape (..., 1)
        d: the step is accepted with probability min(1, exp(-d/T)).
    accepted, rejected : dict of str to ndarray
        What is carried after either.
    """

    energy_error: np.ndarray
    accepted: dict[str, np.ndarray]
    rejected: dict[str, np.ndarray]


def outcomes(method: Method, state, normals, coefficients, gradient, energy) -> Outcomes:
    """Both outcomes of a Metropolis step, for laws without sampling.

    Parameters
    ----------
    method : Method
    state, normals, coefficients, gradient, energy
        As `Method.step`.

    Returns
    -------
    Outcomes
    """
    program = dataclasses.replace(method.program, state=(*method.program.state, "d"))
    state = method.carried_state(state, gradient, energy) | {"d": np.zeros(1)}
    ends = [
        # The largest and the smallest threshold that a draw could be compared with.
        program.run(
            state, normals, {**coefficients, "temperature": threshold}, gradient,
            energy=energy, scalar_normals=np.ones((2, 1)),
        )
        for threshold in (math.inf, -math.inf)
    ]  # fmt: skip
    return Outcomes(ends[0].pop("d"), ends[0], ends[1])
