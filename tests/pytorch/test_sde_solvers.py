"""What is said of torchsde's solvers: steps of linear equations, orders, cost."""

import math

import numpy as np
import pytest
import torch

import langevin_lab as ll
from langevin_lab.integrators import method_for
from langevin_lab.pytorch import as_torchsde, brownian, brownian_motion
from langevin_lab.pytorch.sde_records import SOLVERS
from langevin_lab.pytorch.sde_solvers import RUNNING, sde_of, solver_method

torchsde = pytest.importorskip("torchsde")

HARMONIC = ll.Langevin(
    ll.potentials.harmonic(stiffness=2.0), temperature=0.7, friction=1.5, mass=0.5
)  # fmt: skip
# d(x, p) = F (x, p) dt + G dW
F = np.array([[0.0, 2.0], [-2.0, -1.5]])
G = np.array([[0.0], [math.sqrt(2 * 1.5 * 0.5 * 0.7)]])
DT = 0.1
ADDITIVE = [name for name, noise_types in RUNNING.items() if "additive" in noise_types]
GEOMETRIC = ll.ItoDiffusion.from_drift(
    "mu*x", noise="sigma*x", parameters={"mu": 0.4, "sigma": 0.5}
)


def chosen(eq, solver, integrator="EulerMaruyama"):
    return solver_method(eq, method_for(integrator, eq), solver)


def step(monkeypatch, solver, y, drawn):
    """One step of the harmonic oscillator with given normals (n_replicas, normals_per_step)."""
    method = chosen(HARMONIC, solver, "BAOAB")
    sde = sde_of(method, HARMONIC, time_unit=DT)
    monkeypatch.setattr(brownian.CounterBrownianMotion, "_normals", lambda *_: drawn)
    path = brownian_motion(
        1, n_replicas=len(y), n_channels=1, dt=1.0, levy_area=SOLVERS[solver].levy_area
    )
    with torch.no_grad():
        return torchsde.sdeint(sde, y, [0.0, 1.0], bm=path, dt=1.0, method=solver)[-1].numpy()


@pytest.mark.parametrize("solver", ADDITIVE)
def test_a_step_of_a_linear_equation_is_its_taylor_series(monkeypatch, solver):
    basis = torch.eye(2, dtype=torch.float64)
    width = 1 if SOLVERS[solver].levy_area == "none" else 2
    moved = step(monkeypatch, solver, basis, torch.zeros(2, width, dtype=torch.float64)).T
    second = 0.0 if solver in ("euler", "milstein", "euler_heun") else 0.5
    expected = np.eye(2) + DT * F + second * DT**2 * F @ F
    assert np.allclose(moved, expected, rtol=1e-13, atol=1e-15)
    noise = torch.eye(width, dtype=torch.float64)
    root = step(monkeypatch, solver, torch.zeros(width, 2, dtype=torch.float64), noise).T
    source = G @ G.T
    expected = {
        "euler": DT * source,
        "milstein": DT * source,
        "euler_heun": DT * source,
        # G W + F G U, with the exact covariance of W and U.
        "srk": DT * source + DT**2 / 2 * (F @ source + source @ F.T) + DT**3 / 3 * F @ source @ F.T,
    }.get(solver)
    if expected is None:  # heun, midpoint: (1 + F dt/2) G W
        half = np.eye(2) + 0.5 * DT * F
        expected = DT * half @ source @ half.T
    assert np.allclose(root @ root.T, expected, rtol=1e-12, atol=1e-16)


def strong_errors(solver, n_replicas, levels, seed=11):
    """|x(1) - exact| of geometric Brownian motion, (n_levels, n_replicas), on one path."""
    method = chosen(GEOMETRIC, solver)
    path = brownian_motion(
        seed, n_replicas=n_replicas, n_channels=1, dt=1.0 / levels[-1], levy_area=method.levy_area
    )
    exact = torch.exp(0.4 - 0.125 + 0.5 * path(0.0, 1.0))
    errors = []
    with torch.no_grad():
        for n_steps in levels:
            sde = sde_of(method, GEOMETRIC)
            y = sde.pack(x=np.ones((n_replicas, 1)))
            times = torch.tensor([0.0, 1.0], dtype=torch.float64)
            end = torchsde.sdeint(sde, y, times, bm=path, dt=1.0 / n_steps, method=solver)[-1]
            errors.append((end - exact).ravel().numpy())
    return np.array(errors)


@pytest.mark.parametrize("solver", ["euler", "milstein", "srk", "heun", "midpoint", "euler_heun"])
def test_orders_on_geometric_brownian_motion(solver):
    levels = (8, 16, 32, 64, 128)
    errors = strong_errors(solver, 3200, levels).reshape(len(levels), 32, 100)
    rms = np.sqrt((errors**2).mean(axis=2))
    slopes = -np.polyfit(np.log(levels), np.log(rms), 1)[0]
    mean, stderr = slopes.mean(), slopes.std(ddof=1) / math.sqrt(slopes.size)
    expected = chosen(GEOMETRIC, solver).properties.strong_order
    # Steps are not small without end: the fit may be off by a power of the next order.
    margin = 0.1 + 4 * stderr
    print(f"{mean:.3f} +- {stderr:.3f} | {expected} | n_eff={slopes.size}")
    assert abs(mean - expected) < margin < 0.25


def test_without_its_correction_the_stratonovich_form_is_another_equation():
    n = 500
    path = brownian_motion(11, n_replicas=n, n_channels=1, dt=1 / 128)
    exact = torch.exp(0.4 - 0.125 + 0.5 * path(0.0, 1.0))
    sde = as_torchsde(GEOMETRIC)
    sde.sde_type = "stratonovich"
    sde.f = lambda t, y: 0.4 * y
    y = torch.ones(n, 1, dtype=torch.float64)
    times = torch.tensor([0.0, 1.0], dtype=torch.float64)
    with torch.no_grad():
        end = torchsde.sdeint(sde, y, times, bm=path, dt=1 / 128, method="heun")[-1]
    assert abs(end - exact).mean() > 20 * abs(strong_errors("heun", n, (128,))).mean()


def test_log_ode_has_the_moments_of_noises_that_do_not_commute():
    # [b_0, b_1] = (x/4) d/dy is not 0: the step needs the area between the noises.
    U = ll.Potential.from_expression("0*x + 0*y", variables=("x", "y"))
    eq = ll.ItoDiffusion(U, noise=[["0.5*x", "0"], ["0", "0.5*x"]])
    with_areas = ll.simulate(
        eq, "EulerMaruyama", solver="log_ode", dt=0.1, n_steps=10, n_replicas=30_000, seed=2,
        start=[1.0, 0.0], backend="torchsde",
    )["x_final"].values  # fmt: skip
    # dx^2 = x^2/4 dt in the mean; y is the integral of x/2 over an independent path.
    second = math.exp(0.25)
    for values, expected in (
        (with_areas[:, 0], 1.0),
        (with_areas[:, 0] ** 2, second),
        (with_areas[:, 1] ** 2, second - 1.0),
    ):
        stderr = values.std() / math.sqrt(len(values))
        z = (values.mean() - expected) / stderr
        print(f"{values.mean():.4f} +- {stderr:.4f} | {expected:.4f} | z={z:.2f}")
        assert abs(z) < 5
    assert abs(with_areas[:, 0].mean() - 1.05) > 5 * with_areas[:, 0].std() / math.sqrt(30_000)


@pytest.mark.parametrize("solver", RUNNING)
def test_a_method_has_the_record_of_its_solver_and_its_normals(solver):
    both = ll.ItoDiffusion(
        ll.Potential.from_expression("x**2 + y**2", variables=("x", "y")),
        noise=[["x", "1"], ["0", "y"]],
    )
    record = SOLVERS[solver]
    cases = {"additive": (HARMONIC, "BAOAB"), "diagonal": (GEOMETRIC, "EulerMaruyama")}
    for noise_type, (eq, integrator) in cases.items():
        if solver == "log_ode":
            noise_type, eq, integrator = "general", both, "EulerMaruyama"
        method = chosen(eq, solver, integrator)
        sde = sde_of(method, eq)
        assert (sde.sde_type in record.sde_types, sde.noise_type) == (True, noise_type)
        found = method.properties
        assert found.strong_order == record.strong_order[noise_type]
        assert found.weak_order == record.weak_order
        assert found.gradients_per_step == record.drifts[noise_type != "additive"]
        assert math.isnan(found.stability_limit)
        path = brownian_motion(
            1, n_replicas=2, n_channels=sde.n_channels, dt=1.0, levy_area=method.levy_area
        )
        per_replica = method.program.n_normals * eq.dim + method.program.n_scalar_normals
        assert path.normals_per_step == per_replica
        # torchsde takes the equation, in this form and with this path.
        y = torch.ones(2, sde.n_state, dtype=torch.float64)
        end = torchsde.sdeint(sde, y, [0.0, 1.0], bm=path, dt=1.0, method=solver)[-1]
        assert torch.isfinite(end).all()
