"""Splits, folds, scaling, label noise: nothing lost, nothing twice, nothing leaks."""

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.potentials import Examples
from langevin_lab.training import k_folds, standardised, stratified_split, with_label_noise

RNG = np.random.default_rng(1)
TARGETS = np.repeat([0, 1, 2], [50, 30, 20])
DATA = Examples(np.arange(100.0)[:, None] * [1.0, -2.0], RNG.permutation(TARGETS), "numbered")


def rows(part):
    """Which examples a part has."""
    return part.inputs[:, 0].astype(int)


def test_parts_are_disjoint_complete_and_hold_the_same_share_of_each_class():
    parts = stratified_split(DATA, (0.6, 0.3, 0.1), seed=4)
    assert sorted(np.concatenate([rows(part) for part in parts])) == list(range(100))
    counts = [np.bincount(part.targets).tolist() for part in parts]
    assert counts == [[30, 18, 12], [15, 9, 6], [5, 3, 2]]
    for part in parts:
        np.testing.assert_array_equal(part.targets, DATA.targets[rows(part)])
        assert (np.diff(part.targets) != 0).any(), "classes are not in a row"
    again = stratified_split(DATA, (0.6, 0.3, 0.1), seed=4)
    other = stratified_split(DATA, (0.6, 0.3, 0.1), seed=5)
    np.testing.assert_array_equal(again[0].inputs, parts[0].inputs)
    assert set(rows(other[0])) != set(rows(parts[0]))


def test_values_are_split_without_classes():
    values = Examples(DATA.inputs, RNG.normal(size=100), "values")
    assert [part.n_examples for part in stratified_split(values, (0.5, 0.5), seed=1)] == [50, 50]


def test_every_example_is_validated_once():
    folds = k_folds(DATA, 7, seed=2)
    assert sorted(np.concatenate([rows(held) for _, held in folds])) == list(range(100))
    for train, held in folds:
        assert sorted([*rows(train), *rows(held)]) == list(range(100))
        assert held.n_examples in (14, 15)
        for label, count in enumerate((50, 30, 20)):
            assert abs((held.targets == label).sum() - count / 7) < 1
    assert [held.n_examples for _, held in k_folds(DATA, 100, seed=2)] == [1] * 100


def test_scaling_is_that_of_the_training_examples():
    train = Examples(np.column_stack([RNG.normal(3, 2, 40), np.full(40, 0.1)]), np.zeros(40), "a")
    test = Examples(np.column_stack([RNG.normal(9, 9, 30), np.full(30, 0.3)]), np.zeros(30), "b")
    scaled, other = standardised(train, test)
    np.testing.assert_allclose(scaled.inputs.mean(axis=0), 0.0, atol=1e-14)
    np.testing.assert_allclose(scaled.inputs.std(axis=0), [1.0, 0.0], atol=1e-14)
    mean, spread = train.inputs[:, 0].mean(), train.inputs[:, 0].std()
    np.testing.assert_allclose(other.inputs[:, 0], (test.inputs[:, 0] - mean) / spread)
    np.testing.assert_allclose(other.inputs[:, 1], 0.2, rtol=1e-12)
    changed = Examples(test.inputs + 5.0, test.targets, "c")
    np.testing.assert_array_equal(standardised(train, changed)[0].inputs, scaled.inputs)


def test_label_noise_changes_so_many_labels_to_other_classes():
    noisy = with_label_noise(DATA, 0.3, seed=1)
    wrong = noisy.targets != DATA.targets
    assert wrong.sum() == 30
    assert set(noisy.targets) == {0, 1, 2}
    np.testing.assert_array_equal(noisy.inputs, DATA.inputs)
    less = with_label_noise(DATA, 0.1, seed=1)
    changed = less.targets != DATA.targets
    assert changed.sum() == 10
    np.testing.assert_array_equal(noisy.targets[changed], less.targets[changed])
    assert (with_label_noise(DATA, 1.0, seed=1).targets != DATA.targets).all()
    np.testing.assert_array_equal(with_label_noise(DATA, 0.0, seed=1).targets, DATA.targets)


def test_each_other_class_is_as_likely():
    n, classes = 30_000, 4
    many = Examples(np.zeros((n, 1)), np.zeros(n, np.int64), "zeros")
    counts = np.bincount(with_label_noise(many, 1.0, seed=3, n_classes=classes).targets)
    assert counts[0] == 0
    error = np.sqrt(n / 3 * (1 - 1 / 3))
    assert np.abs(counts[1:] - n / 3).max() < 5 * error
    assert abs(1.05 * n / 3 - counts[1]) > 5 * error


def test_wrong_arguments():
    with pytest.raises(TypeError, match=r"examples=3 must be ll.potentials.Examples"):
        stratified_split(3, seed=1)
    with pytest.raises(ValueError, match=r"fractions=\(0.5, 0.6\) must be two or more positive"):
        stratified_split(DATA, (0.5, 0.6), seed=1)
    with pytest.raises(ValueError, match=r"any of the 50 examples of class 0; use fewer parts"):
        stratified_split(DATA, (0.99, 0.01), seed=1)
    with pytest.raises(ValueError, match=r"n_folds=1 must be at least 2"):
        k_folds(DATA, 1, seed=1)
    with pytest.raises(ValueError, match=r"n_folds=101 of 100 examples leaves folds empty"):
        k_folds(DATA, 101, seed=1)
    with pytest.raises(ValueError, match=r"has 1 inputs, the training examples have 2"):
        standardised(DATA, Examples(np.zeros((3, 1)), np.zeros(3), "one"))
    with pytest.raises(ValueError, match=r"targets of type float64 .* needs class numbers"):
        with_label_noise(Examples(np.zeros((3, 1)), np.zeros(3), "one"), 0.1, seed=1)
    with pytest.raises(ValueError, match=r"fraction=1.5 of wrong labels must be from 0 to 1"):
        with_label_noise(DATA, 1.5, seed=1)
    with pytest.raises(ValueError, match=r"n_classes=2, but a target is 2; use n_classes >= 3"):
        with_label_noise(DATA, 0.1, seed=1, n_classes=2)


def test_data_sets_of_the_package_can_be_split():
    train, test = stratified_split(ll.potentials.spirals(300, seed=1), (0.5, 0.5), seed=1)
    assert train.targets.sum() == test.targets.sum() == 75
