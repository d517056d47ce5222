"""The exact law of heavy ball's exit from a linear saddle, step by step and without sampling.

The probability s_n(a, b) to stay within |x| < distance for n more steps, after x_{k-1} = a and
x_k = b, obeys

    s_{n+1}(a, b) = int_{-distance}^{distance} s_n(b, c) g((c - m(a, b))/spread)/spread dc,
    m(a, b) = (1 + momentum + learning_rate curvature) b - momentum a,
    spread = learning_rate gradient_noise,       g the standard normal density.

Nystroem's method on Gauss-Legendre nodes: pairs of nodes are the states, and the error decays
exponentially with the number of nodes in a spread. Equation and exit do not change under x -> -x,
so that b >= 0 is enough; and x_k - r x_{k-1}, with r the growth, is a stationary Gaussian process
of standard deviation spread/sqrt(1 - (momentum/r)^2), so that a pair further than six of these
from the line b = r a never occurs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.dynamics.schedules import check_number
from langevin_lab.limits.saddle_regime import check_constants, growth_of_heavy_ball

__all__ = ["ExitLaw", "exact_exit_law"]

_REACH = 6.0  # standard deviations: what lies beyond has probability 2e-9 a step
_TAIL = 3e-3  # survival s from which the rest is geometric: the next mode is s^2/4 of the first
_MOST_STATES = 2_000_000


@dataclass(frozen=True, eq=False)
class ExitLaw:
    """Exact law of the number of steps until |x| >= distance, from rest on the saddle.

    Attributes
    ----------
    survival : ndarray of shape (n,)
        P(N > 0), P(N > 1), ...: probability not to have left after so many steps.
    decay : float
        Ratio of successive probabilities from the last one on.
    """

    survival: np.ndarray
    decay: float

    @property
    def mean(self) -> float:
        """Mean number of steps: the sum of all P(N > n)."""
        last = self.survival[-1]
        return float(self.survival[:-1].sum() + last / (1.0 - self.decay))

    @property
    def standard_deviation(self) -> float:
        """Of the number of steps, from E N (N - 1)/2 = sum of n P(N > n)."""
        n, last = len(self.survival) - 1, self.survival[-1]
        pairs = np.arange(n) @ self.survival[:-1]
        pairs += last * (n / (1.0 - self.decay) + self.decay / (1.0 - self.decay) ** 2)
        return float(math.sqrt(2.0 * pairs + self.mean - self.mean**2))

    def probability(self, steps: Any) -> Any:
        """Probability to have left within ``steps`` >= 0 (a part of a step does not count)."""
        whole = np.floor(np.asarray(steps, dtype=float)).astype(int)
        last = len(self.survival) - 1
        tail = self.decay ** np.maximum(whole - last, 0)
        return (1.0 - self.survival[np.minimum(whole, last)] * tail)[()]


def exact_exit_law(
    *,
    learning_rate: float,
    momentum: float,
    curvature: float,
    gradient_noise: float,
    distance: float,
    nodes_per_spread: float = 1.0,
) -> ExitLaw:
    """Compute the exact law of heavy ball's steps to leave a linear saddle.

    Parameters
    ----------
    learning_rate, momentum, curvature, gradient_noise, distance
        As `escape_steps.heavy_ball_exit_steps`.
    nodes_per_spread : float, optional
        >= 1: quadrature nodes per learning_rate gradient_noise, where they are furthest apart; 1
        gives six digits. The work grows as its cube, and as (distance/spread) times the mean.

    Returns
    -------
    ExitLaw

    Raises
    ------
    TypeError, ValueError
        An argument out of range, or so little noise that there would be above 2e6 states.

    Examples
    --------
    >>> from langevin_lab.limits.exit_law import exact_exit_law
    >>> law = exact_exit_law(
    ...     learning_rate=0.1, momentum=0.5, curvature=1.0, gradient_noise=1.0, distance=1.0)
    >>> round(law.mean, 2), round(law.standard_deviation, 2)
    (10.0, 5.0)
    """
    from scipy.special import roots_legendre

    check_constants(learning_rate, momentum, curvature, gradient_noise, distance)
    check_number("nodes_per_spread", nodes_per_spread)
    if not nodes_per_spread >= 1:
        raise ValueError(f"nodes_per_spread={nodes_per_spread!r} must be >= 1; 1 is usual")
    spread = learning_rate * gradient_noise
    growth = growth_of_heavy_ball(learning_rate, momentum, curvature)
    # Gauss-Legendre nodes are pi distance/n apart in the middle; an odd number has one at 0.
    n_nodes = 2 * math.ceil(0.5 * math.pi * nodes_per_spread * distance / spread) + 21
    if n_nodes > _MOST_STATES // 100:
        raise ValueError(
            f"distance={distance:g} is {distance / spread:.3g} standard deviations of a step, too "
            "many for this quadrature; use escape_steps.heavy_ball_exit_steps"
        )
    nodes, weights = roots_legendre(n_nodes)
    pairs = _Pairs.of(distance * nodes, momentum, growth, spread)
    matrix = _transition(pairs, distance * weights, momentum, learning_rate * curvature, spread)
    return _iterated(matrix, pairs.find(np.array(n_nodes // 2), np.array(n_nodes // 2)))


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Pairs of nodes (a, b) with b >= 0 that occur: of column b the rows low <= a < high."""

    nodes: np.ndarray
    low: np.ndarray
    high: np.ndarray
    first: np.ndarray  # number of the first pair of each column

    @classmethod
    def of(cls, nodes: np.ndarray, momentum: float, growth: float, spread: float) -> _Pairs:
        other = momentum / growth
        reach = _REACH * spread / math.sqrt(1.0 - other**2)
        low = np.searchsorted(nodes, (nodes - reach) / growth)
        high = np.searchsorted(nodes, (nodes + reach) / growth, side="right")
        if momentum == 0:  # b alone is the state
            low, high = np.zeros_like(low), np.ones_like(high)
        count = np.where(nodes >= 0, high - low, 0)
        return cls(nodes, low, high, np.concatenate([[0], np.cumsum(count)]))

    def find(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Number of each pair (indices of nodes, b >= 0), -1 where it does not occur."""
        if self.high[0] == 1 and self.high[-1] == 1:
            return self.first[b]
        known = (a >= self.low[b]) & (a < self.high[b])
        return np.where(known, self.first[b] + a - self.low[b], -1)

    @property
    def members(self) -> tuple[np.ndarray, np.ndarray]:
        """Indices a and b of all pairs, in order."""
        b = np.repeat(np.arange(len(self.nodes)), np.diff(self.first))
        return self.low[b] + np.arange(len(b)) - self.first[b], b


def _transition(
    pairs: _Pairs, weights: np.ndarray, momentum: float, step: float, spread: float
) -> Any:
    """The kernel on the pairs as a sparse matrix: row (a, b), column (b, c)."""
    from scipy.sparse import csr_array

    nodes, last = pairs.nodes, len(pairs.nodes) - 1
    a, b = pairs.members
    centre = (1.0 + momentum + step) * nodes[b] - momentum * nodes[a]
    start = np.searchsorted(nodes, centre - _REACH * spread)
    stop = np.searchsorted(nodes, centre + _REACH * spread)
    count = stop - start
    row = np.repeat(np.arange(len(b)), count)
    c = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count) + start[row]
    density = np.exp(-0.5 * ((nodes[c] - centre[row]) / spread) ** 2)
    values = weights[c] * density / (spread * math.sqrt(2.0 * math.pi))
    mirrored = c < last // 2  # (b, c) stands for (-b, -c)
    column = pairs.find(
        np.where(mirrored, last - b[row], b[row]), np.where(mirrored, last - c, c)
    )
    occurs = column >= 0
    entries = values[occurs], (row[occurs], column[occurs])
    return csr_array(entries, shape=(len(b), len(b)))


def _iterated(matrix: Any, start: int) -> ExitLaw:
    """Survival from one state, step by step until it decays geometrically."""
    staying = np.ones(matrix.shape[0])
    survival = [1.0]
    while survival[-1] > _TAIL:
        staying = matrix @ staying
        survival.append(float(staying[start]))
    return ExitLaw(np.array(survival), survival[-1] / survival[-2])
