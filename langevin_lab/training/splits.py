"""Examples for training, validation and test: stratified splits, folds, scaling, label noise.

Whatever is fitted to examples is fitted to those of the training alone: `standardised` takes their
means and standard deviations for all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from langevin_lab.potentials.arguments import finite
from langevin_lab.potentials.examples import Examples
from langevin_lab.potentials.requirements import whole_number

__all__ = ["k_folds", "standardised", "stratified_split", "with_label_noise"]


def stratified_split(
    examples: Examples, fractions: Sequence[float] = (0.6, 0.2, 0.2), *, seed: int
) -> tuple[Examples, ...]:
    """Return shuffled parts of the examples, each with the same share of every class.

    Parameters
    ----------
    examples : Examples
        Integer targets (n_examples,) are classes; others are split without regard to them.
    fractions : sequence of float
        Of the parts, positive, sum 1. Of a class with m examples, part i has those from
        round(m F) on, F the sum of the fractions before it.
    seed : int

    Returns
    -------
    tuple of Examples

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, fractions are not positive or do not add up to 1, or a
        part would lack a class.

    Example
    -------
    >>> import langevin_lab as ll
    >>> parts = stratified_split(ll.potentials.two_moons(100, seed=1), seed=2)
    >>> [(part.n_examples, int(part.targets.sum())) for part in parts]
    [(60, 30), (20, 10), (20, 10)]
    """
    _check_examples(examples)
    ends = np.cumsum(_fractions(fractions))
    rng = np.random.default_rng(whole_number("stratified_split", "seed", seed, 0))
    parts: list[list[np.ndarray]] = [[] for _ in ends]
    for label, members in _classes(examples):
        members = rng.permutation(members)
        places = np.rint(ends * len(members)).astype(np.int64)
        for part, rows in zip(parts, np.split(members, places[:-1])):
            if not rows.size:
                raise ValueError(
                    f"fractions={tuple(fractions)} leave a part without any of the {len(members)} "
                    f"examples{label}; use fewer parts or more examples"
                )
            part.append(rows)
    return tuple(_taken(examples, rng.permutation(np.concatenate(part))) for part in parts)


def k_folds(examples: Examples, n_folds: int, *, seed: int) -> list[tuple[Examples, Examples]]:
    """Return pairs (training, validation) in which every example is validated on once.

    Folds have the same size and the same number of each class, up to one example.

    Parameters
    ----------
    examples : Examples
    n_folds : int
        From 2 to the number of examples.
    seed : int

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range.
    """
    _check_examples(examples)
    count = whole_number("k_folds", "n_folds", n_folds, 2)
    if count > examples.n_examples:
        raise ValueError(
            f"n_folds={count} of {examples.n_examples} examples leaves folds empty; use n_folds <= "
            f"{examples.n_examples}"
        )
    rng = np.random.default_rng(whole_number("k_folds", "seed", seed, 0))
    # Dealt like cards, class after class, so that neither classes nor sizes differ by more than 1.
    dealt = np.concatenate([rng.permutation(members) for _, members in _classes(examples)])
    fold = np.arange(len(dealt)) % count
    return [
        (_taken(examples, rng.permutation(dealt[fold != k])), _taken(examples, dealt[fold == k]))
        for k in range(count)
    ]


def standardised(train: Examples, *others: Examples) -> tuple[Examples, ...]:
    """Return all with inputs (a - mean)/(standard deviation), both of the training examples.

    An input that is constant in the training examples is centred only.

    Raises
    ------
    TypeError, ValueError
        If an argument is no Examples, or the numbers of inputs differ.
    """
    for examples in (train, *others):
        _check_examples(examples)
        if examples.inputs.shape[1] != train.inputs.shape[1]:
            raise ValueError(
                f"{examples!r} has {examples.inputs.shape[1]} inputs, the training examples have "
                f"{train.inputs.shape[1]}"
            )
    mean, spread = train.inputs.mean(axis=0), train.inputs.std(axis=0)
    # What rounding leaves of a constant input is no scale.
    constant = spread <= 1e-12 * np.abs(train.inputs).max(axis=0, initial=0.0)
    spread = np.where(constant, 1.0, spread)
    return tuple(
        Examples((each.inputs - mean) / spread, each.targets, each.name)
        for each in (train, *others)
    )


def with_label_noise(
    examples: Examples, fraction: float, *, seed: int, n_classes: int | None = None
) -> Examples:
    """Return the examples with some labels replaced by another class, each other one as likely.

    Parameters
    ----------
    examples : Examples
        With classes 0, 1, ... as targets.
    fraction : float
        In [0, 1]: round(fraction n_examples) labels are wrong afterwards. Chosen examples and their
        labels depend on the seed alone: those of a smaller fraction are among those of a larger.
    seed : int
    n_classes : int, optional
        By default the largest class and one more, at least 2.

    Raises
    ------
    TypeError, ValueError
        If targets are no classes, or an argument is out of range.

    Example
    -------
    >>> import langevin_lab as ll
    >>> clean = ll.potentials.two_moons(100, seed=1)
    >>> int((with_label_noise(clean, 0.2, seed=2).targets != clean.targets).sum())
    20
    """
    _check_examples(examples)
    if not _has_classes(examples):
        raise ValueError(
            f"{examples!r} has targets of type {examples.targets.dtype} and shape "
            f"{examples.targets.shape}; label noise needs class numbers (n_examples,)"
        )
    if not 0 <= finite("with_label_noise", "fraction", fraction) <= 1:
        raise ValueError(f"fraction={fraction:g} of wrong labels must be from 0 to 1")
    known = max(2, int(examples.targets.max()) + 1)
    count = known if n_classes is None else whole_number("labels", "n_classes", n_classes, 2)
    if count < known:
        raise ValueError(
            f"n_classes={count}, but a target is {known - 1}; use n_classes >= {known}"
        )
    rng = np.random.default_rng(whole_number("with_label_noise", "seed", seed, 0))
    n = examples.n_examples
    order, shifts = rng.permutation(n), rng.integers(1, count, n)
    chosen = order[: round(fraction * n)]
    targets = np.array(examples.targets)
    targets[chosen] = (targets[chosen] + shifts[chosen]) % count
    return Examples(examples.inputs, targets, examples.name, examples.teacher)


def _check_examples(examples: Any) -> None:
    if not isinstance(examples, Examples):
        raise TypeError(
            f"examples={examples!r:.60} must be ll.potentials.Examples(inputs, targets, name)"
        )


def _has_classes(examples: Examples) -> bool:
    return examples.targets.ndim == 1 and examples.targets.dtype.kind in "iu"


def _classes(examples: Examples) -> list[tuple[str, np.ndarray]]:
    """Rows of each class, and how to speak of it; all rows if targets are no classes."""
    if not _has_classes(examples):
        return [("", np.arange(examples.n_examples))]
    return [
        (f" of class {label}", np.flatnonzero(examples.targets == label))
        for label in np.unique(examples.targets)
    ]


def _fractions(fractions: Any) -> np.ndarray:
    values = [finite("stratified_split", "fractions", value) for value in fractions]
    if len(values) < 2 or min(values) <= 0 or not math.isclose(sum(values), 1.0, rel_tol=1e-9):
        raise ValueError(
            f"fractions={tuple(fractions)} must be two or more positive numbers that add up to 1"
        )
    return np.array(values)


def _taken(examples: Examples, rows: np.ndarray) -> Examples:
    return Examples(examples.inputs[rows], examples.targets[rows], examples.name, examples.teacher)
