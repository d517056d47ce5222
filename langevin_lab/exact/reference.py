"""The form of an exact answer: a number with a bound on its error, and no sampling behind it."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

Array = NDArray[Any]


class Reference(NamedTuple):
    """A computed reference value; unpacks as ``value, error = ...``.

    Attributes
    ----------
    value : float
        The number.
    error : float
        Bound or refinement estimate of ``|value - truth|``: discretisation, truncation of the
        domain and rounding together.
    """

    value: float
    error: float

    def __float__(self) -> float:
        return float(self.value)

    def __str__(self) -> str:
        return f"{self.value:.10g} (error <= {self.error:.1g})"

    def __format__(self, specification: str) -> str:
        """With a specification the value's, without one value and error."""
        return format(float(self.value), specification) if specification else str(self)
