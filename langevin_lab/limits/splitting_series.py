"""The modified equation of splitting words at temperature 0.

In positions and velocities v = p/mass, with f = -grad U/mass, each letter is the flow of a field

    A  x' = v     B  v' = f(x)     O, C  v' = -friction v     U  A and O at once     N  nothing

for dt over how often it stands in the word. A word read from left to right maps a function g of the
state to exp(h L_1) exp(h L_2) ... exp(h L_n) g: the *first* letter's operator stands leftmost, for
it acts on a state before the others do. The logarithm of that product is the modified field; in its
brackets [X, Y] = (Y along X) - (X along Y) of fields a palindrome has no odd powers of the step.

The small parameters are dt times the highest frequency, and dt times friction.

Source: Hairer, Lubich and Wanner (2006), sections III.4 and IX.1; Leimkuhler and Matthews (2015),
section 2.4. This module imports sympy.
"""

from __future__ import annotations

import functools
from collections import Counter

import sympy

from langevin_lab.integrators.words import normalise, translated
from langevin_lab.limits.backward_error import ModifiedFlow
from langevin_lab.limits.elementary_differentials import Tree, TreeSum
from langevin_lab.limits.flow_series import (
    FRICTION,
    STEP,
    Series,
    checked_order,
    constant,
    field_of_map,
    flowed,
    identity,
)

_VELOCITY = TreeSum([(Tree("v"), 1)])
_DAMPING = TreeSum([(Tree("v"), -FRICTION)])
_FIELDS = {
    "A": {"x": _VELOCITY},
    "B": {"v": TreeSum([(Tree("f"), 1)])},
    "O": {"v": _DAMPING},
    "C": {"v": _DAMPING},
    "U": {"x": _VELOCITY, "v": _DAMPING},
    "N": {},
}


def modified_flow_of_word(word: str, order: int, *, dt: float | None = None) -> ModifiedFlow:
    """Derive the flow that a splitting word follows at temperature 0 up to an error of order + 1.

    Parameters
    ----------
    word : str
        Over A, B, O (or V, R, O), C, N, U, as `integrators.splitting` takes it; a word without O, C
        and U is for friction 0.
    order : int
        Highest power of dt that is kept, 0 to 5.
    dt : float, optional
        What `ModifiedFlow.dynamics` and `ModifiedFlow.field` take by default; > 0.

    Returns
    -------
    ModifiedFlow
        Of components x and v = p/mass, with f = -grad U/mass.

    Raises
    ------
    ValueError
        If the word is no integrator, has a thermostat D, or the order is out of range.

    Source
    ------
    Hairer, Lubich and Wanner (2006), sections III.4 and IX.1.

    Examples
    --------
    >>> print(modified_flow_of_word("BAB", 2).text)
    BAB to order 2, f = -grad U/mass, v = p/mass
    x' = v
       + h^2 (-1/6 f'v)
    v' = f
       + h^2 (1/12 f'f + 1/12 f''(v, v))
    """
    if not isinstance(word, str):
        raise TypeError(f"word={word!r} must be a text such as 'BAOAB'")
    if "D" in translated("".join(word.split())):
        raise ValueError(
            f"word={word!r} has D, a thermostat, which moves xi besides x and p; the modified "
            "equation is for words of Langevin dynamics, such as 'BAOAB'"
        )
    letters, order = normalise(word), checked_order(order)
    field = _series(letters, order)
    symbols = {"dt": STEP, "friction": FRICTION}
    damped = bool(set(letters) & set("OCU"))
    return ModifiedFlow(
        name=letters,
        order=order,
        drift=tuple((name, field[name]) for name in ("x", "v")),
        symbols=tuple((key, s) for key, s in symbols.items() if s is STEP or damped),
        step=dt,
    )


@functools.lru_cache(maxsize=64)
def _series(letters: str, order: int) -> dict[str, Series]:
    """The modified field up to h^order."""
    counts = Counter(letters)
    state = identity(("x", "v"), order + 1)
    for letter in reversed(letters):  # the first letter's operator acts last
        field = {name: constant(term, order + 1) for name, term in _FIELDS[letter].items()}
        state = flowed(state, field, sympy.Rational(1, counts[letter]))
    return field_of_map(state, order)
