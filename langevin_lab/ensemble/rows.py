"""Block functions looped over coordinates, one replica a block: for potentials from loops."""

from __future__ import annotations

import re
from collections.abc import Sequence

from langevin_lab.ensemble.moments import Moment
from langevin_lab.ensemble.writer import Writer, function, indented, tuple_text
from langevin_lab.integrators.program import Line


class Rows(Writer):
    """Looped over coordinates; one replica per block."""

    def at(self, name: str, index: str = "j") -> str:
        return f"work[{self.layout.row(name)} + {index}]"

    def view(self, name: str) -> str:
        start = self.layout.row(name)
        return f"work[{start} : {start + self.layout.dim}]"

    def gradient_line(self, target: str, argument: str) -> str:
        count = len(self.potential.parameters)
        return f"gradient({self.view(argument)}, parameters[:{count}], {self.view(target)})"

    def energy_text(self, argument: str) -> str:
        """The call that gives the energy at a vector."""
        return f"energy({self.view(argument)}, parameters[:{len(self.potential.parameters)}])"

    def fill(self) -> str:
        start = self.layout.normals
        pairs = self.layout.n_normals * self.layout.steps_per_fill // 2
        body = [
            f"fill_coordinate_normals(work[{start} :], seed, replicas[0], fill * {pairs}, {pairs})"
        ]
        signature = "fill_normals(work, width, seed, replicas, fill)"
        return function(signature, body if pairs else [])

    def refresh(self) -> str:
        body = [self.gradient_line("g", "x")] if self.stores_true_gradient else []
        if "e" in self.program.stored:
            body.append(f"{self.at('e', '0')} = {self.energy_text('x')}")
        return function("refresh_block(work, width, parameters)", body)

    def advance(self) -> str:
        body, start = [], 0
        for name in self.program.coefficients:
            count = self.layout.dim if name in self.vectors else 1
            if name not in self.vectors:
                body.append(f"c_{name} = coefficients[{start}]")
            else:
                body.append(f"c_{name} = coefficients[{start} : {start + count}]")
            start += count
        scalars = [name for name in self.layout.carried if self.program.is_scalar(name)]
        body += [f"{name}_0 = {self.at(name, '0')}" for name in scalars]
        group: list[Line] = []
        for line in self.program.lines:
            alone = line.call or self.program.is_scalar(line.target)
            if group and (alone or group[0].block != line.block):
                body += self.loop(group)
                group = []
            if alone:
                body += self.single(line)
            else:
                group.append(line)
        body += self.loop(group)
        body += [f"{self.at(name, '0')} = {name}_0" for name in scalars]
        return function("advance_block(work, width, normals, coefficients, parameters)", body)

    def single(self, line: Line) -> list[str]:
        """A gradient, an energy, a sum over coordinates or a scalar line."""
        if line.gradient_of:
            return [self.gradient_line(line.target, line.gradient_of)]
        target = f"{line.target}_0"
        if line.call == "energy":
            return [f"{target} = {self.energy_text(line.arguments[0])}"]
        if line.call == "dot":
            a, b = (self.load(name) for name in line.arguments)
            return [f"{target} = 0.0", *self.over(line, [f"{target} = fma({a}, {b}, {target})"])]
        return [f"{target} = {self.translated(line.expression)}"]

    def over(self, line: Line, loop: list[str]) -> list[str]:
        """Lines repeated for the coordinates j of a line."""
        chosen = self.coordinates(line)
        first, last = chosen[0], chosen[-1]
        if chosen == tuple(range(first, last + 1)):
            return [f"for j in range({first}, {last + 1}):", *indented(loop)]
        return [f"for j in BLOCK_{line.block}:", *indented(loop)]

    def translated(self, expression: str) -> str:
        """The expression of a line in the names of the loop over j."""
        names = {name: f"{name}_j" for name in self.program.vectors}
        names |= {name: f"{name}_0" for name in self.program.scalars}
        for index, name in enumerate(self.program.scalar_normals):
            names[name] = f"normals[{self.program.n_normals * self.layout.dim + index}]"
        for name in self.program.coefficients:
            names[name] = f"c_{name}[j]" if name in self.vectors else f"c_{name}"
        return re.sub(r"\b[A-Za-z_]\w*\b", lambda match: names.get(match[0], match[0]), expression)

    def loop(self, lines: Sequence[Line]) -> list[str]:
        """Neighbouring elementwise lines of one block as one loop over its coordinates."""
        if not lines:
            return []
        known: set[str] = set()
        loop = []
        for line in lines:
            for name in sorted(line.reads & self.program.vectors - known):
                loop.append(f"{name}_j = {self.load(name)}")
                known.add(name)
            loop.append(f"{line.target}_j = {self.translated(line.expression)}")
            known.add(line.target)
        written = sorted({line.target for line in lines})
        loop += [f"{self.at(name)} = {name}_j" for name in written]
        return self.over(lines[0], loop)

    def load(self, name: str) -> str:
        if name in self.program.normals:
            return f"normals[{self.program.normals.index(name) * self.layout.dim} + j]"
        return self.at(name)

    def bind(self, used: Sequence[str]) -> tuple[list[str], dict[str, str]]:
        names = self.names()
        kinds = {names[name][0] for name in used}
        stored = self.at("e", "0") if "e" in self.program.stored else ""
        lines, gradient = self.bind_gradient("grad" in kinds)
        scalars = {}
        for name in used:
            kind, index = names[name]
            scalars[name] = {
                "x": self.at("x", str(index)),
                "p": self.at("p", str(index)) if "p" in self.layout.carried else "",
                "grad": f"{gradient}[{index}]",
                "parameter": f"parameters[{index}]",
                "energy": stored or self.energy_text("x"),
                "thermostat": self.at(name, "0") if name in self.layout.carried else "",
            }.get(kind) or self.extra_parameter(kind, index)
        return lines, scalars

    def bind_gradient(self, needed: bool) -> tuple[list[str], str]:
        """Lines that provide the gradient at x, and the name of the array that holds it."""
        if not needed:
            return [], ""
        if self.stores_true_gradient:
            return [f"gradient_ = {self.view('g')}"], "gradient_"
        count = len(self.potential.parameters)
        lines = [
            "gradient_ = np.empty(DIM)",
            f"gradient({self.view('x')}, parameters[:{count}], gradient_)",
        ]
        return lines, "gradient_"

    def coordinate_sum(self, moment: Moment, target: str) -> list[str]:
        """Lines that sum one text over coordinates into ``target``."""
        expression = self.coordinate_expression(moment)
        offset = len(self.potential.parameters)
        names = {name: f"parameters[{i}]" for i, name in enumerate(self.potential.parameters)}
        names |= {"x": self.at("x"), "grad": "gradient_[j]", "dt": f"parameters[{offset}]"}
        names["mass"] = f"parameters[{offset + 1} + j]"
        if "p" in self.program.state:
            names["p"] = self.at("p")
        source = re.sub(
            r"\b[A-Za-z_]\w*\b", lambda match: names.get(match[0], match[0]), expression.source
        )
        return [f"{target} = 0.0", "for j in range(DIM):", f"    {target} += {source}"]

    def values(self, moments: Sequence[Moment], observe: str) -> tuple[str, list[str], list[str]]:
        """An observe function, the lines that compute all values, and their names in order."""
        pointwise = [moment for moment in moments if not moment.over_coordinates]
        text, used = self.observe(observe, pointwise) if pointwise else ("", [])
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
        return text, lines, results

    def record(self, moments: Sequence[Moment]) -> str:
        """Text of ``record_block`` and of ``advance_and_record``, here just one after the other."""
        both = function(
            "advance_and_record(work, width, normals, coefficients, parameters)",
            [
                "advance_block(work, width, normals, coefficients, parameters)",
                "record_block(work, width, parameters)",
            ],
        )
        text, lines, results = self.values(moments, "observe") if moments else ("", [], [])
        start = self.layout.n_carried
        lines += [f"work[{start + index}] += {value}" for index, value in enumerate(results)]
        return "\n\n\n".join([text, function("record_block(work, width, parameters)", lines), both])

    def histogram_values(self, histograms: Sequence[Moment]) -> str:
        signature = "histogram_values(work, lane, parameters)"
        if not histograms:
            return function(signature, ["return (0.0,)"])
        text, lines, results = self.values(histograms, "observe_histograms")
        lines.append(f"return {tuple_text(results)}")
        return text + "\n\n\n" + function(signature, lines)

    def region(self, target: str) -> str:
        """Text of ``in_target``: whether the replica lies in the target region."""
        inside, used = self.region_function(target)
        lines, scalars = self.bind(used)
        lines.append(f"return lies_in_target({', '.join(scalars[name] for name in used)})")
        return inside + "\n\n\n" + function("in_target(work, lane, parameters)", lines)
