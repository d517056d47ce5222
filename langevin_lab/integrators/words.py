"""Splitting words: any sequence of the exact sub-flows A, B and O is a method.

    A  drift                  x += (dt/a) p/mass                     a, b, o: how often the
    B  kick                   p -= (dt/b) grad U(x)                  letter stands in the word
    O  Ornstein-Uhlenbeck     p = c p + sqrt(mass T (1 - c^2)) n,    c = exp(-friction dt/o)

"BAOAB" reads from left to right and a letter that stands k times takes dt/k each time. V and R are
accepted for B and A. The gradient is evaluated only where the position has moved since the last
evaluation, and carried to the next step when the word begins with a kick at the point where it
ended. Source: Leimkuhler and Matthews (2013); Leimkuhler and Matthews (2015), chapter 7.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from langevin_lab.dynamics import elementwise
from langevin_lab.integrators.methods import Method, spectral_stability_limit
from langevin_lab.integrators.program import Program
from langevin_lab.integrators.properties import Properties

_SYNONYMS = str.maketrans("VR", "BA")


def normalise(text: str) -> str:
    """The word in letters A, B, O without spaces: "V R O R V" -> "BAOAB".

    Raises
    ------
    ValueError
        If a letter is unknown, A or B is missing, or a letter follows itself.
    """
    word = "".join(text.split()).translate(_SYNONYMS)
    for position, letter in enumerate(word):
        if letter not in "ABO":
            hint = f" (did you mean {letter.upper()}?)" if letter.upper() in "ABOVR" else ""
            raise ValueError(
                f"method={text!r}: letter {letter!r} at position {position + 1} is unknown{hint}; "
                "use A drift, B kick, O friction and noise (V = B, R = A)"
            )
    for letter, name in (("A", "drift"), ("B", "kick")):
        if letter not in word:
            raise ValueError(
                f"method={text!r} is no integrator: it has no {letter} ({name}); "
                "a word needs A and B, and O for friction and noise, for example 'BAOAB'"
            )
    for first, second in itertools.pairwise(word):
        if first == second:
            raise ValueError(
                f"method={text!r} repeats {first} without anything between: write {first} once"
            )
    return word


def _starts_fresh(word: str) -> bool:
    """Whether the gradient at the end of the word is the one its first kick needs."""
    return word.index("B") < word.index("A") and word.rindex("B") > word.rindex("A")


def _program(word: str) -> Program:
    lines = []
    fresh = carried = _starts_fresh(word)
    n_normals = 0
    for letter in word:
        if letter == "A":
            lines.append("x = fma(drift, p, x)")
            fresh = False
        elif letter == "B":
            if not fresh:
                lines.append("g = gradient(x)")
                fresh = True
            lines.append("p = fma(-kick, g, p)")
        else:
            lines.append(f"p = fma(decay, p, noise * n{n_normals})")
            n_normals += 1
    return Program(
        text=tuple(lines),
        state=("x", "p"),
        coefficients=("drift", "kick", "decay", "noise") if n_normals else ("drift", "kick"),
        n_normals=n_normals,
        stored=("g",) if carried else (),
    )


def _coefficients(word: str) -> Callable[[Any, float, Any], dict[str, Any]]:
    def coefficients(dynamics, dt, temperature):
        mass, friction = np.asarray(dynamics.mass), np.asarray(dynamics.friction)
        values = {"drift": dt / word.count("A") / mass, "kick": dt / word.count("B")}
        if "O" in word:
            exponent = friction * (dt / word.count("O"))
            values["decay"] = elementwise.exp(-exponent)
            # expm1: friction*dt can be 1e-8, where 1 - decay^2 would keep half the digits.
            values["noise"] = np.sqrt(-elementwise.expm1(-2.0 * exponent) * mass * temperature)
        return values

    return coefficients


def _orders(word: str) -> tuple[float, float]:
    """(weak order, configurational order), from the symmetry of the word.

    A palindrome is of weak order 2. A word that becomes a palindrome when its first or last letter
    is cut in two and one half moved to the other end is conjugate to one: its stationary law is
    the palindrome's, pushed through half a sub-flow, so averages keep order 2.
    """
    if word == word[::-1]:
        return 2.0, 2.0
    conjugate = word[1:] == word[:0:-1] or word[:-1] == word[-2::-1]
    return 1.0, 2.0 if conjugate else 1.0


_NAMED_SOURCES = {
    "BAOAB": "Leimkuhler and Matthews (2013)",
    "ABOBA": "Leimkuhler and Matthews (2013)",
    "OBABO": "Bussi and Parrinello (2007)",
    "OABAO": "Leimkuhler, Matthews and Stoltz (2016)",
    "BAOA": "Kieninger and Keller (2022)",
    "BAB": "Verlet (1967); Swope et al. (1982), velocity Verlet",
    "ABA": "Tuckerman, Berne and Martyna (1992), position Verlet",
}


@functools.lru_cache(maxsize=256)
def splitting(text: str) -> Method:
    """The method of a splitting word.

    Parameters
    ----------
    text : str
        A word over A, B, O (or V, R, O), spaces allowed.

    Returns
    -------
    Method
        For Langevin dynamics. A word without O is for ``friction = 0``.

    Raises
    ------
    ValueError
        If the word is no integrator.

    Source
    ------
    Leimkuhler and Matthews (2013) [LM13].

    Examples
    --------
    >>> from langevin_lab.integrators import splitting
    >>> splitting("V R O R V").program.text[0]
    'p = fma(-kick, g, p)'
    """
    word = normalise(text)
    program = _program(word)
    weak_order, configurational_order = _orders(word)
    coefficients = _coefficients(word)
    noisy = "O" in word
    properties = Properties(
        name=word,
        equation="langevin",
        strong_order=1.0 if noisy else weak_order,
        weak_order=weak_order,
        configurational_order=configurational_order,
        gradients_per_step=program.gradients_per_step,
        normals_per_step=program.n_normals,
        stability_limit=spectral_stability_limit(program, coefficients, momenta=True),
        source=_NAMED_SOURCES.get(word, "Leimkuhler and Matthews (2015), chapter 7"),
    )
    return Method(word, program, coefficients, properties, thermostatted=noisy)
