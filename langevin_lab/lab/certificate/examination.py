"""The examination: a table of checks, each with its domain, and the certificate that they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from langevin_lab.lab.certificate import (
    chain_checks,
    diffusion_checks,
    linear_checks,
    partition_checks,
    path_orders,
    reversal,
    step_checks,
)
from langevin_lab.lab.certificate.cost import nanoseconds_per_step
from langevin_lab.lab.certificate.energy import energy
from langevin_lab.lab.certificate.metropolis_checks import metropolis
from langevin_lab.lab.certificate.record import Certificate, Check
from langevin_lab.lab.certificate.subject import Subject, blocks_of
from langevin_lab.lab.errors import LabError

Reason = Callable[[Subject], str | None]


@dataclass(frozen=True)
class Examination:
    """One check of the table.

    Parameters
    ----------
    statement : str
        What stands in the certificate where the check does not apply.
    why_not : callable
        ``why_not(subject)``: the reason why the check does not apply, or None.
    run : callable
        ``run(subject)``: the lines of the certificate.
    """

    statement: str
    why_not: Reason
    run: Callable[[Subject], Iterable[Check]]

    def __call__(self, subject: Subject) -> list[Check]:
        """The lines, or one that says why there are none."""
        reason = self.why_not(subject)
        if reason:
            return [Check(self.statement, "", reason, "does not apply")]
        return list(self.run(subject))


def _no_rejection(subject: Subject) -> str | None:
    return subject.why_unknown or (
        None if subject.why_rejecting else "every step is taken: the law has a bias"
    )


def _not_linear(subject: Subject) -> str | None:
    return subject.why_not_linear


def _no_law(subject: Subject) -> str | None:
    return subject.why_not_linear or (None if subject.is_noisy else "no noise: no stationary law")


def _no_field(subject: Subject) -> str | None:
    return subject.why_unknown or subject.why_rejecting


def _no_momenta(subject: Subject) -> str | None:
    return _no_field(subject) or (None if subject.has_momenta else "no momenta")


def _no_reference(subject: Subject) -> str | None:
    return _no_field(subject) or (
        "no weak reference with a moving thermostat"
        if subject.program.thermostats
        else "blocks: see the law at time 1"
        if subject.equation == "partitioned"
        else None
    )


def _no_invariant_study(subject: Subject) -> str | None:
    return _no_reference(subject) or (None if subject.is_noisy else "no noise: no stationary law")


def _no_balance(subject: Subject) -> str | None:
    return _no_momenta(subject) or (
        _no_flow(subject) if subject.equation == "partitioned" else None
    )


def _not_noisy(subject: Subject) -> str | None:
    return None if subject.is_noisy else "no noise: no stationary law"


def _no_thermostat(subject: Subject) -> str | None:
    if subject.equation == "partitioned":
        return "blocks: below"
    return _no_field(subject) or (None if subject.program.thermostats else "no thermostat")


def _no_flow(subject: Subject) -> str | None:
    overdamped = any(equation == "overdamped" for _, equation in blocks_of(subject.method))
    return "overdamped blocks draw their momenta anew" if overdamped else None


def _always(subject: Subject) -> None:
    """Within the domain of its equation."""


# The checks without studies, in the order of the certificate.
EXAMINATIONS: tuple[Examination, ...] = (
    Examination("Gibbs law kept", _no_rejection, metropolis),
    Examination("gradients and normals a step", _no_field, step_checks.cost),
    Examination("rest at the minimum, without noise", _no_field, step_checks.rest),
    Examination("small step against the equation", _no_field, step_checks.vector_field),
    Examination("linear on a harmonic well", _not_linear, linear_checks.linearity),
    Examination("free flight", _not_linear, linear_checks.free_flight),
    Examination("stability limit", _not_linear, linear_checks.stability),
    Examination("orders of linear laws", _not_linear, linear_checks.orders_of_linear_laws),
    Examination("harmonic <x^2>", _no_law, linear_checks.position_variance),
    Examination("step, flip p, step, flip p", _no_balance, reversal.step_reversal),
    Examination("detailed balance", _no_law, reversal.process_reversal),
    Examination("heat + shadow work = energy", _no_balance, energy),
    Examination(
        "order of the flow, thermostat moving", _no_thermostat, path_orders.moving_thermostat
    ),
)

# An equation whose noise depends on the position has none of these, but its own.
DIFFUSION_EXAMINATIONS: tuple[Examination, ...] = (
    Examination("gradients and normals a step", _always, diffusion_checks.cost),
    Examination("small step against the equation", _always, diffusion_checks.small_step),
    Examination("geometric, a step", _always, diffusion_checks.geometric_step),
    Examination("stability limit", _always, diffusion_checks.stability),
    Examination("mixed noise, <x^2>", _always, diffusion_checks.stationary_square),
)

# What follows for one equation alone.
SPECIAL_EXAMINATIONS: dict[str, tuple[Examination, ...]] = {
    "nose_hoover": (
        Examination("stability limit", _always, chain_checks.stability),
        Examination("extended energy", _always, chain_checks.extended_energy),
    ),
    "partitioned": (
        Examination("order of the nonlinear flow", _no_flow, path_orders.moving_thermostat),
        Examination("stability limit", _always, partition_checks.stability),
        Examination("coupled wells at time 1", _always, partition_checks.law_at_time),
        Examination("coupled wells <x x>", _not_noisy, partition_checks.stationary_law),
    ),
}


def certificate(
    method: Any,
    *,
    equation: str | None = None,
    orders: bool = True,
    cost: bool = False,
) -> Certificate:
    """Check a method's record against its own step.

    Parameters
    ----------
    method : str or Method
        A splitting word, a method's name or a Method.
    equation : str, optional
        Which variant, where a name has several: "langevin", "overdamped", "adaptive", "ito",
        "nose_hoover" or "partitioned"; of the last three, a small example (`specimen`).
    orders : bool, optional
        Whether to measure strong, weak and configurational orders, which takes a second or two.
    cost : bool, optional
        Whether to compile the kernel, which takes seconds, and time it.

    Returns
    -------
    Certificate
        Checks that are outside their domain say so; `Certificate.passed` tells whether none is
        refuted.

    Raises
    ------
    LabError
        If the name is unknown, or no check applies to the method.

    Examples
    --------
    >>> from langevin_lab.integrators import certificate
    >>> certificate("BAOAB", orders=False).passed
    True
    """
    from langevin_lab import integrators

    try:
        scheme = integrators.specimen(method, equation=equation)
    except (TypeError, ValueError) as error:
        raise LabError(str(error)) from error
    subject = Subject(scheme)
    table = EXAMINATIONS + SPECIAL_EXAMINATIONS.get(subject.equation, ())
    if subject.equation == "ito":
        table = DIFFUSION_EXAMINATIONS
    checks = [check for examination in table for check in examination(subject)]
    studies: list[Any] = []
    if orders:
        more, studies = _measured_orders(subject)
        checks += more
    if not any(check.applies for check in checks):
        raise LabError(
            f"no check applies to method={scheme.name!r}, equation={subject.equation!r} "
            f"({checks[0].found}): add the equation to DYNAMICS in "
            "langevin_lab/lab/certificate/subject.py"
        )
    return Certificate(
        scheme.properties,
        tuple(checks),
        method=scheme,
        law=linear_checks.harmonic_law(subject),
        studies=tuple(studies),
        nanoseconds=nanoseconds_per_step(subject) if cost else None,
    )


def _measured_orders(subject: Subject) -> tuple[list[Check], list[Any]]:
    """The checks of the three orders, and the studies behind them."""
    if subject.equation == "ito":
        return diffusion_checks.measured_orders(subject)
    checks, studies = [], []
    reason = _no_field(subject)
    if reason:
        checks.append(Check("strong order", "", reason, "does not apply"))
    else:
        study = path_orders.strong_study(subject)
        checks.append(path_orders.study_check(study))
        studies.append(study)
    reason = _no_reference(subject)
    if reason:
        checks.append(Check("weak order", "", reason, "does not apply"))
    else:
        several = path_orders.weak_studies(subject)
        checks.append(path_orders.weak_check(several))
        studies += several
    reason = _no_invariant_study(subject)
    if reason:
        checks.append(Check("configurational order", "", reason, "does not apply"))
    else:
        study = path_orders.invariant_study(subject)
        checks.append(path_orders.study_check(study))
        studies.append(study)
    return checks, studies
