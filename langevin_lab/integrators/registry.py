"""Methods by name: every splitting word, and the named schemes."""

from __future__ import annotations

import difflib
import functools

from langevin_lab.integrators import flows, overdamped
from langevin_lab.integrators.methods import Method
from langevin_lab.integrators.properties import Properties
from langevin_lab.integrators.words import splitting

_NAMED = {
    ("EulerMaruyama", "overdamped"): overdamped.euler_maruyama,
    ("LeimkuhlerMatthews", "overdamped"): overdamped.leimkuhler_matthews,
    ("StochasticHeun", "overdamped"): overdamped.stochastic_heun,
    ("RK4", "overdamped"): flows.runge_kutta_gradient_flow,
    ("RK4", "langevin"): flows.runge_kutta_momentum_flow,
    ("SemiImplicitEuler", "langevin"): flows.semi_implicit_euler,
    ("BBK", "langevin"): flows.brunger_brooks_karplus,
}

# The words that documentation and the parametrised tests go through; any other word works too.
WORDS = (
    "BAOAB",
    "ABOBA",
    "OBABO",
    "OABAO",
    "AOBOA",
    "BOAOB",
    "BAOA",
    "ABO",
    "BAO",
    "OBA",
    "BAB",
    "ABA",
)


@functools.lru_cache(maxsize=32)
def _build(name: str, equation: str) -> Method:
    return _NAMED[name, equation]()


def method(name: str | Method, *, equation: str | None = None) -> Method:
    """Look a method up by name or splitting word.

    Parameters
    ----------
    name : str or Method
        A word over A, B, O ("BAOAB", "V R O R V", ...) or a name from `names`; a Method is
        returned as it is.
    equation : {"langevin", "overdamped"}, optional
        Which variant, where a name has two (RK4); by default the overdamped one.

    Returns
    -------
    Method

    Raises
    ------
    ValueError
        If the name is unknown or the word is no integrator.

    Examples
    --------
    >>> from langevin_lab.integrators import method
    >>> method("BAOAB").properties.stability_limit
    2.0
    """
    if isinstance(name, Method):
        return name
    if not isinstance(name, str):
        raise TypeError(
            f"method={name!r} must be a splitting word such as 'BAOAB', a name or a Method"
        )
    variants = [kind for known, kind in _NAMED if known == name]
    if variants:
        return _build(name, equation if equation in variants else variants[0])
    letters = "".join(name.split())
    if letters and letters.isupper() and letters.isalpha():
        return splitting(name)
    known = sorted({known for known, _ in _NAMED} | set(WORDS))
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5) or difflib.get_close_matches(
        name.upper(), known, n=1, cutoff=0.5
    )
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise ValueError(
        f"method={name!r} is unknown: {hint}use a splitting word over A, B, O such as 'BAOAB' "
        f"or one of {', '.join(sorted({known for known, _ in _NAMED}))}"
    )


def properties(name: str | Method, *, equation: str | None = None) -> Properties:
    """Return the record of a method: orders, cost, stability limit, source."""
    return method(name, equation=equation).properties


def names() -> list[tuple[str, str]]:
    """All (name, equation) pairs with a name of their own, and the common words."""
    return [*_NAMED, *((word, "langevin") for word in WORDS)]
