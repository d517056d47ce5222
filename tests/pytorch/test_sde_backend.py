"""``backend="torchsde"``: the dataset of the other backends, from torchsde's solvers."""

import importlib.util
import math
import re

import numpy as np
import pytest
import torch

import langevin_lab as ll
from langevin_lab import noise
from langevin_lab.ensemble import CoordinateMean, Histogram, KineticTemperature
from langevin_lab.integrators import method_for
from langevin_lab.pytorch.functions import tensor_functions

pytest.importorskip("torchsde")

WELL = ll.potentials.double_well()
OVERDAMPED = ll.Overdamped(WELL, temperature=0.3)
LANGEVIN = ll.Langevin(WELL, temperature=0.3, friction=1.0)
GEOMETRIC = ll.ItoDiffusion.from_drift(
    "mu*x", noise="sigma*x", parameters={"mu": 0.4, "sigma": 0.5}
)


def simulate(eq, integrator, **settings):
    given = {"dt": 0.05, "n_steps": 100, "n_replicas": 10, "seed": 3, "start": [1.0], **settings}
    return ll.simulate(eq, integrator, backend="torchsde", **given)


def steps_in_numpy(eq, name, *, dt, n_steps, n_replicas, seed, start):
    """The package's own method, step by step, on its normals."""
    method = method_for(name, eq)
    program = method.program
    gradient = eq.potential.gradient
    state = method.carried_state({"x": np.full((n_replicas, eq.dim), start)}, gradient)
    per_step = program.n_normals * eq.dim + program.n_scalar_normals
    coefficients = method.coefficients(eq, dt)
    functions = eq.functions(program.functions) if program.functions else None
    for step in range(n_steps):
        drawn = noise.normals(seed, range(n_replicas), step * per_step, per_step)
        own = drawn[:, : program.n_normals * eq.dim]
        state = method.step(
            state,
            np.moveaxis(own.reshape(n_replicas, program.n_normals, eq.dim), 1, 0),
            coefficients,
            gradient,
            scalar_normals=drawn[:, own.shape[1] :].T[..., None],
            functions=functions,
        )
    return state["x"]


TWO = ll.Potential.from_expression("(x**2 + 2*y**2)/2", variables=("x", "y"))


@pytest.mark.parametrize(
    ("eq", "name", "solver"),
    [
        (OVERDAMPED, "EulerMaruyama", "euler"),
        (OVERDAMPED, "StochasticHeun", "heun"),
        (OVERDAMPED, "SRA1", "srk"),
        (GEOMETRIC, "EulerMaruyama", "euler"),
        (GEOMETRIC, "Milstein", "milstein"),
        (GEOMETRIC, "Platen", "milstein"),
        (ll.ItoDiffusion(TWO, noise=["0.3*y", "0.4*x"]), "EulerMaruyama", "euler"),
        (ll.ItoDiffusion(TWO, noise=[["x", "1"], ["0", "y"]]), "EulerMaruyama", "euler"),
        (ll.ItoDiffusion(TWO, noise=[["0.3*y"], ["x"]], mobility=2.0), "EulerMaruyama", "euler"),
    ],
)
def test_schemes_that_coincide_give_the_same_paths(eq, name, solver):
    common = {"dt": 0.05, "n_steps": 40, "n_replicas": 6, "seed": 9, "start": [1.1] * eq.dim}
    ours = simulate(eq, name, **common)
    assert ours.attrs["solver"] == solver
    expected = steps_in_numpy(eq, name, **common)
    assert np.allclose(ours["x_final"], expected, rtol=1e-12, atol=1e-12)


def test_a_schedule_is_taken_at_the_times_of_the_stages():
    """Euler's path is ours with a schedule that is ahead by half a step."""
    dt, settings = 0.05, {"n_steps": 60, "n_replicas": 5, "seed": 1, "start": [1.0]}

    def run(backend, ahead):
        ramp = ll.dynamics.Linear(start=1.0 - 0.25 * ahead, stop=0.25 - 0.25 * ahead, duration=3.0)
        eq = ll.Overdamped(ll.potentials.double_well(), temperature=ramp)
        run = ll.simulate(eq, "EulerMaruyama", dt=dt, backend=backend, progress=False, **settings)
        return run["x_final"].values

    ours = run("cpu", 0.0)
    assert np.abs(run("torchsde", dt / 2) - ours).max() < 1e-12
    assert np.abs(run("torchsde", 0.0) - ours).max() > 1e-4


def test_the_dataset_is_that_of_the_cpu():
    settings = {
        "dt": 0.05, "n_steps": 150, "n_replicas": 40, "seed": 3, "start": [1.0], "burn_in": 7,
        "record_every": 2, "save_every": 3, "divergence_bound": 1.4,
        "observe": {
            "x2": "x**2", "all": "energy + laplacian*grad_x - mass_x*dt",
            "density": Histogram("x", low=-1.0, high=1.4, bins=7),
            "mean": CoordinateMean("x*grad*mass"),
        },
    }  # fmt: skip
    with pytest.warns(RuntimeWarning, match="replicas diverged"):
        cpu = ll.simulate(OVERDAMPED, "EulerMaruyama", **settings)
    with pytest.warns(RuntimeWarning, match="replicas diverged"):
        ours = simulate(OVERDAMPED, "EulerMaruyama", **settings)
    assert 3 < (ours["diverged_step"] >= 0).sum() < 37
    assert set(ours.variables) == set(cpu.variables)
    for name in cpu.variables:
        one, other = cpu[name].values, ours[name].values
        assert one.dtype == other.dtype
        if one.dtype.kind in "if":
            assert np.allclose(one, other, rtol=1e-10, atol=1e-12), name
    attributes = ours.attrs
    assert attributes["backend"] == "torchsde"
    assert attributes["method"] == "torchsde:euler"
    assert attributes["torch_version"] == torch.__version__
    assert attributes["torchsde_version"]
    assert attributes["device"]


def test_momenta_and_thermostats_are_observed():
    eq = ll.AdaptiveLangevin(WELL, temperature=0.5, thermal_mass=2.0, applied_noise=0.3)
    run = simulate(
        eq, "BADODAB", solver="heun", n_steps=50, save_every=1, observe={
            "first": "p**2 + xi*x", "kinetic": KineticTemperature(),
        },
    )  # fmt: skip
    x, p, xi = run["x"].values[..., 0], run["p"].values[..., 0], run["xi"].values
    assert float(run["first"]) == pytest.approx((p**2 + xi * x).mean(), rel=1e-12)
    assert float(run["kinetic"]) == pytest.approx((p**2).mean(), rel=1e-12)
    assert xi.shape == (50, 10)
    with pytest.raises(ValueError, match="a step of torchsde:heun does not end with a kick"):
        simulate(
            eq, "BADODAB", solver="heun", observe={"kinetic": KineticTemperature(half_step=True)}
        )


def test_blocks_take_the_normals_of_their_coordinates():
    U = ll.potentials.harmonic(dim=3)
    eq = ll.Partitioned(
        [
            ([2], ll.AdaptiveLangevin(U, temperature=0.7, thermal_mass=4.0, applied_noise=1.5)),
            ([0, 1], ll.Langevin(U, temperature=0.9, friction=0.3, mass=2.0)),
        ]
    )
    dt, n = 0.1, 4
    x, p, xi = np.ones((n, 3)), np.full((n, 3), 0.5), np.full(n, 0.2)
    run = simulate(
        eq, "BADODAB", solver="euler", dt=dt, n_steps=1, n_replicas=n, start=x, start_momentum=p,
        start_thermostat=xi,
    )  # fmt: skip
    drawn = noise.normals(3, range(n), 0, 3)
    root = np.sqrt(dt) * np.array([np.sqrt(2 * 0.3 * 2 * 0.9)] * 2 + [1.5])
    kicked = p - dt * (x + np.array([0.3, 0.3, 0.2]) * p) + root * drawn
    assert np.allclose(run["p_final"], kicked, rtol=1e-12)
    assert np.allclose(run["x_final"], x + dt * p / [2.0, 2.0, 1.0], rtol=1e-12)
    assert np.allclose(run["xi_1_final"], xi + dt * (0.25 - 0.7) / 4.0, rtol=1e-12)


def test_potentials_of_torch_functions_and_of_loops_run_too():
    chain = ll.potentials.harmonic(stiffness=[1.0] * 20)
    assert chain.code.form == "array"
    of_torch = ll.pytorch.torch_potential(lambda x: 0.5 * (x**2).sum(-1), dim=20)
    ends = [
        simulate(
            ll.Overdamped(U, temperature=0.3), "EulerMaruyama", start=[1.0] * 20, n_steps=10,
            observe={"energy": "energy", "mean": CoordinateMean("x**2")},
        )
        for U in (chain, of_torch)
    ]  # fmt: skip
    for name in ("x_final", "energy", "mean"):
        assert np.allclose(ends[0][name], ends[1][name], rtol=1e-12, atol=1e-14)
    with pytest.raises(TypeError, match="is made of compiled functions, which torch cannot run"):
        tensor_functions(chain, device="meta")


def test_pieces_of_a_run_and_parts_of_an_ensemble_are_the_whole():
    settings = {"n_steps": 150, "n_replicas": 4, "save_every": 5, "observe": {"x2": "x**2"}}
    whole = simulate(OVERDAMPED, "SRA1", **settings)
    cut = simulate(OVERDAMPED, "SRA1", chunk_size=37, n_threads=1, **settings)
    part = simulate(OVERDAMPED, "SRA1", **{**settings, "n_steps": 70})
    settings["continue_from"] = part
    with_rest = simulate(OVERDAMPED, "SRA1", **{**settings, "n_steps": 80, "start": None})
    for other in (cut, with_rest):
        for name in ("x_final", "x", "x2_stderr"):
            assert (whole[name].values == other[name].values).all(), name
        assert np.allclose(whole["moment_sum"], other["moment_sum"], rtol=1e-14)


def test_replicas_frozen_before_a_continuation_stay_as_they_were():
    settings = {"divergence_bound": 1.5, "n_steps": 60, "save_every": 20}
    with pytest.warns(RuntimeWarning, match="diverged"):
        first = simulate(OVERDAMPED, "EulerMaruyama", **settings)
    with pytest.warns(RuntimeWarning, match="diverged"):
        second = simulate(
            OVERDAMPED, "EulerMaruyama", continue_from=first, **{**settings, "start": None}
        )
    frozen = first["diverged_step"].values >= 0
    assert 0 < frozen.sum() < 10
    assert (second["x_final"].values == first["x_final"].values)[frozen].all()
    assert (second["x"].values[3:, frozen] == first["x_final"].values[frozen]).all()
    assert (second["diverged_step"].values == first["diverged_step"].values)[frozen].all()


def test_all_replicas_may_diverge():
    with pytest.warns(RuntimeWarning, match="10 of 10 replicas diverged"):
        run = simulate(OVERDAMPED, "EulerMaruyama", divergence_bound=1e-3, save_every=50)
    assert (run["diverged_step"] == 1).all()
    assert (run["x"] == 1.0).all()


@pytest.mark.parametrize("bound", [1e10, 30.0])
def test_the_number_of_states_of_a_call_changes_nothing(monkeypatch, bound):
    quartic = ll.Overdamped(ll.Potential.from_expression("x**4/4"), temperature=0.5)
    start = np.linspace(-2.0, 5.0, 12)[:, None]
    settings = {
        "start": start, "dt": 0.1, "n_steps": 70, "n_replicas": 12, "save_every": 4,
        "divergence_bound": bound, "observe": {"x2": "x**2"}, "record_every": 3,
    }  # fmt: skip
    runs = []
    for kept in (2**23, 50, 1):
        monkeypatch.setattr("langevin_lab.pytorch.sde_backend.KEPT", kept)
        with pytest.warns(RuntimeWarning, match="replicas diverged"):
            runs.append(simulate(quartic, "EulerMaruyama", **settings))
    for other in runs[1:]:
        for name in ("diverged_step", "x_final", "x"):
            assert (runs[0][name].values == other[name].values).all(), name
        assert np.allclose(runs[0]["moment_sum"], other["moment_sum"], rtol=1e-13)


@pytest.mark.parametrize(
    ("eq", "default"),
    [(LANGEVIN, "srk"), (ll.Partitioned([([0], LANGEVIN)]), "srk"), (OVERDAMPED, "srk")],
)
def test_a_method_that_torchsde_lacks_becomes_its_default_with_a_warning(eq, default):
    name = "LeimkuhlerMatthews" if eq is OVERDAMPED else "BAOAB"
    text = f"torchsde has no '.*' for additive noise: its own default {default!r} runs"
    with pytest.warns(UserWarning, match=text) as caught:
        run = simulate(eq, name, n_steps=3)
    assert caught[0].filename == __file__
    assert run.attrs["method"] == f"torchsde:{default}"
    # Named, it is what the caller wants.
    assert simulate(eq, name, n_steps=3, solver="euler").attrs["solver"] == "euler"


def test_a_metropolis_test_that_is_lost_is_named():
    with pytest.warns(UserWarning, match="'srk' runs instead, without the Metropolis test; choose"):
        simulate(OVERDAMPED, "MALA", n_steps=3)


def test_noise_decides_the_default():
    eq = ll.ItoDiffusion(TWO, noise=[["x", "1"], ["0", "y"]])
    with pytest.raises(ValueError, match="solver='milstein' is not for general noise; use one of"):
        simulate(eq, "EulerMaruyama", solver="milstein", start=[1.0, 1.0])
    commuting = ll.ItoDiffusion(TWO, noise=[["x", "2*x"], ["y", "y"]])
    with pytest.warns(UserWarning, match="no 'Milstein' for general noise: its own default 'euler"):
        simulate(commuting, "Milstein", start=[1.0, 1.0], n_steps=2)


def test_single_precision_is_close_and_said():
    double, single = (
        simulate(OVERDAMPED, "EulerMaruyama", precision=precision, observe={"x2": "x**2"})
        for precision in ("float64", "float32")
    )
    difference = abs(double["x_final"] - single["x_final"]).max()
    assert 1e-9 < difference < 1e-3
    assert single.attrs["precision"] == "float32"
    assert (single["x_final"].values.astype(np.float32) == single["x_final"].values).all()


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"precision": "bfloat16"}, ValueError, "one precision for state and gradient; use 'float"),
        ({"solver": "x"}, ValueError, r"solver='x' is none of torchsde's: use \['euler'"),
        ({"solver": "miltsein"}, ValueError, "did you mean 'milstein'"),
        ({"solver": "log_ode"}, ValueError, "solver='log_ode' is not for additive noise; use one"),
        ({"solver": "reversible_heun"}, ValueError, "has a memory beside the state.*use 'heun'"),
        (
            {"backend": "torchsde:gpu"},
            ValueError,
            "is no device; use 'torchsde', 'torchsde:cuda'",
        ),
        ({"backend": "torchsde:meta"}, ValueError, "'cpu' and 'cuda' do; use backend='torchsde'"),
    ],
)
def test_what_cannot_be_run_is_refused(settings, error, message):
    given = {"backend": "torchsde", "dt": 0.1, "n_steps": 4, "seed": 1, "n_replicas": 2}
    with pytest.raises(error, match=message):
        ll.simulate(OVERDAMPED, "EulerMaruyama", **{**given, **settings})


@pytest.mark.parametrize("number", ["cuda", "cuda:2"])
def test_a_card_that_is_not_there_is_named(number, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: number != "cuda")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    message = rf"'torchsde:{number}': torch .* sees 2 CUDA devices; use backend='torchsde', or"
    with pytest.raises(ValueError, match=message):
        ll.simulate(
            OVERDAMPED, "EulerMaruyama", backend=f"torchsde:{number}", dt=0.1, n_steps=4, seed=1
        )


def test_optimisers_have_no_stochastic_equation():
    with pytest.raises(ValueError, match=r"takes discrete steps.*limits.diffusion"):
        ll.simulate(
            WELL, ll.momentum.HeavyBall(learning_rate=0.01, momentum=0.5), n_steps=4, seed=1,
            backend="torchsde",
        )  # fmt: skip


def test_without_torchsde_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=re.escape("pip install langevin_lab[torch]")):
        simulate(OVERDAMPED, "EulerMaruyama")


def test_euler_has_its_exact_stationary_variance():
    # x' = (1 - k dt) x + sqrt(2 T dt) n has the variance (T/k)/(1 - k dt/2).
    well = ll.Overdamped(ll.potentials.harmonic(), temperature=1.0)
    dt, n = 0.1, 4000
    run = simulate(
        well, "EulerMaruyama", dt=dt, n_steps=400, n_replicas=n, burn_in=100, start=[0.0],
        observe={"x2": "x**2"}, record_every=5,
    )  # fmt: skip
    expected = float(ll.exact.stationary_covariance(
        "EulerMaruyama", stiffness=1.0, temperature=1.0, friction=1.0, dt=dt
    )[0, 0])  # fmt: skip
    assert expected == pytest.approx(1 / (1 - dt / 2), rel=1e-12)
    value, stderr = float(run["x2"]), float(run["x2_stderr"])
    print(f"{value:.5f} +- {stderr:.5f} | {expected:.5f} | z={(value - expected) / stderr:.2f}")
    assert abs(value - expected) < 5 * stderr
    assert abs(value - 1.0) > 5 * stderr  # the equation's own, 5 % lower


def test_moments_of_geometric_brownian_motion_are_those_of_euler():
    # E x' = (1 + mu dt) E x, E x'^2 = ((1 + mu dt)^2 + sigma^2 dt) E x^2: exact for every dt.
    dt, n_steps, n = 0.05, 20, 40_000
    run = simulate(GEOMETRIC, "EulerMaruyama", dt=dt, n_steps=n_steps, n_replicas=n)
    x = run["x_final"].values.ravel()
    for power, factor in ((1, 1 + 0.4 * dt), (2, (1 + 0.4 * dt) ** 2 + 0.25 * dt)):
        sample, expected = x**power, factor**n_steps
        stderr = sample.std() / math.sqrt(n)
        z = (sample.mean() - expected) / stderr
        print(f"{sample.mean():.5f} +- {stderr:.5f} | {expected:.5f} | z={z:.2f} | n_eff={n}")
        assert abs(z) < 5
        assert abs(sample.mean() - 1.05 * expected) > 5 * stderr
