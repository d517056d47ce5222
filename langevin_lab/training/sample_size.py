"""How many independent samples the correlated ones of several replicas are worth.

With W the mean variance within replicas, V the variance of all about their common mean (n - 1)/n W
+ B, B that of the replicas' means, and r_t the autocovariance at lag t, mean over replicas,

    rho_t = 1 - (W - r_t)/V,        n_eff = n_replicas n/(1 + 2 sum_t rho_t)

The sum runs over pairs rho_{2k} + rho_{2k+1} while they are positive, each no larger than the one
before. Replicas that never mix make V larger than W, and so n_eff small.

Source: Geyer (1992) for the pairs; Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021), section
3.2, for the replicas.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["effective_sample_size"]


def effective_sample_size(series: Any) -> Any:
    """Return the number of independent samples that a series of several replicas is worth.

    Parameters
    ----------
    series : array_like of shape (n_saved, n_replicas, ...)
        Values in the order of time, such as a prediction or a weight; at least 4 saved states and
        2 replicas.

    Returns
    -------
    float or ndarray of shape (...)
        At most n_saved n_replicas log10(n_saved n_replicas); NaN where the series is constant.

    Raises
    ------
    ValueError
        If the series is too short, has fewer than two replicas, or is not finite.

    Source
    ------
    Geyer (1992); Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021).

    Example
    -------
    >>> draws = np.random.default_rng(0).normal(size=(1000, 4))
    >>> bool(3000 < effective_sample_size(draws) < 5000)
    True
    """
    values = np.asarray(series, dtype=np.float64)
    if values.ndim < 2 or values.shape[0] < 4 or values.shape[1] < 2:
        raise ValueError(
            f"series of shape {values.shape} must be (n_saved, n_replicas, ...) with at least 4 "
            "saved states and 2 replicas"
        )
    if not np.isfinite(values).all():
        raise ValueError("series is not finite: leave diverged replicas out")
    n, n_replicas = values.shape[:2]
    flat = values.reshape(n, n_replicas, -1)
    sizes = np.array([_of_one(flat[..., k]) for k in range(flat.shape[-1])])
    return float(sizes[0]) if values.ndim == 2 else sizes.reshape(values.shape[2:])


def _of_one(values: np.ndarray) -> float:
    """Of one quantity (n_saved, n_replicas)."""
    n, n_replicas = values.shape
    covariances = _autocovariances(values).mean(axis=1)
    within = covariances[0] * n / (n - 1.0)
    total = covariances[0] + values.mean(axis=0).var(ddof=1)
    if not total > 0:
        return float("nan")
    correlations = 1.0 - (within - covariances * n / (n - 1.0)) / total
    correlations[0] = 1.0
    pairs = correlations[: n // 2 * 2].reshape(-1, 2).sum(axis=1)
    ends = np.flatnonzero(pairs <= 0)
    pairs = np.minimum.accumulate(pairs[: ends[0]] if len(ends) else pairs)
    time = 2.0 * pairs.sum() - 1.0
    count = n * n_replicas
    # Series that swing can be worth more than their length; a short one's estimate has no bound.
    return float(count / max(time, 1.0 / np.log10(count)))


def _autocovariances(values: np.ndarray) -> np.ndarray:
    """Sums over products at each lag divided by n: (n_saved, n_replicas)."""
    n = len(values)
    centred = values - values.mean(axis=0)
    spectrum = np.abs(np.fft.rfft(centred, 2 * n, axis=0)) ** 2
    return np.fft.irfft(spectrum, 2 * n, axis=0)[:n] / n
