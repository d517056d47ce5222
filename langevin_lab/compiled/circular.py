"""Sine, cosine and arctangent as branch-free scalar functions of a float64.

    x = n pi/2 + r, |r| <= pi/4: three pieces of pi/2 (159 bits) and fma leave r = high + low
    good to 2^-100 absolute, so that sin and cos stay accurate next to their zeros.

The polynomials are minimax, found as described in `exponential`, and float32 has the same text, as
said there. sin and cos are within 1 ulp for |x| <= 2^45 = 3.5e13.
"""

from __future__ import annotations

import numpy as np

from langevin_lab.compiled.intrinsics import (
    absolute,
    bits_of,
    copysign,
    float_of,
    fma,
    inlined,
    select,
)

# (sin(r) - r)/r^3 and (cos(r) - 1 + r^2/2)/r^4 in r^2 on |r| <= pi/4, errors 2^-56.3 and 2^-59.7.
_SIN = (
    -0.1666666666666663,
    0.008333333333322118,
    -0.00019841269829588699,
    2.755731362106399e-06,
    -2.5050747708664718e-08,
    1.5896226833611812e-10,
)
_COS = (
    0.041666666666666595,
    -0.0013888888888873056,
    2.4801587288851328e-05,
    -2.755731417915828e-07,
    2.087570081924635e-09,
    -1.135853515319814e-11,
)
# (atan(t) - t)/t^3 in t^2 on |t| <= sqrt(2) - 1, error 2^-58.2.
_ATAN = (
    -0.33333333333333326,
    0.1999999999999765,
    -0.1428571428538592,
    0.11111111088067123,
    -0.09090908141159161,
    0.07692282695041874,
    -0.06666225984211116,
    0.05877015693899156,
    -0.05218373641251506,
    0.045034559930045286,
    -0.03347295329736318,
    0.015194251646418255,
)
_TWO_OVER_PI = 0.6366197723675814
# pi/2 in three float64.
_HALF_PI = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33)
_QUARTER_PI = (0.7853981633974483, 3.061616997868383e-17)
_SHIFT = 1.5 * 2.0**52
# Beyond this the reduction loses digits; the answer is nan rather than a wrong number.
_LARGEST_ANGLE = 2.0**45
_ONE = np.uint64(1)
_62 = np.uint64(62)
_63 = np.uint64(63)
_SIGN = np.uint64(1 << 63)


@inlined
def _reduced_angle(x):
    """Return (bits whose last two are the quadrant, high, low) with x = n pi/2 + high + low."""
    shifted = fma(x, _TWO_OVER_PI, _SHIFT)
    n = shifted - _SHIFT
    first = fma(-n, _HALF_PI[0], x)  # exact
    product = n * _HALF_PI[1]
    lost = fma(n, _HALF_PI[1], -product)
    high = first - product
    back = high - first
    low = (first - (high - back)) - (product + back)
    low = fma(-n, _HALF_PI[2], low - lost)
    return bits_of(shifted), high, low


@inlined
def _sine_series(z):
    """Return (sin(r) - r)/r^3 for z = r^2."""
    q = fma(z, _SIN[5], _SIN[4])
    q = fma(z, q, _SIN[3])
    q = fma(z, q, _SIN[2])
    q = fma(z, q, _SIN[1])
    return fma(z, q, _SIN[0])


@inlined
def _cosine_series(z):
    """Return (cos(r) - 1 + r^2/2)/r^4 for z = r^2."""
    q = fma(z, _COS[5], _COS[4])
    q = fma(z, q, _COS[3])
    q = fma(z, q, _COS[2])
    q = fma(z, q, _COS[1])
    return fma(z, q, _COS[0])


@inlined
def _sin_and_cos(high, low):
    """Return (sin, cos) of high + low for |high| <= pi/4, low at most an ulp of high."""
    z = high * high
    q = _sine_series(z)
    sine = high + fma(z * high, q, fma(-0.5 * z, low, low))
    q = _cosine_series(z)
    half = 0.5 * z
    cosine = 1.0 - half
    cosine += ((1.0 - cosine) - half) + fma(z * z, q, -high * low)
    return sine, cosine


@inlined
def _from_quadrant(quadrant, sine, cosine):
    """Return the sine of r + quadrant*pi/2: sin r, cos r, -sin r, -cos r."""
    value = select((quadrant & _ONE) != 0, cosine, sine)
    return float_of(bits_of(value) ^ ((quadrant << _62) & _SIGN))


@inlined
def sin(x):
    """Return the sine; nan where the angle is too large to be reduced."""
    quadrant, high, low = _reduced_angle(x)
    sine, cosine = _sin_and_cos(high, low)
    value = select(x == 0.0, x, _from_quadrant(quadrant, sine, cosine))  # keeps the sign of -0
    return select(absolute(x) <= _LARGEST_ANGLE, value, np.nan)


@inlined
def cos(x):
    """Return the cosine; nan where the angle is too large to be reduced."""
    quadrant, high, low = _reduced_angle(x)
    sine, cosine = _sin_and_cos(high, low)
    value = _from_quadrant(quadrant + _ONE, sine, cosine)
    return select(absolute(x) <= _LARGEST_ANGLE, value, np.nan)


@inlined
def _arctan_series(z):
    """Return (atan(t) - t)/t^3 for z = t^2."""
    q = fma(z, _ATAN[11], _ATAN[10])
    q = fma(z, q, _ATAN[9])
    q = fma(z, q, _ATAN[8])
    q = fma(z, q, _ATAN[7])
    q = fma(z, q, _ATAN[6])
    q = fma(z, q, _ATAN[5])
    q = fma(z, q, _ATAN[4])
    q = fma(z, q, _ATAN[3])
    q = fma(z, q, _ATAN[2])
    q = fma(z, q, _ATAN[1])
    return fma(z, q, _ATAN[0])


@inlined
def arctan(x):
    """Return the inverse tangent in [-pi/2, pi/2], within 2 ulp."""
    size = absolute(x)
    middle = size > 0.41421356237309503
    large = size > 2.414213562373095
    # atan(x) = pi/4 + atan((x - 1)/(x + 1)) = pi/2 + atan(-1/x)
    top = select(large, -1.0, select(middle, size - 1.0, size))
    bottom = select(large, size, select(middle, size + 1.0, 1.0))
    turns = select(large, 2.0, select(middle, 1.0, 0.0))
    t = top / bottom
    z = t * t
    q = _arctan_series(z)
    value = fma(t * z, q, turns * _QUARTER_PI[1]) + t
    return copysign(fma(turns, _QUARTER_PI[0], value), x)
