"""Evaluation of a network with numpy: all points and all examples at once.

With a_l the values of layer l, z_l = a_{l-1} W_l^T + b_l, a_l = f(z_l) and d_l the slopes of the
mean loss with respect to z_l,

    d_L = L'(z_L)/n,   d_l = (d_{l+1} W_{l+1}) f'(z_l),
    dU/dW_l = d_l^T a_{l-1},   dU/db_l = sum of d_l over examples

The product of the Hessian with a vector (V_l, c_l) is the derivative of these lines along it, each
quantity q with a companion Rq:

    R z_l = R a_{l-1} W_l^T + a_{l-1} V_l^T + c_l,   R a_l = f'(z_l) R z_l,
    R d_L = L''(z_L) R z_L/n,   and so on back to the inputs

Source: Rumelhart, Hinton, Williams, Nature 323, 533 (1986); Pearlmutter, Neural Comput. 6, 147
(1994).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from langevin_lab.potentials.architecture import Architecture
from langevin_lab.potentials.code import Code
from langevin_lab.potentials.data import Data
from langevin_lab.potentials.evaluation import ArrayEvaluator

_AT_ONCE = 2_000_000  # numbers of one intermediate array
_CACHED = 131_072  # the same of forward passes, which keep nothing: a core's cache holds them


def sigmoid(z: np.ndarray) -> np.ndarray:
    """Return 1/(1 + exp(-z)), without overflow."""
    small = np.exp(-np.abs(z))
    return np.where(z < 0, small, 1.0) / (1.0 + small)


def softplus(z: np.ndarray) -> np.ndarray:
    """Return log(1 + exp(z)), without overflow."""
    return np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z)))


def softmax(z: np.ndarray) -> np.ndarray:
    """Return exp(z)/sum exp(z) along the last axis."""
    weights = np.exp(z - z.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def _of_sigmoid(z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    share = sigmoid(z)
    slope = share * (1.0 - share)
    return share, slope, slope * (1.0 - 2.0 * share)


def _of_tanh(z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    value = np.tanh(z)
    slope = 1.0 - value**2
    return value, slope, -2.0 * value * slope


def _of_softplus(z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    share, slope, _ = _of_sigmoid(z)
    return softplus(z), share, slope


def _of_swish(z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    share, slope, bend = _of_sigmoid(z)
    return z * share, share + z * slope, 2.0 * slope + z * bend


def _of_relu(z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.maximum(z, 0.0), (z > 0.0).astype(float), np.zeros_like(z)


# Activation -> its value and first two derivatives.
_ACTIVATIONS: dict[str, Callable[[np.ndarray], tuple[np.ndarray, ...]]] = {
    "relu": _of_relu,
    "tanh": _of_tanh,
    "sigmoid": _of_sigmoid,
    "softplus": _of_softplus,
    "swish": _of_swish,
}


# Activation -> its value alone, in place of the sums.
_VALUES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda z: np.maximum(z, 0.0, out=z),
    "tanh": lambda z: np.tanh(z, out=z),
    "sigmoid": sigmoid,
    "softplus": softplus,
    "swish": lambda z: z * sigmoid(z),
}


def forward(architecture: Architecture, x: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """Outputs (n_points, n_examples, n_outputs) of weights x (n_points, dim), nothing kept.

    Values lie example beside example, which is the faster product for few inputs.
    """
    function, values = _VALUES[architecture.activation], inputs.T
    for number, layer in enumerate(architecture.layers):
        weights, biases = layer.matrices(x)
        values = weights @ values
        values += biases[..., None]
        if number < len(architecture.layers) - 1:
            values = function(values)
    return np.swapaxes(values, -1, -2)


def pieces(architecture: Architecture, n_points: int, n_examples: int) -> Iterator[Any]:
    """Slices of points and of examples for forward passes.

    Where examples are cut does not depend on the points: each point gets the same bits in any
    company.
    """
    widest = max(architecture.widths)
    examples = max(64, _CACHED // widest)
    step = max(1, _CACHED // (widest * min(n_examples, examples)))
    for first in range(0, n_points, step):
        for start in range(0, n_examples, examples):
            yield slice(first, first + step), slice(start, start + examples)


def losses(architecture: Architecture, z: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Losses of outputs z (n_points, n_examples, n_outputs): (n_points, n_examples)."""
    if architecture.loss == "mean_square":
        return np.mean((z - targets) ** 2, axis=-1)
    if architecture.loss == "binary_cross_entropy":
        return np.mean(softplus(z) - targets * z, axis=-1)
    top = z.max(axis=-1, keepdims=True)
    sums = np.log(np.exp(z - top).sum(axis=-1)) + top[..., 0]
    own = np.broadcast_to(targets.astype(np.int64), (*z.shape[:-1], 1))
    return sums - np.take_along_axis(z, own, axis=-1)[..., 0]


def right_classes(architecture: Architecture, z: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Which outputs (..., n_examples, n_outputs), or examples (..., n_examples, 1), are right."""
    if architecture.loss == "binary_cross_entropy":
        return (z > 0) == (targets > 0.5)
    return np.argmax(z, axis=-1)[..., None] == targets


class Passes:
    """Forward and backward passes of an architecture over arrays of points and examples.

    Parameters
    ----------
    architecture : Architecture
    x : ndarray of shape (n_points, dim)
    inputs : ndarray of shape (n_examples, n_inputs) or (n_points, n_examples, n_inputs)
    """

    def __init__(self, architecture: Architecture, x: np.ndarray, inputs: np.ndarray):
        self.architecture = architecture
        self.matrices = [layer.matrices(x) for layer in architecture.layers]
        function = _ACTIVATIONS[architecture.activation]
        self.values, self.slopes, self.bends = [inputs], [], []
        for weights, biases in self.matrices[:-1]:
            value, slope, bend = function(_affine(self.values[-1], weights, biases))
            self.values.append(value)
            self.slopes.append(slope)
            self.bends.append(bend)
        self.outputs = _affine(self.values[-1], *self.matrices[-1])

    def output_slopes(self, targets: np.ndarray) -> np.ndarray:
        """Derivatives of each example's loss by its outputs."""
        z, n = self.outputs, self.outputs.shape[-1]
        if self.architecture.loss == "mean_square":
            return 2.0 / n * (z - targets)
        if self.architecture.loss == "binary_cross_entropy":
            return (sigmoid(z) - targets) / n
        return softmax(z) - (targets == np.arange(n))

    def output_curvature(self, changes: np.ndarray) -> np.ndarray:
        """Changes of the output slopes when outputs change."""
        z, n = self.outputs, self.outputs.shape[-1]
        if self.architecture.loss == "mean_square":
            return 2.0 / n * changes
        if self.architecture.loss == "binary_cross_entropy":
            return _of_sigmoid(z)[1] / n * changes
        shares = softmax(z)
        return shares * (changes - np.sum(shares * changes, axis=-1, keepdims=True))

    def gradient(self, slopes: np.ndarray, out: np.ndarray) -> None:
        """Add the gradient (n_points, dim) of summed losses with these output slopes."""
        for number in range(len(self.matrices) - 1, -1, -1):
            layer = self.architecture.layers[number]
            out[:, layer.weights] += _outer(slopes, self.values[number])
            out[:, layer.biases] += slopes.sum(axis=-2)
            if number > 0:
                slopes = slopes @ self.matrices[number][0] * self.slopes[number - 1]

    def product(self, targets: np.ndarray, v: np.ndarray, out: np.ndarray) -> None:
        """Add the product of the Hessian of summed losses with vectors v (n_points, dim)."""
        along = [layer.matrices(v) for layer in self.architecture.layers]
        changes, companions = np.zeros_like(self.values[0]), []
        rates = []
        for number, (weights, _) in enumerate(self.matrices):
            companions.append(changes)
            rate = changes @ np.swapaxes(weights, -1, -2)
            rate = rate + _affine(self.values[number], *along[number])
            rates.append(rate)
            if number < len(self.slopes):
                changes = self.slopes[number] * rate
        slopes, moved = self.output_slopes(targets), self.output_curvature(rates[-1])
        for number in range(len(self.matrices) - 1, -1, -1):
            layer, before = self.architecture.layers[number], self.values[number]
            out[:, layer.weights] += _outer(moved, before) + _outer(slopes, companions[number])
            out[:, layer.biases] += moved.sum(axis=-2)
            if number > 0:
                weights, turned = self.matrices[number][0], along[number][0]
                back = slopes @ weights
                moved = (moved @ weights + slopes @ turned) * self.slopes[number - 1]
                moved = moved + back * self.bends[number - 1] * rates[number - 1]
                slopes = back * self.slopes[number - 1]


def _affine(values: np.ndarray, weights: np.ndarray, biases: np.ndarray) -> np.ndarray:
    return values @ np.swapaxes(weights, -1, -2) + biases[..., None, :]


def _outer(slopes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sums over examples of slope times value: (n_points, n_outputs * n_inputs)."""
    product = np.swapaxes(slopes, -1, -2) @ values
    return product.reshape(len(product), -1)


class NetworkEvaluator(ArrayEvaluator):
    """A network over numpy arrays of points.

    Parameters
    ----------
    architecture : Architecture
    code : Code
    data : Data
        Inputs, then targets.
    """

    def __init__(self, architecture: Architecture, code: Code, data: Data):
        super().__init__(code, architecture.dim)
        self.architecture = architecture
        n_inputs = architecture.widths[0]
        self.inputs, self.targets = data.values[:, :n_inputs], data.values[:, n_inputs:]

    def energy(self, x: np.ndarray, parameters: np.ndarray) -> Any:
        """Mean loss and weight decay: x (..., dim) -> (...)."""

        mean = self.scores(x, accuracy=False)["loss"]
        return mean + 0.5 * parameters[0] * np.sum(x**2, axis=-1)

    def scores(self, x: np.ndarray, *, accuracy: bool) -> dict[str, Any]:
        """Mean loss, and the share of right classes if wanted: x (..., dim) -> (...) each."""
        rows, n = np.ascontiguousarray(x).reshape(-1, self.dim), len(self.inputs)
        sums = {name: np.zeros(len(rows)) for name in ("loss", "accuracy")[: 1 + accuracy]}
        for points, examples in pieces(self.architecture, len(rows), n):
            targets = self.targets[examples]
            with np.errstate(all="ignore"):
                z = forward(self.architecture, rows[points], self.inputs[examples])
                sums["loss"][points] += losses(self.architecture, z, targets).sum(axis=-1)
            if accuracy:
                right = right_classes(self.architecture, z, targets)
                sums["accuracy"][points] += right.sum(axis=(-2, -1)) / right.shape[-1]
        return {name: (total / n).reshape(x.shape[:-1]) for name, total in sums.items()}

    def gradient(self, x: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        """Backpropagation: x (..., dim) -> (..., dim)."""

        def add(passes: Passes, targets: np.ndarray, vectors: Any, out: np.ndarray) -> None:
            passes.gradient(passes.output_slopes(targets), out)

        return self._mean(add, self.dim, x) + parameters[0] * x

    def hessian_product(self, x: np.ndarray, v: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        """Its derivative along a vector: x, v (..., dim) -> (..., dim)."""

        def add(passes: Passes, targets: np.ndarray, vectors: Any, out: np.ndarray) -> None:
            passes.product(targets, vectors[0], out)

        return self._mean(add, self.dim, x, v) + parameters[0] * v

    def hessian(self, x: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        """Its products with the unit vectors: x (..., dim) -> (..., dim, dim)."""
        units = np.broadcast_to(np.eye(self.dim), (*x.shape, self.dim))
        rows = np.broadcast_to(x[..., None, :], units.shape)
        out = self.hessian_product(rows, units, parameters)
        return 0.5 * (out + np.swapaxes(out, -1, -2))

    def batch_gradient(
        self, x: np.ndarray, parameters: np.ndarray, indices: np.ndarray, label_noise: Any
    ) -> np.ndarray:
        """Mean gradient of the examples with these indices (..., batch_size)."""
        shape, size = np.broadcast_shapes(x.shape[:-1], indices.shape[:-1]), indices.shape[-1]
        points = np.broadcast_to(x, (*shape, self.dim)).reshape(-1, self.dim)
        drawn = np.broadcast_to(indices, (*shape, size)).reshape(-1, size)
        out = np.zeros(points.shape)
        step = self._points_at_once(size)
        for first in range(0, len(points), step):
            rows = slice(first, first + step)
            passes = Passes(self.architecture, points[rows], self.inputs[drawn[rows]])
            passes.gradient(passes.output_slopes(self.targets[drawn[rows]]), out[rows])
        return (out / size + parameters[0] * points).reshape(*shape, self.dim)

    def _mean(self, add: Any, width: int, *points: np.ndarray) -> np.ndarray:
        """Mean over all examples, few enough points and examples at a time."""
        rows = [np.ascontiguousarray(x).reshape(-1, self.dim) for x in points]
        n = len(self.inputs)
        out = np.zeros((len(rows[0]), width))
        examples = max(1, _AT_ONCE // max(self.architecture.widths))
        step = self._points_at_once(min(n, examples))
        for first in range(0, len(out), step):
            x, *vectors = (row[first : first + step] for row in rows)
            for start in range(0, n, examples):
                some = slice(start, start + examples)
                with np.errstate(all="ignore"):
                    passes = Passes(self.architecture, x, self.inputs[some])
                    add(passes, self.targets[some], vectors, out[first : first + step])
        return (out / n).reshape(*points[0].shape[:-1], width)

    def _points_at_once(self, n_examples: int) -> int:
        return max(1, _AT_ONCE // (n_examples * max(self.architecture.widths)))
