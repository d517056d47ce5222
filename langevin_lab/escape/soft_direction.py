"""Eyring-Kramers where a curvature vanishes: the softest direction by quadrature.

Gaussian integrals over the minimum and over the saddle make the Eyring-Kramers law. Where the
softest direction e of one of them is quartic, or near a bifurcation of saddles, that direction
needs the whole integral; the others stay Gaussian. With y along e, u(y) the energy where the
gradient across e vanishes (followed from y = 0), H(y) the Hessian across e there, friction 1,

    k = S / (2 pi M) exp(-(U_s - U_m)/T)
    M = int exp(-(u - U_m)/T) / sqrt(det H) dy/sqrt(2 pi T)                       at the minimum
    S = int exp(-(u - U_s)/T) |l_-| / sqrt|det H| dy/sqrt(2 pi T)                 e stable
    1/S = int exp(+(u - U_s)/T) sqrt(det H) dy/sqrt(2 pi T)                       e unstable

with l_- the negative eigenvalue of H. For a quadratic u these are the Eyring-Kramers factors.
Source: Berglund and Gentz (2010), with their normal forms replaced by the potential itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_lab.dynamics.schedules import check_positive
from langevin_lab.ensemble.checks import check_count
from langevin_lab.escape.barrier import point_of, positive, stationary_hessian
from langevin_lab.escape.rates import Rate

Array = NDArray[np.float64]

# The integrand is followed to exp(-36) = 2e-16, or to where it turns, if below exp(-5): what
# lies beyond belongs to another well. Where the direction is lost, the cut is a point of the grid.
_NEGLIGIBLE, _ENOUGH = 36.0, 5.0
# Gauss-Legendre points on each panel, half the width of the point: errors of 1e-11 beside the cut.
_POINTS = 14


def soft_eyring_kramers(
    potential: Any,
    minimum: ArrayLike,
    saddle: ArrayLike,
    temperature: float,
    *,
    friction: ArrayLike = 1.0,
    multiplicity: int = 1,
) -> Rate:
    """Overdamped escape rate with the softest direction of minimum and saddle by quadrature.

    ``rate = multiplicity * S / (2 pi M) * exp(-dU / temperature)``, S and M above

    for points where a curvature vanishes (the unstable one of the saddle too) and for the
    neighbourhood of a bifurcation: `saddle` may be the point between two saddles that have just
    split, whose rates are then counted together.

    Parameters
    ----------
    As `eyring_kramers`; one curvature of each point may be zero.

    Returns
    -------
    Rate

    Raises
    ------
    ValueError
        A point is not stationary; two curvatures vanish at once, or signs make it no minimum and
        no saddle; the energy along the softest direction does not leave the point by 5
        temperatures; the saddle is not above the minimum; arguments out of range.

    Source
    ------
    Berglund and Gentz (2010).

    Examples
    --------
    >>> import langevin_lab as ll
    >>> U = ll.Potential.from_expression("(x**2 - 1)**2 + x**2*y**2 + y**4", variables=("x", "y"))
    >>> rate = ll.escape.soft_eyring_kramers(U, (-1, 0), (0, 0), 0.05)
    >>> f"{rate.value:.3e}"
    '4.012e-09'
    """
    check_positive("temperature", temperature)
    drag = positive("friction", friction, int(potential.dim))
    multiplicity = check_count("multiplicity", multiplicity, 1)
    well = _Valley(potential, "minimum", minimum, drag)
    top = _Valley(potential, "saddle", saddle, drag)
    height = top.energy - well.energy
    if not height > 0:
        raise ValueError(
            f"saddle={top.point.tolist()} lies {height:.6g} above "
            f"minimum={well.point.tolist()}; it must be higher"
        )
    value = top.integral(temperature) / (2 * np.pi * well.integral(temperature))
    return Rate(
        math.log(multiplicity * value) - height / temperature,
        "Eyring-Kramers with the softest direction by quadrature", "Berglund and Gentz (2010)",
        "overdamped, T << dU, also where one curvature of the minimum or the saddle vanishes; "
        "the other curvatures must be large against it",
    )  # fmt: skip


class _Valley:
    """The softest direction of a stationary point, in coordinates x sqrt(friction)."""

    def __init__(self, potential: Any, name: str, value: ArrayLike, friction: Array) -> None:
        self.potential, self.name = potential, name
        self.point = point_of(name, value, int(potential.dim))
        self.scale = 1.0 / np.sqrt(friction)
        self.energy = float(potential.energy(self.point))
        hessian = stationary_hessian(potential, name, self.point)
        curvatures, vectors = np.linalg.eigh(hessian * np.outer(self.scale, self.scale))
        soft = int(np.argmin(np.abs(curvatures)))
        across = np.delete(curvatures, soft)
        self.along, self.across = vectors[:, soft], np.delete(vectors, soft, axis=1)
        self.index = int(np.sum(across < 0))
        if np.any(np.abs(across) <= 1e-8 * np.abs(curvatures).max()) or self.index > (
            name == "saddle"
        ):
            kind = "positive" if name == "minimum" else "positive but one"
            raise ValueError(
                f"{name}={self.point.tolist()} has Hessian eigenvalues "
                f"{np.array2string(curvatures, precision=6)}; apart from the softest all must be "
                f"{kind}, none zero"
            )
        # exp(-sign u/T): a saddle without another unstable direction is unstable along this one.
        self.sign = -1.0 if name == "saddle" and self.index == 0 else 1.0

    def integral(self, temperature: float) -> float:
        """M or S of the module's docstring: Gauss-Legendre on panels of the width of the point."""
        width = self._width(temperature)
        nodes, weights = np.polynomial.legendre.leggauss(_POINTS)
        total = 0.0
        for side in (-1.0, 1.0):
            end = self._end(side * 0.2 * width, temperature)
            n_panels = int(np.ceil(2 * end / width))
            half = 0.5 * end / n_panels
            y = half * (2 * np.arange(n_panels)[:, None] + 1 + nodes).ravel()
            terms = [
                factor * np.exp(-self.sign * climb / temperature)
                for climb, factor in self._followed(side * y)
            ]
            total += half * float(np.tile(weights, n_panels)[: len(terms)] @ terms)
        total /= np.sqrt(2 * np.pi * temperature)
        return 1.0 / total if self.sign < 0 else total

    def _width(self, temperature: float) -> float:
        """Distance along the direction at which the energy has changed by about T."""

        def changed(reach: float) -> bool:
            ends = [list(self._followed(np.array([side]))) for side in (-reach, reach)]
            # Too far to follow is a change.
            return any(not end or abs(end[0][0]) > temperature for end in ends)

        reach = np.sqrt(temperature)  # the width where the curvature is 1
        while changed(reach):
            reach *= 0.1
        for _ in range(200):
            reach *= 1.25
            if changed(reach):
                return float(reach)
        raise ValueError(
            f"the energy is flat along the softest direction of {self.name}={self.point.tolist()}"
        )

    def _end(self, step: float, temperature: float) -> float:
        """Distance at which the integrand has died out, or turns up again."""
        may_fall = self.name == "saddle" and self.sign > 0  # between two saddles
        lowest, last, n, turned = 0.0, 0.0, 0, False
        grid = np.asarray(step * np.arange(1, 1000), dtype=np.float64)
        for climb, _ in self._followed(grid):
            rise = self.sign * climb / temperature
            turned = last - lowest > _ENOUGH and rise < last
            if turned or last - lowest > _NEGLIGIBLE:
                break
            lowest, last, n = min(lowest, rise), rise, n + 1
            if lowest < -1 and not may_fall:
                break
        if last - lowest < _ENOUGH or (lowest < -1e-6 and not may_fall):
            way = "down" if self.sign < 0 else "up"
            raise ValueError(
                f"along its softest direction the energy must go {way} from {self.name}="
                f"{self.point.tolist()} by {_ENOUGH:g} temperatures, but goes {last:.3g} (and "
                f"{-lowest:.3g} the other way): lower the temperature, or this is no {self.name}"
            )
        return self._turn(grid, n) if turned else abs(step) * n

    def _turn(self, grid: Array, n: int) -> float:
        """Where the integrand turns near the n-th point of the grid: no matter of the grid."""
        from scipy.optimize import minimize_scalar

        before = grid[: max(n - 1, 0)]
        low, high = sorted((float(before[-1]) if before.size else 0.0, float(grid[n])))

        def fallen(y: float) -> float:
            found = list(self._followed(np.append(before, y)))
            return -self.sign * found[-1][0] if len(found) > before.size else np.inf

        options = {"xatol": 1e-9 * (high - low)}
        found = minimize_scalar(fallen, bounds=(low, high), method="bounded", options=options)
        return abs(float(found.x))

    def _followed(self, distances: Array) -> Iterator[tuple[float, float]]:
        """Yield (u - U_point, factor of the integrand) until the others change sign or are lost."""
        offset = np.zeros(self.across.shape[1])
        for y in distances:
            relaxed = self._relaxed(float(y), offset)
            if relaxed is None:
                return
            offset, curvatures = relaxed
            if np.sum(curvatures < 0) != self.index:
                return
            x = self.point + self.scale * (y * self.along + self.across @ offset)
            root = np.sqrt(np.abs(np.prod(curvatures)))
            factor = root if self.sign < 0 else 1.0 / root
            if self.index:
                factor *= -curvatures[0]
            yield float(self.potential.energy(x)) - self.energy, float(factor)

    def _relaxed(self, y: float, offset: Array) -> tuple[Array, Array] | None:
        """Newton's method for no gradient across the direction: (offset, curvatures across)."""
        frame = self.scale[:, None] * self.across
        for _ in range(30):
            x = self.point + self.scale * (y * self.along + self.across @ offset)
            hessian = frame.T @ self.potential.hessian(x) @ frame
            if not np.isfinite(hessian).all():
                return None
            step = np.linalg.lstsq(hessian, frame.T @ self.potential.gradient(x))[0]
            offset = offset - step
            if np.linalg.norm(step) <= 1e-10 * np.hypot(y, np.linalg.norm(offset)):
                return offset, np.linalg.eigvalsh(hessian)
        return None
