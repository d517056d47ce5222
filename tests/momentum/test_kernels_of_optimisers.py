"""Optimisers in kernels: the recursion on numbered normals and examples; the same bits always."""

import numpy as np
import pytest
import recursions

import langevin_lab as ll
from langevin_lab.dynamics import Exponential, Linear
from langevin_lab.momentum import (
    SGD,
    Adam,
    AdaptiveHeavyBall,
    ARAdam,
    GradientDescent,
    HeavyBall,
    MomentumFamily,
    Nesterov,
    NesterovSequence,
    RMSProp,
    StreamingPCA,
)
from langevin_lab.noise import batch_indices, normals
from langevin_lab.potentials import drawn_gradient, empirical_risk

SEED, FIRST, N_STEPS = 91, 13, 9
rng = np.random.default_rng(1)
DATA = {"a": rng.normal(size=10), "y": rng.normal(size=10)}


def plane(variables=("x", "y"), stiffness="k"):
    x, y = variables
    text = f"({x}**2 - 1)**2 + {stiffness}*({y} - {x})**2/2"
    return ll.Potential.from_expression(text, variables, {stiffness: 1.7})


def risk(**options):
    return empirical_risk(
        "k*(a*w + b - y)**2/2 + w**4/4", variables=("w", "b"), data=DATA, parameters={"k": 1.3},
        **options,
    )  # fmt: skip


FACTOR = [["0.3*x", "0", "k/4"], ["0", "sqrt(1 + y**2)/3", 0.2]]
COVARIANCE = np.array([[0.5, 0.2], [0.2, 0.3]])
POTENTIALS = {
    "true gradient": plane,
    "lanes, covariance": lambda: plane().with_gradient_noise(covariance=COVARIANCE),
    "lanes, factor": lambda: plane().with_gradient_noise(factor=FACTOR),
    "names of the step": lambda: plane(("rate", "g"), "momentum"),
    "rows, true gradient": lambda: ll.potentials.phi4_chain(n_sites=3),
    "rows, per coordinate": lambda: ll.potentials.phi4_chain(n_sites=3).with_gradient_noise(
        standard_deviation=[0.3, 0.7, 1.1]
    ),
    "minibatch": lambda: risk(batch_size=3),
    "minibatch, labels": lambda: risk(batch_size=3, label="y", label_noise=0.6),
}
FALLING = Linear(start=0.05, stop=0.01, duration=6.0)
RISING = Exponential(start=0.2, stop=0.9, duration=5.0)
OPTIMISERS = {
    "descent": GradientDescent(learning_rate=FALLING),
    "heavy ball": HeavyBall(learning_rate=0.03, momentum=0.8),
    "heavy ball, scheduled": HeavyBall(learning_rate=FALLING, momentum=RISING),
    "Nesterov": Nesterov(learning_rate=0.03, momentum=NesterovSequence()),
    "family": MomentumFamily(learning_rate=FALLING, momentum=0.8, look_ahead=0.4),
    "SGD, dampened": SGD(learning_rate=FALLING, momentum=0.8, dampening=0.4, weight_decay=0.3),
    "SGD, Nesterov": SGD(learning_rate=0.03, momentum=RISING, nesterov=True),
}


class Drawn:
    """Call n is the one gradient evaluation of step n, for all replicas."""

    def __init__(self, potential, replicas):
        self.potential, self.replicas, self.step = potential, replicas, -1

    def __call__(self, x):
        noise = self.potential.gradient_noise
        if noise is None:
            return self.potential.gradient(x)
        self.step += 1
        per_step = noise.n_normals + (noise.n_normals % 2 if noise.n_indices else 0)
        drawn = {"normals": normals(SEED, self.replicas, self.step * per_step, noise.n_normals)}
        if noise.n_indices:
            drawn["indices"] = batch_indices(
                SEED, self.replicas, self.step, n_examples=10, batch_size=noise.batch_size,
                replacement=noise.replacement,
            )[:, 0]  # fmt: skip
        return drawn_gradient(self.potential, x, **drawn)


def reference(optimiser, potential, start):
    """Positions after each step, from the recursions of the papers."""
    gradient = Drawn(potential, range(FIRST, FIRST + len(start)))
    rate, momentum = optimiser.learning_rate, optimiser.momentum
    if isinstance(optimiser, SGD):
        return recursions.buffered(
            start, gradient, N_STEPS, rate, momentum, optimiser.dampening, optimiser.nesterov,
            optimiser.weight_decay,
        )  # fmt: skip
    ahead = optimiser.look_ahead
    return recursions.two_points(start, gradient, N_STEPS, rate, momentum, ahead)


def simulated(optimiser, potential, start, n_steps=N_STEPS, **options):
    options = {"first_replica": FIRST, "chunk_size": 2} | options
    if "continue_from" not in options:
        options["start"] = start
    return ll.simulate(
        potential, optimiser, n_steps=n_steps, seed=SEED, n_replicas=len(start), **options
    )


def starts(potential, count=3):
    return np.random.default_rng(3).uniform(-1, 1, (count, potential.dim))


@pytest.mark.parametrize("which", POTENTIALS)
@pytest.mark.parametrize("name", OPTIMISERS)
def test_kernel_text_walks_the_published_recursion(name, which, plain_python):
    potential, optimiser = POTENTIALS[which](), OPTIMISERS[name]
    start = starts(potential)
    run = simulated(optimiser, potential, start, save_every=1)
    expected = reference(optimiser, potential, start)[1:]
    np.testing.assert_allclose(run["x"], expected, rtol=0, atol=1e-13)
    assert run["time"].values.tolist() == list(range(1, N_STEPS + 1))


def test_gradient_noise_may_be_given_to_the_run(plain_python):
    ball, start = OPTIMISERS["heavy ball"], starts(plane())
    for given, same in (
        (0.7, {"standard_deviation": 0.7}),
        ([0.3, 0.7], {"standard_deviation": [0.3, 0.7]}),
        (COVARIANCE, {"covariance": COVARIANCE}),
    ):
        run = simulated(ball, plane(), start, gradient_noise=given)
        expected = simulated(ball, plane().with_gradient_noise(**same), start)
        assert (run["x_final"] == expected["x_final"]).all()
        assert run.attrs["potential"] == expected.attrs["potential"]
        assert (run["x_final"] != simulated(ball, plane(), start)["x_final"]).all()


@pytest.mark.parametrize("name", ["heavy ball, scheduled", "SGD, dampened", "Nesterov"])
def test_continued_run_is_the_whole_run(name, plain_python):
    potential = POTENTIALS["lanes, factor"]()
    start = starts(potential, 40)
    options = {"observe": {"square": "x**2 + p_y"}, "burn_in": 2, "save_every": 2}
    whole = simulated(OPTIMISERS[name], potential, start, chunk_size=None, **options)
    for first in (3, 4):
        begun = simulated(OPTIMISERS[name], potential, start, first, **options)
        rest = N_STEPS - first
        run = simulated(OPTIMISERS[name], potential, start, rest, continue_from=begun, **options)
        for key in ("x_final", "p_final", "square", "x"):
            np.testing.assert_array_equal(run[key], whole[key])


def test_a_run_continues_under_the_same_schedule_only(plain_python):
    start = starts(plane())
    begun = simulated(HeavyBall(learning_rate=lambda n: 0.01 + 0 * n, momentum=0.5), plane(), start)
    with pytest.raises(
        ValueError, match=r"ran with learning_rate 0\.01 at time .*, this call.s schedule has 0\.02"
    ):
        simulated(
            HeavyBall(learning_rate=lambda n: 0.02 + 0 * n, momentum=0.5), plane(), start,
            continue_from=begun,
        )  # fmt: skip
    begun = simulated(HeavyBall(learning_rate=0.02, momentum=0.5), plane(), start)
    ball = HeavyBall(learning_rate=0.01, momentum=0.5)
    with pytest.raises(ValueError, match=r"continue_from ran with dynamics=Descent\(.*0\.01"):
        simulated(ball, plane(), start, continue_from=begun)


def test_given_displacement_is_where_the_recursion_begins(plain_python):
    ball, start, p = HeavyBall(learning_rate=0.03, momentum=0.8), starts(plane()), [0.3, -0.2]
    run = simulated(ball, plane(), start, 1, start_momentum=p)
    expected = start + 0.8 * np.array(p) - 0.03 * plane().gradient(start)
    np.testing.assert_allclose(run["x_final"], expected, rtol=0, atol=1e-15)
    with pytest.raises(ValueError, match=r"start_momentum=.*, but Descent has no momenta"):
        simulated(GradientDescent(learning_rate=0.1), plane(), start, 1, start_momentum=p)


@pytest.mark.parametrize(
    "optimiser", [Adam(), AdaptiveHeavyBall(learning_rate=0.1), ARAdam(learning_rate=0.1)]
)
def test_averages_and_adaptive_momenta_start_at_rest(optimiser, plain_python):
    name = type(optimiser).__name__
    with pytest.raises(ValueError, match=rf"start_momentum=0\.5, but {name} starts at rest"):
        simulated(optimiser, plane(), starts(plane()), 1, start_momentum=0.5)
    rested = simulated(optimiser, plane(), starts(plane()), 1, start_momentum="thermal")
    again = simulated(optimiser, plane(), starts(plane()), 1)
    np.testing.assert_array_equal(rested["x_final"], again["x_final"])


def test_momentum_of_rmsprop_may_be_nothing_in_some_steps(plain_python):
    start, rising = starts(plane()), Linear(start=0.0, stop=0.6, duration=3)
    run = simulated(RMSProp(learning_rate=0.02, momentum=rising), plane(), start)
    x, p, square = start, np.zeros_like(start), np.zeros_like(start)
    for n in range(N_STEPS):
        g = plane().gradient(x)
        square = 0.99 * square + 0.01 * g**2
        p = float(rising(n)) * p + g / (np.sqrt(square) + 1e-8)
        x = x - 0.02 * p
    np.testing.assert_allclose(run["x_final"], x, rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", ["heavy ball", "Nesterov", "SGD, dampened"])
def test_first_passage_takes_the_same_steps(name, plain_python):
    potential, start = POTENTIALS["lanes, covariance"](), np.zeros((6, 2))
    options = {"n_steps": 40, "save_every": 1, "chunk_size": 7}
    path = simulated(OPTIMISERS[name], potential, start, **options)["x"].values[:, :, 0]
    level = float(np.median(path.max(axis=0)))
    expected = np.where((path > level).any(axis=0), (path > level).argmax(axis=0) + 1, 40)
    assert len(set(expected)) > 2
    passage = ll.escape.first_passage(
        potential, OPTIMISERS[name], start=start, target=f"x > {level!r}", n_replicas=6, seed=SEED,
        first_replica=FIRST, max_time=40,
    )  # fmt: skip
    np.testing.assert_array_equal(passage.times, expected)
    assert passage.crossing == "none"


SAME_BITS = [
    ("heavy ball, scheduled", "lanes, factor"),
    ("SGD, dampened", "minibatch, labels"),
    ("Nesterov", "rows, per coordinate"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "which"), SAME_BITS)
def test_bits_depend_on_nothing_but_seed_replica_and_step(name, which):
    potential, optimiser = POTENTIALS[which](), OPTIMISERS[name]
    start = starts(potential, 37)
    options = {"observe": {"square": f"{potential.variables[0]}**2"}, "burn_in": 3}
    options |= {"chunk_size": None}
    whole = simulated(optimiser, potential, start, 40, n_threads=1, **options)
    begun = simulated(optimiser, potential, start, 13, **options)
    others = [
        simulated(optimiser, potential, start, 40, **(options | {"chunk_size": 7, "n_threads": 2})),
        simulated(optimiser, potential, start, 27, n_threads=2, **options, continue_from=begun),
    ]  # fmt: skip
    for other in others:
        assert other["square"] == whole["square"]
        np.testing.assert_array_equal(other["x_final"], whole["x_final"])
        np.testing.assert_array_equal(other["p_final"], whole["p_final"])
    part = simulated(
        optimiser, potential, start[20:], 40, **(options | {"first_replica": FIRST + 20})
    )
    np.testing.assert_array_equal(part["x_final"], whole["x_final"][20:])
    short = simulated(optimiser, potential, start, **options)
    np.testing.assert_allclose(
        short["x_final"], reference(optimiser, potential, start)[-1], rtol=0, atol=1e-13
    )


def test_streaming_pca_in_a_kernel_reads_its_numbered_data(plain_python):
    variances = (3.0, 1.5, 0.2)
    pca = StreamingPCA(learning_rate=FALLING, momentum=RISING, variances=variances)
    start = starts(pca.potential)
    run = simulated(pca, pca.potential, start, save_every=1)
    v, p = start, np.zeros_like(start)
    for n in range(N_STEPS):
        data = np.sqrt(variances) * normals(SEED, range(FIRST, FIRST + 3), 3 * n, 3)
        along = (data * v).sum(axis=1, keepdims=True)
        p = RISING(n) * p + FALLING(n) * along * (data - along * v)
        v = v + p
        np.testing.assert_allclose(run["x"][n], v, rtol=0, atol=1e-13)
