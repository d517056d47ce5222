"""The certificate as tables for the command line, and its figure as a file."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from langevin_lab.integrators.properties import order_text
from langevin_lab.lab.certificate.drawing import draw_certificate
from langevin_lab.lab.certificate.record import Certificate, HarmonicLaw
from langevin_lab.lab.errors import LabError
from langevin_lab.lab.messages import table

_COLOURS = {"holds": "green", "refuted": "bold red", "inconclusive": "yellow"}


def certificate_tables(paper: Certificate) -> Iterator[Any]:
    """The record, the checks and the harmonic law, each a rich table."""
    yield _record_table(paper)
    yield _check_table(paper)
    if paper.law is not None:
        yield _law_table(paper.law)


def _record_table(paper: Certificate) -> Any:
    sheet = table(show_header=False)
    for name, value in dataclasses.asdict(paper.properties).items():
        text = order_text(value) if isinstance(value, float) else str(value)
        sheet.add_row(name.replace("_", " "), text)
    if paper.nanoseconds is not None:
        sheet.add_row("measured cost", f"{paper.nanoseconds:.3g} ns a replica-step, quartic well")
    return sheet


def _check_table(paper: Certificate) -> Any:
    from rich.text import Text

    sheet = table()
    sheet.add_column("check", overflow="fold")
    sheet.add_column("stated", justify="right", no_wrap=True)
    sheet.add_column("computed", justify="right", overflow="fold")
    sheet.add_column("verdict", no_wrap=True)
    for line in paper.checks:
        verdict = Text(line.verdict, _COLOURS.get(line.verdict, "dim"))
        sheet.add_row(line.statement, line.expected, line.found, verdict)
    return sheet


def _law_table(law: HarmonicLaw) -> Any:
    """Averages relative to Gibbs, one row a step and friction."""
    sheet = table(title="harmonic well, relative to Gibbs", title_justify="left")
    columns = {"k <x^2>/T": law.position}
    if law.momentum:
        columns |= {"<p^2>/(m T)": law.momentum, "<x p>/T": law.correlation}
    several = len(law.frictions) > 1
    for heading in ("step", *(["friction"] if several else []), *columns):
        sheet.add_column(heading, justify="right", no_wrap=True)
    for row, friction in enumerate(law.frictions or (math.nan,)):
        for column, dt in enumerate(law.dts):
            cells = [_number(values[row][column]) for values in columns.values()]
            sheet.add_row(f"{dt:g}", *([f"{friction:g}"] if several else []), *cells)
    if law.momentum and not several:
        sheet.caption = "the same at any friction"
        sheet.caption_justify = "left"
    return sheet


def _number(value: float) -> str:
    if math.isnan(value):
        return "no law"
    return f"{round(value, 6) + 0.0:.6f}"


def save_figure(paper: Certificate, path: Path) -> None:
    """Draw the certificate into a file.

    Raises
    ------
    LabError
        If the file cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    figure = draw_certificate(paper)
    try:
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise LabError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        import matplotlib.pyplot as plt

        plt.close(figure)
