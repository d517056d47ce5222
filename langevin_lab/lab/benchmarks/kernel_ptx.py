"""PTX of the kernel that does a work on a card, for a target that need not be at hand.

Run as a process of its own (``python -m ... WORK PRECISION sm_90``), since a target has to be named
in numba's place for "the current card".
"""

from __future__ import annotations

import inspect
import subprocess
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

from langevin_lab.lab.benchmarks.disassembly import capability_of, sass
from langevin_lab.lab.benchmarks.instructions import StepCount, count_steps
from langevin_lab.lab.benchmarks.works import WORKS
from langevin_lab.lab.errors import LabError

__all__ = ["count_kernel", "main", "ptx"]


def count_kernel(work: str, precision: str, target: str) -> StepCount:
    """Instructions of a step of the recording kernel, in SASS where it can be had.

    Raises
    ------
    LabError
        If the kernel does not compile; the message says why.
    """
    command = [sys.executable, "-m", __name__, work, precision, target]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        raise LabError(f"no PTX of {work} in {precision} for {target}: {reason}")
    text = sass(done.stdout, target) or done.stdout
    return count_steps(text, normals_per_step=WORKS[work].normals_per_step)


def ptx(work: str, precision: str, capability: tuple[int, int]) -> str:
    """PTX of the kernel, with the optimiser's settings of a run."""
    from numba import cuda

    from langevin_lab.cuda.kernel_text import recording_module

    _pretend(capability)
    advance = recording_module(recording_kernel(work), precision).advance
    function = advance.py_func
    text, _ = cuda.compile(function, signature(function), device=False, abi="numba", cc=capability)
    return text.decode() if isinstance(text, bytes) else text


def recording_kernel(work: str) -> Any:
    """The kernel that `simulate` would run."""
    from langevin_lab.ensemble.iteration import matched
    from langevin_lab.ensemble.kernel import RecordingKernel
    from langevin_lab.ensemble.recorders import recorders, unique_moments

    task = WORKS[work]
    equation, scheme, dt = matched(task.equation, task.method, task.dt, None)
    recorded: list[Any] = list(recorders(task.arguments()["observe"]).values())
    return RecordingKernel(equation, scheme, dt, unique_moments(recorded, equation))


def signature(function: Callable[..., Any]) -> tuple[Any, ...]:
    """Types of the arguments of ``advance``, as `CudaRun` passes them: by name, int64 else."""
    from numba import boolean, float64, int64, uint64

    types_of = {
        "state": float64[:, ::1], "sums": float64[:, ::1], "diverged": int64[::1],
        "counts": uint64[:, :, ::1], "saved": float64[:, :, ::1], "table": float64[:, ::1],
        "parameters": float64[::1], "edges": float64[:, ::1], "n_bins": int64[::1],
        "seed": uint64, "noisy": boolean, "bound": float64,
    }  # fmt: skip
    return tuple(types_of.get(name, int64) for name in inspect.signature(function).parameters)


def _pretend(capability: tuple[int, int]) -> None:
    """Device functions are compiled for the current card: say that this is it."""
    from numba.cuda import dispatcher

    card = types.SimpleNamespace(compute_capability=capability)
    dispatcher.get_current_device = lambda: card


def main(arguments: Sequence[str]) -> None:
    """Print the PTX of WORK PRECISION TARGET."""
    work, precision, target = arguments
    print(ptx(work, precision, capability_of(target)))


if __name__ == "__main__":
    main(sys.argv[1:])
