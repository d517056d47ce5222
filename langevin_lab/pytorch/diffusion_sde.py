"""Ito diffusions as SDEs of torchsde, in their Ito or their Stratonovich form."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import torch

from langevin_lab.pytorch.functions import vector
from langevin_lab.pytorch.sde_state import DynamicsSDE
from langevin_lab.pytorch.vocabulary import torch_functions

__all__ = ["DiffusionSDE"]


class DiffusionSDE(DynamicsSDE):
    """An Ito diffusion; diagonal noise only if each factor depends on its own coordinate alone."""

    def __init__(self, dynamics, sde_type, time_unit, dtype, device) -> None:
        super().__init__(dynamics, sde_type, time_unit, dtype, device)
        count = dynamics.n_noises
        self.n_channels = self.dim if count is None else count
        names = ["noise"] if count is None else [f"noise_{k}" for k in range(count)]
        self._noises = [self._function(name) for name in names]
        self._drift = None if dynamics.drift is None else self._function("drift")
        self._root = math.sqrt(time_unit)
        mobility = torch.as_tensor(dynamics.mobility, dtype=dtype, device=device)
        self._flow = -time_unit * mobility

    def _function(self, name: str) -> Callable[[torch.Tensor], torch.Tensor]:
        function = torch_functions(self.dynamics.source([name]))[name]
        parameters = [float(value) for value in self.dynamics.potential.parameter_values]
        return functools.partial(_vector, function, parameters)

    def f(self, t: Any, y: torch.Tensor) -> torch.Tensor:
        """Drift, (n_replicas, dim)."""
        if self._drift is None:
            drift = self.gradient(y) * self._flow
        else:
            drift = self._drift(y) * self.time_unit
        if self.sde_type == "stratonovich":
            drift = drift - (0.5 * self.time_unit) * self._slopes(y)
        return drift

    def _slopes(self, y: torch.Tensor) -> torch.Tensor:
        """sum_jk B_jk dB_ik/dx_j by autograd."""
        keep = torch.is_grad_enabled() and y.requires_grad
        with torch.enable_grad():
            at = y if y.requires_grad else y.detach().requires_grad_()
            columns = [noise(at) for noise in self._noises]
            slope = functools.partial(_slope, at=at, create_graph=keep)
            if self.noise_type == "diagonal":
                total = columns[0] * slope(columns[0])
            elif self.dynamics.n_noises is None:
                (b,) = columns
                rows = [b[:, i] * slope(b[:, i])[:, i] for i in range(self.dim)]
                total = torch.stack(rows, dim=1)
            else:
                rows = [
                    functools.reduce(torch.add, [(b * slope(b[:, i])).sum(1) for b in columns])
                    for i in range(self.dim)
                ]
                total = torch.stack(rows, dim=1)
        return total if keep else total.detach()

    def g(self, t: Any, y: torch.Tensor) -> torch.Tensor:
        """Noise: (n_replicas, dim) if diagonal, else (n_replicas, dim, n_channels)."""
        columns = [noise(y) * self._root for noise in self._noises]
        if self.dynamics.n_noises is not None:
            return torch.stack(columns, dim=2)
        return columns[0] if self.noise_type == "diagonal" else torch.diag_embed(columns[0])


def _vector(function: Callable, parameters: list[float], y: torch.Tensor) -> torch.Tensor:
    return vector(function, y, parameters, -1)


def _slope(value: torch.Tensor, *, at: torch.Tensor, create_graph: bool) -> torch.Tensor:
    """Gradient of the sum of a value, 0 where it depends on nothing."""
    if not value.requires_grad:
        return torch.zeros_like(at)
    (slope,) = torch.autograd.grad(
        value.sum(), at, retain_graph=True, create_graph=create_graph, allow_unused=True,
        materialize_grads=True,
    )  # fmt: skip
    return slope
