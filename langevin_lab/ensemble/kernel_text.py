"""Write out a kernel as a module that a reader can open: potential, program, what is recorded.

The program's lines are unrolled over coordinates (`lanes`) or looped over them (`rows`) and the
potential's own text is pasted; a loop (such as `kernel_loop`) follows unchanged.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from langevin_lab.ensemble.lanes import Lanes
from langevin_lab.ensemble.layout import Layout
from langevin_lab.ensemble.moments import Moment
from langevin_lab.ensemble.rows import Rows

_HEADER = '''"""A kernel.

Written by langevin_lab for one potential, one method and one list of observables. Strict IEEE
arithmetic throughout: the bits do not depend on vector width, threads or chunks.
"""
# {title}

import numpy as np

from langevin_lab.compiled.elementary import *
from langevin_lab.compiled.entry import compiled, entry, inlined
from langevin_lab.compiled.intrinsics import stay_a_call
from langevin_lab.noise.streams import fill_coordinate_normals, fill_replica_normals
{imports}
'''


@functools.cache
def _loop(name: str) -> str:
    """The part of a loop file that follows its marker."""
    text = Path(__file__).with_name(name).read_text()
    return text.split("# --- kernel ---", 1)[1].split("\n", 1)[1].strip()


def _module(
    title: str, potential: Any, layout: Layout, parts: Iterable[str], functions: str = "",
    draws_indices: bool = False, draws_uniforms: bool = False,
) -> str:  # fmt: skip
    code = potential.code
    constants = "\n".join(f"{name} = {value}" for name, value in layout.constants().items())
    source = "\n\n\n".join(text for text in (code.source, functions) if text)
    source = re.sub(r"^def ", "@inlined\ndef ", source, flags=re.M)
    # A name is anything that a user writes; its literal cannot leave the line.
    imports = [code.import_line] if code.import_line else []
    if layout.n_indices or draws_indices:
        imports.append("from langevin_lab.noise.batches import fill_batch_indices")
    if draws_uniforms:
        imports.append("from langevin_lab.noise.uniforms import uniform")
    head = _HEADER.format(title=ascii(title), imports="\n".join(imports))
    texts = [head, constants, source, *parts]
    return "\n\n\n".join(text.strip("\n") for text in texts if text) + "\n"


def recording_kernel(
    potential: Any,
    layout: Layout,
    vector_coefficients: frozenset[str],
    moments: Sequence[Moment],
    histograms: Sequence[Moment],
    title: str,
    functions: str = "",
) -> str:
    """Source of a kernel that records moments and histograms.

    Parameters
    ----------
    potential : Potential
    layout : Layout
    vector_coefficients : frozenset of str
        Coefficients with one value per coordinate.
    moments, histograms : sequence of Moment
    title : str
        What the module is, for a comment on top; any text.
    functions : str, optional
        Text of the dynamics' vector functions that the step calls.
    """
    writer = (Lanes if layout.lanes else Rows)(potential, layout, vector_coefficients)
    parts = [
        *writer.block_functions(),
        writer.record(moments),
        writer.histogram_values(histograms),
        _loop("kernel_loop.py"),
    ]
    return _module(title, potential, layout, parts, functions)


def passage_kernel(
    potential: Any,
    layout: Layout,
    vector_coefficients: frozenset[str],
    target: str,
    n_shifts: int,
    title: str,
    functions: str = "",
) -> str:
    """Source of a kernel that runs each replica until it enters the target region."""
    writer = (Lanes if layout.lanes else Rows)(potential, layout, vector_coefficients, n_shifts)
    parts = [*writer.block_functions(), writer.region(target), _loop("passage_loop.py")]
    return _module(title, potential, layout, parts, functions)


def bridge_kernel(
    potential: Any,
    layout: Layout,
    vector_coefficients: frozenset[str],
    distances: Sequence[str],
    title: str,
    functions: str = "",
) -> str:
    """Source of a kernel that runs each replica until its path touches a flat boundary.

    Parameters
    ----------
    distances : sequence of str
        Scaled distance from each boundary, over the observable names and shift_0, shift_1, ...
    """
    n_boundaries = len(distances)
    writer = (Lanes if layout.lanes else Rows)(potential, layout, vector_coefficients, n_boundaries)
    parts = [
        f"N_BOUNDARIES = {n_boundaries}",
        *writer.block_functions(),
        writer.histogram_values([Moment(text) for text in distances]),
        _loop("bridge_loop.py"),
    ]
    return _module(title, potential, layout, parts, functions, draws_uniforms=True)


def splitting_kernel(
    potential: Any,
    layout: Layout,
    vector_coefficients: frozenset[str],
    coordinate: str,
    regions: Mapping[str, str],
    title: str,
    functions: str = "",
) -> str:
    """Source of a kernel that splits paths between regions; with a surface, of its crossings too.

    Parameters
    ----------
    regions : mapping
        "source", "target" and possibly "surface", the region beyond it.
    """
    writer = (Lanes if layout.lanes else Rows)(potential, layout, vector_coefficients)
    parts = [
        *writer.block_functions(),
        writer.histogram_values([Moment(coordinate)]),
        writer.region(regions["source"], "in_source"),
        writer.region(regions["target"], "in_target"),
        _loop("splitting_loop.py"),
    ]
    if "surface" in regions:
        parts.insert(-1, writer.region(regions["surface"], "beyond_surface"))
        parts.append(_loop("crossing_loop.py"))
    return _module(title, potential, layout, parts, functions, draws_indices=True)
