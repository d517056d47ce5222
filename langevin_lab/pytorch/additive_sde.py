"""Dynamics whose noise does not depend on the state, from one number per coordinate.

    dx = (to_x p - flow g) dt + noise_x dW
    dp = (-force g - (friction + sum_b coupling_b xi_b) p) dt + noise_p dW

with g = grad U(x) and thermostats xi_b over the coordinates of their blocks, mu_b dxi_b = (p.p/mass
- n_b T_b) dt; of a chain, as `dynamics.chains` has it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from langevin_lab.pytorch.sde_state import DynamicsSDE

__all__ = ["AdditiveSDE"]


class AdditiveSDE(DynamicsSDE):
    """Everything but Ito diffusions."""

    def __init__(self, dynamics, sde_type, time_unit, dtype, device) -> None:
        super().__init__(dynamics, sde_type, time_unit, dtype, device)
        self._kept: tuple[float, _Numbers] | None = None
        self._fixed = None if dynamics.is_scheduled else self._made(dynamics)

    def _made(self, dynamics: Any) -> _Numbers:
        return _Numbers(dynamics, self.time_unit, self.dtype, self.device)

    def _numbers(self, t: Any) -> _Numbers:
        if self._fixed is not None:
            return self._fixed
        time = float(t)
        if self._kept is None or self._kept[0] != time:
            self._kept = time, self._made(self.dynamics.at(time * self.time_unit))
        return self._kept[1]

    def f(self, t: Any, y: torch.Tensor) -> torch.Tensor:
        """Drift, (n_replicas, n_state)."""
        numbers, dim = self._numbers(t), self.dim
        if not self.dynamics.momenta:
            return self.gradient(y) * numbers.flow
        x, p, xi = y[:, :dim], y[:, dim : 2 * dim], y[:, 2 * dim :]
        g = self.gradient(x)
        dx = p * numbers.to_x
        if numbers.flows:
            dx = torch.addcmul(dx, g, numbers.flow)
        damping = numbers.damping
        for index, (coupling, _, _, _) in enumerate(numbers.thermostats):
            damping = damping - coupling * xi[:, index : index + 1]
        dp = torch.addcmul(g * numbers.force, p, damping)
        rates = numbers.thermostat_rates(p, xi)
        return torch.cat([dx, dp, *rates], dim=1)

    def g(self, t: Any, y: torch.Tensor) -> torch.Tensor:
        """Noise, (n_replicas, n_state, n_channels): one channel a coordinate."""
        numbers, rows = self._numbers(t), []
        rows.append(torch.diag(numbers.noise_x))
        if self.dynamics.momenta:
            rows.append(torch.diag(numbers.noise_p))
            rows.append(numbers.noise_x.new_zeros(self.n_state - 2 * self.dim, self.dim))
        return torch.cat(rows).expand(len(y), -1, -1)

    def g_prod(self, t: Any, y: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """g(t, y) v for v of shape (n_replicas, n_channels), without the matrix."""
        numbers = self._numbers(t)
        if not self.dynamics.momenta:
            return v * numbers.noise_x
        behind = self.n_state - 2 * self.dim
        if not numbers.flows:
            return torch.nn.functional.pad(v * numbers.noise_p, (self.dim, behind))
        parts = torch.cat([v * numbers.noise_x, v * numbers.noise_p], dim=1)
        return torch.nn.functional.pad(parts, (0, behind))


class _Numbers:
    """Coefficients of `AdditiveSDE` at one time, each of shape (dim,), the unit of time in."""

    def __init__(self, dynamics: Any, unit: float, dtype: torch.dtype, device: torch.device):
        dim = dynamics.dim
        self.unit, self.rows = unit, np.zeros((6, dim))
        self.thermostats: list[tuple[torch.Tensor, torch.Tensor, float, float]] = []
        self.links: tuple[float, ...] = ()
        self.chain_temperature = 0.0
        self.as_tensor = lambda array: torch.as_tensor(array, dtype=dtype, device=device)
        for chosen, part in _blocks(dynamics):
            self._fill(chosen, part)
        to_x, flow, force, damping, noise_x, noise_p = self.rows
        self.to_x, self.damping = self.as_tensor(unit * to_x), self.as_tensor(-unit * damping)
        self.flow, self.force = self.as_tensor(-unit * flow), self.as_tensor(-unit * force)
        self.noise_x = self.as_tensor(math.sqrt(unit) * noise_x)
        self.noise_p = self.as_tensor(math.sqrt(unit) * noise_p)
        self.flows = bool(flow.any())

    def _fill(self, chosen: np.ndarray, part: Any) -> None:
        """Numbers of one block's coordinates."""

        def of(value: Any) -> np.ndarray:
            return np.broadcast_to(np.asarray(value, dtype=float), (part.dim,))[chosen]

        rows = self.rows[:, chosen]
        if part.equation == "overdamped":
            rows[1] = 1.0 / of(part.friction)
            rows[4] = np.sqrt(2.0 * part.temperature / of(part.friction))
        else:
            mass = of(part.mass)
            rows[0], rows[2] = 1.0 / mass, 1.0
            if part.equation in ("langevin", "inertial"):
                rows[3] = of(part.friction)
                rows[5] = np.sqrt(2.0 * rows[3] * mass * part.temperature)
            if part.equation == "inertial":
                rows[1], rows[2] = part.hessian_damping, part.force_scale
            if part.equation == "adaptive":
                rows[5] = part.applied_noise * np.sqrt(mass)
                self._add_thermostat(chosen, part, mass, part.coupling, part.thermal_mass)
            if part.equation == "nose_hoover":
                self.links, self.chain_temperature = part.thermal_masses, part.temperature
                self._add_thermostat(chosen, part, mass, 1.0, part.thermal_masses[0])
        self.rows[:, chosen] = rows

    def _add_thermostat(self, chosen, part, mass, coupling, thermal_mass) -> None:
        """A thermostat over some coordinates: its coupling, weights of p^2 and target."""
        felt, weight = np.zeros(part.dim), np.zeros(part.dim)
        felt[chosen], weight[chosen] = coupling * self.unit, 1.0 / mass
        target = len(chosen) * part.temperature
        self.thermostats.append(
            (self.as_tensor(felt), self.as_tensor(weight), target, thermal_mass)
        )

    def thermostat_rates(self, p: torch.Tensor, xi: torch.Tensor) -> list[torch.Tensor]:
        """d xi/dt of all thermostats, each (n_replicas, 1)."""
        rates = [
            (torch.sum(p * p * weight, dim=1, keepdim=True) - target) * (self.unit / mass)
            for _, weight, target, mass in self.thermostats
        ]
        for j in range(1, len(self.links)):
            before, own = xi[:, j - 1 : j], xi[:, j : j + 1]
            rates[j - 1] = rates[j - 1] - self.unit * before * own
            heat = self.links[j - 1] * before * before - self.chain_temperature
            rates.append(heat * (self.unit / self.links[j]))
        return rates


def _blocks(dynamics: Any) -> list[tuple[np.ndarray, Any]]:
    """Coordinates and dynamics of each block; one block of all without a partition."""
    blocks = getattr(dynamics, "blocks", None)
    if blocks is None:
        return [(np.arange(dynamics.dim), dynamics)]
    return [(np.array(block.coordinates), block.dynamics) for block in blocks]
