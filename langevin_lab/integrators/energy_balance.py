"""The energy balance of a step: heat from friction and noise, shadow work from drifts and kicks.

Every line of a splitting changes either x or p, so the energy H = U(x) + sum p^2/(2 mass) changes

    O, C, N    p -> p'    heat          sum (p' - p)(p' + p)/(2 mass)
    B          p -> p'    shadow work   sum (p' - p)(p' + p)/(2 mass)
    A          x -> x'    shadow work   U(x') - U(x)

and the sum over a run is the change of H to rounding. In the stationary state H does not change on
average, so the mean heat is minus the mean shadow work: what the finite step pumps in, the bath
takes out. Both means are 0 for a step in detailed balance, such as BAOAB. The exact flow does no
shadow work at all. A line that mixes the force with friction or noise
(semi-implicit Euler, BBK) has no such split. Source: Sivak, Chodera and Crooks (2013).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.integrators.methods import Method
from langevin_lab.integrators.program import Line, Program


class NotSeparableError(ValueError):
    """A line of the step changes the energy by force and by friction or noise at once."""


@dataclass(frozen=True)
class EnergyBalance:
    """Energies exchanged in each step of a run.

    Attributes
    ----------
    heat, shadow_work : (n_steps, ...) arrays
        Into the system [energy].
    energy : (n_steps + 1, ...) array
        H before the first step and after each.
    """

    heat: np.ndarray
    shadow_work: np.ndarray
    energy: np.ndarray

    @property
    def residual(self) -> float:
        """Largest |sum of heat and shadow work - change of H|, over what was exchanged in all."""
        exchanged = np.cumsum(self.heat + self.shadow_work, axis=0)
        missing = np.abs(exchanged - (self.energy[1:] - self.energy[0]))
        turnover = np.cumsum(np.abs(self.heat) + np.abs(self.shadow_work), axis=0)
        size = np.maximum(turnover, np.abs(self.energy[1:]))
        return float((missing / np.maximum(size, np.finfo(float).tiny)).max())


def energy_balance(
    method: Method, dynamics: Any, dt: float, *, start: Any, normals: np.ndarray
) -> EnergyBalance:
    """Run a method line by line and account for every change of the energy.

    Parameters
    ----------
    method : Method
        With momenta, every line of which moves x or p by force, or by friction and noise.
    dynamics : Dynamics
        That the method solves, without schedules.
    dt : float
        Time step > 0 [time].
    start : mapping of str to ndarray
        The state: ``x`` and ``p`` of shape (..., dim), thermostats of shape (..., 1).
    normals : ndarray of shape (n_steps, n_normals, ..., dim)
        Standard normals.

    Returns
    -------
    EnergyBalance
        Of shapes (n_steps, ...).

    Raises
    ------
    NotSeparableError
        If a line mixes the force with friction or noise.
    ValueError
        If the method has no momenta, draws normals per replica, or what `Method.coefficients`
        refuses.

    Source
    ------
    Sivak, Chodera and Crooks (2013).

    Examples
    --------
    >>> import numpy as np
    >>> import langevin_lab as ll
    >>> equation = ll.Langevin(ll.potentials.harmonic(), temperature=1.0, friction=1.0)
    >>> balance = energy_balance(
    ...     ll.integrators.method("BAOAB"), equation, 0.1,
    ...     start={"x": np.ones(1), "p": np.zeros(1)}, normals=np.ones((5, 1, 1)),
    ... )
    >>> balance.residual < 1e-14
    True
    """
    program = method.program
    _check(method)
    coefficients = method.coefficients(dynamics, dt)
    kinds = _line_kinds(method, coefficients)
    energy, gradient = dynamics.potential.energy, dynamics.potential.gradient
    mass = np.asarray(dynamics.mass)
    state = method.carried_state(start, gradient)
    total = [energy(state["x"]) + (state["p"] ** 2 / (2 * mass)).sum(axis=-1)]
    heat, shadow = [], []
    for draws in normals:
        here, gained = state, {"heat": 0.0, "shadow work": 0.0}
        for kind, (_line, after) in zip(kinds, program.trace(state, draws, coefficients, gradient)):
            if kind == "drift":
                gained["shadow work"] += energy(after["x"]) - energy(here["x"])
            elif kind is not None:
                p, before = after["p"], here["p"]
                change = ((p - before) * (p + before) / (2 * mass)).sum(axis=-1)
                gained["heat" if kind == "heat" else "shadow work"] += change
            here = after
        heat.append(np.broadcast_to(gained["heat"], np.shape(total[0])))
        shadow.append(np.broadcast_to(gained["shadow work"], np.shape(total[0])))
        state = {name: here[name] for name in program.carried}
        total.append(energy(state["x"]) + (state["p"] ** 2 / (2 * mass)).sum(axis=-1))
    return EnergyBalance(np.array(heat), np.array(shadow), np.array(total))


def _check(method: Method) -> None:
    program = method.program
    if "p" not in program.state:
        raise ValueError(
            f"method={method.name!r} has no momenta, so no kinetic energy to split from the "
            "potential one; use a method for Langevin dynamics"
        )
    if program.n_scalar_normals:
        raise ValueError(
            f"method={method.name!r} draws {program.n_scalar_normals} normals per replica; the "
            "energy balance is for steps without accept or reject"
        )


def _line_kinds(method: Method, coefficients: Any) -> list[str | None]:
    """ "heat", "kick", "drift" or None (the line changes no energy) for each line."""
    program = method.program
    forced = _forced_names(program)
    kinds: list[str | None] = []
    for line in program.lines:
        by_force = bool(line.reads & forced)
        kind = None
        if line.target == "x":
            kind = "drift"
            if by_force and line.reads & {*program.normals, "p", "r"}:
                raise _not_separable(method, line)
        elif line.target == "p":
            kind = "kick" if by_force else "heat"
            if by_force and not _is_pure_kick(program, line, forced, coefficients):
                raise _not_separable(method, line)
        kinds.append(kind)
    return kinds


def _not_separable(method: Method, line: Line) -> NotSeparableError:
    return NotSeparableError(
        f"method={method.name!r}: the line {line.target} = {line.expression} mixes the force with "
        "friction, noise or drift, so heat and shadow work are not separable; use a splitting word"
    )


def _forced_names(program: Program) -> set[str]:
    """Names that hold a force: gradients, and what is computed from them beside x and p."""
    forced = {"g"} & set(program.stored)
    for _ in program.lines:  # a name may be read before the line that makes it forced
        for line in program.lines:
            if line.call == "gradient" or (line.reads & forced and line.target not in ("x", "p")):
                forced.add(line.target)
    return forced


def _is_pure_kick(program: Program, line: Line, forced: set[str], coefficients: Any) -> bool:
    """Whether the line leaves any p as it is where the forces vanish, whatever else it reads."""
    mine = Program(
        text=(f"p = {line.expression}",),
        state=("p",),
        coefficients=tuple(sorted(line.reads - {"p"})),
        n_normals=0,
    )
    probe = np.array([0.7, -1.3])
    values: dict[str, Any] = {}
    for number, name in enumerate(sorted(line.reads - {"p"})):
        if name in forced:
            values[name] = np.zeros(2)
        elif name in program.coefficients:
            values[name] = np.ravel(coefficients[name])[0]
        else:
            values[name] = np.full(2, 0.3 + number)
    after = mine.run({"p": probe}, np.zeros((0, 2)), values, lambda x: x)
    return bool(np.all(after["p"] == probe))
