"""Runge-Kutta for the deterministic flows, and the one-kick schemes of the optimisers' world.

RK4, gradient flow        x' = -grad U(x)
RK4, momentum flow        x' = p/mass,  p' = -grad U(x) - friction p          (temperature 0)
RK4, inertial flow        x' = p/mass - hessian_damping grad U(x),
                          p' = -force_scale grad U(x) - friction p
semi-implicit Euler       p = (1 - friction dt) p - dt grad U(x) + sqrt(2 friction mass T dt) n
                          x = x + dt p/mass
BBK                       p = (1 - friction dt/2) p - (dt/2) grad U(x) + s n_previous
                          x = x + dt p/mass
                          p = (p - (dt/2) grad U(x) + s n)/(1 + friction dt/2),
                          s = sqrt(friction mass T dt/2)
SGNHT                     p = (1 - coupling xi dt) p - dt grad U(x) + applied_noise sqrt(mass dt) n
                          x = x + dt p/mass
                          xi = xi + (dt/thermal_mass) (p.p/mass - dim T)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from langevin_lab.integrators.methods import Method, spectral_stability_limit
from langevin_lab.integrators.program import Program
from langevin_lab.integrators.properties import Properties


def runge_kutta_gradient_flow() -> Method:
    """Classical fourth-order Runge-Kutta for the gradient flow: four gradients a step."""
    program = Program(
        text=(
            "a = gradient(x)",
            "y = fma(-half, a, x)",
            "b = gradient(y)",
            "y = fma(-half, b, x)",
            "c = gradient(y)",
            "y = fma(-full, c, x)",
            "d = gradient(y)",
            "x = fma(-sixth, fma(2.0, b + c, a + d), x)",
        ),
        state=("x",),
        coefficients=("half", "full", "sixth"),
        n_normals=0,
    )

    def coefficients(dynamics, dt, temperature) -> dict[str, Any]:
        full = dt / np.asarray(dynamics.friction)
        return {"half": full / 2, "full": full, "sixth": full / 6}

    return _runge_kutta(program, coefficients, "overdamped")


def runge_kutta_momentum_flow() -> Method:
    """Classical fourth-order Runge-Kutta for Langevin dynamics at temperature 0."""
    stage = "{force} = fma(-damping, {p}, -{force})"
    lines = ["a = gradient(x)", stage.format(force="a", p="p")]
    previous_p, previous_force = "p", "a"
    for index, name in enumerate("bcd", start=1):
        width = "half" if index < 3 else "full"
        lines += [
            f"y = fma({width} * inverse_mass, {previous_p}, x)",
            f"q{index} = fma({width}, {previous_force}, p)",
            f"{name} = gradient(y)",
            stage.format(force=name, p=f"q{index}"),
        ]
        previous_p, previous_force = f"q{index}", name
    lines += [
        "x = fma(sixth * inverse_mass, fma(2.0, q1 + q2, p + q3), x)",
        "p = fma(sixth, fma(2.0, b + c, a + d), p)",
    ]
    program = Program(
        text=tuple(lines),
        state=("x", "p"),
        coefficients=("half", "full", "sixth", "inverse_mass", "damping"),
        n_normals=0,
    )

    def coefficients(dynamics, dt, temperature) -> dict[str, Any]:
        inverse_mass, damping = 1.0 / np.asarray(dynamics.mass), np.asarray(dynamics.friction)
        return {
            "half": dt / 2, "full": dt, "sixth": dt / 6,
            "inverse_mass": inverse_mass, "damping": damping,
        }  # fmt: skip

    return _runge_kutta(program, coefficients, "langevin")


def runge_kutta_inertial_flow() -> Method:
    """Classical fourth-order Runge-Kutta for the inertial flow: four gradients a step.

    Of order 4 at constant numbers; schedules are read at the middle of a step, which is order 2.
    """
    lines, position, momentum = [], "x", "p"
    for stage, name in enumerate("abcd"):
        lines += [
            f"{name} = gradient({position})",
            f"u{stage} = fma(-slide, {name}, inverse_mass * {momentum})",
            f"w{stage} = fma(-damping, {momentum}, -scale * {name})",
        ]
        if stage < 3:
            width = "half" if stage < 2 else "full"
            lines += [f"y = fma({width}, u{stage}, x)", f"z = fma({width}, w{stage}, p)"]
            position, momentum = "y", "z"
    lines += [
        "x = fma(sixth, fma(2.0, u1 + u2, u0 + u3), x)",
        "p = fma(sixth, fma(2.0, w1 + w2, w0 + w3), p)",
    ]
    program = Program(
        text=tuple(lines),
        state=("x", "p"),
        coefficients=("half", "full", "sixth", "inverse_mass", "damping", "slide", "scale"),
        n_normals=0,
    )

    def coefficients(dynamics, dt, temperature) -> dict[str, Any]:
        return {
            "half": dt / 2, "full": dt, "sixth": dt / 6,
            "inverse_mass": 1.0 / np.asarray(dynamics.mass),
            "damping": np.asarray(dynamics.friction),
            "slide": getattr(dynamics, "hessian_damping", 0.0),
            "scale": getattr(dynamics, "force_scale", 1.0),
        }  # fmt: skip

    return _runge_kutta(program, coefficients, "inertial")


def _runge_kutta(program, coefficients, equation) -> Method:
    properties = Properties(
        name="RK4",
        equation=equation,
        strong_order=4.0,
        weak_order=4.0,
        configurational_order=math.nan,
        gradients_per_step=program.gradients_per_step,
        normals_per_step=0,
        stability_limit=spectral_stability_limit(
            program, coefficients, momenta=equation != "overdamped"
        ),
        source="Hairer, Norsett and Wanner (1993), section II.1",
    )
    return Method("RK4", program, coefficients, properties, noiseless=True)


def semi_implicit_euler() -> Method:
    """Semi-implicit Euler (the step of SGHMC): one gradient, first order in law and path.

    With k = 1 - friction dt/2 its positions are those of BBK with friction/k and mass k, so
    averages of functions of position are of order 2; those with momenta are of order 1.
    """
    program = Program(
        text=(
            "g = gradient(x)",
            "p = fma(noise, n0, fma(-kick, g, decay * p))",
            "x = fma(drift, p, x)",
        ),
        state=("x", "p"),
        coefficients=("kick", "decay", "drift", "noise"),
        n_normals=1,
    )

    def coefficients(dynamics, dt, temperature) -> dict[str, Any]:
        mass, friction = np.asarray(dynamics.mass), np.asarray(dynamics.friction)
        return {
            "kick": dt,
            "decay": 1.0 - friction * dt,
            "drift": dt / mass,
            "noise": np.sqrt(2.0 * friction * mass * temperature * dt),
        }

    properties = _one_kick_properties(
        "SemiImplicitEuler", program, coefficients, strong=1.0, configurational=2.0,
        source="Chen, Fox and Guestrin (2014), eq. (15)",
    )  # fmt: skip
    return Method("SemiImplicitEuler", program, coefficients, properties)


def brunger_brooks_karplus() -> Method:
    """BBK: one gradient, second-order stationary averages; its positions are CoolMomentum's.

    The momentum lacks half of the last increment and holds half of the previous one: the path is
    of strong order 1/2, as that of Leimkuhler-Matthews; the positions alone are of order 1.
    """
    program = Program(
        text=(
            "p = fma(noise, r, fma(-kick, g, before * p))",
            "x = fma(drift, p, x)",
            "g = gradient(x)",
            "p = after * fma(noise, n0, fma(-kick, g, p))",
            "r = n0",
        ),
        state=("x", "p"),
        coefficients=("kick", "before", "after", "drift", "noise"),
        n_normals=1,
        stored=("g", "r"),
    )

    def coefficients(dynamics, dt, temperature) -> dict[str, Any]:
        mass, friction = np.asarray(dynamics.mass), np.asarray(dynamics.friction)
        return {
            "kick": dt / 2,
            "before": 1.0 - friction * dt / 2,
            "after": 1.0 / (1.0 + friction * dt / 2),
            "drift": dt / mass,
            "noise": np.sqrt(friction * mass * temperature * dt / 2),
        }

    properties = _one_kick_properties(
        "BBK", program, coefficients, strong=0.5, configurational=2.0,
        source="Brunger, Brooks and Karplus (1984)",
    )  # fmt: skip
    return Method("BBK", program, coefficients, properties)


def nose_hoover_euler() -> Method:
    """SGNHT: Euler's step for adaptive Langevin dynamics, one gradient, first order throughout.

    The thermostat holds <p.p/mass> at dim T, which for this step is not what the positions feel:
    their temperature comes out as T (1 - friction dt/2), while a word with D is right to dt^2.
    """
    program = Program(
        text=(
            "g = gradient(x)",
            "p = fma(noise, n0, fma(-braking * xi, p, fma(-kick, g, p)))",
            "x = fma(drift, p, x)",
            "w = inverse_mass * p",
            "k = dot(w, p)",
            "xi = fma(gain, k - target, xi)",
        ),
        state=("x", "p", "xi"),
        coefficients=("kick", "braking", "noise", "drift", "inverse_mass", "gain", "target"),
        n_normals=1,
        scalars=("xi", "k"),
    )

    def coefficients(dynamics, dt, temperature) -> dict[str, Any]:
        mass = np.asarray(dynamics.mass)
        return {
            "kick": dt,
            "braking": dynamics.coupling * dt,
            "noise": dynamics.applied_noise * np.sqrt(dt * mass),
            "drift": dt / mass,
            "inverse_mass": 1.0 / mass,
            "gain": dt / dynamics.thermal_mass,
            "target": dynamics.dim * np.asarray(temperature),
        }

    properties = _one_kick_properties(
        "SGNHT", program, coefficients, equation="adaptive", strong=1.0, configurational=1.0,
        source="Ding et al. (2014), algorithm 1",
    )  # fmt: skip
    return Method("SGNHT", program, coefficients, properties)


def _one_kick_properties(
    name, program, coefficients, *, strong, configurational, source, equation="langevin"
):
    return Properties(
        name=name,
        equation=equation,
        strong_order=strong,
        weak_order=1.0,
        configurational_order=configurational,
        gradients_per_step=program.gradients_per_step,
        normals_per_step=program.n_normals,
        stability_limit=spectral_stability_limit(program, coefficients, momenta=True),
        source=source,
    )
