"""Methods by name: every splitting word, and the named schemes."""

from __future__ import annotations

import difflib
import functools
import re
from typing import Any

from langevin_lab.integrators import flows, metropolis, overdamped
from langevin_lab.integrators.chains import nose_hoover
from langevin_lab.integrators.diffusions import ITO_SCHEMES, ito_scheme
from langevin_lab.integrators.methods import Method
from langevin_lab.integrators.partitions import PUBLISHED, partitioned
from langevin_lab.integrators.properties import Properties
from langevin_lab.integrators.words import splitting

_NAMED = {
    ("EulerMaruyama", "overdamped"): overdamped.euler_maruyama,
    ("LeimkuhlerMatthews", "overdamped"): overdamped.leimkuhler_matthews,
    ("StochasticHeun", "overdamped"): overdamped.stochastic_heun,
    ("SRA1", "overdamped"): overdamped.rossler_additive,
    ("MALA", "overdamped"): metropolis.metropolis_adjusted_langevin,
    ("RK4", "overdamped"): flows.runge_kutta_gradient_flow,
    ("RK4", "langevin"): flows.runge_kutta_momentum_flow,
    ("SemiImplicitEuler", "langevin"): flows.semi_implicit_euler,
    ("BBK", "langevin"): flows.brunger_brooks_karplus,
    ("GHMC", "langevin"): metropolis.generalised_hybrid_monte_carlo,
    ("SGNHT", "adaptive"): flows.nose_hoover_euler,
}

# The words that documentation and the parametrised tests go through; any other word works too.
ADAPTIVE_WORDS = ("BADODAB", "BAODOAB", "ABDODBA", "BACNDNCAB", "ACNDNCAB")
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
    "UBU",
    "BUB",
)
# Words of the other equations, whose step depends on the dynamics; `specimen` makes an example.
CHAIN_WORDS = ("BADCDAB", "DCDBABDCD")
PARTITIONED_WORDS = (*PUBLISHED, "A1 A2 O1 O2 A2 A1 B1 B2")
_SPECIMEN_THERMOSTATS = 3
_EQUATIONS = ("overdamped", "langevin", "adaptive", "inertial", "ito", "nose_hoover", "partitioned")


@functools.lru_cache(maxsize=32)
def _build(name: str, equation: str) -> Method:
    return _NAMED[name, equation]()


@functools.cache
def _inertial_runge_kutta() -> Method:
    # Not among the names, all of which solve an equation of friction and temperature alone.
    return flows.runge_kutta_inertial_flow()


def method(name: str | Method, *, equation: str | None = None) -> Method:
    """Look a method up by name or splitting word.

    Parameters
    ----------
    name : str or Method
        A word over A, B, O ("BAOAB", "V R O R V", ...) or over U, B ("UBU"), or a name from
        `names`; a Method is returned as it is.
    equation : {"overdamped", "langevin", "adaptive", "inertial"}, optional
        Which variant, where a name has several (RK4; "BACAB" with friction or a thermostat); by
        default the overdamped one, and for a word the adaptive one if it has a D. A name with one
        variant gives that one: `Method.check` tells whether it solves a dynamics.

    Returns
    -------
    Method

    Raises
    ------
    ValueError
        If the name or the equation is unknown, the word is no integrator, or the step depends on
        more of the dynamics than its equation.

    Examples
    --------
    >>> from langevin_lab.integrators import method
    >>> method("BAOAB").properties.stability_limit
    2.0
    """
    _check_equation(equation)
    if isinstance(name, Method):
        return name
    if not isinstance(name, str):
        raise TypeError(
            f"method={name!r} must be a splitting word such as 'BAOAB', a name or a Method"
        )
    if equation == "ito" or name in ITO_SCHEMES[1:]:
        raise ValueError(
            f"method={name!r} for Itô diffusions depends on the noise: give ll.simulate an "
            f"ItoDiffusion, or use integrators.ito_scheme({name!r}, ...)"
        )
    variants = _variants(name)
    if variants:
        if equation in ("nose_hoover", "partitioned"):
            raise ValueError(_no_variant(name, equation, variants[0]))
        if (name, equation) == ("RK4", "inertial"):
            return _inertial_runge_kutta()
        return _build(name, equation if equation in variants else variants[0])
    if equation == "nose_hoover":
        raise ValueError(
            f"method={name!r} for a Nosé-Hoover chain depends on its length: use "
            f"integrators.nose_hoover({name!r}, n_thermostats)"
        )
    if equation == "partitioned":
        raise ValueError(
            f"method={name!r} for partitioned dynamics depends on its blocks: use "
            f"integrators.partitioned({name!r}, equations, blocks)"
        )
    letters = "".join(name.split())
    if letters and letters.isupper() and letters.isalpha():
        adaptive = equation == "adaptive" or (equation is None and set("DE") & set(letters))
        return splitting(name, "adaptive" if adaptive else "langevin")
    known = sorted({known for known, _ in _NAMED} | set(WORDS))
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5) or difflib.get_close_matches(
        name.upper(), known, n=1, cutoff=0.5
    )
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise ValueError(
        f"method={name!r} is unknown: {hint}use a splitting word over A, B, O such as 'BAOAB' "
        f"or one of {', '.join(sorted({known for known, _ in _NAMED}))}"
    )


def _check_equation(equation: str | None) -> None:
    if equation is not None and equation not in _EQUATIONS:
        raise ValueError(
            f"equation={equation!r} is unknown: use one of {', '.join(map(repr, _EQUATIONS))}"
        )


def _no_variant(name: str, equation: str, own: str) -> str:
    return f"method={name!r} has no variant for equation={equation!r}: it is for {own!r}"


def _variants(name: str) -> list[str]:
    """The equations that a named scheme is for, none for a word."""
    return [kind for known, kind in _NAMED if known == name]


def method_for(integrator: str | Method, dynamics: Any) -> Method:
    """The method of that name for a dynamics, checked to solve it.

    Parameters
    ----------
    integrator : str or Method
    dynamics : Dynamics

    Returns
    -------
    Method

    Raises
    ------
    TypeError
        If ``dynamics`` is none.
    ValueError
        If the name is unknown, or the method does not solve the dynamics.
    """
    if not hasattr(dynamics, "momenta"):
        raise TypeError(
            f"dynamics={dynamics!r} is no dynamics: wrap a potential in ll.Langevin, "
            "ll.Overdamped or ll.GradientFlow"
        )
    if dynamics.equation == "partitioned" and isinstance(integrator, str):
        equations = tuple(block.dynamics.equation for block in dynamics.blocks)
        blocks = tuple(block.coordinates for block in dynamics.blocks)
        integrator = partitioned(integrator, equations, blocks)
    if dynamics.equation == "nose_hoover" and isinstance(integrator, str):
        return nose_hoover(integrator, dynamics.n_thermostats)
    if dynamics.equation == "ito" and isinstance(integrator, str):
        scheme = ito_scheme(integrator, dynamics.n_noises, own_drift=dynamics.drift is not None)
    else:
        scheme = method(integrator, equation=dynamics.equation)
    scheme.check(dynamics)
    return scheme


def properties(name: str | Method, *, equation: str | None = None) -> Properties:
    """Return the record of a method: orders, cost, stability limit, source."""
    return method(name, equation=equation).properties


def names() -> list[tuple[str, str]]:
    """All (name, equation) pairs with a name of their own, and the common words."""
    words = [(word, "langevin") for word in WORDS] + [(word, "adaptive") for word in ADAPTIVE_WORDS]
    return [*_NAMED, *words]


def every_name() -> list[tuple[str, str]]:
    """`names`, and the schemes and words whose step depends on the dynamics.

    Documentation tables and the test that every method has a certificate go through these.
    """
    dependent = {"ito": ITO_SCHEMES, "nose_hoover": CHAIN_WORDS, "partitioned": PARTITIONED_WORDS}
    return [*names(), *((name, kind) for kind, group in dependent.items() for name in group)]


def specimen(name: str | Method, *, equation: str | None = None) -> Method:
    """A method by name where its step depends on the dynamics: the step for a small example.

    Parameters
    ----------
    name : str or Method
        As in `method`, or a name of `every_name`.
    equation : str, optional
        As in `method`, or "ito" (one noise for each coordinate), "nose_hoover" (three thermostats)
        or "partitioned" (blocks of one coordinate, two of them or as many as the word numbers;
        adaptive where the word numbers a D, the first for a D without a number, else Langevin).

    Returns
    -------
    Method
        What `method` returns, where the name alone is enough.

    Raises
    ------
    TypeError, ValueError
        As `method`, `ito_scheme`, `nose_hoover` and `partitioned`; also if the name has no variant
        for ``equation``.

    Examples
    --------
    >>> specimen("AdLaLa").name
    'A1 A2 C1 N1 D1 O2 D1 N1 C1 A1 A2 B1 B2'
    """
    _check_equation(equation)
    found = _specimen(name, equation)
    if equation is not None and found.properties.equation != equation:
        raise ValueError(_no_variant(found.name, equation, found.properties.equation))
    return found


def _specimen(name: str | Method, equation: str | None) -> Method:
    """The method that the name has, perhaps for another equation."""
    if isinstance(name, str):
        word = PUBLISHED.get(name, name)
        if equation == "ito" or (equation is None and name in ITO_SCHEMES[1:]):
            return ito_scheme(name)
        if equation == "nose_hoover":
            return nose_hoover(name, _SPECIMEN_THERMOSTATS)
        numbered = re.fullmatch(r"\s*([A-Z]\d*\s*)+", word) and re.search(r"\d", word)
        named = _variants(name)  # SRA1 and RK4 are no words
        if not named and (equation == "partitioned" or name in PUBLISHED or numbered):
            return _partitioned_specimen(name, word)
    return method(name, equation=equation)


def _partitioned_specimen(name: str, word: str) -> Method:
    """Each block one coordinate; the letter D tells which are adaptive."""
    count = max([2, *map(int, re.findall(r"\d+", word))])
    if re.search(r"D(?!\d)", word):
        adaptive = {1}
    else:
        adaptive = {int(number) for number in re.findall(r"D(\d+)", word)}
    equations = tuple(
        "adaptive" if block in adaptive else "langevin" for block in range(1, count + 1)
    )
    return partitioned(name, equations, tuple((index,) for index in range(count)))
