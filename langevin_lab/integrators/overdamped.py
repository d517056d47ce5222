"""Schemes for overdamped dynamics: Euler-Maruyama, Leimkuhler-Matthews, stochastic Heun, SRA1.

With drift = dt/friction and one standard normal n a step, SRA1 a second one m:

    Euler-Maruyama       x' = x - drift grad U(x) + sqrt(2 T drift) n
    Leimkuhler-Matthews  x' = x - drift grad U(x) + sqrt(T drift/2) (n_previous + n)
    stochastic Heun      y  = x - drift grad U(x) + sqrt(2 T drift) n
                         x' = x - (drift/2) (grad U(x) + grad U(y)) + sqrt(2 T drift) n
    SRA1                 y  = x - (3/4) drift grad U(x) + (3/4) sqrt(2 T drift) (n + m/sqrt(3))
                         x' = x - (drift/3) (grad U(x) + 2 grad U(y)) + sqrt(2 T drift) n
"""

from __future__ import annotations

from typing import Any

import numpy as np

from langevin_lab.integrators.methods import Method, spectral_stability_limit
from langevin_lab.integrators.program import Program
from langevin_lab.integrators.properties import Properties


def _coefficients(noise_factor: float):
    def coefficients(dynamics, dt, temperature) -> dict[str, Any]:
        drift = dt / np.asarray(dynamics.friction)
        return {"drift": drift, "noise": np.sqrt(noise_factor * temperature * drift)}

    return coefficients


def _method(
    name, program, coefficients, *, strong, weak, configurational, source, path_normals=()
) -> Method:
    properties = Properties(
        name=name,
        equation="overdamped",
        strong_order=strong,
        weak_order=weak,
        configurational_order=configurational,
        gradients_per_step=program.gradients_per_step,
        normals_per_step=program.n_normals,
        stability_limit=spectral_stability_limit(program, coefficients, momenta=False),
        source=source,
    )
    return Method(name, program, coefficients, properties, path_normals=path_normals)


def euler_maruyama() -> Method:
    """Euler-Maruyama: one gradient a step, first order in everything."""
    program = Program(
        text=("g = gradient(x)", "x = fma(noise, n0, fma(-drift, g, x))"),
        state=("x",),
        coefficients=("drift", "noise"),
        n_normals=1,
    )
    return _method(
        "EulerMaruyama", program, _coefficients(2.0), strong=1.0, weak=1.0, configurational=1.0,
        source="Kloeden and Platen (1992), eq. (10.2.4); strong order 1 for additive noise",
    )  # fmt: skip


def leimkuhler_matthews() -> Method:
    """Leimkuhler-Matthews: one gradient a step, stationary averages of order 2.

    The path is off by half a future increment (strong order 1/2) and the law at a fixed time is
    of order 1; only the stationary law gains an order.
    """
    program = Program(
        text=(
            "g = gradient(x)",
            "x = fma(noise, r + n0, fma(-drift, g, x))",
            "r = n0",
        ),
        state=("x",),
        coefficients=("drift", "noise"),
        n_normals=1,
        stored=("r",),
    )
    return _method(
        "LeimkuhlerMatthews", program, _coefficients(0.5), strong=0.5, weak=1.0,
        configurational=2.0, source="Leimkuhler and Matthews (2013)",
    )  # fmt: skip


def stochastic_heun() -> Method:
    """Stochastic Heun: two gradients a step, weak order 2 for additive noise."""
    program = Program(
        text=(
            "y = fma(noise, n0, fma(-drift, g, x))",
            "k = gradient(y)",
            "x = fma(noise, n0, fma(-0.5 * drift, g + k, x))",
            "g = gradient(x)",
        ),
        state=("x",),
        coefficients=("drift", "noise"),
        n_normals=1,
        stored=("g",),
    )
    return _method(
        "StochasticHeun", program, _coefficients(2.0), strong=1.0, weak=2.0, configurational=2.0,
        source="Kloeden and Platen (1992), section 14.2, additive noise",
    )  # fmt: skip


def rossler_additive() -> Method:
    """SRA1: two gradients a step, strong order 3/2 and weak order 2 for additive noise.

    With dW the increment of a step and dZ the integral of W over it, which are jointly Gaussian,
    (3/2) dZ/dt = (3/4) sqrt(dt) (n + m/sqrt(3)) places the second stage.
    """
    program = Program(
        text=(
            "g = gradient(x)",
            "y = fma(own, n1, fma(shared, n0, fma(-0.75 * drift, g, x)))",
            "k = gradient(y)",
            "x = fma(noise, n0, fma(-third, fma(2.0, k, g), x))",
        ),
        state=("x",),
        coefficients=("drift", "third", "noise", "shared", "own"),
        n_normals=2,
    )

    def coefficients(dynamics, dt, temperature) -> dict[str, Any]:
        values = _coefficients(2.0)(dynamics, dt, temperature)
        shared = 0.75 * values["noise"]
        more = {"third": values["drift"] / 3, "shared": shared, "own": shared / np.sqrt(3.0)}
        return values | more

    return _method(
        "SRA1", program, coefficients, strong=1.5, weak=2.0, configurational=2.0,
        source="Roessler (2010), table 6.1, SRA1",
        path_normals=(("increment", (0, 1), ()), ("area", (0, 1), ("increment",))),
    )  # fmt: skip
