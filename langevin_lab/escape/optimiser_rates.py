"""Escape of noisy heavy ball from a minimum, in steps: Kramers' law in the optimiser's numbers.

    p' = momentum p - learning_rate (grad U(x) + gradient_noise n),      x' = x + p'

with n standard normals of every coordinate and step samples, for a small learning rate, the Gibbs
law of U at the temperature

    T = learning_rate gradient_noise^2 / (2 (1 - momentum)),

and leaves a saddle of curvature -a as r^n, r + momentum/r = 1 + momentum + learning_rate a. With
the curvatures of minimum and saddle as in `rates`, the escapes in one step are

    ln(r)/(2 pi) sqrt(det H_m/|det H_s|) exp(-dU/T)

and in the diffusion approximation ln(r) is learning_rate a/(1 - momentum): Eyring-Kramers with
friction 1 - momentum in the time learning_rate * steps.
Source: Liu, Chen, Zhou and Zhao (2021) for the diffusion approximation; Langer (1969) for the
growth rate as the prefactor.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from langevin_lab.dynamics.schedules import check_positive
from langevin_lab.ensemble.checks import check_count
from langevin_lab.escape.barrier import Barrier
from langevin_lab.escape.rates import Rate, harmonic_log
from langevin_lab.momentum import HeavyBall

_GROWTHS = ("recursion", "diffusion")


def heavy_ball_escape(
    potential: Any,
    minimum: ArrayLike,
    saddle: ArrayLike,
    *,
    learning_rate: float,
    momentum: float,
    gradient_noise: float,
    growth: str = "recursion",
    multiplicity: int = 1,
) -> Rate:
    """Escapes per step of heavy ball with noisy gradients over a saddle.

    ``rate = multiplicity * ln(r) / (2 pi) * sqrt(det H_m / |det H_s|) * exp(-dU / T)``

    with ``T = learning_rate * gradient_noise**2 / (2 (1 - momentum))`` and r the growth above.

    Parameters
    ----------
    potential, minimum, saddle, multiplicity
        As `eyring_kramers`; `potential` is the loss.
    learning_rate : float
        > 0 [length^2/energy].
    momentum : float
        In [0, 1); 0 is stochastic gradient descent.
    gradient_noise : float
        > 0: standard deviation of every coordinate of one gradient [energy/length].
    growth : {"recursion", "diffusion"}, optional
        "recursion" takes ln(r) of the optimiser; "diffusion" learning_rate a/(1 - momentum), which
        is larger and the same where learning_rate a << (1 - momentum)^2.

    Returns
    -------
    Rate
        Per step.

    Raises
    ------
    ValueError
        As `eyring_kramers`; momentum outside [0, 1); an unknown growth; learning_rate times the
        largest curvature of the minimum at or above the stability limit 2 (1 + momentum).

    Source
    ------
    Liu, Chen, Zhou and Zhao (2021); Langer (1969).

    Examples
    --------
    >>> import langevin_lab as ll
    >>> U = ll.potentials.double_well()
    >>> rate = ll.escape.heavy_ball_escape(U, -1, 0, learning_rate=1e-4, momentum=0.9,
    ...                                    gradient_noise=20.0)
    >>> round(rate.mean_time)
    170889
    """
    check_positive("learning_rate", learning_rate)
    check_positive("gradient_noise", gradient_noise)
    optimiser = HeavyBall(learning_rate=learning_rate, momentum=momentum)
    if growth not in _GROWTHS:
        raise ValueError(f"growth={growth!r} must be one of {', '.join(_GROWTHS)}")
    temperature = learning_rate * gradient_noise**2 / (2.0 * (1.0 - momentum))
    barrier = Barrier(potential, minimum, saddle, temperature)
    multiplicity = check_count("multiplicity", multiplicity, 1)
    stiffest = learning_rate * float(np.linalg.eigvalsh(barrier.minimum_hessian)[-1])
    if not stiffest < optimiser.stability_limit:
        raise ValueError(
            f"learning_rate={learning_rate} times the largest curvature of the minimum is "
            f"{stiffest:.4g}, at or above the stability limit {optimiser.stability_limit:.4g}; "
            "lower learning_rate"
        )
    unstable = -learning_rate * float(np.linalg.eigvalsh(barrier.saddle_hessian)[0])
    log_growth = unstable / (1.0 - momentum)
    valid = f"dU/T = {barrier.height / temperature:.3g} >> 1, learning_rate * curvature * dU/T = "
    valid += f"{stiffest * barrier.height / temperature:.2g} << 1"
    if growth == "recursion":
        log_growth = _log_growth(unstable, momentum)
        valid += ", and not so near momentum 1 that the well is depleted: see turnover"
    else:
        valid += (
            f", learning_rate * curvature/(1 - momentum)^2 = {stiffest / (1 - momentum) ** 2:.2g}"
        )
        valid += " << 1"
    return Rate(
        harmonic_log(barrier, log_growth, multiplicity),
        f"Kramers law of heavy ball, growth of the {growth}, per step",
        "Liu, Chen, Zhou and Zhao (2021); Langer (1969)", valid,
    )  # fmt: skip


def _log_growth(unstable: float, momentum: float) -> float:
    """ln(r): r - 1 = s solves s^2 + (1 - momentum - unstable) s - unstable = 0."""
    half = 0.5 * (unstable - (1.0 - momentum))
    root = math.hypot(half, math.sqrt(unstable))
    # The sum that does not cancel: momentum far from 1 makes half negative.
    return math.log1p(half + root if half > 0 else unstable / (root - half))
