"""The loop of a training: simulate, evaluate, stop, keep, write."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.ensemble import simulate
from langevin_lab.training.checkpoint import Writer
from langevin_lab.training.evaluation import Evaluation, Evaluator
from langevin_lab.training.history import History
from langevin_lab.training.likelihood import steps_per_epoch

__all__ = ["Trainer"]

_STARTS = ("start", "start_momentum", "start_thermostat")


@dataclass(kw_only=True)
class Trainer:
    """A training that is under way.

    A replica that has stopped is marked as diverged in the dataset that `simulate` continues from:
    the kernel passes over it, and what it holds stays as it is.
    """

    dynamics: Any
    integrator: Any
    simulation: dict[str, Any]
    evaluator: Evaluator
    history: History
    callbacks: tuple[Callable[[Evaluation], Any], ...]
    settings: str
    writer: Writer
    run: Any = None
    earlier: Any = None

    @property
    def steps_per_epoch(self) -> int:
        """Steps of an epoch."""
        return steps_per_epoch(self.evaluator.parts["train"])

    @property
    def epoch(self) -> int:
        """Epochs that have passed."""
        return 0 if self.run is None else int(self.run.attrs["n_steps"]) // self.steps_per_epoch

    @property
    def replicas(self) -> np.ndarray:
        """Numbers of the replicas."""
        first = self.simulation["first_replica"]
        return np.arange(first, first + self.history.n_replicas)

    @property
    def diverged(self) -> np.ndarray:
        """Step of divergence, -1 of replicas that have not diverged, stopped ones among them."""
        if self.run is None:
            return np.full(self.history.n_replicas, -1)
        return np.where(self.history.stopped < 0, self.run["diverged_step"].values, -1)

    @property
    def running(self) -> np.ndarray:
        """Whether a replica has neither stopped nor diverged."""
        return (self.history.stopped < 0) & (self.diverged < 0)

    def resume(self, earlier: Any) -> None:
        """Go on where an earlier part ended."""
        self.history.restore(earlier)
        self.run = self.earlier = earlier
        self.settings = earlier.attrs["training"]

    def advance(self, start: np.ndarray, total: int) -> Any:
        """Train up to the epoch ``total`` and return the dataset."""
        if self.run is None:
            self._evaluate(0, start)
        for epoch in self.history.plan.stops(self.epoch, total):
            if not self.running.any():
                break
            self._step_to(epoch, start)
            weights = self.run["x_final"].values
            if self.history.plan.keeps(epoch):
                self.history.keep(epoch, weights, self.running)
            if epoch % self.history.plan.evaluate_every == 0:
                self._evaluate(epoch, weights)
                self.writer(self.dataset)
        self.writer(self.dataset, last=True)
        self._warn()
        return self.dataset()

    def _step_to(self, epoch: int, start: np.ndarray) -> None:
        arguments = dict(self.simulation)
        if self.run is None:
            arguments["start"] = start
        else:
            arguments = {key: value for key, value in arguments.items() if key not in _STARTS}
            arguments["continue_from"] = self._with_stops()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"\d+ of \d+ replicas diverged", RuntimeWarning)
            self.run = simulate(
                self.dynamics, self.integrator,
                n_steps=(epoch - self.epoch) * self.steps_per_epoch, **arguments,
            )  # fmt: skip

    def _with_stops(self) -> Any:
        """The run so far with its stopped replicas marked as if they had diverged."""
        steps = np.where(self.history.stopped < 0, self.diverged, self.run.attrs["n_steps"])
        return self.run.assign(diverged_step=("replica", steps))

    def _evaluate(self, epoch: int, weights: np.ndarray) -> None:
        running = self.running
        evaluation = self.evaluator(epoch, self.replicas, weights, running)
        self.history.add(evaluation)
        for callback in self.callbacks:
            self.history.stop(_asked_to_stop(callback, evaluation) & running, epoch)

    def dataset(self) -> Any:
        """The run and the history."""
        if self.run is self.earlier:
            return self.earlier
        about = self.run["diverged_step"].attrs
        result = self.run.assign(diverged_step=("replica", self.diverged, about))
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
