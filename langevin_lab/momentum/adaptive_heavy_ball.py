"""Heavy ball and Adam with a momentum that each step reads off its gradients.

    momentum_k = min((1 - sqrt(learning_rate |g_k - g_{k-1}|/|x_k - x_{k-1}|))^2, 1 - margin)

    AdaptiveHeavyBall   x_{k+1} = x_k - learning_rate g_k + momentum_k (x_k - x_{k-1})
    ARAdam              m_k = momentum_k m_{k-1} + (1 - momentum_k) g_k, and the rest of Adam

The norms are over all coordinates of a replica. On a quadratic the ratio of norms is an average of
its curvatures, and in the slowest mode the lowest: (1 - sqrt(learning_rate curvature))^2 is the
momentum that is best for it, see `optimal_momentum`. With gradient noise the ratio is that of two
noises, about 1/learning_rate, and the momentum falls to 0.

Where there is no last step, at the start or after a step of length 0, the momentum is 0; where the
gradient has not changed although x has, it is the largest, 1 - margin. A square is never below 0,
so of the projection on [0, 1 - margin] the upper end alone is at work.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, ClassVar

from langevin_lab.integrators import Program
from langevin_lab.momentum.nonlinear import NonlinearOptimiser
from langevin_lab.momentum.optimiser import Number


def _momentum_lines(displacement: str) -> tuple[str, ...]:
    """The lines that set the momentum, from g, its predecessor and the last displacement."""
    return (
        "change = g - before",
        "before = g",
        "change2 = dot(change, change)",
        f"moved2 = dot({displacement}, {displacement})",
        # Both arms of a select are computed: no 0/0.
        "ratio = sqrt(change2 / select(moved2 > 0.0, moved2, 1.0))",
        "part = 1.0 - sqrt(rate * ratio)",
        "momentum = select(part * part < largest, part * part, largest)",
        "momentum = select(moved2 > 0.0, momentum, 0.0)",
    )


_SCALARS = ("momentum", "change2", "moved2", "ratio", "part")


@functools.cache
def _heavy_ball(decays: bool) -> Program:
    return Program(
        text=(
            "g = gradient(x)",
            *(("g = fma(decay, x, g)",) if decays else ()),
            *_momentum_lines("p"),
            "p = fma(-rate, g, momentum * p)",
            "x = x + p",
        ),
        state=("x", "p", "momentum"),
        coefficients=("rate", "largest", *(("decay",) if decays else ())),
        n_normals=0,
        scalars=_SCALARS,
        memories=("before",),
    )


@functools.cache
def _adam(decays: bool) -> Program:
    return Program(
        text=(
            "g = gradient(x)",
            *(("g = fma(decay, x, g)",) if decays else ()),
            *_momentum_lines("displacement"),
            "p = fma(1.0 - momentum, g - p, p)",
            "square = fma(square_gain * g, g, square_decay * square)",
            "square_weight = fma(square_gain, 1.0 - square_weight, square_weight)",
            "root = sqrt(square_weight)",
            "displacement = -rate * p / (sqrt(square) / root + epsilon)",
            "x = x + displacement",
        ),
        state=("x", "p", "momentum"),
        coefficients=(
            "rate", "largest", "square_gain", "square_decay", "epsilon",
            *(("decay",) if decays else ()),
        ),
        n_normals=0,
        scalars=(*_SCALARS, "square_weight", "root"),
        memories=("before", "displacement", "square", "square_weight"),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class AdaptiveHeavyBall(NonlinearOptimiser):
    """Heavy ball with the momentum that its last two gradients ask for: ARSGD.

    Observables may name the ``momentum`` of the last step.

    Parameters
    ----------
    learning_rate : float or callable
        > 0 [length^2/energy], or a schedule of the step number.
    margin : float, optional
        In (0, 1]: the momentum is at most 1 - margin; the paper's delta.
    weight_decay : float, optional
        >= 0 [energy/length^2].

    Source
    ------
    Sun, Ling, Shi, Li and Wang (2021), ARSGD.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> plane = ll.Potential.from_expression("(x**2 + y**2/100)/2", variables=("x", "y"))
    >>> run = ll.simulate(plane, ll.momentum.AdaptiveHeavyBall(learning_rate=1.0), n_steps=100,
    ...                   seed=0, start=[1.0, 1.0])
    >>> round(run["momentum_final"].item(), 4)         # (1 - sqrt(1/100))^2
    0.81
    """

    margin: float = 1e-3
    weight_decay: float = 0.0
    starts_at_rest: ClassVar[bool] = True  # no gradient is known where a last step began
    source: ClassVar[str] = "Sun, Ling, Shi, Li and Wang (2021), ARSGD"

    @property
    def program(self) -> Program:
        """The lines of one step."""
        return _heavy_ball(self.weight_decay > 0)

    def coefficients(self) -> dict[str, Any]:
        """The numbers that the lines name."""
        values = {"rate": self.learning_rate, "largest": 1.0 - self.margin}
        return values | ({"decay": self.weight_decay} if self.weight_decay > 0 else {})


@dataclass(frozen=True, kw_only=True)
class ARAdam(AdaptiveHeavyBall):
    """Adam with the momentum that its last two gradients ask for.

    In the first step the momentum is 0, so the average of gradients has weights of sum 1 from then
    on and needs no correction; that of their squares has Adam's. Observables may name the
    ``momentum`` of the last step.

    Parameters
    ----------
    learning_rate : float or callable, optional
        > 0 [length], or a schedule of the step number. In the momentum it stands for a
        [length^2/energy], as in the paper.
    margin, weight_decay
        As `AdaptiveHeavyBall`.
    square_decay, epsilon : float, optional
        As `Adam`.

    Source
    ------
    Sun, Ling, Shi, Li and Wang (2021), ARAdam.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> run = ll.simulate(ll.potentials.harmonic(), ll.momentum.ARAdam(learning_rate=0.1),
    ...                   n_steps=1, seed=0, start=1.0)
    >>> round(run["x_final"].item(), 6), run["momentum_final"].item()
    (0.9, 0.0)
    """

    learning_rate: Number = 1e-3
    square_decay: float = 0.999
    epsilon: float = 1e-8
    source: ClassVar[str] = "Sun, Ling, Shi, Li and Wang (2021), ARAdam"

    @property
    def program(self) -> Program:
        """The lines of one step."""
        return _adam(self.weight_decay > 0)

    def coefficients(self) -> dict[str, Any]:
        """The numbers that the lines name."""
        return super().coefficients() | {
            "square_gain": 1.0 - self.square_decay,
            "square_decay": self.square_decay,
            "epsilon": self.epsilon,
        }
