"""What all optimisers share: numbers that may be schedules, one program, one record."""

from __future__ import annotations

import abc
import copy
import dataclasses
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from langevin_lab.dynamics.schedules import (
    check_nonnegative,
    check_number,
    check_positive,
    schedule_values,
)
from langevin_lab.integrators import Method, Program, Properties

Number = float | Callable[[Any], Any]


def check_momentum(name: str, value: Any) -> None:
    """Raise TypeError or ValueError unless ``value`` is a number in [0, 1)."""
    check_number(name, value)
    if not 0 <= value < 1:
        raise ValueError(f"{name}={value!r} must be a momentum coefficient in [0, 1)")


def check_share(name: str, value: Any) -> None:
    """Raise TypeError or ValueError unless ``value`` is a number in (0, 1]."""
    check_number(name, value)
    if not 0 < value <= 1:
        raise ValueError(f"{name}={value!r} must be a number in (0, 1]")


# Field -> what a number must be, and what the values of a schedule must be: (low, high).
_CHECKS: dict[str, Callable[[str, Any], None]] = {
    "learning_rate": check_positive,
    "momentum": check_momentum,
    "look_ahead": check_nonnegative,
    "dampening": check_momentum,
    "weight_decay": check_nonnegative,
    "square_decay": check_momentum,
    "epsilon": check_positive,
    "rate_decay": check_nonnegative,
    "initial_square": check_nonnegative,
    "margin": check_share,
}
_RANGES = {"learning_rate": (0.0, math.inf), "momentum": (0.0, 1.0)}


@dataclass(frozen=True, kw_only=True)
class Optimiser(abc.ABC):
    """Base of all optimisers; each is a frozen dataclass of its numbers.

    ``learning_rate`` [length^2/energy] and, where there is one, ``momentum`` may be schedules:
    callables of the number n = 0, 1, ... of the step.
    """

    learning_rate: Number
    may_be_scheduled: ClassVar[tuple[str, ...]] = ("learning_rate", "momentum")
    momenta: ClassVar[bool] = True
    starts_at_rest: ClassVar[bool] = False  # whether p has no other start than 0
    is_noiseless: ClassVar[bool] = True  # but for the noise of the gradient
    is_linear: ClassVar[bool] = True  # whether a step on a quadratic potential is
    of_one_step: ClassVar[bool] = False  # whether these are the numbers of one step, see `at`
    was_scheduled: ClassVar[tuple[str, ...]] = ()  # then: what schedules stood for

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if callable(value) and item.name in self.may_be_scheduled:
                continue
            if item.name in _CHECKS:
                _CHECKS[item.name](item.name, value)
                object.__setattr__(self, item.name, float(value))

    @property
    def scheduled(self) -> tuple[str, ...]:
        """Names of the numbers that change from step to step."""
        if self.of_one_step:
            return ()
        names = (item.name for item in dataclasses.fields(self))
        return tuple(name for name in names if callable(getattr(self, name)))

    def at(self, step: Any) -> Optimiser:
        """The same optimiser with its schedules replaced by their values in one step.

        Parameters
        ----------
        step : int or array_like of shape (n,)
            Number of the step, from 0 on; an array gives columns of shape (n, 1).

        Raises
        ------
        ValueError
            If a schedule returns a learning rate < 0, a momentum outside [0, 1], a number that is
            not finite, or the wrong shape.
        """
        if not self.scheduled:
            return self
        frozen = copy.copy(self)
        object.__setattr__(frozen, "of_one_step", True)
        object.__setattr__(frozen, "was_scheduled", self.scheduled)
        for name in self.scheduled:
            values = self.value_at(name, step)
            entry = float(values) if np.ndim(step) == 0 else values[:, None]
            object.__setattr__(frozen, name, entry)
        return frozen

    def value_at(self, name: str, step: Any) -> np.ndarray:
        """Values of one scheduled number in steps of any shape, checked."""
        values = schedule_values(name, getattr(self, name), step, unit="steps")
        low, high = _RANGES[name]
        bad = ~(np.isfinite(values) & (values >= low) & (values <= high))
        if bad.any():
            first = float(np.asarray(step)[bad].flat[0])
            limits = ">= 0" if math.isinf(high) else f"between {low:g} and {high:g}"
            raise ValueError(
                f"{name} schedule returned {float(values[bad].flat[0])} in step {first:g}: it must "
                f"be finite and {limits}"
            )
        return values

    @property
    @abc.abstractmethod
    def program(self) -> Program:
        """The lines of one step."""

    @abc.abstractmethod
    def coefficients(self) -> dict[str, Any]:
        """The numbers that the lines name."""

    @property
    @abc.abstractmethod
    def stability_limit(self) -> float:
        """Learning rate times curvature from which a step on a quadratic is unstable.

        Raises
        ------
        ValueError
            If it depends on a number that is a schedule.
        """

    @property
    @abc.abstractmethod
    def source(self) -> str:
        """Author, year, equation."""

    def constant(self, name: str) -> Any:
        """A number that is no schedule; ValueError otherwise."""
        value = getattr(self, name)
        if callable(value):
            raise ValueError(
                f"{name} is a schedule, so {type(self).__name__} has no one stability limit; ask "
                "that of at(step)"
            )
        return value

    def check_potential(self, potential: Any) -> None:  # noqa: B027, most are for any
        """Raise ValueError if the optimiser is not for this potential."""

    def method(self) -> Method:
        """The method that kernels, exact laws and numpy steps are made from.

        Its orders are those of the path in the learning rate against the rescaled gradient flow
        dx/dt = -grad U (1 - dampening)/(1 - momentum), t = n learning_rate; nan of schedules, of
        steps that are not linear in the gradient and of data that is drawn. It has no stationary
        law without gradient noise.
        """
        fixed = self.is_noiseless and self.is_linear and not set(self.scheduled) - {"dampening"}
        limit = self.stability_limit if fixed else math.nan
        order = 1.0 if fixed else math.nan
        name = type(self).__name__
        return _method(name, self.program, limit, order, self.source, self.is_linear)


@functools.lru_cache(maxsize=128)
def _method(
    name: str, program: Program, limit: float, order: float, source: str, linear: bool
) -> Method:
    properties = Properties(
        name=name,
        equation="descent",
        strong_order=order,
        weak_order=order,
        configurational_order=math.nan,
        gradients_per_step=program.gradients_per_step,
        normals_per_step=program.n_normals,
        stability_limit=limit,
        source=source,
        linear=linear,
    )
    return Method(name, program, _coefficients, properties)


def _coefficients(dynamics: Any, dt: Any, temperature: Any) -> dict[str, Any]:
    """The optimiser's own numbers: a step is one unit of time."""
    values: dict[str, Any] = dynamics.optimiser.coefficients()
    return values
