"""Schedules whose clock counts epochs, made of those whose clock counts time or steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np

from langevin_lab.dynamics.schedules import check_positive
from langevin_lab.potentials import Potential
from langevin_lab.potentials.network import Network
from langevin_lab.training.likelihood import steps_per_epoch

__all__ = ["EpochSchedule", "per_epoch"]

CLOCK_TOLERANCE = 1e-9  # relative; products of the same numbers differ by rounding


@dataclass(frozen=True, kw_only=True)
class EpochSchedule:
    """The value of ``schedule`` at time/epoch_duration: see `per_epoch`.

    Parameters
    ----------
    schedule : callable
        Of the number of epochs that have passed, whole or not.
    epoch_duration : float
        > 0 [time]; in steps for an optimiser.
    """

    schedule: Callable[[Any], Any]
    epoch_duration: float

    def __post_init__(self) -> None:
        if not callable(self.schedule):
            raise TypeError(
                f"schedule={self.schedule!r} must be a schedule such as "
                "ll.dynamics.Linear(start=1.0, stop=0.0, duration=100)"
            )
        check_positive("epoch_duration", self.epoch_duration)

    def __call__(self, time: Any) -> Any:
        """Value at ``time`` (scalar or array)."""
        return self.schedule(np.asarray(time, dtype=float) / self.epoch_duration)


def per_epoch(
    schedule: Callable[[Any], Any], network: Network, *, dt: float = 1.0
) -> EpochSchedule:
    """Return the schedule with a clock that counts the network's epochs.

    Parameters
    ----------
    schedule : callable
        Such as ``ll.dynamics.Steps(times=(0, 100), values=(0.1, 0.01))``: times are epochs.
    network : Network
    dt : float
        Time step of the training, which `train` compares with its own; an optimiser has none.

    Returns
    -------
    EpochSchedule
        For the temperature or friction of a dynamics, or the learning rate of an optimiser.

    Raises
    ------
    TypeError, ValueError
        If the schedule is not callable, the network is none or dt is not positive.

    Example
    -------
    >>> import langevin_lab as ll
    >>> moons = ll.potentials.two_moons(200, seed=1)
    >>> network = ll.potentials.multilayer_perceptron(
    ...     moons.inputs, moons.targets, loss="binary_cross_entropy", batch_size=50)
    >>> rate = per_epoch(ll.dynamics.Steps(times=(0, 10), values=(0.1, 0.01)), network)
    >>> rate([39, 40]).tolist()              # four steps an epoch
    [0.1, 0.01]
    """
    check_positive("dt", dt)
    return EpochSchedule(schedule=schedule, epoch_duration=steps_per_epoch(network) * dt)


def check_epoch_clocks(dynamics: Any, n_steps: int, dt: float) -> None:
    """Raise ValueError if a schedule's epoch is not that of a training, n_steps steps of dt."""
    optimiser = dynamics.equation == "descent"
    for name, schedule in _epoch_schedules("dynamics", dynamics):
        if not math.isclose(schedule.epoch_duration, n_steps * dt, rel_tol=CLOCK_TOLERANCE):
            steps = f"{n_steps} steps" if optimiser else f"{n_steps} steps of dt={dt:g}"
            remedy = "" if optimiser else f", dt={dt:g}"
            raise ValueError(
                f"{name} has a schedule whose epoch lasts {schedule.epoch_duration:g}, an epoch of "
                f"this training lasts {n_steps * dt:g} ({steps}); use "
                f"ll.training.per_epoch(schedule, network{remedy}) with the network trained here"
            )


def _epoch_schedules(name: str, value: Any) -> Iterator[tuple[str, EpochSchedule]]:
    """The schedules that count epochs in a dynamics, its blocks or its optimiser."""
    if isinstance(value, EpochSchedule):
        yield name, value
    elif isinstance(value, tuple):
        for entry in value:
            yield from _epoch_schedules(name, entry)
    elif is_dataclass(value) and not callable(value) and not isinstance(value, Potential):
        for item in fields(value):
            yield from _epoch_schedules(item.name, getattr(value, item.name))
