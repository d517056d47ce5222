"""Averages of predictions over samples of the weights, and how much the samples disagree.

For the class probabilities p_s of samples s with the mean p, and H(p) = -sum_c p_c log p_c,

    H(p) = mean_s H(p_s) + I

the entropy of the mean is the mean entropy, uncertainty that every sample has of the class, plus
the mutual information I of class and weights, their disagreement.

Source: Houlsby, Huszár, Ghahramani and Lengyel (2011), equation 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Predictive", "posterior_predictive"]


@dataclass(frozen=True)
class Predictive:
    """Predictions averaged over samples of the weights; entropies in nats.

    Attributes
    ----------
    probabilities : ndarray of shape (n, 1 or n_classes)
        Mean over samples; what scores and calibration take.
    stderr : ndarray of shape (n, 1 or n_classes)
        Over samples, as independent: replicas, not neighbours of one path.
    entropy : ndarray of shape (n,)
        Of the mean.
    expected_entropy : ndarray of shape (n,)
        Mean of the samples' own.
    mutual_information : ndarray of shape (n,)
        entropy - expected_entropy, at least 0; of few samples too low.
    unbiased_information : ndarray of shape (n,)
        The same by the jackknife over samples, free of the bias of order 1/n_samples.
    n_samples : int
    """

    probabilities: np.ndarray
    stderr: np.ndarray
    entropy: np.ndarray
    expected_entropy: np.ndarray
    mutual_information: np.ndarray
    unbiased_information: np.ndarray
    n_samples: int


def posterior_predictive(probabilities: Any) -> Predictive:
    """Return the mean of predictions over samples, with its entropy and its parts.

    Parameters
    ----------
    probabilities : array_like of shape (..., n, 1) or (..., n, n_classes)
        ``network.predict(x, inputs)`` of weights x (..., dim): all axes before the last two count
        samples, at least two of them. With one column it is the chance of class 1.

    Returns
    -------
    Predictive

    Raises
    ------
    ValueError
        If there are fewer than two samples, or the entries are no probabilities.

    Source
    ------
    Houlsby, Huszár, Ghahramani and Lengyel (2011); Efron and Stein (1981) for the jackknife.

    Example
    -------
    >>> found = posterior_predictive([[[1.0]], [[0.0]]])
    >>> found.probabilities.tolist(), float(found.mutual_information[0] / np.log(2))
    ([[0.5]], 1.0)
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if p.ndim < 3 or (n_samples := int(np.prod(p.shape[:-2]))) < 2 or p.size == 0:
        raise ValueError(
            f"probabilities of shape {p.shape} must be (..., n, 1 or n_classes), with two samples "
            "or more in the axes before"
        )
    if not np.all((p >= 0) & (p <= 1 + 1e-6)):
        wrong = p[~((p >= 0) & (p <= 1 + 1e-6))][0]
        raise ValueError(f"probabilities hold {wrong:g}, which is not from 0 to 1: use predict()")
    p = np.minimum(p, 1.0).reshape(n_samples, *p.shape[-2:])
    total = p.sum(axis=0)
    mean, own = total / n_samples, _entropy(p)
    entropy, expected = _entropy(mean), own.mean(axis=0)
    information = np.maximum(entropy - expected, 0.0)
    # The mean entropy has no bias: the jackknife acts on the entropy of the mean alone.
    others = np.zeros_like(entropy)
    for row in p:
        others += _entropy(np.clip((total - row) / (n_samples - 1), 0.0, 1.0)) / n_samples
    unbiased = n_samples * entropy - (n_samples - 1) * others - expected
    return Predictive(
        mean, p.std(axis=0, ddof=1) / np.sqrt(n_samples), entropy, expected, information, unbiased,
        n_samples,
    )  # fmt: skip


def _entropy(p: np.ndarray) -> np.ndarray:
    """Entropies (...) of probabilities (..., n_classes), or of the chance of one of two."""
    p = np.concatenate([p, 1.0 - p], axis=-1) if p.shape[-1] == 1 else p
    return -np.sum(np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0)), 0.0), axis=-1)
