"""Data sets: each class lies where its formula puts it, and seeds decide everything."""

import numpy as np
import pytest

from langevin_lab.potentials import (
    Examples,
    checkerboard,
    multilayer_perceptron,
    spirals,
    teacher_network,
    trigonometric_plane,
    two_moons,
)

PLANES = [spirals, trigonometric_plane, checkerboard, two_moons]


@pytest.mark.parametrize("turns", [1.0, 2.0, 4.0])
@pytest.mark.parametrize("power", [0.5, 1.0])
def test_spirals_lie_on_their_arms(turns, power):
    found = spirals(400, seed=1, turns=turns, noise=0.0, radius=3.0, power=power)
    arm = np.where(found.targets == 0, 1.0, -1.0)[:, None] * found.inputs
    radius = np.hypot(*arm.T)
    assert radius.max() < 3.0
    # A turn of the arm by the angle of its radius lands on the first axis.
    angle = 2 * np.pi * turns * radius / 3.0
    np.testing.assert_allclose(arm[:, 0], radius * np.cos(angle), atol=1e-12)
    np.testing.assert_allclose(arm[:, 1], radius * np.sin(angle), atol=1e-12)


def test_spiral_radii_have_the_law_of_a_power():
    """(r/radius)^(1/power) is even in [0, 1): mean 1/2, standard deviation 1/sqrt(12)."""
    n = 80_000
    for power in (0.5, 0.8):
        found = spirals(n, seed=3, power=power, noise=0.0)
        t = (np.hypot(*found.inputs.T) / 2.0) ** (1 / power)
        error = 1 / np.sqrt(12 * n)
        z = (t.mean() - 0.5) / error
        assert abs(z) < 5, f"{t.mean():.4f} +- {error:.4f} | 0.5 | z = {z:.1f} | n = {n}"
        wrong = (np.hypot(*found.inputs.T) / 2.0) ** (1 / (1.04 * power))
        assert abs(wrong.mean() - 0.5) > 5 * error


@pytest.mark.parametrize("plane", PLANES)
def test_noise_is_added_to_the_same_points(plane):
    n, noise = 20_000, 0.3
    clean, noisy = (plane(n, seed=2, noise=level) for level in (0.0, noise))
    np.testing.assert_array_equal(clean.targets, noisy.targets)
    spread = (noisy.inputs - clean.inputs).std()
    error = noise / np.sqrt(4 * n)
    assert abs(spread - noise) < 5 * error
    assert abs(spread - 1.03 * noise) > 5 * error
    np.testing.assert_array_equal(plane(n, seed=2, noise=noise).inputs, noisy.inputs)
    assert not np.array_equal(plane(n, seed=3, noise=noise).inputs, noisy.inputs)
    assert abs(clean.targets.mean() - 0.5) < 5 * 0.5 / np.sqrt(n)


def test_classes_of_the_plane():
    x, y = (found := trigonometric_plane(500, seed=1, waves=3.0, height=0.4)).inputs.T
    np.testing.assert_array_equal(found.targets == 1, y > 0.4 * np.sin(3 * np.pi * x))
    x, y = (found := checkerboard(500, seed=1, squares=3)).inputs.T
    black = (np.searchsorted([-1 / 3, 1 / 3], x) + np.searchsorted([-1 / 3, 1 / 3], y)) % 2
    np.testing.assert_array_equal(found.targets, black)
    assert found.targets[np.hypot(x + 1, y + 1) < 0.3].max() == 0
    x, y = (found := two_moons(500, seed=1, noise=0.0)).inputs.T
    upper = found.targets == 0
    np.testing.assert_allclose(np.hypot(x, y)[upper], 1.0, rtol=1e-12)
    np.testing.assert_allclose(np.hypot(x - 1, y - 0.5)[~upper], 1.0, rtol=1e-12)
    assert y[upper].min() >= 0
    assert y[~upper].max() <= 0.5


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_a_student_at_the_teacher_makes_no_error(activation):
    widths = (3, 8, 5, 2)
    found = teacher_network(200, seed=4, widths=widths, activation=activation)
    student = multilayer_perceptron(
        found.inputs, found.targets, hidden=widths[1:-1], activation=activation
    )
    np.testing.assert_allclose(student.energy(found.teacher), 0.0, atol=1e-25)
    np.testing.assert_allclose(student.gradient(found.teacher), 0.0, atol=1e-14)
    noisy = teacher_network(200, seed=4, widths=widths, activation=activation, noise=0.1)
    np.testing.assert_array_equal(noisy.teacher, found.teacher)
    energy = student.with_data(noisy.inputs, noisy.targets).energy(found.teacher)
    error = 0.01 * np.sqrt(2 / 400)
    assert abs(energy - 0.01) < 5 * error
    assert 0.3 < found.targets.std() < 3.0


def test_examples_are_read_only_and_split():
    inputs, targets = np.zeros((5, 2)), np.arange(5)
    found = Examples(inputs, targets, "five")
    inputs[0, 0] = 0.0  # the user's own array stays writable
    with pytest.raises(ValueError, match="read-only"):
        found.inputs[0, 0] = 1.0
    first, rest = found.split(3)
    assert (first.n_examples, rest.n_examples) == (3, 2)
    np.testing.assert_array_equal(rest.targets, [3, 4])
    assert repr(first) == "Examples(five: 3 of 2 inputs)"
    with pytest.raises(ValueError, match="five: n_first=5 leaves none of 5 examples for the rest"):
        found.split(5)
    with pytest.raises(ValueError, match="five: n_first=0 must be at least 1"):
        found.split(0)
    with pytest.raises(ValueError, match="six: 5 inputs but 6 targets; one row is one example"):
        Examples(inputs, np.arange(6), "six")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: spirals(0, seed=1), "spirals: n_examples=0 must be at least 1"),
        (lambda: spirals(9, seed=-1), "spirals: seed=-1 must be at least 0"),
        (lambda: spirals(9, seed=1, turns=0), "spirals: turns=0 must be positive"),
        (lambda: spirals(9, seed=1, power=-1), "spirals: power=-1 must be positive"),
        (lambda: two_moons(9, seed=1, noise=-0.1), r"two_moons: noise=-0\.1 must be zero or pos"),
        (lambda: two_moons(9, seed=1, noise=np.inf), "two_moons: noise=inf must be finite"),
        (lambda: checkerboard(9, seed=1, squares=1), "squares=1 must be at least 2"),
        (lambda: trigonometric_plane(9, seed=1, waves=0), "waves=0 must be positive"),
        (lambda: teacher_network(9, seed=1, widths=(2,)), r"widths=\(2,\) must hold at least"),
        (lambda: teacher_network(9, seed=1, widths=(2, 0)), "widths=0 must be at least 1"),
        (lambda: teacher_network(9, seed=1, activation="sin"), "activation='sin' must be one of"),
    ],
)
def test_wrong_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
