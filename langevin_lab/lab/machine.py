"""What ``langevin-lab info`` shows: versions, cores, card, folders and their sizes."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from pathlib import Path

from langevin_lab.lab import accelerator, provenance


def facts(results: Path) -> dict[str, str]:
    """Name and value of each line.

    Parameters
    ----------
    results : path
        The results folder.
    """
    from langevin_lab.compiled.modules import cache_folder

    lines = dict(provenance.versions())
    lines["commit"] = provenance.git_commit(Path(__file__).parent) or "not in a git work tree"
    lines["machine"] = f"{platform.system()} {platform.machine()}"
    lines["cores"] = f"{usable_cores()} usable of {os.cpu_count()}"
    lines["card"] = _described(accelerator.card_facts())
    lines["CUDA programs"] = _described(accelerator.toolkit_facts())
    cache = cache_folder()
    lines["kernel cache"] = f"{cache} ({_size(cache.rglob('*'))})"
    stored = list(results.glob("*/*.nc"))
    lines["results"] = f"{results.absolute()} ({len(stored)} stored, {_size(stored)})"
    return lines


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _described(found: dict[str, str]) -> str:
    """Names and values in one line; "none" where nothing is found."""
    return ", ".join(f"{name} {value}".removeprefix("card ") for name, value in found.items()) or (
        "none"
    )


def _size(files: Iterable[Path]) -> str:
    size = float(sum(file.stat().st_size for file in files if file.is_file()))
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"
