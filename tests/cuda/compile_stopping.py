"""Compile kernels whose replicas stop for compute capability 9.0, with no card; print the PTX.

A program of its own: in the process of the tests numba.cuda is the simulator. Prints one line of
JSON, kernel -> PTX; exits with 3 where there is no NVVM.
"""

import json
import sys
from types import SimpleNamespace

import numpy as np
from numba import cuda, types
from numba.cuda.cudadrv import nvvm

import langevin_lab as ll
from langevin_lab.cuda.stopping_text import module_of
from langevin_lab.ensemble.kernel import BridgeKernel, PassageKernel, SplittingKernel
from langevin_lab.integrators import method_for

CAPABILITY = (9, 0)
REAL, INTEGER, NATURAL = types.float64, types.int64, types.uint64
ALL_OF = {
    "passage": ("advance_to_target",),
    "bridge": ("advance_to_target",),
    "splitting": ("split", "record_crossings", "start_paths", "rate_paths"),
    "chain": ("advance_to_target",),
    "splitting a chain": ("split", "record_crossings", "start_paths", "rate_paths"),
}


def arrays(kind, *dimensions):
    return [types.Array(kind, n, "C") for n in dimensions]


SIGNATURES = {
    "advance_to_target": [
        *arrays(REAL, 2), *arrays(INTEGER, 1, 1, 1, 1, 1), *arrays(REAL, 2, 1), NATURAL,
        REAL, INTEGER, INTEGER, NATURAL, INTEGER,
    ],
    "split": [
        *arrays(REAL, 2, 2), *arrays(INTEGER, 2), *arrays(REAL, 3, 4), *arrays(INTEGER, 2, 2, 2),
        *arrays(REAL, 2), *arrays(NATURAL, 1), *arrays(INTEGER, 1), *arrays(REAL, 2, 1), NATURAL,
        REAL, INTEGER, REAL, INTEGER,
    ],
    "record_crossings": [
        *arrays(REAL, 2, 2, 3), *arrays(INTEGER, 2), *arrays(NATURAL, 1), *arrays(REAL, 2, 1),
        NATURAL, REAL, INTEGER, INTEGER, INTEGER, INTEGER,
    ],
    "start_paths": [
        *arrays(REAL, 2), *arrays(NATURAL, 1), *arrays(REAL, 1), NATURAL, REAL, *arrays(REAL, 1, 2)
    ],
    "rate_paths": [*arrays(REAL, 2, 1), REAL, *arrays(REAL, 1)],
}  # fmt: skip


def kernels():
    well = ll.potentials.double_well()
    hot = ll.Overdamped(well, temperature=2.0)
    inertial = ll.Langevin(well, temperature=2.0, friction=1.0)
    chain = ll.Langevin(ll.potentials.phi4_chain(n_sites=5), temperature=1.0, friction=1.0)
    baoab, euler = method_for("BAOAB", inertial), method_for("EulerMaruyama", hot)
    regions = {"source": "x < -0.9", "target": "x > 0.9", "surface": "x > -0.8"}
    return {
        "passage": PassageKernel(inertial, baoab, 0.02, target="x > 1 and p > 0"),
        "bridge": BridgeKernel(
            hot, euler, 0.02, distances=["(1 - x)*shift_0", "(1 + x)*shift_1"], scales=np.ones(2)
        ),
        "splitting": SplittingKernel(inertial, baoab, 0.02, coordinate="x", regions=regions),
        "chain": PassageKernel(chain, baoab, 0.02, target="x0 > 1 and energy > 2"),
        "splitting a chain": SplittingKernel(
            chain,
            baoab,
            0.02,
            coordinate="x0 + x1",
            regions={name: text.replace("x", "x0") for name, text in regions.items()},
        ),
    }


def main(precision):
    try:
        nvvm.NVVM()
    except Exception:
        sys.exit(3)
    # Device functions are compiled for the current card.
    device = SimpleNamespace(compute_capability=CAPABILITY)
    cuda.dispatcher.get_current_device = lambda: device
    found = {}
    for name, kernel in kernels().items():
        module = module_of(kernel, precision)
        if precision == "float32" and "chain" in name:
            continue  # loops over arrays run in float64
        for entry in ALL_OF[name]:
            function = getattr(module, entry).py_func
            signature = tuple(SIGNATURES[entry])
            ptx, _ = cuda.compile(function, signature, device=False, abi="numba", cc=CAPABILITY)
            found[f"{name}: {entry}"] = ptx
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
