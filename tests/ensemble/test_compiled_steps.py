"""A kernel's step = the published step on the numbered normals, for both forms of kernel.

Compiling a kernel takes seconds, so all methods run through the kernel's text in plain Python
(`plain_python`), and a few through the compiled module.
"""

import by_hand
import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.integrators import method
from langevin_lab.noise import normals

METHODS = by_hand.METHODS
INITIAL = 2**62  # where the normals before step 0 are taken
SEED = 20_250_101
DT = 0.08
COUPLED = " + ".join(f"(x{i}**2 - 1)**2/4" for i in range(5)) + " + k*x0*x1*x4 + k*x2**2*x3"
POTENTIALS = {
    "lanes 1": lambda: ll.potentials.double_well(),
    "lanes 2": lambda: ll.Potential.from_expression(
        "(x**2 - 1)**2 + k*(y - x)**2/2", variables=("x", "y"), parameters={"k": 1.7}
    ),
    "lanes 5": lambda: ll.Potential.from_expression(
        COUPLED, variables=[f"x{i}" for i in range(5)], parameters={"k": 0.3}
    ),
    "rows 2": lambda: ll.potentials.phi4_chain(n_sites=2),
    "rows 5": lambda: ll.potentials.phi4_chain(n_sites=5),
}


@pytest.fixture(scope="module", params=POTENTIALS)
def potential(request):
    return POTENTIALS[request.param]()


def dynamics_for(scheme, potential, *, vector):
    dim = potential.dim
    friction = tuple(np.linspace(0.5, 2.0, dim)) if vector else 0.8
    mass = tuple(np.linspace(1.0, 3.0, dim)) if vector else 1.5
    return by_hand.dynamics_for(scheme, potential, friction=friction, mass=mass, temperature=0.6)


def reference(name, equation, dynamics, start, n_steps, first_replica=0, dt=DT):
    """The final state, step by step on the numbered normals."""
    scheme, dim = method(name, equation=equation), dynamics.dim
    replicas = range(first_replica, first_replica + len(start))
    state = {"x": start}
    if "p" in scheme.state_names:
        spread = np.sqrt(np.asarray(dynamics.mass) * dynamics.temperature_at(0.0))
        state["p"] = spread * normals(SEED, replicas, INITIAL, dim)
    if "r" in scheme.stored:
        state["r"] = normals(SEED, replicas, INITIAL + dim + dim % 2, dim)
    if "xi" in scheme.state_names:
        draw = normals(SEED, replicas, INITIAL + 2 * (dim + dim % 2), 1)
        width = np.sqrt(dynamics.thermostat_variance)
        state["xi"] = dynamics.thermostat_mean + width * draw
    per_step = by_hand.numbers_per_step(scheme, dim)
    for step in range(n_steps):
        drawn = normals(SEED, replicas, step * per_step, per_step)
        drawn, scalars = by_hand.split(drawn, scheme, dim)
        now = dynamics.at((step + 0.5) * dt)
        gradient = dynamics.potential.gradient
        state = by_hand.step(
            name, equation, state, drawn, now, dt, now.temperature, gradient, scalars
        )
    return state


def assert_kernel_takes_the_published_steps(name, equation, dynamics, n_steps, n_replicas=3, dt=DT):
    start = np.random.default_rng(3).uniform(-1, 1, (n_replicas, dynamics.dim))
    run = ll.simulate(
        dynamics, name, dt=dt, n_steps=n_steps, seed=SEED, n_replicas=n_replicas, start=start,
        first_replica=11, chunk_size=2,
    )  # fmt: skip
    expected = reference(name, equation, dynamics, start, n_steps, first_replica=11, dt=dt)
    for key, value in expected.items():
        value = value[:, 0] if key in ("xi", "accepted") else value
        np.testing.assert_allclose(run[f"{key}_final"], value, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("vector", [False, True], ids=["scalars", "vectors"])
@pytest.mark.parametrize(("name", "equation"), METHODS)
def test_kernel_text_takes_the_published_steps(name, equation, vector, potential, plain_python):
    dynamics = dynamics_for(method(name, equation=equation), potential, vector=vector)
    assert_kernel_takes_the_published_steps(name, equation, dynamics, n_steps=3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "equation", "where", "vector"),
    [
        ("BAOAB", "langevin", "lanes 1", False),
        ("OBABO", "langevin", "lanes 2", True),
        ("BBK", "langevin", "rows 5", True),
        ("RK4", "langevin", "rows 2", False),
        ("LeimkuhlerMatthews", "overdamped", "lanes 1", False),
        ("StochasticHeun", "overdamped", "lanes 5", True),
        ("UBU", "langevin", "lanes 2", True),
        ("SRA1", "overdamped", "rows 5", True),
        ("BADODAB", "adaptive", "lanes 2", True),
        ("BADODAB", "adaptive", "rows 5", False),
    ],
)
def test_compiled_kernel_takes_the_published_steps(name, equation, where, vector):
    dynamics = dynamics_for(method(name, equation=equation), POTENTIALS[where](), vector=vector)
    assert_kernel_takes_the_published_steps(name, equation, dynamics, n_steps=9, n_replicas=37)


COOLING = ll.dynamics.Linear(start=2.0, stop=0.5, duration=5 * DT)
THICKENING = ll.dynamics.Linear(start=0.9, stop=3.0, duration=6 * DT)


@pytest.mark.parametrize(
    "changes",
    [
        {"temperature": COOLING, "friction": 1.0},
        {"temperature": 0.7, "friction": THICKENING},
        {"temperature": COOLING, "friction": THICKENING},
    ],
    ids=["temperature", "friction", "both"],
)
@pytest.mark.parametrize("where", ["lanes 1", "rows 2"])
@pytest.mark.parametrize(
    ("name", "equation"),
    [
        ("BAOAB", "langevin"), ("OBABO", "langevin"), ("BBK", "langevin"),
        ("SemiImplicitEuler", "langevin"), ("EulerMaruyama", "overdamped"),
        ("LeimkuhlerMatthews", "overdamped"), ("StochasticHeun", "overdamped"),
    ],
)  # fmt: skip
def test_schedules_are_taken_at_the_middle_of_the_step(
    name, equation, where, changes, plain_python
):
    well = POTENTIALS[where]()
    mass = tuple(np.linspace(1.0, 3.0, well.dim))
    if equation == "langevin":
        dynamics = ll.Langevin(well, mass=mass, **changes)
    else:
        dynamics = ll.Overdamped(well, **changes)
    assert_kernel_takes_the_published_steps(name, equation, dynamics, n_steps=7)


@pytest.mark.parametrize("equation", [ll.Langevin, ll.Overdamped])
def test_flows_follow_a_scheduled_friction_without_noise(equation, plain_python):
    dynamics = equation(POTENTIALS["lanes 1"](), temperature=0.0, friction=THICKENING)
    name = "langevin" if dynamics.momenta else "overdamped"
    assert_kernel_takes_the_published_steps("RK4", name, dynamics, n_steps=7)


def wide_step(name):
    """A dt at which about half of the proposals are rejected."""
    return {"GHMC": 1.1, "MALA": 0.4}[name]


@pytest.mark.parametrize(("name", "equation"), by_hand.METROPOLIS)
def test_kernel_text_rejects_as_published(name, equation, potential, plain_python):
    dynamics = dynamics_for(method(name, equation=equation), potential, vector=True)
    assert_kernel_takes_the_published_steps(name, equation, dynamics, n_steps=4, dt=wide_step(name))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "where"), [("GHMC", "lanes 2"), ("GHMC", "rows 5"), ("MALA", "lanes 1")]
)
def test_compiled_kernel_rejects_as_published(name, where):
    equation = method(name).properties.equation
    dynamics = dynamics_for(method(name), POTENTIALS[where](), vector=True)
    assert_kernel_takes_the_published_steps(
        name, equation, dynamics, n_steps=4, n_replicas=37, dt=wide_step(name)
    )
    rate = reference(name, equation, dynamics, np.zeros((37, dynamics.dim)), 9, 0, wide_step(name))
    assert 0.1 < rate["accepted"].mean() < 0.9


def test_a_wrong_normal_is_noticed(plain_python):
    dynamics = dynamics_for(method("BAOAB"), POTENTIALS["lanes 1"](), vector=False)
    start = np.zeros((2, 1))
    run = ll.simulate(dynamics, "BAOAB", dt=DT, n_steps=3, seed=SEED + 1, n_replicas=2, start=start)
    expected = reference("BAOAB", "langevin", dynamics, start, 3)
    assert np.abs(run["x_final"] - expected["x"]).max() > 1e-3
