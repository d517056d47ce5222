"""Evaluation of a mean over data with numpy: all points and all examples at once.

With a gradient penalty c the energy is U + c |grad U|^2 of the mean U. Its derivatives are not
means over examples, but are made of such means: g the gradient, H the Hessian of U,

    gradient            g + 2 c H g
    Hessian times v     H v + 2 c (H (H v) + D_g H v)      D_g the derivative along g
"""

from __future__ import annotations

from typing import Any

import numpy as np

from langevin_lab.potentials.evaluation import ArrayEvaluator, ScalarEvaluator
from langevin_lab.potentials.formula import derived
from langevin_lab.potentials.penalised_formula import GRADIENT_PENALTY, is_penalised, plain_text
from langevin_lab.potentials.potential import Potential

_AT_ONCE = 2_000_000  # numbers of one intermediate array


def risk_evaluator(potential: Potential) -> RiskEvaluator:
    """Return what evaluates a potential with data."""
    return (PenalisedRiskEvaluator if is_penalised(potential.text) else RiskEvaluator)(potential)


class RiskEvaluator(ArrayEvaluator):
    """The text of one example over numpy arrays of points and examples.

    Parameters
    ----------
    potential : Potential
        Of `empirical_risk`.
    """

    def __init__(self, potential: Potential):
        super().__init__(potential.code, potential.dim)
        assert potential.data is not None
        self.data = potential.data
        own = [name for name in potential.parameters if self._is_own(name)]
        names = (*own, *self.data.columns)
        loss = plain_text(potential.text)
        source = derived(loss, potential.variables, names, hessian=False)[1].source
        self.example = ScalarEvaluator(source, self.dim, (loss, potential.variables, names))

    def _is_own(self, parameter: str) -> bool:
        """Whether the loss names a parameter."""
        return True

    def energy(self, x: np.ndarray, parameters: np.ndarray) -> Any:
        """Mean over all examples: x (..., dim) -> (...)."""
        return self._mean(
            lambda each, given: self.example.energy(each[0], given), (), parameters, x
        )

    def gradient(self, x: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        """Mean over all examples: x (..., dim) -> (..., dim)."""
        return self._mean(
            lambda each, given: self.example.gradient(each[0], given), (self.dim,), parameters, x
        )

    def hessian_product(self, x: np.ndarray, v: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        """Mean over all examples: x, v (..., dim) -> (..., dim)."""
        return self._product(x, (v,), parameters)

    def hessian(self, x: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        """Its products with the unit vectors: x (..., dim) -> (..., dim, dim)."""
        columns = [
            self.hessian_product(x, np.broadcast_to(unit, x.shape), parameters)
            for unit in np.eye(self.dim)
        ]
        out = np.stack(columns, axis=-1)
        return 0.5 * (out + np.swapaxes(out, -1, -2))

    def _product(
        self, x: np.ndarray, vectors: tuple[np.ndarray, ...], parameters: np.ndarray
    ) -> np.ndarray:
        return self._mean(
            lambda each, given: self.example.product(each[0], tuple(each[1:]), given),
            (self.dim,), parameters, x, *vectors,
        )  # fmt: skip

    def _mean(
        self, function: Any, shape: tuple[int, ...], parameters: np.ndarray, *points: np.ndarray
    ) -> Any:
        """Mean over all examples of a function of points, few enough points at a time."""
        columns, n = self.data.values.T, self.data.n_examples
        rows = [np.ascontiguousarray(x).reshape(-1, 1, self.dim) for x in points]
        out = np.empty((len(rows[0]), *shape))
        at_once = max(1, _AT_ONCE // (n * (self.dim * len(rows) + 1)))
        for first in range(0, len(out), at_once):
            some = [row[first : first + at_once] for row in rows]
            each = [np.broadcast_to(row, (len(row), n, self.dim)) for row in some]
            out[first : first + at_once] = function(each, [*parameters, *columns]).mean(axis=1)
        return out.reshape(points[0].shape[:-1] + shape)[()]

    def batch_gradient(
        self, x: np.ndarray, parameters: np.ndarray, indices: np.ndarray, label_noise: Any
    ) -> np.ndarray:
        """Mean gradient of the examples with these indices (..., batch_size)."""
        columns = [column[indices] for column in self.data.values.T]
        if self.data.label is not None:
            place = self.data.columns.index(self.data.label)
            columns[place] = columns[place] + label_noise
        shape = np.broadcast_shapes(x.shape[:-1], indices.shape[:-1], np.shape(label_noise)[:-1])
        each = np.broadcast_to(x[..., None, :], (*shape, indices.shape[-1], self.dim))
        arguments: Any = [*parameters, *columns]
        return self.example.gradient(each, arguments).mean(axis=-2)


class PenalisedRiskEvaluator(RiskEvaluator):
    """The same with a gradient penalty, whose coefficient is the last parameter."""

    def _is_own(self, parameter: str) -> bool:
        return parameter != GRADIENT_PENALTY

    def energy(self, x: np.ndarray, parameters: np.ndarray) -> Any:
        """U + c |grad U|^2."""
        own, penalty = parameters[:-1], parameters[-1]
        squared = np.sum(super().gradient(x, own) ** 2, axis=-1)
        return super().energy(x, own) + penalty * squared

    def gradient(self, x: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        """Mean gradient, plus 2 c times the mean Hessian's product with it."""
        own, penalty = parameters[:-1], parameters[-1]
        gradient = super().gradient(x, own)
        return gradient + 2.0 * penalty * self._product(x, (gradient,), own)

    def hessian_product(self, x: np.ndarray, v: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        """Three means over examples and a fourth along two vectors."""
        own, penalty = parameters[:-1], parameters[-1]
        gradient, first = super().gradient(x, own), self._product(x, (v,), own)
        second = self._product(x, (first,), own) + self._product(x, (gradient, v), own)
        return first + 2.0 * penalty * second
