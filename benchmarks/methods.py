"""What every method costs, against the cost predicted from its gradients and normals per step.

Three programs that are no methods give the unit costs of a potential, in the same loop over
replicas that all methods run in: one that moves the state, the same with a gradient, the same with
a normal. A method is then predicted to take

    base + gradients (with a gradient - base) + normals (with a normal - base)

All programs are interleaved on one thread; medians are compared.
"""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import dataclass

import langevin_lab as ll
from langevin_lab.integrators import Method, Program, Properties, names

REPLICAS = 4096


@dataclass(frozen=True)
class Timing:
    """One row: a method on a potential, nanoseconds per replica and step."""

    potential: str
    method: str
    gradients: int
    normals: int
    measured: float
    predicted: float

    @property
    def ratio(self) -> float:
        """Measured over predicted."""
        return self.measured / self.predicted


_UNITS = {
    "langevin": {
        "base": ("x = fma(drift, p, x)", "p = fma(-drift, x, p)"),
        "gradient": ("x = fma(drift, p, x)", "g = gradient(x)", "p = fma(-drift, g, p)"),
        "normal": ("x = fma(drift, p, x)", "p = fma(drift, n0, fma(-drift, x, p))"),
    },
    "overdamped": {
        "base": ("x = fma(-drift, x, x)",),
        "gradient": ("g = gradient(x)", "x = fma(-drift, g, x)"),
        "normal": ("x = fma(drift, n0, fma(-drift, x, x))",),
    },
}


def _unit(name: str, equation: str) -> Method:
    lines = _UNITS[equation][name]
    program = Program(
        text=lines,
        state=("x", "p") if equation == "langevin" else ("x",),
        coefficients=("drift",),
        n_normals=int(name == "normal"),
    )
    properties = Properties(
        name=name, equation=equation, strong_order=1.0, weak_order=1.0,
        configurational_order=math.nan, gradients_per_step=program.gradients_per_step,
        normals_per_step=program.n_normals, stability_limit=2.0, source="none",
    )  # fmt: skip
    return Method(name, program, lambda dynamics, dt, temperature: {"drift": 1e-4}, properties)


def _dynamics(potential, scheme: Method):
    """Dynamics that the method solves; with noise wherever it has any."""
    equation = scheme.properties.equation
    temperature = 0.0 if scheme.noiseless else 0.2
    if equation == "overdamped":
        return ll.Overdamped(potential, temperature=temperature)
    if equation == "adaptive":
        noise = 0.5 if scheme.n_normals else 0.0
        return ll.AdaptiveLangevin(
            potential, temperature=0.2, thermal_mass=10.0, applied_noise=noise
        )
    friction = 1.0 if scheme.thermostatted else 0.0
    return ll.Langevin(potential, temperature=temperature, friction=friction)


def _seconds(potential, scheme: Method, n_steps: int) -> float:
    """Wall time of one run on one thread."""
    dynamics = _dynamics(potential, scheme)
    started = time.perf_counter()
    ll.simulate(
        dynamics, scheme, dt=1e-4, n_steps=n_steps, n_replicas=REPLICAS, seed=1, n_threads=1
    )
    return time.perf_counter() - started


def timings(potential, n_steps: int, repeats: int) -> list[Timing]:
    """All registered methods that can be run on the potential."""
    schemes = [
        ll.integrators.method(name, equation=equation)
        for name, equation in names()
        if equation in ("overdamped", "langevin", "adaptive")
    ]
    units = {(name, kind): _unit(name, kind) for kind in _UNITS for name in _UNITS[kind]}
    programs = [*units.values(), *schemes]
    times: dict[int, list[float]] = {id(scheme): [] for scheme in programs}
    for scheme in programs:
        _seconds(potential, scheme, 8)
    for _ in range(repeats):
        for scheme in programs:
            times[id(scheme)].append(1e9 * _seconds(potential, scheme, n_steps))
    scale = n_steps * REPLICAS
    median = {key: statistics.median(values) / scale for key, values in times.items()}
    cost = {key: median[id(unit)] for key, unit in units.items()}
    rows = []
    for scheme in schemes:
        record = scheme.properties
        kind = "overdamped" if record.equation == "overdamped" else "langevin"
        base = cost["base", kind]
        predicted = base + record.gradients_per_step * (cost["gradient", kind] - base)
        predicted += record.normals_per_step * (cost["normal", kind] - base)
        rows.append(
            Timing(
                potential.name, scheme.name, record.gradients_per_step,
                record.normals_per_step, median[id(scheme)], predicted,
            )
        )  # fmt: skip
    return rows
