"""Heavy ball and Adam with a momentum that each step reads off its gradients.

    momentum_k = min((1 - sqrt(lr |g_k - g_{k-1}|/|x_k - x_{k-1}|))^2, 1 - margin)

    AdaptiveHeavyBall   x_{k+1} = x_k - lr g_k + momentum_k (x_k - x_{k-1})
    ARAdam              m_k = momentum_k m_{k-1} + (1 - momentum_k) g_k, and the rest of Adam

The norms are over all parameters of a group, as over one vector: a group per layer has a momentum
per layer. Where there is no last step, at the start or after a step of length 0, the momentum is 0;
where the gradient has not changed although x has, it is the largest, 1 - margin. A parameter whose
first gradient comes late counts from its second on. The momentum stays on the device.
`langevin_lab.momentum` holds the compiled twins, which say more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from langevin_lab.dynamics.schedules import check_number, check_positive
from langevin_lab.pytorch.optim.group_optimiser import GroupOptimiser

__all__ = ["ARAdam", "AdaptiveHeavyBall"]


class AdaptiveHeavyBall(GroupOptimiser):
    """Heavy ball with the momentum that its last two gradients ask for: ARSGD.

    Gradient noise makes the ratio of norms that of two noises, about 1/lr, and the momentum falls
    to 0: with small batches it is close to plain SGD.

    Parameters
    ----------
    params : iterable
        Parameters or parameter groups, each with its own numbers and momentum.
    lr : float, optional
        > 0 [length^2/energy].
    margin : float, optional
        In (0, 1]: the momentum is at most 1 - margin; the paper's delta.
    weight_decay : float, optional
        >= 0: adds weight_decay x to the gradient.
    maximize : bool, optional
        Climb instead of descend.
    check_gradients : bool, optional
        Refuse gradients that are not finite (one synchronisation a step on a GPU).

    Raises
    ------
    ValueError, TypeError
        If a number is out of range.

    Notes
    -----
    At lr = 0, which a scheduler may set, the momentum is 1 - margin: the last step goes on.

    Source
    ------
    Sun, Ling, Shi, Li and Wang (2021), ARSGD [SLSLW21].

    Examples
    --------
    >>> import torch
    >>> import langevin_lab as ll
    >>> x = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
    >>> optimiser = ll.pytorch.optim.AdaptiveHeavyBall([x], lr=1.0)
    >>> for _ in range(100):
    ...     optimiser.zero_grad()
    ...     ((x[0] ** 2 + x[1] ** 2 / 100) / 2).backward()
    ...     optimiser.step()
    >>> round(optimiser.momenta()[0], 4)         # (1 - sqrt(1/100))^2
    0.81
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.1,
        *,
        margin: float = 1e-3,
        weight_decay: float = 0.0,
        maximize: bool = False,
        check_gradients: bool = True,
    ) -> None:
        defaults = {"lr": lr, "margin": margin}
        super().__init__(
            params, defaults, weight_decay=weight_decay, maximize=maximize,
            check_gradients=check_gradients,
        )  # fmt: skip

    def momenta(self) -> list[float]:
        """Momentum of each group's last step; nan before the first. Waits for the device."""
        found = []
        for group in self.param_groups:
            held = [self.state[p] for p in group["params"] if "momentum" in self.state.get(p, {})]
            found.append(float(held[0]["momentum"]) if held else math.nan)
        return found

    def check_group(self, group: dict[str, Any], where: str) -> None:
        """Raise TypeError or ValueError unless the numbers of a group are in range."""
        super().check_group(group, where)
        check_number(f"{where}margin", group["margin"])
        if not 0 < group["margin"] <= 1:
            raise ValueError(f"{where}margin={group['margin']!r} must be > 0 and at most 1")

    def move(
        self,
        group: dict[str, Any],
        params: list[Tensor],
        positions: list[Tensor],
        gradients: list[Tensor],
    ) -> None:
        """Add one step of a group to its positions."""
        displacements = self.buffers(params, "displacement")
        momentum = self._momentum(group, params, gradients, displacements)
        _scale(displacements, momentum)
        torch._foreach_add_(displacements, gradients, alpha=-group["lr"])
        torch._foreach_add_(positions, displacements)

    def _momentum(
        self,
        group: dict[str, Any],
        params: list[Tensor],
        gradients: list[Tensor],
        displacements: list[Tensor],
    ) -> Tensor:
        """The momentum of this step, on the device; remembers the gradients for the next one."""
        # What has no last gradient has no change of it; where nothing has, nothing has moved.
        late = ["gradient" not in self.state[param] for param in params]
        before = self.buffers(params, "gradient")
        if any(late) and not all(late):
            changes = [g - b for g, b, new in zip(gradients, before, late) if not new]
        else:
            changes = list(torch._foreach_sub(gradients, before))
        change = _length(changes)
        torch._foreach_copy_(before, gradients)
        moved = _length(displacements)
        # Both arms of a where are computed: no 0/0.
        ratio = change / torch.where(moved > 0, moved, torch.ones_like(moved))
        momentum = (1.0 - (group["lr"] * ratio).sqrt()).square().clamp(max=1.0 - group["margin"])
        momentum = torch.where(moved > 0, momentum, torch.zeros_like(momentum))
        for param in params:
            self.state[param]["momentum"] = momentum
        return momentum


class ARAdam(AdaptiveHeavyBall):
    """Adam with the momentum that its last two gradients ask for.

    The average of gradients starts from the first one, so that its weights have the sum 1 and it
    needs no correction; that of their squares has Adam's.

    Parameters
    ----------
    params : iterable
        Parameters or parameter groups, each with its own numbers and momentum.
    lr : float, optional
        > 0 [length]. In the momentum it stands for a [length^2/energy], as in the paper.
    margin, weight_decay, maximize, check_gradients
        As `AdaptiveHeavyBall`; the weight decay is Adam's, coupled.
    square_decay : float, optional
        In [0, 1): what the average of squares keeps in a step, Adam's second constant.
    epsilon : float, optional
        > 0, added to the root of the average of squares.

    Raises
    ------
    ValueError, TypeError
        If a number is out of range.

    Source
    ------
    Sun, Ling, Shi, Li and Wang (2021), ARAdam [SLSLW21].

    Examples
    --------
    >>> import torch
    >>> import langevin_lab as ll
    >>> x = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
    >>> optimiser = ll.pytorch.optim.ARAdam([x], lr=0.1)
    >>> x.square().sum().backward()
    >>> optimiser.step()
    >>> round(x.item(), 6), optimiser.momenta()
    (0.9, [0.0])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        *,
        margin: float = 1e-3,
        square_decay: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        maximize: bool = False,
        check_gradients: bool = True,
    ) -> None:
        defaults = {
            "lr": lr, "margin": margin, "square_decay": square_decay, "epsilon": epsilon,
        }  # fmt: skip
        GroupOptimiser.__init__(
            self, params, defaults, weight_decay=weight_decay, maximize=maximize,
            check_gradients=check_gradients,
        )  # fmt: skip

    def check_group(self, group: dict[str, Any], where: str) -> None:
        """Raise TypeError or ValueError unless the numbers of a group are in range."""
        super().check_group(group, where)
        check_positive(f"{where}epsilon", group["epsilon"])
        decay = group["square_decay"]
        check_number(f"{where}square_decay", decay)
        if not 0 <= decay < 1:
            raise ValueError(f"{where}square_decay={decay!r} must be >= 0 and < 1")

    def move(
        self,
        group: dict[str, Any],
        params: list[Tensor],
        positions: list[Tensor],
        gradients: list[Tensor],
    ) -> None:
        """Add one step of a group to its positions."""
        displacements = self.buffers(params, "displacement")
        for param, gradient in zip(params, gradients):
            if "average" not in self.state[param]:
                self.state[param]["average"] = gradient.clone()
        averages, squares = self.buffers(params, "average"), self.buffers(params, "square")
        momentum = self._momentum(group, params, gradients, displacements)
        towards = list(torch._foreach_sub(gradients, averages))
        _scale(towards, 1.0 - momentum)
        torch._foreach_add_(averages, towards)
        decay = group["square_decay"]
        torch._foreach_mul_(squares, decay)
        torch._foreach_addcmul_(squares, gradients, gradients, value=1.0 - decay)
        scales = torch._foreach_sqrt(squares)
        torch._foreach_div_(scales, [math.sqrt(w) for w in self._square_weights(decay, params)])
        torch._foreach_add_(scales, group["epsilon"])
        torch._foreach_copy_(displacements, averages)
        torch._foreach_mul_(displacements, -group["lr"])
        torch._foreach_div_(displacements, scales)
        torch._foreach_add_(positions, displacements)

    def _square_weights(self, decay: float, params: list[Tensor]) -> list[float]:
        """Sum of the weights in each average of squares, 1 - square_decay^n of a constant one."""
        weights = []
        for param in params:
            held = self.state[param].get("square_weight", 0.0)
            weights.append(held + (1.0 - decay) * (1.0 - held))
            self.state[param]["square_weight"] = weights[-1]
        return weights


def _length(vectors: list[Tensor] | tuple[Tensor, ...]) -> Tensor:
    """Euclidean norm of all tensors as one vector, on the device of the first."""
    norms = torch._foreach_norm(vectors)
    kind = torch.float64 if any(n.dtype == torch.float64 for n in norms) else torch.float32
    return torch.linalg.vector_norm(torch.stack([n.to(norms[0].device, kind) for n in norms]))


def _scale(vectors: list[Tensor], factor: Tensor) -> None:
    """Multiply tensors by one number that lives on the device."""
    if all(v.device == factor.device and v.dtype == factor.dtype for v in vectors):
        torch._foreach_mul_(vectors, factor)
        return
    for vector in vectors:
        vector.mul_(factor.to(vector.device, vector.dtype))
