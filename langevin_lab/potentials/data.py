"""A table of examples: columns by name, addressed by content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False, repr=False)
class Data:
    """Examples that a loss averages over; immutable.

    Attributes
    ----------
    columns : tuple of str
    values : ndarray of shape (n_examples, n_columns)
        float64, read-only, row by row in memory.
    label : str or None
        The column that label noise is added to.
    """

    columns: tuple[str, ...]
    values: np.ndarray
    label: str | None = None

    def __post_init__(self) -> None:
        values = np.array(self.values, dtype=np.float64, order="C")
        values.flags.writeable = False
        object.__setattr__(self, "values", values)

    @property
    def n_examples(self) -> int:
        """Rows."""
        return len(self.values)

    @cached_property
    def digest(self) -> str:
        """Sha256 of names and numbers."""
        total = hashlib.sha256(repr((self.columns, self.values.shape, self.label)).encode())
        total.update(self.values.tobytes())
        return total.hexdigest()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Data):
            return NotImplemented
        return self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"Data({self.n_examples} examples of {', '.join(self.columns)}; {self.digest[:12]})"


def table(columns: Mapping[str, Any]) -> Data:
    """Return the data of columns of equal length.

    Raises
    ------
    TypeError
        If the data is no mapping, or a column holds anything but numbers.
    ValueError
        If there is no column, or columns are empty, of unequal length or not finite.
    """
    if not isinstance(columns, Mapping):
        raise TypeError(f"data={columns!r:.60} must map names to columns, such as {{'a': [1, 2]}}")
    if not columns:
        raise ValueError("data is empty; give at least one column of numbers")
    arrays = {name: _column(name, column) for name, column in columns.items()}
    lengths = {name: array.size for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"data has columns of unequal length {lengths}; one row is one example")
    return Data(tuple(arrays), np.stack(list(arrays.values()), axis=1))


def matrix(name: str, given: Any, width: int | None = None) -> np.ndarray:
    """Finite numbers (n_examples, width) as float64, from (n_examples,) for one column.

    Raises
    ------
    TypeError
        If they are no numbers.
    ValueError
        If the shape is another, or there are none, or they are not finite.
    """
    try:
        array = np.asarray(given, dtype=np.float64)
    # RuntimeError is PyTorch's, of a tensor that requires a gradient.
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"{name} must be an array of numbers, one row an example") from None
    shape = array.shape
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim == 2 and array.size == 0:
        raise ValueError(f"{name} of shape {shape} must not be empty; give at least one example")
    if array.ndim != 2 or array.shape[1] != (width or array.shape[1]):
        wanted = "n" if width is None else width
        raise ValueError(f"{name} of shape {shape} must be (n_examples, {wanted})")
    if not np.isfinite(array).all():
        row, column = np.argwhere(~np.isfinite(array))[0]
        raise ValueError(
            f"{name} is {array[row, column]} in row {row}, column {column}; clean the data"
        )
    return array


def _column(name: str, column: Any) -> np.ndarray:
    try:
        array = np.asarray(column, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"data column {name!r} must hold numbers") from None
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"data column {name!r} of shape {array.shape} must be (n_examples,)")
    if not np.isfinite(array).all():
        row = int(np.argmin(np.isfinite(array)))
        raise ValueError(f"data column {name!r} is {array[row]} in row {row}; clean the data")
    return array
