"""From experiments to findings: what is stored is reused, what is missing is run and stored."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langevin_lab.lab.discovery import place
from langevin_lab.lab.errors import LabError, one_line, shown
from langevin_lab.lab.experiment import Experiment
from langevin_lab.lab.store import Store

if TYPE_CHECKING:
    import xarray

    from langevin_lab.evidence import Claim, Verdict

CUSTOM = "custom"  # preset label of a configuration with overridden fields


@dataclass(frozen=True, eq=False)
class Task:
    """An experiment under one configuration, its hash, and where its result is stored, if it is.

    The hash is taken before the run: files that are edited meanwhile do not count for it.
    """

    experiment: Experiment
    preset: str
    config: Any
    digest: str
    stored: Path | None

    @property
    def seconds(self) -> float | None:
        """Expected cost; None if unknown."""
        return self.experiment.seconds(self.config)


@dataclass(frozen=True, eq=False)
class Result:
    """A stored dataset and the claims that it makes."""

    task: Task
    dataset: xarray.Dataset
    claims: tuple[Claim, ...]


@dataclass(frozen=True, eq=False)
class Finding:
    """A verdict and the experiment it belongs to."""

    experiment: str
    verdict: Verdict


def plan(
    store: Store,
    experiments: Iterable[Experiment],
    preset: str = "quick",
    *,
    overrides: Sequence[str] = (),
    force: bool = False,
) -> list[Task]:
    """Look up what is stored; with ``force`` everything counts as missing."""
    tasks = []
    for experiment in experiments:
        config = experiment.config(preset, overrides)
        label = CUSTOM if overrides else preset
        digest = store.digest(experiment, config)
        stored = None if force else store.find(experiment, config)
        tasks.append(Task(experiment, label, config, digest, stored))
    return tasks


def announcement(tasks: Sequence[Task]) -> str:
    """One line: how many results are stored, how many are to run, how long that takes."""
    missing = [task for task in tasks if task.stored is None]
    if not missing:
        return f"{_count(len(tasks), 'result')} stored, nothing to run"
    known = [task.seconds for task in missing]
    total = sum(seconds for seconds in known if seconds is not None)
    stored = len(tasks) - len(missing)
    line = f"{_count(stored, 'result')} stored, {_count(len(missing), 'experiment')} to run"
    if all(seconds is None for seconds in known):
        return line
    unknown = sum(seconds is None for seconds in known)
    more = f" and {unknown} of unknown cost" if unknown else ""
    return f"{line}, about {duration(total)} on two cores{more}"


def obtain(store: Store, task: Task) -> Result:
    """Load the task's result, or run it and store it; then ask for its claims.

    Raises
    ------
    LabError
        If the experiment fails, or its result cannot be read, written or judged.
    """
    path = task.stored or _run(store, task)
    dataset = store.load(path)  # also after a run: claims see what a later session will see
    return Result(task, dataset, tuple(_claims(task.experiment, dataset)))


def stored_result(store: Store, task: Task) -> Result:
    """Load the task's result.

    Raises
    ------
    LabError
        If it is missing or stale, with the command that makes it.
    """
    if task.stored is None:
        name = task.experiment.name
        stale = store.has_stale(task.experiment, task.preset)
        what = "the stored result is stale" if stale else "there is no stored result"
        raise LabError(
            f"{name} ({task.preset}): {what} in {shown(store.folder)}; "
            f"run langevin-lab reproduce {name} --preset {task.preset}"
        )
    return obtain(store, task)


def findings(results: Sequence[Result], *, false_alarm_rate: float) -> list[Finding]:
    """Judge the claims of all results as one family."""
    from langevin_lab.evidence import judge

    owners = [result.task.experiment.name for result in results for _ in result.claims]
    family = [claim for result in results for claim in result.claims]
    verdicts = judge(family, false_alarm_rate=false_alarm_rate)
    return [Finding(name, verdict) for name, verdict in zip(owners, verdicts)]


def duration(seconds: float) -> str:
    """Seconds as a person says them: 40 s, 3.5 min, 2.0 h."""
    if seconds < 99.5:
        return f"{max(seconds, 1):.0f} s"
    if seconds < 99.5 * 60:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


def _run(store: Store, task: Task) -> Path:
    import xarray

    experiment = task.experiment
    started = time.perf_counter()
    try:
        dataset = experiment.run(task.config)
    except LabError:
        raise
    except (Exception, SystemExit) as error:
        raise LabError(
            f"{place(experiment.source_file, error)}: run of {experiment.name} failed: "
            f"{one_line(error)}"
        ) from error
    if not isinstance(dataset, xarray.Dataset):
        raise LabError(
            f"run(config) of {experiment.name} returned a {type(dataset).__name__}, "
            "needs an xarray.Dataset"
        )
    seconds = time.perf_counter() - started
    return store.save(
        experiment, task.preset, task.config, dataset, seconds=seconds, digest=task.digest
    )


def _claims(experiment: Experiment, dataset: xarray.Dataset) -> list[Claim]:
    from langevin_lab.evidence import Claim

    try:
        claims = list(experiment.claims(dataset))
    except Exception as error:
        raise LabError(
            f"{place(experiment.source_file, error)}: claims of {experiment.name} failed: "
            f"{one_line(error)}"
        ) from error
    for claim in claims:
        if not isinstance(claim, Claim):
            raise LabError(f"claims(dataset) of {experiment.name} holds {claim!r}, needs Claim")
    return claims


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
