"""Runs that the tests of this folder share, so that few kernels are compiled."""

import hashlib

import numpy as np

import langevin_lab as ll
from langevin_lab.ensemble import Histogram, KineticTemperature, Variance

WELL = ll.potentials.double_well()
PLANE = ll.potentials.entropic_barrier()
CHAIN = ll.potentials.phi4_chain(n_sites=3)
SEED = 7

# An odd number of normals a step makes two steps share a pair: BAOAB in 1-D, the chain of three.
CASES = {
    "BAOAB": (
        ll.Langevin(WELL, temperature=0.5, friction=1.0),
        {
            "x2": "x**2",
            "kinetic": KineticTemperature(half_step=True),
            "density": Histogram("x", 12, -2.0, 2.0),
            "momentum": Histogram("p", 5, -3.0, 3.0),
        },
    ),
    "LeimkuhlerMatthews": (
        ll.Overdamped(WELL, temperature=0.5),
        {"x2": "x**2", "density": Histogram("x", 12, -2.0, 2.0)},
    ),
    "BBK": (
        ll.Langevin(PLANE, temperature=0.5, friction=(1.0, 0.5), mass=(1.0, 2.0)),
        {"y2": "y**2", "spread": Variance("x")},
    ),
    "ABOBA": (
        ll.Langevin(CHAIN, temperature=0.5, friction=1.0),
        {"energy": "energy", "density": Histogram("x0", 8, -2.0, 2.0)},
    ),
}


def start_for(dynamics, n_replicas):
    """Different starts, so that a replica in the wrong place is noticed."""
    rng = np.random.default_rng(5)
    return rng.uniform(-1.0, 1.0, (n_replicas, dynamics.dim))


def simulate(name, n_replicas=300, **changes):
    """131 steps: two full stretches and an odd rest; 40 of them recorded."""
    dynamics, observe = CASES[name]
    settings = {
        "dt": 0.05, "n_steps": 131, "seed": SEED, "n_replicas": n_replicas, "observe": observe,
        "burn_in": 10, "record_every": 3, "progress": False,
    }  # fmt: skip
    if not {"continue_from", "start"} & set(changes):
        settings["start"] = start_for(dynamics, n_replicas)
    return ll.simulate(dynamics, name, **{**settings, **changes})


def sha256(run):
    """Hash of every number of a dataset, names and shapes included."""
    total = hashlib.sha256()
    for name in sorted(run.variables):
        values = run[name].values
        total.update(f"{name}{values.shape}{values.dtype.kind}".encode())
        data = values.tobytes() if values.dtype.kind in "fiu" else repr(values.tolist()).encode()
        total.update(data)
    return total.hexdigest()
