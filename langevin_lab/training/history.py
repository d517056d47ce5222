"""The record of a training: values of all epochs, best weights, stops; to a dataset and back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from langevin_lab.training.evaluation import Evaluation
from langevin_lab.training.plan import Plan

__all__ = ["History", "best_replica"]


@dataclass
class History:
    """What has happened so far; replicas are the last axis but one of weights."""

    plan: Plan
    names: tuple[str, ...]
    n_replicas: int
    dim: int
    epochs: list[int] = field(default_factory=list)
    values: list[np.ndarray] = field(default_factory=list)
    kept_epochs: list[int] = field(default_factory=list)
    kept: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stopped = np.full(self.n_replicas, -1)
        self.best_epoch = np.full(self.n_replicas, -1)
        self.best_value = np.full(self.n_replicas, self.plan.worst)
        self.best_weights = np.full((self.n_replicas, self.dim), np.nan)

    @property
    def validated(self) -> bool:
        """Whether there is something to choose the best weights by."""
        return self.plan.monitor in self.names

    def add(self, evaluation: Evaluation) -> None:
        """Note the values, the best weights so far, and who has lost patience."""
        self.epochs.append(evaluation.epoch)
        self.values.append(np.array([evaluation.values[name] for name in self.names]))
        if not self.validated:
            return
        value = evaluation.values[self.plan.monitor]
        better = evaluation.running & self.plan.better(value, self.best_value)
        self.best_value[better] = value[better]
        self.best_epoch[better] = evaluation.epoch
        self.best_weights[better] = evaluation.weights[better]
        if self.plan.patience is not None:
            waited = evaluation.epoch - np.maximum(self.best_epoch, 0)
            self.stop(evaluation.running & (waited >= self.plan.patience), evaluation.epoch)

    def stop(self, which: np.ndarray, epoch: int) -> None:
        """Note that these replicas stop, unless they have."""
        self.stopped[which & (self.stopped < 0)] = epoch

    def keep(self, epoch: int, weights: np.ndarray, running: np.ndarray) -> None:
        """Keep weights; NaN of those that do not run."""
        self.kept_epochs.append(epoch)
        self.kept.append(np.where(running[:, None], weights, np.nan))

    def variables(self) -> dict[str, Any]:
        """Variables of the dataset."""
        columns = np.array(self.values).reshape(-1, len(self.names), self.n_replicas)
        result: dict[str, Any] = {
            name: (("epoch", "replica"), columns[:, k]) for k, name in enumerate(self.names)
        }
        meaning = {"meaning": "epoch after which the replica was stopped; -1: never"}
        result["stopped_epoch"] = (("replica",), self.stopped.copy(), meaning)
        if self.validated:
            result[f"best_{self.plan.monitor}"] = (("replica",), self.best_value.copy())
            result["best_epoch"] = (("replica",), self.best_epoch.copy())
            result["x_best"] = (("replica", "coordinate"), self.best_weights.copy())
        if self.plan.keep_every is not None:
            kept = np.array(self.kept).reshape(-1, self.n_replicas, self.dim)
            result["x_kept"] = (("kept_epoch", "replica", "coordinate"), kept)
        return result

    def coordinates(self) -> dict[str, Any]:
        """Axes of the dataset beside those of the run."""
        axes: dict[str, Any] = {"epoch": np.array(self.epochs, np.int64)}
        if self.plan.keep_every is not None:
            axes["kept_epoch"] = np.array(self.kept_epochs, np.int64)
        return axes

    def restore(self, earlier: Any) -> None:
        """Go on with the record of an earlier part."""
        self.epochs = earlier["epoch"].values.tolist()
        columns = np.array([earlier[name].values for name in self.names])
        self.values = list(columns.transpose(1, 0, 2))
        self.stopped = earlier["stopped_epoch"].values.copy()
        if self.validated:
            self.best_value = earlier[f"best_{self.plan.monitor}"].values.copy()
            self.best_epoch = earlier["best_epoch"].values.copy()
            self.best_weights = earlier["x_best"].values.copy()
        if "kept_epoch" in earlier.coords:
            self.kept_epochs = earlier["kept_epoch"].values.tolist()
            self.kept = list(earlier["x_kept"].values)


def best_replica(training: Any) -> int:
    """Return the number of the replica with the best validation, the first of several.

    Parameters
    ----------
    training : xarray.Dataset
        What `train` returned, with validation. ``training["x_best"].sel(replica=...)`` are its
        weights.

    Raises
    ------
    ValueError
        If there was no validation, or no replica has a best value.
    """
    for name, sign in (("best_validation_loss", -1.0), ("best_validation_accuracy", 1.0)):
        if name in training:
            found = training["best_epoch"].values >= 0
            if not found.any():
                raise ValueError("no replica has a best value: all diverged or gave NaN")
            scores = np.where(found, sign * training[name].values, -np.inf)
            return int(training["replica"].values[np.argmax(scores)])
    raise ValueError("training has no best_validation_...: train with validation=...")
