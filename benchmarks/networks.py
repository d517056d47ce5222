"""Training of small networks beside a C program's gradient and PyTorch, processor time on one core.

    python benchmarks/networks.py

The work is Langevin training (SGLD) of a 2-20-1 network (tanh, binary cross-entropy) on 500
points, and AdLaLa on a 2-100-1 network with batches of 25. The C program computes the gradient
alone, without noise and without drawing the batch, with the vector library of the compiler; its
gradient is compared with ours first. Processor time, since other work on the machine counts then
only where it shares caches; best of several runs.
"""

from __future__ import annotations

import importlib.util
import subprocess
import tempfile
import time
from collections.abc import Callable
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


def microseconds(run: Callable[[int], object], n_steps: int, repeats: int = 5) -> float:
    """Processor time of a step: longer less shorter runs, which cancels what every call costs."""
    run(n_steps)
    best = dict.fromkeys((n_steps, 4 * n_steps), np.inf)
    for _ in range(repeats):
        for count in best:
            started = time.process_time()
            run(count)
            best[count] = min(best[count], time.process_time() - started)
    return 1e6 * (best[4 * n_steps] - best[n_steps]) / (3 * n_steps)


def sgld(batch_size: int | None, n_replicas: int) -> float:
    """Microseconds of a replica-step of Langevin training."""
    potential = network(20, "tanh", batch_size)
    start = potential.start(seed=1, n_replicas=n_replicas)
    dynamics = ll.Overdamped(potential, temperature=1e-5)

    def run(n_steps: int) -> object:
        return ll.simulate(
            dynamics, "EulerMaruyama", dt=0.01, n_steps=n_steps, n_replicas=n_replicas,
            start=start, seed=1, n_threads=1,
        )  # fmt: skip

    n_steps = (1_000 if batch_size is None else 10_000) // n_replicas
    return microseconds(run, max(20, n_steps)) / n_replicas


def adlala() -> float:
    """Microseconds of a step of AdLaLa on the 2-100-1 network."""
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

    return microseconds(run, 5_000)


def c_gradients() -> tuple[float, float]:
    """Microseconds of the C program's gradients, of 32 examples and of all, after a comparison."""
    potential = network(20, "tanh", None)
    x = potential.start(seed=1)
    program = c_reference.build(C_SOURCE, flags=C_FLAGS)
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        np.concatenate([x, *TRAIN.inputs.T, TRAIN.targets]).tofile(file.name)
        command = [str(program), file.name, str(TRAIN.n_examples), "200"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    numbers = np.array(done.stdout.split(), dtype=float)
    np.testing.assert_allclose(numbers[2:], potential.gradient(x), rtol=1e-9, atol=1e-12)
    return 1e6 * numbers[0], 1e6 * numbers[1]


def torch_sgld(batch_size: int) -> float:
    """Microseconds of a step of Langevin training in eager PyTorch, float64, one thread."""
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

    return microseconds(run, 300)


def main() -> None:
    """Print the table."""
    c_batch, c_full = c_gradients()
    rows = [
        ("C with SIMD, gradient alone, batch 32", c_batch),
        ("langevin_lab, batch 32, 1 replica", sgld(32, 1)),
        ("langevin_lab, batch 32, 64 replicas", sgld(32, 64)),
        ("C with SIMD, gradient alone, full batch", c_full),
        ("langevin_lab, full batch, 1 replica", sgld(None, 1)),
        ("langevin_lab, full batch, 64 replicas", sgld(None, 64)),
        ("langevin_lab, AdLaLa on 2-100-1, batch 25", adlala()),
    ]
    if importlib.util.find_spec("torch"):
        rows += [(f"PyTorch, batch {size}, 1 replica", torch_sgld(size)) for size in (32, 500)]
    for name, value in rows:
        print(f"{name:45s} {value:9.2f} microseconds a replica-step")


if __name__ == "__main__":
    main()
