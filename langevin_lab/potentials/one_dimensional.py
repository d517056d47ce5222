"""Landscapes of one coordinate. Positions have shape (..., 1)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from langevin_lab.potentials.potential import Potential
from langevin_lab.potentials.requirements import Ranges

__all__ = ["double_well", "morse", "quartic_well", "tilted_double_well", "washboard"]


def double_well(*, barrier: float = 1.0) -> Potential:
    """Return U = barrier (x^2 - 1)^2, two equal wells at -1 and 1.

    Curvatures are 8 barrier in the wells and -4 barrier at the saddle x = 0.

    Parameters
    ----------
    barrier : float
        Height of the saddle above the wells, energy, positive.

    Source
    ------
    Kramers, Physica 7, 284 (1940); the standard bistable quartic.

    Example
    -------
    >>> double_well(barrier=2.0).barriers[0].height
    2.0
    """
    return Potential.from_expression(
        "barrier*(x**2 - 1)**2",
        "x",
        {"barrier": barrier},
        name="double_well",
        stationary_points=[(-1.0,), (0.0,), (1.0,)],
        bounds=[(-2.0, 2.0)],
        requirement=Ranges(positive=("barrier",)),
    )


def tilted_double_well(*, barrier: float = 1.0, tilt: float = 0.25) -> Potential:
    """Return U = barrier (x^2 - 1)^2 + tilt x.

    Three stationary points for |tilt| < 8 barrier/(3 sqrt(3)) = 1.5396 barrier, one beyond.

    Parameters
    ----------
    barrier : float
        Height of the barrier without tilt, energy, positive.
    tilt : float
        Force to the left, energy/length.

    Source
    ------
    Haenggi, Talkner, Borkovec, Rev. Mod. Phys. 62, 251 (1990), section II.
    """
    return Potential.from_expression(
        "barrier*(x**2 - 1)**2 + tilt*x",
        "x",
        {"barrier": barrier, "tilt": tilt},
        name="tilted_double_well",
        stationary_points=_tilted_double_well_points,
        bounds=[(-2.0, 2.0)],
        requirement=Ranges(positive=("barrier",)),
    )


def quartic_well(*, quartic: float = 1.0, stiffness: float = 1.0) -> Potential:
    """Return U = quartic x^4/4 + stiffness x^2/2, one anharmonic well at 0.

    With both 1 and temperature 1 the mean of x^2 is 0.4679199170.

    Parameters
    ----------
    quartic : float
        Energy/length^4, zero or positive.
    stiffness : float
        Curvature at the minimum, energy/length^2, positive.

    Source
    ------
    Leimkuhler, Matthews, Appl. Math. Res. Express 2013, 34 (2013), section 4.
    """
    return Potential.from_expression(
        "quartic*x**4/4 + stiffness*x**2/2",
        "x",
        {"quartic": quartic, "stiffness": stiffness},
        name="quartic_well",
        stationary_points=[(0.0,)],
        bounds=[(-3.0, 3.0)],
        requirement=Ranges(positive=("stiffness",), non_negative=("quartic",)),
    )


def washboard(*, amplitude: float = 1.0, tilt: float = 0.0) -> Potential:
    """Return U = amplitude (1 - cos x) - tilt x, the tilted periodic potential.

    For |tilt| < amplitude minima lie at arcsin(tilt/amplitude) + 2 pi n and saddles half a period
    from their mirror image; the known points are those of the three cells around 0. It does not
    confine: without tilt the law is that of x modulo 2 pi.

    Parameters
    ----------
    amplitude : float
        Half of the barrier without tilt, energy, positive.
    tilt : float
        Force to the right, energy/length.

    Source
    ------
    Risken, The Fokker-Planck Equation (Springer, 1989), chapter 11.
    """
    return Potential.from_expression(
        "amplitude*(1 - cos(x)) - tilt*x",
        "x",
        {"amplitude": amplitude, "tilt": tilt},
        name="washboard",
        stationary_points=_washboard_points,
        bounds=[(-3 * math.pi, 3 * math.pi)],
        requirement=Ranges(positive=("amplitude",)),
    )


def morse(*, depth: float = 1.0, width: float = 1.0) -> Potential:
    """Return U = depth (1 - e^(-width x))^2, a bond that breaks: U -> depth for large x.

    The minimum at 0 has curvature 2 depth width^2. It does not confine to the right.

    Parameters
    ----------
    depth : float
        Dissociation energy, positive.
    width : float
        Inverse length of the well, positive.

    Source
    ------
    Morse, Phys. Rev. 34, 57 (1929), equation 4.
    """
    return Potential.from_expression(
        "depth*(1 - exp(-width*x))**2",
        "x",
        {"depth": depth, "width": width},
        name="morse",
        stationary_points=[(0.0,)],
        bounds=[(-1.0, 6.0)],
        requirement=Ranges(positive=("depth", "width")),
    )


def _tilted_double_well_points(parameters: Mapping[str, float]) -> Any:
    """Roots of x^3 - x + tilt/(4 barrier) = 0 by the trigonometric or hyperbolic formula."""
    q = parameters["tilt"] / (4 * parameters["barrier"])
    cosine = -1.5 * math.sqrt(3) * q
    radius = 2 / math.sqrt(3)
    if abs(cosine) <= 1:
        angle = math.acos(cosine) / 3
        return [(radius * math.cos(angle - 2 * math.pi * k / 3),) for k in (2, 1, 0)]
    return [(math.copysign(radius * math.cosh(math.acosh(abs(cosine)) / 3), -q),)]


def _washboard_points(parameters: Mapping[str, float]) -> Any:
    ratio = parameters["tilt"] / parameters["amplitude"]
    if abs(ratio) >= 1:
        return []
    minimum = math.asin(ratio)
    cells = [2 * math.pi * n for n in (-1, 0, 1)]
    saddles = [(math.pi - minimum + shift,) for shift in cells[:2]]
    return [(minimum + shift,) for shift in cells] + saddles
