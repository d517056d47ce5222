"""Stochastic gradient descent with momentum as `torch.optim.SGD` runs it, bit for bit.

    g = grad U(x) + weight_decay x
    p = g in the first step, then momentum p + (1 - dampening) g
    x = x - learning_rate (g + momentum p   if nesterov else   p)

p is PyTorch's momentum buffer [energy/length], not a displacement: under a schedule of the learning
rate a step uses the new rate on the whole buffer, where the displacement of `HeavyBall` keeps the
rates that it was made with. At constant numbers x is that of `HeavyBall` with the learning rate
learning_rate (1 - dampening), up to the first step; with nesterov, x is Nesterov's looked-ahead
point.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from langevin_lab.integrators import Program
from langevin_lab.momentum.optimiser import Number, Optimiser


@functools.cache
def _program(nesterov: bool, decays: bool) -> Program:
    # Every fma is one in PyTorch's vectorised loops too: add with alpha; mul_ rounds on its own.
    return Program(
        text=(
            "g = gradient(x)",
            *(("g = fma(decay, x, g)",) if decays else ()),
            "p = fma(gain, g, momentum * p)",
            *(("g = fma(momentum, p, g)",) if nesterov else ()),
            f"x = fma(-rate, {'g' if nesterov else 'p'}, x)",
        ),
        state=("x", "p"),
        coefficients=("gain", "momentum", "rate", *(("decay",) if decays else ())),
        n_normals=0,
    )


@dataclass(frozen=True, kw_only=True)
class SGD(Optimiser):
    """`torch.optim.SGD`: the same numbers, the same first step, the same rounding.

    Parameters
    ----------
    learning_rate : float or callable
        > 0 [length^2/energy], or a schedule of the step number.
    momentum : float or callable, optional
        In [0, 1), or a schedule of the step number.
    dampening : float, optional
        In [0, 1); it needs a momentum and excludes nesterov. Not applied in the first step.
    nesterov : bool, optional
        It needs a momentum.
    weight_decay : float, optional
        >= 0 [energy/length^2]: what is added is weight_decay x^2/2, as far as noise is concerned
        without any.

    Raises
    ------
    ValueError
        If a number is out of range, or one would have no effect or is refused by PyTorch.

    Source
    ------
    The documentation of torch.optim.SGD, PyTorch 2.13.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> sgd = ll.momentum.SGD(learning_rate=0.1, momentum=0.9, dampening=0.5)
    >>> run = ll.simulate(ll.potentials.harmonic(), sgd, n_steps=1, seed=0, start=1.0)
    >>> run["x_final"].item(), run["p_final"].item()        # the first step is not dampened
    (0.9, 1.0)
    """

    momentum: Number = 0.0
    dampening: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    source: ClassVar[str] = "torch.optim.SGD, PyTorch 2.13"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.nesterov, bool):
            raise TypeError(f"nesterov={self.nesterov!r} must be True or False")
        remembers = callable(self.momentum) or self.momentum > 0
        for name, given in (("dampening", self.dampening > 0), ("nesterov", self.nesterov)):
            if given and not remembers:
                raise ValueError(
                    f"{name}={getattr(self, name)} has no effect with momentum=0; leave it out or "
                    "give a momentum"
                )
        if self.nesterov and self.dampening > 0:
            raise ValueError(
                f"nesterov=True with dampening={self.dampening} is refused by torch.optim.SGD; "
                "use dampening=0"
            )

    @property
    def look_ahead(self) -> Any:
        """How far ahead of the heavy ball's point the gradient is taken, in displacements."""
        return self.momentum if self.nesterov else 0.0

    @property
    def scheduled(self) -> tuple[str, ...]:
        """What changes from step to step: the dampening, too, is not applied in the first."""
        if self.of_one_step:
            return ()
        return super().scheduled + (("dampening",) if self.dampening > 0 else ())

    def value_at(self, name: str, step: Any) -> np.ndarray:
        """Values of one scheduled number in steps of any shape, checked."""
        if name == "dampening":
            return np.where(np.asarray(step) < 1, 0.0, self.dampening)
        return super().value_at(name, step)

    @property
    def program(self) -> Program:
        """The lines of one step."""
        return _program(self.nesterov, self.weight_decay > 0)

    def coefficients(self) -> dict[str, Any]:
        """The numbers that the lines name."""
        values = {
            "gain": 1.0 - self.dampening, "momentum": self.momentum, "rate": self.learning_rate
        }  # fmt: skip
        return values | ({"decay": self.weight_decay} if self.weight_decay > 0 else {})

    @property
    def stability_limit(self) -> float:
        """Learning rate times curvature (the weight decay included) below which it is stable."""
        momentum, ahead = self.constant("momentum"), self.look_ahead
        limit: float = 2.0 * (1.0 + momentum) / ((1.0 - self.dampening) * (1.0 + 2.0 * ahead))
        return limit
