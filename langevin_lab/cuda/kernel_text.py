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
from langevin_lab.cuda.row_writer import LocalRows, loops_of, row_vocabulary
from langevin_lab.cuda.writer import LONGEST, Registers, unrolled
from langevin_lab.ensemble.kernel import Kernel, RecordingKernel

__all__ = ["device_module", "kernel_source", "loop_text", "recording_module"]

_HEADER = '''"""A kernel for a card: one replica a thread, its state in registers.

Written by langevin_lab for one potential, one method and one list of observables.
"""
# {title}
# {compiler}, {precision}

import numpy as np
from numba import cuda, float64, uint32, uint64
{imports}
'''

_HERE = Path(__file__).parent

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

    Raises
    ------
    ValueError
        If the precision is neither.
    """
    if precision not in _PRECISIONS:
        raise ValueError(f"precision={precision!r} must be one of {list(_PRECISIONS)}")
    arithmetic: Any = importlib.import_module(_PRECISIONS[precision])
    code, layout = kernel.dynamics.potential.code, kernel.layout
    source = kernel.functions
    if layout.lanes:
        source = "\n\n\n".join(text for text in (code.source, source) if text)
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
    # A card loops over a tuple, not over an array of the module.
    named = "\n".join(
        f"{name} = {str(value).replace('np.array', 'tuple')}"
        for name, value in (constants | dict(flags)).items()
    )
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
    flags = {"SAVES": saves, "RECORDS": bool(kernel.moments or kernel.histograms)}
    if not kernel.layout.lanes:
        return _row_source(kernel, precision, flags)
    writer = Registers(kernel.dynamics.potential, kernel.layout, kernel.vector_coefficients)
    parts = [
        *writer.device_functions(),
        writer.record(kernel.moments),
        writer.histogram_values(kernel.histograms),
    ]
    loop = unrolled(loop_text(_HERE / "recording_loop.py"), kernel.layout.steps_per_fill)
    loops = [writer.draw(), loop_text(_HERE / "histogram_loop.py"), writer.count(), loop]
    return device_module(kernel, precision, parts, loops, flags)


def _row_source(kernel: RecordingKernel, precision: str, flags: Mapping[str, object]) -> str:
    """`kernel_source` of a potential of loops over arrays."""
    potential, layout = kernel.dynamics.potential, kernel.layout
    writer = LocalRows(potential, layout, kernel.vector_coefficients)
    parts = [
        loops_of(potential),
        *writer.block_functions(),
        writer.record(kernel.moments),
        writer.histogram_values(kernel.histograms),
    ]
    loops = [loop_text(_HERE / "histogram_loop.py"), writer.count()]
    loops.append(loop_text(_HERE / "row_loop.py"))
    return device_module(kernel, precision, [row_vocabulary(), *parts], loops, flags)


def recording_module(
    kernel: RecordingKernel, precision: str = "float64", *, saves: bool = False
) -> ModuleType:
    """The imported module of `kernel_source`, kept in the cache folder like those of the CPU."""
    return load(kernel_source(kernel, precision, saves=saves), f"cuda_{kernel.method.name}")
