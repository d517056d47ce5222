"""The normals of `noise.streams` in float32: the same Philox words, rounded once they are numbers.

    n1, n2 = upper 52 bits of w0 w1 and of w2 w3,     u1 = 1 - n1 2^-52,   u2 = n2 2^-52
    z = n1 2^-52 where u1 >= 1/2, else u1;            z is a float32 to a relative 2^-23
    -2 ln u1 = -2 k ln 2 - 2 f + f^2 Q(f),            u1 = 2^k (1 + f), f exact given z

Neither end is cut off: u1 goes down to 2^-52, so radii reach 8.49 as they do in float64, and near
u1 = 1 and at the axes it is the small number, not its difference from 1, that is rounded. Against
float64 a normal differs by a few units in the last place. A float32 u1 = 1 - n 2^-24
would end at a radius of 5.77.

The text is pasted into kernels, as that of `single_elementary`.

Source: Box and Muller (1958).
"""

from __future__ import annotations

import numpy as np

from langevin_lab.cuda.philox_words import philox_words
from langevin_lab.cuda.single_simulated import (
    bits_of,
    float_of,
    fma,
    inlined,
    larger,
    select,
    sqrt_of_normal,
)

__all__ = ["circle", "normal_pair", "radius", "uniform"]

# (-2 log(1 + f) + 2 f - f^2)/f^3 on [sqrt(1/2) - 1, sqrt(2) - 1], relative error of log 2^-27.0.
_LOG = (
    -0.6666666,
    0.5000164,
    -0.4000247,
    0.332469,
    -0.28403333,
    0.26318607,
    -0.25523448,
    0.15273501,
)
_MINUS_TWO_LN2 = -1.6525917e-07  # times 2^-23: the exponent stays where it is in the word
# An eighth of a turn is y = 0.7855 with angle = _SCALE y: this float32 and _UNIT, the y of one unit
# of 2^-34 turns, have a product that is 2 pi 2^-34 to a relative 1e-11, where 2 pi alone would be
# wrong by 3e-8 for every angle.
_SCALE = 0.9998558759689331
_UNIT = 3.6578223783223507e-10
_FINE_UNIT = 8.516537e-20  # 2^-32 of it
# (sin(_SCALE y) - _SCALE y)/y^3 and (cos(_SCALE y) - 1)/y^2 in y^2, errors 2^-27.2 and 2^-27.0.
_SIN = (-0.16659449, 0.00832616, -0.00019495799)
_COS = (-0.49985588, 0.041642606, -0.0013874682, 2.4355812e-05)
_UPPER_20 = np.uint32(0xFFFFF000)
_EXPONENT = np.uint32(0xFF800000)
_ONE_BITS = np.uint32(0x3F800000)
_SIGN = np.uint32(0x80000000)
_ZERO = np.int32(0)
_EIGHTH = np.uint64(0x20000000)
# Minus the bits of sqrt(1/2), and the bits of 1, both modulo 2^32.
_BELOW_SQRT_HALF = np.uint64(0x100000000 - 0x3F3504F3)
_RECIPROCAL = np.uint64(0x13F800000)
_LOW = np.uint64(0xFFFFFFFF)
_FIRST_UNIFORM = np.uint64((1 << 63) + (1 << 61))  # as in noise.uniforms
_BELOW_ONE = 0.99999994
_32 = np.uint64(32)
_1 = np.uint32(1)
_2 = np.uint32(2)
_30 = np.uint32(30)
_31 = np.uint32(31)


@inlined
def radius(high, low):
    """Return sqrt(-2 ln u1) of the two words of n1."""
    flip = np.uint32(np.int32(high) >> np.int32(31))  # all ones where u1 < 1/2
    near_one = float_of(np.uint32(~flip & _ONE_BITS))  # 1, or 0 there
    upper = np.float32(np.uint32(high ^ flip))
    lower = np.float32(np.uint32((low ^ flip) & _UPPER_20))
    # u1 < 1/2 is the complement of n1, plus one.
    step = fma(near_one, -2.220446049250313e-16, 2.220446049250313e-16)
    z = fma(upper, 2.3283064365386963e-10, fma(lower, 5.421010862427522e-20, step))
    signed = float_of(np.uint32(bits_of(z) ^ (~flip & _SIGN)))
    shifted = np.uint64(bits_of(near_one + signed)) + _BELOW_SQRT_HALF
    exponent = np.uint32(np.uint32(shifted) & _EXPONENT)
    scale = float_of(np.uint32(_RECIPROCAL - np.uint64(exponent)))
    f = fma(signed, scale, fma(near_one, scale, -1.0))
    q = fma(f, _LOG[7], _LOG[6])
    q = fma(f, q, _LOG[5])
    q = fma(f, q, _LOG[4])
    q = fma(f, q, _LOG[3])
    q = fma(f, q, _LOG[2])
    q = fma(f, q, _LOG[1])
    q = fma(f, q, _LOG[0])
    q = fma(f, q, 1.0)
    q = fma(f, q, -2.0)
    value = fma(f, q, np.float32(np.int32(exponent)) * _MINUS_TWO_LN2)
    # For n1 = 0 in place of zero; for n1 = 1 it is 4e-16.
    return sqrt_of_normal(larger(value, 1e-30))


@inlined
def circle(length, high, low):
    """Return length*cos(2 pi u2), length*sin(2 pi u2) of the two words of n2."""
    # Shifted up by two bits, the words are a signed fraction of the nearest quarter turn.
    coarse = np.float32(np.int32(np.uint32((high << _2) | (low >> _30))))
    y = fma(coarse, _UNIT, np.float32(np.uint32(low << _2)) * _FINE_UNIT)
    z = y * y
    sine = fma(z, _SIN[2], _SIN[1])
    sine = fma(z, sine, _SIN[0])
    sine = fma(z, sine, _SCALE)
    sine = sine * y
    cosine = fma(z, _COS[3], _COS[2])
    cosine = fma(z, cosine, _COS[1])
    cosine = fma(z, cosine, _COS[0])
    cosine = fma(z, cosine, 1.0)
    quadrant = np.uint32(np.uint64(high) + _EIGHTH)  # in the two upper bits
    odd = np.int32(np.uint32(quadrant << _1)) < _ZERO
    even_part = length * select(odd, sine, cosine)
    odd_part = length * select(odd, cosine, sine)
    # Quadrants 1 and 2 have a negative cosine, 2 and 3 a negative sine.
    even_sign = (quadrant ^ (quadrant << _1)) & _SIGN
    odd_sign = quadrant & _SIGN
    return (
        float_of(np.uint32(bits_of(even_part) ^ even_sign)),
        float_of(np.uint32(bits_of(odd_part) ^ odd_sign)),
    )


@inlined
def _words(seed, replica, pair):
    """Return the four words of a pair of one replica."""
    return philox_words(
        np.uint32(pair & _LOW),
        np.uint32(pair >> _32),
        np.uint32(replica & _LOW),
        np.uint32(replica >> _32),
        np.uint32(seed & _LOW),
        np.uint32(seed >> _32),
    )


@inlined
def normal_pair(seed, replica, pair):
    """Return the normals number 2*pair and 2*pair + 1 of one replica."""
    w0, w1, w2, w3 = _words(np.uint64(seed), np.uint64(replica), np.uint64(pair))
    return circle(radius(w0, w1), w2, w3)


@inlined
def uniform(seed, replica, number):
    """Return the uniform number in [0, 1) of that number, of one replica; rounded, but below 1."""
    pair = _FIRST_UNIFORM + np.uint64(number)
    w0, w1, _, _ = _words(np.uint64(seed), np.uint64(replica), pair)
    fine = np.float32(np.uint32(w1 & _UPPER_20)) * 5.421010862427522e-20
    value = fma(np.float32(w0), 2.3283064365386963e-10, fine)
    return select(value < 1.0, value, _BELOW_ONE)
