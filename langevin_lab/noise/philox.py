"""Philox4x32-10: ten rounds that turn a 128-bit counter and a 64-bit key into 128 random bits.

    c0, c1, c2, c3 <- high(M1 c2) ^ c1 ^ k0, low(M1 c2), high(M0 c0) ^ c3 ^ k1, low(M0 c0)
    k0, k1         <- k0 + W0, k1 + W1                       (32-bit words, 32 x 32 -> 64 products)

Words are carried in uint64, where a product of two masked words vectorises to one instruction
(vpmuludq). Bits above the 32nd are left as they fall in c1 and c3 and dropped where they would
count, which saves two masks a round.

Source: Salmon, Moraes, Dror and Shaw, SC11 (2011), section 4.3.
"""

from __future__ import annotations

import numpy as np

from langevin_lab.compiled.intrinsics import compiled, inlined

__all__ = ["philox4x32", "philox_bits", "two_philox_bits"]

_M0 = np.uint64(0xD2511F53)
_M1 = np.uint64(0xCD9E8D57)
_W0 = np.uint64(0x9E3779B9)
_W1 = np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)


@inlined
def _round(c0, c1, c2, c3, k0, k1):
    a = _M0 * (c0 & _LOW)
    b = _M1 * (c2 & _LOW)
    return (b >> _32) ^ c1 ^ k0, b, (a >> _32) ^ c3 ^ k1, a


@inlined
def _last_round(c0, c1, c2, c3, k0, k1):
    """Return w0*2^32 + w1 and w2*2^32 + w3: they lie in the products but for one exclusive or."""
    a = _M0 * (c0 & _LOW)
    b = _M1 * (c2 & _LOW)
    return b ^ ((c1 ^ k0) << _32), a ^ ((c3 ^ k1) << _32)


@inlined
def _round_keys(k0, k1, j):
    step = np.uint64(j)
    return (k0 + step * _W0) & _LOW, (k1 + step * _W1) & _LOW


@inlined
def philox_bits(c0, c1, c2, c3, k0, k1):
    """Return the output words as two uint64, w0*2^32 + w1 and w2*2^32 + w3."""
    for j in range(9):
        u, v = _round_keys(k0, k1, j)
        c0, c1, c2, c3 = _round(c0, c1, c2, c3, u, v)
    u, v = _round_keys(k0, k1, 9)
    return _last_round(c0, c1, c2, c3, u, v)


@inlined
def two_philox_bits(a, b, k0, k1):
    """Return philox_bits of the counters a and b, round by round: neither waits for the other."""
    a0, a1, a2, a3 = a
    b0, b1, b2, b3 = b
    for j in range(9):
        u, v = _round_keys(k0, k1, j)
        a0, a1, a2, a3 = _round(a0, a1, a2, a3, u, v)
        b0, b1, b2, b3 = _round(b0, b1, b2, b3, u, v)
    u, v = _round_keys(k0, k1, 9)
    return _last_round(a0, a1, a2, a3, u, v), _last_round(b0, b1, b2, b3, u, v)


@compiled
def philox4x32(counter0, counter1, counter2, counter3, key0, key1):
    """Return the four 32-bit words of Philox4x32-10 (as uint64) for 32-bit counter and key words.

    Source: Salmon et al. (2011), section 4.3; equal to the known-answer vectors of Random123.
    """
    first, second = philox_bits(
        np.uint64(counter0) & _LOW,
        np.uint64(counter1) & _LOW,
        np.uint64(counter2) & _LOW,
        np.uint64(counter3) & _LOW,
        np.uint64(key0) & _LOW,
        np.uint64(key1) & _LOW,
    )
    return first >> _32, first & _LOW, second >> _32, second & _LOW
