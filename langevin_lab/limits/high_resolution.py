"""ODEs for Nesterov's method and the heavy ball near momentum 1.

The time is t = n sqrt(s), s = learning_rate. For a fixed momentum the friction is
``2 (1 - momentum)/((1 + momentum) sqrt(s))``: 2 sqrt(m) on an m-strongly convex loss at the
momentum (1 - sqrt(m s))/(1 + sqrt(m s)). With c = 1 + friction sqrt(s)/2

    low resolution, both methods    x'' + friction x' + grad U = 0
    high resolution, heavy ball     x'' + friction x' + c grad U = 0
    high resolution, Nesterov       x'' + friction x' + sqrt(s) U'' x' + c grad U = 0

For the sequence (n - 1)/(n + r - 1) of momenta

    low resolution      x'' + (r/t) x' + grad U = 0
    high resolution     x'' + (r/t) x' + sqrt(s) U'' x' + (1 + r sqrt(s)/(2 t)) grad U = 0

where in the second step n stands at (n + r/2 - 1) sqrt(s): only there no other term of order
sqrt(s) is left. (The looked-ahead points, of which the source speaks, stand one step later.)

Only the term sqrt(s) U'' x', a damping by the Hessian, tells Nesterov from the heavy ball.
Source: Su, Boyd and Candes (2016); Shi, Du, Jordan and Su (2021).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np

from langevin_lab.dynamics import InertialFlow, Langevin
from langevin_lab.limits.flows import VELOCITIES, plain
from langevin_lab.limits.limit import Limit, constants, largest_curvature
from langevin_lab.limits.regime import SmallParameter
from langevin_lab.momentum import HeavyBall, Nesterov, NesterovSequence, Optimiser

_FORMS = ("heavy_ball", "nesterov")
_LAYER = "none: both modes are slow; the first step fixes the initial velocity"


@dataclass(frozen=True, kw_only=True)
class InverseTime:
    """Schedule ``constant + slope/(time + offset)``: the friction r/t of Nesterov's sequence.

    Parameters
    ----------
    slope : float
    offset : float
        > 0: where the clock starts.
    constant : float, optional
    """

    slope: float
    offset: float
    constant: float = 0.0

    def __call__(self, time):
        """Value at ``time`` (scalar or array)."""
        return self.constant + self.slope / (np.asarray(time, dtype=float) + self.offset)


def low_resolution(optimiser: Optimiser, potential: Any, *, curvature: Any = None) -> Limit:
    """ODE of leading order: ``x'' + friction x' + grad U = 0``, the same for both methods.

    Parameters
    ----------
    optimiser : HeavyBall or Nesterov
        With constant numbers, or Nesterov with a `NesterovSequence`: then friction is r/t.
    potential : Potential
        Its gradient noise is left out.
    curvature : float, optional
        As `gradient_flow`.

    Returns
    -------
    Limit
        Of order 1/2 in the learning rate for a fixed momentum, that is 1 in a step of its clock.

    Warns
    -----
    OutsideRegimeWarning
        If learning_rate curvature > 0.1, or for a fixed momentum if 1 - momentum > 0.3.

    Raises
    ------
    TypeError, ValueError
        If the optimiser is neither HeavyBall nor Nesterov, or follows another schedule.

    Source
    ------
    Su, Boyd and Candes (2016), eq. (3) [SBC16]; Polyak (1964).
    """
    clean = plain(potential)
    if _is_sequence(optimiser):
        return _of_sequence(optimiser, clean, curvature, high=False).check(stacklevel=3)
    step, friction, small = _fixed(optimiser, potential, curvature)
    limit = Limit(
        name="low_resolution",
        optimiser=optimiser,
        dynamics=Langevin(clean, temperature=0.0, friction=friction),
        time_per_step=step,
        order=0.5,
        holds="everywhere",
        initial_layer=_LAYER,
        small_parameters=small,
        source="Polyak (1964); Su, Boyd and Candes (2016)",
        velocity=lambda x: np.zeros_like(np.asarray(x, dtype=float)),
    )
    return limit.check(stacklevel=3)


def high_resolution(
    optimiser: Optimiser,
    potential: Any,
    *,
    form: str | None = None,
    velocity: str = "matched",
    curvature: Any = None,
) -> Limit:
    """ODE that keeps the terms of order sqrt(learning_rate), which tell the methods apart.

    Parameters
    ----------
    optimiser, potential, curvature
        As `low_resolution`.
    form : {"heavy_ball", "nesterov"}, optional
        Whose ODE, without or with damping by the Hessian; by default that of the optimiser.
    velocity : {"matched", "published"}, optional
        x'(0) for a first step x_1 = x_0 - s grad U(x_0): ``-(sqrt(s)/2) grad U`` is what the step
        makes it, to O(s); the published ``-2 sqrt(s)/(1 + sqrt(m s)) grad U`` belongs to a first
        step 2 s/(1 + sqrt(m s)).

    Returns
    -------
    Limit
        Of order 1 in the learning rate from the matched velocity, else 1/2.

    Warns
    -----
    OutsideRegimeWarning
        As `low_resolution`.

    Raises
    ------
    TypeError, ValueError
        As `low_resolution`; if form or velocity is unknown, or one is given for a sequence.

    Source
    ------
    Shi, Du, Jordan and Su (2021), eq. (1.10) to (1.12) [SDJS21].

    Examples
    --------
    >>> import langevin_lab as ll
    >>> nag = ll.momentum.Nesterov(learning_rate=1e-4, momentum=0.98)
    >>> ll.limits.high_resolution(nag, ll.potentials.harmonic()).dynamics.hessian_damping
    0.01
    """
    for name, value, known in (("form", form, _FORMS), ("velocity", velocity, VELOCITIES)):
        if value is not None and value not in known:
            raise ValueError(f"{name}={value!r} must be one of {known}")
    clean = plain(potential)
    if _is_sequence(optimiser):
        if form is not None or velocity != "matched":
            raise ValueError(
                f"form={form!r}, velocity={velocity!r} are for a fixed momentum; leave them out"
            )
        return _of_sequence(optimiser, clean, curvature, high=True).check(stacklevel=3)
    step, friction, small = _fixed(optimiser, potential, curvature)
    if form is None:
        form = "nesterov" if isinstance(optimiser, Nesterov) else "heavy_ball"
    half = 0.5 * friction * step
    if form == "nesterov":
        dynamics: Any = InertialFlow(
            clean, friction=friction, hessian_damping=step, force_scale=1.0 - half
        )
    else:
        dynamics = Langevin(clean, temperature=0.0, friction=friction, mass=1.0 / (1.0 + half))
    factor = 0.5 * step if velocity == "matched" else 2.0 * step / (1.0 + half)
    limit = Limit(
        name=f"high_resolution, {form}",
        optimiser=optimiser,
        dynamics=dynamics,
        time_per_step=step,
        order=1.0 if velocity == "matched" and _fits(form, optimiser) else 0.5,
        holds="everywhere",
        initial_layer=_LAYER,
        small_parameters=small,
        source="Shi, Du, Jordan and Su (2021)",
        velocity=lambda x: -factor * clean.gradient(x),
    )
    return limit.check(stacklevel=3)


def _fits(form: str, optimiser: Optimiser) -> bool:
    return (form == "nesterov") == isinstance(optimiser, Nesterov)


def _is_sequence(optimiser: Any) -> TypeGuard[Nesterov]:
    return isinstance(optimiser, Nesterov) and isinstance(optimiser.momentum, NesterovSequence)


def _fixed(
    optimiser: Any, potential: Any, curvature: Any
) -> tuple[float, float, tuple[SmallParameter, ...]]:
    """(sqrt(learning_rate), friction, small parameters) of a fixed momentum."""
    rate, momentum, _ = constants(optimiser)
    if not isinstance(optimiser, (HeavyBall, Nesterov)):
        raise TypeError(f"{optimiser!r} has no such ODE: give a HeavyBall or a Nesterov")
    small = [
        SmallParameter(
            name="distance of the momentum from 1", formula="1 - momentum",
            value=1.0 - momentum, limit=0.3,
        )
    ]  # fmt: skip
    small += _curvature_parameter(rate, potential, curvature)
    step = math.sqrt(rate)
    return step, 2.0 * (1.0 - momentum) / ((1.0 + momentum) * step), tuple(small)


def _curvature_parameter(rate: float, potential: Any, curvature: Any) -> list[SmallParameter]:
    largest = largest_curvature(potential, curvature)
    if largest is None:
        return []
    return [
        SmallParameter(
            name="curvature in one step", formula="learning_rate curvature",
            value=rate * largest, limit=0.1,
        )
    ]  # fmt: skip


def _of_sequence(optimiser: Nesterov, potential: Any, curvature: Any, *, high: bool) -> Limit:
    """The ODE of Nesterov's sequence, from the first time on at which it is regular.

    Low resolution: near t = 0 the solution from rest is x(0) - t^2/(2 (1 + r)) grad U, to O(t^4),
    which a start at a hundredth of a step uses. High resolution: from r sqrt(s)/2 on, where its
    force scale in the first-order form is 0: step 1 stands there, with x' = -sqrt(s) grad U, that
    is p = 0.
    """
    if callable(optimiser.learning_rate):
        raise ValueError(f"{optimiser!r} follows a schedule of learning_rate; give a number")
    step = math.sqrt(optimiser.learning_rate)
    resistance = float(optimiser.momentum.resistance)  # type: ignore[union-attr]
    if high:
        first = 0.5 * resistance * step
        dynamics: Any = InertialFlow(
            potential,
            friction=InverseTime(slope=resistance, offset=first),
            hessian_damping=step,
            force_scale=InverseTime(slope=-first, offset=first, constant=1.0),
        )
        factor, fall = step, step**2
    else:
        first = 0.01 * step
        dynamics = Langevin(
            potential, temperature=0.0, friction=InverseTime(slope=resistance, offset=first)
        )
        factor = first / (1.0 + resistance)
        fall = 0.5 * first * factor
    return Limit(
        name="high_resolution" if high else "low_resolution",
        optimiser=optimiser,
        dynamics=dynamics,
        time_per_step=step,
        order=1.0 if high else 0.5,
        holds="everywhere",
        initial_layer=_LAYER,
        small_parameters=tuple(
            _curvature_parameter(float(optimiser.learning_rate), potential, curvature)
        ),
        source="Shi, Du, Jordan and Su (2021)" if high else "Su, Boyd and Candes (2016), eq. (3)",
        velocity=lambda x: -factor * potential.gradient(x),
        first_time=first,
        time_of_start=first - step if high else 0.0,
        offset=lambda x: -fall * potential.gradient(x),
    )
