"""The texts of kernels whose replicas stop: at a target, over a bridge, or on split paths."""

from __future__ import annotations

from types import ModuleType

from langevin_lab.compiled.modules import load
from langevin_lab.cuda.kernel_text import device_module
from langevin_lab.cuda.pasting import pasted
from langevin_lab.cuda.thread_state import pasted_loop, state_of
from langevin_lab.cuda.writer import unrolled
from langevin_lab.ensemble.kernel import BridgeKernel, PassageKernel, SplittingKernel
from langevin_lab.ensemble.moments import Moment
from langevin_lab.ensemble.writer import function

__all__ = ["module_of", "passage_source", "splitting_source"]


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
        state = state_of(kernel, kernel.scales.size)
        own = state.values([Moment(text) for text in kernel.distances])
        rule, seen = pasted_loop("bridge_rule"), "histogram_values"
    else:
        state = state_of(kernel, kernel.shifts.size)
        own = state.region(kernel.target)
        rule = function("has_arrived(before, after, seed, replica, number)", ["return after"])
        seen = "in_target"
    look = function("look(carried, parameters)", [f"return {seen}(carried, parameters)"])
    loop = unrolled(pasted_loop("passage_loop"), kernel.layout.steps_per_fill)
    loops = ["from numba import float64, int64", *state.loops(), rule, look, loop]
    flags = {"N_WORK": state.n_work, "N_BOUNDARIES": len(getattr(kernel, "distances", ()))}
    return device_module(kernel, precision, [*state.parts(), own], loops, flags)


def splitting_source(kernel: SplittingKernel, precision: str = "float64") -> str:
    """Text of the module that splits paths on a card; with a surface, of its crossings too.

    Parameters
    ----------
    kernel : SplittingKernel
    precision : {"float64", "float32"}, optional
    """
    state, regions = state_of(kernel, 0), kernel.regions
    parts = [*state.parts(), state.values([Moment(kernel.coordinate)])]
    names = {"source": "in_source", "target": "in_target", "surface": "beyond_surface"}
    parts += [state.region(regions[key], name) for key, name in names.items() if key in regions]
    loops = ["import math\n\nfrom numba import float64", *state.loops()]
    if precision != "float64":  # whose noise is made of it anyway
        loops.append(pasted("langevin_lab.noise.philox", ["philox_bits"]))
    loops.append(pasted_loop("splitting_loop"))
    if "surface" in regions:
        loops.append(pasted_loop("crossing_loop"))
    return device_module(kernel, precision, parts, loops, {"N_WORK": state.n_work})


def module_of(kernel: PassageKernel | BridgeKernel | SplittingKernel, precision: str) -> ModuleType:
    """The imported module, kept in the cache folder like those of the CPU."""
    if isinstance(kernel, SplittingKernel):
        source = splitting_source(kernel, precision)
    else:
        source = passage_source(kernel, precision)
    return load(source, f"cuda_{kernel.method.name}")
