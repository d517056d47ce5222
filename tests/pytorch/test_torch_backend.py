"""backend="torch" takes the steps of the CPU's kernel on the same noise, whatever the method.

The CPU's kernels run as plain Python here (`plain_python`): the same text without its decorators.
"""

import numpy as np
import pytest
import torch
import torch_runs

import langevin_lab as ll
from langevin_lab.dynamics import Exponential, Linear
from langevin_lab.integrators import every_name
from langevin_lab.momentum import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdaptiveHeavyBall,
    ARAdam,
    CoolMomentum,
    GradientDescent,
    HeavyBall,
    MomentumFamily,
    Nesterov,
    NesterovSequence,
    RMSProp,
)
from langevin_lab.potentials import empirical_risk

pytestmark = pytest.mark.usefixtures("plain_python")
PLANE = ll.Potential.from_expression(
    "(x**2 - 1)**2 + k*(y - x)**2/2", variables=("x", "y"), parameters={"k": 1.7}
)
SPACE = ll.Potential.from_expression(
    "exp(-x**2)*sin(k*y) + log(1 + y**2) + (1 + z**2)**k + tanh(x*z) + x**2 + y**2 + z**2",
    variables=("x", "y", "z"),
    parameters={"k": 0.7},
)
CHAIN = ll.potentials.phi4_chain(n_sites=3)
rng = np.random.default_rng(1)
DATA = {"a": rng.normal(size=10), "y": rng.normal(size=10)}
COVARIANCE = [[0.5, 0.2], [0.2, 0.3]]
FACTOR = [["0.3*x", "0", "k/4"], ["0", "sqrt(1 + y**2)/3", 0.2]]


def risk(**options):
    return empirical_risk(
        "k*(a*w + b - y)**2/2 + w**4/4", variables=("w", "b"), data=DATA, parameters={"k": 1.3},
        **options,
    )  # fmt: skip


def dynamics_for(name, equation, potential):
    """A dynamics with all it can have: frictions and masses of each coordinate."""
    dim = potential.dim
    friction, mass = tuple(np.linspace(0.5, 2.0, dim)), tuple(np.linspace(1.0, 3.0, dim))
    langevin = ll.Langevin(potential, temperature=0.6, friction=0.8, mass=mass)
    adaptive = ll.AdaptiveLangevin(
        potential, temperature=0.6, thermal_mass=1.5, applied_noise=0.9, mass=mass
    )
    if equation == "overdamped":
        if name == "RK4":
            return ll.GradientFlow(potential)
        return ll.Overdamped(potential, temperature=0.6, friction=tuple(2 * f for f in friction))
    if equation == "langevin":
        silent = {"RK4": {"temperature": 0.0}, "BAB": {"friction": 0.0}, "ABA": {"friction": 0.0}}
        given = {"temperature": 0.6, "friction": 0.8, "mass": mass} | silent.get(name, {})
        if name == "GHMC" or name in ("UBU", "BUB"):
            return ll.Langevin(potential, **given)
        return ll.Langevin(potential, **{"friction": friction, **given})
    if equation == "adaptive":
        return adaptive
    if equation == "ito":
        return ll.ItoDiffusion(potential, noise=["1 + x**2/4", "k/2"])
    if equation == "nose_hoover":
        return ll.NoseHooverChain(potential, temperature=0.7, thermal_masses=(1.0, 0.6, 0.8))
    first = adaptive if name == "AdLaLa" else langevin
    return ll.Partitioned([([1], first), ([0], langevin)])


def assert_torch_takes_the_same_steps(dynamics, name, potential=None, **settings):
    potential = potential or dynamics.potential
    start = torch_runs.starts(potential)
    settings = {"start": start, "first_replica": 13} | settings
    expected, found = torch_runs.both(dynamics, name, **settings)
    torch_runs.assert_same(expected, found)
    assert np.abs(found["x_final"] - start).min() > 0.0


@pytest.mark.parametrize(("name", "equation"), every_name())
def test_every_method(name, equation):
    dynamics = dynamics_for(name, equation, PLANE)
    observe = {"x2": "x**2", "height": "energy"}
    assert_torch_takes_the_same_steps(dynamics, name, dt=0.08, observe=observe)


ROWS = [
    ("BAOAB", "langevin"), ("GHMC", "langevin"), ("MALA", "overdamped"), ("BADODAB", "adaptive"),
    ("LeimkuhlerMatthews", "overdamped"), ("StochasticHeun", "overdamped"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "equation"), ROWS)
def test_methods_on_a_potential_of_loops(name, equation):
    dynamics = dynamics_for(name, equation, CHAIN)
    observe = {"x2": "x1**2", "height": "energy"}
    assert_torch_takes_the_same_steps(dynamics, name, dt=0.08, observe=observe)


def langevin(potential=PLANE, **changes):
    return ll.Langevin(potential, **{"temperature": 0.6, "friction": 0.8} | changes)


PARTS = [([0, 2], langevin(CHAIN)), ([1], langevin(CHAIN, friction=3.0))]
COOLING = Linear(start=2.0, stop=0.5, duration=0.4)
EQUATIONS = {
    "three dimensions": (langevin(SPACE), "BAOAB"),
    "a cooling bath": (langevin(temperature=COOLING), "BAOAB"),
    "a thickening bath": (
        langevin(friction=Linear(start=0.9, stop=3.0, duration=0.5), mass=(1.0, 2.0)),
        "OBABO",
    ),
    "no noise": (langevin(temperature=0.0), "BAOAB"),
    "no noise, yet remembered": (ll.Overdamped(PLANE, temperature=0.0), "LeimkuhlerMatthews"),
    "noise of two columns": (
        ll.ItoDiffusion(PLANE, noise=[["1 + x**2/4", "0.1"], ["0", "k/2"]]), "EulerMaruyama"
    ),
    "blocks that are no neighbours": (ll.Partitioned(PARTS), "A1 A2 O1 O2 A2 A1 B1 B2"),
}  # fmt: skip


@pytest.mark.parametrize("which", EQUATIONS)
def test_every_kind_of_equation(which):
    dynamics, name = EQUATIONS[which]
    settings = {"save_every": 2, "chunk_size": 4, "dt": 0.07}
    assert_torch_takes_the_same_steps(dynamics, name, **settings)


NOISY = {
    "one number": lambda: PLANE.with_gradient_noise(standard_deviation=0.7),
    "per coordinate": lambda: PLANE.with_gradient_noise(standard_deviation=[0.3, 1.1]),
    "covariance": lambda: PLANE.with_gradient_noise(covariance=COVARIANCE),
    "factor": lambda: PLANE.with_gradient_noise(factor=FACTOR),
    "rows, one number": lambda: CHAIN.with_gradient_noise(standard_deviation=0.7),
    "rows, covariance": lambda: CHAIN.with_gradient_noise(
        covariance=[[0.5, 0.2, 0.0], [0.2, 0.3, 0.1], [0.0, 0.1, 0.4]]
    ),
    "minibatch": lambda: risk(batch_size=3),
    "minibatch, replacement": lambda: risk(batch_size=4, replacement=True),
    "minibatch, labels": lambda: risk(batch_size=3, label="y", label_noise=0.6),
    "full batch": lambda: risk(),
    "minibatch, penalised": lambda: risk().with_gradient_penalty(0.1),
    "minibatch, network": lambda: ll.potentials.multilayer_perceptron(
        DATA["a"], DATA["y"], hidden=(3, 2), batch_size=3, weight_decay=0.1
    ),
}


@pytest.mark.parametrize("which", NOISY)
@pytest.mark.parametrize("name", ["BAOAB", "BBK", "ABOBA", "StochasticHeun", "BADODAB"])
def test_drawn_gradients(name, which):
    potential = NOISY[which]()
    if name == "StochasticHeun":
        dynamics = ll.Overdamped(potential, temperature=0.6)
    elif name == "BADODAB":
        dynamics = ll.AdaptiveLangevin(potential, temperature=0.6, thermal_mass=1.5)
    else:
        dynamics = langevin(potential)
    settings = {"dt": 0.05, "chunk_size": 4, "n_steps": 7, "observe": {"height": "energy"}}
    assert_torch_takes_the_same_steps(dynamics, name, **settings)


FALLING = Linear(start=0.05, stop=0.01, duration=6.0)
OPTIMISERS = {
    "descent": GradientDescent(learning_rate=FALLING),
    "heavy ball": HeavyBall(
        learning_rate=FALLING, momentum=Exponential(start=0.2, stop=0.9, duration=5.0)
    ),
    "Nesterov": Nesterov(learning_rate=0.03, momentum=NesterovSequence()),
    "family": MomentumFamily(learning_rate=0.03, momentum=0.8, look_ahead=0.4),
    "SGD": SGD(learning_rate=0.03, momentum=0.8, dampening=0.4, weight_decay=0.3),
    "Adam": Adam(learning_rate=0.03),
    "Adagrad": Adagrad(learning_rate=0.03),
    "Adadelta": Adadelta(learning_rate=0.03),
    "RMSProp": RMSProp(learning_rate=0.03),
    "CoolMomentum": CoolMomentum(learning_rate=0.03, momentum=0.9),
    "adaptive heavy ball": AdaptiveHeavyBall(learning_rate=0.03),
    "ARAdam": ARAdam(learning_rate=0.03),
}


@pytest.mark.parametrize("which", ["true gradient", "covariance", "minibatch, labels"])
@pytest.mark.parametrize("name", OPTIMISERS)
def test_every_optimiser(name, which):
    potential = NOISY[which]() if which in NOISY else PLANE
    mean = potential.variables[0]
    settings = {"chunk_size": 3, "observe": {"mean": mean, "e": "energy"}}
    assert_torch_takes_the_same_steps(potential, OPTIMISERS[name], potential, **settings)


def test_a_wrong_constant_would_be_noticed():
    settings = {"dt": 0.05, "start": torch_runs.starts(PLANE)}
    expected, _ = torch_runs.both(langevin(), "BAOAB", **settings)
    _, found = torch_runs.both(langevin(friction=0.8 * 1.02), "BAOAB", **settings)
    with pytest.raises(AssertionError, match="x_final"):
        torch_runs.assert_same(expected, found)


def test_torch_potential_takes_the_steps_of_the_formula():
    def energy(x):
        return (x[:, 0] ** 2 - 1) ** 2 + 1.7 * (x[:, 1] - x[:, 0]) ** 2 / 2

    torch_own = ll.pytorch.torch_potential(energy, 2, variables=("x", "y"))
    start = torch_runs.starts(PLANE)
    settings = {
        "dt": 0.05, "start": start, "n_steps": 9, "n_replicas": 9, "seed": 11,
        "observe": {"e": "energy", "slope": "grad_x", "T": ll.ensemble.KineticTemperature()},
    }  # fmt: skip
    expected = ll.simulate(langevin(), "BAOAB", **settings)
    found = ll.simulate(langevin(torch_own), "BAOAB", backend="torch", **settings)
    torch_runs.assert_same(expected, found)


def test_minibatches_of_a_torch_potential_are_those_of_a_compiled_risk():
    risky = risk(batch_size=3)
    columns = {name: torch.tensor(values) for name, values in DATA.items()}

    def energy(x, a, y):
        w, b = x[:, :1], x[:, 1:]
        return (1.3 * (a * w + b - y) ** 2 / 2 + w**4 / 4).mean(-1)

    def batch_energy(x, indices, a, y):
        return energy(x, a[indices], y[indices])

    own = ll.pytorch.torch_potential(
        energy, 2, batch_energy=batch_energy, n_examples=10, batch_size=3, tensors=columns,
        variables=("w", "b"),
    )  # fmt: skip
    start = torch_runs.starts(risky)
    settings = {"dt": 0.05, "start": start, "n_steps": 9, "n_replicas": 9, "seed": 11}
    expected = ll.simulate(langevin(risky), "BBK", **settings)
    found = ll.simulate(langevin(own), "BBK", backend="torch", **settings)
    torch_runs.assert_same(expected, found)
