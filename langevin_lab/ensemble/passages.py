"""Replicas on their way to a target region: those that have arrived or diverged drop out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from langevin_lab.ensemble.backends import CPU, Backend
from langevin_lab.ensemble.kernel import BridgeKernel, Kernel, PassageKernel
from langevin_lab.ensemble.run import block_width, n_columns, task_count


@dataclass
class Passage:
    """Replicas advanced by compiled code on the CPU until they arrive.

    A backend has a subclass of this name, which overrides `check`, `n_waiting`, `advance`
    and `outcome`.

    Parameters
    ----------
    kernel : PassageKernel or BridgeKernel
    state : ndarray of shape (n_kept_rows, n_replicas)
    first_replica, seed : int
    bound : float
    n_threads : int
    backend : Backend, optional
    """

    kernel: PassageKernel | BridgeKernel
    state: np.ndarray
    first_replica: int
    seed: int
    bound: float
    n_threads: int
    backend: Backend = CPU
    places: np.ndarray = field(init=False)
    arrival: np.ndarray = field(init=False)
    outside: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        n_replicas = self.state.shape[1]
        self.places = np.arange(n_replicas)  # of the replicas on their way
        self.arrival = np.full(n_replicas, -1, np.int64)
        self.outside = np.zeros(n_replicas, np.int64)

    @classmethod
    def check(cls, backend: Backend, kernel: Kernel) -> None:
        """Raise an error that says what would do if the backend cannot run the kernel."""

    @property
    def n_waiting(self) -> int:
        """Replicas on their way."""
        return self.places.size

    def outcome(self) -> tuple[np.ndarray, np.ndarray]:
        """Step of arrival, -1 where there is none, and of divergence, 0 where there is none."""
        return self.arrival, self.outside

    def advance(self, step: int, n_steps: int, pool: ThreadPoolExecutor) -> None:
        """Advance the replicas on their way by n_steps from step on; pack the survivors."""
        arrival, outside = self._advance_blocks(step, n_steps, pool)
        self.arrival[self.places] = arrival
        self.outside[self.places] = outside
        staying = (arrival < 0) & (outside == 0)
        self.state = np.ascontiguousarray(self.state[:, staying])
        self.places = self.places[staying]

    def _advance_blocks(
        self, step: int, n_steps: int, pool: ThreadPoolExecutor
    ) -> tuple[np.ndarray, np.ndarray]:
        """(step of arrival or -1, step of divergence or 0) of the replicas on their way."""
        count = self.n_waiting
        width = block_width(count, self.n_threads) if self.kernel.layout.lanes else 1
        columns = n_columns(count, width)
        state = np.concatenate(
            [self.state, np.repeat(self.state[:, -1:], columns - count, axis=1)], axis=1
        )
        replicas = np.zeros(columns, np.uint64)
        replicas[:count] = self.places.astype(np.uint64) + np.uint64(self.first_replica)
        passage = np.concatenate([np.full(count, -1), np.zeros(columns - count, int)])
        outside = np.zeros(columns, np.int64)
        table = self.kernel.table(step, n_steps)
        advance = self.kernel.module.advance_to_target

        def work(first: int, last: int) -> None:
            advance(
                state, replicas, passage, outside, table, self.kernel.parameters,
                np.uint64(self.seed), step, n_steps, self.bound, self.kernel.noisy, first, last,
                width,
            )  # fmt: skip

        n_blocks = columns // width
        n_tasks = task_count(n_blocks, self.n_threads)
        bounds = np.linspace(0, n_blocks, n_tasks + 1).astype(int).tolist()
        list(pool.map(work, bounds[:-1], bounds[1:]))
        self.state = state[:, :count]
        return passage[:count], outside[:count]
