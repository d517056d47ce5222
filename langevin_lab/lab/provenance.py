"""Where a result comes from: versions, commit, time."""

from __future__ import annotations

import contextlib
import datetime
import functools
import hashlib
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import langevin_lab
from langevin_lab import __version__


def versions() -> dict[str, str]:
    """Versions of the package and of what computes, without importing any of it."""
    return {
        "langevin_lab": __version__,
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in ("numpy", "scipy", "numba", "xarray")},
        **installed("numba-cuda", "torch", "torchsde"),
    }


def installed(*distributions: str) -> dict[str, str]:
    """Versions of those distributions that are installed."""
    found = {}
    for name in distributions:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


# The rooms whose code decides a number (evidence where run() estimates); the lab only stores and
# prints it.
_COMPUTING = (
    "compiled", "noise", "potentials", "dynamics", "integrators", "momentum", "ensemble", "exact",
    "limits", "escape", "evidence", "cuda", "training", "pytorch",
)  # fmt: skip


@functools.cache
def code_digest() -> str:
    """Hash of the sources that compute, so that an edited integrator makes results stale."""
    root = Path(langevin_lab.__file__).parent
    content = hashlib.sha256()
    for file in sorted(path for room in _COMPUTING for path in (root / room).rglob("*.py")):
        text = file.read_bytes()
        content.update(f"{file.relative_to(root).as_posix()} {len(text)}\n".encode() + text)
    return content.hexdigest()


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
