"""Philox4x32-10 in words of 32 bits, as a card's integer units have them.

A card multiplies two words into one of 64 bits in one instruction (`mul.wide.u32`) and joins three
by exclusive or in another, so a round takes four. Of words carried in uint64, as vector code on the
CPU has them (`noise.philox`), the compiler makes products of 64 bits. The words are the same.

Source: Salmon, Moraes, Dror and Shaw, SC11 (2011), section 4.3.
"""

from __future__ import annotations

import numpy as np

from langevin_lab.cuda.single_simulated import inlined, wide_product

__all__ = ["philox_words"]

_M0 = np.uint32(0xD2511F53)
_M1 = np.uint32(0xCD9E8D57)
_W0 = np.uint64(0x9E3779B9)
_W1 = np.uint64(0xBB67AE85)
_32 = np.uint64(32)


@inlined
def philox_words(c0, c1, c2, c3, k0, k1):
    """Return the four output words (uint32) for counter and key words (uint32)."""
    for _ in range(10):
        a = wide_product(_M0, c0)
        b = wide_product(_M1, c2)
        c0, c1 = np.uint32(np.uint32(b >> _32) ^ c1 ^ k0), np.uint32(b)
        c2, c3 = np.uint32(np.uint32(a >> _32) ^ c3 ^ k1), np.uint32(a)
        k0, k1 = np.uint32(np.uint64(k0) + _W0), np.uint32(np.uint64(k1) + _W1)
    return c0, c1, c2, c3
