"""The shape of a network: widths, activation and loss, and where its weights and biases lie.

The coordinates of a network are its weights and biases in the order of PyTorch's
``parameters_to_vector``: layer after layer, the weights (n_outputs, n_inputs) row by row, then the
biases (n_outputs).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

ACTIVATIONS = ("relu", "tanh", "sigmoid", "softplus", "swish")
LOSSES = ("mean_square", "binary_cross_entropy", "cross_entropy")

# Of one layer's weights: a law and its scale from n_inputs and n_outputs of the layer.
_SCHEMES = {
    "pytorch": ("uniform", lambda n, m: 1 / math.sqrt(n)),
    "xavier_uniform": ("uniform", lambda n, m: math.sqrt(6 / (n + m))),
    "xavier_normal": ("normal", lambda n, m: math.sqrt(2 / (n + m))),
    "he_uniform": ("uniform", lambda n, m: math.sqrt(6 / n)),
    "he_normal": ("normal", lambda n, m: math.sqrt(2 / n)),
}
SCHEMES = tuple(_SCHEMES)


@dataclass(frozen=True)
class Layer:
    """One affine map: its sizes, and the places of its weights and biases.

    Attributes
    ----------
    n_inputs, n_outputs : int
    weights, biases : slice
        Of the coordinates.
    """

    n_inputs: int
    n_outputs: int
    weights: slice
    biases: slice

    def matrices(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights (..., n_outputs, n_inputs) and biases (..., n_outputs) of points (..., dim)."""
        shape = (*x.shape[:-1], self.n_outputs, self.n_inputs)
        return x[..., self.weights].reshape(shape), x[..., self.biases]


@dataclass(frozen=True)
class Architecture:
    """A multilayer perceptron without its numbers.

    Attributes
    ----------
    widths : tuple of int
        Inputs, hidden neurons layer by layer, outputs.
    activation : str
        Of the hidden neurons: one of ACTIVATIONS.
    loss : str
        One of LOSSES.
    """

    widths: tuple[int, ...]
    activation: str
    loss: str

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The affine maps, first to last."""
        layers, start = [], 0
        for n_inputs, n_outputs in zip(self.widths, self.widths[1:]):
            middle = start + n_inputs * n_outputs
            stop = middle + n_outputs
            layers.append(Layer(n_inputs, n_outputs, slice(start, middle), slice(middle, stop)))
            start = stop
        return tuple(layers)

    @property
    def dim(self) -> int:
        """Number of weights and biases."""
        return self.layers[-1].biases.stop

    @property
    def n_targets(self) -> int:
        """Columns of the data that the loss compares outputs with."""
        return 1 if self.loss == "cross_entropy" else self.widths[-1]

    @property
    def blocks(self) -> Mapping[str, slice]:
        """Name -> coordinates: layer_1, weights_1, biases_1, layer_2, ..."""
        blocks = {}
        for number, layer in enumerate(self.layers, start=1):
            blocks[f"layer_{number}"] = slice(layer.weights.start, layer.biases.stop)
            blocks[f"weights_{number}"] = layer.weights
            blocks[f"biases_{number}"] = layer.biases
        return MappingProxyType(blocks)

    def variable_names(self) -> tuple[str, ...]:
        """w<layer>_<output>_<input> and b<layer>_<output>, counted from 1, 0 and 0."""
        names: list[str] = []
        for number, layer in enumerate(self.layers, start=1):
            outputs = range(layer.n_outputs)
            names += [f"w{number}_{i}_{j}" for i in outputs for j in range(layer.n_inputs)]
            names += [f"b{number}_{i}" for i in outputs]
        return tuple(names)

    def start(self, scheme: str, seed: int, n_replicas: int | None) -> np.ndarray:
        """Weights and biases drawn by a scheme: see `Network.start`."""
        rng = np.random.default_rng(seed)
        rows = 1 if n_replicas is None else n_replicas
        law, scale = _SCHEMES[scheme]
        draw: Any = rng.standard_normal if law == "normal" else rng.random
        x = draw((rows, self.dim))  # row by row: fewer replicas are the first of more
        x = x if law == "normal" else 2.0 * x - 1.0
        for layer in self.layers:
            x[:, layer.weights] *= scale(layer.n_inputs, layer.n_outputs)
            x[:, layer.biases] *= 1 / math.sqrt(layer.n_inputs) if scheme == "pytorch" else 0.0
        return x[0] if n_replicas is None else x
