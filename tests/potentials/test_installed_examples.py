"""Data sets of scikit-learn: scaled as stated, in the published order or a drawn one."""

import sys

import numpy as np
import pytest
from sklearn import datasets

from langevin_lab.potentials import load_breast_cancer, load_digits


def test_digits_are_pixels_from_0_to_1():
    found, published = load_digits(), datasets.load_digits()
    np.testing.assert_array_equal(found.inputs * 16, published.data)
    np.testing.assert_array_equal(found.inputs.reshape(-1, 8, 8) * 16, published.images)
    np.testing.assert_array_equal(found.targets, published.target)
    assert (found.inputs.min(), found.inputs.max()) == (0.0, 1.0)
    assert found.targets.dtype == np.int64
    assert found.inputs.shape == (1797, 64)


def test_tumours_are_standardised():
    found, published = load_breast_cancer(), datasets.load_breast_cancer()
    np.testing.assert_allclose(found.inputs.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose((found.inputs**2).mean(axis=0), 1, rtol=1e-12)
    # A column differs from the published one by its zero and its unit alone.
    for ours, theirs in zip(found.inputs.T, published.data.T):
        assert np.corrcoef(ours, theirs)[0, 1] == pytest.approx(1, abs=1e-12)
    np.testing.assert_array_equal(found.targets, published.target)
    assert np.bincount(found.targets).tolist() == [212, 357]


def test_reference_examples_alone_give_zero_and_unit():
    found = load_breast_cancer(seed=3, n_reference=100)
    first, rest = found.split(100)
    np.testing.assert_allclose(first.inputs.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(first.inputs.std(axis=0), 1, rtol=1e-12)
    assert abs(rest.inputs.mean(axis=0)).max() > 0.01
    everything = load_breast_cancer(seed=3)
    np.testing.assert_array_equal(found.targets, everything.targets)
    assert abs(everything.inputs - found.inputs).max() > 0.01


@pytest.mark.parametrize("load", [load_digits, load_breast_cancer])
def test_a_seed_draws_the_order_of_the_same_examples(load):
    published, drawn, again, other = load(), load(seed=1), load(seed=1), load(seed=2)
    np.testing.assert_array_equal(drawn.inputs, again.inputs)
    assert (drawn.targets != published.targets).any()
    assert (drawn.targets != other.targets).any()

    def rows(found):
        return sorted(map(tuple, np.column_stack([found.targets, found.inputs.round(9)]) + 0.0))

    assert rows(drawn) == rows(published)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="load_digits: seed=-1 must be at least 0"):
        load_digits(seed=-1)
    with pytest.raises(ValueError, match="load_breast_cancer: n_reference=1 must be at least 2"):
        load_breast_cancer(n_reference=1)
    with pytest.raises(ValueError, match="n_reference=570 exceeds the 569 examples"):
        load_breast_cancer(n_reference=570)


@pytest.mark.parametrize("load", [load_digits, load_breast_cancer])
def test_missing_scikit_learn_is_named(monkeypatch, load):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=rf"{load.__name__} takes .*install langevin_lab\[data\]"):
        load()
