"""Runs under a scheduled temperature and friction: same bits, exact law, refusals."""

import by_hand
import cases
import numpy as np
import pytest
import xarray
from z_test import assert_agrees, assert_refutes

import langevin_lab as ll
from langevin_lab.dynamics import Constant, Linear, Steps, Table
from langevin_lab.ensemble.checks import UnstableStepError
from langevin_lab.escape import first_passage
from langevin_lab.integrators import method

DT = 0.05
HARMONIC = ll.potentials.harmonic(stiffness=2.0)


def run(dynamics, integrator="BAOAB", **changes):
    settings = {"dt": DT, "n_steps": 131, "seed": 3, "n_replicas": 20, "progress": False}
    if "continue_from" not in changes:
        settings["start"] = 0.5
    return ll.simulate(dynamics, integrator, **{**settings, **changes})


def scheduled(temperature, friction, potential=cases.WELL):
    return ll.Langevin(potential, temperature=temperature, friction=friction)


def assert_same_state(one, other):
    for name in ("x_final", "p_final"):
        np.testing.assert_array_equal(one[name], other[name])


@pytest.mark.slow
def test_constant_schedules_give_the_bits_of_the_number():
    plain = run(scheduled(0.5, 1.3))
    temperature, friction = Constant(value=0.5), Constant(value=1.3)
    for dynamics in (
        scheduled(temperature, 1.3),
        scheduled(0.5, friction),
        scheduled(temperature, friction),
        scheduled(Table(values=(0.5,) * 9, dt=DT), Steps(times=(0.0, 1.0), values=(1.3, 1.3))),
    ):
        assert_same_state(plain, run(dynamics))
    assert np.abs(plain["x_final"] - run(scheduled(0.5, 1.31))["x_final"]).max() > 1e-4


@pytest.mark.slow
def test_a_friction_in_steps_is_two_runs_one_after_the_other():
    friction = Steps(times=(0.0, 60 * DT), values=(0.3, 4.0))
    temperature = Steps(times=(0.0, 60 * DT), values=(0.5, 0.1))
    whole = run(scheduled(temperature, friction))
    first, second = scheduled(0.5, 0.3), scheduled(0.1, 4.0)
    half = run(first, n_steps=60)
    # A run continues under its own equation only; here the equation is to change.
    half.attrs["dynamics"] = second.describe()
    assert_same_state(whole, run(second, n_steps=71, continue_from=half))
    cut = run(scheduled(temperature, friction), n_steps=47)
    assert_same_state(whole, run(scheduled(temperature, friction), n_steps=84, continue_from=cut))
    assert_same_state(whole, run(scheduled(temperature, friction), chunk_size=7, n_threads=1))
    late = Steps(times=(0.0, 61 * DT), values=(0.3, 4.0))
    assert np.abs(whole["x_final"] - run(scheduled(temperature, late))["x_final"]).max() > 1e-4


@pytest.mark.slow
def test_continuing_under_another_friction_schedule_is_refused(tmp_path):
    def friction(value):
        return scheduled(0.5, lambda t: value + 0.0 * t)

    first = run(friction(1.0), n_steps=40)
    assert first.attrs["schedule_frictions"] == [1.0] * 4
    assert "schedule_temperatures" not in first.attrs
    first.to_netcdf(tmp_path / "run.nc", engine="h5netcdf")
    for previous in (first, xarray.load_dataset(tmp_path / "run.nc", engine="h5netcdf")):
        message = r"continue_from ran with friction 1 at time 0\.25, this call's schedule has 5; a"
        with pytest.raises(ValueError, match=message):
            run(friction(5.0), continue_from=previous)
        again = run(friction(1.0), n_steps=40, continue_from=previous)
        assert again.attrs["n_steps"] == 80


def exact_law(name, dynamics, n_steps, mean, covariance):
    """Mean and covariance after n_steps on the harmonic well, from the published step.

    The step is linear in state and normals: x' = M x + N n, read off with basis vectors.
    """
    scheme = method(name)
    names = scheme.state_names
    size = len(names)
    for step in range(n_steps):
        now = dynamics.at((step + 0.5) * DT)
        basis = np.eye(size + scheme.n_normals)
        state = {key: basis[:, i : i + 1] for i, key in enumerate(names)}
        normals = np.stack([basis[:, size + i :][:, :1] for i in range(scheme.n_normals)])
        equation = scheme.properties.equation
        after = by_hand.step(
            name, equation, state, normals, now, DT, now.temperature, HARMONIC.gradient
        )
        matrix = np.concatenate([after[key] for key in names], axis=1).T
        flow, noise = matrix[:, :size], matrix[:, size:]
        mean = flow @ mean
        covariance = flow @ covariance @ flow.T + noise @ noise.T
    return mean, covariance


@pytest.mark.slow
@pytest.mark.parametrize("name", ["BAOAB", "EulerMaruyama"])
def test_ensemble_follows_the_exact_law_of_its_schedules(name):
    n_replicas, n_steps = 200_000, 40
    cooling = Linear(start=1.0, stop=0.1, duration=n_steps * DT)
    thickening = Linear(start=0.5, stop=4.0, duration=n_steps * DT)
    momenta = name == "BAOAB"

    def dynamics(**changes):
        numbers = {"temperature": cooling, "friction": thickening, **changes}
        return (ll.Langevin if momenta else ll.Overdamped)(HARMONIC, **numbers)

    start = {"start": 2.0} | ({"start_momentum": 0.0} if momenta else {})
    result = run(dynamics(), name, n_steps=n_steps, n_replicas=n_replicas, **start)
    names = method(name).state_names
    sample = np.concatenate([result[f"{key}_final"].values for key in names], axis=1)
    first = np.eye(len(names))[0] * 2.0
    law = (name, n_steps, first, np.zeros((len(names), len(names))))
    mean, covariance = exact_law(name, dynamics(), *law[1:])
    deviation = sample - mean
    for i, key in enumerate(names):
        stderr = np.sqrt(covariance[i, i] / n_replicas)
        assert_agrees(sample[:, i].mean(), stderr, mean[i], n_replicas, f"mean of {key}")
        for j in range(i + 1):
            product = deviation[:, i] * deviation[:, j]
            stderr = product.std() / np.sqrt(n_replicas)
            label = f"covariance of {key} and {names[j]}"
            assert_agrees(product.mean(), stderr, covariance[i, j], n_replicas, label)
    # 3 % more of either number at all times is noticed, in the variance or in the mean.
    square = deviation[:, 0] ** 2
    warmer = Linear(start=1.03, stop=0.103, duration=n_steps * DT)
    _, wrong = exact_law(name, dynamics(temperature=warmer), *law[1:])
    assert_refutes(square.mean(), square.std() / n_replicas**0.5, wrong[0, 0], label="variance")
    thicker = Linear(start=0.515, stop=4.12, duration=n_steps * DT)
    wrong, _ = exact_law(name, dynamics(friction=thicker), *law[1:])
    stderr = np.sqrt(covariance[0, 0] / n_replicas)
    assert_refutes(sample[:, 0].mean(), stderr, wrong[0], label="mean")


def test_stability_is_checked_at_the_smallest_and_the_largest_friction_of_the_run():
    thinning = Linear(start=1.0, stop=0.01, duration=100 * DT)
    dynamics = ll.Overdamped(HARMONIC, temperature=1.0, friction=thinning)
    message = r"limit 0\.01 of EulerMaruyama .* at the scheduled friction 0\.01 \(largest"
    with pytest.raises(UnstableStepError, match=message):
        run(dynamics, "EulerMaruyama", n_steps=200)
    with pytest.raises(UnstableStepError, match=r"scheduled friction 0\.01 "):
        first_passage(
            dynamics, "EulerMaruyama", dt=DT, target="x > 3", n_replicas=2, seed=1, start=0.0
        )
    # Semi-implicit Euler fails at a large friction: its momentum changes sign and grows.
    thickening = Linear(start=1.0, stop=50.0, duration=100 * DT)
    with pytest.raises(UnstableStepError, match=r"SemiImplicitEuler .* scheduled friction 50 "):
        run(scheduled(1.0, thickening, HARMONIC), "SemiImplicitEuler", n_steps=200)


def test_stability_of_friction_that_the_run_does_not_reach_is_not_checked():
    from langevin_lab.ensemble.checks import check_stability

    thinning = Linear(start=1.0, stop=0.01, duration=100 * DT)
    dynamics = ll.Overdamped(HARMONIC, temperature=1.0, friction=thinning)
    check_stability(method("EulerMaruyama"), dynamics, DT, 50)
    with pytest.raises(UnstableStepError):
        check_stability(method("EulerMaruyama"), dynamics, DT, 100)


def test_friction_that_a_schedule_must_not_have_is_refused_before_the_run():
    negative = ll.Langevin(HARMONIC, temperature=1.0, friction=lambda t: 1.0 - t)
    with pytest.raises(ValueError, match=r"friction schedule returned -0\.\d* at time 1\.0.*>= 0"):
        run(negative)
