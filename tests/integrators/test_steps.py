"""Algebra of the pure steps: no compiled code, no sampling."""

import itertools

import by_hand
import numpy as np
import pytest
from landscapes import Quartic

from langevin_lab.integrators import WORDS, method

METHODS = by_hand.METHODS
PALINDROMES = [word for word in (*WORDS, *by_hand.MORE_WORDS) if word == word[::-1]]
DT = 0.1


class Counting:
    """A gradient that remembers where it was evaluated."""

    def __init__(self, gradient):
        self.gradient, self.places = gradient, []

    def __call__(self, x):
        self.places.append(x.tobytes())
        return self.gradient(x)


def dynamics_for(scheme, dim=2, *, temperature=0.7, friction=(0.5, 2.0), mass=(1.0, 3.0)):
    """Dynamics that the method can solve, per-coordinate numbers where it may."""
    return by_hand.dynamics_for(
        scheme, Quartic(dim), friction=friction, mass=mass, temperature=temperature
    )


def random_state(scheme, dim=2, replicas=3, seed=0):
    rng = np.random.default_rng(seed)
    names = (*scheme.state_names, *(name for name in scheme.stored if name == "r"))
    scalars = scheme.program.scalars
    return {name: rng.normal(size=(replicas, 1 if name in scalars else dim)) for name in names}


@pytest.mark.parametrize("dim", [1, 2, 5])
@pytest.mark.parametrize(("name", "equation"), METHODS)
def test_step_is_the_published_one(name, equation, dim):
    scheme = method(name, equation=equation)
    rng = np.random.default_rng(1)
    numbers = {"friction": rng.uniform(0.5, 2, dim), "mass": rng.uniform(0.5, 2, dim)}
    for given in (numbers, {"friction": 0.8, "mass": 1.5}):
        dynamics = dynamics_for(scheme, dim, **given)
        gradient = dynamics.potential.gradient
        energy = dynamics.potential.energy
        coefficients = scheme.coefficients(dynamics, DT)
        reference = random_state(scheme, dim)
        state = scheme.carried_state(reference, gradient, energy)
        for _ in range(3):
            drawn = rng.normal(size=(3, by_hand.numbers_per_step(scheme, dim)))
            normals, scalars = by_hand.split(drawn, scheme, dim)
            state = scheme.step(
                state, normals, coefficients, gradient, energy=energy, scalar_normals=scalars
            )
            reference = by_hand.step(
                name, equation, reference, normals, dynamics, DT, dynamics.temperature, gradient,
                scalars,
            )  # fmt: skip
            for key, value in reference.items():
                np.testing.assert_allclose(state[key], value, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("name", "equation"), METHODS)
def test_gradients_are_counted_and_never_taken_twice_at_a_point(name, equation):
    scheme = method(name, equation=equation)
    dynamics = dynamics_for(scheme)
    gradient = Counting(dynamics.potential.gradient)
    energy = dynamics.potential.energy
    state = scheme.carried_state(random_state(scheme), gradient, energy)
    at_start = len(gradient.places)
    normals = np.random.default_rng(0).normal(size=(5, scheme.n_normals, 3, 2))
    coefficients = scheme.coefficients(dynamics, DT)
    scalars = np.ones((scheme.program.n_scalar_normals, 3, 1))
    for step in range(5):
        state = scheme.step(
            state, normals[step], coefficients, gradient, energy=energy, scalar_normals=scalars
        )
    assert at_start == ("g" in scheme.stored)
    assert len(gradient.places) - at_start == 5 * scheme.properties.gradients_per_step
    assert len(set(gradient.places)) == len(gradient.places)


@pytest.mark.parametrize("word", ["BAOAB", "ABOBA", "OBABO", "OABAO", "BAOA", "ABO", "OBA", "BAB"])
def test_common_words_cost_one_gradient(word):
    assert method(word).properties.gradients_per_step == 1


def test_step_leaves_its_arguments_alone():
    scheme = method("BAOAB")
    dynamics = dynamics_for(scheme)
    state = scheme.carried_state(random_state(scheme), dynamics.potential.gradient)
    before = {name: value.copy() for name, value in state.items()}
    normals = np.ones((1, 3, 2))
    scheme.step(state, normals, scheme.coefficients(dynamics, DT), dynamics.potential.gradient)
    for name, value in before.items():
        np.testing.assert_array_equal(state[name], value)


@pytest.mark.parametrize(
    ("name", "equation"),
    [m for m in METHODS if m[1] != "adaptive" and m not in by_hand.METROPOLIS],
)
def test_no_temperature_is_no_noise(name, equation):
    scheme = method(name, equation=equation)
    dynamics = dynamics_for(scheme, temperature=0.0)
    gradient = dynamics.potential.gradient
    state = scheme.carried_state(random_state(scheme), gradient)
    coefficients = scheme.coefficients(dynamics, DT)
    loud = scheme.step(state, np.full((scheme.n_normals, 3, 2), 1e3), coefficients, gradient)
    quiet = scheme.step(state, np.zeros((scheme.n_normals, 3, 2)), coefficients, gradient)
    for key in scheme.state_names:
        np.testing.assert_array_equal(loud[key], quiet[key])


@pytest.mark.parametrize("name", ["EulerMaruyama", "StochasticHeun", "SRA1"])
def test_without_force_the_increment_is_the_brownian_one(name):
    scheme = method(name)
    dynamics = dynamics_for(scheme)
    normals = np.random.default_rng(2).normal(size=(scheme.n_normals, 3, 2))
    state = {"x": np.zeros((3, 2)), "g": np.zeros((3, 2))}
    after = scheme.step(state, normals, scheme.coefficients(dynamics, DT), np.zeros_like)
    scale = np.sqrt(2 * 0.7 * DT / np.array([0.5, 2.0]))
    np.testing.assert_allclose(after["x"], scale * normals[0], rtol=1e-14)


def test_leimkuhler_matthews_without_force_lags_by_half_an_increment():
    scheme = method("LeimkuhlerMatthews")
    dynamics = dynamics_for(scheme)
    normals = np.random.default_rng(2).normal(size=(6, 1, 3, 2))
    state = {"x": np.zeros((3, 2)), "r": np.zeros((3, 2))}
    for step in normals:
        state = scheme.step(state, step, scheme.coefficients(dynamics, DT), np.zeros_like)
    scale = np.sqrt(2 * 0.7 * DT / np.array([0.5, 2.0]))
    brownian = normals[:, 0].sum(axis=0) - normals[-1, 0] / 2
    np.testing.assert_allclose(state["x"], scale * brownian, rtol=1e-13)


@pytest.mark.parametrize("word", [w for w in (*WORDS, *by_hand.MORE_WORDS) if "O" in w])
def test_without_force_momenta_follow_the_exact_ornstein_uhlenbeck_law(word):
    scheme = method(word)
    dynamics = dynamics_for(scheme)
    coefficients = scheme.coefficients(dynamics, 0.3)
    zero = {name: np.zeros(2) for name in ("x", "p", "g")}
    normals = np.zeros((scheme.n_normals, 2))
    friction, mass = np.array([0.5, 2.0]), np.array([1.0, 3.0])
    after = scheme.step({**zero, "p": np.ones(2)}, normals, coefficients, np.zeros_like)
    np.testing.assert_allclose(after["p"], np.exp(-friction * 0.3), rtol=1e-13)
    variance = np.zeros(2)
    for index in range(scheme.n_normals):
        unit = normals.copy()
        unit[index] = 1.0
        variance += scheme.step(zero, unit, coefficients, np.zeros_like)["p"] ** 2
    exact = mass * 0.7 * (1 - np.exp(-2 * friction * 0.3))
    np.testing.assert_allclose(variance, exact, rtol=1e-13)


def test_tiny_friction_keeps_its_noise():
    scheme = method("BAOAB")
    dynamics = dynamics_for(scheme, friction=1e-9, mass=1.0)
    noise = scheme.coefficients(dynamics, 0.1)["noise"]
    # abs=0: the default of 1e-12 would let 1 - c^2 by cancellation pass.
    assert noise == pytest.approx(np.sqrt(2 * 1e-9 * 0.1 * 0.7), rel=1e-9, abs=0)


@pytest.mark.parametrize("word", PALINDROMES)
def test_palindromes_without_friction_are_reversible(word):
    scheme = method(word)
    dynamics = dynamics_for(scheme, friction=0.0)
    gradient = dynamics.potential.gradient
    coefficients = scheme.coefficients(dynamics, DT)
    start = random_state(scheme)
    state = start
    for direction in (1, -1):
        state = scheme.carried_state({"x": state["x"], "p": direction * state["p"]}, gradient)
        for _ in range(20):
            state = scheme.step(state, np.ones((scheme.n_normals, 3, 2)), coefficients, gradient)
    np.testing.assert_allclose(state["x"], start["x"], rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(-state["p"], start["p"], rtol=1e-12, atol=1e-13)


def test_unsymmetric_word_is_not_reversible():
    scheme = method("BA")
    dynamics = dynamics_for(scheme)
    gradient, start = dynamics.potential.gradient, random_state(scheme)
    coefficients = scheme.coefficients(dynamics, DT)
    there = scheme.step(scheme.carried_state(start, gradient), [], coefficients, gradient)
    back = scheme.step({"x": there["x"], "p": -there["p"]}, [], coefficients, gradient)
    assert np.abs(back["x"] - start["x"]).max() > 1e-3


def energy_error(word, dt):
    """Largest energy error of a frictionless run over a time of 8."""
    scheme = method(word)
    dynamics = dynamics_for(scheme, mass=1.0)
    potential = dynamics.potential
    state = scheme.carried_state({"x": np.array([[1.0, -0.3]]), "p": np.zeros((1, 2))},
                                 potential.gradient)  # fmt: skip
    energies = []
    for _ in range(round(8 / dt)):
        state = scheme.step(state, [], scheme.coefficients(dynamics, dt), potential.gradient)
        energies.append(potential.energy(state["x"]) + (state["p"] ** 2).sum(axis=-1) / 2)
    return np.ptp(energies)


@pytest.mark.parametrize(("word", "order"), [("BAB", 2), ("ABA", 2), ("BABAB", 2), ("AB", 1)])
def test_energy_error_is_of_the_order_of_the_word(word, order):
    errors = [energy_error(word, 2.0**-k) for k in range(4, 9)]
    slopes = np.diff(np.log2(errors))
    np.testing.assert_allclose(-slopes[-2:], order, atol=0.05)


@pytest.mark.parametrize("equation", ["overdamped", "langevin"])
def test_runge_kutta_is_of_order_four(equation):
    scheme = method("RK4", equation=equation)
    dynamics = dynamics_for(scheme)
    gradient = dynamics.potential.gradient
    ends = []
    for k in range(4, 10):
        state = {"x": np.array([[1.0, -0.5]]), "p": np.array([[0.2, 0.4]])}
        state = scheme.carried_state(state, gradient)
        coefficients = scheme.coefficients(dynamics, 2.0**-k)
        for _ in range(2**k):
            state = scheme.step(state, [], coefficients, gradient)
        ends.append(np.concatenate([state[name] for name in scheme.state_names]))
    steps = [np.abs(a - b).max() for a, b in itertools.pairwise(ends)]
    np.testing.assert_allclose(-np.diff(np.log2(steps))[-2:], 4, atol=0.1)
