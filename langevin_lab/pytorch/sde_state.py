"""What all dynamics have in common as SDEs of torchsde: the state of a replica as one vector."""

from __future__ import annotations

from typing import Any

import torch

from langevin_lab.pytorch.functions import tensor_functions

__all__ = ["DynamicsSDE", "noise_type_of", "thermostat_names"]


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

    def __init__(self, dynamics, sde_type, time_unit, dtype, device) -> None:
        super().__init__()
        self.dynamics, self.sde_type, self.time_unit = dynamics, sde_type, time_unit
        self.noise_type = noise_type_of(dynamics)
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


def noise_type_of(dynamics: Any) -> str:
    """What torchsde calls the noise of a dynamics."""
    if dynamics.equation != "ito":
        return "additive"
    if dynamics.n_noises is None:
        return "diagonal" if dynamics.noncommuting is None else "general"
    return "scalar" if dynamics.n_noises == 1 else "general"


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
