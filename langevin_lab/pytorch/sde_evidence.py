"""Convergence of a torchsde solver on an SDE of the user: strong or weak order, with an interval.

    strong      sqrt(E |x_h(T) - x(T)|^2)
    weak        |E f(x_h(T)) - E f(x(T))|

x is a known solution as a function of the Brownian path, or an accurate run along the same path.
All steps follow the same paths, so that differences between them are small beside their spread.

A known solution also tells whether the SDE is the one that is meant: with a wrong coefficient, or
Ito for Stratonovich, the error stops falling. A run cannot tell that, since it solves the same SDE;
but noise that is declared additive or diagonal and is neither costs solvers half an order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
import torch

from langevin_lab.dynamics.schedules import check_positive
from langevin_lab.ensemble.checks import check_count, check_seed
from langevin_lab.evidence import BrownianPath, ConvergenceStudy, brownian_path
from langevin_lab.evidence.convergence_study import step_counts
from langevin_lab.evidence.coupled_runs import CoupledDifferences
from langevin_lab.evidence.sampled_errors import measured_errors
from langevin_lab.pytorch.sde_paths import check_solver, n_channels, states_along

Exact = Callable[[BrownianPath], Any]
Observable = Callable[[np.ndarray], Any]

_CHUNK = 4_000_000  # numbers of a path held at a time
# By the reference's strong order: its cells in the finest step, and how many of them make a cell of
# the coarser reference. What that changes is at least 2^(3/2) - 1 times what the finer one has
# left, as `measured_errors` takes it, and still small beside the error at the finest step.
_REFERENCE_CELLS = {1.5: (8, 2), 1.0: (16, 4), 0.5: (64, 8)}


def sde_convergence(
    solver: str,
    sde: Any,
    kind: Literal["strong", "weak"] = "strong",
    *,
    start: Any,
    exact: Exact | None = None,
    steps: Any = None,
    duration: float = 1.0,
    observable: Observable | None = None,
    n_paths: int = 2000,
    seed: int = 1,
    expected: float | None = None,
    reference: str | None = None,
    options: Mapping[str, Any] | None = None,
    rates: Any = 0.0,
) -> ConvergenceStudy:
    """Measure the order of a torchsde solver on an SDE and hold it against the expected one.

    Parameters
    ----------
    solver : str
        As `torchsde.sdeint` names it.
    sde : object
        With ``f``, ``g``, ``noise_type`` and ``sde_type``, as `torchsde.sdeint` takes it; float64.
    kind : {"strong", "weak"}, optional
    start : float or (dim,) array
        Where all paths start, at time 0.
    exact : callable, optional
        ``exact(path) -> (n_paths, dim)``, the solution at the end as a function of the
        `BrownianPath`; ``path.coarser(1).functional("increment")[0]`` is W(T), of shape
        (n_paths, channels). By default a run of ``reference`` with steps 8 to 64 times finer.
    steps, duration, n_paths, seed
        As `convergence`. Squared distances have heavy tails: with a few hundred paths intervals
        can be too narrow, for srk on the problem "bounded" by half.
    observable : callable, optional
        Of a weak study: ``observable(x) -> (n_paths,)`` of (n_paths, dim) arrays; by default
        |x|^2.
    expected : float, optional
        By default what torchsde says of the solver for the declared noise type. A higher order
        refutes it too: srk on a linear drift with additive noise is of order 2, not 3/2.
    reference : str, optional
        Solver of the reference; by default srk for Ito and heun for Stratonovich equations, euler
        where the noise is too general for srk.
    options : mapping, optional
        Of the solver, as ``{"grad_free": True}``.
    rates : float or (channels,) array, optional
        Rates of the path's Ornstein-Uhlenbeck integrals, which ``exact`` may ask for.

    Returns
    -------
    ConvergenceStudy

    Raises
    ------
    TypeError, ValueError
        If the solver does not fit the SDE, an argument is out of range, or ``exact`` or
        ``observable`` return another shape.

    Example
    -------
    >>> class Growth:
    ...     sde_type, noise_type = "ito", "diagonal"
    ...     def f(self, t, y): return 0.5 * y
    ...     def g(self, t, y): return 0.6 * y
    >>> def solution(path):
    ...     return np.exp(0.32 + 0.6 * path.coarser(1).functional("increment")[0])
    >>> sde_convergence("milstein", Growth(), start=1.0, exact=solution, n_paths=500).verdict
    'consistent'
    """
    if kind not in ("strong", "weak"):
        raise ValueError(f"kind={kind!r} must be 'strong' or 'weak'")
    record = check_solver(solver, sde)
    n_paths, seed = check_count("n_paths", n_paths, 1), check_seed(seed)
    counts = step_counts(kind, steps, duration)
    begin = checked_start(start)
    if expected is None:
        expected = record.strong_order[sde.noise_type] if kind == "strong" else record.weak_order
    check_positive("expected", expected)
    truth = _Reference(sde, reference) if exact is None else _Known(exact)
    measure = _squared_distance if kind == "strong" else _difference_of(observable)

    def run(path: BrownianPath, states: torch.Tensor, count: int) -> np.ndarray:
        runs, _ = states_along(solver, sde, path, states, n_steps=count, options=options)
        return runs[-1].numpy()

    n_noises, n_cells = n_channels(sde, begin), truth.n_cells(counts)
    chunk = max(1, _CHUNK // (3 * n_cells * n_noises))
    pieces = []
    for first in range(0, n_paths, chunk):
        path = brownian_path(
            duration, n_cells, min(chunk, n_paths - first), seed=seed, dim=n_noises,
            friction=rates, first_path=first,
        )  # fmt: skip
        pieces.append(_differences(run, truth, measure, counts, path, begin))
    fine, coarse = np.concatenate(pieces, axis=2)
    sizes = duration / np.array(counts)
    measured = measured_errors(sizes, CoupledDifferences(fine, coarse), squared=kind == "strong")
    return ConvergenceStudy(
        _label(solver, sde, options), kind, tuple(float(h) for h in sizes), measured.errors,
        measured.used, measured.order, float(expected), f"{n_paths} paths, {truth.how}",
        "torchsde's record of the solver",
    )  # fmt: skip


def _differences(
    run: Callable[..., np.ndarray], truth: _Known | _Reference, measure: Callable[..., np.ndarray],
    counts: tuple[int, ...], path: BrownianPath, begin: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Against the fine and the coarser truth, shape (2, n_steps, n_paths)."""
    states = torch.from_numpy(begin).repeat(path.integrals.shape[2], 1)
    ends = truth.ends(path, states)
    # A run may diverge at a coarse step, which counts; it must not warn.
    with np.errstate(all="ignore"):
        rows = [
            [measure(last, end) for end in ends]
            for last in (run(path, states, count) for count in counts)
        ]
    return np.moveaxis(np.array(rows), 1, 0)


class _Known:
    """A solution that is a function of the path."""

    how = "exact solution"

    def __init__(self, exact: Exact):
        self._exact = exact

    def n_cells(self, counts: tuple[int, ...]) -> int:
        """Intervals of the path."""
        return math.lcm(*counts)

    def ends(self, path: BrownianPath, start: torch.Tensor) -> list[np.ndarray]:
        """The solution at the end, twice: nothing about it is coarse."""
        end = np.asarray(self._exact(path), dtype=float)
        if end.shape != tuple(start.shape):
            raise ValueError(
                f"exact(path) has shape {end.shape}; give (n_paths, dim), here {tuple(start.shape)}"
            )
        return [end, end]


class _Reference:
    """A run with steps far finer, and one with fewer of them."""

    def __init__(self, sde: Any, solver: str | None):
        if solver is None:
            rough = "euler" if sde.noise_type == "general" else "srk"
            solver = rough if sde.sde_type == "ito" else "heun"
        order = check_solver(solver, sde).strong_order[sde.noise_type]
        self._sde, self._solver = sde, solver
        self._cells, self._fewer = _REFERENCE_CELLS[order]
        self.how = f"coupled to {solver} with steps {self._cells} times finer"

    def n_cells(self, counts: tuple[int, ...]) -> int:
        """Intervals of the path."""
        common = math.lcm(*counts)
        common *= self._fewer // math.gcd(common, self._fewer)
        return common * math.ceil(self._cells * max(counts) / common)

    def ends(self, path: BrownianPath, start: torch.Tensor) -> list[np.ndarray]:
        """The state at the end, by both."""
        counts = (path.n_intervals, path.n_intervals // self._fewer)
        runs = (states_along(self._solver, self._sde, path, start, n_steps=n)[0] for n in counts)
        return [run[-1].numpy() for run in runs]


def checked_start(start: Any) -> np.ndarray:
    """``start`` as a (dim,) array of finite numbers.

    Raises
    ------
    ValueError
        If it is not.
    """
    array = np.atleast_1d(np.asarray(start, dtype=float))
    if array.ndim != 1 or not np.isfinite(array).all():
        raise ValueError(f"start={start!r} must be a finite number or of shape (dim,)")
    return array


def _squared_distance(end: np.ndarray, other: np.ndarray) -> np.ndarray:
    return ((end - other) ** 2).sum(axis=-1)


def _difference_of(observable: Observable | None) -> Callable[..., np.ndarray]:
    """Difference of an observable between two arrays of states."""

    def value(x: np.ndarray) -> np.ndarray:
        if observable is None:
            return (x**2).sum(axis=-1)
        values = np.asarray(observable(x), dtype=float)
        if values.shape != x.shape[:-1]:
            raise ValueError(
                f"observable(x) has shape {values.shape}; give one number a path, shape "
                f"{x.shape[:-1]}"
            )
        return values

    return lambda end, other: value(end) - value(other)


def _label(solver: str, sde: Any, options: Mapping[str, Any] | None) -> str:
    """What the study is of, as printed."""
    more = [f"{name}={value}" for name, value in (options or {}).items()]
    return ", ".join([solver, *more, f"{sde.sde_type}, {sde.noise_type} noise"])
