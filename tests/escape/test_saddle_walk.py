"""Walks over saddles: what they reach, by modes or a dimer, and where the two sides lead."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import langevin_lab as ll
from langevin_lab.escape import connection_of, find_connections, rigid_motions
from langevin_lab.escape.dimer import follow_dimer, lowest_mode
from langevin_lab.escape.symmetry import Symmetry

METHODS = ("eigenvector", "dimer")


def downhill(potential, start):
    """End of steepest descent by an adaptive solver."""
    path = solve_ivp(
        lambda t, x: -potential.gradient(x), (0, 50), start, method="LSODA", rtol=1e-8, atol=1e-10
    )
    return path.y[:, -1]


@pytest.mark.parametrize("method", METHODS)
def test_walks_reach_the_saddles_around_a_minimum(method):
    potential = ll.potentials.himmelblau()
    found = find_connections(
        potential, potential.minima[0], max_step=0.2, n_random=8, method=method
    )
    heights = [13.311926, 67.719150, 104.015163]
    assert {round(one.saddle.energy, 6) for one in found} <= {*heights, 178.337239}
    assert [round(one.saddle.energy, 6) for one in found][:2] == heights[:2]
    for one in found:
        assert one.saddle.index == 1
        assert (np.linalg.eigvalsh(potential.hessian(one.saddle.position)) < 0).sum() == 1


@pytest.mark.parametrize("name", ["himmelblau", "three_hole", "six_hump_camel"])
def test_both_sides_are_those_of_steepest_descent(name):
    potential = ll.potentials.catalogue()[name]()
    for saddle in potential.saddles:
        sides = connection_of(potential, saddle).minima
        mode = np.linalg.eigh(potential.hessian(saddle.position))[1][:, 0]
        ends = [downhill(potential, saddle.position + side * 1e-3 * mode) for side in (-1, 1)]
        gaps = [
            max(np.abs(side.position - end).max() for side, end in zip(order, ends))
            for order in (sides, sides[::-1])
        ]
        assert min(gaps) < 1e-5


def test_barriers_are_those_of_the_potential():
    potential = ll.potentials.mueller_brown()
    known = {(round(b.minimum.energy, 9), round(b.saddle.energy, 9)) for b in potential.barriers}
    found = set()
    for saddle in potential.saddles:
        connection = connection_of(potential, saddle)
        found |= {(round(m.energy, 9), round(saddle.energy, 9)) for m in connection.minima}
    assert found == known


def test_a_side_without_a_minimum_is_none():
    cliff = ll.Potential.from_expression(
        "x**2/2 - x**3/3 + y**2", "x, y", bounds=[(-1, 2), (-1, 1)]
    )
    (saddle,) = ll.escape.find_stationary_points(cliff, n_starts=16, indices=[1])
    sides = connection_of(cliff, saddle).minima
    assert [side is None for side in sorted(sides, key=lambda side: side is None)] == [False, True]


@pytest.mark.parametrize("method", METHODS)
def test_square_of_four_atoms_is_the_saddle_of_the_tetrahedron(method):
    """The planar rhombus joins the tetrahedron to its mirror image; literature: -5.073421."""
    potential = ll.potentials.lennard_jones_cluster(n_atoms=4)
    (found,) = find_connections(
        potential, potential.minima[0], symmetry=rigid_motions(), n_random=4, method=method
    )
    assert found.saddle.energy == pytest.approx(-5.073421, abs=1e-6)
    atoms = found.saddle.position.reshape(4, 3)
    assert np.linalg.svd(atoms - atoms.mean(axis=0))[1][-1] < 1e-7
    assert [side.energy for side in found.minima] == pytest.approx([-6.0, -6.0], abs=1e-12)


def test_lowest_mode_is_that_of_the_hessian():
    potential = ll.potentials.lennard_jones_cluster(n_atoms=5)
    rng = np.random.default_rng(0)
    x = potential.minima[0].position + 0.05 * rng.normal(size=15)
    flat = rigid_motions().flat_basis(x)
    mode, curvature, _ = lowest_mode(potential, x, rng.normal(size=15), flat, n_rotations=60)
    across = np.eye(15) - flat.T @ flat
    values, vectors = np.linalg.eigh(across @ potential.hessian(x) @ across + 1e4 * flat.T @ flat)
    assert curvature == pytest.approx(values[0], rel=1e-4)
    assert abs(mode @ vectors[:, 0]) == pytest.approx(1.0, abs=1e-4)


def test_a_dimer_takes_no_hessian(monkeypatch):
    potential = ll.potentials.himmelblau()
    monkeypatch.setattr(type(potential), "hessian", None)
    end, converged = follow_dimer(
        potential, np.array([3.1, 1.0]), np.array([0.0, -1.0]),
        symmetry=Symmetry(), max_step=0.1, n_steps=300,
    )  # fmt: skip
    assert converged
    assert end == pytest.approx([3.385154, 0.073852], abs=1e-4)


def test_a_dimer_that_falls_off_the_edge_reports_it():
    cliff = ll.Potential.from_expression("exp(x) + exp(y)", "x, y")
    start, direction = np.array([600.0, 600.0]), np.array([1.0, 0.0])
    end, converged = follow_dimer(
        cliff, start, direction, symmetry=Symmetry(), max_step=50.0, n_steps=200
    )
    assert not converged
    assert np.isfinite(end).all()


def test_walks_of_a_seed_are_the_same():
    potential = ll.potentials.three_hole()
    runs = [find_connections(potential, potential.minima[0], n_random=5, seed=2) for _ in range(2)]
    places = [[one.saddle.position.tolist() for one in run] for run in runs]
    assert places[0] == places[1]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_modes": -1}, "n_modes=-1 must be >= 0"),
        ({"n_random": -1}, "n_random=-1 must be >= 0"),
        ({"n_modes": 0}, "n_modes=0 and n_random=0 leave no walk"),
        ({"displacement": 0.0}, "displacement=0.0 must be positive"),
        ({"max_step": 0.0}, "max_step=0.0 must be positive"),
        ({"method": "newton"}, "method='newton' is unknown; one of eigenvector, dimer"),
    ],
)
def test_arguments_are_checked(wrong, message):
    potential = ll.potentials.double_well()
    with pytest.raises(ValueError, match=message):
        find_connections(potential, potential.minima[0], **wrong)


def test_a_walk_begins_at_a_minimum_and_a_connection_at_a_saddle():
    potential = ll.potentials.double_well()
    with pytest.raises(ValueError, match=r"minimum=StationaryPoint\(saddle .* must be a"):
        find_connections(potential, potential.saddles[0])
    with pytest.raises(ValueError, match=r"saddle=StationaryPoint\(minimum .* has index 0"):
        connection_of(potential, potential.minima[0])
