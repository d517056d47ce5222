"""Limits of fixed-momentum methods at small learning rates: flow, momentum ODE, modified loss.

For p = momentum p - learning_rate grad U(x + look_ahead p), x = x + p, in the time
t = n learning_rate, with inertia = (1 + momentum - 2 look_ahead (1 - momentum))/2:

    gradient flow     (1 - momentum) x' = -grad U(x)                                 order 1
    momentum flow     learning_rate inertia x'' + (1 - momentum) x' = -grad U(x)     order 1,
                      2 after the initial layer from the matched velocity
    modified flow     (1 - momentum) x' = -grad (U + c |grad U|^2)                   order 2,
                      c = learning_rate inertia/(2 (1 - momentum)^2), after the initial layer

The orders 2 hold for PyTorch's SGD too: its undampened first step counts in the start, and its
nesterov, which stores x + look_ahead p, stands on the same path ``momentum`` steps later.

Source: Kovachki and Stuart (2021), theorems on the three limits; the coefficient c is derived here
and by `modified_equation`, and is not the one often quoted (see the mathematics).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from langevin_lab.dynamics import Langevin, Overdamped
from langevin_lab.limits.dictionary import CONVENTIONS
from langevin_lab.limits.limit import Limit, constants, lag, largest_curvature, lead
from langevin_lab.limits.regime import SmallParameter
from langevin_lab.momentum import Optimiser

VELOCITIES = ("matched", "published")
_SOURCE = "Kovachki and Stuart (2021)"
_LAYER = "the displacement grows from 0 to that of the slow manifold, its distance as momentum^n"


def inertia(optimiser: Optimiser) -> float:
    """``(1 + momentum - 2 look_ahead (1 - momentum))/2``, the alpha of the momentum flow.

    Parameters
    ----------
    optimiser : Optimiser
        With constant numbers.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> ll.limits.inertia(ll.momentum.HeavyBall(learning_rate=0.1, momentum=0.5))
    0.75
    """
    _, momentum, look_ahead = constants(optimiser)
    return 0.5 * (1.0 + momentum - 2.0 * look_ahead * (1.0 - momentum))


def separation(potential: Any, optimiser: Optimiser, curvature: Any) -> tuple[SmallParameter, ...]:
    """The ratio of the clocks of the fast and the slow mode, which every limit needs small."""
    rate, momentum, look_ahead = constants(optimiser)
    largest = largest_curvature(potential, curvature)
    if largest is None:
        return ()
    return CONVENTIONS["gradient_flow"].regime(
        learning_rate=rate, momentum=momentum, look_ahead=look_ahead, curvature=largest
    )


def gradient_flow(optimiser: Optimiser, potential: Any, *, curvature: Any = None) -> Limit:
    """Rescaled gradient flow ``(1 - momentum) x' = -grad U(x)``, t = n learning_rate.

    Parameters
    ----------
    optimiser : Optimiser
        With constant numbers.
    potential : Potential
        Its gradient noise is left out.
    curvature : float, optional
        The largest of the region of interest, for the range of validity; by default that of the
        known minima.

    Returns
    -------
    Limit
        Of order 1 everywhere.

    Warns
    -----
    OutsideRegimeWarning
        If learning_rate curvature inertia/(1 - momentum)^2 > 0.1.

    Raises
    ------
    TypeError, ValueError
        If the optimiser is none, follows a schedule or decays weights; if the potential is none;
        if curvature is not > 0.

    Source
    ------
    Kovachki and Stuart (2021), the first limit [KS21].

    Examples
    --------
    >>> import langevin_lab as ll
    >>> hb = ll.momentum.HeavyBall(learning_rate=0.01, momentum=0.5)
    >>> limit = ll.limits.gradient_flow(hb, ll.potentials.harmonic())
    >>> limit.dynamics.friction, limit.time_per_step
    (0.5, 0.01)
    """
    rate, momentum, _ = constants(optimiser)
    limit = Limit(
        name="gradient_flow",
        optimiser=optimiser,
        dynamics=Overdamped(plain(potential), temperature=0.0, friction=1.0 - momentum),
        time_per_step=rate,
        order=1.0,
        holds="everywhere",
        initial_layer=_LAYER if momentum else "none",
        small_parameters=separation(potential, optimiser, curvature),
        source=f"{_SOURCE}, first limit",
    )
    return limit.check(stacklevel=3)


def momentum_flow(
    optimiser: Optimiser, potential: Any, *, velocity: str = "matched", curvature: Any = None
) -> Limit:
    """Momentum ODE ``learning_rate inertia x'' + (1 - momentum) x' = -grad U(x)``.

    It is `Langevin` dynamics at temperature 0 of mass learning_rate inertia.

    Parameters
    ----------
    optimiser, potential, curvature
        As `gradient_flow`.
    velocity : {"matched", "published"}, optional
        x'(0) = v F(x(0)): ``v = (inertia - momentum)/(inertia (1 - momentum))``, without
        dampening, leaves the offset that the first steps leave;
        ``v = (1 - 2 inertia)/(2 inertia - momentum + 1)`` is a published choice, known at second
        hand.

    Returns
    -------
    Limit
        Of order 1 at the start, from the matched velocity of order 2 after the initial layer.

    Warns
    -----
    OutsideRegimeWarning
        If learning_rate curvature > 0.1: the ODE follows oscillations of the heavy ball, but not
        steps that are long beside them.

    Raises
    ------
    TypeError, ValueError
        As `gradient_flow`; if velocity is unknown, or inertia <= 0, where the ODE has no solution
        that lasts (look_ahead >= (1 + momentum)/(2 (1 - momentum))).

    Source
    ------
    Kovachki and Stuart (2021), the second limit [KS21]; the matched velocity is derived in the
    mathematics: under a constant force F the method stays behind its limit by
    -learning_rate F momentum/(1 - momentum)^2, the ODE by
    (x'(0) - F/(1 - momentum)) learning_rate inertia/(1 - momentum).
    """
    rate, momentum, look_ahead = constants(optimiser)
    if velocity not in VELOCITIES:
        raise ValueError(f"velocity={velocity!r} must be one of {VELOCITIES}")
    alpha = inertia(optimiser)
    if alpha <= 0:
        raise ValueError(
            f"look_ahead={look_ahead} with momentum={momentum} has the inertia {alpha:.4g} <= 0; "
            f"use look_ahead < {(1 + momentum) / (2 * (1 - momentum)):.4g}, or gradient_flow"
        )
    factor = 1.0 / (1.0 - momentum) - lag(optimiser) * (1.0 - momentum) / alpha
    if velocity == "published":
        factor = (1.0 - 2.0 * alpha) / (2.0 * alpha - momentum + 1.0)
    largest = largest_curvature(potential, curvature)
    small: tuple[SmallParameter, ...] = ()
    if largest is not None:
        small = (
            SmallParameter(
                name="curvature in one step", formula="learning_rate curvature",
                value=rate * largest, limit=0.1,
            ),
        )  # fmt: skip
    clean = plain(potential)
    limit = Limit(
        name="momentum_flow",
        optimiser=optimiser,
        dynamics=Langevin(
            clean, temperature=0.0, mass=rate * alpha, friction=(1.0 - momentum) / (rate * alpha)
        ),
        time_per_step=rate,
        order=2.0 if velocity == "matched" else 1.0,
        holds="after the initial layer" if velocity == "matched" else "everywhere",
        initial_layer="the fast mode decays as momentum^n, that of the ODE as "
        "exp(-(1 - momentum) n/inertia): they differ by O(learning_rate) in the first steps",
        small_parameters=small,
        source=f"{_SOURCE}, second limit",
        time_of_start=rate * lead(optimiser) if velocity == "matched" else 0.0,
        velocity=lambda x: -factor * clean.gradient(x),
    )
    return limit.check(stacklevel=3)


def penalty(optimiser: Optimiser) -> float:
    """``c = learning_rate inertia/(2 (1 - momentum)^2)`` of the modified loss U + c |grad U|^2.

    Parameters
    ----------
    optimiser : Optimiser
        With constant numbers.

    Returns
    -------
    float
        [length^2/energy]; learning_rate/4 for gradient descent.

    Source
    ------
    Derived: theory of the slow manifold, and by itself in `modified_equation`; for gradient descent
    Barrett and Dherin (2021).

    Examples
    --------
    >>> import langevin_lab as ll
    >>> ll.limits.penalty(ll.momentum.GradientDescent(learning_rate=0.1))
    0.025
    """
    rate, momentum, _ = constants(optimiser)
    return 0.5 * rate * inertia(optimiser) / (1.0 - momentum) ** 2


def modified_flow(
    optimiser: Optimiser,
    potential: Any,
    *,
    coefficient: float | None = None,
    curvature: Any = None,
) -> Limit:
    """Gradient flow of the modified loss, ``(1 - momentum) x' = -grad (U + c |grad U|^2)``.

    The fast mode that the method starts with moves the path by O(learning_rate): the flow starts
    where the slow manifold does, at ``x(0) - learning_rate momentum/(1 - momentum)^2 F(x(0))``
    without dampening.

    Parameters
    ----------
    optimiser, potential, curvature
        As `gradient_flow`.
    coefficient : float, optional
        c instead of `penalty`, to test another; 0 is the plain flow from the corrected start.

    Returns
    -------
    Limit
        Of order 2 after the initial layer, without momentum everywhere.

    Warns
    -----
    OutsideRegimeWarning
        If learning_rate curvature inertia/(1 - momentum)^2 > 0.1.

    Raises
    ------
    TypeError, ValueError
        As `gradient_flow`; as `Potential.with_gradient_penalty`.

    Source
    ------
    Kovachki and Stuart (2021), the third limit, with the coefficient derived here; Ghosh, Lyu,
    Zhang and Wang (2023) for the heavy ball.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> hb = ll.momentum.HeavyBall(learning_rate=0.001, momentum=0.5)
    >>> limit = ll.limits.modified_flow(hb, ll.potentials.double_well())
    >>> limit.order, limit.holds
    (2.0, 'after the initial layer')
    """
    rate, momentum, _ = constants(optimiser)
    clean, behind = plain(potential), rate * lag(optimiser)
    loss = clean.with_gradient_penalty(penalty(optimiser) if coefficient is None else coefficient)
    limit = Limit(
        name="modified_flow",
        optimiser=optimiser,
        dynamics=Overdamped(loss, temperature=0.0, friction=1.0 - momentum),
        time_per_step=rate,
        order=2.0,
        holds="after the initial layer" if momentum else "everywhere",
        initial_layer=_LAYER if momentum else "none",
        small_parameters=separation(potential, optimiser, curvature),
        source=f"{_SOURCE}, third limit; coefficient derived",
        offset=lambda x: behind * clean.gradient(x),
        time_of_start=rate * lead(optimiser),
    )
    return limit.check(stacklevel=3)


def slow_velocity(optimiser: Optimiser, potential: Any) -> Callable[[Any], np.ndarray]:
    """The attracting manifold: (x_n - x_{n-1})/learning_rate as a function of x_n, to O(rate^2).

    ``v(x) = F/(1 - momentum) + learning_rate (look_ahead - 1/(1 - momentum)) F'F/(1 - momentum)^2``
    with F = -grad U; paths approach it by the factor momentum a step. It is the same for
    the looked-ahead points that PyTorch's nesterov stores, which lie on the same slow path.

    Parameters
    ----------
    optimiser : Optimiser
        With constant numbers.
    potential : Potential

    Returns
    -------
    callable
        x of shape (..., dim) -> v of the same shape.

    Source
    ------
    Kovachki and Stuart (2021), invariant manifold; the coefficient is derived here.
    """
    rate, momentum, look_ahead = constants(optimiser)
    clean, slow = plain(potential), 1.0 / (1.0 - momentum)

    def velocity(x: Any) -> np.ndarray:
        gradient = clean.gradient(x)
        # F'F = H grad U.
        second = clean.hessian_product(x, gradient)
        return -slow * gradient + rate * slow**2 * (look_ahead - slow) * second

    return velocity


def plain(potential: Any) -> Any:
    """The potential without its gradient noise; TypeError if it is none."""
    from dataclasses import replace

    if not hasattr(potential, "gradient_noise"):
        raise TypeError(
            f"potential={potential!r} is no Potential: use ll.potentials.NAME(), "
            "ll.Potential.from_expression(...) or ll.Potential.from_functions(...)"
        )
    return (
        potential if potential.gradient_noise is None else replace(potential, gradient_noise=None)
    )
