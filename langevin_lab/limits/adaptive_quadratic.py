"""What momentum is best on a quadratic, and what the adaptive heavy ball makes of it under noise.

On modes of curvature k_1, ..., k_d with a learning rate eta the heavy ball of momentum m

    d' = m d - eta (k x + s n),   x' = x + d'          (s the gradient noise, n a standard normal)

is fastest, where its slowest mode has a double root (`optimal_momentum`). The adaptive one reads
its momentum off |g - g_before|/|d|. With many modes both norms are near their means,

    <|g - g_before|^2> = sum_i k_i^2 <d_i^2> + 2 s^2 (1 + eta k_i),    <|d|^2> = sum_i <d_i^2>

(d holds the last noise, which gives the term in eta), so the momentum follows the second moments
and they the momentum: a closed recursion, right but for terms of order 1/d. Where noise is all that
is left it cancels: the momentum does not depend on its strength.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.dynamics.schedules import check_nonnegative
from langevin_lab.limits.arguments import positive_numbers

__all__ = [
    "AdaptiveMomentum",
    "OptimalMomentum",
    "adaptive_momentum",
    "optimal_momentum",
    "stationary_adaptive_momentum",
]


@dataclass(frozen=True)
class OptimalMomentum:
    """The best momentum of heavy ball on a quadratic.

    Attributes
    ----------
    momentum : float
        In [0, 1).
    factor : float
        By which the distance from the minimum falls in a step, up to a factor n after n steps: at
        the best momentum the slowest mode has a double root.
    """

    momentum: float
    factor: float


def optimal_momentum(
    *, learning_rate: float, smallest_curvature: float, largest_curvature: float
) -> OptimalMomentum:
    """Return the momentum with which heavy ball is fastest at a given learning rate.

    ``momentum = (1 - sqrt(learning_rate smallest_curvature))^2`` and ``factor = sqrt(momentum)``;
    at the largest learning rate for which that holds, 4/(sqrt(smallest) + sqrt(largest))^2, it is
    Polyak's method, the fastest of all.

    Parameters
    ----------
    learning_rate, smallest_curvature, largest_curvature : float
        > 0.

    Returns
    -------
    OptimalMomentum

    Raises
    ------
    ValueError
        If learning_rate > 4/(sqrt(smallest_curvature) + sqrt(largest_curvature))^2, where the
        stiffest mode is slower than the softest.

    Source
    ------
    Polyak (1964), at the largest learning rate; below it from the double root of z^2 - (1 +
    momentum - learning_rate curvature) z + momentum at the smallest curvature.

    Examples
    --------
    >>> from langevin_lab.limits import optimal_momentum
    >>> best = optimal_momentum(
    ...     learning_rate=1.0, smallest_curvature=0.01, largest_curvature=1.0)
    >>> round(best.momentum, 12), round(best.factor, 12)
    (0.81, 0.9)
    """
    rate, soft, stiff = positive_numbers(
        learning_rate=learning_rate,
        smallest_curvature=smallest_curvature,
        largest_curvature=largest_curvature,
    ).values()
    if stiff < soft:
        raise ValueError(
            f"largest_curvature={stiff:g} is below smallest_curvature={soft:g}; exchange them"
        )
    limit = 4.0 / (np.sqrt(soft) + np.sqrt(stiff)) ** 2
    if rate > limit * (1 + 1e-12):
        raise ValueError(
            f"learning_rate={rate:g} is beyond 4/(sqrt({soft:g}) + sqrt({stiff:g}))^2="
            f"{limit:.6g}, where the stiffest mode is the slowest; use at most that"
        )
    factor = abs(1.0 - np.sqrt(rate * soft))
    return OptimalMomentum(float(factor**2), float(factor))


@dataclass(frozen=True)
class AdaptiveMomentum:
    """What the adaptive heavy ball does on a quadratic of many modes.

    Attributes
    ----------
    momenta : ndarray of shape (n_steps,)
        Momentum of each step; 0 in the first.
    square_distances : ndarray of shape (n_steps,)
        Mean of |x|^2 after each step [length^2].
    """

    momenta: np.ndarray
    square_distances: np.ndarray


def adaptive_momentum(
    curvatures: Any,
    *,
    learning_rate: float,
    n_steps: int,
    gradient_noise: float = 0.0,
    start: Any = 1.0,
    margin: float = 1e-3,
) -> AdaptiveMomentum:
    """Return momenta and distances of `AdaptiveHeavyBall`, up to terms of order 1/dim.

    Without noise and for one start they are exact.

    Parameters
    ----------
    curvatures : array_like of shape (dim,)
        > 0.
    learning_rate : float
        > 0.
    n_steps : int
        >= 1.
    gradient_noise : float, optional
        Standard deviation of every coordinate of the gradient, >= 0.
    start : array_like of shape () or (dim,), optional
        Root mean squares of the modes.
    margin : float, optional
        As `AdaptiveHeavyBall`.

    Returns
    -------
    AdaptiveMomentum

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from langevin_lab.limits import adaptive_momentum
    >>> law = adaptive_momentum(np.geomspace(0.01, 1.0, 50), learning_rate=1.0, n_steps=300)
    >>> round(float(law.momenta[-1]), 4)
    0.81
    """
    k, rate, noise = _checked(curvatures, learning_rate, gradient_noise)
    whole = isinstance(n_steps, (int, np.integer)) and not isinstance(n_steps, bool)
    if not whole or n_steps < 1:
        raise ValueError(f"n_steps={n_steps!r} must be an integer >= 1")
    if not 0 < margin <= 1:
        raise ValueError(f"margin={margin!r} must be a number in (0, 1]")
    xx = np.broadcast_to(np.asarray(start, dtype=float) ** 2, k.shape)
    xd, dd = np.zeros_like(k), np.zeros_like(k)
    momenta, distances, drawn = np.zeros(n_steps), np.zeros(n_steps), (rate * noise) ** 2
    for step in range(n_steps):
        if step > 0:
            momenta[step] = min(_momentum(k, rate, noise, dd), 1.0 - margin)
        m = momenta[step]
        # Second moments of d' = m d - eta k x - eta s n and of x' = x + d'.
        pull = rate * k
        new = m * m * dd - 2.0 * m * pull * xd + pull * pull * xx + drawn
        across = m * xd - pull * xx
        xx, xd, dd = xx + 2.0 * across + new, across + new, new
        distances[step] = xx.sum()
    return AdaptiveMomentum(momenta, distances)


def stationary_adaptive_momentum(curvatures: Any, *, learning_rate: float) -> float:
    """Return the momentum at which `AdaptiveHeavyBall` stays under gradient noise of any strength.

    It solves m = (1 - sqrt(learning_rate |g - g_before|/|d|))^2 with the stationary variance of the
    displacement, <d_i^2> = 2 eta^2 s^2/((1 - m)(2 (1 + m) - eta k_i)); s cancels.

    Parameters
    ----------
    curvatures : array_like of shape (dim,)
        > 0, below 2/learning_rate.
    learning_rate : float
        > 0.

    Returns
    -------
    float
        In [0, 1), up to terms of order 1/dim.

    Raises
    ------
    ValueError
        If a number is out of range, or gradient descent is not stable on a curvature.

    Examples
    --------
    >>> import numpy as np
    >>> from langevin_lab.limits import stationary_adaptive_momentum
    >>> round(stationary_adaptive_momentum(np.geomspace(0.01, 1.0, 50), learning_rate=1.0), 4)
    0.0525
    """
    from scipy.optimize import brentq

    k, rate, _ = _checked(curvatures, learning_rate, 1.0)
    if rate * k.max() >= 2.0:
        raise ValueError(
            f"learning_rate={rate:g} times the largest curvature {k.max():g} is "
            f"{rate * k.max():g}; use learning_rate < {2.0 / k.max():g}"
        )

    def gap(m: float) -> float:
        dd = 2.0 * rate**2 / ((1.0 - m) * (2.0 * (1.0 + m) - rate * k))
        return _momentum(k, rate, 1.0, dd) - m

    return float(brentq(gap, 0.0, 1.0 - 1e-9, xtol=1e-14))


def _momentum(k: np.ndarray, rate: float, noise: float, dd: np.ndarray) -> float:
    """The momentum that mean squares of displacements ask for, not yet projected."""
    change = np.sum(k * k * dd + 2.0 * noise**2 * (1.0 + rate * k))
    moved = np.sum(dd)
    return float((1.0 - np.sqrt(rate * np.sqrt(change / moved))) ** 2) if moved > 0 else 0.0


def _checked(curvatures: Any, rate: Any, noise: Any) -> tuple[np.ndarray, float, float]:
    k = np.atleast_1d(np.asarray(curvatures, dtype=float))
    if k.ndim != 1 or k.size == 0 or not (np.isfinite(k).all() and (k > 0).all()):
        raise ValueError(f"curvatures={curvatures!r} must be finite numbers > 0, one a mode")
    check_nonnegative("gradient_noise", noise)
    return k, positive_numbers(learning_rate=rate)["learning_rate"], float(noise)
