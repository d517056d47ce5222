"""Limits, signs of zero, infinities and nan: as numpy has them."""

from __future__ import annotations

import numpy as np
import pytest

from langevin_lab.compiled import elementary
from langevin_lab.compiled.elementary import NUMPY_NAMESPACE, compiled

SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 5e-324, -5e-324, 800.0, -800.0])
UNARY = [
    "absolute", "arctan", "cos", "cosh", "exp", "expm1", "log", "log1p", "sign", "sin", "sinh",
    "sqrt", "tanh",
]  # fmt: skip
BINARY = ["maximum", "minimum", "power"]


def compare(ours, reference):
    assert np.array_equal(np.isnan(ours), np.isnan(reference))
    finite = ~np.isnan(reference)
    np.testing.assert_allclose(ours[finite], reference[finite], rtol=1e-15, atol=0.0)
    assert np.array_equal(np.signbit(ours[finite]), np.signbit(reference[finite]))


@pytest.mark.parametrize("name", UNARY)
def test_special_values_are_those_of_numpy(name):
    function = getattr(elementary, name)

    @compiled
    def loop(x, out):
        for i in range(x.size):
            out[i] = function(x[i])

    out = np.empty_like(SPECIAL)
    loop(SPECIAL, out)
    with np.errstate(all="ignore"):
        compare(out, NUMPY_NAMESPACE[name](SPECIAL))


@pytest.mark.parametrize("name", BINARY)
def test_special_pairs_are_those_of_numpy(name):
    function = getattr(elementary, name)

    @compiled
    def loop(x, y, out):
        for i in range(x.size):
            out[i] = function(x[i], y[i])

    first = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0]
    second = [*first, 3.0, -3.0, 1e300, 2.5]
    # Equal zeros of two signs: IEEE 754 leaves open which one a maximum returns.
    if name != "power":
        first, second = first[1:], second[1:]
    x, y = (a.ravel() for a in np.meshgrid(first, second))
    out = np.empty_like(x)
    loop(x, y, out)
    with np.errstate(all="ignore"):
        compare(out, NUMPY_NAMESPACE[name](x, y))


def test_sine_and_cosine_are_nan_beyond_their_range():
    sin, cos = elementary.sin, elementary.cos

    @compiled
    def both(x):
        return sin(x), cos(x)

    assert np.isfinite(both(2.0**45)).all()
    assert np.isnan(both(np.nextafter(2.0**45, np.inf))).all()


def test_integers_are_accepted_as_arguments():
    exp, fma, maximum = elementary.exp, elementary.fma, elementary.maximum

    @compiled
    def mixed(n):
        return exp(n) + fma(2, n, 1) + maximum(n, 0)

    assert mixed(0) == 2.0


def test_both_vocabularies_have_the_same_names():
    compiled_names = set(elementary.__all__) - {"NUMPY_NAMESPACE", "compiled", "inlined"}
    assert set(NUMPY_NAMESPACE) == compiled_names
