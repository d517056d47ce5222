"""Observed orders of convergence, with an interval that does not hide pre-asymptotic curvature.

The errors of a method of order p at steps h_i are e_i = C h_i^p (1 + a h_i/h_max + ...), so

    log e_i = c + p log h_i + a h_i/h_max          weights (e_i/stderr_i)^2

with a = 0 +- 1/2 assumed beforehand: the correction at the coarsest step is a fraction of the
error itself. Precise errors override that and the reported p is the extrapolated slope; noisy
errors cannot show a, and its assumed size widens the interval instead.

The interval has a statistical half (the known errors of the e_i; their scatter where they are
exact) and a bias bound for what the one correction term leaves out: the distance to the plain
slope, or to where the drift of the pairwise slopes leads if that is further. A grid of three steps
cannot show whether its drift decays and has the bound multiplied by 3 (Roache 1994).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.evidence import notation
from langevin_lab.evidence.estimate import Estimate, as_estimate

_CURVATURE = 0.5  # assumed standard deviation of a
_SLOWEST_DECAY = 0.9  # of the pairwise slopes' drift from one refinement to the next
_FASTEST_DECAY = 0.5  # that of a first-order correction under halving
_SIGMAS = 2.0  # a drift within this many of its own standard errors counts as noise
_THREE_GRIDS = 3.0  # Roache's factor of safety where the decay is unknown
_ROUNDING = 1e-15  # relative error that any computed error has


@dataclass(frozen=True)
class OrderEstimate(Estimate):
    """Slope of log error against log step.

    Parameters
    ----------
    value, stderr, n_eff : float
        Slope for h -> 0 and its statistical error.
    bias_bound : float
        Bound on what is left of the pre-asymptotic curvature.
    pairwise : tuple of Estimate
        Slopes between neighbouring steps, coarsest first; their drift shows the curvature.
    """

    bias_bound: float = 0.0
    pairwise: tuple[Estimate, ...] = ()

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Confidence interval widened by the bias bound on both sides."""
        low, high = super().interval(level)
        return low - self.bias_bound, high + self.bias_bound

    def __str__(self) -> str:
        if self.stderr < 5e-4:  # nobody reads a fourth decimal of an order
            return f"{self.value:.3f}"
        return notation.plus_minus(self.value, self.stderr)


def order(steps: Any, errors: Any) -> OrderEstimate:
    """Observed order of convergence from errors at three or more steps.

    Parameters
    ----------
    steps : array_like of shape (n,)
        Step sizes > 0, all different, n >= 3; halving is best.
    errors : sequence of Estimate, or array_like of shape (n,)
        Size of the error at each step, > 0; plain numbers count as exact. Statistical errors are
        taken as independent.

    Returns
    -------
    OrderEstimate
        Slope, its error, the bound on its pre-asymptotic bias, the pairwise slopes.

    Raises
    ------
    ValueError
        If n < 3, the lengths differ, a step is not > 0 or repeated, or an error is not > 0.

    Examples
    --------
    >>> h = np.array([0.4, 0.2, 0.1, 0.05])
    >>> round(order(h, 3 * h**2).value, 12)
    2.0
    """
    h, estimates = _checked(steps, errors)
    log_h = np.log(h)
    log_e = np.array([math.log(e.value) for e in estimates])
    variance = np.array([(e.stderr / e.value) ** 2 for e in estimates])
    dof = np.array([e.dof for e in estimates])
    line = np.column_stack([np.ones_like(h), log_h])
    curve = np.column_stack([line, h / h.max()])
    if variance.max() == 0:
        weights = 1.0 / _scatter(curve, log_e)
        slope, row, stderr = _extrapolated_slope(curve, log_e, weights, 1.0 / weights)
        # Three exact points leave no scatter to see: their whole error is bias.
        stderr, n_eff = (0.0, math.inf) if len(h) == 3 else (stderr, len(h) - 2.0)
    else:
        # Bounded, so that no single point decides.
        weights = 1.0 / np.maximum(variance, 1e-4 * variance.max())
        slope, row, stderr = _extrapolated_slope(curve, log_e, weights, variance)
        shares = (row**2 * variance / stderr**2) ** 2 / dof  # Welch (1947)
        n_eff = 1.0 + 1.0 / float(shares.sum()) if shares.any() else math.inf
    pairs = _pairwise(log_h, log_e, variance, dof)
    root = np.sqrt(weights)
    plain = float(np.linalg.lstsq(line * root[:, None], log_e * root, rcond=None)[0][1])
    left_out = max(abs(slope - plain), _drift_distance(slope, pairs))
    if len(h) == 3:
        left_out *= _THREE_GRIDS
    # The logarithm of a noisy error is low by half its variance, to second order.
    log_bias = float(np.abs(row) @ variance) / 2
    return OrderEstimate(slope, stderr, n_eff, left_out + log_bias, tuple(pairs))


def _checked(steps: Any, errors: Any) -> tuple[np.ndarray, list[Estimate]]:
    """Steps and errors, coarsest first."""
    h = np.asarray(steps, dtype=float)
    estimates = [as_estimate(error) for error in errors]
    if h.ndim != 1 or len(h) != len(estimates):
        raise ValueError(f"steps have shape {h.shape} for {len(estimates)} errors: give one each")
    if len(h) < 3:
        raise ValueError(
            f"{len(h)} steps: an order with an interval needs 3, better 5; add smaller steps"
        )
    if not (np.isfinite(h).all() and (h > 0).all()):
        raise ValueError(f"steps={h.tolist()} must be finite and > 0")
    if len(np.unique(h)) < len(h):
        raise ValueError(f"steps={h.tolist()} must all be different")
    for step, error in zip(h, estimates):
        if error.value <= 0:
            raise ValueError(
                f"error at step {step:g} is {error}: an order needs errors > 0; give their "
                "size, and sample more where noise hides the sign"
            )
    coarsest_first = np.argsort(-h)
    return h[coarsest_first], [estimates[i] for i in coarsest_first]


def _scatter(curve: np.ndarray, log_e: np.ndarray) -> np.ndarray:
    """Variance of exact errors about the corrected power law, the same for all."""
    residual = log_e - curve @ np.linalg.lstsq(curve, log_e, rcond=None)[0]
    spare = max(len(log_e) - curve.shape[1], 1)
    return np.full_like(log_e, max(float(residual @ residual) / spare, _ROUNDING**2))


def _extrapolated_slope(
    curve: np.ndarray, log_e: np.ndarray, weights: np.ndarray, variance: np.ndarray
) -> tuple[float, np.ndarray, float]:
    """Slope for h -> 0, its dependence on each log error (n,), its standard error."""
    # The assumption a = 0 +- 1/2 enters as one more observation.
    root = np.append(np.sqrt(weights), 1.0 / _CURVATURE)
    design = np.vstack([curve, [0.0, 0.0, 1.0]]) * root[:, None]
    observed = np.append(log_e, 0.0) * root
    inverse = np.linalg.pinv(design, rcond=1e-14)
    row = (inverse * root)[1]
    stderr = math.sqrt(float(row[:-1] ** 2 @ variance) + (row[-1] * _CURVATURE) ** 2)
    misfit = observed - design @ (inverse @ observed)
    # Scatter beyond the known errors widens them (Birge ratio); below them it does not help.
    birge = max(1.0, float(misfit @ misfit) / (len(log_e) - 2))
    return float(row[:-1] @ log_e), row[:-1], stderr * math.sqrt(birge)


def _pairwise(
    log_h: np.ndarray, log_e: np.ndarray, variance: np.ndarray, dof: np.ndarray
) -> list[Estimate]:
    """Slopes between neighbouring steps."""
    points = [
        Estimate(y, math.sqrt(v), n + 1.0) if v > 0 else Estimate.exact(y)
        for y, v, n in zip(log_e, variance, dof)
    ]
    return [
        (points[i] - points[i + 1]) / float(log_h[i] - log_h[i + 1]) for i in range(len(log_h) - 1)
    ]


def _drift_distance(slope: float, pairs: list[Estimate]) -> float:
    """Distance from the slope to the limit of the pairwise slopes, as far as noise lets it show.

    A drift d that shrinks by r at each refinement still has d r/(1 - r) to go.
    """
    last = pairs[-1]
    drifts = [_beyond_noise(after - before) for before, after in itertools.pairwise(pairs)]
    decay = _FASTEST_DECAY
    if len(drifts) > 1 and drifts[-1] > 0:
        decay = drifts[-1] / drifts[-2] if drifts[-2] > 0 else _SLOWEST_DECAY
        decay = min(max(decay, _FASTEST_DECAY), _SLOWEST_DECAY)
    return _beyond_noise(last - slope) + drifts[-1] * decay / (1.0 - decay)


def _beyond_noise(difference: Estimate) -> float:
    return max(abs(difference.value) - _SIGMAS * difference.stderr, 0.0)
