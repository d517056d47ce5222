"""Runs of torchsde's solvers along the package's own Brownian paths, and which fit an SDE.

    Ito             dx = f dt + g dW
    Stratonovich    dx = f dt + g o dW

A solver asks for the increment W of a step and, if of order 3/2, for the area int (W(s) - W(0)) ds.
Both come from a `BrownianPath`, whose coarse intervals are exact sums of its fine ones: so runs at
all steps follow one path, which depends on nothing but its seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torchsde

from langevin_lab.evidence.brownian_path import BrownianPath
from langevin_lab.pytorch.sde_records import SOLVERS, SolverRecord

__all__ = ["PathNoise", "check_solver", "fitting_solvers", "n_channels", "states_along"]

_KNOWN = ("none", "space-time")  # what these paths hold within a step
_OFF_GRID = 1e-6  # of an interval; solvers add up their times, with rounding


def check_solver(solver: Any, sde: Any) -> SolverRecord:
    """The record of a solver that fits an equation.

    Raises
    ------
    TypeError
        If the equation lacks one of the attributes that torchsde reads, or is a module with
        parameters in another precision than float64.
    ValueError
        If the solver is unknown, or made for other equations or noise.
    """
    for name in ("sde_type", "noise_type"):
        if not hasattr(sde, name):
            raise TypeError(
                f"sde={type(sde).__name__} has no {name}; give an object as torchsde.sdeint takes"
            )
    if isinstance(sde, torch.nn.Module):
        others = {parameter.dtype for parameter in sde.parameters()} - {torch.float64}
        if others:
            raise TypeError(
                f"sde={type(sde).__name__} has parameters in {others.pop()}, whose rounding hides "
                "small errors; call sde.double() first"
            )
    served = [name for name, record in SOLVERS.items() if record.levy_area in _KNOWN]
    if solver not in served:
        more = ": it needs Levy areas, which these paths do not hold" if solver in SOLVERS else ""
        raise ValueError(f"solver={solver!r} must be one of {served}{more}")
    able = fitting_solvers(sde)
    if solver not in able:
        raise ValueError(
            f"solver={solver!r} is not made for an SDE with sde_type={sde.sde_type!r}, "
            f"noise_type={sde.noise_type!r}; use one of {able}"
        )
    return SOLVERS[solver]


def fitting_solvers(sde: Any) -> list[str]:
    """Solvers that are made for the declared calculus and noise of an equation."""
    return [
        name
        for name, record in SOLVERS.items()
        if sde.sde_type in record.sde_types
        and sde.noise_type in record.strong_order
        and record.levy_area in _KNOWN
    ]


class PathNoise(torchsde.BaseBrownian):
    """A `BrownianPath` as the Brownian motion of torchsde, in float64 on the CPU.

    For measuring orders: the whole path is in memory, and a solution may be computed from the same
    object. `brownian_motion` is for runs: it keeps no path, has no end and knows areas between
    channels.

    Parameters
    ----------
    path : BrownianPath
        Times that a solver asks for are ends of its intervals.
    start : float, optional
        Time at which the path begins.

    Raises
    ------
    ValueError
        When a solver asks for a time between the ends of intervals, or for Levy areas.

    Example
    -------
    >>> from langevin_lab.evidence import brownian_path
    >>> path = brownian_path(1.0, 8, 2, seed=1)
    >>> noise = PathNoise(path)
    >>> bool(torch.allclose(noise(0.0, 0.5) + noise(0.5, 1.0), noise(0.0, 1.0)))
    True
    """

    __slots__ = ("_areas", "_increments", "_path", "_start")

    def __init__(self, path: BrownianPath, start: float = 0.0):
        self._path, self._start = path, start
        self._increments = torch.from_numpy(path.functional("increment"))
        self._areas = torch.from_numpy(path.functional("area"))

    def __call__(self, ta, tb=None, return_U=False, return_A=False):
        """Increment over [ta, tb], with its area if ``return_U``."""
        if return_A:
            raise ValueError("the path holds no Levy areas; use a solver without them")
        first, last = (0, self._index(ta)) if tb is None else (self._index(ta), self._index(tb))
        if last == first + 1:
            increment, area = self._increments[first], self._areas[first]
        elif last > first:
            increment, area = self._sum(first, last)
        else:  # a last step that only makes up for rounding
            increment = area = torch.zeros_like(self._increments[0])
        return (increment, area) if return_U else increment

    def _index(self, time: Any) -> int:
        place = (float(time) - self._start) / self._path.interval
        index = round(place)
        if abs(place - index) > _OFF_GRID or not 0 <= index <= self._path.n_intervals:
            raise ValueError(
                f"time={float(time):g} is no end of the path's {self._path.n_intervals} intervals "
                f"of {self._path.interval:g}; use fixed steps that are multiples of it"
            )
        return index

    def _sum(self, first: int, last: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Increment and area over several intervals."""
        path = self._path
        part = BrownianPath(path.interval, path.friction, path.integrals[:, first:last]).coarser(1)
        increment, area = (part.functional(name)[0] for name in ("increment", "area"))
        return torch.from_numpy(increment), torch.from_numpy(area)

    def __repr__(self) -> str:
        return f"PathNoise(n_intervals={self._path.n_intervals}, shape={tuple(self.shape)})"

    @property
    def dtype(self) -> torch.dtype:
        """float64."""
        return self._increments.dtype

    @property
    def device(self) -> torch.device:
        """The CPU."""
        return self._increments.device

    @property
    def shape(self) -> torch.Size:
        """Of an increment: (n_paths, channels of the noise)."""
        return self._increments.shape[1:]

    @property
    def levy_area_approximation(self) -> str:
        """ "space-time": areas of each channel, exact, and none between channels."""
        return "space-time"


def n_channels(sde: Any, start: np.ndarray) -> int:
    """Brownian motions that an equation is driven by.

    Raises
    ------
    TypeError
        If it has neither ``g`` nor ``f_and_g`` to see that from.
    """
    if sde.noise_type == "scalar":
        return 1
    if sde.noise_type == "diagonal":
        return len(start)
    point, time = torch.from_numpy(start.copy())[None], torch.tensor(0.0, dtype=torch.float64)
    with torch.no_grad():
        if hasattr(sde, "g"):
            return int(sde.g(time, point).shape[-1])
        if hasattr(sde, "f_and_g"):
            return int(sde.f_and_g(time, point)[1].shape[-1])
    raise TypeError(
        f"sde={type(sde).__name__} has neither g nor f_and_g, which say how many channels its "
        f"{sde.noise_type} noise has; add a method g(t, y)"
    )


def states_along(
    solver: str,
    sde: Any,
    path: BrownianPath,
    start: torch.Tensor,
    *,
    n_steps: int,
    n_saved: int = 1,
    options: Mapping[str, Any] | None = None,
    first_time: float = 0.0,
    solver_state: tuple | None = None,
) -> tuple[torch.Tensor, tuple]:
    """Run a solver along a path.

    Parameters
    ----------
    solver, sde
        As `torchsde.sdeint` takes them.
    path : BrownianPath
        A whole number of intervals a step.
    start : (n_paths, dim) tensor
    n_steps : int
        In the path.
    n_saved : int, optional
        Divides ``n_steps``: times at which states are kept, the end the last of them.
    options : mapping, optional
        Of the solver.
    first_time : float, optional
        At the start.
    solver_state : tuple, optional
        What the solver carried beside the state, where this goes on from another run.

    Returns
    -------
    tensor of shape (n_saved, n_paths, dim), and the solver's state at the end
    """
    duration = path.interval * path.n_intervals
    times = first_time + duration * torch.arange(n_saved + 1, dtype=torch.float64) / n_saved
    noise = PathNoise(path.coarser(n_steps), first_time)
    with torch.no_grad():
        states, extra = torchsde.sdeint(
            sde, start, times, bm=noise, method=solver, dt=duration / n_steps,
            options=dict(options or {}), extra=True, extra_solver_state=solver_state,
        )  # fmt: skip
    return states[1:], extra
