"""Data sets that come with scikit-learn: hand-written digits and breast cancer, without a network.

    load_digits           1797 images of 8 x 8 pixels, ten classes
    load_breast_cancer    569 tumours, 30 measures of their nuclei each, two classes

Their published order is not drawn (the digits stand writer by writer), so that a split of it is
no split by chance: a seed draws the order.

Source: Alpaydin, Kaynak (1998) for the digits; Street, Wolberg, Mangasarian (1993) for the tumours.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from langevin_lab.potentials.examples import Examples
from langevin_lab.potentials.requirements import whole_number

__all__ = ["load_breast_cancer", "load_digits"]

_BRIGHTEST = 16.0  # value of a pixel of the digits: how many of 4 x 4 points are ink


def load_digits(*, seed: int | None = None) -> Examples:
    """Return the 1797 hand-written digits of scikit-learn.

    Parameters
    ----------
    seed : int, optional
        Draws the order of the examples, at least 0; by default the published one.

    Returns
    -------
    Examples
        Inputs (1797, 64): rows of 8 x 8 pixels divided by 16, so from 0 to 1; targets 0 to 9.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    ValueError
        If the seed is out of range.

    Example
    -------
    >>> train, test = load_digits(seed=1).split(1200)
    >>> train, test
    (Examples(digits: 1200 of 64 inputs), Examples(digits: 597 of 64 inputs))
    """
    found = _datasets("load_digits").load_digits()
    rows = _order("load_digits", len(found.data), seed)
    return Examples(found.data[rows] / _BRIGHTEST, found.target[rows].astype(np.int64), "digits")


def load_breast_cancer(*, seed: int | None = None, n_reference: int | None = None) -> Examples:
    """Return the 569 tumours of scikit-learn's breast cancer data, their measures standardised.

    Each column is (measure - mean)/(standard deviation), the standard deviation that of n numbers
    divided by n.

    Parameters
    ----------
    seed : int, optional
        Draws the order of the examples, at least 0; by default the published one.
    n_reference : int, optional
        How many examples, the first ones in that order, give the means and standard deviations;
        at least 2, by default all. Those of the training examples keep a test set unseen.

    Returns
    -------
    Examples
        Inputs (569, 30); targets 0 (malignant, 212 tumours) and 1 (benign, 357).

    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    ValueError
        If seed or n_reference is out of range.

    Example
    -------
    >>> train, test = load_breast_cancer(seed=1, n_reference=400).split(400)
    >>> bool(abs(train.inputs.mean()) < 1e-12), train.inputs.shape
    (True, (400, 30))
    """
    found = _datasets("load_breast_cancer").load_breast_cancer()
    rows = _order("load_breast_cancer", len(found.data), seed)
    n = len(rows)
    if n_reference is not None:
        n = whole_number("load_breast_cancer", "n_reference", n_reference, 2)
        if n > len(rows):
            raise ValueError(f"n_reference={n} exceeds the {len(rows)} examples")
    inputs = found.data[rows]
    inputs = (inputs - inputs[:n].mean(axis=0)) / inputs[:n].std(axis=0)
    return Examples(inputs, found.target[rows].astype(np.int64), "breast cancer")


def _order(owner: str, n_examples: int, seed: int | None) -> np.ndarray:
    """Rows in the published order, or in one drawn from the seed."""
    if seed is None:
        return np.arange(n_examples)
    return np.random.default_rng(whole_number(owner, "seed", seed, 0)).permutation(n_examples)


def _datasets(owner: str) -> Any:
    """scikit-learn's data sets, which it carries itself."""
    try:
        from sklearn import datasets
    except ImportError:
        raise ImportError(
            f"{owner} takes its data from scikit-learn, which is not installed; pip install "
            "langevin_lab[data]"
        ) from None
    return datasets
