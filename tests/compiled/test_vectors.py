"""Four numbers at once: entry by entry what numbers do, sums in a fixed order."""

import numpy as np
import pytest

from langevin_lab.compiled import vectors
from langevin_lab.compiled.intrinsics import compiled, stay_a_call
from langevin_lab.compiled.parts import whole
from langevin_lab.compiled.vectors import (
    add,
    add_apart,
    load,
    multiply_add,
    spread,
    store,
    total,
    totals,
    zero,
)

rng = np.random.default_rng(1)


@compiled
def _moved(a, out):
    store(out, 0, add(load(a, 1), spread(a, 7)))
    store(out, 4, add(zero(), load(a, 3)))
    add_apart(out, 8, 3, load(a, 2))


@compiled
def _summed(a, out):
    store(out, 0, totals(load(a, 0), load(a, 4), load(a, 8), load(a, 12)))
    return total(load(a, 4))


@compiled
def _dot(a, b):
    v = zero()
    for i in range(0, a.size, 4):
        v = multiply_add(load(a, i), load(b, i), v)
    return total(v)


@compiled
def _dot_of_a_part(a, b):
    stay_a_call()
    return _dot(a[1:], b[1:])


def test_entries_are_moved_and_added():
    a, out = rng.normal(size=16), np.ones(20)
    _moved(a, out)
    np.testing.assert_array_equal(out[:4], a[1:5] + a[7])
    np.testing.assert_array_equal(out[4:8], a[3:7])
    expected = np.ones(12)
    expected[::3] += a[2:6]
    np.testing.assert_array_equal(out[8:], expected)


def test_sums_have_the_stated_order():
    a, out = rng.normal(size=16), np.empty(4)
    a[4:8] = 1.0, 2.0**-53, 2.0**-53, 2.0**-53
    a[8:12] = 1.0, -1.0, 2.0**-53, 2.0**-53
    found = _summed(a, out)
    rows = a.reshape(4, 4)
    expected = (rows[:, 0] + rows[:, 1]) + (rows[:, 2] + rows[:, 3])
    np.testing.assert_array_equal(out, expected)
    assert found == expected[1]
    assert found == 1.0 + 2.0**-52
    assert ((a[4] + a[5]) + a[6]) + a[7] == 1.0
    assert out[2] == 2.0**-52
    assert (a[8] + a[10]) + (a[9] + a[11]) == 2.0**-53


def test_products_are_rounded_once():
    big = 1.0 + 2.0**-30
    a, b = np.array([big, -1.0, 0.0, 0.0] * 2), np.array([big, 1.0, 0.0, 0.0] * 2)
    a[4:], b[4:] = 0.0, 0.0
    # big^2 = 1 + 2^-29 + 2^-60: fused with 0 it is rounded to 1 + 2^-29; the sum is then exact.
    assert _dot(a, b) == 2.0**-29
    a, b = (
        np.array([2.0, 0.0, 0.0, 0.0, big] + 3 * [0.0]),
        np.array([-0.5] + 3 * [0.0] + [big] + 3 * [0.0]),
    )
    assert _dot(a, b) == 2.0**-29 + 2.0**-60


@pytest.mark.parametrize("n", [4, 8, 100])
def test_running_sums_are_four(n):
    a, b = rng.normal(size=(2, n))
    sums = (a * b).reshape(-1, 4).sum(axis=0)
    assert _dot(a, b) == pytest.approx((sums[0] + sums[1]) + (sums[2] + sums[3]), rel=1e-13)
    assert _dot_of_a_part(np.append(0.0, a), np.append(0.0, b)) == _dot(a, b)


def test_vectors_stay_in_vector_registers():
    _dot(np.zeros(8), np.zeros(8))
    assembly = "\n".join(_dot.inspect_asm().values())
    if "ymm" not in assembly and "zmm" not in assembly:
        pytest.skip("this processor has no registers of four float64")
    assert "vfmadd" in assembly
    assert vectors.LANES == 4


def test_a_call_stays_a_call():
    @whole
    def caller(a):
        return _dot_of_a_part(a, a) + _dot(a, a)

    caller(np.zeros(8))
    text = "\n".join(caller.inspect_llvm().values())
    calls = [line for line in text.splitlines() if "call " in line]
    assert any("_dot_of_a_part" in line for line in calls)
