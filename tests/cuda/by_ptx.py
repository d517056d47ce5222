"""Kernels compiled to PTX for compute capability 9.0, in a process without the simulator."""

PTX_SCRIPT = """
import json
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numba.cuda.dispatcher
from numba import cuda, float64, int64, types, uint64

# A device function asks the card for its compute capability; there is none.
numba.cuda.dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=(9, 0))

import langevin_lab as ll
from langevin_lab.compiled.modules import load
from langevin_lab.cuda import kernel_source
from langevin_lab.ensemble.kernel import RecordingKernel
from langevin_lab.ensemble.moments import Moment
from langevin_lab.integrators import method_for


def array(kind, dimensions):
    return types.Array(kind, dimensions, "C")


SIGNATURE = (
    array(float64, 2), array(float64, 2), array(int64, 1), array(uint64, 3), array(float64, 3),
    array(float64, 2), array(float64, 1), array(float64, 2), array(int64, 1), int64, uint64,
    float64, int64, int64, int64, int64, int64, int64,
)
mixed = ll.Potential.from_expression(
    "exp(-x**2)*sin(3*x) + x**4/4 + tanh(x) + log(1 + x**2) + abs(x)**2.5 + y**2/2 + cos(y)",
    variables=("x", "y"),
)
texts = {}
for potential in (ll.potentials.double_well(), mixed):
    motion = ll.Langevin(potential, temperature=0.2, friction=1.0)
    kernel = RecordingKernel(motion, method_for("BAOAB", motion), 0.05, (Moment("x**2"),), ())
    module = load(kernel_source(kernel, "float32"), "ptx")
    text, _ = cuda.compile(
        module.advance.py_func, SIGNATURE, cc=(9, 0), device=False, abi="numba"
    )
    texts[potential.name] = text
print(json.dumps(texts))
"""
