"""Relaxation rates of adaptive (Nosé-Hoover) Langevin dynamics on a harmonic well.

With x, p and xi - xi* in units of their standard deviations, q, u and z, the backward generator is

    L = omega (u d_q - q d_u) + gamma (d_uu - u d_u) + nu [(u^2 - 1) d_z - z u d_u],

    omega = (stiffness/mass)^(1/2),   gamma = applied_noise^2/(2 T) = coupling xi*,
    nu = (coupling T/thermal_mass)^(1/2),

so three rates say everything. In products of orthonormal Hermite polynomials, a_q = d_q and so on,

    L = omega (a_u+ a_q - a_q+ a_u) - gamma n_u + nu [(n_u + a_u+^2) a_z - a_z+ (n_u + a_u^2)]:

antisymmetric parts and one damping. Constants span a null row and column (the invariant law), and
the parity of q, u splits the rest. Source: Leimkuhler, Sachs and Stoltz (2020).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.exact.reference import Array, Reference
from langevin_lab.exact.requirements import (
    checked_modes,
    per_coordinate,
    require_dimension,
    require_true_gradient,
    temperature_of,
)

# Total degrees of the basis, enlarged until the modes asked for stand still.
_DEGREES = (10, 14, 19, 25, 32)
_NEAREST = 10
_TOLERANCE = 1e-6
_LOOSEST = 0.01
# L couples neighbouring degrees only: a mode without weight on the highest fifth of them solves
# L f = -rate f beyond the basis too; one with more is made by the truncation.
_MAX_EDGE = 0.02
# Where the well is seen to be harmonic: this many points, out to 8 standard deviations.
_PROBES = 1000
_FARTHEST = 8.0


@dataclass(frozen=True)
class ThermostatMode:
    """A relaxation mode: observables decay as exp(-rate t) cos(frequency t + phase).

    Attributes
    ----------
    rate, frequency : Reference
        [1/time]; the frequency is 0 or positive: a conjugate pair is one mode.
    parity : {"even", "odd"}
        Under (x, p) -> (-x, -p) about the centre: xi, x^2, xp relax by even modes, x and p by odd.
    """

    rate: Reference
    frequency: Reference
    parity: str


def adaptive_langevin_spectrum(dynamics: Any, n_modes: int = 1) -> list[ThermostatMode]:
    """Compute the slowest relaxation modes of adaptive Langevin dynamics on a harmonic well.

    Parameters
    ----------
    dynamics : AdaptiveLangevin
        Quadratic potential of dim 1, constant temperature, applied_noise > 0, finite thermal mass.
    n_modes : int, optional
        How many, >= 1, by increasing rate over both parities.

    Returns
    -------
    list of ThermostatMode
        Rates and frequencies carry the change from a smaller basis as error.

    Raises
    ------
    TypeError
        Dynamics of another kind.
    ValueError
        dim != 1; a potential that is not quadratic; no noise; an infinite thermal mass; n_modes not
        in 1...8; rates too far apart for the eigenvalue iteration; modes that still move by 1 % in
        the largest basis.

    Notes
    -----
    The modes are sought among the ten of each parity nearest to 0 and to the frequency of the
    well. A heavy thermostat is the slowest: its rate tends to T coupling/(thermal_mass friction),
    friction = coupling xi*, whatever the well. Cost 0.2 to 5 s; a light thermostat with little
    noise needs the most.

    Source
    ------
    Leimkuhler, Sachs and Stoltz (2020) [LSS20].

    Examples
    --------
    >>> import langevin_lab as ll
    >>> eq = ll.AdaptiveLangevin(ll.potentials.harmonic(), temperature=1.0, thermal_mass=100.0,
    ...                          applied_noise=1.0)
    >>> mode = ll.exact.adaptive_langevin_spectrum(eq)[0]
    >>> round(mode.rate.value, 4), mode.parity    # T/(thermal_mass friction) = 0.02 at first order
    (0.022, 'even')
    """
    if not hasattr(dynamics, "thermal_mass"):
        raise TypeError(
            f"the spectrum of a thermostat is for AdaptiveLangevin, not {type(dynamics).__name__}; "
            "use spectral_gap"
        )
    n_modes = checked_modes(n_modes, _NEAREST - 2)
    rates = _three_rates(dynamics)
    previous = np.zeros(0, dtype=complex)
    for degree in _DEGREES:
        found = [_nearest_eigenvalues(rates, degree, parity) for parity in (0, 1)]
        values, parities = np.concatenate(found), np.repeat((0, 1), [len(f) for f in found])
        order = np.argsort(-values.real)[:n_modes]
        # Distance to the nearest of all modes of the smaller basis.
        distances = np.abs(values[order, None] - previous)
        change = distances.min(axis=1, initial=np.inf) + 1e-12 * np.abs(values[order])
        if len(order) == n_modes and (change <= _TOLERANCE * np.abs(values[order])).all():
            break
        previous = values
    good = change <= -_LOOSEST * values[order].real
    if len(order) < n_modes or not good.all():
        raise ValueError(
            f"{good.sum()} of the n_modes={n_modes} slowest modes stand still to 1 % at degree "
            f"{degree} for the rates omega={rates[0]:.3g}, gamma={rates[1]:.3g}, nu={rates[2]:.3g};"
            " ask for fewer, or use a heavier thermal mass or more noise"
        )
    return [
        ThermostatMode(
            Reference(float(-values[i].real), float(error)),
            Reference(float(values[i].imag), float(error)),
            ("even", "odd")[parities[i]],
        )
        for i, error in zip(order, change)
    ]


def _three_rates(dynamics: Any) -> tuple[float, float, float]:
    """Frequency omega of the well, friction gamma, coupling nu of the thermostat [1/time]."""
    require_dimension(dynamics, (1,), "the spectrum of a thermostat")
    require_true_gradient(dynamics)
    temperature = temperature_of(dynamics)
    stiffness = _constant_stiffness(dynamics.potential, temperature)
    if dynamics.applied_noise == 0:
        raise ValueError(
            "applied_noise=0 leaves Nosé-Hoover dynamics, which is not ergodic on a harmonic well; "
            "use applied_noise > 0"
        )
    if not np.isfinite(dynamics.thermal_mass):
        raise ValueError(
            f"thermal_mass={dynamics.thermal_mass} freezes the thermostat; use Langevin dynamics "
            f"with friction={dynamics.coupling * dynamics.thermostat_mean:g} and spectral_gap"
        )
    frequency = float(np.sqrt(stiffness / per_coordinate(dynamics.mass, 1)[0]))
    coupling = float(np.sqrt(dynamics.coupling * temperature / dynamics.thermal_mass))
    return frequency, dynamics.coupling * dynamics.thermostat_mean, coupling


def _constant_stiffness(potential: Any, temperature: float) -> float:
    """The second derivative of a quadratic potential, the same all over the well."""
    stiffness = float(potential.hessian(np.zeros(1))[0, 0])
    if stiffness > 0:
        centre = -potential.gradient(np.zeros(1))[0] / stiffness
        # Multiples of the golden section modulo 1: even, and in step with no period.
        places = 2.0 * np.modf(np.arange(1, _PROBES) * 0.5 * (np.sqrt(5.0) - 1.0))[0] - 1.0
        x = np.append(0.0, centre + _FARTHEST * np.sqrt(temperature / stiffness) * places)
        found = potential.hessian(x[:, None])[:, 0, 0]
    else:
        found = np.array([stiffness])
    if not (found.min() > 0 and np.ptp(found) <= 1e-9 * stiffness):
        raise ValueError(
            f"the potential has second derivatives from {found.min():.6g} to {found.max():.6g}: "
            "the spectrum of a thermostat needs a harmonic well, such as potentials.harmonic()"
        )
    return stiffness


def _blocks(frequency: float, friction: float, degree: int, parity: int) -> tuple[Array, Array]:
    """Matrices of omega (a_u+ a_q - a_q+ a_u) - gamma n_u and of n_u + a_u^2, constants first."""
    pairs = [(m - j, j) for m in range(parity, degree + 1, 2) for j in range(m + 1)]
    place = {pair: index for index, pair in enumerate(pairs)}
    oscillator, kinetic = np.zeros((2, len(pairs), len(pairs)))
    for (q, u), column in place.items():
        oscillator[column, column] = -friction * u
        kinetic[column, column] = u
        if u > 0:
            turn = frequency * np.sqrt((q + 1) * u)
            oscillator[place[q + 1, u - 1], column] = -turn
            oscillator[column, place[q + 1, u - 1]] = turn
        if u > 1:
            kinetic[place[q, u - 2], column] = np.sqrt(u * (u - 1))
    return oscillator, kinetic


class _Inverse:
    """(L - shift)^-1 by block elimination from low degrees in z to high ones; no constants."""

    def __init__(
        self, rates: tuple[float, float, float], degree: int, parity: int, shift: complex
    ) -> None:
        frequency, friction, coupling = rates
        oscillator, kinetic = _blocks(frequency, friction, degree, parity)
        diagonal = oscillator - shift * np.eye(len(oscillator))
        kinetic = (coupling * kinetic).astype(diagonal.dtype)
        # Total degrees up to `degree`: functions of q and u are sorted, so blocks are corners.
        sizes = [len(_degrees(degree - k, parity)) for k in range(degree)]
        pivot = np.zeros_like(diagonal)
        first = 1 - parity  # the constant, function 0 of the even ones
        pivot[first:, first:] = np.linalg.inv(diagonal[first:, first:])
        self._pivots, self._rises = [pivot], []
        for k, (n, above) in enumerate(itertools.pairwise(sizes), start=1):
            rise = np.sqrt(k) * kinetic[:above, :n]
            pivot = np.linalg.inv(diagonal[:above, :above] + rise @ pivot @ rise.T)
            self._pivots.append(pivot)
            self._rises.append(rise)
        self._ends = np.cumsum(sizes)
        self.degrees = np.concatenate([k + _degrees(degree - k, parity) for k in range(degree)])
        self.shape, self.dtype = (int(self._ends[-1]),) * 2, diagonal.dtype

    def __call__(self, right: Array) -> Array:
        y = np.split(np.array(right, dtype=self.dtype).ravel(), self._ends[:-1])
        for k, rise in enumerate(self._rises):
            y[k + 1] = y[k + 1] + rise @ (self._pivots[k] @ y[k])
        y[-1] = self._pivots[-1] @ y[-1]
        for k in range(len(y) - 2, -1, -1):
            y[k] = self._pivots[k] @ (y[k] - self._rises[k].T @ y[k + 1])
        return np.concatenate(y)


def _degrees(highest: int, parity: int) -> Array:
    """Total degrees, increasing, of the products of two polynomials of this parity."""
    return np.repeat(np.arange(parity, highest + 1, 2), np.arange(parity, highest + 1, 2) + 1)


def _nearest_eigenvalues(rates: tuple[float, float, float], degree: int, parity: int) -> Array:
    """Eigenvalues, imaginary part >= 0, nearest to 0 and to the oscillator's own frequency."""
    from scipy.sparse import linalg

    found = []
    for shift in (0.0, 1j * rates[0] * (2 - parity)):
        inverse = _Inverse(rates, degree, parity, shift)
        operator = linalg.LinearOperator(inverse.shape, matvec=inverse, dtype=inverse.dtype)
        start = inverse(np.random.default_rng(0).standard_normal(inverse.shape[0]))
        try:
            values, vectors = linalg.eigs(operator, k=_NEAREST, v0=start, tol=1e-11)
        except linalg.ArpackError:
            raise ValueError(
                f"the eigenvalues near {shift:.3g} do not converge for the rates "
                f"omega={rates[0]:.3g}, gamma={rates[1]:.3g}, nu={rates[2]:.3g}, too far apart; a "
                "heavy thermal_mass relaxes at T coupling/(thermal_mass friction): use a lighter "
                "one, and scale"
            ) from None
        values = shift + 1.0 / values
        squares = np.abs(vectors) ** 2
        edge = squares[inverse.degrees > 0.8 * degree].sum(axis=0) / squares.sum(axis=0)
        found.append(values[(values.imag >= -1e-9 * np.abs(values)) & (edge < _MAX_EDGE)])
    values = np.concatenate(found)
    values = values.real + 1j * np.where(values.imag > 1e-9 * np.abs(values), values.imag, 0.0)
    # Both shifts may find the same one.
    new = [not (np.abs(values[:i] - v) < 1e-7 * abs(v)).any() for i, v in enumerate(values)]
    return values[np.array(new, dtype=bool)]
