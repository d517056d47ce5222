"""What a user would write: BAOAB in numpy over replicas, and in numba one replica at a time."""

from __future__ import annotations

import time

import numba
import numpy as np


def numpy_baoab(n_replicas, n_steps, *, dt, friction, temperature, seed) -> float:
    """Seconds of the numpy loop."""
    rng = np.random.default_rng(seed)
    decay = np.exp(-friction * dt)
    noise = np.sqrt(temperature * (1 - decay**2))
    x, p = np.ones(n_replicas), np.zeros(n_replicas)
    g = 4 * x * (x**2 - 1)
    total = np.zeros(n_replicas)
    started = time.perf_counter()
    for _ in range(n_steps):
        p -= dt / 2 * g
        x += dt / 2 * p
        p *= decay
        p += noise * rng.standard_normal(n_replicas)
        x += dt / 2 * p
        g = 4 * x * (x**2 - 1)
        p -= dt / 2 * g
        total += x**2
    return time.perf_counter() - started


@numba.njit
def _naive(n_replicas, n_steps, dt, decay, noise):
    means = np.zeros(n_replicas)
    for replica in range(n_replicas):
        x, p, g, total = 1.0, 0.0, 0.0, 0.0
        for _ in range(n_steps):
            p -= dt / 2 * g
            x += dt / 2 * p
            p = decay * p + noise * np.random.normal()  # noqa: NPY002  numba's own generator
            x += dt / 2 * p
            g = 4 * x * (x**2 - 1)
            p -= dt / 2 * g
            total += x**2
        means[replica] = total
    return means


def naive_numba_baoab(n_replicas, n_steps, *, dt, friction, temperature, seed) -> float:
    """Seconds of the naive compiled loop; its generator takes no seed from here."""
    decay = np.exp(-friction * dt)
    started = time.perf_counter()
    _naive(n_replicas, n_steps, dt, decay, np.sqrt(temperature * (1 - decay**2)))
    return time.perf_counter() - started
