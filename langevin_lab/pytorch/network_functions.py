"""Energy and gradients of many networks at once: batched matrix products over replicas.

With a_l the values of layer l and d_l the slopes of the loss by its sums z_l, all of shape
(replicas, examples, neurons), the lines of `potentials.network_evaluation` are

    z_l = a_{l-1} W_l^T + b_l,   d_l = (d_{l+1} W_{l+1}) f'(z_l),
    dU/dW_l = d_l^T a_{l-1},     dU/db_l = sum of d_l over examples

Examples carry a 1 in front, so that the first layer, whose sums and slopes are by far the most
numbers where a network is wide and shallow, takes its biases within the matrix products.

Source: Rumelhart, Hinton, Williams (1986).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from langevin_lab.potentials.architecture import Layer
from langevin_lab.pytorch.functions import TensorFunctions, slope

__all__ = ["NetworkFunctions"]

# Numbers of one intermediate array: what a core's cache holds, and what any card has room for.
_ON_CPU, _ON_DEVICE = 1 << 17, 1 << 28
_aten = torch.ops.aten


def _softplus(z: torch.Tensor) -> torch.Tensor:
    return torch.logaddexp(z, z.new_zeros(()))


# Activation -> its value, which may overwrite z; whether its slope is made of z instead of the
# value; the product of slopes by values, and those of values by z.
_Activation = tuple[Callable[..., torch.Tensor], bool, Callable[..., torch.Tensor]]
_ACTIVATIONS: dict[str, _Activation] = {
    "relu": (torch.relu_, False, lambda slopes, a: _aten.threshold_backward(slopes, a, 0)),
    "tanh": (torch.tanh_, False, _aten.tanh_backward),
    "sigmoid": (torch.sigmoid_, False, _aten.sigmoid_backward),
    "softplus": (_softplus, True, lambda slopes, z: slopes.mul_(torch.sigmoid(z))),
    "swish": (_aten.silu, True, _aten.silu_backward),
}


class NetworkFunctions(TensorFunctions):
    """A network's energy and gradients over tensors of points.

    Parameters
    ----------
    network : Network
    dtype : torch.dtype
    device : torch.device

    Example
    -------
    >>> import langevin_lab as ll, torch
    >>> network = ll.potentials.multilayer_perceptron([[0.0], [1.0]], [0.0, 1.0], hidden=(3,))
    >>> functions = ll.pytorch.tensor_functions(network)
    >>> x = torch.from_numpy(network.start(seed=1, n_replicas=4))
    >>> functions.energy(x).shape, functions.gradient(x).shape
    (torch.Size([4]), torch.Size([4, 10]))
    """

    def __init__(self, network: Any, dtype: torch.dtype, device: torch.device):
        super().__init__(network, dtype, device)
        self.architecture = network.architecture
        self.weight_decay = network.parameters["weight_decay"]
        rows = torch.tensor(network.data.values, dtype=dtype, device=device)
        self.data = torch.cat([torch.ones_like(rows[:, :1]), rows], dim=1)
        if self.architecture.loss == "cross_entropy":  # one column a class: no look-up on the way
            n_classes = self.architecture.widths[-1]
            numbers = torch.tensor(network.data.values[:, -1], dtype=torch.int64, device=device)
            classes = torch.nn.functional.one_hot(numbers, n_classes)
            self.data = torch.cat([self.data[:, :-1], classes.to(dtype)], dim=1)
        self.work = network.dim  # examples times neurons are worked through in pieces of their own

    def energy(self, x: torch.Tensor, axis: int = -1) -> torch.Tensor:
        """Mean loss and weight decay; differentiable."""
        rows, shape = self._rows(x, axis)
        losses = [self._mean_loss(rows[some]) for some in self._pieces(rows, len(self.data))]
        decay = 0.5 * self.weight_decay * (rows * rows).sum(dim=-1)
        return (torch.cat(losses) + decay).view(shape[:-1])

    def gradient(self, x: torch.Tensor, axis: int = -1) -> torch.Tensor:
        """Backpropagation; through `energy` where the gradient is to be differentiated."""
        if x.requires_grad and torch.is_grad_enabled():
            return slope(self.energy(x, axis), x)
        rows, shape = self._rows(x, axis)
        return self._mean_gradient(rows, None).view(shape).movedim(-1, axis)

    def batch_gradient(
        self, x: torch.Tensor, indices: torch.Tensor, label_noise: Any = 0.0
    ) -> torch.Tensor:
        """Mean gradient of the examples with these indices (..., batch_size)."""
        rows, shape = self._rows(x.detach(), -1)
        indices = indices.expand(*shape[:-1], indices.shape[-1])
        return self._mean_gradient(rows, indices.reshape(-1, indices.shape[-1])).view(shape)

    def outputs(self, x: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        """What the last layer gives: x (n_replicas, dim) -> (n_replicas, n_examples, n_outputs).

        Parameters
        ----------
        x : tensor of shape (n_replicas, dim)
        inputs : tensor of shape (n_examples, n_inputs)
        """
        inputs = inputs.to(x.dtype)
        values = torch.cat([torch.ones_like(inputs[:, :1]), inputs], dim=1)
        pieces = self._pieces(x, len(inputs))
        return torch.cat([self._forward(x[some], values)[0] for some in pieces])

    def _rows(self, x: torch.Tensor, axis: int) -> tuple[torch.Tensor, torch.Size]:
        """Points as rows (n_points, dim), and the shape (..., dim) that they had."""
        points = x.movedim(axis, -1)
        return points.reshape(-1, points.shape[-1]), points.shape

    def _mean_gradient(self, x: torch.Tensor, indices: torch.Tensor | None) -> torch.Tensor:
        out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        n_examples = len(self.data) if indices is None else indices.shape[1]
        for some in self._pieces(x, n_examples):
            drawn = self.data if indices is None else self._drawn(indices[some])
            self._fill(out[some], x[some], drawn)
        return out.add_(x, alpha=self.weight_decay) if self.weight_decay else out

    def _pieces(self, x: torch.Tensor, n_examples: int) -> Iterator[slice]:
        """Few enough replicas at a time."""
        room = _ON_CPU if x.device.type == "cpu" else _ON_DEVICE
        step = max(1, room // (n_examples * max(self.architecture.widths)))
        return (slice(first, first + step) for first in range(0, len(x), step))

    def _drawn(self, indices: torch.Tensor) -> torch.Tensor:
        """Examples with their ones: (n_replicas, batch_size, n_columns)."""
        rows = self.data.index_select(0, indices.reshape(-1))
        return rows.view(*indices.shape, -1)

    def _split(self, data: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs with their ones, and targets."""
        n_columns = 1 + self.architecture.widths[0]
        return data[..., :n_columns], data[..., n_columns:]

    def _forward(
        self, x: torch.Tensor, values: torch.Tensor
    ) -> tuple[torch.Tensor, list[torch.Tensor], list[torch.Tensor]]:
        """Outputs, the values before each layer, and what the slopes of activations need."""
        function, of_sums, _ = _ACTIVATIONS[self.architecture.activation]
        first, *others = self.architecture.layers
        values = values.expand(len(x), *values.shape[-2:])
        before, kept = [values], []
        z = torch.bmm(values, _first_matrix(x, first).mT)
        for layer in others:
            value = function(z)
            kept.append(z if of_sums else value)
            before.append(value)
            z = torch.baddbmm(x[:, None, layer.biases], value, _weights(x, layer).mT)
        return z, before, kept

    def _mean_loss(self, x: torch.Tensor) -> torch.Tensor:
        inputs, targets = self._split(self.data)
        z, _, _ = self._forward(x, inputs)
        if self.architecture.loss == "mean_square":
            losses = (z - targets).square().mean(dim=-1)
        elif self.architecture.loss == "binary_cross_entropy":
            losses = (_softplus(z) - targets * z).mean(dim=-1)
        else:
            losses = torch.logsumexp(z, dim=-1) - (targets * z).sum(dim=-1)
        return losses.mean(dim=-1)

    def _output_slopes(self, z: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Derivatives of the mean loss by the outputs z, which they may overwrite."""
        n_examples, n = z.shape[-2:]
        if self.architecture.loss == "mean_square":
            return z.sub_(targets).mul_(2.0 / (n * n_examples))
        if self.architecture.loss == "binary_cross_entropy":
            return z.sigmoid_().sub_(targets).mul_(1.0 / (n * n_examples))
        return z.softmax(dim=-1).sub_(targets).mul_(1.0 / n_examples)

    def _fill(self, out: torch.Tensor, x: torch.Tensor, data: torch.Tensor) -> None:
        """Write the gradient of the mean loss over data (..., n_examples, n_columns)."""
        inputs, targets = self._split(data)
        z, before, kept = self._forward(x, inputs)
        slopes = self._output_slopes(z, targets)
        backward = _ACTIVATIONS[self.architecture.activation][2]
        first, *others = self.architecture.layers
        for layer in reversed(others):
            torch.bmm(slopes.mT, before.pop(), out=_weights(out, layer))
            torch.sum(slopes, dim=1, out=out[:, layer.biases])
            slopes = backward(torch.bmm(slopes, _weights(x, layer)), kept.pop())
        both = torch.bmm(slopes.mT, before.pop())
        out[:, first.biases] = both[..., 0]
        _weights(out, first).copy_(both[..., 1:])


def _weights(x: torch.Tensor, layer: Layer) -> torch.Tensor:
    """Weights of a layer (n_replicas, n_outputs, n_inputs), no copy."""
    return x[:, layer.weights].unflatten(1, (layer.n_outputs, layer.n_inputs))


def _first_matrix(x: torch.Tensor, layer: Layer) -> torch.Tensor:
    """Biases, then weights: (n_replicas, n_outputs, 1 + n_inputs)."""
    return torch.cat([x[:, layer.biases, None], _weights(x, layer)], dim=-1)
