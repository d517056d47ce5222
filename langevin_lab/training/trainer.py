"""The loop of a training: advance, evaluate, stop, keep, write."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.ensemble.preparation import Prepared
from langevin_lab.ensemble.progress import advance_with_progress, progress_of_parts
from langevin_lab.ensemble.result import dataset, final_values
from langevin_lab.ensemble.run import Run
from langevin_lab.training.checkpoint import Writer
from langevin_lab.training.evaluation import Evaluation, Evaluator
from langevin_lab.training.history import History

__all__ = ["Trainer"]


@dataclass(kw_only=True)
class Trainer:
    """A training that is under way.

    A replica that has stopped is marked in the run as if it had diverged: the kernel passes over
    it, and what it holds stays as it is.
    """

    prepared: Prepared
    steps_per_epoch: int
    pace: dict[str, Any]
    evaluator: Evaluator
    history: History
    callbacks: tuple[Callable[[Evaluation], Any], ...]
    settings: str
    writer: Writer
    earlier: Any

    def __post_init__(self) -> None:
        if self.earlier is not None:
            self.history.restore(self.earlier)
            self.settings = self.earlier.attrs["training"]
            self._mark_stopped()

    @property
    def run(self) -> Run:
        """State of all replicas."""
        return self.prepared.run

    @property
    def epoch(self) -> int:
        """Epochs that have passed."""
        return self.run.step // self.steps_per_epoch

    @property
    def replicas(self) -> np.ndarray:
        """Numbers of the replicas."""
        return self.run.first_replica + np.arange(self.run.n_replicas)

    @property
    def diverged(self) -> np.ndarray:
        """Step of divergence, -1 of replicas that have not diverged, stopped ones among them."""
        marked = self.run.diverged[: self.run.n_replicas]
        return np.where(self.history.stopped < 0, marked, -1)

    @property
    def running(self) -> np.ndarray:
        """Whether a replica has neither stopped nor diverged."""
        return (self.history.stopped < 0) & (self.diverged < 0)

    def advance(self, total: int) -> Any:
        """Train up to the epoch ``total`` and return the dataset."""
        before = self.run.step
        if self.earlier is None:
            self._evaluate(0, final_values(self.run, "x"))
        n_steps = (total - self.epoch) * self.steps_per_epoch
        with progress_of_parts(self.run, n_steps, self.pace["progress"]) as tell:
            for epoch in self.history.plan.stops(self.epoch, total):
                if not self.running.any():
                    break
                self._advance_to(epoch, tell)
        if self.earlier is not None and self.run.step == before:
            return self.earlier
        self.writer(self.dataset, last=True)
        self._warn()
        return self.dataset()

    def _advance_to(self, epoch: int, tell: Callable[[int], None]) -> None:
        """Train up to an epoch after which something is looked at, and look at it."""
        steps = (epoch - self.epoch) * self.steps_per_epoch
        advance_with_progress(self.run, steps, **self.pace, tell=tell)
        weights = final_values(self.run, "x")
        if self.history.plan.keeps(epoch):
            self.history.keep(epoch, weights, self.running)
        if epoch % self.history.plan.evaluate_every == 0:
            self._evaluate(epoch, weights)
            self.writer(self.dataset)

    def _evaluate(self, epoch: int, weights: np.ndarray) -> None:
        running = self.running
        evaluation = self.evaluator(epoch, self.replicas, weights, running)
        self.history.add(evaluation)
        for callback in self.callbacks:
            self.history.stop(_asked_to_stop(callback, evaluation) & running, epoch)
        self._mark_stopped()

    def _mark_stopped(self) -> None:
        marked = self.run.diverged[: self.run.n_replicas]
        marked[(self.history.stopped >= 0) & (marked < 0)] = self.run.step

    def dataset(self) -> Any:
        """The run and the history."""
        prepared = self.prepared
        result = dataset(self.run, prepared.recorded, prepared.moments, prepared.attributes())
        about = result["diverged_step"].attrs
        result = result.assign(diverged_step=("replica", self.diverged, about))
        result = result.assign_coords(self.history.coordinates()).assign(self.history.variables())
        more = {"training": self.settings, "steps_per_epoch": self.steps_per_epoch}
        return result.assign_attrs(more)

    def _warn(self) -> None:
        lost = np.flatnonzero(self.diverged >= 0)
        if lost.size:
            first = lost[np.argmin(self.diverged[lost])]
            warnings.warn(
                f"{lost.size} of {self.history.n_replicas} replicas diverged, the first of them "
                f"replica {self.replicas[first]} at step {self.diverged[first]}: their values are "
                "NaN from there on; use a smaller step",
                RuntimeWarning,
                stacklevel=4,
            )


def _asked_to_stop(callback: Callable[[Evaluation], Any], evaluation: Evaluation) -> np.ndarray:
    """Which replicas the callback wants to stop."""
    answer = callback(evaluation)
    if answer is None:
        answer = False
    array, count = np.asarray(answer), len(evaluation.replicas)
    if array.dtype != bool or array.shape not in ((), (count,)):
        raise TypeError(
            f"callback {callback!r} returned {answer!r:.60}; it must return None, True, False or "
            f"an array of bool of shape ({count},)"
        )
    return np.broadcast_to(array, (count,))
