"""Langevin dynamics whose friction is a variable: the adaptive (Nosé-Hoover) thermostat.

    dx  = p/mass dt
    dp  = -grad U(x) dt - coupling xi p dt + applied_noise sqrt(mass) dW
    thermal_mass dxi = (p.p/mass - dim T) dt

The thermostat xi turns friction up while the kinetic energy is above dim T/2 and so finds the
friction that balances noise of unknown strength. Whatever white noise of strength sigma the
gradient adds, the stationary density is

    exp(-(U + p.p/(2 mass))/T) exp(-thermal_mass coupling (xi - xi*)^2/(2 T)),
    xi* = (applied_noise^2 + sigma^2)/(2 coupling T)

Source: Jones and Leimkuhler (2011); Ding et al. (2014); Leimkuhler and Shang (2016).
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from langevin_lab.dynamics.equations import (
    Dynamics,
    Temperature,
    _check_potential,
    _check_temperature,
    _number,
    _per_coordinate,
)


def _positive(name: str, value: Any, *, infinite: bool = False) -> float:
    number = _number(name, value)
    if not (number > 0 and (infinite or math.isfinite(number))):
        raise ValueError(f"{name}={number} must be > 0{'' if infinite else ' and finite'}")
    return number


@dataclass(frozen=True)
class AdaptiveLangevin(Dynamics):
    """Adaptive Langevin dynamics: friction ``coupling xi`` that regulates itself.

    Parameters
    ----------
    potential : Potential
        U, with ``dim`` coordinates.
    temperature : float or callable
        T > 0 [energy] that the thermostat steers to, or a schedule ``temperature(time)``.
    thermal_mass : float
        mu > 0 [energy time^2]: the inertia of xi; ``math.inf`` freezes it.
    applied_noise : float, optional
        sigma_A >= 0: amplitude of the noise that is added on purpose; 0 relies on that of the
        gradient (or of nothing: then the dynamics is that of Nosé and Hoover).
    coupling : float, optional
        Friction per xi, > 0 (1 unless a published convention has another).
    mass : float or array_like of shape (dim,), optional
        > 0.

    Notes
    -----
    AdLa as printed has friction eps xi and dxi = eps (p.p - N T) dt: ``thermal_mass=1/eps,
    coupling=eps``; its published code has friction xi: ``thermal_mass=1/eps``.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> U = ll.potentials.harmonic()
    >>> eq = ll.AdaptiveLangevin(U, temperature=1.0, thermal_mass=10.0, applied_noise=1.0)
    >>> eq.thermostat_mean, eq.thermostat_variance
    (0.5, 0.1)
    """

    potential: Any
    temperature: Temperature = field(kw_only=True)
    thermal_mass: float = field(kw_only=True)
    applied_noise: float = field(default=0.0, kw_only=True)
    coupling: float = field(default=1.0, kw_only=True)
    mass: float | tuple[float, ...] = field(default=1.0, kw_only=True)
    momenta = True
    equation = "adaptive"

    def __post_init__(self) -> None:
        _check_potential(self.potential)
        temperature = _check_temperature(self.temperature)
        if not callable(temperature) and temperature == 0:
            raise ValueError("temperature=0: a thermostat needs a temperature > 0 to steer to")
        object.__setattr__(self, "temperature", temperature)
        mass = _positive("thermal_mass", self.thermal_mass, infinite=True)
        object.__setattr__(self, "thermal_mass", mass)
        noise = _number("applied_noise", self.applied_noise)
        if not (math.isfinite(noise) and noise >= 0):
            raise ValueError(f"applied_noise={noise} must be finite and >= 0")
        object.__setattr__(self, "applied_noise", noise)
        object.__setattr__(self, "coupling", _positive("coupling", self.coupling))
        object.__setattr__(self, "mass", _per_coordinate("mass", self.mass, self.dim, zero=False))

    def without_thermostat(self) -> AdaptiveLangevin:
        """The same with xi frozen: an infinite thermal mass."""
        frozen = copy.copy(self)
        object.__setattr__(frozen, "thermal_mass", math.inf)
        return frozen

    @property
    def is_noiseless(self) -> bool:
        """Whether no noise is applied."""
        return self.applied_noise == 0

    @property
    def thermostat_mean(self) -> float:
        """xi* = applied_noise^2/(2 coupling T) [1/time], without gradient noise.

        Raises
        ------
        ValueError
            If a temperature schedule is 0 at time 0, where xi has no invariant law.
        """
        temperature = float(self.temperature_at(0.0))
        if temperature == 0:
            raise ValueError(
                f"temperature={self.temperature!r} is 0 at time 0, where the thermostat has no "
                "invariant law: give start_thermostat=0.0, say"
            )
        return self.applied_noise**2 / (2 * self.coupling * temperature)

    @property
    def thermostat_variance(self) -> float:
        """Var xi = T/(thermal_mass coupling)."""
        return float(self.temperature_at(0.0)) / (self.thermal_mass * self.coupling)

    def thermostat_start(self, draws: np.ndarray) -> np.ndarray:
        """Thermostats from their invariant law; draws (n_thermostats, n) are standard normal."""
        return self.thermostat_mean + math.sqrt(self.thermostat_variance) * draws
