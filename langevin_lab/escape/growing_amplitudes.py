"""The law of the exit of several Gaussian amplitudes that grow at rates of their own.

Near a strict saddle every unstable direction i ends up as an independent growing amplitude,

    u_i(t) = S_i e^(l_i t) n_i,        n_i standard normals,

and the time at which the paths leave a region is, for noise that is small at the exit,

    box     |u_i| >= L_i for some i    P(t' > t) = prod_i erf(L_i e^(-l_i t)/(S_i sqrt 2))
    sphere  sum_i u_i^2 >= L^2         P(t' > t) = P(sum_i S_i^2 e^(2 l_i t) n_i^2 < L^2).

The second is the law of a weighted sum of chi-squares, from its Laplace transform
prod_i (1 + 2 s w_i)^(-1/2), whose singularities lie on the negative real axis: Talbot's contour
inverts it to rounding for any weights w_i. For m equal rates and amplitudes it is the incomplete
gamma function, and the mean time is [ln(L/S) - (digamma(m/2) + ln 2)/2]/l.
Source: Suzuki (1977) for m = 1; Trefethen, Weideman and Schmelzer (2006) for the contour.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

_POINTS_PER_GROWTH = 16  # of the trapezoid rule in time, per 1/(largest growth rate)
_ROUND = 40.0  # exp(-40) is nothing
_CHUNK = 1 << 18  # contour points times times times weights at once


@dataclass(frozen=True, eq=False)
class SaddleExit:
    """Law of the time to leave a strict saddle with any number of unstable directions.

    Attributes
    ----------
    growth_rates : (m,) array
        l_i [1/time], all > 0.
    amplitudes : (m,) array
        S_i, standard deviations of the growing amplitudes carried back to the start [length].
    distances : (m,) array
        L_i of a box; of a sphere its radius, m times [length].
    region : "sphere" or "box"
        What is left: sum u_i^2 < L^2, or |u_i| < L_i for all i.
    delay : float
        Mean time that a scheme which looks once a step is late, dt/2; 0 in continuous time.
        Contained in `mean`.
    """

    growth_rates: Array
    amplitudes: Array
    distances: Array
    region: str
    delay: float = 0.0

    def __float__(self) -> float:
        return self.mean

    @property
    def noise_at_exit(self) -> float:
        """Largest (S_i/L_i)^2, which the law takes as small: relative errors are of this order."""
        return float(np.max(self.amplitudes / self.distances) ** 2)

    @property
    def mean(self) -> float:
        """Mean exit time [time]."""
        return self._moments[0] + self.delay

    @property
    def standard_deviation(self) -> float:
        """Standard deviation of the exit time [time]."""
        # Looking once a step rounds the time up by something uniform in a step of 2 delay.
        return float(np.sqrt(self._moments[1] + self.delay**2 / 3.0))

    def probability(self, time: ArrayLike) -> Array:
        """Probability to have left by `time`, a number or an array; of a scheme, at its steps."""
        return 1.0 - self.survival(time)

    def survival(self, time: ArrayLike) -> Array:
        """Probability not to have left by `time`."""
        time = np.asarray(time, dtype=np.float64)
        growth = np.exp(np.multiply.outer(time, self.growth_rates))
        scaled = self.amplitudes * growth / self.distances
        if self.region == "box":
            from scipy.special import erf

            with np.errstate(divide="ignore"):
                return np.prod(erf(np.sqrt(0.5) / scaled), axis=-1)
        return chi_square_sum_below_one(scaled**2)

    @cached_property
    def _moments(self) -> tuple[float, float]:
        """Mean and variance, E t = t_1 - int P dt, by the trapezoid rule: exact to rounding."""
        logs = np.log(self.distances / self.amplitudes)
        reach = np.log(9.0 + np.sqrt(len(logs)))
        low = float(np.min((logs - reach) / self.growth_rates))
        # The fastest direction alone has left by then but for exp(-40).
        high = float(np.min((logs + _ROUND) / self.growth_rates))
        # The radius of many directions is sharper by the root of their number.
        density = self.growth_rates.max() * _POINTS_PER_GROWTH * max(1.0, np.sqrt(len(logs)) / 3.0)
        n = int(np.ceil((high - low) * density)) + 1
        times, step = np.linspace(low, high, n, retstep=True)
        survival = self.survival(times)
        late = times - low
        first = step * (np.sum(survival) - 0.5)
        # step^2/6: the end correction, because the slope of late * survival at low is 1.
        second = 2.0 * step * np.sum(late * survival) + step**2 / 6.0
        return low + float(first), float(second - first**2)


def chi_square_sum_below_one(weights: Array) -> Array:
    """Probability that sum_i w_i n_i^2 < 1 for standard normals n_i.

    Parameters
    ----------
    weights : (..., m) array
        w_i > 0; may be infinite.

    Returns
    -------
    (...) array

    Notes
    -----
    Equal weights by the incomplete gamma function, others by Talbot's contour: absolute error
    1e-10 up to 100 weights, 1e-6 at 200.
    """
    from scipy.special import gammainc

    weights = np.asarray(weights, dtype=np.float64)
    m = weights.shape[-1]
    largest = weights.max(axis=-1)
    if m == 1 or np.all(weights >= (1.0 - 1e-15) * largest[..., None]):
        with np.errstate(divide="ignore"):
            return gammainc(0.5 * m, 0.5 / largest)
    flat = weights.reshape(-1, m)
    result = np.empty(len(flat))
    # More weights need more points; beyond 72 their factors exp(s) cost digits.
    points, factors = _talbot(min(28 + 2 * (m // 5), 72))
    size = max(1, _CHUNK // (m * len(points)))
    for first in range(0, len(flat), size):
        part = flat[first : first + size]
        # Logarithms: a product of a hundred factors may underflow before its contour factor.
        exponent = -0.5 * np.log1p(2.0 * points[:, None] * part[:, None, :]).sum(axis=-1)
        result[first : first + size] = np.imag(np.exp(exponent) @ factors)
    return np.clip(result, 0.0, 1.0).reshape(weights.shape[:-1])


def _talbot(n: int) -> tuple[Array, Array]:
    """Points s and factors c of F(1) = Im sum_k c_k (s f)(s_k), for the transform f of F."""
    angle = np.pi * (2.0 * np.arange(n // 2) + 1.0) / n
    cotangent = 1.0 / np.tan(0.6407 * angle)
    points = n * (-0.6122 + 0.5017 * angle * cotangent + 0.2645j * angle)
    slope = 0.5017 * (cotangent - 0.6407 * angle / np.sin(0.6407 * angle) ** 2) + 0.2645j
    return points, 2.0 * np.exp(points) * slope / points
