"""Compiled loops of chains and clusters; `particles` states the formulas.

``energy(x, parameters) -> float``, ``gradient(x, parameters, out)``, ``hessian(x, parameters,
out)``. Atom i of a cluster has the coordinates x[3 i], x[3 i + 1], x[3 i + 2].
"""

from __future__ import annotations

from langevin_lab.compiled.intrinsics import compiled


@compiled
def phi4_chain_energy(x, parameters):
    coupling = parameters[0]
    total = 0.0
    left = x[x.size - 1]
    for i in range(x.size):
        square = x[i] * x[i]
        step = x[i] - left
        total += 0.25 * square * square - 0.5 * square + 0.25 * coupling * step * step
        left = x[i]
    return total


@compiled
def phi4_chain_gradient(x, parameters, out):
    half = 0.5 * parameters[0]
    n = x.size
    left = x[n - 1]
    for i in range(n):
        right = x[i + 1] if i + 1 < n else x[0]
        out[i] = x[i] * (x[i] * x[i] - 1.0) + half * (2.0 * x[i] - left - right)
        left = x[i]


@compiled
def phi4_chain_hessian(x, parameters, out):
    coupling = parameters[0]
    n = x.size
    out[:] = 0.0
    for i in range(n):
        j = (i + 1) % n
        out[i, i] += 3.0 * x[i] * x[i] - 1.0 + coupling
        # With two sites both bonds join the same pair.
        out[i, j] -= 0.5 * coupling
        out[j, i] -= 0.5 * coupling


@compiled
def lennard_jones_cluster_energy(x, parameters):
    epsilon, sigma, confinement = parameters
    total = 0.0
    for a in range(0, x.size, 3):
        for b in range(0, a, 3):
            dx, dy, dz = x[a] - x[b], x[a + 1] - x[b + 1], x[a + 2] - x[b + 2]
            ratio = sigma * sigma / (dx * dx + dy * dy + dz * dz)
            sixth = ratio * ratio * ratio
            total += 4.0 * epsilon * sixth * (sixth - 1.0)
        total += 0.5 * confinement * (x[a] * x[a] + x[a + 1] * x[a + 1] + x[a + 2] * x[a + 2])
    return total


@compiled
def lennard_jones_cluster_gradient(x, parameters, out):
    epsilon, sigma, confinement = parameters
    for i in range(x.size):
        out[i] = confinement * x[i]
    for a in range(0, x.size, 3):
        for b in range(0, a, 3):
            dx, dy, dz = x[a] - x[b], x[a + 1] - x[b + 1], x[a + 2] - x[b + 2]
            inverse = 1.0 / (dx * dx + dy * dy + dz * dz)
            ratio = sigma * sigma * inverse
            sixth = ratio * ratio * ratio
            slope = 24.0 * epsilon * sixth * (1.0 - 2.0 * sixth) * inverse
            out[a] += slope * dx
            out[a + 1] += slope * dy
            out[a + 2] += slope * dz
            out[b] -= slope * dx
            out[b + 1] -= slope * dy
            out[b + 2] -= slope * dz


@compiled
def lennard_jones_cluster_hessian(x, parameters, out):
    epsilon, sigma, confinement = parameters
    out[:] = 0.0
    for i in range(x.size):
        out[i, i] = confinement
    for a in range(0, x.size, 3):
        for b in range(0, a, 3):
            square = 0.0
            for i in range(3):
                square += (x[a + i] - x[b + i]) ** 2
            ratio = sigma * sigma / square
            sixth = ratio * ratio * ratio
            slope = 24.0 * epsilon * sixth * (1.0 - 2.0 * sixth) / square
            bend = 96.0 * epsilon * sixth * (7.0 * sixth - 2.0) / (square * square)
            for i in range(3):
                for j in range(3):
                    block = bend * ((x[a + i] - x[b + i]) * (x[a + j] - x[b + j]))
                    if i == j:
                        block += slope
                    out[a + i, a + j] += block
                    out[b + i, b + j] += block
                    out[a + i, b + j] -= block
                    out[b + i, a + j] -= block
