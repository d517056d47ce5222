"""RMSProp, Adagrad and Adadelta as `torch.optim` runs them: steps in units of past gradients.

    g = grad U(x) + weight_decay x

    RMSProp     square = square_decay square + (1 - square_decay) g^2
                x = x - learning_rate g/(sqrt(square) + epsilon)
    Adagrad     square = square + g^2
                x = x - learning_rate/(1 + n rate_decay) g/(sqrt(square) + epsilon)
    Adadelta    square as RMSProp's, d = sqrt(step_square + epsilon)/sqrt(square + epsilon) g
                step_square = square_decay step_square + (1 - square_decay) d^2
                x = x - learning_rate d

n = 0, 1, ... is the number of the step. RMSProp with a momentum moves by the buffer p = momentum p
+ g/(...), and centred it divides by the deviation from the mean, whose square is square - mean^2.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, ClassVar

from langevin_lab.integrators import Program
from langevin_lab.momentum.nonlinear import NonlinearOptimiser, check_flag
from langevin_lab.momentum.optimiser import Number

_SQUARE = "square = fma(square_gain * g, g, square_decay * square)"
_DECAY = "g = fma(decay, x, g)"


@functools.cache
def _rmsprop(decays: bool, remembers: bool, centred: bool) -> Program:
    spread: tuple[str, ...] = ("spread = sqrt(square) + epsilon",)
    if centred:
        # Rounding can leave a variance of -1e-17, of which PyTorch's root is nan.
        spread = (
            "mean = fma(square_gain, g - mean, mean)",
            "variance = fma(-mean, mean, square)",
            "spread = sqrt(select(variance > 0.0, variance, 0.0)) + epsilon",
        )
    move: tuple[str, ...] = ("x = x - rate * g / spread",)
    if remembers:
        move = ("p = momentum * p + g / spread", "x = fma(-rate, p, x)")
    return Program(
        text=("g = gradient(x)", *((_DECAY,) if decays else ()), _SQUARE, *spread, *move),
        state=("x", "p") if remembers else ("x",),
        coefficients=(
            "square_gain", "square_decay", "rate", "epsilon",
            *(("momentum",) if remembers else ()), *(("decay",) if decays else ()),
        ),
        n_normals=0,
        memories=("square", *(("mean",) if centred else ())),
    )  # fmt: skip


@functools.cache
def _adagrad(decays: bool, slows: bool) -> Program:
    slowing = ("size = rate / (1.0 + n_done * rate_decay)", "n_done = n_done + 1.0")
    return Program(
        text=(
            "g = gradient(x)",
            *((_DECAY,) if decays else ()),
            "square = fma(g, g, square)",
            *(slowing if slows else ()),
            f"x = x - {'size' if slows else 'rate'} * g / (sqrt(square + first) + epsilon)",
        ),
        state=("x",),
        coefficients=(
            "first", "rate", "epsilon",
            *(("rate_decay",) if slows else ()), *(("decay",) if decays else ()),
        ),
        n_normals=0,
        scalars=("size", "n_done") if slows else (),
        memories=("square", *(("n_done",) if slows else ())),
    )  # fmt: skip


@functools.cache
def _adadelta(decays: bool) -> Program:
    return Program(
        text=(
            "g = gradient(x)",
            *((_DECAY,) if decays else ()),
            _SQUARE,
            "d = sqrt(step_square + epsilon) / sqrt(square + epsilon) * g",
            "step_square = fma(square_gain * d, d, square_decay * step_square)",
            "x = fma(-rate, d, x)",
        ),
        state=("x",),
        coefficients=(
            "square_gain", "square_decay", "rate", "epsilon", *(("decay",) if decays else ())
        ),
        n_normals=0,
        memories=("square", "step_square"),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _SquaredGradients(NonlinearOptimiser):
    """What the three share."""

    epsilon: float
    weight_decay: float = 0.0

    @property
    def momenta(self) -> bool:  # type: ignore[override]
        """Whether there is a p."""
        return "p" in self.program.state

    def coefficients(self) -> dict[str, Any]:
        """The numbers that the lines name."""
        values: dict[str, Any] = {"rate": self.learning_rate, "epsilon": self.epsilon}
        decay = getattr(self, "square_decay", None)
        if decay is not None:
            values |= {"square_gain": 1.0 - decay, "square_decay": decay}
        return values | ({"decay": self.weight_decay} if self.weight_decay > 0 else {})


@dataclass(frozen=True, kw_only=True)
class RMSProp(_SquaredGradients):
    """`torch.optim.RMSprop`.

    Parameters
    ----------
    learning_rate : float or callable, optional
        > 0 [length], or a schedule of the step number.
    square_decay : float, optional
        In [0, 1): of the average of squared gradients; PyTorch's alpha.
    epsilon : float, optional
        > 0 [energy/length].
    weight_decay : float, optional
        >= 0 [energy/length^2].
    momentum : float or callable, optional
        In [0, 1), or a schedule of the step number.
    centred : bool, optional
        Whether the variance of gradients divides and not their mean square.

    Source
    ------
    Tieleman and Hinton (2012); Graves (2013), equations 38-41, centred. In the order and with the
    defaults of the documentation of torch.optim.RMSprop, PyTorch 2.13.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> run = ll.simulate(ll.potentials.harmonic(), ll.momentum.RMSProp(), n_steps=1, seed=0,
    ...                   start=1.0)
    >>> round(1 - run["x_final"].item(), 6)    # learning_rate/sqrt(1 - square_decay)
    0.1
    """

    learning_rate: Number = 1e-2
    square_decay: float = 0.99
    epsilon: float = 1e-8
    momentum: Number = 0.0
    centred: bool = False
    source: ClassVar[str] = "Tieleman and Hinton (2012); torch.optim.RMSprop, PyTorch 2.13"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_flag("centred", self.centred)

    @property
    def _remembers(self) -> bool:
        # A schedule's value in one step may be 0; the lines are those of all steps.
        momentum: Any = self.momentum
        return callable(momentum) or "momentum" in self.was_scheduled or momentum > 0

    @property
    def program(self) -> Program:
        """The lines of one step."""
        return _rmsprop(self.weight_decay > 0, self._remembers, self.centred)

    def coefficients(self) -> dict[str, Any]:
        """The numbers that the lines name."""
        return super().coefficients() | ({"momentum": self.momentum} if self._remembers else {})


@dataclass(frozen=True, kw_only=True)
class Adagrad(_SquaredGradients):
    """`torch.optim.Adagrad`.

    Parameters
    ----------
    learning_rate : float or callable, optional
        > 0 [length], or a schedule of the step number.
    rate_decay : float, optional
        >= 0: the rate is divided by 1 + n rate_decay in step n = 0, 1, ...; PyTorch's lr_decay.
    initial_square : float, optional
        >= 0 [energy^2/length^2]: where the sum of squares starts.
    epsilon : float, optional
        > 0 [energy/length].
    weight_decay : float, optional
        >= 0 [energy/length^2].

    Source
    ------
    Duchi, Hazan and Singer (2011), figure 1, diagonal. In the order and with the defaults of the
    documentation of torch.optim.Adagrad, PyTorch 2.13.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> adagrad = ll.momentum.Adagrad(learning_rate=0.1)
    >>> run = ll.simulate(ll.potentials.harmonic(), adagrad, n_steps=1, seed=0, start=1.0)
    >>> round(run["x_final"].item(), 6)
    0.9
    """

    learning_rate: Number = 1e-2
    rate_decay: float = 0.0
    initial_square: float = 0.0
    epsilon: float = 1e-10
    source: ClassVar[str] = "Duchi, Hazan and Singer (2011); torch.optim.Adagrad, PyTorch 2.13"

    @property
    def program(self) -> Program:
        """The lines of one step."""
        return _adagrad(self.weight_decay > 0, self.rate_decay > 0)

    def coefficients(self) -> dict[str, Any]:
        """The numbers that the lines name."""
        values = super().coefficients() | {"first": self.initial_square}
        return values | ({"rate_decay": self.rate_decay} if self.rate_decay > 0 else {})


@dataclass(frozen=True, kw_only=True)
class Adadelta(_SquaredGradients):
    """`torch.optim.Adadelta`.

    Parameters
    ----------
    learning_rate : float or callable, optional
        > 0 [1], or a schedule of the step number.
    square_decay : float, optional
        In [0, 1): of both averages of squares; PyTorch's rho.
    epsilon : float, optional
        > 0: added to the squares [energy^2/length^2] and [length^2].
    weight_decay : float, optional
        >= 0 [energy/length^2].

    Source
    ------
    Zeiler (2012), algorithm 1. In the order and with the defaults of the documentation of
    torch.optim.Adadelta, PyTorch 2.13.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> run = ll.simulate(ll.potentials.harmonic(), ll.momentum.Adadelta(), n_steps=1, seed=0,
    ...                   start=1.0)
    >>> round(1e3 * (1 - run["x_final"].item()), 4)      # sqrt(epsilon/(1 - square_decay))
    3.1623
    """

    learning_rate: Number = 1.0
    square_decay: float = 0.9
    epsilon: float = 1e-6
    source: ClassVar[str] = "Zeiler (2012); torch.optim.Adadelta, PyTorch 2.13"

    @property
    def program(self) -> Program:
        """The lines of one step."""
        return _adadelta(self.weight_decay > 0)
