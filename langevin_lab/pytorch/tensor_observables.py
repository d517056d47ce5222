"""What recorders ask of a run, over tensors: moments and histogrammed values of states.

A state is a tensor (..., n_state) of positions, momenta and thermostats, as a `DynamicsSDE` has it;
the texts and the names in them are those of `ensemble.moments`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import torch

from langevin_lab.ensemble.moments import COORDINATE_NAMES, Moment, observable_names
from langevin_lab.potentials.expression import parse_expression
from langevin_lab.pytorch.vocabulary import evaluate_text

__all__ = ["Observables"]


class Observables:
    """Moments as functions of the state.

    Parameters
    ----------
    sde : DynamicsSDE
    moments : sequence of Moment
    dt : float
    """

    def __init__(self, sde: Any, moments: Sequence[Moment], dt: float):
        self.sde, self.dt, dynamics = sde, dt, sde.dynamics
        self.potential = dynamics.potential
        self.parameters = dict(self.potential.parameters)
        mass = torch.as_tensor(getattr(dynamics, "mass", 1.0), dtype=sde.dtype, device=sde.device)
        self.mass = mass.expand(sde.dim)
        scalars = [name for name in sde.names if name not in ("x", "p")]
        self.names = observable_names(self.potential, momenta="p" in sde.names, scalars=scalars)
        self.thermostats = {name: 2 * sde.dim + k for k, name in enumerate(scalars)}
        self.moments = [self._parsed(moment) for moment in moments]

    def _parsed(self, moment: Moment) -> tuple[Moment, Any]:
        if not moment.over_coordinates:
            return moment, parse_expression(moment.text, tuple(self.names))
        allowed = [name for name in COORDINATE_NAMES if name != "p" or "p" in self.sde.names]
        return moment, parse_expression(moment.text, (*allowed, *self.potential.parameters))

    def values(self, y: torch.Tensor) -> list[torch.Tensor]:
        """The value of each moment, of the shape of y without its last axis."""
        parts = _Parts(self, y)
        return [parts.value(moment, parsed) for moment, parsed in self.moments]


class _Parts:
    """What the texts name, each computed once for a state."""

    def __init__(self, observables: Observables, y: torch.Tensor):
        self.of, self.y = observables, y
        dim = observables.sde.dim
        self.x, self.p = y[..., :dim], y[..., dim : 2 * dim]

    @functools.cached_property
    def flat(self) -> torch.Tensor:
        return self.x.reshape(-1, self.x.shape[-1])

    @functools.cached_property
    def grad(self) -> torch.Tensor:
        return self.of.sde.gradient(self.flat).reshape(self.x.shape)

    @functools.cached_property
    def energy(self) -> torch.Tensor:
        return self.of.sde.functions.energy(self.flat).reshape(self.x.shape[:-1])

    @functools.cached_property
    def laplacian(self) -> torch.Tensor:
        return self.of.sde.functions.laplacian(self.flat).reshape(self.x.shape[:-1])

    def value(self, moment: Moment, parsed: Any) -> torch.Tensor:
        find = self._of_coordinates if moment.over_coordinates else self._scalar
        known = {name: find(name) for name in parsed.names_used}
        value = torch.as_tensor(evaluate_text(parsed.source, known), device=self.y.device)
        if not moment.over_coordinates:
            return value.to(self.y.dtype).expand(self.y.shape[:-1])
        value = value.to(self.y.dtype).expand(self.x.shape)
        return value[..., slice(*(moment.block or (None,)))].sum(-1)

    def _of_coordinates(self, name: str) -> Any:
        if name in self.of.parameters:
            return self.of.parameters[name]
        if name in ("mass", "dt"):
            return getattr(self.of, name)
        return getattr(self, name)

    def _scalar(self, name: str) -> Any:
        kind, index = self.of.names[name]
        if kind == "parameter":
            return self.of.parameters[name]
        if kind == "thermostat":
            return self.y[..., self.of.thermostats[name]]
        if kind == "dt":
            return self.of.dt
        if kind == "mass":
            return float(self.of.mass[index])
        if kind in ("energy", "laplacian"):
            return getattr(self, kind)
        return getattr(self, kind)[..., index]
