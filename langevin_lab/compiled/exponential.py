"""Exponential, logarithm and their relatives as branch-free scalar functions of a float64.

    exp(x)  = 2^k exp(r),       k = round(x/ln 2), |r| <= ln(2)/2
    log(x)  = k ln 2 + log(m),  x = 2^k m, sqrt(1/2) <= m < sqrt(2),
    log(m)  = 2 atanh(s),       s = f/(2 + f), f = m - 1

The polynomials are minimax: Remez exchange in 45-digit arithmetic for the weighted relative error,
the coefficients rounded to float64 at the end (tests/compiled/minimax.py derives them again). The
errors stated with each table are those of the rounded coefficients; those of the functions in units
in the last place (ulp) are measured against mpmath by the tests, which hold them to the bounds of
the docstrings and to 1 ulp for exp, 1.5 ulp for cosh, 1 + |y log x|/32 ulp for power.

Kernels in float32 have the same text, but for what `cuda.single_elementary` puts in its place:
tables, limits, and functions that take the bits of a number apart.
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
    nearest,
    select,
)

# (exp(r) - 1 - r)/r^2 on |r| <= ln(2)/2, relative error of exp 2^-60.2.
_EXP = (
    0.5,
    0.1666666666666668,
    0.04166666666666641,
    0.00833333333331853,
    0.0013888888889033197,
    0.00019841269893337415,
    2.4801587025729328e-05,
    2.7557237456765284e-06,
    2.7557526001661296e-07,
    2.5111246084321794e-08,
    2.0838536689540032e-09,
)
# (2 atanh(s) - 2 s)/s^3 in s^2 for s^2 <= (3 - 2 sqrt(2))^2, relative error of log 2^-61.6.
_LOG = (
    0.6666666666666666,
    0.4000000000000624,
    0.2857142856908705,
    0.2222222264661957,
    0.18181775679810072,
    0.153870901270573,
    0.13250132464033143,
    0.13251197766637704,
)
_LOG2_E = 1.4426950408889634
# ln 2 in two pieces; the first has 40 bits, so its product with an exponent is exact.
_LN2_HIGH = float.fromhex("0x1.62e42fefa2p-1")
_LN2_LOW = float.fromhex("0x1.9ef35793c7673p-41")

# Adding 1.5*2^52 + 2046 rounds to an integer k and leaves k + 2046 in the last bits of the sum.
_EXP_SHIFT = 1.5 * 2.0**52 + 2046.0
_TWELVE_BITS = np.uint64(0xFFF)
_ONE = np.uint64(1)
_52 = np.uint64(52)
_1023 = np.uint64(1023)
_1024 = np.uint64(1024)

_MANTISSA = np.uint64(0x000FFFFFFFFFFFFF)
_SQRT_HALF_BITS = np.uint64(0x3FE6A09E667F3BCD)
_EXPONENT_OFFSET = np.uint64(0x3FF0000000000000 - 0x3FE6A09E667F3BCD)
_TWO_52_BITS = np.uint64(0x4330000000000000)
_SMALLEST_NORMAL = 2.0**-1022
# e^x is 0 below the first and inf above the second (in fact below -745.2, above 709.8).
_UNDERFLOW = -746.0
_OVERFLOW = 710.0
_BEYOND_BOTH = 750.0
_TANH_IS_ONE = 22.0  # from here on
_LOG1P_IS_X = 1e-18  # below


@inlined
def _reduced_exp(x, tail):
    """Return (k + 2046, exp(r) - 1) with exp(x + tail) = 2^k exp(r), for -747 <= x <= 713."""
    shifted = fma(x, _LOG2_E, _EXP_SHIFT)
    k = shifted - _EXP_SHIFT
    r = fma(-k, _LN2_HIGH, x) + fma(-k, _LN2_LOW, tail)
    q = fma(r, _EXP[10], _EXP[9])
    q = fma(r, q, _EXP[8])
    q = fma(r, q, _EXP[7])
    q = fma(r, q, _EXP[6])
    q = fma(r, q, _EXP[5])
    q = fma(r, q, _EXP[4])
    q = fma(r, q, _EXP[3])
    q = fma(r, q, _EXP[2])
    q = fma(r, q, _EXP[1])
    q = fma(r, q, _EXP[0])
    return bits_of(shifted) & _TWELVE_BITS, fma(r * r, q, r)


@inlined
def _scaled(value, biased):
    """Return value * 2^(biased - 2046) in two factors, so that subnormal results are right."""
    half = biased >> _ONE
    return value * float_of(half << _52) * float_of((biased - half) << _52)


@inlined
def _in_range(x):
    """Return x, moved to where e^x is 0 or inf if it is beyond."""
    return select(x > _OVERFLOW, _OVERFLOW, select(x < _UNDERFLOW, _UNDERFLOW, x))


@inlined
def exp(x):
    """Return e^x; 0 where it underflows, inf where it overflows."""
    biased, excess = _reduced_exp(_in_range(x), 0.0)
    return _scaled(1.0 + excess, biased)


@inlined
def expm1(x):
    """Return e^x - 1, within 2 ulp also where x is small."""
    bounded = select(x > 710.0, 710.0, select(x < -60.0, -60.0, x))
    biased, excess = _reduced_exp(bounded, 0.0)
    # Half the power of two: 2^1024 is no float64.
    half = float_of((biased - _1024) << _52)
    result = 2.0 * fma(half, excess, half - 0.5)
    return select(absolute(x) < 1e-300, x, result)


@inlined
def _half_exp(x):
    """Return e^x / 2 for x >= 0, inf only where the half overflows."""
    biased, excess = _reduced_exp(select(x > 712.0, 712.0, x), 0.0)
    return _scaled(1.0 + excess, biased - _ONE)


@inlined
def cosh(x):
    """Return (e^x + e^-x)/2."""
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
    t = expm1(2.0 * select(size > _TANH_IS_ONE, _TANH_IS_ONE, size))
    return copysign(t / (t + 2.0), x)


@inlined
def _exponent_and_fraction(x):
    """Return (k, f) as floats with x = 2^k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2); x > 0, finite."""
    subnormal = x < _SMALLEST_NORMAL
    offset = bits_of(select(subnormal, x * 2.0**54, x)) + _EXPONENT_OFFSET
    k = float_of((offset >> _52) | _TWO_52_BITS) - select(
        subnormal, 2.0**52 + 1023.0 + 54.0, 2.0**52 + 1023.0
    )
    return k, float_of((offset & _MANTISSA) + _SQRT_HALF_BITS) - 1.0


@inlined
def _log_series(z):
    """Return (2 atanh(s) - 2 s)/s^3 for z = s^2."""
    q = fma(z, _LOG[7], _LOG[6])
    q = fma(z, q, _LOG[5])
    q = fma(z, q, _LOG[4])
    q = fma(z, q, _LOG[3])
    q = fma(z, q, _LOG[2])
    q = fma(z, q, _LOG[1])
    return fma(z, q, _LOG[0])


@inlined
def _log_of_sum(x, tail):
    """Return log(x) + tail for positive finite x, the tail at most an ulp of x relative to x."""
    k, f = _exponent_and_fraction(x)
    s = f / (2.0 + f)
    z = s * s
    square = 0.5 * f * f
    # log(1 + f) = f - f^2/2 + s (f^2/2 + z L): the rounded s enters in a small term only.
    correction = fma(s, fma(z, _log_series(z), square), fma(k, _LN2_LOW, tail))
    return fma(k, _LN2_HIGH, -((square - correction) - f))


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
    return select(absolute(x) < _LOG1P_IS_X, x, result)


@inlined
def _log_in_two_parts(x):
    """Return (high, low) with high + low = log(x) beyond one number, for positive finite x."""
    k, f = _exponent_and_fraction(x)
    denominator = 2.0 + f
    lost = f - (denominator - 2.0)
    s = f / denominator
    s_low = (fma(-s, denominator, f) - s * lost) / denominator
    z = s * s
    q = _log_series(z)
    head = k * _LN2_HIGH
    first = head + 2.0 * s
    rest = 2.0 * s - (first - head)
    rest += fma(s * z, q, fma(k, _LN2_LOW, 2.0 * s_low * (1.0 + z)))
    high = first + rest
    return high, rest - (high - first)


@inlined
def power(x, y):
    """Return x^y; nan for negative x unless y is an integer.

    The limits are those of IEEE 754 pow: x^0 = 1^y = 1, 0^y = 0 or inf, signs for odd integers.
    """
    size = absolute(x)
    high, low = _log_in_two_parts(size)
    high = _log_limits(size, high)
    exponent = y * high
    tail = fma(y, high, -exponent) + y * low
    tail = select(absolute(exponent) < _BEYOND_BOTH, tail, 0.0)
    biased, excess = _reduced_exp(_in_range(exponent), tail)
    result = _scaled(1.0 + excess, biased)
    integer = nearest(y) == y
    odd = integer & (2.0 * nearest(0.5 * y) != y)
    result = select((size == 1.0) & (absolute(y) == np.inf), 1.0, result)
    undefined = (x < 0.0) & (size < np.inf) & (nearest(y) != y)
    result = select(odd, copysign(result, x), select(undefined, np.nan, result))
    return select((y == 0.0) | (x == 1.0), 1.0, result)
