"""The state of a run, and how it is advanced: chunks of steps, blocks of replicas over threads."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from langevin_lab.ensemble.backends import CPU, Backend
from langevin_lab.ensemble.kernel import Kernel
from langevin_lab.ensemble.layout import LANE_WIDTH, N_GROUPS, Layout
from langevin_lab.ensemble.machine import processor
from langevin_lab.integrators import Method

# Below this, stretches of time serve as groups beside the replicas. From here on replicas alone do:
# independent, whatever the correlation time, and few enough only to ask for Student's t.
FEW_REPLICAS = 8
FEWEST_GROUPS = 32  # that stretches of time are cut into
MAX_BATCHES = 128  # stretches kept; when full, neighbours merge and their length doubles
FIRST_BATCH = 16  # recorded steps of a stretch at first


@dataclass
class Batches:
    """Sums over stretches of time, for few replicas: constant memory for a run of any length.

    Finished stretches are kept in ``sums`` (n_batches, n_moments, n_replicas); when there are
    ``MAX_BATCHES``, neighbours are added and the stretch doubles, so the result does not depend on
    how the run was cut into chunks.
    """

    sums: list[np.ndarray] = field(default_factory=list)
    length: int = FIRST_BATCH
    filled: int = 0

    def close(self, current: np.ndarray, n_replicas: int) -> None:
        """Put the finished stretch away and clear the running sums."""
        self.sums.append(current[:, :n_replicas].copy())
        current[:] = 0.0
        self.filled = 0
        if len(self.sums) == MAX_BATCHES:
            self.sums = [a + b for a, b in zip(self.sums[::2], self.sums[1::2])]
            self.length *= 2


@dataclass
class Run:
    """Arrays of a run, advanced by compiled code on the CPU.

    A backend is a subclass, which overrides the methods from `method_for` to `fetch`.

    Parameters
    ----------
    kernel : Kernel
    state : ndarray of shape (n_kept_rows, n_columns)
        Columns are replicas, padded to full blocks.
    n_replicas, first_replica, seed : int
    edges : ndarray of shape (n_histograms, 2)
        Lower edge and bins per unit.
    n_bins : ndarray of shape (n_histograms,)
    burn_in, record_every, save_every : int
    bound : float
    n_threads : int
    backend : Backend, optional
    """

    kernel: Kernel
    state: np.ndarray
    n_replicas: int
    first_replica: int
    seed: int
    edges: np.ndarray
    n_bins: np.ndarray
    burn_in: int
    record_every: int
    save_every: int
    bound: float
    n_threads: int
    backend: Backend = CPU
    step: int = 0
    batches: Batches | None = None
    first_saved: int = 1

    def __post_init__(self) -> None:
        layout = self.kernel.layout
        columns = self.state.shape[1]
        self.sums = np.zeros((layout.n_moments, columns))
        # Padding lanes count as diverged before the first step, so that nothing records them.
        self.diverged = np.where(np.arange(columns) < self.n_replicas, -1, 0)
        bins = int(self.n_bins.max(initial=0)) + 3  # below, above, NaN
        self.counts = np.zeros((layout.n_histograms, N_GROUPS, bins), np.int64)
        self.saved = np.zeros((0, layout.constants()["N_STATE"], self.n_replicas))
        if self.n_replicas < FEW_REPLICAS and layout.n_moments:
            self.batches = self.batches or Batches()

    @property
    def width(self) -> int:
        """Lanes of a block."""
        return block_width(self.n_replicas, self.n_threads) if self.kernel.layout.lanes else 1

    @classmethod
    def method_for(cls, backend: Backend, dynamics: Any, method: Method) -> Method:
        """What the backend runs in the place of ``method``; torchsde has schemes of its own."""
        return method

    @classmethod
    def check(cls, backend: Backend, kernel: Kernel) -> None:
        """Raise an error that says what would do if the backend cannot run the kernel."""
        kernel.check_compiled()

    @classmethod
    def n_columns(cls, n_replicas: int, layout: Layout, n_threads: int) -> int:
        """Columns of the arrays: replicas padded to full blocks."""
        width = block_width(n_replicas, n_threads) if layout.lanes else 1
        return n_columns(n_replicas, width)

    @property
    def hardware(self) -> dict[str, str]:
        """Attributes of the dataset: the name of the device, versions of what drives it."""
        return {"device": processor()}

    def advance(self, n_steps: int) -> None:
        """Advance all replicas by n_steps, cutting at the ends of stretches of time."""
        stop = self.step + n_steps
        with ThreadPoolExecutor(self.n_threads) as pool:
            while self.step < stop:
                piece = stop - self.step
                if self.batches is not None:
                    piece = min(piece, self._steps_to_batch_end(self.batches))
                recorded = self.n_recorded
                self.advance_blocks(piece, pool)
                if self.batches is not None:
                    self.batches.filled += self.n_recorded - recorded
                    if self.batches.filled == self.batches.length:
                        self.fetch()
                        self.batches.close(self.sums, self.n_replicas)

    @property
    def n_recorded(self) -> int:
        """Recorded steps so far."""
        return max(0, self.step - self.burn_in) // self.record_every

    def _steps_to_batch_end(self, batches: Batches) -> int:
        missing = batches.length - batches.filled
        return self.burn_in + (self.n_recorded + missing) * self.record_every - self.step

    def fetch(self) -> None:
        """Bring the arrays up to date where a device has them, which then reads them again."""

    def advance_blocks(self, n_steps: int, pool: ThreadPoolExecutor) -> None:
        """Advance all replicas by n_steps, in one go."""
        n_blocks = self.state.shape[1] // self.width
        n_tasks = task_count(n_blocks, self.n_threads)
        bounds = np.linspace(0, n_blocks, n_tasks + 1).astype(int)
        table = self.kernel.table(self.step, n_steps)
        advance = self.kernel.module.advance

        tables = (table, self.kernel.parameters, self.edges, self.n_bins)
        plan = (
            np.uint64(self.seed), self.kernel.noisy, self.bound, self.step, self.burn_in,
            self.record_every, self.save_every, self.first_saved,
        )  # fmt: skip

        def work(first: int, last: int) -> np.ndarray:
            counts = np.zeros((2, *self.counts.shape), np.int64)
            advance(
                self.state, self.sums, self.diverged, counts, self.saved, tables, plan,
                self.first_replica, n_steps, first, last, self.width,
            )  # fmt: skip
            return counts[0]

        if n_tasks == 1:
            self.counts += work(0, n_blocks)
        else:
            for counts in pool.map(work, bounds[:-1].tolist(), bounds[1:].tolist()):
                self.counts += counts
        self.step += n_steps

    def groups(self) -> tuple[np.ndarray, np.ndarray, int]:
        """Group means, overall means, and recorded steps of a group.

        Returns
        -------
        means : ndarray of shape (n_moments, n_groups)
            Of replicas that have not diverged; of their stretches of time if replicas are few.
        overall : ndarray of shape (n_moments,)
        n_steps : int
            Recorded steps in one group.
        """
        alive = self.diverged[: self.n_replicas] < 0
        sums = self.sums[:, : self.n_replicas]
        if self.batches is None:
            means = sums[:, alive] / self.n_recorded
            return means, means.mean(axis=1), self.n_recorded
        finished = np.array(self.batches.sums).reshape(-1, *sums.shape)
        overall = (finished.sum(axis=0) + sums)[:, alive].mean(axis=1) / self.n_recorded
        # As few stretches a replica as give FEWEST_GROUPS: the longer, the less they correlate.
        # What is left over at the end is in the overall mean alone.
        per_replica = math.ceil(FEWEST_GROUPS / alive.sum())
        joined = max(1, len(finished) // per_replica)
        n_groups = len(finished) // joined
        stretches = finished[: n_groups * joined, :, alive].reshape(n_groups, joined, len(sums), -1)
        length = joined * self.batches.length
        means = stretches.sum(axis=1).transpose(1, 2, 0) / length
        return means.reshape(len(means), -1), overall, length


def block_width(n_replicas: int, n_threads: int) -> int:
    """Lanes of a block: up to LANE_WIDTH, equal shares for the threads.

    A multiple of 32, so that unrolled vector loops leave no scalar rest; of 8 for few replicas.
    """
    n_blocks = math.ceil(n_replicas / LANE_WIDTH)
    if n_replicas >= 64 * n_threads:
        n_blocks = math.ceil(n_blocks / n_threads) * n_threads
    lanes = math.ceil(n_replicas / n_blocks)
    multiple = 32 if lanes > 32 else 8
    return min(LANE_WIDTH, math.ceil(lanes / multiple) * multiple)


def task_count(n_blocks: int, n_threads: int) -> int:
    """Tasks that the blocks are dealt in: equal ones if possible, up to four a thread.

    Several a thread even out cores that are not equally fast; unequal ones would leave cores idle.
    """
    if n_threads == 1 or n_blocks <= n_threads:
        return min(n_blocks, n_threads)
    counts = [n_threads * share for share in (4, 3, 2, 1)]
    return next((count for count in counts if n_blocks % count == 0), n_threads)


def n_columns(n_replicas: int, width: int) -> int:
    """Replicas padded to full blocks."""
    return math.ceil(n_replicas / width) * width


def restore(run: Run, previous: dict[str, Any]) -> None:
    """Put the sums, counts and divergences of an earlier run in place."""
    run.sums[:, : run.n_replicas] = previous["sums"]
    run.diverged[: run.n_replicas] = previous["diverged"]
    run.counts[:] = previous["counts"]
    run.batches = previous["batches"]
    run.step = previous["step"]
    run.first_saved = run.step // run.save_every + 1 if run.save_every else 1
