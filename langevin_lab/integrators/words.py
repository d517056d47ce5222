"""Splitting words: any sequence of the exact sub-flows of an equation is a method.

    A  drift      B  kick      O  friction and noise      D  thermostat
    C  friction alone          N  noise alone             U  A and O at once, exactly

(formulas: `letters`). "BAOAB" reads from left to right and a letter that stands k times takes dt/k
each time. V and R are accepted for B and A. The gradient is evaluated only where the position has
moved since the last evaluation, and carried to the next step when the word begins with a kick at
the point where it ended. Source: Leimkuhler and Matthews (2013); Leimkuhler and Matthews (2015),
chapter 7; Sanz-Serna and Zygalakis (2021) for U.
"""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Sequence
from typing import Any

from langevin_lab.integrators.letters import ALLOWED, MEANING, NORMALS, Part
from langevin_lab.integrators.methods import Method, spectral_stability_limit
from langevin_lab.integrators.program import Program
from langevin_lab.integrators.properties import Properties

_SYNONYMS = str.maketrans("VR", "BA")
_FRICTION = "and O for friction and noise, for example"
_NEEDED = {
    "langevin": ("AB", f"A and B, {_FRICTION} 'BAOAB'"),
    "overdamped": ("AB", f"A and B, {_FRICTION} 'BAOAB'"),
    "adaptive": ("ABD", f"A and B, {_FRICTION} 'BADODAB'"),
    "nose_hoover": ("ABCD", "A, B, C and D, for example 'BADCDAB'"),
}
_HERE = ("langevin", "adaptive")  # what `splitting` makes methods for
_ELSEWHERE = {
    "overdamped": "; for ll.Overdamped 'LeimkuhlerMatthews' is what BAOAB becomes",
    "nose_hoover": ", or integrators.nose_hoover(word, n_thermostats)",
    "partitioned": ", or integrators.partitioned(word, equations, blocks)",
}
_PRINTED = str.maketrans("DE", "ND")  # Leimkuhler, Matthews and Vlaar (2019) -> here


def translated(text: str) -> str:
    """The letters in this package's alphabet: V, R, and the printed one where there is an E."""
    return text.translate(_PRINTED if "E" in text else _SYNONYMS)


def normalise(text: str, equation: str = "langevin") -> str:
    """The word without spaces: "V R O R V" -> "BAOAB".

    Raises
    ------
    ValueError
        If a letter is unknown, one that the equation needs is missing, or a letter follows itself.
    """
    word = translated("".join(text.split()))
    allowed = ALLOWED[equation]
    for position, letter in enumerate(word):
        if letter not in allowed:
            hint = f" (did you mean {letter.upper()}?)" if letter.upper() in allowed + "VR" else ""
            letters = ", ".join(f"{known} {MEANING[known]}" for known in allowed)
            raise ValueError(
                f"method={text!r}: letter {letter!r} at position {position + 1} is unknown{hint}; "
                f"use {letters} (V = B, R = A)"
            )
    check_letters(f"method={text!r}", word, equation)
    for first, second in itertools.pairwise(word):
        if first == second:
            raise ValueError(
                f"method={text!r} repeats {first} without anything between: write {first} once"
            )
    return word


def check_letters(where: str, word: str, equation: str) -> None:
    """Raise ValueError if the letters leave out a part of the equation, or count it twice."""
    if "U" in word:
        _check_joint_letter(where, word)
    needed, remedy = _NEEDED[equation]
    for letter in needed.replace("A", "") if "U" in word else needed:
        if letter not in word:
            raise ValueError(
                f"{where} is no integrator: it has no {letter} ({MEANING[letter]}); a word needs "
                + remedy
            )
    if equation == "nose_hoover":
        return
    split = [letter for letter in "CN" if letter in word]
    if split and "O" in word:
        raise ValueError(
            f"{where} has O (friction and noise) and {split[0]} ({MEANING[split[0]]}), which would "
            "count it twice; use O, or C and N"
        )
    if len(split) == 1 and equation == "langevin":
        other = "N" if split == ["C"] else "C"
        raise ValueError(
            f"{where} has {split[0]} ({MEANING[split[0]]}) but no {other} ({MEANING[other]}); "
            "use both, or O"
        )
    if equation == "adaptive" and not {"O", "C"} & set(word):
        raise ValueError(f"{where} has neither O nor C: nothing feels the thermostat; add an O")


def _check_joint_letter(where: str, word: str) -> None:
    """Raise ValueError if a letter repeats what U does already."""
    for letter in "AOCN":
        if letter in word:
            raise ValueError(
                f"{where} has U ({MEANING['U']}) and {letter} ({MEANING[letter]}), which would "
                "count it twice; use U and B alone, for example 'UBU'"
            )


def starts_fresh(letters: str) -> bool:
    """Whether the gradient at a step's end is the one that the next step's first kick needs."""
    drifts = [index for index, letter in enumerate(letters) if letter in "AU"]
    return letters.index("B") < drifts[0] and letters.rindex("B") > drifts[-1]


def write_program(
    sequence: Sequence[tuple[Part, str]], *, blocks: tuple[tuple[int, ...], ...] = ()
) -> Program:
    """The program of a sequence of (block, letter)."""
    parts = list(dict.fromkeys(part for part, _ in sequence))
    carried = fresh = starts_fresh("".join(letter for _, letter in sequence))
    lines: list[str] = []
    used = dict.fromkeys(parts, 0)
    for part, letter in sequence:
        if letter == "B" and not fresh:
            lines.append("g = gradient(x)")
        fresh = letter == "B" or (fresh and letter not in "AU")
        lines += part.lines(letter, used[part])
        used[part] += NORMALS.get(letter, 0)
    read = {name for line in lines for name in _names(line)}
    scalars = tuple(name for part in parts for name in part.scalars if name in read)
    thermostats = tuple(name for part in parts for name in part.thermostats if name in scalars)
    return Program(
        text=tuple(lines),
        state=("x", "p", *thermostats),
        coefficients=_coefficient_names(lines, read, scalars),
        n_normals=max(part.n_normals for part in parts),
        stored=("g",) if carried else (),
        scalars=scalars,
        blocks=blocks,
    )


def _names(line: str) -> set[str]:
    return set(re.findall(r"\b[A-Za-z_]\w*", line.split("@")[0]))


def _coefficient_names(lines, read, scalars) -> tuple[str, ...]:
    functions = {"fma", "gradient", "dot", "exp", "expm1_over", "sqrt"}
    targets = {line.split("=")[0].strip() for line in lines}
    known = functions | targets | {"x", "p", "g", *scalars}
    names = {name for name in read - known if not (name[0] == "n" and name[1:].isdigit())}
    return tuple(sorted(names))


def strong_order(letters: str, weak_order: float) -> float:
    """1 with the noise of O or N, which leaves positions a third of its variance short.

    U draws momentum and position jointly: what is left is the force's change along the path, of
    mean zero and size dt^(5/2) a step, and the word's own order.
    """
    return 1.0 if {"O", "N"} & set(letters) else weak_order


def orders(word: Sequence[Any]) -> tuple[float, float]:
    """(weak order, configurational order), from the symmetry of the word.

    A palindrome is of weak order 2. A word that becomes a palindrome when its first or last letter
    is cut in two and one half moved to the other end is conjugate to one: its stationary law is
    the palindrome's, pushed through half a sub-flow, so averages keep order 2.
    """
    if word == word[::-1]:
        return 2.0, 2.0
    conjugate = word[1:] == word[:0:-1] or word[:-1] == word[-2::-1]
    return 1.0, 2.0 if conjugate else 1.0


def _joint_normals(word: str) -> tuple[tuple[str, tuple[int, int], tuple[str, ...]], ...]:
    """What the normals of each U stand for: the momentum's noise, then what positions add."""
    count = word.count("U")
    rows: list[tuple[str, tuple[int, int], tuple[str, ...]]] = []
    for index in range(count):
        rows.append(("ornstein_uhlenbeck", (index, count), ()))
        rows.append(("drifted", (index, count), ("ornstein_uhlenbeck",)))
    return tuple(rows)


_SOURCES = {
    "langevin": "Leimkuhler and Matthews (2015), chapter 7",
    "adaptive": "Leimkuhler and Shang (2016)",
}
_NAMED_SOURCES = {
    "BAOAB": "Leimkuhler and Matthews (2013)",
    "ABOBA": "Leimkuhler and Matthews (2013)",
    "OBABO": "Bussi and Parrinello (2007)",
    "OABAO": "Leimkuhler, Matthews and Stoltz (2016)",
    "BAOA": "Kieninger and Keller (2022)",
    "BAB": "Verlet (1967); Swope et al. (1982), velocity Verlet",
    "ABA": "Tuckerman, Berne and Martyna (1992), position Verlet",
    "UBU": "Sanz-Serna and Zygalakis (2021)",
    "BUB": "Sanz-Serna and Zygalakis (2021)",
    "BACNDNCAB": "Leimkuhler, Matthews and Vlaar (2019), AdLa",
    "ACNDNCAB": "Leimkuhler, Matthews and Vlaar (2019), AdLa as it is run",
}


@functools.lru_cache(maxsize=256)
def splitting(text: str, equation: str = "langevin") -> Method:
    """The method of a splitting word.

    Parameters
    ----------
    text : str
        A word over A, B, O (or V, R, O), over U, B, or over A, B, C, N, D for the other ways to
        split; spaces allowed.
    equation : {"langevin", "adaptive"}, optional
        What it is to solve; a word with D is for adaptive Langevin dynamics.

    Returns
    -------
    Method
        A word without O (and C, N, U) is for ``friction = 0``.

    Raises
    ------
    ValueError
        If the word is no integrator, or ``equation`` is another.

    Source
    ------
    Leimkuhler and Matthews (2013) [LM13]; Leimkuhler and Shang (2016) for D.

    Examples
    --------
    >>> from langevin_lab.integrators import splitting
    >>> splitting("V R O R V").program.text[0]
    'p = fma(-kick, g, p)'
    """
    if equation not in _HERE:
        raise ValueError(
            f"equation={equation!r} has no splitting of one word, method={text!r}: use "
            f"{' or '.join(map(repr, _HERE))}{_ELSEWHERE.get(equation, '')}"
        )
    word = normalise(text, equation)
    part = Part(equation, word)
    program = write_program([(part, letter) for letter in word])

    def coefficients(dynamics, dt, temperature):
        return part.coefficients(dynamics, dt, temperature, dynamics.dim)

    weak_order, configurational_order = orders(word)
    noisy = program.n_normals > 0
    samples = noisy or equation == "adaptive"  # a thermostat alone samples too
    properties = Properties(
        name=word,
        equation=equation,
        strong_order=strong_order(word, weak_order),
        weak_order=weak_order,
        configurational_order=configurational_order if samples else math.nan,
        gradients_per_step=program.gradients_per_step,
        normals_per_step=program.n_normals,
        stability_limit=spectral_stability_limit(program, coefficients, momenta=True),
        source=_NAMED_SOURCES.get(word, _SOURCES[equation]),
    )
    return Method(
        word, program, coefficients, properties, thermostatted=noisy,
        path_normals=_joint_normals(word),
    )  # fmt: skip
