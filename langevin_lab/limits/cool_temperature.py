"""How hot CoolMomentum is, and by how much it cools.

On U = curvature x^2/2, with gradient noise drawn afresh at every step,

    T = learning_rate gradient_noise^2/(4 - learning_rate curvature) (1 + momentum)/(1 - momentum)

is both the configurational temperature, curvature <x^2>, and what the displacements D show,
<D^2>/learning_rate. So T goes as (1 + momentum)/(1 - momentum): from momentum 0.99 to 0 it falls by
a factor of 199, where the 1/(1 - momentum) of the paper would give 100.
Source: Borysenko and Byshkin (2021); the law is the Lyapunov equation of their recursion.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from langevin_lab.dynamics.schedules import check_nonnegative, check_positive
from langevin_lab.limits.dictionary import RULES

__all__ = ["cool_momentum_noise", "cool_momentum_temperature", "cooling_factor"]


def cool_momentum_temperature(
    *,
    learning_rate: float,
    momentum: Any,
    gradient_noise: float,
    batch_size: float = 1.0,
    curvature: float = 0.0,
) -> Any:
    """Compute the temperature at which CoolMomentum samples under gradient noise.

    Parameters
    ----------
    learning_rate : float
        Of `momentum.CoolMomentum`, > 0 [length^2/energy].
    momentum : float or array_like
        In [0, 1); several along a schedule.
    gradient_noise : float
        Standard deviation of the gradient of one example in one coordinate, >= 0 [energy/length].
    batch_size : float, optional
        Independent examples in an evaluation, > 0.
    curvature : float, optional
        >= 0; by default small against 1/learning_rate.

    Returns
    -------
    float or ndarray of the shape of ``momentum``
        [energy].

    Raises
    ------
    TypeError
        If the momentum is no number, such as a schedule.
    ValueError
        If a number is out of range, or learning_rate * curvature >= 4, where no step is stable.

    Source
    ------
    Borysenko and Byshkin (2021); exact on quadratics by the Lyapunov equation of the recursion.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> round(ll.limits.cool_momentum_temperature(
    ...     learning_rate=0.01, momentum=0.9, gradient_noise=2.0), 4)
    0.19
    """
    check_positive("learning_rate", learning_rate)
    check_nonnegative("gradient_noise", gradient_noise)
    check_positive("batch_size", batch_size)
    _check_curvature(learning_rate, curvature)
    return _each(
        "temperature", momentum, learning_rate=learning_rate, gradient_noise=gradient_noise,
        batch_size=batch_size, curvature=curvature,
    )  # fmt: skip


def cool_momentum_noise(
    *,
    learning_rate: float,
    momentum: Any,
    temperature: float,
    batch_size: float = 1.0,
    curvature: float = 0.0,
) -> Any:
    """Compute the gradient noise under which CoolMomentum samples at a temperature.

    Parameters
    ----------
    learning_rate, momentum, batch_size, curvature
        As `cool_momentum_temperature`, which it inverts.
    temperature : float
        >= 0 [energy].

    Returns
    -------
    float or ndarray of the shape of ``momentum``
        Standard deviation of the gradient of one example in one coordinate [energy/length].

    Raises
    ------
    ValueError
        As `cool_momentum_temperature`.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> round(ll.limits.cool_momentum_noise(learning_rate=0.01, momentum=0.9, temperature=0.19), 4)
    2.0
    """
    check_positive("learning_rate", learning_rate)
    check_nonnegative("temperature", temperature)
    check_positive("batch_size", batch_size)
    _check_curvature(learning_rate, curvature)
    return _each(
        "gradient_noise", momentum, learning_rate=learning_rate, temperature=temperature,
        batch_size=batch_size, curvature=curvature,
    )  # fmt: skip


def cooling_factor(start: float, stop: Any = 0.0) -> Any:
    """Compute by how much CoolMomentum cools while its momentum goes from ``start`` to ``stop``.

    ``(1 + start)/(1 - start) * (1 - stop)/(1 + stop)``, at a constant noise of the gradient.

    Parameters
    ----------
    start : float
        Momentum at first, in [0, 1).
    stop : float or array_like, optional
        Momentum in the end, in [0, 1).

    Returns
    -------
    float or ndarray of the shape of ``stop``

    Raises
    ------
    ValueError
        If a momentum is outside [0, 1).

    Examples
    --------
    >>> import langevin_lab as ll
    >>> round(ll.limits.cooling_factor(0.99), 9)
    199.0
    """
    unit = {"learning_rate": 1.0, "gradient_noise": 1.0, "batch_size": 1.0, "curvature": 0.0}
    return _each("temperature", start, **unit) / _each("temperature", stop, **unit)


def _each(result: str, momentum: Any, **values: float) -> Any:
    """The rule's formula at every momentum, in its shape."""
    try:
        momenta = np.asarray(momentum, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(
            f"momentum={momentum!r} must be numbers in [0, 1); of a schedule give its values, "
            "schedule(steps)"
        ) from None
    bad = ~((momenta >= 0) & (momenta < 1))
    if bad.any():
        raise ValueError(
            f"momentum={float(momenta[bad].flat[0])} must be a momentum coefficient in [0, 1)"
        )
    rule = RULES["cool_momentum"]
    found = [rule.solve(result, momentum=float(one), **values) for one in momenta.flat]
    return found[0] if momenta.ndim == 0 else np.reshape(found, momenta.shape)


def _check_curvature(learning_rate: float, curvature: float) -> None:
    check_nonnegative("curvature", curvature)
    if not learning_rate * curvature < 4:
        raise ValueError(
            f"learning_rate={learning_rate:g} times curvature={curvature:g} must be below the "
            f"stability limit 4; use learning_rate < {4 / curvature:g}"
        )
