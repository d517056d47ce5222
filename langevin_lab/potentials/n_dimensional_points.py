"""Known stationary points of the landscapes of any dimension, as rules of their parameters."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Origin:
    """The rule: one minimum at the origin."""

    dim: int

    def __call__(self, parameters: Mapping[str, float]) -> Any:
        return [np.zeros(self.dim)]


@dataclass(frozen=True)
class RosenbrockPoints:
    """The global minimum; from 4 coordinates on the second minimum and the saddle."""

    dim: int

    def __call__(self, parameters: Mapping[str, float]) -> Any:
        points = [np.ones(self.dim)]
        if self.dim in _ROSENBROCK:
            return [*points, *_ROSENBROCK[self.dim]]
        if self.dim < 4:
            return points
        # Beyond 8 coordinates both points grow in the middle, by values near 1 and near 0.01.
        minimum, saddle = _ROSENBROCK[8]
        more = self.dim - 8
        points.append(np.array(minimum[:3] + (0.997,) * more + minimum[3:]))
        points.append(np.array(saddle[:6] + (0.01,) * more + saddle[6:]))
        return points


# Second minimum and saddle at steepness 100, for the number of coordinates.
_ROSENBROCK: dict[int, tuple[tuple[float, ...], tuple[float, ...]]] = {
    4: (
        (-0.775659, 0.613093, 0.382063, 0.145972),
        (-0.656125, 0.443120, 0.204312, 0.041743),
    ),
    5: (
        (-0.962051, 0.935739, 0.880714, 0.777878, 0.605094),
        (-0.557468, 0.324740, 0.116567, 0.023354, 0.000545),
    ),
    6: (
        (-0.986575, 0.983398, 0.972107, 0.947437, 0.898651, 0.807574),
        (-0.555420, 0.322493, 0.115207, 0.023503, 0.010448, 0.000109),
    ),
    7: (
        (-0.991723, 0.993555, 0.992173, 0.986899, 0.975165, 0.951432, 0.905223),
        (-0.555377, 0.322446, 0.115179, 0.023506, 0.010657, 0.010013, 0.000100),
    ),
    8: (
        (-0.992909, 0.995905, 0.996844, 0.996199, 0.993650, 0.987930, 0.976243, 0.953050),
        (-0.555376, 0.322446, 0.115178, 0.023506, 0.010661, 0.010214, 0.010004, 0.000100),
    ),
}


@dataclass(frozen=True)
class RastriginPoints:
    """The origin and, on each axis, the first saddles and minima."""

    dim: int

    def __call__(self, parameters: Mapping[str, float]) -> Any:
        # x + pi A sin(2 pi x) = 0 next to x = 1/2 and x = 1, linearised.
        curvature = 2 * math.pi**2 * parameters["amplitude"]
        steps = [1 / (1 + 1 / curvature)]
        if curvature > 4:
            steps.append(0.5 / (1 - 1 / curvature))
        axes = np.eye(self.dim)
        points = [sign * step * axis for step in steps for axis in axes for sign in (-1, 1)]
        return [np.zeros(self.dim), *points]


@dataclass(frozen=True)
class AckleyPoints:
    """The origin."""

    dim: int

    def __call__(self, parameters: Mapping[str, float]) -> Any:
        return [np.zeros(self.dim)]


@dataclass(frozen=True)
class StyblinskiTangPoints:
    """All combinations of the roots of 4 x^3 - 32 x + 5 = 0, or those next to the lowest."""

    dim: int

    def __call__(self, parameters: Mapping[str, float]) -> Any:
        roots = np.sort(np.roots([4.0, 0.0, -32.0, 5.0]).real)
        if self.dim <= 3:
            return list(itertools.product(roots, repeat=self.dim))
        lowest = np.full(self.dim, roots[0])
        changed = [lowest + (root - roots[0]) * a for root in roots[1:] for a in np.eye(self.dim)]
        return [lowest, *changed]


@dataclass(frozen=True)
class FunnelPoints:
    """The mode."""

    dim: int

    def __call__(self, parameters: Mapping[str, float]) -> Any:
        mode = np.zeros(self.dim)
        mode[0] = -0.5 * (self.dim - 1) * parameters["scale"] ** 2
        return [mode]


@dataclass(frozen=True)
class StrictSaddlePoints:
    """The saddle and the two minima."""

    dim: int

    def __call__(self, parameters: Mapping[str, float]) -> Any:
        axis = np.eye(self.dim)[0]
        return [0 * axis, -parameters["width"] * axis, parameters["width"] * axis]


@dataclass(frozen=True)
class MixturePoints:
    """The centres, and the highest points of the segments that join them."""

    n: int
    dim: int

    def __call__(self, parameters: Mapping[str, float]) -> Any:
        values = np.array(list(parameters.values()))
        weights, widths = values[: self.n], values[self.n : 2 * self.n]
        means = values[2 * self.n :].reshape(self.n, self.dim)
        starts = list(means)
        for a, b in itertools.combinations(means, 2):
            segment = a + np.linspace(0.02, 0.98, 97)[:, None] * (b - a)
            square = np.sum((segment[:, None, :] - means) ** 2, axis=-1)
            logs = np.log(weights) - self.dim * np.log(widths) - 0.5 * square / widths**2
            starts.append(segment[np.argmin(np.logaddexp.reduce(logs, axis=1))])
        return starts
