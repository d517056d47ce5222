"""Landscapes of any number of coordinates. Positions have shape (..., dim).

Up to `LARGEST_FORMULA` coordinates the code is derived from the formula and runs vectorised over
replicas; beyond, compiled loops over the coordinates take its place. Coordinates are named x; x, y;
x, y, z; or x0, x1, ...
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from langevin_lab.potentials.formula import coordinate_names
from langevin_lab.potentials.loops import LARGEST_FORMULA, formula_or_loops
from langevin_lab.potentials.n_dimensional_points import (
    AckleyPoints,
    FunnelPoints,
    MixturePoints,
    Origin,
    RastriginPoints,
    RosenbrockPoints,
    StrictSaddlePoints,
    StyblinskiTangPoints,
)
from langevin_lab.potentials.potential import Potential
from langevin_lab.potentials.requirements import Ranges, whole_number

__all__ = [
    "ackley",
    "funnel",
    "gaussian_mixture",
    "harmonic",
    "rastrigin",
    "rosenbrock",
    "strict_saddle",
    "styblinski_tang",
]

# A mixture's formula nests one softplus per component; its Hessian grows with their square.
_LARGEST_MIXTURE = 8


def harmonic(*, stiffness: float | Sequence[float] = 1.0, dim: int | None = None) -> Potential:
    """Return U = sum_i stiffness_i x_i^2/2.

    Parameters
    ----------
    stiffness : float or sequence of float
        Curvature, energy/length^2, positive: one for all coordinates (parameter `stiffness`) or
        one for each (parameters `stiffness_0`, ...).
    dim : int, optional
        Number of coordinates; 1, or the length of `stiffness`, by default.

    Source
    ------
    Exact laws of integrators: Leimkuhler, Matthews, Molecular Dynamics (Springer, 2015), chapter 7.

    Example
    -------
    >>> harmonic(stiffness=(1.0, 4.0)).max_curvature()
    4.0
    """
    if np.ndim(stiffness) == 0:
        n = whole_number("harmonic", "dim", 1 if dim is None else dim, 1)
        names = ["stiffness"] * n
        parameters = {"stiffness": stiffness}
    else:
        values = list(stiffness)  # type: ignore[arg-type]
        n = whole_number("harmonic", "dim", len(values) if dim is None else dim, 1)
        if len(values) != n:
            raise ValueError(f"harmonic: stiffness has {len(values)} values, but dim={n}")
        names = [f"stiffness_{i}" for i in range(n)]
        parameters = dict(zip(names, values))
    return formula_or_loops(
        "harmonic",
        [f"{name}*{x}**2/2" for name, x in zip(names, coordinate_names(n))],
        parameters,  # type: ignore[arg-type]
        dim=n,
        latex=r"\frac{1}{2} \sum_i k_i x_i^2",
        rule=Origin(n),
        bounds=(-4.0, 4.0),
        requirement=Ranges(positive=("stiffness",)),
    )


def rosenbrock(*, dim: int = 2, steepness: float = 100.0) -> Potential:
    """Return U = sum_{i<dim} steepness (x_{i+1} - x_i^2)^2 + (1 - x_i)^2, a bent narrow valley.

    The minimum 0 lies at (1, ..., 1). From 4 coordinates on there is a second minimum near
    (-1, 1, ..., 1) and a saddle between them; their starting values belong to steepness 100 and
    other values keep them as long as Newton's method finds them.

    Parameters
    ----------
    dim : int
        At least 2.
    steepness : float
        Energy/length^4, positive.

    Source
    ------
    Rosenbrock, Comput. J. 3, 175 (1960); second minimum: Shang, Qiu, Evol. Comput. 14, 119 (2006);
    saddles: Kok, Sandrock, Evol. Comput. 17, 437 (2009).
    """
    n = whole_number("rosenbrock", "dim", dim, 2)
    xs = coordinate_names(n)
    return formula_or_loops(
        "rosenbrock",
        [f"steepness*({b} - {a}**2)**2 + (1 - {a})**2" for a, b in itertools.pairwise(xs)],
        {"steepness": steepness},
        dim=n,
        latex=r"\sum_i s (x_{i+1} - x_i^2)^2 + (1 - x_i)^2",
        rule=RosenbrockPoints(n),
        bounds=(-2.0, 2.0),
        requirement=Ranges(positive=("steepness",)),
    )


def rastrigin(*, dim: int = 2, amplitude: float = 10.0) -> Potential:
    """Return U = sum_i x_i^2 + amplitude (1 - cos 2 pi x_i), a parabola full of wells.

    Known points: the minimum 0 at the origin, and along each axis the next saddles and minima,
    the roots of x + pi amplitude sin(2 pi x) = 0.

    Parameters
    ----------
    dim : int
        At least 1.
    amplitude : float
        Energy, positive.

    Source
    ------
    Rastrigin, Systems of Extremal Control (Nauka, 1974); Muehlenbein, Schomisch, Born,
    Parallel Comput. 17, 619 (1991) for any dim.
    """
    n = whole_number("rastrigin", "dim", dim, 1)
    return formula_or_loops(
        "rastrigin",
        [f"{x}**2 + amplitude*(1 - cos(2*pi*{x}))" for x in coordinate_names(n)],
        {"amplitude": amplitude},
        dim=n,
        latex=r"\sum_i x_i^2 + A (1 - \cos 2 \pi x_i)",
        rule=RastriginPoints(n),
        bounds=(-2.5, 2.5),
        requirement=Ranges(positive=("amplitude",)),
    )


def ackley(
    *, dim: int = 2, depth: float = 20.0, decay: float = 0.2, smoothing: float = 1e-3
) -> Potential:
    """Return Ackley's funnel with many shallow wells, its cusp rounded.

    U = depth (e^(-decay smoothing) - e^(-decay r)) + e - e^(mean cos 2 pi x_i),
    r = sqrt(mean x_i^2 + smoothing^2).

    Ackley's function is the limit smoothing -> 0: it has a cusp at its minimum, no gradient there
    and no largest curvature. With smoothing > 0 the minimum is smooth with the curvature
    depth decay e^(-decay smoothing)/(dim smoothing) + 4 pi^2 e/dim, and U differs from the limit
    by less than depth decay smoothing.

    Parameters
    ----------
    dim : int
        At least 1.
    depth, decay : float
        Energy and 1/length, positive.
    smoothing : float
        Radius of the rounded cusp, length, positive.

    Source
    ------
    Ackley, A Connectionist Machine for Genetic Hillclimbing (Kluwer, 1987), page 13; any dim:
    Baeck, Schwefel, Evol. Comput. 1, 1 (1993).
    """
    n = whole_number("ackley", "dim", dim, 1)
    xs = coordinate_names(n)
    squares = " + ".join(f"{x}**2" for x in xs)
    waves = " + ".join(f"cos(2*pi*{x})" for x in xs)
    text = (
        f"depth*(exp(-decay*smoothing) - exp(-decay*sqrt(({squares})/{n} + smoothing**2)))"
        f" + e - exp(({waves})/{n})"
    )
    return formula_or_loops(
        "ackley",
        [text],
        {"depth": depth, "decay": decay, "smoothing": smoothing},
        dim=n,
        latex=r"a (e^{-b s} - e^{-b r}) + e - e^{\langle \cos 2 \pi x_i \rangle}",
        rule=AckleyPoints(n),
        bounds=(-3.0, 3.0),
        requirement=Ranges(positive=("depth", "decay", "smoothing")),
    )


def styblinski_tang(*, dim: int = 2, scale: float = 1.0) -> Potential:
    """Return U = scale sum_i (x_i^4 - 16 x_i^2 + 5 x_i)/2.

    Lowest minimum -39.166166 scale per coordinate at x_i = -2.903534, other wells at 2.746803.
    All 3^dim stationary points are known up to three coordinates; beyond, the lowest minimum and
    its neighbours across one barrier.

    Parameters
    ----------
    dim : int
        At least 1.
    scale : float
        Factor of the energy, positive.

    Source
    ------
    Styblinski, Tang, Neural Netw. 3, 467 (1990).
    """
    n = whole_number("styblinski_tang", "dim", dim, 1)
    terms = " + ".join(f"({x}**4 - 16*{x}**2 + 5*{x})" for x in coordinate_names(n))
    return formula_or_loops(
        "styblinski_tang",
        [f"scale*({terms})/2"],
        {"scale": scale},
        dim=n,
        latex=r"\frac{s}{2} \sum_i x_i^4 - 16 x_i^2 + 5 x_i",
        rule=StyblinskiTangPoints(n),
        bounds=(-4.0, 4.0),
        requirement=Ranges(positive=("scale",)),
    )


def funnel(*, dim: int = 2, scale: float = 3.0) -> Potential:
    """Return Neal's funnel: minus the log density of v ~ N(0, scale^2), x_i ~ N(0, e^v).

    U = v^2/(2 scale^2) + (dim - 1) v/2 + e^-v sum_i x_i^2/2 up to a constant; v is the first
    coordinate. The minimum lies at v = -(dim - 1) scale^2/2, x_i = 0; the curvature there,
    e^((dim - 1) scale^2/2), shows the difficulty.

    Parameters
    ----------
    dim : int
        At least 2.
    scale : float
        Standard deviation of v, positive.

    Source
    ------
    Neal, Ann. Stat. 31, 705 (2003), section 8.
    """
    n = whole_number("funnel", "dim", dim, 2)
    v, *xs = coordinate_names(n)
    squares = " + ".join(f"{x}**2" for x in xs)
    return formula_or_loops(
        "funnel",
        [f"{v}**2/(2*scale**2) + {n - 1}*{v}/2 + exp(-{v})*({squares})/2"],
        {"scale": scale},
        dim=n,
        latex=r"\frac{v^2}{2 s^2} + \frac{d - 1}{2} v + \frac{e^{-v}}{2} \sum_i x_i^2",
        rule=FunnelPoints(n),
        bounds=(-6.0, 6.0),
        requirement=Ranges(positive=("scale",)),
    )


def strict_saddle(
    *, dim: int = 2, instability: float = 1.0, width: float = 1.0, stiffness: float = 1.0
) -> Potential:
    """Return a saddle at the origin, confined by a quartic along the unstable direction.

    U = instability (x_0^4/(4 width^2) - x_0^2/2) + stiffness sum_{i>0} x_i^2/2.

    Minima at x_0 = +-width with energy -instability width^2/4 and curvature 2 instability.

    Parameters
    ----------
    dim : int
        At least 2.
    instability : float
        Minus the curvature of the unstable direction, energy/length^2, positive.
    width : float
        Distance of the minima, length, positive.
    stiffness : float
        Curvature of the other directions, energy/length^2, positive.

    Source
    ------
    The strict saddle property: Ge, Huang, Jin, Yuan, COLT 2015; this confined form is the
    package's own.
    """
    n = whole_number("strict_saddle", "dim", dim, 2)
    x, *others = coordinate_names(n)
    squares = " + ".join(f"{y}**2" for y in others)
    return formula_or_loops(
        "strict_saddle",
        [f"instability*({x}**4/(4*width**2) - {x}**2/2) + stiffness*({squares})/2"],
        {"instability": instability, "width": width, "stiffness": stiffness},
        dim=n,
        latex=r"a (\frac{x_0^4}{4 w^2} - \frac{x_0^2}{2}) + \frac{k}{2} \sum_{i>0} x_i^2",
        rule=StrictSaddlePoints(n),
        bounds=(-2.5, 2.5),
        requirement=Ranges(positive=("instability", "width", "stiffness")),
    )


def gaussian_mixture(
    *,
    means: Sequence[Sequence[float]] = ((-2.0, 0.0), (2.0, 0.0)),
    widths: float | Sequence[float] = 1.0,
    weights: Sequence[float] | None = None,
) -> Potential:
    """Return U = -log of a mixture of isotropic Gaussian densities; temperature 1 samples it.

    U = -log sum_k w_k (2 pi s_k^2)^(-dim/2) e^(-|x - m_k|^2/(2 s_k^2)), w_k = weight_k/sum weight.
    The sum is taken in logarithms, so U stays finite however far x is.

    Parameters
    ----------
    means : array (n, dim)
        Centres; parameters `mean_0_0`, `mean_0_1`, ...
    widths : float or sequence of n floats
        Standard deviations, positive; parameters `width_0`, ...
    weights : sequence of n floats, optional
        Positive, equal by default; parameters `weight_0`, ...

    Source
    ------
    McLachlan, Peel, Finite Mixture Models (Wiley, 2000), chapter 3.
    """
    centres = np.asarray(means, dtype=np.float64)
    if centres.ndim != 2 or 0 in centres.shape:
        raise ValueError(f"gaussian_mixture: means of shape {centres.shape} must be (n, dim)")
    n, dim = centres.shape
    parameters: dict[str, float] = {}
    for name, given in (("weight", np.ones(n) if weights is None else weights), ("width", widths)):
        values = np.broadcast_to(given, (n,)) if np.ndim(given) == 0 else np.asarray(given)
        if values.shape != (n,):
            raise ValueError(
                f"gaussian_mixture: {name}s of shape {values.shape} must be ({n},), one per mean"
            )
        parameters |= {f"{name}_{k}": value for k, value in enumerate(values.tolist())}
    parameters |= {f"mean_{k}_{i}": float(centres[k, i]) for k in range(n) for i in range(dim)}
    low, high = centres.min(axis=0), centres.max(axis=0)
    reach = 4.0 * float(np.max(np.abs(widths)))
    return formula_or_loops(
        "gaussian_mixture",
        _mixture_formula(n, coordinate_names(dim)),
        parameters,
        dim=dim,
        latex=r"-\log \sum_k w_k N(x; m_k, s_k^2)",
        rule=MixturePoints(n, dim),
        bounds=[(float(a - reach), float(b + reach)) for a, b in zip(low, high)],
        requirement=Ranges(positive=("weight", "width")),
        is_formula=n <= _LARGEST_MIXTURE and n * dim <= 3 * LARGEST_FORMULA,
    )


def _mixture_formula(n: int, xs: Sequence[str]) -> list[str]:
    """Return log(a + b) = log b + softplus(log a - log b), one component after the other."""
    total = ""
    for k in range(n):
        square = " + ".join(f"({x} - mean_{k}_{i})**2" for i, x in enumerate(xs))
        log = f"log(weight_{k}) - {len(xs)}*log(width_{k}) - ({square})/(2*width_{k}**2)"
        total = f"({log} + softplus({total} - ({log})))" if k else f"({log})"
    weights = " + ".join(f"weight_{k}" for k in range(n))
    return [f"log({weights}) + {len(xs)}*log(2*pi)/2 - {total}"]
