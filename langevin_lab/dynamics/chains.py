"""Nosé-Hoover chains: constant temperature without noise.

    dx = p/mass dt
    dp = -grad U(x) dt - xi_1 p dt
    mu_1 dxi_1 = (p.p/mass - dim T) dt - mu_1 xi_1 xi_2 dt
    mu_j dxi_j = (mu_{j-1} xi_{j-1}^2 - T) dt - mu_j xi_j xi_{j+1} dt,     xi_{M+1} = 0

Every thermostat is held at T by the next one of the chain. Invariant are the density

    exp(-(U + p.p/(2 mass) + sum_j mu_j xi_j^2/2)/T)

and, with eta_j' = xi_j, the energy U + p.p/(2 mass) + sum_j mu_j xi_j^2/2 + T (dim eta_1 + eta_2 +
... + eta_M). Time averages are those of the density where the flow is ergodic, which nothing
guarantees: a chain of one on a harmonic oscillator is not, longer chains have shown no flaw there.

Source: Nosé (1984); Hoover (1985); Martyna, Klein and Tuckerman (1992), eq. (2.6).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from langevin_lab.dynamics.equations import (
    Dynamics,
    Temperature,
    _check_potential,
    _check_temperature,
    _per_coordinate,
)


@dataclass(frozen=True)
class NoseHooverChain(Dynamics):
    """Hamiltonian dynamics with friction from a chain of thermostats, and no noise.

    Parameters
    ----------
    potential : Potential
        U, with ``dim`` coordinates.
    temperature : float or callable
        T > 0 [energy] that the chain steers to, or a schedule ``temperature(time)``.
    thermal_masses : sequence of float
        mu_1, ..., mu_M > 0 [energy time^2], one a thermostat; the usual choice for a frequency
        omega is ``dim T/omega**2`` for the first and ``T/omega**2`` for the others.
    mass : float or array_like of shape (dim,), optional
        > 0.

    Notes
    -----
    Observables know the thermostats as ``xi_1``, ``xi_2``, ... [1/time].

    Examples
    --------
    >>> import langevin_lab as ll
    >>> U = ll.potentials.double_well()
    >>> ll.NoseHooverChain(U, temperature=0.5, thermal_masses=(0.5, 0.5, 0.5)).n_thermostats
    3
    """

    potential: Any
    temperature: Temperature = field(kw_only=True)
    thermal_masses: Sequence[float] = field(kw_only=True)
    mass: float | tuple[float, ...] = field(default=1.0, kw_only=True)
    momenta = True
    equation = "nose_hoover"

    def __post_init__(self) -> None:
        _check_potential(self.potential)
        temperature = _check_temperature(self.temperature)
        if not callable(temperature) and temperature == 0:
            raise ValueError("temperature=0: a thermostat needs a temperature > 0 to steer to")
        object.__setattr__(self, "temperature", temperature)
        object.__setattr__(self, "thermal_masses", _masses(self.thermal_masses))
        object.__setattr__(self, "mass", _per_coordinate("mass", self.mass, self.dim, zero=False))

    @property
    def n_thermostats(self) -> int:
        """Length M of the chain."""
        return len(self.thermal_masses)

    @property
    def is_noiseless(self) -> bool:
        """True: the flow is deterministic."""
        return True

    def thermostat_start(self, draws: np.ndarray) -> np.ndarray:
        """Thermostats from their invariant law N(0, T/mu_j); draws (M, n) are standard normal."""
        temperature = float(self.temperature_at(0.0))
        return np.sqrt(temperature / np.array(self.thermal_masses))[:, None] * draws


def _masses(value: Any) -> tuple[float, ...]:
    """The thermal masses as a tuple of floats > 0."""
    entries = list(value) if isinstance(value, (Sequence, np.ndarray)) else [value]
    number = (int, float, np.integer, np.floating)
    if isinstance(value, str) or any(
        isinstance(entry, bool) or not isinstance(entry, number) for entry in entries
    ):
        raise TypeError(
            f"thermal_masses={value!r} must be numbers, one for each thermostat of the chain"
        )
    if not entries or not all(math.isfinite(entry) and entry > 0 for entry in entries):
        raise ValueError(
            f"thermal_masses={value!r} must be finite and > 0, at least one; without thermostats "
            "use Langevin(..., friction=0)"
        )
    return tuple(float(entry) for entry in entries)
