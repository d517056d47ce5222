"""A step's lines in the order in which a torch optimiser comes to them.

`step` is called when the gradient at the parameters is there. So the program of a method is cut
where it takes a gradient, and run from there to the same place in the next step: between steps the
parameters are the points where the method takes its (first) gradient.

    BAOAB     p -= (dt/2) g | next step: p -= (dt/2) g, A, O, A            points x_n
    AOAB      p -= dt g, A, O, A                                           the word BAOA
    ABOBA     p -= (dt/2) g, O, p -= (dt/2) g, A, A                        half a drift after x_n

Where the gradient is carried from step to step (words that begin and end with a kick), what comes
before the bar belongs to the step before: it is left out in the first step, and draws the normals
of its own step.
"""

from __future__ import annotations

import ast
import functools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from types import CodeType

from langevin_lab.integrators import Program
from langevin_lab.integrators.letters import Part
from langevin_lab.integrators.partitions import parse
from langevin_lab.integrators.program import Line
from langevin_lab.integrators.words import write_program

__all__ = ["Piece", "Plan", "plan_of_program", "plan_of_word"]


@dataclass(frozen=True)
class Piece:
    """Lines that run one after the other.

    Parameters
    ----------
    lines : tuple of (block, target, code)
        The block of a group, None for all groups.
    normals : tuple of int
        Numbers of the normals that the lines read.
    previous : bool
        Whether the lines end the step before.
    """

    lines: tuple[tuple[int | None, str, CodeType], ...]
    normals: tuple[int, ...]
    previous: bool = False


@dataclass(frozen=True)
class Plan:
    """What to run after each gradient of a step.

    Parameters
    ----------
    segments : tuple of tuple of Piece
        One for each gradient of a step; a closure gives the second and later ones.
    n_normals : int
        Normals a step and coordinate.
    momenta : bool
        Whether there are momenta.
    thermostats : tuple of (str or None)
        The name of each block's thermostat.
    parts : tuple of Part
        The letters of each block; none of a scheme that is no word.
    """

    segments: tuple[tuple[Piece, ...], ...]
    n_normals: int
    momenta: bool
    thermostats: tuple[str | None, ...]
    parts: tuple[Part, ...] = ()


@functools.lru_cache(maxsize=64)
def plan_of_word(word: str, equations: tuple[str, ...]) -> Plan:
    """The plan of a word, or of a published scheme's name, for one block per group.

    Raises
    ------
    ValueError
        If the word is no integrator for the equations; see `integrators.partitioned`.
    """
    sequence = parse(word, equations)
    parts = tuple(
        Part(
            equation,
            "".join(letter for owner, letter in sequence if owner == block),
            suffix=f"_{block + 1}",
            block=block,
        )
        for block, equation in enumerate(equations)
    )
    program = write_program(
        [(parts[block], letter) for block, letter in sequence],
        blocks=tuple((block,) for block in range(len(equations))),
    )
    known = program.thermostats
    names = tuple(next((n for n in part.thermostats if n in known), None) for part in parts)
    return Plan(_segments(program), program.n_normals, True, names, parts)


def plan_of_program(program: Program, n_groups: int) -> Plan:
    """The plan of a scheme whose lines are the same for all groups."""
    name = program.thermostats[0] if program.thermostats else None
    momenta = "p" in program.state
    return Plan(_segments(program), program.n_normals, momenta, (name,) * n_groups)


def _segments(program: Program) -> tuple[tuple[Piece, ...], ...]:
    lines = program.lines
    places = [index for index, line in enumerate(lines) if line.gradient_of is not None]
    carried = "g" in program.stored
    # Words for several blocks read the same normal once for each, of different coordinates.
    readers = Counter((line.block, name) for line in lines for name in line.reads)
    once = frozenset(n for n in program.normals if all(readers[b, n] < 2 for b, _ in readers))
    place = places[-1] if carried else places[0]
    segments = [[_piece(lines[place + 1 :], once, True)]] if carried else []
    rest = lines[:place] if carried else lines[place + 1 :] + lines[:place]
    cuts = [index for index, line in enumerate(rest) if line.gradient_of is not None]
    for start, stop in zip([0, *(cut + 1 for cut in cuts)], [*cuts, len(rest)]):
        piece = _piece(rest[start:stop], once)
        if carried and start == 0:
            segments[0].append(piece)
        else:
            segments.append([piece])
    return tuple(tuple(segment) for segment in segments)


def _piece(lines: Sequence[Line], once: frozenset[str], previous: bool = False) -> Piece:
    read = {name for line in lines for name in line.reads}
    normals = (int(name[1:]) for name in read if name[0] == "n" and name[1:].isdigit())
    coded = tuple((line.block, line.target, _code(line, once)) for line in lines)
    return Piece(coded, tuple(sorted(normals)), previous)


def _code(line: Line, once: frozenset[str]) -> CodeType:
    """The right-hand side, in place where an argument is read no more.

    ``p = fma(a, b, p)`` becomes add_to(p, a, b), ``p = fma(a, p, c)`` scale_and_add(p, a, c), and
    ``a * n0`` scaled(n0, a) where ``once`` says that n0 stands nowhere else.
    """
    tree = ast.parse(line.expression, mode="eval")
    call = tree.body
    named = [node for node in ast.walk(tree) if getattr(node, "id", None) == line.target]
    if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "fma" and len(named) == 1:
        first, second, third = call.args
        for name, target, others in (
            ("add_to", third, [first, second]),
            ("scale_and_add", second, [first, third]),
        ):
            if target is named[0]:
                call.func = ast.Name(name, ast.Load())
                call.args = [target, *others]
    tree = ast.fix_missing_locations(_Scaling(once).visit(tree))
    return compile(tree, "<step>", "eval")


class _Scaling(ast.NodeTransformer):
    """a * n0 -> scaled(n0, a), and a * scaled(...) -> scaled(scaled(...), a)."""

    def __init__(self, once: frozenset[str]) -> None:
        self.once = once

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """Replace a product, its factors first."""
        self.generic_visit(node)
        right = node.right
        named = isinstance(right, ast.Name) and right.id in self.once
        nested = isinstance(right, ast.Call) and getattr(right.func, "id", "") == "scaled"
        if isinstance(node.op, ast.Mult) and (named or nested):
            return ast.Call(ast.Name("scaled", ast.Load()), [right, node.left], [])
        return node
