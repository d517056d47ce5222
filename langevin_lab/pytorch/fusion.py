"""Chains of elementwise operations as one kernel on a card.

The rounds of Philox and of a permutation are a hundred integer operations for each number. One by
one, each is a launch and a pass over memory; `torch.compile` makes one kernel of them. On a CPU
they stay as they are: compiled code draws there.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from typing import Any

import torch

__all__ = ["fused"]


def fused(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function of tensors as one kernel where its first argument lies on a card.

    Parameters
    ----------
    function : callable
        Elementwise, of tensors alone: a number among the arguments would be compiled in. Sizes are
        compiled as symbols, so that one kernel serves all.

    Returns
    -------
    callable
        Of the same results: integers equal, floats to a few ulp.
    """

    @functools.wraps(function)
    def call(first: torch.Tensor, *others: torch.Tensor) -> Any:
        on_card = first.device.type == "cuda" and importlib.util.find_spec("triton") is not None
        return (_compiled(function) if on_card else function)(first, *others)

    return call


@functools.cache
def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    return torch.compile(function, dynamic=True, fullgraph=True)
