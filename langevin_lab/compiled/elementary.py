"""The vocabulary of generated code: elementary functions that keep a compiled loop vectorised.

A call of the C library's exp or sin inside a loop stops vectorisation and costs 2.5 to 4 times the
run time. These are scalar functions of float64 without branches, in strict IEEE arithmetic, always
inlined: a loop over replicas that calls them becomes vector code and gives the same bits at any
vector width. Accuracy is that of a good C library; each docstring states its bound in units in the
last place (ulp).

`NUMPY_NAMESPACE` maps the same names to numpy, so that one source text of a potential is both
compiled and evaluated over arrays.
"""

from __future__ import annotations

from langevin_lab.compiled.circular import arctan, cos, sin
from langevin_lab.compiled.exponential import (
    cosh,
    exp,
    expm1,
    log,
    log1p,
    power,
    sinh,
    tanh,
)
from langevin_lab.compiled.intrinsics import absolute, compiled, fma, inlined, select, sqrt
from langevin_lab.compiled.numpy_functions import NUMPY_NAMESPACE

__all__ = [
    "NUMPY_NAMESPACE",
    "absolute",
    "arctan",
    "compiled",
    "cos",
    "cosh",
    "exp",
    "expm1",
    "expm1_over",
    "fma",
    "inlined",
    "log",
    "log1p",
    "maximum",
    "minimum",
    "power",
    "select",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "tanh",
]


@inlined
def expm1_over(x):
    """Return (e^x - 1)/x, within 3 ulp; 1 for x = 0."""
    safe = select(x == 0.0, 1.0, x)
    return select(x == 0.0, 1.0, expm1(safe) / safe)


@inlined
def maximum(a, b):
    """Return the larger; nan if either is nan."""
    return select((a >= b) | (a != a), a, b)


@inlined
def minimum(a, b):
    """Return the smaller; nan if either is nan."""
    return select((a <= b) | (a != a), a, b)


@inlined
def sign(x):
    """Return -1, 0 or 1; nan for nan."""
    return select(x > 0.0, 1.0, select(x < 0.0, -1.0, x + 0.0))
