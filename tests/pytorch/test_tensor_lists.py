"""The functions of a step's lines on lists of tensors, against numpy's."""

import numpy as np
import pytest

from langevin_lab.compiled.numpy_functions import NUMPY_NAMESPACE

torch = pytest.importorskip("torch")
from langevin_lab.pytorch.optim.vectors import FUNCTIONS, Vectors  # noqa: E402

SHAPES = [(2, 3), (4,), (1, 1)]


def vector(seed, dtype=torch.float64):
    rng = np.random.default_rng(seed)
    return Vectors([torch.tensor(rng.normal(size=shape), dtype=dtype) for shape in SHAPES])


def flat(vectors):
    return np.concatenate([tensor.numpy().ravel() for tensor in vectors.tensors])


@pytest.mark.parametrize("name", ["fma", "add_to", "scale_and_add"])
@pytest.mark.parametrize("coefficient", [0.7, torch.tensor(0.7, dtype=torch.float64)])
@pytest.mark.parametrize("other", ["vector", "no noise", "number"])
def test_multiply_and_add(name, coefficient, other):
    """a b + c; in place where one of them is to be replaced."""
    kept, second = vector(0), {"vector": vector(1), "no noise": 0.0, "number": 0.5}[other]
    x, y = flat(kept), flat(second) if other == "vector" else second
    if name == "scale_and_add":
        found, expected = FUNCTIONS[name](kept, coefficient, second), 0.7 * x + y
    elif name == "add_to":
        found, expected = FUNCTIONS[name](kept, coefficient, second), 0.7 * y + x
    else:
        found, expected = FUNCTIONS[name](coefficient, second, kept), 0.7 * y + x
    np.testing.assert_allclose(flat(found), expected, rtol=1e-15, atol=1e-15)
    if name != "fma" or other != "no noise":
        assert (found is kept) == (name != "fma")


def test_scalars_are_multiplied_and_added_too():
    a, b, c = (torch.tensor(value, dtype=torch.float64) for value in (2.0, 3.0, 4.0))
    assert FUNCTIONS["fma"](a, b, c) == FUNCTIONS["add_to"](c, 2.0, b) == 10.0
    assert FUNCTIONS["scale_and_add"](b, a, c) == 10.0
    assert (a, b, c) == (2.0, 3.0, 4.0)


@pytest.mark.parametrize("coefficient", [0.7, torch.tensor(0.7, dtype=torch.float64)])
def test_normals_are_scaled_where_they_are(coefficient):
    normals = vector(0)
    expected = 0.7 * flat(normals)
    assert FUNCTIONS["scaled"](normals, coefficient) is normals
    np.testing.assert_allclose(flat(normals), expected, rtol=1e-15)
    assert FUNCTIONS["scaled"](0.0, coefficient) == 0.0  # no noise


def test_products_and_sums_of_vectors():
    a, b = vector(0), vector(1)
    np.testing.assert_array_equal(flat(2.0 * a * b), 2.0 * flat(a) * flat(b))
    np.testing.assert_array_equal(flat(0.5 + a), 0.5 + flat(a))
    scale = torch.tensor(0.3, dtype=torch.float64)
    short = scale * vector(0, torch.float32)
    assert short.tensors[0].dtype == torch.float32


def test_scalar_products_are_summed_in_float64():
    """A million squares of 0.1: float32 sums drift, and so would the thermostat."""
    x = Vectors([torch.full((1_000_000,), 0.1)])
    exact = 1_000_000 * float(np.float32(0.1) * np.float32(0.1))
    assert float(FUNCTIONS["dot"](x, x)) == pytest.approx(exact, rel=1e-12)
    a, b = vector(0), vector(1)
    assert float(FUNCTIONS["dot"](a, b)) == pytest.approx(flat(a) @ flat(b), rel=1e-14)


@pytest.mark.parametrize("x", [0.0, 1e-9, -1e-9, 0.5, -3.0])
def test_mean_of_the_exponential(x):
    found = FUNCTIONS["expm1_over"](torch.tensor(x, dtype=torch.float64))
    assert float(found) == pytest.approx(float(NUMPY_NAMESPACE["expm1_over"](x)), rel=1e-15)
