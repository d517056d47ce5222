"""What every method costs, against the cost predicted from its gradients and normals per step.

Programs that are no methods give the unit costs of a potential, in the same loop over replicas that
all methods run in: one that moves the state, the same with a gradient, with a normal, with an
energy. A method is then predicted to take

    base + gradients (with a gradient - base) + normals (with a normal - base) + ...

Normals that a step draws once per replica count as shares of one per coordinate. All programs are
interleaved on one thread; the fastest of several runs count, since other work on the machine can
only add.
"""

from __future__ import annotations

import math
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
    equation: str
    gradients: int
    normals: int
    measured: float
    predicted: float

    @property
    def ratio(self) -> float:
        """Measured over predicted."""
        return self.measured / self.predicted


_UNITS = {
    "momenta": {
        "base": ("x = fma(drift, p, x)", "p = fma(-drift, x, p)"),
        "gradient": ("x = fma(drift, p, x)", "g = gradient(x)", "p = fma(-drift, g, p)"),
        "normal": ("x = fma(drift, p, x)", "p = fma(drift, n0, fma(-drift, x, p))"),
        "energy": ("x = fma(drift, p, x)", "e = energy(x)", "p = fma(-drift, e * x, p)"),
    },
    "positions": {
        "base": ("x = fma(-drift, x, x)",),
        "gradient": ("g = gradient(x)", "x = fma(-drift, g, x)"),
        "normal": ("x = fma(drift, n0, fma(-drift, x, x))",),
        "energy": ("e = energy(x)", "x = fma(-drift, e * x, x)"),
    },
}


def _unit(name: str, kind: str) -> Method:
    lines, equation = _UNITS[kind][name], "langevin" if kind == "momenta" else "overdamped"
    program = Program(
        text=lines,
        state=("x", "p") if kind == "momenta" else ("x",),
        coefficients=("drift",),
        n_normals=int(name == "normal"),
        scalars=("e",) if name == "energy" else (),
    )
    properties = Properties(
        name=name, equation=equation, strong_order=1.0, weak_order=1.0,
        configurational_order=math.nan, gradients_per_step=program.gradients_per_step,
        normals_per_step=program.n_normals, stability_limit=math.nan, source="none",
    )  # fmt: skip
    return Method(name, program, lambda dynamics, dt, temperature: {"drift": 1e-5}, properties)


def _dynamics(potential, scheme: Method):
    """Dynamics that the method solves; with noise wherever it has any."""
    equation = scheme.properties.equation
    temperature = 0.0 if scheme.noiseless else 0.2
    if equation == "overdamped":
        return ll.Overdamped(potential, temperature=temperature)
    if equation == "ito":
        return ll.ItoDiffusion(potential, noise=[0.1] * potential.dim)
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
        dynamics, scheme, dt=1e-5, n_steps=n_steps, n_replicas=REPLICAS, seed=1, n_threads=1
    )
    return time.perf_counter() - started


def timings(potential, n_steps: int, repeats: int) -> list[Timing]:
    """All registered methods that can be run on the potential."""
    schemes = [ll.integrators.method(name, equation=equation) for name, equation in names()]
    if potential.code.form != "scalar":
        schemes = [scheme for scheme in schemes if scheme.properties.equation != "ito"]
    units = {(name, kind): _unit(name, kind) for kind in _UNITS for name in _UNITS[kind]}
    programs = [*units.values(), *schemes]
    times: dict[int, list[float]] = {id(scheme): [] for scheme in programs}
    for scheme in programs:
        _seconds(potential, scheme, 8)
    for _ in range(repeats):
        for scheme in programs:
            times[id(scheme)].append(1e9 * _seconds(potential, scheme, n_steps))
    scale = n_steps * REPLICAS
    fastest = {key: min(values) / scale for key, values in times.items()}
    cost = {key: fastest[id(unit)] for key, unit in units.items()}
    return [_timing(potential, scheme, fastest[id(scheme)], cost) for scheme in schemes]


def _timing(potential, scheme: Method, measured: float, cost: dict) -> Timing:
    record, program = scheme.properties, scheme.program
    kind = "momenta" if "p" in program.state else "positions"
    base = cost["base", kind]
    counts = {
        "gradient": record.gradients_per_step,
        "normal": record.normals_per_step + program.n_scalar_normals / potential.dim,
        "energy": sum(line.call == "energy" for line in program.lines),
    }
    extra = sum(count * (cost[name, kind] - base) for name, count in counts.items())
    return Timing(
        potential.name, scheme.name, record.equation, record.gradients_per_step,
        record.normals_per_step, measured, base + extra,
    )  # fmt: skip
