"""Hop rates between two wells from the decay of their populations; no crossing is counted.

Half of the replicas start in well A, half in B. Once faster modes are gone, with l = k_AB + k_BA,

    P(A at t | A at 0) = p + a exp(-l t),    P(A at t | B at 0) = p - b exp(-l t),

so the difference D of the two gives l = ln(D(t1)/D(t2))/(t2 - t1), and the first of the two then
gives the equilibrium population p. k_AB = l (1 - p) and k_BA = l p.

Counting crossings of thresholds instead over-estimates the rate, because at weak friction a
particle that has crossed comes back before it loses its energy: on (x^2 - 1)^2 with thresholds at
+-0.7 by 52 % at temperature 0.2 and friction 0.30.
Source: Chandler (1978).
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.ensemble.simulation import simulate
from langevin_lab.escape.hop_rate_arguments import (
    check_time,
    constant_dynamics,
    half_of,
    slow_and_fast,
    two_points,
)
from langevin_lab.evidence import Estimate, jackknife
from langevin_lab.integrators import Method
from langevin_lab.momentum import Optimiser
from langevin_lab.potentials.expression import Region, parse_region

_GROUPS = 512  # of replicas, for the jackknife
_FADED = 8.0  # faster modes have decayed to exp(-8) of their weight when the clock starts
_LEAST_DECAY = 0.4  # of the slow mode over the window: less multiplies the contamination
_EACH = 4  # columns of a start: replicas, and those in the well at the three times


@dataclass(frozen=True, eq=False)
class HopRate:
    """Populations of a well at three times, and the rates that they give.

    Parameters
    ----------
    times : ndarray of shape (3,)
        End of ``settle``, middle and end of the window.
    sums : ndarray of shape (n_groups, 8)
        For each group of replicas: how many started in the well, how many of them are in it at the
        three times; the same for those that started in the other well.
    dt : float
    contamination : float
        Estimate of the relative bias of the rates by faster modes, as if their weight were that of
        the slow one, which nothing ensures; NaN where no rates are at hand, see `plateau`.
    """

    times: np.ndarray
    sums: np.ndarray
    dt: float
    contamination: float

    @property
    def populations(self) -> np.ndarray:
        """Fractions in the well, shape (2, 3): started in it and in the other well; three times."""
        return _fractions(self.sums.sum(axis=0))

    @property
    def relaxation_rate(self) -> Estimate:
        """Decay rate of the population difference, the sum of both hop rates [1/time]."""
        return self._estimate(lambda fractions: self._decay(fractions, 0, 2))

    @property
    def rate(self) -> Estimate:
        """Hop rate out of the well [1/time]."""
        return self._estimate(
            lambda fractions: self._decay(fractions, 0, 2) * (1.0 - _equilibrium(fractions))
        )

    @property
    def back_rate(self) -> Estimate:
        """Hop rate out of the other well [1/time]."""
        return self._estimate(
            lambda fractions: self._decay(fractions, 0, 2) * _equilibrium(fractions)
        )

    @property
    def population(self) -> Estimate:
        """Equilibrium probability of the well."""
        return self._estimate(_equilibrium)

    @property
    def plateau(self) -> Estimate:
        """Relaxation rate in the first half of the window over that in the second, minus one.

        0 within its error if the faster modes are gone.
        """
        return self._estimate(
            lambda fractions: self._decay(fractions, 0, 1) / self._decay(fractions, 1, 2) - 1.0
        )

    def _decay(self, fractions: np.ndarray, early: int, late: int) -> float:
        difference = fractions[0] - fractions[1]
        elapsed = self.times[late] - self.times[early]
        return math.log(difference[early] / difference[late]) / elapsed

    def _estimate(self, value: Any) -> Estimate:
        return jackknife(lambda sums: value(_fractions(sums)), self.sums)


def hop_rate(
    dynamics: Any,
    integrator: str | Method | Optimiser,
    *,
    dt: float | None = None,
    gradient_noise: Any = None,
    well: str,
    starts: Any,
    n_replicas: int,
    seed: int,
    settle: float | None = None,
    window: float | None = None,
    relaxation_rates: tuple[float, float] | None = None,
    n_threads: int | None = None,
    backend: str = "cpu",
    precision: str = "float64",
) -> HopRate:
    """Measure the rate of hopping between two wells by the decay of the population difference.

    A RuntimeWarning says so if the decay rates in the two halves of the window are more than 4
    standard errors apart: then `plateau` is not 0, and faster modes are not gone.

    Parameters
    ----------
    dynamics : Dynamics
        With thermal noise, constant in time, and two wells; momenta start thermal. The Potential
        itself for an optimiser, which starts at rest.
    integrator : str, Method or Optimiser
    dt : float
        Time step > 0 [time]; an optimiser has none, its time counts steps.
    gradient_noise : float or array_like, optional
        For a Potential, as in `ll.simulate`.
    well : str
        Region over the potential's variables and parameters, such as "x < 0".
    starts : array_like of shape (2,) in 1-D, (2, dim)
        One point in the well, one out of it, usually the two minima.
    n_replicas : int
        Half from each start, even and >= 16.
    seed : int
    settle : float, optional
        Time before the first look, for faster modes to decay [time].
    window : float, optional
        From the first look to the last [time].
    relaxation_rates : (slow, fast), optional
        The two slowest rates, if they are known [1/time]: the defaults of the two times, 8/(fast -
        slow) and the best value for the computing time, at least 0.4/slow, and the estimate of the
        contamination follow from them. In 1-D (overdamped, Langevin) by default those of the exact
        spectrum.
    n_threads : int, optional
    backend, precision : str, optional
        As in `ll.simulate`: any that runs the dynamics.

    Returns
    -------
    HopRate

    Raises
    ------
    TypeError
        If the dynamics is a potential, or dt or a count no number.
    ValueError
        If the dynamics is scheduled; a time is missing and the relaxation rates are not known, or
        it is shorter than the time step; the rates are not 0 < slow < fast; the starts are not on
        two sides of the border, the replicas fewer than 16 or odd; replicas diverged, or the
        population difference is lost in its noise.

    Source
    ------
    Chandler (1978) [C78].

    Examples
    --------
    >>> import langevin_lab as ll
    >>> eq = ll.Overdamped(ll.potentials.double_well(), temperature=0.5)
    >>> found = ll.escape.hop_rate(eq, "StochasticHeun", dt=0.01, well="x < 0", starts=(-1, 1),
    ...                            n_replicas=20_000, seed=1)
    >>> exact = ll.exact.spectral_gap(eq).value
    >>> bool(abs(found.relaxation_rate.value - exact) < 4 * found.relaxation_rate.stderr)
    True
    """
    run_of = {"dynamics": dynamics, "integrator": integrator, "dt": dt}
    dynamics, _, dt = constant_dynamics(dynamics, integrator, dt, gradient_noise)
    half = half_of(n_replicas)
    potential = dynamics.potential
    region = parse_region(well, (*potential.variables, *potential.parameters))
    points = two_points(starts, potential)
    _check_sides(region, potential, points)
    rates = _two_rates(dynamics) if relaxation_rates is None else slow_and_fast(relaxation_rates)
    settle, window, contamination = _times(dynamics, rates, settle, window, dt)
    steps = (math.ceil(settle / dt), *2 * (math.ceil(0.5 * window / dt),))
    inside, run = [], None
    for n_steps in steps:
        begin: dict[str, Any] = {"start": np.repeat(points, half, axis=0)} if run is None else {}
        run = simulate(
            **run_of, gradient_noise=gradient_noise, n_steps=n_steps, n_replicas=2 * half,
            seed=seed, continue_from=run, n_threads=n_threads, backend=backend,
            precision=precision, **begin,
        )  # fmt: skip
        n_lost = int((run["diverged_step"].values >= 0).sum())
        if n_lost:
            raise ValueError(
                f"dt={dt:g}: {n_lost} of {2 * half} replicas diverged; use a smaller step"
            )
        inside.append(_inside(region, potential, run["x_final"].values))
    result = HopRate(dt * np.cumsum(steps), _grouped(np.array(inside)), dt, contamination)
    _check_difference(result)
    _warn_of_faster_modes(result)
    return result


def _inside(region: Region, potential: Any, x: np.ndarray) -> np.ndarray:
    """Which of the points (n, dim) lie in the well."""
    values = dict(zip(potential.variables, x.T)) | dict(potential.parameters)
    return np.broadcast_to(region.evaluate(values), len(x))


def _check_sides(region: Region, potential: Any, points: np.ndarray) -> None:
    sides = ["inside" if side else "outside" for side in _inside(region, potential, points)]
    if sides != ["inside", "outside"]:
        raise ValueError(
            f"starts={points.tolist()} lie {sides[0]} and {sides[1]} well={region.text!r}; give "
            "one inside, then one outside"
        )


def _times(
    dynamics: Any,
    rates: tuple[float, float] | None,
    settle: float | None,
    window: float | None,
    dt: float,
) -> tuple[float, float, float]:
    """Time before the first look, time to the last, estimate of the bias by faster modes."""
    if rates is None:
        if settle is None or window is None:
            raise ValueError(
                f"settle={settle}, window={window}: the exact spectrum, which would give them, is "
                "there for overdamped and Langevin dynamics in 1-D, not for this "
                f"{type(dynamics).__name__} in {dynamics.dim}-D; give both, or relaxation_rates"
            )
    else:
        slow, fast = rates
        settle = _FADED / (fast - slow) if settle is None else settle
        check_time("settle", settle, dt)
        window = _best_decay(slow * settle) / slow if window is None else window
    check_time("settle", settle, dt)
    check_time("window", window, dt)
    if rates is None:
        return settle, window, math.nan
    return settle, window, math.exp(-(fast - slow) * settle) / (window * slow)


def _two_rates(dynamics: Any) -> tuple[float, float] | None:
    """The two smallest relaxation rates where they are known exactly."""
    if dynamics.dim != 1 or dynamics.is_scheduled or dynamics.potential.gradient_noise is not None:
        return None
    if dynamics.equation == "overdamped":
        from langevin_lab.exact.fokker_planck import spectrum

        slow, fast = spectrum(dynamics, 2)
        return slow.value, fast.value
    if dynamics.equation == "langevin":
        from langevin_lab.exact.kinetic import slow_mode

        mode = slow_mode(dynamics, tolerance=1e-3)
        return mode.rate.value, mode.second_rate
    return None


def _best_decay(settled: float) -> float:
    """Decay w over the window that gives the smallest error for the computing time.

    The logarithm of the ratio has the variance exp(2 settled) (exp(2 w) - 1)/n, its mean is w, and
    the time is settled + w.
    """
    decays = np.linspace(_LEAST_DECAY, 2.0, 161)
    return float(decays[np.argmin(np.expm1(2 * decays) / decays**2 * (settled + decays))])


def _grouped(inside: np.ndarray) -> np.ndarray:
    """Sums over groups of replicas of what is inside, (3, n) -> (n_groups, 8)."""
    half = inside.shape[1] // 2
    n_groups = min(_GROUPS, half // 4)
    places = np.linspace(0, half, n_groups + 1).astype(int)[:-1]
    sums = np.empty((n_groups, 2 * _EACH))
    for start in (0, 1):
        own = inside[:, start * half : (start + 1) * half]
        columns = np.vstack([np.ones(half), own])
        sums[:, start * _EACH : (start + 1) * _EACH] = np.add.reduceat(columns, places, axis=1).T
    return sums


def _fractions(sums: np.ndarray) -> np.ndarray:
    counts = sums.reshape(2, _EACH)
    return counts[:, 1:] / counts[:, :1]


def _equilibrium(fractions: np.ndarray) -> float:
    """Probability of the well at infinite time, from the first and last time."""
    difference = fractions[0] - fractions[1]
    kept = difference[2] / difference[0]
    # Either start alone would do; the mean of both has the smaller error.
    limits = (fractions[:, 2] - kept * fractions[:, 0]) / (1.0 - kept)
    return float(limits.mean())


def _check_difference(result: HopRate) -> None:
    """Raise ValueError if a logarithm is of noise."""
    fractions = result.populations
    difference = fractions[0] - fractions[1]
    noise = math.sqrt(2.0 / result.sums[:, [0, _EACH]].sum())
    if difference.min() < 10.0 * noise or not difference[2] < difference[0]:
        raise ValueError(
            f"population difference {difference[0]:.3g} at time {result.times[0]:g}, "
            f"{difference[2]:.3g} at {result.times[2]:g}, with errors of {noise:.2g}: no decay "
            "can be read from it; use more n_replicas, a longer window or a shorter settle"
        )


def _warn_of_faster_modes(result: HopRate) -> None:
    """Warn if the population difference decays at other rates in the halves of the window."""
    early, late = (
        result._estimate(lambda fractions, first=k: result._decay(fractions, first, first + 1))
        for k in (0, 1)
    )
    change = result._estimate(
        lambda fractions: result._decay(fractions, 0, 1) - result._decay(fractions, 1, 2)
    )
    if abs(change.value) > 4 * change.stderr:
        warnings.warn(
            f"the population difference decays at {early.value:.3g} in the first half of the "
            f"window and {late.value:.3g} in the second, more than 4 standard errors apart: faster "
            "modes are not gone, use a longer settle",
            RuntimeWarning,
            stacklevel=3,
        )
