"""Copies of a configuration: what counts as one, and along which directions they are joined."""

import itertools

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.escape import Symmetry, linear_symmetry, rigid_motions


def rotation(angle):
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def test_moved_turned_mirrored_and_renamed_clusters_are_copies():
    rng = np.random.default_rng(0)
    atoms = rng.normal(size=(5, 3))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    copy = (atoms @ turn + rng.normal(size=3))[rng.permutation(5)]
    symmetry = rigid_motions()
    assert symmetry.distance(atoms.ravel(), copy.ravel()) < 1e-12
    copy[0, 0] += 0.02
    assert symmetry.distance(atoms.ravel(), copy.ravel()) > 1e-3


def test_a_trap_forbids_translations_only():
    atoms = np.random.default_rng(1).normal(size=(4, 3))
    turned = atoms @ np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))[0]
    symmetry = rigid_motions(confined=True)
    assert symmetry.distance(atoms.ravel(), turned.ravel()) < 1e-12
    assert symmetry.distance(atoms.ravel(), (atoms + 0.1).ravel()) > 1e-2
    assert (symmetry.flat_basis(atoms.ravel()) ** 2).sum() == pytest.approx(3)


@pytest.mark.parametrize("n_atoms", [2, 3, 5, 13])
def test_flat_directions_of_a_cluster_are_its_zero_modes(n_atoms):
    potential = ll.potentials.lennard_jones_cluster(n_atoms=n_atoms)
    x = potential.minima[0].position
    flat = rigid_motions().flat_basis(x)
    n_flat = 5 if n_atoms == 2 else 6  # a pair has no rotation about its axis
    assert (flat**2).sum() == pytest.approx(n_flat)
    curvatures = np.linalg.eigvalsh(potential.hessian(x))
    assert (np.abs(curvatures) < 1e-8).sum() == n_flat
    assert np.abs(potential.hessian(x) @ flat.T).max() < 1e-10


def test_flat_directions_in_the_plane():
    atoms = np.random.default_rng(3).normal(size=(4, 2))
    flat = rigid_motions(n_dimensions=2).flat_basis(atoms.ravel())
    assert (flat**2).sum() == pytest.approx(3)
    moved = (atoms @ rotation(1e-6) - atoms).ravel()
    assert np.linalg.norm(moved - flat.T @ (flat @ moved)) < 1e-11


def test_group_of_a_cube_has_48_elements_that_multiply_within_it():
    cycle = np.eye(3)[[1, 2, 0]]
    swap = np.eye(3)[[1, 0, 2]]
    group = linear_symmetry([cycle, swap, np.diag([-1, 1, 1])]).maps
    assert len(group) == 48
    keys = {np.round(g).astype(int).tobytes() for g in group}
    assert {
        np.round(g @ h).astype(int).tobytes() for g, h in itertools.product(group, group)
    } == keys


def test_distance_goes_to_the_nearest_copy():
    symmetry = linear_symmetry([[[0.0, 1.0], [1.0, 0.0]]])
    assert symmetry.distance(np.array([1.0, 2.0]), np.array([2.0, 1.1])) == pytest.approx(0.1)
    assert Symmetry().distance(np.array([1.0, 2.0]), np.array([2.0, 1.1])) == pytest.approx(1.0)


@pytest.mark.parametrize("wrong", [[[1.0, 1.0], [0.0, 1.0]], [[1.0, 0.0]], [1.0, 0.0]])
def test_a_generator_that_is_not_orthogonal_is_refused(wrong):
    with pytest.raises(ValueError, match="must be an orthogonal matrix"):
        linear_symmetry([wrong])


def test_no_generator_and_an_infinite_group_are_refused():
    with pytest.raises(ValueError, match=r"generators=\[\] must hold a matrix"):
        linear_symmetry([])
    with pytest.raises(ValueError, match="more than 20000 elements"):
        linear_symmetry([rotation(1.0)])


def test_dimensions_other_than_2_and_3_are_refused():
    with pytest.raises(ValueError, match="n_dimensions=4 must be 2 or 3"):
        rigid_motions(n_dimensions=4)
