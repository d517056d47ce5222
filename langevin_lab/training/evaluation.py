"""What a training knows at an epoch: losses and accuracies of all replicas on all parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.potentials.examples import Examples
from langevin_lab.potentials.network import Network

__all__ = ["Evaluation", "Evaluator"]

_AT_ONCE = 2_000_000  # numbers of one intermediate array of a forward pass


@dataclass(frozen=True)
class Evaluation:
    """State of a training after an epoch; what callbacks are given.

    Attributes
    ----------
    epoch : int
        Epochs that have passed.
    replicas : ndarray of shape (n_replicas,)
        Their numbers.
    running : ndarray of bool, shape (n_replicas,)
        Neither stopped nor diverged before.
    weights : ndarray of shape (n_replicas, dim)
        Read-only. Of a stopped replica those that it stopped with.
    values : mapping
        "train_loss", "validation_accuracy", ... -> ndarray of shape (n_replicas,), NaN where a
        replica does not run.
    """

    epoch: int
    replicas: np.ndarray
    running: np.ndarray
    weights: np.ndarray
    values: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Evaluator:
    """Networks on the parts of the examples, "train" first.

    Losses are means over the examples without the weight decay.
    """

    parts: Mapping[str, Network]

    @classmethod
    def of(cls, network: Network, **parts: Any) -> Evaluator:
        """Evaluator on the network's own examples and the other parts that are not None.

        Raises
        ------
        TypeError, ValueError
            If a part is no examples or does not suit the network.
        """
        networks = {"train": network}
        for name, part in parts.items():
            if part is not None:
                inputs, targets = _pair(name, part)
                try:
                    networks[name] = network.with_data(inputs, targets)
                except (TypeError, ValueError) as error:
                    raise type(error)(f"{name}: {error}") from None
        return cls(networks)

    @property
    def names(self) -> tuple[str, ...]:
        """What is evaluated."""
        kinds = ["loss"]
        if self.parts["train"].architecture.loss != "mean_square":
            kinds.append("accuracy")
        return tuple(f"{part}_{kind}" for part in self.parts for kind in kinds)

    def digests(self) -> dict[str, str]:
        """Hash of every part's data."""
        return {
            name: network.data.digest
            for name, network in self.parts.items()
            if network.data is not None
        }

    def __call__(
        self, epoch: int, replicas: np.ndarray, weights: np.ndarray, running: np.ndarray
    ) -> Evaluation:
        """Evaluate the running replicas."""
        values = {name: np.full(len(replicas), np.nan) for name in self.names}
        rows = np.flatnonzero(running)
        for part, network in self.parts.items():
            for some in np.array_split(rows, _n_pieces(network, len(rows))):
                if some.size:
                    self._evaluate(part, network, weights, some, values)
        shown = weights.view()
        shown.flags.writeable = False
        return Evaluation(epoch, replicas, running.copy(), shown, values)

    def _evaluate(
        self,
        part: str,
        network: Network,
        weights: np.ndarray,
        rows: np.ndarray,
        values: dict[str, np.ndarray],
    ) -> None:
        assert network.data is not None
        bare = network.with_parameters(weight_decay=0.0)
        values[f"{part}_loss"][rows] = bare.energy(weights[rows])
        if f"{part}_accuracy" in values:
            width = network.architecture.widths[0]
            inputs, targets = np.split(network.data.values, [width], axis=1)
            values[f"{part}_accuracy"][rows] = network.accuracy(weights[rows], inputs, targets)


def _n_pieces(network: Network, n_replicas: int) -> int:
    """Pieces that replicas are evaluated in, so that arrays stay small."""
    assert network.data is not None
    numbers = n_replicas * network.data.n_examples * max(network.architecture.widths)
    return max(1, min(n_replicas, -(-numbers // _AT_ONCE)))


def _pair(name: str, part: Any) -> tuple[Any, Any]:
    """Inputs and targets of examples, or of a pair."""
    if isinstance(part, Examples):
        return part.inputs, part.targets
    if isinstance(part, tuple) and len(part) == 2:
        return part
    raise TypeError(
        f"{name}={part!r:.60} must be ll.potentials.Examples or a pair (inputs, targets)"
    )
