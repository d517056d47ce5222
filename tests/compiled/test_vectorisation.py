"""Loops over the elementary functions become vector code, without calls and without fastmath."""

from __future__ import annotations

import math
import platform
import re

import numpy as np
import pytest

from langevin_lab.compiled import elementary
from langevin_lab.compiled.elementary import NUMPY_NAMESPACE, compiled

ON_X86 = platform.machine().lower() in {"x86_64", "amd64"}
pytestmark = pytest.mark.skipif(not ON_X86, reason="reads x86 assembly")
PACKED = re.compile(r"\tv?(add|sub|mul|div|max|min|cmp|and|or|xor|sqrt|blend|f[n]?m\w+)\w*p[ds]\t")
LIBRARY_CALL = re.compile(r"\b(exp|expm1|log|log1p|sin|cos|tanh|sinh|cosh|atan|pow|fma)\b")
ARITY = {"fma": 3, "select": 3, "maximum": 2, "minimum": 2, "power": 2}


def assembly(function):
    """Return the assembly of a loop of the function over float64 arrays."""

    @compiled
    def one(x, y, out):
        for i in range(out.size):
            out[i] = function(x[i])

    @compiled
    def two(x, y, out):
        for i in range(out.size):
            out[i] = function(x[i], y[i])

    @compiled
    def three(x, y, out):
        for i in range(out.size):
            out[i] = function(x[i], y[i], 0.5)

    arity = ARITY.get(getattr(function, "__name__", ""), 1)
    loop = {1: one, 2: two, 3: three}[arity]
    a = np.ones(16)
    loop(a, a, np.empty(16))
    (text,) = loop.inspect_asm().values()
    return text


@pytest.mark.parametrize("name", sorted(set(NUMPY_NAMESPACE) - {"select"}))
def test_loop_is_vectorised(name):
    text = assembly(getattr(elementary, name))
    packed = [
        line for line in text.splitlines() if PACKED.search(line) and re.search("[yz]mm", line)
    ]
    calls = [line for line in text.splitlines() if "call" in line and LIBRARY_CALL.search(line)]
    assert packed
    assert not calls


def test_a_call_of_the_c_library_is_noticed():
    @compiled
    def library_exp(x):
        return math.exp(x)

    text = assembly(library_exp)
    assert LIBRARY_CALL.search(text)
    assert not any(PACKED.search(line) and re.search("[yz]mm", line) for line in text.splitlines())


@pytest.mark.parametrize("name", ["exp", "log", "sin", "tanh", "power"])
def test_remainder_loop_gives_the_bits_of_the_vector_loop(name):
    function = getattr(elementary, name)
    arity = ARITY.get(name, 1)

    @compiled
    def loop(x, out):
        for i in range(x.size):
            out[i] = function(x[i]) if arity == 1 else function(x[i], 1.7)

    x = np.random.default_rng(3).uniform(0.01, 9.0, 203)
    whole = np.empty_like(x)
    loop(x, whole)
    for start in range(0, 32):
        piece = np.empty(7)
        loop(x[start : start + 7], piece)
        assert np.array_equal(piece, whole[start : start + 7])
