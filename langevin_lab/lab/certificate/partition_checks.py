"""Checks of partitioned words on coupled harmonic wells, where all blocks together make one map.

A step is linear in z = (x, p) and its normals, z' = M z + B n, with thermostats frozen at 1. The
equation of the blocks is linear as well, dy = G y dt + S dW over y: all positions, and the momenta
of the blocks that are not overdamped. Nothing is sampled:

    stationary    Sigma = M Sigma M^T + B B^T against T K^-1 for positions
    at time 1     M^n against exp(G), sum_k M^k B B^T (M^k)^T against the integral over t of
                  exp(G t) S S^T exp(G t)^T
    stability     spectral radius of M for uncoupled wells without friction

The momenta of overdamped blocks are drawn anew in every step and belong to no equation.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from langevin_lab.exact.quadratic import Quadratic
from langevin_lab.lab.certificate.record import Check, held
from langevin_lab.lab.certificate.stability import limit_of
from langevin_lab.lab.certificate.subject import (
    FRICTIONS,
    MASSES,
    CoupledWell,
    Subject,
    blocks_of,
    stationary,
)
from langevin_lab.lab.certificate.verdicts import ORDER_SLACK, judged_order, known_orders

_STEPS = 0.125 * 0.5 ** np.arange(5)
_ROUNDING = 1e-11


@dataclasses.dataclass(frozen=True)
class _Wells(Quadratic):
    """U = x.K.x/2 with names for its coordinates; compared by identity."""

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @property
    def variables(self) -> tuple[str, ...]:
        return tuple(f"x{index}" for index in range(self.dim))


def block_map(
    subject: Subject,
    dt: float,
    *,
    stiffness: Any = None,
    friction: Any = FRICTIONS,
    temperature: float = 1.0,
    mass: Any = MASSES,
) -> tuple[np.ndarray, np.ndarray]:
    """Matrix and noise of one step over (x, p), r if it is stored; by default coupled wells."""
    from langevin_lab import dynamics

    dim = subject.n_coordinates
    wells = _Wells(CoupledWell(dim).stiffness if stiffness is None else np.asarray(stiffness))
    frictions, masses = np.resize(friction, dim), np.resize(mass, dim)
    parts = []
    for coordinates, equation in blocks_of(subject.method):
        own: Any
        if equation == "adaptive":
            own = dynamics.AdaptiveLangevin(
                wells, temperature=1.0, thermal_mass=np.inf, mass=tuple(masses),
                applied_noise=np.sqrt(2.0 * frictions[coordinates[0]] * temperature),
            )  # fmt: skip
        elif equation == "overdamped":
            # The numbers of other blocks do not count, but a friction must be > 0.
            own = dynamics.Overdamped(
                wells,
                temperature=temperature,
                friction=tuple(np.where(frictions > 0, frictions, 1.0)),
            )
        else:
            own = dynamics.Langevin(
                wells, temperature=temperature, friction=tuple(frictions), mass=tuple(masses)
            )
        parts.append((coordinates, own))
    whole = dynamics.Partitioned(parts)
    n_normals = subject.method.n_normals
    inputs = np.eye((2 + n_normals) * dim)
    state = {"x": inputs[:, :dim], "p": inputs[:, dim : 2 * dim]}
    for name in subject.program.thermostats:
        number = int(name.rpartition("_")[2]) - 1 if "_" in name else 0
        frozen = frictions[blocks_of(subject.method)[number][0][0]]
        state[name] = np.full((len(inputs), 1), frozen)
    state = subject.method.carried_state(state, wells.gradient)
    normals = np.moveaxis(inputs[:, 2 * dim :].reshape(len(inputs), n_normals, dim), 1, 0)
    after = subject.step(state, normals, whole, dt, wells.gradient)
    images = np.concatenate([after["x"], after["p"]], axis=1)
    return images[: 2 * dim].T, images[2 * dim :].T


def stability(subject: Subject) -> Iterator[Check]:
    """Uncoupled wells of curvature and mass 1 without friction, all blocks at once."""
    stated = subject.method.properties.stability_limit
    found = limit_of(lambda dt: _resting_map(subject, dt))
    passed = abs(found - stated) < 1e-6 * max(stated, 1.0)
    yield held("stability limit, omega dt", f"{stated:.8g}", f"{found:.8g}", passed)


def _resting_map(subject: Subject, dt: float) -> np.ndarray:
    dim = subject.n_coordinates
    friction = np.zeros(dim)
    for coordinates, equation in blocks_of(subject.method):
        if equation == "overdamped":
            friction[list(coordinates)] = 2.0 / dt  # its clock sqrt(2 dt/friction) is dt
    return block_map(
        subject, dt, stiffness=np.eye(dim), friction=friction, temperature=0.0, mass=1.0
    )[0]


def stationary_law(subject: Subject) -> Iterator[Check]:
    """Order of the bias of <x x^T> against T K^-1, cross terms included."""
    stated = subject.method.properties.configurational_order
    dim = subject.n_coordinates
    exact = np.linalg.inv(CoupledWell(dim).stiffness)

    def bias(dt: float) -> float:
        matrix, noise = block_map(subject, dt)
        return float(np.abs(stationary(matrix, noise)[:dim, :dim] - exact).max())

    order, text = _observed_order(bias)
    statement = "coupled wells <x x>: order of the bias"
    if order == np.inf:
        yield Check(statement, f"{stated:g}", text, "holds")
        return
    yield judged_order(statement, stated, order, text, known_orders(subject)[1])


def law_at_time(subject: Subject) -> Iterator[Check]:
    """Mean and covariance at time 1: both of the stated order; one no faster, if known."""
    stated = subject.method.properties.weak_order
    generator, diffusion, kept = equation_of_blocks(subject)
    mean, covariance = gaussian_law(generator, diffusion)

    def errors(dt: float) -> tuple[float, float]:
        matrix, noise = block_map(subject, dt)
        power, spread = np.eye(len(matrix)), np.zeros_like(matrix)
        for _ in range(round(1 / dt)):
            power = matrix @ power
            spread = matrix @ spread @ matrix.T + noise @ noise.T
        chosen = np.ix_(kept, kept)
        return (
            float(np.abs(power[chosen] - mean).max()),
            float(np.abs(spread[chosen] - covariance).max()),
        )

    observed = {"mean": _observed_order(lambda dt: errors(dt)[0])}
    if subject.is_noisy:
        observed["covariance"] = _observed_order(lambda dt: errors(dt)[1])
    for name, (order, text) in observed.items():
        statement = f"coupled wells, {name} at time 1: order"
        yield held(statement, f"at least {stated:g}", text, order > stated - ORDER_SLACK)
    lowest, text = min(observed.values())
    yield judged_order("lowest of these orders", stated, lowest, text, known_orders(subject)[0])


def equation_of_blocks(subject: Subject) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """G and S S^T over y, and where y stands in (x, p)."""
    dim = subject.n_coordinates
    stiffness = CoupledWell(dim).stiffness
    friction, mass = np.resize(FRICTIONS, dim), np.resize(MASSES, dim)
    generator, diffusion = np.zeros((2 * dim, 2 * dim)), np.zeros((2 * dim, 2 * dim))
    kept = list(range(dim))
    for coordinates, equation in blocks_of(subject.method):
        for i in coordinates:
            if equation == "overdamped":
                generator[i, :dim] = -stiffness[i] / friction[i]
                diffusion[i, i] = 2.0 / friction[i]
                continue
            # A thermostat is one friction for its block.
            own = friction[coordinates[0]] if equation == "adaptive" else friction[i]
            generator[i, dim + i] = 1.0 / mass[i]
            generator[dim + i, :dim] = -stiffness[i]
            generator[dim + i, dim + i] = -own
            diffusion[dim + i, dim + i] = 2.0 * own * mass[i]
            kept.append(dim + i)
    kept = sorted(kept)
    chosen = np.ix_(kept, kept)
    return generator[chosen], diffusion[chosen] * subject.temperature, kept


def gaussian_law(generator: np.ndarray, diffusion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """exp(G) and the covariance at time 1, from one exponential of twice the size (Van Loan)."""
    from scipy.linalg import expm

    size = len(generator)
    block = np.block([[-generator, diffusion], [np.zeros_like(generator), generator.T]])
    power = expm(block)
    mean = power[size:, size:].T
    return mean, mean @ power[:size, size:]


def _observed_order(error: Callable[[float], float]) -> tuple[float, str]:
    """Order of an error at halved steps and its text; infinite if there is none at all."""
    from langevin_lab.evidence import order

    sizes = np.array([error(dt) for dt in _STEPS])
    if sizes.max() < _ROUNDING:
        return np.inf, f"exact, {sizes.max():.0e}"
    observed = float(order(_STEPS, np.maximum(sizes, 1e-300)).value)
    return observed, f"{observed:.3f}"
