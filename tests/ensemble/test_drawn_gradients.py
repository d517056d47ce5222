"""Drawn gradients in kernels: the published step on numbered normals and examples; same bits."""

import numpy as np
import plain_python as plain
import pytest

import langevin_lab as ll
from langevin_lab.integrators import method
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


def simulated(name, dynamics, start, n_steps, **options):
    options = {"first_replica": FIRST, "chunk_size": 2} | options
    return ll.simulate(
        dynamics, name, dt=DT, n_steps=n_steps, seed=SEED, n_replicas=len(start), start=start,
        **options,
    )  # fmt: skip


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
