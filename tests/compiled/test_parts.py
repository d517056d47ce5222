"""Parts of kernels: optimised once in what calls them, whoever that is."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from numba import types

from langevin_lab.compiled.elementary import exp, fma
from langevin_lab.compiled.linking import Part
from langevin_lab.compiled.parts import links, part, whole


@part
def leaf(x):
    return exp(x) / 3.0


@part
def branch(x, n):
    total = 0.0
    for i in range(n):
        total = fma(leaf(x + i), 0.25, total)
    return total


@part
def unused(x):
    return branch(x, 2)


@part
def tree(x, n):
    if n < 0:
        return unused(x)
    return branch(x, n) + leaf(x)


def plainly(function):
    """The same functions as numba would compile them."""
    made = {}
    for part_ in (leaf, branch, unused, tree):
        text = part_.py_func
        names = {**text.__globals__, **made}
        made[part_.__name__] = numba.njit(error_model="numpy")(type(text)(text.__code__, names))
    return made[function]


def test_a_whole_gives_the_bits_of_plain_compilation():
    @whole
    def calls(x, out):
        for i in range(x.size):
            out[i] = tree(x[i], i % 5)

    x = np.random.default_rng(1).normal(size=40)
    out = np.empty_like(x)
    calls(x, out)
    plain = plainly("tree")
    assert out.tolist() == [plain(value, i % 5) for i, value in enumerate(x)]


def test_a_part_called_from_python_is_compiled_on_its_own():
    assert tree(0.3, 4) == plainly("tree")(0.3, 4)
    assert tree(0.3, n=2) == tree(0.3, 2)
    with pytest.raises(TypeError, match="not enough arguments"):
        tree(0.3)


def test_a_part_called_from_python_divides_as_ieee_does():
    @part
    def inverse(x):
        return 1.0 / x

    assert inverse(0.0) == np.inf


def test_a_part_is_optimised_on_its_own():
    @part
    def product(x, n):
        value = 1.0
        for _ in range(n):
            value *= x
        return value

    product.compile((types.float64, types.int64))
    (result,) = product.overloads.values()
    assert "alloca" not in result.library.get_llvm_str()


def test_a_function_of_somebody_else_may_call_a_part():
    @numba.njit(error_model="numpy")
    def theirs(x):
        return tree(x, 3) + tree(x, -1)

    plain = plainly("tree")
    assert theirs(0.7) == plain(0.7, 3) + plain(0.7, -1)


def test_a_part_has_neither_machine_code_nor_its_callees_code():
    branch.compile((types.float64, types.int32))
    library = branch.overloads[types.float64, types.int32].library
    defined = [function.name for function in library.get_defined_functions()]
    assert len(defined) == 1
    assert "branch" in defined[0]
    library.enable_object_caching()
    with pytest.raises(RuntimeError, match="no compiled object"):
        library._get_compiled_object()


def test_a_part_keeps_its_libraries_when_two_wholes_need_it():
    @whole
    def first(x):
        return tree(x, 1)

    @whole
    def second(x):
        return tree(x, 2) - leaf(x)

    assert first(0.1) == tree(0.1, 1)
    assert second(0.1) == tree(0.1, 2) - leaf(0.1)
    assert first(0.2) == tree(0.2, 1)


def test_without_compilation_a_part_is_the_python_function(monkeypatch):
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)

    def double(x):
        return 2.0 * x

    assert part(double) is double
    assert whole(double) is double
    assert isinstance(leaf, Part)


def test_the_installed_numba_links_parts():
    """Under a new version of numba, run these tests with it before it goes into LINKING_TESTED."""
    assert links()


def test_under_another_numba_parts_are_compiled_plainly(monkeypatch):
    monkeypatch.setattr(numba, "__version__", "0.99.1")

    @part
    def third(x):
        return exp(x) / 3.0

    @whole
    def sum_of_thirds(x):
        return third(x) + third(2.0 * x)

    assert type(third) is type(numba.njit(lambda x: x))
    assert sum_of_thirds(0.3) == leaf(0.3) + leaf(0.6)


@part
def factorial(n):
    if n <= 1:
        return 1
    return n * factorial(n - 1)


@part
def is_even(n):
    if n == 0:
        return True
    return is_odd(n - 1)


@part
def is_odd(n):
    if n == 0:
        return False
    return is_even(n - 1)


def test_a_part_may_call_itself_but_not_in_a_circle():
    assert whole(lambda n: factorial(n))(5) == 120
    with pytest.raises(RuntimeError, match="unresolved symbol"):
        whole(lambda n: is_even(n))(4)
