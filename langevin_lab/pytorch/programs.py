"""The lines of a step over tensors: all replicas at once, whatever the method.

With lanes a vector is (coordinates, replicas) and each coordinate's numbers lie side by side, for
potentials of formulas; without, (replicas, coordinates), for potentials of arrays. ``axis`` is the
one of the coordinates, 0 or -1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from langevin_lab.integrators.program import Line, Program
from langevin_lab.pytorch.vocabulary import step_namespace

__all__ = ["Stepper"]


class Stepper:
    """One step of a program.

    Parameters
    ----------
    program : Program
    dim : int
    axis : int
        Of the coordinates: 0 or -1.
    dtype : torch.dtype
    device : torch.device
    energy : callable
        x -> energies, without the axis of coordinates.
    functions : mapping of str to callable
        The vector functions of the dynamics that lines call.
    vector_coefficients : set of str
        Coefficients with one value per coordinate.
    """

    def __init__(
        self,
        program: Program,
        *,
        dim: int,
        axis: int,
        dtype: torch.dtype,
        device: torch.device,
        energy: Callable[[torch.Tensor], torch.Tensor],
        functions: Mapping[str, Callable[[torch.Tensor], torch.Tensor]],
        vector_coefficients: frozenset[str] = frozenset(),
    ):
        self.program, self.dim, self.axis = program, dim, axis
        self.split = program.vectors | vector_coefficients
        self.names = step_namespace(dtype)
        self.names["dot"] = self._dot
        self.names["energy"] = lambda x: energy(x).unsqueeze(axis)
        self.names.update(functions)
        # The text is the package's own (or a method author's), parsed; never a user's string.
        if not program.blocks:
            self.whole = self._as_function()
        self.single = [compile(line.expression, "<step>", "eval") for line in program.lines]
        self.blocks = [_places(block, device) for block in program.blocks]

    def __call__(
        self,
        state: Mapping[str, torch.Tensor],
        normals: torch.Tensor,
        coefficients: Mapping[str, Any],
        gradient: Callable[[torch.Tensor], torch.Tensor],
    ) -> dict[str, torch.Tensor]:
        """What is carried after the step; the tensors given are left as they were.

        Parameters
        ----------
        state : mapping of str to tensor
            What is carried; scalars have one entry along the axis of coordinates.
        normals : tensor
            Those of the step along that axis, as `ensemble.layout` counts them.
        coefficients : mapping of str to float or tensor
        gradient : callable
            The gradient that the lines call, evaluation by evaluation.
        """
        given = {**coefficients, **state, **self._normals(normals), "gradient": gradient}
        if not self.blocks:
            return dict(zip(self.program.carried, self.whole(**given)))
        names, own = self.names | given, set[str]()
        for line, code in zip(self.program.lines, self.single):
            self._run_line(line, code, names, own)
        return {name: names[name] for name in self.program.carried}

    def _as_function(self) -> Callable[..., tuple[torch.Tensor, ...]]:
        """The lines as one function, whose names are local: several times faster to look up."""
        program = self.program
        arguments = [*program.carried, *program.normals, *program.scalar_normals]
        arguments += [*program.coefficients, "gradient"]
        result = "".join(f"{name}, " for name in program.carried)
        lines = [f"def step({', '.join(arguments)}):", *program.text, f"return ({result})"]
        names = dict(self.names)
        exec(compile("\n    ".join(lines), "<step>", "exec"), names)
        step: Callable[..., tuple[torch.Tensor, ...]] = names["step"]
        return step

    def _normals(self, normals: torch.Tensor) -> dict[str, torch.Tensor]:
        program, dim = self.program, self.dim
        first = program.n_normals * dim
        if first == normals.shape[self.axis] == dim:
            return {"n0": normals}
        names = {
            name: normals.narrow(self.axis, k * dim, dim) for k, name in enumerate(program.normals)
        }
        return names | {
            name: normals.narrow(self.axis, first + k, 1)
            for k, name in enumerate(program.scalar_normals)
        }

    def _dot(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        product = a * b
        return product if product.shape[self.axis] == 1 else product.sum(self.axis, keepdim=True)

    def _part(self, value: torch.Tensor, block: Any) -> torch.Tensor:
        """The coordinates of a block: a view where they are neighbours."""
        if isinstance(block, slice):
            return value.narrow(self.axis, block.start, block.stop - block.start)
        return value.index_select(self.axis, block)

    def _run_line(self, line: Line, code: Any, names: dict[str, Any], own: set[str]) -> None:
        """Assign one line, on the coordinates of its block.

        ``own`` are the vectors that this step has made for itself, which it may write to.
        """
        if line.block is None:
            names[line.target] = eval(code, names)
            own -= {line.target, *line.reads} if line.expression in names else {line.target}
            return
        block = self.blocks[line.block]
        view = dict(names)
        for name in line.reads & self.split:
            if isinstance(names[name], torch.Tensor) and names[name].dim():
                view[name] = self._part(names[name], block)
        value = eval(code, view)
        if self.program.is_scalar(line.target):
            names[line.target] = value
            return
        if line.target not in own:
            old = names.get(line.target)
            names[line.target] = torch.zeros_like(names["x"]) if old is None else old.clone()
            own.add(line.target)
        if isinstance(block, slice):
            self._part(names[line.target], block).copy_(value)
        else:
            shape = list(names[line.target].shape)
            shape[self.axis] = len(block)
            names[line.target].index_copy_(self.axis, block, value.expand(shape))


def _places(block: Sequence[int], device: torch.device) -> slice | torch.Tensor:
    """A slice if the coordinates are neighbours in order, else their numbers."""
    first, count = block[0], len(block)
    if tuple(block) == tuple(range(first, first + count)):
        return slice(first, first + count)
    return torch.tensor(list(block), device=device)
