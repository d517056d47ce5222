"""Strong, weak and stationary orders measured through `evidence.convergence`, with intervals.

strong      U = x^2/2 + x^4/4, paths coupled to an accurate reference; without one (thermostats,
            blocks) to the method's own run at an 8 times smaller step
weak        harmonic well, Gaussian laws; the record states the lowest order of any observable
stationary  the quartic well by transfer operator, the harmonic well by Gaussian laws where the
            last normal is carried
moving      adaptive dynamics without noise, thermostat free, against a fine Runge-Kutta run
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from langevin_lab.lab.certificate.record import Check, Verdict
from langevin_lab.lab.certificate.subject import Subject, Well, blocks_of
from langevin_lab.lab.certificate.verdicts import judged_order, known_orders

if TYPE_CHECKING:
    from langevin_lab.evidence import ConvergenceStudy

_STRONG_COUNTS = (16, 32, 64, 128, 256)
_LAW_STEPS = (1 / 8, 1 / 12, 1 / 16, 1 / 24, 1 / 32)
# Transfer operators with momenta cost seconds at smaller steps.
_OPERATOR_STEPS = (1 / 4, 1 / 6, 1 / 8, 1 / 12, 1 / 16)
_FINER = 8
_N_PATHS = 400
_SEED = 1
_VERDICTS: dict[str, Verdict] = {
    "consistent": "holds",
    "refuted": "refuted",
    "inconclusive": "inconclusive",
}
_QUARTIC = Well(quartic=1.0)


def strong_study(subject: Subject) -> ConvergenceStudy:
    """The order of the path on the quartic well."""
    from langevin_lab.evidence import convergence

    if subject.program.thermostats or subject.equation == "partitioned":
        return _self_coupled_study(subject)
    dynamics = _dynamics(subject, _QUARTIC)
    steps = [1 / count for count in _STRONG_COUNTS]
    return convergence(
        subject.method, dynamics, "strong", steps=steps, n_paths=_N_PATHS, seed=_SEED,
        noise=noise_of(subject),
    )  # fmt: skip


def noise_of(subject: Subject) -> dict[str, Any] | None:
    """What the normals stand for where increments would hide the order; None: increments."""
    from langevin_lab.evidence import PathNormal

    name = subject.method.name
    if name == "SRA1":
        return {"n0": PathNormal("increment"), "n1": PathNormal("area", given=("increment",))}
    if "U" not in name or set(name) - {"U", "B"}:
        return None
    noise, count = {}, name.count("U")
    for index in range(count):
        first = PathNormal("ornstein_uhlenbeck", part=(index, count))
        noise[f"n{2 * index}"] = first
        noise[f"n{2 * index + 1}"] = replace(
            first, functional="drifted", given=("ornstein_uhlenbeck",)
        )
    return noise


def weak_studies(subject: Subject) -> list[ConvergenceStudy]:
    """The order of several expectations on the harmonic well."""
    from langevin_lab.evidence import convergence

    observables = ("x", "x**2", "p**2", "x*p") if subject.has_momenta else ("x", "x**2")
    dynamics = _dynamics(subject, Well())
    return [
        convergence(subject.method, dynamics, "weak", steps=_LAW_STEPS, observable=observable)
        for observable in observables
    ]


def invariant_study(subject: Subject) -> ConvergenceStudy:
    """The order of the bias of <x^2>."""
    from langevin_lab.evidence import convergence

    # The transfer operator has two variables, and one line with noise: no carried normal beside
    # momenta, no U.
    beyond = "r" in subject.method.stored or noise_of(subject) is not None
    operator = not (beyond and subject.has_momenta)
    steps = _OPERATOR_STEPS if operator and subject.has_momenta else _LAW_STEPS
    dynamics = _dynamics(subject, _QUARTIC if operator else Well())
    return convergence(subject.method, dynamics, "invariant", steps=steps)


def _dynamics(subject: Subject, potential: Any) -> Any:
    return subject.dynamics(potential, temperature=subject.temperature, friction=subject.friction)


def study_check(study: ConvergenceStudy) -> Check:
    """The verdict of one study."""
    names = {"invariant": "configurational order, quartic well", "strong": "strong order"}
    statement = names[study.kind]
    if study.kind == "invariant" and "Gaussian" in study.how:
        statement = "configurational order, harmonic well"
    return Check(statement, f"{study.expected:g}", _shown(study), _VERDICTS[study.verdict])


def weak_check(studies: list[ConvergenceStudy]) -> Check:
    """No expectation of a lower order than stated, and one of just that."""
    stated = studies[0].expected
    known = [study for study in studies if study.order is not None]
    low = [s for s in known if s.verdict == "refuted" and s.order and s.order.value < stated]
    exact = [s for s in known if s.verdict == "consistent"]
    shown = (low or exact or known or studies)[0]
    verdict: Verdict = "inconclusive"
    if low or (known and all(s.verdict == "refuted" for s in known)):
        verdict = "refuted"
    elif exact:
        verdict = "holds"
    return Check("weak order, lowest of several", f"{stated:g}", _shown(shown), verdict)


def _shown(study: ConvergenceStudy) -> str:
    if study.order is None:
        return "no order"
    low, high = study.order.interval()
    return f"{study.order.value:.3f} in {low:.2f} … {high:.2f}"


def _self_coupled_study(subject: Subject) -> ConvergenceStudy:
    """Paths of a method with a moving thermostat against its own at small steps."""
    from langevin_lab.evidence import brownian_path
    from langevin_lab.evidence.convergence_study import ConvergenceStudy
    from langevin_lab.evidence.coupled_runs import CoupledDifferences
    from langevin_lab.evidence.reference_path import STRONG_ORDER
    from langevin_lab.evidence.sampled_errors import measured_errors

    if subject.equation == "partitioned":
        dynamics = subject.coupled_dynamics(temperature=subject.temperature)
    else:
        dynamics = _dynamics(subject, _QUARTIC)
    n_paths = _N_PATHS // dynamics.dim**2 if subject.is_noisy else 1
    counts = normals_of_coordinates(subject, dynamics.dim)
    finest = _FINER * max(_STRONG_COUNTS)
    cells = finest * math.lcm(*(max(count, 1) for count in counts))
    path = brownian_path(1.0, cells, n_paths, seed=_SEED, dim=dynamics.dim)
    ends = {
        count: _end(subject, dynamics, _normals(subject, counts, path, count), count)
        for count in (*_STRONG_COUNTS, finest // 2, finest)
    }
    distances = [
        np.array([((ends[count] - ends[other]) ** 2).sum(axis=-1) for count in _STRONG_COUNTS])
        for other in (finest, finest // 2)
    ]
    steps = 1.0 / np.array(_STRONG_COUNTS)
    measured = measured_errors(steps, CoupledDifferences(*distances), squared=True)
    stated, slope = subject.method.properties.strong_order, measured.order
    if slope is not None:
        # The reference is of the stated order, not of that which `measured_errors` assumes.
        factor = (2.0**STRONG_ORDER - 1.0) / (2.0**stated - 1.0)
        slope = replace(slope, bias_bound=slope.bias_bound * factor)
    return ConvergenceStudy(
        subject.method.name, "strong", tuple(steps.tolist()), measured.errors, measured.used,
        slope, stated, f"{n_paths} paths coupled to the method's own at small steps",
        subject.method.properties.source,
    )  # fmt: skip


def normals_of_coordinates(subject: Subject, dim: int) -> list[int]:
    """How many of the normals of a step each coordinate has: its block may use the first only."""
    program, counts = subject.program, [subject.method.n_normals] * dim
    for number, coordinates in enumerate(program.blocks):
        own = {name for line in program.lines if line.block == number for name in line.reads}
        for coordinate in coordinates:
            counts[coordinate] = len(own & set(program.normals))
    return counts


def _normals(subject: Subject, counts: list[int], path: Any, n_steps: int) -> list[np.ndarray]:
    """Increments of equal parts of a step, as many as a coordinate has normals."""
    from langevin_lab.evidence import PathNormal

    shape = (n_steps, path.integrals.shape[2], len(counts))
    values = [np.zeros(shape) for _ in range(subject.method.n_normals)]
    for count in set(counts):
        here = [index for index, own in enumerate(counts) if own == count]
        for j in range(count):
            normal = PathNormal(part=(j, count)).values(path, n_steps)
            values[j][..., here] = normal[..., here]
    return values


def _end(subject: Subject, dynamics: Any, normals: list[np.ndarray], count: int) -> np.ndarray:
    """State after unit time, shape (n_paths, n_state)."""
    gradient, n_paths = dynamics.potential.gradient, len(normals[0][0]) if normals else 1
    coefficients = subject.method.coefficients(dynamics, 1.0 / count)
    state = {name: np.full((n_paths, dynamics.dim), 0.5) for name in subject.program.state_vectors}
    state |= {name: np.full((n_paths, 1), 0.5) for name in subject.program.thermostats}
    state = subject.method.carried_state(state, gradient)
    none = np.zeros((0, n_paths, dynamics.dim))
    for n in range(count):
        draws = np.stack([normal[n] for normal in normals]) if normals else none
        state = subject.method.step(state, draws, coefficients, gradient)
    ends = {name: state[name] for name in subject.method.state_names}
    if subject.equation == "partitioned":
        # The momenta of overdamped blocks are drawn anew in every step.
        rows = [k for k, kind in blocks_of(subject.method) if kind != "overdamped"]
        ends["p"] = ends["p"][:, sorted(index for row in rows for index in row)]
    return np.concatenate(list(ends.values()), axis=1)


def moving_thermostat(subject: Subject) -> Iterator[Check]:
    """Order of the flow without noise while the thermostat moves; the record's weak order."""
    from langevin_lab.evidence import order
    from langevin_lab.lab.certificate.step_checks import vector_field_of

    dynamics = subject.coupled_dynamics(temperature=0.0)
    gradient = dynamics.potential.gradient
    start = subject.start(dynamics.potential)
    names = subject.method.state_names
    truth = {name: start[name] for name in names}
    for _ in range(1000):
        truth = _runge_kutta(lambda z: vector_field_of(subject, dynamics, z), truth, 1e-3)
    steps, errors = 1.0 / np.array([16, 32, 64, 128]), []
    for dt in steps:
        state = start
        normals = np.zeros((subject.method.n_normals, dynamics.dim))
        for _ in range(round(1 / dt)):
            state = subject.step(state, normals, dynamics, dt, gradient)
        errors.append(max(float(np.abs(state[name] - truth[name]).max()) for name in names))
    observed = float(order(steps, np.array(errors)).value)
    stated = subject.method.properties.weak_order
    statement = "order of the flow, thermostat moving"
    if not subject.program.thermostats:
        statement = "order of the flow on an anharmonic well"
    yield judged_order(statement, stated, observed, f"{observed:.3f}", known_orders(subject)[0])


def _runge_kutta(field: Any, state: dict[str, np.ndarray], dt: float) -> dict[str, np.ndarray]:
    """One classical fourth-order step."""

    def moved(rate, share):
        return {name: value + share * dt * rate[name] for name, value in state.items()}

    a = field(state)
    b = field(moved(a, 0.5))
    c = field(moved(b, 0.5))
    d = field(moved(c, 1.0))
    return {
        name: value + dt / 6 * (a[name] + 2 * b[name] + 2 * c[name] + d[name])
        for name, value in state.items()
    }
