"""First passage times of an ensemble, stopped inside the compiled loop."""

from __future__ import annotations

import math
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.ensemble.checks import (
    check_bound,
    check_count,
    check_first_replica,
    check_gradient_noise,
    check_memory,
    check_seed,
    check_stability,
    default_threads,
)
from langevin_lab.ensemble.iteration import matched
from langevin_lab.ensemble.kernel import BridgeKernel, Kernel, PassageKernel
from langevin_lab.ensemble.moments import observable_names
from langevin_lab.ensemble.passages import Passage
from langevin_lab.ensemble.start import check_start_arguments, initial_state
from langevin_lab.escape.arrivals import FirstPassage
from langevin_lab.escape.backend_choice import chosen_backend
from langevin_lab.escape.crossing import (
    bridge_distances,
    checked_crossing,
    shift_lengths,
    shifted_target,
)
from langevin_lab.integrators import Method
from langevin_lab.momentum import Optimiser
from langevin_lab.potentials.expression import Region, parse_region

FIRST_CHUNK = 64  # steps until the first packing of survivors
MAX_CHUNK = 1 << 14
GIVE_UP_STEPS = 10**10  # steps of a coordinate without an arrival, when there is no max_time
UNBOUNDED_STEPS = 1 << 20  # whose friction must be stable when there is no max_time
LINE_SECONDS = 10.0  # until the first line on how far the run is, and between two


class NoArrivalError(RuntimeError):
    """No replica has arrived for so long that the target may be out of reach.

    Attributes
    ----------
    n_waiting : int
        Replicas on their way.
    time : float
        Time that they have been followed for.
    """

    def __init__(self, message: str, *, n_waiting: int, time: float):
        super().__init__(message)
        self.n_waiting, self.time = n_waiting, time


def first_passage(
    dynamics: Any,
    integrator: str | Method | Optimiser,
    *,
    target: str,
    n_replicas: int,
    seed: int,
    dt: float | None = None,
    gradient_noise: Any = None,
    start: Any = None,
    start_momentum: Any = "thermal",
    start_thermostat: Any = "thermal",
    max_time: float | None = None,
    crossing: str | None = None,
    first_replica: int = 0,
    n_threads: int | None = None,
    divergence_bound: float = 1e10,
    progress: bool | None = None,
    backend: str = "cpu",
    precision: str = "float64",
) -> FirstPassage:
    """Run every replica until it enters the target region.

    Parameters
    ----------
    dynamics : Dynamics
        The Potential itself for an optimiser.
    integrator : str, Method or Optimiser
    dt : float
        Time step > 0 [time]; an optimiser has none, and its times are numbers of steps.
    gradient_noise : float or array_like, optional
        For a Potential, as in `simulate`.
    target : str
        Region, such as "x > 0.9" or "x > 0 and y < 1", over the potential's variables, parameters,
        momenta, thermostats (``xi``, or ``xi_1``...) and, of a Metropolis method, ``accepted``,
        which is 0 at the start.
    n_replicas, seed : int
    start, start_momentum, start_thermostat, first_replica, n_threads, divergence_bound
        As in `simulate`.
    progress : bool, optional
        Show after 10 s, on stderr, how many replicas have arrived; by default in a terminal.
    max_time : float, optional
        Follow no replica longer than this; by default all are followed until they arrive, but the
        run gives up when none has arrived for 1e10 steps of a coordinate, counted over replicas:
        minutes of computing, and ten times what a mean passage of 1e9 steps takes to show one.
    crossing : {"shift", "bridge", "none"}, optional
        "shift" moves a flat boundary towards the path by 0.5826 sqrt(2 T dt/friction), which
        removes the O(sqrt(dt)) delay of looking once a step; the default for overdamped dynamics
        with constant temperature and friction. "bridge" decides for each step whether the path
        has touched the boundary in between, by the probability exp(-d0 d1 friction/(T dt)) of a
        Brownian bridge between the distances d0 and d1, and takes the middle of that step: exact
        where the force is constant, for one flat boundary or two that face each other. Both need
        noise that is independent from step to step, which that of LeimkuhlerMatthews is not.
        "none" is the default for Langevin dynamics, whose paths are smooth: a crossing is noticed
        at most dt late, but one that enters the target and leaves it again within a step is
        missed, and the replica goes on until it comes back.

    backend, precision : str, optional
        As in `simulate`: "cpu", or "cuda" for kernels on a card, which arrive in the same steps.

    Returns
    -------
    FirstPassage

    Raises
    ------
    ValueError
        If an argument is out of range, the start lies in the target, or the crossing cannot apply.
    NoArrivalError
        If max_time is None and the run gives up.
    MemoryError
        If the arrays would not fit, before they are allocated.

    Source
    ------
    Broadie, Glasserman and Kou (1997), theorem 1, for the shift [BGK97]; Gobet (2000) for the
    bridge [G00].

    Examples
    --------
    >>> import langevin_lab as ll
    >>> eq = ll.Overdamped(ll.potentials.double_well(), temperature=0.5)
    >>> fp = ll.escape.first_passage(eq, "EulerMaruyama", dt=0.01, start=-1.0, target="x > 1",
    ...                              n_replicas=2000, seed=1)
    >>> bool(abs(fp.mean.value - 10.2586) < 5 * fp.mean.stderr)
    True
    """
    chosen = chosen_backend(backend, precision)
    dynamics, scheme, dt = matched(dynamics, integrator, dt, gradient_noise)
    seed = check_seed(seed)
    n_replicas = check_count("n_replicas", n_replicas, 1)
    first_replica = check_first_replica(first_replica, n_replicas)
    n_threads = default_threads() if n_threads is None else check_count("n_threads", n_threads, 1)
    max_steps = _max_steps(max_time, dynamics, dt)
    check_gradient_noise(scheme, dynamics)
    check_stability(scheme, dynamics, dt, UNBOUNDED_STEPS if max_steps is None else max_steps)
    crossing = checked_crossing(crossing, dynamics, scheme)
    region = parse_region(target, tuple(_names(dynamics, scheme)))
    kernel = _kernel(crossing, target, dynamics, scheme, dt)
    part = chosen.part("Passage")
    part.check(chosen, kernel)
    # The state of all, of those on their way, and padded; times and flags.
    check_memory(8 * n_replicas * (3 * kernel.layout.n_carried + 12), "lower n_replicas")
    starts = {
        "start": start, "start_momentum": start_momentum, "start_thermostat": start_thermostat
    }  # fmt: skip
    check_start_arguments(scheme, dynamics, starts)
    vectors = initial_state(
        dynamics, kernel.layout, starts, seed=seed, first_replica=first_replica,
        n_replicas=n_replicas,
    )  # fmt: skip
    _check_start(region, kernel, vectors)
    replicas = part(
        kernel=kernel,
        state=np.concatenate([vectors[name] for name in kernel.layout.kept]),
        first_replica=first_replica,
        seed=seed,
        bound=check_bound(divergence_bound),
        n_threads=n_threads,
        backend=chosen,
    )
    flight = _Flight(
        replicas=replicas,
        max_steps=max_steps,
        target=target,
        show=sys.stderr.isatty() if progress is None else progress,
    )
    passage = flight.run(crossing)
    if passage.n_diverged:
        warnings.warn(
            f"{passage.n_diverged} of {n_replicas} replicas diverged and are in no estimate, see "
            f"diverged; use a smaller {dynamics.step_name}",
            RuntimeWarning,
            stacklevel=2,
        )
    return passage


def _names(dynamics: Any, scheme: Method) -> dict[str, tuple[str, Any]]:
    """What a target may name; a scalar of the state by its own name."""
    names: dict[str, tuple[str, Any]] = dict(
        observable_names(
            dynamics.potential, momenta=dynamics.momenta, scalars=scheme.program.state_scalars
        )
    )
    return names | {name: ("thermostat", name) for name in scheme.program.state_scalars}


def _max_steps(max_time: Any, dynamics: Any, dt: float) -> int | None:
    if max_time is None:
        if dynamics.is_noiseless and dynamics.potential.gradient_noise is None:
            heated = dynamics.equation != "descent" and np.all(dynamics.temperature == 0)
            why = "temperature=0" if heated else "no noise"
            raise ValueError(
                f"{why} and max_time=None: without noise a replica may never arrive; give max_time"
            )
        return None
    if isinstance(max_time, bool) or not isinstance(max_time, (int, float, np.number)):
        raise TypeError(f"max_time={max_time!r} must be a number >= dt={dt:g}, or None")
    if not dt <= max_time < np.inf:
        raise ValueError(f"max_time={max_time} must be finite and >= dt={dt:g}")
    ratio = max_time / dt
    # "No longer": down, but for the rounding of dt and of the quotient.
    return math.floor(ratio + 1e-9 + 1e-15 * ratio)


def _kernel(
    crossing: str, target: str, dynamics: Any, scheme: Method, dt: float
) -> PassageKernel | BridgeKernel:
    if crossing == "bridge":
        distances, scales = bridge_distances(target, dynamics.potential, dynamics, dt)
        return BridgeKernel(dynamics, scheme, dt, distances=distances, scales=scales)
    if crossing == "none":
        return PassageKernel(dynamics, scheme, dt, target=target)
    text, boundary = shifted_target(target, dynamics.potential)
    shifts = shift_lengths(boundary, dynamics, dt)
    return PassageKernel(dynamics, scheme, dt, target=text, shifts=shifts)


def _check_start(region: Region, kernel: Kernel, vectors: dict[str, np.ndarray]) -> None:
    """Raise ValueError if a replica starts in the target or within its shifted boundary."""
    if np.any(region.evaluate(_values(region, kernel, vectors))):
        raise ValueError(f"start lies in target={region.text!r}; start outside it")
    if isinstance(kernel, PassageKernel) and kernel.shifts.size:
        shifts = {f"shift_{index}": shift for index, shift in enumerate(kernel.shifts)}
        shifted = parse_region(kernel.target, (*region.names_used, *shifts))
        if np.any(shifted.evaluate(_values(region, kernel, vectors) | shifts)):
            raise ValueError(
                f"start lies within a step's overshoot {kernel.shifts.max():.3g} of target="
                f"{region.text!r}; use a smaller dt or crossing='none'"
            )


def _values(region: Region, kernel: Kernel, vectors: dict[str, np.ndarray]) -> dict[str, Any]:
    """Values over replicas of the names that the target uses."""
    dynamics, x = kernel.dynamics, vectors["x"].T
    potential = dynamics.potential
    mass = np.broadcast_to(getattr(dynamics, "mass", 1.0), (dynamics.dim,))
    compute = {
        "x": lambda index: x[:, index],
        "p": lambda index: vectors["p"][index],
        "grad": lambda index: potential.gradient(x)[:, index],
        "mass": lambda index: mass[index],
        "parameter": lambda index: potential.parameter_values[index],
        "energy": lambda index: potential.energy(x),
        "laplacian": lambda index: np.trace(potential.hessian(x), axis1=-2, axis2=-1),
        "dt": lambda index: kernel.dt,
    }
    names = _names(dynamics, kernel.method)
    compute |= {"thermostat": lambda name: vectors[name][0]}
    return {name: compute[names[name][0]](names[name][1]) for name in region.names_used}


@dataclass
class _Flight:
    """Replicas on their way; survivors are packed together as others arrive."""

    replicas: Passage
    max_steps: int | None
    target: str
    show: bool

    def run(self, crossing: str) -> FirstPassage:
        """Follow all replicas to their arrival, divergence or the last step."""
        replicas, kernel = self.replicas, self.replicas.kernel
        n_replicas, dt = replicas.n_waiting, kernel.dt
        step, chunk, fruitless = 0, FIRST_CHUNK, 0
        line_at = time.monotonic() + LINE_SECONDS
        with ThreadPoolExecutor(replicas.n_threads) as pool:
            while replicas.n_waiting and (self.max_steps is None or step < self.max_steps):
                n_steps = chunk if self.max_steps is None else min(chunk, self.max_steps - step)
                before = replicas.n_waiting
                replicas.advance(step, n_steps, pool)
                step += n_steps
                work = before * n_steps * kernel.dynamics.dim
                fruitless = fruitless + work if replicas.n_waiting == before else 0
                if self.max_steps is None and fruitless >= GIVE_UP_STEPS:
                    self._give_up(step)
                if self.show and time.monotonic() >= line_at:
                    line_at = time.monotonic() + LINE_SECONDS
                    self._report(replicas.n_waiting, n_replicas, step)
                # Long enough that packing costs nothing, short enough that few lanes idle.
                if replicas.n_waiting > 0.9 * before:
                    chunk = min(MAX_CHUNK, 2 * chunk)
        passage, diverged = replicas.outcome()
        arrived = passage >= 0
        last = np.where(diverged > 0, diverged, np.where(arrived, passage, step)).astype(float)
        if crossing == "bridge":
            last[arrived] -= 0.5  # the boundary is touched at any time in the step
        shifts = getattr(kernel, "shifts", np.zeros(0))
        hardware = replicas.backend.part("hardware_of")(replicas.backend)
        return FirstPassage(last * dt, arrived, diverged > 0, dt, crossing, shifts, hardware)

    def _give_up(self, step: int) -> None:
        waiting, elapsed = self.replicas.n_waiting, step * self.replicas.kernel.dt
        raise NoArrivalError(
            f"target={self.target!r}: none of {waiting} replicas on their way has arrived in "
            f"{GIVE_UP_STEPS:.0e} steps of a coordinate, at time {elapsed:g}; give max_time, raise "
            "the temperature or check that the target can be reached",
            n_waiting=waiting,
            time=elapsed,
        )

    def _report(self, n_waiting: int, n_replicas: int, step: int) -> None:
        kernel = self.replicas.kernel
        name = f"{kernel.method.name} on {kernel.dynamics.potential.name}"
        print(
            f"{name}: {n_replicas - n_waiting} of {n_replicas} replicas have arrived or diverged "
            f"at time {step * kernel.dt:g}",
            file=sys.stderr,
        )
