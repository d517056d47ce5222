"""Loaded in the process of every code cell: a command after ``!`` that fails stops the build."""

from __future__ import annotations

from IPython import get_ipython

_shell = get_ipython()
_run = _shell.system


def _run_or_raise(command: str) -> None:
    _run(command)
    status = _shell.user_ns["_exit_code"]
    if status:
        raise RuntimeError(f"exit code {status} of: {command}")


_shell.system = _run_or_raise
