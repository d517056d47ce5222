"""Compile kernels for a card of compute capability 9.0 without one; prints what PTX came out.

A program of its own: the tests' process has the simulator in the place of the compiler.

    python to_ptx.py NAME ...      names of `CASES`; "NAME contracted" with plain products
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numba.cuda.dispatcher
from numba import cuda, types

import langevin_lab as ll
from langevin_lab.compiled.modules import load
from langevin_lab.cuda import kernel_source
from langevin_lab.ensemble.kernel import RecordingKernel
from langevin_lab.ensemble.moments import Moment

CAPABILITY = (9, 0)
f8, i8, u8 = types.float64, types.int64, types.uint64
SIGNATURE = types.void(
    f8[:, ::1], f8[:, ::1], i8[::1], u8[:, :, ::1], f8[:, :, ::1], f8[:, ::1], f8[::1], f8[:, ::1],
    i8[::1], i8, u8, f8, i8, i8, i8, i8, i8, i8,
)  # fmt: skip
WELL = ll.potentials.double_well()
SPACE = ll.Potential.from_expression(
    "exp(-x**2)*sin(k*y) + log(1 + y**2) + (1 + z**2)**k + tanh(x*z) + x**2 + y**2 + z**2",
    variables=("x", "y", "z"),
    parameters={"k": 0.7},
)
NOISY = ll.Potential.from_expression("x**2*y**2 + x**2", ("x", "y")).with_gradient_noise(
    factor=[["0.3*x", "0"], ["0", "sqrt(1 + y**2)/3"]]
)
CHAIN = ll.potentials.phi4_chain(n_sites=3)
COVARIANCE = [[0.5, 0.2, 0.0], [0.2, 0.3, 0.1], [0.0, 0.1, 0.4]]
RISK = ll.potentials.empirical_risk(
    "k*(a*w - y)**2/2", variables=("w",), data={"a": [1.0, 2.0], "y": [0.0, 1.0]},
    parameters={"k": 1.3},
)  # fmt: skip
BATH = {"temperature": 0.5, "friction": 1.0}
CASES = {
    "well": (ll.Langevin(WELL, **BATH), "BAOAB", ["x**2"], ["x"]),
    "bare": (ll.Overdamped(WELL, temperature=0.5), "LeimkuhlerMatthews", [], []),
    "space": (ll.Langevin(SPACE, **BATH), "OBABO", ["x*p_y", "energy", "laplacian"], []),
    "thermostat": (
        ll.AdaptiveLangevin(WELL, temperature=0.5, thermal_mass=1.0, applied_noise=0.4),
        "BADODAB",
        ["xi"],
        [],
    ),
    "acceptance": (ll.Langevin(WELL, **BATH), "GHMC", ["accepted"], []),
    "chain": (
        ll.Langevin(CHAIN.with_gradient_noise(covariance=COVARIANCE), **BATH),
        "ABOBA",
        ["x0*grad_x1", "energy"],
        ["x0"],
    ),
    "oscillators": (ll.Langevin(ll.potentials.harmonic(dim=17), **BATH), "GHMC", ["accepted"], []),
    "loss": (ll.Langevin(RISK, **BATH), "BAOAB", ["w"], []),
    "baths": (
        ll.Partitioned([([0, 2], ll.Langevin(CHAIN, **BATH)), ([1], ll.Langevin(CHAIN, **BATH))]),
        "BAOAB",
        [],
        [],
    ),
    "factor": (ll.Langevin(NOISY, **BATH), "BAOAB", ["x"], []),
}


def source(name):
    dynamics, word, moments, histograms = CASES[name.split()[0]]
    method = ll.integrators.method_for(word, dynamics)
    observe = [Moment(text) for text in moments], [Moment(text) for text in histograms]
    text = kernel_source(RecordingKernel(dynamics, method, 0.05, *observe))
    if name.endswith("contracted"):
        plain = "@inlined\ndef multiply(a, b):\n    return a * b\n\n\n@inlined\ndef _exponential"
        text = text.replace("@inlined\ndef _exponential", plain, 1)
    return text


def compiled(name):
    module = load(source(name), f"ptx_{name}")
    function = module.advance.py_func
    ptx, _ = cuda.compile(function, SIGNATURE, device=False, abi="numba", cc=CAPABILITY)
    return {
        "fused": ptx.count("fma.rn.f64"),
        "plain_products": len(re.findall(r"\bmul\.f64", ptx)),
        "local_memory": "__local_depot" in ptx,
        "calls": len(re.findall(r"\bcall\.", ptx)),
        "spilled": spilled(ptx),
    }


def spilled(ptx):
    """Bytes that the assembler spills; None where there is no ptxas."""
    assembler = shutil.which("ptxas") or shutil.which("ptxas", path="/usr/local/cuda/bin")
    if assembler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "kernel.ptx")
        path.write_text(ptx)
        arguments = [assembler, "-arch=sm_90", "-v", str(path), "-o", str(path) + ".cubin"]
        said = subprocess.run(arguments, capture_output=True, text=True, check=True).stderr
    return sum(int(count) for count in re.findall(r"(\d+) bytes (?:stack|spill)", said))


def has_compiler():
    try:
        numba.cuda.cudadrv.nvvm.NVVM()
    except Exception:  # no toolkit, or one that this numba does not know
        return False
    return True


if __name__ == "__main__":
    # Device functions ask the card at hand for its capability.
    card = SimpleNamespace(compute_capability=CAPABILITY)
    numba.cuda.dispatcher.get_current_device = lambda: card
    found = {name: compiled(name) for name in sys.argv[1:]} if has_compiler() else None
    print(json.dumps(found))
