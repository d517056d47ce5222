"""The texts of kernels whose replicas stop: at a target, over a bridge, or on split paths."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from langevin_lab.compiled.modules import load
from langevin_lab.cuda.cuda_run import CudaRun
from langevin_lab.cuda.kernel_text import device_module, loop_text
from langevin_lab.cuda.pasting import pasted
from langevin_lab.cuda.writer import Registers, unrolled
from langevin_lab.ensemble.backends import Backend
from langevin_lab.ensemble.kernel import BridgeKernel, Kernel, PassageKernel, SplittingKernel
from langevin_lab.ensemble.moments import Moment
from langevin_lab.ensemble.writer import function, tuple_text

__all__ = ["check_stopping", "module_of", "passage_source", "splitting_source"]


def check_stopping(backend: Backend, kernel: Kernel) -> None:
    """Raise an error that says what would do if a card cannot run a kernel that stops.

    Raises
    ------
    NoDeviceError
        If there is no card.
    ValueError
        If there are no kernels for this precision, potential or gradient noise.
    """
    if not kernel.layout.lanes:
        raise ValueError(
            f"backend={str(backend)!r} stops replicas in potentials given by an expression, and "
            f"{kernel.dynamics.potential.name} is one of loops over arrays; use backend='cpu'"
        )
    CudaRun.check(backend, kernel)


def passage_source(kernel: PassageKernel | BridgeKernel, precision: str = "float64") -> str:
    """Text of the module that runs replicas on a card until they arrive.

    Parameters
    ----------
    kernel : PassageKernel or BridgeKernel
    precision : {"float64", "float32"}, optional

    Returns
    -------
    str
        A module that can be read from top to bottom; its entry point is ``advance_to_target``.
    """
    if isinstance(kernel, BridgeKernel):
        writer = _writer(kernel, kernel.scales.size)
        distances = [Moment(text) for text in kernel.distances]
        parts = [writer.histogram_values(distances)]
        rule = [_loop("bridge_rule"), _look("histogram_values")]
        flags = {"N_BOUNDARIES": len(distances)}
    else:
        writer = _writer(kernel, kernel.shifts.size)
        parts = [writer.region(kernel.target)]
        arrived = function("has_arrived(before, after, seed, replica, number)", ["return after"])
        rule, flags = [arrived, _look("in_target")], {}
    parts = [*writer.device_functions(), *parts]
    loop = unrolled(_loop("passage_loop"), kernel.layout.steps_per_fill)
    loops = ["from numba import int64", writer.draw(), *rule, loop]
    return device_module(kernel, precision, parts, loops, flags)


def splitting_source(kernel: SplittingKernel, precision: str = "float64") -> str:
    """Text of the module that splits paths on a card; with a surface, of its crossings too.

    Parameters
    ----------
    kernel : SplittingKernel
    precision : {"float64", "float32"}, optional
    """
    writer = _writer(kernel, 0)
    parts = [
        *writer.device_functions(),
        writer.histogram_values([Moment(kernel.coordinate)]),
        writer.region(kernel.regions["source"], "in_source"),
        writer.region(kernel.regions["target"], "in_target"),
    ]
    loops = ["import math", writer.draw(), *_records(writer.carried), _loop("splitting_loop")]
    if precision != "float64":  # whose noise is made of it anyway
        loops.insert(0, pasted("langevin_lab.noise.philox", ["philox_bits"]))
    if "surface" in kernel.regions:
        parts.append(writer.region(kernel.regions["surface"], "beyond_surface"))
        loops.append(_loop("crossing_loop"))
    return device_module(kernel, precision, parts, loops, {})


def module_of(kernel: PassageKernel | BridgeKernel | SplittingKernel, precision: str) -> ModuleType:
    """The imported module, kept in the cache folder like those of the CPU."""
    if isinstance(kernel, SplittingKernel):
        source = splitting_source(kernel, precision)
    else:
        source = passage_source(kernel, precision)
    return load(source, f"cuda_{kernel.method.name}")


def _writer(kernel: PassageKernel | BridgeKernel | SplittingKernel, n_shifts: int) -> Registers:
    potential, vectors = kernel.dynamics.potential, kernel.vector_coefficients
    return Registers(potential, kernel.layout, vectors, n_shifts)


def _look(name: str) -> str:
    return function("look(carried, parameters)", [f"return {name}(carried, parameters)"])


def _records(carried: list[str]) -> list[str]:
    """Texts of the functions between a row of an array and registers."""
    rows = [f"real(record[{index}])" for index in range(len(carried))]
    unpack = f"{', '.join(carried)}, = carried"
    stores = [f"record[{index}] = {name}" for index, name in enumerate(carried)]
    return [
        function("load_record(record)", [f"return {tuple_text(rows)}"]),
        function("store_record(record, carried)", [unpack, *stores]),
    ]


def _loop(name: str) -> str:
    return loop_text(Path(__file__).with_name(f"{name}.py"))
