"""What optimisers share whose step is not linear in the gradients that they meet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from langevin_lab.momentum.optimiser import Optimiser


def check_flag(name: str, value: Any) -> None:
    """Raise TypeError unless ``value`` is True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"{name}={value!r} must be True or False")


@dataclass(frozen=True, kw_only=True)
class NonlinearOptimiser(Optimiser):
    """Base of optimisers whose step on a quadratic is not linear: no exact law, no one limit."""

    is_linear: ClassVar[bool] = False

    @property
    def stability_limit(self) -> float:
        """Nan: what a step does depends on all gradients before it."""
        return math.nan
