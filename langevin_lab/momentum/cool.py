"""CoolMomentum: the heavy ball of Langevin dynamics, whose falling momentum cools it.

    p_{n+1} = momentum_n p_n - learning_rate (1 + momentum_n)/2 grad U(x_n)
    x_{n+1} = x_n + p_{n+1},      p_0 = 0

With learning_rate = dt^2 and momentum = (1 - friction dt/2)/(1 + friction dt/2) it is BBK of unit
mass; with momentum = exp(-friction dt) its path without noise is that of BAOAB. The noise of the
gradient is its bath: `limits.cool_momentum_temperature`.
Source: Borysenko and Byshkin (2021).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from langevin_lab.dynamics import CoolingMomentum
from langevin_lab.integrators import Program
from langevin_lab.momentum.classical import _HEAVY_BALL
from langevin_lab.momentum.optimiser import Number, Optimiser


@dataclass(frozen=True, kw_only=True)
class CoolMomentum(Optimiser):
    """CoolMomentum ``p = momentum p - learning_rate (1 + momentum)/2 grad U(x)``, ``x = x + p``.

    Parameters
    ----------
    learning_rate : float or callable
        > 0 [length^2/energy], a squared time step of unit mass; or a schedule of the step number.
    momentum : float or callable
        In [0, 1), or a schedule of the step number, such as `dynamics.CoolingMomentum`.

    Source
    ------
    Borysenko and Byshkin (2021).

    Examples
    --------
    >>> import langevin_lab as ll
    >>> cool = ll.momentum.CoolMomentum.cooling(n_steps=1000)
    >>> [round(cool.at(n).momentum, 4) for n in (0, 500, 1000)], cool.stability_limit
    ([0.99, 0.9, 0.0], 4.0)
    """

    momentum: Number
    source: ClassVar[str] = "Borysenko and Byshkin (2021)"
    look_ahead: ClassVar[float] = 0.0

    @classmethod
    def cooling(
        cls,
        *,
        n_steps: float,
        learning_rate: Number = 0.01,
        start: float = 0.99,
        form: str = "published",
    ) -> CoolMomentum:
        """CoolMomentum whose momentum falls from ``start`` to 0 in ``n_steps`` steps.

        Parameters
        ----------
        n_steps : float
            Steps of the cooling, > 0; afterwards it is gradient descent.
        learning_rate : float or callable, optional
            By default the published one.
        start : float, optional
            Momentum of the first step, in [0, 1); by default the published one.
        form : {"published", "exponential", "linear"}, optional
            As `dynamics.CoolingMomentum`.

        Source
        ------
        Borysenko and Byshkin (2021), equation (20); defaults of the authors' repository.
        """
        schedule = CoolingMomentum(start=start, duration=n_steps, form=form)
        return cls(learning_rate=learning_rate, momentum=schedule)

    @property
    def dampening(self) -> Any:
        """``(1 - momentum)/2``: the part of the learning rate that does not reach the gradient.

        Raises
        ------
        ValueError
            If the momentum is a schedule.
        """
        return (1.0 - self.constant("momentum")) / 2.0

    @property
    def program(self) -> Program:
        """The lines of one step: those of heavy ball."""
        return _HEAVY_BALL

    def coefficients(self) -> dict[str, Any]:
        """The numbers that the lines name."""
        rate = self.learning_rate * (1.0 + self.momentum) / 2.0  # type: ignore[operator]
        return {"rate": rate, "momentum": self.momentum}

    @property
    def stability_limit(self) -> float:
        """4: learning rate times curvature, at any momentum; that of Verlet's method."""
        return 4.0
