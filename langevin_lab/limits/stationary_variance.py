"""Stationary variance of noisy heavy ball near a minimum: exact, diffusion limit, their ratio.

On U = curvature x^2/2 with noise of standard deviation gradient_noise on every gradient,

    exact       learning_rate gradient_noise^2 (1 + momentum)
                / (curvature (1 - momentum) (2 (1 + momentum) - learning_rate curvature)),
    diffusion   learning_rate gradient_noise^2/(2 (1 - momentum) curvature).

Their ratio is 1/(1 - learning_rate curvature/(2 (1 + momentum))): unlike escape times, the variance
needs learning_rate curvature << 1 only, whatever the momentum.
Source: Liu, Chen, Zhou and Zhao (2021) for the diffusion; the exact law solves the Lyapunov
equation of the recursion.
"""

from __future__ import annotations

from langevin_lab.dynamics.schedules import check_nonnegative, check_positive
from langevin_lab.limits.regime import SmallParameter

__all__ = ["diffusion_variance", "heavy_ball_variance", "variance_gain"]


def heavy_ball_variance(
    *, learning_rate: float, momentum: float, curvature: float, gradient_noise: float
) -> float:
    """Exact stationary variance of heavy ball in a quadratic well.

    Parameters
    ----------
    learning_rate : float
        > 0 [length^2/energy], below the limit 2 (1 + momentum)/curvature of stability.
    momentum : float
        In [0, 1).
    curvature : float
        > 0 [energy/length^2].
    gradient_noise : float
        >= 0: standard deviation of every gradient [energy/length].

    Returns
    -------
    float
        [length^2].

    Raises
    ------
    TypeError, ValueError
        An argument out of range, an unstable learning rate.

    Examples
    --------
    >>> from langevin_lab.limits.stationary_variance import heavy_ball_variance
    >>> variance = heavy_ball_variance(
    ...     learning_rate=0.1, momentum=0.9, curvature=1.0, gradient_noise=1.0)
    >>> round(variance, 5)
    0.51351
    """
    room = _room(learning_rate, momentum, curvature, gradient_noise)
    scale = learning_rate * gradient_noise**2 / (curvature * (1.0 - momentum))
    return scale * (1.0 + momentum) / room


def diffusion_variance(
    *, learning_rate: float, momentum: float, curvature: float, gradient_noise: float
) -> float:
    """Stationary variance of the diffusion approximation of heavy ball.

    Parameters
    ----------
    As `heavy_ball_variance`, without a limit of stability.

    Returns
    -------
    float
        [length^2].

    Raises
    ------
    TypeError, ValueError
        An argument out of range.

    Warns
    -----
    OutsideRegimeWarning
        If learning_rate curvature/(2 (1 + momentum)), the relative error, is above 0.1.

    Examples
    --------
    >>> from langevin_lab.limits.stationary_variance import diffusion_variance
    >>> variance = diffusion_variance(
    ...     learning_rate=0.1, momentum=0.9, curvature=1.0, gradient_noise=1.0)
    >>> round(variance, 5)
    0.5
    """
    _check(learning_rate, momentum, curvature, gradient_noise)
    SmallParameter(
        name="step per curvature",
        formula="learning_rate curvature/(2 (1 + momentum))",
        value=learning_rate * curvature / (2.0 * (1.0 + momentum)),
        limit=0.1,
    ).check("the diffusion near a minimum", remedy="use heavy_ball_variance", stacklevel=3)
    return learning_rate * gradient_noise**2 / (2.0 * (1.0 - momentum) * curvature)


def variance_gain(*, learning_rate: float, momentum: float, curvature: float) -> float:
    """Stationary variance with momentum over that without: 1/(1 - momentum) for small steps.

    ``(1 + momentum) (2 - learning_rate curvature)
    /((1 - momentum) (2 (1 + momentum) - learning_rate curvature))``

    Parameters
    ----------
    As `heavy_ball_variance`; the learning rate is below 2/curvature, where it is stable without
    momentum.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        An argument out of range, an unstable learning rate.

    Examples
    --------
    >>> from langevin_lab.limits.stationary_variance import variance_gain
    >>> round(variance_gain(learning_rate=1e-6, momentum=0.9, curvature=1.0), 4)
    10.0
    """
    room = _room(learning_rate, momentum, curvature, 1.0)
    without = _room(learning_rate, 0.0, curvature, 1.0)
    return (1.0 + momentum) * without / ((1.0 - momentum) * room)


def _room(learning_rate: float, momentum: float, curvature: float, gradient_noise: float) -> float:
    """2 (1 + momentum) - learning_rate curvature: what is left until the limit of stability."""
    _check(learning_rate, momentum, curvature, gradient_noise)
    limit = 2.0 * (1.0 + momentum)
    if learning_rate * curvature >= limit:
        raise ValueError(
            f"learning_rate={learning_rate!r} is at or above 2 (1 + momentum)/curvature = "
            f"{limit / curvature:.4g}, where momentum={momentum:g} is unstable; use a smaller one"
        )
    return limit - learning_rate * curvature


def _check(learning_rate: float, momentum: float, curvature: float, gradient_noise: float) -> None:
    check_positive("learning_rate", learning_rate)
    check_nonnegative("momentum", momentum)
    if momentum >= 1:
        raise ValueError(f"momentum={momentum!r} must be a momentum coefficient in [0, 1)")
    check_positive("curvature", curvature)
    check_nonnegative("gradient_noise", gradient_noise)
