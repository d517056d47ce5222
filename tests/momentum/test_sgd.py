"""`SGD` is `torch.optim.SGD`: by hand in numpy, and bit for bit in a kernel."""

import numpy as np
import pytest
import recursions
from landscapes import Quartic
from numba import njit

import langevin_lab as ll
from langevin_lab.dynamics import Exponential, Linear
from langevin_lab.momentum import SGD, HeavyBall, Nesterov

BOWL, N_STEPS = Quartic(3), 1000
START = np.random.default_rng(5).uniform(-1, 1, (4, 3))


def falling(step):
    """A schedule that floats follow to the last bit wherever it is evaluated: no exp, no log."""
    return 0.4 / (64.0 + np.asarray(step, dtype=float))


SETTINGS = {
    "plain": {},
    "momentum": {"momentum": 0.9},
    "dampened": {"momentum": 0.9, "dampening": 0.3},
    "nesterov": {"momentum": 0.9, "nesterov": True},
    "decay": {"weight_decay": 0.1},
    "dampened, decay": {"momentum": 0.8, "dampening": 0.5, "weight_decay": 0.1},
    "nesterov, decay": {"momentum": 0.95, "nesterov": True, "weight_decay": 0.01},
}
RATES = {"constant": 0.004, "falling": falling}
each_setting = pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
each_rate = pytest.mark.parametrize("rate", RATES.values(), ids=RATES)


@each_rate
@each_setting
def test_step_is_the_documented_algorithm(setting, rate):
    expected = recursions.buffered(START, BOWL.gradient, 60, rate, **setting)
    path = recursions.stepped(SGD(learning_rate=rate, **setting), BOWL, START, 60)
    np.testing.assert_allclose(path, expected, rtol=0, atol=1e-13)


def test_momentum_may_be_scheduled():
    rising = Exponential(start=0.1, stop=0.95, duration=20.0)
    for nesterov in (False, True):
        sgd = SGD(learning_rate=0.05, momentum=rising, nesterov=nesterov)
        expected = recursions.buffered(START, BOWL.gradient, 40, 0.05, rising, nesterov=nesterov)
        path = recursions.stepped(sgd, BOWL, START, 40)
        np.testing.assert_allclose(path, expected, rtol=0, atol=1e-13)


DIM = 11
# One pair of functions for all landscapes: a kernel for each setting, not for each landscape too.
LANDSCAPES = {"quadratic": 0.0, "double well": 1.0, "Rosenbrock": 2.0}


@njit
def energy(x, parameters):
    n, total = x.size, 0.0
    if parameters[0] == 0.0:
        for i in range(n):
            total += 0.5 * (1.0 + 2.0 * i) * x[i] * x[i] + 0.3 * x[i] * x[i - 1]
    elif parameters[0] == 1.0:
        for i in range(n):
            total += 0.25 * (x[i] * x[i] - 1.0) ** 2 + 0.1 * x[i] * x[i - 1]
    else:
        for i in range(n - 1):
            total += 2.0 * (x[i + 1] - x[i] * x[i]) ** 2 + (1.0 - x[i]) ** 2
    return total


@njit
def gradient(x, parameters, out):
    n = x.size
    out[:] = 0.0
    if parameters[0] == 0.0:
        for i in range(n):
            out[i] = (1.0 + 2.0 * i) * x[i] + 0.3 * (x[i - 1] + x[(i + 1) % n])
    elif parameters[0] == 1.0:
        for i in range(n):
            out[i] = x[i] * (x[i] * x[i] - 1.0) + 0.1 * (x[i - 1] + x[(i + 1) % n])
    else:
        for i in range(n - 1):
            across = x[i + 1] - x[i] * x[i]
            out[i] += -8.0 * x[i] * across - 2.0 * (1.0 - x[i])
            out[i + 1] += 4.0 * across


@pytest.fixture(scope="module")
def potentials():
    return {
        name: ll.Potential.from_functions(
            energy=energy, gradient=gradient, dim=DIM, parameters={"landscape": number},
            name="landscape",
        )
        for name, number in LANDSCAPES.items()
    }  # fmt: skip


def torch_path(potential, start, rate, **setting):
    """All positions of `torch.optim.SGD`, which is given the gradient of the very function."""
    torch = pytest.importorskip("torch")
    x = torch.nn.Parameter(torch.tensor(start, dtype=torch.float64))
    base = 1.0 if callable(rate) else rate
    optimiser = torch.optim.SGD([x], lr=base, **setting)
    factor = (lambda n: float(rate(n))) if callable(rate) else (lambda n: 1.0)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
    out, path = np.zeros(potential.dim), []
    for _ in range(N_STEPS):
        potential.code.gradient(x.detach().numpy(), potential.parameter_values, out)
        x.grad = torch.from_numpy(out.copy())
        optimiser.step()
        scheduler.step()
        path.append(x.detach().numpy().copy())
    return np.array(path)


def package_path(potential, start, optimiser):
    run = ll.simulate(
        potential, optimiser, n_steps=N_STEPS, seed=0, start=start, save_every=1, n_threads=1
    )
    return run["x"].values[:, 0]


def start_of(potential):
    return np.random.default_rng(8).uniform(-1.2, 1.2, potential.dim)


@pytest.mark.slow
@each_rate
@each_setting
@pytest.mark.parametrize("name", LANDSCAPES)
def test_a_thousand_steps_are_those_of_torch_bit_for_bit(potentials, name, setting, rate):
    potential = potentials[name]
    start = start_of(potential)
    expected = torch_path(potential, start, rate, **setting)
    path = package_path(potential, start, SGD(learning_rate=rate, **setting))
    assert np.abs(expected[-1] - start).max() > 0.1
    np.testing.assert_array_equal(path, expected)


@pytest.mark.slow
def test_scheduled_momentum_is_that_of_a_changed_parameter_group(potentials):
    torch = pytest.importorskip("torch")
    potential = potentials["double well"]
    start, rising = start_of(potential), Linear(start=0.5, stop=0.95, duration=512.0)
    x = torch.nn.Parameter(torch.tensor(start))
    optimiser = torch.optim.SGD([x], lr=0.01, momentum=0.5, nesterov=True)
    out = np.zeros(potential.dim)
    for n in range(N_STEPS):
        optimiser.param_groups[0]["momentum"] = float(rising(n))
        potential.code.gradient(x.detach().numpy(), potential.parameter_values, out)
        x.grad = torch.from_numpy(out.copy())
        optimiser.step()
    path = package_path(potential, start, SGD(learning_rate=0.01, momentum=rising, nesterov=True))
    np.testing.assert_array_equal(path[-1], x.detach().numpy())


class DampenedAtOnce(SGD):
    """Wrong: the first step is dampened, too."""

    scheduled = ()


@pytest.mark.slow
def test_other_conventions_are_not_torch_s(potentials, plain_python):
    potential = potentials["double well"]
    start = start_of(potential)
    dampened = {"momentum": 0.9, "dampening": 0.3}
    right = torch_path(potential, start, 0.004, **dampened)
    wrong = package_path(potential, start, DampenedAtOnce(learning_rate=0.004, **dampened))
    assert np.abs(wrong[10] - right[10]).max() > 1e-3
    right = torch_path(potential, start, falling, momentum=0.9)
    wrong = package_path(potential, start, HeavyBall(learning_rate=falling, momentum=0.9))
    assert np.abs(wrong - right).max() > 1e-3
    right = torch_path(potential, start, 0.004, momentum=0.9, nesterov=True)
    wrong = package_path(potential, start, Nesterov(learning_rate=0.004, momentum=0.9))
    assert np.abs(wrong[10] - right[10]).max() > 1e-3
    right = torch_path(potential, start, 0.004, momentum=0.9)
    wrong = package_path(potential, start, HeavyBall(learning_rate=0.004, momentum=0.9))
    assert 0 < np.abs(wrong - right).max() < 1e-11, "the same up to rounding, which bits show"


@pytest.mark.parametrize("dampening", [0.0, 0.4])
@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("weight_decay", [0.0, 0.7])
def test_stability_limit_is_where_the_spectral_radius_passes_one(dampening, nesterov, weight_decay):
    setting = {"momentum": 0.6, "weight_decay": weight_decay}
    setting |= {"nesterov": True} if nesterov else {"dampening": dampening}
    stiffness = 1.3
    limit = SGD(learning_rate=1.0, **setting).stability_limit
    for factor, stable in ((1 - 1e-6, True), (1 + 1e-6, False)):
        sgd = SGD(learning_rate=factor * limit / (stiffness + weight_decay), **setting)
        radius = ll.exact.linear_map(sgd, stiffness=stiffness).spectral_radius
        assert (radius < 1) == stable


def test_dampening_comes_into_force_after_the_first_step():
    sgd = SGD(learning_rate=0.1, momentum=0.9, dampening=0.3)
    assert sgd.scheduled == ("dampening",)
    assert sgd.value_at("dampening", np.arange(4)).tolist() == [0.0, 0.3, 0.3, 0.3]
    assert (sgd.at(0).dampening, sgd.at(1).dampening) == (0.0, 0.3)
    columns = sgd.at([0, 1, 2])
    assert columns.dampening.tolist() == [[0.0], [0.3], [0.3]]
    assert columns.scheduled == sgd.at(5).scheduled == ()
    assert sgd.at(5).at(0).dampening == 0.3
    assert SGD(learning_rate=0.1, momentum=0.9).scheduled == ()


@pytest.mark.parametrize(
    ("setting", "kind", "message"),
    [
        ({"dampening": 0.5}, ValueError, r"dampening=0\.5 has no effect with momentum=0"),
        ({"nesterov": True}, ValueError, "nesterov=True has no effect with momentum=0"),
        (
            {"momentum": 0.9, "nesterov": True, "dampening": 0.1},
            ValueError,
            r"nesterov=True with dampening=0\.1 is refused by torch.optim.SGD; use dampening=0",
        ),
        ({"momentum": 0.9, "nesterov": 1}, TypeError, "nesterov=1 must be True or False"),
        ({"momentum": 0.9, "dampening": 1.0}, ValueError, r"dampening=1\.0 must be a momentum"),
        ({"weight_decay": -1.0}, ValueError, r"weight_decay=-1\.0 must be a finite number >= 0"),
        ({"weight_decay": falling}, TypeError, "weight_decay=<function .* must be a number"),
    ],
)
def test_what_torch_refuses_or_ignores_is_refused(setting, kind, message):
    with pytest.raises(kind, match=message):
        SGD(learning_rate=0.1, **setting)
