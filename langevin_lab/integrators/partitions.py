"""Words for partitioned dynamics: letters that name their block.

"A1 A2 C1 N1 D1 O2 D1 N1 C1 A2 A1 B2 B1" is AdLaLa: letter and number of the block, read from left
to right; a letter that stands k times for a block takes dt/k of that block each time. A letter
without a number stands for all blocks that have it, so "BAOAB" steps all blocks together. All
blocks share one gradient, taken again only where some position has moved.

Source: Leimkuhler, Matthews and Vlaar (2019).
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from langevin_lab.integrators.letters import ALLOWED, MEANING, Part
from langevin_lab.integrators.methods import Method, spectral_stability_limit
from langevin_lab.integrators.properties import Properties
from langevin_lab.integrators.words import check_letters, strong_order, translated, write_program

# Published schemes for partitions, as printed; a word may be given by these names.
PUBLISHED: Mapping[str, str] = MappingProxyType(
    {
        "AdLaLa": "A C D E O E D C A B",
        "LOL": "B A O A B",
        "MultilayerLangevin": "A O A B",
    }
)
_TOKEN = re.compile(r"([A-Za-z])(\d*)")


def parse(text: str, equations: Sequence[str]) -> list[tuple[int, str]]:
    """(block from 0, letter) in order, letters without a number spread over the blocks.

    Raises
    ------
    ValueError
        If the text holds anything but letters with numbers, a block is unknown, a letter means
        nothing for its block, or a block's letters are no integrator.
    """
    compact = "".join(PUBLISHED.get(text, text).split())
    if not re.fullmatch(r"([A-Za-z]\d*)+", compact):
        raise ValueError(
            f"method={text!r} is no word: write letters with the number of their block, such as "
            "'A1 A2 O2', or without for all blocks"
        )
    sequence = []
    tokens = _TOKEN.findall(translated(compact))
    shared = {letter for letter, number in tokens if not number}
    for letter, number in tokens:
        if number and not 1 <= int(number) <= len(equations):
            raise ValueError(
                f"method={text!r}: {letter}{number} is for block {number} of {len(equations)}"
            )
        chosen = [int(number) - 1] if number else range(len(equations))
        having = [
            block
            for block in chosen
            if letter in (ALLOWED[equations[block]] if number else _own(equations[block], shared))
        ]
        if not having:
            where = f"block {number} ({equations[chosen[0]]})" if number else "any block"
            known = "".join(sorted({k for block in chosen for k in ALLOWED[equations[block]]}))
            raise ValueError(
                f"method={text!r}: letter {letter!r} means nothing for {where}; use "
                + ", ".join(f"{k} {MEANING[k]}" for k in known)
            )
        sequence += [(block, letter) for block in having]
    for block, equation in enumerate(equations):
        letters = "".join(letter for owner, letter in sequence if owner == block)
        check_letters(f"method={text!r}, block {block + 1} ({letters})", letters, equation)
        if equation == "overdamped" and "O" not in letters:
            raise ValueError(f"method={text!r}: block {block + 1} is overdamped and has no O")
    return sequence


def _own(equation: str, shared: set[str]) -> str:
    """Which of the letters without a number a block takes.

    Where the word has both O and C or N, friction and noise come from O for Langevin blocks and
    from C and N for adaptive ones, as in AdLaLa.
    """
    letters = ALLOWED[equation]
    if "O" in shared and shared & {"C", "N"}:
        double = "O" if equation == "adaptive" else "CN"
        return "".join(letter for letter in letters if letter not in double)
    return letters


@functools.lru_cache(maxsize=64)
def partitioned(
    text: str, equations: tuple[str, ...], blocks: tuple[tuple[int, ...], ...]
) -> Method:
    """The method of a word for partitioned dynamics.

    Parameters
    ----------
    text : str
        Letters with block numbers, or without for all blocks.
    equations : tuple of {"langevin", "adaptive", "overdamped"}
        Of each block.
    blocks : tuple of tuple of int
        Coordinates of each block.

    Returns
    -------
    Method

    Raises
    ------
    ValueError
        As `parse`.

    Source
    ------
    Leimkuhler, Matthews and Vlaar (2019).
    """
    sequence = parse(text, equations)
    alone = len(blocks) == 1
    parts = [
        Part(
            equation,
            "".join(letter for owner, letter in sequence if owner == block),
            suffix="" if alone else f"_{block + 1}",
            block=None if alone else block,
        )
        for block, equation in enumerate(equations)
    ]
    program = write_program(
        [(parts[block], letter) for block, letter in sequence], blocks=() if alone else blocks
    )

    def coefficients(dynamics, dt, temperature) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for part, block in zip(parts, dynamics.blocks):
            own = block.dynamics
            values |= part.coefficients(own, dt, own.temperature, len(block.coordinates))
        return values

    word = "".join(letter for _, letter in sequence)
    weak_order, configurational_order = _orders(sequence)
    noisy = program.n_normals > 0
    properties = Properties(
        name=" ".join(f"{letter}{block + 1}" for block, letter in sequence),
        equation="partitioned",
        strong_order=0.5 if noisy and "overdamped" in equations else strong_order(word, weak_order),
        weak_order=1.0 if "overdamped" in equations else weak_order,
        configurational_order=configurational_order if noisy else math.nan,
        gradients_per_step=program.gradients_per_step,
        normals_per_step=program.n_normals,
        stability_limit=min(_stability_limit(part) for part in parts),
        source="Leimkuhler, Matthews and Vlaar (2019)",
    )
    return Method(
        properties.name, program, coefficients, properties, thermostatted=noisy,
        partition=tuple(zip(parts, blocks)),
    )  # fmt: skip


def _stability_limit(part: Part) -> float:
    """That of the block alone, without friction (so that overdamped is no case of its own)."""
    equation = "langevin" if part.equation == "overdamped" else part.equation
    alone = Part(equation, part.letters)
    program = write_program([(alone, letter) for letter in part.letters])

    def coefficients(dynamics, dt, temperature) -> dict[str, Any]:
        return alone.coefficients(dynamics, dt, temperature, 1)

    return spectral_stability_limit(program, coefficients, momenta=True)


def _orders(sequence: list[tuple[int, str]]) -> tuple[float, float]:
    """`words.orders` up to letters that commute: a first or last group may be cut in two."""
    if is_palindrome(sequence):
        return 2.0, 2.0
    for rest in (sequence, sequence[::-1]):
        first = rest[0][1]
        length = next((i for i, (_, letter) in enumerate(rest) if letter != first), len(rest))
        if is_palindrome(rest[length:]):
            return 1.0, 2.0
    return 1.0, 1.0


def is_palindrome(sequence: list[tuple[int, str]]) -> bool:
    """Whether (block, letter) read the same backwards up to the order of letters that commute."""
    return _ordered(sequence) == _ordered(sequence[::-1])


def _ordered(sequence: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """The sequence with neighbours that commute in the order of blocks: A2 A1 as A1 A2.

    Letters of different blocks commute unless one drifts and the other kicks.
    """
    result = list(sequence)
    for _ in result:
        for i in range(len(result) - 1):
            (first, a), (second, b) = result[i : i + 2]
            if first > second and {a, b} not in ({"A", "B"}, {"U", "B"}):
                result[i : i + 2] = [result[i + 1], result[i]]
    return result
