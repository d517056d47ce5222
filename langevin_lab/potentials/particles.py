"""Chains and clusters of particles: potentials whose code is loops."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.potentials.loops import loop_potential
from langevin_lab.potentials.potential import Potential
from langevin_lab.potentials.requirements import Ranges, whole_number
from langevin_lab.potentials.stationary import Start

__all__ = ["lennard_jones_cluster", "phi4_chain"]

LONGEST_KINK_CHAIN = 32  # sites; two Newton searches a site, each solving with a full Hessian
_GOLDEN = (1 + math.sqrt(5)) / 2


def phi4_chain(*, n_sites: int = 8, coupling: float = 4.0) -> Potential:
    """Return a ring of coupled double wells.

    U = sum_i x_i^4/4 - x_i^2/2 + (coupling/4)(x_{i+1} - x_i)^2, indices modulo n_sites.

    Minima +-(1, ..., 1) of energy -n_sites/4. The Hessian at the origin has the eigenvalues
    -1 + coupling (1 - cos(2 pi k/n_sites)): above the coupling 1/(1 - cos(2 pi/n_sites)) the
    origin is the only saddle and the barrier is n_sites/4; below, pairs of kinks are lower, and
    known up to 32 sites (a longer chain knows +-(1, ..., 1) and the origin only).

    Parameters
    ----------
    n_sites : int
        At least 2.
    coupling : float
        Energy/length^2, zero or positive.

    Source
    ------
    Berglund, Fernandez, Gentz, Nonlinearity 20, 2551 (2007), equation 1.1 and theorem 2.1.
    """
    n = whole_number("phi4_chain", "n_sites", n_sites, 2)
    return loop_potential(
        "particle_loops",
        "phi4_chain",
        variables=tuple(f"x{i}" for i in range(n)),
        parameters={"coupling": coupling},
        latex=r"\sum_i \frac{x_i^4}{4} - \frac{x_i^2}{2} + \frac{\gamma}{4} (x_{i+1} - x_i)^2",
        rule=Phi4Points(n),
        bounds=[(-2.0, 2.0)] * n,
        requirement=Ranges(non_negative=("coupling",)),
    )


def lennard_jones_cluster(
    *, n_atoms: int = 7, epsilon: float = 1.0, sigma: float = 1.0, confinement: float = 0.0
) -> Potential:
    """Return a cluster of Lennard-Jones atoms in three dimensions, optionally confined.

    U = sum_{i<j} 4 epsilon ((sigma/r_ij)^12 - (sigma/r_ij)^6) + confinement sum_i |r_i|^2/2.

    Coordinates are x0, y0, z0, x1, ... The lowest minimum is known for 2 to 7 and 13 atoms:
    -1, -3, -6, -9.103852, -12.712062, -16.505384, -44.326801 (epsilon 1, no confinement). Its
    Hessian has zero eigenvalues for rotations (and translations without confinement). Without
    confinement atoms evaporate at any temperature.

    Parameters
    ----------
    n_atoms : int
        At least 2.
    epsilon, sigma : float
        Depth (energy) and diameter (length) of a pair, positive.
    confinement : float
        Stiffness of the harmonic trap of each atom, energy/length^2, zero or positive.

    Source
    ------
    Jones, Proc. R. Soc. A 106, 463 (1924); minima: Hoare, Pal, Adv. Phys. 20, 161 (1971), and the
    Cambridge Cluster Database.
    """
    n = whole_number("lennard_jones_cluster", "n_atoms", n_atoms, 2)
    width = 1.0 + 1.2 * sigma * n ** (1 / 3)
    return loop_potential(
        "particle_loops",
        "lennard_jones_cluster",
        variables=tuple(f"{axis}{i}" for i in range(n) for axis in "xyz"),
        parameters={"epsilon": epsilon, "sigma": sigma, "confinement": confinement},
        latex=r"\sum_{i<j} 4 \epsilon ((\sigma/r_{ij})^{12} - (\sigma/r_{ij})^6)"
        r" + \frac{k}{2} \sum_i r_i^2",
        rule=ClusterPoints(n),
        bounds=[(-width, width)] * (3 * n),
        requirement=Ranges(positive=("epsilon", "sigma"), non_negative=("confinement",)),
    )


@dataclass(frozen=True)
class Phi4Points:
    """The synchronised minima and the origin; below the critical coupling kink pairs.

    Kink pairs are searched for up to LONGEST_KINK_CHAIN sites.
    """

    n_sites: int

    def __call__(self, parameters: Mapping[str, float]) -> Any:
        n, coupling = self.n_sites, parameters["coupling"]
        points = [np.ones(n), -np.ones(n), np.zeros(n)]
        excess = 1 - coupling * (1 - math.cos(2 * math.pi / n))
        if excess <= 0 or n > LONGEST_KINK_CHAIN:
            return points
        # Next to the bifurcation a wave of amplitude sqrt(4 excess/3), on a site or between two.
        amplitude = math.sqrt(4 * excess / 3)
        waves = [
            amplitude * np.sin(2 * math.pi * (np.arange(n) + shift + turn) / n)
            for shift in (0.0, 0.5)
            for turn in range(n)
        ]
        return points + waves

    def largest_curvature(self, parameters: Mapping[str, float]) -> float:
        """Return that of both uniform minima: 2 + coupling (1 - cos(2 pi k/n)) at k = n//2."""
        n = self.n_sites
        return 2.0 + parameters["coupling"] * (1.0 - math.cos(2 * math.pi * (n // 2) / n))


@dataclass(frozen=True)
class ClusterPoints:
    """The lowest minimum of the sizes whose shape is a known polyhedron."""

    n_atoms: int

    def __call__(self, parameters: Mapping[str, float]) -> Any:
        if self.n_atoms not in _SHAPES:
            return []
        corners = np.array(_SHAPES[self.n_atoms]())
        corners = corners - corners.mean(axis=0)
        scaled = parameters["sigma"] * _best_scale(corners) * corners
        return [Start(scaled.ravel(), "minimum")]


def _best_scale(corners: np.ndarray) -> float:
    """Return the factor of a shape that minimises its Lennard-Jones energy (sigma = 1).

    E(s) = 4 (a s^-12 - b s^-6) with a, b the sums of r^-12, r^-6, so s^6 = 2 a/b.
    """
    pairs = np.triu_indices(len(corners), 1)
    distances = np.linalg.norm(corners[pairs[0]] - corners[pairs[1]], axis=1)
    ratio = 2 * np.sum(distances**-12.0) / np.sum(distances**-6.0)
    return float(ratio ** (1 / 6))


def _ring(n: int, radius: float) -> list[tuple[float, float, float]]:
    angles = [2 * math.pi * i / n for i in range(n)]
    return [(radius * math.cos(a), radius * math.sin(a), 0.0) for a in angles]


def _bipyramid(n: int) -> list[tuple[float, float, float]]:
    """Return a ring of n atoms a unit apart, and two atoms a unit from all of them."""
    radius = 0.5 / math.sin(math.pi / n)
    height = math.sqrt(max(1 - radius**2, 0.25))
    return [*_ring(n, radius), (0.0, 0.0, height), (0.0, 0.0, -height)]


def _tetrahedron() -> list[tuple[float, float, float]]:
    return [(1.0, 1.0, 1.0), (1.0, -1.0, -1.0), (-1.0, 1.0, -1.0), (-1.0, -1.0, 1.0)]


def _icosahedron() -> list[tuple[float, float, float]]:
    corners = [(0.0, a, b * _GOLDEN) for a in (-1.0, 1.0) for b in (-1.0, 1.0)]
    turned = [(c[2], c[0], c[1]) for c in corners] + [(c[1], c[2], c[0]) for c in corners]
    return [(0.0, 0.0, 0.0), *corners, *turned]


_SHAPES = {
    2: lambda: [(-0.5, 0.0, 0.0), (0.5, 0.0, 0.0)],
    3: lambda: _ring(3, 1.0),
    4: _tetrahedron,
    5: lambda: _bipyramid(3),
    6: lambda: _bipyramid(4),
    7: lambda: _bipyramid(5),
    13: _icosahedron,
}
