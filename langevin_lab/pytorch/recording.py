"""What recorders see of a state of tensors: moments, and the bins of histograms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from langevin_lab.ensemble.layout import N_GROUPS
from langevin_lab.ensemble.moments import COORDINATE_NAMES, Moment, observable_names
from langevin_lab.potentials.expression import parse_expression
from langevin_lab.pytorch.functions import TensorFunctions
from langevin_lab.pytorch.vocabulary import evaluate_text

__all__ = ["Observables", "bin_numbers"]


class Observables:
    """Values of texts over what an observable may name.

    Parameters
    ----------
    kernel : RecordingKernel
    functions : TensorFunctions
    moments : sequence of Moment
    axis : int
        Of the coordinates in the state's tensors.
    """

    def __init__(
        self, kernel: Any, functions: TensorFunctions, moments: Sequence[Moment], axis: int
    ):
        self.functions, self.axis, self.moments = functions, axis, tuple(moments)
        dynamics, program = kernel.dynamics, kernel.layout.program
        self.potential = dynamics.potential
        momenta = "p" in program.state
        self.kinds = observable_names(
            self.potential, momenta=momenta, scalars=program.state_scalars
        )
        self.parameters = dict(self.potential.parameters)
        self.dt = float(kernel.dt)
        self.mass = np.broadcast_to(getattr(dynamics, "mass", 1.0), (dynamics.dim,)).tolist()
        self.masses: dict[tuple[int, int], torch.Tensor] = {}
        self.stored = {
            "e": "e" in program.stored,
            "g": "g" in program.stored and not program.random_gradient,
        }
        over = tuple(name for name in COORDINATE_NAMES if name != "p" or momenta)
        self.parsed = [
            parse_expression(
                moment.text,
                (*over, *self.parameters) if moment.over_coordinates else tuple(self.kinds),
            )
            for moment in self.moments
        ]

    def values(self, state: Mapping[str, torch.Tensor]) -> list[torch.Tensor]:
        """One tensor (n_replicas,) for every moment."""
        known: dict[str, Any] = {}
        return [
            self._sum(moment, parsed, state, known)
            if moment.over_coordinates
            else self._pointwise(parsed, state, known)
            for moment, parsed in zip(self.moments, self.parsed)
        ]

    def _pointwise(self, parsed: Any, state: Mapping[str, torch.Tensor], known: dict) -> Any:
        values = {name: self._named(name, state, known) for name in parsed.names_used}
        return self._spread(evaluate_text(parsed.source, values), state["x"].select(self.axis, 0))

    def _named(self, name: str, state: Mapping[str, torch.Tensor], known: dict) -> Any:
        """A number, or a tensor (n_replicas,)."""
        kind, index = self.kinds[name]
        if kind in ("x", "p"):
            return state[kind].select(self.axis, index)
        if kind == "thermostat":
            return state[name].select(self.axis, 0)
        if kind == "parameter":
            return self.parameters[name]
        if kind == "dt":
            return self.dt
        if kind == "mass":
            return self.mass[index]
        if kind == "grad":
            return self._gradient(state, known).select(self.axis, index)
        if kind not in known:
            known[kind] = self._at_position(kind, state)
        return known[kind]

    def _at_position(self, kind: str, state: Mapping[str, torch.Tensor]) -> torch.Tensor:
        if kind == "energy" and self.stored["e"]:
            return state["e"].select(self.axis, 0)
        return getattr(self.functions, kind)(state["x"], self.axis)

    def _gradient(self, state: Mapping[str, torch.Tensor], known: dict) -> torch.Tensor:
        """The true gradient, free of gradient noise."""
        if self.stored["g"]:
            return state["g"]
        if "grad" not in known:
            known["grad"] = self.functions.gradient(state["x"], self.axis)
        return known["grad"]

    def _sum(
        self, moment: Moment, parsed: Any, state: Mapping[str, torch.Tensor], known: dict
    ) -> torch.Tensor:
        """The text for every coordinate, summed."""
        first, stop = moment.block or (0, len(self.mass))
        values: dict[str, Any] = {"dt": self.dt, **self.parameters}
        for name in set(parsed.names_used) - set(values):
            if name == "mass":
                values[name] = self._masses(first, stop, state["x"])
            else:
                whole = self._gradient(state, known) if name == "grad" else state[name]
                values[name] = whole.narrow(self.axis, first, stop - first)
        value = evaluate_text(parsed.source, values)
        like = state["x"].narrow(self.axis, first, stop - first)
        return self._spread(value, like).sum(self.axis)

    def _masses(self, first: int, stop: int, like: torch.Tensor) -> Any:
        if len(set(self.mass)) == 1:
            return self.mass[0]
        key = (first, stop)
        if key not in self.masses:  # once: nothing may come from the host into a graph
            own = torch.tensor(self.mass[first:stop], dtype=like.dtype, device=like.device)
            self.masses[key] = own[:, None] if self.axis == 0 else own
        return self.masses[key]

    def _spread(self, value: Any, like: torch.Tensor) -> torch.Tensor:
        """A text that names nothing of the state is the same number everywhere."""
        if isinstance(value, torch.Tensor):
            return value if value.shape == like.shape else value.expand(like.shape)
        return torch.full_like(like, value)


def bin_numbers(
    value: torch.Tensor, low: float, per_unit: float, n_bins: int, group: torch.Tensor, size: int
) -> torch.Tensor:
    """Number of the counter of each replica: its group's bins 0 (below), 1 ... n, above, NaN.

    Parameters
    ----------
    value : tensor of shape (n_replicas,)
    low, per_unit : float
        Lower edge, bins per unit.
    n_bins : int
    group : int64 tensor of shape (n_replicas,)
        The replica's group, of `N_GROUPS`.
    size : int
        Counters of a group.
    """
    scaled = (value.to(torch.float64) - low) * per_unit
    place = scaled.clamp(-1.0, float(n_bins)).floor().nan_to_num(n_bins + 1.0).to(torch.int64) + 1
    return group * size + place


def n_counters(size: int) -> int:
    """Counters of one histogram, one more for replicas that are not counted."""
    return N_GROUPS * size + 1
