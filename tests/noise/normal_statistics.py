"""Statistics of a normal stream, each with its exact law: z-scores and p-values.

A block is an array (256 normals in a row of their stream, 1,024 neighbouring replicas). Sums run
over all blocks; nothing but the sums is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import fsum, prod, sqrt

import numpy as np
from scipy import special, stats

from langevin_lab.noise import fill_replica_normals

STEPS, REPLICAS = 256, 1024
BLOCK = STEPS * REPLICAS
EDGE, PER_UNIT = 6.0, 128
SERIAL_LAGS = (1, 2, 3, 4, 8)
REPLICA_LAGS = (1, 2, 8, 16, 128, 512)

Defect = Callable[[np.ndarray], np.ndarray]


def block(seed: int, first_replica: int, first_pair: int) -> np.ndarray:
    """Return normals (STEPS, REPLICAS) of one seed."""
    work = np.empty(BLOCK)
    for j in range(STEPS // 2):
        fill_replica_normals(
            work,
            2 * j * REPLICAS,
            (2 * j + 1) * REPLICAS,
            REPLICAS,
            np.uint64(seed),
            np.uint64(first_replica) + np.arange(REPLICAS, dtype=np.uint64),
            np.uint64(first_pair + j),
        )
    return work.reshape(STEPS, REPLICAS)


def blocks(seed: int, n_blocks: int, defect: Defect | None = None) -> Iterator[np.ndarray]:
    """Yield blocks that tile twenty stretches of time and as many replicas as it takes."""
    for n in range(n_blocks):
        z = block(seed, REPLICAS * (n // 20), (n % 20) * (STEPS // 2))
        yield z if defect is None else defect(z)


def double_factorial(n: int) -> int:
    return prod(range(n, 0, -2))


def moment_scores(source: Iterator[np.ndarray]) -> dict[str, float]:
    """Return the z-score of each raw moment 1 to 8, with its exact mean and variance."""
    sums: list[list[float]] = [[] for _ in range(8)]
    count = 0
    for z in source:
        flat = z.ravel()
        powers = [flat, flat * flat]
        powers += [powers[1] * flat, powers[1] * powers[1]]
        totals = [flat.sum(), powers[1].sum()]
        totals += [np.dot(powers[a - 1], powers[b - 1]) for a, b in ((1, 2), (2, 2))]
        totals += [np.dot(powers[3], powers[b - 1]) for b in (1, 2, 3, 4)]
        for total, values in zip(totals, sums):
            values.append(float(total))
        count += flat.size
    scores = {}
    for order, values in enumerate(sums, start=1):
        mean = double_factorial(order - 1) if order % 2 == 0 else 0
        variance = double_factorial(2 * order - 1) - mean**2
        scores[f"moment {order}"] = (fsum(values) / count - mean) / sqrt(variance / count)
    return scores


def law_p_values(source: Iterator[np.ndarray]) -> dict[str, float]:
    """Return p-values of the binned Kolmogorov-Smirnov, chi-square and tail-count tests.

    Bins of 1/128 between -6 and 6; taking the Kolmogorov-Smirnov maximum over edges only makes it
    smaller than over all points, so its p-value errs towards acceptance by less than 1 %.
    """
    edges = np.arange(-EDGE, EDGE + 0.5 / PER_UNIT, 1.0 / PER_UNIT)
    counts = np.zeros(edges.size + 1, dtype=np.int64)
    for z in source:
        place = np.floor((z.ravel() + EDGE) * PER_UNIT)
        place = np.clip(place + 1.0, 0.0, float(edges.size)).astype(np.int64)
        counts += np.bincount(place, minlength=counts.size)
    count = int(counts.sum())
    below = special.ndtr(edges)
    distance = np.abs(np.cumsum(counts)[:-1] / count - below).max()
    expected = count * np.diff(np.concatenate([[0.0], below, [1.0]]))
    expected[-1] = expected[0]  # 1 - ndtr(6) cancels
    p = {"Kolmogorov-Smirnov": float(stats.kstwobign.sf(sqrt(count) * distance))}
    wide = expected >= 25.0
    observed = np.append(counts[wide], counts[~wide].sum())
    predicted = np.append(expected[wide], expected[~wide].sum())
    chi_square = float(((observed - predicted) ** 2 / predicted).sum())
    law = stats.chi2(predicted.size - 1)
    p["chi-square"] = two_sided(law.cdf(chi_square), law.sf(chi_square))
    for limit in (3.0, 4.0, 5.0):
        for side, where in (("above", edges >= limit), ("below", edges <= -limit)):
            part = counts[1:][where].sum() if side == "above" else counts[:-1][where].sum()
            law = stats.poisson(count * special.ndtr(-limit))
            p[f"tail {side} {limit:g}"] = two_sided(law.cdf(part), law.sf(part - 1))
    return p


def two_sided(below: float, above: float) -> float:
    """Return twice the smaller of the probabilities of so little and of so much, at most 1."""
    return min(1.0, 2.0 * min(float(below), float(above)))


def anderson_darling_p_value(source: Iterator[np.ndarray]) -> float:
    """Return Fisher's combination of the Anderson-Darling p-values of the blocks."""
    logs = []
    for z in source:
        ordered = np.sort(z, axis=None)
        n = ordered.size
        weight = 2.0 * np.arange(1, n + 1) - 1.0
        terms = special.log_ndtr(ordered) + special.log_ndtr(-ordered[::-1])
        logs.append(np.log1p(-anderson_darling_cdf(-n - np.dot(weight, terms) / n)))
    return float(stats.chi2(2 * len(logs)).sf(-2.0 * fsum(logs)))


def anderson_darling_cdf(a: float) -> float:
    """Return the limit law of the Anderson-Darling statistic of a fully known distribution.

    Source: G. and J. Marsaglia, Journal of Statistical Software 9(2) (2004), function adinf.
    """
    if a < 2.0:
        q = np.polyval([0.00168691, -0.0116720, 0.0347962, -0.0649821, 0.247105, 2.00012], a)
        return float(np.exp(-1.2337141 / a) / np.sqrt(a) * q)
    q = np.polyval([-0.0003146, 0.008056, -0.082433, 0.43424, -2.30695, 1.0776], a)
    return float(np.exp(-np.exp(q)))


def correlation_scores(
    source: Iterator[np.ndarray], others: dict[str, Iterator[np.ndarray]]
) -> dict[str, float]:
    """Return z-scores of products of normals, and of their squares, along time, replicas, seeds.

    A product of two independent standard normals has mean 0 and variance 1; so has the product of
    their (z^2 - 1)/sqrt(2).
    """
    sums: dict[str, list[float]] = {}
    counts: dict[str, int] = {}

    def add(name: str, a: np.ndarray, b: np.ndarray) -> None:
        sums.setdefault(name, []).append(float(np.vdot(a, b)))
        counts[name] = counts.get(name, 0) + a.size

    for z in source:
        square = (z * z - 1.0) * sqrt(0.5)
        for kind, v in (("normals", z), ("squares", square)):
            across = np.ascontiguousarray(v.T)
            for lag in SERIAL_LAGS:
                add(f"{kind}, {lag} in time", v[:-lag], v[lag:])
            for lag in REPLICA_LAGS:
                add(f"{kind}, {lag} in replicas", across[:-lag], across[lag:])
        for name, other in others.items():
            w = next(other)
            add(f"normals, {name}", z, w)
            add(f"squares, {name}", square, (w * w - 1.0) * sqrt(0.5))
    return {name: fsum(values) / sqrt(counts[name]) for name, values in sums.items()}
