"""Ranges of catalogue parameters, checked when a potential is made and when it is changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Ranges:
    """Bounds of parameters; a name stands for itself and for name_0, name_1, ...

    Attributes
    ----------
    positive, non_negative : tuple of str
        Parameters that must be > 0 or >= 0.
    above : tuple of (name, bound)
        Parameters that must be larger than a bound.
    """

    positive: tuple[str, ...] = ()
    non_negative: tuple[str, ...] = ()
    above: tuple[tuple[str, float], ...] = ()

    def __call__(self, owner: str, parameters: Mapping[str, float]) -> None:
        for name, value in parameters.items():
            stem = name if name in self._names else name.rstrip("0123456789").rstrip("_")
            if stem in self.positive and not value > 0:
                raise ValueError(f"{owner}: {name}={value:g} must be positive")
            if stem in self.non_negative and not value >= 0:
                raise ValueError(f"{owner}: {name}={value:g} must be zero or positive")
            for limited, bound in self.above:
                if stem == limited and not value > bound:
                    raise ValueError(f"{owner}: {name}={value:g} must be larger than {bound:g}")

    @property
    def _names(self) -> tuple[str, ...]:
        return self.positive + self.non_negative + tuple(name for name, _ in self.above)


def whole_number(owner: str, name: str, value: object, least: int) -> int:
    """Return a count of at least `least`, else raise ValueError."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise ValueError(f"{owner}: {name}={value!r} must be an integer of at least {least}")
    number = int(value.__index__())
    if number < least:
        raise ValueError(f"{owner}: {name}={number} must be at least {least}")
    return number
