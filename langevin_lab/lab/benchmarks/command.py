"""``langevin-lab bench``: measure, judge, keep, show; or count without a card."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from langevin_lab.lab.errors import LabError, one_line, shown
from langevin_lab.lab.messages import EXIT_REFUTED, console, say

PRECISIONS = ("float64", "float32")
COUNTED = "double well"
SIZES = {"cpu": 10_000, "cuda": 10_000_000}
NETWORKS = "networks"  # a work of its own, from the folder of benchmarks
FIRST = (COUNTED, NETWORKS)  # what targets are about: a session may be cut off
LENGTHS = {"cpu": 0.2, "cuda": 1.0}  # seconds


def bench(
    context: typer.Context,
    device: Annotated[str, typer.Option(help="Where to measure: cpu or cuda.")] = "cpu",
    replicas: Annotated[
        int | None,
        typer.Option(help="Replicas of an ensemble; 10000 on the CPU, 10000000 on a card."),
    ] = None,
    repeats: Annotated[int, typer.Option(help="Interleaved repeats of every program.")] = 5,
    seconds: Annotated[
        float | None, typer.Option(help="What one repeat should take; 0.2 on the CPU, 1 on a card.")
    ] = None,
    work: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="double well, Mueller-Brown, first passage or networks; may be repeated; "
            "all by default.",
        ),
    ] = None,
    count: Annotated[
        str | None,
        typer.Option(metavar="TARGET", help="Only count instructions, for sm_90 or another."),
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Only print what is stored.")] = False,
    save: Annotated[bool, typer.Option(help="Keep what is measured.")] = True,
    benchmarks: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder with results/ and network_ensembles.py.")
    ] = Path("benchmarks"),
) -> None:
    """Measure speed against peers and a card's limit; judge the targets.

    Exits with 0 if no target is missed, 1 if one is, 2 if nothing could be measured.
    """
    from langevin_lab.lab.benchmarks import records, tables

    def keep(results: Any) -> None:
        if save and results.holds_something:
            kept.append(records.save(results, benchmarks / "results"))

    out = console()
    kept: list[Path] = []
    if show or count is not None:
        refuse_what_measures(context)
    if show:
        for path in records.stored(benchmarks / "results"):
            tables.show(records.load(path), out)
        return
    if count is not None:
        keep(results := counted(count))
    else:
        check_arguments(device, repeats, replicas, seconds)
        results = measured(
            device,
            works=chosen_works(work),
            n_replicas=replicas or SIZES[device],
            repeats=repeats,
            seconds=seconds or LENGTHS[device],
            benchmarks=benchmarks,
            keep=keep,
        )
    if kept:
        say(f"results: {shown(kept[-1])}")
    if tables.show(results, out):
        raise typer.Exit(EXIT_REFUTED)
    if not results.holds_something:
        raise LabError("nothing could be measured, for the reasons above")


def refuse_what_measures(context: typer.Context) -> None:
    """Options of a measurement do nothing where there is none.

    Raises
    ------
    LabError
        If one is given.
    """
    for name in ("device", "replicas", "repeats", "seconds", "work"):
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise LabError(f"--{name}: not together with --count or --show, which measure nothing")


def check_arguments(device: str, repeats: int, replicas: int | None, seconds: float | None) -> None:
    """Refuse what cannot be measured.

    Raises
    ------
    LabError
        If an option is out of range, or there is no card.
    """
    from langevin_lab.lab.accelerator import card_facts

    if device not in SIZES:
        raise LabError(
            f"--device {device}: use cpu or cuda, whose first card CUDA_VISIBLE_DEVICES chooses"
        )
    if repeats < 2:
        raise LabError(f"--repeats {repeats}: use 2 or more, for an error bar")
    if replicas is not None and replicas < 8:
        raise LabError(f"--replicas {replicas}: use 8 or more")
    if seconds is not None and not seconds > 0:
        raise LabError(f"--seconds {seconds}: use a time > 0")
    if device == "cuda" and not card_facts():
        raise LabError(
            "--device cuda: no card found (nvidia-smi does not answer); langevin-lab bench "
            "measures on the CPU, bench --count sm_90 counts instructions for a card"
        )


def chosen_works(names: list[str] | None) -> list[str]:
    """The works of these names, all without.

    Raises
    ------
    LabError
        If there is none of a name.
    """
    from langevin_lab.lab.benchmarks.works import WORKS

    known = [*WORKS, NETWORKS]
    for name in names or []:
        if name not in known:
            raise LabError(f"--work {name}: there are {', '.join(known)}")
    return names or known


def measured(
    device: str,
    *,
    works: list[str],
    n_replicas: int,
    repeats: int,
    seconds: float,
    benchmarks: Path,
    keep: Callable[[Any], None] = lambda results: None,
) -> Any:
    """Time all works, count the card's limit, train the networks; first what targets are about.

    Parameters
    ----------
    device : str
    works : list of str
    n_replicas, repeats : int
    seconds : float
    benchmarks : path
        Where network_ensembles.py lies.
    keep : callable, optional
        Gets after each work all results so far.

    Returns
    -------
    Results
    """
    from langevin_lab.lab.benchmarks.programs import tasks
    from langevin_lab.lab.benchmarks.records import Results
    from langevin_lab.lab.benchmarks.session import measure

    results = Results(device, machine_facts(device), ())
    for name in sorted(works, key=lambda work: work not in FIRST):  # one at a time: all stay alive
        if name == NETWORKS:
            networks = network_ensembles(device, benchmarks / "network_ensembles.py")
            results = replace(results, networks=networks)
        else:
            chosen = tasks(device, name, n_replicas)
            timed = measure(chosen, seconds=seconds, repeats=repeats, say=say)
            results = replace(results, measured=(*results.measured, *timed))
        if device == "cuda" and name == COUNTED:
            results = replace(results, counts=tuple(card_counts(results.machine)))
        keep(results)
    return results


def machine_facts(device: str) -> dict[str, str]:
    """What the numbers depend on: processor or card, versions, commit, time."""
    from langevin_lab.ensemble.machine import processor
    from langevin_lab.lab import accelerator, provenance
    from langevin_lab.lab.machine import usable_cores

    facts = {
        "created": provenance.now(),
        "commit": provenance.git_commit(Path(__file__).parent) or "unknown",
        "processor": processor(),
        "cores": str(usable_cores()),
        "load before": _load(),
        **provenance.versions(),
        **provenance.installed("jax", "diffrax"),
        **accelerator.toolkit_facts(),
    }
    if device == "cuda":
        facts |= accelerator.card_facts()
        facts["multiprocessors"] = str(_multiprocessors())
    return facts


def _load() -> str:
    """Processes that were running in the last minute: others make ratios on the CPU worthless."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def _multiprocessors() -> int:
    from numba import cuda

    return int(cuda.get_current_device().MULTIPROCESSOR_COUNT)


def card_counts(machine: dict[str, str]) -> list[dict[str, Any]]:
    """Instructions per step and limits of the card at hand, at its highest clock."""
    from langevin_lab.lab.benchmarks.throughput import Card

    major, minor = (int(part) for part in machine["compute capability"].split("."))
    found = re.match(r"[\d.]+(?= MHz)", machine["clock"])
    if found is None:  # a virtual card may hide it
        reason = f"nvidia-smi gives {machine['clock']} as its highest clock"
        return [{"precision": precision, "error": reason} for precision in PRECISIONS]
    clock = 1e6 * float(found[0])
    processors = int(machine["multiprocessors"])
    return counts(Card(machine["card"], (major, minor), processors, clock))


def counted(target: str) -> Any:
    """Results that hold counts alone, for a full card of a target, which need not be here.

    Raises
    ------
    LabError
        If the target is unknown.
    """
    from langevin_lab.lab import accelerator, provenance
    from langevin_lab.lab.benchmarks.disassembly import capability_of
    from langevin_lab.lab.benchmarks.records import Results
    from langevin_lab.lab.benchmarks.throughput import reference_card

    try:
        card = reference_card(capability_of(target))
    except ValueError as error:
        raise LabError(f"--count {error}") from error
    machine = {
        "created": provenance.now(),
        "commit": provenance.git_commit(Path(__file__).parent) or "unknown",
        "card": f"{card.name} ({target}, not at hand)",
        **provenance.installed("numba", "numba-cuda"),
        **accelerator.toolkit_facts(),
    }
    return Results("count", machine, (), tuple(counts(card)))


def counts(card: Any) -> list[dict[str, Any]]:
    """Instructions of a step of the double well and what limits it, in both precisions."""
    from langevin_lab.lab.benchmarks import throughput
    from langevin_lab.lab.benchmarks.kernel_ptx import count_kernel

    found = []
    for precision in PRECISIONS:
        row: dict[str, Any] = {"precision": precision, "card": card.name}
        try:
            step = count_kernel(COUNTED, precision, "sm_{}{}".format(*card.capability))
            limit, unit = throughput.limit(step, card)
            row |= {"language": step.language, "per_step": step.per_step, "limit": limit,
                    "cycles": throughput.cycles(step, card.capability), "unit": unit,
                    "processors": card.processors, "clock": card.clock}  # fmt: skip
        except (LabError, ValueError) as error:
            row["error"] = str(error)
        found.append(row)
    return found


def network_ensembles(device: str, file: Path) -> dict[str, Any]:
    """What ``measure(device)`` of benchmarks/network_ensembles.py returns, or why nothing."""
    from langevin_lab.lab.discovery import load_module

    if not file.is_file():
        return {"error": f"{shown(file)} is not there; run from a checkout of the repository"}
    try:
        return dict(load_module(file, "network_ensembles").measure(device))
    except Exception as error:  # whatever PyTorch makes of the device
        return {"error": one_line(error)}
