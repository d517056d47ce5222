"""The modified equation of the momentum methods, and the velocity of their slow manifold.

    x_(n+1) = x_n + momentum (x_n - x_(n-1)) + h f(x_n + look_ahead (x_n - x_(n-1))),   f = -grad U

on the clock t = n h, h the learning rate: look_ahead 0 is heavy ball, look_ahead = momentum
Nesterov with a fixed momentum, both 0 gradient descent. Once the fast mode momentum^n is gone the
iterates follow one flow x' = X(x; h) = X_0 + h X_1 + ... . Let L be the derivative along X; then
x_(n +- 1) = exp(+-h L) x_n, the recursion is

    (exp(h L) - 1) x - momentum (1 - exp(-h L)) x = h f(x + look_ahead (1 - exp(-h L)) x)

and X_k stands in the coefficient of h^(k+1) only as (1 - momentum) X_k: it is solved for, order by
order. X_0 = f/(1 - momentum) is gradient flow in a faster time. The first correction is again a
gradient, that of (1/2)(1/(1 - momentum))(1/(1 - momentum) - look_ahead - 1/2)|grad U|^2; from h^2
on X is in general no gradient.

The slow manifold is v = (x_n - x_(n-1))/h = (1 - exp(-h L)) x/h as a function of x = x_n.

The small parameter is h L/(1 - momentum)^2, L the largest curvature.

Source: Kovachki and Stuart (2021) for the family and its first correction; Hairer, Lubich and
Wanner (2006), section IX.1, for the method; Barrett and Dherin (2021) for gradient descent. This
module imports sympy.
"""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from typing import Any

import sympy

from langevin_lab.limits.backward_error import ModifiedFlow
from langevin_lab.limits.elementary_differentials import Tree, TreeSum
from langevin_lab.limits.flow_series import (
    LOOK_AHEAD,
    MOMENTUM,
    OVERDAMPED_FRICTION,
    STEP,
    Series,
    checked_order,
    flowed,
    identity,
)


def modified_flow_of_momentum(
    order: int,
    *,
    momentum: Any = None,
    look_ahead: Any = None,
    learning_rate: float | None = None,
    name: str | None = None,
) -> ModifiedFlow:
    """Derive the flow that a momentum method follows up to an error of order + 1.

    Parameters
    ----------
    order : int
        Highest power of the learning rate that is kept, 0 to 5.
    momentum, look_ahead : float or sympy expression, optional
        0 <= momentum < 1; by default the symbols lambda and a. ``look_ahead=0`` is heavy ball;
        ``look_ahead=MOMENTUM`` (of `limits.flow_series`) Nesterov with symbolic momentum.
    learning_rate : float, optional
        What `ModifiedFlow.dynamics` and `ModifiedFlow.field` take by default; > 0.
    name : str, optional
        By default what momentum and look_ahead say.

    Returns
    -------
    ModifiedFlow
        Of component x, with the slow manifold as its `velocity`. Floats count as the decimal
        fraction that they print as, 0.9 as 9/10.

    Raises
    ------
    ValueError
        If the order or a number is out of range, or an expression holds other symbols.
    TypeError
        If momentum or look_ahead is neither a number nor a sympy expression.

    Source
    ------
    Kovachki and Stuart (2021); Hairer, Lubich and Wanner (2006), section IX.1.

    Examples
    --------
    >>> print(modified_flow_of_momentum(2, momentum=0, look_ahead=0).text)
    gradient descent to order 2, f = -grad U
    x' = f
       + h (-1/2 f'f)
       + h^2 (1/12 f''(f, f) + 1/3 f'f'f)
    """
    order = checked_order(order)
    rate = _expression("momentum", momentum, MOMENTUM)
    ahead = _expression("look_ahead", look_ahead, LOOK_AHEAD)
    if rate.is_number and not 0 <= rate < 1:
        raise ValueError(f"momentum={momentum!r} must be >= 0 and < 1")
    drift, velocity = _series(order, rate, ahead)
    used = rate.free_symbols | ahead.free_symbols
    symbols = {"learning_rate": STEP, "momentum": MOMENTUM, "look_ahead": LOOK_AHEAD}
    return ModifiedFlow(
        name=_name(rate, ahead) if name is None else name,
        order=order,
        drift=(("x", tuple(map(_presented, drift))),),
        symbols=tuple((key, s) for key, s in symbols.items() if s is STEP or s in used),
        velocity=tuple(map(_presented, velocity)),
        step=learning_rate,
    )


def modified_flow_of_euler_maruyama(order: int) -> ModifiedFlow:
    """Derive the flow that x' = -grad U/friction follows in steps dt, up to an error of order + 1.

    It is that of gradient descent with the learning rate dt/friction, on the clock t = n dt.

    Parameters
    ----------
    order : int
        Highest power of dt that is kept, 0 to 5.

    Returns
    -------
    ModifiedFlow
        Of component x, with dt and friction open.

    Examples
    --------
    >>> print(modified_flow_of_euler_maruyama(1).text)
    EulerMaruyama to order 1, f = -grad U
    x' = 1/gamma f
       + h (-1/(2*gamma**2) f'f)
    """
    flow = modified_flow_of_momentum(order, momentum=0, look_ahead=0, name="EulerMaruyama")

    def rescaled(series: Series) -> Series:
        # A tree of h^k has k + 1 forces.
        return tuple(t * OVERDAMPED_FRICTION ** -(k + 1) for k, t in enumerate(series))

    return replace(
        flow,
        drift=tuple((name, rescaled(series)) for name, series in flow.drift),
        velocity=rescaled(flow.velocity),
        symbols=(("dt", STEP), ("friction", OVERDAMPED_FRICTION)),
    )


def _expression(name: str, value: Any, symbol: sympy.Symbol) -> Any:
    """A number as an exact fraction, an expression as it is."""
    if value is None:
        return symbol
    if isinstance(value, sympy.Expr):
        if not value.free_symbols <= {MOMENTUM, LOOK_AHEAD}:
            raise ValueError(
                f"{name}={value} holds other symbols than lambda and a; use MOMENTUM and "
                "LOOK_AHEAD of langevin_lab.limits.flow_series"
            )
        return value
    try:
        number = float(value)
    except TypeError:
        raise TypeError(
            f"{name}={value!r} must be a number or a sympy expression; of a schedule give one value"
        ) from None
    if not math.isfinite(number):
        raise ValueError(f"{name}={value} must be finite")
    # The decimal that was typed: 0.9 is 9/10, not the nearest multiple of 2^-53.
    return sympy.Rational(repr(number))


def _presented(term: TreeSum) -> TreeSum:
    """The same with powers of 1 - lambda, as one writes them, for those of lambda - 1."""

    def is_power(part: Any) -> bool:
        return bool(part.is_Pow and part.base == MOMENTUM - 1 and part.exp.is_Integer)

    def turned(part: Any) -> Any:
        return (-1) ** part.exp * (1 - MOMENTUM) ** part.exp

    return TreeSum((tree, c.replace(is_power, turned)) for tree, c in term.terms)


def _name(momentum: Any, look_ahead: Any) -> str:
    if look_ahead == 0:
        return "gradient descent" if momentum == 0 else "heavy ball"
    return "Nesterov" if look_ahead == momentum else "momentum family"


@functools.lru_cache(maxsize=64)
def _series(order: int, momentum: Any, look_ahead: Any) -> tuple[Series, Series]:
    """(drift, velocity on the slow manifold) up to h^order."""
    drift: Series = ()
    for power in range(order + 1):
        ahead, behind = _moves(drift, power + 1)
        force = _force_ahead(behind, look_ahead, power)
        known = ahead[-1] - behind[-1] * momentum
        new = (force[-1] - known) * (1 / (1 - momentum))
        drift = (*drift, new.simplified())
    behind = _moves(drift, order + 1)[1]
    return drift, tuple(term.simplified() for term in behind[1:])


def _moves(drift: Series, highest: int) -> tuple[Series, Series]:
    """(exp(h L) - 1) x and (1 - exp(-h L)) x up to h^highest."""
    start, field = identity(("x",), highest), {"x": drift}
    ahead, behind = (flowed(start, field, sign)["x"] for sign in (1, -1))
    return (TreeSum(), *ahead[1:]), (TreeSum(), *(term * -1 for term in behind[1:]))


def _force_ahead(move: Series, look_ahead: Any, highest: int) -> Series:
    """f(x + look_ahead move) up to h^highest: its Taylor series about x."""
    total = [TreeSum([(Tree("f"), 1)]), *[TreeSum()] * highest]
    # Power of h -> children and what multiplies them; the move begins with h, so each child too.
    products: dict[int, list[tuple[tuple[Tree, ...], Any]]] = {0: [((), sympy.Integer(1))]}
    for count in range(1, highest + 1):
        products = {
            power: [
                ((*children, tree), factor * coefficient * look_ahead / count)
                for lower, terms in products.items()
                for children, factor in terms
                for tree, coefficient in move[power - lower].terms
                if power > lower
            ]
            for power in range(count, highest + 1)
        }
        for power, terms in products.items():
            total[power] = total[power] + TreeSum((Tree("f", c), factor) for c, factor in terms)
    return tuple(total)
