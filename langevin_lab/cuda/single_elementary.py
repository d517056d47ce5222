"""The elementary functions of `compiled.elementary` for float32 kernels: the same forms, shorter.

    exp(x)  = 2^k exp(r),                         |r| <= ln(2)/2
    log(x)  = k ln 2 + f - f^2/2 + f^3 P(f),      x = 2^k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2)
    sin(x)  by x = n pi/2 + r, |r| <= pi/4, with pi/2 in three float32

The text is pasted into kernels, where every literal becomes a float32 (`single.translated`); as a
module it works on numpy's float32 and gives the same bits. The polynomials are minimax, found as
those of `compiled.exponential`; bounds in units in the last place (ulp) are held by the tests.
"""

from __future__ import annotations

import numpy as np

from langevin_lab.cuda.single_simulated import (
    absolute,
    bits_of,
    copysign,
    float_of,
    fma,
    inlined,
    nearest,
    select,
    sqrt,
)

__all__ = [
    "absolute",
    "arctan",
    "cos",
    "cosh",
    "exp",
    "expm1",
    "fma",
    "log",
    "log1p",
    "power",
    "select",
    "sin",
    "sinh",
    "sqrt",
    "tanh",
]

# (exp(r) - 1 - r - r^2/2)/r^3 on |r| <= ln(2)/2, relative error of exp 2^-27.9.
_EXP = (0.16666535, 0.041667238, 0.008367458, 0.0013863822)
# (log(1 + f) - f + f^2/2)/f^3 on [sqrt(1/2) - 1, sqrt(2) - 1], relative error of log 2^-27.0.
_LOG = (
    0.3333333,
    -0.2500082,
    0.20001236,
    -0.1662345,
    0.14201666,
    -0.13159303,
    0.12761724,
    -0.076367505,
)
# (2 atanh(s) - 2 s)/s^3 in s^2 for s^2 <= (3 - 2 sqrt(2))^2, relative error of log 2^-31.1.
_ATANH = (0.6666666, 0.40000334, 0.285374, 0.23580611)
# (sin(r) - r)/r^3 and (cos(r) - 1 + r^2/2)/r^4 in r^2 on |r| <= pi/4, errors 2^-26.8 and 2^-32.0.
_SIN = (-0.16666655, 0.008332162, -0.0001951548)
_COS = (0.041666646, -0.0013887321, 2.4433622e-05)
# (atan(t) - t)/t^3 in t^2 on |t| <= sqrt(2) - 1, error 2^-28.6.
_ATAN = (-0.33333316, 0.1999848, -0.14243662, 0.10594637, -0.060800716)
_LOG2_E = 1.442695
# ln 2 in two pieces; the first has 16 bits, so its product with an exponent is exact.
_LN2_HIGH = 0.693145751953125
_LN2_LOW = 1.4286068e-06
# Adding 1.5*2^23 + 254 rounds to an integer k and leaves k + 254 in the last bits of the sum.
_EXP_SHIFT = 12583166.0
_NINE_BITS = np.uint32(0x1FF)
_ONE = np.uint32(1)
_23 = np.uint32(23)
_30 = np.uint32(30)
_128 = np.uint32(128)
_SIGN = np.uint32(0x80000000)
_MANTISSA = np.uint32(0x007FFFFF)
_SQRT_HALF_BITS = np.uint32(0x3F3504F3)
_EXPONENT_OFFSET = np.uint64(0x3F800000 - 0x3F3504F3)
_TWO_23_BITS = np.uint32(0x4B000000)
_SMALLEST_NORMAL = 1.1754943508222875e-38
_TWO_OVER_PI = 0.63661975
_HALF_PI = (1.5707964, -4.371139e-08, -1.7151245e-15)  # in three float32
_QUARTER_PI = (0.7853982, -2.1855694e-08)
_SHIFT = 12582912.0  # 1.5*2^23
# Beyond this the reduction loses digits; neighbours of so large a float32 are 0.5 apart anyway.
_LARGEST_ANGLE = 4194304.0


@inlined
def _reduced_exp(x, tail):
    """Return (k + 254, exp(r) - 1) with exp(x + tail) = 2^k exp(r), for -104 <= x <= 90."""
    shifted = fma(x, _LOG2_E, _EXP_SHIFT)
    k = shifted - _EXP_SHIFT
    r = fma(-k, _LN2_HIGH, x) + fma(-k, _LN2_LOW, tail)
    q = fma(r, _EXP[3], _EXP[2])
    q = fma(r, q, _EXP[1])
    q = fma(r, q, _EXP[0])
    q = fma(r, q, 0.5)
    return np.uint32(bits_of(shifted) & _NINE_BITS), fma(r * r, q, r)


@inlined
def _scaled(value, biased):
    """Return value * 2^(biased - 254) in two factors, so that subnormal results are right."""
    half = np.uint32(biased >> _ONE)
    rest = np.uint32(biased - half)
    return value * float_of(np.uint32(half << _23)) * float_of(np.uint32(rest << _23))


@inlined
def exp(x):
    """Return e^x, within 1.1 ulp; 0 below -104, inf above 88.73."""
    x = select(x > 89.0, 89.0, select(x < -104.0, -104.0, x))
    biased, excess = _reduced_exp(x, 0.0)
    return _scaled(1.0 + excess, biased)


@inlined
def expm1(x):
    """Return e^x - 1, within 2 ulp also where x is small."""
    bounded = select(x > 89.0, 89.0, select(x < -30.0, -30.0, x))
    biased, excess = _reduced_exp(bounded, 0.0)
    # Half the power of two: 2^128 is no float32.
    half = float_of(np.uint32(np.uint32(biased - _128) << _23))
    result = 2.0 * fma(half, excess, half - 0.5)
    return select(absolute(x) < 1e-30, x, result)


@inlined
def _half_exp(x):
    """Return e^x / 2 for x >= 0, inf only where the half overflows."""
    biased, excess = _reduced_exp(select(x > 90.0, 90.0, x), 0.0)
    return _scaled(1.0 + excess, np.uint32(biased - _ONE))


@inlined
def cosh(x):
    """Return (e^x + e^-x)/2, within 2 ulp."""
    half = _half_exp(absolute(x))
    return half + 0.25 / half


@inlined
def sinh(x):
    """Return (e^x - e^-x)/2, within 3 ulp also where x is small."""
    size = absolute(x)
    t = expm1(select(size > 1.0, 1.0, size))
    half = _half_exp(size)
    return copysign(select(size < 1.0, 0.5 * (t + t / (t + 1.0)), half - 0.25 / half), x)


@inlined
def tanh(x):
    """Return sinh(x)/cosh(x), within 3 ulp also where x is small."""
    size = absolute(x)
    t = expm1(2.0 * select(size > 10.0, 10.0, size))
    return copysign(t / (t + 2.0), x)


@inlined
def _exponent_and_fraction(x):
    """Return (k, f) as floats with x = 2^k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2); x > 0, finite."""
    subnormal = x < _SMALLEST_NORMAL
    offset = np.uint32(np.uint64(bits_of(select(subnormal, x * 33554432.0, x))) + _EXPONENT_OFFSET)
    k = float_of(np.uint32((offset >> _23) | _TWO_23_BITS))
    k = k - select(subnormal, 8388760.0, 8388735.0)  # 2^23 + 127, and 25 more
    return k, float_of(np.uint32((offset & _MANTISSA) + _SQRT_HALF_BITS)) - 1.0


@inlined
def _log_of_sum(x, tail):
    """Return log(x) + tail for positive finite x, the tail at most an ulp of x relative to x."""
    k, f = _exponent_and_fraction(x)
    q = fma(f, _LOG[7], _LOG[6])
    q = fma(f, q, _LOG[5])
    q = fma(f, q, _LOG[4])
    q = fma(f, q, _LOG[3])
    q = fma(f, q, _LOG[2])
    q = fma(f, q, _LOG[1])
    q = fma(f, q, _LOG[0])
    z = f * f
    small = fma(z, fma(f, q, -0.5), fma(k, _LN2_LOW, tail))
    # Sums of two in which nothing is lost: k ln 2 is zero or the larger.
    large = fma(k, _LN2_HIGH, f)
    lost = f - (large - k * _LN2_HIGH)
    return large + (small + lost)


@inlined
def _log_limits(x, value):
    """Return the value for positive finite x, else the limit: -inf at 0, nan below, inf at inf."""
    return select(x > 0.0, select(x < np.inf, value, x), select(x == 0.0, -np.inf, np.nan))


@inlined
def log(x):
    """Return the natural logarithm, within 1 ulp; log(0) = -inf, nan for negative x."""
    return _log_limits(x, _log_of_sum(x, 0.0))


@inlined
def log1p(x):
    """Return log(1 + x), within 1.5 ulp also where x is small; -inf at -1, nan below."""
    total = 1.0 + x
    other = total - 1.0
    lost = (1.0 - (total - other)) + (x - other)  # 1 + x = total + lost exactly
    result = _log_limits(total, _log_of_sum(total, lost / total))
    return select(absolute(x) < 1e-9, x, result)


@inlined
def _log_in_two_parts(x):
    """Return (high, low) with high + low = log(x) to a relative 2^-30, for positive finite x."""
    k, f = _exponent_and_fraction(x)
    denominator = 2.0 + f
    lost = f - (denominator - 2.0)
    s = f / denominator
    s_low = (fma(-s, denominator, f) - s * lost) / denominator
    z = s * s
    q = fma(z, _ATANH[3], _ATANH[2])
    q = fma(z, q, _ATANH[1])
    q = fma(z, q, _ATANH[0])
    head = k * _LN2_HIGH
    first = head + 2.0 * s
    rest = 2.0 * s - (first - head)
    rest += fma(s * z, q, fma(k, _LN2_LOW, 2.0 * s_low * (1.0 + z)))
    high = first + rest
    return high, rest - (high - first)


@inlined
def power(x, y):
    """Return x^y, within 1.5 ulp; nan for negative x unless y is an integer.

    The limits are those of IEEE 754 pow: x^0 = 1^y = 1, 0^y = 0 or inf, signs for odd integers.
    """
    size = absolute(x)
    high, low = _log_in_two_parts(size)
    high = _log_limits(size, high)
    exponent = y * high
    tail = fma(y, high, -exponent) + y * low
    tail = select(absolute(exponent) < 110.0, tail, 0.0)
    exponent = select(exponent > 89.0, 89.0, select(exponent < -104.0, -104.0, exponent))
    biased, excess = _reduced_exp(exponent, tail)
    result = _scaled(1.0 + excess, biased)
    integer = nearest(y) == y
    odd = integer & (2.0 * nearest(0.5 * y) != y)
    result = select((size == 1.0) & (absolute(y) == np.inf), 1.0, result)
    undefined = (x < 0.0) & (size < np.inf) & (nearest(y) != y)
    result = select(odd, copysign(result, x), select(undefined, np.nan, result))
    return select((y == 0.0) | (x == 1.0), 1.0, result)


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
def _sin_and_cos(high, low):
    """Return (sin, cos) of high + low for |high| <= pi/4, low at most an ulp of high."""
    z = high * high
    q = fma(z, _SIN[2], _SIN[1])
    q = fma(z, q, _SIN[0])
    sine = high + fma(z * high, q, fma(-0.5 * z, low, low))
    q = fma(z, _COS[2], _COS[1])
    q = fma(z, q, _COS[0])
    half = 0.5 * z
    cosine = 1.0 - half
    cosine += ((1.0 - cosine) - half) + fma(z * z, q, -high * low)
    return sine, cosine


@inlined
def _from_quadrant(quadrant, sine, cosine):
    """Return the sine of r + quadrant*pi/2: sin r, cos r, -sin r, -cos r."""
    value = select((quadrant & _ONE) != 0, cosine, sine)
    return float_of(np.uint32(bits_of(value) ^ ((quadrant << _30) & _SIGN)))


@inlined
def sin(x):
    """Return the sine, within 1 ulp for |x| <= 2^18, 5 ulp up to 2^22 = 4.2e6; nan beyond."""
    quadrant, high, low = _reduced_angle(x)
    sine, cosine = _sin_and_cos(high, low)
    value = select(x == 0.0, x, _from_quadrant(quadrant, sine, cosine))  # keeps the sign of -0
    return select(absolute(x) <= _LARGEST_ANGLE, value, np.nan)


@inlined
def cos(x):
    """Return the cosine, within 1 ulp for |x| <= 2^18, 5 ulp up to 2^22 = 4.2e6; nan beyond."""
    quadrant, high, low = _reduced_angle(x)
    sine, cosine = _sin_and_cos(high, low)
    value = _from_quadrant(np.uint32((quadrant & _NINE_BITS) + _ONE), sine, cosine)
    return select(absolute(x) <= _LARGEST_ANGLE, value, np.nan)


@inlined
def arctan(x):
    """Return the inverse tangent in [-pi/2, pi/2], within 2 ulp."""
    size = absolute(x)
    middle = size > 0.41421357
    large = size > 2.4142137
    # atan(x) = pi/4 + atan((x - 1)/(x + 1)) = pi/2 + atan(-1/x)
    top = select(large, -1.0, select(middle, size - 1.0, size))
    bottom = select(large, size, select(middle, size + 1.0, 1.0))
    turns = select(large, 2.0, select(middle, 1.0, 0.0))
    t = top / bottom
    z = t * t
    q = fma(z, _ATAN[4], _ATAN[3])
    q = fma(z, q, _ATAN[2])
    q = fma(z, q, _ATAN[1])
    q = fma(z, q, _ATAN[0])
    value = fma(t * z, q, turns * _QUARTER_PI[1]) + t
    return copysign(fma(turns, _QUARTER_PI[0], value), x)
