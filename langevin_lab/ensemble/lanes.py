"""Block functions unrolled over coordinates and looped over lanes, one replica a lane."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from langevin_lab.ensemble.moments import Moment, momentum_name
from langevin_lab.ensemble.phases import phases
from langevin_lab.ensemble.writer import Writer, function, indented, renamed
from langevin_lab.integrators.program import Line
from langevin_lab.potentials import FactorNoise, GaussianNoise


class Lanes(Writer):
    """Unrolled over coordinates, looped over lanes."""

    def at(self, name: str, coordinate: int, lane: str = "i") -> str:
        return f"work[{self.layout.row(name, coordinate) * self.layout.width} + {lane}]"

    def normal_at(self, array: str, row: int) -> str:
        """One normal of a lane, from a row of an array."""
        return f"{array}[{row * self.layout.width} + i]"

    def scalars(self, name: str) -> list[str]:
        return [f"{name}_{index}" for index in range(self.layout.dim)]

    def gradient_line(self, target: str, argument: str) -> str:
        call = ", ".join([*self.scalars(argument), *self.parameter_scalars()])
        return f"{', '.join(self.scalars(target))}, = gradient({call})"

    def energy_text(self, argument: str) -> str:
        """The call that gives the energy at a vector."""
        return f"energy({', '.join([*self.scalars(argument), *self.parameter_scalars()])})"

    def noise_lines(self, target: str, argument: str, array: str, first: int) -> list[str]:
        """Lines that add the noise of one evaluation, with normals from a row of an array on."""
        noise = self.layout.noise
        if noise is None:
            return []
        normals = [self.normal_at(array, first + k) for k in range(noise.n_normals)]
        if isinstance(noise, FactorNoise):
            call = ", ".join([*self.scalars(argument), *self.parameter_scalars()])
            factors = {place: f"factor_{k}" for k, place in enumerate(noise.entries)}
            lines = [f"{', '.join(factors.values())}, = noise_factor({call})"] if factors else []
        else:
            assert isinstance(noise, GaussianNoise)
            size = self.layout.dim
            places = [(d, k) for k in range(size) for d in range(k, size)]
            places = [(d, d) for d in range(size)] if noise.is_diagonal else places
            factors = {place: f"noise_{k}" for k, place in enumerate(places)}
            lines = []
        for (d, k), factor in factors.items():
            lines.append(f"{target}_{d} = fma({factor}, {normals[k]}, {target}_{d})")
        return lines

    def unpack_noise(self) -> list[str]:
        """Lines that load the numbers of gradient noise."""
        count = 0 if self.layout.noise is None else len(self.layout.noise.numbers)
        return [f"noise_{k} = parameters[{self.noise_numbers + k}]" for k in range(count)]

    def fill(self) -> str:
        width = self.layout.width
        pairs = self.layout.n_normals * self.layout.steps_per_fill // 2
        body = [
            f"fill_replica_normals(work, {(self.layout.normals + 2 * pair) * width}, "
            f"{(self.layout.normals + 2 * pair + 1) * width}, width, seed, replicas, "
            f"fill * {pairs} + {pair})"
            for pair in range(pairs)
        ]
        return function("fill_normals(work, width, seed, replicas, fill)", body)

    def refresh(self) -> str:
        loop: list[str] = []
        if "g" in self.program.stored:
            loop.append(self.gradient_line("g", "x"))
            loop += self.noise_lines("g", "x", "work", self.layout.normals)
            loop += [f"{self.at('g', d)} = g_{d}" for d in range(self.layout.dim)]
        if "e" in self.program.stored:
            loop.append(f"{self.at('e', 0)} = {self.energy_text('x')}")
        body: list[str] = []
        if loop:
            load = [f"x_{d} = {self.at('x', d)}" for d in range(self.layout.dim)]
            body = [*self.unpack_parameters(), *self.unpack_noise()]
            body += ["for i in range(width):", *indented(load + loop)]
        if body and self.layout.noise is not None:
            body = ["if first_step == 0:", *indented(self.first_normals() + body)]
        return function("refresh_block(work, width, parameters, seed, replicas, first_step)", body)

    def first_normals(self) -> list[str]:
        """Lines that draw the normals of the gradient carried into step 0."""
        assert self.layout.noise is not None
        width, first = self.layout.width, self.layout.first_gradient_normal // 2
        return [
            f"fill_replica_normals(work, {(self.layout.normals + 2 * pair) * width}, "
            f"{(self.layout.normals + 2 * pair + 1) * width}, width, seed, replicas, "
            f"{first + pair})"
            for pair in range((self.layout.noise.n_normals + 1) // 2)
        ]

    def step_lines(self) -> list[str]:
        """The program, unrolled over coordinates."""
        lines, evaluation = [], 0
        for line in self.program.lines:
            if line.gradient_of:
                first = self.layout.gradient_normals(evaluation)
                lines.append(self.gradient_line(line.target, line.gradient_of))
                lines += self.noise_lines(line.target, line.gradient_of, "normals", first)
                evaluation += 1
            elif line.call in self.program.functions:
                call = ", ".join([*self.scalars(line.arguments[0]), *self.parameter_scalars()])
                lines.append(f"{', '.join(self.scalars(line.target))}, = {line.call}({call})")
            elif line.call == "energy":
                lines.append(f"{line.target}_0 = {self.energy_text(line.arguments[0])}")
            elif line.call == "dot":
                lines.append(f"{line.target}_0 = {self.dot_text(line)}")
            else:
                for d in self.coordinates(line):
                    text = renamed(line.expression, self.scalar_names(d))
                    lines.append(f"{line.target}_{d} = {text}")
        return lines

    def dot_text(self, line: Line) -> str:
        """The sum of products over the line's coordinates, as nested multiply-adds."""
        a, b = line.arguments
        first, *rest = self.coordinates(line)
        text = f"{a}_{first} * {b}_{first}"
        for d in rest:
            text = f"fma({a}_{d}, {b}_{d}, {text})"
        return text

    def scalar_names(self, coordinate: int) -> dict[str, str]:
        """Names of the program -> scalars of one coordinate."""
        names = {name: f"{name}_{coordinate}" for name in self.program.vectors}
        names |= {
            name: f"{name}_0" for name in (*self.program.scalars, *self.program.scalar_normals)
        }
        for name in self.program.coefficients:
            names[name] = f"c_{name}_{coordinate if name in self.vectors else 0}"
        return names

    def advance(self) -> str:
        """Text of ``advance_block``."""
        body = [*self.step_head(), *itertools.chain(*self.step_loops())]
        return function("advance_block(work, width, normals, coefficients, parameters)", body)

    def step_head(self) -> list[str]:
        """Lines before the loop over lanes."""
        columns = self.coefficient_names()
        head = [f"c_{name} = coefficients[{index}]" for index, name in enumerate(columns)]
        return [*head, *self.unpack_parameters(), *self.unpack_noise()]

    def step_loops(self) -> list[list[str]]:
        """The loops over lanes of one step."""
        layout, width = self.layout, self.layout.width
        rows = [(name, d) for name in self.program.normals for d in range(layout.dim)]
        rows += [(name, 0) for name in self.program.scalar_normals]
        places = {
            f"{name}_{d}": f"normals[{row * width} + i]" for row, (name, d) in enumerate(rows)
        }
        for name in (*layout.carried, *layout.local):
            places |= {f"{name}_{d}": self.at(name, d) for d in range(layout.size(name))}
        carried = [f"{name}_{d}" for name in layout.carried for d in range(layout.size(name))]
        slow = [f"{name}_0" for name in self.program.scalars]
        bodies = phases(self.step_lines(), places, carried=carried, slow=slow)
        return [["for i in range(width):", *indented(body)] for body in bodies]

    def bind(self, used: Sequence[str], lane: str) -> tuple[list[str], dict[str, str]]:
        """Lines that compute everything the used observable names need, and name -> scalar."""
        names = self.names()
        kinds = {names[name][0] for name in used}
        lines = [f"x_{d} = {self.at('x', d, lane)}" for d in range(self.layout.dim)]
        if "p" in kinds:
            lines += [f"p_{d} = {self.at('p', d, lane)}" for d in range(self.layout.dim)]
        scalars = {name: f"{name}_0" for name in self.thermostats(used)}
        lines += [f"{scalar} = {self.at(name, 0, lane)}" for name, scalar in scalars.items()]
        if "grad" in kinds:
            if self.stores_true_gradient:
                lines += [f"g_{d} = {self.at('g', d, lane)}" for d in range(self.layout.dim)]
            else:
                lines.append(self.gradient_line("g", "x"))
        if "energy" in kinds:
            stored = self.at("e", 0, lane) if "e" in self.program.stored else ""
            lines.append(f"energy_ = {stored or self.energy_text('x')}")
        if "laplacian" in kinds:
            diagonal = [d * self.layout.dim - d * (d - 1) // 2 for d in range(self.layout.dim)]
            call = ", ".join([*self.scalars("x"), *self.parameter_scalars()])
            lines.append(f"hessian_ = hessian({call})")
            lines.append("laplacian_ = " + " + ".join(f"hessian_[{index}]" for index in diagonal))
        for name in [name for name in used if name not in scalars]:
            kind, index = names[name]
            scalars[name] = {
                "x": f"x_{index}", "p": f"p_{index}", "grad": f"g_{index}",
                "parameter": f"q_{index}", "energy": "energy_", "laplacian": "laplacian_",
            }.get(kind) or self.extra_parameter(kind, index)  # fmt: skip
        return lines, scalars

    def expanded(self, moments: Sequence[Moment]) -> list[Moment]:
        """Moments over coordinates written out as sums of pointwise terms."""
        variables, expanded = self.potential.variables, []
        for moment in moments:
            if not moment.over_coordinates:
                expanded.append(moment)
                continue
            self.coordinate_expression(moment)
            terms = []
            for index, variable in list(enumerate(variables))[slice(*(moment.block or (None,)))]:
                names = {
                    "x": variable, "p": momentum_name(variables, index),
                    "grad": f"grad_{variable}", "mass": f"mass_{variable}",
                }  # fmt: skip
                terms.append(f"({renamed(moment.text, names)})")
            expanded.append(Moment(" + ".join(terms)))
        return expanded

    def record(self, moments: Sequence[Moment]) -> str:
        """Text of ``record_block``, and of ``advance_and_record``, which saves a pass."""
        alone = "record_block(work, width, parameters)"
        both = "advance_and_record(work, width, normals, coefficients, parameters)"
        if not moments:
            step = ["advance_block(work, width, normals, coefficients, parameters)"]
            return "\n\n\n".join([function(alone, []), function(both, step)])
        observe, used = self.observe("observe", self.expanded(moments))
        lines, scalars = self.bind(used, "i")
        loop = [*lines, f"values = observe({', '.join(scalars[name] for name in used)})"]
        for index in range(len(moments)):
            offset = (self.layout.n_carried + index) * self.layout.width
            loop.append(f"work[{offset} + i] += values[{index}]")
        record = [*self.unpack_parameters(), "for i in range(width):", *indented(loop)]
        # The last loop of the step has the state at hand.
        step = [*self.step_head(), *itertools.chain(*self.step_loops()), *indented(loop)]
        return "\n\n\n".join([observe, function(alone, record), function(both, step)])

    def histogram_values(self, histograms: Sequence[Moment]) -> str:
        if not histograms:
            return function("histogram_values(work, lane, parameters)", ["return (0.0,)"])
        observe, used = self.observe("observe_histograms", self.expanded(histograms))
        lines, scalars = self.bind(used, "lane")
        call = f"return observe_histograms({', '.join(scalars[name] for name in used)})"
        body = [*self.unpack_parameters(), *lines, call]
        values = function("histogram_values(work, lane, parameters)", body)
        return observe + "\n\n\n" + values

    def region(self, text: str, name: str = "in_target") -> str:
        """Text of a function that says whether one lane lies in a region."""
        inside, used = self.region_function(text, name)
        lines, scalars = self.bind(used, "lane")
        call = f"return lies_{name}({', '.join(scalars[name] for name in used)})"
        body = [*self.unpack_parameters(), *lines, call]
        text = function(f"{name}(work, lane, parameters)", body, decorator="inlined")
        return inside + "\n\n\n" + text
