"""The stationary law of an SDE of the user, held against known averages and a known density.

Independent paths run at a step dt and at dt/2, both along the same Brownian paths. Each path gives
one number an observable, its time average after the burn-in; the paths are independent, so that
correlation in time needs no estimate. With m(h) the mean over paths at step h,

    measured      m(dt/2), its standard error from the spread between paths
    bias bound    |m(dt) - m(dt/2)| + 2 standard errors of that difference

which covers the bias of any solver of weak order 1 or more, since m(dt/2) then is no further from
the limit than the two are apart. A second claim for each average holds the two halves of the
measured time against each other: a burn-in that is too short is seen there.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from langevin_lab.dynamics.schedules import check_positive
from langevin_lab.ensemble.checks import check_count, check_seed
from langevin_lab.evidence import Claim, Estimate, brownian_path
from langevin_lab.pytorch.sde_evidence import checked_start
from langevin_lab.pytorch.sde_paths import check_solver, n_channels, states_along

_SAVED = 200  # snapshots over the measured time, by default
_NODES = 64  # Gauss-Legendre, of the density in a bin
_FEWEST_PATHS = 20

Function = Callable[[np.ndarray], Any]


@dataclass(frozen=True)
class StationaryDensity:
    """A known stationary density of one coordinate, compared bin by bin.

    Parameters
    ----------
    function : callable
        ``function(x)`` of an array of values, >= 0, in any normalisation.
    edges : (n,) array_like
        Ends of the bins, increasing, n >= 3. Between the first and the last must lie all but a
        negligible part of the law.
    coordinate : int, optional

    Raises
    ------
    ValueError
        If the edges do not increase, or the density is negative or vanishes in a bin.
    """

    function: Function
    edges: Any
    coordinate: int = 0

    def __post_init__(self) -> None:
        edges = np.asarray(self.edges, dtype=float)
        if edges.ndim != 1 or len(edges) < 3 or not (np.diff(edges) > 0).all():
            raise ValueError(f"edges={self.edges!r} must be three or more increasing numbers")
        object.__setattr__(self, "edges", edges)
        if not (self._masses() > 0).all():
            raise ValueError("function(x) must be >= 0, with some weight in every bin")

    @property
    def probabilities(self) -> np.ndarray:
        """Of the bins, shape (n - 1,)."""
        masses = self._masses()
        return masses / masses.sum()

    def _masses(self) -> np.ndarray:
        """Integrals over the bins."""
        nodes, weights = np.polynomial.legendre.leggauss(_NODES)
        half = np.diff(self.edges) / 2
        x = self.edges[:-1, None] + half[:, None] * (nodes + 1)
        values = np.asarray(self.function(x), dtype=float)
        return half * (values @ weights) if (values >= 0).all() else np.zeros(len(half))

    def shares(self, x: np.ndarray) -> np.ndarray:
        """Which bin each state is in, shape (n_bins, ...) of zeros and ones."""
        place = x[..., self.coordinate]
        return np.array([(low <= place) & (place < high) for low, high in self.bins])

    @property
    def names(self) -> list[str]:
        """What the bins are called in claims."""
        return [f"share of {low:.3g} to {high:.3g}" for low, high in self.bins]

    @property
    def bins(self) -> list[tuple[float, float]]:
        """Ends of each bin; the outer ones reach to infinity."""
        inner = self.edges[1:-1].tolist()
        return list(zip([-math.inf, *inner], [*inner, math.inf]))


def stationary_claims(
    solver: str,
    sde: Any,
    *,
    start: Any,
    dt: float,
    burn_in: float,
    duration: float,
    averages: Mapping[str, tuple[Function, float]] | None = None,
    density: StationaryDensity | None = None,
    n_paths: int = 500,
    n_saved: int = _SAVED,
    seed: int = 1,
    source: str = "stationary law of the SDE",
    resolution: float = 0.05,
    options: Mapping[str, Any] | None = None,
) -> list[Claim]:
    """Return claims about the stationary law of an SDE; `judge` gives their verdicts.

    Parameters
    ----------
    solver, sde, options
        As `sde_convergence`.
    start : float or (dim,) array
        Where all paths start.
    dt : float
        The larger of the two steps [time].
    burn_in : float
        >= 0 [time], left out; several relaxation times.
    duration : float
        Measured after that, > 0 [time]; a multiple of ``n_saved`` steps is run.
    averages : mapping, optional
        Name -> (function, exact value): ``function(x)`` of (..., dim) arrays gives one number a
        state.
    density : StationaryDensity, optional
        One claim for each of its bins.
    n_paths : int, optional
        >= 20.
    n_saved : int, optional
        Even; times at which the states are looked at.
    seed : int, optional
    source : str, optional
        Where the predictions stand.
    resolution : float, optional
        Relative error that every claim must be able to refute; of bins, twice that.

    Returns
    -------
    list of Claim

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, there is nothing to compare, or paths diverge.

    Example
    -------
    >>> class Relaxation:
    ...     sde_type, noise_type = "ito", "additive"
    ...     def f(self, t, y): return -y
    ...     def g(self, t, y): return torch.ones_like(y)[..., None]
    >>> claims = stationary_claims(
    ...     "srk", Relaxation(), start=0.0, dt=0.2, burn_in=5.0, duration=60.0, n_paths=1000,
    ...     averages={"<x^2>": (lambda x: x[..., 0]**2, 0.5)})
    >>> [claim.verdict().outcome for claim in claims]
    ['consistent', 'consistent']
    """
    check_solver(solver, sde)
    begin = checked_start(start)
    n_paths = check_count("n_paths", n_paths, _FEWEST_PATHS)
    n_saved, seed = check_count("n_saved", n_saved, 2), check_seed(seed)
    if n_saved % 2:
        raise ValueError(f"n_saved={n_saved} must be even: the two halves are compared")
    check_positive("dt", dt)
    check_positive("duration", duration)
    if not burn_in >= 0:
        raise ValueError(f"burn_in={burn_in} must be >= 0 (time)")
    averages = dict(averages or {})
    if not averages and density is None:
        raise ValueError("nothing to compare: give averages=, density= or both")
    per_leg = max(1, round(duration / (n_saved * dt)))
    n_before = math.ceil(burn_in / (per_leg * dt))
    legs = _legs(
        solver, sde, begin, dt=dt, per_leg=per_leg, n_legs=n_before + n_saved, n_paths=n_paths,
        seed=seed, options=options,
    )  # fmt: skip
    kept = itertools.islice(legs, n_before, None)
    means, spreads = _time_averages(kept, n_saved, averages, density)
    found = []
    for k, (name, (_, value)) in enumerate(averages.items()):
        # A mean of 0 is measured against the spread of what is averaged.
        scale = abs(float(value)) or float(spreads[k])
        found.append(_held(name, source, value, means[:, :, k], scale, resolution))
        found.append(_halves(name, means[:, 1, k], scale, 2 * resolution))
    if density is not None:
        for k, (bin_name, share) in enumerate(zip(density.names, density.probabilities)):
            row = means[:, :, len(averages) + k]
            found.append(_held(bin_name, source, share, row, share, 2 * resolution))
    return found


def _legs(
    solver: str, sde: Any, begin: np.ndarray, *, dt: float, per_leg: int, n_legs: int,
    n_paths: int, seed: int, options: Mapping[str, Any] | None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:  # fmt: skip
    """States of shape (n_paths, dim) after each leg of ``per_leg`` steps, at dt and at dt/2."""
    states = [torch.from_numpy(begin).repeat(n_paths, 1)] * 2
    carried: list[tuple | None] = [None, None]
    n_noises = n_channels(sde, begin)
    for leg in range(n_legs):
        path = brownian_path(
            per_leg * dt, 2 * per_leg, n_paths, seed=seed, dim=n_noises, first_path=leg * n_paths
        )
        for k in (0, 1):
            ends, carried[k] = states_along(
                solver, sde, path, states[k], n_steps=(k + 1) * per_leg, options=options,
                first_time=leg * per_leg * dt, solver_state=carried[k],
            )  # fmt: skip
            states[k] = ends[-1]
            lost = int((~torch.isfinite(states[k]).all(dim=-1)).sum())
            if lost:
                raise ValueError(
                    f"dt={dt / (k + 1):g}: {lost} of {n_paths} paths are not finite at time "
                    f"{(leg + 1) * per_leg * dt:g}; use a smaller dt"
                )
        yield states[0].numpy(), states[1].numpy()


def _time_averages(
    legs: Iterator[tuple[np.ndarray, np.ndarray]],
    n_saved: int,
    averages: Mapping[str, tuple[Function, float]],
    density: StationaryDensity | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Means of each half, shape (halves, steps, observables, n_paths), and spreads in the law."""
    halves: list[Any] = [0.0, 0.0]
    squares: Any = 0.0
    for number, pair in enumerate(legs):
        values = np.array([_observed(x, averages, density) for x in pair])
        halves[number // (n_saved // 2)] += 2.0 / n_saved * values
        squares += (values[1] ** 2).mean(axis=-1) / n_saved
    means = np.array(halves)
    centre = means[:, 1].mean(axis=(0, 2))
    return means, np.sqrt(np.maximum(squares - centre**2, 0.0))


def _observed(
    x: np.ndarray, averages: Mapping[str, tuple[Function, float]], density: StationaryDensity | None
) -> np.ndarray:
    """All observables of states (n_paths, dim), shape (observables, n_paths)."""
    rows = []
    for name, (function, _) in averages.items():
        row = np.asarray(function(x), dtype=float)
        if row.shape != x.shape[:-1]:
            raise ValueError(
                f"averages[{name!r}] gives shape {row.shape} for states {x.shape}; give one "
                "number a state"
            )
        rows.append(row)
    return np.array([*rows, *(density.shares(x) if density else ())])


def _held(
    name: str, source: str, value: float, means: np.ndarray, scale: float, resolution: float
) -> Claim:
    """The claim on an average, from means of shape (halves, steps, n_paths)."""
    coarse, fine = means.mean(axis=0)
    change = Estimate.from_samples(coarse - fine)
    return Claim(
        name, source, float(value), Estimate.from_samples(fine), scale=scale,
        resolution=resolution, bias_bound=abs(change.value) + 2 * change.stderr,
    )  # fmt: skip


def _halves(name: str, means: np.ndarray, scale: float, resolution: float) -> Claim:
    """The claim that an average is the same in both halves of the measured time."""
    change = Estimate.from_samples(means[1] - means[0])
    return Claim(
        f"{name}: second half less first", "a stationary law does not change", 0.0, change,
        scale=scale, resolution=resolution,
    )  # fmt: skip
