"""Passage times of a discretised scheme against the Gaussian kernel of Euler-Maruyama."""

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.exact import (
    discrete_passage_moments,
    discrete_passage_time,
    mean_first_passage_time,
    passage_operator,
)


def double_well(temperature, friction=1.0):
    potential = ll.potentials.double_well(barrier=1.0)
    return ll.Overdamped(potential, temperature=temperature, friction=friction)


def kernel_passage_time(temperature, dt, target, n=400, bridge=False):
    """u = 1 + K u below the target on Gauss-Legendre nodes, from -1."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    low, width = -2.6, np.sqrt(2 * temperature * dt)
    x = low + 0.5 * (target - low) * (nodes + 1)
    weights = 0.5 * (target - low) * weights

    def kernel(start):
        mean = start - dt * 4 * start * (start**2 - 1)
        z = (x - mean[:, None]) / width
        # The law of a Brownian bridge between two distances from the target.
        touched = np.exp(-2 * (target - start[:, None]) * (target - x) / width**2) * bridge
        return (1 - touched) * weights * np.exp(-0.5 * z**2) / (width * np.sqrt(2 * np.pi))

    steps = np.linalg.solve(np.eye(n) - kernel(x), np.ones(n))
    return dt * (1 + kernel(np.array([-1.0])) @ steps)[0] - 0.5 * dt * bridge


@pytest.mark.parametrize("shift", [0.0, 0.1])
def test_euler_maruyama_passage_equals_its_gaussian_kernel(shift):
    value, error = discrete_passage_time(
        "EulerMaruyama", double_well(0.5), -1.0, 1.0, 0.05, shift=shift
    )
    expected = kernel_passage_time(0.5, 0.05, 1.0 - shift)
    assert abs(value - expected) < error < 1e-5 * expected


def test_bridge_is_a_weight_of_the_gaussian_kernel():
    value, error = discrete_passage_time(
        "EulerMaruyama", double_well(0.5), -1.0, 1.0, 0.05, bridge=True
    )
    expected = kernel_passage_time(0.5, 0.05, 1.0, bridge=True)
    assert abs(value - expected) < error < 1e-4 * expected
    assert abs(value - kernel_passage_time(0.5, 0.05, 1.01, bridge=True)) > 10 * error


@pytest.mark.parametrize(("temperature", "dt"), [(0.5, 0.01), (0.5, 0.05), (0.2, 0.01)])
def test_four_times_as_many_nodes_agree_within_the_stated_error(monkeypatch, temperature, dt):
    """The jump of the indicator at the target is resolved, and the normals are in the error."""
    found = discrete_passage_moments("StochasticHeun", double_well(temperature), -1.0, 1.0, dt)
    moments = passage_operator._moments

    def finer(scheme, dynamics, dt, grid, start, refinement, spread):
        grid = np.linspace(grid[0], grid[-1], 4 * (grid.size - 1) + 1)
        return moments(scheme, dynamics, dt, grid, start, 2 * refinement, spread)

    monkeypatch.setattr(passage_operator, "_moments", finer)
    fine = discrete_passage_moments("StochasticHeun", double_well(temperature), -1.0, 1.0, dt)
    for one, other in zip((found.mean, found.standard_deviation),
                          (fine.mean, fine.standard_deviation)):  # fmt: skip
        assert abs(one.value - other.value) < one.error < 1e-4 * one.value
        assert other.error < 0.02 * one.error


def test_error_covers_too_few_normals(monkeypatch):
    """Two panels miss the Gaussian; doubling them has to show it."""
    truth = discrete_passage_time("StochasticHeun", double_well(0.5), -1.0, 1.0, 0.01).value
    monkeypatch.setattr(passage_operator, "_PANELS", 2)
    value, error = discrete_passage_time("StochasticHeun", double_well(0.5), -1.0, 1.0, 0.01)
    assert 1e-4 < abs(value - truth) < error


def test_standard_deviation_is_that_of_the_iterated_kernel():
    """Sums of t^2 P(N = t) from powers of the Gaussian kernel of Euler-Maruyama."""
    dt, n = 0.05, 400
    nodes, weights = np.polynomial.legendre.leggauss(n)
    low, width = -2.6, np.sqrt(dt)
    x, weights = low + 1.8 * (nodes + 1), 1.8 * weights

    def kernel(start):
        mean = start - dt * 4 * start * (start**2 - 1)
        z = (x - mean[:, None]) / width
        return weights * np.exp(-0.5 * z**2) / (width * np.sqrt(2 * np.pi))

    law = kernel(np.array([-1.0]))[0]
    step, survival = kernel(x), []
    while law.sum() > 1e-14:
        survival.append(law.sum())
        law = law @ step
    t = np.arange(1, len(survival) + 1)
    total = 1 + np.sum(survival), 1 + np.sum((2 * t + 1) * survival)
    expected = dt * np.sqrt(total[1] - total[0] ** 2)
    value, error = discrete_passage_moments(
        "EulerMaruyama", double_well(0.5), -1.0, 1.0, dt
    ).standard_deviation
    assert abs(value - expected) < error < 1e-5 * expected


def test_a_scheme_looked_at_every_step_arrives_late_and_the_delay_vanishes_with_dt():
    """The delay is that of a boundary moved out by 0.5826 sqrt(2 T dt)."""
    exact = mean_first_passage_time(double_well(0.5), -1.0, 1.0).value
    late = [
        discrete_passage_time("StochasticHeun", double_well(0.5), -1.0, 1.0, dt).value / exact - 1
        for dt in (0.05, 0.0125)
    ]
    assert late[0] > late[1] > 0.0
    moved = mean_first_passage_time(double_well(0.5), -1.0, 1.0 + 0.5826 * np.sqrt(0.0125)).value
    assert late[1] == pytest.approx(moved / exact - 1, rel=0.2)


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="'LeimkuhlerMatthews' draws 1 normals and stores"):
        discrete_passage_time("LeimkuhlerMatthews", double_well(0.5), -1.0, 1.0, 0.05)
    with pytest.raises(ValueError, match=r"start=1\.0 must lie below target - shift = -1\.0"):
        discrete_passage_time("EulerMaruyama", double_well(0.5), 1.0, -1.0, 0.05)


def test_a_passage_of_too_many_steps_is_refused_and_not_wrong():
    cold = ll.Overdamped(ll.potentials.double_well(), temperature=1 / 40)
    with pytest.raises(ValueError, match=r"dt=0.002 makes a passage .* use discrete_passage_rate"):
        ll.exact.discrete_passage_time("EulerMaruyama", cold, -1.0, 0.9, 0.002)


def test_a_start_well_45_temperatures_above_the_target_is_not_cut_off():
    """The Gaussian kernel again, on nodes that know nothing of the deep well."""
    potential, temperature, dt, n = ll.potentials.tilted_double_well(tilt=-1.0), 0.04, 1e-3, 900
    dynamics = ll.Overdamped(potential, temperature=temperature)
    left, right = sorted(potential.minima, key=lambda m: float(m.position[0]))
    start = float(left.position[0])
    assert left.energy - right.energy > 45 * temperature
    nodes, weights = np.polynomial.legendre.leggauss(n)
    low, width = -1.5, np.sqrt(2 * temperature * dt)
    x, weights = low + 0.5 * (0.9 - low) * (nodes + 1), 0.5 * (0.9 - low) * weights

    def kernel(points):
        mean = points - dt * potential.gradient(points[:, None])[:, 0]
        z = (x - mean[:, None]) / width
        return weights * np.exp(-0.5 * z**2) / (width * np.sqrt(2 * np.pi))

    steps = np.linalg.solve(np.eye(n) - kernel(x), np.ones(n))
    expected = dt * (1 + kernel(np.array([start])) @ steps)[0]
    value, error = discrete_passage_time("EulerMaruyama", dynamics, start, 0.9, dt)
    assert abs(value - expected) < error + 1e-9 * expected < 1e-4 * expected
    rate = ll.exact.discrete_passage_rate("EulerMaruyama", dynamics, start, 0.9, dt)
    assert abs(rate.value * expected - 1) < rate.error / rate.value + 1e-8
    assert value == pytest.approx(mean_first_passage_time(dynamics, start, 0.9).value, rel=0.02)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"dt": float("nan")}, ValueError, "dt=nan must be finite and > 0"),
        ({"dt": -0.01}, ValueError, "dt=-0.01 must be finite and > 0"),
        ({"dt": 0.0}, ValueError, "dt=0.0 must be finite and > 0"),
        ({"dt": "a"}, TypeError, "dt='a' must be a number > 0"),
        ({"dt": True}, TypeError, "dt=True must be a number > 0"),
        ({"start": -np.inf}, ValueError, "start=-inf must be finite"),
        ({"start": "a"}, TypeError, "start='a' must be a number"),
        ({"target": np.inf}, ValueError, "target=inf must be finite"),
        ({"shift": float("nan")}, ValueError, "shift=nan must be finite"),
        ({"bridge": "no"}, TypeError, "bridge='no' must be True or False"),
    ],
)
def test_every_operator_refuses_the_same_input(changes, error, message):
    arguments = {"start": -1.0, "target": 0.9, "dt": 0.01, **changes}
    dynamics = double_well(0.2)
    with pytest.raises(error, match=message):
        discrete_passage_time("EulerMaruyama", dynamics, **arguments)
    if "bridge" in changes or "shift" in changes:
        return
    with pytest.raises(error, match=message):
        ll.exact.discrete_passage_rate("EulerMaruyama", dynamics, **arguments)
    arguments["b"] = arguments.pop("target")
    with pytest.raises(error, match=message.replace("target", "b")):
        ll.exact.discrete_splitting_probability(
            "EulerMaruyama", dynamics, **{"a": -1.1, **arguments}
        )
