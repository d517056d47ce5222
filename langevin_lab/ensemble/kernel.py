"""From a dynamics, a method and recorders to a compiled kernel and the arrays that it works on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np

from langevin_lab.compiled.modules import load
from langevin_lab.ensemble.kernel_text import kernel_text
from langevin_lab.ensemble.layout import Layout
from langevin_lab.ensemble.moments import Moment
from langevin_lab.integrators import Method


@dataclass(frozen=True, eq=False)
class Kernel:
    """A kernel: its text, its module, and the tables that it reads.

    Parameters
    ----------
    dynamics : Dynamics
    method : Method
    dt : float
    moments, histograms : sequence of Moment
    """

    dynamics: Any
    method: Method
    dt: float
    moments: Sequence[Moment] = ()
    histograms: Sequence[Moment] = ()

    @cached_property
    def layout(self) -> Layout:
        """Where everything lies in a block's work array."""
        code = self.dynamics.potential.code
        return Layout(
            program=self.method.program,
            dim=self.dynamics.dim,
            lanes=code.form == "scalar",
            n_moments=len(self.moments),
            n_histograms=len(self.histograms),
        )

    @cached_property
    def _vector_coefficients(self) -> frozenset[str]:
        values = self.method.coefficients(self.dynamics, self.dt, temperature=1.0)
        return frozenset(name for name, value in values.items() if np.ndim(value) > 0)

    @cached_property
    def source(self) -> str:
        """Text of the module that runs."""
        return kernel_text(
            self.dynamics.potential,
            self.method.program,
            self.layout,
            self.moments,
            self.histograms,
            self._vector_coefficients,
            f"{self.method.name} on {self.dynamics.potential.name}.",
        )

    @cached_property
    def module(self) -> ModuleType:
        """The imported module; its compiled code comes from the cache if it was ever compiled."""
        code = self.dynamics.potential.code
        bindings = None
        if code.form == "array" and not code.import_line:
            bindings = {"energy": code.energy, "gradient": code.gradient}
        return load(self.source, self.method.name, bindings)

    @cached_property
    def parameters(self) -> np.ndarray:
        """The potential's parameters, dt, and the mass of every coordinate."""
        mass = np.broadcast_to(getattr(self.dynamics, "mass", 1.0), (self.dynamics.dim,))
        return np.concatenate([self.dynamics.potential.parameter_values, [self.dt], mass])

    def table(self, first_step: int, n_steps: int) -> np.ndarray:
        """Coefficients, one row for all steps or one a step; shape (rows, columns)."""
        if self.dynamics.is_scheduled:
            middle = (np.arange(first_step, first_step + n_steps) + 0.5) * self.dt
            temperature = self.dynamics.temperature_at(middle)[:, None]
        else:
            temperature = np.array([[self.dynamics.temperature]])
        values = self.method.coefficients(self.dynamics, self.dt, temperature)
        rows = temperature.shape[0]
        columns = []
        for name in self.method.program.coefficients:
            width = self.dynamics.dim if name in self._vector_coefficients else 1
            columns.append(np.broadcast_to(values[name], (rows, width)))
        return np.ascontiguousarray(np.concatenate(columns, axis=1), dtype=float)

    @property
    def noisy(self) -> bool:
        """Whether normals need to be drawn at all."""
        if self.method.n_normals == 0:
            return False
        dynamics = self.dynamics
        cold = not dynamics.is_scheduled and dynamics.temperature == 0.0
        return not cold
