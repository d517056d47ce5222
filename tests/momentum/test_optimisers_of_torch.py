"""Adam, RMSProp, Adagrad and Adadelta are those of `torch.optim`; ARSGD and ARAdam of the paper."""

import numpy as np
import pytest
from landscapes import Quartic
from numba import njit

import langevin_lab as ll
from langevin_lab.dynamics import Exponential
from langevin_lab.momentum import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdaptiveHeavyBall,
    ARAdam,
    Descent,
    HeavyBall,
    RMSProp,
)

BOWL = Quartic(5)
START = np.random.default_rng(5).uniform(-1, 1, 5)
WRONG = 1.03  # a constant that is wrong by 3 % must be noticed


def falling(step):
    """A learning rate."""
    return 0.32 / (8.0 + np.asarray(step, dtype=float))


# optimiser, PyTorch's class, PyTorch's arguments
CASES = {
    "Adam": (Adam(), "Adam", {}),
    "Adam, numbers": (
        Adam(learning_rate=0.05, momentum=0.6, square_decay=0.97, epsilon=1e-3), "Adam",
        {"lr": 0.05, "betas": (0.6, 0.97), "eps": 1e-3},
    ),
    "Adam, decay": (Adam(weight_decay=0.2), "Adam", {"weight_decay": 0.2}),
    "AdamW": (
        Adam(learning_rate=0.03, weight_decay=0.2, decoupled=True), "AdamW",
        {"lr": 0.03, "weight_decay": 0.2},
    ),
    "Adam, largest": (
        Adam(learning_rate=0.05, square_decay=0.5, largest_square=True), "Adam",
        {"lr": 0.05, "betas": (0.9, 0.5), "amsgrad": True},
    ),
    "Adam, falling": (Adam(learning_rate=falling), "Adam", {"lr": falling}),
    "AdamW, falling": (
        Adam(learning_rate=falling, weight_decay=0.1, decoupled=True), "AdamW",
        {"lr": falling, "weight_decay": 0.1},
    ),
    "RMSProp": (RMSProp(), "RMSprop", {}),
    "RMSProp, numbers": (
        RMSProp(learning_rate=0.004, square_decay=0.9, epsilon=1e-3, weight_decay=0.3,
                momentum=0.7),
        "RMSprop",
        {"lr": 0.004, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.3, "momentum": 0.7},
    ),
    "RMSProp, centred": (
        RMSProp(learning_rate=0.004, centred=True, momentum=0.5), "RMSprop",
        {"lr": 0.004, "centered": True, "momentum": 0.5},
    ),
    "RMSProp, falling": (RMSProp(learning_rate=falling), "RMSprop", {"lr": falling}),
    "Adagrad": (Adagrad(), "Adagrad", {}),
    "Adagrad, numbers": (
        Adagrad(learning_rate=0.2, rate_decay=0.1, initial_square=0.3, weight_decay=0.1,
                epsilon=1e-3),
        "Adagrad",
        {"lr": 0.2, "lr_decay": 0.1, "initial_accumulator_value": 0.3, "weight_decay": 0.1,
         "eps": 1e-3},
    ),
    "Adadelta": (Adadelta(), "Adadelta", {}),
    "Adadelta, numbers": (
        Adadelta(learning_rate=0.5, square_decay=0.8, epsilon=1e-3, weight_decay=0.3), "Adadelta",
        {"lr": 0.5, "rho": 0.8, "eps": 1e-3, "weight_decay": 0.3},
    ),
}  # fmt: skip
each_case = pytest.mark.parametrize("name", CASES)


def stepped(optimiser, potential, x, n_steps):
    """Positions of the optimiser's own numpy steps, and what it carries at the end."""
    method, descent = optimiser.method(), Descent(potential, optimiser)
    state = method.carried_state({"x": x, "p": np.zeros_like(x)}, potential.gradient)
    path = [x]
    for n in range(n_steps):
        values = method.coefficients(descent.at(float(n)), 1.0)
        state = method.step(state, np.zeros((0, *x.shape)), values, potential.gradient)
        path.append(state["x"])
    return np.array(path), state


def torch_path(gradient, start, n_steps, kind, numbers):
    """Positions of PyTorch's optimiser, a rate that falls set in its parameter group."""
    torch = pytest.importorskip("torch")
    x = torch.nn.Parameter(torch.tensor(start, dtype=torch.float64))
    rate = numbers.get("lr")
    constant = {"lr": 1.0} if callable(rate) else {}
    optimiser = getattr(torch.optim, kind)([x], **(numbers | constant))
    path = [start]
    for n in range(n_steps):
        if callable(rate):
            optimiser.param_groups[0]["lr"] = float(rate(n))
        x.grad = torch.from_numpy(gradient(x.detach().numpy()))
        optimiser.step()
        path.append(x.detach().numpy().copy())
    return np.array(path)


@each_case
def test_steps_are_those_of_torch(name):
    optimiser, kind, numbers = CASES[name]
    expected = torch_path(BOWL.gradient, START, 80, kind, numbers)
    path, _ = stepped(optimiser, BOWL, START, 80)
    assert np.abs(expected[-1] - START).max() > 1e-3
    np.testing.assert_allclose(path, expected, rtol=1e-12, atol=1e-13)


@njit
def energy(x, parameters):
    total = 0.0
    for i in range(x.size):
        total += 0.25 * (x[i] * x[i] - 1.0) ** 2 + 0.1 * x[i] * x[i - 1]
    return total


@njit
def gradient(x, parameters, out):
    n = x.size
    for i in range(n):
        out[i] = x[i] * (x[i] * x[i] - 1.0) + 0.1 * (x[i - 1] + x[(i + 1) % n])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["RMSProp, numbers", "Adam, decay"])
def test_compiled_steps_are_those_of_torch(name):
    """RMSProp's to the last bit; Adam's but for the sums of weights, which PyTorch cancels."""
    optimiser, kind, numbers = CASES[name]
    wells = ll.Potential.from_functions(energy=energy, gradient=gradient, dim=11, name="wells")
    start, out = np.random.default_rng(8).uniform(-1.2, 1.2, 11), np.zeros(11)

    def drawn(x):
        gradient(x, wells.parameter_values, out)
        return out.copy()

    expected = torch_path(drawn, start, 400, kind, numbers)[1:]
    run = ll.simulate(wells, optimiser, n_steps=400, seed=0, start=start, save_every=1)
    path = run["x"].values[:, 0]
    assert np.abs(path[-1] - start).max() > 0.1
    np.testing.assert_allclose(path, expected, rtol=1e-12, atol=1e-14)
    if name.startswith("RMSProp"):
        np.testing.assert_array_equal(path, expected)


@pytest.mark.parametrize(
    ("name", "field"),
    [(name, field) for name, fields in {
        "Adam, numbers": ["learning_rate", "momentum", "square_decay", "epsilon"],
        "AdamW": ["weight_decay"],
        "RMSProp, numbers": ["square_decay", "momentum", "weight_decay"],
        "Adagrad, numbers": ["rate_decay", "initial_square", "epsilon"],
        "Adadelta, numbers": ["learning_rate", "square_decay", "epsilon"],
    }.items() for field in fields],
)  # fmt: skip
def test_a_wrong_number_is_noticed(name, field):
    from dataclasses import replace

    optimiser, kind, numbers = CASES[name]
    value = getattr(optimiser, field)
    wrong = value * WRONG if value * WRONG < 1 else value / WRONG
    path, _ = stepped(replace(optimiser, **{field: wrong}), BOWL, START, 80)
    expected = torch_path(BOWL.gradient, START, 80, kind, numbers)
    assert np.abs(path - expected).max() > 1e-7


def test_defaults_are_those_of_torch():
    torch = pytest.importorskip("torch")
    parameter = [torch.nn.Parameter(torch.zeros(1))]
    names = {
        "Adam": {"learning_rate": "lr", "epsilon": "eps", "weight_decay": "weight_decay",
                 "largest_square": "amsgrad", "decoupled": "decoupled_weight_decay"},
        "RMSprop": {"learning_rate": "lr", "square_decay": "alpha", "epsilon": "eps",
                    "weight_decay": "weight_decay", "momentum": "momentum", "centred": "centered"},
        "Adagrad": {"learning_rate": "lr", "rate_decay": "lr_decay", "epsilon": "eps",
                    "weight_decay": "weight_decay", "initial_square": "initial_accumulator_value"},
        "Adadelta": {"learning_rate": "lr", "square_decay": "rho", "epsilon": "eps",
                     "weight_decay": "weight_decay"},
    }  # fmt: skip
    for mine, (kind, fields) in zip((Adam(), RMSProp(), Adagrad(), Adadelta()), names.items()):
        theirs = getattr(torch.optim, kind)(parameter).defaults
        assert {f: getattr(mine, f) for f in fields} == {f: theirs[g] for f, g in fields.items()}
    assert (Adam().momentum, Adam().square_decay) == torch.optim.Adam(parameter).defaults["betas"]


def test_weights_of_scheduled_averages_sum_to_one():
    """Under a constant gradient Adam's step is its rate at any momentum; a power's is not."""
    slope = Quartic(1)
    slope.gradient = lambda x: np.full_like(x, 3.0)
    rising = Exponential(start=0.1, stop=0.95, duration=20.0)
    adam = Adam(learning_rate=0.1, momentum=rising, epsilon=1e-300)
    path, _ = stepped(adam, slope, np.zeros(1), 30)
    np.testing.assert_allclose(np.diff(path[:, 0]), -0.1, rtol=1e-13)


def test_variance_that_rounding_made_negative_divides_as_zero():
    slope = Quartic(1)
    slope.gradient = lambda x: np.full_like(x, 0.7)
    path, state = stepped(RMSProp(centred=True, square_decay=0.5), slope, np.zeros(1), 200)
    # mean^2 and square agree but for rounding, so steps are rate g/epsilon or nearly so.
    assert np.isfinite(path).all()
    assert state["square"].item() == pytest.approx(0.49, rel=1e-12)
    assert abs(np.diff(path[-5:, 0])).min() > 1e3


def arsgd(x, gradient, n_steps, rate, margin=1e-3, weight_decay=0.0):
    """The paper's recursion in positions; where it is silent (first step, no change) as here."""
    path, momenta, before = [x, x], [], None
    for n in range(n_steps):
        eta = rate(n) if callable(rate) else rate
        now, last = path[-1], path[-2]
        g = gradient(now) + weight_decay * now
        moved = np.linalg.norm(now - last)
        momentum = 0.0
        if moved > 0:
            root = 1 - np.sqrt(eta * np.linalg.norm(g - before) / moved)
            momentum = min(max(root**2, 0.0), 1 - margin)
        path.append(now - eta * g + momentum * (now - last))
        momenta.append(momentum)
        before = g
    return np.array(path[1:]), momenta


@pytest.mark.parametrize("rate", [0.3, falling], ids=["constant", "falling"])
@pytest.mark.parametrize("weight_decay", [0.0, 0.4])
def test_adaptive_heavy_ball_is_the_paper_s_recursion(rate, weight_decay):
    expected, momenta = arsgd(START, BOWL.gradient, 25, rate, weight_decay=weight_decay)
    ball = AdaptiveHeavyBall(learning_rate=rate, weight_decay=weight_decay)
    path, state = stepped(ball, BOWL, START, 25)
    np.testing.assert_allclose(path, expected, rtol=0, atol=1e-11)
    assert state["momentum"].item() == pytest.approx(momenta[-1], rel=1e-6)
    assert len(set(momenta)) > 10
    wrong, _ = arsgd(START, BOWL.gradient, 25, rate, weight_decay=1.03 * weight_decay + 0.01)
    assert np.abs(path - wrong).max() > 1e-4


def test_adaptive_adam_is_adam_with_the_paper_s_momentum():
    rate, decay = 0.05, 0.97
    x, m, v, before, last = START, 0.0, 0.0, None, START
    path, state = stepped(ARAdam(learning_rate=rate, square_decay=decay), BOWL, START, 40)
    momenta = []
    for n in range(1, 41):
        g = BOWL.gradient(x)
        moved, momentum = np.linalg.norm(x - last), 0.0
        if moved > 0:
            part = 1 - np.sqrt(rate * np.linalg.norm(g - before) / moved)
            momentum = min(part**2, 1 - 1e-3)
        m = momentum * m + (1 - momentum) * g
        v = decay * v + (1 - decay) * g**2
        last, before = x, g
        x = x - rate * m / (np.sqrt(v / (1 - decay**n)) + 1e-8)
        momenta.append(momentum)
        np.testing.assert_allclose(path[n], x, rtol=0, atol=1e-10)
    assert state["momentum"].item() == pytest.approx(momenta[-1], rel=1e-6)
    assert momenta[0] == 0 < min(momenta[1:])


@pytest.mark.parametrize("optimiser", [
    AdaptiveHeavyBall(learning_rate=0.1, margin=0.05),
    ARAdam(learning_rate=0.1, margin=0.05),
])  # fmt: skip
def test_momentum_without_a_step_or_a_change_of_gradient(optimiser):
    slope = Quartic(2)
    slope.gradient = lambda x: np.full_like(x, 2.0)
    _, state = stepped(optimiser, slope, np.zeros(2), 1)
    assert state["momentum"] == 0.0, "first step"
    _, state = stepped(optimiser, slope, np.zeros(2), 2)
    assert state["momentum"] == 0.95, "the gradient has not changed: the largest"
    slope.gradient = np.zeros_like
    path, state = stepped(optimiser, slope, np.ones(2), 4)
    assert state["momentum"] == 0.0, "x has not changed: none"
    assert (path == 1.0).all()
    slope.gradient = lambda x: 400.0 * x  # learning rate times curvature beyond 4
    _, state = stepped(optimiser, slope, np.ones(2), 2)
    assert state["momentum"] == 0.95, "projected"


def test_adaptive_heavy_ball_without_room_is_gradient_descent():
    path, _ = stepped(AdaptiveHeavyBall(learning_rate=0.3, margin=1.0), BOWL, START, 10)
    expected, _ = stepped(SGD(learning_rate=0.3), BOWL, START, 10)
    np.testing.assert_array_equal(path, expected)


def test_norms_are_of_one_replica():
    together, _ = stepped(
        AdaptiveHeavyBall(learning_rate=0.3), BOWL, np.array([START, -2 * START]), 9
    )
    for replica, start in enumerate((START, -2 * START)):
        alone, _ = stepped(AdaptiveHeavyBall(learning_rate=0.3), BOWL, start, 9)
        np.testing.assert_array_equal(together[:, replica], alone)


@pytest.mark.parametrize(
    ("optimiser", "numbers", "kind", "message"),
    [
        (Adam, {"decoupled": True}, ValueError, "decoupled=True has no effect with weight_decay=0"),
        (Adam, {"decoupled": 1}, TypeError, "decoupled=1 must be True or False"),
        (Adam, {"largest_square": "yes"}, TypeError, "largest_square='yes' must be True or False"),
        (Adam, {"momentum": 1.0}, ValueError, r"momentum=1\.0 must be a momentum coefficient"),
        (Adam, {"square_decay": 1.0}, ValueError, r"square_decay=1\.0 must be a momentum"),
        (Adam, {"epsilon": 0.0}, ValueError, r"epsilon=0\.0 must be a finite number > 0"),
        (Adam, {"square_decay": falling}, TypeError, "square_decay=<function .* must be a number"),
        (RMSProp, {"centred": 0}, TypeError, "centred=0 must be True or False"),
        (Adagrad, {"rate_decay": -1.0}, ValueError, r"rate_decay=-1\.0 must be a finite"),
        (Adagrad, {"initial_square": -1.0}, ValueError, r"initial_square=-1\.0 must be a finite"),
        (Adadelta, {"learning_rate": 0}, ValueError, "learning_rate=0 must be a finite number > 0"),
        (ARAdam, {"margin": 0.0}, ValueError, r"margin=0\.0 must be a number in \(0, 1\]"),
        (ARAdam, {"margin": 1.5}, ValueError, r"margin=1\.5 must be a number in \(0, 1\]"),
        (ARAdam, {"margin": "x"}, TypeError, "margin='x' must be a number"),
    ],
)
def test_wrong_numbers_are_refused(optimiser, numbers, kind, message):
    with pytest.raises(kind, match=message):
        optimiser(**numbers)


@pytest.mark.parametrize(
    "optimiser", [Adam(), RMSProp(), Adagrad(), AdaptiveHeavyBall(learning_rate=0.1), ARAdam()]
)
def test_no_limit_reads_a_nonlinear_step_as_heavy_ball(optimiser):
    well = ll.potentials.harmonic()
    for call in (
        lambda: ll.limits.gradient_flow(optimiser, well),
        lambda: ll.limits.modified_flow(optimiser, well),
        lambda: ll.limits.inertia(optimiser),
        lambda: ll.limits.modified_equation(optimiser, 1),
        lambda: ll.limits.diffusion(optimiser, well.with_gradient_noise(standard_deviation=1.0)),
    ):
        with pytest.raises(ValueError, match="limits are for steps linear in them, such as"):
            call()
    with pytest.raises(ValueError, match="so it is no heavy ball; give a method whose step is lin"):
        ll.limits.read_optimiser(optimiser)
    path = ll.limits.iterate(optimiser, well, start=1.0, n_steps=5)
    expected, _ = stepped(optimiser, well, np.ones(1), 5)
    np.testing.assert_array_equal(path, expected)


def test_a_step_that_is_not_linear_has_no_exact_law():
    for optimiser in (Adam(), AdaptiveHeavyBall(learning_rate=0.1)):
        with pytest.raises(ValueError, match="sets its step by the gradients it meets"):
            ll.exact.linear_map(optimiser, stiffness=1.0)
        assert np.isnan(optimiser.method().properties.stability_limit)
        assert not optimiser.method().properties.linear
    assert HeavyBall(learning_rate=0.1, momentum=0.5).method().properties.linear
