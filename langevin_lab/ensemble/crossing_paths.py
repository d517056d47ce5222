"""Trajectories side by side that are followed through their crossings of a surface."""

from __future__ import annotations

import numpy as np

from langevin_lab.ensemble.split_paths import Plan

# Columns of a trajectory's numbers, as in the compiled loop.
ARMED, N_CROSSINGS, FROM_STEP, TO_STEP, OUTSIDE = range(5)


class CrossingPaths:
    """Trajectories in the lanes of one block, advanced by compiled code on the CPU.

    A backend has a subclass of this name, which overrides `advance` and `fetch`.

    Parameters
    ----------
    plan : Plan
    replicas : ndarray of uint64, shape (n,)
    starts : ndarray of shape (n, n_carried)
    n_kept, every : int
        Crossings that each keeps, one of so many.
    n_skipped : int
        First crossings, which are not counted.

    Attributes
    ----------
    numbers : ndarray of int64, shape (n, 5)
    states : ndarray of shape (n, n_kept, n_carried)
    """

    def __init__(
        self, plan: Plan, replicas: np.ndarray, starts: np.ndarray, n_kept: int, every: int,
        n_skipped: int,
    ):  # fmt: skip
        count, n_carried = starts.shape
        self.plan, self.replicas, self.every, self.n_skipped = plan, replicas, every, n_skipped
        self.step = 0
        self.numbers = np.zeros((count, 5), np.int64)
        self.numbers[:, TO_STEP] = -1
        self.states = np.zeros((count, n_kept, n_carried))
        self.start = np.ascontiguousarray(starts.T)
        self.state = self.start.copy()

    @property
    def lacks_crossings(self) -> np.ndarray:
        """Whether each trajectory does not have all its crossings yet."""
        return np.asarray(self.numbers[:, TO_STEP] < 0)

    def advance(self, n_steps: int) -> None:
        """Go on by n_steps, or until no trajectory lacks crossings."""
        plan, kernel = self.plan, self.plan.kernel
        constants = (np.uint64(plan.seed), kernel.noisy, plan.bound, self.n_skipped, self.every)
        self.step = kernel.module.record_crossings(
            self.state, self.start, self.states, self.numbers, self.replicas, kernel.table(0, 1),
            kernel.parameters, constants, self.step, self.step + n_steps,
        )  # fmt: skip

    def fetch(self) -> None:
        """Bring the arrays up to date where a device has them."""
