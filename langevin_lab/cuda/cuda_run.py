"""`simulate(..., backend="cuda")`: the arrays of a run on a card, advanced by its kernels."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from langevin_lab.cuda.device import SHARED_BYTES, Device, check_free_memory, find_device, shaped
from langevin_lab.cuda.kernel_text import kernel_source, recording_module
from langevin_lab.cuda.row_writer import why_not
from langevin_lab.cuda.writer import LONGEST
from langevin_lab.ensemble.backends import Backend
from langevin_lab.ensemble.kernel import Kernel, RecordingKernel
from langevin_lab.ensemble.layout import N_GROUPS, Layout
from langevin_lab.ensemble.run import Run
from langevin_lab.potentials import Minibatch

__all__ = ["CudaRun"]

_CALLED = frozenset({"multiply", "real"})  # by a card's texts alone: other functions are reserved
SAVED_BYTES = 1 << 30  # of a path that lie on the card at a time


@dataclass
class CudaRun(Run):
    """Arrays of a run, advanced by kernels on a card: one replica a thread.

    They stay on the card between two calls of `advance_blocks`; `fetch` brings them home.
    """

    on_card: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.card: Device = find_device(self.backend)

    @classmethod
    def check(cls, backend: Backend, kernel: Kernel) -> None:
        """Raise an error that says what would do if the backend cannot run the kernel.

        Raises
        ------
        NoDeviceError
            If there is no card.
        ValueError
            If there are no kernels for this precision, potential or gradient noise.
        """
        if backend.precision == "bfloat16":
            raise ValueError(
                f"precision='bfloat16' with backend={str(backend)!r}, whose kernels compute in "
                "float64 or float32; use backend='torch'"
            )
        potential = kernel.dynamics.potential
        if not kernel.layout.lanes:
            reason = why_not(potential, kernel.layout.n_rows)
            if backend.precision == "float32":
                reason = reason or "is one of loops over arrays, which run in float64"
            if reason:
                raise ValueError(
                    f"backend={str(backend)!r} cannot run {potential.name}, which {reason}; use "
                    "backend='torch' or 'cpu'"
                )
        if isinstance(kernel.layout.noise, Minibatch):
            raise ValueError(
                f"backend={str(backend)!r} draws no minibatches of {potential.name}; use "
                "backend='torch' or 'cpu', or Gaussian gradient noise"
            )
        for name in sorted(_CALLED.intersection((*potential.variables, *potential.parameters))):
            raise ValueError(
                f"{potential.name} has a variable or parameter {name!r}, the name of a function of "
                "kernels for a card; choose another"
            )
        if backend.precision == "float32":
            _check_range(kernel.parameters)
        find_device(backend)

    @classmethod
    def n_columns(cls, n_replicas: int, layout: Layout, n_threads: int) -> int:
        """Columns of the arrays: threads beyond the last replica have none."""
        return n_replicas

    @property
    def hardware(self) -> dict[str, str]:
        """Attributes of the dataset: name of the card, versions of what drives it."""
        return self.card.attributes

    @property
    def source(self) -> str:
        """Text of the kernel that runs."""
        assert isinstance(self.kernel, RecordingKernel)
        return kernel_source(self.kernel, self.backend.precision, saves=self.save_every > 0)

    @cached_property
    def _advance(self) -> Any:
        """The kernel that runs."""
        assert isinstance(self.kernel, RecordingKernel)
        saves = self.save_every > 0
        return recording_module(self.kernel, self.backend.precision, saves=saves).advance

    def advance_blocks(self, n_steps: int, pool: ThreadPoolExecutor) -> None:
        """Advance all replicas by n_steps, in one launch unless the path needs several."""
        stop = self.step + n_steps
        with self.card.context:
            while self.step < stop:
                self._launch(min(stop - self.step, self._most_steps()))

    def _most_steps(self) -> int:
        """Steps whose saved states fit on the card beside everything else."""
        if not self.save_every:
            return LONGEST - 1
        return min(LONGEST - 1, max(1, SAVED_BYTES // self._state_bytes) * self.save_every)

    @property
    def _state_bytes(self) -> int:
        """Of one saved state of all replicas."""
        return int(8 * self.saved.shape[1] * self.n_replicas)

    def _path_bytes(self) -> int:
        """Of the saved states of one launch, at most."""
        return min(self.saved.nbytes, max(SAVED_BYTES, self._state_bytes))

    def _launch(self, n_steps: int) -> None:
        from numba import cuda

        arrays = self._sent()
        every, layout = self.save_every, self.kernel.layout
        n_saved = (self.step + n_steps) // every - self.step // every if every else 0
        saved = cuda.device_array((n_saved, *self.saved.shape[1:]))
        table = cuda.to_device(self.kernel.table(self.step, n_steps))
        n_shared = layout.n_histograms * self.counts.shape[2] * N_GROUPS
        n_shared = n_shared if 4 * n_shared <= SHARED_BYTES else 0
        blocks = math.ceil(self.n_replicas / self.card.threads)
        shaped(self._advance, blocks, self.card.threads, 4 * n_shared)(
            arrays["state"], arrays["sums"], arrays["diverged"], arrays["counts"], saved, table,
            arrays["parameters"], arrays["edges"], arrays["n_bins"], n_shared,
            np.uint64(self.seed), self.bound, self.step, n_steps,
            self.burn_in, self.record_every, every, self.first_replica,
        )  # fmt: skip
        if n_saved:
            place = self.step // every + 1 - self.first_saved
            saved.copy_to_host(self.saved[place : place + n_saved])
        else:
            cuda.synchronize()
        self.step += n_steps

    def _sent(self) -> dict[str, Any]:
        """The arrays on the card, sent if they are not there."""
        from numba import cuda

        if not self.on_card:
            host = {
                "state": self.state, "sums": self.sums, "diverged": self.diverged,
                "counts": self.counts.view(np.uint64), "parameters": self.kernel.parameters,
                "edges": self.edges, "n_bins": self.n_bins,
            }  # fmt: skip
            check_free_memory(sum(array.nbytes for array in host.values()) + self._path_bytes())
            self.on_card = {name: cuda.to_device(array) for name, array in host.items()}
        return self.on_card

    def fetch(self) -> None:
        """Bring the arrays up to date; the next launch sends them again."""
        if self.on_card:
            with self.card.context:
                self.on_card["state"].copy_to_host(self.state)
                self.on_card["sums"].copy_to_host(self.sums)
                self.on_card["diverged"].copy_to_host(self.diverged)
                self.on_card["counts"].copy_to_host(self.counts.view(np.uint64))
        self.on_card = {}


def _check_range(parameters: np.ndarray) -> None:
    """ValueError if a number would become zero, or infinite, in float32."""
    limits, sizes = np.finfo(np.float32), np.abs(parameters)
    beyond = (sizes != 0.0) & ((sizes < limits.tiny) | (sizes > limits.max))
    if beyond.any():
        raise ValueError(
            f"the number {parameters[np.argmax(beyond)]:g} among parameters and masses is beyond "
            "float32, which goes from 1.2e-38 to 3.4e38; use other units or precision='float64'"
        )
