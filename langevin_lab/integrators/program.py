"""A step, written once: a few lines in the method's own letters, as on paper.

A program is a tuple of assignments over vectors with one entry per coordinate, and over scalars
with one entry per replica (thermostats, whether a step was accepted):

    p = fma(-kick, g, p)        an elementwise line; fma(a, b, c) = a b + c in one rounding
    p = fma(-kick, g, p) @ 1    the same for the coordinates of block 1 only
    g = gradient(x)             the gradient of the potential at a vector
    e = energy(x)               the potential itself, a scalar
    k = dot(p, p) @ 1           sum over the coordinates (of a block), a scalar
    b = noise(x)                a vector function of the dynamics, of those the program names
    a = select(d <= k, 1., 0.)  one of two by a condition, in scalars or elementwise
    xi = fma(gain, k, xi)       a scalar line reads scalars and coefficients only

Names are the state (``x``, ``p``, ``xi``), what is carried besides (memories that start at zero,
such as an average of squared gradients; ``g``, the gradient carried to the next step; ``e``, the
energy there; ``r``, the last normal), the normals of the step (``n0``,
``n1``, ... per coordinate, ``s0``, ... per replica), the method's coefficients and names assigned
on the way. The same lines are run on numpy arrays (tests, exact laws), unrolled over coordinates
for compiled lanes of replicas, and looped over coordinates for many-dimensional potentials.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import CodeType
from typing import Any

import numpy as np

from langevin_lab.compiled.numpy_functions import NUMPY_NAMESPACE

_CALLS = frozenset({"gradient", "energy", "dot"})  # stand alone on the right-hand side


# The elementwise functions that a line may call.
_FUNCTIONS = frozenset({"absolute", "exp", "expm1_over", "fma", "select", "sqrt"})


@dataclass(frozen=True)
class Line:
    """One assignment.

    Attributes
    ----------
    target, expression : str
        Left- and right-hand side.
    reads : frozenset of str
        Names on the right-hand side, functions left out.
    call : str or None
        "gradient", "energy", "dot" or a function of the dynamics, if the right-hand side is one.
    arguments : tuple of str
        Of that call.
    block : int or None
        The block whose coordinates the line is for; None: all.
    """

    target: str
    expression: str
    reads: frozenset[str]
    call: str | None
    arguments: tuple[str, ...]
    block: int | None

    @property
    def gradient_of(self) -> str | None:
        """The vector at which the line takes the gradient, if it does."""
        return self.arguments[0] if self.call == "gradient" else None


def _parse_line(text: str, functions: tuple[str, ...] = ()) -> Line:
    assignment, _, block = text.partition("@")
    statement = ast.parse(assignment.strip()).body[0]
    if not (isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)):
        raise ValueError(f"line {text!r} of a step must be 'name = expression'")
    names = {node.id for node in ast.walk(statement.value) if isinstance(node, ast.Name)}
    call: str | None = None
    arguments: tuple[str, ...] = ()
    calls = _CALLS.union(functions)
    if names & calls:
        call, arguments = _parse_call(text, statement.value, calls)
    return Line(
        target=statement.targets[0].id,
        expression=ast.unparse(statement.value),
        reads=frozenset(names - calls - _FUNCTIONS),
        call=call,
        arguments=arguments,
        block=int(block) if block else None,
    )


def _parse_call(text: str, value: ast.expr, calls: frozenset[str]) -> tuple[str, tuple[str, ...]]:
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        plain = [argument.id for argument in value.args if isinstance(argument, ast.Name)]
        count = 2 if value.func.id == "dot" else 1
        if value.func.id in calls and len(plain) == len(value.args) == count:
            return value.func.id, tuple(plain)
    raise ValueError(
        f"line {text!r} of a step must call gradient or energy alone, on one vector, or dot alone, "
        "on two; functions of the dynamics as gradient"
    )


@dataclass(frozen=True)
class Program:
    """The lines of one step and what they read.

    Parameters
    ----------
    text : tuple of str
        The assignments, in order.
    state : tuple of str
        ("x",), ("x", "p"), ("x", "p", "xi"): positions first.
    coefficients : tuple of str
        Names of the numbers that depend on dt, friction, temperature and mass.
    n_normals : int
        Standard normals a step and coordinate: ``n0``, ``n1``, ...
    stored : tuple of str, optional
        "g" if the gradient at x is carried to the next step, "e" if the energy is (a scalar), "r"
        if the last normal is.
    scalars : tuple of str, optional
        State and local names that have one entry per replica instead of one per coordinate.
    blocks : tuple of tuple of int, optional
        Coordinates of each block that a line may be restricted to.
    n_scalar_normals : int, optional
        Standard normals a step and replica: ``s0``, ``s1``, ...
    random_gradient : bool, optional
        Whether the gradient is drawn, so that a carried one cannot be computed again from x.
    functions : tuple of str, optional
        Vector functions that the dynamics provides and lines call like the gradient.
    memories : tuple of str, optional
        Vectors and scalars that are carried besides the state and are zero at the start.

    Raises
    ------
    ValueError
        If a line is no assignment, reads an unknown name, mixes up scalars and vectors or names a
        block that is not there, or a coefficient or normal is never read.
    """

    text: tuple[str, ...]
    state: tuple[str, ...]
    coefficients: tuple[str, ...]
    n_normals: int
    stored: tuple[str, ...] = ()
    scalars: tuple[str, ...] = ()
    blocks: tuple[tuple[int, ...], ...] = ()
    n_scalar_normals: int = 0
    random_gradient: bool = False
    functions: tuple[str, ...] = ()
    memories: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        twice = {name for name in self.carried if self.carried.count(name) > 1}
        if twice:
            raise ValueError(f"the step carries {sorted(twice)} twice; a memory needs its own name")
        known = {*self.carried, *self.coefficients, *self.normals, *self.scalar_normals}
        read: set[str] = set()
        for line in self.lines:
            unknown = line.reads - known
            if unknown:
                raise ValueError(
                    f"step line {line.target} = {line.expression} reads {sorted(unknown)}, "
                    f"known here are {sorted(known)}"
                )
            self._check_kinds(line)
            known.add(line.target)
            read |= line.reads
        if "q" in known:
            raise ValueError("the step assigns q, which kernels use for the potential's parameters")
        unused = {*self.coefficients, *self.normals, *self.scalar_normals} - read
        if unused:
            raise ValueError(f"the step never reads {sorted(unused)}")

    def _check_kinds(self, line: Line) -> None:
        """Scalars come from scalars, dot and energy; vectors from anything else."""
        where = f"step line {line.target} = {line.expression}"
        if line.block is not None and not 0 <= line.block < len(self.blocks):
            raise ValueError(f"{where} is for block {line.block} of {len(self.blocks)}")
        if self.is_scalar(line.target):
            vectors = sorted(line.reads & self.vectors)
            if vectors and line.call not in ("dot", "energy"):
                raise ValueError(f"{where} gives the scalar {line.target} the vectors {vectors}")
        elif line.call in ("dot", "energy"):
            raise ValueError(f"{where} gives the vector {line.target} a scalar")

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """The parsed assignments."""
        return tuple(_parse_line(text, self.functions) for text in self.text)

    @property
    def normals(self) -> tuple[str, ...]:
        """Names of the normals of one step and coordinate."""
        return tuple(f"n{index}" for index in range(self.n_normals))

    @property
    def scalar_normals(self) -> tuple[str, ...]:
        """Names of the normals of one step and replica."""
        return tuple(f"s{index}" for index in range(self.n_scalar_normals))

    @property
    def carried(self) -> tuple[str, ...]:
        """What is carried from step to step: the state, memories, then the stored vectors."""
        return self.state + self.memories + self.stored

    @property
    def state_scalars(self) -> tuple[str, ...]:
        """The scalars of the state: thermostats and outcomes."""
        return tuple(name for name in self.state if name in self.scalars)

    @cached_property
    def outcomes(self) -> tuple[str, ...]:
        """Scalars of the state that a step writes without reading what they were."""
        written: set[str] = set()
        read: set[str] = set()
        for line in self.lines:
            read |= line.reads - written
            written.add(line.target)
        return tuple(name for name in self.state_scalars if name in written - read)

    @property
    def thermostats(self) -> tuple[str, ...]:
        """The scalars of the state that the next step depends on."""
        return tuple(name for name in self.state_scalars if name not in self.outcomes)

    @property
    def state_vectors(self) -> tuple[str, ...]:
        """The vectors of the state."""
        return tuple(name for name in self.state if name not in self.scalars)

    @cached_property
    def vectors(self) -> frozenset[str]:
        """All names that have one entry per coordinate; coefficients are not among them."""
        targets = {line.target for line in self.lines}
        return frozenset({*self.carried, *self.normals, *targets} - set(self.scalars))

    def is_scalar(self, name: str) -> bool:
        """Whether the name has one entry per replica."""
        return name in self.scalars or name in self.scalar_normals

    @property
    def gradients_per_step(self) -> int:
        """Gradient evaluations a step, or those of the drift that stands in its place."""
        return sum(line.call in ("gradient", "drift") for line in self.lines)

    @cached_property
    def _bytecode(self) -> CodeType:
        return compile("\n".join(self.text), "<step>", "exec")

    @cached_property
    def _right_hand_sides(self) -> list[CodeType]:
        return [compile(line.expression, "<step>", "eval") for line in self.lines]

    def run(
        self,
        state: Mapping[str, np.ndarray],
        normals: np.ndarray,
        coefficients: Mapping[str, Any],
        gradient: Callable[[np.ndarray], np.ndarray],
        *,
        energy: Callable[[np.ndarray], np.ndarray] | None = None,
        scalar_normals: np.ndarray | tuple[()] = (),
        functions: Mapping[str, Callable[[np.ndarray], np.ndarray]] | None = None,
    ) -> dict[str, np.ndarray]:
        """One step on numpy arrays.

        Parameters
        ----------
        state : mapping of str to ndarray of shape (..., dim), scalars (..., 1)
            What is carried.
        normals : ndarray of shape (n_normals, ..., dim)
        coefficients : mapping of str to float or ndarray of shape (dim,)
        gradient : callable, (..., dim) -> (..., dim)
        energy : callable, (..., dim) -> (...), optional
            For programs that read the energy.
        scalar_normals : ndarray of shape (n_scalar_normals, ..., 1), optional
        functions : mapping of str to callable, (..., dim) -> (..., dim), optional
            For programs that call functions of the dynamics.

        Returns
        -------
        dict of str to ndarray
            What is carried after the step, in the same shapes; the arguments are left as they were.
        """
        provided = functions or {}
        missing = [name for name in self.functions if name not in provided]
        if missing:
            raise ValueError(f"the step calls {missing}: pass functions=dynamics.functions(...)")
        names = self._namespace(state, normals, coefficients, gradient, energy, scalar_normals)
        names.update(provided)
        # The text is the package's own (or a method author's), parsed above; never a user's string.
        if not self.blocks:
            exec(self._bytecode, names)
        else:
            for line, code in zip(self.lines, self._right_hand_sides):
                self._run_line(line, code, names)
        return {name: names[name] for name in self.carried}

    def trace(
        self,
        state: Mapping[str, np.ndarray],
        normals: np.ndarray,
        coefficients: Mapping[str, Any],
        gradient: Callable[[np.ndarray], np.ndarray],
        *,
        energy: Callable[[np.ndarray], np.ndarray] | None = None,
        scalar_normals: np.ndarray | tuple[()] = (),
    ) -> Iterator[tuple[Line, dict[str, Any]]]:
        """The same step line by line: each line with a copy of all names after it.

        Parameters
        ----------
        As `run`.

        Yields
        ------
        Line, dict of str to ndarray
        """
        names = self._namespace(state, normals, coefficients, gradient, energy, scalar_normals)
        for line, code in zip(self.lines, self._right_hand_sides):
            self._run_line(line, code, names)
            yield line, dict(names)

    def _namespace(
        self, state, normals, coefficients, gradient, energy, scalar_normals
    ) -> dict[str, Any]:
        """What the lines may read before the first of them has run."""
        names: dict[str, Any] = {**NUMPY_NAMESPACE, "gradient": gradient, "__builtins__": {}}
        names["dot"] = lambda a, b: np.sum(a * b, axis=-1, keepdims=True)
        names["energy"] = lambda x: np.asarray(energy(x))[..., None]
        names.update(coefficients)
        names.update((name, state[name]) for name in self.carried)
        names.update(zip(self.normals, normals))
        names.update(zip(self.scalar_normals, scalar_normals))
        return names

    def _run_line(self, line: Line, code: CodeType, names: dict[str, Any]) -> None:
        """Assign one line, on the coordinates of its block."""
        if line.block is None:
            names[line.target] = eval(code, names)
            return
        chosen = list(self.blocks[line.block])
        view = dict(names)
        for name in line.reads:
            per_coordinate = name in self.vectors or (
                name in self.coefficients and np.shape(names[name])[-1:] not in ((), (1,))
            )
            if per_coordinate:
                view[name] = np.asarray(names[name])[..., chosen]
        value = eval(code, view)
        if self.is_scalar(line.target):
            names[line.target] = value
            return
        # A vector that is new here has no entries outside the block that anyone may read.
        old = names.get(line.target)
        shape = np.broadcast_shapes(np.shape(value)[:-1], np.shape(names["x"])[:-1])
        whole = np.zeros((*shape, np.shape(names["x"])[-1])) if old is None else np.array(old)
        whole = np.broadcast_to(whole, (*shape, whole.shape[-1])).copy()
        whole[..., chosen] = value
        names[line.target] = whole
