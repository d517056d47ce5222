"""A step, written once: a few lines in the method's own letters, as on paper.

A program is a tuple of assignments over vectors with one entry per coordinate:

    p = fma(-kick, g, p)        an elementwise line; fma(a, b, c) = a b + c in one rounding
    g = gradient(x)             the gradient of the potential at a vector

Names are the state (``x``, ``p``), the stored vectors (``g``, the gradient carried to the next
step; ``r``, the last normal), the normals of the step (``n0``, ``n1``, ...), the method's
coefficients and vectors assigned on the way. The same lines are run on numpy arrays (tests, exact
laws), unrolled over coordinates for compiled lanes of replicas, and looped over coordinates for
many-dimensional potentials.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import CodeType
from typing import Any

import numpy as np

_FUNCTIONS = frozenset({"fma", "gradient"})


@dataclass(frozen=True)
class Line:
    """One assignment: ``target``, its right-hand side, and the names that it reads."""

    target: str
    expression: str
    reads: frozenset[str]
    gradient_of: str | None


def _parse_line(text: str) -> Line:
    statement = ast.parse(text).body[0]
    if not (isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)):
        raise ValueError(f"line {text!r} of a step must be 'name = expression'")
    names = {node.id for node in ast.walk(statement.value) if isinstance(node, ast.Name)}
    gradient_of = None
    if "gradient" in names:
        call = statement.value
        if not (
            isinstance(call, ast.Call)
            and len(call.args) == 1
            and isinstance(call.args[0], ast.Name)
        ):
            raise ValueError(f"line {text!r} of a step must call gradient alone, on one vector")
        gradient_of = call.args[0].id
    return Line(
        target=statement.targets[0].id,
        expression=ast.unparse(statement.value),
        reads=frozenset(names - _FUNCTIONS),
        gradient_of=gradient_of,
    )


@dataclass(frozen=True)
class Program:
    """The lines of one step and what they read.

    Parameters
    ----------
    text : tuple of str
        The assignments, in order.
    state : tuple of str
        ("x",) or ("x", "p").
    coefficients : tuple of str
        Names of the numbers that depend on dt, friction, temperature and mass.
    n_normals : int
        Standard normals a step and coordinate: ``n0``, ``n1``, ...
    stored : tuple of str, optional
        "g" if the gradient at x is carried to the next step, "r" if the last normal is.

    Raises
    ------
    ValueError
        If a line is no assignment, reads an unknown name, or a coefficient is never read.
    """

    text: tuple[str, ...]
    state: tuple[str, ...]
    coefficients: tuple[str, ...]
    n_normals: int
    stored: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        known = {*self.state, *self.stored, *self.coefficients, *self.normals}
        read: set[str] = set()
        for line in self.lines:
            unknown = line.reads - known
            if unknown:
                raise ValueError(
                    f"step line {line.target} = {line.expression} reads {sorted(unknown)}, "
                    f"known here are {sorted(known)}"
                )
            known.add(line.target)
            read |= line.reads
        unused = {*self.coefficients, *self.normals} - read
        if unused:
            raise ValueError(f"the step never reads {sorted(unused)}")

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """The parsed assignments."""
        return tuple(_parse_line(text) for text in self.text)

    @property
    def normals(self) -> tuple[str, ...]:
        """Names of the normals of one step."""
        return tuple(f"n{index}" for index in range(self.n_normals))

    @property
    def carried(self) -> tuple[str, ...]:
        """Vectors carried from step to step: the state, then the stored ones."""
        return self.state + self.stored

    @property
    def vectors(self) -> frozenset[str]:
        """All names that have one entry per coordinate; coefficients are not among them."""
        targets = {line.target for line in self.lines}
        return frozenset({*self.carried, *self.normals, *targets})

    @property
    def gradients_per_step(self) -> int:
        """Gradient evaluations a step."""
        return sum(line.gradient_of is not None for line in self.lines)

    @cached_property
    def _bytecode(self) -> CodeType:
        return compile("\n".join(self.text), "<step>", "exec")

    def run(
        self,
        state: Mapping[str, np.ndarray],
        normals: np.ndarray,
        coefficients: Mapping[str, Any],
        gradient: Callable[[np.ndarray], np.ndarray],
    ) -> dict[str, np.ndarray]:
        """One step on numpy arrays.

        Parameters
        ----------
        state : mapping of str to ndarray of shape (..., dim)
            The carried vectors.
        normals : ndarray of shape (n_normals, ..., dim)
        coefficients : mapping of str to float or ndarray of shape (dim,)
        gradient : callable, (..., dim) -> (..., dim)

        Returns
        -------
        dict of str to ndarray of shape (..., dim)
            The carried vectors after the step; the arguments are left as they were.
        """
        names: dict[str, Any] = {"fma": _multiply_add, "gradient": gradient, "__builtins__": {}}
        names.update(coefficients)
        names.update((name, state[name]) for name in self.carried)
        names.update(zip(self.normals, normals))
        # The text is the package's own (or a method author's), parsed above; never a user's string.
        exec(self._bytecode, names)
        return {name: names[name] for name in self.carried}


def _multiply_add(a, b, c):
    return a * b + c
