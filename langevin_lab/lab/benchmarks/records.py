"""What was measured, as plain values, and the files that keep it."""

from __future__ import annotations

import json
import math
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langevin_lab.lab.benchmarks.programs import Task
from langevin_lab.lab.errors import LabError, shown

if TYPE_CHECKING:
    from langevin_lab.evidence import Estimate

__all__ = ["Measured", "Results", "file_name", "load", "median", "save", "stored"]

FORMAT = 1
# By how much the median distance of n normal numbers is too small.
_FEW = {2: 1.196, 3: 1.495, 4: 1.363, 5: 1.206, 6: 1.200, 7: 1.140, 8: 1.129, 9: 1.107}


@dataclass(frozen=True)
class Measured:
    """One task, timed, or why it was not.

    Parameters
    ----------
    task : Task
    rates, whole_rates : tuple of float
        Replica-steps per second in each repeat: of the steps alone, and of the whole call.
    n_steps : int
        Of the short run.
    mean : float
        Of x^2 (first passage: of the time), to see that all did the same work.
    error : str
        Why there is nothing; "" if there is.
    """

    task: Task
    rates: tuple[float, ...] = ()
    whole_rates: tuple[float, ...] = ()
    n_steps: int = 0
    mean: float = math.nan
    error: str = ""

    @property
    def rate(self) -> Estimate:
        """Median of the repeats."""
        return median(self.rates)

    @property
    def whole_rate(self) -> float:
        """Median of the whole call, set-up and result included."""
        return statistics.median(self.whole_rates)

    def record(self) -> dict[str, Any]:
        """As plain values."""
        if self.error:
            return {"task": self.task.record(), "error": self.error}
        return {"task": self.task.record(), "rates": list(self.rates),
                "whole_rates": list(self.whole_rates), "n_steps": self.n_steps,
                "mean": self.mean}  # fmt: skip

    @classmethod
    def from_record(cls, values: dict[str, Any]) -> Measured:
        """From plain values."""
        known: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
        }
        return cls(**known | {"task": Task(**values["task"])})


@dataclass(frozen=True)
class Results:
    """A session: everything measured on one machine.

    Parameters
    ----------
    device : str
        "cpu", "cuda"; "count" where nothing was timed.
    machine : dict of str to str
        Card, driver, clocks, processor, versions, time, commit.
    measured : tuple of Measured
    counts : tuple of dict
        Instructions per step and limits, by precision.
    networks : dict
        Of the ensembles of networks; its error where there are none.
    """

    device: str
    machine: dict[str, str]
    measured: tuple[Measured, ...]
    counts: tuple[dict[str, Any], ...] = ()
    networks: dict[str, Any] = field(default_factory=dict)

    @property
    def holds_something(self) -> bool:
        """Whether anything was timed or counted."""
        timed = any(not measured.error for measured in self.measured)
        counted = any("error" not in count for count in self.counts)
        return timed or counted or "rates" in self.networks

    def find(self, work: str, program: str, precision: str) -> Measured | None:
        """What a program did, if it could; backends are named "langevin_lab cuda"."""
        name = f"{program}, {precision}"
        for measured in self.measured:
            if (measured.task.work, measured.task.name, measured.error) == (work, name, ""):
                return measured
        return None


def median(rates: Sequence[float]) -> Estimate:
    """Median of repeats with its error: a disturbed repeat is slow by any factor.

    1.4826 times the median distance from it is a standard deviation for normal numbers, more by
    ``_FEW`` where they are few, and sqrt(pi/2) of that over sqrt(n) the median's. Of intervals
    for 95 % with n - 1 degrees of freedom, 90 % contain the truth at n = 5, 93 % at n = 11.

    Source: Croux and Rousseeuw (1992) [CR92] for few numbers.
    """
    from langevin_lab.evidence import Estimate

    n, middle = len(rates), statistics.median(rates)
    if len(set(rates)) == 1:
        return Estimate(middle)
    # More than half may be equal to the digit; the standard deviation is then the larger one.
    distance = statistics.median(abs(rate - middle) for rate in rates)
    spread = 1.4826 * _FEW.get(n, n / (n - 0.8)) * distance or statistics.stdev(rates)
    return Estimate(middle, math.sqrt(math.pi / 2 / n) * spread, n)


def file_name(device: str, machine: dict[str, str]) -> str:
    """Name of a file of results: device (or "count"), card or processor, day."""
    what = machine.get("processor" if device == "cpu" else "card") or "unknown"
    words = re.sub(r"[^a-z0-9]+", "-", what.lower()).strip("-")
    return f"{device}-{words}-{machine['created'][:10]}.json"


def save(results: Results, folder: Path) -> Path:
    """Write a file of results; one of another session of the day stays, unless it only counts.

    Raises
    ------
    LabError
        If the folder cannot be written.
    """
    path = folder / file_name(results.device, results.machine)
    if results.device != "count" and _is_of_another_session(path, results):
        time = re.sub(r"[^0-9]", "", results.machine["created"][10:])
        path = path.with_name(f"{path.stem}-{time}.json")
    content = {
        "format": FORMAT,
        "device": results.device,
        "machine": results.machine,
        "measured": [measured.record() for measured in results.measured],
        "counts": list(results.counts),
        "networks": results.networks,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=1) + "\n")
    except OSError as error:
        raise LabError(f"{shown(path)} cannot be written: {error.strerror}") from error
    return path


def _is_of_another_session(path: Path, results: Results) -> bool:
    try:
        return path.exists() and load(path).machine["created"] != results.machine["created"]
    except (LabError, KeyError):
        return True


def load(path: Path) -> Results:
    """Read a file of results.

    Raises
    ------
    LabError
        If it is not one.
    """
    try:
        content = json.loads(path.read_text())
        if content["format"] != FORMAT:
            raise ValueError(content["format"])
        measured = tuple(Measured.from_record(values) for values in content["measured"])
        return Results(content["device"], content["machine"], measured,
                       tuple(content["counts"]), content["networks"])  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LabError(
            f"{shown(path)} holds no results of format {FORMAT}; langevin-lab bench writes them"
        ) from error


def stored(folder: Path) -> Sequence[Path]:
    """The files of results in a folder, by name.

    Raises
    ------
    LabError
        If there are none.
    """
    paths = sorted(folder.glob("c*-*.json"))
    if not paths:
        raise LabError(f"no results in {shown(folder)}; langevin-lab bench writes them")
    return paths
