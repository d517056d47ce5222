"""Stationary points in a box: complete, of the right index, deterministic."""

import itertools
from collections import Counter

import numpy as np
import pytest
from scipy.optimize import brentq

import langevin_lab as ll
from langevin_lab.escape import (
    Symmetry,
    find_stationary_points,
    linear_symmetry,
    minimise,
    morse_sum,
)

TWO_DIMENSIONAL = [
    name for name, make in ll.potentials.catalogue().items() if make().dim == 2 and name != "ackley"
]


def indices(points):
    return Counter(point.index for point in points)


def is_in(point, points):
    return any(np.linalg.norm(point.position - other.position) < 1e-7 for other in points)


@pytest.mark.parametrize("name", TWO_DIMENSIONAL)
def test_every_stored_point_in_the_box_is_found(name):
    potential = ll.potentials.catalogue()[name]()
    found = find_stationary_points(potential, n_starts=128, seed=3)
    low, high = np.array(potential.bounds).T
    for point in potential.stationary_points:
        if ((point.position >= low) & (point.position <= high)).all():
            assert is_in(point, found), point
    for point in found:
        slope = np.linalg.norm(potential.gradient(point.position))
        assert slope <= 1e-11 * (1 + np.abs(potential.hessian(point.position)).max())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("himmelblau", {0: 4, 1: 4, 2: 1}),
        ("mueller_brown", {0: 3, 1: 2}),
        ("three_hole", {0: 3, 1: 3, 2: 1}),
        ("six_hump_camel", {0: 6, 1: 7, 2: 2}),
        ("rosenbrock", {0: 1}),
        ("styblinski_tang", {0: 4, 1: 4, 2: 1}),
    ],
)
def test_known_counts(name, expected):
    found = find_stationary_points(ll.potentials.catalogue()[name](), n_starts=128)
    assert indices(found) == expected
    assert morse_sum(found) == 1


def test_points_of_rastrigin_are_all_pairs_of_roots():
    """x + 10 pi sin(2 pi x) = 0 changes sign between quarters of the period."""

    def slope(x):
        return x + 10 * np.pi * np.sin(2 * np.pi * x)

    ends = np.linspace(-2.5, 2.5, 1001) + 1e-4
    roots = [brentq(slope, a, b) for a, b in itertools.pairwise(ends) if slope(a) * slope(b) < 0]
    roots = [root for root in roots if abs(root) < 2.5]
    found = find_stationary_points(ll.potentials.rastrigin())
    assert len(found) == len(roots) ** 2
    for pair in itertools.product(roots, roots):
        assert min(np.abs(point.position - pair).max() for point in found) < 1e-9


def test_degenerate_points_are_called_so():
    found = find_stationary_points(ll.potentials.monkey_saddle(), n_starts=64)
    assert sorted(point.kind for point in found) == ["degenerate"] + 3 * ["minimum"]
    with pytest.raises(ValueError, match=r"is degenerate: .* is not its contribution"):
        morse_sum(found)


def test_all_points_of_a_short_phi4_chain():
    """Without coupling every site is at -1, 0 or 1: 3^n points of index the number of zeros."""
    found = find_stationary_points(ll.potentials.phi4_chain(n_sites=3, coupling=0.0))
    places = {tuple(np.round(point.position).astype(int)) for point in found}
    assert places == set(itertools.product((-1, 0, 1), repeat=3))
    for point in found:
        assert point.index == (np.round(point.position) == 0).sum()
        assert np.abs(point.position - np.round(point.position)).max() < 1e-12


def test_a_coupled_phi4_chain_has_three_points():
    found = find_stationary_points(ll.potentials.phi4_chain(n_sites=3, coupling=4.0), n_starts=64)
    assert [point.kind for point in found] == ["minimum", "minimum", "saddle"]
    assert found[2].energy == pytest.approx(0.0, abs=1e-15)


def factorisation(values=(3.0, 2.0, 1.0)):
    """sum (M - X X')^2/4 with M diagonal and X (3, 2)."""
    entries = [
        f"({values[i] if i == j else 0.0} - x{i}*x{j} - y{i}*y{j})**2"
        for i in range(3)
        for j in range(3)
    ]
    return ll.Potential.from_expression(
        f"({' + '.join(entries)})/4", "x0, x1, x2, y0, y1, y2", bounds=[(-2.5, 2.5)] * 6
    )


def gram(x):
    columns = x.reshape(*x.shape[:-1], 2, 3)
    return np.einsum("...ki,...kj->...ij", columns, columns).reshape(*x.shape[:-1], 9)


def turned(x):
    return np.concatenate([-x[..., 3:], x[..., :3]], axis=-1)[..., None, :]


@pytest.mark.slow
def test_matrix_factorisation_has_a_point_for_each_set_of_eigenvalues():
    """X X' keeps a subset of M's eigenvalues; index by the second variation, rotation apart.

    For each kept k and left j the curvature is M_k - M_j; each empty column adds one of -M_j.
    """
    values = np.array([3.0, 2.0, 1.0])
    found = find_stationary_points(
        factorisation(), n_starts=128, indices=range(7), symmetry=Symmetry(gram, turned)
    )
    expected = Counter()
    for n_kept in range(3):
        for kept in itertools.combinations(range(3), n_kept):
            left = [j for j in range(3) if j not in kept]
            index = sum(values[k] < values[j] for k in kept for j in left)
            index += (2 - n_kept) * len(left)
            expected[index, round(float((values[left] ** 2).sum()) / 4, 9)] += 1
    assert Counter((point.index, round(point.energy, 9)) for point in found) == expected
    assert sum(point.kind == "minimum" for point in found) == 1


def test_zero_modes_of_a_symmetry_make_no_point_degenerate():
    loss = factorisation()
    start = np.array([1.7, 0.1, 0.0, 0.1, 1.4, 0.0])
    known = minimise(loss, start, symmetry=Symmetry(gram, turned))
    unknown = minimise(loss, start)
    assert (known.kind, unknown.kind) == ("minimum", "degenerate")
    assert known.energy == pytest.approx(0.25, abs=1e-12)


def test_copies_under_a_group_count_once():
    well = ll.Potential.from_expression(
        "(x**2-1)**2 + (y**2-1)**2 + x*y/10", "x, y", bounds=[(-2, 2), (-2, 2)]
    )
    both = find_stationary_points(well, n_starts=64)
    square = linear_symmetry([[[0, 1], [1, 0]], [[-1, 0], [0, -1]]])
    once = find_stationary_points(well, n_starts=64, symmetry=square)
    assert indices(both) == {0: 4, 1: 4, 2: 1}
    assert indices(once) == {0: 2, 1: 1, 2: 1}


def test_a_seed_gives_the_same_points_and_another_the_same_set():
    potential = ll.potentials.six_hump_camel()
    first, again = (find_stationary_points(potential, n_starts=32, seed=5) for _ in range(2))
    assert [p.position.tolist() for p in first] == [p.position.tolist() for p in again]
    other = find_stationary_points(potential, n_starts=32, seed=6)
    np.testing.assert_allclose([p.position for p in first], [p.position for p in other], atol=1e-12)


def test_one_missing_point_breaks_the_morse_sum():
    points = find_stationary_points(ll.potentials.himmelblau(), n_starts=64)
    assert morse_sum(points) == 1
    assert all(morse_sum(points[:i] + points[i + 1 :]) != 1 for i in range(len(points)))


def test_only_wanted_indices_are_returned():
    found = find_stationary_points(ll.potentials.himmelblau(), n_starts=64, indices=[1])
    assert indices(found) == {1: 4}


def test_bounds_are_needed_and_checked():
    bare = ll.Potential.from_expression("x**2")
    with pytest.raises(ValueError, match=r"has no bounds; give bounds=.* 1 coordinate"):
        find_stationary_points(bare)
    for wrong in ([(1.0, 0.0)], [(0.0, 1.0)] * 2):
        with pytest.raises(ValueError, match=r"must be 1 pair\(s\) \(low, high\)"):
            find_stationary_points(bare, bounds=wrong)


@pytest.mark.parametrize("name", ["n_starts", "n_rounds"])
def test_counts_are_checked(name):
    with pytest.raises(ValueError, match=f"{name}=0 must be an integer >= 1"):
        find_stationary_points(ll.potentials.double_well(), **{name: 0})


@pytest.mark.parametrize("wrong", [[], [-1], [2]])
def test_indices_are_checked(wrong):
    with pytest.raises(ValueError, match=r"indices=.* must be among 0..1"):
        find_stationary_points(ll.potentials.double_well(), indices=wrong)
