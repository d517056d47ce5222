"""Many runs in batches: a checkpoint after each, or each by an executor, always to the same bits.

A run is a function of its number under the seed, so it does not matter which batch it is in.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from langevin_lab.ensemble.result import potential_key, provenance
from langevin_lab.integrators import method_for

RUNS_PER_BATCH = 40
STARTS = ("start", "start_momentum", "start_thermostat")
EACH = "one for each path"
_NOT_SETTINGS = ("n_runs", "n_threads", "checkpoint", "executor", "backend")


class CheckpointError(ValueError):
    """A checkpoint that this call cannot go on from.

    Attributes
    ----------
    path : Path
    """

    def __init__(self, message: str, path: Path):
        super().__init__(message)
        self.path = path


def run_in_batches(
    part: Callable[[dict[str, Any], int, int], Any], result: type, arguments: dict[str, Any]
) -> Any:
    """Runs first_run ... first_run + n_runs - 1 of a call, joined.

    Parameters
    ----------
    part : callable
        ``part(arguments, first, count)``, a function of a module, so that it pickles.
    result : type
        Of what it returns: has ``combined``, ``to_dataset`` and ``from_dataset``.
    arguments : dict
        Of the call, ``checkpoint`` and ``executor`` among them.
    """
    arguments = dict(arguments)
    checkpoint, executor = arguments.pop("checkpoint"), arguments.pop("executor")
    first, n_runs = arguments["first_run"], arguments["n_runs"]
    if checkpoint is None and executor is None:
        return part(arguments, first, n_runs)
    path = None if checkpoint is None else Path(checkpoint)
    settings = settings_of(arguments)
    if path is not None and not path.parent.is_dir():
        raise CheckpointError(
            f"checkpoint={str(path)!r}: there is no folder {str(path.parent)!r}; make it first",
            path,
        )
    found = None if path is None or not path.exists() else _read(path, result, settings, n_runs)
    n_found = 0 if found is None else found.n_runs
    parts = _parts(part, arguments, _batches(first + n_found, n_runs - n_found), executor)
    for more in parts:
        found = more if found is None else found.combined(more)
        if path is not None:
            versions = provenance({"call": json.dumps(settings)})
            _write(path, found.to_dataset().assign_attrs(versions))
    return found


def _batches(first: int, n_runs: int) -> list[tuple[int, int]]:
    """First run and number of runs of each batch, of nearly equal size."""
    n_batches = math.ceil(n_runs / RUNS_PER_BATCH)
    edges = [first + n_runs * k // max(n_batches, 1) for k in range(n_batches + 1)]
    return [(low, high - low) for low, high in pairwise(edges)]


def _parts(
    part: Callable[..., Any], arguments: dict[str, Any], batches: list[tuple[int, int]],
    executor: Any,
) -> Iterator[Any]:  # fmt: skip
    """Results of the batches, in order."""
    if executor is None:
        return (part(arguments, *batch) for batch in batches)
    return iter(executor.map(part, [arguments] * len(batches), *zip(*batches)))


def starts_of_runs(
    arguments: dict[str, Any], counts: dict[str, int], first_run: int, n_runs: int, n_paths: int
) -> dict[str, Any]:
    """The starts of some runs, where one is given for each path of all runs.

    Parameters
    ----------
    counts : dict
        Numbers that a path has of each start.
    """
    begin = (first_run - arguments["first_run"]) * n_paths
    n_all, chosen = arguments["n_runs"] * n_paths, slice(begin, begin + n_runs * n_paths)
    starts = {name: arguments[name] for name in STARTS}
    for name, value in starts.items():
        if not _is_for_each_path(value, counts.get(name, 0), n_all):
            continue
        if len(value) != n_all:
            raise ValueError(
                f"{name} has {len(value)} rows, but must have one for each of the {n_all} paths of "
                "all runs, or be one start without rows"
            )
        starts[name] = value[chosen]
    return starts


def _is_for_each_path(value: Any, count: int, n_all: int) -> bool:
    """Whether a start has rows; as in `simulate` they may be bare numbers where a row has one."""
    return np.ndim(value) == 2 or (count == 1 and np.shape(value) == (n_all,))


def settings_of(arguments: dict[str, Any]) -> dict[str, str]:
    """What runs that are to be joined must share, as text."""
    dynamics = arguments["dynamics"]
    scheme = method_for(arguments["integrator"], dynamics)
    others = {
        name: _text(value)
        for name, value in arguments.items()
        if name not in (*_NOT_SETTINGS, "dynamics", "integrator")
        and (name, value) != ("precision", "float64")  # in which all backends agree
    }
    return {
        "dynamics": dynamics.describe(),
        "potential": potential_key(dynamics.potential),
        "integrator": scheme.name,
        **others,
    }


def shared_settings(arguments: dict[str, Any]) -> dict[str, str]:
    """What all runs of a result share, as text; starts of each path are its own."""
    settings = settings_of(arguments)
    del settings["first_run"]
    return settings | {name: EACH for name in STARTS if np.ndim(arguments[name]) == 2}


def _text(value: Any) -> str:
    """All digits of a number, words as they are, the hash of an array."""
    if isinstance(value, str):
        return value
    if np.ndim(value) == 0:
        value = value.item() if isinstance(value, (np.generic, np.ndarray)) else value
        whole = isinstance(value, float) and value.is_integer()
        return repr(int(value) if whole else value)  # -1 and -1.0 are the same start
    array = np.ascontiguousarray(value, dtype=float)
    if array.size <= 8:
        return json.dumps(array.tolist())
    return f"{array.shape} {hashlib.sha256(array.tobytes()).hexdigest()[:16]}"


def _read(path: Path, result: type, settings: dict[str, str], n_runs: int) -> Any:
    """The runs of a checkpoint; CheckpointError if they are not the first of this call."""
    import xarray

    try:
        dataset = xarray.load_dataset(path, engine="h5netcdf")
        earlier = json.loads(dataset.attrs["call"])
    except Exception as error:  # a damaged HDF5 file raises anything from OSError to KeyError
        raise CheckpointError(
            f"checkpoint={str(path)!r} cannot be read ({error}); delete it, or give another path",
            path,
        ) from error
    for name, value in settings.items():
        if earlier.get(name) != value:
            raise CheckpointError(
                f"checkpoint={str(path)!r} ran with {name}={earlier.get(name)}, this call has "
                f"{name}={value}; runs continue under the same settings: give another path",
                path,
            )
    found = result.from_dataset(dataset)  # type: ignore[attr-defined]
    if found.n_runs > n_runs:
        raise CheckpointError(
            f"checkpoint={str(path)!r} holds {found.n_runs} runs, this call has n_runs={n_runs}; "
            "ask for as many or more",
            path,
        )
    return found


def _write(path: Path, dataset: Any) -> None:
    """Write all or nothing: to a file beside it, then renamed."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        dataset.to_netcdf(beside, engine="h5netcdf")
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
