"""What a method remembers besides its state: zero at the start, kept between calls, never lost."""

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.integrators import Program
from langevin_lab.momentum import Adadelta, Adagrad, Adam, AdaptiveHeavyBall, ARAdam, RMSProp
from langevin_lab.noise import batch_indices, normals
from langevin_lab.potentials import drawn_gradient, empirical_risk

SEED, FIRST, N_STEPS = 17, 5, 9
OPTIMISERS = {
    "Adam": Adam(learning_rate=0.05, weight_decay=0.1, decoupled=True, largest_square=True),
    "RMSProp": RMSProp(learning_rate=0.02, momentum=0.5, centred=True, square_decay=0.8),
    "Adagrad": Adagrad(learning_rate=lambda n: 0.1 / (1 + n), rate_decay=0.2, initial_square=0.1),
    "Adadelta": Adadelta(weight_decay=0.2),
    "ARSGD": AdaptiveHeavyBall(learning_rate=0.05, weight_decay=0.1),
    "ARAdam": ARAdam(learning_rate=0.05),
}
rng = np.random.default_rng(1)
DATA = {"a": rng.normal(size=10), "y": rng.normal(size=10)}
INPUTS, TARGETS = rng.normal(size=(12, 2)), rng.integers(0, 2, 12)


def plane():
    return ll.Potential.from_expression("(x**2 - 1)**2 + k*(y - x)**2/2", ("x", "y"), {"k": 1.7})


def network(batch_size):
    return ll.potentials.multilayer_perceptron(
        INPUTS, TARGETS, hidden=(3,), loss="binary_cross_entropy", batch_size=batch_size
    )


POTENTIALS = {
    "lanes": plane,
    "lanes, drawn": lambda: plane().with_gradient_noise(standard_deviation=0.3),
    "rows": lambda: ll.potentials.phi4_chain(n_sites=19),
    "minibatch": lambda: empirical_risk(
        "(a*w + b - y)**2/2 + w**4/4", variables=("w", "b"), data=DATA, batch_size=3
    ),
}


def gradient_of_step(potential, x, step):
    """The gradient that a kernel draws in one step, from numbered normals and examples."""
    noise, replicas = potential.gradient_noise, range(FIRST, FIRST + len(x))
    if noise is None:
        return potential.gradient(x)
    if not noise.n_indices:
        drawn = normals(SEED, replicas, step * noise.n_normals, noise.n_normals)
        return drawn_gradient(potential, x, normals=drawn)
    indices = batch_indices(
        SEED, replicas, step, n_examples=noise.n_examples, batch_size=noise.batch_size,
        replacement=noise.replacement,
    )[:, 0]  # fmt: skip
    return drawn_gradient(potential, x, normals=np.zeros((len(x), 0)), indices=indices)


def stepped(optimiser, potential, x, n_steps=N_STEPS):
    """What numpy steps of the program carry after each step."""
    method, descent = optimiser.method(), ll.momentum.Descent(potential, optimiser)
    state = method.carried_state({"x": x, "p": np.zeros_like(x)}, potential.gradient)
    for n in range(n_steps):
        values = method.coefficients(descent.at(float(n)), 1.0)
        none = np.zeros((0, *x.shape))
        state = method.step(state, none, values, lambda y, n=n: gradient_of_step(potential, y, n))
        yield state


def simulated(optimiser, potential, start, n_steps=N_STEPS, **options):
    if "continue_from" not in options:
        options["start"] = start
    return ll.simulate(
        potential, optimiser, n_steps=n_steps, seed=SEED, n_replicas=len(start),
        **({"first_replica": FIRST, "chunk_size": 2, "n_threads": 1} | options),
    )  # fmt: skip


def starts(potential, count=3):
    return np.random.default_rng(3).uniform(-1, 1, (count, potential.dim))


@pytest.mark.parametrize("which", POTENTIALS)
@pytest.mark.parametrize("name", OPTIMISERS)
def test_kernel_text_carries_what_the_program_carries(name, which, plain_python):
    potential, optimiser = POTENTIALS[which](), OPTIMISERS[name]
    start = starts(potential)
    path = list(stepped(optimiser, potential, start))
    run = simulated(optimiser, potential, start, save_every=1)
    np.testing.assert_allclose(run["x"], [state["x"] for state in path], rtol=0, atol=1e-12)
    for memory in optimiser.method().program.memories:
        assert memory not in run
        expected = path[-1][memory]
        got = run[f"{memory}_final"].values.reshape(expected.shape)
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)
        assert np.abs(expected).max() > 0
    assert not {"thermostat", "accepted"} & set(run)


@pytest.mark.parametrize("which", ["lanes, drawn", "minibatch"])
@pytest.mark.parametrize("name", OPTIMISERS)
def test_continued_run_is_the_whole_run(name, which, plain_python):
    potential, optimiser = POTENTIALS[which](), OPTIMISERS[name]
    start = starts(potential, 10)
    options = {"observe": {"e": "energy"}, "save_every": 2}
    whole = simulated(optimiser, potential, start, **options)
    begun = simulated(optimiser, potential, start, 5, **options)
    run = simulated(optimiser, potential, start, 4, continue_from=begun, **options)
    for key in whole.data_vars:
        np.testing.assert_array_equal(run[key], whole[key], err_msg=key)


def test_forgotten_memory_is_noticed(plain_python):
    potential, start = plane(), starts(plane())
    begun = simulated(OPTIMISERS["Adam"], potential, start, 5)
    begun["square_final"] *= 1.02
    run = simulated(OPTIMISERS["Adam"], potential, start, 4, continue_from=begun)
    whole = simulated(OPTIMISERS["Adam"], potential, start)
    assert np.abs(run["x_final"] - whole["x_final"]).max() > 1e-5


def test_adaptive_momentum_is_an_observable(plain_python):
    potential, ball = plane(), OPTIMISERS["ARSGD"]
    start = starts(potential, 9)
    run = simulated(ball, potential, start, observe={"mean": "momentum", "square": "momentum**2"})
    momenta = np.array([state["momentum"] for state in stepped(ball, potential, start)])
    assert run["mean"].item() == pytest.approx(momenta.mean(), rel=1e-9)
    assert run["square"].item() == pytest.approx((momenta**2).mean(), rel=1e-9)


def test_large_memory_is_no_divergence_but_an_infinite_one_is(plain_python):
    # x stays where it is once its sum of squares is infinite: a run must not look converged.
    steep = ll.Potential.from_expression("k*x**2/2", ("x",), {"k": 1.0})
    start = np.linspace(0.5, 1.5, 10)[:, None]
    adagrad = Adagrad(learning_rate=0.01)
    with np.errstate(over="ignore"):
        run = simulated(adagrad, steep.with_parameters(k=1e80), start)
        assert (run["diverged_step"] == -1).all()
        assert (run["square_final"] > 1e150).all()
        with pytest.warns(RuntimeWarning, match="10 of 10 replicas diverged, .* at step 1"):
            simulated(adagrad, steep.with_parameters(k=1e160), start)


@pytest.mark.parametrize("name", ["Adam", "ARSGD"])
def test_first_passage_takes_the_same_steps(name, plain_python):
    potential, start = POTENTIALS["lanes, drawn"](), np.full((6, 2), -0.5)
    path = simulated(OPTIMISERS[name], potential, start, 40, save_every=1, chunk_size=7)
    x = abs(path["x"].values[:, :, 0] + 0.5)
    level = float(np.median(x.max(axis=0)))
    expected = np.where((x > level).any(axis=0), (x > level).argmax(axis=0) + 1, 40)
    assert len(set(expected)) > 2
    passage = ll.escape.first_passage(
        potential, OPTIMISERS[name], start=start, target=f"abs(x + 0.5) > {level!r}", n_replicas=6,
        seed=SEED, first_replica=FIRST, max_time=40,
    )  # fmt: skip
    np.testing.assert_array_equal(passage.times, expected)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["Adam", "ARSGD"])
def test_compiled_networks_take_the_steps_of_the_program(which):
    """Minibatches of a network; the same bits for threads, chunks and continued runs."""
    potential, optimiser = network(5), OPTIMISERS[which]
    start = potential.start(seed=2, n_replicas=6)
    run = simulated(optimiser, potential, start, 40, chunk_size=None)
    *_, last = stepped(optimiser, potential, start, 40)
    np.testing.assert_allclose(run["x_final"], last["x"], rtol=0, atol=1e-9)
    begun = simulated(optimiser, potential, start, 13, chunk_size=None)
    whole = simulated(
        optimiser, potential, start, 27, chunk_size=7, n_threads=2,
        continue_from=begun,
    )  # fmt: skip
    for key in run.data_vars:
        np.testing.assert_array_equal(run[key], whole[key], err_msg=key)


@pytest.mark.slow
def test_compiled_lanes_have_the_same_bits_in_any_blocks():
    potential, ball = POTENTIALS["lanes, drawn"](), OPTIMISERS["ARSGD"]
    start = starts(potential, 70)
    whole = simulated(ball, potential, start, 50, chunk_size=None)
    part = simulated(ball, potential, start[40:], 50, chunk_size=3, first_replica=FIRST + 40)
    for key in ("x_final", "p_final", "before_final", "momentum_final"):
        np.testing.assert_array_equal(whole[key][40:], part[key])
    *_, last = stepped(ball, potential, start, 50)
    np.testing.assert_allclose(whole["x_final"], last["x"], rtol=0, atol=1e-9)


def test_memory_with_the_name_of_the_state_is_refused():
    with pytest.raises(ValueError, match=r"the step carries \['p'\] twice"):
        Program(("x = x + p",), state=("x", "p"), coefficients=(), n_normals=0, memories=("p",))


def test_missing_memories_start_at_zero():
    method = Adam().method()
    state = method.carried_state({"x": np.ones((4, 3)), "p": np.zeros((4, 3))}, lambda x: x)
    assert {name: value.shape for name, value in state.items()} == {
        "x": (4, 3), "p": (4, 3), "square": (4, 3), "weight": (4, 1), "square_weight": (4, 1)
    }  # fmt: skip
    assert not state["square"].any()
