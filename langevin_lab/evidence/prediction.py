"""What a theory can say about one number: a value, a bound, a range, an order.

Each form answers one question, ``violation(value)``: the distance by which a measured value
breaks the prediction, negative where it holds with room to spare.

    Point     |value - predicted|            two-sided
    AtMost    value - bound                  one-sided
    AtLeast   bound - value                  one-sided
    Between   max(low - value, value - high) two-sided
    Order     |value - order|                two-sided; must also exclude its neighbours
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any

from langevin_lab.evidence import notation
from langevin_lab.evidence.estimate import Estimate


class Prediction(ABC):
    """Base of the forms: finite fields, and the four questions that a claim asks."""

    sides = 2  # tails of the distribution that speak against the prediction
    estimate = Estimate.exact(0.0)  # carries the prediction's own error, if it has one

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not math.isfinite(value):
                raise ValueError(f"{name}={value} must be finite")

    @property
    @abstractmethod
    def size(self) -> float:
        """What counts as 100 % of a relative error."""

    @abstractmethod
    def violation(self, value: float) -> float:
        """Distance by which ``value`` breaks the prediction; negative inside."""

    @abstractmethod
    def sign(self, value: float) -> float:
        """+1 if a violation at ``value`` means too high, -1 if too low."""

    @abstractmethod
    def text(self, stderr: float) -> str:
        """As printed beside a measurement with this standard error."""

    def record(self) -> dict[str, Any]:
        """Return the form and its numbers as plain JSON values."""
        return {"form": type(self).__name__} | asdict(self)  # type: ignore[call-overload]


@dataclass(frozen=True)
class Point(Prediction):
    """The value itself, exact or with an error bar of its own."""

    estimate: Estimate

    def __post_init__(self) -> None:  # the estimate has checked itself
        pass

    @property
    def size(self) -> float:
        return abs(self.estimate.value)

    def violation(self, value: float) -> float:
        return abs(value - self.estimate.value)

    def sign(self, value: float) -> float:
        return math.copysign(1.0, value - self.estimate.value)

    def text(self, stderr: float) -> str:
        if self.estimate.stderr > 0:
            return str(self.estimate)
        return notation.number(self.estimate.value, stderr)

    def record(self) -> dict[str, Any]:
        return {
            "form": "Point",
            "value": self.estimate.value,
            "stderr": self.estimate.stderr,
        }


@dataclass(frozen=True)
class AtMost(Prediction):
    """The value does not exceed ``bound``."""

    bound: float
    sides = 1

    @property
    def size(self) -> float:
        return abs(self.bound)

    def violation(self, value: float) -> float:
        return value - self.bound

    def sign(self, value: float) -> float:
        return 1.0

    def text(self, stderr: float) -> str:
        return f"≤ {notation.number(self.bound, stderr)}"


@dataclass(frozen=True)
class AtLeast(Prediction):
    """The value is not below ``bound``."""

    bound: float
    sides = 1

    @property
    def size(self) -> float:
        return abs(self.bound)

    def violation(self, value: float) -> float:
        return self.bound - value

    def sign(self, value: float) -> float:
        return -1.0

    def text(self, stderr: float) -> str:
        return f"≥ {notation.number(self.bound, stderr)}"


@dataclass(frozen=True)
class Between(Prediction):
    """The value lies in [low, high]; relative errors refer to the middle."""

    low: float
    high: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.low < self.high:
            raise ValueError(f"low={self.low} must be below high={self.high}")

    @property
    def size(self) -> float:
        return abs(self.low + self.high) / 2

    def violation(self, value: float) -> float:
        return max(self.low - value, value - self.high)

    def sign(self, value: float) -> float:
        return 1.0 if value - self.high >= self.low - value else -1.0

    def text(self, stderr: float) -> str:
        return f"{notation.number(self.low, stderr)} … {notation.number(self.high, stderr)}"


@dataclass(frozen=True)
class Order(Prediction):
    """A convergence order: the interval must hold it and exclude its neighbours.

    Parameters
    ----------
    order : float
    spacing : float, optional
        Neighbours are the multiples of this next to the order: 1 for the integers, 0.5 where half
        orders occur, as those of paths.
    """

    order: float
    spacing: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.spacing not in (0.5, 1.0):
            raise ValueError(f"spacing={self.spacing} must be 1 (integers) or 0.5 (half-integers)")

    @property
    def size(self) -> float:
        return 1.0

    @property
    def neighbours(self) -> tuple[float, float]:
        """The multiples of the spacing next to the order: 1 and 3 for 2, 0 and 1 for 1/2."""
        place = self.order / self.spacing
        return (math.ceil(place) - 1.0) * self.spacing, (math.floor(place) + 1.0) * self.spacing

    @property
    def neighbour_text(self) -> str:
        """What the neighbours are called."""
        return "integers" if self.spacing == 1 else "half-integers"

    def violation(self, value: float) -> float:
        return abs(value - self.order)

    def sign(self, value: float) -> float:
        return math.copysign(1.0, value - self.order)

    def text(self, stderr: float) -> str:
        return f"order {self.order:g}"


def as_prediction(predicted: Any) -> Prediction:
    """``predicted`` as one of the forms: a number or an `Estimate` becomes a `Point`."""
    if isinstance(predicted, Prediction):
        return predicted
    try:
        return Point(predicted if isinstance(predicted, Estimate) else Estimate.exact(predicted))
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"predicted={predicted!r}: give a finite number, an Estimate, AtMost, AtLeast, "
            "Between or Order"
        ) from None
