"""The text of a kernel for a card: vocabulary, noise, potential, step, recording, the loop."""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from langevin_lab.compiled.modules import load
from langevin_lab.cuda.device import compiler_version
from langevin_lab.cuda.writer import LONGEST, Registers, unrolled
from langevin_lab.ensemble.kernel import Kernel, RecordingKernel

__all__ = ["device_module", "kernel_source", "loop_text", "recording_module"]

_HEADER = '''"""A kernel for a card: one replica a thread, its state in registers.

Written by langevin_lab for one potential, one method and one list of observables.
"""
# {title}
# {compiler}, {precision}

import numpy as np
from numba import cuda, uint32, uint64
{imports}
'''

# Precision -> the module that says what its kernels are made of.
_PRECISIONS = {"float64": "langevin_lab.cuda.double", "float32": "langevin_lab.cuda.single"}


@functools.cache
def loop_text(file: Path) -> str:
    """The part of a loop file that follows its marker."""
    text = file.read_text(encoding="utf-8")
    return text.split("# --- kernel ---", 1)[1].split("\n", 1)[1].strip()


def device_module(
    kernel: Kernel,
    precision: str,
    parts: Iterable[str],
    loops: Iterable[str],
    flags: Mapping[str, object],
) -> str:
    """Text of a module for a card.

    Parameters
    ----------
    kernel : Kernel
        What to run: dynamics, method, layout.
    precision : str
        "float64" or "float32".
    parts : iterable of str
        Texts of device functions in the precision's arithmetic.
    loops : iterable of str
        Texts that are pasted as they are.
    flags : mapping
        Constants of the loops, beside those of the layout.
    """
    arithmetic: Any = importlib.import_module(_PRECISIONS[precision])
    code, layout = kernel.dynamics.potential.code, kernel.layout
    source = "\n\n\n".join(text for text in (code.source, kernel.functions) if text)
    source = re.sub(r"^def ", "@inlined\ndef ", source, flags=re.M)
    constants = layout.constants() | {
        "LONGEST": LONGEST, "NOISY": kernel.noisy, "SCHEDULED": kernel.dynamics.is_scheduled,
    }  # fmt: skip
    head = _HEADER.format(
        title=ascii(kernel.title),
        compiler=compiler_version(),
        precision=precision,
        imports=arithmetic.HEADER,
    )
    named = "\n".join(f"{name} = {value}" for name, value in (constants | dict(flags)).items())
    translated = [arithmetic.translated(text.strip("\n")) for text in (source, *parts) if text]
    texts = [head, arithmetic.vocabulary(), arithmetic.noise(), named, *translated, *loops]
    return "\n\n\n".join(text.strip("\n") for text in texts if text) + "\n"


def kernel_source(
    kernel: RecordingKernel, precision: str = "float64", *, saves: bool = False
) -> str:
    """Text of the module that runs a recording kernel on a card.

    Parameters
    ----------
    kernel : RecordingKernel
    precision : {"float64", "float32"}, optional
    saves : bool, optional
        Whether states are saved on the way.

    Returns
    -------
    str
        A module that can be read from top to bottom; its entry point is ``advance``.
    """
    writer = Registers(kernel.dynamics.potential, kernel.layout, kernel.vector_coefficients)
    parts = [
        *writer.device_functions(),
        writer.record(kernel.moments),
        writer.histogram_values(kernel.histograms),
    ]
    loop = loop_text(Path(__file__).with_name("recording_loop.py"))
    loops = [writer.draw(), unrolled(loop, kernel.layout.steps_per_fill), writer.count()]
    flags = {"SAVES": saves, "RECORDS": bool(kernel.moments or kernel.histograms)}
    return device_module(kernel, precision, parts, loops, flags)


def recording_module(
    kernel: RecordingKernel, precision: str = "float64", *, saves: bool = False
) -> ModuleType:
    """The imported module of `kernel_source`, kept in the cache folder like those of the CPU."""
    return load(kernel_source(kernel, precision, saves=saves), f"cuda_{kernel.method.name}")
