"""The initial state: positions, thermal momenta, and the normals that come before step 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from langevin_lab.ensemble.layout import INITIAL_NORMAL, Layout
from langevin_lab.noise import normals


def given_starts(starts: dict[str, Any]) -> list[str]:
    """Names of the starts that are given: neither None nor "thermal"."""
    return [
        name
        for name, value in starts.items()
        if not (value is None or (isinstance(value, str) and value == "thermal"))
    ]


def check_start_arguments(scheme: Any, dynamics: Any, starts: dict[str, Any]) -> None:
    """Raise ValueError for a start that would be ignored."""
    has = {
        "start_momentum": (dynamics.momenta, "momenta"),
        "start_thermostat": (bool(scheme.program.thermostats), "thermostat"),
    }
    for name in given_starts(starts):
        there, what = has.get(name, (True, ""))
        if not there:
            raise ValueError(
                f"{name}={starts[name]!r}, but {type(dynamics).__name__} has no {what}; "
                "leave it out"
            )
        if name == "start_momentum" and getattr(dynamics, "starts_at_rest", False):
            raise ValueError(
                f"{name}={starts[name]!r}, but {type(dynamics.optimiser).__name__} starts at rest: "
                "what it remembers begins with its first gradient; leave it out"
            )


def initial_state(
    dynamics: Any,
    layout: Layout,
    starts: dict[str, Any],
    *,
    seed: int,
    first_replica: int,
    n_replicas: int,
) -> dict[str, np.ndarray]:
    """What a run keeps, each of shape (dim, n_replicas), thermostats of shape (1, n_replicas).

    Raises
    ------
    ValueError
        If a start has the wrong shape or is not finite, or no start is given and none is known.
    """
    dim, program = dynamics.dim, layout.program
    state = {"x": _positions(dynamics.potential, starts["start"], n_replicas)}
    replicas = range(first_replica, first_replica + n_replicas)

    def draws(block: int, count: int) -> np.ndarray:
        """Normals (count, n_replicas) that no step and no other block uses."""
        first = INITIAL_NORMAL + block * (dim + dim % 2)
        return normals(seed, replicas, first, count).T

    if "p" in layout.kept:
        given = _given("start_momentum", starts, dim, n_replicas)
        scale = dynamics.thermal_momentum_scale[:, None]
        state["p"] = draws(0, dim) * scale if given is None else given
    if "r" in layout.kept:
        state["r"] = draws(1, dim)
    count = len(program.thermostats)
    if count:
        given = _given("start_thermostat", starts, count, n_replicas)
        start = dynamics.thermostat_start(draws(2, count)) if given is None else given
        state |= {name: start[[index]] for index, name in enumerate(program.thermostats)}
    zeros = (*program.outcomes, *program.memories)
    state |= {name: np.zeros((layout.size(name), n_replicas)) for name in zeros}
    if "g" in layout.kept:
        state["g"] = np.zeros((dim, n_replicas))  # drawn by the kernel
    return {name: np.ascontiguousarray(state[name]) for name in layout.kept}


def _given(name: str, starts: dict[str, Any], count: int, n_replicas: int) -> np.ndarray | None:
    """The start of that name, shape (count, n_replicas); None if it is to be drawn."""
    value = starts[name]
    if not isinstance(value, str):
        if count == 1 and np.shape(value) == (n_replicas,) != (1,):
            value = np.asarray(value)[:, None]
        return _spread(name, value, count, n_replicas)
    if value != "thermal":
        raise ValueError(
            f"{name}={value!r} must be 'thermal' or numbers of shape ({count},) or "
            f"({n_replicas}, {count})"
        )
    return None


def _positions(potential: Any, start: Any, n_replicas: int) -> np.ndarray:
    if start is None:
        minima = [point for point in potential.stationary_points if point.index == 0]
        if not minima:
            raise ValueError(
                f"start=None, but no minimum of {potential.name} is known; "
                f"give start=... of shape ({potential.dim},) or (n_replicas, {potential.dim})"
            )
        start = min(minima, key=lambda point: point.energy).position
    x = _spread("start", start, potential.dim, n_replicas)
    sample = np.unique(x[:, : min(n_replicas, 4096)], axis=1)
    gradient = potential.gradient(sample.T)
    if not np.isfinite(gradient).all():
        where = sample.T[~np.isfinite(gradient).all(axis=1)][0]
        raise ValueError(
            f"start={where.tolist()} has no finite gradient in {potential.name}; start elsewhere"
        )
    return x


def _spread(name: str, value: Any, dim: int, n_replicas: int) -> np.ndarray:
    """``value`` of shape (), (dim,) or (n_replicas, dim) as an array of shape (dim, n_replicas)."""
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(f"{name}={value!r} must be numbers") from None
    wanted = f"shape ({dim},) for all replicas or ({n_replicas}, {dim}) for each"
    if array.ndim == 0 and dim == 1:
        array = array.reshape(1)
    if array.shape == (dim,):
        array = np.broadcast_to(array, (n_replicas, dim))
    if array.shape != (n_replicas, dim):
        raise ValueError(f"{name} has shape {array.shape}, but must have {wanted}")
    if not np.isfinite(array).all():
        replica, coordinate = np.argwhere(~np.isfinite(array))[0]
        raise ValueError(
            f"{name} is {array[replica, coordinate]} at replica {replica}, coordinate "
            f"{coordinate}; every number must be finite"
        )
    return np.array(array.T)
