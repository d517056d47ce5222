"""Slope of sampled errors: a power law with its first correction, and what that leaves out.

    log e_i = c + p log h_i + a u_i + noise,      u_i = h_i/h_max,  noise with a known covariance V

a is always fitted. To let the data decide whether it is needed would bias the order wherever they
miss it; to assume its size would widen the interval wherever it is smaller. The slope is one row of
numbers times the log errors, so its standard error follows from V whatever the correlations
between the steps are: errors measured along the same paths are correlated.

Added linearly to the interval, where the data show it:

- (row . u^2) (5/2) a^2, if a differs from 0 by three standard errors: what a next term may do that
  is up to twice the square of the first (1 + a u + b u^2 has b - a^2/2 in its logarithm);
- the change of the slope when the coarsest step is left out, beyond three standard errors (three
  steps cannot show that: the first bound is multiplied by 3 instead).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from langevin_lab.evidence.estimate import Estimate

_SIGMAS = 3.0  # what is within this many of its own standard errors counts as noise
_NEXT_TERM = 2.5  # of b - a^2/2 over a^2 where |b| <= 2 a^2
_THREE_GRIDS = 3.0  # Roache's factor of safety where the decay is unknown
_SMALLEST_WEIGHT = 1e-4  # bounded, so that no single point decides
_MISFIT_LEVEL = 0.01  # scatter that is less likely than this shows errors taken too small


@dataclass(frozen=True)
class OrderFit:
    """Slope, standard error, degrees of freedom, bias bound, slopes between neighbours."""

    slope: float
    stderr: float
    dof: float
    bias_bound: float
    pairwise: tuple[Estimate, ...]


def fit_order(
    log_h: np.ndarray,
    log_e: np.ndarray,
    covariance: np.ndarray,
    dof: np.ndarray | float,
    *,
    equal_weights: bool = False,
) -> OrderFit:
    """Fit the order to logarithms of sampled errors, coarsest step first.

    Parameters
    ----------
    log_h, log_e : (n,) arrays
        n >= 3. The errors' logarithms as measured; their bias of -variance/2 is corrected here.
    covariance : (n, n) array
        Of the log errors.
    dof : float or (n,) array
        Degrees of freedom of the covariance as a whole, or of each independent error.
    equal_weights : bool, optional
        Whether all steps count alike, instead of by the inverse of their variance: right where
        these are nearly equal and come from the same few samples as the errors themselves.
    """
    variance = np.diag(covariance)
    pairs = _pairwise(log_h, log_e, covariance, dof)
    log_e = log_e + variance / 2
    weights = 1.0 / np.maximum(variance, _SMALLEST_WEIGHT * variance.max())
    if equal_weights:
        weights = np.ones_like(variance)
    design = _design(log_h)
    rows = _rows(design, weights)
    slope_row, curvature_row = rows[1], rows[2]
    stderr = _spread(slope_row, covariance)
    bound = _NEXT_TERM * abs(slope_row @ design[:, 2] ** 2)
    bound *= _visible_square(curvature_row, log_e, covariance)
    if len(log_h) == 3:
        bound *= _THREE_GRIDS
    else:
        finer = np.append(0.0, _rows(_design(log_h[1:]), weights[1:])[1])
        bound = max(bound, _beyond_noise(slope_row - finer, log_e, covariance))
    # The next term in the bias of a logarithm is at most of the size of the variance squared.
    bound += float(np.abs(slope_row) @ variance**2)
    stderr *= _misfit_factor(log_e - design @ (rows @ log_e), covariance, len(log_h) - 3)
    return OrderFit(
        float(slope_row @ log_e),
        stderr,
        _degrees_of_freedom(slope_row, covariance, dof),
        float(bound),
        pairs,
    )


def _design(log_h: np.ndarray) -> np.ndarray:
    """Columns 1, log h, h/h_max."""
    return np.column_stack([np.ones_like(log_h), log_h, np.exp(log_h - log_h.max())])


def _rows(design: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """What each coefficient of the weighted fit takes of each log error, shape (3, n)."""
    root = np.sqrt(weights)
    return np.linalg.pinv(design * root[:, None], rcond=1e-12) * root


def _spread(row: np.ndarray, covariance: np.ndarray) -> float:
    return math.sqrt(max(float(row @ covariance @ row), 0.0))


def _visible_square(row: np.ndarray, log_e: np.ndarray, covariance: np.ndarray) -> float:
    """Square of row . log_e without what noise adds to it; 0 if noise could be all of it."""
    square, noise = float(row @ log_e) ** 2, _spread(row, covariance) ** 2
    return square - noise if square > _SIGMAS**2 * noise else 0.0


def _beyond_noise(row: np.ndarray, log_e: np.ndarray, covariance: np.ndarray) -> float:
    """Size of row . log_e as far as noise lets it show."""
    return max(abs(float(row @ log_e)) - _SIGMAS * _spread(row, covariance), 0.0)


def _misfit_factor(residual: np.ndarray, covariance: np.ndarray, spare: int) -> float:
    """Birge ratio where the scatter cannot be that of the covariance, else 1."""
    from scipy import special

    if spare < 1:
        return 1.0
    # Correlated errors scatter less about the fit than their variances say, never more.
    misfit = float(np.sum(residual**2 / np.diag(covariance)))
    if special.chdtrc(spare, misfit) > _MISFIT_LEVEL:
        return 1.0
    return math.sqrt(misfit / spare)


def _degrees_of_freedom(row: np.ndarray, covariance: np.ndarray, dof: np.ndarray | float) -> float:
    """Those of the covariance, or of a sum of independent errors (Welch 1947)."""
    if np.ndim(dof) == 0:
        return float(dof)
    parts = row**2 * np.diag(covariance)
    shares = (parts / parts.sum()) ** 2 / dof
    return 1.0 / float(shares.sum()) if shares.any() else math.inf


def _pairwise(
    log_h: np.ndarray, log_e: np.ndarray, covariance: np.ndarray, dof: np.ndarray | float
) -> tuple[Estimate, ...]:
    """Slopes between neighbouring steps."""
    slopes = []
    for i in range(len(log_h) - 1):
        row = np.zeros_like(log_h)
        row[i : i + 2] = np.array([1.0, -1.0]) / (log_h[i] - log_h[i + 1])
        stderr = _spread(row, covariance)
        n_eff = 1.0 + _degrees_of_freedom(row, covariance, dof) if stderr else math.inf
        slopes.append(Estimate(float(row @ log_e), stderr, n_eff))
    return tuple(slopes)
