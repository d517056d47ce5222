"""What limits ask of their numbers."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["positive_numbers"]


def positive_numbers(**values: Any) -> dict[str, float]:
    """The values as floats; ValueError unless all are finite and > 0."""
    for name, value in values.items():
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not (number and 0 < value < math.inf):
            raise ValueError(f"{name}={value!r} must be a finite number > 0")
    return {name: float(value) for name, value in values.items()}
