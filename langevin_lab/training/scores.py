"""Proper scores of probabilities: Brier score with its parts, and negative log likelihood.

With forecasts f_i, outcomes y_i in {0, 1}, their means f_b and o_b over the share w_b of bin b, and
the mean o of all outcomes,

    mean (f_i - y_i)^2 = reliability - resolution + uncertainty + within_bins
    reliability = sum_b w_b (f_b - o_b)^2,    resolution = sum_b w_b (o_b - o)^2,
    uncertainty = o (1 - o),
    within_bins = mean of (f_i - f_b)^2 - 2 (f_i - f_b) (y_i - o_b)

exactly. With classes each is summed over the classes, each against the rest.

Source: Brier (1950); Murphy (1973); Stephenson, Coelho and Jolliffe (2008) for the last part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.potentials.requirements import whole_number
from langevin_lab.training.forecasts import checked
from langevin_lab.training.sampled import Sampled, over

__all__ = ["BrierScore", "brier_score", "negative_log_likelihood"]


@dataclass(frozen=True)
class BrierScore:
    """Mean squared error of probabilities and its parts; arrays of shape (...).

    Attributes
    ----------
    value, stderr : ndarray
        From 0 to 1 for two classes given by the chance of class 1, from 0 to 2 for classes; error
        over examples.
    reliability, resolution, uncertainty, within_bins : ndarray
        value = reliability - resolution + uncertainty + within_bins.
    """

    value: np.ndarray
    stderr: np.ndarray
    reliability: np.ndarray
    resolution: np.ndarray
    uncertainty: np.ndarray
    within_bins: np.ndarray


def brier_score(probabilities: Any, targets: Any, *, n_bins: int = 15) -> BrierScore:
    """Return the Brier score and its parts.

    Parameters
    ----------
    probabilities : array_like of shape (n,), (..., n, 1) or (..., n, n_classes)
        Of class 1, or of all classes.
    targets : array_like of int, shape (n,)
        At least two.
    n_bins : int
        Of equal width, at least 1.

    Returns
    -------
    BrierScore

    Raises
    ------
    ValueError
        If shapes do not fit, probabilities are none, targets are no classes, or n_bins < 1.

    Notes
    -----
    Brier's sum runs over both of two classes: it is twice this one where the chance of class 1
    alone is given.

    Source
    ------
    Brier (1950); Murphy (1973).

    Example
    -------
    >>> found = brier_score([0.0, 0.5, 1.0], [0, 1, 1])
    >>> round(float(found.value), 4), round(float(found.uncertainty), 4)
    (0.0833, 0.2222)
    """
    p, wanted = checked(probabilities, targets)
    _check_two(wanted)
    n_bins = whole_number("brier_score", "n_bins", n_bins, 1)
    first = 1 if p.shape[-1] == 1 else 0
    came_true = (wanted[:, None] == np.arange(first, first + p.shape[-1])).astype(np.float64)
    score = over(np.sum((p - came_true) ** 2, axis=-1), axis=-1)
    columns = np.moveaxis(p, -1, -2).reshape(-1, len(wanted))
    outcomes = np.broadcast_to(came_true.T, (*p.shape[:-2], *came_true.T.shape))
    parts = [_parts(f, y, n_bins) for f, y in zip(columns, outcomes.reshape(columns.shape))]
    summed = np.array(parts).reshape(*p.shape[:-2], p.shape[-1], 4).sum(axis=-2)
    return BrierScore(score.value, score.stderr, *np.moveaxis(summed, -1, 0))


def negative_log_likelihood(probabilities: Any, targets: Any) -> Sampled:
    """Return the mean of -log(probability of what came true), with its error over examples.

    Parameters
    ----------
    probabilities : array_like of shape (n,), (..., n, 1) or (..., n, n_classes)
    targets : array_like of int, shape (n,)
        At least two.

    Returns
    -------
    Sampled
        Of shape (...): the value of each set of forecasts, such as that of one seed, with its
        error over examples; infinite, with the error NaN, where something came true that was given
        the probability 0.

    Raises
    ------
    ValueError
        If shapes do not fit, probabilities are none or targets are no classes.

    Example
    -------
    >>> round(float(negative_log_likelihood([0.5, 0.25], [0, 1]).value / np.log(2)), 12)
    1.5
    """
    p, wanted = checked(probabilities, targets)
    _check_two(wanted)
    if p.shape[-1] == 1:
        with np.errstate(divide="ignore"):
            losses = np.where(wanted == 1, -np.log(p[..., 0]), -np.log1p(-p[..., 0]))
    else:
        own = np.broadcast_to(wanted[:, None], (*p.shape[:-1], 1))
        with np.errstate(divide="ignore"):
            losses = -np.log(np.take_along_axis(p, own, axis=-1)[..., 0])
    with np.errstate(invalid="ignore"):
        return over(losses, axis=-1)


def _parts(
    forecasts: np.ndarray, outcomes: np.ndarray, n_bins: int
) -> tuple[float, float, float, float]:
    """Reliability, resolution, uncertainty and what lies within bins, of one class."""
    bins = np.minimum((forecasts * n_bins).astype(int), n_bins - 1)
    counts = np.bincount(bins, minlength=n_bins)
    some = np.maximum(counts, 1)
    f = np.bincount(bins, forecasts, minlength=n_bins) / some
    o = np.bincount(bins, outcomes, minlength=n_bins) / some
    shares, mean = counts / len(forecasts), outcomes.mean()
    apart = forecasts - f[bins]
    return (
        float(np.sum(shares * (f - o) ** 2)),
        float(np.sum(shares * (o - mean) ** 2)),
        float(mean * (1 - mean)),
        float(np.mean(apart**2 - 2 * apart * (outcomes - o[bins]))),
    )


def _check_two(targets: np.ndarray) -> None:
    if len(targets) < 2:
        raise ValueError("1 target gives no error bar: score two examples or more")
