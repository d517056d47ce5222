"""The range of validity of a limit as data: its small parameters, and the warning beyond them.

A continuous limit holds to the order of its small parameter. Asking for it where that is not small
is allowed, and warns with the number.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

from langevin_lab.dynamics.schedules import check_number, check_positive

__all__ = ["OutsideRegimeWarning", "SmallParameter", "check_regime"]


class OutsideRegimeWarning(UserWarning):
    """A limit was asked for where its small parameter is not small.

    Attributes
    ----------
    message : str
        What was asked for, the number with its formula, the limit and the remedy.
    name : str
        Of the small parameter.
    value, limit : float
        What it is, and what it should not exceed.
    """

    def __init__(self, message: str, name: str, value: float, limit: float) -> None:
        super().__init__(message, name, value, limit)  # all of them, for pickle
        self.message = message
        self.name = name
        self.value = value
        self.limit = limit

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, kw_only=True)
class SmallParameter:
    """A number that must be small for a limit to hold, and the bound that is put on it.

    Parameters
    ----------
    name : str
        What the number is, in words.
    formula : str
        How it is made from the constants, in the code's own names.
    value : float
        >= 0; inf where the limit does not exist (a momentum of 1 has no gradient flow).
    limit : float
        > 0: the largest value for which the limit is not questioned.

    Raises
    ------
    ValueError
        If the value is negative or nan, or the limit is not finite and > 0.

    Examples
    --------
    >>> from langevin_lab.limits.regime import SmallParameter
    >>> small = SmallParameter(
    ...     name="clock ratio", formula="learning_rate curvature/(1 - momentum)^2",
    ...     value=0.05, limit=0.1,
    ... )
    >>> small.holds
    True
    """

    name: str
    formula: str
    value: float
    limit: float

    def __post_init__(self) -> None:
        check_number("value", self.value)
        if math.isnan(self.value) or self.value < 0:
            raise ValueError(
                f"value={self.value!r} of the small parameter {self.name!r} must be >= 0; "
                "give its absolute value"
            )
        check_positive("limit", self.limit)

    @property
    def holds(self) -> bool:
        """Whether the value is at or below its limit."""
        return self.value <= self.limit

    def __str__(self) -> str:
        return f"{self.name} ({self.formula}) = {self.value:.3g}, limit {self.limit:g}"

    def check(self, asked: str, *, remedy: str = "", stacklevel: int = 2) -> SmallParameter:
        """Warn if the value is above its limit.

        Parameters
        ----------
        asked : str
            What was asked for, the subject of the message: "the gradient flow of HeavyBall".
        remedy : str, optional
            What to do instead, the end of the message.
        stacklevel : int, optional
            As in `warnings.warn`: 2 names the caller's line, 3 that of its caller.

        Returns
        -------
        SmallParameter
            Itself, so that a record can keep what was checked.

        Warns
        -----
        OutsideRegimeWarning
            If value > limit; the warning carries name, value and limit.
        """
        if not self.holds:
            message = (
                f"{asked} is outside its regime: {self.name} ({self.formula}) = {self.value:.4g} "
                f"is above {self.limit:g}" + (f"; {remedy}" if remedy else "")
            )
            warning = OutsideRegimeWarning(message, self.name, self.value, self.limit)
            warnings.warn(warning, stacklevel=stacklevel)
        return self


def check_regime(
    parameters: Iterable[SmallParameter], asked: str, *, remedy: str = "", stacklevel: int = 2
) -> tuple[SmallParameter, ...]:
    """Check several small parameters of one limit: one warning for each that is too large.

    Parameters
    ----------
    parameters : iterable of SmallParameter
    asked, remedy, stacklevel
        As in `SmallParameter.check`.

    Returns
    -------
    tuple of SmallParameter
        All of them, in order.

    Warns
    -----
    OutsideRegimeWarning
        For each value above its limit.
    """
    checked = tuple(parameters)
    for parameter in checked:  # a loop: a comprehension may be a frame of its own for stacklevel
        parameter.check(asked, remedy=remedy, stacklevel=stacklevel + 1)
    return checked
