"""Do the CPU, a card, PyTorch and torchsde compute the same numbers?

Prediction. Normal number k of replica r is a function of the seed on every backend, so where a
scheme is the same, paths are: the largest distance from the CPU's path is rounding, below 1e-10 in
float64, and in float32 1e-4 at the end of short paths. torchsde's Euler is Euler-Maruyama. Averages
of long runs, each with a seed of its own, are those of the scheme's own stationary law, whichever
backend made them and in either precision.

Source: the numbering of normals, [SMDS11] section 4.3; E[x^2] of Euler-Maruyama at its time step is
the fixed point of its transfer operator.

Method. Euler-Maruyama and BAOAB on the double well, heavy ball with noisy gradients on Himmelblau's
function: every backend that can, replica by replica. With backend="cpu" a card's kernels run in
numba's simulator, in a process of its own, since that is chosen before numba.cuda is imported; with
backend="cuda" everything runs on the card. A simulator is too slow for averages.

Controls: a temperature 3 % too high, which every comparison of paths and of averages has to refute.

Cost on two cores: about 40 s (quick), 2 min (paper), with compilation.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray

import langevin_lab as ll
from langevin_lab.evidence import AtLeast, AtMost, Claim, Estimate
from langevin_lab.lab import Experiment

PATHS = ("EulerMaruyama", "BAOAB", "heavy ball")
N_REPLICAS, N_STEPS, SAVE_EVERY = 24, 60, 4  # of paths: a simulator's threads are Python's
DT = {"EulerMaruyama": 0.02, "BAOAB": 0.1}
BOUNDS = {"float64": 1e-10, "float32": 1e-4}
LOST = 1e6  # the distance of a path that is not finite; nan is a scheme that a backend has not
LAW_DT, BURN_IN = 0.05, 100
TEMPERATURE, WRONG = 0.5, 1.03
CONTROL = f"temperature x {WRONG}"
SOURCE = "Philox numbering, SMDS11"


@dataclass(frozen=True)
class Config:
    """Where it runs, and how much of the averages."""

    backend: str = "cpu"  # or "cuda": everything on the card
    n_replicas: int = 120_000
    n_steps: int = 400
    seed: int = 20_221


def backends(backend: str) -> dict[str, str]:
    """Backend -> what `simulate` calls it, on the CPU or on a card."""
    name, _, number = backend.partition(":")
    if name not in ("cpu", "cuda"):
        raise ValueError(f"backend={backend!r} must be 'cpu' or 'cuda': all are compared there")
    if name == "cpu":
        return {"cpu": "cpu", "cuda": "cuda", "torch": "torch", "torchsde": "torchsde"}
    card = f"cuda:{number}" if number else "cuda"
    return {"cpu": "cpu", "cuda": card, "torch": f"torch:{card}", "torchsde": f"torchsde:{card}"}


def path(name: str, seed: int, *, temperature: float = TEMPERATURE, **settings) -> xarray.Dataset:
    """Short paths of every replica under one method."""
    settings |= {"n_replicas": N_REPLICAS, "n_steps": N_STEPS, "seed": seed}
    settings["save_every"] = SAVE_EVERY
    if name == "heavy ball":
        method = ll.momentum.HeavyBall(learning_rate=0.005, momentum=0.9)
        landscape = ll.potentials.himmelblau()
        noise = 10.0 * temperature
        return ll.simulate(landscape, method, gradient_noise=noise, start=(0.5, 0.5), **settings)
    well = ll.potentials.double_well()
    if name == "BAOAB":
        equation = ll.Langevin(well, temperature=temperature, friction=1.0)
    else:
        equation = ll.Overdamped(well, temperature=temperature)
    return ll.simulate(equation, name, dt=DT[name], start=-1.0, **settings)


def simulated_paths(precision: str, seed: int) -> list[np.ndarray]:
    """Paths of a card's kernels in the simulator, where numba.cuda has not been imported yet."""
    import numba

    numba.config.ENABLE_CUDASIM = 1
    return [path(name, seed, backend="cuda", precision=precision)["x"].values for name in PATHS]


def _in_another_process(precision: str, seed: int) -> list[np.ndarray]:
    program = (
        "import runpy, sys, numpy; here = runpy.run_path(sys.argv[1]); "
        "numpy.savez(sys.argv[4], *here['simulated_paths'](sys.argv[2], int(sys.argv[3])))"
    )
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder, "paths.npz"))
        command = [sys.executable, "-c", program, __file__, precision, str(seed), file]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"kernels in the simulator failed: {done.stderr.strip()[-500:]}")
        with np.load(file) as arrays:
            return [arrays[f"arr_{index}"] for index in range(len(PATHS))]


def distance(paths: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Largest distance over replicas at each saved step."""
    apart = abs(paths - others).max(axis=(1, 2))
    return np.where(np.isfinite(apart), apart, LOST)


def _distances(config: Config) -> tuple[dict[str, list[np.ndarray]], dict[str, str]]:
    """Label -> largest distance from the CPU's paths over replicas, per method; devices."""
    seed, names = config.seed, backends(config.backend)
    truth = [path(name, seed)["x"].values for name in PATHS]
    found: dict[str, list[np.ndarray]] = {}
    devices: dict[str, str] = {}

    def note(label: str, paths: list[np.ndarray | None]) -> None:
        found[label] = [
            np.full(N_STEPS // SAVE_EVERY, np.nan) if p is None else distance(p, t)
            for p, t in zip(paths, truth)
        ]

    for precision in BOUNDS:
        if config.backend == "cpu":
            note(f"cuda {precision}", _in_another_process(precision, seed))
            devices["cuda"] = "simulator of numba.cuda"
        for backend in ("cuda", "torch", "torchsde"):
            if backend == "cuda" and config.backend == "cpu":
                continue
            able = PATHS[:1] if backend == "torchsde" else PATHS
            settings = {"backend": names[backend], "precision": precision}
            runs = [path(name, seed, **settings) for name in able]
            note(f"{backend} {precision}", [*(r["x"].values for r in runs), None, None][:3])
            devices[backend] = runs[0].attrs["device"]
    note(CONTROL, [path(n, seed, temperature=WRONG * TEMPERATURE)["x"].values for n in PATHS])
    return found, devices


def _averages(config: Config) -> dict[str, tuple[float, float]]:
    """Label -> <x^2> of a long run of Euler-Maruyama and its standard error, seeds of their own."""
    found = {}
    for index, (backend, name) in enumerate(backends(config.backend).items()):
        if backend == "cuda" and config.backend == "cpu":
            continue
        for precision in BOUNDS if backend != "cpu" else ("float64",):
            found[f"{backend} {precision}"] = _average(
                config, seed=config.seed + 1 + 2 * index + (precision == "float32"),
                backend=name, precision=precision,
            )  # fmt: skip
    found[CONTROL] = _average(config, seed=config.seed + 99, temperature=WRONG * TEMPERATURE)
    return found


def _average(config: Config, *, temperature: float = TEMPERATURE, **settings) -> tuple:
    equation = ll.Overdamped(ll.potentials.double_well(), temperature=temperature)
    run = ll.simulate(
        equation, "EulerMaruyama", dt=LAW_DT, n_steps=config.n_steps, burn_in=BURN_IN,
        n_replicas=config.n_replicas, observe={"x2": "x**2"}, **settings,
    )  # fmt: skip
    return float(run["x2"]), float(run["x2_stderr"])


def run(config: Config) -> xarray.Dataset:
    """Distances of paths, averages and the exact average."""
    distances, devices = _distances(config)
    averages = _averages(config)
    equation = ll.Overdamped(ll.potentials.double_well(), temperature=TEMPERATURE)
    exact, _ = ll.exact.stationary_average(
        "EulerMaruyama", equation, lambda x: x**2, dt=LAW_DT, degree=40
    )
    values = np.array(list(averages.values()))
    steps = SAVE_EVERY * np.arange(1, N_STEPS // SAVE_EVERY + 1)
    return xarray.Dataset(
        {
            "distance": (("run", "scheme", "step"), np.array(list(distances.values()))),
            "average": (("ensemble",), values[:, 0]),
            "average_stderr": (("ensemble",), values[:, 1]),
        },
        coords={
            "run": list(distances), "scheme": list(PATHS), "step": steps,
            "ensemble": list(averages),
        },
        attrs={
            "exact": float(exact), "n_replicas": config.n_replicas,
            **{f"device_{name}": device for name, device in devices.items()},
        },
    )  # fmt: skip


def claims(dataset: xarray.Dataset) -> list[Claim]:
    """Paths differ by rounding, averages by their error bars; a wrong temperature shows in both."""
    result = []
    simulated = "simulator" in dataset.attrs.get("device_cuda", "")
    for method in PATHS:
        largest = dataset["distance"].sel(scheme=method).max("step")
        for label in dataset["run"].values:
            value = float(largest.sel(run=label))
            if label == CONTROL or np.isnan(value):
                continue
            bound = BOUNDS[label.split()[1]]
            shown = label.replace("cuda", "cuda (simulated)") if simulated else label
            result.append(Claim(f"{method}, {shown} and cpu: largest distance of paths", SOURCE,
                                AtMost(bound), Estimate(value, 0.0), scale=bound))  # fmt: skip
        wrong = float(largest.sel(run=CONTROL))
        seen = 10 * BOUNDS["float32"]
        result.append(Claim(f"{method}, {CONTROL}: its distance is seen", "control",
                            AtLeast(seen), Estimate(wrong, 0.0), scale=seen))  # fmt: skip
    for label in dataset["ensemble"].values:
        point = dataset.sel(ensemble=label)
        measured = Estimate(
            float(point["average"]), float(point["average_stderr"]), dataset.attrs["n_replicas"]
        )
        claim = Claim(f"E[x^2] of EulerMaruyama, {label}", "transfer operator of the scheme",
                      dataset.attrs["exact"], measured, resolution=0.02)  # fmt: skip
        result.append(claim.refutation() if label == CONTROL else claim)
    return result


EXPERIMENT = Experiment(
    name="backends_agree",
    presets={
        "quick": Config(),
        "paper": Config(n_replicas=400_000),
        "card": Config(backend="cuda", n_replicas=1_000_000),
    },
    run=run,
    claims=claims,
    cost=lambda config: 25 + 3e-7 * config.n_replicas * config.n_steps,
)

if __name__ == "__main__":
    EXPERIMENT.main()
