"""Uniform numbers for decisions in a step: a function of (seed, replica, number).

Number k is made of the upper 52 bits of the first word of pair 2^63 + 2^61 + k of the normals'
Philox stream (`streams`); normals use the pairs below 2^63, minibatches (`batches`) those from
2^63 on and, without replacement, from 2^63 + 2^62 on, branches of split paths from 2^63 + 2^60 on.
"""

from __future__ import annotations

import numpy as np

from langevin_lab.compiled.intrinsics import compiled
from langevin_lab.noise.box_muller import one_plus_fraction
from langevin_lab.noise.philox import philox_bits

__all__ = ["uniform"]

_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_FIRST = np.uint64((1 << 63) + (1 << 61))


@compiled
def uniform(seed, replica, number):
    """Return the uniform number in [0, 1) of that number, of one replica."""
    seed, replica = np.uint64(seed), np.uint64(replica)
    pair = _FIRST + np.uint64(number)
    first, _ = philox_bits(
        pair & _LOW, pair >> _32, replica & _LOW, replica >> _32, seed & _LOW, seed >> _32
    )
    return one_plus_fraction(first) - 1.0
