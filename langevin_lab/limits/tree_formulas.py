"""Elementary differentials as formulas of a potential that was given as one.

f^(k)(a, b, ...) has the entries -(1/mass_i) sum_(j, l, ...) dU/(dx_i dx_j dx_l ...) a_j b_l ...,
each derivative taken once by sympy. This module imports sympy.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import sympy

from langevin_lab.limits.elementary_differentials import Tree
from langevin_lab.limits.formula_text import formula_text
from langevin_lab.potentials import Potential
from langevin_lab.potentials.derivation import Derivation
from langevin_lab.potentials.syntax import LONGEST_TEXT, read_arithmetic


class TreeFormulas:
    """The entries of trees as sympy expressions; equal trees are worked out once.

    Parameters
    ----------
    potential : Potential
        From an expression.
    velocities : sequence of str, optional
        Names of the velocities, if trees have them.
    mass : float or sequence of float, optional
        One number, or one for each coordinate.
    """

    def __init__(
        self, potential: Potential, velocities: Sequence[str] = (), mass: Any = 1.0
    ) -> None:
        names = (*potential.variables, *potential.parameters)
        derivation = Derivation(
            potential.text,
            read_arithmetic(potential.text, names),
            potential.variables,
            tuple(potential.parameters),
            potential.code.arguments,
        )
        self._text = potential.text
        self._coordinates = derivation.coordinates
        self._derivatives: dict[tuple[int, ...], Any] = {(): derivation.energy}
        masses = mass if isinstance(mass, tuple) else (mass,) * potential.dim
        self._factors = [-1 / sympy.Rational(repr(float(m))) for m in masses]
        self._entries = {
            Tree("x"): list(derivation.coordinates),
            Tree("v"): [sympy.Symbol(name, real=True) for name in velocities],
        }

    def entries(self, tree: Tree) -> list[Any]:
        """The elementary differential, one expression for each coordinate."""
        if tree not in self._entries:
            children = [self.entries(child) for child in tree.children]
            self._entries[tree] = [
                factor * self._contracted(i, children) for i, factor in enumerate(self._factors)
            ]
        return self._entries[tree]

    def texts(self, terms: Iterable[tuple[Tree, Any]], steps: Iterable[str]) -> list[str]:
        """The sum of coefficient * step * tree in the package's language, for each coordinate.

        Parameters
        ----------
        terms : iterable of (Tree, sympy number)
        steps : iterable of str
            What stands with each term, such as ``"dt**2"``; "" for nothing.
        """
        dim = len(self._coordinates)
        totals: list[dict[str, Any]] = [{} for _ in range(dim)]
        for (tree, coefficient), step in zip(terms, steps):
            for total, entry in zip(totals, self.entries(tree)):
                total[step] = total.get(step, 0) + coefficient * entry
        return [self._joined(total) for total in totals]

    def _contracted(self, index: int, children: list[list[Any]]) -> Any:
        axes = range(len(self._coordinates))
        return sympy.Add(
            *(
                self._derivative((index, *indices))
                * sympy.Mul(*(child[j] for child, j in zip(children, indices)))
                for indices in itertools.product(axes, repeat=len(children))
                if all(child[j] != 0 for child, j in zip(children, indices))
            )
        )

    def _derivative(self, indices: tuple[int, ...]) -> Any:
        ordered = tuple(sorted(indices))
        if ordered not in self._derivatives:
            lower = self._derivative(ordered[:-1])
            self._derivatives[ordered] = sympy.diff(lower, self._coordinates[ordered[-1]])
        return self._derivatives[ordered]

    def _joined(self, parts: dict[str, Any]) -> str:
        """One text of the expressions that stand with each power of the step."""
        texts = [
            f"{step}*({formula_text(expression)})" if step else formula_text(expression)
            for step, expression in parts.items()
            if expression != 0
        ]
        text = " + ".join(texts) or "0"
        if len(text) > LONGEST_TEXT:
            raise ValueError(
                f"an entry of the modified equation for {self._text!r} has {len(text)} characters, "
                f"more than the {LONGEST_TEXT} of a formula; use a lower order, or "
                "ModifiedFlow.field, which needs no formula"
            )
        return text
