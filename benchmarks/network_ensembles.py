"""Thousands of small networks trained at once: batched PyTorch beside compiled code on the CPU.

    python benchmarks/network_ensembles.py --device cuda [--networks 4096] [--repeats 5]

The work is AdLaLa on a 2-100-1 network (relu, binary cross-entropy) and 500 points of spirals of
four turns in batches of 25, noise and batches those of the package. Compiled code takes all cores
in float64, PyTorch its device in float64 and float32. Programs take turns; each runs a short and a
longer training, whose difference cancels what every call costs (start values, graphs, transfers
home, after which the device is idle). Medians over the rounds, with their smallest and largest.
On a CPU the default is fewer networks and steps, and nothing is claimed.
"""

from __future__ import annotations

import argparse
import builtins
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import langevin_lab as ll
from langevin_lab.ensemble.checks import default_threads

WANTED = 50.0  # times the networks that compiled code trains in the same time
# Name -> backend and precision.
PROGRAMS = {
    "cpu": ("cpu", "float64"),
    "float64": ("torch", "float64"),
    "float32": ("torch", "float32"),
}


@dataclass
class Program:
    """What is timed, and network-steps a second of each round.

    Parameters
    ----------
    backend, precision : str
        As `ll.simulate`.
    n_networks : int
    n_steps : int
        Of the short training; the longer one has five times as many.
    """

    backend: str
    precision: str
    n_networks: int
    n_steps: int
    rates: list[float] = field(default_factory=list)

    def measure(self) -> None:
        """One round, again if something else held up the short training."""
        short = long = 0.0
        while long <= short:
            short, long = (self._seconds(count) for count in (self.n_steps, 5 * self.n_steps))
        self.rates.append(4 * self.n_steps * self.n_networks / (long - short))

    def _seconds(self, n_steps: int) -> float:
        begun = time.perf_counter()
        self.train(n_steps)
        return time.perf_counter() - begun

    def train(self, n_steps: int) -> Any:
        """A training from the start; what comes home is the dataset."""
        dynamics, integrator, arguments = self.recipe()
        return ll.simulate(dynamics, integrator, n_steps=n_steps, progress=False, **arguments)

    def recipe(self) -> tuple[Any, str, dict[str, Any]]:
        """What `simulate` gets."""
        potential = network()
        dynamics = ll.dynamics.adlala(
            potential, ("weights_1", "biases_1"), temperature=1e-4, epsilon=0.05,
            applied_noise=0.01, friction=0.1,
        )  # fmt: skip
        start = potential.start(seed=1, n_replicas=self.n_networks)
        rest = {"start_momentum": np.zeros(potential.dim), "start_thermostat": (0.1, 0.1)}
        rest |= {"dt": 0.25, "n_replicas": self.n_networks, "seed": 1, "start": start}
        return dynamics, "AdLaLa", rest | {"backend": self.backend, "precision": self.precision}


def network() -> ll.potentials.Network:
    """2-100-1 on the spirals of four turns."""
    train = ll.potentials.spirals(500, seed=1, turns=4.0)
    return ll.potentials.multilayer_perceptron(
        train.inputs, train.targets, hidden=(100,), activation="relu",
        loss="binary_cross_entropy", batch_size=25,
    )  # fmt: skip


def launches() -> int:
    """Operations of one step that are a kernel each unless compiled, counted on the CPU.

    In a long run on a card `torch.compile` joins them: all but the five matrix products into a
    third as many. Views cost none. Not among them are normals and batches, less than one kernel a
    step (`pytorch.fusion`), and the copy of biases that torch makes for a product with them.
    """
    from torch.utils._python_dispatch import TorchDispatchMode

    from langevin_lab.ensemble.preparation import prepare

    counted: list[str] = []

    class Counter(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            if not function.is_view and "empty" not in str(function):
                counted.append(str(function))
            return function(*args, **(kwargs or {}))

    def operations(n_steps: int) -> int:
        dynamics, integrator, arguments = Program("torch", "float32", 2, n_steps).recipe()
        run: Any = prepare(dynamics, integrator, n_steps=n_steps, **arguments).run
        run.parts.stepper.names["__builtins__"] = builtins  # which the counter imports from
        counted.clear()
        with Counter():
            run.advance(n_steps)  # two networks are one block, advanced in this thread
        return len(counted)

    return (operations(40) - operations(8)) // 32


def measure(
    device: str = "cpu",
    *,
    n_networks: int | None = None,
    n_steps: int | None = None,
    repeats: int = 5,
) -> dict[str, Any]:
    """Network-steps a second of all programs, and what they are compared by.

    Parameters
    ----------
    device : str
        Of PyTorch: "cpu", "cuda", "cuda:1".
    n_networks : int, optional
        By default 4,096, on a CPU 256.
    n_steps : int, optional
        Of the short training by PyTorch; by default 2,048 (long runs are compiled), on a CPU 16.
    repeats : int, optional
        Rounds.

    Returns
    -------
    dict
        "rates": program -> list of network-steps a second; "median"; "ratio": program -> median
        over that of compiled code; "launches_per_step", uncompiled; "wanted"; "device";
        "versions".
    """
    small = device == "cpu"
    count = n_networks or (256 if small else 4096)
    steps = n_steps or (16 if small else 2_048)
    programs = {}
    for name, (backend, precision) in PROGRAMS.items():
        where = backend if backend == "cpu" or small else f"torch:{device}"
        # Half a second of compiled code will do; a card takes many more steps in that time.
        own = n_steps or max(16, 65_536 // count) if backend == "cpu" else steps
        programs[name] = Program(where, precision, count, own)
    attributes = {}
    for program in programs.values():  # compiles and captures
        attributes = program.train(2 * program.n_steps).attrs
    for _ in range(repeats):
        for program in programs.values():
            program.measure()
    median = {name: float(np.median(program.rates)) for name, program in programs.items()}
    return {
        "n_networks": count,
        "rates": {name: program.rates for name, program in programs.items()},
        "median": median,
        "ratio": {name: rate / median["cpu"] for name, rate in median.items() if name != "cpu"},
        "launches_per_step": launches(),
        "wanted": None if small else WANTED,
        "threads": default_threads(),
        "device": attributes["device"],
        "versions": {name: text for name, text in attributes.items() if name.endswith("_version")},
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--networks", type=int)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    found = measure(
        options.device, n_networks=options.networks, n_steps=options.steps, repeats=options.repeats
    )
    print(f"{found['n_networks']} networks 2-100-1, AdLaLa, batches of 25, on {found['device']}")
    for name, rates in found["rates"].items():
        label = f"compiled, {found['threads']} threads" if name == "cpu" else f"PyTorch, {name}"
        low, high = min(rates), max(rates)
        print(f"{label:24s} {found['median'][name]:12.4g} network-steps/s  [{low:.4g}, {high:.4g}]")
    for name, ratio in found["ratio"].items():
        verdict = ""
        if found["wanted"]:
            verdict = "holds" if ratio >= found["wanted"] else "MISSED"
            verdict = f", wanted at least {found['wanted']:g}: {verdict}"
        print(f"PyTorch, {name} / compiled: {ratio:.3g}{verdict}")
    print(f"operations of a step, before they are compiled: {found['launches_per_step']}")


if __name__ == "__main__":
    main()
