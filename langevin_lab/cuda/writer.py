"""Device functions of one potential and one method: a replica's state as a tuple of scalars.

All are pure. Tuples of known length become registers once the functions are inlined:

    carried         what a step carries, in the layout's order; sums of moments: another tuple
    parameters      the potential's parameters, dt, masses, shifts, numbers of gradient noise
    coefficients    a row of the method's table
    normals         those of one step, in the order of `ensemble.layout`
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from langevin_lab.ensemble.lanes import Lanes
from langevin_lab.ensemble.moments import Moment
from langevin_lab.ensemble.writer import function, indented, tuple_text

__all__ = ["LONGEST", "Registers", "unrolled"]

# Steps of a launch, counted in 32 bits; so are those that the 8 threads of a block that belong to
# one group of replicas count into one bin of a histogram.
LONGEST = 2**29


def _unpacked(names: Sequence[str], source: str) -> list[str]:
    """A line that takes a tuple apart; none for an empty one."""
    return [f"{', '.join(names)}, = {source}"] if names else []


def _or_zero(items: Sequence[str]) -> str:
    """A tuple, of one zero where there is nothing: an empty tuple has no type of its own."""
    return tuple_text(list(items) or ["real(0.0)"])


class Registers(Lanes):
    """Unrolled over coordinates; one replica a thread, its state in local variables."""

    def at(self, name: str, coordinate: int, lane: str = "i") -> str:
        """The local variable of one coordinate."""
        return f"{name}_{coordinate}"

    def normal_at(self, array: str, row: int) -> str:
        """One normal of the thread's replica."""
        return f"{array}[{row}]"

    @property
    def carried(self) -> list[str]:
        """Local names of what is carried."""
        layout = self.layout
        return [f"{name}_{d}" for name in layout.carried for d in range(layout.size(name))]

    @property
    def n_parameters(self) -> int:
        """Numbers that the kernel reads besides coefficients."""
        noise = self.layout.noise
        own = 0 if noise is None else len(noise.numbers)
        return self.noise_numbers + own

    def device_functions(self) -> list[str]:
        """The functions that every loop calls."""
        return [
            self.noise_function(),
            self.loads(),
            self.step(),
            self.refresh(),
            self.outside(),
        ]

    def loads(self) -> str:
        """Text of the functions between the card's memory and registers."""
        state = [f"real(state[{row}, column])" for row in range(self.layout.constants()["N_KEPT"])]
        state += ["real(0.0)"] * (self.layout.n_carried - len(state))
        rows = [
            f"state[{row}, column] = {name}"
            for row, name in enumerate(self.carried[: self.layout.constants()["N_KEPT"]])
        ]
        watched = self.carried[: self.layout.constants()["N_STATE"]]
        saves = [f"saved[place, {row}, column] = {name}" for row, name in enumerate(watched)]
        parameters = [f"real(parameters[{index}])" for index in range(self.n_parameters)]
        columns = [f"real(table[row, {index}])" for index in range(len(self.coefficient_names()))]
        sums = [f"sums[{index}, column]" for index in range(self.layout.n_moments)]
        stores = [f"sums[{i}, column] = totals[{i}]" for i in range(self.layout.n_moments)]
        unpack = _unpacked(self.carried, "carried")
        return "\n\n\n".join(
            [
                function("load_state(state, column)", [f"return {tuple_text(state)}"]),
                function("store_state(state, column, carried)", [*unpack, *rows]),
                function("save_state(saved, place, column, carried)", [*unpack, *saves]),
                function("load_sums(sums, column)", [f"return {tuple_text(sums or ['0.0'])}"]),
                function("store_sums(sums, column, totals)", stores),
                function("load_parameters(parameters)", [f"return {_or_zero(parameters)}"]),
                function("load_coefficients(table, row)", [f"return {_or_zero(columns)}"]),
            ]
        )

    def draw(self) -> str:
        """Text of ``draw`` and ``no_normals``: normals of the steps that share pairs.

        Its products are of integers: it is pasted as it is.
        """
        count, steps = self.layout.n_normals, self.layout.steps_per_fill
        pairs = count * steps // 2
        names = [f"n_{index}" for index in range(2 * pairs)]
        body = []
        for pair in range(pairs):
            even, odd = names[2 * pair : 2 * pair + 2]
            place = f"fill * np.uint64({pairs}) + np.uint64({pair})"
            body.append(f"{even}, {odd} = normal_pair(seed, replica, {place})")
        first = _or_zero(names[:count])
        second = _or_zero(names[count:]) if steps == 2 else first
        body.append(f"return {first}, {second}")
        zeros = tuple_text(["real(0.0)"] * max(1, count))
        return "\n\n\n".join(
            [
                function("draw(seed, replica, fill)", body),
                function("no_normals()", [f"return {zeros}, {zeros}"]),
            ]
        )

    def step(self) -> str:
        """Text of ``step``."""
        layout = self.layout
        own = [f"{name}_{d}" for name in self.program.normals for d in range(layout.dim)]
        own += [f"{name}_0" for name in self.program.scalar_normals]
        body = [
            *_unpacked(self.carried, "carried"),
            *(f"{name} = normals[{index}]" for index, name in enumerate(own)),
            *_unpacked([f"c_{name}" for name in self.coefficient_names()], "coefficients"),
            *self.unpack_parameters(),
            *self.unpack_noise(),
            *self.step_lines(),
            f"return {tuple_text(self.carried)}",
        ]
        return function("step(carried, normals, coefficients, parameters)", body)

    def refresh(self) -> str:
        """Text of ``refresh``: what x determines, a drawn gradient before step 0 only."""
        noise, loop = self.layout.noise, []
        if "g" in self.program.stored:
            loop.append(self.gradient_line("g", "x"))
            loop += self.noise_lines("g", "x", "normals", 0)
        if "e" in self.program.stored:
            loop.append(f"e_0 = {self.energy_text('x')}")
        if loop and noise is not None:
            loop = ["if first_step == 0:", *indented(self.first_normals() + loop)]
        body = _unpacked(self.carried, "carried")
        body += [*self.unpack_parameters(), *self.unpack_noise(), *loop]
        body.append(f"return {tuple_text(self.carried)}")
        return function("refresh(carried, parameters, seed, replica, first_step)", body)

    def first_normals(self) -> list[str]:
        """Lines that draw the normals of the gradient carried into step 0."""
        assert self.layout.noise is not None
        first = self.layout.first_gradient_normal // 2
        names, lines = [], []
        for pair in range((self.layout.noise.n_normals + 1) // 2):
            names += [f"even_{pair}", f"odd_{pair}"]
            lines.append(
                f"even_{pair}, odd_{pair} = normal_pair(seed, replica, np.uint64({first + pair}))"
            )
        return [*lines, f"normals = {_or_zero(names)}"]

    def outside(self) -> str:
        """Text of ``is_outside``: NaN or not below the bound, or a memory not finite."""
        constants = self.layout.constants()
        bounded = self.carried[: constants["N_BOUNDED"]]
        finite = self.carried[constants["N_STATE"] : constants["N_WATCHED"]]
        inside = [f"(absolute({name}) < bound)" for name in bounded]
        inside += [f"(absolute({name}) < np.inf)" for name in finite]
        body = [*_unpacked(self.carried, "carried"), f"return not ({' & '.join(inside)})"]
        return function("is_outside(carried, bound)", body)

    def values(self, moments: Sequence[Moment], observe: str) -> tuple[str, list[str]]:
        """An observe function, and the lines that give ``values``."""
        text, used = self.observe(observe, self.expanded(moments))
        lines, scalars = self.bind(used, "")
        lines = [line for line in lines if not _says_nothing(line)]
        body = [*_unpacked(self.carried, "carried"), *self.unpack_parameters(), *lines]
        return text, [*body, f"values = {observe}({', '.join(scalars[name] for name in used)})"]

    def record(self, moments: Sequence[Moment]) -> str:
        """Text of ``record``: the sums with the moments added, in float64."""
        if not moments:
            return function("record(carried, totals, parameters)", ["return totals"])
        text, body = self.values(moments, "observe")
        totals = [f"totals[{index}] + values[{index}]" for index in range(len(moments))]
        body.append(f"return {tuple_text(totals)}")
        return text + "\n\n\n" + function("record(carried, totals, parameters)", body)

    def histogram_values(self, histograms: Sequence[Moment]) -> str:
        """Text of ``histogram_values``: the observables as a tuple."""
        signature = "histogram_values(carried, parameters)"
        if not histograms:
            return function(signature, ["return (real(0.0),)"])
        text, body = self.values(histograms, "observe_histograms")
        return text + "\n\n\n" + function(signature, [*body, "return values"])

    def count(self) -> str:
        """Text of ``count``: all histogrammed observables into their bins."""
        body = ["values = histogram_values(carried, parameters)"]
        for h in range(self.layout.n_histograms):
            bin_index = f"bin_of(values[{h}], edges[{h}, 0], edges[{h}, 1], n_bins[{h}])"
            body.append(f"count_one({h}, {bin_index}, group, shared, n_shared, counts)")
        signature = "carried, parameters, edges, n_bins, group, shared, n_shared, counts"
        return function(f"count({signature})", body)

    def region(self, text: str, name: str = "in_target") -> str:
        """Text of a function that says whether the replica lies in a region."""
        inside, used = self.region_function(text, name)
        lines, scalars = self.bind(used, "")
        lines = [line for line in lines if not _says_nothing(line)]
        body = [*_unpacked(self.carried, "carried"), *self.unpack_parameters(), *lines]
        body.append(f"return lies_{name}({', '.join(scalars[used_name] for used_name in used)})")
        return inside + "\n\n\n" + function(f"{name}(carried, parameters)", body)


def unrolled(loop: str, steps_per_fill: int) -> str:
    """The text of a loop with its "each phase" part once for each step that shares the normals."""
    head, body, tail = re.split(r" *# --- (?:each phase|end) ---\n", loop)
    call = "is_due(skipped, done, last)"
    due = ["skipped == 0", "done < last"] if steps_per_fill == 2 else ["True"]
    phases = [
        body.replace("of_phase(first, second)", name).replace(call, condition)
        for name, condition in zip(("first", "second"), due)
    ]
    return "".join([head, *phases, tail])


def _says_nothing(line: str) -> bool:
    """Whether a line gives a local variable its own value."""
    target, _, value = line.partition(" = ")
    return target == value
