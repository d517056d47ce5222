"""Training of small networks beside a C program, JAX and PyTorch, processor time on one core.

    python benchmarks/networks.py [--repeats 5]

The work is Langevin training (SGLD) of a 2-20-1 network (tanh, binary cross-entropy) on 500
points in float64, and AdLaLa on a 2-100-1 network (relu) with batches of 25. Every program draws
its own normals and its own batches of 32 (with replacement in C, JAX and PyTorch, without in ours).
The C program uses the vector library of the compiler; its gradient is compared with ours first.
JAX runs one jitted scan, replicas by vmap. The process keeps to one core; rounds go through all
programs in turn; the best of several counts, as processor time, since other work on the machine
counts then only where it shares caches.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import c_reference
import numpy as np

import langevin_lab as ll

C_SOURCE = Path(__file__).parent / "c" / "network_gradient.c"
C_FLAGS = ("-Ofast", "-march=native", "-fopenmp-simd")
TRAIN = ll.potentials.spirals(500, seed=1)


def network(n_hidden: int, activation: str, batch_size: int | None) -> ll.potentials.Network:
    """The network of a benchmark on the spirals."""
    return ll.potentials.multilayer_perceptron(
        TRAIN.inputs, TRAIN.targets, hidden=(n_hidden,), activation=activation,
        loss="binary_cross_entropy", batch_size=batch_size,
    )  # fmt: skip


@dataclass
class Program:
    """What is timed: ``run(n_steps)`` for n_replicas at once; best processor times by n_steps."""

    name: str
    run: Callable[[int], object]
    n_steps: int
    n_replicas: int = 1
    best: dict[int, float] = field(default_factory=dict)

    def measure(self) -> None:
        """One short and one longer run."""
        for count in (self.n_steps, 4 * self.n_steps):
            if count not in self.best:
                self.run(count)  # compiles
            started = time.process_time()
            self.run(count)
            seconds = time.process_time() - started
            self.best[count] = min(self.best.get(count, np.inf), seconds)

    @property
    def microseconds(self) -> float:
        """Of a replica-step: longer less shorter run, which cancels what every call costs."""
        extra = self.best[4 * self.n_steps] - self.best[self.n_steps]
        return 1e6 * extra / (3 * self.n_steps * self.n_replicas)


def sgld(name: str, batch_size: int | None, n_replicas: int) -> Program:
    """Langevin training by this package."""
    potential = network(20, "tanh", batch_size)
    start = potential.start(seed=1, n_replicas=n_replicas)
    dynamics = ll.Overdamped(potential, temperature=1e-5)

    def run(n_steps: int) -> object:
        return ll.simulate(
            dynamics, "EulerMaruyama", dt=0.01, n_steps=n_steps, n_replicas=n_replicas,
            start=start, seed=1, n_threads=1,
        )  # fmt: skip

    n_steps = (1_000 if batch_size is None else 10_000) // n_replicas
    return Program(name, run, max(20, n_steps), n_replicas)


def adlala(name: str) -> Program:
    """AdLaLa on the 2-100-1 network."""
    potential = network(100, "relu", 25)
    dynamics = ll.dynamics.adlala(
        potential, ("weights_1", "biases_1"), temperature=1e-4, epsilon=0.05,
        applied_noise=0.01, friction=0.1,
    )  # fmt: skip

    def run(n_steps: int) -> object:
        return ll.simulate(
            dynamics, "AdLaLa", dt=0.25, n_steps=n_steps, n_replicas=1,
            start=potential.start(seed=3), start_thermostat=(0.1, 0.1), seed=1, n_threads=1,
        )  # fmt: skip

    return Program(name, run, 5_000)


def c_microseconds() -> np.ndarray:
    """Of the C program: gradient of 32 and of all examples, step of training with 32, with all."""
    potential = network(20, "tanh", None)
    x = potential.start(seed=1)
    program = c_reference.build(C_SOURCE, flags=C_FLAGS)
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        np.concatenate([x, *TRAIN.inputs.T, TRAIN.targets]).tofile(file.name)
        command = [str(program), file.name, str(TRAIN.n_examples), "500"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    numbers = np.array(done.stdout.split(), dtype=float)
    np.testing.assert_allclose(numbers[4], 1.0, atol=0.01)  # six standard errors of the normals
    np.testing.assert_allclose(numbers[5:], potential.gradient(x), rtol=1e-9, atol=1e-12)
    return 1e6 * numbers[:4]


def jax_sgld(name: str, batch_size: int, n_replicas: int) -> Program:
    """Langevin training in JAX: one jitted scan, batches and normals drawn inside."""
    import jax
    from jax import numpy as jnp

    jax.config.update("jax_enable_x64", True)
    inputs, targets = jnp.asarray(TRAIN.inputs), jnp.asarray(TRAIN.targets, dtype=float)

    def loss(x, rows):
        hidden = jnp.tanh(inputs[rows] @ x[:40].reshape(20, 2).T + x[40:60])
        z = hidden @ x[60:80] + x[80]
        return jnp.mean(jax.nn.softplus(z) - targets[rows] * z)

    slope = jax.grad(loss)

    def step(x, key):
        for_rows, for_noise = jax.random.split(key)
        rows = slice(None)
        if batch_size < TRAIN.n_examples:
            rows = jax.random.randint(for_rows, (batch_size,), 0, TRAIN.n_examples)
        noise = jax.random.normal(for_noise, x.shape)
        return x - 0.01 * slope(x, rows) + np.sqrt(2 * 0.01 * 1e-5) * noise, None

    @partial(jax.jit, static_argnames="n_steps")
    def train(x, key, n_steps):
        one = lambda x, key: jax.lax.scan(step, x, jax.random.split(key, n_steps))[0]  # noqa: E731
        return jax.vmap(one)(x, key) if n_replicas > 1 else one(x[0], key[0])

    potential = network(20, "tanh", None)
    x = jnp.asarray(potential.start(seed=1, n_replicas=n_replicas)).reshape(n_replicas, -1)
    keys = jax.random.split(jax.random.key(1), n_replicas)
    slopes = np.asarray(slope(x[0], slice(None)))
    np.testing.assert_allclose(slopes, potential.gradient(np.asarray(x[0])), atol=1e-12)
    n_steps = (200 if batch_size == TRAIN.n_examples else 2_000) // n_replicas
    run = lambda n_steps: train(x, keys, n_steps).block_until_ready()  # noqa: E731
    return Program(name, run, max(20, n_steps), n_replicas)


def torch_sgld(name: str, batch_size: int) -> Program:
    """Langevin training in eager PyTorch, float64, one thread."""
    import torch

    torch.set_num_threads(1)
    nn = torch.nn
    module = nn.Sequential(nn.Linear(2, 20), nn.Tanh(), nn.Linear(20, 1)).double()
    inputs = torch.tensor(TRAIN.inputs)
    targets = torch.tensor(TRAIN.targets, dtype=torch.float64)[:, None]
    weights, loss = list(module.parameters()), nn.BCEWithLogitsLoss()

    def run(n_steps: int) -> None:
        for _ in range(n_steps):
            rows = torch.randint(0, 500, (batch_size,)) if batch_size < 500 else slice(None)
            slopes = torch.autograd.grad(loss(module(inputs[rows]), targets[rows]), weights)
            with torch.no_grad():
                for weight, slope in zip(weights, slopes):
                    noise = torch.randn_like(weight)
                    weight.add_(slope, alpha=-0.01).add_(noise, alpha=4e-4)

    return Program(name, run, 300)


def programs() -> list[Program]:
    """All but the C program; those whose package is missing are left out with a line."""
    chosen = [
        sgld("langevin_lab, batch 32, 1 replica", 32, 1),
        sgld("langevin_lab, batch 32, 64 replicas", 32, 64),
        sgld("langevin_lab, full batch, 1 replica", None, 1),
        sgld("langevin_lab, full batch, 64 replicas", None, 64),
        adlala("langevin_lab, AdLaLa on 2-100-1, batch 25"),
    ]
    for package, label, make in (("jax", "JAX", jax_sgld), ("torch", "PyTorch", torch_sgld)):
        if not importlib.util.find_spec(package):
            print(f"{label} is not installed (pip install 'langevin_lab[bench]'): left out")
            continue
        counts = (1, 64) if package == "jax" else (1,)
        for size, batch in ((32, "batch 32"), (TRAIN.n_examples, "full batch")):
            for n in counts:
                name = f"{label}, {batch}, {n} replica{'s' if n > 1 else ''}"
                chosen.append(make(name, size, n) if package == "jax" else make(name, size))
    return chosen


# Ours, the peer, and the least that the peer's time divided by ours should be.
TARGETS = (
    ("langevin_lab, batch 32, 1 replica", "C with SIMD, training, batch 32", 1 / 1.5),
    ("langevin_lab, full batch, 1 replica", "C with SIMD, training, full batch", 1 / 1.5),
    ("langevin_lab, batch 32, 64 replicas", "C with SIMD, training, batch 32", 1 / 1.5),
    ("langevin_lab, full batch, 64 replicas", "C with SIMD, training, full batch", 1 / 1.5),
    ("langevin_lab, batch 32, 1 replica", "JAX, batch 32, 1 replica", 4.0),
    ("langevin_lab, batch 32, 1 replica", "PyTorch, batch 32, 1 replica", 50.0),
)


def main() -> None:
    """Print the table and the targets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    chosen, c_times = programs(), np.full(4, np.inf)
    for _ in range(repeats):
        c_times = np.minimum(c_times, c_microseconds())
        for program in chosen:
            program.measure()
    c_names = [f"C with SIMD, {what}, {batch}" for what in ("gradient alone", "training")
               for batch in ("batch 32", "full batch")]  # fmt: skip
    times = dict(zip(c_names, c_times)) | {p.name: p.microseconds for p in chosen}
    for name, value in times.items():
        print(f"{name:45s} {value:9.2f} microseconds a replica-step")
    for ours, peer, least in TARGETS:
        if peer in times:
            ratio = times[peer] / times[ours]
            holds = "holds" if ratio >= least else "MISSED"
            print(f"{peer} / {ours}: {ratio:.2f}, wanted at least {least:.2f}: {holds}")
    run = 80_000e-6 * times["langevin_lab, AdLaLa on 2-100-1, batch 25"]
    holds = "holds" if run < 1.5 else "MISSED"
    print(f"AdLaLa, 4,000 epochs: {run:.2f} s, wanted below 1.50: {holds}")


if __name__ == "__main__":
    main()
