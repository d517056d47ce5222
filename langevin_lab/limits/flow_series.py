"""Series of vector fields in the step h: the map of a flow, and the flow of a map.

A field is a mapping coordinate -> series, a series the tuple of its `TreeSum` of each power of h.
With L the derivative along a field, the flow for the time h is z -> exp(h L) z. Backward error
analysis goes the other way: of a map z + h F_1 + h^2 F_2 + ... it finds the field

    X_k = F_(k+1) - [coefficient of h^(k+1) in the flow of X_0 + ... + h^(k-1) X_(k-1)]

whose flow it is, order by order. The series diverges in general; cut after h^N it leaves an error
of order N + 1.

Source: Hairer, Lubich and Wanner (2006), section IX.1. This module imports sympy.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy

from langevin_lab.limits.elementary_differentials import Tree, TreeSum

Series = tuple[TreeSum, ...]
Field = Mapping[str, Series]

# A symbol for each number that a modified equation may hold; the step of every method is h.
STEP = sympy.Symbol("h", positive=True)
MOMENTUM = sympy.Symbol("lambda", real=True)
LOOK_AHEAD = sympy.Symbol("a", real=True)
FRICTION = sympy.Symbol("gamma", nonnegative=True)
OVERDAMPED_FRICTION = sympy.Symbol("gamma", positive=True)

# f''''' needs the sixth derivative of the potential, the last that a `Potential` has.
HIGHEST_ORDER = 5


def checked_order(order: int) -> int:
    """The order, or ValueError."""
    # A float equal to an integer would be found in a cache, or not, by what ran before.
    whole = isinstance(order, (int, np.integer)) and not isinstance(order, bool)
    if not whole or order not in range(HIGHEST_ORDER + 1):
        raise ValueError(
            f"order={order!r} must be an integer from 0 to {HIGHEST_ORDER}: the highest power of "
            "the step that is kept"
        )
    return int(order)


def identity(coordinates: tuple[str, ...], highest: int) -> dict[str, Series]:
    """The coordinates as series up to h^highest."""
    return {name: constant(TreeSum([(Tree(name), 1)]), highest) for name in coordinates}


def constant(term: TreeSum, highest: int) -> Series:
    """A series that does not depend on h."""
    return (term, *[TreeSum()] * highest)


def along(series: Series, field: Field) -> Series:
    """The derivative of a series along a field, as long as the series."""
    count = len(series)
    terms = [TreeSum()] * count
    for i, term in enumerate(series):
        for j in range(count - i):
            part = {name: s[j] for name, s in field.items() if j < len(s) and s[j]}
            if part and term:
                terms[i + j] = terms[i + j] + term.derivative(part)
    return tuple(terms)


def flowed(start: Field, field: Field, fraction: object = 1) -> dict[str, Series]:
    """exp(fraction h L) applied to series, as long as they are."""
    return {name: _flowed(series, field, sympy.sympify(fraction)) for name, series in start.items()}


def _flowed(series: Series, field: Field, fraction: sympy.Expr) -> Series:
    total, term = series, series
    for power in range(1, len(series)):
        # One more h in front: the series moves up by one place.
        changed = along(term, field)
        term = (TreeSum(), *(t * (fraction / power) for t in changed[:-1]))
        total = tuple(a + b for a, b in zip(total, term))
    return total


def field_of_map(map_series: Field, order: int) -> dict[str, Series]:
    """The field X_0 + ... + h^order X_order whose flow for the time h is a map.

    Parameters
    ----------
    map_series : mapping of coordinate to series
        Up to h^(order + 1); its first term is the coordinate itself.
    order : int
    """
    field: dict[str, Series] = dict.fromkeys(map_series, ())
    for power in range(order + 1):
        # Only h^(power + 1) is read, so nothing beyond is made.
        reached = flowed(identity(tuple(map_series), power + 1), field)
        field = {
            name: (*field[name], (map_series[name][-1 - order + power] - reached[name][-1]))
            for name in map_series
        }
        field = {name: (*s[:-1], s[-1].simplified()) for name, s in field.items()}
    return field
