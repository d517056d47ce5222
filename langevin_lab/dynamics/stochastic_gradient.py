"""Samplers of the stochastic gradient literature: SGLD, SGHMC, SGNHT, each with its method.

They are Euler steps of equations that are here already, for a potential whose gradient is drawn
from minibatches. With the mean loss over n examples as U, where their papers have its sum, the
posterior is exp(-U/T) at T = 1/n:

    SGLD     x += -dt g + sqrt(2 T dt) N            (epsilon/2 there is dt/n here)
    SGHMC    p += -dt g - friction dt p + sqrt(2 friction T' dt) N,   x += dt p
    SGNHT    p += -dt g - xi dt p + applied_noise sqrt(dt) N,   x += dt p,
             xi += dt (p.p/dim - T)

The first two heat up under the noise of minibatches, the third turns its friction up instead. That
is for noise drawn afresh in every step, ``replacement=True`` of a potential. Batches of an epoch
sum up to no noise at all: where an epoch is short against the times of the motion they hardly heat.
"""

from __future__ import annotations

from typing import Any

from langevin_lab.dynamics.equations import Langevin, Overdamped
from langevin_lab.dynamics.schedules import check_nonnegative, check_positive
from langevin_lab.dynamics.thermostats import AdaptiveLangevin

__all__ = ["sghmc", "sgld", "sgnht"]


def sgld(potential: Any, *, temperature: Any) -> tuple[Overdamped, str]:
    """Stochastic gradient Langevin dynamics: (dynamics, name of its method).

    Parameters
    ----------
    potential : Potential
    temperature : float or callable
        1/n for the posterior, where U is the mean loss of n examples: see
        `langevin_lab.training.posterior_temperature`.

    Returns
    -------
    tuple of Overdamped and "EulerMaruyama"
        The step sizes epsilon of the paper are 2 dt/n.

    Source
    ------
    Welling and Teh (2011), equation 4.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> dynamics, method = ll.dynamics.sgld(ll.potentials.harmonic(), temperature=0.01)
    >>> method, dynamics.temperature
    ('EulerMaruyama', 0.01)
    """
    return Overdamped(potential, temperature=temperature), "EulerMaruyama"


def sghmc(
    potential: Any, *, temperature: float, friction: float, gradient_noise_estimate: float = 0.0
) -> tuple[Langevin, str]:
    """Stochastic gradient Hamiltonian Monte Carlo: (dynamics, name of its method).

    Parameters
    ----------
    potential : Potential
    temperature : float
        > 0; 1/n for the posterior, where U is the mean loss of n examples.
    friction : float
        > 0 [1/time].
    gradient_noise_estimate : float, optional
        B >= 0 [1/time], what the gradient's noise adds: noise of variance s^2 per coordinate,
        drawn afresh in every step, has B = dt s^2/(2 T); batches of an epoch add less, and with
        this B they are too cold. So much less is added on purpose, and T' = T (1 - B/friction).

    Returns
    -------
    tuple of Langevin and "SemiImplicitEuler"

    Raises
    ------
    TypeError, ValueError
        If a number is out of range, or B > friction: the thermostat cannot take noise away.

    Source
    ------
    Chen, Fox and Guestrin (2014), equation 15.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> dynamics, method = ll.dynamics.sghmc(
    ...     ll.potentials.harmonic(), temperature=0.01, friction=2.0, gradient_noise_estimate=0.5)
    >>> method, dynamics.temperature
    ('SemiImplicitEuler', 0.0075)
    """
    check_positive("temperature", temperature)
    check_positive("friction", friction)
    check_nonnegative("gradient_noise_estimate", gradient_noise_estimate)
    if gradient_noise_estimate > friction:
        raise ValueError(
            f"gradient_noise_estimate={gradient_noise_estimate:g} exceeds friction={friction:g}: "
            "the gradient alone is too noisy; raise friction, lower dt or take larger batches"
        )
    added = temperature * (1.0 - gradient_noise_estimate / friction)
    return Langevin(potential, temperature=added, friction=friction), "SemiImplicitEuler"


def sgnht(
    potential: Any, *, temperature: float, applied_noise: float
) -> tuple[AdaptiveLangevin, str]:
    """Stochastic gradient Nosé-Hoover thermostat: (dynamics, name of its method).

    Parameters
    ----------
    potential : Potential
    temperature : float
        > 0; 1/n for the posterior, where U is the mean loss of n examples.
    applied_noise : float
        >= 0. At temperature T the friction xi settles at applied_noise^2/(2 T) and what the
        gradient's noise adds; the paper's A is that first part.

    Returns
    -------
    tuple of AdaptiveLangevin and "SGNHT"
        With the thermal mass dim, which is the paper's at any n: time runs sqrt(n) times faster
        under the sum of the losses. The friction then follows within about 1/sqrt(2 temperature),
        which at T = 1e-5 is 224 time units; `AdaptiveLangevin` takes any other thermal mass.

    Raises
    ------
    TypeError, ValueError
        If a number is out of range.

    Source
    ------
    Ding et al. (2014), algorithm 1.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> dynamics, method = ll.dynamics.sgnht(
    ...     ll.potentials.harmonic(dim=4), temperature=0.01, applied_noise=0.1)
    >>> method, dynamics.thermal_mass, round(dynamics.thermostat_mean, 12)
    ('SGNHT', 4.0, 0.5)
    """
    check_positive("temperature", temperature)
    return AdaptiveLangevin(
        potential,
        temperature=temperature,
        thermal_mass=float(potential.dim),
        applied_noise=applied_noise,
    ), "SGNHT"
