"""Any `torch.nn.Module` with a loss and data as a potential of its parameters.

    U = ll.pytorch.module_potential(module, torch.nn.functional.cross_entropy, inputs, targets,
                                    batch_size=32)
    ll.simulate(ll.Langevin(U, temperature=1e-4, friction=1.0), "BAOAB", ..., backend="torch")

Replica by replica the module is called with parameters cut out of a point of the potential
(`torch.func.functional_call`); `torch.vmap` runs all replicas at once, `torch.func.grad` derives.
Parameters that need no gradient, and buffers, are constants.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from langevin_lab.potentials import Minibatch, Potential
from langevin_lab.potentials.code import digest_of
from langevin_lab.potentials.requirements import whole_number
from langevin_lab.pytorch.function_keys import function_key, tensors_key
from langevin_lab.pytorch.module_checks import check_examples, check_module
from langevin_lab.pytorch.potentials import TorchCode, TorchPotential

__all__ = ["ModulePotential", "module_potential"]

Loss = Callable[[Any, Any], torch.Tensor]
_PREFIX = "module."  # keeps the names of a module's constants apart from those of arguments


class ModuleLoss:
    """Mean loss of a module over replicas of its parameters, and its gradients.

    Constants of the module come by name with the inputs and targets, so that they follow a run to
    its device and its precision.

    Attributes
    ----------
    shapes : dict
        Name -> shape of the parameters that move.
    constants : dict
        Name -> tensor of the others and of buffers.
    """

    def __init__(self, module: torch.nn.Module, loss: Loss):
        self.module, self.loss = copy.deepcopy(module).double().cpu(), loss
        named = dict(self.module.named_parameters())
        self.shapes = {name: value.shape for name, value in named.items() if value.requires_grad}
        fixed = {n: value.detach() for n, value in named.items() if n not in self.shapes}
        self.constants = {
            _PREFIX + name: value
            for name, value in (fixed | dict(self.module.named_buffers())).items()
        }
        self.sizes = [math.prod(shape) for shape in self.shapes.values()]

    def energy(self, x: torch.Tensor, *, inputs: Any, targets: Any, **constants: Any) -> Any:
        """Mean loss over all examples: x (n_replicas, dim) -> (n_replicas,)."""
        return torch.vmap(lambda point: self.of_one(point, inputs, targets, constants))(x)

    def gradient(self, x: torch.Tensor, *, inputs: Any, targets: Any, **constants: Any) -> Any:
        """Its gradient, of the shape of x."""
        slope = torch.func.grad(self.of_one)
        return torch.vmap(lambda point: slope(point, inputs, targets, constants))(x)

    def batch_gradient(
        self, x: torch.Tensor, indices: torch.Tensor, *, inputs: Any, targets: Any, **constants: Any
    ) -> Any:
        """That of the mean over each replica's own examples, indices (n_replicas, batch_size)."""
        slope = torch.func.grad(self.of_one)
        drawn = inputs[indices], targets[indices]
        return torch.vmap(lambda point, a, b: slope(point, a, b, constants))(x, *drawn)

    def of_one(
        self, point: torch.Tensor, inputs: Any, targets: Any, constants: Mapping[str, Any]
    ) -> torch.Tensor:
        """Loss at a point (dim,)."""
        parts = zip(self.shapes.items(), point.split(self.sizes))
        values = {name: part.view(shape) for (name, shape), part in parts}
        values |= {name.removeprefix(_PREFIX): value for name, value in constants.items()}
        outputs = torch.func.functional_call(self.module, values, (inputs,))
        return self.loss(outputs, targets)

    def own_point(self, module: torch.nn.Module | None = None) -> torch.Tensor:
        """The parameters that a module has, as one vector (dim,)."""
        named = dict((module or self.module).named_parameters())
        return torch.cat([named[name].detach().flatten() for name in self.shapes])

    def names(self) -> tuple[str, ...]:
        """m0_weight_2_1 for the entry [2, 1] of the parameter ``0.weight``."""
        names = []
        for name, shape in self.shapes.items():
            stem = "m" + name.replace(".", "_")
            places = itertools.product(*map(range, shape))
            names += ["_".join([stem, *map(str, place)]) for place in places]
        return tuple(names)


@dataclass(frozen=True, eq=False, repr=False)
class ModulePotential(TorchPotential):
    """The mean loss of a module over its examples; make one with `module_potential`."""

    def __reduce__(self) -> tuple[Any, ...]:
        return ModulePotential, super().__reduce__()[1]

    def _identity(self) -> tuple[Any, ...]:
        return Potential._identity(self)  # the digest holds all numbers

    @property
    def module_loss(self) -> ModuleLoss:
        """What its functions are methods of."""
        assert self.code.energy is not None
        return self.code.energy.__self__  # type: ignore[attr-defined]

    @property
    def blocks(self) -> Mapping[str, slice]:
        """Name of a parameter, or of a submodule for all that moves in it -> its coordinates."""
        loss, start = self.module_loss, 0
        blocks: dict[str, slice] = {}
        for name, size in zip(loss.shapes, loss.sizes):
            parts = name.split(".")
            for count in range(1, len(parts) + 1):
                whole = ".".join(parts[:count])
                first = blocks[whole].start if whole in blocks else start
                blocks[whole] = slice(first, start + size)
            start += size
        return MappingProxyType(blocks)

    def start(self, *, seed: int | None = None, n_replicas: int | None = None) -> np.ndarray:
        """Return parameters to start a training from.

        Parameters
        ----------
        seed : int, optional
            At least 0: the submodules draw by their own ``reset_parameters``, the first replicas
            of many as those of few; by default the module's own parameters.
        n_replicas : int, optional
            How many, with a seed; by default one.

        Returns
        -------
        ndarray of shape (dim,) or (n_replicas, dim)

        Raises
        ------
        ValueError
            If a submodule has parameters but no ``reset_parameters``, n_replicas comes without a
            seed, or a number is out of range.
        """
        loss = self.module_loss
        if seed is None:
            if n_replicas is not None:
                raise ValueError(f"n_replicas={n_replicas} starts need a seed to be drawn from")
            return loss.own_point().numpy().copy()
        seed = whole_number(self.name, "seed", seed, 0)
        count = 1 if n_replicas is None else whole_number(self.name, "n_replicas", n_replicas, 1)
        other = copy.deepcopy(loss.module)
        rows = np.empty((count, self.dim))
        with torch.random.fork_rng(devices=[]):
            torch.random.default_generator.manual_seed(seed)
            for row in rows:
                _draw_parameters(other)
                row[:] = loss.own_point(other).numpy()
        return rows[0] if n_replicas is None else rows


def _draw_parameters(module: torch.nn.Module) -> None:
    """Let all submodules draw their parameters again."""
    for part in module.modules():
        if next(part.parameters(recurse=False), None) is None:
            continue
        reset = getattr(part, "reset_parameters", None)
        if reset is None:
            raise ValueError(
                f"{type(part).__name__} has parameters but no method reset_parameters() that "
                "draws them; leave seed out, or make an array of starts (n_replicas, dim)"
            )
        reset()


def module_potential(
    module: torch.nn.Module,
    loss: Loss,
    inputs: Any,
    targets: Any,
    *,
    batch_size: int | None = None,
    replacement: bool = False,
    name: str | None = None,
) -> ModulePotential:
    """Return the mean loss of a module over examples as a potential, for ``backend="torch"``.

    Its coordinates are the parameters that need a gradient, in the order of
    ``module.named_parameters()``; `ModulePotential.blocks` has their names, which `Partitioned` and
    `dynamics.adlala` take.

    Parameters
    ----------
    module : torch.nn.Module
        Called with the inputs alone. A copy is kept, as it is now: in training mode or not.
    loss : callable
        loss(outputs, targets) -> tensor without axes, such as `torch.nn.functional.cross_entropy`;
        with batch_size the mean over examples.
    inputs, targets : tensor or array of shape (n_examples, ...)
        Floating ones are cast to the precision of a run, class numbers stay integers.
    batch_size, replacement : optional
        Examples of one gradient, as `empirical_risk`; by default all. They are those that a
        compiled network draws under the same seed.
    name : str, optional
        By default the class of the module.

    Returns
    -------
    ModulePotential

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, numbers of examples differ, the module has nothing to
        train, draws random numbers (dropout in training mode) or changes its buffers (batch
        normalisation in training mode), or the loss is no tensor without axes; with batch_size, if
        that is out of range or the loss of a batch is not the mean over its examples.

    Example
    -------
    >>> import langevin_lab as ll, torch
    >>> module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
    >>> U = ll.pytorch.module_potential(
    ...     module, torch.nn.functional.mse_loss, torch.zeros(8, 2), torch.ones(8, 1))
    >>> U.dim, list(U.blocks)[:3], U.gradient(U.start(seed=1, n_replicas=5)).shape
    (13, ['0', '0.weight', '0.bias'], (5, 13))
    """
    rows = check_examples(module, loss, inputs, targets)
    noise = None
    if batch_size is not None:
        size = whole_number("module_potential", "batch_size", batch_size, 1)
        noise = Minibatch(len(rows[0]), size, replacement, 0.0)
        if size > len(rows[0]) and not replacement:
            raise ValueError(
                f"batch_size={size} must be at most the {len(rows[0])} examples, or draw them with "
                "replacement=True"
            )
    functions = ModuleLoss(module, loss)
    widest = check_module(functions, rows, batch=batch_size is not None)
    tensors = {"inputs": rows[0], "targets": rows[1], **functions.constants}
    return ModulePotential(
        name=name or type(module).__name__,
        variables=functions.names(),
        parameters={},
        code=TorchCode(
            "torch", _digest(module, loss, tensors), energy=functions.energy,
            gradient=functions.gradient, cacheable=False, tensors=tensors,
            work=widest * (len(rows[0]) if noise is None else noise.batch_size),
            batch_gradient=None if noise is None else functions.batch_gradient,
        ),
        gradient_noise=noise,
    )  # fmt: skip


def _digest(module: torch.nn.Module, loss: Loss, tensors: Mapping[str, torch.Tensor]) -> str:
    """What says that a potential is the same in another process: structure, loss and numbers."""
    kind = type(module)
    return digest_of("module", f"{kind.__module__}.{kind.__qualname__}", repr(module),
                     function_key(loss), tensors_key(tensors))  # fmt: skip
