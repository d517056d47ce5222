"""What a module and its loss must be: the same for all replicas, unbiased in batches."""

from __future__ import annotations

import warnings
from typing import Any

import torch

__all__ = ["check_examples", "check_module"]

_CHECKED = 4  # examples that the checks take


def check_examples(
    module: Any, loss: Any, inputs: Any, targets: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and targets as tensors on the CPU, numbers in float64."""
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"module={module!r:.60} must be a torch.nn.Module")
    if not callable(loss):
        raise TypeError(f"loss={loss!r:.60} must be a function loss(outputs, targets)")
    rows = tuple(_copied(value) for value in (inputs, targets))
    if min(value.ndim for value in rows) < 1 or len(rows[0]) != len(rows[1]) or not len(rows[0]):
        raise ValueError(
            f"inputs of shape {tuple(rows[0].shape)} and targets of shape {tuple(rows[1].shape)} "
            "must have one row an example, as many in both"
        )
    first, second = (value.double() if value.is_floating_point() else value for value in rows)
    return first, second


def _copied(values: Any) -> torch.Tensor:
    """A tensor of its own on the CPU, which nobody else writes to."""
    if isinstance(values, torch.Tensor):
        return values.detach().cpu().clone()
    return torch.tensor(values)


def check_module(functions: Any, rows: tuple[torch.Tensor, torch.Tensor], *, batch: bool) -> int:
    """Raise ValueError for a module that cannot be replicated; numbers of its widest layer.

    Parameters
    ----------
    functions : ModuleLoss
    rows : tuple of tensor
        Inputs and targets.
    batch : bool
        Whether gradients are those of batches, which needs a mean over examples.

    Returns
    -------
    int
        Numbers of the largest tensor between layers, for one example.
    """
    if not functions.shapes:
        raise ValueError(
            f"module={type(functions.module).__name__} has no parameter that needs a gradient; "
            "there is nothing to train"
        )
    few = (rows[0][:_CHECKED], rows[1][:_CHECKED])
    before = {name: value.clone() for name, value in functions.constants.items()}
    with torch.no_grad(), _Widest(functions.module) as widest:
        first, second = _tried(functions, few), _loss(functions, few)
    if not isinstance(first, torch.Tensor) or first.shape != ():
        given = tuple(first.shape) if isinstance(first, torch.Tensor) else type(first).__name__
        raise ValueError(
            f"loss(outputs, targets) gave {given}; it must be a tensor without axes, such as the "
            "mean over examples of torch.nn.functional.cross_entropy"
        )
    now = functions.constants
    moved = [name for name, value in before.items() if not torch.equal(value, now[name])]
    changed = [name.partition(".")[2] for name in moved]
    if changed:
        raise ValueError(
            f"calling the module changes its buffers {', '.join(changed[:3])}: what a replica has "
            "seen would depend on the others; call module.eval() first, or use torch.nn.GroupNorm"
        )
    if not torch.equal(first, second):
        raise ValueError(
            f"the module gave the losses {float(first):.6g} and {float(second):.6g} at one point: "
            "it draws random numbers, as dropout does; call module.eval() first"
        )
    if batch:
        _check_mean(functions, few, first)
    return max(widest.numbers) // len(few[0])


def _tried(functions: Any, rows: tuple[torch.Tensor, ...]) -> Any:
    """The loss; ValueError where torch cannot compute it, or stretches one of two shapes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Using a target size", UserWarning)
        try:
            return _loss(functions, rows)
        except Exception as error:  # whatever a module and a loss of the user's raise
            name, reason = type(functions.module).__name__, str(error).strip().split("\n")[0]
            raise ValueError(
                f"loss({name}(inputs), targets) cannot be computed for inputs of shape "
                f"{tuple(rows[0].shape)} and targets of shape {tuple(rows[1].shape)}, "
                f"{rows[1].dtype}: {reason}"
            ) from error


def _loss(functions: Any, rows: tuple[torch.Tensor, ...]) -> torch.Tensor:
    return functions.of_one(functions.own_point(), *rows, functions.constants)


def _check_mean(
    functions: Any, rows: tuple[torch.Tensor, torch.Tensor], whole: torch.Tensor
) -> None:
    """The loss of some examples must be the mean of the losses of their halves."""
    half = len(rows[0]) // 2
    if half == 0:
        return
    parts = [tuple(row[i : i + half] for row in rows) for i in (0, half)]
    with torch.no_grad():
        whole = _loss(functions, tuple(row[: 2 * half] for row in rows))
        mean = 0.5 * (_loss(functions, parts[0]) + _loss(functions, parts[1]))
    if not torch.allclose(mean, whole, rtol=1e-9, atol=1e-12):
        raise ValueError(
            f"the loss of {2 * half} examples is {float(whole):.6g}, but the mean of those of "
            f"their halves {float(mean):.6g}, so that batches have another gradient; use a loss "
            'with reduction="mean" and no normalisation by batches, or no batch_size'
        )


class _Widest:
    """Notes the sizes of what submodules return."""

    def __init__(self, module: torch.nn.Module):
        self.module, self.numbers = module, [1]

    def __enter__(self) -> _Widest:
        self.hooks = [part.register_forward_hook(self._note) for part in self.module.modules()]
        return self

    def _note(self, module: Any, arguments: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor):
            self.numbers.append(output.numel())

    def __exit__(self, *error: Any) -> None:
        for hook in self.hooks:
            hook.remove()
