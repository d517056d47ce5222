"""Convergence of a method measured: strong, weak or stationary order, an interval, a verdict.

    strong      sqrt(E |z_h(T) - z(T)|^2)     z the state at the end, both along the same path
    weak        |E f(z_h(T)) - E f(z(T))|
    invariant   |<f>_h - <f>|                  stationary averages

Errors come without sampling where the laws are known (`exact_errors`), else from runs coupled to an
accurate reference along the same Brownian paths (`coupled_runs`); `ConvergenceStudy.how` says
which.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from langevin_lab.dynamics import AdaptiveLangevin, GradientFlow, Langevin, Overdamped
from langevin_lab.dynamics.schedules import check_positive
from langevin_lab.ensemble.checks import check_count, check_seed
from langevin_lab.evidence.claim import Claim
from langevin_lab.evidence.coupled_runs import (
    Measure,
    coupled_differences,
    observable_difference,
    squared_distance,
)
from langevin_lab.evidence.estimate import Estimate
from langevin_lab.evidence.exact_errors import ExactErrors, invariant_errors, weak_errors
from langevin_lab.evidence.observables import state_observable
from langevin_lab.evidence.observed_order import OrderEstimate, order
from langevin_lab.evidence.path_normals import PathNormal, are_guessed
from langevin_lab.evidence.prediction import Order
from langevin_lab.evidence.sampled_errors import (
    LEAST_PATHS,
    LEAST_STEPS,
    MeasuredErrors,
    longest_run,
    measured_errors,
)
from langevin_lab.integrators import Method
from langevin_lab.integrators import method as find_method

Kind = Literal["strong", "weak", "invariant"]

_COUNTS = {
    "strong": (16, 32, 64, 128, 256),
    "weak": (4, 6, 8, 12, 16),
    "invariant": (4, 6, 8, 12, 16),
}
_RECORDS = {
    "strong": "strong_order",
    "weak": "weak_order",
    "invariant": "configurational_order",
}
# Weak errors of order 2 are small beside the reference's own at the same step.
_CELLS_PER_STEP = {"strong": 8, "weak": 32, "invariant": 32}
_LEVEL = 0.05
_CLEAR = 10.0  # an error without sampling counts if it is this often its numerical error


@dataclass(frozen=True)
class ConvergenceStudy:
    """What `convergence` measured.

    Attributes
    ----------
    method : str
    kind : str
        "strong", "weak" or "invariant".
    steps : tuple of float
        Coarsest first.
    errors : tuple of Estimate or None
        Sizes; None where a run diverged or the scheme has no stationary law.
    used : tuple of bool
        Which steps the order is read from.
    order : OrderEstimate or None
        None if the data give none: see `reason`.
    expected : float
    how : str
        Where the errors come from.
    source : str
        Of the expected order.
    """

    method: str
    kind: Kind
    steps: tuple[float, ...]
    errors: tuple[Estimate | None, ...]
    used: tuple[bool, ...]
    order: OrderEstimate | None
    expected: float
    how: str
    source: str

    @property
    def claim(self) -> Claim:
        """The expected order held against the observed one, half-integers its neighbours.

        Raises
        ------
        ValueError
            If the data give no order.
        """
        if self.order is None:
            raise ValueError(f"{self.method}, {self.kind}: {self.reason}")
        statement = f"{self.method}: {self.kind} order"
        return Claim(statement, self.source, Order(self.expected, spacing=0.5), self.order)

    @property
    def verdict(self) -> str:
        """ "consistent", "refuted" or "inconclusive" at 95 %, as `convergence` defines them."""
        if self.order is None:
            return "inconclusive"
        return self.claim.verdict(false_alarm_rate=_LEVEL).outcome

    @property
    def reason(self) -> str:
        """One sentence that justifies the verdict."""
        if self.order is not None:
            return self.claim.verdict(false_alarm_rate=_LEVEL).reason
        if sum(self.used) < LEAST_STEPS:
            return (
                f"only {sum(self.used)} of {len(self.steps)} steps have an error that can be told "
                f"from noise and rounding, {LEAST_STEPS} are needed: give more paths or other steps"
            )
        return f"an interval needs n_paths >= {LEAST_PATHS}: give more paths"

    def __str__(self) -> str:
        lines = [f"{self.method}: {self.kind} order ({self.how})", f"{'step':>10}  error"]
        for step, error, used in zip(self.steps, self.errors, self.used):
            shown = "none" if error is None else f"{error.value:.4g} ± {error.stderr:.1g}"
            lines.append(f"{step:10.4g}  {shown}{'' if used else '   not used'}")
        if self.order is not None:
            low, high = self.order.interval()
            lines.append(f"order {self.order}, 95 % interval {low:.3f} … {high:.3f}")
        lines.append(f"expected {self.expected:g}: {self.verdict}; {self.reason}")
        return "\n".join(lines)


def convergence(
    method: str | Method,
    dynamics: Any,
    kind: Kind = "strong",
    *,
    steps: Any = None,
    duration: float = 1.0,
    observable: str | Callable[..., Any] = "x**2",
    start: float | Mapping[str, Any] = 0.5,
    n_paths: int = 2000,
    seed: int = 1,
    expected: float | None = None,
    noise: Mapping[str, PathNormal] | None = None,
) -> ConvergenceStudy:
    """Measure an order of convergence and hold it against the expected one.

    Parameters
    ----------
    method : str or Method
    dynamics : Overdamped, Langevin, AdaptiveLangevin or GradientFlow
        Constant temperature and finite friction; smooth potential without gradient noise. Errors
        with a thermostat are always sampled.
    kind : {"strong", "weak", "invariant"}, optional
        Root mean square distance at the end; error of an expectation at the end; bias of a
        stationary average.
    steps : array_like, optional
        Three or more different steps, each a whole fraction of the duration; by default the 16th to
        256th part of it (strong), else its 4th to 16th. Five or more give a narrow interval.
    duration : float, optional
        > 0 [time]. For a sampled "invariant" study the first half must be many relaxation times:
        averages are taken over the second.
    observable : str or callable, optional
        See `state_observable`; not used by "strong".
    start : float or mapping, optional
        Where all paths start: one number for all of the state, or ``{"x": ..., "p": ...}``, each a
        number or of shape (dim,); a thermostat ``"xi"`` of shape (1,).
    n_paths : int, optional
        >= 1; fewer than 20 give no interval, 1 is enough without noise.
    seed : int, optional
        Names the paths.
    expected : float, optional
        By default what the method's record says.
    noise : mapping, optional
        Which functional of the path each normal of the method stands for, see `path_normals`; by
        default what the method says, else increments of equal parts of the step, which `how` then
        states. Orders above 1 of paths need more than increments.

    Returns
    -------
    ConvergenceStudy
        Its verdict is "consistent" if the 95 % interval of the order, bias bounds included, holds
        the expected order and excludes the neighbouring half-integers; "refuted" if it does not
        hold the expected order; else, or if fewer than three steps or 20 paths can be used,
        "inconclusive".

    Raises
    ------
    TypeError
        If the dynamics is another, the observable neither text nor function, or a count or number
        is none.
    ValueError
        If an argument is out of range, a step no whole fraction of the duration, the gradient is
        drawn, the record says no order or that there is no bias, or an order of paths above 1 is
        expected of several normals that nothing is said about.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> well = ll.Overdamped(ll.potentials.harmonic(), temperature=1.0)
    >>> study = convergence("EulerMaruyama", well, "weak")
    >>> study.verdict, study.how
    ('consistent', 'Gaussian laws, without sampling')
    """
    if kind not in _COUNTS:
        raise ValueError(f"kind={kind!r} must be one of {', '.join(map(repr, _COUNTS))}")
    if not isinstance(dynamics, (GradientFlow, Overdamped, Langevin, AdaptiveLangevin)):
        raise TypeError(
            f"dynamics={type(dynamics).__name__} has no reference solution here; "
            "use a GradientFlow, Overdamped, Langevin or AdaptiveLangevin"
        )
    scheme = find_method(method, equation=dynamics.equation)
    scheme.check(dynamics)
    _check_reference(dynamics)
    n_paths, seed = check_count("n_paths", n_paths, 1), check_seed(seed)
    expected = _expected(scheme, kind, expected)
    guessed = kind == "strong" and not dynamics.is_noiseless and are_guessed(scheme, noise)
    if guessed and expected > 1:
        raise ValueError(
            f"method={scheme.name!r} draws {scheme.n_normals} normals and does not say what they "
            f"stand for; increments of the path have no strong order {expected:g}: give noise=, or "
            "path_normals of the Method"
        )
    counts = step_counts(kind, steps, duration)
    sizes = duration / np.array(counts)
    begin = _start(start, scheme, dynamics)
    exact: ExactErrors | None = None
    measure: Measure = squared_distance
    knows_law = scheme.properties.linear and dynamics.equation != "adaptive"
    if kind != "strong":
        f = state_observable(observable, dynamics)
        if knows_law and kind == "weak":
            exact = weak_errors(scheme, dynamics, f, counts, duration, begin)
        elif knows_law:
            exact = invariant_errors(scheme, dynamics, f, sizes)
        measure = observable_difference(f, last_only=kind == "weak")
    if exact is not None:
        measured, how = _from_exact(sizes, exact), exact.how
    else:
        differences = coupled_differences(
            scheme, dynamics, measure, counts=counts, duration=duration, start=begin,
            n_paths=n_paths, seed=seed, cells_per_step=_CELLS_PER_STEP[kind], noise=noise,
        )  # fmt: skip
        measured = measured_errors(sizes, differences, squared=kind == "strong")
        how = f"{n_paths} paths coupled to a reference"
        if guessed:
            how += ", normals taken as increments of equal parts of the step"
    return ConvergenceStudy(
        scheme.name, kind, tuple(float(h) for h in sizes), measured.errors, measured.used,
        measured.order, expected, how, scheme.properties.source,
    )  # fmt: skip


def _check_reference(dynamics: Any) -> None:
    """Raise ValueError unless the equation has constant finite numbers and its true gradient."""
    from langevin_lab.exact.requirements import require_true_gradient

    if dynamics.is_scheduled:
        names = " and ".join(dynamics.scheduled)
        verb = "are schedules" if len(dynamics.scheduled) > 1 else "is a schedule"
        raise ValueError(f"{names} {verb}: orders are measured at constant numbers")
    if dynamics.equation == "langevin" and not np.isfinite(dynamics.friction).all():
        raise ValueError(
            f"friction={dynamics.friction} has no path to compare with; use a finite friction, or "
            "Overdamped"
        )
    require_true_gradient(dynamics)


def _expected(scheme: Method, kind: Kind, given: Any) -> float:
    """The order to hold the observed one against, from the record unless it is given."""
    if given is not None:
        check_positive("expected", given)
        return float(given)
    recorded = float(getattr(scheme.properties, _RECORDS[kind]))
    if math.isnan(recorded):
        raise ValueError(f"{scheme.name} records no {_RECORDS[kind]}: give expected=")
    if math.isinf(recorded):
        raise ValueError(
            f"{scheme.name} keeps the stationary law at any step, so its bias has no order to "
            "measure; use kind='strong' or 'weak'"
        )
    return recorded


def step_counts(kind: str, steps: Any, duration: float) -> tuple[int, ...]:
    """Steps in the duration, coarsest first."""
    check_positive("duration", duration)
    if steps is None:
        return _COUNTS[kind]
    sizes = np.asarray(steps, dtype=float)
    if sizes.ndim != 1 or not (np.isfinite(sizes).all() and (sizes > 0).all()):
        raise ValueError(f"steps={steps!r} must be numbers > 0 (time)")
    ratios = duration / sizes
    counts = np.rint(ratios)
    if (np.abs(ratios - counts) > 1e-9 * ratios).any() or (counts < 1).any():
        raise ValueError(
            f"steps={sizes.tolist()} must each divide duration={duration:g}, as duration/16"
        )
    if len(set(counts)) < max(len(counts), LEAST_STEPS):
        raise ValueError(f"steps={sizes.tolist()}: give {LEAST_STEPS} or more different steps")
    return tuple(sorted(int(count) for count in counts))


def _start(start: Any, scheme: Method, dynamics: Any) -> dict[str, np.ndarray]:
    # What a program says of its last step, as whether it was accepted, is no part of a path.
    names = tuple(name for name in scheme.state_names if name not in scheme.program.outcomes)
    values = start if isinstance(start, Mapping) else dict.fromkeys(names, start)
    if set(values) != set(names):
        raise ValueError(f"start names {sorted(values)}, but the state is {list(names)}")
    state = {}
    for name in names:
        array = np.asarray(values[name], dtype=float)
        size = 1 if name in scheme.program.thermostats else dynamics.dim
        if array.shape not in ((), (size,)) or not np.isfinite(array).all():
            raise ValueError(
                f"start of {name} is {values[name]!r}: give a finite number or shape ({size},)"
            )
        state[name] = np.broadcast_to(array, (size,))
    return state


def _from_exact(sizes: np.ndarray, exact: ExactErrors) -> MeasuredErrors:
    """Order of errors without sampling; their numerical error enters its bias bound."""
    known = np.isfinite(exact.errors)
    errors = tuple(Estimate.exact(abs(e)) if ok else None for e, ok in zip(exact.errors, known))
    with np.errstate(invalid="ignore"):
        seen = known & (np.abs(exact.errors) > _CLEAR * exact.bounds)
    used = longest_run(seen, np.sign(exact.errors))
    marks = tuple(bool(u) for u in used)
    if used.sum() < LEAST_STEPS:
        return MeasuredErrors(errors, marks, None)
    h, e = sizes[used], np.abs(exact.errors[used])
    slope = order(h, e)
    changes = [order(h, e + shift).value - slope.value for shift in np.diag(exact.bounds[used])]
    bound = slope.bias_bound + float(np.abs(changes).sum())
    return MeasuredErrors(errors, marks, replace(slope, bias_bound=bound))
