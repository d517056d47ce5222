"""`simulate(..., backend="torch")`: batched tensors on the CPU, on a card with "torch:cuda".

The noise is that of the compiled code, so float64 agrees with ``backend="cpu"`` path by path to
rounding. Any potential of a formula runs on any device, as does a `TorchPotential`.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numpy as np
import torch

from langevin_lab.ensemble.backends import Backend
from langevin_lab.ensemble.kernel import Kernel
from langevin_lab.ensemble.layout import Layout
from langevin_lab.ensemble.machine import processor
from langevin_lab.ensemble.run import Run as CpuRun
from langevin_lab.pytorch.blocks import Block
from langevin_lab.pytorch.devices import device_of, threads
from langevin_lab.pytorch.functions import tensor_functions, vector
from langevin_lab.pytorch.parts import Parts
from langevin_lab.pytorch.programs import Stepper
from langevin_lab.pytorch.recording import Observables
from langevin_lab.pytorch.stretches import DrawnGradient
from langevin_lab.pytorch.vocabulary import torch_functions

__all__ = ["Run"]

# precision -> dtypes of the state and of gradients.
_DTYPES = {
    "float64": (torch.float64, torch.float64),
    "float32": (torch.float32, torch.float32),
    "bfloat16": (torch.float32, torch.bfloat16),
}
# Numbers of the largest tensor of a block. On a CPU a vector and its like stay in the cache, and
# torch, which splits larger tensors over threads, leaves those to the blocks.
_NUMBERS = {"cpu": 1 << 15}
_NUMBERS_ELSEWHERE = 1 << 25


class Run(CpuRun):
    """Arrays of a run, advanced by PyTorch."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._device = device_of(self.backend)
        self._loaded = False

    @classmethod
    def check(cls, backend: Backend, kernel: Kernel) -> None:
        """Raise an error that says what would do if PyTorch cannot run the kernel."""
        device = device_of(backend)
        kind = _DTYPES[backend.precision][1]
        tensor_functions(kernel.dynamics.potential, dtype=kind, device=device)

    @classmethod
    def n_columns(cls, n_replicas: int, layout: Layout, n_threads: int) -> int:
        """Replicas as they are."""
        return n_replicas

    @property
    def hardware(self) -> dict[str, str]:
        """Name of the device, versions."""
        versions = {"torch_version": str(torch.__version__)}
        if self._device.type == "cpu":
            return {"device": processor(), **versions}
        versions["cuda_version"] = str(torch.version.cuda)
        return {"device": torch.cuda.get_device_name(self._device), **versions}

    @cached_property
    def parts(self) -> Parts:
        """What all blocks share."""
        kernel, device = self.kernel, self._device
        dtype, low = _DTYPES[self.backend.precision]
        potential, layout = kernel.dynamics.potential, kernel.layout
        axis = 0 if layout.lanes else -1
        functions = tensor_functions(potential, dtype=dtype, device=device)
        drawn = functions
        if low != dtype:
            drawn = tensor_functions(potential, dtype=low, device=device)
        stepper = Stepper(
            layout.program,
            dim=layout.dim,
            axis=axis,
            dtype=dtype,
            device=device,
            energy=lambda x: functions.energy(x, axis),
            functions=_vector_functions(kernel, axis),
            vector_coefficients=kernel.vector_coefficients,
        )
        return Parts(
            layout=layout,
            stepper=stepper,
            gradient=DrawnGradient(drawn, layout.noise, axis, dtype),
            moments=Observables(kernel, functions, getattr(kernel, "moments", ()), axis),
            histograms=Observables(kernel, functions, getattr(kernel, "histograms", ()), axis),
            dtype=dtype,
            device=device,
            noisy=kernel.noisy,
            vector_coefficients=kernel.vector_coefficients,
            bound=self.bound,
            captured=self.captures,
        )

    @property
    def captures(self) -> bool:
        """Whether stretches of steps are captured as graphs."""
        return self._device.type == "cuda"

    @cached_property
    def blocks(self) -> list[Block]:
        """Blocks of replicas, on a CPU as many as threads or a multiple."""
        numbers = self.n_replicas * max(1, self.parts.moments.functions.work)
        limit = _NUMBERS.get(self._device.type, _NUMBERS_ELSEWHERE)
        count = math.ceil(numbers / limit)
        if self._device.type == "cpu" and 4 * numbers > limit:
            count = math.ceil(count / self.n_threads) * self.n_threads
        bounds = np.linspace(0, self.n_replicas, min(count, self.n_replicas) + 1).astype(int)
        return [Block(self, self.parts, a, b) for a, b in zip(bounds.tolist(), bounds[1:].tolist())]

    def advance_blocks(self, n_steps: int, pool: ThreadPoolExecutor) -> None:
        """Advance all replicas by n_steps, in one go."""
        first = self.step
        table = self.kernel.table(first, n_steps)

        def work(block: Block) -> None:
            if not self._loaded:
                block.load(first)
            block.advance(first, n_steps, table)

        several = len(self.blocks) > 1 and self._device.type == "cpu"
        with threads(1 if several else self.n_threads):
            if several:
                list(pool.map(work, self.blocks))
            else:
                for block in self.blocks:
                    work(block)
        self._loaded = True
        self.step += n_steps

    def fetch(self) -> None:
        """Bring the arrays up to date; the next steps read them again."""
        if self._loaded:
            for block in self.blocks:
                block.fetch()
        self._loaded = False


def _vector_functions(kernel: Kernel, axis: int) -> dict[str, Any]:
    """The dynamics' own vector functions that the step calls, over tensors."""
    names = kernel.method.program.functions
    if not names:
        return {}
    text = torch_functions(kernel.functions)
    parameters = kernel.dynamics.potential.parameter_values.tolist()

    def bound(name: str) -> Any:
        return lambda x: vector(text[name], x, parameters, axis)

    return {name: bound(name) for name in names}
