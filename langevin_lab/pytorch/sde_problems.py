"""Stochastic differential equations with known solutions, as torchsde takes them.

Each is written for both calculi, with

    Stratonovich drift  =  Ito drift - (1/2) sum_j (grad g_j) g_j

for the columns g_j of the noise, so that both have the same solution. With W_j(t) the Brownian
motions:

    geometric   dx = a x dt + b x dW                                      x0 exp((a - b^2/2) t + b W)
    bounded     dx = -p^2 sin x cos^3 x dt + p cos^2 x dW                 arctan(p W + tan x0)
    fading      dx = (c/s - x/(2 s^2)) dt + (q c/s)(dW_1 + ... + dW_m)    (x0 + c (t + q sum W_j))/s
                with s = sqrt(1 + t)
    relaxing    dx = -k x dt + s dW                                x0 e^(-k t) + s int e^(-k(t-u)) dW
    rotating    dx = a x dt + b x dW_1 + c J x dW_2, J a turn by pi/2
                                        exp((a - b^2/2 + c^2/2) t + b W_1) rotation(c W_2) x0
    area        dx = dW_1, dy = dW_2, dz = x dW_2             (both calculi; z is no function of W)

The columns of "rotating" commute, those of "area" do not: it is what costs solvers without Levy
areas half an order. Each drift is for Ito.

Source: Rackauckas and Nie (2017), examples 1 to 3, for the first three; Kloeden and Platen (1992),
section 4.4, for solutions of linear equations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from langevin_lab.evidence import BrownianPath
from langevin_lab.pytorch.sde_solvers import SOLVERS

SDE_TYPES = ("ito", "stratonovich")


@dataclass(frozen=True)
class TorchEquation:
    """Drift and noise as functions, with the attributes that torchsde reads.

    Attributes
    ----------
    drift, noise : callable
        ``drift(t, x) -> (n_paths, dim)``; ``noise(t, x) -> (n_paths, dim)`` if diagonal, else
        (n_paths, dim, channels).
    sde_type : {"ito", "stratonovich"}
    noise_type : {"additive", "diagonal", "scalar", "general"}
    """

    drift: Callable[[Any, torch.Tensor], torch.Tensor]
    noise: Callable[[Any, torch.Tensor], torch.Tensor]
    sde_type: str
    noise_type: str

    def f(self, t: Any, x: torch.Tensor) -> torch.Tensor:
        """Drift, under torchsde's name."""
        return self.drift(t, x)

    def g(self, t: Any, x: torch.Tensor) -> torch.Tensor:
        """Noise, under torchsde's name."""
        return self.noise(t, x)


@dataclass(frozen=True)
class SdeProblem:
    """An equation, where it starts, and its solution.

    Attributes
    ----------
    name : str
    sde : TorchEquation
    start : tuple of float
    exact : callable or None
        ``exact(path) -> (n_paths, dim)`` at the end of a `BrownianPath`; None if the solution is no
        function of increments.
    rates : float
        Of the path's Ornstein-Uhlenbeck integrals.
    orders : mapping of str to float
        Strong orders of solvers where they differ from those for the noise type.
    """

    name: str
    sde: TorchEquation
    start: tuple[float, ...]
    exact: Callable[[BrownianPath], np.ndarray] | None
    rates: float = 0.0
    orders: Mapping[str, float] = field(default_factory=dict)

    @property
    def solvers(self) -> tuple[str, ...]:
        """Solvers that are made for this calculus and noise."""
        return tuple(
            name
            for name, record in SOLVERS.items()
            if self.sde.sde_type in record.sde_types
            and self.sde.noise_type in record.strong_order
        )

    def strong_order(self, solver: str) -> float:
        """The order that theory gives a solver on this problem."""
        return self.orders.get(solver, SOLVERS[solver].strong_order[self.sde.noise_type])


def sde_problems(sde_type: str = "ito") -> dict[str, SdeProblem]:
    """Return all problems in one calculus, by name.

    Parameters
    ----------
    sde_type : {"ito", "stratonovich"}, optional

    Raises
    ------
    ValueError
        If the calculus is another.

    Example
    -------
    >>> list(sde_problems())
    ['geometric', 'bounded', 'fading', 'relaxing', 'rotating', 'area']
    """
    if sde_type not in SDE_TYPES:
        raise ValueError(f"sde_type={sde_type!r} must be one of {list(SDE_TYPES)}")
    makers = (_geometric, _bounded, _fading, _relaxing, _rotating, _area)
    return {problem.name: problem for problem in (make(sde_type) for make in makers)}


def _final_increment(path: BrownianPath) -> np.ndarray:
    """W at the end, shape (n_paths, channels)."""
    return path.coarser(1).functional("increment")[0]


def _duration(path: BrownianPath) -> float:
    return path.interval * path.n_intervals


def _geometric(sde_type: str, a: float = 0.4, b: float = 0.6) -> SdeProblem:
    rate = a if sde_type == "ito" else a - b**2 / 2

    def exact(path):
        return np.exp((a - b**2 / 2) * _duration(path) + b * _final_increment(path))

    sde = TorchEquation(lambda t, x: rate * x, lambda t, x: b * x, sde_type, "diagonal")
    return SdeProblem("geometric", sde, (1.0,), exact)


def _bounded(sde_type: str, p: float = 0.7, start: float = 0.4) -> SdeProblem:
    def drift(t, x):
        if sde_type == "stratonovich":
            return torch.zeros_like(x)
        return -(p**2) * torch.sin(x) * torch.cos(x) ** 3

    def exact(path):
        return np.arctan(p * _final_increment(path) + math.tan(start))

    sde = TorchEquation(drift, lambda t, x: p * torch.cos(x)[..., None] ** 2, sde_type, "scalar")
    return SdeProblem("bounded", sde, (start,), exact)


def _fading(sde_type: str, c: float = 0.8, q: float = 0.7, start: float = 0.5) -> SdeProblem:
    channels = 2

    def drift(t, x):
        return c / (1 + t) ** 0.5 - x / (2 + 2 * t)

    def noise(t, x):
        return (q * c / (1 + t) ** 0.5).expand(*x.shape, channels)

    def exact(path):
        total = _final_increment(path).sum(axis=-1, keepdims=True)
        time = _duration(path)
        return (start + c * (time + q * total)) / math.sqrt(1 + time)

    sde = TorchEquation(drift, noise, sde_type, "additive")
    return SdeProblem("fading", sde, (start,), exact)


def _relaxing(sde_type: str, k: float = 1.5, s: float = 0.8, start: float = 1.0) -> SdeProblem:
    def exact(path):
        driven = path.coarser(1).functional("ornstein_uhlenbeck")[0]
        return start * math.exp(-k * _duration(path)) + s * driven

    def noise(t, x):
        return torch.full_like(x, s)[..., None]

    sde = TorchEquation(lambda t, x: -k * x, noise, sde_type, "additive")
    return SdeProblem("relaxing", sde, (start,), exact, rates=k)


def _rotating(sde_type: str, a: float = -0.3, b: float = 0.4, c: float = 0.7) -> SdeProblem:
    growth = a - b**2 / 2 + c**2 / 2
    rate = a if sde_type == "ito" else growth

    def noise(t, x):
        turned = torch.stack([-x[:, 1], x[:, 0]], dim=-1)
        return torch.stack([b * x, c * turned], dim=-1)

    def exact(path):
        radial, angular = _final_increment(path).T
        size = np.exp(growth * _duration(path) + b * radial)
        return size[:, None] * np.stack([np.cos(c * angular), np.sin(c * angular)], axis=-1)

    sde = TorchEquation(lambda t, x: rate * x, noise, sde_type, "general")
    # Columns that commute need no Levy areas.
    orders = dict.fromkeys(("euler_heun", "heun", "midpoint"), 1.0)
    return SdeProblem("rotating", sde, (1.0, 0.0), exact, orders=orders)


def _area(sde_type: str) -> SdeProblem:
    def noise(t, x):
        columns = torch.zeros(len(x), 3, 2, dtype=x.dtype)
        columns[:, 0, 0] = columns[:, 1, 1] = 1.0
        columns[:, 2, 1] = x[:, 0]
        return columns

    sde = TorchEquation(lambda t, x: torch.zeros_like(x), noise, sde_type, "general")
    return SdeProblem("area", sde, (0.0, 0.0, 0.0), None)
