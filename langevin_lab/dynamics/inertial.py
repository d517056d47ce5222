"""Inertial flow with Hessian-driven damping, written without a Hessian.

    dx = (p/mass - hessian_damping grad U(x)) dt
    dp = (-force_scale grad U(x) - friction p) dt

With constant numbers x obeys

    x'' + friction x' + hessian_damping U''(x) x'
        + (force_scale/mass + friction hessian_damping) grad U(x) = 0

Source: Alvarez, Attouch, Bolte and Redont (2002) for the first-order form; Shi, Du, Jordan and Su
(2021) for its place in the limits of Nesterov's method.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from langevin_lab.dynamics.equations import (
    Dynamics,
    Friction,
    _check_friction,
    _check_potential,
    _number,
    _scheduled_values,
)


@dataclass(frozen=True)
class InertialFlow(Dynamics):
    """Momentum flow whose damping feels the curvature of the potential; no noise.

    Parameters
    ----------
    potential : Potential
        U, with ``dim`` coordinates.
    friction : float, array_like of shape (dim,) or callable
        >= 0 [1/time], or a schedule ``friction(time)``.
    hessian_damping : float
        >= 0 [time/mass]; 0 gives the momentum flow.
    force_scale : float or callable, optional
        >= 0, or a schedule ``force_scale(time)``.
    mass : float, optional
        > 0.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> flow = ll.InertialFlow(ll.potentials.harmonic(), friction=1.0, hessian_damping=0.1)
    >>> path = ll.integrators.solve_flow(flow, [1.0], [0.0, 30.0])
    >>> bool(abs(path["x"][-1, 0]) < 1e-6)
    True
    """

    potential: Any
    friction: Friction = field(kw_only=True)
    hessian_damping: float = field(kw_only=True)
    force_scale: Any = field(default=1.0, kw_only=True)
    mass: float = field(default=1.0, kw_only=True)
    momenta = True
    equation = "inertial"

    def __post_init__(self) -> None:
        _check_potential(self.potential)
        friction = _check_friction(self.friction, self.dim, zero=True)
        object.__setattr__(self, "friction", friction)
        for name, low in (("hessian_damping", ">= 0"), ("force_scale", ">= 0"), ("mass", "> 0")):
            value = getattr(self, name)
            if name == "force_scale" and callable(value):
                continue
            number = _number(name, value)
            if not (np.isfinite(number) and (number > 0 or (number == 0 and low == ">= 0"))):
                raise ValueError(f"{name}={value!r} must be finite and {low}")
            object.__setattr__(self, name, number)

    @property
    def temperature(self) -> float:  # type: ignore[override]
        """Zero: a flow has no noise."""
        return 0.0

    @property
    def scheduled(self) -> tuple[str, ...]:
        """Which of "friction" and "force_scale" change in time."""
        return tuple(name for name in ("friction", "force_scale") if callable(getattr(self, name)))

    def force_scale_at(self, time):
        """Force scale at ``time`` (scalar or array), checked to be finite and >= 0."""
        if not callable(self.force_scale):
            return np.full(np.shape(time), self.force_scale)
        return _scheduled_values("force_scale", self.force_scale, time, zero=True)
