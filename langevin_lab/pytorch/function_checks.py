"""What torch functions must be to make a potential: checked at one point, in float64 on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

__all__ = ["check_functions"]


def check_functions(functions: Any, noise: Any, probe: Any) -> None:
    """Raise unless shapes are right, replicas apart, and the functions those of one energy.

    Parameters
    ----------
    functions : TorchFunctions
    noise : Minibatch or None
    probe : array_like of shape (dim,), or None
    """
    dim = functions.potential.dim
    given = np.linspace(0.3, 0.7, dim) if probe is None else np.asarray(probe, dtype=float)
    if given.shape != (dim,):
        raise ValueError(f"probe of shape {given.shape} must be ({dim},)")
    x = torch.tensor(np.stack([given, 0.9 * given]))
    energy = _called("energy", functions.energy, x)
    _check_values("energy", energy, (2,))
    _check_apart("energy", energy, [functions.energy(row[None]) for row in x])
    gradient = _called("gradient", functions.gradient, x)
    _check_values("gradient", gradient, x.shape)
    _check_slope("gradient", gradient, functions.energy, x)
    if noise is not None:
        _check_batches(functions, noise, x, gradient)


def _called(name: str, function: Callable[..., torch.Tensor], *arguments: Any) -> torch.Tensor:
    """Its value, or what to do if torch refuses, most often for two precisions in one product."""
    try:
        return function(*arguments).detach()
    except RuntimeError as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise TypeError(
            f"{name} of x {tuple(arguments[0].shape)} in float64 fails: {reason}; what it reads "
            "must have the precision of x: hand it over in tensors=..., a module to "
            "ll.pytorch.module_potential"
        ) from error


def _check_values(name: str, value: torch.Tensor, shape: tuple[int, ...]) -> None:
    dim = f"x (2, {shape[1]})" if len(shape) == 2 else "two points x"
    if value.shape != shape:
        remedy = (
            "one number a replica; sum over the last axis, or say per_replica=True"
            if len(shape) == 1
            else "that of x"
        )
        raise ValueError(
            f"{name} of {dim} has shape {tuple(value.shape)}, but must have {tuple(shape)}: "
            f"{remedy}"
        )
    if not bool(value.isfinite().all()):
        raise ValueError(
            f"{name} is {value.tolist()} at the probe and 0.9 times it; give a point where it is "
            "finite as probe=..., or correct it"
        )


def _check_apart(name: str, both: torch.Tensor, alone: list[torch.Tensor]) -> None:
    single = torch.cat([value.detach() for value in alone])
    if not torch.allclose(both, single, rtol=1e-9, atol=1e-12):
        raise ValueError(
            f"{name} of two replicas is {both.tolist()}, of each alone {single.tolist()}: it "
            "mixes replicas, which are independent; take no mean and no norm over the first axis"
        )


def _check_slope(
    name: str, gradient: torch.Tensor, energy: Callable[..., torch.Tensor], x: torch.Tensor
) -> None:
    """Raise ValueError unless the gradient is that of the energy, to a difference's accuracy."""
    step, direction = 1e-5, torch.cos(torch.arange(x.shape[1], dtype=x.dtype))
    ends = [energy(x + sign * step * direction).detach() for sign in (1, -1)]
    difference, slope = (ends[0] - ends[1]) / (2 * step), gradient @ direction
    scale = 1.0 + slope.abs().max() + ends[0].abs().max()
    if not bool(((difference - slope).abs() < 1e-5 * scale).all()):
        raise ValueError(
            f"{name} along {direction.tolist()[:3]} is {slope.tolist()}, but energy changes by "
            f"{difference.tolist()}: they contradict one another; correct one, or leave {name} "
            "out"
        )


def _check_batches(functions: Any, noise: Any, x: torch.Tensor, gradient: torch.Tensor) -> None:
    """Raise ValueError unless batches give each replica its own, and all examples the gradient."""
    code = functions.code
    drawn = torch.arange(2 * noise.batch_size).view(2, -1) % noise.n_examples
    if code.batch_energy is not None:

        def energy(at: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
            return code.batch_energy(at, indices, **functions.tensors)

        value = _called("batch_energy", energy, x, drawn)
        _check_values("batch_energy", value, (2,))
        alone = [energy(x[k : k + 1], drawn[k : k + 1]) for k in (0, 1)]
        _check_apart("batch_energy", value, alone)
    value = _called("batch_gradient", functions.batch_gradient, x, drawn)
    _check_values("batch_gradient", value, x.shape)
    alone = [functions.batch_gradient(x[k : k + 1], drawn[k : k + 1]) for k in (0, 1)]
    _check_apart("batch_gradient", value, alone)
    if code.batch_energy is not None and code.batch_gradient is not None:
        _check_slope("batch_gradient", value, lambda at: energy(at, drawn), x)
    everything = torch.arange(noise.n_examples).expand(1, -1)
    whole = functions.batch_gradient(x[:1], everything).detach()
    if not bool(((whole - gradient[:1]).abs() <= 1e-6 * (1.0 + gradient.abs().max())).all()):
        raise ValueError(
            f"over all {noise.n_examples} examples the gradient of a batch is "
            f"{whole[0].tolist()[:3]}, but that of energy {gradient[0].tolist()[:3]}: batches must "
            "give the mean over their examples, and energy that over all"
        )
