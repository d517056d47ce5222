"""Mean passage times at exp(dU/T) = 1e10, 1e30 and 1e60 against 30-digit arithmetic by mpmath."""

import itertools

import mpmath
import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.exact import (
    gibbs_average,
    log_mean_first_passage_time,
    mean_first_passage_time,
)

TRIPLE = "4*x**2*(x**2 - 1)**2"  # barriers 16/27, wells at -1, 0 and 1
ROUGH = "x**2/2 + 3*(1 - cos(6*x))"


def line(text, temperature):
    potential = ll.Potential.from_expression(text, variables=("x",))
    return ll.Overdamped(potential, temperature=temperature)


def nested(energy, temperature, start, target, left, n_panels=60, order=14):
    """(1/T) int exp(V/T) int exp(-V/T), both by Gauss-Legendre in 30 digits, no logarithms."""
    with mpmath.workdps(30):
        guesses, _ = np.polynomial.legendre.leggauss(order)
        legendre = lambda x: mpmath.legendre(order, x)  # noqa: E731
        nodes = [mpmath.findroot(legendre, mpmath.mpf(float(x))) for x in guesses]
        weights = [2 / ((1 - x**2) * mpmath.diff(legendre, x) ** 2) for x in nodes]

        def integral(f, low, high):
            half, middle = (high - low) / 2, (high + low) / 2
            return half * sum(w * f(middle + half * x) for x, w in zip(nodes, weights))

        def density(x):
            return mpmath.exp(-energy(x) / temperature)

        edges = [mpmath.mpf(x) for x in np.linspace(left, start, n_panels + 1)]
        inner = sum(integral(density, *pair) for pair in itertools.pairwise(edges))
        edges = [mpmath.mpf(x) for x in np.linspace(start, target, n_panels + 1)]
        total = mpmath.mpf(0)
        for low, high in itertools.pairwise(edges):
            half, last, below = (high - low) / 2, low, inner
            for x, w in zip(nodes, weights):
                y = low + half * (1 + x)
                below += integral(density, last, y)
                total += half * w * below / density(y)
                last = y
            inner = below + integral(density, last, high)
        return total / temperature


CASES = [
    ("(x**2 - 1)**2", lambda x: (x**2 - 1) ** 2, 1.0, -1.0, 1.0, -2.5),
    ("(x**2 - 1)**2 - 0.25*x", lambda x: (x**2 - 1) ** 2 - x / 4, 1.0, -1.0, 1.0, -2.5),
    (TRIPLE, lambda x: 4 * x**2 * (x**2 - 1) ** 2, 16 / 27, 0.0, 1.0, -2.0),
    (ROUGH, lambda x: x**2 / 2 + 3 * (1 - mpmath.cos(6 * x)), 6.0, 0.0, 1.0, -6.0),
]


@pytest.mark.parametrize("decades", [10, 30, 60])
@pytest.mark.parametrize("case", CASES, ids=["double", "tilted", "triple", "rough"])
def test_stated_error_holds_and_is_not_absurd(case, decades):
    text, energy, barrier, start, target, left = case
    temperature = barrier / (decades * np.log(10.0))
    value, error = mean_first_passage_time(line(text, temperature), start, target)
    truth = nested(energy, temperature, start, target, left)
    assert abs(value - truth) < error < 1e-12 * value
    if decades == 30:  # control: a temperature wrong by 1e-9 is far outside
        wrong = nested(energy, temperature * (1 + 1e-9), start, target, left)
        assert abs(value - wrong) > 100 * error


def test_wells_behind_a_barrier_of_hundreds_of_temperatures_count():
    """Rates are those of single wells: the left well adds its mass to the passage to the right."""
    middle = mean_first_passage_time(line(TRIPLE, 0.002), 0.0, 1.0).value
    end = mean_first_passage_time(line(TRIPLE, 0.002), -1.0, 1.0).value
    inner = mean_first_passage_time(line(TRIPLE, 0.002), -1.0, 0.0).value
    assert end == pytest.approx(inner + middle, rel=1e-12)
    outer_mass, inner_mass = 1 / np.sqrt(32.0), 1 / np.sqrt(8.0)  # curvatures 32 and 8
    assert middle / inner == pytest.approx((inner_mass + outer_mass) / outer_mass, rel=1e-2)
    assert gibbs_average(line(TRIPLE, 0.002), lambda x: abs(x)).value == pytest.approx(
        2 * outer_mass / (2 * outer_mass + inner_mass), rel=0.05
    )


@pytest.mark.parametrize("temperature", [0.02, 0.0012])
def test_logarithm_is_that_of_the_time(temperature):
    dynamics = line("(x**2 - 1)**2", temperature)
    value, error = log_mean_first_passage_time(dynamics, -1.0, 1.0)
    time = (
        mpmath.log(nested(CASES[0][1], temperature, -1.0, 1.0, -1.6))
        if temperature < 0.01
        else np.log(mean_first_passage_time(dynamics, -1.0, 1.0).value)
    )
    assert abs(value - float(time)) <= error + 1e-14 * value


def test_logarithms_go_on_where_float64_ends():
    """1/T + log(pi/8^(1/2)) + (3/8) T for exp(1/T) from 1e434 to 1e4343."""
    for temperature in (1e-3, 1e-4):
        value, error = log_mean_first_passage_time(line("(x**2 - 1)**2", temperature), -1.0, 1.0)
        expected = 1 / temperature + np.log(np.pi / np.sqrt(8.0)) + 0.375 * temperature
        assert abs(value - expected) < 3 * temperature**2 + error
        assert error < 1e-10


def test_start_on_the_target_has_no_logarithm():
    with pytest.raises(ValueError, match=r"start=1\.0 is the target"):
        log_mean_first_passage_time(line("x**2", 0.2), 1.0, 1.0)


def test_a_time_beyond_float64_names_the_logarithm():
    with pytest.raises(ValueError, match="use log_mean_first_passage_time"):
        mean_first_passage_time(line("(x**2 - 1)**2", 1e-3), -1.0, 1.0)
