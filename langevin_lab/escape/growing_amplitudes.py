"""The law of the exit of several Gaussian amplitudes that grow at rates of their own.

Near a strict saddle the unstable directions u_i are independent Gaussian variables. From a sharp
start their variances are

    V_i(t) = S_i^2 (e^(2 l_i t) - 1) + sum_j v_ij (e^(-d_ij t) - 1),

the first term the growing amplitude S_i e^(l_i t) (overdamped dynamics has no other), the rest what
dies out of the momenta. Paths that leave do not come back while the noise is small at the exit:

    box     |u_i| >= L_i for some i    P(t' > t) = prod_i erf(L_i/sqrt(2 V_i))
    sphere  sum_i u_i^2 >= L^2         P(t' > t) = P(sum_i V_i n_i^2 < L^2),   n_i normal.

The second is the law of a weighted sum of chi-squares, from its Laplace transform
prod_i (1 + 2 s w_i)^(-1/2), whose singularities lie on the negative real axis: Talbot's contour
inverts it to rounding for any weights w_i. For m equal rates and amplitudes it is the incomplete
gamma function, and the mean time for S << L is [ln(L/S) - (digamma(m/2) + ln 2)/2]/l. Paths that
do come back make the exit earlier than the law by (S/L)^2/l if overdamped.
Source: Suzuki (1977) for m = 1; Trefethen, Weideman and Schmelzer (2006) for the contour.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

_POINTS_PER_GROWTH = 8  # of the trapezoid rule in ln(e^(2 l t) - 1), l the largest growth rate
_ROUND = 40.0  # exp(-40) is nothing
_LARGEST = 600.0  # logarithm at which weights are cut: survival is below exp(-300) there
_NOISY = 0.1  # noise at the exit above which one is warned
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
    transients : pair of (m, j) arrays
        d_ij >= 0 [1/time] and v_ij [length^2] of the variances; none if overdamped.
    """

    growth_rates: Array
    amplitudes: Array
    distances: Array
    region: str
    delay: float = 0.0
    transients: tuple[Array, Array] | None = None

    def __float__(self) -> float:
        return self.mean

    @property
    def noise_at_exit(self) -> float:
        """Mean of (S_i/L_i)^2 over the directions, which the law takes as small.

        Weighted by their share of the speed at the mean time, so that a soft direction that has
        not grown by then does not count. The law's mean is late by about this over l.
        """
        return float(np.average((self.amplitudes / self.distances) ** 2, weights=self._speeds))

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
        """Probability not to have left by `time`; 1 up to time 0."""
        weights = self._weights(np.maximum(np.asarray(time, dtype=np.float64), 0.0))
        if self.region == "box":
            from scipy.special import erf

            with np.errstate(divide="ignore"):
                return np.prod(erf(np.sqrt(0.5 / weights)), axis=-1)
        return chi_square_sum_below_one(weights)

    def _weights(self, time: Array) -> Array:
        """Variances over squared distances, (..., m), at times >= 0."""
        growth = np.multiply.outer(time, 2.0 * self.growth_rates)
        scale = 2.0 * np.log(self.amplitudes / self.distances)
        with np.errstate(divide="ignore"):
            logs = scale + growth + np.log(-np.expm1(-growth))  # ln(e^x - 1) without overflow
        weights = np.exp(np.minimum(logs, _LARGEST))
        if self.transients is not None:
            rates, variances = self.transients
            decayed = variances * np.expm1(-rates * np.asarray(time)[..., None, None])
            weights = np.maximum(weights + decayed.sum(axis=-1) / self.distances**2, 0.0)
        return weights

    @cached_property
    def _speeds(self) -> Array:
        """Each direction's share in d/dt of the squared distance at the mean time."""
        speeds = self._weights(np.asarray(self._moments[0])) * self.growth_rates
        return speeds / speeds.sum()

    @cached_property
    def _moments(self) -> tuple[float, float]:
        """Mean and variance, E t = int_0^inf P dt, by the trapezoid rule: exact to rounding.

        In y = ln(e^(2 l t) - 1), which is ln t early and 2 l t late, l the largest growth rate.
        """
        double = 2.0 * self.growth_rates
        logs = 2.0 * np.log(self.distances / self.amplitudes)
        # Where each direction has left by itself, and has left but for exp(-40).
        typical, late = (np.logaddexp(0.0, logs + more) / double for more in (0.0, 2.0 * _ROUND))
        fastest = double.max()
        ends = fastest * typical.min(), fastest * late.min()
        low, high = (float(x + np.log(-np.expm1(-x))) for x in ends)
        low = min(low - np.log(len(logs)), 0.0) - _ROUND
        n = int(np.ceil((high - low) * _POINTS_PER_GROWTH * max(1.0, np.sqrt(len(logs)) / 3.0))) + 1
        y, step = np.linspace(low, high, n, retstep=True)
        times = np.logaddexp(0.0, y) / fastest
        # dt/dy = 1/(1 + e^-y)/(2 l); nothing is left at either end.
        density = step * self.survival(times) / (1.0 + np.exp(-y)) / fastest
        first = float(np.sum(density))
        return first, float(2.0 * np.sum(times * density) - first**2)


def warn_of_noise(law: SaddleExit) -> SaddleExit:
    """Return the law; a UserWarning that names the direction if its noise at the exit is large."""
    noise = law.noise_at_exit
    if noise > _NOISY:
        squares = (law.amplitudes / law.distances) ** 2
        worst = int(np.argmax(squares * law._speeds))
        warnings.warn(
            f"noise at the exit {noise:.3g} is above {_NOISY}: direction {worst}, of growth rate "
            f"{law.growth_rates[worst]:.4g}, has (S/L)^2 = {squares[worst]:.3g}, so that paths "
            "come back and leave sooner than this law; lower the temperature, raise the distance, "
            "or use isotropic_saddle_exit_mean, exact.generator or first_passage",
            stacklevel=3,
        )
    return law


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
