"""Targets of a first passage, and the shift that makes up for looking at them once a step only.

A path that is looked at every dt overshoots a flat boundary by 0.5826 sqrt(2 T dt/friction) on
average, so it arrives late. Moving the boundary towards the path by that length removes the
leading error, O(sqrt(dt)); what remains is O(dt). The constant is -zeta(1/2)/sqrt(2 pi).

Source: Siegmund (1979); Broadie, Glasserman and Kou (1997), theorem 1; Gobet and Menozzi (2010).
"""

from __future__ import annotations

import ast
from typing import Any

import numpy as np

OVERSHOOT = 0.5825971579390106


def shifted_target(target: str, potential: Any) -> tuple[str, np.ndarray]:
    """The target with every comparison ``a > b`` rewritten to ``a - b + shift_j > 0``.

    Parameters
    ----------
    target : str
        Region; each comparison must be linear in the potential's variables.
    potential : Potential

    Returns
    -------
    text : str
        Region over the variables, the parameters and shift_0, shift_1, ...
    normals : ndarray of shape (n_comparisons, dim)
        Gradient of a - b: the shift is its length, coordinate by coordinate scaled.

    Raises
    ------
    ValueError
        If a comparison is not linear in the variables, or ``not`` turns a boundary round. The
        target itself is taken to be a region that `parse_region` accepts.
    """
    writer = _Shift(target, potential)
    tree = ast.parse(target.strip(), mode="eval")
    text = ast.unparse(writer.visit(tree))
    return text, np.array(writer.normals).reshape(-1, potential.dim)


class _Shift(ast.NodeTransformer):
    def __init__(self, target: str, potential: Any):
        self.target, self.potential = target, potential
        self.normals: list[np.ndarray] = []

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        if isinstance(node.op, (ast.Not, ast.Invert)):
            raise ValueError(
                f"target={self.target!r}: crossing='shift' needs a target without 'not'; turn the "
                "comparison round, or use crossing='none'"
            )
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        sides = [node.left, *node.comparators]
        parts: list[ast.expr] = []
        for left, operator, right in zip(sides, node.ops, sides[1:]):
            upper, lower = (
                (left, right) if isinstance(operator, (ast.Gt, ast.GtE)) else (right, left)
            )
            level = f"({ast.unparse(upper)}) - ({ast.unparse(lower)})"
            shifted = f"{level} + shift_{len(self.normals)} > 0"
            self.normals.append(self._normal(level))
            parts.append(ast.parse(shifted, mode="eval").body)
        return parts[0] if len(parts) == 1 else ast.BoolOp(ast.And(), parts)

    def _normal(self, level: str) -> np.ndarray:
        """Gradient of a linear level function; ValueError if it is not linear."""
        from langevin_lab.potentials.expression import ExpressionError, parse_expression

        potential = self.potential
        names = (*potential.variables, *potential.parameters)
        refused = ValueError(
            f"target={self.target!r}: {level} is not linear in the variables, which "
            "crossing='shift' needs; use crossing='none' and a smaller dt"
        )
        try:
            expression = parse_expression(level, names)
        except ExpressionError:
            raise refused from None  # the energy, a gradient, ...: the whole target was parsed
        # Corners of the simplex give the gradient, other points show whether it is the same there.
        rng = np.random.default_rng(0)
        points = np.concatenate(
            [
                np.zeros((1, potential.dim)),
                np.eye(potential.dim),
                rng.normal(size=(8, potential.dim)),
            ]
        )
        values = dict(zip(potential.variables, points.T)) | dict(potential.parameters)
        level_values = np.broadcast_to(expression.evaluate(values), len(points))
        gradient = level_values[1 : potential.dim + 1] - level_values[0]
        predicted = level_values[0] + points @ gradient
        if not np.allclose(predicted, level_values, rtol=1e-9, atol=1e-9):
            raise refused
        return gradient


def shift_lengths(normals: np.ndarray, dynamics: Any, dt: float) -> np.ndarray:
    """0.5826 sqrt(2 T dt) |normal/sqrt(friction)| for each comparison."""
    friction = np.broadcast_to(dynamics.friction, (dynamics.dim,))
    spread = np.sqrt(2.0 * dynamics.temperature * dt / friction)
    return OVERSHOOT * np.sqrt(((normals * spread) ** 2).sum(axis=1))
