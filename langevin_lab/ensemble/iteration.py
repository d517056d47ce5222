"""What a run is made of: a dynamics under a method with a step, or an optimiser on a potential."""

from __future__ import annotations

from typing import Any

import numpy as np

from langevin_lab.integrators import Method, method_for
from langevin_lab.integrators.methods import check_time_step
from langevin_lab.momentum import Descent, Optimiser
from langevin_lab.potentials import Potential


def matched(
    dynamics: Any, integrator: Any, dt: Any, gradient_noise: Any = None
) -> tuple[Any, Method, float]:
    """The dynamics, its method and the step, each checked to fit the others.

    Parameters
    ----------
    dynamics : Dynamics or Potential
        A potential stands for an optimiser at work on it.
    integrator : str, Method or Optimiser
    dt : float or None
        None for an optimiser, whose time counts steps.
    gradient_noise : float or array_like, optional
        Standard deviation or covariance, for a potential.

    Raises
    ------
    TypeError
        If a dynamics is given where a potential belongs or the reverse, or dt is missing.
    ValueError
        If dt is given to an optimiser, or gradient noise to a dynamics.
    """
    if isinstance(integrator, Optimiser):
        return _descent(dynamics, integrator, dt, gradient_noise)
    if isinstance(dynamics, Potential):
        raise TypeError(
            f"dynamics={dynamics!r} is a potential: wrap it in ll.Langevin, ll.Overdamped or "
            "ll.GradientFlow, or give an optimiser such as ll.momentum.HeavyBall(...)"
        )
    if gradient_noise is not None:
        raise ValueError(
            f"gradient_noise={gradient_noise!r} is for an optimiser on a potential; give the "
            "dynamics potential.with_gradient_noise(standard_deviation=...)"
        )
    if isinstance(dynamics, Descent):
        raise TypeError(
            f"integrator={integrator!r} for a Descent: give ll.simulate(potential, optimiser, ...)"
        )
    scheme = method_for(integrator, dynamics)
    if dt is None:
        raise TypeError("dt is missing: give the time step, > 0 (time units of the dynamics)")
    return dynamics, scheme, check_time_step(dt)


def _descent(
    dynamics: Any, optimiser: Optimiser, dt: Any, gradient_noise: Any
) -> tuple[Any, Method, float]:
    if not isinstance(dynamics, Potential):
        raise TypeError(
            f"dynamics={dynamics!r} under {optimiser!r}: an optimiser works on a Potential; give "
            "the potential itself"
        )
    if dt is not None:
        raise ValueError(
            f"dt={dt!r} with {optimiser!r}: its learning_rate is its step, and time counts steps; "
            "leave dt out"
        )
    descent = Descent(with_noise(dynamics, gradient_noise), optimiser)
    scheme = optimiser.method()
    scheme.check(descent)
    return descent, scheme, 1.0


def with_noise(potential: Potential, gradient_noise: Any) -> Potential:
    """The potential with gradient noise of a standard deviation, or with two axes a covariance.

    Parameters
    ----------
    potential : Potential
    gradient_noise : float or array_like of shape (dim,) or (dim, dim), or None
        None leaves the potential as it is.

    Raises
    ------
    TypeError, ValueError
        As `Potential.with_gradient_noise`, with the argument's name in front.
    """
    if gradient_noise is None:
        return potential
    kind = "covariance" if np.ndim(gradient_noise) == 2 else "standard_deviation"
    try:
        return potential.with_gradient_noise(**{kind: gradient_noise})
    except (TypeError, ValueError) as error:
        raise type(error)(f"gradient_noise={gradient_noise!r}: {error}") from None
