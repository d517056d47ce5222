"""RK4 for the inertial flow: its order, its special case, its equation, who may use it."""

import dataclasses

import numpy as np
import pytest
from scipy.linalg import expm

import langevin_lab as ll
from langevin_lab.ensemble.checks import check_stability
from langevin_lab.evidence import order
from langevin_lab.integrators import method, solve_flow, specimen
from langevin_lab.integrators.registry import method_for

PLANE = ll.Potential.from_expression("(x**2-1)**2/4 + x*y/5 + y**2/2 + cos(x-y)", ("x", "y"))
FLOW = ll.InertialFlow(
    PLANE, friction=(0.8, 0.5), hessian_damping=0.3, force_scale=0.7, mass=1.6
)  # fmt: skip
START, KICK = [0.5, 1.2], [0.3, -0.4]


def stepped(flow, duration, n_steps):
    scheme, gradient = method_for("RK4", flow), flow.potential.gradient
    dt = duration / n_steps
    state = {"x": np.array(START), "p": np.array(KICK)}
    for step in range(n_steps):
        now = flow.at((step + 0.5) * dt) if flow.scheduled else flow
        state = scheme.step(state, [], scheme.coefficients(now, dt), gradient)
    return np.concatenate([state["x"], state["p"]])


def solved(flow, duration):
    path = solve_flow(
        flow, START, [duration], start_momentum=KICK, rtol=1e-12, atol=1e-14
    )  # fmt: skip
    return np.concatenate([path["x"].values[-1], path["p"].values[-1]])


def observed(flow, duration=1.0, n_steps=(8, 16, 32, 64)):
    exact = solved(flow, duration)
    errors = [np.abs(stepped(flow, duration, n) - exact).max() for n in n_steps]
    return order(duration / np.array(n_steps), errors)


def test_order_is_4_at_constant_numbers():
    found = observed(FLOW)
    low, high = found.interval()
    assert low < 4.0 < high
    assert high - low < 0.6


@pytest.mark.parametrize("number", ["hessian_damping", "force_scale", "mass"])
def test_two_percent_of_a_constant_is_another_flow(number):
    """Negative control: the order against a wrong equation is 0."""
    wrong = dataclasses.replace(FLOW, **{number: 1.02 * getattr(FLOW, number)})
    assert np.abs(stepped(FLOW, 1.0, 64) - solved(wrong, 1.0)).max() > 1e-4


def test_order_is_2_where_schedules_are_read_at_the_middle():
    flow = dataclasses.replace(
        FLOW,
        friction=lambda time: 1.0 + np.sin(3.0 * np.asarray(time)),
        force_scale=lambda time: np.exp(-np.asarray(time, dtype=float)),
    )
    low, high = observed(flow, n_steps=(32, 64, 128)).interval()
    assert low < 2.0 < high
    assert high - low < 0.6


def test_without_hessian_damping_it_is_the_step_of_langevin_dynamics():
    damped = ll.Langevin(PLANE, temperature=0.0, friction=(0.8, 0.5), mass=1.6)
    flow = ll.InertialFlow(PLANE, friction=(0.8, 0.5), hessian_damping=0.0, mass=1.6)
    assert stepped(flow, 2.0, 20) == pytest.approx(stepped(damped, 2.0, 20), abs=1e-14)


def test_a_step_on_a_quadratic_is_the_exponential_to_fourth_order():
    flow = dataclasses.replace(FLOW, potential=ll.potentials.harmonic(stiffness=2.0), friction=0.8)
    generator = np.array([[-0.3 * 2.0, 1.0 / 1.6], [-0.7 * 2.0, -0.8]])
    scheme, dt = method("RK4", equation="inertial"), 0.2
    numbers = scheme.coefficients(flow, dt)
    columns = [
        scheme.step({"x": e[:1], "p": e[1:]}, [], numbers, flow.potential.gradient)
        for e in np.eye(2)
    ]
    matrix = np.array([np.concatenate([c["x"], c["p"]]) for c in columns]).T
    powers = [np.linalg.matrix_power(generator * dt, k) for k in range(5)]
    series = sum(power / factor for power, factor in zip(powers, (1, 1, 2, 6, 24)))
    assert matrix == pytest.approx(series, abs=1e-15)
    assert matrix == pytest.approx(expm(generator * dt), abs=1e-4)


def second_order_residual(flow, **wrong):
    """x'' + friction x' + hessian_damping U'' x' + (force_scale/mass + friction damping) grad U."""
    numbers = {
        "friction": 0.8, "damping": 0.3, "force": 0.7 / 1.6 + 0.8 * 0.3,
    } | wrong  # fmt: skip
    times, width = np.array([0.9, 1.0, 1.1]), 1e-3
    fine = np.sort(np.concatenate([times - width, times, times + width]))
    path = solve_flow(flow, START, fine, start_momentum=KICK, rtol=1e-12, atol=1e-14)
    before, x, after = path["x"].values.reshape(3, 3, 2).swapaxes(0, 1)
    speed, acceleration = (after - before) / (2 * width), (after - 2 * x + before) / width**2
    hessian_term = flow.potential.hessian_product(x, speed)
    force = numbers["force"] * flow.potential.gradient(x)
    total = acceleration + numbers["friction"] * speed + numbers["damping"] * hessian_term + force
    return np.abs(total).max()


def test_positions_obey_the_second_order_equation_with_the_hessian():
    flow = dataclasses.replace(FLOW, friction=0.8)
    assert second_order_residual(flow) < 3e-6
    assert second_order_residual(flow, damping=0.306) > 1e-3
    assert second_order_residual(flow, force=0.7 / 1.6) > 1e-2


def test_method_is_made_once_and_known_by_its_equation():
    scheme = method("RK4", equation="inertial")
    assert scheme is method_for("RK4", FLOW) is specimen("RK4", equation="inertial")
    assert scheme.properties.equation == "inertial"
    assert scheme.properties.gradients_per_step == 4
    assert scheme.properties.strong_order == 4.0
    # As classical RK4 on an undamped oscillator.
    assert scheme.properties.stability_limit == pytest.approx(np.sqrt(8.0), abs=1e-11)


@pytest.mark.parametrize(
    ("integrator", "message"),
    [
        ("BAOAB", "method='BAOAB' is for langevin dynamics, not for InertialFlow; use 'RK4'"),
        ("EulerMaruyama", "is for overdamped dynamics, not for InertialFlow; use 'RK4'"),
        (
            method("RK4", equation="langevin"),
            "method='RK4' is for langevin dynamics, not for InertialFlow; use 'RK4'",
        ),
        ("RK5", r"method='RK5' is unknown: did you mean 'RK4'\?"),
    ],
)
def test_other_methods_are_refused_with_the_one_that_works(integrator, message):
    with pytest.raises(ValueError, match=message):
        method_for(integrator, FLOW)


def test_the_method_is_for_no_other_dynamics():
    damped = ll.Langevin(PLANE, temperature=0.0, friction=0.8)
    with pytest.raises(ValueError, match="method='RK4' is for inertial dynamics, not for Langevin"):
        method_for(method("RK4", equation="inertial"), damped)


def test_stability_is_that_of_the_damped_step():
    well, scheme = ll.potentials.harmonic(), method("RK4", equation="inertial")
    stiff = ll.InertialFlow(well, friction=1.0, hessian_damping=10.0)
    limit = 2.785293563405 / -np.linalg.eigvals([[-10.0, 1.0], [-1.0, -1.0]]).real.min()
    check_stability(scheme, stiff, 0.999 * limit)
    with pytest.raises(ll.ensemble.UnstableStepError, match=r"stability limit 0\.281") as error:
        check_stability(scheme, stiff, 1.001 * limit)
    assert error.value.limit == pytest.approx(limit, rel=1e-6)
    weak = ll.InertialFlow(well, friction=0.1, hessian_damping=0.0, force_scale=0.01)
    check_stability(scheme, weak, 5.0)  # a tenth of the frequency: half of its limit
    later = ll.InertialFlow(
        well, friction=0.1, hessian_damping=0.0, force_scale=lambda t: 0.04 * np.asarray(t)
    )
    with pytest.raises(ll.ensemble.UnstableStepError, match=r"at time 47\.5"):
        check_stability(scheme, later, 5.0, n_steps=10)
    check_stability(scheme, later, 5.0, n_steps=1)


@pytest.mark.slow
def test_it_runs_on_the_ensemble_as_in_numpy():
    flow = dataclasses.replace(FLOW, friction=lambda time: 1.0 / (1.0 + np.asarray(time)))
    run = ll.simulate(
        flow, "RK4", dt=0.05, n_steps=20, seed=0, start=START, start_momentum=KICK
    )  # fmt: skip
    found = np.concatenate([run["x_final"].values[0], run["p_final"].values[0]])
    assert found == pytest.approx(stepped(flow, 1.0, 20), abs=1e-13)
