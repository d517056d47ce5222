"""Elementary functions against mpmath, in units in the last place of the true value."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

from langevin_lab.compiled import elementary
from langevin_lab.compiled.elementary import compiled

COUNT = 1500


def over_array(name):
    """Return a compiled loop of the named function over an array."""
    function = getattr(elementary, name)

    @compiled
    def loop(x, out):
        for i in range(x.size):
            out[i] = function(x[i])

    def evaluate(x):
        out = np.empty_like(x)
        loop(x, out)
        return out

    return evaluate


def errors_in_ulp(values, exact):
    """Return |value - exact| in units in the last place of the exact value."""
    result = np.empty(len(values))
    for i, (value, truth) in enumerate(zip(values, exact)):
        unit = float(np.spacing(abs(float(truth))))
        result[i] = float(abs(mp.mpf(float(value)) - truth) / mp.mpf(unit))
    return result


def exactly(name, x):
    function = {"arctan": "atan"}.get(name, name)
    with mp.workprec(160):
        return [getattr(mp, function)(mp.mpf(float(v))) for v in x]


def uniform(low, high):
    return lambda g: g.uniform(low, high, COUNT)


def logarithmic(low, high, *, signed=False):
    def draw(g):
        size = 10.0 ** g.uniform(np.log10(low), np.log10(high), COUNT)
        return size * g.choice([-1.0, 1.0], COUNT) if signed else size

    return draw


def near_quarter_turns(largest):
    """Return the float64 nearest to multiples of pi/2, where sin and cos nearly vanish."""

    def draw(g):
        with mp.workprec(160):
            return np.array([float(mp.pi / 2 * int(n)) for n in g.integers(1, largest, COUNT)])

    return draw


SMALL = logarithmic(1e-307, 1.0, signed=True)
CASES = [
    ("exp", uniform(-708.0, 709.7), 1.0),
    ("exp", uniform(-1.0, 1.0), 1.0),
    ("exp", uniform(-745.0, -708.0), 1.0),
    ("log", logarithmic(5e-324, 1.7e308), 1.0),
    ("log", uniform(0.5, 2.0), 1.0),
    ("log", lambda g: 1.0 + logarithmic(1e-15, 1e-2, signed=True)(g), 1.0),
    ("expm1", uniform(-2.0, 2.0), 2.0),
    ("expm1", uniform(-50.0, 709.0), 2.0),
    ("expm1", SMALL, 2.0),
    ("log1p", uniform(-0.999, 4.0), 1.5),
    ("log1p", logarithmic(1e-307, 1e300), 1.5),
    ("log1p", lambda g: -logarithmic(1e-307, 0.999999)(g), 1.5),
    ("sinh", uniform(-2.0, 2.0), 3.0),
    ("sinh", uniform(-710.4, 710.4), 3.0),
    ("sinh", SMALL, 3.0),
    ("cosh", uniform(-2.0, 2.0), 1.5),
    ("cosh", uniform(-710.4, 710.4), 1.5),
    ("tanh", uniform(-2.0, 2.0), 3.0),
    ("tanh", uniform(-25.0, 25.0), 3.0),
    ("tanh", uniform(0.1, 0.4), 3.0),
    ("tanh", SMALL, 3.0),
    ("arctan", uniform(-4.0, 4.0), 2.0),
    ("arctan", uniform(0.41, 0.6), 2.0),
    ("arctan", logarithmic(1e-307, 1e308, signed=True), 2.0),
    ("sqrt", logarithmic(1e-307, 1e308), 0.5),
    *[
        (name, draw, 1.0)
        for name in ("sin", "cos")
        for draw in (
            uniform(-7.0, 7.0),
            uniform(-1e5, 1e5),
            SMALL,
            logarithmic(1.0, 2.0**45, signed=True),
            near_quarter_turns(2**31),
            near_quarter_turns(2**44),
        )
    ],
]


@pytest.mark.parametrize("name", sorted({case[0] for case in CASES}))
def test_error_stays_within_the_documented_bound(name):
    evaluate = over_array(name)
    for number, (_, draw, bound) in enumerate([case for case in CASES if case[0] == name]):
        x = draw(np.random.default_rng(number))
        errors = errors_in_ulp(evaluate(x), exactly(name, x))
        worst = int(np.argmax(errors))
        print(f"{name} range {number}: {errors[worst]:.3f} ulp at {x[worst]!r}, bound {bound}")
        assert errors[worst] <= bound, (name, x[worst], errors[worst])


def test_an_error_of_two_units_is_noticed():
    x = uniform(-1.0, 1.0)(np.random.default_rng(0))
    wrong = np.nextafter(np.nextafter(over_array("exp")(x), np.inf), np.inf)
    assert errors_in_ulp(wrong, exactly("exp", x)).max() > 1.0


@pytest.mark.parametrize(
    ("base", "largest"),
    [
        (uniform(0.01, 4.0), 5.0),
        (logarithmic(1e-300, 1e300), 700.0),
        (lambda g: 1.0 + logarithmic(1e-8, 0.5)(g), 700.0),
    ],
)
def test_power_error_grows_with_the_exponent_as_documented(base, largest):
    power = elementary.power

    @compiled
    def loop(x, y, out):
        for i in range(x.size):
            out[i] = power(x[i], y[i])

    g = np.random.default_rng(1)
    x = base(g)
    y = g.uniform(-largest, largest, COUNT)
    if largest > 100.0:
        y /= np.log(x)
    out = np.empty_like(x)
    loop(x, y, out)
    with mp.workprec(160):
        exact = [mp.power(mp.mpf(float(a)), mp.mpf(float(b))) for a, b in zip(x, y)]
    assert np.all(errors_in_ulp(out, exact) <= 1.0 + np.abs(y * np.log(x)) / 32.0)


def test_fma_rounds_once():
    fma = elementary.fma

    @compiled
    def residual(a):
        return fma(a, a, -(a * a))

    a = 1.0 + 2.0**-30
    assert residual(a) == 2.0**-60
    assert elementary.NUMPY_NAMESPACE["fma"](a, a, -(a * a)) == 0.0
