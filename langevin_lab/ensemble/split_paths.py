"""Runs of multilevel splitting side by side: their paths, records and random numbers.

What a run does depends on its own number alone, whatever runs beside it (`splitting_loop`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from langevin_lab.ensemble.backends import CPU, Backend
from langevin_lab.ensemble.kernel import SplittingKernel

# Columns of a run's numbers and its states, as in the compiled loop.
STATUS, PATH, N_WAITING, N_ITERATIONS, N_DRAWS, N_BRANCHES, FIRST_STEP, LAST_STEP = range(8)
RUNNING, DONE, EXTINCT, DIVERGED = range(4)


@dataclass(frozen=True)
class Plan:
    """What all runs share.

    Parameters
    ----------
    kernel : SplittingKernel
    seed, n_killed, n_threads : int
    bound, spacing : float
        Of divergence; of levels, 0 where they are not rounded.
    backend : Backend, optional
    """

    kernel: SplittingKernel
    seed: int
    n_killed: int
    bound: float
    spacing: float
    n_threads: int
    backend: Backend = CPU

    @property
    def hardware(self) -> dict[str, str]:
        """Backend, device, and versions of what drives it."""
        found: dict[str, str] = self.backend.part("hardware_of")(self.backend)
        return found


class SplitPaths:
    """Runs of the algorithm in the lanes of one block, advanced by compiled code on the CPU.

    A backend has a subclass of this name, which overrides `check`, `advance`, `make_room`, `ages`,
    `needs_room` and `fetch`.

    Parameters
    ----------
    plan : Plan
    runs : ndarray of uint64, shape (n,)
        Their numbers, which their noise depends on.
    levels : ndarray of shape (n, n_paths)
    starts : ndarray of shape (n, n_paths, n_carried)

    Attributes
    ----------
    numbers : ndarray of int64, shape (n, 8)
    weights : ndarray of shape (n, 2)
        Killed level; logarithm of the probability.
    counts : ndarray of int64, shape (n, n_paths)
        Records of each path.
    record_levels : ndarray of shape (n, n_paths, room)
    records : ndarray of shape (n, n_paths, room, n_carried)
    """

    def __init__(self, plan: Plan, runs: np.ndarray, levels: np.ndarray, starts: np.ndarray):
        n_runs, n_paths, n_carried = starts.shape
        self.plan, self.runs, self.levels = plan, runs, levels
        self.step = 0
        self.numbers = np.zeros((n_runs, 8), np.int64)
        self.numbers[:, PATH] = -1
        self.numbers[:, N_WAITING] = n_paths
        self.weights = np.tile([-np.inf, 0.0], (n_runs, 1))
        self.state = np.zeros((n_carried, n_runs))
        self.waiting = np.tile(np.arange(n_paths), (n_runs, 1))
        self.counts = np.ones((n_runs, n_paths), np.int64)
        self.record_levels = levels[:, :, None].copy()
        self.records = starts[:, :, None].copy()

    @classmethod
    def check(cls, backend: Backend, kernel: SplittingKernel) -> None:
        """Raise an error that says what would do if the backend cannot run the kernel."""

    @property
    def room(self) -> int:
        """Records that a path may have."""
        return int(self.record_levels.shape[2])

    @property
    def is_running(self) -> bool:
        """Whether a run is not over."""
        return bool(np.any(self.numbers[:, STATUS] == RUNNING))

    @property
    def needs_room(self) -> bool:
        """Whether a path that is on its way has as many records as there is room for."""
        runs = np.flatnonzero(self.numbers[:, PATH] >= 0)
        return bool(np.any(self.counts[runs, self.numbers[runs, PATH]] == self.room))

    @property
    def ages(self) -> np.ndarray:
        """Steps that the path on its way has made, of each run."""
        on_way = self.numbers[:, PATH] >= 0
        return np.where(on_way, self.step - self.numbers[:, FIRST_STEP], 0)

    def make_room(self, room: int) -> None:
        """Let each path have this many records, more than before."""
        more = ((0, 0), (0, 0), (0, room - self.room))
        self.record_levels = np.pad(self.record_levels, more)
        self.records = np.pad(self.records, (*more, (0, 0)))

    def advance(self, n_steps: int) -> int:
        """Go on by n_steps, or until a path needs room or all runs are over; return the steps."""
        plan, kernel = self.plan, self.plan.kernel
        before = self.step
        constants = (np.uint64(plan.seed), kernel.noisy, plan.bound, plan.n_killed, plan.spacing)
        self.step = kernel.module.split(
            self.state, self.levels, self.counts, self.record_levels, self.records,
            self.waiting, self.numbers, self.weights, self.runs, kernel.table(0, 1),
            kernel.parameters, constants, before, before + n_steps,
        )  # fmt: skip
        return self.step - before

    def fetch(self) -> None:
        """Bring the arrays up to date where a device has them."""


def start_paths(
    plan: Plan, kept: np.ndarray, replicas: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Levels (n,) and carried rows (n, n_carried) of starts; infinity in the target, NaN in the
    source.

    Parameters
    ----------
    plan : Plan
    kept : ndarray of shape (n_kept, n)
    replicas : ndarray of uint64, shape (n,)
    """
    levels = np.empty(replicas.size)
    records = np.empty((replicas.size, plan.kernel.layout.n_carried))
    plan.kernel.module.start_paths(
        kept, replicas, plan.kernel.parameters, np.uint64(plan.seed), plan.spacing, levels, records
    )
    return levels, records


def rate_paths(plan: Plan, records: np.ndarray) -> np.ndarray:
    """Levels (n,) of carried rows (n, n_carried); infinity in the target, NaN in the source."""
    levels = np.empty(len(records))
    plan.kernel.module.rate_crossings(records, plan.kernel.parameters, plan.spacing, levels)
    return levels
