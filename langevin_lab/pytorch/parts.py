"""What all blocks of replicas of a run share: the step, the gradient, what is recorded."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from langevin_lab.ensemble.layout import NO_RETURN, Layout
from langevin_lab.pytorch.programs import Stepper
from langevin_lab.pytorch.recording import Observables
from langevin_lab.pytorch.stretches import DrawnGradient

__all__ = ["Parts"]


@dataclass(frozen=True)
class Parts:
    """What all blocks of a run share.

    Parameters
    ----------
    layout : Layout
    stepper : Stepper
    gradient : DrawnGradient
    moments, histograms : Observables
    dtype : torch.dtype
    device : torch.device
    noisy : bool
        Whether normals are drawn.
    vector_coefficients : frozenset of str
    bound : float
    captured : bool
        Whether stretches are replayed from graphs, so that all they take are tensors.
    """

    layout: Layout
    stepper: Stepper
    gradient: DrawnGradient
    moments: Observables
    histograms: Observables
    dtype: torch.dtype
    device: torch.device
    noisy: bool
    vector_coefficients: frozenset[str]
    bound: float
    captured: bool

    @property
    def axis(self) -> int:
        """That of the coordinates."""
        return 0 if self.layout.lanes else -1

    @property
    def narrow(self) -> bool:
        """Whether a replica may come back from outside the bound: then every step is looked at."""
        return self.bound < NO_RETURN

    def outside(self, state: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Which replicas have a state entry not below the bound or a memory that is not finite."""
        program = self.layout.program
        bounds = {name: self.bound for name in program.state if name not in program.outcomes}
        bounds |= dict.fromkeys(program.memories, float("inf"))
        inside = [(state[name].abs() < bound).all(self.axis) for name, bound in bounds.items()]
        return ~functools.reduce(torch.logical_and, inside)

    def coefficients(self, table: Any, step: int) -> dict[str, Any]:
        """Those of one step: numbers, or tensors that a graph reads."""
        row = table[step]
        names, place = {}, 0
        for name in self.layout.program.coefficients:
            if name not in self.vector_coefficients:
                names[name] = row[place]
                place += 1
                continue
            part = row[place : place + self.layout.dim]
            vector = torch.as_tensor(part, dtype=self.dtype, device=self.device)
            names[name] = vector[:, None] if self.layout.lanes else vector
            place += self.layout.dim
        return names
