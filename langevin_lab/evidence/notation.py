"""Numbers as text: as many digits as the error bar supports, two digits of the error.

plus_minus(0.46731, 0.00123)   "0.4673 ± 0.0012"
parenthesis(0.46731, 0.00123)  "0.4673(12)"
number(0.46792, 0.00123)       "0.46792", one digit beyond the error
"""

from __future__ import annotations

import math

_FIXED = (1e-4, 1e6)  # sizes written without an exponent
_EXACT_DIGITS = 10


def plus_minus(value: float, stderr: float) -> str:
    """``value ± stderr`` with two digits of the error; ten digits of an exact value."""
    if stderr == 0:
        return number(value)
    scaled, error, decimals, suffix = _rounded(value, stderr)
    text = f"{scaled:.{decimals}f} ± {error:.{decimals}f}"
    return f"({text}){suffix}" if suffix else text


def parenthesis(value: float, stderr: float) -> str:
    """``value(error)``, the error in units of the last digit; "12.3(1.2)" where it exceeds 1."""
    if stderr == 0:
        return number(value)
    scaled, error, decimals, suffix = _rounded(value, stderr)
    digits = f"{error:.{decimals}f}"
    if decimals and error < 1:
        digits = digits.split(".")[1].lstrip("0")
    return f"{scaled:.{decimals}f}({digits}){suffix}"


def number(value: float, stderr: float = 0.0) -> str:
    """``value`` with one digit beyond the error; ten significant digits if there is no error."""
    if stderr == 0:
        return f"{value:.{_EXACT_DIGITS}g}"
    scaled, _, decimals, suffix = _rounded(value, stderr / 10, size=max(abs(value), stderr))
    text = f"{scaled:.{decimals}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{text}{suffix}"


def _rounded(value: float, stderr: float, size: float = 0.0) -> tuple[float, float, int, str]:
    """Value and error in units of the exponent, decimals that keep two digits, exponent text."""
    size = size or max(abs(value), stderr)
    last = int(f"{stderr:.1e}".split("e")[1]) - 1  # power of ten of the last digit kept
    fixed = _FIXED[0] <= size < _FIXED[1]
    power = 0 if fixed else math.floor(math.log10(size))
    decimals = max(power - last, 0)
    coarse = min(power - last, 0)  # an error of 120 rounds the value to tens
    scale = 10.0**-power
    return (
        round(value * scale, coarse) if coarse else value * scale,
        round(stderr * scale, coarse) if coarse else stderr * scale,
        decimals,
        "" if fixed else f"e{power:+03d}",
    )
