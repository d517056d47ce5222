"""Paths of minimum energy: saddles they pass, and the path itself against steepest descent."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import langevin_lab as ll
from langevin_lab.escape import PathError, minimum_energy_path


def test_path_of_mueller_brown_passes_both_saddles():
    potential = ll.potentials.mueller_brown()
    found = minimum_energy_path(potential, *potential.minima[:2], n_images=31)
    assert [saddle.energy for saddle in found.saddles] == pytest.approx(
        [-40.664844, -72.248940], abs=1e-6
    )
    assert found.saddle is found.saddles[0]
    assert found.residual < 1e-3
    assert found.lengths[0] == 0
    np.testing.assert_allclose(found.energies, potential.energy(found.path))
    np.testing.assert_array_equal(found.path[[0, -1]], [m.position for m in potential.minima[:2]])
    assert found.energies.max() == pytest.approx(found.saddle.energy, abs=1e-3)


def test_images_near_the_curve_of_steepest_descent_as_one_over_their_number():
    potential = ll.potentials.mueller_brown()
    curve = []
    for saddle in potential.saddles:
        mode = np.linalg.eigh(potential.hessian(saddle.position))[1][:, 0]
        for side in (-1, 1):
            path = solve_ivp(
                lambda t, x: -potential.gradient(x) / np.linalg.norm(potential.gradient(x)),
                (0, 1.2), saddle.position + side * 1e-4 * mode, max_step=2e-3,
            )  # fmt: skip
            curve.append(path.y.T)
    curve = np.concatenate(curve)

    def gap(path):
        return np.linalg.norm(path[:, None] - curve[None], axis=-1).min(axis=1).max()

    few, many = (
        minimum_energy_path(potential, *potential.minima[:2], n_images=n, tolerance=1e-4).path
        for n in (41, 81)
    )
    assert gap(few) < 0.025
    assert gap(few) / gap(many) == pytest.approx(2.0, abs=0.2)
    assert gap(np.linspace(few[0], few[-1], 41)) > 0.1  # control: where the band began


def test_an_initial_path_chooses_the_channel():
    potential = ll.potentials.three_hole()
    ends = [minimum for minimum in potential.minima if abs(minimum.position[0]) > 0.5]
    lower = minimum_energy_path(potential, *ends)
    upper = minimum_energy_path(potential, *ends, initial=[[0.0, 1.6]])
    assert lower.saddle.position == pytest.approx([0.0, -0.315827], abs=1e-6)
    assert len(upper.saddles) == 2
    assert abs(upper.saddle.position[0]) == pytest.approx(0.617272, abs=1e-6)


def test_in_one_dimension_the_path_is_the_interval():
    found = minimum_energy_path(ll.potentials.double_well(), [-1.0], [1.0], n_images=9)
    assert found.saddle.position == pytest.approx([0.0], abs=1e-12)
    assert found.lengths[-1] == pytest.approx(2.0)


def test_a_cluster_returns_over_the_saddle_that_walks_find():
    """The ends are both sides of a saddle, so atoms are numbered and turned alike."""
    potential = ll.potentials.lennard_jones_cluster(n_atoms=4)
    symmetry = ll.escape.rigid_motions()
    (walk,) = ll.escape.find_connections(potential, potential.minima[0], symmetry=symmetry)
    found = minimum_energy_path(
        potential, *walk.minima, symmetry=symmetry, n_images=11, initial=[walk.saddle.position]
    )
    assert found.saddle.energy == pytest.approx(walk.saddle.energy, abs=1e-9)
    # The straight line is symmetric, so the band is too: over the square, a point of index 2.
    straight = minimum_energy_path(potential, *walk.minima, symmetry=symmetry, n_images=11)
    assert straight.energies.max() == pytest.approx(-4.480620, abs=1e-6)
    with pytest.raises(ValueError, match="a path keeps a symmetry that its first guess has"):
        straight.saddle  # noqa: B018


def test_a_band_that_does_not_come_to_rest_says_how_far_it_was():
    potential = ll.potentials.mueller_brown()
    with pytest.raises(PathError, match=r"not at rest after n_steps=3: .* raise n_steps") as caught:
        minimum_energy_path(potential, *potential.minima[:2], n_steps=3)
    assert caught.value.residual > 1e-3


def test_ends_are_two_different_minima():
    potential = ll.potentials.himmelblau()
    low, other = potential.minima[:2]
    with pytest.raises(ValueError, match="start and end are both"):
        minimum_energy_path(potential, low, low)
    with pytest.raises(ValueError, match=r"end=.* is a saddle or maximum"):
        minimum_energy_path(potential, low, potential.saddles[0])
    with pytest.raises(ValueError, match=r"start=\[1.0, 1.0\] is not stationary"):
        minimum_energy_path(potential, [1.0, 1.0], other)
    with pytest.raises(ValueError, match=r"start=\[1.0\] must be a finite point of 2"):
        minimum_energy_path(potential, [1.0], other)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_images": 4}, "n_images=4 must be an integer >= 5"),
        ({"n_steps": 0}, "n_steps=0 must be positive"),
        ({"tolerance": 0.0}, "tolerance=0.0 must be positive"),
        ({"initial": [1.0, 2.0]}, r"initial of shape \(2,\) must be \(n, 2\)"),
    ],
)
def test_numbers_are_checked(wrong, message):
    potential = ll.potentials.himmelblau()
    with pytest.raises(ValueError, match=message):
        minimum_energy_path(potential, *potential.minima[:2], **wrong)


def test_a_first_path_through_infinite_energy_is_refused():
    pole = ll.Potential.from_expression(
        "(x**2 - 1)**2 + y**2 + 1e-9/(x**2 + y**2)", "x, y", stationary_points=[(-1, 0), (1, 0)]
    )
    with pytest.raises(ValueError, match="not finite at image 5 of the first path; give initial="):
        minimum_energy_path(pole, [-1.0, 0.0], [1.0, 0.0], n_images=11)
