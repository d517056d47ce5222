"""Compiled loops of the landscapes of any dimension, used where their formula would be long.

``energy(x, parameters) -> float``, ``gradient(x, parameters, out)``, ``hessian(x, parameters,
out)``; the order of the parameters is that of the functions in `n_dimensional`, which state the
formulas. The tests hold each against the derivation from its formula.
"""

from __future__ import annotations

import math

import numpy as np

from langevin_lab.compiled.elementary import compiled, cos, exp, log, sin, sqrt

_TWO_PI = 2 * math.pi


@compiled
def harmonic_energy(x, parameters):
    total = 0.0
    for i in range(x.size):
        total += 0.5 * parameters[min(i, parameters.size - 1)] * x[i] * x[i]
    return total


@compiled
def harmonic_gradient(x, parameters, out):
    for i in range(x.size):
        out[i] = parameters[min(i, parameters.size - 1)] * x[i]


@compiled
def harmonic_hessian(x, parameters, out):
    out[:] = 0.0
    for i in range(x.size):
        out[i, i] = parameters[min(i, parameters.size - 1)]


@compiled
def rosenbrock_energy(x, parameters):
    total = 0.0
    for i in range(x.size - 1):
        rise = x[i + 1] - x[i] * x[i]
        total += parameters[0] * rise * rise + (1.0 - x[i]) * (1.0 - x[i])
    return total


@compiled
def rosenbrock_gradient(x, parameters, out):
    out[0] = 0.0
    for i in range(x.size - 1):
        slope = 2.0 * parameters[0] * (x[i + 1] - x[i] * x[i])
        out[i] += -2.0 * slope * x[i] - 2.0 * (1.0 - x[i])
        out[i + 1] = slope


@compiled
def rosenbrock_hessian(x, parameters, out):
    out[:] = 0.0
    steepness = parameters[0]
    for i in range(x.size - 1):
        rise = x[i + 1] - x[i] * x[i]
        out[i, i] += 8.0 * steepness * x[i] * x[i] - 4.0 * steepness * rise + 2.0
        out[i, i + 1] = out[i + 1, i] = -4.0 * steepness * x[i]
        out[i + 1, i + 1] = 2.0 * steepness


@compiled
def rastrigin_energy(x, parameters):
    total = 0.0
    for i in range(x.size):
        total += x[i] * x[i] + parameters[0] * (1.0 - cos(_TWO_PI * x[i]))
    return total


@compiled
def rastrigin_gradient(x, parameters, out):
    for i in range(x.size):
        out[i] = 2.0 * x[i] + _TWO_PI * parameters[0] * sin(_TWO_PI * x[i])


@compiled
def rastrigin_hessian(x, parameters, out):
    out[:] = 0.0
    for i in range(x.size):
        out[i, i] = 2.0 + _TWO_PI * _TWO_PI * parameters[0] * cos(_TWO_PI * x[i])


@compiled
def styblinski_tang_energy(x, parameters):
    total = 0.0
    for i in range(x.size):
        square = x[i] * x[i]
        total += 0.5 * (square * square - 16.0 * square + 5.0 * x[i])
    return parameters[0] * total


@compiled
def styblinski_tang_gradient(x, parameters, out):
    for i in range(x.size):
        out[i] = parameters[0] * (2.0 * x[i] * x[i] * x[i] - 16.0 * x[i] + 2.5)


@compiled
def styblinski_tang_hessian(x, parameters, out):
    out[:] = 0.0
    for i in range(x.size):
        out[i, i] = parameters[0] * (6.0 * x[i] * x[i] - 16.0)


@compiled
def _ackley_means(x, smoothing):
    """Return (smoothed root mean square, mean of cos 2 pi x)."""
    square, wave = 0.0, 0.0
    for i in range(x.size):
        square += x[i] * x[i]
        wave += cos(_TWO_PI * x[i])
    return sqrt(square / x.size + smoothing * smoothing), wave / x.size


@compiled
def ackley_energy(x, parameters):
    depth, decay, smoothing = parameters
    radius, wave = _ackley_means(x, smoothing)
    return depth * (exp(-decay * smoothing) - exp(-decay * radius)) + exp(1.0) - exp(wave)


@compiled
def ackley_gradient(x, parameters, out):
    depth, decay, smoothing = parameters
    radius, wave = _ackley_means(x, smoothing)
    pull = depth * decay * exp(-decay * radius) / (radius * x.size)
    push = _TWO_PI * exp(wave) / x.size
    for i in range(x.size):
        out[i] = pull * x[i] + push * sin(_TWO_PI * x[i])


@compiled
def ackley_hessian(x, parameters, out):
    depth, decay, smoothing = parameters
    radius, wave = _ackley_means(x, smoothing)
    n = x.size
    pull = depth * decay * exp(-decay * radius) / (radius * n)
    bend = pull * (decay + 1.0 / radius) / (radius * n)
    push = _TWO_PI * exp(wave) / n
    for i in range(n):
        for j in range(n):
            waves = sin(_TWO_PI * x[i]) * sin(_TWO_PI * x[j])
            out[i, j] = -bend * (x[i] * x[j]) - push * _TWO_PI / n * waves
        out[i, i] += pull + push * _TWO_PI * cos(_TWO_PI * x[i])


@compiled
def funnel_energy(x, parameters):
    scale = parameters[0]
    square = 0.0
    for i in range(1, x.size):
        square += x[i] * x[i]
    neck = 0.5 * x[0] * x[0] / (scale * scale) + 0.5 * (x.size - 1) * x[0]
    return neck + 0.5 * exp(-x[0]) * square


@compiled
def funnel_gradient(x, parameters, out):
    scale, precision = parameters[0], exp(-x[0])
    square = 0.0
    for i in range(1, x.size):
        square += x[i] * x[i]
        out[i] = precision * x[i]
    out[0] = x[0] / (scale * scale) + 0.5 * (x.size - 1) - 0.5 * precision * square


@compiled
def funnel_hessian(x, parameters, out):
    scale, precision = parameters[0], exp(-x[0])
    out[:] = 0.0
    square = 0.0
    for i in range(1, x.size):
        square += x[i] * x[i]
        out[i, i] = precision
        out[0, i] = out[i, 0] = -precision * x[i]
    out[0, 0] = 1.0 / (scale * scale) + 0.5 * precision * square


@compiled
def strict_saddle_energy(x, parameters):
    instability, width, stiffness = parameters
    square = x[0] * x[0]
    total = instability * (square * square / (4.0 * width * width) - 0.5 * square)
    for i in range(1, x.size):
        total += 0.5 * stiffness * x[i] * x[i]
    return total


@compiled
def strict_saddle_gradient(x, parameters, out):
    instability, width, stiffness = parameters
    for i in range(1, x.size):
        out[i] = stiffness * x[i]
    out[0] = instability * x[0] * (x[0] * x[0] / (width * width) - 1.0)


@compiled
def strict_saddle_hessian(x, parameters, out):
    instability, width, stiffness = parameters
    out[:] = 0.0
    for i in range(1, x.size):
        out[i, i] = stiffness
    out[0, 0] = instability * (3.0 * x[0] * x[0] / (width * width) - 1.0)


@compiled
def _mixture_logs(x, parameters, n):
    """Return (log-weights of the components at x, their largest, log of the sum of weights)."""
    dim = x.size
    logs = np.empty(n)
    total = 0.0
    for k in range(n):
        weight, width = parameters[k], parameters[n + k]
        square = 0.0
        for i in range(dim):
            square += (x[i] - parameters[2 * n + k * dim + i]) ** 2
        logs[k] = log(weight) - dim * log(width) - 0.5 * square / (width * width)
        total += weight
    return logs, logs.max(), log(total)


@compiled
def _mixture_shares(x, parameters, n):
    """Return the posterior probabilities of the components at x."""
    logs, largest, _ = _mixture_logs(x, parameters, n)
    for k in range(n):
        logs[k] = exp(logs[k] - largest)
    return logs / logs.sum()


@compiled
def gaussian_mixture_energy(x, parameters):
    n = parameters.size // (x.size + 2)
    logs, largest, total = _mixture_logs(x, parameters, n)
    s = 0.0
    for k in range(n):
        s += exp(logs[k] - largest)
    return total - largest - log(s) + 0.5 * x.size * log(_TWO_PI)


@compiled
def gaussian_mixture_gradient(x, parameters, out):
    dim = x.size
    n = parameters.size // (dim + 2)
    shares = _mixture_shares(x, parameters, n)
    out[:] = 0.0
    for k in range(n):
        pull = shares[k] / (parameters[n + k] * parameters[n + k])
        for i in range(dim):
            out[i] += pull * (x[i] - parameters[2 * n + k * dim + i])


@compiled
def gaussian_mixture_hessian(x, parameters, out):
    dim = x.size
    n = parameters.size // (dim + 2)
    shares = _mixture_shares(x, parameters, n)
    mean = np.zeros(dim)
    out[:] = 0.0
    for k in range(n):
        precision = 1.0 / (parameters[n + k] * parameters[n + k])
        for i in range(dim):
            slope = precision * (x[i] - parameters[2 * n + k * dim + i])
            mean[i] += shares[k] * slope
            out[i, i] += shares[k] * precision
            for j in range(dim):
                other = precision * (x[j] - parameters[2 * n + k * dim + j])
                out[i, j] -= shares[k] * (slope * other)
    for i in range(dim):
        for j in range(dim):
            out[i, j] += mean[i] * mean[j]
