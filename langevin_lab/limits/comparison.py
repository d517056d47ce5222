"""The distance between an optimiser and a limit, measured against the learning rate.

    sup         max over all steps of |x_n - x(t_n)|
    late        the same over the steps after the initial layer
    terminal    |x_N - x(t_N)|

Both start at the same point, the limit as `Limit.start` says; the order of each error in the
learning rate comes with its interval.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from langevin_lab.dynamics.schedules import check_positive
from langevin_lab.ensemble.checks import check_count
from langevin_lab.evidence import OrderEstimate
from langevin_lab.evidence import order as observed_order
from langevin_lab.limits.flows import gradient_flow, modified_flow, momentum_flow, plain
from langevin_lab.limits.high_resolution import high_resolution, low_resolution
from langevin_lab.limits.limit import Limit, start_point
from langevin_lab.limits.regime import OutsideRegimeWarning
from langevin_lab.momentum import Descent, Optimiser

LIMITS: dict[str, Callable[..., Limit]] = {
    "gradient_flow": gradient_flow,
    "momentum_flow": momentum_flow,
    "modified_flow": modified_flow,
    "low_resolution": low_resolution,
    "high_resolution": high_resolution,
}
_NORMS = {"euclidean": 2.0, "largest": math.inf}
# In their clock all runs end at the same time if the duration is a whole number.
LEARNING_RATES = tuple(2.0**-k for k in range(6, 11))
LEARNING_RATES_OF_ROOT_CLOCK = tuple(4.0**-k for k in range(4, 9))


@dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare` measured.

    Attributes
    ----------
    limits : tuple of Limit
        One for each learning rate, largest first.
    learning_rates : ndarray of shape (n,)
    sup, late, terminal : ndarray of shape (n,)
        Errors [length].
    duration, late_from : float
        Time of the limit's clock; late errors are from ``late_from`` on.
    """

    limits: tuple[Limit, ...]
    learning_rates: np.ndarray
    sup: np.ndarray
    late: np.ndarray
    terminal: np.ndarray
    duration: float
    late_from: float

    @cached_property
    def sup_order(self) -> OrderEstimate:
        """Order of the largest error."""
        return observed_order(self.learning_rates, self.sup)

    @cached_property
    def late_order(self) -> OrderEstimate:
        """Order of the largest error after the initial layer."""
        return observed_order(self.learning_rates, self.late)

    @cached_property
    def terminal_order(self) -> OrderEstimate:
        """Order of the error at the end."""
        return observed_order(self.learning_rates, self.terminal)

    @property
    def order(self) -> OrderEstimate:
        """The order where the limit says that it holds: everywhere, or after the initial layer."""
        return self.sup_order if self.limits[-1].holds == "everywhere" else self.late_order

    @property
    def expected(self) -> float:
        """What the limit says."""
        return self.limits[-1].order

    def __str__(self) -> str:
        limit = self.limits[-1]
        lines = [
            f"{type(limit.optimiser).__name__} against {limit.name}, {limit.source}",
            f"clock: {limit.time_per_step:g} a step at the smallest learning rate, "
            f"{self.duration:g} in all; late: from {self.late_from:g} on",
            f"initial layer: {limit.initial_layer}",
            f"range at the smallest learning rate: {limit.range}",
            f"{'learning rate':>14}{'sup':>12}{'late':>12}{'terminal':>12}",
        ]
        for row in zip(self.learning_rates, self.sup, self.late, self.terminal):
            lines.append(f"{row[0]:14.6g}{row[1]:12.4g}{row[2]:12.4g}{row[3]:12.4g}")
        low, high = self.order.interval()
        lines.append(
            f"order {self.order} ({limit.holds}), 95 % interval {low:.3f} … {high:.3f}, "
            f"expected {self.expected:g}"
        )
        return "\n".join(lines)


def iterate(optimiser: Optimiser, potential: Any, start: Any, n_steps: int) -> np.ndarray:
    """Positions of an optimiser without gradient noise, started at rest, in numpy.

    Parameters
    ----------
    optimiser : Optimiser
    potential : Potential
        Its gradient noise is left out.
    start : float or array_like of shape (dim,)
    n_steps : int
        >= 0.

    Returns
    -------
    ndarray of shape (n_steps + 1, dim)

    Raises
    ------
    TypeError, ValueError
        If the optimiser or the potential is none, the optimiser draws its own data, the start is
        not ``dim`` finite numbers, or n_steps < 0.
    """
    descent = Descent(plain(potential), optimiser)
    if not descent.is_noiseless:
        raise ValueError(f"{optimiser!r} draws its own data, so its path is random")
    n_steps = check_count("n_steps", n_steps, 0)
    scheme, gradient = optimiser.method(), descent.potential.gradient
    x = start_point(start, descent.potential)
    state = scheme.carried_state({"x": x, "p": np.zeros_like(x)}, gradient)
    path = np.empty((n_steps + 1, len(x)))
    path[0] = x
    numbers = scheme.coefficients(descent.at(0.0), 1.0)
    for step in range(n_steps):
        if descent.is_scheduled:
            numbers = scheme.coefficients(descent.at(float(step)), 1.0)
        state = scheme.step(state, np.zeros((0, *x.shape)), numbers, gradient)
        path[step + 1] = state["x"]
    return path


def compare(
    family: Callable[[float], Optimiser],
    limit: str | Callable[[Optimiser, Any], Limit],
    potential: Any,
    *,
    start: Any,
    duration: float = 1.0,
    learning_rates: Any = None,
    late_from: float | None = None,
    norm: str = "euclidean",
    **options: Any,
) -> Comparison:
    """Measure how fast a family of optimisers approaches a limit as the learning rate falls.

    Parameters
    ----------
    family : callable
        ``family(learning_rate) -> Optimiser``.
    limit : str or callable
        "gradient_flow", "momentum_flow", "modified_flow", "low_resolution", "high_resolution", or
        a function of (optimiser, potential) that returns a `Limit`.
    potential : Potential
        Its gradient noise is left out.
    start : float or array_like of shape (dim,)
    duration : float, optional
        > 0, in the time of the limit; runs end at the last whole step in it.
    learning_rates : array_like, optional
        Three or more, all different; by default 2^-6 to 2^-10, for the two resolutions, whose time
        is n sqrt(learning_rate), 4^-4 to 4^-8.
    late_from : float, optional
        In [0, duration): where the initial layer is over; by default the middle.
    norm : {"euclidean", "largest"}, optional
        Of the distance of two points: its length, or its largest coordinate.
    **options
        For the limit: ``velocity="published"``, ``coefficient=0.0``, ``curvature=...``; the range
        is judged by the largest curvature of the known minima, else at the start.

    Returns
    -------
    Comparison

    Warns
    -----
    OutsideRegimeWarning
        If the limit is outside its regime at the smallest learning rate too, so that the observed
        order need not be the one for learning rates towards 0.

    Raises
    ------
    ValueError, TypeError
        If the limit is unknown or has noise, the family is no function of the learning rate or
        ignores it, an argument is out of range, or a path is not finite.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> result = ll.limits.compare(
    ...     lambda rate: ll.momentum.HeavyBall(learning_rate=rate, momentum=0.5),
    ...     "modified_flow", ll.potentials.double_well(), start=[0.5])
    >>> low, high = result.order.interval()
    >>> low < 2.0 < high
    True
    """
    make = _limit_maker(limit, _with_curvature(options, limit, potential, start))
    if not callable(family) or isinstance(family, type):
        raise TypeError(
            f"family={family!r} must be a function of the learning rate, such as "
            "lambda rate: HeavyBall(learning_rate=rate, momentum=0.5)"
        )
    check_positive("duration", duration)
    late_from = 0.5 * duration if late_from is None else float(late_from)
    if not 0 <= late_from < duration:
        raise ValueError(f"late_from={late_from} must be >= 0 and < duration={duration}")
    if norm not in _NORMS:
        raise ValueError(f"norm={norm!r} must be one of {', '.join(map(repr, _NORMS))}")
    if learning_rates is None:
        root_clock = limit in ("low_resolution", low_resolution, "high_resolution", high_resolution)
        learning_rates = LEARNING_RATES_OF_ROOT_CLOCK if root_clock else LEARNING_RATES
    rates = _rates(learning_rates)
    limits, errors = [], []
    for rate in rates:
        made = _made(make, family(float(rate)), potential)
        limits.append(made)
        distances = _distances(made, potential, start, duration, _NORMS[norm])
        late = distances[made.times(np.arange(len(distances))) >= late_from * (1 - 1e-12)]
        if not late.size:
            raise ValueError(
                f"late_from={late_from:g} is after the last whole step of {made.time_per_step:g} "
                f"in duration={duration:g}; give an earlier one, or smaller learning rates"
            )
        errors.append((distances.max(), late.max(), distances[-1]))
    _check_limits(limits, rates)
    sup, late, terminal = np.array(errors).T
    return Comparison(tuple(limits), rates, sup, late, terminal, float(duration), late_from)


def _limit_maker(limit: Any, options: dict[str, Any]) -> Callable[[Optimiser, Any], Limit]:
    if callable(limit):
        return lambda optimiser, potential: limit(optimiser, potential, **options)
    if limit not in tuple(LIMITS):  # which takes what cannot be hashed
        raise ValueError(
            f"limit={limit!r} must be one of {', '.join(map(repr, LIMITS))}, or a function of "
            "optimiser and potential; a diffusion is compared in law, not along paths"
        )
    return lambda optimiser, potential: LIMITS[limit](optimiser, potential, **options)


def _with_curvature(options: dict[str, Any], limit: Any, potential: Any, start: Any) -> dict:
    """The options with the largest curvature at the start, where no other is known or given."""
    own = limit in tuple(LIMITS) or limit in tuple(LIMITS.values())
    if not own or "curvature" in options or not hasattr(potential, "max_curvature"):
        return options
    if potential.max_curvature() is not None:
        return options
    hessian = np.asarray(potential.hessian(np.atleast_1d(np.asarray(start, dtype=float))))
    largest = float(np.abs(np.linalg.eigvalsh(hessian)).max())
    return options | {"curvature": largest} if largest > 0 else options


def _made(make: Callable[[Optimiser, Any], Limit], optimiser: Any, potential: Any) -> Limit:
    """The limit of one optimiser, not yet warned about, if it has paths to compare with."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OutsideRegimeWarning)
        made = make(optimiser, potential)
    if not isinstance(made, Limit):
        raise TypeError(f"limit returned {made!r}, which is no Limit; see ll.limits.Limit")
    if made.holds == "in law":
        raise ValueError(
            f"limit={made.name!r} holds in law, not along paths; compare averages of runs: "
            "ll.simulate(made.dynamics, ...) and ll.simulate(potential, optimiser, ...)"
        )
    return made


def _check_limits(limits: list[Limit], rates: np.ndarray) -> None:
    """Raise if the rates made no difference; warn if the last limit is outside its regime."""
    last = limits[-1]
    if len({made.time_per_step for made in limits}) == 1:
        raise ValueError(
            f"family gives {last.optimiser!r} at all learning rates; let it use its argument"
        )
    for parameter in last.small_parameters:
        on_rate = "learning_rate" in parameter.formula
        parameter.check(
            f"the order of {last.name}: even at the smallest learning rate {rates[-1]:g} it",
            remedy="give smaller learning rates" if on_rate else "give momenta nearer to 1",
            stacklevel=4,
        )


def _rates(learning_rates: Any) -> np.ndarray:
    rates = np.sort(np.asarray(learning_rates, dtype=float).ravel())[::-1]
    good = np.isfinite(rates) & (rates > 0)
    if len(rates) < 3 or len(np.unique(rates)) < len(rates) or not good.all():
        raise ValueError(
            f"learning_rates={learning_rates!r} must be three or more different numbers > 0"
        )
    return rates


def _distances(
    limit: Limit, potential: Any, start: Any, duration: float, exponent: float
) -> np.ndarray:
    """Distance at every step."""
    # Whole steps that fit: up to rounding of the quotient.
    n_steps = int(np.floor(duration / limit.time_per_step * (1 + 1e-12)))
    if n_steps < 1:
        raise ValueError(
            f"duration={duration} is shorter than a step of {limit.time_per_step:g} of "
            f"{limit.optimiser!r}; give a longer one"
        )
    path = iterate(limit.optimiser, potential, start, n_steps)
    steps = np.arange(n_steps + 1)
    distance = np.linalg.norm(path - limit.path(start, steps), ord=exponent, axis=1)
    if not np.isfinite(distance).all():
        raise ValueError(
            f"{limit.optimiser!r} or its {limit.name} left all bounds before step "
            f"{int(np.argmin(np.isfinite(distance)))}; use smaller learning rates or another start"
        )
    return distance
