"""Any `torch.nn.Module` with a loss as energy and gradients over many replicas of its parameters.

Replica by replica the module is called with parameters cut out of a vector
(`torch.func.functional_call`); `torch.vmap` runs all replicas at once and `torch.func.grad`
derives. Parameters that need no gradient, and buffers, are constants.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch

__all__ = ["ModuleFunctions"]

_CHECKED = 4  # examples that the checks of a loss take


class ModuleFunctions:
    """Mean loss of a module over tensors of points; see `module_potential` for the arguments.

    Attributes
    ----------
    blocks : mapping
        Name of a parameter, or of a submodule for all parameters in it -> slice of the coordinates.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        loss: Callable[[Any, Any], torch.Tensor],
        inputs: torch.Tensor,
        targets: torch.Tensor,
        *,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str | None = None,
        replicas_at_once: int | None = None,
    ):
        self.module = copy.deepcopy(module).to(device=device, dtype=dtype)
        self.loss, self.dtype, self.replicas_at_once = loss, dtype, replicas_at_once
        self.inputs, self.targets = (_moved(rows, dtype, device) for rows in (inputs, targets))
        named = dict(self.module.named_parameters())
        moving = {name: value for name, value in named.items() if value.requires_grad}
        self.shapes = {name: value.shape for name, value in moving.items()}
        fixed = {name: value.detach() for name, value in named.items() if name not in moving}
        self.constants = fixed | dict(self.module.named_buffers())
        self.sizes = [shape.numel() for shape in self.shapes.values()]
        self.dim = sum(self.sizes)
        self._energies = self._mapped(self._mean_loss)
        self._gradients = self._mapped(torch.func.grad(self._mean_loss))

    @property
    def blocks(self) -> Mapping[str, slice]:
        """Names of parameters and submodules, and their coordinates."""
        blocks: dict[str, slice] = {}
        start = 0
        for name, size in zip(self.shapes, self.sizes):
            parts = name.split(".")
            for count in range(1, len(parts) + 1):
                whole = ".".join(parts[:count])
                first = blocks[whole].start if whole in blocks else start
                blocks[whole] = slice(first, start + size)
            start += size
        return MappingProxyType(blocks)

    def variable_names(self) -> tuple[str, ...]:
        """m0_weight_2_1 for the entry [2, 1] of the parameter ``0.weight``."""
        names = []
        for name, shape in self.shapes.items():
            stem = "m" + name.replace(".", "_")
            places = itertools.product(*map(range, shape))
            names += ["_".join([stem, *map(str, place)]) for place in places]
        return tuple(names)

    def energy(self, x: torch.Tensor) -> torch.Tensor:
        """Mean loss over all examples: x (n_replicas, dim) -> (n_replicas,)."""
        return self._energies(x.to(self.dtype), self.inputs, self.targets).to(x.dtype)

    def gradient(self, x: torch.Tensor, indices: torch.Tensor | None = None) -> torch.Tensor:
        """Its gradient, or that of the mean over the examples drawn for each replica.

        Parameters
        ----------
        x : tensor of shape (n_replicas, dim)
        indices : int64 tensor of shape (n_replicas, batch_size), optional

        Returns
        -------
        tensor of shape (n_replicas, dim)
        """
        rows = self.inputs, self.targets
        if indices is not None:
            rows = self.inputs[indices], self.targets[indices]
        return self._gradients(x.to(self.dtype), *rows, own=indices is not None).to(x.dtype)

    def _mapped(self, function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        """The function over replicas, with their own examples or with those that all share."""

        def call(x: torch.Tensor, inputs: Any, targets: Any, *, own: bool = False) -> torch.Tensor:
            axes = (0, 0, 0) if own else (0, None, None)
            over = torch.vmap(function, in_dims=axes, chunk_size=self.replicas_at_once)
            return over(x, inputs, targets)

        return call

    def _mean_loss(
        self, point: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor
    ) -> torch.Tensor:
        parts = point.split(self.sizes)
        values = {name: part.view(shape) for part, (name, shape) in zip(parts, self.shapes.items())}
        outputs = torch.func.functional_call(self.module, {**self.constants, **values}, (inputs,))
        return self.loss(outputs, targets)

    def own_point(self) -> torch.Tensor:
        """The parameters that the module has, as one vector (dim,)."""
        named = dict(self.module.named_parameters())
        return torch.cat([named[name].detach().flatten() for name in self.shapes])

    def drawn_points(self, seed: int, n_replicas: int) -> torch.Tensor:
        """Parameters as the submodules' own ``reset_parameters`` draw them: (n_replicas, dim)."""
        points = torch.empty(n_replicas, self.dim, dtype=self.dtype)
        other = copy.deepcopy(self.module).cpu()
        parameters = dict(other.named_parameters())
        with torch.random.fork_rng(devices=[]):
            torch.random.default_generator.manual_seed(seed)
            for row in points:
                for part in other.modules():
                    if any(True for _ in part.parameters(recurse=False)):
                        _reset(part)
                row.copy_(torch.cat([parameters[name].detach().flatten() for name in self.shapes]))
        return points

    def check(self, batch_size: int | None) -> None:
        """Raise an error unless the loss is one number, always the same, and a mean if needed."""
        if not self.dim:
            raise ValueError(
                f"module={type(self.module).__name__} has no parameter that needs a gradient; "
                "there is nothing to train"
            )
        before = {name: value.clone() for name, value in self.constants.items()}
        rows = self.inputs[:_CHECKED], self.targets[:_CHECKED]
        point = self.own_point()
        with torch.no_grad():
            first, second = self._mean_loss(point, *rows), self._mean_loss(point, *rows)
        self._check_kind(first)
        changed = [
            name for name, old in before.items() if not torch.equal(old, self.constants[name])
        ]
        if changed:
            raise ValueError(
                f"calling the module changes its buffers {changed}: statistics of batches depend on "
                "the order of calls, which replicas do not have; call module.eval() first, or use "
                "torch.nn.GroupNorm"
            )
        if not torch.equal(first, second):
            raise ValueError(
                f"the module gave {float(first):.6g} and {float(second):.6g} at one point: it draws "
                "random numbers, such as dropout; call module.eval() first"
            )
        if batch_size is not None:
            self._check_mean(point, first, rows)

    def _check_kind(self, value: Any) -> None:
        if not isinstance(value, torch.Tensor) or value.shape != ():
            given = tuple(value.shape) if isinstance(value, torch.Tensor) else type(value).__name__
            raise ValueError(
                f"loss(outputs, targets) gave {given}; it must be a tensor without axes, such as "
                "torch.nn.functional.cross_entropy with its mean over examples"
            )

    def _check_mean(
        self, point: torch.Tensor, whole: torch.Tensor, rows: tuple[torch.Tensor, torch.Tensor]
    ) -> None:
        """The loss of some examples must be the mean of the losses of their halves."""
        half = len(rows[0]) // 2
        with torch.no_grad():
            parts = [
                self._mean_loss(point, *(row[i : i + half] for row in rows)) for i in (0, half)
            ]
        mean = 0.5 * (parts[0] + parts[1])
        if len(rows[0]) == 2 * half > 0 and not torch.allclose(mean, whole, rtol=1e-9, atol=1e-12):
            raise ValueError(
                f"the loss of {2 * half} examples is {float(whole):.6g}, but the mean of those of "
                f"their halves {float(mean):.6g}, so that batches have another gradient; use a "
                'loss with reduction="mean" and no normalisation by batches, or no batch_size'
            )


def _moved(rows: torch.Tensor, dtype: torch.dtype, device: Any) -> torch.Tensor:
    """Examples on the device, numbers in the precision; labels stay integers."""
    return rows.to(device=device, dtype=dtype if rows.is_floating_point() else None)


def _reset(part: torch.nn.Module) -> None:
    """Let a submodule draw its parameters again."""
    reset = getattr(part, "reset_parameters", None)
    if reset is None:
        raise ValueError(
            f"{type(part).__name__} has parameters but no method reset_parameters() to draw them "
            "anew; give start=... of shape (n_replicas, dim)"
        )
    reset()
