"""What float32 kernels have of their own in the place of `compiled.exponential` and `circular`.

    exp(x)  = 2^k exp(r),                         |r| <= ln(2)/2
    log(x)  = k ln 2 + f - f^2/2 + f^3 P(f),      x = 2^k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2)
    sin(x)  by x = n pi/2 + r, |r| <= pi/4, with pi/2 in three float32

The other functions have the text that they have there, and read what this file defines:
`single.vocabulary` puts both together and makes every literal a float32. The polynomials are
minimax, found as those of `compiled.exponential`. The tests hold the functions to the bounds of
their docstrings, and to 1.1 ulp for exp, 2 ulp for cosh, 1.5 ulp for power; sin and cos to 1 ulp
for |x| <= 2^18, 5 ulp up to 2^22.
"""

from __future__ import annotations

import numpy as np

from langevin_lab.cuda.single_simulated import (
    absolute,
    bits_of,
    float_of,
    fma,
    inlined,
    select,
)

__all__ = ["expm1"]

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
_UNDERFLOW = -104.0
_OVERFLOW = 89.0
_BEYOND_BOTH = 110.0
_TANH_IS_ONE = 10.0
_LOG1P_IS_X = 1e-9
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
def _exponent_and_fraction(x):
    """Return (k, f) as floats with x = 2^k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2); x > 0, finite."""
    subnormal = x < _SMALLEST_NORMAL
    offset = np.uint32(np.uint64(bits_of(select(subnormal, x * 33554432.0, x))) + _EXPONENT_OFFSET)
    k = float_of(np.uint32((offset >> _23) | _TWO_23_BITS))
    k = k - select(subnormal, 8388760.0, 8388735.0)  # 2^23 + 127, and 25 more
    return k, float_of(np.uint32((offset & _MANTISSA) + _SQRT_HALF_BITS)) - 1.0


@inlined
def _log_series(z):
    """Return (2 atanh(s) - 2 s)/s^3 for z = s^2."""
    q = fma(z, _ATANH[3], _ATANH[2])
    q = fma(z, q, _ATANH[1])
    return fma(z, q, _ATANH[0])


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
def _sine_series(z):
    """Return (sin(r) - r)/r^3 for z = r^2."""
    q = fma(z, _SIN[2], _SIN[1])
    return fma(z, q, _SIN[0])


@inlined
def _cosine_series(z):
    """Return (cos(r) - 1 + r^2/2)/r^4 for z = r^2."""
    q = fma(z, _COS[2], _COS[1])
    return fma(z, q, _COS[0])


@inlined
def _arctan_series(z):
    """Return (atan(t) - t)/t^3 for z = t^2."""
    q = fma(z, _ATAN[4], _ATAN[3])
    q = fma(z, q, _ATAN[2])
    q = fma(z, q, _ATAN[1])
    return fma(z, q, _ATAN[0])


@inlined
def _from_quadrant(quadrant, sine, cosine):
    """Return the sine of r + quadrant*pi/2: sin r, cos r, -sin r, -cos r."""
    value = select((quadrant & _ONE) != 0, cosine, sine)
    return float_of(np.uint32(bits_of(value) ^ ((quadrant << _30) & _SIGN)))
