"""A dynamics as torchsde sees it: drift ``f(t, y)``, noise ``g(t, y)`` and their types.

The state y of all replicas is one tensor of shape (n_replicas, d): positions, then momenta, then
thermostats. With x, p, xi for these parts, g = grad U(x) and h the unit in which t counts,

    gradient flow, overdamped   f = -h g/friction                   noise sqrt(2 h T/friction) on x
    Langevin, adaptive          f = h (p/mass, -g - friction p)     on p, sqrt(2 h friction mass T)
                                                                    or applied_noise sqrt(h mass)
    Ito diffusion               f = h a(x),  a = -mobility g or the drift given, noise sqrt(h) B(x)

and thermostats as in `dynamics`. All but the last have noise that does not depend on the state,
"additive", for which the Ito and the Stratonovich equation are the same. In Stratonovich form the
last has the drift a_i - (1/2) sum_jk B_jk dB_ik/dx_j.

Source: Kloeden and Platen (1992), section 4.9, for the change of drift.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from langevin_lab.dynamics.equations import Dynamics
from langevin_lab.pytorch.functions import tensor_functions, vector
from langevin_lab.pytorch.vocabulary import torch_functions

__all__ = ["DynamicsSDE", "as_torchsde"]

SDE_TYPES = ("ito", "stratonovich")


def as_torchsde(
    dynamics: Dynamics,
    *,
    sde_type: str = "ito",
    time_unit: float = 1.0,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str | None = None,
) -> DynamicsSDE:
    """Return a dynamics as an SDE that `torchsde.sdeint` integrates.

    Parameters
    ----------
    dynamics : Dynamics
        Schedules are taken at the time t.
    sde_type : {"ito", "stratonovich"}, optional
        The form of the same equation: solvers of torchsde are for one of the two.
    time_unit : float, optional
        > 0: what t = 1 stands for. With the step as unit, times are whole numbers and every step
        of torchsde is 1 to the last bit; sums of a step such as 0.1 are not.
    dtype, device : optional
        Of the states that will be given.

    Returns
    -------
    DynamicsSDE
        With ``f``, ``g``, ``g_prod``, ``noise_type``, ``sde_type``; `pack` makes a state.

    Raises
    ------
    TypeError, ValueError
        If there is no such equation: of an optimiser, with a drawn gradient, or an infinite
        friction.

    Examples
    --------
    >>> import torch, torchsde, langevin_lab as ll
    >>> eq = ll.Langevin(ll.potentials.double_well(), temperature=0.2, friction=1.0)
    >>> sde = ll.pytorch.as_torchsde(eq)
    >>> sde.noise_type, sde.n_channels
    ('additive', 1)
    >>> noise = ll.pytorch.brownian_motion(1, n_replicas=5, n_channels=1, dt=0.01)
    >>> y = torchsde.sdeint(sde, sde.pack(x=torch.ones(5, 1)), [0.0, 1.0], bm=noise,
    ...                     method="euler", dt=0.01)
    >>> tuple(y.shape)
    (2, 5, 2)
    """
    if sde_type not in SDE_TYPES:
        raise ValueError(f"sde_type={sde_type!r} must be one of {list(SDE_TYPES)}")
    if not (isinstance(time_unit, (int, float)) and math.isfinite(time_unit) and time_unit > 0):
        raise ValueError(f"time_unit={time_unit!r} must be a finite number > 0")
    check_equation(dynamics)
    kind = _DiffusionSDE if dynamics.equation == "ito" else _AdditiveSDE
    return kind(dynamics, sde_type, float(time_unit), dtype, torch.device(device or "cpu"))


def check_equation(dynamics: Any) -> None:
    """Raise an error unless the dynamics is a stochastic equation in continuous time."""
    if not isinstance(dynamics, Dynamics):
        raise TypeError(
            f"dynamics={dynamics!r} is no dynamics: wrap a potential in ll.Langevin, "
            "ll.Overdamped or ll.GradientFlow"
        )
    if dynamics.equation == "descent":
        raise ValueError(
            f"{dynamics.describe()} takes discrete steps and has no f and g; give its limit, "
            "ll.limits.diffusion(optimiser, potential).dynamics, or use backend='torch'"
        )
    if dynamics.potential.gradient_noise is not None:
        raise ValueError(
            f"the gradient of {dynamics.potential.name} is drawn, step by step, and torchsde asks "
            "for it at times of its own; use backend='torch' or 'cpu', or the potential without "
            "gradient noise"
        )
    for part in [block.dynamics for block in getattr(dynamics, "blocks", ())] or [dynamics]:
        friction = getattr(part, "friction", 0.0)
        if not callable(friction) and np.isinf(friction).any():
            raise ValueError(
                "friction=inf has no equation with momenta; use ll.Overdamped, or backend='torch'"
            )


class DynamicsSDE(torch.nn.Module):
    """A dynamics with drift, noise and their types; made by `as_torchsde`.

    Attributes
    ----------
    dynamics : Dynamics
    noise_type : {"additive", "diagonal", "scalar", "general"}
    sde_type : {"ito", "stratonovich"}
    time_unit : float
    n_channels : int
        Of the Brownian motion.
    names : tuple of str
        Parts of the state in order: "x", "p", "xi" (of several thermostats "xi_1", ...).
    """

    noise_type = "additive"

    def __init__(self, dynamics, sde_type, time_unit, dtype, device) -> None:
        super().__init__()
        self.dynamics, self.sde_type, self.time_unit = dynamics, sde_type, time_unit
        self.dtype, self.device, self.dim = dtype, device, dynamics.dim
        self.names = ("x", *(("p",) if dynamics.momenta else ()), *thermostat_names(dynamics))
        self.n_channels = self.dim
        self.functions = tensor_functions(dynamics.potential, dtype=dtype, device=device)
        self.gradient = self.functions.gradient

    @property
    def n_state(self) -> int:
        """Entries of a replica's state."""
        vectors = 2 if self.dynamics.momenta else 1
        return vectors * self.dim + len(self.names) - vectors

    def pack(self, **parts: Any) -> torch.Tensor:
        """The state of shape (n_replicas, n_state) from its parts by name; those left out are 0.

        Parameters
        ----------
        **parts : array_like of shape (n_replicas, dim), thermostats (n_replicas,)

        Raises
        ------
        ValueError
            If the state has no part of a name, or a part has the wrong shape.
        """
        tensors = {
            name: torch.as_tensor(value, dtype=self.dtype, device=self.device)
            for name, value in parts.items()
        }
        unknown = [name for name in parts if name not in self.names]
        if unknown or "x" not in parts:
            raise ValueError(f"the state has the parts {list(self.names)}, not {sorted(parts)}")
        count, columns = len(tensors["x"]), []
        for name in self.names:
            width = self.dim if name in ("x", "p") else 1
            value = tensors.get(name)
            if value is None:
                value = torch.zeros((count, width), dtype=self.dtype, device=self.device)
            if value.shape not in ((count, width), (count,) if width == 1 else (count, width)):
                raise ValueError(
                    f"{name} has shape {tuple(value.shape)}, but must have ({count}, {width})"
                )
            columns.append(value.reshape(count, width))
        return torch.cat(columns, dim=1)

    def unpack(self, y: torch.Tensor) -> dict[str, torch.Tensor]:
        """The parts of states (..., n_state) by name: (..., dim), thermostats (..., 1)."""
        sizes = [self.dim if name in ("x", "p") else 1 for name in self.names]
        return dict(zip(self.names, y.split(sizes, dim=-1)))

    def f(self, t: Any, y: torch.Tensor) -> torch.Tensor:
        """Drift, (n_replicas, n_state)."""
        raise NotImplementedError

    def g(self, t: Any, y: torch.Tensor) -> torch.Tensor:
        """Noise: (n_replicas, n_state, n_channels), diagonal (n_replicas, n_state)."""
        raise NotImplementedError


def thermostat_names(dynamics: Any) -> tuple[str, ...]:
    """Names of the thermostats that the state of a dynamics ends with."""
    if dynamics.equation == "nose_hoover":
        return tuple(f"xi_{number}" for number in range(1, dynamics.n_thermostats + 1))
    blocks = getattr(dynamics, "blocks", ())
    if len(blocks) < 2:
        return ("xi",) if "adaptive" in (dynamics.equation, *_equations(blocks)) else ()
    kinds = enumerate(_equations(blocks), start=1)
    return tuple(f"xi_{number}" for number, kind in kinds if kind == "adaptive")


def _equations(blocks: Any) -> list[str]:
    return [block.dynamics.equation for block in blocks]


class _AdditiveSDE(DynamicsSDE):
    """Everything whose noise does not depend on the state, from one number per coordinate.

        dx = (to_x p - flow g) dt + noise_x dW
        dp = (-force g - (friction + sum_b coupling_b xi_b) p) dt + noise_p dW

    with thermostats xi_b over the coordinates of their blocks, mu_b dxi_b = (p.p/mass - n_b T_b)dt.
    """

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
    """Coefficients of `_AdditiveSDE` at one time, each of shape (dim,), the unit of time in."""

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


class _DiffusionSDE(DynamicsSDE):
    """An Ito diffusion; diagonal noise only if each factor depends on its own coordinate alone."""

    def __init__(self, dynamics, sde_type, time_unit, dtype, device) -> None:
        super().__init__(dynamics, sde_type, time_unit, dtype, device)
        count = dynamics.n_noises
        self.noise_type = "general" if count is None or count > 1 else "scalar"
        if count is None and dynamics.noncommuting is None:
            self.noise_type = "diagonal"
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
