"""Remez exchange in many digits: how the coefficients in `compiled` and `noise` were found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath as mp

Function = Callable[[Any], Any]


@dataclass(frozen=True)
class Problem:
    """Find p of the given degree that minimises max |weight(z) (p(z) - function(z))|."""

    function: Function
    weight: Function
    low: Any
    high: Any
    degree: int

    def error(self, coefficients: Any, z: Any) -> Any:
        """Return the weighted error of the polynomial, constant coefficient first."""
        return self.weight(z) * (mp.polyval(list(coefficients)[::-1], z) - self.function(z))

    def nodes(self, count: int) -> list[Any]:
        """Return Chebyshev's extreme points, from low to high."""
        middle, half = (self.low + self.high) / 2, (self.high - self.low) / 2
        return [middle - half * mp.cos(mp.pi * i / (count - 1)) for i in range(count)]

    def worst(self, coefficients: Any) -> float:
        """Return the largest weighted error on a fine grid."""
        exact = [mp.mpf(c) for c in coefficients]
        return float(max(abs(self.error(exact, z)) for z in self.nodes(1200)))


def minimax(problem: Problem) -> list[float]:
    """Return the minimax coefficients, constant first, rounded to float64 at the end."""
    count = problem.degree + 2
    grid = problem.nodes(40 * count)
    nodes = problem.nodes(count)
    for _ in range(12):
        coefficients = _alternating(problem, nodes)
        extrema = _extrema([(z, problem.error(coefficients, z)) for z in grid])
        if len(extrema) < count:
            break
        while len(extrema) > count:
            extrema.pop(0 if abs(extrema[0][1]) < abs(extrema[-1][1]) else -1)
        nodes = [z for z, _ in extrema]
        sizes = [abs(error) for _, error in extrema]
        if max(sizes) < 1.0005 * min(sizes):
            break
    return [float(c) for c in coefficients]


def _alternating(problem: Problem, nodes: list[Any]) -> list[Any]:
    """Return the polynomial whose weighted error is +e, -e, +e, ... at the nodes."""
    size = problem.degree + 1
    matrix, right = mp.matrix(size + 1, size + 1), mp.matrix(size + 1, 1)
    for i, z in enumerate(nodes):
        for j in range(size):
            matrix[i, j] = z**j
        matrix[i, size] = (-1) ** i / problem.weight(z)
        right[i] = problem.function(z)
    solution = mp.lu_solve(matrix, right)
    return [solution[j] for j in range(size)]


def _extrema(errors: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Return the largest error of each run of one sign."""
    best: list[tuple[Any, Any]] = []
    for z, error in errors:
        if not best or mp.sign(best[-1][1]) != mp.sign(error):
            best.append((z, error))
        elif abs(error) > abs(best[-1][1]):
            best[-1] = (z, error)
    return best
