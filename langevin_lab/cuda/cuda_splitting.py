"""Multilevel splitting and crossings of a surface on a card, a thread for each run.

Everything that the runs share with those of the CPU is in their classes there: what comes home
after a launch are the few numbers of each run that say how far it is.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from langevin_lab.cuda.cuda_run import CudaRun
from langevin_lab.cuda.device import check_free_memory, find_device, shaped
from langevin_lab.cuda.stopping_text import module_of
from langevin_lab.ensemble.backends import Backend
from langevin_lab.ensemble.crossing_paths import CrossingPaths
from langevin_lab.ensemble.kernel import SplittingKernel
from langevin_lab.ensemble.split_paths import FIRST_STEP, PATH, Plan, SplitPaths

__all__ = ["CudaCrossingPaths", "CudaSplitPaths", "rate_paths_on_card", "start_paths_on_card"]

THREADS = 32  # of a block: runs are few, and many blocks reach all of a card
_SPLIT_ARRAYS = (
    "state", "levels", "counts", "record_levels", "records", "waiting", "survivors", "numbers",
    "weights", "runs", "steps",
)  # fmt: skip


class CudaSplitPaths(SplitPaths):
    """Runs of the algorithm on a card; each has its own step number in ``steps`` (n,)."""

    def __init__(self, plan: Plan, runs: np.ndarray, levels: np.ndarray, starts: np.ndarray):
        super().__init__(plan, runs, levels, starts)
        self.state = np.ascontiguousarray(self.state.T)
        self.survivors = np.zeros_like(self.waiting)
        self.steps = np.zeros(runs.size, np.int64)
        self.on_card: dict[str, Any] = {}

    @classmethod
    def check(cls, backend: Backend, kernel: SplittingKernel) -> None:
        """Raise an error that says what would do if the card cannot run the kernel."""
        CudaRun.check(backend, kernel)

    @property
    def ages(self) -> np.ndarray:
        """Steps that the path on its way has made, of each run."""
        return np.where(self.numbers[:, PATH] >= 0, self.steps - self.numbers[:, FIRST_STEP], 0)

    def make_room(self, room: int) -> None:
        """Let each path have this many records; the arrays are sent again."""
        self.fetch()
        super().make_room(room)

    def fetch(self) -> None:
        """Bring all arrays home; the next launch sends them again."""
        with find_device(self.plan.backend).context:
            for name, array in self.on_card.items():
                array.copy_to_host(getattr(self, name))
        self.on_card = {}

    def advance(self, n_steps: int) -> int:
        """Advance each run by n_steps, or until its path needs room; return the most steps."""
        before = self.steps.copy()
        # In a thread of its own (`escape.splitting`), whose current card may be another.
        with find_device(self.plan.backend).context:
            self._launch(n_steps)
        return int((self.steps - before).max())

    def _launch(self, n_steps: int) -> None:
        from numba import cuda

        plan = self.plan
        if not self.on_card:
            host = {name: getattr(self, name) for name in _SPLIT_ARRAYS}
            check_free_memory(sum(array.nbytes for array in host.values()))
            self.on_card = {name: _sent(array) for name, array in host.items()}
        _kernel(plan, "split", self.runs.size)(
            *self.on_card.values(), cuda.to_device(plan.kernel.table(0, 1)),
            cuda.to_device(plan.kernel.parameters), np.uint64(plan.seed), plan.bound,
            plan.n_killed, plan.spacing, n_steps,
        )  # fmt: skip
        for name in ("numbers", "counts", "steps"):
            self.on_card[name].copy_to_host(getattr(self, name))


class CudaCrossingPaths(CrossingPaths):
    """Trajectories on a card through their crossings of a surface."""

    def __init__(
        self, plan: Plan, replicas: np.ndarray, starts: np.ndarray, n_kept: int, every: int,
        n_skipped: int,
    ):  # fmt: skip
        super().__init__(plan, replicas, starts, n_kept, every, n_skipped)
        self.on_card: dict[str, Any] = {}

    def fetch(self) -> None:
        """Bring the states at the crossings home."""
        if self.on_card:
            with find_device(self.plan.backend).context:
                self.on_card["states"].copy_to_host(self.states)

    def advance(self, n_steps: int) -> None:
        """Go on by n_steps, each trajectory until it has all its crossings."""
        with find_device(self.plan.backend).context:
            self._launch(n_steps)
        self.step += n_steps

    def _launch(self, n_steps: int) -> None:
        from numba import cuda

        plan = self.plan
        if not self.on_card:
            starts = np.ascontiguousarray(self.start.T)
            host = {
                "state": starts, "start": starts, "states": self.states, "numbers": self.numbers,
                "replicas": self.replicas,
            }  # fmt: skip
            check_free_memory(sum(array.nbytes for array in host.values()))
            self.on_card = {name: _sent(array) for name, array in host.items()}
        _kernel(plan, "record_crossings", self.replicas.size)(
            *self.on_card.values(), cuda.to_device(plan.kernel.table(0, 1)),
            cuda.to_device(plan.kernel.parameters), np.uint64(plan.seed), plan.bound,
            self.n_skipped, self.every, self.step, n_steps,
        )  # fmt: skip
        self.on_card["numbers"].copy_to_host(self.numbers)


def start_paths_on_card(
    plan: Plan, kept: np.ndarray, replicas: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Levels (n,) and carried rows (n, n_carried) of starts, as `ensemble.split_paths` does."""
    levels = np.empty(replicas.size)
    records = np.empty((replicas.size, plan.kernel.layout.n_carried))
    with find_device(plan.backend).context:
        check_free_memory(levels.nbytes + records.nbytes + kept.nbytes + replicas.nbytes)
        on_card = [_sent(levels), _sent(records)]
        _kernel(plan, "start_paths", replicas.size)(
            _sent(kept), _sent(replicas), _sent(plan.kernel.parameters), np.uint64(plan.seed),
            plan.spacing, *on_card,
        )  # fmt: skip
        return on_card[0].copy_to_host(levels), on_card[1].copy_to_host(records)


def rate_paths_on_card(plan: Plan, records: np.ndarray) -> np.ndarray:
    """Levels (n,) of carried rows (n, n_carried), as `ensemble.split_paths` does."""
    levels = np.empty(len(records))
    with find_device(plan.backend).context:
        check_free_memory(levels.nbytes + records.nbytes)
        on_card = _sent(levels)
        _kernel(plan, "rate_paths", len(records))(
            _sent(records), _sent(plan.kernel.parameters), plan.spacing, on_card
        )
        return np.asarray(on_card.copy_to_host(levels))


def _sent(array: np.ndarray) -> Any:
    from numba import cuda

    return cuda.to_device(np.ascontiguousarray(array))


def _kernel(plan: Plan, name: str, count: int) -> Any:
    """A kernel in blocks and threads for so many of what has a thread each."""
    threads = min(find_device(plan.backend).threads, THREADS)
    kernel = getattr(module_of(plan.kernel, plan.backend.precision), name)
    return shaped(kernel, math.ceil(count / threads), threads)
