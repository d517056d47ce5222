"""Flux out of a source region: how often, and in which state, trajectories cross a surface.

A crossing is the first state beyond the surface since the last one in the source. Trajectories that
reach the target go on from their start at once, so that with crossings counted per time,

    rate = flux * P(target before source | crossing)

is exactly one over the scheme's mean passage time from the start to the target (Hill 1989), however
rare or frequent the passages are.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from langevin_lab.escape.splitting import (
    CHUNK,
    GIVE_UP_STEPS,
    DivergedPathError,
    Plan,
    block_slices,
    give_up,
    run_blocks,
)

N_SKIPPED = 10  # crossings in which a trajectory forgets its start
ARMED, N_CROSSINGS, FROM_STEP, TO_STEP, OUTSIDE = range(5)


@dataclass(frozen=True, eq=False)
class SurfaceCrossings:
    """First crossings of independent trajectories.

    Parameters
    ----------
    states : ndarray of shape (n_runs, n_kept, n_carried)
        At every so many crossings.
    levels : ndarray of shape (n_runs, n_kept)
        Of these states: infinity in the target, NaN in the source.
    n_crossings : int
        That each trajectory had in its time.
    times : ndarray of shape (n_runs,)
    """

    states: np.ndarray
    levels: np.ndarray
    n_crossings: int
    times: np.ndarray


@dataclass(eq=False)
class CrossingBlock:
    """Trajectories in the lanes of one block, starting from carried rows (n, n_carried)."""

    plan: Plan
    replicas: np.ndarray
    starts: np.ndarray
    n_kept: int
    every: int
    step: int = 0
    last_news: int = 0
    numbers: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        count, n_carried = self.starts.shape
        self.numbers = np.zeros((count, 5), np.int64)
        self.numbers[:, TO_STEP] = -1
        self.states = np.zeros((count, self.n_kept, n_carried))
        self.start = np.ascontiguousarray(self.starts.T)
        self.state = self.start.copy()

    def advance(self) -> bool:
        """Go on by a chunk of steps; return whether a trajectory lacks crossings."""
        plan, kernel = self.plan, self.plan.kernel
        before = self.numbers[:, N_CROSSINGS].sum()
        constants = (np.uint64(plan.seed), kernel.noisy, plan.bound, N_SKIPPED, self.every)
        self.step = kernel.module.record_crossings(
            self.state, self.start, self.states, self.numbers, self.replicas, kernel.table(0, 1),
            kernel.parameters, constants, self.step, self.step + CHUNK,
        )  # fmt: skip
        if self.numbers[:, N_CROSSINGS].sum() > before:
            self.last_news = self.step
        self._check()
        return bool(np.any(self.numbers[:, TO_STEP] < 0))

    def _check(self) -> None:
        n_diverged = int(np.sum(self.numbers[:, OUTSIDE] > 0))
        if n_diverged:
            raise DivergedPathError(
                f"{n_diverged} of {len(self.numbers)} trajectories have left divergence_bound="
                f"{self.plan.bound:g} on their way to the surface; use a smaller dt",
                n_diverged=n_diverged,
            )
        ages = np.where(self.numbers[:, TO_STEP] < 0, self.step - self.last_news, 0)
        if ages.sum() * self.plan.kernel.dynamics.dim > GIVE_UP_STEPS:
            give_up("no trajectory has crossed the surface", ages, self.plan)


def surface_crossings(
    plan: Plan, replicas: np.ndarray, starts: np.ndarray, n_kept: int, every: int
) -> SurfaceCrossings:
    """Follow trajectories through ``n_kept * every`` crossings, and keep one of every ``every``.

    Parameters
    ----------
    plan : Plan
    replicas : ndarray of uint64, shape (n_runs,)
    starts : ndarray of shape (n_runs, n_carried)
        In the source.
    n_kept, every : int
    """
    blocks = [
        CrossingBlock(plan, replicas[part], starts[part], n_kept, every)
        for part in block_slices(replicas.size, plan)
    ]
    run_blocks(blocks, plan.n_threads)
    numbers = np.concatenate([block.numbers for block in blocks])
    states = np.concatenate([block.states for block in blocks])
    levels = np.empty(replicas.size * n_kept)
    flat = states.reshape(levels.size, -1)
    plan.kernel.module.rate_crossings(flat, plan.kernel.parameters, plan.spacing, levels)
    times = (numbers[:, TO_STEP] - numbers[:, FROM_STEP]) * plan.kernel.dt
    return SurfaceCrossings(states, levels.reshape(-1, n_kept), n_kept * every, times)
