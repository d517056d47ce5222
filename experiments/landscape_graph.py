"""Which minima does a landscape have, and over which saddles do they connect?

Question. Are the minima and saddles of index 1 of a cluster, and of the loss of a network, found
completely from random starts, and what graph do they make?

Prediction. Lennard-Jones clusters of 7 atoms have 4 minima, of energies known to six digits, and 12
saddles of index 1 (Doye and Wales 2002). One of these, at -12.549, lies above the energy of losing
an atom and is reached by about one in 400 climbs from far around the minima; the others are reached
from every side and must be found. The lowest minimum of 13 atoms is the icosahedron: with
pairs at the multiples c of its radius its energy is -(sum c^-6)^2/sum c^-12 = -44.326801; the next
lies 2.85 above. The loss of a network grows without bound in all directions by its weight decay, so
(Morse) the sum of (-1)^index over all its stationary points is 1; renaming its two hidden units
and changing their signs are 8 symmetries, so its lowest minimum comes in 8 copies.

Method. Basin hopping from random starts, walks from the minima along every mode (and, for 7 atoms,
from random points around them) by eigenvector following, Newton's method, steepest descent on both
sides; for the network many starts in a box for every index. Zero modes of clusters are projected
out, copies under renaming of atoms count once; those of the network are kept, to see the barriers
between them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray

import langevin_lab as ll
from langevin_lab.evidence import AtLeast, AtMost, Claim
from langevin_lab.lab import Experiment

COUNTS = "Doye and Wales (2002), DW02"
ENERGIES = "Wales (2003), W03"
MORSE = "Milnor (1963), M63, theorem 5.2"
SEVEN = (-16.505384, -15.935043, -15.593211, -15.533060)
LANDSCAPES = ("seven", "thirteen", "network")


@dataclass(frozen=True)
class Config:
    """Hops of basin hopping, walks around those of 7 atoms, minima of 13 walked from, starts."""

    n_hops: int = 60
    n_walks: int = 4
    n_random: int = 40
    n_explored: int = 10
    n_starts: int = 32
    weight_decay: float = 0.01
    seed: int = 1


def cluster(n_atoms: int, config: Config, **walks) -> ll.escape.LandscapeGraph:
    """Graph of a cluster, from minima of random starts."""
    potential = ll.potentials.lennard_jones_cluster(n_atoms=n_atoms)
    symmetry = ll.escape.rigid_motions()
    minima = ll.escape.basin_hopping(
        potential, n_hops=config.n_hops, temperature=0.8, step=0.4, seed=config.seed,
        n_walks=config.n_walks, symmetry=symmetry,
    )  # fmt: skip
    return ll.escape.explore_landscape(
        potential, minima, seed=config.seed, symmetry=symmetry, **walks
    )


def network(config: Config) -> ll.Potential:
    """Mean squared error of two tanh units that learn sin(5 s/2), with weight decay."""
    s = np.linspace(-2.0, 2.0, 9)
    return ll.potentials.empirical_risk(
        "(a0*tanh(w0*s) + a1*tanh(w1*s) - y)**2/2 + decay*(a0**2 + a1**2 + w0**2 + w1**2)/2",
        variables=("a0", "w0", "a1", "w1"),
        data={"s": s, "y": np.sin(2.5 * s)},
        parameters={"decay": config.weight_decay},
        bounds=[(-8.0, 8.0)] * 4,
    )


def run(config: Config) -> xarray.Dataset:
    """Energies, edges, indices and largest gradients of the three graphs."""
    loss = network(config)
    points = ll.escape.find_stationary_points(loss, n_starts=config.n_starts, seed=config.seed)
    graphs = {
        "seven": cluster(7, config, n_random=config.n_random),
        "thirteen": cluster(13, config, max_minima=config.n_explored),
        "network": ll.escape.landscape_graph(loss, points),
    }
    potentials = {
        "seven": ll.potentials.lennard_jones_cluster(n_atoms=7),
        "thirteen": ll.potentials.lennard_jones_cluster(n_atoms=13),
        "network": loss,
    }
    data = {
        "network_index": ("network_point", np.array([point.index for point in points])),
        "loss_of_an_atom": ll.potentials.lennard_jones_cluster(n_atoms=6).minima[0].energy,
    }
    for name, graph in graphs.items():
        data |= _arrays(name, graph, potentials[name])
    return xarray.Dataset(data, attrs={"n_explored": config.n_explored})


def _arrays(name: str, graph: ll.escape.LandscapeGraph, potential: ll.Potential) -> dict:
    found = (*graph.minima, *graph.saddles)
    gradients = [np.linalg.norm(potential.gradient(point.position)) for point in found]
    # Counted anew, from the eigenvalues: zero modes are a million times smaller than these.
    negative = [int((point.curvatures < -1e-6).sum()) for point in found]
    n = len(graph.minima)
    return {
        f"{name}_minimum": (f"{name}_i", np.array([point.energy for point in graph.minima])),
        f"{name}_saddle": (f"{name}_j", np.array([point.energy for point in graph.saddles])),
        f"{name}_edge": ((f"{name}_j", "side"), np.array(graph.edges)),
        f"{name}_gradient": max(gradients),
        f"{name}_negative_of_minima": (f"{name}_i", np.array(negative[:n])),
        f"{name}_negative_of_saddles": (f"{name}_j", np.array(negative[n:])),
    }


def icosahedron() -> float:
    """Energy of 13 atoms at the corners and the centre of an icosahedron of the best size."""
    golden = (1.0 + np.sqrt(5.0)) / 2.0
    edge = 2.0 / np.sqrt(1.0 + golden**2)
    ratios = np.repeat([1.0, edge, golden * edge, 2.0], [12, 30, 30, 6])
    return float(-(np.sum(ratios**-6.0) ** 2) / np.sum(ratios**-12.0))


def claims(dataset: xarray.Dataset) -> list[Claim]:
    """Numbers of points, energies, indices, and the copies of the network's minimum."""
    result = [
        Claim("7 atoms: minima", COUNTS, 4.0, float(dataset.sizes["seven_i"])),
        Claim("7 atoms: saddles of index 1 below the loss of an atom", COUNTS, 11.0,
              float((dataset["seven_saddle"] < dataset["loss_of_an_atom"]).sum())),
        Claim("7 atoms: saddles of index 1", COUNTS, AtMost(12.0),
              float(dataset.sizes["seven_j"])),
        Claim("13 atoms: lowest energy", "icosahedron, closed form", icosahedron(),
              float(dataset["thirteen_minimum"][0]), tolerance=1e-12),
        Claim("13 atoms: second lowest energy", ENERGIES, -41.471980,
              float(dataset["thirteen_minimum"][1]), tolerance=2e-8),
        Claim("network: sum of (-1)^index over all points", MORSE, 1.0,
              float(((-1.0) ** dataset["network_index"]).sum())),
        Claim("network: copies of the lowest minimum", "2 hidden units: 2! 2^2", 8.0,
              float((dataset["network_minimum"] < dataset["network_minimum"][0] + 1e-9).sum())),
    ]  # fmt: skip
    for number, (energy, found) in enumerate(zip(SEVEN, dataset["seven_minimum"].values)):
        result.append(
            Claim(f"7 atoms: energy of minimum {number + 1}", ENERGIES, energy, float(found),
                  tolerance=5e-8)
        )  # fmt: skip
    for name in LANDSCAPES:
        result += _stationarity(dataset, name)
    return result


def _stationarity(dataset: xarray.Dataset, name: str) -> list[Claim]:
    """Every point is stationary, minima have no negative curvature and saddles one."""
    unstable = dataset[f"{name}_negative_of_saddles"]
    ends = dataset[f"{name}_edge"]
    return [
        Claim(f"{name}: largest gradient", "Newton's method, rounding", AtMost(1e-9),
              float(dataset[f"{name}_gradient"]), scale=1e-9),
        Claim(f"{name}: negative curvatures of minima", "definition", 0.0,
              float(dataset[f"{name}_negative_of_minima"].max()), scale=1.0),
        Claim(f"{name}: fewest negative curvatures of a saddle", "definition", 1.0,
              float(unstable.min())),
        Claim(f"{name}: most negative curvatures of a saddle", "definition", 1.0,
              float(unstable.max())),
        Claim(f"{name}: lowest number of a minimum beside a saddle (-1: none)", "definition",
              AtLeast(0.0), float(ends.min()), scale=1.0),
    ]  # fmt: skip


def cost(config: Config) -> float:
    """Seconds on two cores: one core works, compiling included."""
    searches = 0.01 * config.n_hops * config.n_walks + 0.2 * config.n_starts
    return 3.0 + searches + 0.1 * config.n_random + 0.8 * config.n_explored


EXPERIMENT = Experiment(
    name="landscape_graph",
    presets={
        "quick": Config(),
        "paper": Config(n_hops=400, n_walks=8, n_random=400, n_explored=60, n_starts=256),
    },
    run=run,
    claims=claims,
    cost=cost,
)

if __name__ == "__main__":
    EXPERIMENT.main()
