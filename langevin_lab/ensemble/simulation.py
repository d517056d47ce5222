"""`simulate`: many replicas of one dynamics under one method, to a labelled dataset."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from langevin_lab.ensemble.checks import check_count
from langevin_lab.ensemble.preparation import prepare, saved_path
from langevin_lab.ensemble.progress import advance_with_progress
from langevin_lab.ensemble.result import DivergenceError, dataset
from langevin_lab.ensemble.run import Run
from langevin_lab.integrators import Method
from langevin_lab.momentum import Optimiser


def simulate(
    dynamics: Any,
    integrator: str | Method | Optimiser,
    *,
    n_steps: int,
    seed: int,
    dt: float | None = None,
    gradient_noise: Any = None,
    n_replicas: int = 1,
    observe: dict[str, Any] | None = None,
    burn_in: int = 0,
    record_every: int = 1,
    save_every: int | None = None,
    start: Any = None,
    start_momentum: Any = "thermal",
    start_thermostat: Any = "thermal",
    first_replica: int = 0,
    continue_from: Any = None,
    chunk_size: int | None = None,
    n_threads: int | None = None,
    divergence_bound: float = 1e10,
    progress: bool | None = None,
    backend: str = "cpu",
    precision: str = "float64",
    solver: str | None = None,
) -> Any:
    """Run an ensemble of replicas and record running statistics.

    Noise is a function of (seed, replica, step): the result is the same, bit for bit, for any
    ``n_threads`` and ``chunk_size``, for a sub-range of replicas run alone, and for a run continued
    from its own end.

    Parameters
    ----------
    dynamics : Dynamics
        `GradientFlow`, `Overdamped`, `Langevin`, `AdaptiveLangevin`, `NoseHooverChain`,
        `ItoDiffusion` or `Partitioned`; the Potential itself for an optimiser.
    integrator : str, Method or Optimiser
        Splitting word ("BAOAB"), name ("EulerMaruyama") or optimiser (`momentum.HeavyBall(...)`).
    n_steps : int
        Steps, >= 1, of which the first ``burn_in`` are not recorded.
    seed : int
        0 <= seed < 2**64.
    dt : float
        Time step > 0 [time]; an optimiser has none, its time counts steps.
    gradient_noise : float or array_like, optional
        For a Potential: standard deviation, () or (dim,), or covariance (dim, dim) of every
        gradient, as `Potential.with_gradient_noise`.
    n_replicas : int, optional
        From 8 on, error bars come from the scatter of replicas (Student's t of ``n_groups`` - 1
        degrees of freedom); below, from stretches of time, with a warning where those correlate.
    observe : dict, optional
        name -> expression (its running mean) or recorder (`Variance`, `Histogram`, ...).
    burn_in, record_every : int, optional
        Record after the steps burn_in + record_every, burn_in + 2 record_every, ...
    save_every : int, optional
        Keep the state of all replicas every so many steps; by default no path is kept.
    start : array_like of shape (dim,) or (n_replicas, dim), optional
        Positions; by default the deepest known minimum.
    start_momentum : "thermal" or array_like, optional
        Momenta: from the Maxwell distribution at the initial temperature, or given; an optimiser
        starts at rest, and those whose memory begins with the first gradient can not be given any.
    start_thermostat : "thermal" or array_like of shape () or (n_replicas,), optional
        Thermostats: from their invariant law without gradient noise, or given; with several, the
        last axis counts them.
    first_replica : int, optional
        Index of the first replica: replicas 100..199 run alone are those of a larger run.
    continue_from : xarray.Dataset, optional
        Result of an earlier call with the same settings; ``n_steps`` more steps are added to it.
    chunk_size : int, optional
        Steps between two returns to Python; by default about a quarter of a second. A
        schedule is tabulated for at most 65536 steps at a time.
    n_threads : int, optional
        By default all cores that the process may use.
    divergence_bound : float, optional
        A replica with a state entry not below it (or NaN) is frozen in its last state inside, left
        out of all averages, and named with its step in ``diverged_step``.
    progress : bool, optional
        Show a progress bar on stderr; by default on long runs in a terminal.
    backend : str, optional
        What carries the run out: "cpu"; "cuda", compiled kernels on a card ("cuda:1" for the
        second); "torch", PyTorch on the CPU ("torch:cuda" on a card); "torchsde", that package's
        solvers ("torchsde:cuda"). All have the same noise; the first three agree to rounding, the
        last where torchsde has the scheme.
    precision : {"float64", "float32", "bfloat16"}, optional
        Of the state and its arithmetic, on other backends than "cpu"; "bfloat16" computes
        gradients in it and keeps the state in float32, on "torch" alone.
    solver : str, optional
        For "torchsde": its solver ("euler", "milstein", "srk", ...); by default the one that
        ``integrator`` names, if it has that.

    Returns
    -------
    xarray.Dataset
        For each observable NAME its value and NAME_stderr; ``x_final`` (replica, coordinate), with
        momenta ``p_final``, with thermostats ``xi_final`` (``xi_1_final``, ... of several), with
        an acceptance ``accepted_final``, with a drawn gradient that is carried ``g_final``, with
        other memories of an optimiser theirs (``square_final``, ...);
        ``diverged_step`` (replica); with ``save_every`` the path ``x`` (time, replica, coordinate);
        the sums that averages were made of; provenance in the attributes.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range, named in the message with its value and a remedy.
    UnstableStepError
        If dt is at or above the stability limit at a known minimum of the potential.
    DivergenceError
        If too few replicas are left to average over; its ``dataset`` holds all else.
    MemoryError
        If the arrays would not fit, before they are allocated.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> eq = ll.Langevin(ll.potentials.harmonic(), temperature=1.0, friction=1.0)
    >>> run = ll.simulate(eq, "BAOAB", dt=0.1, n_steps=2000, n_replicas=500, seed=1,
    ...                   observe={"x2": "x**2"}, burn_in=200)
    >>> bool(abs(run["x2"] - 1.0) < 5 * run["x2_stderr"])
    True
    """
    n_steps = check_count("n_steps", n_steps, 1)
    if chunk_size is not None:
        chunk_size = check_count("chunk_size", chunk_size, 1)
    prepared = prepare(
        dynamics, integrator, n_steps=n_steps, seed=seed, dt=dt, gradient_noise=gradient_noise,
        n_replicas=n_replicas, observe=observe, burn_in=burn_in, record_every=record_every,
        save_every=save_every, start=start, start_momentum=start_momentum,
        start_thermostat=start_thermostat, first_replica=first_replica,
        continue_from=continue_from, n_threads=n_threads, divergence_bound=divergence_bound,
        backend=backend, precision=precision, solver=solver,
    )  # fmt: skip
    run = prepared.run
    advance_with_progress(run, n_steps, chunk_size, progress)
    if continue_from is not None and save_every:
        run.saved = np.concatenate([saved_path(continue_from, run.kernel), run.saved])
    result = dataset(run, prepared.recorded, prepared.moments, prepared.attributes())
    _warn_of_divergence(run)
    return result


def _warn_of_divergence(run: Run) -> None:
    diverged = run.diverged[: run.n_replicas]
    if (diverged >= 0).any():
        error = DivergenceError(
            diverged,
            run.first_replica,
            "they are frozen (see diverged_step) and left out of all averages, which are biased by "
            f"it; use a smaller {run.kernel.dynamics.step_name}",
        )
        warnings.warn(str(error), RuntimeWarning, stacklevel=3)
