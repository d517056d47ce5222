"""Averages of the weights along a training, in place of the last weights.

    exponential    a_0 = x_0,   a_k = decay a_{k-1} + (1 - decay) x_k
    mean           a_k = (x_first + ... + x_k)/(k - first + 1)

Source: Polyak and Juditsky (1992) for the mean; Izmailov, Podoprikhin, Garipov, Vetrov and Wilson
(2018) for the mean of the weights of networks.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from langevin_lab.potentials.requirements import whole_number

__all__ = ["exponential_average", "weight_average"]


def exponential_average(path: Any, *, decay: float) -> np.ndarray:
    """Return the exponential moving average of a path, state by state.

    Parameters
    ----------
    path : array_like of shape (n_saved, ...)
        Weights in the order of time.
    decay : float
        In [0, 1): the average reaches 1/(1 - decay) saved states back.

    Returns
    -------
    ndarray of shape (n_saved, ...)
        Its last entry is the average of the training.

    Raises
    ------
    ValueError
        If decay is outside [0, 1) or the path is empty.

    Example
    -------
    >>> exponential_average([0.0, 1.0, 1.0], decay=0.5)
    array([0.  , 0.5 , 0.75])
    """
    if not 0 <= decay < 1:
        raise ValueError(f"decay={decay} must lie in [0, 1), for example 0.99")
    path = _path(path)
    averages = path.copy()
    for k in range(1, len(path)):
        averages[k] = decay * averages[k - 1] + (1.0 - decay) * path[k]
    return averages


def weight_average(path: Any, *, first: int = 0) -> np.ndarray:
    """Return the running mean of a path from one of its states on.

    Parameters
    ----------
    path : array_like of shape (n_saved, ...)
        Weights in the order of time.
    first : int
        Index of the first state that counts, at least 0.

    Returns
    -------
    ndarray of shape (n_saved - first, ...)
        Its last entry is the average of the training.

    Raises
    ------
    ValueError
        If the path is empty, or first is negative or beyond its end.

    Example
    -------
    >>> weight_average([7.0, 1.0, 2.0, 6.0], first=1)
    array([1. , 1.5, 3. ])
    """
    path = _path(path)
    first = whole_number("weight_average", "first", first, 0)
    if first >= len(path):
        raise ValueError(f"first={first} leaves none of {len(path)} states to average")
    counts = np.arange(1, len(path) - first + 1)
    return np.cumsum(path[first:], axis=0) / counts.reshape(-1, *[1] * (path.ndim - 1))


def _path(given: Any) -> np.ndarray:
    """States in the order of time."""
    path = np.asarray(given, dtype=np.float64)
    if path.ndim == 0 or len(path) == 0:
        raise ValueError(f"path of shape {path.shape} must be (n_saved, ...) and hold a state")
    return path
