"""The coefficient tables are what their comments say: minimax, with the stated errors."""

from __future__ import annotations

import mpmath as mp
import pytest
from minimax import Problem, minimax

from langevin_lab.compiled import circular, exponential
from langevin_lab.noise import box_muller

mp.mp.dps = 45
TURN = 2 * mp.pi
EXP_RANGE = mp.log(2) / 2 * mp.mpf("1.0001")
LOG_RANGE = (3 - 2 * mp.sqrt(2)) ** 2 * mp.mpf("1.00001") ** 2
QUARTER = (mp.pi / 4 * mp.mpf("1.00001")) ** 2
ATAN_RANGE = ((mp.sqrt(2) - 1) * mp.mpf("1.00001")) ** 2


def near_zero(function, series):
    """Use a series where the closed form cancels."""
    return lambda z: series(z) if abs(z) < mp.mpf("1e-8") else function(z)


def of_root(function, leading, power):
    """Return z -> (function(s) - leading(s))/s^power with s = sqrt(z)."""
    return lambda z: (function(mp.sqrt(z)) - leading(mp.sqrt(z))) / mp.sqrt(z) ** power


EXP = Problem(
    near_zero(
        lambda r: (mp.expm1(r) - r - r * r / 2) / r**3,
        lambda r: mp.mpf(1) / 6 + r / 24 + r * r / 120,
    ),
    lambda r: max(abs(r) ** 3, mp.mpf("1e-12")) / mp.exp(r),
    -EXP_RANGE,
    EXP_RANGE,
    9,
)
ATANH = near_zero(
    of_root(lambda s: 2 * mp.atanh(s), lambda s: 2 * s, 3),
    lambda z: mp.mpf(2) / 3 + 2 * z / 5 + 2 * z * z / 7,
)
LOG = Problem(ATANH, lambda z: max(z, mp.mpf("1e-8")) / 2, mp.mpf(0), LOG_RANGE, 7)
SHORT_LOG = Problem(
    lambda z: -2 * ATANH(z), lambda z: max(z, mp.mpf("1e-8")) / 4, mp.mpf(0), LOG_RANGE, 6
)
SIN = Problem(
    near_zero(of_root(mp.sin, lambda s: s, 3), lambda z: -mp.mpf(1) / 6 + z / 120 - z * z / 5040),
    lambda z: max(z, mp.mpf("1e-8")) * mp.sqrt(z) / mp.sin(mp.sqrt(z)) if z else mp.mpf("1e-8"),
    mp.mpf(0),
    QUARTER,
    5,
)
COS = Problem(
    near_zero(
        of_root(mp.cos, lambda s: 1 - s * s / 2, 4),
        lambda z: mp.mpf(1) / 24 - z / 720 + z * z / 40320,
    ),
    lambda z: max(z * z / mp.cos(mp.sqrt(z)), mp.mpf("1e-10")),
    mp.mpf(0),
    QUARTER,
    5,
)
ATAN = Problem(
    near_zero(of_root(mp.atan, lambda s: s, 3), lambda z: -mp.mpf(1) / 3 + z / 5 - z * z / 7),
    lambda z: max(z, mp.mpf("1e-8")) * mp.sqrt(z) / mp.atan(mp.sqrt(z)) if z else mp.mpf("1e-8"),
    mp.mpf(0),
    ATAN_RANGE,
    11,
)
SIN_TURN = Problem(
    lambda z: mp.sin(TURN * mp.sqrt(z)) / mp.sqrt(z) if z else TURN,
    lambda z: mp.sqrt(z) / mp.sin(TURN * mp.sqrt(z)) if z else 1 / TURN,
    mp.mpf(0),
    mp.mpf(1) / 64,
    6,
)
COS_TURN = Problem(
    near_zero(
        of_root(lambda s: mp.cos(TURN * s), lambda s: 1, 2),
        lambda z: -(TURN**2) / 2 + TURN**4 * z / 24,
    ),
    lambda z: max(z, mp.mpf("1e-5")) / mp.cos(TURN * mp.sqrt(z)),
    mp.mpf(0),
    mp.mpf(1) / 64,
    6,
)

TABLES = {
    "exp": (EXP, exponential._EXP[1:], -60.2),
    "log": (LOG, exponential._LOG, -61.5),
    "sin": (SIN, circular._SIN, -56.3),
    "cos": (COS, circular._COS, -59.6),
    "arctan": (ATAN, circular._ATAN, -58.2),
    "log of Box-Muller": (SHORT_LOG, box_muller._LOG, -58.9),
    "sin of Box-Muller": (SIN_TURN, box_muller._SIN, -54.1),
    "cos of Box-Muller": (COS_TURN, box_muller._COS, -55.2),
}


@pytest.mark.parametrize("name", TABLES)
def test_table_has_the_stated_error(name):
    problem, coefficients, exponent = TABLES[name]
    assert problem.worst(coefficients) < 2.0**exponent


@pytest.mark.parametrize("name", TABLES)
def test_table_is_derived_again_by_remez_exchange(name):
    problem, coefficients, _ = TABLES[name]
    derived = minimax(problem)
    # The exchange stops within 0.05 % of the optimum, so high coefficients may differ a little.
    assert problem.worst(derived) == pytest.approx(problem.worst(coefficients), rel=0.25)
    assert derived == pytest.approx(list(coefficients), rel=2e-3)


def test_a_coefficient_wrong_in_its_last_digits_is_noticed():
    problem, coefficients, exponent = TABLES["sin"]
    wrong = (coefficients[0] * (1 + 2e-14), *coefficients[1:])
    assert problem.worst(wrong) > 2.0**exponent
