"""Write the block functions of a kernel: one potential, one program, a list of moments.

The program's lines are unrolled over coordinates (lanes) or looped over them (rows); the potential's
own text is pasted. `kernel_loop` follows unchanged. The result is a module that a reader can open.
"""

from __future__ import annotations

import ast
import functools
import re
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from langevin_lab.ensemble.layout import Layout
from langevin_lab.ensemble.moments import COORDINATE_NAMES, Moment, observable_names
from langevin_lab.integrators.program import Line, Program

_HEADER = '''"""{title}

Written by langevin_lab for one potential, one method and one list of observables. Strict IEEE
arithmetic throughout: the bits do not depend on vector width, threads or chunks.
"""

import numpy as np

from langevin_lab.compiled.elementary import *
from langevin_lab.compiled.entry import entry
from langevin_lab.noise.streams import fill_coordinate_normals, fill_replica_normals
{imports}
'''


@functools.cache
def _loop_text() -> str:
    text = Path(__file__).with_name("kernel_loop.py").read_text()
    return text.split("# --- kernel ---", 1)[1].split("\n", 1)[1]


def kernel_text(
    potential: Any,
    program: Program,
    layout: Layout,
    moments: Sequence[Moment],
    histograms: Sequence[Moment],
    vector_coefficients: frozenset[str],
    title: str,
) -> str:
    """Source text of the kernel module.

    Parameters
    ----------
    potential : Potential
    program : Program
    layout : Layout
    moments, histograms : sequence of Moment
    vector_coefficients : frozenset of str
        Coefficients with one value per coordinate.
    title : str
        First line of the module's docstring.
    """
    code = potential.code
    writer = (_Lanes if layout.lanes else _Rows)(potential, program, layout, vector_coefficients)
    constants = "\n".join(f"{name} = {value}" for name, value in layout.constants().items())
    parts = [
        _HEADER.format(title=title, imports=code.import_line or ""),
        constants,
        _decorate(code.source) if code.source else "",
        writer.fill(),
        writer.refresh(),
        writer.advance(),
        writer.record(moments),
        writer.histogram_values(histograms),
        _loop_text().strip(),
    ]
    return "\n\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def _decorate(source: str) -> str:
    return re.sub(r"^def ", "@compiled\ndef ", source, flags=re.M)


def _function(signature: str, body: Iterable[str]) -> str:
    lines = list(body) or ["pass"]
    return f"@compiled\ndef {signature}:\n" + textwrap.indent("\n".join(lines), "    ")


def _tuple(items: Sequence[str]) -> str:
    return f"({', '.join(items)}{',' if len(items) == 1 else ''})"


class _Rename(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]):
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)


def _renamed(expression: str, names: dict[str, str]) -> str:
    return ast.unparse(_Rename(names).visit(ast.parse(expression, mode="eval")))


class _Writer:
    """What both forms share: coefficients, parameters, observables."""

    def __init__(self, potential, program: Program, layout: Layout, vectors: frozenset[str]):
        self.potential, self.program, self.layout = potential, program, layout
        self.vectors = vectors

    def coefficient_names(self) -> list[str]:
        """Columns of the coefficient table."""
        columns = []
        for name in self.program.coefficients:
            count = self.layout.dim if name in self.vectors else 1
            columns += [f"{name}_{index}" for index in range(count)]
        return columns

    def parameter_scalars(self) -> list[str]:
        return [f"q_{index}" for index in range(len(self.potential.parameters))]

    def unpack_parameters(self) -> list[str]:
        return [f"q_{i} = parameters[{i}]" for i in range(len(self.potential.parameters))]

    def observe(self, name: str, texts: Sequence[Moment]) -> tuple[str, list[str]]:
        """A function of scalars that returns the pointwise moments, and the names it takes."""
        from langevin_lab.potentials.expression import parse_expression

        names = observable_names(self.potential, momenta="p" in self.program.state)
        parsed = [parse_expression(moment.text, tuple(names)) for moment in texts]
        used = sorted({used for expression in parsed for used in expression.names_used})
        body = [f"return {_tuple([expression.source for expression in parsed])}"]
        return _function(f"{name}({', '.join(used)})", body), used

    def extra_parameter(self, kind: str, index: int) -> str:
        """dt and the masses follow the potential's parameters in the parameter array."""
        offset = len(self.potential.parameters)
        return f"parameters[{offset + (0 if kind == 'dt' else 1 + index)}]"

    def fill(self) -> str:
        raise NotImplementedError


class _Lanes(_Writer):
    """Unrolled over coordinates, looped over lanes."""

    def at(self, name: str, coordinate: int, lane: str = "i") -> str:
        return f"work[{self.layout.row(name, coordinate) * self.layout.width} + {lane}]"

    def scalars(self, name: str) -> list[str]:
        return [f"{name}_{index}" for index in range(self.layout.dim)]

    def gradient_line(self, target: str, argument: str) -> str:
        call = ", ".join([*self.scalars(argument), *self.parameter_scalars()])
        return f"{', '.join(self.scalars(target))}, = gradient({call})"

    def fill(self) -> str:
        width = self.layout.width
        pairs = self.layout.n_normals * self.layout.steps_per_fill // 2
        body = [
            f"fill_replica_normals(work, {(self.layout.normals + 2 * pair) * width}, "
            f"{(self.layout.normals + 2 * pair + 1) * width}, width, seed, replica, "
            f"fill * {pairs} + {pair})"
            for pair in range(pairs)
        ]
        return _function("fill_normals(work, width, seed, replica, fill)", body)

    def refresh(self) -> str:
        body: list[str] = []
        if "g" in self.program.stored:
            loop = [f"x_{d} = {self.at('x', d)}" for d in range(self.layout.dim)]
            loop.append(self.gradient_line("g", "x"))
            loop += [f"{self.at('g', d)} = g_{d}" for d in range(self.layout.dim)]
            body = [*self.unpack_parameters(), "for i in range(width):", *_indent(loop)]
        return _function("refresh_block(work, width, parameters)", body)

    def step_lines(self) -> list[str]:
        """The program, unrolled over coordinates."""
        lines = []
        for line in self.program.lines:
            if line.gradient_of:
                lines.append(self.gradient_line(line.target, line.gradient_of))
                continue
            for d in range(self.layout.dim):
                lines.append(f"{line.target}_{d} = {_renamed(line.expression, self.names(d))}")
        return lines

    def names(self, coordinate: int) -> dict[str, str]:
        """Names of the program -> scalars of one coordinate."""
        names = {name: f"{name}_{coordinate}" for name in self.program.vectors}
        for name in self.program.coefficients:
            names[name] = f"c_{name}_{coordinate if name in self.vectors else 0}"
        return names

    def advance(self) -> str:
        dims, width = range(self.layout.dim), self.layout.width
        columns = self.coefficient_names()
        head = [f"c_{name} = coefficients[{index}]" for index, name in enumerate(columns)]
        written = {line.target for line in self.program.lines}
        loop = [f"{name}_{d} = {self.at(name, d)}" for name in self.layout.carried for d in dims]
        loop += [
            f"{name}_{d} = work[(normals + {index * self.layout.dim + d}) * {width} + i]"
            for index, name in enumerate(self.program.normals)
            for d in dims
        ]
        loop += self.step_lines()
        loop += [
            f"{self.at(name, d)} = {name}_{d}"
            for name in self.layout.carried
            if name in written
            for d in dims
        ]
        body = [*head, *self.unpack_parameters(), "for i in range(width):", *_indent(loop)]
        return _function("advance_block(work, width, normals, coefficients, parameters)", body)

    def bind(self, used: Sequence[str], lane: str) -> tuple[list[str], dict[str, str]]:
        """Lines that compute everything the used observable names need, and name -> scalar."""
        names = observable_names(self.potential, momenta="p" in self.program.state)
        kinds = {names[name][0] for name in used}
        lines = [f"x_{d} = {self.at('x', d, lane)}" for d in range(self.layout.dim)]
        if "p" in kinds:
            lines += [f"p_{d} = {self.at('p', d, lane)}" for d in range(self.layout.dim)]
        call = ", ".join([*self.scalars("x"), *self.parameter_scalars()])
        if "grad" in kinds:
            if "g" in self.program.stored:
                lines += [f"g_{d} = {self.at('g', d, lane)}" for d in range(self.layout.dim)]
            else:
                lines.append(self.gradient_line("g", "x"))
        if "energy" in kinds:
            lines.append(f"energy_ = energy({call})")
        if "laplacian" in kinds:
            diagonal = [d * self.layout.dim - d * (d - 1) // 2 for d in range(self.layout.dim)]
            lines.append(f"hessian_ = hessian({call})")
            lines.append("laplacian_ = " + " + ".join(f"hessian_[{index}]" for index in diagonal))
        scalars = {}
        for name in used:
            kind, index = names[name]
            scalars[name] = {
                "x": f"x_{index}", "p": f"p_{index}", "grad": f"g_{index}",
                "parameter": f"q_{index}", "energy": "energy_", "laplacian": "laplacian_",
            }.get(kind) or self.extra_parameter(kind, index)  # fmt: skip
        return lines, scalars

    def expanded(self, moments: Sequence[Moment]) -> list[Moment]:
        """Moments over coordinates written out as sums of pointwise terms."""
        from langevin_lab.ensemble.moments import momentum_name

        variables, expanded = self.potential.variables, []
        for moment in moments:
            if not moment.over_coordinates:
                expanded.append(moment)
                continue
            terms = []
            for index, variable in enumerate(variables):
                names = {
                    "x": variable, "p": momentum_name(variables, index),
                    "grad": f"grad_{variable}", "mass": f"mass_{variable}",
                }  # fmt: skip
                terms.append(f"({_renamed(moment.text, names)})")
            expanded.append(Moment(" + ".join(terms)))
        return expanded

    def record(self, moments: Sequence[Moment]) -> str:
        if not moments:
            return _function("record_block(work, width, parameters)", [])
        observe, used = self.observe("observe", self.expanded(moments))
        lines, scalars = self.bind(used, "i")
        loop = [*lines, f"values = observe({', '.join(scalars[name] for name in used)})"]
        for index in range(len(moments)):
            offset = (self.layout.n_carried + index) * self.layout.width
            loop.append(f"work[{offset} + i] += values[{index}]")
        body = [*self.unpack_parameters(), "for i in range(width):", *_indent(loop)]
        return observe + "\n\n\n" + _function("record_block(work, width, parameters)", body)

    def histogram_values(self, histograms: Sequence[Moment]) -> str:
        if not histograms:
            return _function("histogram_values(work, lane, parameters)", ["return (0.0,)"])
        observe, used = self.observe("observe_histograms", self.expanded(histograms))
        lines, scalars = self.bind(used, "lane")
        call = f"return observe_histograms({', '.join(scalars[name] for name in used)})"
        body = [*self.unpack_parameters(), *lines, call]
        function = _function("histogram_values(work, lane, parameters)", body)
        return observe + "\n\n\n" + function


class _Rows(_Writer):
    """Looped over coordinates; one replica per block."""

    def at(self, name: str, index: str = "j") -> str:
        return f"work[{self.layout.row(name)} + {index}]"

    def view(self, name: str) -> str:
        start = self.layout.row(name)
        return f"work[{start} : {start + self.layout.dim}]"

    def gradient_line(self, target: str, argument: str) -> str:
        count = len(self.potential.parameters)
        return f"gradient({self.view(argument)}, parameters[:{count}], {self.view(target)})"

    def fill(self) -> str:
        start = self.layout.normals
        pairs = self.layout.n_normals * self.layout.steps_per_fill // 2
        body = [f"fill_coordinate_normals(work[{start} :], seed, replica, fill * {pairs}, {pairs})"]
        signature = "fill_normals(work, width, seed, replica, fill)"
        return _function(signature, body if pairs else [])

    def refresh(self) -> str:
        body = [self.gradient_line("g", "x")] if "g" in self.program.stored else []
        return _function("refresh_block(work, width, parameters)", body)

    def advance(self) -> str:
        body, start = [], 0
        for name in self.program.coefficients:
            count = self.layout.dim if name in self.vectors else 1
            if name not in self.vectors:
                body.append(f"c_{name} = coefficients[{start}]")
            else:
                body.append(f"c_{name} = coefficients[{start} : {start + count}]")
            start += count
        group: list[Line] = []
        for line in self.program.lines:
            if line.gradient_of:
                body += self.loop(group)
                group = []
                body.append(self.gradient_line(line.target, line.gradient_of))
            else:
                group.append(line)
        body += self.loop(group)
        return _function("advance_block(work, width, normals, coefficients, parameters)", body)

    def loop(self, lines: Sequence[Line]) -> list[str]:
        """Neighbouring elementwise lines as one loop over coordinates."""
        if not lines:
            return []
        names = {name: f"{name}_j" for name in self.program.vectors}
        for name in self.program.coefficients:
            names[name] = f"c_{name}[j]" if name in self.vectors else f"c_{name}"
        known: set[str] = set()
        loop = []
        for line in lines:
            for name in sorted(line.reads & self.program.vectors - known):
                loop.append(f"{name}_j = {self.load(name)}")
                known.add(name)
            expression = re.sub(
                r"\b\w+\b", lambda match: names.get(match[0], match[0]), line.expression
            )
            loop.append(f"{line.target}_j = {expression}")
            known.add(line.target)
        written = sorted({line.target for line in lines})
        loop += [f"{self.at(name)} = {name}_j" for name in written]
        return ["for j in range(DIM):", *_indent(loop)]

    def load(self, name: str) -> str:
        if name in self.program.normals:
            return f"work[normals + {self.program.normals.index(name)} * DIM + j]"
        return self.at(name)

    def bind(self, used: Sequence[str]) -> tuple[list[str], dict[str, str]]:
        names = observable_names(self.potential, momenta="p" in self.program.state)
        kinds = {names[name][0] for name in used}
        count = len(self.potential.parameters)
        lines, gradient = self.bind_gradient("grad" in kinds)
        scalars = {}
        for name in used:
            kind, index = names[name]
            scalars[name] = {
                "x": self.at("x", str(index)),
                "p": self.at("p", str(index)) if "p" in self.layout.carried else "",
                "grad": f"{gradient}[{index}]",
                "parameter": f"parameters[{index}]",
                "energy": f"energy({self.view('x')}, parameters[:{count}])",
            }.get(kind) or self.extra_parameter(kind, index)
        return lines, scalars

    def bind_gradient(self, needed: bool) -> tuple[list[str], str]:
        """Lines that provide the gradient at x, and the name of the array that holds it."""
        if not needed:
            return [], ""
        if "g" in self.program.stored:
            return [f"gradient_ = {self.view('g')}"], "gradient_"
        count = len(self.potential.parameters)
        lines = [
            "gradient_ = np.empty(DIM)",
            f"gradient({self.view('x')}, parameters[:{count}], gradient_)",
        ]
        return lines, "gradient_"

    def coordinate_sum(self, moment: Moment, target: str) -> list[str]:
        """Lines that sum one text over coordinates into ``target``."""
        from langevin_lab.potentials.expression import parse_expression

        momenta = "p" in self.program.state
        allowed = tuple(name for name in COORDINATE_NAMES if name != "p" or momenta)
        allowed += tuple(self.potential.parameters)
        expression = parse_expression(moment.text, allowed)
        offset = len(self.potential.parameters)
        names = {"x": self.at("x"), "grad": "gradient_[j]", "dt": f"parameters[{offset}]"}
        names["mass"] = f"parameters[{offset + 1} + j]"
        if momenta:
            names["p"] = self.at("p")
        names |= {name: f"parameters[{i}]" for i, name in enumerate(self.potential.parameters)}
        source = re.sub(
            r"\b[A-Za-z_]\w*\b", lambda match: names.get(match[0], match[0]), expression.source
        )
        return [f"{target} = 0.0", "for j in range(DIM):", f"    {target} += {source}"]

    def values(self, moments: Sequence[Moment], observe: str) -> tuple[str, list[str], list[str]]:
        """An observe function, the lines that compute all values, and their names in order."""
        pointwise = [moment for moment in moments if not moment.over_coordinates]
        function, used = self.observe(observe, pointwise) if pointwise else ("", [])
        needs_gradient = any("grad" in m.text for m in moments if m.over_coordinates)
        lines, scalars = self.bind(used)
        if needs_gradient and not lines:
            lines = self.bind_gradient(True)[0]
        if pointwise:
            lines.append(f"values = {observe}({', '.join(scalars[name] for name in used)})")
        results, index = [], 0
        for number, moment in enumerate(moments):
            if moment.over_coordinates:
                lines += self.coordinate_sum(moment, f"sum_{number}")
                results.append(f"sum_{number}")
            else:
                results.append(f"values[{index}]")
                index += 1
        return function, lines, results

    def record(self, moments: Sequence[Moment]) -> str:
        signature = "record_block(work, width, parameters)"
        if not moments:
            return _function(signature, [])
        function, lines, results = self.values(moments, "observe")
        start = self.layout.n_carried
        lines += [f"work[{start + index}] += {value}" for index, value in enumerate(results)]
        return function + "\n\n\n" + _function(signature, lines)

    def histogram_values(self, histograms: Sequence[Moment]) -> str:
        signature = "histogram_values(work, lane, parameters)"
        if not histograms:
            return _function(signature, ["return (0.0,)"])
        function, lines, results = self.values(histograms, "observe_histograms")
        lines.append(f"return {_tuple(results)}")
        return function + "\n\n\n" + _function(signature, lines)


def _indent(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines]
