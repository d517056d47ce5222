"""How many steps heavy ball takes to leave a saddle: growth of the recursion, diffusion limit.

On U = -curvature x^2/2 with noise of standard deviation gradient_noise on every gradient, heavy
ball is linear. From rest on the saddle it leaves |x| < distance after N steps; a growing Gaussian
amplitude A_n = S growth^n xi reaches the distance at N = ln(distance/(S |xi|))/ln(growth), so

    <N> = [ln(distance/S) + (g_E + ln 2)/2]/ln(growth),     sd(N) = pi/(2 sqrt(2) ln(growth)),
    P(N <= n) = erfc(distance growth^-n/(S sqrt 2)),

because E ln|xi| = -(g_E + ln 2)/2 and Var ln|xi| = pi^2/8 for a standard normal xi. What differs
between the optimiser and its diffusion approximation

    dx = (curvature/(1 - momentum)) x dt + (sqrt(learning_rate) gradient_noise/(1 - momentum)) dW,
    t = learning_rate n,

is growth and S. Small parameter: learning_rate curvature/(1 - momentum)^2.
Source: Liu, Chen, Zhou and Zhao (2021), arXiv 1802.05155, for the diffusion approximation; Suzuki
(1977) for the law of a growing amplitude.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.dynamics.schedules import check_number
from langevin_lab.limits.regime import SmallParameter, check_regime
from langevin_lab.limits.saddle_regime import (
    check_constants,
    diffusion_regime,
    growth_of_heavy_ball,
    noise_at_exit,
)

__all__ = [
    "ExitSteps",
    "diffusion_exit_steps",
    "exit_steps_with_probability",
    "heavy_ball_exit_steps",
]

_EULER_GAMMA = 0.5772156649015329
_MEAN_LOG = 0.5 * (_EULER_GAMMA + math.log(2.0))  # -E ln|xi|
_SPREAD_LOG = math.pi / (2.0 * math.sqrt(2.0))  # sqrt(Var ln|xi|)


@dataclass(frozen=True)
class ExitSteps:
    """Law of the number of steps to leave a linear saddle, for small noise.

    Attributes
    ----------
    mean, standard_deviation : float
        In steps.
    growth : float
        Factor > 1 of the unstable amplitude in one step.
    amplitude : float
        S, standard deviation of the unstable amplitude carried back to the start [length].
    distance : float
        Where the saddle counts as left [length].
    small_parameters : tuple of SmallParameter
        What must be small for this law.
    """

    mean: float
    standard_deviation: float
    growth: float
    amplitude: float
    distance: float
    small_parameters: tuple[SmallParameter, ...]

    def __float__(self) -> float:
        return self.mean

    def probability(self, steps: Any) -> Any:
        """Probability to have left within ``steps``, a number or an array."""
        from scipy.special import erfc

        log_growth = math.log(self.growth)
        left = np.exp(-log_growth * np.asarray(steps, dtype=float)) * self.distance
        return erfc(left / (self.amplitude * math.sqrt(2.0)))


def heavy_ball_exit_steps(
    *,
    learning_rate: float,
    momentum: float,
    curvature: float,
    gradient_noise: float,
    distance: float,
) -> ExitSteps:
    """Steps of heavy ball to leave a linear saddle, with the growth of the recursion itself.

    With b = 1 + momentum + learning_rate curvature the recursion
    ``x_{n+1} = b x_n - momentum x_{n-1} + learning_rate gradient_noise xi_n`` grows by
    ``r = [b + sqrt(b^2 - 4 momentum)]/2`` a step, and from rest its amplitude is
    ``S = learning_rate gradient_noise r^2/((r^2 - momentum) sqrt(r^2 - 1))``.

    Parameters
    ----------
    learning_rate : float
        > 0 [length^2/energy].
    momentum : float
        In [0, 1).
    curvature : float
        > 0: the loss is -curvature x^2/2 [energy/length^2].
    gradient_noise : float
        > 0: standard deviation of every gradient [energy/length].
    distance : float
        > 0 [length].

    Returns
    -------
    ExitSteps

    Raises
    ------
    TypeError, ValueError
        An argument out of range.

    Warns
    -----
    OutsideRegimeWarning
        If ``(S/distance)^2``, the noise left in ln|x|, is above 0.1: the mean is then uncertain by
        about that fraction of a relaxation time 1/ln(r).

    Notes
    -----
    No small learning rate is assumed. Left out are a fraction of a step, because N is an integer,
    and terms of order (S/distance)^2.

    Examples
    --------
    >>> from langevin_lab.limits.escape_steps import heavy_ball_exit_steps
    >>> exit = heavy_ball_exit_steps(
    ...     learning_rate=0.01, momentum=0.9, curvature=1.0, gradient_noise=1.0, distance=1.0)
    >>> round(exit.mean, 2), round(exit.standard_deviation, 2)
    (42.35, 17.73)
    """
    check_constants(learning_rate, momentum, curvature, gradient_noise, distance)
    growth = growth_of_heavy_ball(learning_rate, momentum, curvature)
    # A_n = x_n - (momentum/r) x_{n-1} obeys A' = r A + eta sigma xi: A_n/r^n has the variance
    # (eta sigma)^2/(r^2 - 1), and x_n = A_n r/(r - momentum/r) once the other root has died out.
    amplitude = learning_rate * gradient_noise / math.sqrt((growth - 1.0) * (growth + 1.0))
    amplitude *= growth**2 / (growth**2 - momentum)
    small = (noise_at_exit(amplitude**2 / distance**2, "(S/distance)^2"),)
    check_regime(
        small, "the exit of HeavyBall from a linear saddle",
        remedy="use exact_exit_law, or a larger distance", stacklevel=3,
    )  # fmt: skip
    return _exit_steps(growth, amplitude, distance, small)


def diffusion_exit_steps(
    *,
    learning_rate: float,
    momentum: float,
    curvature: float,
    gradient_noise: float,
    distance: float,
) -> ExitSteps:
    """Steps to leave a linear saddle by the diffusion approximation of heavy ball.

    ``ln(growth) = learning_rate curvature/(1 - momentum)`` and
    ``S^2 = learning_rate gradient_noise^2/(2 (1 - momentum) curvature)``: everything as for
    momentum 0 with the learning rate learning_rate/(1 - momentum).

    Parameters
    ----------
    As `heavy_ball_exit_steps`.

    Returns
    -------
    ExitSteps

    Raises
    ------
    TypeError, ValueError
        An argument out of range.

    Warns
    -----
    OutsideRegimeWarning
        If learning_rate curvature/(1 - momentum)^2 is above 0.1: the steps are then too few by
        about this fraction. And as `heavy_ball_exit_steps`.

    Source
    ------
    Liu, Chen, Zhou and Zhao (2021), the diffusion near a saddle.

    Examples
    --------
    >>> from langevin_lab.limits.escape_steps import diffusion_exit_steps
    >>> exit = diffusion_exit_steps(
    ...     learning_rate=0.01, momentum=0.0, curvature=1.0, gradient_noise=1.0, distance=1.0)
    >>> round(exit.mean, 1)
    328.4
    """
    check_constants(learning_rate, momentum, curvature, gradient_noise, distance)
    small = diffusion_regime(learning_rate, momentum, curvature, gradient_noise, distance)
    check_regime(
        small, "the diffusion approximation of momentum SGD",
        remedy="use heavy_ball_exit_steps, or a smaller learning rate", stacklevel=3,
    )  # fmt: skip
    variance = learning_rate * gradient_noise**2 / (2.0 * (1.0 - momentum) * curvature)
    growth = math.exp(learning_rate * curvature / (1.0 - momentum))
    return _exit_steps(growth, math.sqrt(variance), distance, small)


def exit_steps_with_probability(
    *,
    learning_rate: float,
    momentum: float,
    curvature: float,
    gradient_noise: float,
    distance: float,
    missing: float,
) -> float:
    """Steps N_1 within which the saddle is left with probability >= 1 - missing (diffusion).

    ``N_1 = ((1 - momentum)/(2 learning_rate curvature))
    ln(1 + 2 (1 - momentum) curvature distance^2/(learning_rate gradient_noise^2 q^2))``,
    q the normal quantile of (1 + missing)/2.

    Parameters
    ----------
    learning_rate, momentum, curvature, gradient_noise, distance
        As `heavy_ball_exit_steps`.
    missing : float
        Probability in (0, 1) not to have left.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        An argument out of range.

    Warns
    -----
    OutsideRegimeWarning
        If learning_rate curvature/(1 - momentum)^2 is above 0.1: N_1 is then too small, and the
        probability below 1 - missing.

    Notes
    -----
    The diffusion has variance S^2 (growth^(2 n) - 1) after n steps, S and growth as in
    `diffusion_exit_steps`; N_1 is where it is beyond the distance with probability 1 - missing. A
    path that has left may have come back, so this is a bound on the first exit.

    Source
    ------
    Liu, Chen, Zhou and Zhao (2021), first phase.

    Examples
    --------
    >>> from langevin_lab.limits.escape_steps import exit_steps_with_probability
    >>> steps = exit_steps_with_probability(
    ...     learning_rate=0.001, momentum=0.0, curvature=1.0, gradient_noise=1.0, distance=1.0,
    ...     missing=0.5)
    >>> round(steps)
    4194
    """
    from scipy.special import ndtri

    check_constants(learning_rate, momentum, curvature, gradient_noise, distance)
    check_number("missing", missing)
    if not 0 < missing < 1:
        raise ValueError(f"missing={missing!r} must be a probability in (0, 1)")
    small = diffusion_regime(learning_rate, momentum, curvature, gradient_noise, distance)
    check_regime(
        small[:1], "the diffusion approximation of momentum SGD",
        remedy="use heavy_ball_exit_steps(...).probability, or a smaller learning rate",
        stacklevel=3,
    )  # fmt: skip
    effective = learning_rate / (1.0 - momentum)
    quantile = float(ndtri(0.5 * (1.0 + missing)))
    ratio = 2.0 * curvature * distance**2 / (effective * (gradient_noise * quantile) ** 2)
    return math.log1p(ratio) / (2.0 * effective * curvature)


def _exit_steps(
    growth: float, amplitude: float, distance: float, small: tuple[SmallParameter, ...]
) -> ExitSteps:
    rate = math.log(growth)
    mean = (math.log(distance / amplitude) + _MEAN_LOG) / rate
    return ExitSteps(mean, _SPREAD_LOG / rate, growth, amplitude, distance, small)
