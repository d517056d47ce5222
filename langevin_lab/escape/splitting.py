"""Adaptive multilevel splitting: many independent runs side by side, each of them N paths.

    level of a path            maximum of the coordinate on its way, infinity once in the target
    while not all arrived      kill the K paths of the lowest level, with all ties; branch each
                               from a survivor, at its first state strictly above the killed level
    probability of a run       prod (1 - killed/N), times the fraction that has arrived if fewer
                               than K have not; 0 if all paths tie

The average over runs is the probability at the simulated time step, for any N, K and coordinate:
ties must be killed together, and a branch start where its parent was first above the level.

Source: Cerou and Guyader (2007); Brehier, Gazeau, Goudenege, Lelievre and Rousset (2016).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from langevin_lab.ensemble.checks import check_memory
from langevin_lab.ensemble.layout import LANE_WIDTH
from langevin_lab.ensemble.split_paths import (
    DIVERGED,
    LAST_STEP,
    N_BRANCHES,
    N_ITERATIONS,
    STATUS,
    Plan,
    SplitPaths,
)
from langevin_lab.escape.passage import NoArrivalError

FIRST_ROOM = 16  # records of a path at first; doubled when one needs more
CHUNK = 1 << 16  # steps of one call of the compiled loop
GIVE_UP_STEPS = 10**9  # of one path between source and target, or between two crossings


class DivergedPathError(RuntimeError):
    """A path has left the divergence bound; leaving it out would bias the estimate.

    Attributes
    ----------
    n_diverged : int
        Runs with such a path.
    """

    def __init__(self, message: str, *, n_diverged: int):
        super().__init__(message)
        self.n_diverged = n_diverged


class Block(Protocol):
    """Runs in the lanes of one block."""

    def advance(self) -> bool:
        """Go on by a chunk of steps; return whether a run is not over."""


def block_slices(n_runs: int, plan: Plan) -> list[slice]:
    """Runs of each block: equal shares for the threads, as wide as vector registers like it."""
    if plan.backend.name != "cpu":
        return [slice(0, n_runs)]  # a thread each
    width = 1
    if plan.kernel.layout.lanes:
        width = min(LANE_WIDTH, math.ceil(n_runs / plan.n_threads / 8) * 8)
    return [slice(first, min(first + width, n_runs)) for first in range(0, n_runs, width)]


def run_blocks(blocks: Sequence[Block], n_threads: int) -> None:
    """Advance every block to its end, each in one thread; an error or Ctrl-C stops all."""
    stopped = threading.Event()

    def work(block: Block) -> None:
        while not stopped.is_set() and block.advance():
            pass

    with ThreadPoolExecutor(n_threads) as pool:
        try:
            list(pool.map(work, blocks))
        finally:
            stopped.set()


def started(
    plan: Plan, vectors: dict[str, np.ndarray], replicas: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Levels (n,) and carried rows (n, n_carried) of starts; NaN in the source.

    Parameters
    ----------
    plan : Plan
    vectors : dict
        What `initial_state` returns.
    replicas : ndarray of shape (n,)
    """
    kept = np.concatenate([vectors[name] for name in plan.kernel.layout.kept])
    levels, records = plan.backend.part("start_paths")(plan, kept, replicas.astype(np.uint64))
    return levels, records


class SplittingBlock:
    """Runs of the algorithm that go on together; room for their records, and when to give up.

    Parameters
    ----------
    plan : Plan
    runs : ndarray of uint64, shape (n,)
    levels : ndarray of shape (n, n_paths)
    starts : ndarray of shape (n, n_paths, n_carried)
    n_blocks : int
        Beside this one, for the memory that it may take.
    """

    def __init__(
        self, plan: Plan, runs: np.ndarray, levels: np.ndarray, starts: np.ndarray,
        n_blocks: int = 1,
    ):  # fmt: skip
        self.plan, self.n_blocks = plan, n_blocks
        self.paths: SplitPaths = plan.backend.part("SplitPaths")(plan, runs, levels, starts)
        self._make_room(FIRST_ROOM)

    def _make_room(self, room: int) -> None:
        n_runs, n_paths, old, n_carried = self.paths.records.shape
        check_memory(
            8 * self.n_blocks * n_runs * n_paths * (room + old) * (n_carried + 1),
            "lower n_runs or n_replicas, or give level_spacing",
        )
        self.paths.make_room(room)

    def advance(self) -> bool:
        """Go on by a chunk of steps; return whether a run is not over."""
        paths, left = self.paths, CHUNK
        while left > 0 and paths.is_running:
            if paths.needs_room:
                self._make_room(2 * paths.room)
            left -= paths.advance(left)
        self._check()
        return paths.is_running

    def _check(self) -> None:
        numbers = self.paths.numbers
        n_diverged = int(np.sum(numbers[:, STATUS] == DIVERGED))
        if n_diverged:
            raise DivergedPathError(
                f"a path of {n_diverged} of {len(numbers)} runs has left divergence_bound="
                f"{self.plan.bound:g}; leaving it out would bias the estimate, use a smaller dt",
                n_diverged=n_diverged,
            )
        ages = self.paths.ages
        if ages.max(initial=0) * self.plan.kernel.dynamics.dim > GIVE_UP_STEPS:
            give_up("a path has reached neither source nor target", ages, self.plan)


def give_up(what: str, ages: np.ndarray, plan: Plan) -> None:
    """Raise NoArrivalError for paths of these ages, in steps."""
    time = float(ages.max()) * plan.kernel.dt
    raise NoArrivalError(
        f"{what} in {GIVE_UP_STEPS:.0e} steps of a coordinate, at time {time:g}; check that the "
        "regions can be reached, widen them or raise the temperature",
        n_waiting=int(np.sum(ages > 0)),
        time=time,
    )


@dataclass(frozen=True, eq=False)
class Splitting:
    """What the runs have found, each array of shape (n_runs,).

    Parameters
    ----------
    log_probabilities : ndarray
        -inf for a run that died out.
    n_iterations, n_branches, n_steps : ndarray of int
    """

    log_probabilities: np.ndarray
    n_iterations: np.ndarray
    n_branches: np.ndarray
    n_steps: np.ndarray


def split(
    plan: Plan,
    runs: np.ndarray,
    levels: np.ndarray,
    starts: np.ndarray,
) -> Splitting:
    """Run the algorithm to its end from given starts.

    Parameters
    ----------
    plan : Plan
    runs : ndarray of shape (n_runs,)
        Numbers of the runs.
    levels : ndarray of shape (n_runs, n_paths)
    starts : ndarray of shape (n_runs, n_paths, n_carried)
    """
    slices = block_slices(runs.size, plan)
    blocks = [
        SplittingBlock(
            plan, runs[part].astype(np.uint64), levels[part].copy(), starts[part], len(slices)
        )
        for part in slices
    ]
    run_blocks(blocks, plan.n_threads)
    for block in blocks:
        block.paths.fetch()
    numbers = np.concatenate([block.paths.numbers for block in blocks])
    weights = np.concatenate([block.paths.weights for block in blocks])
    columns = (numbers[:, column] for column in (N_ITERATIONS, N_BRANCHES, LAST_STEP))
    return Splitting(weights[:, 1], *columns)
