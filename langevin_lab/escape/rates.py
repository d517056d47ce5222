"""Escape rates and exit times from asymptotic theory, each with where it holds.

Notation: minimum m and saddle s of U, barrier dU = U(s) - U(m), Hessians H_m and H_s, friction a
rate, k_B = 1. In one dimension w_0 and w_b are the frequencies of the well and of the barrier.

    Eyring-Kramers    |l_-|/(2 pi friction) sqrt(det H_m/|det H_s|) exp(-dU/T)      overdamped
    Kramers-Langer    l_+/(2 pi) sqrt(det H_m/|det H_s|) exp(-dU/T)                 any friction
    transition state  (1/2 pi) prod w_m / prod' w_s exp(-dU/T)                      upper bound

(mass-weighted Hessians where there is a mass); `weak_friction` goes on below Kramers-Langer.
All are leading orders in T/dU: at dU = 5 T expect them some percent high. Each counts the escapes
from *one* well over *one* saddle.
Source: Haenggi, Talkner and Borkovec (1990); Bovier, Eckhoff, Gayrard and Klein (2004).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from langevin_lab.ensemble.checks import check_count
from langevin_lab.escape.barrier import Barrier, point_of, positive
from langevin_lab.escape.laplace import first_correction


@dataclass(frozen=True)
class Rate:
    """A rate from a formula.

    Attributes
    ----------
    log_value : float
        Natural logarithm of the escapes per time; finite at any barrier.
    formula, source, valid : str
        What was computed, where it comes from, when it holds.
    value : float
        Escapes per time, exp(log_value); 0 where that is below float64.
    """

    log_value: float
    formula: str
    source: str
    valid: str
    value: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", math.exp(self.log_value))

    def __float__(self) -> float:
        return self.value

    @property
    def mean_time(self) -> float:
        """Mean time to the escape, 1/rate; infinite beyond float64, where -log_value is its log."""
        try:
            return math.exp(-self.log_value)
        except OverflowError:
            return math.inf


def eyring_kramers(
    potential: Any,
    minimum: ArrayLike,
    saddle: ArrayLike,
    temperature: float,
    *,
    friction: ArrayLike = 1.0,
    multiplicity: int = 1,
    correction: bool = False,
) -> Rate:
    """Overdamped escape rate over a saddle: the Eyring-Kramers law.

    ``rate = multiplicity * l_+ / (2 pi) * sqrt(det H_m / |det H_s|) * exp(-dU / temperature)``

    with l_+ the positive eigenvalue of -H_s / friction (|l_-|/friction for one friction).

    Parameters
    ----------
    potential : Potential
    minimum, saddle : (dim,) array_like, float in 1-D, or StationaryPoint
    temperature : float
        > 0 [energy].
    friction : float or (dim,) array_like, optional
        Of the overdamped equation, > 0.
    multiplicity : int, optional
        Number of equivalent saddles that lead out of the well, >= 1.
    correction : bool, optional
        Divide by 1 + T c, the first correction in T. In 1-D
        c = [-U4/(8 U2^2) + 5 U3^2/(24 U2^3)]_m + [U4/(8 U2^2) + 5 U3^2/(24 |U2|^3)]_s; in more
        dimensions from all third and fourth derivatives at both points (`escape.laplace`).

    Returns
    -------
    Rate

    Raises
    ------
    ValueError
        `minimum` is no minimum or `saddle` no saddle of index 1 (their eigenvalues are named);
        the saddle is not above the minimum; temperature, friction or multiplicity out of range;
        a correction so large, T c <= -1, that it has no meaning.
    TypeError
        multiplicity is no integer.

    Source
    ------
    Kramers (1940); Bovier, Eckhoff, Gayrard and Klein (2004); the correction from Laplace's method
    to next order, derived in `escape.laplace`.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> U = ll.potentials.double_well(barrier=1.0)
    >>> round(ll.escape.eyring_kramers(U, -1.0, 0.0, 0.2).mean_time, 3)
    164.846
    """
    barrier = Barrier(potential, minimum, saddle, temperature)
    drag = positive("friction", friction, barrier.dim)
    multiplicity = check_count("multiplicity", multiplicity, 1)
    # Symmetric form of -H_s / friction: same eigenvalues.
    unstable = -np.linalg.eigvalsh(barrier.saddle_hessian / np.sqrt(np.outer(drag, drag)))[0]
    log_value = harmonic_log(barrier, unstable, multiplicity)
    formula = "Eyring-Kramers"
    if correction:
        change = temperature * first_correction(potential, barrier, drag)
        log_value -= math.log(_corrected(change, temperature))
        formula = "Eyring-Kramers with the first correction in T"
    return Rate(
        log_value, formula, "Bovier, Eckhoff, Gayrard and Klein (2004)",
        "overdamped, T << dU, relative error O(T/dU)" + (" squared" if correction else ""),
    )  # fmt: skip


def eyring_kramers_over(
    potential: Any,
    minimum: ArrayLike,
    saddles: Sequence[Any],
    temperature: float,
    *,
    friction: ArrayLike = 1.0,
    correction: bool = False,
) -> Rate:
    """Overdamped escape rate out of a well over several saddles: the sum of their rates.

    ``rate = sum over saddles of eyring_kramers(potential, minimum, saddle, temperature)``

    Parameters
    ----------
    saddles : sequence of points or StationaryPoints
        All different; give every saddle that leads out of the well.
    potential, minimum, temperature, friction, correction
        As `eyring_kramers`.

    Returns
    -------
    Rate

    Raises
    ------
    ValueError
        As `eyring_kramers`; no saddle, or one twice.

    Source
    ------
    Bovier, Eckhoff, Gayrard and Klein (2004).
    """
    points = [point_of("saddle", saddle, int(potential.dim)) for saddle in saddles]
    if not points:
        raise ValueError("saddles is empty; give the saddles that lead out of the well")
    for i, point in enumerate(points):
        if any(np.allclose(point, other, rtol=1e-6, atol=1e-9) for other in points[:i]):
            raise ValueError(f"saddles holds {point.tolist()} twice; count every saddle once")
    settings: dict[str, Any] = {"friction": friction, "correction": correction}
    rates = [eyring_kramers(potential, minimum, p, temperature, **settings) for p in points]
    return replace(
        rates[0],
        log_value=float(np.logaddexp.reduce([rate.log_value for rate in rates])),
        formula=f"{rates[0].formula}, sum over {len(rates)} saddle(s)",
    )


def _corrected(change: float, temperature: float) -> float:
    """1 + T c, refused where the series has lost its meaning."""
    if not 1.0 + change > 0:
        raise ValueError(
            f"the first correction at temperature={temperature} is 1 + {change:.4g}, not positive; "
            "leave correction out or lower the temperature"
        )
    return 1.0 + change


def kramers(
    potential: Any,
    minimum: ArrayLike,
    saddle: ArrayLike,
    temperature: float,
    *,
    friction: ArrayLike,
    mass: ArrayLike = 1.0,
    multiplicity: int = 1,
) -> Rate:
    """Underdamped escape rate in the spatial-diffusion regime: Kramers and Langer.

    ``rate = multiplicity * l_+ / (2 pi) * sqrt(det H_m / |det H_s|) * exp(-dU / temperature)``

    with l_+ the positive growth rate at the saddle, ``l (l + friction) mass v = -H_s v``; in 1-D
    ``l_+ = -friction/2 + sqrt(friction^2/4 + w_b^2)`` and the rate is (l_+/w_b) times the
    transition-state value.

    Parameters
    ----------
    potential, minimum, saddle, temperature, multiplicity
        As `eyring_kramers`.
    friction : float or (dim,) array_like
        A rate, >= 0 [1/time].
    mass : float or (dim,) array_like, optional
        > 0.

    Returns
    -------
    Rate

    Raises
    ------
    ValueError
        As `eyring_kramers`; mass <= 0 or friction < 0.

    Source
    ------
    Kramers (1940); Langer (1969).
    """
    barrier = Barrier(potential, minimum, saddle, temperature)
    multiplicity = check_count("multiplicity", multiplicity, 1)
    growth = growth_rate(barrier, friction, mass)
    return Rate(
        harmonic_log(barrier, growth, multiplicity), "Kramers-Langer",
        "Kramers (1940); Langer (1969)",
        "T << dU and friction * action / T >> 1; too high at lower friction",
    )  # fmt: skip


def transition_state_theory(
    potential: Any,
    minimum: ArrayLike,
    saddle: ArrayLike,
    temperature: float,
    *,
    mass: ArrayLike = 1.0,
    multiplicity: int = 1,
) -> Rate:
    """Harmonic transition-state theory: every crossing of the saddle counts.

    ``rate = multiplicity * (w_unstable / 2 pi) * sqrt(det H_m / |det H_s|) * exp(-dU/temperature)``

    the Kramers-Langer rate at friction 0: an upper bound, reached at no friction.

    Parameters, Returns, Raises: as `kramers`.

    Source
    ------
    Vineyard (1957).
    """
    barrier = Barrier(potential, minimum, saddle, temperature)
    multiplicity = check_count("multiplicity", multiplicity, 1)
    growth = growth_rate(barrier, 0.0, mass)
    return Rate(
        harmonic_log(barrier, growth, multiplicity), "transition-state theory", "Vineyard (1957)",
        "upper bound for T << dU",
    )  # fmt: skip


def harmonic_log(barrier: Barrier, growth: float, multiplicity: int) -> float:
    """Logarithm of multiplicity growth/(2 pi) sqrt(det H_m/|det H_s|) exp(-dU/T)."""
    prefactor = math.log(multiplicity * growth / (2 * math.pi))
    return prefactor + barrier.log_entropy + barrier.log_arrhenius


def growth_rate(barrier: Barrier, friction: ArrayLike, mass: ArrayLike) -> float:
    """Growth rate l_+ at the saddle, the positive root of dx = p/mass, dp = -H_s x - friction p."""
    rate = positive("friction", friction, barrier.dim, zero=True)
    root = np.sqrt(positive("mass", mass, barrier.dim))
    weighted = barrier.saddle_hessian / np.outer(root, root)
    if np.all(rate == rate[0]):
        squared = -float(np.linalg.eigvalsh(weighted)[0])
        # The stable form of -friction/2 + sqrt(friction^2/4 + w_b^2).
        return squared / (0.5 * rate[0] + np.sqrt(0.25 * rate[0] ** 2 + squared))
    identity = np.eye(barrier.dim)
    flow = np.block([[0.0 * identity, identity], [-weighted, -np.diag(rate)]])
    return float(np.linalg.eigvals(flow).real.max())
