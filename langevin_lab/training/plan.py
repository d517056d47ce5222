"""When a training is evaluated, stopped and kept; checked and comparable with an earlier one."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from langevin_lab.dynamics.schedules import check_nonnegative
from langevin_lab.ensemble.checks import check_count

__all__ = ["Plan"]


@dataclass(frozen=True)
class Plan:
    """The settings of a training that are none of `simulate`; see `train`."""

    evaluate_every: int
    monitor: str
    patience: int | None
    minimum_improvement: float
    burn_in: int
    keep_every: int | None

    def checked(self, names: tuple[str, ...]) -> Plan:
        """The plan itself; an error that names the argument if one is out of range."""
        check_count("evaluate_every", self.evaluate_every, 1)
        check_count("burn_in", self.burn_in, 0)
        if self.keep_every is not None:
            check_count("keep_every", self.keep_every, 1)
        elif self.burn_in:
            raise ValueError(f"burn_in={self.burn_in} has no effect without keep_every")
        check_nonnegative("minimum_improvement", self.minimum_improvement)
        possible = [name for name in names if name.startswith("validation")]
        known = ("validation_loss", "validation_accuracy")
        if self.monitor not in (possible or known):
            raise ValueError(
                f"monitor={self.monitor!r} must be one of {', '.join(possible or known)}"
            )
        if self.patience is not None:
            check_count("patience", self.patience, 1)
        if not possible:
            self._check_idle()
        return self

    def _check_idle(self) -> None:
        """Raise ValueError if something is asked for that only validation can do."""
        for name, idle in (
            ("patience", None), ("minimum_improvement", 0.0), ("monitor", "validation_loss")
        ):  # fmt: skip
            if (value := getattr(self, name)) != idle:
                raise ValueError(
                    f"{name}={value!r} without validation: give the examples that decide which "
                    "weights are best"
                )

    def total(self, earlier: int, n_epochs: int) -> int:
        """Epochs in all; ValueError unless the last one is evaluated."""
        total = earlier + check_count("n_epochs", n_epochs, 1)
        if total % self.evaluate_every:
            raise ValueError(
                f"{total} epochs with evaluate_every={self.evaluate_every} end unevaluated; use "
                f"n_epochs={n_epochs - total % self.evaluate_every + self.evaluate_every}"
            )
        return total

    def check_keeping(self, total: int) -> None:
        """Raise ValueError if no weights would be kept in so many epochs."""
        if self.keep_every is not None and self.burn_in + self.keep_every > total:
            raise ValueError(
                f"keep_every={self.keep_every} after burn_in={self.burn_in} keeps nothing in "
                f"n_epochs={total}; use n_epochs >= {self.burn_in + self.keep_every}, or give "
                "checkpoint=... if this is the first part of a longer training"
            )

    def keeps(self, epoch: int) -> bool:
        """Whether the weights after this epoch are kept."""
        if self.keep_every is None or epoch <= self.burn_in:
            return False
        return (epoch - self.burn_in) % self.keep_every == 0

    def stops(self, earlier: int, total: int) -> Iterator[int]:
        """Epochs after which something is looked at."""
        for epoch in range(earlier + 1, total + 1):
            if epoch % self.evaluate_every == 0 or self.keeps(epoch):
                yield epoch

    def better(self, value: np.ndarray, best: np.ndarray) -> np.ndarray:
        """Whether the monitored value has improved on the best."""
        gain = best - value if self.monitor.endswith("loss") else value - best
        return gain > self.minimum_improvement

    @property
    def worst(self) -> float:
        """Worse than any monitored value."""
        return math.inf if self.monitor.endswith("loss") else -math.inf


def settings_text(plan: Plan, digests: dict[str, str], start: str) -> str:
    """All that two parts of one training must share beside the settings of `simulate`."""
    return json.dumps(asdict(plan) | {f"{part} data": text for part, text in digests.items()}
                      | {"start": start})  # fmt: skip


def check_settings(earlier: Any, now: str, *, with_start: bool) -> None:
    """Raise ValueError if an earlier part of the training ran otherwise."""
    if "training" not in getattr(earlier, "attrs", {}):
        raise TypeError("continue_from has no attribute 'training': give what train returned")
    before, after = json.loads(earlier.attrs["training"]), json.loads(now)
    for key in sorted(before.keys() | after.keys()):
        if key == "start" and not with_start:
            continue
        if before.get(key) != after.get(key):
            raise ValueError(
                f"the earlier training ran with {key}={before.get(key)}, this one has "
                f"{key}={after.get(key)}; a training continues under the same settings"
            )
