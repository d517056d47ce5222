"""Compiled activations and losses of a network over a tile of examples; see `network_loops`.

An activation turns sums into values in place and writes its derivatives beside them. Outputs and
targets of a loss are tiles (n_outputs, width), of which the first ``count`` columns count. The
energy is the sum of the examples' losses; their slopes overwrite the outputs.
"""

from __future__ import annotations

import numpy as np

from langevin_lab.compiled.elementary import (
    absolute,
    compiled,
    exp,
    inlined,
    log,
    log1p,
    maximum,
    select,
    tanh,
)
from langevin_lab.compiled.intrinsics import stay_a_call


@compiled
def relu_values(values, slopes):
    stay_a_call()
    for k in range(values.size):
        z = values[k]
        values[k] = select(z > 0.0, z, select(z <= 0.0, 0.0, z))  # nan stays nan
        slopes[k] = select(z > 0.0, 1.0, 0.0)


@compiled
def tanh_values(values, slopes):
    stay_a_call()
    for k in range(values.size):
        value = tanh(values[k])
        values[k] = value
        slopes[k] = 1.0 - value * value


@inlined
def sigmoid(z):
    """1/(1 + exp(-z)), without overflow."""
    small = exp(-absolute(z))
    return select(z < 0.0, small, 1.0) / (1.0 + small)


@compiled
def sigmoid_values(values, slopes):
    stay_a_call()
    for k in range(values.size):
        value = sigmoid(values[k])
        values[k] = value
        slopes[k] = value * (1.0 - value)


@inlined
def softplus(z):
    """log(1 + exp(z)), without overflow."""
    return maximum(z, 0.0) + log1p(exp(-absolute(z)))


@compiled
def softplus_values(values, slopes):
    stay_a_call()
    for k in range(values.size):
        z = values[k]
        values[k] = softplus(z)
        slopes[k] = sigmoid(z)


@compiled
def swish_values(values, slopes):
    stay_a_call()
    for k in range(values.size):
        z = values[k]
        share = sigmoid(z)
        values[k] = z * share
        slopes[k] = share + z * share * (1.0 - share)


@compiled
def mean_square_energy(outputs, targets, n_outputs, width, count):
    stay_a_call()
    sum_of_all = 0.0
    for r in range(n_outputs):
        for s in range(count):
            sum_of_all += (outputs[r * width + s] - targets[r * width + s]) ** 2
    return sum_of_all / n_outputs


@compiled
def mean_square_slopes(outputs, targets, n_outputs, width, count):
    stay_a_call()
    for k in range(n_outputs * width):
        outputs[k] = 2.0 / n_outputs * (outputs[k] - targets[k])
    _clear_copies(outputs, n_outputs, width, count)


@compiled
def binary_cross_entropy_energy(outputs, targets, n_outputs, width, count):
    stay_a_call()
    sum_of_all = 0.0
    for r in range(n_outputs):
        for s in range(count):
            z = outputs[r * width + s]
            sum_of_all += softplus(z) - targets[r * width + s] * z
    return sum_of_all / n_outputs


@compiled
def binary_cross_entropy_slopes(outputs, targets, n_outputs, width, count):
    stay_a_call()
    for k in range(n_outputs * width):
        outputs[k] = (sigmoid(outputs[k]) - targets[k]) / n_outputs
    _clear_copies(outputs, n_outputs, width, count)


@compiled
def cross_entropy_energy(outputs, targets, n_outputs, width, count):
    stay_a_call()
    sum_of_all = 0.0
    for s in range(count):
        top = outputs[s]
        for r in range(1, n_outputs):
            top = maximum(top, outputs[r * width + s])
        weight = 0.0
        for r in range(n_outputs):
            weight += exp(outputs[r * width + s] - top)
        sum_of_all += log(weight) + top - outputs[np.int64(targets[s]) * width + s]
    return sum_of_all


@compiled
def cross_entropy_slopes(outputs, targets, n_outputs, width, count):
    stay_a_call()
    for s in range(width):
        top = outputs[s]
        for r in range(1, n_outputs):
            top = maximum(top, outputs[r * width + s])
        weight = 0.0
        for r in range(n_outputs):
            share = exp(outputs[r * width + s] - top)
            outputs[r * width + s] = share
            weight += share
        for r in range(n_outputs):
            own = select(targets[s] == r, 1.0, 0.0)
            outputs[r * width + s] = outputs[r * width + s] / weight - own
    _clear_copies(outputs, n_outputs, width, count)


@inlined
def _clear_copies(slopes, n_outputs, width, count):
    """Slopes of the copies that fill a tile up are 0."""
    for r in range(n_outputs):
        for s in range(count, width):
            slopes[r * width + s] = 0.0
