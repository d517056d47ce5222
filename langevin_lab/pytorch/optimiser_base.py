"""What all torch optimisers of the package share: gradients, precision, saving and loading.

Momenta and whatever else is kept are at least float32. A parameter of fewer bits (bfloat16,
float16) has a float32 copy in the state that takes the steps and is rounded into the parameter;
where somebody else has changed the parameter since, the copy starts again from it.

Parameters without a gradient are left as they are, with their momenta. A step changes nothing
before the numbers of all groups and all gradients that are there have been looked at, so that one
that is refused can be repeated.
"""

from __future__ import annotations

import abc
import difflib
from collections.abc import Callable, Iterable
from typing import Any

import torch

from langevin_lab.dynamics.schedules import check_nonnegative, check_positive

__all__ = ["BaseOptimiser"]

_FULL = (torch.float32, torch.float64)
_SHORT = (torch.bfloat16, torch.float16)
# What a group may hold besides the numbers of its optimiser: what torch, its schedulers and a group
# that was taken from another optimiser bring, and a name.
_OTHERS = frozenset(
    (
        "params", "param_names", "name", "initial_lr", "max_lr", "min_lr", "swa_lr",
        "initial_momentum", "base_momentum", "max_momentum", "lr_before", "thermostat",
    )
)  # fmt: skip


class BaseOptimiser(torch.optim.Optimizer, abc.ABC):
    """Base of the package's optimisers: subclasses write `advance` and, if wanted, `check_group`.

    Parameters
    ----------
    params : iterable of tensors or of dict
        As for any torch optimiser.
    defaults : dict
        Numbers of a group, of which one is ``lr``; those below are added. Each group counts its
        steps in ``group["steps_done"]``.
    weight_decay : float, optional
        >= 0: adds weight_decay |x|^2/2 to the loss.
    maximize : bool, optional
        Climb instead of descend.
    check_gradients : bool, optional
        Refuse gradients that are not finite (one synchronisation a step on a GPU).

    Raises
    ------
    TypeError, ValueError
        If a parameter is not a dense tensor of real numbers, or a number is out of range.
    """

    def __init__(
        self,
        params: Iterable[Any],
        defaults: dict[str, Any],
        *,
        weight_decay: float = 0.0,
        maximize: bool = False,
        check_gradients: bool = True,
    ) -> None:
        own = {
            "weight_decay": weight_decay,
            "maximize": bool(maximize),
            "check_gradients": bool(check_gradients),
        }
        super().__init__(params, {**defaults, **own, "steps_done": 0})

    @abc.abstractmethod
    def advance(self, closure: Callable[[], Any] | None) -> None:
        """Move the parameters by one step, with the gradients as they are."""

    def check_group(self, group: dict[str, Any], where: str) -> None:
        """Raise TypeError or ValueError unless the numbers of a group are in range."""
        check_positive(f"{where}lr", group["lr"])
        check_nonnegative(f"{where}weight_decay", group["weight_decay"])

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters; what it does not say is taken from the defaults.

        Raises
        ------
        TypeError, ValueError
            As the constructor, or if the group has an entry that no step would read.
        """
        number = len(self.param_groups)
        if isinstance(param_group, dict):
            self._check_names(param_group, number)
            named = {**self.defaults, **param_group}
            self.check_group(named, f"group {number}: " if number else "")
        super().add_param_group(param_group)
        group = self.param_groups[number]
        group["steps_done"] = self.param_groups[0]["steps_done"]
        for index, param in enumerate(group["params"]):
            if param.dtype not in (*_FULL, *_SHORT):
                self.param_groups.pop()
                raise TypeError(
                    f"parameter {index} of group {number} has dtype {param.dtype}; use float32, "
                    "float64, bfloat16 or float16"
                )

    def _check_names(self, param_group: dict[str, Any], number: int) -> None:
        """Raise ValueError if a group has an entry that no step would read."""
        equation = {"equation"} if getattr(self, "equations", ()) else set()
        known = sorted({*self.defaults, *equation})
        for name in sorted(set(param_group) - {*known, *_OTHERS}, key=str):
            value = param_group[name]
            shown = f"={value!r}" if isinstance(value, (bool, int, float, str)) else ""
            close = difflib.get_close_matches(str(name), [*known, "params", "name"], n=1)
            raise ValueError(
                f"group {number} has {name}{shown}, but {type(self).__name__} has no {name}; its "
                f"numbers are {', '.join(known)}" + "".join(f": did you mean {c}?" for c in close)
            )

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step.

        Parameters
        ----------
        closure : callable, optional
            Clears the gradients, computes the loss, calls ``backward`` and returns the loss. It is
            called first; without it the gradients are those that ``backward`` has left.

        Returns
        -------
        loss : what the closure returned, or None
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self.advance(closure)
        for group in self.param_groups:
            group["steps_done"] += 1
        return loss

    def trained(self) -> list[list[torch.Tensor]]:
        """The parameters that have a gradient, a list for each group, after a look at all of them.

        Raises
        ------
        ValueError
            If a gradient is sparse, or one is not finite.
        """
        found: list[list[torch.Tensor]] = []
        checked: list[tuple[int, torch.Tensor, torch.Tensor]] = []
        for number, group in enumerate(self.param_groups):
            found.append([])
            for param in group["params"]:
                if param.grad is None:
                    continue
                if param.grad.layout != torch.strided:
                    raise ValueError(
                        f"{self._name(number, param)} has a sparse gradient, but "
                        f"{type(self).__name__} moves every entry in every step: build the layer "
                        "with sparse=False"
                    )
                found[-1].append(param)
                if group["check_gradients"]:
                    checked.append((number, param, param.grad))
        if checked:
            self._check_finite(checked)
        return found

    def _check_finite(self, checked: list[tuple[int, torch.Tensor, torch.Tensor]]) -> None:
        """Norms first, of which one that overflows asks every entry; one transfer from a GPU."""
        norms = list(torch._foreach_norm([gradient for _, _, gradient in checked]))
        kinds = {(norm.device, norm.dtype) for norm in norms}
        if len(kinds) > 1:
            norms = [norm.to(norms[0].device).double() for norm in norms]
        if bool(torch.isfinite(torch.stack(norms)).all()):
            return
        for number, param, gradient in checked:
            if not bool(torch.isfinite(gradient).all()):
                done = self.param_groups[number]["steps_done"]
                raise ValueError(
                    f"the gradient of {self._name(number, param)} is not finite in step {done}: "
                    "use a smaller lr, clip the gradients, or pass check_gradients=False"
                )

    def _name(self, number: int, param: torch.Tensor) -> str:
        params = self.param_groups[number]["params"]
        index = next(index for index, other in enumerate(params) if other is param)
        return f"parameter {index} of group {number}, shape {tuple(param.shape)},"

    def gradients(self, group: dict[str, Any], params: list[torch.Tensor]) -> list[torch.Tensor]:
        """The gradients in the precision of the state, with weight decay.

        Under ``maximize`` of minus the loss. They may be the tensors ``param.grad`` themselves:
        never write to them.
        """
        found = [
            torch.zeros_like(p, dtype=kept(p.dtype)) if p.grad is None else p.grad.to(kept(p.dtype))
            for p in params
        ]
        if group["maximize"] and found:
            found = list(torch._foreach_neg(found))
        if group["weight_decay"] and found:
            pull = self.positions(params)
            found = list(torch._foreach_add(found, pull, alpha=group["weight_decay"]))
        return found

    def positions(self, params: list[torch.Tensor]) -> list[torch.Tensor]:
        """What a step moves: the parameters, or the float32 copies of those with fewer bits."""
        return [self._position(param) for param in params]

    def _position(self, param: torch.Tensor) -> torch.Tensor:
        if param.dtype in _FULL:
            return param
        copy, state = param.float(), self.state[param]
        if "position" in state:
            held = state["position"]
            copy = torch.where(held.to(param.dtype) == param, held, copy)
        state["position"] = copy
        return copy

    def write(self, params: list[torch.Tensor], positions: list[torch.Tensor]) -> None:
        """Round the positions into the parameters, where they are not the same tensors."""
        for param, position in zip(params, positions):
            if position is not param:
                param.copy_(position)
                if param.dtype in _SHORT:
                    self.state[param]["position"] = position

    def buffer(self, param: torch.Tensor, name: str) -> torch.Tensor:
        """A tensor of the parameter's state, zero at first, in at least float32."""
        state = self.state[param]
        if name not in state:
            state[name] = torch.zeros_like(
                param, dtype=kept(param.dtype), memory_format=torch.preserve_format
            )
        found: torch.Tensor = state[name]
        return found

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load what `state_dict` returned: the next steps are the same bits as without a break.

        Torch casts the state to the dtype of its parameter; here each tensor keeps its own, so that
        the float32 momenta of bfloat16 parameters lose nothing.

        Raises
        ------
        ValueError
            If it is the state of another optimiser, or of other groups.
        """
        for group in state_dict["param_groups"]:
            missing = sorted(set(self.defaults) - set(group))
            if missing:
                raise ValueError(
                    f"state_dict has groups without {', '.join(missing)}: it is not that of "
                    f"{type(self).__name__}; load the state of the same optimiser"
                )
        super().load_state_dict(state_dict)
        numbers = [index for group in state_dict["param_groups"] for index in group["params"]]
        params = [param for group in self.param_groups for param in group["params"]]
        for index, param in zip(numbers, params):
            for name, value in state_dict["state"].get(index, {}).items():
                if isinstance(value, torch.Tensor):
                    self.state[param][name] = value.detach().to(param.device).clone()


def kept(dtype: torch.dtype) -> torch.dtype:
    """The precision of the state that belongs to a parameter."""
    return dtype if dtype in _FULL else torch.float32
