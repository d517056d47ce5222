"""Block functions for a thread's local array: the CPU's, with one lane and no memory allocated."""

from __future__ import annotations

import ast
import re
from typing import Any

from langevin_lab.cuda.pasting import pasted, source_of
from langevin_lab.ensemble.rows import Rows
from langevin_lab.ensemble.writer import function

__all__ = ["LARGEST_ARRAY", "LocalRows", "loops_of", "row_vocabulary", "why_not"]

# Numbers of a thread's array: 16 KiB, of the 512 that a thread may have; with a full card of
# threads they fill several GiB.
LARGEST_ARRAY = 2048
_VECTORS = "langevin_lab.compiled.vectors"  # four numbers at once: of the CPU alone


class LocalRows(Rows):
    """Looped over coordinates; one replica a thread, its state in a local array."""

    def bind_gradient(self, needed: bool) -> tuple[list[str], str]:
        """Lines that provide the gradient at x, and the name of the array that holds it."""
        lines, name = super().bind_gradient(needed)
        local = "gradient_ = cuda.local.array(DIM, real)"
        return [local if line.endswith("np.empty(DIM)") else line for line in lines], name

    def count(self) -> str:
        """Text of ``count``: all histogrammed observables into their bins."""
        body = ["values = histogram_values(work, 0, parameters)"]
        for h in range(self.layout.n_histograms):
            bin_index = f"bin_of(values[{h}], edges[{h}, 0], edges[{h}, 1], n_bins[{h}])"
            body.append(f"count_one({h}, {bin_index}, group, shared, n_shared, counts)")
        return function(
            "count(work, parameters, edges, n_bins, group, shared, n_shared, counts)", body
        )


def _imported(lines: str) -> list[tuple[str, dict[str, str]]]:
    """The modules that import lines name, and name there -> name here."""
    return [
        (str(node.module), {alias.name: alias.asname or alias.name for alias in node.names})
        for node in ast.parse(lines).body
        if isinstance(node, ast.ImportFrom)
    ]


def why_not(potential: Any, n_rows: int) -> str:
    """Why there is no kernel for a potential of loops; empty if there is one."""
    code = potential.code
    if not (code.import_line or code.source):
        return "is made of functions that are compiled for the CPU"
    if any(_VECTORS in source_of(module) for module, _ in _imported(code.import_line)):
        return "is a network, whose loops are written for the CPU"
    if re.search(r"np\.(empty|zeros)\(", loops_of(potential)):
        return "allocates arrays in its loops"
    if n_rows > LARGEST_ARRAY:
        return f"takes {n_rows} numbers a replica, more than the {LARGEST_ARRAY} of a thread"
    return ""


def loops_of(potential: Any) -> str:
    """Text of the potential's ``energy`` and ``gradient``, and of what they call."""
    code, texts = potential.code, []
    for module, names in _imported(code.import_line):
        names = {there: here for there, here in names.items() if not here.endswith("hessian")}
        texts.append(pasted(module, names))
        texts += [f"{here} = {there}" for there, here in names.items() if here != there]
    texts.append(re.sub(r"^def ", "@inlined\ndef ", code.source, flags=re.M))
    return "\n\n\n".join(text for text in texts if text)


def row_vocabulary() -> str:
    """Text of what the block functions call beside elementary functions."""
    return "\n\n\n".join(
        [
            "import math",
            "@inlined\ndef min(a, b):\n    return a if a < b else b",
            "@inlined\ndef max(a, b):\n    return a if a > b else b",
            "@inlined\ndef stay_a_call():\n    pass",
            pasted("langevin_lab.noise.streams", ["fill_coordinate_normals"]),
        ]
    )
