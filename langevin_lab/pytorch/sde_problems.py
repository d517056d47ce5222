"""Stochastic differential equations with known solutions, as torchsde takes them.

Each is written for both calculi, with

    Stratonovich drift  =  Ito drift - (1/2) sum_j (grad g_j) g_j

for the columns g_j of the noise, so that both have the same solution. With W_j(t) the Brownian
motions:

    geometric   dx = a x dt + b x dW
                x(t) = x0 exp((a - b^2/2) t + b W)
    bounded     dx = -p^2 sin x cos^3 x dt + p cos^2 x dW
                x(t) = arctan(p W + tan x0)
    fading      dx = (c/r - x/(2 r^2)) dt + (q c/r)(dW_1 + ... + dW_m),  r = sqrt(1 + t)
                x(t) = (x0 + c (t + q sum W_j))/r
    relaxing    dx = -k x dt + s dW
                x(t) = x0 exp(-k t) + s int exp(-k (t - u)) dW(u)
    rotating    dx = a x dt + b x dW_1 + c J x dW_2
                x(t) = exp((a - b^2/2 + c^2/2) t + b W_1) rotation(c W_2) x0
    sine        dx = -k sin x dt + s dW             (no solution in formulas)
    area        dx = dW_1, dy = dW_2, dz = x dW_2   (z is no function of increments)

Each drift is for Ito; J = rotation(pi/2).

Orders differ from those for the noise type where an equation is special, `SdeProblem.orders`:
columns that commute, as in "rotating", need no Levy areas, those of "area" do, which costs half an
order; errors of order 1 or 3/2 vanish with linear drifts ("relaxing") or where the solution is a
function of W(t) alone ("fading").

Source: Rackauckas and Nie (2017), examples 1 to 3, for the first three; Kloeden and Platen (1992),
section 4.4, for solutions of linear equations, section 10.3 for commuting columns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from langevin_lab.evidence import BrownianPath
from langevin_lab.pytorch.sde_paths import fitting_solvers
from langevin_lab.pytorch.sde_records import SOLVERS, check_sde_type


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
    """An equation, where it starts, its solution, and the orders of solvers on it.

    Two orders are found in no record and follow from expansions: "reversible_heun" keeps order 1 as
    long as the columns commute, since the distance of its two states, of order 1/2, changes sign at
    every step; and Stratonovich "milstein grad_free" falls to order 1/2 where g'' is not 0, since
    its (g(x + g sqrt h) - g) dW^2/(2 sqrt h) has the mean g'' g^2 h^(3/2)/4 beyond g' g h/2.

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
        Strong orders where they differ from those for the noise type, by solver.
    """

    name: str
    sde: TorchEquation
    start: tuple[float, ...]
    exact: Callable[[BrownianPath], np.ndarray] | None
    rates: float = 0.0
    orders: Mapping[str, float] = field(default_factory=dict)

    @property
    def solvers(self) -> tuple[str, ...]:
        """Solvers that are made for this calculus and noise, in words for `settings`."""
        fitting = fitting_solvers(self.sde)
        if "milstein" in fitting and self.sde.noise_type != "additive":
            fitting.append("milstein grad_free")
        return tuple(fitting)

    def strong_order(self, solver: str) -> float:
        """The order that theory gives one of the `solvers` on this problem."""
        name = solver.split()[0]
        return self.orders.get(solver, SOLVERS[name].strong_order[self.sde.noise_type])

    def settings(self, solver: str) -> dict[str, Any]:
        """Arguments of `sde_convergence` that measure this order."""
        name, *option = solver.split()
        return {
            "solver": name,
            "sde": self.sde,
            "start": self.start,
            "exact": self.exact,
            "rates": self.rates,
            "options": dict.fromkeys(option, True),
            "expected": self.strong_order(solver),
        }


def sde_examples(sde_type: str = "ito") -> dict[str, SdeProblem]:
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
    >>> list(sde_examples())
    ['geometric', 'bounded', 'fading', 'relaxing', 'rotating', 'sine', 'area']
    """
    check_sde_type(sde_type)
    makers = (_geometric, _bounded, _fading, _relaxing, _rotating, _sine, _area)
    return {problem.name: problem for problem in (make(sde_type) for make in makers)}


def _final_increment(path: BrownianPath) -> np.ndarray:
    """W at the end, shape (n_paths, channels)."""
    return path.coarser(1).functional("increment")[0]


def _duration(path: BrownianPath) -> float:
    return path.interval * path.n_intervals


def _geometric(sde_type: str, a: float = 0.2, b: float = 0.4) -> SdeProblem:
    rate = a if sde_type == "ito" else a - b**2 / 2

    def exact(path):
        return np.exp((a - b**2 / 2) * _duration(path) + b * _final_increment(path))

    sde = TorchEquation(lambda t, x: rate * x, lambda t, x: b * x, sde_type, "diagonal")
    return SdeProblem("geometric", sde, (1.0,), exact, orders={"reversible_heun": 1.0})


def _bounded(sde_type: str, p: float = 0.7, start: float = 0.4) -> SdeProblem:
    def drift(t, x):
        if sde_type == "stratonovich":
            return torch.zeros_like(x)
        return -(p**2) * torch.sin(x) * torch.cos(x) ** 3

    def exact(path):
        return np.arctan(p * _final_increment(path) + math.tan(start))

    sde = TorchEquation(drift, lambda t, x: p * torch.cos(x)[..., None] ** 2, sde_type, "scalar")
    orders = {"reversible_heun": 1.0}
    if sde_type == "stratonovich":
        orders["milstein grad_free"] = 0.5
    return SdeProblem("bounded", sde, (start,), exact, orders=orders)


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
    orders = dict.fromkeys(("srk", "heun", "midpoint", "reversible_heun"), 2.0)
    return SdeProblem("fading", sde, (start,), exact, orders=orders)


def _relaxing(sde_type: str, k: float = 1.5, s: float = 0.8, start: float = 1.0) -> SdeProblem:
    def exact(path):
        driven = path.coarser(1).functional("ornstein_uhlenbeck")[0]
        return start * math.exp(-k * _duration(path)) + s * driven

    def noise(t, x):
        return torch.full_like(x, s)[..., None]

    sde = TorchEquation(lambda t, x: -k * x, noise, sde_type, "additive")
    return SdeProblem("relaxing", sde, (start,), exact, rates=k, orders={"srk": 2.0})


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
    orders = dict.fromkeys(("euler_heun", "heun", "midpoint", "reversible_heun"), 1.0)
    return SdeProblem("rotating", sde, (1.0, 0.0), exact, orders=orders)


def _sine(sde_type: str, k: float = 1.5, s: float = 1.0, start: float = 0.5) -> SdeProblem:
    def noise(t, x):
        return torch.full_like(x, s)[..., None]

    sde = TorchEquation(lambda t, x: -k * torch.sin(x), noise, sde_type, "additive")
    return SdeProblem("sine", sde, (start,), None)


def _area(sde_type: str) -> SdeProblem:
    def noise(t, x):
        columns = torch.zeros(len(x), 3, 2, dtype=x.dtype)
        columns[:, 0, 0] = columns[:, 1, 1] = 1.0
        columns[:, 2, 1] = x[:, 0]
        return columns

    sde = TorchEquation(lambda t, x: torch.zeros_like(x), noise, sde_type, "general")
    return SdeProblem("area", sde, (0.0, 0.0, 0.0), None)
