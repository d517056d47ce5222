"""From a dynamics and a method to a compiled kernel and the tables that it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np

from langevin_lab.compiled.modules import load
from langevin_lab.ensemble.kernel_text import (
    bridge_kernel,
    passage_kernel,
    recording_kernel,
    splitting_kernel,
)
from langevin_lab.ensemble.layout import Layout
from langevin_lab.ensemble.moments import Moment
from langevin_lab.integrators import Method


@dataclass(frozen=True, eq=False)
class Kernel:
    """What all kernels share: layout, module, coefficient table, parameters.

    Parameters
    ----------
    dynamics : Dynamics
    method : Method
    dt : float
    """

    dynamics: Any
    method: Method
    dt: float

    def make_layout(self, n_moments: int, n_histograms: int) -> Layout:
        """Where everything lies in a block's work array."""
        program, noise = self.method.program, self.dynamics.potential.gradient_noise
        return Layout(
            program=program if noise is None else replace(program, random_gradient=True),
            dim=self.dynamics.dim,
            lanes=self.dynamics.potential.code.form == "scalar",
            n_moments=n_moments,
            n_histograms=n_histograms,
            noise=noise,
        )

    @cached_property
    def layout(self) -> Layout:
        """Where everything lies in a block's work array."""
        return self.make_layout(0, 0)

    @cached_property
    def vector_coefficients(self) -> frozenset[str]:
        """Coefficients with one value per coordinate."""
        values = self.method.coefficients(self.dynamics.at(0.5 * self.dt), self.dt)
        return frozenset(name for name, value in values.items() if np.ndim(value) > 0)

    @property
    def title(self) -> str:
        """First line of the module."""
        return f"{self.method.name} on {self.dynamics.potential.name}."

    @property
    def functions(self) -> str:
        """Text of the dynamics' vector functions that the step calls."""
        names = self.method.program.functions
        return self.dynamics.source(names) if names else ""

    @cached_property
    def source(self) -> str:
        """Text of the module that runs."""
        raise TypeError("use RecordingKernel, PassageKernel, BridgeKernel or SplittingKernel")

    @cached_property
    def module(self) -> ModuleType:
        """The imported module; its compiled code comes from the cache if it was ever compiled."""
        self.check_compiled()
        code = self.dynamics.potential.code
        bindings = None
        if code.form == "array" and not (code.import_line or code.source):
            bindings = {"energy": code.energy, "gradient": code.gradient}
        return load(self.source, self.method.name, bindings)

    def check_compiled(self) -> None:
        """Raise TypeError if the potential is made of functions that compiled code cannot call."""
        potential = self.dynamics.potential
        if potential.code.form == "torch":
            raise TypeError(
                f"{potential!r} is made of torch functions, which compiled code cannot call; use "
                "ll.simulate(..., backend='torch'), or a potential from an expression"
            )

    @cached_property
    def parameters(self) -> np.ndarray:
        """What the module reads: see `all_parameters`."""
        return self.all_parameters()

    def all_parameters(self, shifts: Sequence[float] | np.ndarray = ()) -> np.ndarray:
        """The potential's parameters, its data, dt, masses, shifts, numbers of gradient noise."""
        potential = self.dynamics.potential
        mass = np.broadcast_to(getattr(self.dynamics, "mass", 1.0), (self.dynamics.dim,))
        data = () if potential.data is None else potential.data.values.ravel()
        noise = () if potential.gradient_noise is None else potential.gradient_noise.numbers
        return np.concatenate([potential.parameter_values, data, [self.dt], mass, shifts, noise])

    def table(self, first_step: int, n_steps: int) -> np.ndarray:
        """Coefficients, one row for all steps or one a step; shape (rows, columns)."""
        dynamics, rows = self.dynamics, 1
        if dynamics.is_scheduled:
            middle = (np.arange(first_step, first_step + n_steps) + 0.5) * self.dt
            dynamics, rows = dynamics.at(middle), n_steps
        values = self.method.coefficients(dynamics, self.dt)
        columns = []
        for name in self.method.program.coefficients:
            width = self.dynamics.dim if name in self.vector_coefficients else 1
            columns.append(np.broadcast_to(values[name], (rows, width)))
        return np.ascontiguousarray(np.concatenate(columns, axis=1), dtype=float)

    @property
    def noisy(self) -> bool:
        """Whether normals need to be drawn at all."""
        program = self.layout.program
        drawn = program.n_normals > 0 and not self.dynamics.is_noiseless
        return drawn or program.n_scalar_normals > 0 or program.random_gradient


@dataclass(frozen=True, eq=False)
class RecordingKernel(Kernel):
    """A kernel that records.

    Parameters
    ----------
    moments, histograms : sequence of Moment
    """

    moments: Sequence[Moment] = ()
    histograms: Sequence[Moment] = ()

    @cached_property
    def layout(self) -> Layout:
        """Where everything lies in a block's work array."""
        return self.make_layout(len(self.moments), len(self.histograms))

    @cached_property
    def source(self) -> str:
        """Text of the module that runs."""
        return recording_kernel(
            self.dynamics.potential,
            self.layout,
            self.vector_coefficients,
            self.moments,
            self.histograms,
            self.title,
            self.functions,
        )


@dataclass(frozen=True, eq=False)
class PassageKernel(Kernel):
    """A kernel that stops in a target region.

    Parameters
    ----------
    target : str
        Region over the observable names and shift_0, shift_1, ...
    shifts : ndarray of shape (n_shifts,)
    """

    target: str = ""
    shifts: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @cached_property
    def source(self) -> str:
        """Text of the module that runs."""
        return passage_kernel(
            self.dynamics.potential,
            self.layout,
            self.vector_coefficients,
            self.target,
            self.shifts.size,
            self.title,
            self.functions,
        )

    @cached_property
    def parameters(self) -> np.ndarray:
        """What the module reads, the shifts of the boundaries among it."""
        return self.all_parameters(self.shifts)


@dataclass(frozen=True, eq=False)
class BridgeKernel(Kernel):
    """A kernel that stops where the path between two looks touches a flat boundary.

    Parameters
    ----------
    distances : sequence of str
        Scaled distance from each boundary, over the observable names and shift_0, shift_1, ...
    scales : ndarray of shape (n_boundaries,)
        What shift_0, shift_1, ... are.
    """

    distances: Sequence[str] = ()
    scales: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @cached_property
    def source(self) -> str:
        """Text of the module that runs."""
        return bridge_kernel(
            self.dynamics.potential,
            self.layout,
            self.vector_coefficients,
            self.distances,
            self.title,
            self.functions,
        )

    @cached_property
    def parameters(self) -> np.ndarray:
        """What the module reads, the scales of the distances among it."""
        return self.all_parameters(self.scales)


@dataclass(frozen=True, eq=False)
class SplittingKernel(Kernel):
    """A kernel that splits paths on their way from a source to a target.

    Parameters
    ----------
    coordinate : str
        Expression over the observable names.
    regions : mapping
        "source", "target" and possibly "surface", over the observable names.
    """

    coordinate: str = ""
    regions: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def source(self) -> str:
        """Text of the module that runs."""
        return splitting_kernel(
            self.dynamics.potential,
            self.layout,
            self.vector_coefficients,
            self.coordinate,
            self.regions,
            self.title,
            self.functions,
        )
