"""Observed orders of convergence, with an interval that does not hide pre-asymptotic curvature.

The errors of a method of order p at steps h_i are e_i = C h_i^p (1 + a h_i/h_max + ...), so

    log e_i = c + p log h_i + a h_i/h_max

Errors from sampling are fitted with their standard errors, see `order_fit`. Errors without
statistical error, from algebra or quadrature, are fitted here: with a = 0 +- 1/2 assumed
beforehand (the correction at the coarsest step is a fraction of the error itself), which precise
errors override. Their scatter gives the standard error; a bias bound covers what the one correction
term leaves out: the distance to the plain slope, or to where the drift of the pairwise slopes leads
if that is further. A grid of three steps cannot show whether its drift decays and has the bound
multiplied by 3 (Roache 1994).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.evidence import notation
from langevin_lab.evidence.estimate import Estimate, as_estimate
from langevin_lab.evidence.order_fit import fit_order

_CURVATURE = 0.5  # assumed standard deviation of a
_SLOWEST_DECAY = 0.9  # of the pairwise slopes' drift from one refinement to the next
_FASTEST_DECAY = 0.5  # that of a first-order correction under halving
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
    if variance.max() > 0:
        fit = fit_order(log_h, log_e, np.diag(variance), dof)
        return OrderEstimate(fit.slope, fit.stderr, fit.dof + 1.0, fit.bias_bound, fit.pairwise)
    return _order_of_exact_errors(h, log_h, log_e)


def _order_of_exact_errors(h: np.ndarray, log_h: np.ndarray, log_e: np.ndarray) -> OrderEstimate:
    """Slope of errors that have no statistical error, coarsest first."""
    line = np.column_stack([np.ones_like(h), log_h])
    curve = np.column_stack([line, h / h.max()])
    variance = _scatter(curve, log_e)
    slope, stderr = _extrapolated_slope(curve, log_e, variance)
    # Three exact points leave no scatter to see: their whole error is bias.
    stderr, n_eff = (0.0, math.inf) if len(h) == 3 else (stderr, len(h) - 2.0)
    pairs = np.diff(log_e) / np.diff(log_h)
    plain = float(np.linalg.lstsq(line, log_e, rcond=None)[0][1])
    left_out = max(abs(slope - plain), _drift_distance(slope, pairs))
    if len(h) == 3:
        left_out *= _THREE_GRIDS
    slopes = tuple(Estimate.exact(pair) for pair in pairs)
    return OrderEstimate(slope, stderr, n_eff, left_out, slopes)


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


def _scatter(curve: np.ndarray, log_e: np.ndarray) -> float:
    """Variance of exact errors about the corrected power law, the same for all."""
    residual = log_e - curve @ np.linalg.lstsq(curve, log_e, rcond=None)[0]
    spare = max(len(log_e) - curve.shape[1], 1)
    return max(float(residual @ residual) / spare, _ROUNDING**2)


def _extrapolated_slope(
    curve: np.ndarray, log_e: np.ndarray, variance: float
) -> tuple[float, float]:
    """Slope for h -> 0 and its standard error."""
    # The assumption a = 0 +- 1/2 enters as one more observation.
    root = np.append(np.full_like(log_e, variance**-0.5), 1.0 / _CURVATURE)
    design = np.vstack([curve, [0.0, 0.0, 1.0]]) * root[:, None]
    observed = np.append(log_e, 0.0) * root
    inverse = np.linalg.pinv(design, rcond=1e-14)
    row = (inverse * root)[1]
    stderr = math.sqrt(variance * float(row[:-1] @ row[:-1]) + (row[-1] * _CURVATURE) ** 2)
    misfit = observed - design @ (inverse @ observed)
    birge = max(1.0, float(misfit @ misfit) / (len(log_e) - 2))
    return float(row[:-1] @ log_e), stderr * math.sqrt(birge)


def _drift_distance(slope: float, pairs: np.ndarray) -> float:
    """Distance from the slope to the limit of the pairwise slopes.

    A drift d that shrinks by r at each refinement still has d r/(1 - r) to go.
    """
    drifts = np.abs(np.diff(pairs))
    decay = _FASTEST_DECAY
    if len(drifts) > 1 and drifts[-1] > 0:
        decay = drifts[-1] / drifts[-2] if drifts[-2] > 0 else _SLOWEST_DECAY
        decay = min(max(decay, _FASTEST_DECAY), _SLOWEST_DECAY)
    return float(abs(pairs[-1] - slope) + drifts[-1] * decay / (1.0 - decay))
