"""Exit from a saddle whose Hessian vanishes: a power of the temperature instead of its logarithm.

Where U = amplitude h(x) with h homogeneous of degree n >= 3, friction dx = -U' dt + noise has no
rate of its own. Its units are

    length (T/amplitude)^(1/n),      time friction amplitude^(-2/n) T^(-(n - 2)/n),

and the drift blows up: the mean time from the saddle to infinity is finite and a number times that
unit, T^(-1/3) for a cubic. In one dimension (h = -|x|^n; or x goes up on the other side)

    C_n = Gamma(1/n) Gamma(2/n) Gamma(1 - 2/n)/(n^2 Gamma(1 - 1/n))     [+ Gamma(1 + 1/n)^2],

from tau = int_0^inf e^(-y^n) int e^(z^n) dz dy with z = y u; the cubic has 2 Gamma(4/3)^2. For the
monkey saddle h = x^3 - 3 x y^2 = r^3 cos 3a the mean time f solves, with f = sum_k f_k(r) cos 3ka,

    f'' + f'/r + f_aa/r^2 - 3 r^2 cos(3a) f' + 3 r sin(3a) f_a = -1,

which gives C = 0.7339156. What is left from a distance L >> (T/amplitude)^(1/n) on is, in units of
rho = L (amplitude/T)^(1/n), the flow and its first correction,

    rho^(2 - n)/(n (n - 2)) + B rho^(2 - 2 n),     B = 1/(2 n^2) in 1-D, 1/9 for the monkey saddle.

Source: Haenggi, Talkner and Borkovec (1990), section VII, for the double integral.
"""

from __future__ import annotations

import math

from langevin_lab.dynamics.schedules import check_number
from langevin_lab.ensemble.checks import check_count
from langevin_lab.escape.linear_saddle import check_all_positive

# Mean time from the monkey saddle to infinity in its unit, to 1e-7: the equation above in
# Chebyshev points and 48 angles, carried from radii 4 to 7 to infinity.
MONKEY_CONSTANT = 0.7339156
_LEAST_DISTANCE = 1.5


def flat_saddle_exit_time(
    *,
    degree: int,
    amplitude: float,
    temperature: float,
    friction: float = 1.0,
    distance: float = math.inf,
    one_sided: bool = False,
) -> float:
    """Mean overdamped time from the top of ``-amplitude |x|^degree`` to infinity or a distance.

    ``mean = friction amplitude^(-2/n) T^(2/n-1) [C_n - rho^(2-n)/(n (n-2)) - rho^(2-2n)/(2 n^2)]``,
    rho = distance (amplitude/T)^(1/n).

    Parameters
    ----------
    degree : int
        n >= 3.
    amplitude, temperature, friction : float
        > 0; amplitude [energy/length^degree].
    distance : float, optional
        >= 1.5 (temperature/amplitude)^(1/degree) [length]; infinity by default.
    one_sided : bool, optional
        The energy rises on the other side, as that of -x^3 does, instead of falling on both.

    Returns
    -------
    float
        [time]. Exact for infinity, else the error is of order rho^(2 - 3 n) in units of time.

    Raises
    ------
    ValueError, TypeError
        An argument out of range; a distance below 1.5 (T/amplitude)^(1/n), where noise leads.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> cubic = dict(degree=3, amplitude=1.0, one_sided=True)
    >>> round(ll.escape.flat_saddle_exit_time(temperature=1.0, **cubic), 6)
    1.594825
    """
    n = check_count("degree", degree, 3)
    gamma = math.gamma
    constant = gamma(1 / n) * gamma(2 / n) * gamma(1 - 2 / n) / (n**2 * gamma(1 - 1 / n))
    if one_sided:
        constant += gamma(1 + 1 / n) ** 2
    return _in_units(constant, 0.5 / n**2, n, amplitude, temperature, friction, distance)


def monkey_saddle_exit_time(
    *, amplitude: float, temperature: float, friction: float = 1.0, distance: float = math.inf
) -> float:
    """Mean overdamped time from a monkey saddle, amplitude (x^3 - 3 x y^2), to a circle around it.

    ``mean = friction amplitude^(-2/3) T^(-1/3) [0.7339156 - 1/(3 rho) - 1/(9 rho^4)]``,
    rho = distance (amplitude/T)^(1/3).

    Parameters
    ----------
    amplitude, temperature, friction : float
        > 0; amplitude [energy/length^3].
    distance : float, optional
        Radius of the circle, >= 1.5 (temperature/amplitude)^(1/3) [length]; infinity by default.

    Returns
    -------
    float
        [time]. To 2e-7 for infinity, else the error is 0.2 rho^-7 in units of time.

    Raises
    ------
    ValueError
        An argument out of range; a distance below 1.5 (T/amplitude)^(1/3), where noise leads.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> times = [ll.escape.monkey_saddle_exit_time(amplitude=1.0, temperature=T)
    ...          for T in (1.0, 1e-3)]
    >>> [round(time, 6) for time in times]
    [0.733916, 7.339156]
    """
    return _in_units(MONKEY_CONSTANT, 1 / 9, 3, amplitude, temperature, friction, distance)


def _in_units(
    constant: float, second: float, n: int, amplitude: float, temperature: float, friction: float,
    distance: float,
) -> float:  # fmt: skip
    """Mean time in units of time from that in units of the saddle, less what is beyond distance."""
    check_all_positive(amplitude=amplitude, temperature=temperature, friction=friction)
    check_number("distance", distance)
    reduced = distance * (amplitude / temperature) ** (1 / n)
    if not reduced >= _LEAST_DISTANCE:
        raise ValueError(
            f"distance={distance} must be at least {_LEAST_DISTANCE} (temperature/amplitude)"
            f"^(1/{n}) = {_LEAST_DISTANCE * (temperature / amplitude) ** (1 / n):.4g}; "
            "nearer to the saddle noise leads, see exact.generator"
        )
    rest = reduced ** (2 - n) / (n * (n - 2)) + second * reduced ** (2 - 2 * n)
    return float((constant - rest) * friction * amplitude ** (-2 / n) * temperature ** (2 / n - 1))
