"""Flux out of a source region: how often, and in which state, trajectories cross a surface.

A crossing is the first state beyond the surface since the last one in the source. Trajectories that
reach the target go on from their start at once, so that with crossings counted per time,

    rate = flux * P(target before source | crossing)

is exactly one over the scheme's mean passage time from the start to the target (Hill 1989), however
rare or frequent the passages are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from langevin_lab.ensemble.crossing_paths import (
    FROM_STEP,
    N_CROSSINGS,
    OUTSIDE,
    TO_STEP,
    CrossingPaths,
)
from langevin_lab.ensemble.split_paths import Plan
from langevin_lab.escape.splitting import (
    CHUNK,
    GIVE_UP_STEPS,
    DivergedPathError,
    block_slices,
    give_up,
    run_blocks,
)

N_SKIPPED = 10  # crossings in which a trajectory forgets its start


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


class CrossingBlock:
    """Trajectories that go on together from carried rows (n, n_carried); when to give up."""

    def __init__(
        self, plan: Plan, replicas: np.ndarray, starts: np.ndarray, n_kept: int, every: int
    ):
        self.plan, self.last_news = plan, 0
        part = plan.backend.part("CrossingPaths")
        self.paths: CrossingPaths = part(plan, replicas, starts, n_kept, every, N_SKIPPED)

    def advance(self) -> bool:
        """Go on by a chunk of steps; return whether a trajectory lacks crossings."""
        before = self.paths.numbers[:, N_CROSSINGS].sum()
        self.paths.advance(CHUNK)
        if self.paths.numbers[:, N_CROSSINGS].sum() > before:
            self.last_news = self.paths.step
        self._check()
        return bool(self.paths.lacks_crossings.any())

    def _check(self) -> None:
        numbers = self.paths.numbers
        n_diverged = int(np.sum(numbers[:, OUTSIDE] > 0))
        if n_diverged:
            raise DivergedPathError(
                f"{n_diverged} of {len(numbers)} trajectories have left divergence_bound="
                f"{self.plan.bound:g} on their way to the surface; use a smaller dt",
                n_diverged=n_diverged,
            )
        ages = np.where(self.paths.lacks_crossings, self.paths.step - self.last_news, 0)
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
    for block in blocks:
        block.paths.fetch()
    numbers = np.concatenate([block.paths.numbers for block in blocks])
    states = np.concatenate([block.paths.states for block in blocks])
    flat = states.reshape(replicas.size * n_kept, -1)
    levels = plan.backend.part("rate_paths")(plan, flat)
    times = (numbers[:, TO_STEP] - numbers[:, FROM_STEP]) * plan.kernel.dt
    return SurfaceCrossings(states, levels.reshape(-1, n_kept), n_kept * every, times)
