"""Deterministic paths to a tolerance, against closed forms and conserved quantities."""

import numpy as np
import pytest
from scipy.integrate import simpson
from scipy.linalg import expm

import langevin_lab as ll
from langevin_lab.integrators import method, solve_flow

LINE = ll.potentials.harmonic()
WELL = ll.potentials.double_well()
PLANE = ll.Potential.from_expression("x**2/2 + 2*y**2", variables=("x", "y"))
TIMES = np.linspace(0.0, 3.0, 7)


def test_gradient_flow_of_a_harmonic_well_decays_exponentially():
    cold = ll.Overdamped(PLANE, temperature=0.0, friction=(0.5, 2.0))
    path = solve_flow(cold, [1.0, -0.4], TIMES)
    rates = np.array([1.0 / 0.5, 4.0 / 2.0])
    exact = np.array([1.0, -0.4]) * np.exp(-rates * TIMES[:, None])
    np.testing.assert_allclose(path["x"], exact, rtol=1e-8, atol=1e-12)
    assert path["x"].dims == ("time", "coordinate")
    assert list(path["coordinate"].values) == ["x", "y"]
    assert path.attrs["n_gradients"] > 10


@pytest.mark.parametrize("name", ["DOP853", "RK45", "Radau", "LSODA"])
def test_momentum_flow_is_the_matrix_exponential(name):
    damped = ll.Langevin(LINE, temperature=0.0, friction=0.3, mass=2.0)
    path = solve_flow(
        damped, [1.0], TIMES, start_momentum=[0.5], method=name, rtol=1e-9, atol=1e-11
    )
    generator = np.array([[0.0, 0.5], [-1.0, -0.3]])
    exact = np.stack([expm(generator * t) @ [1.0, 0.5] for t in TIMES])
    np.testing.assert_allclose(path["x"][:, 0], exact[:, 0], atol=2e-7)
    np.testing.assert_allclose(path["p"][:, 0], exact[:, 1], atol=2e-7)


def test_another_friction_is_another_path():
    """Negative control: 2 % in the friction is far beyond the tolerance."""
    ends = [
        solve_flow(ll.Langevin(LINE, temperature=0.0, friction=f), [1.0], [3.0])["x"][-1, 0]
        for f in (0.3, 0.306)
    ]
    assert abs(float(ends[1] - ends[0])) > 1e-4


def test_hamiltonian_dynamics_keeps_its_energy_at_any_temperature():
    free = ll.Langevin(WELL, temperature=0.7, friction=0.0)
    path = solve_flow(free, [0.2], np.linspace(0, 20, 101))
    energy = WELL.energy(path["x"].values) + path["p"].values[:, 0] ** 2 / 2
    np.testing.assert_allclose(energy, energy[0], rtol=1e-8)


def test_nose_hoover_keeps_its_conserved_quantity():
    hoover = ll.AdaptiveLangevin(
        PLANE, temperature=0.6, thermal_mass=1.7, coupling=1.3, mass=(1.0, 2.5)
    )
    times = np.linspace(0.0, 8.0, 4001)
    path = solve_flow(hoover, [1.0, 0.3], times, start_momentum=[0.2, -1.0], start_thermostat=0.4)
    x, p, xi = (path[name].values for name in ("x", "p", "xi"))
    assert path["xi"].dims == ("time",)
    work = np.array([simpson(xi[: k + 1], x=times[: k + 1]) for k in (0, 1000, 4000)])
    kept = (
        PLANE.energy(x) + (p**2 / np.array([1.0, 2.5])).sum(axis=1) / 2 + 1.7 * 1.3 * xi**2 / 2
    )[[0, 1000, 4000]] + 2 * 0.6 * 1.3 * work
    np.testing.assert_allclose(kept, kept[0], rtol=1e-8)


@pytest.mark.parametrize("equation", ["overdamped", "langevin"])
def test_fixed_step_runge_kutta_converges_to_it(equation):
    kind = {"overdamped": ll.GradientFlow(WELL)}
    kind["langevin"] = ll.Langevin(WELL, temperature=0.0, friction=0.8)
    dynamics, scheme = kind[equation], method("RK4", equation=equation)
    exact = float(solve_flow(dynamics, [0.3], [1.0])["x"][-1, 0])
    errors = []
    for n_steps in (32, 64):
        state = {"x": np.array([[0.3]]), "p": np.zeros((1, 1))}
        state = scheme.carried_state(state, WELL.gradient)
        coefficients = scheme.coefficients(dynamics, 1.0 / n_steps)
        for _ in range(n_steps):
            state = scheme.step(state, [], coefficients, WELL.gradient)
        errors.append(abs(float(state["x"][0, 0]) - exact))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4.0, abs=0.2)


def test_scheduled_friction_is_followed_in_time():
    """x' = -x/(1 + t) has x = x(0)/(1 + t)."""
    growing = ll.dynamics.Linear(start=1.0, stop=11.0, duration=10.0)
    path = solve_flow(ll.Overdamped(LINE, temperature=0.0, friction=growing), [1.0], [3.0])
    assert float(path["x"][-1, 0]) == pytest.approx(0.25, rel=1e-8)
    damped = ll.Langevin(LINE, temperature=0.0, friction=ll.dynamics.Constant(value=0.3))
    plain = ll.Langevin(LINE, temperature=0.0, friction=0.3)
    ends = [float(solve_flow(eq, [1.0], [3.0])["x"][-1, 0]) for eq in (damped, plain)]
    assert ends[0] == ends[1]


def test_drift_without_noise_is_solved():
    """A rotation that decays, x' = -a x - y, y' = x - a y: no gradient."""
    spiral = ll.ItoDiffusion.from_drift(
        ["-a*x - y", "x - a*y"], noise=[["0", "0.0"], ["0*3", "0"]], parameters={"a": 0.2}
    )
    path = solve_flow(spiral, [1.0, 0.0], TIMES)
    exact = np.exp(-0.2 * TIMES)[:, None] * np.stack([np.cos(TIMES), np.sin(TIMES)], axis=1)
    np.testing.assert_allclose(path["x"], exact, atol=1e-9)
    assert "p" not in path
    assert path.attrs["n_gradients"] > 10


def test_diffusion_without_drift_of_its_own_flows_down_the_gradient():
    path = solve_flow(ll.ItoDiffusion(PLANE, noise="0", mobility=(2.0, 0.5)), [1.0, -0.4], TIMES)
    exact = np.array([1.0, -0.4]) * np.exp(-np.array([2.0, 2.0]) * TIMES[:, None])
    np.testing.assert_allclose(path["x"], exact, rtol=1e-8, atol=1e-12)


FLOW = ll.GradientFlow(LINE)


@pytest.mark.parametrize(
    ("dynamics", "changes", "message"),
    [
        (
            ll.Overdamped(LINE, temperature=0.2),
            {},
            "temperature=0.2 makes the path random; use tem",
        ),
        (ll.Langevin(LINE, temperature=0.2, friction=1.0), {}, "use temperature=0 or friction=0"),
        (
            ll.GradientFlow(LINE.with_gradient_noise(standard_deviation=0.1)),
            {},
            r"the gradient is drawn, .*, so the path is random; use the potential without",
        ),
        (ll.Langevin(LINE, temperature=0.0, friction=np.inf), {}, "friction=inf has no path in ti"),
        (
            ll.AdaptiveLangevin(LINE, temperature=1.0, thermal_mass=1.0, applied_noise=0.5),
            {},
            "applied_noise=0.5 makes the path random; use applied_noise=0",
        ),
        (ll.ItoDiffusion(LINE, noise="0.1*x"), {}, r"noise='0.1\*x' makes the path random; use no"),
        (
            ll.ItoDiffusion(LINE, noise=[["0", "1e-9"]]),
            {},
            "noise='1e-9' makes the path random; use noise='0'",
        ),
        (FLOW, {"start": [1.0, 2.0]}, r"start=\[1.0, 2.0\] must be 1 finite numbers"),
        (FLOW, {"start_momentum": [1.0]}, r"start_momentum=\[1.0\], but GradientFlow has none"),
        (FLOW, {"start_thermostat": 1.0}, "start_thermostat=1.0, but GradientFlow has none"),
        (FLOW, {"times": [1.0, 0.5]}, r"times=\[1.0, 0.5\] must be finite, >= 0 and increasing"),
        (FLOW, {"times": [0.0]}, "the last > 0"),
        (FLOW, {"rtol": 0.0}, "rtol=0.0 must be > 0"),
        (FLOW, {"atol": -1.0}, "atol=-1.0 must be > 0"),
        (FLOW, {"method": "Euler"}, "method='Euler' must be one of DOP853"),
    ],
)
def test_wrong_input_is_refused(dynamics, changes, message):
    arguments = {"start": [1.0], "times": [0.0, 1.0]} | changes
    with pytest.raises(ValueError, match=message):
        solve_flow(dynamics, arguments.pop("start"), arguments.pop("times"), **arguments)


def test_partitioned_dynamics_is_refused():
    blocks = [(slice(0, 1), ll.Overdamped(LINE, temperature=0.0))]
    with pytest.raises(TypeError, match="must be GradientFlow, Overdamped, Langevin, Inertial"):
        solve_flow(ll.Partitioned(blocks), [1.0], [1.0])


def test_path_that_ends_at_infinity_is_an_error():
    cliff = ll.GradientFlow(ll.Potential.from_expression("-x**4"))
    with (
        pytest.raises(RuntimeError, match=r"method='DOP853' stopped at time .* of 1: "),
        np.errstate(all="ignore"),
    ):
        solve_flow(cliff, [2.0], np.linspace(0.01, 1.0, 100))
