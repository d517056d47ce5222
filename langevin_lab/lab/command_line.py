"""The command ``langevin-lab``: list, reproduce, check, figures, report, bench, info.

Exit codes and streams are those of `messages`. Heavy imports wait until a command needs them.
"""

from __future__ import annotations

import contextlib
import functools
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from langevin_lab.lab.benchmarks.command import bench
from langevin_lab.lab.errors import LabError, shown
from langevin_lab.lab.messages import (
    EXIT_REFUTED,
    console,
    errors_as_lines,
    say,
    stop_if,
    table,
)

if TYPE_CHECKING:
    from langevin_lab.lab.experiment import Experiment

Command = TypeVar("Command", bound=Callable[..., None])

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME", show_default=False, help="Experiments; all by default."),
]
Preset = Annotated[str, typer.Option(help="Configuration: quick (minutes) or paper (hours).")]
Experiments = Annotated[
    Path, typer.Option(metavar="DIR", help="Folder with one experiment a file.")
]
Results = Annotated[Path, typer.Option(metavar="DIR", help="Folder for results.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Replace a field of the configuration."),
]
Force = Annotated[bool, typer.Option("--force", help="Run again what is stored.")]
Device = Annotated[
    str | None,
    typer.Option(
        "--device", "--backend", metavar="BACKEND",
        help="Set the backend of experiments that have one: cpu, cuda, cuda:1, torch, torch:cuda.",
    ),
]  # fmt: skip

app = typer.Typer(
    name="langevin-lab",
    help="Theory held against measurement: run experiments, judge their claims.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help starts faster and reads the same in a pipe
)


def main() -> None:
    """Run the command line: the entry point of the console script."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    # A reader that stops early (| head) ends the program quietly, not with the code of a refusal.
    with contextlib.suppress(AttributeError, ValueError):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    app()


def _show_version(wanted: bool) -> None:
    if wanted:
        from langevin_lab import __version__

        typer.echo(f"langevin_lab {__version__}")
        raise typer.Exit


@app.callback()
def _settings(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version."),
    ] = False,
) -> None:
    context.obj = {"debug": debug}


def _command(name: str) -> Callable[[Command], Command]:
    """Register a command whose errors become one line and an exit code."""

    def register(function: Command) -> Command:
        @app.command(name)
        @functools.wraps(function)
        def guarded(context: typer.Context, *args: Any, **kwargs: Any) -> None:
            with errors_as_lines(debug=context.obj["debug"]):
                function(context, *args, **kwargs)

        return function

    return register


@_command("list")
def list_experiments(
    context: typer.Context,
    experiments: Experiments = Path("experiments"),
    results: Results = Path("results"),
) -> None:
    """List the experiments, what they cost and what is stored."""
    from langevin_lab.lab.discovery import discover
    from langevin_lab.lab.reproduction import duration
    from langevin_lab.lab.store import Store

    found, broken = discover(experiments)
    store = Store(results)
    presets = list(dict.fromkeys(preset for item in found for preset in item.presets))
    sheet = table()
    sheet.add_column("experiment", no_wrap=True)
    sheet.add_column("question", overflow="fold")
    for preset in presets:
        sheet.add_column(preset, no_wrap=True, justify="right")
    for item in found:
        cells = []
        for preset in presets:
            config = item.presets.get(preset)
            seconds = None if config is None else item.seconds(config)
            stored = config is not None and store.find(item, config) is not None
            cells.append("stored" if stored else "-" if seconds is None else duration(seconds))
        sheet.add_row(item.name, item.question, *cells)
    console().print(sheet)
    stop_if(broken)


@_command("reproduce")
def reproduce(
    context: typer.Context,
    names: Names = None,
    preset: Preset = "quick",
    overrides: Overrides = None,
    device: Device = None,
    experiments: Experiments = Path("experiments"),
    results: Results = Path("results"),
    force: Force = False,
) -> None:
    """Run what is not stored, judge all claims as one family, draw the figures.

    Exits with 0 if no claim is refuted, 1 if one is, 2 if an experiment could not be run.
    """
    from langevin_lab.lab.backend_option import backend_override, on_backend
    from langevin_lab.lab.discovery import discover

    if overrides and len(names or []) != 1:
        raise LabError(f"--set {overrides[0]}: name the one experiment that it is for")
    found, broken = discover(experiments, names or [])
    found, without = on_backend(found, device)
    _reproduce(
        found,
        preset,
        [*(overrides or []), *backend_override(device)],
        results,
        figures=_figures_folder(experiments),
        force=force,
        broken=[*broken, *without],
        debug=context.obj["debug"],
    )


@_command("figures")
def draw_figures(
    context: typer.Context,
    names: Names = None,
    preset: Preset = "quick",
    experiments: Experiments = Path("experiments"),
    results: Results = Path("results"),
) -> None:
    """Draw figures from stored results."""
    from langevin_lab.lab.discovery import discover
    from langevin_lab.lab.drawing import draw_figure
    from langevin_lab.lab.reproduction import plan, stored_result
    from langevin_lab.lab.store import Store

    found, broken = discover(experiments, names or [])
    store, folder = Store(results), _figures_folder(experiments)
    for task in plan(store, found, preset):
        name = task.experiment.name
        try:
            paths = draw_figure(name, stored_result(store, task).dataset, folder, store)
            if names and not paths:
                raise LabError(f"{name} has no figure: {shown(folder / name)}.py is missing")
        except LabError as error:
            broken.append(error)
            continue
        for path in paths:
            typer.echo(shown(path))
    stop_if(broken)


@_command("report")
def report(
    context: typer.Context,
    names: Names = None,
    preset: Preset = "quick",
    experiments: Experiments = Path("experiments"),
    results: Results = Path("results"),
) -> None:
    """Judge stored results again and write the report with its figures, running nothing."""
    from langevin_lab.lab.discovery import discover
    from langevin_lab.lab.drawing import draw_figure
    from langevin_lab.lab.reproduction import plan, stored_result
    from langevin_lab.lab.store import Store

    found, broken = discover(experiments, names or [])
    store, figures, collected = Store(results), _figures_folder(experiments), []
    for task in plan(store, found, preset):
        try:
            result = stored_result(store, task)
            collected.append(result)
            # The figure on disk may be that of another configuration.
            draw_figure(task.experiment.name, result.dataset, figures, store)
        except LabError as error:
            broken.append(error)
    _conclude(store, collected, broken)


@_command("check")
def check(
    context: typer.Context,
    method: Annotated[
        str, typer.Argument(metavar="METHOD", help="A splitting word (BAOAB) or a name.")
    ],
    equation: Annotated[
        str | None,
        typer.Option(
            help="langevin, overdamped, adaptive, ito, nose_hoover or partitioned, where a name "
            "has several."
        ),
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the certificate: .png, .pdf or .svg.")
    ] = None,
    cost: Annotated[bool, typer.Option("--cost", help="Compile the kernel and time it.")] = False,
) -> None:
    """Show the certificate of an integrator: its record, checked against its own step."""
    from langevin_lab.lab.certificate import certificate
    from langevin_lab.lab.certificate.tables import certificate_tables, save_figure

    if figure is not None and figure.suffix not in (".png", ".pdf", ".svg"):
        raise LabError(f"--figure {figure}: use a name that ends in .png, .pdf or .svg")
    paper = certificate(method, equation=equation, cost=cost)
    out = console()
    for sheet in certificate_tables(paper):
        out.print(sheet)
    if figure is not None:
        save_figure(paper, figure)
        say(f"figure: {shown(figure)}")
    if not paper.passed:
        raise typer.Exit(EXIT_REFUTED)


_command("bench")(bench)


@_command("info")
def info(context: typer.Context, results: Results = Path("results")) -> None:
    """Show versions, cores, card, the cache of compiled kernels and the results folder."""
    from langevin_lab.lab.machine import facts

    sheet = table(show_header=False)
    sheet.add_column(no_wrap=True)
    sheet.add_column(overflow="fold")
    for name, value in facts(results).items():
        sheet.add_row(name, value)
    console().print(sheet)


def run_script(experiment: Experiment, arguments: Sequence[str] | None = None) -> None:
    """Run one experiment as a script, with the options of ``langevin-lab reproduce``; then exit."""
    script = typer.Typer(
        add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
    )

    @script.command(name=experiment.name, help=experiment.question)
    def run(
        preset: Preset = "quick",
        overrides: Overrides = None,
        device: Device = None,
        results: Results = Path("results"),
        force: Force = False,
        debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    ) -> None:
        from langevin_lab.lab.backend_option import backend_override, on_backend

        with errors_as_lines(debug=debug):
            found, without = on_backend([experiment], device)
            _reproduce(
                found,
                preset,
                [*(overrides or []), *backend_override(device)],
                results,
                figures=_figures_folder(experiment.source_file.parent),
                force=force,
                broken=without,
                debug=debug,
            )

    script(args=None if arguments is None else list(arguments))


def _reproduce(
    found: list[Experiment],
    preset: str,
    overrides: list[str],
    results: Path,
    *,
    figures: Path,
    force: bool,
    broken: list[LabError],
    debug: bool,
) -> None:
    """Run what is missing, each result stored as soon as it is there; then conclude."""
    from langevin_lab.lab.drawing import draw_figure
    from langevin_lab.lab.reproduction import announcement, duration, obtain, plan
    from langevin_lab.lab.store import Store

    store, collected = Store(results), []
    store.check_writable()
    tasks = plan(store, found, preset, overrides=overrides, force=force)
    say(announcement(tasks))
    missing = [task for task in tasks if task.stored is None]
    for task in tasks:
        name = task.experiment.name
        if task.stored is None:
            seconds = task.seconds
            about = f", about {duration(seconds)}" if seconds is not None else ""
            say(f"[{missing.index(task) + 1}/{len(missing)}] {name} ({task.preset}){about}")
        try:
            result = obtain(store, task)
            collected.append(result)
            draw_figure(name, result.dataset, figures, store)
        except LabError as error:
            if debug:
                raise
            broken.append(error)
    _conclude(store, collected, broken)


def _conclude(store: Any, collected: list[Any], broken: list[LabError]) -> None:
    """Judge, print the table, write the report, exit with the code that fits."""
    from langevin_lab.lab.documents import write_report
    from langevin_lab.lab.report import FALSE_ALARM_RATE, remarks, summary, verdict_table
    from langevin_lab.lab.reproduction import findings

    judged = findings(collected, false_alarm_rate=FALSE_ALARM_RATE)
    if collected:
        out = console()
        out.print(verdict_table(judged, out.width), crop=False)
        for line in [*remarks(judged), summary(judged)]:
            out.print(line, markup=False, highlight=False, soft_wrap=True)
        paths = write_report(store, collected, judged)
        say(f"report: {', '.join(shown(path) for path in paths)}")
    stop_if(broken)
    if any(finding.verdict.outcome == "refuted" for finding in judged):
        raise typer.Exit(EXIT_REFUTED)


def _figures_folder(experiments: Path) -> Path:
    """The folder ``figures`` beside that of the experiments."""
    return experiments.absolute().parent / "figures"
