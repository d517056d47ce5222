"""`Limit`: a continuous equation that an optimiser approximates, with its clock and its range."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.dynamics.schedules import check_number
from langevin_lab.limits.regime import SmallParameter
from langevin_lab.momentum import Optimiser, StreamingPCA


@dataclass(frozen=True, eq=False)
class Limit:
    """A dynamics, and how the steps of an optimiser lie on it.

    Attributes
    ----------
    name : str
        "gradient_flow", "momentum_flow", ...
    optimiser : Optimiser
    dynamics : Dynamics
        Runs on the ensemble like any other; its time 0 is ``first_time``.
    time_per_step : float
        Step n stands at the time ``time_of_start + n time_per_step``.
    order : float
        Order in the learning rate of the distance to the optimiser's path on a fixed stretch of
        time, where ``holds`` says; nan for a limit in law.
    holds : str
        "everywhere", or "after the initial layer": away from time 0.
    initial_layer : str
        What the first steps do that the limit does not.
    small_parameters : tuple of SmallParameter
        Empty if no curvature is known to make them from.
    source : str
    velocity : callable or None
        x(0), shape (..., dim) -> dx/dt at time 0; None for equations without momenta.
    offset : callable or None
        x(0) -> what is added to it: where the path is at the first time, or, so that the limit
        meets it later, where the initial layer leaves it.
    first_time : float
        Where the dynamics starts; later than 0 for equations that are singular there.
    time_of_start : float
        Where step 0 stands; before the first time it stands still.
    """

    name: str
    optimiser: Optimiser
    dynamics: Any
    time_per_step: float
    order: float
    holds: str
    initial_layer: str
    small_parameters: tuple[SmallParameter, ...]
    source: str
    velocity: Callable[[np.ndarray], np.ndarray] | None = None
    offset: Callable[[np.ndarray], np.ndarray] | None = None
    first_time: float = 0.0
    time_of_start: float = 0.0

    def __str__(self) -> str:
        return "\n".join(
            (
                f"{self.name} of {self.optimiser!r}, {self.source}",
                f"dynamics: {self.dynamics}",
                f"clock: {self.time_per_step:g} a step",
                f"order in the learning rate: {self.order:g}, {self.holds}",
                f"initial layer: {self.initial_layer}",
                f"range: {self.range}",
            )
        )

    @property
    def range(self) -> str:
        """The small parameters in words, or that none is known."""
        if not self.small_parameters:
            return "not checked, for no minimum of the potential is known: give curvature=..."
        return "; ".join(map(str, self.small_parameters))

    def times(self, steps: Any) -> np.ndarray:
        """Times at which steps of these numbers stand."""
        return self.time_of_start + self.time_per_step * np.asarray(steps, dtype=float)

    def start(self, x: Any) -> dict[str, np.ndarray]:
        """Where the dynamics starts if the optimiser starts at x of shape (dim,), at rest.

        Raises
        ------
        ValueError
            If x is not ``dim`` finite numbers.

        Returns
        -------
        dict
            ``start`` and, with momenta, ``start_momentum``: arguments of `ll.simulate` and
            `ll.integrators.solve_flow`.
        """
        x = start_point(x, self.dynamics.potential)
        if self.offset is not None:
            x = x + self.offset(x)
        if self.velocity is None:
            return {"start": x}
        velocity = np.asarray(self.velocity(x))
        damping = getattr(self.dynamics, "hessian_damping", 0.0)
        if damping:
            velocity = velocity + damping * self.dynamics.potential.gradient(x)
        return {"start": x, "start_momentum": np.asarray(self.dynamics.mass) * velocity}

    def path(self, x: Any, steps: Any, *, rtol: float = 1e-11, atol: float = 1e-13) -> np.ndarray:
        """Positions of the limit at the times of increasing step numbers.

        Parameters
        ----------
        x : float or array_like of shape (dim,)
            Where the optimiser starts; a number in one dimension.
        steps : array_like of shape (n,)
            Increasing, >= 0.
        rtol, atol : float, optional
            Of SciPy's solver.

        Returns
        -------
        ndarray of shape (n, dim)

        Raises
        ------
        ValueError
            If the dynamics has noise, so that there is no such path.
        """
        from langevin_lab.integrators import solve_flow

        times = self.times(steps) - self.first_time
        begin, at_zero = self.start(x), times <= 0
        late = self.time_of_start < self.first_time  # step 0 then stands before the dynamics
        first = start_point(x, self.dynamics.potential) if late else begin["start"]
        before = np.broadcast_to(first, (int(at_zero.sum()), len(first)))
        if at_zero.all():
            return before.copy()
        flow = solve_flow(
            self.dynamics, begin["start"], times[~at_zero], rtol=rtol, atol=atol,
            start_momentum=begin.get("start_momentum"),
        )  # fmt: skip
        return np.concatenate([before, flow["x"].values])

    def check(self, *, stacklevel: int = 2) -> Limit:
        """Itself; with a warning for each small parameter that is not small."""
        for parameter in self.small_parameters:
            parameter.check(
                f"the {self.name} of {self.optimiser!r}", remedy=_remedy(parameter),
                stacklevel=stacklevel + 1,
            )  # fmt: skip
        return self


def _remedy(parameter: SmallParameter) -> str:
    """What makes it smaller: only the formula tells which way the momentum goes."""
    if "learning_rate" not in parameter.formula:
        return "use a momentum nearer to 1, or gradient_flow"
    if "(1 - momentum)" in parameter.formula:
        return "use a smaller learning_rate or momentum, or another limit"
    return "use a smaller learning_rate"


def lag(optimiser: Any) -> float:
    """How far a start at rest leaves the path behind its slow mode: learning_rate times this F.

    Under a constant force F displacements grow as (1 - momentum^n)/(1 - momentum), which leaves
    momentum/(1 - momentum)^2. An undampened first step (PyTorch) is longer than the others by
    dampening/(1 - dampening), of which momentum makes dampening/((1 - dampening)(1 - momentum)).
    """
    _, momentum, _ = constants(optimiser)
    behind = momentum / (1.0 - momentum) ** 2
    if "dampening" in optimiser.scheduled:
        behind -= optimiser.dampening / ((1.0 - optimiser.dampening) * (1.0 - momentum))
    return behind


def lead(optimiser: Any) -> float:
    """Steps by which stored positions are ahead of the recursion's.

    PyTorch's nesterov stores x + momentum p, where the slow mode is ``momentum`` steps later.
    """
    _, momentum, _ = constants(optimiser)
    return momentum if getattr(optimiser, "nesterov", False) else 0.0


def constants(optimiser: Any) -> tuple[float, float, float]:
    """(learning_rate, momentum, look_ahead) of an optimiser with constant numbers.

    Raises
    ------
    TypeError
        If it is no optimiser.
    ValueError
        If it follows a schedule, decays weights, has no potential, or its step is not linear in
        the gradient.
    """
    if not isinstance(optimiser, Optimiser):
        raise TypeError(
            f"optimiser={optimiser!r} must be one of langevin_lab.momentum, such as "
            "HeavyBall(learning_rate=0.01, momentum=0.9)"
        )
    if isinstance(optimiser, StreamingPCA):
        raise ValueError(f"{optimiser!r} descends no potential; see limits.heavy_ball_exit_steps")
    if not optimiser.is_linear:
        raise ValueError(
            f"{optimiser!r} sets its step by the gradients it meets; limits are for steps linear "
            "in them, such as those of momentum.HeavyBall"
        )
    if set(optimiser.scheduled) - {"dampening"}:  # that is PyTorch's first step: see `lag`
        raise ValueError(
            f"{optimiser!r} follows a schedule of {', '.join(optimiser.scheduled)}; this limit is "
            "for constant numbers: give optimiser.at(step)"
        )
    if getattr(optimiser, "weight_decay", 0.0) > 0:
        raise ValueError(
            f"{optimiser!r} decays weights; put weight_decay x^2/2 into the potential instead"
        )
    rate = optimiser.learning_rate * (1.0 - getattr(optimiser, "dampening", 0.0))  # type: ignore[operator]
    momentum, look_ahead = getattr(optimiser, "momentum", 0.0), getattr(optimiser, "look_ahead", 0)
    return float(rate), float(momentum), float(look_ahead)


def start_point(x: Any, potential: Any, *, name: str = "start") -> np.ndarray:
    """One point of shape (dim,); ValueError if it is none."""
    point = np.atleast_1d(np.asarray(x, dtype=float))
    if point.shape != (potential.dim,) or not np.isfinite(point).all():
        raise ValueError(
            f"{name}={x!r} must be {potential.dim} finite numbers, one per coordinate of "
            f"{potential.name}"
        )
    return point


def largest_curvature(potential: Any, curvature: Any) -> float | None:
    """``curvature`` if it is given, else the largest of the known minima; None if none is known."""
    if curvature is None:
        known = potential.max_curvature()
        return None if known is None else float(known)
    check_number("curvature", curvature)
    value = float(curvature)
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"curvature={curvature!r} must be finite and > 0 [energy/length^2]")
    return value
