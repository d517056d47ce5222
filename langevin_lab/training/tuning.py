"""Fair comparisons of methods: trials spread evenly over ranges, paired differences.

A Latin hypercube puts one trial into each of n_trials strata of every number, so that few trials
still cover the whole of each range. The differences of several methods to one reference are paired
by seed; their intervals hold all at once.

Where each seed is judged on the same examples, D_si is the difference of seed s on example i, and
both are drawn at random. The variance of its mean is then

    var(mean over i of D_si)/n_seeds + var(mean over s of D_si)/n_examples

which counts what is of both once too often, so it errs upwards.

Source: McKay, Beckman and Conover (1979); Holm (1979) for the p-values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.evidence import Estimate
from langevin_lab.evidence.estimate import upper_tail
from langevin_lab.potentials.requirements import whole_number

__all__ = ["PairedDifference", "crossed_mean", "latin_hypercube_trials", "paired_differences"]


@dataclass(frozen=True)
class PairedDifference:
    """How much one method is above the reference.

    Attributes
    ----------
    difference : Estimate
        Mean over seeds, and examples, with its standard error.
    low, high : float
        Interval that holds together with those of all other methods.
    p_value : float
        Of no difference, by Student's t, adjusted by Holm for the number of methods.
    """

    difference: Estimate
    low: float
    high: float
    p_value: float


def latin_hypercube_trials(
    ranges: Mapping[str, tuple[float, float]], n_trials: int, *, seed: int
) -> list[dict[str, float]]:
    """Return trials of numbers to tune, evenly spread over logarithmic ranges.

    The logarithm of each number falls once into each of n_trials equal parts of its range, and is
    uniform there; the parts of different numbers meet at random.

    Parameters
    ----------
    ranges : mapping of str to (low, high)
        0 < low < high.
    n_trials : int
        At least 1.
    seed : int

    Returns
    -------
    list of dict
        n_trials of them, with the names of the ranges.

    Raises
    ------
    ValueError
        If a range is not 0 < low < high, or a number is out of range.

    Source
    ------
    McKay, Beckman and Conover (1979).

    Example
    -------
    >>> trials = latin_hypercube_trials({"learning_rate": (1e-4, 1.0)}, 4, seed=1)
    >>> sorted(int(np.floor(np.log10(trial["learning_rate"]))) for trial in trials)
    [-4, -3, -2, -1]
    """
    n_trials = whole_number("latin_hypercube_trials", "n_trials", n_trials, 1)
    rng = np.random.default_rng(whole_number("latin_hypercube_trials", "seed", seed, 0))
    columns = {}
    for name, (low, high) in ranges.items():
        if not 0 < low < high < math.inf:
            raise ValueError(f"range of {name}=({low}, {high}) must be 0 < low < high, both finite")
        places = (rng.permutation(n_trials) + rng.random(n_trials)) / n_trials
        columns[name] = low * (high / low) ** places
    return [
        {name: float(column[trial]) for name, column in columns.items()}
        for trial in range(n_trials)
    ]


def crossed_mean(values: Any) -> Estimate:
    """Return the mean over seeds and examples, with the error of drawing both.

    Parameters
    ----------
    values : array_like of shape (n_seeds,) or (n_seeds, n_examples)
        At least two of each; without examples the error is that of seeds alone.

    Returns
    -------
    Estimate

    Raises
    ------
    ValueError
        If there are fewer than two of either, the array has other dimensions or a value is not
        finite.

    Example
    -------
    >>> str(crossed_mean([[1.0, 2.0, 3.0], [3.0, 2.0, 4.0]]))
    '2.50 ± 0.71'
    """
    array = np.asarray(values, dtype=float)
    if array.ndim not in (1, 2):
        raise ValueError(
            f"values have shape {array.shape}, but must have (n_seeds,) or (n_seeds, n_examples)"
        )
    if array.ndim == 1:
        return Estimate.from_samples(array)
    examples = Estimate.from_samples(array.mean(axis=0))
    return Estimate.from_samples(array.mean(axis=1)) + (examples - examples.value)


def paired_differences(
    values: Mapping[str, Any], reference: str, *, level: float = 0.95
) -> dict[str, PairedDifference]:
    """Compare methods with a reference that ran on the same seeds, and the same examples.

    Parameters
    ----------
    values : mapping of str to array_like of shape (n_seeds,) or (n_seeds, n_examples)
        In the same order for all methods, as `crossed_mean` takes them.
    reference : str
        The one that the others are held against.
    level : float
        At which all intervals hold together, in (0, 1); each is at 1 - (1 - level)/m of m methods
        (Bonferroni).

    Returns
    -------
    dict of str to PairedDifference
        Of all methods but the reference.

    Raises
    ------
    ValueError
        If the reference is none of the methods, there is no other, shapes differ, or a level or
        value is out of range.

    Source
    ------
    Holm (1979).

    Example
    -------
    >>> found = paired_differences({"a": [1.0, 2.0, 3.0], "b": [2.1, 3.0, 3.9]}, "a")
    >>> round(found["b"].difference.value, 3), round(found["b"].p_value, 4)
    (1.0, 0.0033)
    """
    if reference not in values or len(values) < 2:
        raise ValueError(f"reference={reference!r} and another must be among {list(values)}")
    own = np.asarray(values[reference], dtype=float)
    differences = {}
    for name, other in values.items():
        array = np.asarray(other, dtype=float)
        if array.shape != own.shape:
            raise ValueError(
                f"{name} has shape {array.shape}, {reference} has {own.shape}: pairs need the same "
                "seeds and examples"
            )
        if name != reference:
            differences[name] = crossed_mean(array - own)
    if not 0 < level < 1:
        raise ValueError(f"level={level} must be in (0, 1)")
    each = 1.0 - (1.0 - level) / len(differences)
    p_values = _holm([_p_value(difference) for difference in differences.values()])
    return {
        name: PairedDifference(difference, *difference.interval(each), p_value)
        for (name, difference), p_value in zip(differences.items(), p_values)
    }


def _p_value(difference: Estimate) -> float:
    """Two-sided, of no difference."""
    if difference.stderr == 0:
        return float(difference.value == 0)
    return min(1.0, 2.0 * upper_tail(abs(difference.value) / difference.stderr, difference.dof))


def _holm(p_values: list[float]) -> list[float]:
    """Adjusted p-values: the largest of (m - i) times the i-th smallest so far, at most 1."""
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    stepped = np.maximum.accumulate(np.asarray(p_values)[order] * factors)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(stepped, 1.0)
    return [float(value) for value in adjusted]
