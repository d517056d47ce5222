"""Landscapes of two coordinates x, y. Positions have shape (..., 2)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from langevin_lab.potentials.potential import Potential
from langevin_lab.potentials.requirements import Ranges
from langevin_lab.potentials.stationary import Start

__all__ = [
    "entropic_barrier",
    "himmelblau",
    "monkey_saddle",
    "mueller_brown",
    "six_hump_camel",
    "three_hole",
]

_SCALE = Ranges(positive=("scale",))


def entropic_barrier(
    *, barrier: float = 1.0, stiffness: float = 1.0, pinch: float = 3.0, sharpness: float = 4.0
) -> Potential:
    """Return U = barrier (x^2 - 1)^2 + (stiffness y^2/2)(1 + pinch e^(-sharpness x^2)).

    The channel between the wells (-1, 0) and (1, 0) is narrow at the saddle (0, 0), so the rate
    holds the factor sqrt(a_min/a_saddle) with a_min = stiffness (1 + pinch e^-sharpness) and
    a_saddle = stiffness (1 + pinch).

    Parameters
    ----------
    barrier, stiffness : float
        Energy and energy/length^2, positive.
    pinch : float
        Relative stiffening at the saddle, larger than -1.
    sharpness : float
        Inverse square of the length of the narrow part, positive.

    Source
    ------
    Haenggi, Talkner, Borkovec, Rev. Mod. Phys. 62, 251 (1990), section IV, for the rate; this
    form is the package's own check of it.
    """
    return Potential.from_expression(
        "barrier*(x**2 - 1)**2 + stiffness*y**2/2*(1 + pinch*exp(-sharpness*x**2))",
        "x, y",
        {"barrier": barrier, "stiffness": stiffness, "pinch": pinch, "sharpness": sharpness},
        name="entropic_barrier",
        stationary_points=[(-1.0, 0.0), (0.0, 0.0), (1.0, 0.0)],
        bounds=[(-2.0, 2.0), (-3.0, 3.0)],
        requirement=Ranges(positive=("barrier", "stiffness", "sharpness"), above=(("pinch", -1),)),
    )


def mueller_brown(*, scale: float = 1.0) -> Potential:
    """Return scale times the Mueller-Brown surface: three minima, two saddles.

    Minima: -146.700 at (-0.558, 1.442), -108.167 at (0.623, 0.028), -80.768 at (-0.050, 0.467);
    saddles: -72.249 at (0.212, 0.293), -40.665 at (-0.822, 0.624) (times scale).

    Parameters
    ----------
    scale : float
        Factor of the energy, positive.

    Source
    ------
    Mueller, Brown, Theor. Chim. Acta 53, 75 (1979), footnote 7.
    """
    return Potential.from_expression(
        "scale*(-200*exp(-(x - 1)**2 - 10*y**2)"
        " - 100*exp(-x**2 - 10*(y - 0.5)**2)"
        " - 170*exp(-6.5*(x + 0.5)**2 + 11*(x + 0.5)*(y - 1.5) - 6.5*(y - 1.5)**2)"
        " + 15*exp(0.7*(x + 1)**2 + 0.6*(x + 1)*(y - 1) + 0.7*(y - 1)**2))",
        "x, y",
        {"scale": scale},
        name="mueller_brown",
        stationary_points=[
            (-0.558224, 1.441726),
            (0.623499, 0.028038),
            (-0.050011, 0.466694),
            (-0.822002, 0.624313),
            (0.212487, 0.292988),
        ],
        bounds=[(-1.5, 1.2), (-0.25, 2.0)],
        requirement=_SCALE,
    )


def himmelblau(*, scale: float = 1.0) -> Potential:
    """Return U = scale ((x^2 + y - 11)^2 + (x + y^2 - 7)^2).

    Four minima of energy 0, one of them (3, 2), four saddles and one maximum.

    Parameters
    ----------
    scale : float
        Factor of the energy, positive.

    Source
    ------
    Himmelblau, Applied Nonlinear Programming (McGraw-Hill, 1972), problem 29.
    """
    return Potential.from_expression(
        "scale*((x**2 + y - 11)**2 + (x + y**2 - 7)**2)",
        "x, y",
        {"scale": scale},
        name="himmelblau",
        stationary_points=[
            (3.0, 2.0),
            (-2.805118, 3.131313),
            (-3.779310, -3.283186),
            (3.584428, -1.848127),
            (3.385154, 0.073852),
            (0.086678, 2.884255),
            (-3.073026, -0.081353),
            (-0.127961, -1.953715),
            (-0.270845, -0.923039),
        ],
        bounds=[(-5.0, 5.0), (-5.0, 5.0)],
        requirement=_SCALE,
    )


def monkey_saddle(*, amplitude: float = 1.0, confinement: float = 1.0) -> Potential:
    """Return U = amplitude (x^3 - 3 x y^2) + confinement (x^2 + y^2)^2/4.

    Three valleys meet at the origin, where the Hessian vanishes; the minima lie in them at the
    distance 3 amplitude/confinement with energy -27 amplitude^4/(4 confinement^3).

    Parameters
    ----------
    amplitude : float
        Energy/length^3, positive.
    confinement : float
        Energy/length^4, positive.

    Source
    ------
    Hilbert, Cohn-Vossen, Geometry and the Imagination, section 29, for the surface.
    """
    return Potential.from_expression(
        "amplitude*(x**3 - 3*x*y**2) + confinement*(x**2 + y**2)**2/4",
        "x, y",
        {"amplitude": amplitude, "confinement": confinement},
        name="monkey_saddle",
        stationary_points=_monkey_saddle_points,
        bounds=[(-4.0, 4.0), (-4.0, 4.0)],
        requirement=Ranges(positive=("amplitude", "confinement")),
    )


def three_hole(*, scale: float = 1.0) -> Potential:
    """Return scale times the three-hole surface: two deep wells, one shallow, two channels.

    The lower channel joins the deep wells directly, the upper one passes the shallow well; which
    one is taken depends on the temperature.

    Parameters
    ----------
    scale : float
        Factor of the energy, positive.

    Source
    ------
    Metzner, Schuette, Vanden-Eijnden, J. Chem. Phys. 125, 084110 (2006), section IV.
    """
    return Potential.from_expression(
        "scale*(3*exp(-x**2 - (y - 1/3)**2) - 3*exp(-x**2 - (y - 5/3)**2)"
        " - 5*exp(-(x - 1)**2 - y**2) - 5*exp(-(x + 1)**2 - y**2)"
        " + 0.2*x**4 + 0.2*(y - 1/3)**4)",
        "x, y",
        {"scale": scale},
        name="three_hole",
        stationary_points=[
            (-1.048055, -0.042094),
            (1.048055, -0.042094),
            (0.0, 1.537082),
            (-0.617272, 1.102735),
            (0.617272, 1.102735),
            (0.0, -0.315827),
            (0.0, 0.519187),
        ],
        bounds=[(-2.0, 2.0), (-1.5, 2.5)],
        requirement=_SCALE,
    )


def six_hump_camel(*, scale: float = 1.0) -> Potential:
    """Return U = scale ((4 - 2.1 x^2 + x^4/3) x^2 + x y + (4 y^2 - 4) y^2).

    Six minima in three pairs related by (x, y) -> (-x, -y): -1.031628, -0.215464, 2.104250.

    Parameters
    ----------
    scale : float
        Factor of the energy, positive.

    Source
    ------
    Dixon, Szegoe, Towards Global Optimisation 2 (North-Holland, 1978), page 97.
    """
    return Potential.from_expression(
        "scale*((4 - 2.1*x**2 + x**4/3)*x**2 + x*y + (4*y**2 - 4)*y**2)",
        "x, y",
        {"scale": scale},
        name="six_hump_camel",
        stationary_points=_six_hump_camel_points,
        bounds=[(-2.0, 2.0), (-1.2, 1.2)],
        requirement=_SCALE,
    )


def _six_hump_camel_points(parameters: Mapping[str, float]) -> Any:
    half = [
        (0.089842, -0.712656),
        (1.703607, -0.796084),
        (1.607105, 0.568651),
        (1.109205, -0.768268),
        (1.638068, 0.228674),
        (1.296070, 0.605084),
        (1.230230, 0.162335),
    ]
    return [*half, *((-x, -y) for x, y in half), (0.0, 0.0)]


def _monkey_saddle_points(parameters: Mapping[str, float]) -> Any:
    radius = 3 * parameters["amplitude"] / parameters["confinement"]
    angles = (math.pi / 3, math.pi, -math.pi / 3)
    minima = [(radius * math.cos(angle), radius * math.sin(angle)) for angle in angles]
    return [*minima, Start((0.0, 0.0), "degenerate")]
