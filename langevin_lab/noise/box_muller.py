"""The Box-Muller transform of 2 x 52 random bits into two independent standard normals.

    u1 = 1 - n1 2^-52 in (0, 1],  u2 = n2 2^-52 in [0, 1)
    (radius cos 2 pi u2, radius sin 2 pi u2),  radius = sqrt(-2 ln u1) <= 8.49

The logarithm and the circular functions are inline, branch-free, and specialised to these ranges:
u2 is reduced to |y| <= 1/8 of a turn and a quadrant without rounding, so no pi enters; log of u1
has neither limits nor subnormal numbers to care for. Radius and circle are good to 2 ulp. The
polynomials are minimax, found as described in `compiled.exponential`.

Source: G. E. P. Box and M. E. Muller, Annals of Mathematical Statistics 29 (1958) 610-611.
"""

from __future__ import annotations

import numpy as np

from langevin_lab.compiled.intrinsics import bits_of, float_of, fma, inlined, select, sqrt

__all__ = ["circle", "one_plus_fraction", "radius"]

# -2 (2 atanh(s) - 2 s)/s^3 in s^2 for s^2 <= (3 - 2 sqrt(2))^2, relative error of log 2^-58.9.
_LOG = (
    -1.3333333333333468,
    -0.7999999999882926,
    -0.5714285748480277,
    -0.4444439714302037,
    -0.3636712885153604,
    -0.3062809539610102,
    -0.29591962262717063,
)
_MINUS_TWO_LN2 = -1.3862943611198906
# sin(2 pi y)/y and (cos(2 pi y) - 1)/y^2 in y^2 on |y| <= 1/8, errors 2^-54.1 and 2^-55.3.
_SIN = (
    6.283185307179586,
    -41.341702240399634,
    81.60524927594452,
    -76.70585970331774,
    42.05868490236648,
    -15.093797522334032,
    3.7807265228737994,
)
_COS = (
    -19.739208802178716,
    64.93939402266798,
    -85.45681720652829,
    60.24464132938539,
    -26.426250927270576,
    7.903091588846975,
    -1.6968347058036433,
)
_12 = np.uint64(12)
_52 = np.uint64(52)
_62 = np.uint64(62)
_ONE = np.uint64(1)
_SIGN = np.uint64(1 << 63)
_ONE_BITS = np.uint64(0x3FF0000000000000)
_MANTISSA = np.uint64(0x000FFFFFFFFFFFFF)
_SQRT_HALF_BITS = np.uint64(0x3FE6A09E667F3BCD)
_EXPONENT_OFFSET = np.uint64(0x3FF0000000000000 - 0x3FE6A09E667F3BCD)
_TWO_52_BITS = np.uint64(0x4330000000000000)
# Adding this rounds to a multiple of 1/4 and leaves that multiple in the last bits of the sum.
_QUARTER_SHIFT = 1.5 * 2.0**50


@inlined
def one_plus_fraction(bits):
    """Return 1 + n 2^-52 with n the upper 52 of 64 bits: a float64 in [1, 2)."""
    return float_of((bits >> _12) | _ONE_BITS)


@inlined
def radius(v):
    """Return sqrt(-2 ln(2 - v)) for v in [1, 2)."""
    offset = bits_of(2.0 - v) + _EXPONENT_OFFSET
    k = float_of((offset >> _52) | _TWO_52_BITS) - (2.0**52 + 1023.0)
    m = float_of((offset & _MANTISSA) + _SQRT_HALF_BITS)
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    q = fma(z, _LOG[6], _LOG[5])
    q = fma(z, q, _LOG[4])
    q = fma(z, q, _LOG[3])
    q = fma(z, q, _LOG[2])
    q = fma(z, q, _LOG[1])
    q = fma(z, q, _LOG[0])
    q = fma(z, q, -4.0)
    return sqrt(fma(s, q, k * _MINUS_TWO_LN2))


@inlined
def circle(length, v):
    """Return length*cos(2 pi v), length*sin(2 pi v) for v in [1, 2)."""
    shifted = v + _QUARTER_SHIFT
    y = v - (shifted - _QUARTER_SHIFT)  # exact
    z = y * y
    sine = fma(z, _SIN[6], _SIN[5])
    sine = fma(z, sine, _SIN[4])
    sine = fma(z, sine, _SIN[3])
    sine = fma(z, sine, _SIN[2])
    sine = fma(z, sine, _SIN[1])
    sine = fma(z, sine, _SIN[0])
    sine = sine * y
    cosine = fma(z, _COS[6], _COS[5])
    cosine = fma(z, cosine, _COS[4])
    cosine = fma(z, cosine, _COS[3])
    cosine = fma(z, cosine, _COS[2])
    cosine = fma(z, cosine, _COS[1])
    cosine = fma(z, cosine, _COS[0])
    cosine = fma(z, cosine, 1.0)
    quadrant = bits_of(shifted)
    odd = (quadrant & _ONE) != 0
    even_part = length * select(odd, sine, cosine)
    odd_part = length * select(odd, cosine, sine)
    # Quadrants 1 and 2 have a negative cosine, 2 and 3 a negative sine.
    even_sign = ((quadrant + _ONE) << _62) & _SIGN
    odd_sign = (quadrant << _62) & _SIGN
    return float_of(bits_of(even_part) ^ even_sign), float_of(bits_of(odd_part) ^ odd_sign)
