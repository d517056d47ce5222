"""The exact law of heavy ball's exit from a linear saddle, without sampling.

The probability s_n(a, b) to stay within |x| < distance for n more steps, after x_{k-1} = a and
x_k = b, obeys

    s_{n+1}(a, b) = int_{-distance}^{distance} s_n(b, c) g((c - m(a, b))/spread)/spread dc,
    m(a, b) = (1 + momentum + learning_rate curvature) b - momentum a,
    spread = learning_rate gradient_noise,       g the standard normal density.

Nystroem's method on Gauss-Legendre nodes: pairs of nodes are the states, and the error decays
exponentially with the number of nodes in a spread. Moments of the number of steps solve linear
equations with the same kernel. Equation and exit do not change under x -> -x,
so that b >= 0 is enough; and x_k - r x_{k-1}, with r the growth, is a stationary Gaussian process
of standard deviation spread/sqrt(1 - (momentum/r)^2), so that a pair further than six of these
from the line b = r a never occurs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from langevin_lab.dynamics.schedules import check_number
from langevin_lab.ensemble.checks import check_count
from langevin_lab.limits.saddle_regime import check_constants, growth_of_heavy_ball

__all__ = ["ExitLaw", "exact_exit_law"]

_REACH = 6.0  # standard deviations: what lies beyond has probability 2e-9 a step
_MOST_STATES = 2_000_000


@dataclass(frozen=True, eq=False)
class ExitLaw:
    """Exact law of the number of steps until |x| >= distance, from rest on the saddle.

    Attributes
    ----------
    transition : sparse array of shape (n, n)
        Probabilities of one step between the states within the distance.
    start : int
        The state at rest on the saddle.
    """

    transition: Any
    start: int

    @property
    def mean(self) -> float:
        """Mean number of steps, at the start T = (1 - P)^-1 1."""
        return float(self._means[self.start])

    @cached_property
    def standard_deviation(self) -> float:
        """Of the number N of steps, from E N (N + 1)/2 = (1 - P)^-1 T."""
        pairs = float(self._solved(self._means)[self.start])
        return math.sqrt(2.0 * pairs - self.mean - self.mean**2)

    @cached_property
    def _means(self) -> np.ndarray:
        return self._solved(np.ones(self.transition.shape[0]))

    def _solved(self, right: np.ndarray) -> np.ndarray:
        """(1 - P)^-1 right; direct elimination would fill the matrix."""
        from scipy.sparse import eye_array
        from scipy.sparse.linalg import bicgstab

        system = eye_array(self.transition.shape[0], format="csr") - self.transition
        solution, failed = bicgstab(system, right, rtol=1e-9, maxiter=100_000)
        if failed:
            raise RuntimeError(
                f"the linear equations of {len(right)} states did not converge; use more noise or "
                "escape_steps.heavy_ball_exit_steps"
            )
        return solution

    def probability(self, steps: Any) -> Any:
        """Probability to have left within ``steps`` >= 0 (a part of a step does not count)."""
        counts = np.asarray(steps, dtype=float)
        if not (np.isfinite(counts) & (counts >= 0)).all():
            raise ValueError(f"steps={steps!r} must be finite and >= 0")
        whole = np.floor(counts).astype(int)
        survival = self.survival(int(whole.max(initial=0)))
        return (1.0 - survival[whole])[()]

    def survival(self, n_steps: int) -> np.ndarray:
        """Probability not to have left after 0, 1, ..., ``n_steps`` >= 0 steps."""
        n_steps = check_count("n_steps", n_steps, 0)
        staying = np.ones(self.transition.shape[0])
        survival = np.ones(n_steps + 1)
        for n in range(1, n_steps + 1):
            staying = self.transition @ staying
            survival[n] = staying[self.start]
        return survival


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
        gives six digits.

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
    (13.21, 6.69)
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
    middle = np.array(n_nodes // 2)
    return ExitLaw(matrix, int(pairs.find(middle, middle)))


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
    column = pairs.find(np.where(mirrored, last - b[row], b[row]), np.where(mirrored, last - c, c))
    occurs = column >= 0
    entries = values[occurs], (row[occurs], column[occurs])
    return csr_array(entries, shape=(len(b), len(b)))
