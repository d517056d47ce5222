"""The one error that the command line prints as a line, without a traceback."""

from __future__ import annotations

from pathlib import Path


class LabError(Exception):
    """Something the user can mend: an input, a file, a folder. The message is one line."""


def shown(path: Path | str) -> str:
    """``path`` as the user would type it: relative to the working folder where it lies inside."""
    path = Path(path)
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def one_line(error: BaseException) -> str:
    """``Type: message`` of an exception, the first line only."""
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    message = message.strip().split("\n")[0]
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
