"""Targets of a first passage, and what makes up for looking at them once a step only.

shift    A path that is looked at every dt overshoots a flat boundary by 0.5826 sqrt(2 T
         dt/friction) on average, so it arrives late. Moving the boundary towards the path by that
         length removes the leading error, O(sqrt(dt)); what remains is O(dt). The constant is
         -zeta(1/2)/sqrt(2 pi).
bridge   Between two looks at distances d0, d1 > 0 from a flat boundary the path is a Brownian
         bridge, exactly if the force is constant, and touches it with the probability
         exp(-2 d0 d1/s^2), s^2 = 2 T dt/friction. The time is then any time in the step, its
         middle on average. What remains is the scheme's own error: measured on the harmonic well,
         of order 1 for Euler-Maruyama and 2 for StochasticHeun.

Source: Siegmund (1979); Broadie, Glasserman and Kou (1997), theorem 1; Gobet and Menozzi (2010);
for the bridge Gobet (2000).
"""

from __future__ import annotations

import ast
from typing import Any

import numpy as np

from langevin_lab.integrators import Method

OVERSHOOT = 0.5825971579390106
FACING = 10.0  # both are touched in one step with a probability of exp(-2 FACING^2) at most


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
            self.normals.append(_plane(level, self.target, "shift", self.potential)[1])
            parts.append(ast.parse(shifted, mode="eval").body)
        return parts[0] if len(parts) == 1 else ast.BoolOp(ast.And(), parts)


def bridge_distances(
    target: str, potential: Any, dynamics: Any, dt: float
) -> tuple[tuple[str, ...], np.ndarray]:
    """Distances from the boundaries of a target, in units that make exp(-e0 e1) a probability.

    Parameters
    ----------
    target : str
        One comparison that is linear in the variables, or two that face each other, "a or b".
    potential : Potential
    dynamics : Overdamped
    dt : float

    Returns
    -------
    texts : tuple of str
        Scaled distances, positive outside the target, over the variables, the parameters and
        shift_0, shift_1, ...
    scales : ndarray of shape (n_boundaries,)
        What shift_0, shift_1, ... are: sqrt(2) over the standard deviation of a step.

    Raises
    ------
    ValueError
        If the target has another form, or its two boundaries are less than 10 steps apart.
    """
    levels = [_level(part, target) for part in _parts(ast.parse(target.strip(), mode="eval").body)]
    planes = [_plane(level, target, "bridge", potential) for level in levels]
    spreads = step_lengths(np.array([normal for _, normal in planes]), dynamics, dt)
    if not np.all(spreads > 0):
        raise ValueError(
            f"target={target!r}: crossing='bridge' needs noise across every boundary, but a step "
            f"spreads by {spreads.tolist()}; use crossing='none'"
        )
    if len(planes) == 2:
        _check_facing(target, planes, spreads)
    texts = tuple(f"-({level})*shift_{index}" for index, level in enumerate(levels))
    return texts, np.sqrt(2.0) / spreads


def _parts(tree: ast.expr) -> list[ast.expr]:
    """The two sides of an ``or``, or the whole."""
    if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.Or):
        return tree.values
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.BitOr):
        return [tree.left, tree.right]
    return [tree]


def _level(tree: ast.expr, target: str) -> str:
    """Text of a - b for a comparison a > b."""
    if not isinstance(tree, ast.Compare) or len(tree.ops) != 1:
        raise ValueError(
            f"target={target!r}: crossing='bridge' needs one comparison, or two that face each "
            "other such as 'x > 1 or x < -1'; use crossing='shift' or 'none'"
        )
    upper, lower = tree.left, tree.comparators[0]
    if not isinstance(tree.ops[0], (ast.Gt, ast.GtE)):
        upper, lower = lower, upper
    return f"({ast.unparse(upper)}) - ({ast.unparse(lower)})"


def _check_facing(target: str, planes: list[tuple[float, np.ndarray]], spreads: np.ndarray) -> None:
    """Raise ValueError unless the path runs between two boundaries that it cannot both touch."""
    (first, normal), (second, other) = planes
    one, two = normal / spreads[0], other / spreads[1]
    # Between the boundaries both levels are negative, and their sum is the same everywhere.
    gap = -first / spreads[0] - second / spreads[1]
    if not np.allclose(one, -two, rtol=1e-9, atol=1e-9 * np.abs(one).max()) or gap < FACING:
        raise ValueError(
            f"target={target!r}: crossing='bridge' needs two boundaries that face each other, at "
            f"least {FACING:g} standard deviations of a step apart; use a smaller dt, or "
            "crossing='shift'"
        )


def _plane(level: str, target: str, crossing: str, potential: Any) -> tuple[float, np.ndarray]:
    """Value at the origin and gradient of a linear level function; ValueError if it is not."""
    from langevin_lab.potentials.expression import ExpressionError, parse_expression

    names = (*potential.variables, *potential.parameters)
    refused = ValueError(
        f"target={target!r}: {level} is not linear in the variables, which "
        f"crossing={crossing!r} needs; use crossing='none' and a smaller dt"
    )
    try:
        expression = parse_expression(level, names)
    except ExpressionError:
        raise refused from None  # the energy, a gradient, ...: the whole target was parsed
    # Corners of the simplex give the gradient, other points show whether it is the same there.
    rng = np.random.default_rng(0)
    points = np.concatenate(
        [np.zeros((1, potential.dim)), np.eye(potential.dim), rng.normal(size=(8, potential.dim))]
    )
    values = dict(zip(potential.variables, points.T)) | dict(potential.parameters)
    level_values = np.broadcast_to(expression.evaluate(values), len(points))
    gradient = level_values[1 : potential.dim + 1] - level_values[0]
    predicted = level_values[0] + points @ gradient
    if not np.allclose(predicted, level_values, rtol=1e-9, atol=1e-9):
        raise refused
    return float(level_values[0]), gradient


def step_lengths(normals: np.ndarray, dynamics: Any, dt: float) -> np.ndarray:
    """Standard deviation sqrt(2 T dt) |normal/sqrt(friction)| of a step across each boundary."""
    friction = np.broadcast_to(dynamics.friction, (dynamics.dim,))
    spread = np.sqrt(2.0 * dynamics.temperature * dt / friction)
    return np.sqrt(((normals * spread) ** 2).sum(axis=1))


def shift_lengths(normals: np.ndarray, dynamics: Any, dt: float) -> np.ndarray:
    """0.5826 sqrt(2 T dt) |normal/sqrt(friction)| for each comparison."""
    return OVERSHOOT * step_lengths(normals, dynamics, dt)


def checked_crossing(crossing: str | None, dynamics: Any, scheme: Method) -> str:
    """The way of making up for the time step, by default the shift where it applies."""
    noise = dynamics.potential.gradient_noise
    overdamped = dynamics.equation == "overdamped"
    constant = overdamped and not dynamics.is_scheduled
    accepting = not scheme.properties.linear
    if crossing is None:
        crossing = "shift" if constant and noise is None and not accepting else "none"
    if crossing not in ("shift", "bridge", "none"):
        raise ValueError(f"crossing={crossing!r} must be 'shift', 'bridge' or 'none'")
    if crossing == "none":
        return crossing
    if not constant:
        raise ValueError(
            f"crossing={crossing!r} is for overdamped dynamics at a constant temperature and "
            f"friction, not for {type(dynamics).__name__}; use crossing='none'"
        )
    if noise is not None:
        raise ValueError(
            f"crossing={crossing!r} takes the noise of a step from the temperature alone, but the "
            f"gradient is drawn, {noise!r}; use crossing='none'"
        )
    if "r" in scheme.stored or accepting:
        # A walk with independent increments, none of them rejected, has the overshoot 0.5826 and
        # is a Brownian bridge between two looks.
        raise ValueError(
            f"crossing={crossing!r} needs noise that is independent from step to step, which "
            f"{scheme.name} has not; use 'StochasticHeun', or crossing='none' and a smaller dt"
        )
    return crossing
