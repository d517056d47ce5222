"""The form of an exact answer: a number with a bound on its error, and no sampling behind it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Reference(NamedTuple):
    """A computed reference value; unpacks as ``value, error = ...``.

    Attributes
    ----------
    value : float
        The number; an array where the function was asked for many.
    error : float
        Bound or refinement estimate of ``|value - truth|``: discretisation, truncation of the
        domain and rounding together.
    """

    value: Any
    error: Any

    def __float__(self) -> float:
        return float(self.value)

    def __str__(self) -> str:
        if hasattr(self.value, "shape") and self.value.shape:
            return f"{self.value} (error <= {np.max(self.error):.1g})"
        return f"{self.value:.10g} (error <= {self.error:.1g})"

    def __format__(self, specification: str) -> str:
        """With a specification the value's, of every element; without one value and error."""
        if not specification:
            return str(self)
        if np.ndim(self.value) == 0:
            return format(float(self.value), specification)
        return np.array2string(
            self.value, formatter={"all": lambda element: format(element, specification)}
        )
