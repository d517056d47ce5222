"""Programs that do a work: the package by its backends, torchsde, JAX and diffrax by themselves.

Each is a function (task) -> run, with ``run(n_steps) -> (seconds, units, mean of x^2)``: seconds by
the clock until the device is done, units of work in it. The peers are written as their users would
write them: torchsde.sdeint with its own Brownian motion, a jitted `lax.scan`, diffrax with its
cheapest Brownian path; Euler-Maruyama, but JAX takes the double well by BAOAB as the package does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from langevin_lab.lab.benchmarks.works import WORKS, Work

__all__ = ["PROGRAMS", "Run", "Task", "tasks"]

Run = Callable[[int], tuple[float, float, float]]
PIECE = 25  # steps of a call of torchsde, which keeps all states and tries the equation out first

# Mueller and Brown (1979): amplitudes, quadratic forms, centres.
_AMPLITUDES = (-200.0, -100.0, -170.0, 15.0)
_FORMS = ((-1.0, 0.0, -10.0), (-1.0, 0.0, -10.0), (-6.5, 11.0, -6.5), (0.7, 0.6, 0.7))
_CENTRES = ((1.0, 0.0), (0.0, 0.5), (-0.5, 1.5), (-1.0, 1.0))


@dataclass(frozen=True)
class Task:
    """A work for a program.

    Parameters
    ----------
    program : str
        "langevin_lab", "torchsde", "jax" or "diffrax".
    work : str
    device : str
        "cpu" or "cuda".
    backend : str
        Of langevin_lab: what `simulate` takes.
    precision : str
        "float64" or "float32".
    n_replicas : int
    """

    program: str
    work: str
    device: str
    precision: str
    n_replicas: int
    backend: str = ""

    @property
    def name(self) -> str:
        """As printed: "langevin_lab cuda, float32"."""
        program = f"{self.program} {self.backend}".strip()
        return f"{program}, {self.precision}"

    def record(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self)


def tasks(device: str, work: str, n_replicas: int) -> list[Task]:
    """Everything that is timed on a device; the first is what the others are held against."""
    both = ("float64", "float32")
    backends = {
        "cpu": ("cpu", "torch", "torchsde"),
        "cuda": ("cuda", "torch:cuda", "torchsde:cuda"),
    }
    chosen = [
        Task("langevin_lab", work, device, precision, n_replicas, backend)
        for backend in backends[device]
        for precision in (both[:1] if backend == "cpu" else both)
        if work != "first passage" or backend in ("cpu", "cuda")
    ]
    if work != "first passage":
        chosen += [
            Task(program, work, device, precision, n_replicas)
            for program in ("torchsde", "jax", "diffrax")
            for precision in both
        ]
    return chosen


def package(task: Task) -> Run:
    """The package; a first passage runs a share of its replicas, all of them until they arrive."""
    import langevin_lab as ll

    work = WORKS[task.work]
    options = {"backend": task.backend, "precision": task.precision}
    if task.backend.startswith("torchsde"):
        options["solver"] = "euler"

    def steps(n_steps: int) -> tuple[float, float, float]:
        started = time.perf_counter()
        result = ll.simulate(
            work.equation, work.method, n_steps=n_steps, n_replicas=task.n_replicas,
            **work.arguments(), **options,
        )  # fmt: skip
        seconds = time.perf_counter() - started
        return seconds, n_steps * task.n_replicas, float(result["x2"].values)

    def passages(n_steps: int) -> tuple[float, float, float]:
        n_replicas = max(1, task.n_replicas * n_steps // 1000)
        where = {} if task.backend == "cpu" else options
        started = time.perf_counter()
        found = ll.escape.first_passage(
            work.equation, work.method, dt=work.dt, start=list(work.start), target="x > 1",
            n_replicas=n_replicas, seed=1, progress=False, **where,
        )  # fmt: skip
        seconds = time.perf_counter() - started
        return seconds, float(found.times.sum()) / work.dt, found.mean.value

    return passages if task.work == "first passage" else steps


def torch_sde(task: Task) -> Run:
    """torchsde alone: Euler-Maruyama, in memory of a few steps at a time."""
    import torch
    import torchsde

    work, kind = WORKS[task.work], getattr(torch, task.precision)
    device, start = torch.device(task.device), torch.tensor(_start(work), dtype=kind)
    first = start.repeat(task.n_replicas, 1).to(device)
    drift, size = _drift(work, torch), _noise(work)
    spread = torch.tensor(size, dtype=kind, device=device).expand_as(first)

    class Equation(torch.nn.Module):
        noise_type, sde_type = "diagonal", "ito"

        def f(self, t, y):
            return torch.stack(drift(*y.unbind(1)), dim=1)

        def g(self, t, y):
            return spread

    # The times that torchsde comes to by adding dt: beside them it would take steps more.
    grid = [torch.zeros((), dtype=kind)]
    for _ in range(PIECE):
        grid.append(grid[-1] + work.dt)
    times = torch.stack(grid).to(device)

    def run(n_steps: int) -> tuple[float, float, float]:
        y, total = first, torch.zeros_like(first[:, 0])
        started = _synchronised(task, torch)
        with torch.no_grad():
            for begin in range(0, n_steps, PIECE):
                some = times[: min(PIECE, n_steps - begin) + 1]
                path = torchsde.sdeint(Equation(), y, some, method="euler", dt=work.dt)
                total = total + (path[1:, :, 0] ** 2).sum(dim=0)
                y = path[-1]
            mean = float((total / n_steps).mean())
        return _synchronised(task, torch) - started, n_steps * task.n_replicas, mean

    return run


def jax_scan(task: Task) -> Run:
    """A jitted `lax.scan` over steps: BAOAB on the double well, else Euler-Maruyama."""
    import jax

    np_like, work = _jax(task), WORKS[task.work]
    kind = np_like.dtype(task.precision)
    drift, size = _drift(work, np_like), np.array(_noise(work))
    decay = float(np.exp(-work.friction * work.dt))
    heat = float(np.sqrt(work.temperature * (1.0 - decay**2)))

    def euler(y, normals):
        slopes = drift(*y)
        return [
            a + work.dt * b + float(np.sqrt(work.dt)) * c * z
            for a, b, c, z in zip(y, slopes, size.tolist(), normals)
        ]

    def baoab(y, normals):
        x, p = y
        p = p - work.dt / 2 * 4 * x * (x * x - 1)
        x = x + work.dt / 2 * p
        p = decay * p + heat * normals[0]
        x = x + work.dt / 2 * p
        return [x, p - work.dt / 2 * 4 * x * (x * x - 1)]

    step = baoab if work.method == "BAOAB" else euler

    def advance(carry, _):
        key, y, total = carry
        key, own = jax.random.split(key)
        normals = jax.random.normal(own, (work.normals_per_step, task.n_replicas), kind)
        y = step(y, normals)
        return (key, y, total + y[0] ** 2), None

    @jax.jit
    def ensemble(key, n):
        y = [np_like.full(task.n_replicas, value, kind) for value in _start(work)]
        total = np_like.zeros(task.n_replicas, kind)
        (_, _, total), _ = jax.lax.scan(advance, (key, y, total), None, length=n.shape[0])
        return (total / n.shape[0]).mean()

    return _compiled_once(task, lambda n: ensemble(jax.random.PRNGKey(1), np.zeros(n, np.int8)))


def diffrax_euler(task: Task) -> Run:
    """diffrax: Euler with the Brownian path that is not a tree, vmapped; x^2 of the last step."""
    import diffrax
    import jax

    np_like, work = _jax(task), WORKS[task.work]
    kind = np_like.dtype(task.precision)
    drift, size = _drift(work, np_like), np_like.asarray(_noise(work), kind)
    dim = len(_start(work))

    def one(key, n):
        shape = jax.ShapeDtypeStruct((dim,), kind)
        path = diffrax.UnsafeBrownianPath(shape=shape, key=key)
        terms: Any = diffrax.MultiTerm(
            diffrax.ODETerm(lambda t, y, _: np_like.stack(drift(*y)).astype(kind)),
            diffrax.ControlTerm(lambda t, y, _: np_like.diag(size), path),
        )
        solution = diffrax.diffeqsolve(
            terms, diffrax.Euler(), t0=0.0, t1=n * work.dt, dt0=work.dt, max_steps=n + 2,
            y0=np_like.asarray(_start(work), kind), adjoint=diffrax.DirectAdjoint(),
        )  # fmt: skip
        return solution.ys[-1, 0] ** 2

    @jax.jit
    def ensemble(keys, n):
        return jax.vmap(lambda key: one(key, n.shape[0]))(keys).mean()

    keys = jax.random.split(jax.random.PRNGKey(1), task.n_replicas)
    return _compiled_once(task, lambda n: ensemble(keys, np.zeros(n, np.int8)))


def _jax(task: Task) -> Any:
    """jax.numpy with the precision and the device of the task.

    Raises
    ------
    RuntimeError
        If JAX has no such device.
    """
    import jax

    jax.config.update("jax_enable_x64", task.precision == "float64")
    found = {"gpu": "cuda"}.get(jax.default_backend(), jax.default_backend())
    if found != task.device:
        raise RuntimeError(f"JAX runs on {found} here, not on {task.device}; install jax[cuda13]")
    import jax.numpy

    return jax.numpy


def _compiled_once(task: Task, ensemble: Callable[[int], Any]) -> Run:
    """Time an ensemble whose length is compiled in, compiling before the clock starts."""
    known: set[int] = set()

    def run(n_steps: int) -> tuple[float, float, float]:
        if n_steps not in known:
            ensemble(n_steps).block_until_ready()
            known.add(n_steps)
        started = time.perf_counter()
        mean = float(ensemble(n_steps))
        return time.perf_counter() - started, n_steps * task.n_replicas, mean

    return run


def _synchronised(task: Task, torch: Any) -> float:
    """The time once the device has nothing left to do."""
    if task.device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def _start(work: Work) -> tuple[float, ...]:
    """State of one replica: positions, and momenta at rest."""
    return (*work.start, 0.0) if work.method == "BAOAB" else work.start


def _noise(work: Work) -> tuple[float, ...]:
    """What multiplies dW, by component of the state."""
    size = float(np.sqrt(2.0 * work.temperature * work.friction))
    return (0.0, size) if work.method == "BAOAB" else (size / work.friction,) * len(work.start)


def _drift(work: Work, np_like: Any) -> Callable[..., list[Any]]:
    """What multiplies dt, from arrays by component to the same."""

    def langevin(x, p):
        return [p, -4 * x * (x * x - 1) - work.friction * p]

    def mueller_brown(x, y):
        slopes = [0.0 * x, 0.0 * y]
        for amplitude, (a, b, c), (u, v) in zip(_AMPLITUDES, _FORMS, _CENTRES):
            term = amplitude * np_like.exp(
                a * (x - u) ** 2 + b * (x - u) * (y - v) + c * (y - v) ** 2
            )
            slopes[0] = slopes[0] - term * (2 * a * (x - u) + b * (y - v)) / work.friction
            slopes[1] = slopes[1] - term * (b * (x - u) + 2 * c * (y - v)) / work.friction
        return slopes

    return langevin if work.method == "BAOAB" else mueller_brown


PROGRAMS: dict[str, Callable[[Task], Run]] = {
    "langevin_lab": package,
    "torchsde": torch_sde,
    "jax": jax_scan,
    "diffrax": diffrax_euler,
}
