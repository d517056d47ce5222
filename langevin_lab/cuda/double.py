"""What a float64 kernel is made of: the CPU's own functions, products kept from contraction.

A precision is a module with these names; `langevin_lab.cuda.writer` asks for nothing else.
"""

from __future__ import annotations

import functools

from langevin_lab.cuda.pasting import pasted, without_contraction

__all__ = ["HEADER", "noise", "translated", "vocabulary"]

HEADER = """\
from numba import float64 as real
from langevin_lab.cuda.intrinsics import (
    absolute, bits_of, copysign, entry, float_of, fma, inlined, multiply, nearest, select, sqrt,
)
"""


def translated(source: str) -> str:
    """The text of scalar functions in this precision: the CPU's bits on any card."""
    return without_contraction(source)


@functools.cache
def vocabulary() -> str:
    """Text of the elementary functions."""
    modules = ("exponential", "circular", "elementary")
    return "\n\n\n".join(
        translated(pasted(f"langevin_lab.compiled.{module}")) for module in modules
    )


@functools.cache
def noise() -> str:
    """Text of ``normal_pair(seed, replica, pair)`` and ``uniform(seed, replica, number)``."""
    return "\n\n\n".join(
        [
            pasted("langevin_lab.noise.philox", ["philox_bits"]),  # products of integers
            translated(pasted("langevin_lab.noise.box_muller")),
            pasted("langevin_lab.noise.streams", ["normal_pair"]),
            pasted("langevin_lab.noise.uniforms", ["uniform"]),
        ]
    )
