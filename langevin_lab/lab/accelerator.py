"""The card, its driver and the CUDA programs that are found, without starting anything on it."""

from __future__ import annotations

import os
import re
import subprocess

__all__ = ["card_facts", "toolkit_facts"]

# What nvidia-smi is asked for, and what the answer is called.
_QUERY = {
    "name": "card",
    "driver_version": "driver",
    "compute_cap": "compute capability",
    "clocks.max.sm": "clock",
    "memory.total": "card memory",
}


def card_facts() -> dict[str, str]:
    """Name, driver, compute capability, highest clock and memory of the first card; {} without.

    The first is that of CUDA_VISIBLE_DEVICES, where it is set, since programs see no other.
    """
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    which = []
    if chosen is not None:
        first = chosen.split(",")[0].strip()
        if not first or first.startswith("-"):  # hides all
            return {}
        which = [f"--id={first}"] if re.fullmatch(r"\d+|GPU-[\w-]+", first) else []
    answer = _output(
        "nvidia-smi", *which, f"--query-gpu={','.join(_QUERY)}", "--format=csv,noheader"
    )
    if not answer:
        return {}
    values = [value.strip() for value in answer.splitlines()[0].split(",")]
    return dict(zip(_QUERY.values(), values))


def toolkit_facts() -> dict[str, str]:
    """Versions of the CUDA assembler and disassembler that are found."""
    from langevin_lab.lab.benchmarks.disassembly import find_tool

    found = {}
    for name in ("ptxas", "nvdisasm"):
        path = find_tool(name)
        version = re.search(r"V(\d[\d.]*)", _output(str(path), "--version")) if path else None
        if version:
            found[name] = version[1]
    return found


def _output(*command: str) -> str:
    """What a program prints; "" where there is none or it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
