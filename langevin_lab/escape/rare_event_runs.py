"""Runs of several calls as those of one: which may be joined, and in what order."""

from __future__ import annotations

from typing import Any

import numpy as np


def require_parts(dataset: Any, columns: tuple[str, ...], numbers: tuple[str, ...]) -> None:
    """Raise ValueError unless a dataset has these variables and attributes."""
    missing = [name for name in columns if name not in dataset]
    missing += [name for name in numbers if name not in dataset.attrs]
    if missing:
        raise ValueError(
            f"the dataset lacks {', '.join(missing)}; give one that to_dataset() has returned"
        )


def require_joinable(
    one: Any, other: Any, names: tuple[str, ...] = ("n_replicas", "n_killed", "dt", "seed")
) -> None:
    """Raise ValueError unless the runs are others of the same settings."""
    settings = [
        result.settings | {name: getattr(result, name) for name in names} for result in (one, other)
    ]
    for name in settings[0] | settings[1]:
        values = [given.get(name) for given in settings]
        if values[0] != values[1]:
            raise ValueError(
                f"{name}={values[0]} and {name}={values[1]} do not combine; only first_run and "
                "n_runs may differ"
            )
    both = np.intersect1d(one.runs, other.runs)
    if both.size:
        raise ValueError(
            f"{both.size} runs are in both, {both[0]} the first: they share noise; give another "
            "first_run"
        )


def joined_hardware(one: Any, other: Any) -> dict[str, str]:
    """What carried out both, "; " between where they differ."""
    joined = {}
    for name in sorted(one.hardware | other.hardware):
        texts = [result.hardware[name] for result in (one, other) if name in result.hardware]
        joined[name] = "; ".join(sorted({part for text in texts for part in text.split("; ")}))
    return joined


def joined_columns(one: Any, other: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """Arrays of both results, in the order of their run numbers."""
    order = np.argsort(np.concatenate([one.runs, other.runs]))
    return {
        name: np.concatenate([getattr(one, name), getattr(other, name)])[order] for name in names
    }
