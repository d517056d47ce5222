"""From one number a path and step to errors with their correlations, and to an order.

    strong      e_i = sqrt(mean_k d_ik),  d squared distances:   log e_i = (1/2) log mean d_i
    difference  e_i = |mean_k d_ik|,      d signed differences:  log e_i = log |mean d_i|
    cov(log e_i, log e_j) = c^2 cov(d_i, d_j)/(n mean d_i mean d_j),     c = 1/2 or 1

All steps share their paths, so errors are correlated between steps and the slope is far better
known than the errors. A step is used if its error is finite, beyond four of its standard errors,
and changed by less than 30 % by a coarser reference; then the longest run of neighbouring steps at
which the errors have one sign.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from langevin_lab.evidence.coupled_runs import CoupledDifferences
from langevin_lab.evidence.estimate import Estimate
from langevin_lab.evidence.observed_order import OrderEstimate, order
from langevin_lab.evidence.order_fit import fit_order
from langevin_lab.evidence.reference_path import STRONG_ORDER

LEAST_STEPS = 3
LEAST_PATHS = 20
_SIGNIFICANT = 4.0
_REFERENCE_SHARE = 0.3
_ROUNDING = 1e-12
_SAME = 1e-12


@dataclass(frozen=True)
class MeasuredErrors:
    """Sizes of the errors, which steps are used, and the order that they show.

    Attributes
    ----------
    errors : tuple of Estimate
        Sizes; nan is not an estimate, so a step without one holds None.
    used : tuple of bool
    order : OrderEstimate or None
        None if fewer than three steps, or fewer than `LEAST_PATHS` paths, can be used.
    """

    errors: tuple[Estimate | None, ...]
    used: tuple[bool, ...]
    order: OrderEstimate | None


def measured_errors(
    steps: np.ndarray, differences: CoupledDifferences, *, squared: bool
) -> MeasuredErrors:
    """Errors and order from coupled runs.

    Parameters
    ----------
    steps : (n,) array
        Coarsest first.
    differences : CoupledDifferences
    squared : bool
        Whether the numbers are squared distances (strong) or signed differences.
    """
    power = 0.5 if squared else 1.0
    data = differences.fine
    n_paths = data.shape[1]
    finite = np.isfinite(data).all(axis=1)
    mean = np.where(finite, data.mean(axis=1), math.nan)
    coarse = differences.coarse.mean(axis=1)
    stderr = data.std(axis=1, ddof=1) / math.sqrt(n_paths) if n_paths > 1 else np.zeros_like(mean)
    size = np.abs(mean)
    # Paths without noise are all the same, but for the rounding of their mean.
    stderr = np.where(stderr > _SAME * size, stderr, 0.0)
    with np.errstate(invalid="ignore"):
        seen = (
            finite & (size**power > _ROUNDING) & (np.abs(coarse - mean) < _REFERENCE_SHARE * size)
        )
        # A mean square is never 0 by chance; its noise shows in the interval.
        seen &= squared | (size > _SIGNIFICANT * stderr)
    errors = tuple(
        Estimate(s**power, power * s ** (power - 1.0) * e if s else 0.0, n_paths if e else math.inf)
        if ok
        else None
        for s, e, ok in zip(size, stderr, finite)
    )
    used = longest_run(seen, np.sign(mean))
    if used.sum() < LEAST_STEPS:
        return MeasuredErrors(errors, tuple(used), None)
    if not stderr[used].any():
        slope = order(steps[used], size[used] ** power)
        other = order(steps[used], np.abs(coarse[used]) ** power)
    elif n_paths < LEAST_PATHS:
        return MeasuredErrors(errors, tuple(used), None)
    else:
        slope = _sampled_order(steps[used], data[used], power)
        other = _sampled_order(steps[used], differences.coarse[used], power)
    # What a reference of order 3/2 has left is this part of what the coarser one changes.
    left = abs(slope.value - other.value) / (2.0**STRONG_ORDER - 1.0)
    slope = replace(slope, bias_bound=slope.bias_bound + left)
    return MeasuredErrors(errors, tuple(bool(u) for u in used), slope)


def _sampled_order(steps: np.ndarray, data: np.ndarray, power: float) -> OrderEstimate:
    """Order from numbers of shape (n_steps, n_paths), paths independent."""
    n_paths = data.shape[1]
    mean = data.mean(axis=1)
    covariance = power**2 * np.cov(data / mean[:, None]) / n_paths
    log_e = power * np.log(np.abs(mean))
    # fit_order takes e_i as unbiased; a root of an unbiased square is low by as much again.
    log_e += (1.0 / power - 1.0) * np.diag(covariance) / 2
    fit = fit_order(np.log(steps), log_e, covariance, n_paths - 1.0, equal_weights=power < 1.0)
    return OrderEstimate(fit.slope, fit.stderr, fit.dof + 1.0, fit.bias_bound, fit.pairwise)


def longest_run(seen: np.ndarray, sign: np.ndarray) -> np.ndarray:
    """The longest run of neighbours that are seen and of one sign, the finer one if two are."""
    best: slice = slice(0, 0)
    first = 0
    for last in range(len(seen)):
        if not seen[last]:
            first = last + 1
            continue
        if last > first and sign[last] != sign[last - 1]:
            first = last
        if last + 1 - first >= best.stop - best.start:
            best = slice(first, last + 1)
    used = np.zeros(len(seen), dtype=bool)
    used[best] = True
    return used
