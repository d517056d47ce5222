"""A step's loop over lanes cut in phases, so that long chains of dependent functions overlap.

One lane's step is one chain: drift, thermostat, exponential, root, drift, gradient. In a single
loop the processor would wait for the chain of a vector of lanes before it sees the next ones. A
short loop with the exponentials alone keeps many vectors in flight; what the loops hand over goes
through rows of the work array, which lie in the first-level cache. The arithmetic of a lane is the
same in any number of phases, so the bits are.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence

_SLOW = frozenset({"exp", "expm1_over", "sqrt"})


def _targets_and_reads(line: str) -> tuple[list[str], set[str]]:
    statement = ast.parse(line).body[0]
    assert isinstance(statement, ast.Assign)
    targets = [node.id for node in ast.walk(statement.targets[0]) if isinstance(node, ast.Name)]
    reads = {node.id for node in ast.walk(statement.value) if isinstance(node, ast.Name)}
    return targets, reads


def _segments(lines: Sequence[str], slow: frozenset[str]) -> list[list[str]]:
    """Neighbouring lines that do or do not assign one of the slow names."""
    segments: list[list[str]] = []
    previous = None
    for line in lines:
        targets, reads = _targets_and_reads(line)
        kind = bool(reads & _SLOW and slow.intersection(targets))
        if kind != previous:
            segments.append([])
        segments[-1].append(line)
        previous = kind
    return segments


def phases(
    lines: Sequence[str],
    places: Mapping[str, str],
    *,
    carried: Iterable[str],
    slow: Iterable[str],
) -> list[list[str]]:
    """The bodies of one or more loops over lanes that together do what the lines say.

    Parameters
    ----------
    lines : sequence of str
        Assignments to local names, in order.
    places : mapping of str to str
        Where the value of a name is kept between loops: "work[...]", or "normals[...]" for names
        that are only read. Names without a place live within one phase.
    carried : iterable of str
        Names whose values are loaded at first and must be back in their places at the end.
    slow : iterable of str
        Names whose exponentials and roots get a phase of their own.

    Returns
    -------
    list of list of str
    """
    segments = _segments(lines, frozenset(slow))
    needed = set(carried)  # after the segment at hand, seen from the end
    result: list[list[str]] = []
    for segment in reversed(segments):
        assigned: set[str] = set()
        outside: set[str] = set()
        for line in segment:
            targets, reads = _targets_and_reads(line)
            outside |= reads - assigned
            assigned |= set(targets)
        stores = [f"{places[name]} = {name}" for name in sorted(assigned & needed & places.keys())]
        loads = [f"{name} = {places[name]}" for name in sorted(outside & places.keys())]
        result.append([*loads, *segment, *stores])
        needed = (needed - assigned) | outside
    return result[::-1]
