"""Build and run the SIMD C program that the compiled Python path is measured against.

    from benchmarks.c_reference import run
    result = run(n_replicas=10_000, n_steps=10_000, dt=0.05, friction=1.0, temperature=0.2, seed=1)
    result.seconds, result.mean_x2, result.final_x

Run as a script, it prints nanoseconds per replica-step for one and two threads.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import statistics
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SOURCE = Path(__file__).parent / "c" / "baoab_double_well.c"
BUILD = Path(__file__).parent / "build"
# Contraction is off so that the program rounds where its source says; -march=native picks SIMD.
FLAGS = ("-O3", "-march=native", "-ffp-contract=off", "-pthread")


@dataclass(frozen=True)
class Result:
    """Seconds inside the loop, the mean of x^2 over replicas and steps, the final positions."""

    seconds: float
    mean_x2: float
    final_x: np.ndarray


def build(source: Path = SOURCE, folder: Path = BUILD, flags: tuple[str, ...] = FLAGS) -> Path:
    """Compile the program with the C compiler `cc` unless this source is already built."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise FileNotFoundError("no C compiler 'cc' on the path; install gcc or clang")
    key = hashlib.sha256(source.read_bytes() + " ".join(flags).encode()).hexdigest()[:12]
    program = folder / f"{source.stem}-{key}"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = program.with_suffix(f".{os.getpid()}")
        command = [compiler, *flags, "-o", str(unfinished), str(source), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.strip()}")
        unfinished.replace(program)  # at once: two processes may build at the same time
    return program


def run(
    *,
    n_replicas: int,
    n_steps: int,
    dt: float,
    friction: float,
    temperature: float,
    seed: int,
    threads: int = 1,
) -> Result:
    """Run underdamped BAOAB in the double well (x^2 - 1)^2 from x = 1, p = 0, mass 1."""
    program = build()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "final_x.bin"
        numbers = (n_replicas, n_steps, repr(dt), repr(friction), repr(temperature), seed, threads)
        command = [str(program), *map(str, numbers), str(file)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{program.name} failed: {done.stderr.strip()}")
        seconds, mean_x2, _ = done.stdout.split()
        return Result(float(seconds), float(mean_x2), np.fromfile(file))


def main() -> None:
    """Print the median over interleaved runs with one and two threads."""
    size = {"n_replicas": 10_000, "n_steps": 4_000}
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(7):
        for threads, times in seconds.items():
            result = run(**size, dt=0.05, friction=1.0, temperature=0.2, seed=1, threads=threads)
            times.append(result.seconds)
    for threads, times in seconds.items():
        each = statistics.median(times) / (size["n_replicas"] * size["n_steps"])
        print(f"{threads} thread(s): {1e9 * each:.2f} ns per replica-step")


if __name__ == "__main__":
    main()
