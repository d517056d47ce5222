"""The law of a one-dimensional overdamped first passage time, from the spectrum of its generator.

With the target absorbing, P(time > t) = sum_k a_k exp(-lambda_k t), where lambda_k and phi_k are
eigenvalues and eigenfunctions of -L and a_k = phi_k(start) <phi_k>. Finite volumes factor the
symmetrised generator as B^T B with a bidiagonal B,

    B_ff = -(c_f/m_f)^(1/2),    B_f,f+1 = (c_f/m_f+1)^(1/2),

m the masses of cells and c the conductances of faces: lambda_k are squares of singular values,
which the QR iteration of LAPACK finds to full *relative* accuracy (Demmel and Kahan 1990). So a
rate of 1e-60 stands beside one of 1e4. Answers are extrapolated over three grids in even powers of
the spacing; the change from leaving one of them out is the error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from langevin_lab.exact.fokker_planck import extrapolated
from langevin_lab.exact.passage_quadrature import confined_left, passage_side, scalar_friction
from langevin_lab.exact.quadrature import EPS, ReducedEnergy
from langevin_lab.exact.reference import Array, Reference
from langevin_lab.exact.requirements import (
    checked_cells,
    require_dimension,
    require_overdamped,
    require_true_gradient,
    temperature_of,
)

_FRACTIONS = (0.5, 0.7, 1.0)
_STENCIL = 8  # cells that the value at the start is interpolated from
_MAX_ROUNDING = 1e-2  # of a weight
_STEEPEST = 600.0  # temperatures; rates are exp() of them


def first_passage_law(
    dynamics: Any,
    start: float,
    target: float,
    *,
    reflecting: float | None = None,
    n: int = 400,
) -> FirstPassageLaw:
    """Compute the law of the time from `start` to the first visit of `target`, 1-D overdamped.

    ``P(time > t) = sum_k a_k exp(-lambda_k t)``

    Parameters
    ----------
    dynamics : Overdamped
        dim 1, constant temperature.
    start, target : float
        Different positions; the target may lie on either side.
    reflecting : float, optional
        As in `mean_first_passage_time`.
    n : int, optional
        Cells of the finest grid, >= 32.

    Returns
    -------
    FirstPassageLaw
        Its `probability`, `density`, `quantile`, `mean` and `standard_deviation`, each with error.

    Raises
    ------
    ValueError
        As `mean_first_passage_time`; start = target; n < 32; a rate below exp(-700); a wall where
        the energy rises by 600 temperatures within half a cell; a start that the invariant law on
        its side of the target gives less than about 1e-22, where the expansion loses its digits.

    Notes
    -----
    Cost 0.5 s at n = 400 and as n^3. A barrier may be hundreds of temperatures high.

    Source
    ------
    Gardiner (2009), section 5.5 [G09]; Demmel and Kahan (1990) for small rates [DK90].

    Examples
    --------
    >>> import langevin_lab as ll
    >>> eq = ll.Overdamped(ll.potentials.double_well(barrier=1.0), temperature=0.2)
    >>> law = ll.exact.first_passage_law(eq, -1.0, 1.0, n=200)
    >>> round(float(law.mean), 3), round(float(law.probability(100.0)), 6)
    (182.418, 0.420343)
    """
    require_overdamped(dynamics, "the law of a first passage time")
    require_dimension(dynamics, (1,), "the law of a first passage time")
    require_true_gradient(dynamics)
    n = checked_cells(n, 32)
    side = passage_side(start, target, reflecting)
    if start == target:
        raise ValueError(f"start={start} is the target: the passage takes no time")
    v = ReducedEnergy(dynamics, side)
    a, b = side * start, side * target
    left = confined_left(v, a)[0] if reflecting is None else side * reflecting
    diffusion = temperature_of(dynamics) / scalar_friction(dynamics)
    # The grid ends half a cell beyond the target's centre: n + 1/2 cells up to it.
    sizes = [round(fraction * n) + 0.5 for fraction in _FRACTIONS]
    return FirstPassageLaw(
        tuple(sizes), tuple(_decay(v, diffusion, left, a, b, int(size)) for size in sizes)
    )


@dataclass(frozen=True)
class _Decay:
    """Survival sum_k weights_k exp(-rates_k t) on one grid, and the rounding error of a weight."""

    rates: Array
    weights: Array
    rounding: float

    def survival(self, t: Array) -> Array:
        return np.exp(-np.multiply.outer(t, self.rates)) @ self.weights

    def probability(self, t: Array) -> Array:
        # expm1: the probability of a short time is not the difference of two ones.
        return -np.expm1(-np.multiply.outer(t, self.rates)) @ self.weights

    def density(self, t: Array) -> Array:
        return np.exp(-np.multiply.outer(t, self.rates)) @ (self.weights * self.rates)

    def moments(self) -> Array:
        """Mean and standard deviation; the variance from E (t - mean)^2 of each exponential."""
        times = self.rates[0] / self.rates  # in units of the slowest: squares cannot overflow
        mean = self.weights @ times
        square = self.weights @ (times**2 + (times - mean) ** 2)
        return np.array([mean, np.sqrt(max(square, 0.0))]) / self.rates[0]


@dataclass(frozen=True)
class FirstPassageLaw:
    """The law of a first passage time, from `first_passage_law`.

    Times are numbers or arrays; arrays give a Reference whose value and error are arrays.
    """

    _sizes: tuple[float, ...]
    _grids: tuple[_Decay, ...]

    @property
    def mean(self) -> Reference:
        """Mean time, from the spectrum: independent of `mean_first_passage_time`."""
        return self._moment(0)

    @property
    def standard_deviation(self) -> Reference:
        """Standard deviation [time]."""
        return self._moment(1)

    @property
    def rate(self) -> Reference:
        """The slowest rate lambda_0: P(time > t) becomes a multiple of exp(-rate t) [1/time]."""
        return self._extrapolated(lambda grid: grid.rates[0], 8 * EPS * self._grids[-1].rates[0])

    def probability(self, t: ArrayLike) -> Reference:
        """P(time <= t) and its absolute error, t >= 0."""
        return self._of_time(t, _Decay.probability, 1.0)

    def survival(self, t: ArrayLike) -> Reference:
        """P(time > t) and its absolute error, t >= 0."""
        return self._of_time(t, _Decay.survival, 1.0)

    def density(self, t: ArrayLike) -> Reference:
        """Probability density of the time [1/time], t >= 0."""
        times = np.maximum(_checked_times(t), 1e-300)
        # A mode contributes rate exp(-rate t) <= 1/(e t).
        fastest = self._grids[-1].rates[-1]
        return self._of_time(t, _Decay.density, np.minimum(fastest, 1.0 / times))

    def quantile(self, p: float) -> Reference:
        """Time t at which P(time <= t) = p, 0 < p < 1.

        Raises
        ------
        ValueError
            p outside (0, 1), or so near 0 or 1 that the error of the probability exceeds it.
        """
        from scipy.optimize import brentq

        if not 0.0 < p < 1.0:
            raise ValueError(f"p={p} must lie between 0 and 1")

        def excess(log_time: float) -> float:
            t = np.exp(log_time)
            if p < 0.5:
                return float(self.probability(t).value) - p
            return (1.0 - p) - float(self.survival(t).value)

        longest = np.log(float(self.mean.value)) + np.log(5.0 - np.log1p(-p))
        low, high = -np.log(self._grids[-1].rates[-1]) - 10.0, longest + 5.0
        t = float(np.exp(brentq(excess, low, high, xtol=1e-14)))
        error = float(self.survival(t).error)
        if not error < 0.1 * min(p, 1.0 - p):
            raise ValueError(
                f"p={p} is too near 0 or 1: the probability at {t:.4g} has the error {error:.2g}; "
                "use a larger n or another p"
            )
        return Reference(t, error / float(self.density(t).value) + 1e-13 * t)

    def _moment(self, which: int) -> Reference:
        rounding = self._grids[-1].rounding * float(self._grids[-1].moments()[0])
        return self._extrapolated(lambda grid: grid.moments()[which], rounding)

    def _of_time(
        self, t: ArrayLike, function: Callable[[_Decay, Array], Array], scale: ArrayLike
    ) -> Reference:
        times = _checked_times(t)
        rounding = self._grids[-1].rounding * np.asarray(scale)
        return self._extrapolated(lambda grid: function(grid, times), rounding)

    def _extrapolated(self, value: Callable[[_Decay], Any], rounding: Any) -> Reference:
        found = extrapolated(self._sizes, [value(grid) for grid in self._grids])
        return Reference(found.value, found.error + rounding)


def _checked_times(t: ArrayLike) -> Array:
    times = np.asarray(t, dtype=np.float64)
    if not (times >= 0.0).all():
        raise ValueError(f"t={t!r} must be times >= 0")
    return times


def _decay(v: ReducedEnergy, diffusion: float, left: float, a: float, b: float, n: int) -> _Decay:
    """Rates and weights on n cells from a reflecting wall to the absorbing centre of the last."""
    from scipy import linalg

    spacing = (b - left) / (n + 0.5)
    centres = left + spacing * (np.arange(n) + 0.5)
    energy, faces = v(centres), v(centres + 0.5 * spacing)
    mass = np.exp(energy.min() - energy)
    mass /= mass.sum()
    with np.errstate(invalid="ignore"):  # infinite energies
        outwards, back = energy - faces, energy[1:] - faces[:-1]
    _require_flat_cells(left * v.side, n, max(outwards.max(), back.max()))
    scale = np.sqrt(diffusion) / spacing
    factor = np.diag(-scale * np.exp(0.5 * outwards))
    factor += np.diag(scale * np.exp(0.5 * back), 1)
    # gesvd, not gesdd: only the QR iteration keeps small singular values to all digits.
    _, singular, modes = linalg.svd(factor, lapack_driver="gesvd")
    singular, modes = singular[::-1], modes[::-1]
    if not singular[0] ** 2 > np.finfo(float).tiny:
        raise ValueError(
            f"the slowest rate, below exp(-700) at start={a * v.side}, is beyond float64; raise "
            "the temperature or use log_mean_first_passage_time"
        )
    at, shares = _interpolation(a, left, spacing, n)
    root = np.sqrt(mass)
    weights = (modes[:, at] @ (shares / root[at])) * (modes @ root)
    # Entries of the modes are rounded at EPS whatever their size.
    rounding = float(4 * EPS * np.sqrt(n) * np.abs(shares / root[at]).sum())
    if not rounding < _MAX_ROUNDING:
        raise ValueError(
            f"start={a * v.side} has {mass[at].max():.1g} of the invariant law in a cell, too "
            "little for a spectral expansion; start in a deeper well or raise the temperature"
        )
    return _Decay(singular**2, weights, rounding)


def _require_flat_cells(wall: float, n: int, steepest: float) -> None:
    """Raise ValueError if jumps down the slope within a cell are beyond float64."""
    if not steepest < _STEEPEST:
        raise ValueError(
            f"from the wall at {wall} the energy rises by {steepest:.3g} temperatures within half "
            f"of one of {n} cells (the coarsest grid has n/2), at most {_STEEPEST:g} are possible; "
            "take a nearer wall reflecting= or a larger n"
        )


def _interpolation(a: float, left: float, spacing: float, n: int) -> tuple[Array, Array]:
    """Cells around the start, and their Lagrange weights; the target, cell n, has the value 0."""
    place = (a - left) / spacing - 0.5
    first = int(np.clip(np.floor(place) - _STENCIL // 2 + 1, 0, n + 1 - _STENCIL))
    cells = np.arange(first, first + _STENCIL)
    shares = np.array([np.prod([(place - j) / (i - j) for j in cells if j != i]) for i in cells])
    return cells[cells < n], shares[cells < n]
