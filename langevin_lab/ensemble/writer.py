"""What both forms of kernel share: coefficients, parameters, observables, pieces of text."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from langevin_lab.ensemble.layout import Layout
from langevin_lab.ensemble.moments import COORDINATE_NAMES, Moment, observable_names
from langevin_lab.integrators.program import Line
from langevin_lab.potentials import FactorNoise


def function(signature: str, body: Iterable[str], decorator: str = "inlined") -> str:
    """Text of a decorated function."""
    lines = list(body) or ["pass"]
    return f"@{decorator}\ndef {signature}:\n" + textwrap.indent("\n".join(lines), "    ")


def tuple_text(items: Sequence[str]) -> str:
    """Text of a tuple, also of one item."""
    return f"({', '.join(items)}{',' if len(items) == 1 else ''})"


class _Rename(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]):
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)


def renamed(expression: str, names: dict[str, str]) -> str:
    """The expression with names replaced."""
    one_line = " ".join(expression.split())
    return ast.unparse(_Rename(names).visit(ast.parse(one_line, mode="eval")))


def indented(lines: Iterable[str]) -> list[str]:
    """The lines one level deeper."""
    return [f"    {line}" for line in lines]


class Writer:
    """What both forms share: coefficients, parameters, observables."""

    def __init__(self, potential: Any, layout: Layout, vectors: frozenset[str], n_shifts: int = 0):
        self.potential, self.layout, self.vectors = potential, layout, vectors
        self.n_shifts = n_shifts
        self.program = layout.program
        data = getattr(potential, "data", None)
        # The functions of a potential read its parameters and data, which come first.
        self.n_values = len(potential.parameters) + (0 if data is None else data.values.size)

    def names(self) -> dict[str, tuple[str, int]]:
        """Everything that an observable may name: name -> (kind, index)."""
        names = observable_names(
            self.potential, momenta="p" in self.program.state, scalars=self.program.state_scalars
        )
        return names | {f"shift_{index}": ("shift", index) for index in range(self.n_shifts)}

    def thermostats(self, used: Iterable[str]) -> list[str]:
        """Those of the observable names that are scalars of the state."""
        return [name for name in used if self.names()[name] == ("thermostat", 0)]

    @property
    def stores_true_gradient(self) -> bool:
        """Whether the gradient at x is at hand, free of gradient noise."""
        return "g" in self.program.stored and not self.program.random_gradient

    def coordinates(self, line: Line) -> tuple[int, ...]:
        """Coordinates that a line is for; one for a scalar line."""
        if self.program.is_scalar(line.target) and line.call != "dot":
            return (0,)
        if line.block is None:
            return tuple(range(self.layout.dim))
        return self.program.blocks[line.block]

    def block_functions(self) -> list[str]:
        """The functions that every loop calls."""
        return [self.noise_function(), self.fill(), self.refresh(), self.advance()]

    def noise_function(self) -> str:
        """Text of the position-dependent factor of gradient noise, if there is one."""
        if not isinstance(self.layout.noise, FactorNoise):
            return ""
        entries = [entry.source for entry in self.layout.noise.entries.values()]
        signature = f"noise_factor({', '.join(self.layout.noise.names)})"
        return function(signature, [f"return {tuple_text(entries)}"])

    @property
    def noise_numbers(self) -> int:
        """Where the numbers of gradient noise begin: after dt, masses and shifts."""
        return self.n_values + 1 + self.layout.dim + self.n_shifts

    def coefficient_names(self) -> list[str]:
        """Columns of the coefficient table."""
        columns = []
        for name in self.program.coefficients:
            count = self.layout.dim if name in self.vectors else 1
            columns += [f"{name}_{index}" for index in range(count)]
        return columns

    def parameter_scalars(self) -> list[str]:
        """Local names of the potential's parameters."""
        return [f"q_{index}" for index in range(len(self.potential.parameters))]

    def unpack_parameters(self) -> list[str]:
        """Lines that load the potential's parameters."""
        return [f"q_{i} = parameters[{i}]" for i in range(len(self.potential.parameters))]

    def observe(self, name: str, texts: Sequence[Moment]) -> tuple[str, list[str]]:
        """A function of scalars that returns the pointwise moments, and the names it takes."""
        from langevin_lab.potentials.expression import parse_expression

        parsed = [parse_expression(moment.text, tuple(self.names())) for moment in texts]
        used = sorted({used for expression in parsed for used in expression.names_used})
        body = [f"return {tuple_text([expression.source for expression in parsed])}"]
        return function(f"{name}({', '.join(used)})", body, decorator="inlined"), used

    def coordinate_expression(self, moment: Moment) -> Any:
        """The parsed text of a moment over coordinates, which may name those of one only."""
        from langevin_lab.potentials.expression import parse_expression

        momenta = "p" in self.program.state
        allowed = tuple(name for name in COORDINATE_NAMES if name != "p" or momenta)
        return parse_expression(moment.text, (*allowed, *self.potential.parameters))

    def region_function(self, text: str, name: str) -> tuple[str, list[str]]:
        """A function of scalars that says whether a point lies in a region, and its arguments."""
        from langevin_lab.potentials.expression import parse_region

        region = parse_region(text, tuple(self.names()))
        used = sorted(region.names_used)
        body = [f"return {region.source}"]
        return function(f"lies_{name}({', '.join(used)})", body, decorator="inlined"), used

    def extra_parameter(self, kind: str, index: int) -> str:
        """dt, masses and shifts follow the potential's parameters in the parameter array."""
        offset = self.n_values
        offset += {"dt": 0, "mass": 1, "shift": 1 + self.layout.dim}[kind]
        return f"parameters[{offset + index}]"

    def fill(self) -> str:
        """Text of ``fill_normals``."""
        raise TypeError("a Writer has no form: use Lanes or Rows")

    def refresh(self) -> str:
        """Text of ``refresh_block``."""
        raise TypeError("a Writer has no form: use Lanes or Rows")

    def advance(self) -> str:
        """Text of ``advance_block``."""
        raise TypeError("a Writer has no form: use Lanes or Rows")
