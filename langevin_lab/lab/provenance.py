"""Where a result comes from: versions, commit, time."""

from __future__ import annotations

import datetime
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from langevin_lab import __version__


def versions() -> dict[str, str]:
    """Versions of the package and of what computes, without importing any of it."""
    return {
        "langevin_lab": __version__,
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in ("numpy", "scipy", "numba", "xarray")},
    }


def git_commit(folder: Path) -> str | None:
    """Commit of the work tree that holds ``folder``, with ``-dirty`` if files differ from it."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    return commit + ("-dirty" if _git(folder, "status", "--porcelain", "-uno") else "")


def now() -> str:
    """UTC time to the second."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _git(folder: Path, *arguments: str) -> str | None:
    """Output of a git command; None without git or outside of a work tree."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
