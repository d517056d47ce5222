"""What optimisers share that move each parameter group as one vector.

A step is made of `torch._foreach_*` operations over the parameters of a group: a few fused launches
on a GPU, a loop in C++ on a CPU. What a step takes from its count and from lr are Python floats, so
it must not be captured into a CUDA graph, which would repeat them.
"""

from __future__ import annotations

import abc
import sys
from collections.abc import Callable
from typing import Any

from torch import Tensor

from langevin_lab.pytorch.optimiser_base import BaseOptimiser

__all__ = ["GroupOptimiser"]


class GroupOptimiser(BaseOptimiser):
    """Base of optimisers that define `move`."""

    def advance(self, closure: Callable[[], Any] | None) -> None:
        """Move each group by one step; parameters without a gradient stay as they are."""
        for index, group in enumerate(self.param_groups):
            # Changed since the start, perhaps; a schedule may bring lr to 0.
            numbers = {**group, "lr": group["lr"] or sys.float_info.min}
            self.check_group(numbers, f"group {index}: " if index else "")
        for group, params in zip(self.param_groups, self.trained()):
            if params:
                gradients, positions = self.gradients(group, params), self.positions(params)
                self.move(group, params, positions, gradients)
                self.write(params, positions)

    @abc.abstractmethod
    def move(
        self,
        group: dict[str, Any],
        params: list[Tensor],
        positions: list[Tensor],
        gradients: list[Tensor],
    ) -> None:
        """Add one step of a group to its positions; the gradients must not be written to."""

    def buffers(self, params: list[Tensor], name: str) -> list[Tensor]:
        """A tensor of the state of each parameter, zero before its first step."""
        return [self.buffer(param, name) for param in params]
