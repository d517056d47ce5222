"""`escape.first_passage(..., backend="cuda")`: replicas on a card until they arrive."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from langevin_lab.cuda.cuda_run import CudaRun
from langevin_lab.cuda.device import check_free_memory, find_device, shaped
from langevin_lab.cuda.stopping_text import module_of, passage_source
from langevin_lab.ensemble.backends import Backend
from langevin_lab.ensemble.kernel import Kernel
from langevin_lab.ensemble.passages import Passage

__all__ = ["CudaPassage", "hardware_of_card"]


def hardware_of_card(backend: Backend) -> dict[str, str]:
    """What the results of a backend say about the card, and versions of what drives it."""
    return {"backend": str(backend), **find_device(backend).attributes}


@dataclass
class CudaPassage(Passage):
    """Replicas on a card, a thread each, until they arrive.

    All arrays stay there to the end of the run. What comes home after a launch is the number of the
    replicas on their way; the columns of these are packed in a list on the card.
    """

    on_card: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.card = find_device(self.backend)
        self._n_waiting = self.state.shape[1]

    @classmethod
    def check(cls, backend: Backend, kernel: Kernel) -> None:
        """Raise an error that says what would do if the card cannot run the kernel."""
        CudaRun.check(backend, kernel)

    @property
    def source(self) -> str:
        """Text of the kernel that runs."""
        return passage_source(self.kernel, self.backend.precision)

    @property
    def n_waiting(self) -> int:
        """Replicas on their way."""
        return self._n_waiting

    def outcome(self) -> tuple[np.ndarray, np.ndarray]:
        """Step of arrival, -1 where there is none, and of divergence, 0 where there is none."""
        if self.on_card:
            with self.card.context:
                self.on_card["arrival"].copy_to_host(self.arrival)
                self.on_card["outside"].copy_to_host(self.outside)
        return self.arrival, self.outside

    def advance(self, step: int, n_steps: int, pool: ThreadPoolExecutor) -> None:
        """Advance the replicas on their way by n_steps from step on; list the survivors."""
        with self.card.context:
            self._launch(step, n_steps)

    def _launch(self, step: int, n_steps: int) -> None:
        from numba import cuda

        arrays, threads = self._sent(), self.card.threads
        count = cuda.to_device(np.zeros(1, np.int64))
        module = module_of(self.kernel, self.backend.precision)
        shaped(module.advance_to_target, math.ceil(self._n_waiting / threads), threads)(
            arrays["state"], arrays["columns"], arrays["survivors"], count, arrays["arrival"],
            arrays["outside"], cuda.to_device(self.kernel.table(step, n_steps)),
            arrays["parameters"], np.uint64(self.seed), self.bound, step,
            n_steps, np.uint64(self.first_replica), self._n_waiting,
        )  # fmt: skip
        arrays["columns"], arrays["survivors"] = arrays["survivors"], arrays["columns"]
        self._n_waiting = int(count.copy_to_host()[0])

    def _sent(self) -> dict[str, Any]:
        """The arrays on the card, sent if they are not there."""
        from numba import cuda

        if not self.on_card:
            host = {
                "state": np.ascontiguousarray(self.state), "columns": self.places,
                "arrival": self.arrival, "outside": self.outside,
                "parameters": self.kernel.parameters,
            }  # fmt: skip
            check_free_memory(sum(array.nbytes for array in host.values()) + self.places.nbytes)
            self.on_card = {name: cuda.to_device(array) for name, array in host.items()}
            self.on_card["survivors"] = cuda.device_array(self.places.shape, self.places.dtype)
        return self.on_card
