"""A network is a potential: its coordinates are weights and biases, its energy the mean loss.

    U(x) = (1/n) sum_i loss(outputs(x, inputs_i), targets_i) + (weight_decay/2) |x|^2

So every method of the package trains it, and blocks of coordinates have names: `Network.blocks`
gives the slices that `Partitioned` takes, one a layer or one for its weights and biases each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from langevin_lab.potentials.architecture import ACTIVATIONS, LOSSES, SCHEMES, Architecture
from langevin_lab.potentials.code import Code, digest_of
from langevin_lab.potentials.data import Data, matrix
from langevin_lab.potentials.gradient_noise import Minibatch
from langevin_lab.potentials.network_evaluation import (
    NetworkEvaluator,
    forward,
    pieces,
    right_classes,
    sigmoid,
    softmax,
)
from langevin_lab.potentials.network_text import network_import, network_source
from langevin_lab.potentials.potential import Potential
from langevin_lab.potentials.requirements import Ranges, whole_number
from langevin_lab.potentials.risk import minibatch

__all__ = ["Network", "multilayer_perceptron"]


@dataclass(frozen=True, eq=False, repr=False)
class Network(Potential):
    """A multilayer perceptron as the potential of its mean loss; see `multilayer_perceptron`.

    Attributes
    ----------
    architecture : Architecture
        Widths, activation, loss.
    """

    architecture: Architecture = field(kw_only=True)

    def __reduce__(self) -> tuple[Any, ...]:
        _, fields = super().__reduce__()
        return _network, (self.architecture, *fields)

    @property
    def blocks(self) -> Mapping[str, slice]:
        """Name -> slice of the coordinates: layer_1, weights_1, biases_1, layer_2, ..."""
        return self.architecture.blocks

    def start(
        self, *, seed: int, n_replicas: int | None = None, scheme: str = "pytorch"
    ) -> np.ndarray:
        """Return weights and biases to start a training from.

        Parameters
        ----------
        seed : int
            At least 0. The first replicas of many are those of few.
        n_replicas : int, optional
            How many networks; by default one.
        scheme : str
            With n and m the inputs and outputs of a layer: ``"pytorch"`` draws weights and biases
            evenly from +-1/sqrt(n), PyTorch's default; the others set biases to 0 and draw weights
            evenly from +-sqrt(6/(n + m)) (``"xavier_uniform"``) or +-sqrt(6/n) (``"he_uniform"``),
            or as normals of variance 2/(n + m) (``"xavier_normal"``) or 2/n (``"he_normal"``).

        Returns
        -------
        ndarray of shape (dim,) or (n_replicas, dim)

        Raises
        ------
        ValueError
            If the scheme is unknown, or seed or n_replicas is out of range.

        Source
        ------
        Glorot, Bengio (2010), equation 16; He, Zhang, Ren, Sun (2015), equation 10.
        """
        seed = whole_number(self.name, "seed", seed, 0)
        if n_replicas is not None:
            n_replicas = whole_number(self.name, "n_replicas", n_replicas, 1)
        _check_choice("scheme", scheme, SCHEMES)
        return self.architecture.start(scheme, seed, n_replicas)

    def outputs(self, x: Any, inputs: Any) -> np.ndarray:
        """Return what the last layer gives, before any sigmoid or softmax.

        Parameters
        ----------
        x : array_like of shape (..., dim)
            Weights and biases.
        inputs : array_like of shape (n_examples, n_inputs)

        Returns
        -------
        ndarray of shape (..., n_examples, n_outputs)

        Raises
        ------
        ValueError
            If x or inputs has a wrong last axis, or inputs are not finite.
        """
        x = self._points(x)
        rows = matrix("inputs", inputs, self.architecture.widths[0])
        flat = x.reshape(-1, self.dim)
        z = np.empty((len(flat), len(rows), self.architecture.widths[-1]))
        for some, examples in pieces(self.architecture, len(flat), len(rows)):
            z[some, examples] = forward(self.architecture, flat[some], rows[examples])
        return z.reshape(*x.shape[:-1], *z.shape[1:])

    def predict(self, x: Any, inputs: Any) -> np.ndarray:
        """Return predictions: outputs for a mean square, else probabilities.

        Arguments, shapes and errors are those of `outputs`. With a binary cross-entropy each
        output is the probability that its target is 1, with a cross-entropy the probabilities of
        the classes.
        """
        z = self.outputs(x, inputs)
        if self.architecture.loss == "mean_square":
            return z
        return sigmoid(z) if self.architecture.loss == "binary_cross_entropy" else softmax(z)

    def accuracy(self, x: Any, inputs: Any, targets: Any) -> Any:
        """Return the share of right classes: x (..., dim) -> (...).

        Parameters
        ----------
        x : array_like of shape (..., dim)
        inputs, targets : array_like
            As `multilayer_perceptron` takes them.

        Raises
        ------
        ValueError
            If the loss is a mean square, which has no classes, or an argument has a wrong shape.
        """
        if self.architecture.loss == "mean_square":
            raise ValueError(
                f"accuracy: {self.name} has the loss mean_square, which knows no classes; compare "
                "predict(x, inputs) with the targets"
            )
        wanted = _targets(targets, self.architecture)
        z = self.outputs(x, inputs)
        if len(wanted) != z.shape[-2]:
            raise ValueError(
                f"{len(wanted)} targets for {z.shape[-2]} inputs; one row is one example"
            )
        return np.mean(right_classes(self.architecture, z, wanted), axis=(-2, -1))

    def scores(self, x: Any) -> dict[str, Any]:
        """Return the mean loss and the accuracy of its own examples, from one pass over them.

        Parameters
        ----------
        x : array_like of shape (..., dim)
            Weights and biases.

        Returns
        -------
        dict
            "loss", without the weight decay, and with a loss of classes "accuracy", each (...).

        Raises
        ------
        ValueError
            If x has a wrong last axis.
        """
        classes = self.architecture.loss != "mean_square"
        return self._evaluator.scores(self._points(x), accuracy=classes)

    def with_data(
        self,
        inputs: Any,
        targets: Any,
        *,
        batch_size: int | None = None,
        replacement: bool = False,
    ) -> Network:
        """Return the same network on other examples, such as those kept for a test.

        Arguments and errors are those of `multilayer_perceptron`. Batches are not taken over: to
        train on the other examples (the folds of a cross-validation), give ``batch_size`` again.
        """
        data = _examples(inputs, targets, self.architecture)
        noise = minibatch(data, batch_size, replacement, 0.0)
        code = _code(self.architecture, data.n_examples if noise is None else noise.batch_size)
        return replace(self, data=data, gradient_noise=noise, code=code)

    def with_gradient_penalty(self, coefficient: float) -> Potential:
        """Refused with ValueError: no compiled code of a penalised network is written."""
        raise ValueError(
            f"coefficient={coefficient!r}: a gradient penalty of {self.name} is not compiled; its "
            "gradient is gradient(x) + 2 coefficient hessian_product(x, gradient(x))"
        )

    @cached_property
    def _evaluator(self) -> NetworkEvaluator:
        assert self.data is not None
        return NetworkEvaluator(self.architecture, self.code, self.data)


def _network(architecture: Architecture, *fields: Any) -> Network:
    """Return a network from its fields, as pickle hands them over."""
    return Network(*fields, architecture=architecture)


def multilayer_perceptron(
    inputs: Any,
    targets: Any,
    *,
    hidden: Sequence[int] = (20,),
    activation: str = "tanh",
    loss: str = "mean_square",
    n_classes: int | None = None,
    weight_decay: float = 0.0,
    batch_size: int | None = None,
    replacement: bool = False,
    name: str = "multilayer_perceptron",
) -> Network:
    """Return a fully connected network as the potential of its mean loss over examples.

    Its coordinates are weights and biases in the order of PyTorch's ``parameters_to_vector`` of
    ``Sequential(Linear, activation, ..., Linear)``: layer after layer, weights (n_outputs,
    n_inputs) row by row, then biases. Means are those of PyTorch's losses.

    Parameters
    ----------
    inputs : array_like of shape (n_examples, n_inputs) or (n_examples,)
    targets : array_like
        Of shape (n_examples, n_outputs) or (n_examples,): numbers for a mean square, from 0 to 1
        for a binary cross-entropy; for a cross-entropy the class numbers 0, 1, ... (n_examples,).
    hidden : sequence of int
        Neurons of the hidden layers; () makes a linear model.
    activation : "relu", "tanh", "sigmoid", "softplus" or "swish"
        Of the hidden neurons. The derivative of relu at 0 is 0; softplus is log(1 + exp(z))
        everywhere, where PyTorch's is linear above 20; swish is z sigmoid(z), PyTorch's SiLU.
    loss : "mean_square", "binary_cross_entropy" or "cross_entropy"
        The cross-entropies apply sigmoid or softmax to the outputs themselves.
    n_classes : int, optional
        Outputs of a cross-entropy; by default the largest target and one more, if class 0 and
        another one occur.
    weight_decay : float
        Coefficient of |x|^2/2, weights and biases alike as in PyTorch; the only parameter.
    batch_size, replacement : optional
        Examples of one gradient, as `empirical_risk`; by default all.

    Returns
    -------
    Network

    Raises
    ------
    ValueError, TypeError
        If a choice is unknown, arrays do not fit one another or the loss, classes without 0 are
        given without n_classes, a width is no positive integer, weight_decay is negative, or as
        `empirical_risk` for the batches.

    Example
    -------
    >>> import langevin_lab as ll
    >>> network = ll.potentials.multilayer_perceptron(
    ...     [[0.0, 1.0], [1.0, 0.0]], [0, 1], hidden=(3,), loss="binary_cross_entropy")
    >>> network.dim, list(network.blocks)[:3]
    (13, ['layer_1', 'weights_1', 'biases_1'])
    >>> x = network.start(seed=1)
    >>> network.gradient(x).shape, network.predict(x, [[0.5, 0.5]]).shape
    ((13,), (1, 1))
    """
    _check_choice("activation", activation, ACTIVATIONS)
    _check_choice("loss", loss, LOSSES)
    shape = _architecture(inputs, targets, hidden, activation, loss, n_classes)
    data = _examples(inputs, targets, shape)
    noise: Minibatch | None = minibatch(data, batch_size, replacement, 0.0)
    return Network(
        name=name,
        variables=shape.variable_names(),
        parameters={"weight_decay": weight_decay},
        code=_code(shape, data.n_examples if noise is None else noise.batch_size),
        latex=r"\frac{1}{n} \sum_i \ell(f_x(a_i), y_i) + \frac{\lambda}{2} |x|^2",
        requirement=Ranges(non_negative=("weight_decay",)),
        data=data,
        gradient_noise=noise,
        architecture=shape,
    )


def _code(architecture: Architecture, batch_size: int) -> Code:
    source = network_source(architecture, batch_size)
    line = network_import(architecture)
    return Code("array", digest_of("network", line, source), source=source, import_line=line)


def _architecture(
    inputs: Any, targets: Any, hidden: Any, activation: str, loss: str, n_classes: int | None
) -> Architecture:
    if isinstance(hidden, str) or not isinstance(hidden, Sequence | np.ndarray):
        raise TypeError(f"hidden={hidden!r} must be a sequence of widths, such as (20,)")
    owner = "multilayer_perceptron"
    widths = [whole_number(owner, "hidden", width, 1) for width in hidden]
    if loss != "cross_entropy":
        if n_classes is not None:
            raise ValueError(f"n_classes={n_classes} belongs to loss='cross_entropy'; leave it out")
        n_outputs = matrix("targets", targets).shape[1]
    elif n_classes is None:
        n_outputs = _class_count(_class_numbers(targets))
    else:
        n_outputs = whole_number(owner, "n_classes", n_classes, 2)
    return Architecture((matrix("inputs", inputs).shape[1], *widths, n_outputs), activation, loss)


def _examples(inputs: Any, targets: Any, architecture: Architecture) -> Data:
    rows = matrix("inputs", inputs, architecture.widths[0])
    wanted = _targets(targets, architecture)
    if len(rows) != len(wanted):
        raise ValueError(f"{len(rows)} inputs but {len(wanted)} targets; one row is one example")
    columns = [f"input_{i}" for i in range(rows.shape[1])]
    columns += [f"target_{i}" for i in range(wanted.shape[1])]
    return Data(tuple(columns), np.concatenate([rows, wanted], axis=1))


def _targets(targets: Any, architecture: Architecture) -> np.ndarray:
    """Targets as a matrix that suits the loss."""
    if architecture.loss == "cross_entropy":
        wanted = _class_numbers(targets)
    else:
        wanted = matrix("targets", targets, architecture.n_targets)
    if architecture.loss == "binary_cross_entropy" and not np.all((wanted >= 0) & (wanted <= 1)):
        raise ValueError(
            f"targets from {wanted.min():g} to {wanted.max():g} must be from 0 to 1 for "
            "loss='binary_cross_entropy'"
        )
    n = architecture.widths[-1]
    if architecture.loss == "cross_entropy" and not np.isin(wanted, np.arange(n)).all():
        raise ValueError(
            f"targets must be class numbers 0, ..., {n - 1} for loss='cross_entropy', but hold "
            f"{wanted[~np.isin(wanted, np.arange(n))][0]:g}"
        )
    return wanted


def _class_numbers(targets: Any) -> np.ndarray:
    """Targets of a cross-entropy as one column."""
    wanted = matrix("targets", targets)
    if wanted.shape[1] != 1:
        raise ValueError(
            f"targets of shape {wanted.shape} must be class numbers of shape (n_examples,) for "
            "loss='cross_entropy'; for one-hot rows use targets.argmax(axis=1)"
        )
    return wanted


def _class_count(wanted: np.ndarray) -> int:
    """Classes that targets 0, 1, ... imply; `_targets` refuses what is no class number."""
    low, high = int(wanted.min()), int(wanted.max())
    # Labels from 1 on are counted from 1 rather than lacking a class: do not train an empty one.
    if low > 0 and np.all(wanted == np.rint(wanted)):
        raise ValueError(
            f"targets are class numbers from {low} to {high}, so class 0 never occurs; subtract "
            f"{low} to count from 0, or pass n_classes={high + 1}"
        )
    if not wanted.any():
        raise ValueError("targets are all of class 0, which has nothing to learn; pass n_classes=2")
    return max(2, high + 1)


def _check_choice(name: str, given: Any, known: tuple[str, ...]) -> None:
    if given not in known:
        raise ValueError(f"{name}={given!r} must be one of {', '.join(known)}")
