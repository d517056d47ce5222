"""Calibration: whether what a network calls likely comes true that often.

Forecasts f_i, of class 1 or of the likeliest of more classes, come true (y_i = 1) or do not. With
r_i = y_i - f_i, n_b forecasts in bin b and S_b the sum of their r, the expected calibration error
is the mean over bins of the gap |E r|. Three numbers say what a sample of n forecasts knows of it:

    plug_in         sum_b |S_b|/n: on average too high, and above 0 for perfect forecasts
    split_sample    halves of a bin sum to S_1 and S_2, and each takes its sign from the other:
                    sum_b (sign(S_1) S_2 + sign(S_2) S_1)/n, mean over random halves. It is 0 on
                    average for perfect forecasts and never too high
    mean_square     sum_b (S_b^2 - sum r_i^2)/(n_b - 1)/n: without bias, of the squared gaps

So the first two enclose the truth on average. No estimate of |E r| itself is without bias: the
absolute value has a kink where forecasts are perfect. With D_b = S_1 - S_2, a sum of the r with
random signs, the term of a bin is |S_b| where that exceeds |D_b|, else -|D_b|; for normal D_b of
the variance v = sum r_i^2 its mean is |S_b| (2 Phi(t) - 1) - 2 sqrt(v) phi(t), t = |S_b|/sqrt(v).

Source: Guo, Pleiss, Sun and Weinberger (2017) for the error; Roelofs, Cain, Shlens and Mozer (2022)
for the bias of the plug-in; Bröcker and Smith (2007) for resampled outcomes. The means of the
second and third follow from their being sums over products of different, independent examples.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from langevin_lab.evidence.estimate import quantile
from langevin_lab.potentials.requirements import whole_number
from langevin_lab.training.forecasts import checked, outcomes

__all__ = ["CalibrationError", "ReliabilityDiagram", "calibration_error", "reliability_diagram"]

_AT_ONCE = 2_000_000  # numbers of one array of resampled examples


@dataclass(frozen=True)
class ReliabilityDiagram:
    """How often forecasts of each bin came true; NaN in empty bins.

    Attributes
    ----------
    edges : ndarray of shape (..., n_bins + 1)
    counts : ndarray of shape (..., n_bins)
    confidence, frequency : ndarray of shape (..., n_bins)
        Mean forecast, and the share that came true.
    low, high : ndarray of shape (..., n_bins)
        Wilson's interval of the frequency at the level asked for.
    """

    edges: np.ndarray
    counts: np.ndarray
    confidence: np.ndarray
    frequency: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class CalibrationError:
    """Expected calibration error of one set of forecasts or many; arrays of shape (...).

    Attributes
    ----------
    plug_in, split_sample : ndarray
        Too high, and not too high, on average.
    low, high : ndarray
        split_sample - q stderr, at least 0, and plug_in + q stderr with the normal quantile q.
    mean_square, mean_square_stderr : ndarray
        Mean squared gap, without bias; it may be below 0.
    expected_if_calibrated : ndarray
        Mean plug-in of outcomes drawn from the forecasts themselves.
    p_value : ndarray
        Share of those draws whose plug-in is no smaller than the observed one.
    """

    plug_in: np.ndarray
    split_sample: np.ndarray
    low: np.ndarray
    high: np.ndarray
    mean_square: np.ndarray
    mean_square_stderr: np.ndarray
    expected_if_calibrated: np.ndarray
    p_value: np.ndarray


def reliability_diagram(
    probabilities: Any,
    targets: Any,
    *,
    n_bins: int = 15,
    equal_counts: bool = False,
    level: float = 0.95,
) -> ReliabilityDiagram:
    """Return how often forecasts came true, bin by bin.

    Parameters
    ----------
    probabilities : array_like of shape (n,), (..., n, 1) or (..., n, n_classes)
        Of class 1, or of all classes, as `Network.predict` gives them. Of one column the forecast
        is P(class 1), of more the confidence: the probability of the likeliest class. For the
        confidence of two classes give both columns, 1 - p and p.
    targets : array_like of int, shape (n,)
    n_bins : int
        At least 1.
    equal_counts : bool
        Bins between quantiles of the forecasts; by default of equal width.
    level : float
        Of the interval, in (0, 1).

    Returns
    -------
    ReliabilityDiagram

    Raises
    ------
    ValueError
        If shapes do not fit, probabilities are none, targets are no classes, or a number is out
        of range.

    Source
    ------
    Guo, Pleiss, Sun and Weinberger (2017); Wilson (1927) for the interval.

    Example
    -------
    >>> found = reliability_diagram([0.1, 0.2, 0.9], [0, 1, 1], n_bins=2)
    >>> found.counts, found.confidence, found.frequency
    (array([2, 1]), array([0.15, 0.9 ]), array([0.5, 1. ]))
    """
    forecasts, came_true, bins, edges = _binned(probabilities, targets, n_bins, equal_counts)
    q = _normal_quantile(level)
    counts, confidence, frequency = (
        np.stack([np.bincount(b, w, minlength=n_bins).astype(float) for b, w in zip(bins, weights)])
        for weights in (np.ones_like(forecasts), forecasts, came_true)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        confidence, frequency = confidence / counts, frequency / counts
        middle = (frequency + q**2 / (2 * counts)) / (1 + q**2 / counts)
        half = np.sqrt(frequency * (1 - frequency) / counts + (q / (2 * counts)) ** 2)
        half *= q / (1 + q**2 / counts)
    shape = _shape(probabilities)
    found = (edges, counts, confidence, frequency, middle - half, middle + half)
    edges, numbers, *rest = (array.reshape(*shape, -1) for array in found)
    return ReliabilityDiagram(edges, numbers.astype(int), *rest)


def calibration_error(
    probabilities: Any,
    targets: Any,
    *,
    n_bins: int = 15,
    equal_counts: bool = False,
    n_resamples: int = 400,
    level: float = 0.95,
    seed: int = 0,
) -> CalibrationError:
    """Return the expected calibration error, what its bias is and an interval that holds it.

    Parameters
    ----------
    probabilities, targets, n_bins, equal_counts
        As `reliability_diagram`.
    n_resamples : int
        Of the halves, bootstrap samples of the examples, and draws of perfect outcomes; at least 2.
    level : float
        Of the interval, in (0, 1).
    seed : int
        Of all three.

    Returns
    -------
    CalibrationError

    Raises
    ------
    ValueError
        As `reliability_diagram`.

    Notes
    -----
    The bins are held in the bootstrap, and copies of an example stay together. Near perfect
    calibration its errors are too large, by up to sqrt(3) for the mean square. Gaps that change
    sign within a bin go unseen, as in every binned error.

    Source
    ------
    See the module: Guo, Pleiss, Sun and Weinberger (2017).

    Example
    -------
    >>> rng = np.random.default_rng(0)
    >>> chances = rng.random(2000)
    >>> found = calibration_error(chances, rng.random(2000) < chances)
    >>> bool(found.low == 0), bool(found.plug_in > 0.01), bool(found.p_value > 0.05)
    (True, True, True)
    """
    forecasts, came_true, bins, _ = _binned(probabilities, targets, n_bins, equal_counts)
    n_resamples = whole_number("calibration_error", "n_resamples", n_resamples, 2)
    q = _normal_quantile(level)
    seed = whole_number("calibration_error", "seed", seed, 0)
    rows = [
        _errors(f, y, b, n_bins, n_resamples, q, np.random.default_rng(seed))
        for f, y, b in zip(forecasts, came_true, bins)
    ]
    shape = _shape(probabilities)
    columns = np.array(rows).T.reshape(len(fields(CalibrationError)), *shape)
    return CalibrationError(*columns)


def _errors(
    forecasts: np.ndarray,
    came_true: np.ndarray,
    bins: np.ndarray,
    n_bins: int,
    n_resamples: int,
    q: float,
    rng: np.random.Generator,
) -> tuple[Any, ...]:
    """The fields of CalibrationError of one set."""
    n, residuals = len(forecasts), came_true - forecasts
    table = np.zeros((n, n_bins))
    table[np.arange(n), bins] = 1.0
    step = max(1, _AT_ONCE // n)
    chunks = [min(step, n_resamples - start) for start in range(0, n_resamples, step)]
    # Drawn first: they depend on nothing that came true, which is why their mean is 0.
    split = [_of_halves(residuals, table, rng.integers(0, 2, (m, n)) == 1) for m in chunks]
    chances = np.full(n, 1.0 / n)
    bootstrap = [
        _three(residuals, table, rng.multinomial(n, chances, m).astype(float)) for m in chunks
    ]
    perfect = np.concatenate(
        [_three((rng.random((m, n)) < forecasts) - forecasts, table, np.ones(n))[0] for m in chunks]
    )
    plug_in, _, square = _three(residuals, table, np.ones(n))
    stderr = np.concatenate(bootstrap, axis=1).std(axis=1, ddof=1)
    halves = np.concatenate(split).mean()
    as_large = np.count_nonzero(perfect >= plug_in * (1 - 1e-12))
    return (
        plug_in, halves, max(0.0, halves - q * stderr[1]), plug_in + q * stderr[0],
        square, stderr[2], perfect.mean(), (1 + as_large) / (1 + n_resamples),
    )  # fmt: skip


def _of_halves(residuals: np.ndarray, table: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Every half's sum with the sign of the other's: residuals, first (..., n) -> (...)."""
    one, other = (first * residuals) @ table, (~first * residuals) @ table
    one, other = (np.where(np.abs(part) > 1e-12, part, 0.0) for part in (one, other))
    return np.sum(np.sign(one) * other + np.sign(other) * one, axis=-1) / len(table)


def _three(residuals: np.ndarray, table: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Plug-in, mean over normal halves and mean square, examples counted weights times.

    Residuals and weights (..., n), table (n, n_bins) of who is in which bin -> (3, ...).
    """
    weighted = weights * residuals
    sums, squares = np.abs(weighted @ table), weighted**2 @ table
    scales = np.sqrt(squares)
    with np.errstate(invalid="ignore", divide="ignore"):
        t = np.where(scales > 0, sums / scales, 0.0)
    halves = sums * (2.0 * _normal_share(t) - 1.0)
    halves -= 2.0 * scales * np.exp(-0.5 * t**2) / np.sqrt(2.0 * np.pi)
    counts = weights @ table
    pairs = counts**2 - weights**2 @ table
    shares = np.where(pairs > 0, counts / np.where(pairs > 0, pairs, 1.0), 0.0)
    parts = np.stack([sums, halves, shares * (sums**2 - squares)])
    return parts.sum(axis=-1) / weights.sum(axis=-1)


def _normal_share(t: np.ndarray) -> np.ndarray:
    """Share of standard normals below t."""
    from scipy.special import ndtr

    return ndtr(t)


def _binned(
    probabilities: Any, targets: Any, n_bins: int, equal_counts: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Forecasts, outcomes and bins (n_sets, n), edges (n_sets, n_bins + 1)."""
    p, wanted = checked(probabilities, targets)
    n_bins = whole_number("calibration", "n_bins", n_bins, 1)
    forecasts, came_true = (array.reshape(-1, len(wanted)) for array in outcomes(p, wanted))
    edges = np.broadcast_to(np.linspace(0.0, 1.0, n_bins + 1), (len(forecasts), n_bins + 1)).copy()
    if equal_counts:
        edges[:, 1:-1] = np.quantile(forecasts, edges[0, 1:-1], axis=-1).T
    bins = np.stack(
        [np.searchsorted(e[1:-1], row, side="right") for e, row in zip(edges, forecasts)]
    )
    return forecasts, came_true, bins, edges


def _shape(probabilities: Any) -> tuple[int, ...]:
    """Axes of the sets of forecasts."""
    return np.shape(probabilities)[:-2]


def _normal_quantile(level: float) -> float:
    """Normal quantile of a two-sided interval."""
    if not 0 < level < 1:
        raise ValueError(f"level={level} must lie in (0, 1), for example 0.95")
    return quantile(0.5 + 0.5 * level)
