"""Graphs of minima and saddles: Lennard-Jones clusters, chains, networks; merges and barriers."""

import itertools
import math

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.escape import (
    basin_hopping,
    explore_landscape,
    find_stationary_points,
    landscape_graph,
    linear_symmetry,
    merges_of,
    minimise,
    morse_sum,
    rigid_motions,
)

SEVEN = (-16.505384, -15.935043, -15.593211, -15.533060)


def minimax(n, energies, edges):
    """Lowest highest saddle between all pairs, by Floyd and Warshall."""
    lowest = np.full((n, n), np.inf)
    np.fill_diagonal(lowest, -np.inf)
    for energy, (i, j) in zip(energies, edges):
        if i >= 0 and j >= 0:
            lowest[i, j] = lowest[j, i] = min(lowest[i, j], energy)
    for k in range(n):
        lowest = np.minimum(lowest, np.maximum(lowest[:, k, None], lowest[None, k]))
    return lowest


@pytest.mark.parametrize(("n_atoms", "n_minima", "n_saddles"), [(4, 1, 1), (5, 1, 2), (6, 2, 3)])
def test_small_clusters_have_the_published_numbers_of_points(n_atoms, n_minima, n_saddles):
    potential = ll.potentials.lennard_jones_cluster(n_atoms=n_atoms)
    graph = explore_landscape(potential, potential.minima, symmetry=rigid_motions(), n_random=30)
    assert (len(graph.minima), len(graph.saddles)) == (n_minima, n_saddles)
    assert graph.is_connected


@pytest.mark.slow
def test_seven_atoms_have_4_minima_and_11_saddles_below_the_loss_of_one():
    """Doye and Wales (2002) count 12 saddles; the last, at -12.549, lies above that loss."""
    potential = ll.potentials.lennard_jones_cluster(n_atoms=7)
    graph = explore_landscape(potential, potential.minima, symmetry=rigid_motions(), n_random=40)
    assert [point.energy for point in graph.minima] == pytest.approx(SEVEN, abs=1e-6)
    six = ll.potentials.lennard_jones_cluster(n_atoms=6).minima[0].energy
    assert sum(saddle.energy < six for saddle in graph.saddles) == 11
    for saddle in graph.saddles:
        curvatures = np.linalg.eigvalsh(potential.hessian(saddle.position))
        assert (curvatures < -1e-6).sum() == 1
        assert (np.abs(curvatures) < 1e-6).sum() == 6
    assert graph.is_connected


@pytest.mark.slow
def test_icosahedron_of_13_atoms_is_found_from_random_starts():
    potential = ll.potentials.lennard_jones_cluster(n_atoms=13)
    found = basin_hopping(
        potential, n_hops=60, temperature=0.8, step=0.4, seed=1, n_walks=3, symmetry=rigid_motions()
    )
    assert found[0].energy == pytest.approx(-44.326801, abs=1e-6)
    assert found[0].energy == pytest.approx(potential.minima[0].energy, abs=1e-12)
    assert found[0].index == 0
    assert found[0].kind == "minimum"
    assert found[1].energy == pytest.approx(-41.471980, abs=1e-6)
    copies = [point for point in found if abs(point.energy - found[0].energy) < 1e-6]
    assert len(copies) == 1


def test_basin_hopping_finds_seven_atoms_minima():
    potential = ll.potentials.lennard_jones_cluster(n_atoms=7)
    found = basin_hopping(
        potential, n_hops=60, temperature=0.8, step=0.4, seed=1, n_walks=2, symmetry=rigid_motions()
    )
    assert [point.energy for point in found] == pytest.approx(SEVEN, abs=1e-6)


def test_a_cluster_in_pieces_is_no_minimum():
    potential = ll.potentials.lennard_jones_cluster(n_atoms=4)
    pieces = np.array([[0, 0, 0], [1.1, 0, 0], [1e4, 0, 0], [1e4, 1.1, 0]], dtype=float).ravel()
    apart = minimise(potential, pieces, symmetry=rigid_motions())
    assert (apart.energy, apart.kind) == (pytest.approx(-2.0), "degenerate")
    settings = {"n_hops": 1, "temperature": 1.0, "step": 0.1, "seed": 0}
    assert not basin_hopping(potential, start=pieces, symmetry=rigid_motions(), **settings)


def test_basin_hopping_repeats_under_a_seed():
    potential = ll.potentials.himmelblau()
    settings = {"n_hops": 20, "temperature": 10.0, "step": 4.0}
    first, again = (basin_hopping(potential, seed=3, **settings) for _ in range(2))
    assert [p.position.tolist() for p in first] == [p.position.tolist() for p in again]
    started = basin_hopping(potential, seed=3, start=[3.0, 2.0], **settings)
    assert {p.kind for p in started} == {"minimum"}


def test_minimise_finds_none_where_there_is_none():
    slope = ll.Potential.from_expression("x + exp(x)")
    assert minimise(slope, [0.0]) is None
    assert minimise(ll.Potential.from_expression("log(x) + x**2"), [-1.0]) is None
    assert minimise(ll.potentials.double_well(), [0.0]) is None  # it begins at a saddle
    assert minimise(ll.potentials.double_well(), [0.7]).position == pytest.approx([1.0])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_hops": 0}, "n_hops=0 must be an integer >= 1"),
        ({"n_walks": 0}, "n_walks=0 must be an integer >= 1"),
        ({"temperature": 0.0}, "temperature=0.0 must be positive"),
        ({"step": -1.0}, "step=-1.0 must be positive"),
    ],
)
def test_settings_of_basin_hopping_are_checked(wrong, message):
    settings = {"n_hops": 2, "temperature": 1.0, "step": 1.0, "seed": 0} | wrong
    with pytest.raises(ValueError, match=message):
        basin_hopping(ll.potentials.double_well(), **settings)


@pytest.mark.slow
def test_kinks_of_a_phi4_chain_join_its_two_minima():
    """Berglund, Fernandez and Gentz (2007): below the coupling 1/(1 - cos(2 pi/n)) kinks are lower.

    With weak coupling the minima are the 2^n signs; here those of 4 sites.
    """
    potential = ll.potentials.phi4_chain(n_sites=4, coupling=0.05)
    graph = landscape_graph(potential, find_stationary_points(potential, n_starts=128))
    assert (len(graph.minima), len(graph.saddles)) == (16, 32)  # a saddle: one site on top
    assert graph.is_connected
    signs = [np.sign(point.position) for point in graph.minima]
    for i, j in graph.edges:
        assert (signs[i] != signs[j]).sum() == 1
    points = find_stationary_points(ll.potentials.phi4_chain(n_sites=4, coupling=1.5))
    strong = landscape_graph(ll.potentials.phi4_chain(n_sites=4, coupling=1.5), points)
    assert (len(strong.minima), strong.saddles[0].energy) == (2, pytest.approx(0.0, abs=1e-12))
    assert strong.barrier(0, 1) == pytest.approx(1.0, rel=1e-12)  # n/4


def network(decay=0.01):
    s = np.linspace(-2.0, 2.0, 9)
    return ll.potentials.empirical_risk(
        "(a0*tanh(w0*s) + a1*tanh(w1*s) - y)**2/2 + decay*(a0**2 + a1**2 + w0**2 + w1**2)/2",
        variables=("a0", "w0", "a1", "w1"),
        data={"s": s, "y": np.sin(2.5 * s)},
        parameters={"decay": decay},
        bounds=[(-8.0, 8.0)] * 4,
    )


@pytest.mark.slow
def test_loss_of_a_network_is_complete_with_its_copies():
    loss = network()
    points = find_stationary_points(loss, n_starts=32, seed=1)
    assert morse_sum(points) == 1
    units = linear_symmetry([np.diag([-1.0, -1.0, 1.0, 1.0]), np.eye(4)[[2, 3, 0, 1]]])
    assert len(units.maps) == 8
    for point in points:  # every copy of every point is there
        for copy in units.maps @ point.position:
            assert min(np.abs(other.position - copy).max() for other in points) < 1e-8
    graph = landscape_graph(loss, points)
    assert graph.is_connected
    assert sum(p.energy < graph.minima[0].energy + 1e-9 for p in graph.minima) == 8
    walked = explore_landscape(loss, graph.minima[:1], symmetry=units, n_random=10)
    assert len(walked.minima) == 2


@pytest.mark.parametrize("seed", range(5))
def test_merges_are_the_lowest_highest_saddles_of_all_pairs(seed):
    rng = np.random.default_rng(seed)
    n, m = 8, 14
    edges = [tuple(int(i) for i in rng.integers(-1, n, size=2)) for _ in range(m)]
    energies = np.sort(rng.random(m)).tolist()
    lowest = minimax(n, energies, edges)
    found = np.full((n, n), np.inf)
    for merge in merges_of(n, energies, edges):
        for i, j in itertools.product(*merge.groups):
            assert found[i, j] == np.inf
            found[i, j] = found[j, i] = merge.energy
        assert energies[merge.saddle] == merge.energy
    np.fill_diagonal(found, -np.inf)
    np.testing.assert_array_equal(found, lowest)


def test_barriers_of_mueller_brown():
    potential = ll.potentials.mueller_brown()
    graph = landscape_graph(potential, potential.stationary_points)
    deep, second, shallow = (point.energy for point in graph.minima)
    upper, lower = graph.saddles[1].energy, graph.saddles[0].energy
    assert graph.barrier(0, 1) == pytest.approx(upper - deep)
    assert graph.barrier(1, 0) == pytest.approx(upper - second)
    assert graph.barrier(1, 2) == pytest.approx(lower - second)
    assert graph.barrier(2, 1) == pytest.approx(lower - shallow)


def test_minima_that_nothing_joins_have_an_infinite_barrier():
    potential = ll.potentials.himmelblau()
    graph = landscape_graph(potential, potential.minima)
    assert not graph.is_connected
    assert math.isinf(graph.barrier(0, 3))


def test_a_graph_adds_minima_below_its_saddles():
    potential = ll.potentials.himmelblau()
    graph = landscape_graph(potential, potential.saddles)
    assert len(graph.minima) == 4


def test_exploring_stops_at_max_minima():
    potential = ll.potentials.six_hump_camel()
    few = explore_landscape(potential, potential.minima[-1:], max_minima=1)
    assert 1 < len(few.minima) < 6
    full = explore_landscape(potential, potential.minima[-1:], n_random=8)
    assert (len(full.minima), len(full.saddles)) == (6, 7)


def test_arguments_are_checked():
    potential = ll.potentials.himmelblau()
    graph = landscape_graph(potential, potential.stationary_points)
    with pytest.raises(ValueError, match="start=4 must be from 0 to 3"):
        graph.barrier(4, 0)
    with pytest.raises(ValueError, match="start and end are both 2"):
        graph.barrier(2, 2)
    with pytest.raises(ValueError, match="max_minima=0 must be >= 1"):
        explore_landscape(potential, potential.minima, max_minima=0)
    with pytest.raises(ValueError, match="minima is empty; give one to begin from"):
        explore_landscape(potential, [])
    with pytest.raises(ValueError, match="1 energies and 2 edges; give one a saddle"):
        merges_of(2, [1.0], [(0, 1), (0, 1)])
    with pytest.raises(ValueError, match="energies of saddles must ascend"):
        merges_of(2, [1.0, 0.0], [(0, 1), (0, 1)])
