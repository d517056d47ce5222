"""Errors of functions of means: the delete-one-group jackknife and the ratio of means.

With G groups, theta = f(sum of all groups) and theta_i = f(sum without group i):

    value     G theta - (G - 1) mean(theta_i)          (bias of order 1/G removed)
    stderr^2  (G - 1)/G  sum_i (theta_i - mean(theta_i))^2

Source: Efron and Stein (1981).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from langevin_lab.evidence.estimate import Estimate, checked_samples


def jackknife(statistic: Callable[[np.ndarray], float], groups: Any) -> Estimate:
    """Estimate a function of sums over independent groups.

    Parameters
    ----------
    statistic : callable
        ``statistic(sums) -> float``, where ``sums`` of shape (k,) are sums over groups. It must
        not depend on the number of groups: give counts as a component of the sums.
    groups : array_like of shape (n_groups, k)
        The sums of each group, n_groups >= 2; groups are independent, components of a group may
        be correlated.

    Returns
    -------
    Estimate
        Bias-corrected value, jackknife error, n_groups.

    Raises
    ------
    ValueError
        If groups are not of shape (n_groups >= 2, k) and finite.

    Examples
    --------
    >>> sums = np.array([[2.0, 1.0], [4.0, 1.0], [3.0, 1.0]])   # value, count
    >>> str(jackknife(lambda s: s[0] / s[1], sums))
    '3.00 ± 0.58'
    """
    sums = np.asarray(groups, dtype=float)
    if sums.ndim != 2 or sums.shape[0] < 2:
        raise ValueError(f"groups have shape {sums.shape}; give (n_groups, k) with n_groups >= 2")
    if not np.isfinite(sums).all():
        bad = int(np.count_nonzero(~np.isfinite(sums).all(axis=1)))
        raise ValueError(f"{bad} of {len(sums)} groups are not finite; leave diverged replicas out")
    n_groups = len(sums)
    total = sums.sum(axis=0)
    without = np.array([float(statistic(total - group)) for group in sums])
    mean = without.mean()
    value = n_groups * float(statistic(total)) - (n_groups - 1) * mean
    stderr = math.sqrt((n_groups - 1) / n_groups * float(((without - mean) ** 2).sum()))
    return Estimate(value, stderr, n_groups)


def ratio_of_means(numerators: Any, denominators: Any) -> Estimate:
    """Ratio mean(numerators) / mean(denominators) of paired samples.

    Parameters
    ----------
    numerators, denominators : array_like of shape (n,)
        Pairs from independent replicas; the two of a pair may be correlated.

    Returns
    -------
    Estimate
        By the jackknife over replicas, n_eff = n.

    Raises
    ------
    ValueError
        If the lengths differ or the denominators sum to 0.
    """
    above, below = checked_samples(numerators), checked_samples(denominators)
    if above.shape != below.shape:
        raise ValueError(
            f"{above.size} numerators and {below.size} denominators: give one pair a replica"
        )
    if below.sum() == 0:
        raise ValueError("denominators sum to 0: the ratio of means is undefined")
    return jackknife(lambda sums: sums[0] / sums[1], np.column_stack([above, below]))
