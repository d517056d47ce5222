"""`Descent`: the iteration of an optimiser on a potential, a dynamics whose time counts steps.

    x_{n+1} = step(x_n, p_n; n),      n = 0, 1, 2, ...

It is not a continuous-time equation: `langevin_lab.limits` gives those that it approximates.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.dynamics import Dynamics
from langevin_lab.dynamics.equations import _check_potential
from langevin_lab.momentum.optimiser import Optimiser


@dataclass(frozen=True)
class Descent(Dynamics):
    """An optimiser at work on a potential.

    `ll.simulate(potential, optimiser, ...)` makes one; a schedule of the optimiser is read at the
    number n of the step, which is what time means here.

    Parameters
    ----------
    potential : Potential
        The loss, perhaps with gradient noise or minibatches.
    optimiser : Optimiser

    Examples
    --------
    >>> import langevin_lab as ll
    >>> descent = ll.momentum.Descent(
    ...     ll.potentials.harmonic(), ll.momentum.HeavyBall(learning_rate=0.1, momentum=0.5))
    >>> descent.momenta
    True
    """

    potential: Any
    optimiser: Optimiser
    equation = "descent"
    step_name = "learning_rate"

    def __post_init__(self) -> None:
        _check_potential(self.potential)
        if not isinstance(self.optimiser, Optimiser):
            raise TypeError(
                f"optimiser={self.optimiser!r} must be one of langevin_lab.momentum, such as "
                "HeavyBall(learning_rate=0.01, momentum=0.9)"
            )
        self.optimiser.check_potential(self.potential)

    @property
    def momenta(self) -> bool:  # type: ignore[override]
        """Whether the optimiser remembers anything but the position."""
        return self.optimiser.momenta

    @property
    def starts_at_rest(self) -> bool:
        """Whether the optimiser has no momentum before its first step."""
        return self.optimiser.starts_at_rest

    @property
    def temperature(self) -> float:  # type: ignore[override]
        """Zero: noise comes from the gradient or the data."""
        return 0.0

    @property
    def is_noiseless(self) -> bool:
        """Whether all noise is that of the gradient."""
        return self.optimiser.is_noiseless

    @property
    def scheduled(self) -> tuple[str, ...]:
        """What of the optimiser changes from step to step."""
        return () if self.of_one_time else self.optimiser.scheduled

    def scheduled_values(self, times) -> dict[str, np.ndarray]:
        """Values of what is scheduled in the steps that hold the times (n,)."""
        frozen = self.optimiser.at(np.floor(times))
        return {f"{name}s": np.ravel(getattr(frozen, name)) for name in self.scheduled}

    def at(self, time) -> Descent:
        """The same descent with the numbers of the step that holds ``time``; see `Dynamics.at`."""
        if not self.is_scheduled:
            return self
        frozen = copy.copy(self)
        object.__setattr__(frozen, "optimiser", self.optimiser.at(np.floor(time)))
        object.__setattr__(frozen, "of_one_time", True)
        return frozen

    @property
    def thermal_momentum_scale(self) -> np.ndarray:
        """Zeros: an optimiser starts at rest."""
        return np.zeros(self.dim)
