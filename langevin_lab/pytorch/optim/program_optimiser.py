"""An optimiser whose step is one of the package's programs, run on torch tensors."""

from __future__ import annotations

import abc
import math
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import torch

from langevin_lab.dynamics.schedules import check_nonnegative
from langevin_lab.noise.random_access import _integer
from langevin_lab.pytorch.noise import draw
from langevin_lab.pytorch.optim.plan import Piece, Plan
from langevin_lab.pytorch.optim.vectors import FUNCTIONS, Vectors
from langevin_lab.pytorch.optimiser_base import BaseOptimiser, kept

__all__ = ["ProgramOptimiser"]

_NOISE = ("noise", "push", "shared", "own")  # the coefficients that normals are multiplied by


class ProgramOptimiser(BaseOptimiser):
    """Base of the Langevin family: a plan of the step, numbers for each group, counted noise.

    The normal of coordinate i (of D in all groups, in order, with or without gradient), number j of
    m of a step n is number (n m + j) D + i of the stream (seed, replica), as in compiled runs of
    the word that `plan` runs, which begins with the kick. It is made in float64 and rounded to the
    precision of the momenta.

    Parameters
    ----------
    params : iterable of tensors or of dict
    defaults : dict
        Numbers of a group.
    seed, replica : int
        Of the noise, in [0, 2**64).
    **more
        ``weight_decay``, ``maximize`` and ``check_gradients`` of `BaseOptimiser`.
    """

    def __init__(
        self, params: Iterable[Any], defaults: dict[str, Any], *, seed: int, replica: int,
        **more: Any,
    ) -> None:  # fmt: skip
        stream = {"seed": _integer("seed", seed), "replica": _integer("replica", replica)}
        self._cached: dict[int, list[tuple[Any, dict[str, float]]]] = {}
        self._memory: dict[Any, torch.Tensor] = {}
        super().__init__(params, {**defaults, **stream}, **more)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._cached, self._memory = {}, {}

    @abc.abstractmethod
    def plan(self) -> Plan:
        """The lines of a step for the groups as they are."""

    @abc.abstractmethod
    def numbers(self, group: dict[str, Any], index: int, size: int) -> dict[str, Any]:
        """What the lines of a group read, when ``size`` of its coordinates are trained."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters; what it does not say is taken from the defaults.

        Raises
        ------
        TypeError, ValueError
            As the constructor.
        """
        for name in _SHARED:
            first = self.param_groups[0] if self.param_groups else self.defaults
            own = dict(param_group).get(name, first.get(name))
            if own != first.get(name):
                raise ValueError(
                    f"group {len(self.param_groups)} has {name}={own!r}, but {name} is the same "
                    f"for all groups, {first.get(name)!r}: give it to the optimiser"
                )
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        start = self.thermostat_start(group)
        if start is not None and "thermostat" not in group:
            group["thermostat"] = torch.tensor(float(start), dtype=torch.float64)

    def thermostat_start(self, group: dict[str, Any]) -> float | None:
        """Where the thermostat of a group begins, None if it has none."""
        return None

    def advance(self, closure: Callable[[], Any] | None) -> None:
        """Run the lines of one step on every group."""
        plan = self.plan()
        if len(plan.segments) > 1 and closure is None:
            raise ValueError(
                f"{type(self).__name__} takes {len(plan.segments)} gradients a step here: call "
                "step(closure), or use a word with one, such as 'BAOAB'"
            )
        runs = [
            _Run(self, plan, index, params)
            for index, params in enumerate(self.trained())
            # A schedule may bring lr to 0: then nothing moves.
            if params and self.param_groups[index]["lr"] != 0
        ]
        for number, segment in enumerate(plan.segments):
            if number and closure is not None:
                with torch.enable_grad():
                    closure()
                self.trained()  # a look at the new gradients
            for run in runs:
                run.go(segment)
        for run in runs:
            run.group["lr_before"] = run.group["lr"]

    def coefficients(self, index: int, size: int, lr: float) -> dict[str, float]:
        """`numbers` with an lr, computed again when the group's numbers have changed."""
        group = {**self.param_groups[index], "lr": lr}
        key = (size, tuple(v for k, v in group.items() if k not in _OUTSIDE))
        known = self._cached.setdefault(index, [])
        for other, values in known:
            if other == key:
                return values
        self.check_group(group, f"group {index}: " if index else "")
        values = {name: float(value) for name, value in self.numbers(group, index, size).items()}
        if not all(math.isfinite(value) for value in values.values()):
            raise ValueError(
                f"{type(self).__name__} has no step with lr={lr} and friction="
                f"{group.get('friction')}; an infinite friction needs a word with O, such as "
                "'BAOAB'"
            )
        known[:] = [*known[-1:], (key, values)]  # of this step and of the one before
        return values

    def memory(
        self, index: int, number: int, params: list[torch.Tensor]
    ) -> dict[tuple[torch.dtype, torch.device], torch.Tensor]:
        """Room for normal ``number`` of the parameters of a group; the next step writes to it too.

        One place, as long as was ever needed, whatever parameters have a gradient in a step.
        """
        sizes: Counter[tuple[torch.dtype, torch.device]] = Counter()
        for param in params:
            sizes[kept(param.dtype), param.device] += param.numel()
        for (dtype, device), size in sizes.items():
            known = self._memory.get((index, number, dtype, device))
            if known is None or len(known) < size:
                known = torch.empty(size, dtype=dtype, device=device)
                self._memory[index, number, dtype, device] = known
        return {kind: self._memory[index, number, *kind] for kind in sizes}

    def check_group(self, group: dict[str, Any], where: str) -> None:
        """Raise TypeError or ValueError unless the numbers of a group are in range."""
        super().check_group(group, where)
        if "temperature" in group:
            check_nonnegative(f"{where}temperature", group["temperature"])


_SHARED = ("seed", "replica", "word")  # what numbers the noise, and when gradients are taken
# Entries of a group that coefficients do not depend on, or that are no numbers.
_OUTSIDE = frozenset({"params", "thermostat", "steps_done", "lr_before"})


class _Run:
    """One group in one step: the names of its lines and what they stand for."""

    def __init__(
        self, optimiser: ProgramOptimiser, plan: Plan, index: int, params: list[torch.Tensor]
    ) -> None:
        self.optimiser, self.plan, self.index, self.params = optimiser, plan, index, params
        self.group = optimiser.param_groups[index]
        self.begun = [param for param in params if "momentum" in optimiser.state[param]]
        size, lr = sum(param.numel() for param in params), self.group["lr"]
        # What ends the step before has the time step of that one.
        self.before = optimiser.coefficients(index, size, self.group.get("lr_before", lr))
        self.numbers = numbers = optimiser.coefficients(index, size, lr)
        noisy = any(numbers[name] for name in numbers if name.split("_")[0] in _NOISE)
        self.offsets = _offsets(optimiser) if noisy else None
        self.names: dict[str, Any] = {**FUNCTIONS, **numbers, "__builtins__": {}}
        thermostat = plan.thermostats[index]
        if thermostat is not None:
            self.names[thermostat] = self.group["thermostat"].to(params[0].device)

    def go(self, segment: tuple[Piece, ...]) -> None:
        """Run the pieces that follow a gradient, and leave positions and momenta where they are."""
        ready: list[torch.Tensor] = []
        for piece in segment:
            # What ends the step before is not for parameters that had none.
            part = piece.previous and len(self.begun) < len(self.params)
            params = self.begun if part else self.params
            if params is not ready:
                self._store(ready)
                self._load(params)
                ready = params
            if params:
                self._advance(piece, params)
        self._store(ready)

    def _load(self, params: list[torch.Tensor]) -> None:
        optimiser, names = self.optimiser, self.names
        names["x"] = Vectors(optimiser.positions(params))
        names["g"] = Vectors(optimiser.gradients(self.group, params))
        if self.plan.momenta:
            names["p"] = Vectors([optimiser.buffer(param, "momentum") for param in params])

    def _advance(self, piece: Piece, params: list[torch.Tensor]) -> None:
        step = self.group["steps_done"] - piece.previous
        for number in piece.normals:
            self.names[f"n{number}"] = self._normals(params, step, number)
        self.names.update(self.before if piece.previous else self.numbers)
        for block, target, code in piece.lines:
            if block is None or block == self.index:
                self.names[target] = eval(code, self.names)

    def _store(self, params: list[torch.Tensor]) -> None:
        optimiser, names = self.optimiser, self.names
        optimiser.write(params, names["x"].tensors if params else [])
        if self.plan.momenta and params:
            for param, momentum in zip(params, names["p"].tensors):
                optimiser.state[param]["momentum"] = momentum
        thermostat = self.plan.thermostats[self.index]
        if thermostat is not None:
            self.group["thermostat"] = names[thermostat]

    def _normals(self, params: list[torch.Tensor], step: int, number: int) -> Vectors | float:
        """Normal ``number`` of a step for each coordinate; 0 where nothing is multiplied by it."""
        if self.offsets is None:
            return 0.0
        first = (step * self.plan.n_normals + number) * self.offsets["size"]
        memory = self.optimiser.memory(self.index, number, params)
        tensors: list[torch.Tensor] = []
        for run in _neighbours(params, self.offsets):
            start, count = first + self.offsets[run[0]], sum(param.numel() for param in run)
            kind = kept(run[0].dtype), run[0].device
            flat, memory[kind] = memory[kind][:count], memory[kind][count:]
            draw(self.group["seed"], self.group["replica"], start, flat)
            pieces = flat.split([param.numel() for param in run])
            tensors += [piece.view(param.shape) for piece, param in zip(pieces, run)]
        return Vectors(tensors)


def _offsets(optimiser: torch.optim.Optimizer) -> dict[Any, int]:
    """The number of each parameter's first coordinate, and of all under "size"."""
    offsets: dict[Any, int] = {}
    total = 0
    for group in optimiser.param_groups:
        for param in group["params"]:
            offsets[param] = total
            total += param.numel()
    offsets["size"] = total
    return offsets


def _neighbours(params: list[torch.Tensor], offsets: dict[Any, int]) -> list[list[torch.Tensor]]:
    """Parameters in runs of consecutive coordinates of one dtype and device: one draw for each."""
    runs: list[list[torch.Tensor]] = []
    for param in params:
        last = runs[-1][-1] if runs else None
        if (
            last is not None
            and offsets[last] + last.numel() == offsets[param]
            and (last.dtype, last.device) == (param.dtype, param.device)
        ):
            runs[-1].append(param)
        else:
            runs.append([param])
    return runs
