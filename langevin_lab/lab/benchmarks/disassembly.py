"""From PTX to the SASS of a target, where NVIDIA's assembler and disassembler are installed.

`ptxas` comes with the CUDA toolkit, `nvdisasm` with it or from PyPI (nvidia-cuda-nvdisasm); triton
brings both. Neither needs a card.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from langevin_lab.lab.errors import LabError

__all__ = ["capability_of", "find_tool", "sass"]


def capability_of(target: str) -> tuple[int, int]:
    """Compute capability of a target such as "sm_90".

    Raises
    ------
    LabError
        If the text is none.
    """
    found = re.fullmatch(r"sm_(\d+)(\d)", target)
    if found is None:
        raise LabError(
            f"--count {target}: write a target such as sm_90, for compute capability 9.0"
        )
    return int(found[1]), int(found[2])


def find_tool(name: str) -> Path | None:
    """Path of a program of the CUDA toolkit: on the path, in CUDA_HOME, or in a Python package."""
    places = [
        Path(os.environ[key]) / "bin" for key in ("CUDA_HOME", "CUDA_PATH") if key in os.environ
    ]
    places.append(Path("/usr/local/cuda/bin"))
    for package, folder in (("nvidia", "cu13/bin"), ("triton", "backends/nvidia/bin")):
        spec = importlib.util.find_spec(package)
        for root in (spec.submodule_search_locations or []) if spec else []:
            places.append(Path(root) / folder)
    on_path = shutil.which(name)
    candidates = [Path(on_path)] if on_path else []
    candidates += [place / name for place in places]
    return next((path for path in candidates if os.access(path, os.X_OK)), None)


def sass(ptx: str, target: str) -> str | None:
    """Machine code of the target as text; None where a program for it is missing.

    Raises
    ------
    LabError
        If the assembler refuses the text.
    """
    assembler, disassembler = find_tool("ptxas"), find_tool("nvdisasm")
    if assembler is None or disassembler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        source, binary = Path(folder) / "kernel.ptx", Path(folder) / "kernel.cubin"
        source.write_text(ptx)
        _output([str(assembler), f"-arch={target}", "-o", str(binary), str(source)])
        return _output([str(disassembler), "-c", str(binary)])


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        message = (done.stderr or done.stdout).strip().split("\n")[0]
        raise LabError(f"{Path(command[0]).name} failed: {message}")
    return done.stdout
