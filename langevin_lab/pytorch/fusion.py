"""Chains of elementwise operations as one kernel on a card.

The rounds of Philox and of a permutation are a hundred integer operations for each number, a step
of a partitioned word some dozens for each coordinate. One by one, each is a launch and a pass over
memory; `torch.compile` makes few kernels of them. On a CPU they stay as they are: compiled code
draws there, and a block's vectors are in its cache.
"""

from __future__ import annotations

import functools
import importlib.util
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch

__all__ = ["FusedStep", "fused"]


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


class FusedStep:
    """A step traced operation by operation at its first call, then compiled.

    Parameters
    ----------
    step : callable
        (state, normals, indices) -> state; every number that it reads besides is the same in all
        steps, and it looks at no value.
    namespace : dict
        In which its lines are evaluated; while they are traced they may import.
    """

    def __init__(self, step: Callable[..., dict[str, torch.Tensor]], namespace: dict[str, Any]):
        self.step, self.namespace = step, namespace
        self.compiled: Callable[..., Any] | None = None
        self.given_up = False

    def __call__(
        self, state: Mapping[str, torch.Tensor], normals: torch.Tensor, indices: Any
    ) -> dict[str, torch.Tensor]:
        """The state after the step."""
        tensors = [*state.values(), normals, *(() if indices is None else (indices,))]
        if self.given_up:
            return self.step(state, normals, indices)
        try:
            if self.compiled is None:
                self.compiled = torch.compile(self._traced(tuple(state), tensors))
            values = self.compiled(*tensors)
        except Exception as error:  # of any part of a compiler
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            warnings.warn(
                f"the steps cannot be compiled ({reason}) and are run operation by operation, "
                "which is slower; on a card torch.compile needs Triton",
                RuntimeWarning,
                stacklevel=2,
            )
            self.given_up = True
            return self.step(state, normals, indices)
        return dict(zip(state, values))

    def _traced(self, names: tuple[str, ...], tensors: list[torch.Tensor]) -> Callable[..., Any]:
        from torch.fx.experimental.proxy_tensor import make_fx

        def of_tensors(*given: torch.Tensor) -> tuple[torch.Tensor, ...]:
            normals, *indices = given[len(names) :]
            after = self.step(dict(zip(names, given)), normals, indices[0] if indices else None)
            return tuple(after[name] for name in names)

        before = self.namespace["__builtins__"]
        self.namespace["__builtins__"] = {"__import__": __import__}
        try:
            return make_fx(of_tensors)(*tensors)
        finally:
            self.namespace["__builtins__"] = before
