"""The name of the processor, for the attributes of a dataset."""

from __future__ import annotations

import functools
import platform
from pathlib import Path

from langevin_lab.ensemble.backends import Backend


@functools.cache
def processor() -> str:
    """The processor's model name, or at least its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def hardware_of(backend: Backend) -> dict[str, str]:
    """What the results of the backend "cpu" say about the machine."""
    return {"backend": str(backend), "device": processor()}
