"""Adam and AdamW as `torch.optim` runs them.

    g = grad U(x) + weight_decay x          or x = (1 - learning_rate weight_decay) x, decoupled
    p      = momentum p          + (1 - momentum) g
    square = square_decay square + (1 - square_decay) g^2
    x = x - (learning_rate/w) p/(sqrt(square/w') + epsilon)

p and square are moving averages that start at 0; w and w' are the sums of their weights, 1 -
momentum^n and 1 - square_decay^n after n steps. The sums are moving averages of 1 and carried as
such: PyTorch's difference of a power from 1 loses digits in the first steps, and with a scheduled
momentum its power is not the sum of the weights.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from langevin_lab.integrators import Program
from langevin_lab.momentum.nonlinear import NonlinearOptimiser, check_flag
from langevin_lab.momentum.optimiser import Number


@functools.cache
def _program(decays: bool, decoupled: bool, largest: bool) -> Program:
    # Where PyTorch's vectorised loops round once (lerp, addcmul), a line has its fma.
    decay = ("x = shrink * x",) if decoupled else ("g = fma(decay, x, g)",)
    return Program(
        text=(
            "g = gradient(x)",
            *(decay if decays else ()),
            "p = fma(gain, g - p, p)",
            "square = fma(square_gain * g, g, square_decay * square)",
            "weight = fma(gain, 1.0 - weight, weight)",
            "square_weight = fma(square_gain, 1.0 - square_weight, square_weight)",
            "size = rate / weight",
            "root = sqrt(square_weight)",
            *(("largest = select(square > largest, square, largest)",) if largest else ()),
            f"x = x - size * p / (sqrt({'largest' if largest else 'square'}) / root + epsilon)",
        ),
        state=("x", "p"),
        coefficients=(
            "gain", "square_gain", "square_decay", "rate", "epsilon",
            *((("shrink",) if decoupled else ("decay",)) if decays else ()),
        ),
        n_normals=0,
        scalars=("weight", "square_weight", "size", "root"),
        memories=("square", *(("largest",) if largest else ()), "weight", "square_weight"),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Adam(NonlinearOptimiser):
    """`torch.optim.Adam`, and with ``decoupled`` `torch.optim.AdamW`.

    Parameters
    ----------
    learning_rate : float or callable, optional
        > 0 [length], or a schedule of the step number.
    momentum : float or callable, optional
        In [0, 1), or a schedule: of the average of gradients; PyTorch's first beta.
    square_decay : float, optional
        In [0, 1): of the average of squared gradients; PyTorch's second beta.
    epsilon : float, optional
        > 0 [energy/length].
    weight_decay : float, optional
        >= 0 [energy/length^2], or decoupled [1/length].
    decoupled : bool, optional
        Whether x shrinks by learning_rate weight_decay instead; it needs a weight_decay.
    largest_square : bool, optional
        Whether the largest average of squared gradients so far divides: PyTorch's amsgrad.

    Raises
    ------
    ValueError, TypeError
        If a number is out of range, or decoupled is given without a weight_decay.

    Source
    ------
    Kingma and Ba (2015), algorithm 1; Loshchilov and Hutter (2019), algorithm 2, decoupled; Reddi,
    Kale and Kumar (2018), algorithm 2, the largest square. In the order and with the defaults of
    the documentation of torch.optim.Adam, PyTorch 2.13.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> run = ll.simulate(ll.potentials.harmonic(), ll.momentum.Adam(learning_rate=0.1), n_steps=1,
    ...                   seed=0, start=1.0)
    >>> round(run["x_final"].item(), 6)        # the first step is as long as the learning rate
    0.9
    """

    learning_rate: Number = 1e-3
    momentum: Number = 0.9
    square_decay: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    decoupled: bool = False
    largest_square: bool = False
    starts_at_rest: ClassVar[bool] = True  # its average holds no weight before the first step
    source: ClassVar[str] = "Kingma and Ba (2015); torch.optim.Adam, PyTorch 2.13"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_flag("decoupled", self.decoupled)
        check_flag("largest_square", self.largest_square)
        if self.decoupled and self.weight_decay == 0:
            raise ValueError(
                "decoupled=True has no effect with weight_decay=0; leave it out or give a "
                "weight_decay, such as AdamW's 0.01"
            )

    def value_at(self, name: str, step: Any) -> np.ndarray:
        """Values of one scheduled number in steps of any shape, checked."""
        values = super().value_at(name, step)
        if name == "momentum" and (values == 1).any():
            first = float(np.asarray(step)[values == 1].flat[0])
            raise ValueError(
                f"momentum schedule returned 1.0 in step {first:g}: an average that takes in no "
                "gradient; keep it below 1"
            )
        return values

    @property
    def program(self) -> Program:
        """The lines of one step."""
        return _program(self.weight_decay > 0, self.decoupled, self.largest_square)

    def coefficients(self) -> dict[str, Any]:
        """The numbers that the lines name."""
        rate: Any = self.learning_rate
        momentum: Any = self.momentum
        values = {
            "gain": 1.0 - momentum,
            "square_gain": 1.0 - self.square_decay,
            "square_decay": self.square_decay,
            "rate": rate,
            "epsilon": self.epsilon,
        }
        if self.weight_decay > 0 and self.decoupled:
            values["shrink"] = 1.0 - rate * self.weight_decay
        elif self.weight_decay > 0:
            values["decay"] = self.weight_decay
        return values
