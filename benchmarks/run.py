"""Measure speed, start-up and memory against peers run in the same process tree.

    make bench                                    # or: .venv/bin/python benchmarks/run.py
    python benchmarks/run.py --repeats 9 --steps 10000

Programs are interleaved and medians compared, since machines are noisy: what counts is the ratio.
The work is underdamped BAOAB on (x^2 - 1)^2, 10,000 replicas in float64, running mean of x^2.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import c_reference
import methods
import numpy as np
import peers

import langevin_lab as ll

RESULTS = Path(__file__).parent / "results"
SETTINGS = {"dt": 0.05, "friction": 1.0, "temperature": 0.2, "seed": 1}


def ours(n_replicas: int, n_steps: int, n_threads: int):
    """Seconds of one call of simulate, everything included, and its final positions."""
    equation = ll.Langevin(
        ll.potentials.double_well(barrier=1.0),
        temperature=SETTINGS["temperature"],
        friction=SETTINGS["friction"],
    )
    started = time.perf_counter()
    result = ll.simulate(
        equation, "BAOAB", dt=SETTINGS["dt"], n_steps=n_steps, n_replicas=n_replicas,
        seed=SETTINGS["seed"], start=1.0, start_momentum=[0.0], observe={"x2": "x**2"},
        n_threads=n_threads,
    )  # fmt: skip
    return time.perf_counter() - started, result["x_final"].values[:, 0]


def throughput(n_replicas: int, n_steps: int, repeats: int) -> dict:
    """Medians of interleaved runs, nanoseconds per replica-step."""
    size = {"n_replicas": n_replicas, "n_steps": n_steps}

    def c_seconds(threads: int) -> float:
        return c_reference.run(**size, **SETTINGS, threads=threads).seconds

    short = max(20, n_steps // 50)
    programs: dict[str, tuple[Callable[[], float], int]] = {
        "langevin_lab, 1 thread": (lambda: ours(n_replicas, n_steps, 1)[0], n_steps),
        "C with SIMD, 1 thread": (lambda: c_seconds(1), n_steps),
        "langevin_lab, 2 threads": (lambda: ours(n_replicas, n_steps, 2)[0], n_steps),
        "C with SIMD, 2 threads": (lambda: c_seconds(2), n_steps),
        "numpy, 1 thread": (lambda: peers.numpy_baoab(n_replicas, short, **SETTINGS), short),
        "naive numba, 1 thread": (
            lambda: peers.naive_numba_baoab(n_replicas, short, **SETTINGS),
            short,
        ),
    }
    for program, _ in programs.values():
        program()
    times: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(repeats):
        for name, (program, steps) in programs.items():
            times[name].append(1e9 * program() / steps / n_replicas)
    # The same normals, so the same paths until rounding differences have grown.
    c_positions = c_reference.run(n_replicas=n_replicas, n_steps=100, **SETTINGS).final_x
    return {
        "ns_per_replica_step": {name: statistics.median(t) for name, t in times.items()},
        "fastest": {name: min(t) for name, t in times.items()},
        "largest_difference_from_c_after_100_steps": float(
            np.abs(ours(n_replicas, 100, 2)[1] - c_positions).max()
        ),
    }


_START_UP = """
import time
import langevin_lab as ll
potential = ll.Potential.from_expression("(x**2 - 1)**2 + 0.1*x", variables=("x",))
equation = ll.Langevin(potential, temperature=0.2, friction=1.0)
started = time.perf_counter()
ll.simulate(equation, "BAOAB", dt=0.05, n_steps=100, n_replicas=100, seed=1, start=-1.0,
            observe={"x2": "x**2"})
print(time.perf_counter() - started)
"""


def start_up() -> dict:
    """Seconds of the first call in a fresh process, without and with compiled code on disk."""
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ, LANGEVIN_LAB_CACHE=folder)
        seconds = [float(_python(_START_UP, environment)) for _ in range(4)]
    imports = {
        module: statistics.median(_import_seconds(module) for _ in range(5))
        for module in ("numpy", "langevin_lab")
    }
    return {
        "first_call_cold": seconds[0],
        "first_call_warm": statistics.median(seconds[1:]),
        "import_numpy": imports["numpy"],
        "import_langevin_lab": imports["langevin_lab"],
    }


def _python(code: str, environment: dict[str, str] | None = None) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout


def _import_seconds(module: str) -> float:
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    return float(_python(code))


_MEMORY = """
import resource, sys
import langevin_lab as ll
equation = ll.Langevin(ll.potentials.double_well(), temperature=0.2, friction=1.0)
ll.simulate(equation, "BAOAB", dt=0.05, n_steps=int(sys.argv[1]), n_replicas=10_000, seed=1,
            observe={"x2": "x**2"})
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def memory() -> dict[str, float]:
    """Peak resident memory in MiB of runs of different length."""
    return {
        str(steps): float(
            subprocess.run(
                [sys.executable, "-c", _MEMORY, str(steps)],
                capture_output=True, text=True, check=True,
            ).stdout
        )
        for steps in (100, 1_000, 10_000)
    }  # fmt: skip


def method_costs(repeats: int) -> list[dict]:
    """Every method on a costly plane (lanes of replicas) and on a chain (rows of coordinates)."""
    cases = ((ll.potentials.mueller_brown(), 400), (ll.potentials.phi4_chain(n_sites=32), 40))
    return [
        dataclasses.asdict(row) | {"ratio": row.ratio}
        for potential, n_steps in cases
        for row in methods.timings(potential, n_steps, repeats)
    ]


def report_methods(rows: list[dict]) -> None:
    """Print measured and predicted cost of every method."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="ns per replica-step on one thread, against gradients and normals")
    for heading in ("potential", "method", "equation"):
        table.add_column(heading)
    for heading in ("gradients", "normals", "measured", "predicted", "ratio"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            row["potential"], row["method"], row["equation"], str(row["gradients"]),
            str(row["normals"]), f"{row['measured']:.2f}", f"{row['predicted']:.2f}",
            f"{row['ratio']:.2f}",
        )  # fmt: skip
    Console().print(table)


def report(results: dict) -> None:
    """Print everything as one table."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(title=f"BAOAB, double well, {results['n_replicas']:,} replicas, mean of x²")
    table.add_column("program")
    table.add_column("ns per replica-step", justify="right")
    table.add_column("relative to C, same threads", justify="right")
    times = results["throughput"]["ns_per_replica_step"]
    for name, value in times.items():
        reference = times["C with SIMD, " + name.split(", ")[1]]
        table.add_row(name, f"{value:.2f}", f"{value / reference:.2f}")
    console.print(table)
    for label, column in (("median", times), ("fastest", results["throughput"]["fastest"])):
        shares = [
            column[f"{program}, 1 thread"] / column[f"{program}, 2 threads"] / 2
            for program in ("langevin_lab", "C with SIMD")
        ]
        console.print(f"efficiency on 2 threads, {label} run: {shares[0]:.0%} (C: {shares[1]:.0%})")
    difference = results["throughput"]["largest_difference_from_c_after_100_steps"]
    console.print(f"largest difference from the C program after 100 steps: {difference:.1g}")
    for name, value in results["start_up"].items():
        console.print(f"{name}: {value:.2f} s")
    console.print(f"peak memory, MiB, by steps: {results['memory']}")


def main() -> None:
    """Run everything, print the table, keep the numbers in benchmarks/results/."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--replicas", type=int, default=10_000)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--only-methods", action="store_true", help="the cost of every method")
    options = parser.parse_args()
    if options.only_methods:
        report_methods(method_costs(options.repeats))
        return
    results = {
        "n_replicas": options.replicas,
        "throughput": throughput(options.replicas, options.steps, options.repeats),
        "start_up": start_up(),
        "memory": memory(),
        "methods": method_costs(options.repeats),
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "numpy": np.__version__,
        },
    }
    report(results)
    report_methods(results["methods"])
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "cpu.json").write_text(json.dumps(results, indent=2) + "\n")


def _processor() -> str:
    for line in (
        Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ()
    ):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


if __name__ == "__main__":
    main()
