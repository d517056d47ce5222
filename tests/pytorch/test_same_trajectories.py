"""The torch optimisers follow the package's methods: one network, one noise, float64."""

import math

import by_hand
import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab import noise
from langevin_lab.integrators import method, method_for, partitioned

torch = pytest.importorskip("torch")
from langevin_lab.pytorch import optim  # noqa: E402

SEED, STEPS = 7, 50


@pytest.fixture(scope="module")
def network():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(12, 2))
    targets = (inputs[:, :1] * inputs[:, 1:] > 0).astype(float)
    return ll.potentials.multilayer_perceptron(
        inputs, targets, hidden=(5,), activation="tanh", loss="binary_cross_entropy"
    )


class Twin:
    """The network as a torch module, and what its optimiser does in STEPS steps."""

    def __init__(self, network, dtype=torch.float64):
        layers = [torch.nn.Linear(2, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1)]
        self.module = torch.nn.Sequential(*layers).to(dtype)
        self.loss = torch.nn.BCEWithLogitsLoss()
        self.inputs = torch.tensor(network.data.values[:, :2], dtype=dtype)
        self.targets = torch.tensor(network.data.values[:, 2:], dtype=dtype)
        self.set(network.start(seed=3, n_replicas=1)[0])

    def set(self, x):
        flat = torch.tensor(x, dtype=self.targets.dtype)
        torch.nn.utils.vector_to_parameters(flat, self.module.parameters())

    @property
    def x(self):
        return torch.nn.utils.parameters_to_vector(self.module.parameters()).detach().numpy()

    def closure(self):
        self.module.zero_grad()
        loss = self.loss(self.module(self.inputs), self.targets)
        loss.backward()
        return loss

    def walk(self, optimiser, n_steps=STEPS, *, closure=False):
        points = []
        for _ in range(n_steps):
            if closure:
                optimiser.step(self.closure)
            else:
                self.closure()
                optimiser.step()
            points.append(self.x.copy())
        return np.array(points)

    def groups(self, *numbers):
        """First layer's weights, its biases, the rest; or first layer, rest."""
        first, rest = self.module[0], list(self.module[2].parameters())
        parts = [[first.weight], [first.bias], rest] if len(numbers) == 3 else [
            list(first.parameters()), rest
        ]  # fmt: skip
        return [{"params": part, **own} for part, own in zip(parts, numbers)]


def reference(step, network, state, n_normals, n_steps=STEPS, seed=SEED, replica=0):
    """Positions after each step of ``step(state, normals)``, on the numbered normals."""
    block = n_normals * network.dim
    state = {"x": network.start(seed=3, n_replicas=1)[0], "p": np.zeros(network.dim), **state}
    points = []
    for n in range(n_steps):
        drawn = noise.normals(seed, replica, n * block, block)[0]
        state = step(state, drawn.reshape(n_normals, network.dim))
        points.append(state["x"])
    return np.array(points)


def of_method(scheme, dynamics, dt, network, state):
    """The reference of one of the package's methods, as its numpy step."""
    numbers = scheme.coefficients(dynamics, dt)
    start = {"x": network.start(seed=3, n_replicas=1)[0], "p": np.zeros(network.dim), **state}
    state = {k: v for k, v in start.items() if k in scheme.state_names}
    state = scheme.carried_state(state, network.gradient)
    return reference(
        lambda now, drawn: scheme.step(now, drawn, numbers, network.gradient),
        network, state, scheme.n_normals,
    )  # fmt: skip


def agree(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)
    assert np.abs(found[-1] - found[0]).max() > 0.1  # it went somewhere


# Word, the same steps from one gradient to the next, and which normals those take first.
WORDS = {
    "BAOAB": ("BAOAB", (0,)),
    "OBABO": ("OBABO", (0, 1)),
    "BAOA": ("BAOA", (0,)),
    "AOAB": ("BAOA", (0,)),
    "ABOBA": ("BOBAA", (0,)),
    "OABAO": ("BAOOA", (1, 0)),
    "AOBOA": ("BOAAO", (1, 0)),
    "BUB": ("BUB", (0, 1)),
    "UBU": ("BUU", (2, 3, 0, 1)),
    "BACNCAB": ("BACNCAB", (0,)),
    "BABOBAB": ("BABOBAB", (0,)),
    "ABOABO": ("BOABOA", (0, 1)),
}


def by_letters(word):
    if "U" in word:
        return by_hand.joint_letters
    return by_hand.split_noise if "N" in word else by_hand.letters


@pytest.mark.parametrize("word", WORDS)
def test_langevin_is_the_word_letter_by_letter(network, word):
    """The word is written once more, without the program, from gradient to gradient."""
    same, order = WORDS[word]
    eq = ll.Langevin(network, temperature=0.01, friction=0.8, mass=1.3)

    def step(state, drawn):
        moved = by_letters(word)(same, state, drawn[list(order)], eq, 0.4, 0.01, network.gradient)
        return {name: np.asarray(value, dtype=float) for name, value in moved.items()}

    twin = Twin(network)
    optimiser = optim.Langevin(
        twin.module.parameters(), 0.4, temperature=0.01, friction=0.8, mass=1.3, seed=SEED,
        word=word,
    )  # fmt: skip
    several = word in ("BABOBAB", "ABOABO")
    expected = reference(step, network, {}, len(order))
    agree(twin.walk(optimiser, closure=several), expected)


@pytest.mark.parametrize(
    ("word", "same"),
    [("BAO", "BAO"), ("OBABO", "OBABO"), ("AOAB", "BAOA"), ("OBA", "BAO"), ("OAB", "BOA"),
     ("ABO", "BOA"), ("ABOBA", "ABOBA")],
)  # fmt: skip
def test_words_have_the_points_of_the_package_s_word_that_the_guide_names(network, word, same):
    eq = ll.Langevin(network, temperature=0.01, friction=0.8)
    expected = of_method(method(same), eq, 0.4, network, {})
    twin = Twin(network)
    optimiser = optim.Langevin(
        twin.module.parameters(), 0.4, temperature=0.01, friction=0.8, seed=SEED, word=word
    )
    found = twin.walk(optimiser)
    if word == "ABOBA":  # half a drift later: x_n+1 is midway between two of these points
        found, expected = (found[1:] + found[:-1]) / 2, expected[1:]
    agree(found, expected)
    if word != same:  # the control
        with pytest.raises(AssertionError):
            agree(found, of_method(method(word), eq, 0.4, network, {})[: len(found)])


@pytest.mark.slow
def test_langevin_is_the_compiled_method(network):
    """Not the numpy step: the kernel of `simulate`, which numbers its own normals."""
    eq = ll.Langevin(network, temperature=0.01, friction=0.8)
    x = network.start(seed=3, n_replicas=3)
    run = ll.simulate(
        eq, "BAOAB", dt=0.4, n_steps=STEPS, n_replicas=3, seed=SEED, start=x,
        start_momentum=np.zeros_like(x), save_every=1,
    )  # fmt: skip
    twin = Twin(network)
    twin.set(x[2])
    optimiser = optim.Langevin(
        twin.module.parameters(), 0.4, temperature=0.01, friction=0.8, seed=SEED, replica=2
    )
    found = twin.walk(optimiser)
    agree(found, run["x"].sel(replica=2).transpose("time", ...).values[-STEPS:])


def test_groups_are_the_layers_of_multilayer_langevin(network):
    first = network.blocks["layer_1"]
    rest = slice(first.stop, network.dim)
    eq = ll.dynamics.multilayer_langevin(network, ((first, 0.3, 0.02), (rest, 2.0, 0.001)))
    expected = of_method(method_for("BAOAB", eq), eq, 0.4, network, {})
    twin = Twin(network)
    groups = twin.groups({"friction": 0.3, "temperature": 0.02}, {})
    optimiser = optim.Langevin(groups, 0.4, temperature=0.001, friction=2.0, seed=SEED)
    agree(twin.walk(optimiser), expected)


@pytest.mark.parametrize("word", ["BADODAB", "BACNDNCAB", "BAODOAB"])
def test_adaptive_langevin_is_the_package_s(network, word):
    numbers = {"temperature": 0.01, "thermal_mass": 5.0, "applied_noise": 0.1, "coupling": 1.3}
    eq = ll.AdaptiveLangevin(network, **numbers, mass=0.9)
    expected = of_method(method(word), eq, 0.3, network, {"xi": np.array([0.4])})
    twin = Twin(network)
    optimiser = optim.AdaptiveLangevin(
        twin.module.parameters(), 0.3, **numbers, mass=0.9, start_thermostat=0.4, seed=SEED,
        word=word,
    )  # fmt: skip
    agree(twin.walk(optimiser), expected)


@pytest.mark.parametrize("convention", ["code", "text"])
def test_adlala_is_the_published_word_from_its_kick_on(network, convention):
    numbers = {"temperature": 0.01, "epsilon": 0.3, "applied_noise": 0.1, "friction": 0.4}
    eq = ll.dynamics.adlala(
        network, ("weights_1", "biases_1"), **numbers, langevin_temperature=0.005,
        convention=convention,
    )  # fmt: skip
    blocks = tuple(block.coordinates for block in eq.blocks)
    scheme = partitioned("B A C D E O E D C A", ("adaptive", "adaptive", "langevin"), blocks)
    start = {"xi_1": np.array([0.2]), "xi_2": np.array([0.2])}
    expected = of_method(scheme, eq, 0.3, network, start)
    twin = Twin(network)
    adaptive = {"equation": "adaptive"}
    groups = twin.groups(adaptive, adaptive, {"equation": "langevin", "temperature": 0.005})
    optimiser = optim.AdLaLa(
        groups, 0.3, **numbers, convention=convention, start_thermostat=0.2, seed=SEED
    )
    agree(twin.walk(optimiser), expected)


def test_lol_is_the_package_s(network):
    eq = ll.dynamics.lol(
        network, network.blocks["layer_1"], temperature=0.01, friction=0.4,
        overdamped_temperature=0.02,
    )  # fmt: skip
    expected = of_method(method_for("LOL", eq), eq, 0.4, network, {})
    twin = Twin(network)
    groups = twin.groups({"equation": "langevin"}, {"equation": "overdamped", "temperature": 0.02})
    optimiser = optim.LOL(groups, 0.4, temperature=0.01, friction=0.4, seed=SEED)
    agree(twin.walk(optimiser), expected)


def test_sgld_is_euler_maruyama(network):
    eq = ll.Overdamped(network, temperature=0.01)
    expected = of_method(method("EulerMaruyama"), eq, 0.2, network, {})
    twin = Twin(network)
    found = twin.walk(optim.SGLD(twin.module.parameters(), 0.2, temperature=0.01, seed=SEED))
    agree(found, expected)


def test_sghmc_is_semi_implicit_euler(network):
    eq = ll.Langevin(network, temperature=0.01, friction=0.7)
    expected = of_method(method("SemiImplicitEuler"), eq, 0.3, network, {})
    twin = Twin(network)
    optimiser = optim.SGHMC(
        twin.module.parameters(), 0.3, temperature=0.01, friction=0.7, seed=SEED
    )
    agree(twin.walk(optimiser), expected)


def test_sgnht_is_the_package_s(network):
    numbers = {"temperature": 0.01, "thermal_mass": 5.0, "applied_noise": 0.1}
    eq = ll.AdaptiveLangevin(network, **numbers)
    expected = of_method(method("SGNHT"), eq, 0.3, network, {"xi": np.array([0.5])})
    twin = Twin(network)
    optimiser = optim.SGNHT(twin.module.parameters(), 0.3, **numbers, seed=SEED)
    agree(twin.walk(optimiser), expected)
    # One thermostat: the mean applied_noise^2/(2 T) of 0.5 was its start.
    assert optimiser.param_groups[0]["thermostat"].dtype == torch.float64


def test_a_wrong_constant_is_another_trajectory(network):
    """The control: 2 % of the temperature move positions by far more than the tolerance."""
    eq = ll.Langevin(network, temperature=0.01, friction=0.8)
    expected = of_method(method("BAOAB"), eq, 0.4, network, {})
    twin = Twin(network)
    optimiser = optim.Langevin(
        twin.module.parameters(), 0.4, temperature=0.0102, friction=0.8, seed=SEED
    )
    assert np.abs(twin.walk(optimiser) - expected).max() > 1e-3


@pytest.mark.parametrize(("friction", "mass"), [(0.5, 1.0), (3.0, 1.7), (math.inf, 1.0)])
def test_at_temperature_zero_langevin_is_heavy_ball(network, friction, mass):
    """torch's SGD with momentum c = exp(-friction dt) and lr = dt^2 (1 + c)/(2 mass).

    x_{n+1} - x_n = c (x_n - x_{n-1}) - dt^2 (1 + c)/(2 mass) grad; the first step, after half a
    kick, is half of what SGD makes from rest.
    """
    dt, c = 0.4, math.exp(-friction * 0.4)
    twin = Twin(network)
    optimiser = optim.Langevin(
        twin.module.parameters(), dt, temperature=0.0, friction=friction, mass=mass, seed=SEED
    )
    found = twin.walk(optimiser)
    twin.set(network.start(seed=3, n_replicas=1)[0])
    sgd = torch.optim.SGD(twin.module.parameters(), lr=dt**2 * (1 + c) / (4 * mass), momentum=c)
    first = twin.walk(sgd, 1)
    sgd.param_groups[0]["lr"] *= 2
    for state in sgd.state.values():
        if c > 0:
            state["momentum_buffer"] /= 2  # the displacement is lr times this
    agree(found, np.concatenate([first, twin.walk(sgd, STEPS - 1)]))


def test_weight_decay_is_the_l2_term_of_the_potential(network):
    decayed = ll.potentials.multilayer_perceptron(
        network.data.values[:, :2], network.data.values[:, 2:], hidden=(5,), activation="tanh",
        loss="binary_cross_entropy", weight_decay=0.05,
    )  # fmt: skip
    eq = ll.Langevin(decayed, temperature=0.01, friction=0.8)
    expected = of_method(method("BAOAB"), eq, 0.4, decayed, {})
    twin = Twin(network)
    optimiser = optim.Langevin(
        twin.module.parameters(), 0.4, temperature=0.01, friction=0.8, seed=SEED, weight_decay=0.05
    )
    agree(twin.walk(optimiser), expected)
