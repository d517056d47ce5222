"""Block functions looped over coordinates, one replica a block: for potentials from loops."""

from __future__ import annotations

import re
from collections.abc import Sequence

from langevin_lab.ensemble.moments import Moment
from langevin_lab.ensemble.writer import Writer, function, indented, tuple_text
from langevin_lab.integrators.program import Line
from langevin_lab.potentials import GaussianNoise, Minibatch

_PARTS = 8  # partial sums of a dot product: the latency of a multiply-add times two a cycle


def _depends(line: Line, waiting: Sequence[Line]) -> bool:
    """Whether the line must come after one of the waiting ones."""
    return any(
        other.target in line.reads or line.target in other.reads or line.target == other.target
        for other in waiting
    )


class Rows(Writer):
    """Looped over coordinates; one replica per block."""

    def at(self, name: str, index: str = "j") -> str:
        return f"work[{self.layout.row(name)} + {index}]"

    def view(self, name: str) -> str:
        start = self.layout.row(name)
        return f"work[{start} : {start + self.layout.dim}]"

    def gradient_line(self, target: str, argument: str) -> str:
        count = self.n_values
        return f"gradient({self.view(argument)}, parameters[:{count}], {self.view(target)})"

    def energy_text(self, argument: str) -> str:
        """The call that gives the energy at a vector."""
        return f"energy({self.view(argument)}, parameters[:{self.n_values}])"

    def drawn_gradient_lines(
        self, target: str, argument: str, array: str, first: int, indices: int
    ) -> list[str]:
        """Lines of a drawn gradient, its normals and examples from given places of an array on."""
        noise, numbers = self.layout.noise, self.noise_numbers
        if isinstance(noise, Minibatch):
            size, n, shape = noise.batch_size, self.n_values, self.potential.data.values.shape
            lines = [f"data = parameters[{n - shape[0] * shape[1]} : {n}].reshape({shape})"]
            if noise.n_normals:
                scaled = f"{array}[{first} + j] *= parameters[{numbers}]"
                lines += [f"for j in range({size}):", f"    {scaled}"]
            return [
                *lines,
                f"indices = {array}[{indices} : {indices + size}].view(np.int64)",
                f"label_noise = {array}[{first} : {first + noise.n_normals}]",
                f"batch_gradient({self.view(argument)}, parameters[:{n}], data, indices, "
                f"label_noise, {self.view(target)})",
            ]
        lines = [self.gradient_line(target, argument)]
        if noise is None:
            return lines
        assert isinstance(noise, GaussianNoise)
        entry = self.at(target)
        if noise.is_diagonal:
            added = f"fma(parameters[{numbers} + j], {array}[{first} + j], {entry})"
            return [*lines, "for j in range(DIM):", f"    {entry} = {added}"]
        # Column by column: the inner loop has no sum to wait for, and is vectorised.
        return [
            *lines,
            "for k in range(DIM):",
            f"    normal_ = {array}[{first} + k]",
            f"    column_ = {numbers} + k * DIM - k * (k + 1) // 2",
            "    for j in range(k, DIM):",
            f"        {entry} = fma(parameters[column_ + j], normal_, {entry})",
        ]

    def draw_indices(self, batch: str, count: int, offset: int) -> list[str]:
        """Lines that draw the examples of ``count`` minibatches from number ``batch`` on."""
        noise = self.layout.noise
        if not isinstance(noise, Minibatch):
            return []
        start, size = self.layout.normals + offset, noise.batch_size
        return [
            f"fill_batch_indices(work[{start} : {start + count * size}].view(np.int64), seed, "
            f"replicas[0], ({batch}) * {size}, {noise.n_examples}, {noise.replacement})"
        ]

    def fill(self) -> str:
        start = self.layout.normals
        pairs = self.layout.n_normals * self.layout.steps_per_fill // 2
        body = [
            f"fill_coordinate_normals(work[{start} :], seed, replicas[0], fill * {pairs}, {pairs})"
        ]
        signature = "fill_normals(work, width, seed, replicas, fill)"
        body = body if pairs else []
        # A step's minibatches; number 0 is that of the gradient carried into step 0.
        count, carried = self.program.gradients_per_step, int("g" in self.program.stored)
        batch = f"fill * {count} + {carried}"
        return function(signature, body + self.draw_indices(batch, count, self.layout.n_normals))

    def refresh(self) -> str:
        noise, start = self.layout.noise, self.layout.normals
        body: list[str] = []
        if "g" in self.program.stored:
            indices = start + self.layout.n_normals
            body = self.drawn_gradient_lines("g", "x", "work", start, indices)
        if body and noise is not None:
            pairs = (noise.n_normals + 1) // 2
            first = self.layout.first_gradient_normal // 2
            fill = f"fill_coordinate_normals(work[{start} :], seed, replicas[0], {first}, {pairs})"
            draws = [fill] if pairs else []
            draws += self.draw_indices("0", 1, self.layout.n_normals)
            body = ["if first_step == 0:", *indented(draws + body)]
        if "e" in self.program.stored:
            body.append(f"{self.at('e', '0')} = {self.energy_text('x')}")
        return function("refresh_block(work, width, parameters, seed, replicas, first_step)", body)

    def advance(self) -> str:
        # A kernel advances at two places, with and without recording.
        body, start = ["stay_a_call()"], 0
        for name in self.program.coefficients:
            count = self.layout.dim if name in self.vectors else 1
            if name not in self.vectors:
                body.append(f"c_{name} = coefficients[{start}]")
            else:
                body.append(f"c_{name} = coefficients[{start} : {start + count}]")
            start += count
        scalars = [name for name in self.layout.carried if self.program.is_scalar(name)]
        body += [f"{name}_0 = {self.at(name, '0')}" for name in scalars]
        body += self.step_lines()
        body += [f"{self.at(name, '0')} = {name}_0" for name in scalars]
        return function("advance_block(work, width, normals, coefficients, parameters)", body)

    def step_lines(self) -> list[str]:
        """The program as loops over coordinates with gradients and scalar lines between them.

        An elementwise line joins the loop before the scalar lines that it has nothing to do with,
        such as the drift that follows a thermostat: fewer, longer loops.
        """
        body: list[str] = []
        group: list[Line] = []
        waiting: list[Line] = []
        evaluation = 0
        for line in self.program.lines:
            if line.gradient_of:
                body += self.flushed(group, waiting)
                first = self.layout.gradient_normals(evaluation)
                indices = self.layout.batch_indices(evaluation) if self.layout.noise else 0
                body += self.drawn_gradient_lines(
                    line.target, line.gradient_of, "normals", first, indices
                )
                evaluation += 1
            elif line.call or self.program.is_scalar(line.target):
                waiting.append(line)
            else:
                if (group and group[0].block != line.block) or _depends(line, waiting):
                    body += self.flushed(group, waiting)
                group.append(line)
        return body + self.flushed(group, waiting)

    def flushed(self, group: list[Line], waiting: list[Line]) -> list[str]:
        """The loop over coordinates, then the scalar lines; both lists are emptied."""
        lines = self.loop(group)
        for line in waiting:
            lines += self.single(line)
        group.clear()
        waiting.clear()
        return lines

    def single(self, line: Line) -> list[str]:
        """An energy, a sum over coordinates or a scalar line."""
        target = f"{line.target}_0"
        if line.call == "energy":
            return [f"{target} = {self.energy_text(line.arguments[0])}"]
        if line.call == "dot":
            return self.dot_lines(line, target)
        return [f"{target} = {self.translated(line.expression)}"]

    def dot_lines(self, line: Line, target: str) -> list[str]:
        """The sum of products over the line's coordinates, in eight partial sums if they are many.

        One sum would wait for each of its own additions.
        """
        a, b = (self.load(name) for name in line.arguments)
        chosen = self.coordinates(line)
        first, count = chosen[0], len(chosen)
        adjacent = chosen == tuple(range(first, first + count))
        if count < 2 * _PARTS or not adjacent:
            return [f"{target} = 0.0", *self.over(line, [f"{target} = fma({a}, {b}, {target})"])]
        whole = first + count - count % _PARTS
        parts = []
        for part in range(_PARTS):
            x, y = (self.load(name, f"j + {part}") for name in line.arguments)
            parts.append(f"sum_{part} = fma({x}, {y}, sum_{part})")
        return [
            *(f"sum_{part} = 0.0" for part in range(_PARTS)),
            f"for j in range({first}, {whole}, {_PARTS}):",
            *indented(parts),
            f"{target} = ((sum_0 + sum_1) + (sum_2 + sum_3)) + ((sum_4 + sum_5) + (sum_6 + sum_7))",
            f"for j in range({whole}, {first + count}):",
            f"    {target} = fma({a}, {b}, {target})",
        ]

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

    def load(self, name: str, index: str = "j") -> str:
        if name in self.program.normals:
            return f"normals[{self.program.normals.index(name) * self.layout.dim} + {index}]"
        return self.at(name, index)

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
        count = self.n_values
        lines = [
            "gradient_ = np.empty(DIM)",
            f"gradient({self.view('x')}, parameters[:{count}], gradient_)",
        ]
        return lines, "gradient_"

    def coordinate_sum(self, moment: Moment, target: str) -> list[str]:
        """Lines that sum one text over coordinates into ``target``."""
        expression = self.coordinate_expression(moment)
        offset = self.n_values
        names = {name: f"parameters[{i}]" for i, name in enumerate(self.potential.parameters)}
        names |= {"x": self.at("x"), "grad": "gradient_[j]", "dt": f"parameters[{offset}]"}
        names["mass"] = f"parameters[{offset + 1} + j]"
        if "p" in self.program.state:
            names["p"] = self.at("p")
        source = re.sub(
            r"\b[A-Za-z_]\w*\b", lambda match: names.get(match[0], match[0]), expression.source
        )
        span = "DIM" if moment.block is None else f"{moment.block[0]}, {moment.block[1]}"
        return [f"{target} = 0.0", f"for j in range({span}):", f"    {target} += {source}"]

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

    def region(self, text: str, name: str = "in_target") -> str:
        """Text of a function that says whether the replica lies in a region."""
        inside, used = self.region_function(text, name)
        lines, scalars = self.bind(used)
        lines.append(f"return lies_{name}({', '.join(scalars[name] for name in used)})")
        return inside + "\n\n\n" + function(f"{name}(work, lane, parameters)", lines)
