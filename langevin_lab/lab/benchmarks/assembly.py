"""Assembly as a graph of blocks, and the path that a loop takes in every pass.

Read are SASS, as nvdisasm prints it, and PTX. A loop is found by its back edge, so neither its
place in the text nor its labels matter. Of the ways through it the longest is taken that stores
nothing: what stores, adds to memory, calls a subroutine or loops again (saved paths, divergence,
the sine of a huge argument) is not done in every step.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

__all__ = ["Block", "Instruction", "blocks", "loops", "usual_path"]

_SASS = re.compile(r"/\*[0-9a-f]{4,}\*/\s+(@!?U?P\w+)?\s*([A-Z][A-Z0-9_.]*)\s*([^;]*);")
# A call stands on several lines, of which the first counts.
_PTX = re.compile(r"^\s*(@!?%\w+)?\s*(call[\w.]*(?=\s)|[a-z][\w.:]*(?=[^;]*;\s*$))\s*([^;]*)")
_LABEL = re.compile(r"^\s*(\.L_x_\w+|\$L_\w+|\.text\.[^:]+):")
_TARGET = re.compile(r"(\.L_x_\w+|\$L_\w+)")
_PTX_ENTRY = re.compile(r"^\s*(?:\.\w+\s+)*\.(?:entry|func)\b")
_LEAVES = ("EXIT", "RET", "ret", "exit", "trap", "BRX", "JMX", "KILL")
_RARE = ("ST", "ATOM", "RED", "CALL", "st.global", "st.local", "atom", "red.", "call")


@dataclass(frozen=True)
class Instruction:
    """One line of assembly.

    Parameters
    ----------
    opcode : str
        With its modifiers: "IMAD.WIDE.U32", "fma.rn.f64".
    guard : str
        The predicate that it runs under, "" for none.
    operands : str
    """

    opcode: str
    guard: str = ""
    operands: str = ""

    @property
    def target(self) -> str | None:
        """The label that a branch jumps to."""
        found = _TARGET.search(self.operands) if self.opcode.split(".")[0] in _BRANCHES else None
        return found[1] if found else None

    @property
    def is_conditional(self) -> bool:
        """Whether a branch may fall through: by its guard, or by a predicate among operands."""
        return bool(self.guard) or bool(re.match(r"!?U?P\d", self.operands))

    @property
    def leaves(self) -> bool:
        """Whether control never comes to the next line."""
        return self.opcode.startswith(_LEAVES) and not self.guard

    @property
    def is_rare(self) -> bool:
        """Whether it stores or calls."""
        return self.opcode.startswith(_RARE)


_BRANCHES = ("BRA", "JMP", "bra")


@dataclass
class Block:
    """Instructions that run one after the other, and the blocks that may come next."""

    labels: list[str] = field(default_factory=list)
    lines: list[Instruction] = field(default_factory=list)
    next: list[int] = field(default_factory=list)

    @property
    def is_rare(self) -> bool:
        """Whether the block stores or calls."""
        return any(line.is_rare for line in self.lines)


def blocks(text: str) -> list[Block]:
    """The blocks of all functions in the text, with their edges.

    Raises
    ------
    ValueError
        If there is no instruction in it.
    """
    pattern = _SASS if "/*0000*/" in text else _PTX
    found = [Block()]
    for line in text.splitlines():
        label = _LABEL.match(line)
        if label or (pattern is _PTX and _PTX_ENTRY.match(line)):
            if found[-1].lines:
                found.append(Block())
            if label:
                found[-1].labels.append(label[1])
        elif (match := pattern.search(line)) and not match[2].startswith("."):
            instruction = Instruction(match[2], match[1] or "", match[3].strip())
            found[-1].lines.append(instruction)
            if instruction.target or instruction.leaves:
                found.append(Block())
    if not any(block.lines for block in found):
        raise ValueError("no instruction in the text; give SASS as of nvdisasm -c, or PTX")
    _connect(found)
    return found


def _connect(found: Sequence[Block]) -> None:
    place = {label: k for k, block in enumerate(found) for label in block.labels}
    for k, block in enumerate(found):
        last = block.lines[-1] if block.lines else None
        if last and last.target in place:
            block.next.append(place[last.target])
        stays = last is not None and (last.leaves or (last.target and not last.is_conditional))
        if k + 1 < len(found) and not stays:
            block.next.append(k + 1)


def loops(found: Sequence[Block]) -> dict[int, set[int]]:
    """Members of each loop by its head, the head among them; inner loops are part of outer ones.

    Raises
    ------
    ValueError
        If there is no loop.
    """
    members: dict[int, set[int]] = {}
    for tail, head in _back_edges(found):
        members.setdefault(head, {head}).update(_reaching(found, tail, head))
    if not members:
        raise ValueError("no loop in the code: the steps of a kernel are one")
    return members


def _back_edges(found: Sequence[Block]) -> Iterable[tuple[int, int]]:
    """Edges to a block that is still open in a search in depth from every entry."""
    state = [0] * len(found)  # 1 open, 2 closed
    entered = {k for block in found for k in block.next}
    for root in [0, *(k for k in range(1, len(found)) if k not in entered)]:
        stack = [(root, iter(found[root].next))]
        state[root] = 1
        while stack:
            k, following = stack[-1]
            for after in following:
                if state[after] == 1:
                    yield k, after
                elif state[after] == 0:
                    state[after] = 1
                    stack.append((after, iter(found[after].next)))
                    break
            else:
                state[k] = 2
                stack.pop()


def _reaching(found: Sequence[Block], tail: int, head: int) -> set[int]:
    """Blocks from which the tail is reached without passing the head."""
    before: dict[int, list[int]] = {}
    for k, block in enumerate(found):
        for after in block.next:
            before.setdefault(after, []).append(k)
    members, waiting = {head}, [tail]
    while waiting:
        k = waiting.pop()
        if k not in members:
            members.add(k)
            waiting += before.get(k, [])
    return members


def usual_path(found: Sequence[Block], head: int) -> list[Instruction]:
    """Instructions of the longest way from the head of a loop back to it that avoids rare blocks.

    Rare are blocks that store or call, and inner loops. Where no way avoids them they are allowed,
    inner loops once.
    """
    every = loops(found)
    members = every[head]
    inner = {k for other in members & set(every) - {head} for k in every[other]}
    usual = {k for k in members if k == head or not (found[k].is_rare or k in inner)}
    path = _longest(found, head, usual) or _longest(found, head, members)
    return [line for k in path or [head] for line in found[k].lines]


def _longest(found: Sequence[Block], head: int, members: set[int]) -> list[int] | None:
    """Blocks of the longest way round; None without one. Edges back to an open block are left."""
    known: dict[int, tuple[int, list[int]] | None] = {}

    def onwards(k: int) -> tuple[int, list[int]] | None:
        if k not in known:
            known[k] = None
            ways: list[tuple[int, list[int]]] = [(0, [])] if head in found[k].next else []
            further = (onwards(after) for after in found[k].next if after in members - {head})
            ways += [way for way in further if way is not None]
            if ways:
                length, path = max(ways, key=lambda way: way[0])
                known[k] = (length + len(found[k].lines), [k, *path])
        return known[k]

    best = onwards(head)
    return None if best is None else best[1]
