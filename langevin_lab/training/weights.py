"""How the weights of each block are distributed: moments, quantiles, histogram."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.evidence import Estimate, jackknife
from langevin_lab.potentials.requirements import whole_number
from langevin_lab.training.blocks import named_blocks, replicas
from langevin_lab.training.sampled import Sampled, over

__all__ = ["WeightDistribution", "weight_distribution"]


@dataclass(frozen=True)
class WeightDistribution:
    """The weights of one block, of all replicas and saved states together.

    Attributes
    ----------
    mean, standard_deviation, skewness, excess_kurtosis : Estimate
        Of the pooled weights; errors by the jackknife over replicas. The excess of a normal law
        is 0.
    quantiles : Sampled
        Mean over replicas of the quantiles at the levels asked for.
    edges : ndarray of shape (n_bins + 1,)
    density : Sampled
        Of the histogram [1/length]; its integral over the edges is the share inside.
    """

    mean: Estimate
    standard_deviation: Estimate
    skewness: Estimate
    excess_kurtosis: Estimate
    quantiles: Sampled
    edges: np.ndarray
    density: Sampled


def weight_distribution(
    potential: Any,
    x: Any,
    *,
    blocks: Any = None,
    levels: Any = (0.05, 0.25, 0.5, 0.75, 0.95),
    n_bins: int = 40,
    low: float | None = None,
    high: float | None = None,
) -> dict[str, WeightDistribution]:
    """Return the distribution of the coordinates of every block, with errors over replicas.

    Parameters
    ----------
    potential : Potential
    x : array_like of shape (n_replicas, dim) or (n_saved, n_replicas, dim)
    blocks : optional
        As `kinetic_temperature`.
    levels : array_like of float
        Of the quantiles, in [0, 1].
    n_bins : int
        Of the histogram, at least 1.
    low, high : float, optional
        Its ends; by default the extremes of each block.

    Returns
    -------
    dict
        Name -> WeightDistribution.

    Raises
    ------
    ValueError, TypeError
        If x has a wrong shape or is not finite, a block is unknown or all its weights are one
        number, or a number is out of range.

    Example
    -------
    >>> import langevin_lab as ll
    >>> U = ll.potentials.harmonic(dim=2)
    >>> found = weight_distribution(U, [[1.0, 2.0], [3.0, 4.0]], n_bins=3)["all"]
    >>> str(found.mean), found.edges.tolist()
    ('2.5 ± 1.0', [1.0, 2.0, 3.0, 4.0])
    """
    samples, chosen = replicas(potential, "x", x), named_blocks(potential, blocks)
    n_bins = whole_number("weight_distribution", "n_bins", n_bins, 1)
    levels = np.asarray(levels, dtype=float)
    if not np.all((levels >= 0) & (levels <= 1)):
        raise ValueError(f"levels={levels.tolist()} must be from 0 to 1")
    return {
        name: _of_block(
            name, np.moveaxis(samples[..., block], 1, 0).reshape(samples.shape[1], -1),
            levels, n_bins, low, high,
        )
        for name, block in chosen.items()
    }  # fmt: skip


def _of_block(
    name: str,
    rows: np.ndarray,
    levels: np.ndarray,
    n_bins: int,
    low: float | None,
    high: float | None,
) -> WeightDistribution:
    """Of weights (n_replicas, n)."""
    bottom = float(rows.min()) if low is None else float(low)
    top = float(rows.max()) if high is None else float(high)
    if not bottom < top:
        raise ValueError(f"block {name!r}: low={bottom:g} must be below high={top:g}")
    edges = np.linspace(bottom, top, n_bins + 1)
    counts = np.stack([np.histogram(row, edges)[0] for row in rows])
    # Powers of what is left of a common mean: no digits are lost to it.
    middle = rows.mean()
    groups = np.stack([((rows - middle) ** power).mean(axis=1) for power in range(5)], axis=-1)
    return WeightDistribution(
        jackknife(lambda sums: sums[1] / sums[0], groups) + float(middle),
        jackknife(lambda sums: np.sqrt(_central(sums)[0]), groups),
        jackknife(lambda sums: _central(sums)[1] / _central(sums)[0] ** 1.5, groups),
        jackknife(lambda sums: _central(sums)[2] / _central(sums)[0] ** 2 - 3.0, groups),
        over(np.quantile(rows, levels, axis=1), axis=1),
        edges,
        over(counts / (rows.shape[1] * np.diff(edges)), axis=0),
    )


def _central(sums: np.ndarray) -> tuple[float, float, float]:
    """Central moments of order 2, 3 and 4 from sums of the powers 0 to 4."""
    _, m, square, cube, fourth = sums / sums[0]
    second = square - m**2
    third = cube - 3 * m * square + 2 * m**3
    return second, third, fourth - 4 * m * cube + 6 * m**2 * square - 3 * m**4
