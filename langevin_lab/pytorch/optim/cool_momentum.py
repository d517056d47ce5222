"""CoolMomentum: heavy ball whose momentum coefficient falls to zero, at a constant learning rate.

    displacement = momentum displacement - lr (1 + momentum)/2 gradient
    x = x + displacement

from a displacement of zero. The learning rate is a squared time step; its factor (1 + momentum)/2
is that of Langevin dynamics. Gradient noise heats, and the momentum is its thermostat: the
temperature goes as (1 + momentum)/(1 - momentum), so that cooling from momentum 0.99 to 0 divides
it by 199.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from langevin_lab.dynamics import CoolingMomentum
from langevin_lab.dynamics.schedules import check_number
from langevin_lab.pytorch.optim.group_optimiser import GroupOptimiser

__all__ = ["CoolMomentum", "total_steps_of"]


class CoolMomentum(GroupOptimiser):
    """CoolMomentum, the same trajectory as `langevin_lab.momentum.CoolMomentum` in float64.

    Parameters
    ----------
    params : iterable
        Parameters or parameter groups, each with its own numbers if wanted.
    lr : float, optional
        Learning rate l > 0, a squared time step [length^2/energy]; kept constant as published.
    start_momentum : float, optional
        Momentum coefficient of the first step, in [0, 1).
    total_steps : float, optional
        Steps S after which the momentum is 0, and stays 0. Give this or ``alpha``.
    alpha : float, optional
        Factor of a step in the published schedule, in (0, 1); see `total_steps_of`.
    schedule : {"published", "exponential", "linear"}, optional
        1/(1 - momentum) falls exponentially (equation 20); or the authors' two later ones, the
        temperature falls exponentially, or momentum/(1 - momentum) linearly.
    weight_decay : float, optional
        >= 0: adds weight_decay x to the gradient.
    maximize : bool, optional
        Climb instead of descend.
    check_gradients : bool, optional
        Refuse gradients that are not finite (one synchronisation a step on a GPU).

    Raises
    ------
    ValueError, TypeError
        If a number is out of range, or S is given twice or not at all.

    Notes
    -----
    The first step is a step of gradient descent with lr (1 + start_momentum)/2. The authors' first
    PyTorch release (2020) put the gradient into the displacement and added it, a first step uphill
    (coolmom_pytorch.py in their repository); later ones start from zero.

    Source
    ------
    Borysenko and Byshkin (2021), equation (20) [BB21].

    Examples
    --------
    >>> import torch
    >>> import langevin_lab as ll
    >>> weight = torch.nn.Parameter(torch.tensor([1.0], dtype=torch.float64))
    >>> optimiser = ll.pytorch.optim.CoolMomentum([weight], lr=0.1, total_steps=100)
    >>> weight.square().sum().backward()
    >>> optimiser.step()
    >>> round(weight.item(), 6), round(optimiser.momenta()[0], 6)
    (0.801, 0.989529)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.01,
        *,
        start_momentum: float = 0.99,
        total_steps: float | None = None,
        alpha: float | None = None,
        schedule: str = "published",
        weight_decay: float = 0.0,
        maximize: bool = False,
        check_gradients: bool = True,
    ) -> None:
        defaults = {
            "lr": lr, "start_momentum": start_momentum, "total_steps": total_steps,
            "alpha": alpha, "schedule": schedule,
        }  # fmt: skip
        super().__init__(
            params, defaults, weight_decay=weight_decay, maximize=maximize,
            check_gradients=check_gradients,
        )  # fmt: skip

    def momenta(self) -> list[float]:
        """Momentum coefficient that each group's next step uses."""
        return [_momentum(group, group["steps_done"]) for group in self.param_groups]

    def mean_square_displacement(self) -> float:
        """Mean square of the last displacements of all parameters; nan before the first step.

        Over the learning rate it is the temperature, exactly so for stationary noise on a
        quadratic. Waits for the device.
        """
        held = [state["displacement"] for state in self.state.values() if "displacement" in state]
        if not held:
            return math.nan
        total = sum(float(displacement.square().sum()) for displacement in held)
        return total / sum(displacement.numel() for displacement in held)

    def check_group(self, group: dict[str, Any], where: str) -> None:
        """Raise TypeError or ValueError unless the numbers of a group are in range."""
        super().check_group(group, where)
        given, alpha = group["total_steps"], group["alpha"]
        if (given is None) == (alpha is None):
            raise ValueError(
                f"{where}total_steps={given!r} and alpha={alpha!r}: give one of them, the number "
                "of steps of the run or the published factor of one step"
            )
        if alpha is not None and group["schedule"] != "published":
            raise ValueError(
                f"{where}alpha={alpha!r} belongs to schedule='published', not to "
                f"{group['schedule']!r}; give total_steps"
            )
        _momentum(group, 0)  # the schedule refuses what it does not know

    def move(
        self,
        group: dict[str, Any],
        params: list[Tensor],
        positions: list[Tensor],
        gradients: list[Tensor],
    ) -> None:
        """Add one step of a group to its positions."""
        momentum = _momentum(group, group["steps_done"])
        displacements = self.buffers(params, "displacement")
        torch._foreach_mul_(displacements, momentum)
        torch._foreach_add_(displacements, gradients, alpha=-group["lr"] * (1.0 + momentum) / 2.0)
        torch._foreach_add_(positions, displacements)


def total_steps_of(alpha: float, *, start_momentum: float = 0.99) -> float:
    """Return S = log(1 - start_momentum)/log(alpha), where the published schedule reaches 0.

    Parameters
    ----------
    alpha, start_momentum : float
        In (0, 1).

    Raises
    ------
    ValueError
        If one is outside.
    """
    for name, value in (("alpha", alpha), ("start_momentum", start_momentum)):
        check_number(name, value)
        if not 0 < value < 1:
            raise ValueError(f"{name}={value!r} must be between 0 and 1")
    return math.log1p(-start_momentum) / math.log(alpha)


def _momentum(group: dict[str, Any], step: int) -> float:
    """Momentum coefficient of a step of a group, counted from 0."""
    start, duration = group["start_momentum"], group["total_steps"]
    if duration is None:
        duration = total_steps_of(group["alpha"], start_momentum=start)
    return float(CoolingMomentum(start=start, duration=duration, form=group["schedule"])(step))
