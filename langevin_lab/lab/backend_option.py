"""``--device``: the backend of an experiment's configuration, where it has one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from langevin_lab.lab.errors import LabError

if TYPE_CHECKING:
    from langevin_lab.lab.experiment import Experiment

__all__ = ["backend_override", "on_backend"]


def backend_override(backend: str | None) -> list[str]:
    """The text ``backend=NAME`` that replaces the field; none without a backend.

    Raises
    ------
    LabError
        If there is no such backend.
    """
    from langevin_lab.ensemble.backends import parse_backend

    if backend is None:
        return []
    try:
        parse_backend(backend)
    except ValueError as error:
        raise LabError(f"--device: {error}") from error
    return [f"backend={backend}"]


def on_backend(
    experiments: Iterable[Experiment], backend: str | None
) -> tuple[list[Experiment], list[LabError]]:
    """Experiments whose configuration has a backend, and an error for each that has none."""
    found: list[Experiment] = []
    without = []
    for experiment in experiments:
        if backend is None or _has_backend(experiment.config_type):
            found.append(experiment)
        else:
            without.append(
                LabError(
                    f"--device {backend}: {experiment.name} has no backend in its configuration "
                    "and runs on the CPU; leave --device away for it"
                )
            )
    return found, without


def _has_backend(config_type: Any) -> bool:
    return "backend" in {field.name for field in dataclasses.fields(config_type)}
