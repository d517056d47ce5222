"""A thread's state for loops whose replicas stop: numbers in registers, or a local array.

Both give the loops functions of the same names, so that these are written once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from langevin_lab.cuda.kernel_text import loop_text
from langevin_lab.cuda.row_writer import LocalRows, loops_of, row_vocabulary
from langevin_lab.cuda.writer import Registers
from langevin_lab.ensemble.kernel import Kernel
from langevin_lab.ensemble.moments import Moment
from langevin_lab.ensemble.writer import function, tuple_text

__all__ = ["ArrayState", "RegisterState", "pasted_loop", "state_of"]


def pasted_loop(name: str) -> str:
    """Text of a loop file of this room."""
    return loop_text(Path(__file__).with_name(f"{name}.py"))


class RegisterState:
    """Texts for a potential given by an expression: the state is a tuple of numbers.

    Parameters
    ----------
    kernel : Kernel
    n_shifts : int
        Shifts or scales among the parameters.
    """

    n_work = 1  # an array that nothing reads: the compiler leaves it out

    def __init__(self, kernel: Kernel, n_shifts: int):
        potential, vectors = kernel.dynamics.potential, kernel.vector_coefficients
        self.writer = Registers(potential, kernel.layout, vectors, n_shifts)

    def parts(self) -> list[str]:
        """Texts in the arithmetic of the precision."""
        return self.writer.device_functions()

    def loops(self) -> list[str]:
        """Texts that are pasted as they are."""
        carried = self.writer.carried
        rows = [f"real(record[{index}])" for index in range(len(carried))]
        unpack = f"{', '.join(carried)}, = carried"
        stores = [f"record[{index}] = {name}" for index, name in enumerate(carried)]
        return [
            self.writer.draw(),
            function("load_into(work, state, column)", ["return load_state(state, column)"]),
            function("draw_into(work, seed, replica, fill)", ["return draw(seed, replica, fill)"]),
            function("quiet(work)", ["return no_normals()"]),
            function("read_into(work, record)", [f"return {tuple_text(rows)}"]),
            function("store_record(record, carried)", [unpack, *stores]),
        ]

    def region(self, text: str, name: str = "in_target") -> str:
        """Text of a function that says whether the state lies in a region."""
        return self.writer.region(text, name)

    def values(self, moments: Sequence[Moment]) -> str:
        """Text of ``histogram_values``: observables of the state as a tuple."""
        return self.writer.histogram_values(moments)


class ArrayState:
    """Texts for a potential of loops over arrays: the state is a local array.

    Parameters
    ----------
    kernel : Kernel
    n_shifts : int
        Shifts or scales among the parameters.
    """

    def __init__(self, kernel: Kernel, n_shifts: int):
        self.potential, self.n_work = kernel.dynamics.potential, kernel.layout.n_rows
        vectors = kernel.vector_coefficients
        self.writer = LocalRows(self.potential, kernel.layout, vectors, n_shifts)

    def parts(self) -> list[str]:
        """Texts in the arithmetic of the precision."""
        return [row_vocabulary(), loops_of(self.potential), *self.writer.block_functions()]

    def loops(self) -> list[str]:
        """Texts that are pasted as they are."""
        return [pasted_loop("row_functions")]

    def region(self, text: str, name: str = "in_target") -> str:
        """Text of a function that says whether the state lies in a region."""
        own = f"array_{name}"
        call = function(f"{name}(carried, parameters)", [f"return {own}(carried, 0, parameters)"])
        return self.writer.region(text, own) + "\n\n\n" + call

    def values(self, moments: Sequence[Moment]) -> str:
        """Text of ``histogram_values``: observables of the state as a tuple."""
        text = self.writer.histogram_values(moments)
        text = text.replace("def histogram_values(", "def array_values(")
        body = ["return array_values(carried, 0, parameters)"]
        return text + "\n\n\n" + function("histogram_values(carried, parameters)", body)


def state_of(kernel: Kernel, n_shifts: int) -> RegisterState | ArrayState:
    """The form that the potential's code asks for."""
    return (RegisterState if kernel.layout.lanes else ArrayState)(kernel, n_shifts)
