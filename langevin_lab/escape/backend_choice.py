"""What may carry out a run whose replicas stop one by one."""

from __future__ import annotations

from typing import Any

from langevin_lab.ensemble.backends import STOPPING, Backend, parse_backend


def chosen_backend(backend: Any, precision: Any = "float64") -> Backend:
    """The backend that the arguments name; ValueError if it moves all replicas alike."""
    chosen = parse_backend(backend, precision)
    if chosen.name not in STOPPING:
        raise ValueError(
            f"backend={backend!r} advances all replicas alike and cannot stop those that have "
            f"arrived; use one of {list(STOPPING)}"
        )
    return chosen
