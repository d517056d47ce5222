"""How the command line speaks: results on stdout, messages on stderr, errors as one line.

Exit codes: 0 no claim is refuted (inconclusive ones are listed), 1 a claim or a certificate is
refuted, 2 wrong input, a broken file or a failed experiment, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

import typer

from langevin_lab.lab.errors import LabError, one_line

EXIT_REFUTED = 1
EXIT_ERROR = 2
EXIT_INTERRUPTED = 130
PIPED_WIDTH = 120


@contextlib.contextmanager
def errors_as_lines(*, debug: bool) -> Iterator[None]:
    """Turn errors into one line and an exit code; with ``debug`` into their traceback."""
    try:
        yield
    except (typer.Exit, typer.Abort, BrokenPipeError):
        raise
    except KeyboardInterrupt:
        complain("interrupted; what was finished is stored", prefix="")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except Exception as error:
        if hasattr(error, "exit_code"):  # typer prints its own usage errors
            raise
        if debug:
            traceback.print_exc()
        elif isinstance(error, LabError):
            complain(str(error))
        else:
            complain(f"{one_line(error)} (langevin-lab --debug shows where)")
        raise typer.Exit(EXIT_ERROR) from None


def console() -> Any:
    """Console on stdout; 120 columns where there is no terminal to ask and COLUMNS is not set."""
    from rich.console import Console

    piped = not sys.stdout.isatty() and not os.environ.get("COLUMNS")
    return Console(width=PIPED_WIDTH if piped else None)


def table(**options: Any) -> Any:
    """Table in the house style: one line under the heading."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(box=SIMPLE_HEAD, pad_edge=False, **options)


def stop_if(broken: Sequence[LabError]) -> None:
    """Print each error and exit, if there is one."""
    for error in broken:
        complain(str(error))
    if broken:
        raise typer.Exit(EXIT_ERROR)


def say(text: str) -> None:
    """Print a message."""
    typer.echo(text, err=True)


def complain(text: str, prefix: str = "error: ") -> None:
    """Print an error."""
    typer.echo(f"{prefix}{text}", err=True)
