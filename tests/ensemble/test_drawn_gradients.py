"""Drawn gradients in kernels: the published step on numbered normals and examples; same bits."""

import numpy as np
import plain_python as plain
import pytest

import langevin_lab as ll
from langevin_lab.integrators import method, method_for
from langevin_lab.noise import batch_indices, normals
from langevin_lab.potentials import drawn_gradient, empirical_risk

SEED, DT, FIRST = 77, 0.08, 11
COVARIANCE = np.array([[0.5, 0.2], [0.2, 0.3]])
PLANE = "(x**2 - 1)**2 + k*(y - x)**2/2"
rng = np.random.default_rng(1)
DATA = {"a": rng.normal(size=10), "y": rng.normal(size=10)}


def plane():
    return ll.Potential.from_expression(PLANE, ("x", "y"), {"k": 1.7})


def risk(**options):
    return empirical_risk(
        "k*(a*w + b - y)**2/2 + w**4/4", variables=("w", "b"), data=DATA, parameters={"k": 1.3},
        **options,
    )  # fmt: skip


POTENTIALS = {
    "lanes, one number": lambda: ll.potentials.double_well().with_gradient_noise(
        standard_deviation=0.7
    ),
    "lanes, per coordinate": lambda: plane().with_gradient_noise(standard_deviation=[0.3, 1.1]),
    "lanes, covariance": lambda: plane().with_gradient_noise(covariance=COVARIANCE),
    "lanes, factor": lambda: plane().with_gradient_noise(
        factor=[["0.3*x", "0", "k/4"], ["0", "sqrt(1 + y**2)/3", 0.2]]
    ),
    "rows, one number": lambda: ll.potentials.phi4_chain(n_sites=3).with_gradient_noise(
        standard_deviation=0.7
    ),
    "rows, covariance": lambda: ll.potentials.phi4_chain(n_sites=2).with_gradient_noise(
        covariance=COVARIANCE
    ),
    "minibatch": lambda: risk(batch_size=3),
    "minibatch, replacement": lambda: risk(batch_size=4, replacement=True),
    "minibatch, labels": lambda: risk(batch_size=3, label="y", label_noise=0.6),
    "minibatch, network": lambda: ll.potentials.multilayer_perceptron(
        DATA["a"], DATA["y"], hidden=(3, 2), batch_size=3, weight_decay=0.1
    ),
    "full batch, labels": lambda: risk(label="y", label_noise=0.6),
}
STEPS = (
    ("EulerMaruyama", "overdamped"),
    ("StochasticHeun", "overdamped"),
    ("LeimkuhlerMatthews", "overdamped"),
    ("RK4", "langevin"),
    ("SemiImplicitEuler", "langevin"),
    ("BAOAB", "langevin"),
    ("BBK", "langevin"),
    ("ABOBA", "langevin"),
    ("OBABO", "langevin"),
    ("BADODAB", "adaptive"),
)


@pytest.fixture
def plain_python(monkeypatch):
    monkeypatch.setattr("langevin_lab.ensemble.kernel.load", plain.load)


class Drawn:
    """Every call is one gradient evaluation of all replicas, numbered as `layout` says."""

    def __init__(self, potential, scheme, replicas):
        self.potential, self.replicas, self.noise = potential, replicas, potential.gradient_noise
        self.evaluations = scheme.program.gradients_per_step
        self.own = scheme.n_normals * potential.dim + scheme.program.n_scalar_normals
        self.per_step = self.own + self.evaluations * self.noise.n_normals
        self.per_step += self.per_step % 2 if self.noise.n_indices else 0
        self.carried = "g" in scheme.stored
        self.made = 0

    def __call__(self, x):
        first = self.per_step * (self.made // self.evaluations) + self.own
        first += self.made % self.evaluations * self.noise.n_normals
        self.made += 1
        return self.at(x, first, self.made - 1 + self.carried)

    def before_step_0(self, x):
        dim = self.potential.dim
        return self.at(x, 2**62 + 3 * (dim + dim % 2), 0)

    def at(self, x, first, batch):
        drawn = {"normals": normals(SEED, self.replicas, first, self.noise.n_normals)}
        if self.noise.n_indices:
            drawn["indices"] = batch_indices(
                SEED, self.replicas, batch, n_examples=10, batch_size=self.noise.batch_size,
                replacement=self.noise.replacement,
            )[:, 0]  # fmt: skip
        return drawn_gradient(self.potential, x, **drawn)


def dynamics_for(name, equation, potential):
    if equation == "overdamped":
        return ll.Overdamped(potential, temperature=0.6, friction=0.8)
    if equation == "adaptive":
        return ll.AdaptiveLangevin(potential, temperature=0.6, thermal_mass=2.5, applied_noise=0.9)
    temperature = 0.0 if name == "RK4" else 0.6
    return ll.Langevin(potential, temperature=temperature, friction=0.8, mass=1.5)


def reference(name, equation, dynamics, start, n_steps):
    """The final state, from the program run in numpy with a gradient that draws."""
    scheme, dim, count = method(name, equation=equation), dynamics.dim, len(start)
    replicas = range(FIRST, FIRST + count)
    gradient = Drawn(dynamics.potential, scheme, replicas)
    state = {"x": start}
    if "p" in scheme.state_names:
        spread = np.sqrt(dynamics.mass * dynamics.temperature)
        state["p"] = spread * normals(SEED, replicas, 2**62, dim)
    if "r" in scheme.stored:
        state["r"] = normals(SEED, replicas, 2**62 + dim + dim % 2, dim)
    if "xi" in scheme.state_names:
        draw = normals(SEED, replicas, 2**62 + 2 * (dim + dim % 2), 1)
        state["xi"] = dynamics.thermostat_mean + np.sqrt(dynamics.thermostat_variance) * draw
    if "g" in scheme.stored:
        state["g"] = gradient.before_step_0(start)
    for step in range(n_steps):
        drawn = normals(SEED, replicas, step * gradient.per_step, scheme.n_normals * dim)
        drawn = drawn.reshape(count, scheme.n_normals, dim).transpose(1, 0, 2)
        state = scheme.step(state, drawn, scheme.coefficients(dynamics, DT), gradient)
    return state


def simulated(name, dynamics, positions, n_steps, **options):
    options = {"first_replica": FIRST, "chunk_size": 2, "start": positions} | options
    return ll.simulate(
        dynamics, name, dt=DT, n_steps=n_steps, seed=SEED, n_replicas=len(positions), **options
    )


def assert_equal(run, expected):
    for key, value in expected.items():
        value = value[:, 0] if key == "xi" else value
        np.testing.assert_allclose(run[f"{key}_final"], value, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("which", POTENTIALS)
@pytest.mark.parametrize(("name", "equation"), STEPS)
def test_kernel_text_takes_steps_with_drawn_gradients(name, equation, which, plain_python):
    dynamics = dynamics_for(name, equation, POTENTIALS[which]())
    start = np.random.default_rng(3).uniform(-1, 1, (3, dynamics.dim))
    expected = reference(name, equation, dynamics, start, 5)
    if "g" not in method(name, equation=equation).stored:
        expected.pop("g", None)
    assert_equal(simulated(name, dynamics, start, 5), expected)


def baoab_by_hand(potential, start, n_steps, friction, temperature, mass):
    """Letter by letter: one drawn gradient closes a step and opens the next."""
    scheme, count = method("BAOAB"), len(start)
    replicas = range(FIRST, FIRST + count)
    draw = Drawn(potential, scheme, replicas)
    dim = potential.dim
    x, p = start, np.sqrt(mass * temperature) * normals(SEED, replicas, 2**62, dim)
    g, c = draw.before_step_0(x), np.exp(-friction * DT)
    for step in range(n_steps):
        p = p - DT / 2 * g
        x = x + DT / 2 * p / mass
        kick = normals(SEED, replicas, step * draw.per_step, dim)
        p = c * p + np.sqrt((1 - c**2) * mass * temperature) * kick
        x = x + DT / 2 * p / mass
        g = draw(x)
        p = p - DT / 2 * g
    return {"x": x, "p": p, "g": g}


@pytest.mark.parametrize("which", ["lanes, covariance", "rows, one number", "minibatch, labels"])
def test_baoab_by_hand(which, plain_python):
    dynamics = dynamics_for("BAOAB", "langevin", POTENTIALS[which]())
    start = np.random.default_rng(3).uniform(-1, 1, (3, dynamics.dim))
    expected = baoab_by_hand(dynamics.potential, start, 4, 0.8, 0.6, 1.5)
    assert_equal(simulated("BAOAB", dynamics, start, 4), expected)
    # Control: true gradients are another path.
    assert abs(expected["g"] - dynamics.potential.gradient(expected["x"])).max() > 0.05


def test_observables_see_the_true_potential(plain_python):
    for which in ("lanes, factor", "minibatch, labels"):
        dynamics = dynamics_for("BAOAB", "langevin", POTENTIALS[which]())
        names = dynamics.potential.variables
        start = np.random.default_rng(3).uniform(-1, 1, (8, 2))
        run = simulated(
            "BAOAB", dynamics, start, 3, burn_in=2,
            observe={"slope": f"grad_{names[1]}", "energy": "energy", "k": "k*dt"},
        )  # fmt: skip
        x = run["x_final"].values
        np.testing.assert_allclose(run["slope"], dynamics.potential.gradient(x)[:, 1].mean())
        np.testing.assert_allclose(run["energy"], dynamics.potential.energy(x).mean())
        np.testing.assert_allclose(run["k"], dynamics.potential.parameters["k"] * DT)
        assert abs(run["g_final"] - dynamics.potential.gradient(x)).max() > 0.05


SAME_BITS = [
    ("BAOAB", "langevin", "lanes, covariance"),
    ("StochasticHeun", "overdamped", "lanes, factor"),
    ("BAOAB", "langevin", "rows, covariance"),
    ("BAOAB", "langevin", "minibatch, labels"),
    ("BAOAB", "langevin", "minibatch, network"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "equation", "which"), SAME_BITS)
def test_bits_depend_on_nothing_but_seed_replica_and_step(name, equation, which):
    dynamics = dynamics_for(name, equation, POTENTIALS[which]())
    start = np.random.default_rng(3).uniform(-1, 1, (37, dynamics.dim))
    observe = {"square": f"{dynamics.potential.variables[0]}**2"}
    options = {"observe": observe, "burn_in": 3, "chunk_size": None}

    def final(run):
        names = [key for key in run if key.endswith("_final")]
        return {key: run[key].values for key in names}

    whole = simulated(name, dynamics, start, 40, n_threads=1, **options)
    expected = final(whole)
    others = [
        simulated(name, dynamics, start, 40, **(options | {"chunk_size": 7, "n_threads": 2})),
        simulated(
            name, dynamics, start, 27, n_threads=2,
            continue_from=simulated(name, dynamics, start, 13, **options),
            start=None, **options,
        ),
    ]  # fmt: skip
    for other in others:
        assert other["square"] == whole["square"]
        for key, value in final(other).items():
            assert (value == expected[key]).all(), key
    part = simulated(name, dynamics, start[20:], 40, **(options | {"first_replica": FIRST + 20}))
    for key, value in final(part).items():
        assert (value == expected[key][20:]).all(), key
    assert_equal(whole, reference(name, equation, dynamics, start, 40))


@pytest.mark.parametrize("which", ["lanes, covariance", "minibatch, labels"])
def test_first_passage_takes_the_same_steps(which, plain_python):
    dynamics = dynamics_for("BAOAB", "langevin", POTENTIALS[which]())
    start = np.zeros((5, 2))
    name = dynamics.potential.variables[0]
    path = simulated("BAOAB", dynamics, start, 12, save_every=1)["x"].values[:, :, 0]
    level = max(0.02, np.median(path.max(axis=0)))
    expected = np.where((path > level).any(axis=0), (path > level).argmax(axis=0) + 1, 12)
    passage = ll.escape.first_passage(
        dynamics, "BAOAB", dt=DT, start=start, target=f"{name} > {float(level)!r}",
        n_replicas=5, seed=SEED, first_replica=FIRST, max_time=12 * DT,
    )  # fmt: skip
    np.testing.assert_allclose(passage.times, expected * DT)


def test_gradient_noise_alone_reaches_a_target(plain_python):
    well = ll.potentials.harmonic().with_gradient_noise(standard_deviation=3.0)
    cold = ll.Overdamped(well, temperature=0.0)
    passage = ll.escape.first_passage(
        cold, "EulerMaruyama", dt=0.1, start=0.0, target="x > 0.2", n_replicas=4, seed=1
    )
    assert passage.crossing == "none"
    with pytest.raises(ValueError, match="noise of a step from the temperature alone, but the"):
        ll.escape.first_passage(
            cold, "EulerMaruyama", dt=0.1, start=0.0, target="x > 0.2", n_replicas=4, seed=1,
            crossing="shift",
        )  # fmt: skip


def test_a_run_continues_under_the_same_noise_only(plain_python):
    start = np.zeros((3, 1))
    first, second = (
        dynamics_for("BAOAB", "langevin", U.with_gradient_noise(standard_deviation=sigma))
        for U, sigma in ((ll.potentials.double_well(), 0.5), (ll.potentials.double_well(), 0.6))
    )
    run = simulated("BAOAB", first, start, 2)
    with pytest.raises(
        ValueError, match=r"continue_from ran with .*standard_deviation=0.5.* has .*=0.6"
    ):
        ll.simulate(
            second, "BAOAB", dt=DT, n_steps=2, seed=SEED, n_replicas=3, first_replica=FIRST,
            continue_from=run,
        )  # fmt: skip


@pytest.mark.slow
def test_langevin_and_adaptive_langevin_with_gradient_noise_have_the_published_moments():
    """Harmonic well, k = T = 1, dt .1, sigma 1; 10 coordinates, thermal mass 10, sigma_A 1."""
    well = ll.potentials.harmonic(dim=10).with_gradient_noise(standard_deviation=1.0)
    options = {"dt": 0.1, "n_steps": 4000, "n_replicas": 128, "seed": 3, "burn_in": 500}
    observe = {
        "x2": f"({' + '.join(f'x{i}**2' for i in range(10))})/10",
        "p2": f"({' + '.join(f'p_x{i}**2' for i in range(10))})/10",
    }
    langevin = ll.Langevin(well, temperature=1.0, friction=0.5)
    run = ll.simulate(langevin, "BAOAB", observe=observe, **options)
    exact = ll.exact.stationary_covariance(
        "BAOAB", stiffness=1.0, temperature=1.0, friction=0.5, dt=0.1, gradient_noise=1.0
    )
    for name, expected in (("x2", exact[0, 0]), ("p2", exact[1, 1])):
        assert abs(run[name] - expected) < 5 * run[f"{name}_stderr"]
        assert abs(run[name] - 0.95 * expected) > 5 * run[f"{name}_stderr"]
    adaptive = ll.AdaptiveLangevin(well, temperature=1.0, thermal_mass=10.0, applied_noise=1.0)
    run = ll.simulate(adaptive, "BADODAB", observe=observe | {"xi": "xi"}, **options)
    # Published runs, good to about .001; (sigma_A^2 + dt sigma^2)/(2 T) = .55.
    for name, expected in (("x2", 0.9998), ("p2", 0.9950), ("xi", 0.5512)):
        error = np.hypot(run[f"{name}_stderr"], 0.001)
        assert abs(run[name] - expected) < 5 * error
        assert abs(run[name] - 1.05 * expected) > 5 * error


@pytest.mark.parametrize(
    "word", ["B1 B2 A1 A2 D1 O1 O2 D1 A2 A1 B2 B1", "A1 A2 D1 O1 O2 D1 A2 A1 B1 B2"]
)
@pytest.mark.parametrize("which", ["lanes, factor", "rows, covariance", "minibatch, labels"])
def test_blocks_under_different_equations_share_a_drawn_gradient(which, word, plain_python):
    potential = POTENTIALS[which]()
    adaptive = ll.AdaptiveLangevin(potential, temperature=0.6, thermal_mass=2.0, applied_noise=0.9)
    langevin = ll.Langevin(potential, temperature=0.6, friction=1.0)
    dynamics = ll.Partitioned([(slice(0, 1), adaptive), (slice(1, 2), langevin)])
    scheme, start = method_for(word, dynamics), np.full((3, 2), 0.3)
    replicas = range(FIRST, FIRST + 3)
    draw = Drawn(potential, scheme, replicas)
    state = {"x": start, "p": np.ones((3, 2))}
    state |= {name: np.full((3, 1), 0.5) for name in scheme.program.thermostats}
    if "g" in scheme.stored:
        state["g"] = draw.before_step_0(start)
    for step in range(3):
        own = normals(SEED, replicas, step * draw.per_step, draw.own)
        vectors = own[:, : 2 * scheme.n_normals].reshape(3, scheme.n_normals, 2)
        state = scheme.step(
            state, vectors.transpose(1, 0, 2), scheme.coefficients(dynamics, DT), draw,
            scalar_normals=own[:, 2 * scheme.n_normals :].T[:, :, None],
        )  # fmt: skip
    run = simulated(
        word, dynamics, start, 3, start_momentum=np.ones((3, 2)), start_thermostat=[0.5]
    )
    for key in ("x", "p"):
        np.testing.assert_allclose(run[f"{key}_final"], state[key], rtol=1e-11, atol=1e-12)
