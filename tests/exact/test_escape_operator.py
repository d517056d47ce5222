"""The escape rate of a discretised scheme: its passage time, the continuum, a dense chain."""

import numpy as np
import pytest
from scipy.special import ndtr

import langevin_lab as ll
from langevin_lab.escape.crossing import OVERSHOOT
from langevin_lab.exact import discrete_passage_rate, discrete_passage_time, mean_first_passage_time

TILTED = ll.potentials.tilted_double_well(tilt=0.25)
START = float(TILTED.minima[0].position[0])


def at_barrier(ratio, factor=1.0):
    barrier = TILTED.saddles[0].energy - TILTED.minima[0].energy
    return ll.Overdamped(TILTED, temperature=factor * barrier / ratio)


@pytest.mark.parametrize("ratio", [3, 5, 10])
@pytest.mark.parametrize("method", ["EulerMaruyama", "StochasticHeun"])
def test_rate_is_one_over_the_passage_time_where_that_has_digits(method, ratio):
    rate = discrete_passage_rate(method, at_barrier(ratio), START, 0.9, 2e-3)
    time = discrete_passage_time(method, at_barrier(ratio), START, 0.9, 2e-3)
    assert abs(rate.value * time.value - 1) < rate.error / rate.value + time.error / time.value
    assert rate.error < 2e-5 * rate.value


def test_shift_moves_the_target_as_in_the_passage_time():
    dynamics, dt, shift = at_barrier(5), 2e-3, 0.2
    rate = discrete_passage_rate("StochasticHeun", dynamics, START, 0.9, dt, shift=shift)
    time = discrete_passage_time("StochasticHeun", dynamics, START, 0.9, dt, shift=shift)
    assert abs(rate.value * time.value - 1) < rate.error / rate.value + time.error / time.value
    unmoved = discrete_passage_rate("StochasticHeun", dynamics, START, 0.9, dt)
    assert rate.value > 1.01 * unmoved.value


@pytest.mark.parametrize("ratio", [20, 60])
def test_rate_tends_to_the_continuous_one_at_any_barrier(ratio):
    """What remains once the target is moved out by the overshoot is of first order in dt."""
    continuous = 1 / mean_first_passage_time(at_barrier(ratio), START, 0.9).value
    rests = []
    for dt in (1e-3, 2.5e-4):
        found = discrete_passage_rate("EulerMaruyama", at_barrier(ratio), START, 0.9, dt)
        rests.append(found.value / continuous - 1)
        assert found.error < 3e-3 * found.value
    print(rests)
    assert rests[0] / rests[1] == pytest.approx(4.0, rel=0.1)
    assert 0 < rests[1] < 1e-3


def gaussian_rate(dynamics, start, target, dt, low=-1.9, n=700):
    """Hill's relation on Gauss-Legendre nodes: a kernel without a negative entry."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    x, weights = low + 0.5 * (target - low) * (nodes + 1), 0.5 * (target - low) * weights
    width = np.sqrt(2 * dynamics.temperature * dt)
    mean = x - dt * dynamics.potential.gradient(x[:, None])[:, 0]
    kernel = weights * np.exp(-0.5 * ((x - mean[:, None]) / width) ** 2)
    kernel /= np.sqrt(2 * np.pi) * width
    arrived = ndtr((mean - target) / width)
    law = weights * np.exp(-dynamics.potential.energy(x[:, None]) / dynamics.temperature)
    law[x > 0] = 0.0
    for _ in range(20_000):
        law = law @ kernel
        law /= law.sum()
    outer = x > start + 0.2  # from here on the law is not needed
    between = np.eye(outer.sum()) - kernel[np.ix_(outer, outer)]
    committor = np.zeros(n)
    committor[outer] = np.linalg.solve(between, arrived[outer])
    return law[~outer] @ (arrived + kernel @ committor)[~outer] / dt


def test_rate_at_40_temperatures_equals_that_of_law_and_committor():
    dynamics = at_barrier(40)
    found = discrete_passage_rate("EulerMaruyama", dynamics, START, 0.9, 2e-3)
    expected = gaussian_rate(dynamics, START, 0.9, 2e-3)
    assert abs(found.value - expected) < 2 * found.error < 1e-3 * expected
    assert 3e-18 < expected < 5e-18
    warm = discrete_passage_rate("EulerMaruyama", at_barrier(40, 1.02), START, 0.9, 2e-3)
    assert warm.value > 2 * expected  # 2 % warmer is a factor e^0.8


def test_target_looks_further_away_by_the_overshoot_of_a_step():
    dynamics, dt = ll.Overdamped(ll.potentials.harmonic(), temperature=0.5), 1e-3
    found = discrete_passage_rate("StochasticHeun", dynamics, 0.0, 2.0, dt).value
    shift = OVERSHOOT * np.sqrt(2 * 0.5 * dt)
    shifted = 1 / mean_first_passage_time(dynamics, 0.0, 2.0 + shift).value
    unshifted = 1 / mean_first_passage_time(dynamics, 0.0, 2.0).value
    print(found / shifted - 1, found / unshifted - 1)
    assert found == pytest.approx(shifted, rel=1e-4)
    assert abs(found / unshifted - 1) > 0.05


def three_wells(ratio):
    """Barriers of 16/27 on both sides of the middle; half of the law lies there, a quarter each."""
    potential = ll.Potential.from_expression("4*x**2*(x**2 - 1)**2", variables=("x",))
    return ll.Overdamped(potential, temperature=16 / 27 / ratio)


@pytest.mark.parametrize("start", [0.0, -1.0])
def test_wells_that_forget_the_start_too_slowly_are_refused(start):
    """From 0 the rate is the same for ten times the restarts, and wrong by half all the same."""
    with pytest.raises(ValueError, match=rf"start={start} lies left of target=0.95 among wells"):
        discrete_passage_rate("EulerMaruyama", three_wells(30), start, 0.95, 1e-3)


def test_wells_that_forget_the_start_in_time_are_in_the_error():
    rate = discrete_passage_rate("EulerMaruyama", three_wells(13), 0.0, 0.95, 1e-3)
    time = discrete_passage_time("EulerMaruyama", three_wells(13), 0.0, 0.95, 1e-3)
    assert abs(rate.value * time.value - 1) < rate.error / rate.value + time.error / time.value
    assert 1e-5 < rate.error / rate.value < 1e-3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start": 1.0}, r"start=1.0 must lie below target - shift = 0.9"),
        ({"shift": 2.0}, r"start=-1.0 must lie below target - shift = -1.1"),
        ({"shift": np.nan}, "shift=nan must be finite"),
        ({"dt": 0.5}, r"dt=0.5 makes steps of 0.354, and start=-1.0 to .* 0.9 is not eight"),
        ({"method": "LeimkuhlerMatthews"}, "draws 1 normals and stores"),
        ({"method": "MALA"}, "accepts or rejects each step"),
    ],
)
def test_what_is_refused(changes, message):
    arguments = {"method": "EulerMaruyama", "start": -1.0, "target": 0.9, "dt": 2e-3}
    dynamics = ll.Overdamped(TILTED, temperature=0.125)
    with pytest.raises(ValueError, match=message):
        discrete_passage_rate(dynamics=dynamics, **{**arguments, **changes})
