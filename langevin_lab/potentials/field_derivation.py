"""The symbolic side of vector functions: their text, and derivatives along a noise factor.

This module imports sympy: it is itself imported only where a formula is met for the first time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy

from langevin_lab.potentials.derivation import Derivation, _derivative
from langevin_lab.potentials.tree import Node


class FieldDerivation(Derivation):
    """Writes functions of several formulas over the same names; made of any one of them."""

    def entries(self, formulas: Sequence[tuple[str, Node]]) -> list[Any]:
        """The formulas as sympy expressions."""
        variables = [symbol.name for symbol in self.coordinates]
        parameters = [symbol.name for symbol in self.parameters]
        made = [
            Derivation(text, tree, variables, parameters, self.arguments) for text, tree in formulas
        ]
        return [derivation.energy for derivation in made]

    def vector(self, name: str, outputs: Sequence[Any]) -> str:
        """Text of a function that returns one value for each coordinate."""
        return self._function(name, list(outputs))

    def diagonal_slopes(self, entries: Sequence[Any]) -> tuple[str, str]:
        """Text of ``noise_slope`` and "", or of a bracket that is not 0 and its noises "j k"."""
        for k, entry in enumerate(entries):
            for j, x in enumerate(self.coordinates):
                bracket = entries[j] * _derivative(entry, x)
                if j != k and not _is_zero(bracket):
                    return self.vector("bracket", [bracket]), f"{j} {k}"
        slopes = [b * _derivative(b, x) for b, x in zip(entries, self.coordinates)]
        return self.vector("noise_slope", slopes), ""

    def column_slopes(self, factor: Sequence[Sequence[Any]]) -> tuple[str, str]:
        """Text of ``noise_slope_j_k``, j <= k, or of a bracket that is not 0 and its "j k"."""
        functions = []
        for j, first in enumerate(factor):
            for k, second in enumerate(factor[j:], start=j):
                slope = self._along(first, second)
                bracket = [a - b for a, b in zip(slope, self._along(second, first))]
                if not all(map(_is_zero, bracket)):
                    return self.vector("bracket", bracket), f"{j} {k}"
                functions.append(self.vector(f"noise_slope_{j}_{k}", slope))
        return "\n\n".join(functions), ""

    def _along(self, direction: Sequence[Any], column: Sequence[Any]) -> list[Any]:
        """Derivative of a column along a direction."""
        return [
            sympy.Add(*(d * _derivative(b, x) for d, x in zip(direction, self.coordinates)))
            for b in column
        ]


def _is_zero(expression: Any) -> bool:
    return bool(expression == 0 or sympy.simplify(expression) == 0)
