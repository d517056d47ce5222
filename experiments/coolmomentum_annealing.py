"""How hot is CoolMomentum, and does its cooling find better minima than a constant momentum?

Prediction. With gradient noise of standard deviation s drawn afresh at every step the optimiser has
the temperature

    T = l s^2/(4 - l k) (1 + momentum)/(1 - momentum)

on a curvature k, of positions and of displacements alike: k <x^2> = <D^2>/l. It is the step of
SGHMC, so its hops between wells are those of a transfer operator. From momentum 0.99 to 0 it cools
by a factor of 199. Minibatches are such a bath if their examples are drawn independently; those of
an epoch, which holds each example once, have no noise at frequencies below one an epoch, so they
are colder where momentum remembers an epoch: on a flat loss by `epoch_factor`, less on a curved
one. For success of annealing there is no formula: it is reported.

Source: Borysenko and Byshkin (2021) [BB21]; the temperature is the Lyapunov equation of their
recursion, the paper's 1/(1 - momentum) the control.

Method. (1) A harmonic well: both thermometers up to three quarters of the stability limit. (2) The
double well (x^2 - 1)^2 at T = 0.2: hop rates from the decay of populations (`escape.hop_rate`).
(3) A rough funnel in two dimensions under gradient noise: the part of the replicas that end in the
central well, against the cooling time and the noise, for the three schedules and constant momenta;
and for Langevin dynamics (BBK) of the schedule's friction. (4) scikit-learn's digits, a network
64-16-10: test accuracy of the three schedules, constant momentum and plain SGD, each at the
learning rate of a grid of five that is best on validation examples; the temperature of a trained
network while it cools, <D^2>/l over that of the noise which its examples have.

Cost on two cores: about 80 s (quick), 20 min (paper).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray

import langevin_lab as ll
from langevin_lab.dynamics import Constant, CoolingMomentum, MomentumFriction, bbk_friction
from langevin_lab.evidence import AtLeast, AtMost, Between, Claim, Estimate
from langevin_lab.lab import Experiment
from langevin_lab.momentum import CoolMomentum

START = 0.99
FORMS = ("published", "exponential", "linear")
METHODS = (*FORMS, "constant 0.99", "constant 0.9", "plain SGD")
HOPS = {(0.1, 0.8): 1.747e-3, (0.1, 0.9): 2.311e-3, (0.05, 0.8): 1.081e-3, (0.05, 0.9): 1.681e-3}
N_MOMENTS, N_WINDOWS = 60, 10  # looks at the displacements of a cooling network
SOURCE = "Lyapunov equation of BB21"


@dataclass(frozen=True)
class Config:
    """Grids, sizes of the ensembles, lengths of the runs."""

    curvatures: tuple[float, ...] = (0.01, 0.1, 1.0, 3.0)
    momenta: tuple[float, ...] = (0.0, 0.5, 0.9, 0.99)
    harmonic_replicas: int = 4_000
    harmonic_steps: int = 40_000
    hop_temperature: float = 0.2
    hop_replicas: int = 200_000
    funnel_steps: tuple[int, ...] = (100, 400, 1_600, 6_400)
    funnel_rate: float = 0.02
    funnel_temperature: float = 2.0
    funnel_temperatures: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0, 8.0)
    funnel_replicas: int = 4_000
    digit_rates: tuple[float, ...] = (0.003, 0.01, 0.03, 0.1, 0.3)
    digit_steps: int = 2_000
    digit_replicas: int = 12
    batch_size: int = 25
    bath_rate: float = 0.003
    bath_steps: int = 3_000
    bath_replicas: int = 32
    bath_decay: float = 0.01
    seed: int = 20_210_521


def run(config: Config) -> xarray.Dataset:
    """Temperatures, hop rates, annealing, digits."""
    data = _thermometers(config) | _hops(config) | _funnel(config) | _digits(config) | _bath(config)
    coordinates = {
        "curvature": list(config.curvatures),
        "momentum": list(config.momenta),
        "hop": [f"{dt:g}, {momentum:g}" for dt, momentum in HOPS],
        "method": list(METHODS),
        "funnel_steps": list(config.funnel_steps),
        "funnel_temperature": list(config.funnel_temperatures),
        "digit_rate": list(config.digit_rates),
        "sampling": ["independent", "epochs"],
    }
    names = ("funnel_replicas", "funnel_rate", "digit_replicas", "batch_size", "bath_rate")
    attributes = {name: getattr(config, name) for name in names}
    return xarray.Dataset(data, coords=coordinates, attrs=attributes)


# 1. Thermometers on a harmonic well


def _thermometers(config: Config) -> dict:
    """Both temperatures and their difference, in units of learning_rate noise^2/4.

    Only learning rate times curvature counts, so the learning rate is 1.
    """
    shape = (len(config.curvatures), len(config.momenta))
    names = ("hot", "moving", "difference")
    table = {name + part: np.empty(shape) for name in names for part in ("", "_stderr")}
    normals = np.random.default_rng([config.seed, 1]).standard_normal((config.harmonic_replicas, 1))
    for row, column in np.ndindex(shape):
        curvature, momentum = config.curvatures[row], config.momenta[column]
        n_steps = config.harmonic_steps // (4 if curvature >= 0.1 else 1)
        # All start from the law of the positions, at rest.
        width = np.sqrt(_temperature(1.0, momentum, curvature=curvature) / curvature)
        found = ll.simulate(
            ll.potentials.harmonic(stiffness=curvature),
            CoolMomentum(learning_rate=1.0, momentum=momentum), gradient_noise=1.0,
            n_steps=n_steps, burn_in=n_steps // 10,
            n_replicas=config.harmonic_replicas, start=width * normals,
            seed=config.seed + 10 * row + column,
            observe={"hot": "stiffness*x**2", "moving": "p**2",
                     "difference": "stiffness*x**2 - p**2"},
        )  # fmt: skip
        for name in table:
            table[name][row, column] = 4 * found[name].item()
    return {name: (("curvature", "momentum"), part) for name, part in table.items()}


def _temperature(rate: float, momentum, *, noise: float = 1.0, curvature: float = 0.0):
    return ll.limits.cool_momentum_temperature(
        learning_rate=rate, momentum=momentum, gradient_noise=noise, curvature=curvature
    )


# 2. Hops between the wells of (x^2 - 1)^2


def _hops(config: Config) -> dict:
    """Hop rates per unit of time sqrt(learning rate): measured, of the scheme, of Langevin."""
    rows = []
    for index, (dt, momentum) in enumerate(HOPS):
        well, T = ll.potentials.double_well(), config.hop_temperature
        cool = CoolMomentum(learning_rate=dt**2, momentum=momentum)
        exact, error = _scheme_rate(cool, T)
        langevin = ll.limits.to_langevin(cool, convention="BBK", gradient_noise=_noise(cool, T))
        friction = langevin.friction
        rate = ll.exact.escape_rate(ll.Langevin(well, temperature=T, friction=friction)).value
        found = ll.escape.hop_rate(
            well, cool, gradient_noise=_noise(cool, T), well="x < 0", starts=(-1.0, 1.0),
            n_replicas=config.hop_replicas, seed=config.seed + 100 + index,
            relaxation_rates=(2 * dt * exact, 30 * dt * exact),
        ).relaxation_rate  # fmt: skip
        hot = _scheme_rate(cool, 0.95 * T)[0] if index == 0 else np.nan
        rows.append((found.value / 2 / dt, found.stderr / 2 / dt, exact, error, rate, hot))
    names = ("hop_rate", "hop_rate_stderr", "hop_exact", "hop_error", "hop_langevin", "hop_cold")
    return {name: ("hop", np.array(column)) for name, column in zip(names, zip(*rows))}


def _noise(cool: CoolMomentum, temperature: float) -> float:
    return ll.limits.cool_momentum_noise(
        learning_rate=cool.learning_rate, momentum=cool.momentum, temperature=temperature
    )


def _scheme_rate(cool: CoolMomentum, temperature: float) -> tuple[float, float]:
    """Hop rate of CoolMomentum in the double well: it is the step of SGHMC, with its own clock."""
    reading = ll.limits.to_langevin(
        cool, convention="SemiImplicitEuler", gradient_noise=_noise(cool, temperature)
    )
    dynamics = reading.dynamics(ll.potentials.double_well())
    exact = ll.exact.discrete_escape_rate("SemiImplicitEuler", dynamics, reading.dt)
    clock = reading.dt / np.sqrt(cool.learning_rate)
    return clock * exact.value, clock * exact.error


# 3. A rough funnel


def rough_funnel():
    """A bowl with wells at all points whose coordinates are both integer or both half-integer."""
    return ll.Potential.from_expression(
        "stiffness*(x**2 + y**2)/2 + roughness*(1 - cos(2*pi*x)*cos(2*pi*y))", ("x", "y"),
        {"stiffness": 0.5, "roughness": 1.0}, name="rough_funnel",
    )  # fmt: skip


def _momentum(method: str, n_steps: int):
    """Momentum of a method as a schedule, so that one kernel serves all."""
    if method in FORMS:
        return CoolingMomentum(start=START, duration=n_steps, form=method)
    return Constant(value=0.0 if method == "plain SGD" else float(method.split()[1]))


def _funnel(config: Config) -> dict:
    """Part of the replicas that end around the deepest minimum, and that of BBK."""
    hot, longest = config.funnel_temperature, max(config.funnel_steps)
    cases = [(hot, n_steps) for n_steps in config.funnel_steps]
    cases += [(temperature, longest) for temperature in config.funnel_temperatures]
    table = np.empty((len(METHODS), len(cases)))
    langevin = np.full((len(METHODS), len(config.funnel_steps)), np.nan)
    for (row, column), _ in np.ndenumerate(table):
        method, seed = METHODS[row], config.seed + 300 + 20 * row + column
        table[row, column] = _descended(method, *cases[column], seed, config)
        if method in FORMS and column < langevin.shape[1]:
            langevin[row, column] = _annealed(method, *cases[column], seed + 500, config)
    both, count = ("method", "funnel_steps"), len(config.funnel_steps)
    return {
        "funnel": (both, table[:, :count]), "funnel_langevin": (both, langevin),
        "funnel_hot": (("method", "funnel_temperature"), table[:, count:]),
    }  # fmt: skip


def _descended(method: str, hot: float, n_steps: int, seed: int, config: Config) -> float:
    """Success of a method in so many steps, under noise of that temperature at first."""
    rate = config.funnel_rate
    noise = ll.limits.cool_momentum_noise(learning_rate=rate, momentum=START, temperature=hot)
    cool = CoolMomentum(learning_rate=rate, momentum=_momentum(method, n_steps))
    return _central(
        ll.simulate(
            rough_funnel(), cool, gradient_noise=noise, n_steps=n_steps, seed=seed,
            **_scattered(config),
        )
    )  # fmt: skip


def _scattered(config: Config) -> dict:
    """Starts all over the funnel."""
    count = config.funnel_replicas
    start = np.random.default_rng([config.seed, 3]).uniform(-4, 4, (count, 2))
    return {"n_replicas": count, "start": start}


def _annealed(form: str, hot: float, n_steps: int, seed: int, config: Config) -> float:
    """Success of Langevin dynamics with the friction of the schedule, as hot as its noise is."""
    dt = config.funnel_rate**0.5
    momentum = CoolingMomentum(start=START, duration=n_steps * dt, form=form)
    friction = MomentumFriction(momentum=momentum, dt=dt)
    product = hot * bbk_friction(START, dt)
    equation = ll.Langevin(
        rough_funnel(), temperature=lambda time: product / friction(time), friction=friction
    )
    return _central(
        ll.simulate(equation, "BBK", dt=dt, n_steps=n_steps, seed=seed, **_scattered(config))
    )


def _central(ended) -> float:
    return float(np.mean(np.abs(ended["x_final"].values).sum(axis=1) < 0.5))


# 4. Digits


def _network(config: Config, **options):
    """Training network, validation and test examples."""
    train, rest = ll.potentials.load_digits(seed=config.seed).split(1000)
    network = ll.potentials.multilayer_perceptron(
        train.inputs, train.targets, hidden=(16,), loss="cross_entropy",
        batch_size=config.batch_size, **options,
    )  # fmt: skip
    return network, *rest.split(397)


def _digits(config: Config) -> dict:
    """Validation and test accuracy and loss of every method, learning rate and replica."""
    network, validation, test = _network(config)
    start = network.start(seed=config.seed, n_replicas=config.digit_replicas)
    shape = (len(METHODS), len(config.digit_rates), config.digit_replicas)
    valid, tested, loss = (np.empty(shape) for _ in range(3))
    for row, column in np.ndindex(shape[:2]):
        momentum = _momentum(METHODS[row], config.digit_steps)
        ended = ll.simulate(
            network, CoolMomentum(learning_rate=config.digit_rates[column], momentum=momentum),
            n_steps=config.digit_steps, n_replicas=config.digit_replicas, start=start,
            seed=config.seed + 400 + 10 * row + column,
        )["x_final"].values  # fmt: skip
        valid[row, column] = network.accuracy(ended, validation.inputs, validation.targets)
        tested[row, column] = network.accuracy(ended, test.inputs, test.targets)
        loss[row, column] = network.energy(ended)
    axes = ("method", "digit_rate", "digit_replica")
    return {"valid": (axes, valid), "test": (axes, tested), "loss": (axes, loss)}


def _bath(config: Config) -> dict:
    """Displacement temperature of a trained network that cools, and its prediction."""
    found = [_cooled_network(config, replacement) for replacement in (True, False)]
    n_batches = 1000 // config.batch_size
    momentum = np.array(found[0][0])
    momenta = momentum.reshape(N_WINDOWS, -1)
    ratio, predicted = (np.array([each[index] for each in found]) for index in (1, 2))
    windows = (ratio / predicted).reshape(2, N_WINDOWS, momenta.shape[1], -1).mean(axis=2)
    low, high = _lags(config, found[0][3]).reshape(2, N_WINDOWS, -1).mean(axis=2)
    flat = np.vectorize(epoch_factor)(momenta, n_batches).mean(axis=1)
    return {
        "bath_momentum": ("moment", momentum),
        "bath": (("sampling", "moment"), ratio.mean(axis=2)),
        "bath_predicted": (("sampling", "moment"), predicted.mean(axis=2)),
        "window_momentum": ("window", momenta.mean(axis=1)),
        "window": (("sampling", "window"), windows.mean(axis=2)),
        "window_stderr": (
            ("sampling", "window"), windows.std(axis=2, ddof=1) / np.sqrt(windows.shape[2]),
        ),
        "window_low": ("window", low), "window_high": ("window", high),
        "window_epochs": ("window", flat), "sharpness": ((), found[0][3]),
    }  # fmt: skip


def _cooled_network(config: Config, replacement: bool) -> tuple[list, list, list, float]:
    """Momenta of the looks; <D^2>/l and its prediction of every replica at each; sharpness."""
    network, _, _ = _network(config, replacement=replacement, weight_decay=config.bath_decay)
    rate, count, pause = config.bath_rate, config.bath_replicas, config.bath_steps // N_MOMENTS
    schedule = CoolingMomentum(start=START, duration=config.bath_steps)
    run = _trained(network, config)
    settings = {"n_replicas": count, "seed": config.seed + 501, "n_steps": pause}
    cool, begin = CoolMomentum(learning_rate=rate, momentum=schedule), {"start": run}
    momenta, moving, predicted = [], [], []
    for look in range(1, N_MOMENTS + 1):
        ended = ll.simulate(network, cool, **settings, **begin)
        begin = {"continue_from": ended}
        momenta.append(float(schedule(look * pause - 1)))
        moving.append((ended["p_final"].values ** 2).mean(axis=1) / rate)
        if look % (N_MOMENTS // N_WINDOWS) == 1:  # it hardly changes
            variance = example_variance(network, ended["x_final"].values) / config.batch_size
            variance *= 1.0 if replacement else (1000 - config.batch_size) / 999
        predicted.append(variance * _temperature(rate, momenta[-1]))
    sharp = ll.training.sharpness(network, ended["x_final"].values[0], tolerance=1e-3)
    return momenta, moving, predicted, float(sharp.value)


def _trained(network, config: Config) -> np.ndarray:
    """Networks that have settled at the first momentum of the cooling."""
    start = network.start(seed=config.seed, n_replicas=config.bath_replicas)
    settings = {"n_replicas": config.bath_replicas, "n_steps": 1_000}
    for step, (rate, momentum) in enumerate(((0.05, 0.9), (config.bath_rate, START))):
        cool = CoolMomentum(learning_rate=rate, momentum=Constant(value=momentum))
        start = ll.simulate(network, cool, start=start, seed=config.seed + 510 + step, **settings)[
            "x_final"
        ].values
    return start


def example_variance(network, x) -> np.ndarray:
    """Variance of the gradient of one example of a network with one hidden layer, tanh, softmax.

    Mean over coordinates, shape (n_replicas,): |delta_o|^2 (|h|^2 + 1) + |delta_h|^2 (|a|^2 + 1)
    is the squared norm of backpropagation's gradient.
    """
    inputs, blocks = network.data.values[:, :-1], network.blocks
    targets = np.eye(10)[network.data.values[:, -1].astype(int)]
    count, width = len(x), blocks["biases_1"].stop - blocks["biases_1"].start
    first = x[:, blocks["weights_1"]].reshape(count, width, -1)
    second = x[:, blocks["weights_2"]].reshape(count, 10, width)
    hidden = np.tanh(inputs @ first.transpose(0, 2, 1) + x[:, None, blocks["biases_1"]])
    outputs = hidden @ second.transpose(0, 2, 1) + x[:, None, blocks["biases_2"]]
    chances = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
    error = chances / chances.sum(axis=-1, keepdims=True) - targets
    back = (error @ second) * (1 - hidden**2)
    squares = (error**2).sum(axis=-1) * ((hidden**2).sum(axis=-1) + 1)
    squares += (back**2).sum(axis=-1) * ((inputs**2).sum(axis=-1) + 1)
    for deltas, values in (
        (error, hidden),
        (back, np.broadcast_to(inputs, (count, *inputs.shape))),
    ):
        weights = deltas.transpose(0, 2, 1) @ values / len(inputs)
        means = (weights**2).sum(axis=(1, 2)) + (deltas.mean(axis=1) ** 2).sum(axis=1)
        squares = squares - means[:, None]
    return squares.mean(axis=1) / x.shape[1]


def epoch_factor(momentum: float, n_batches: int) -> float:
    """Variance of a displacement under batches of epochs over that of independent ones; flat loss.

    Two batches of an epoch have the covariance -1/(n_batches - 1) of their variance, those of
    different epochs none; mean over the place in the epoch.
    """
    weights = momentum ** np.arange(n_batches)
    squares, sums = np.cumsum(weights**2), np.cumsum(weights)
    epochs = (n_batches * squares - sums**2) / (n_batches - 1)
    past = weights * momentum * weights * momentum  # of all that was before this epoch
    return float(np.mean(epochs + past * epochs[-1] / (1 - past[-1])) * (1 - momentum**2))


def _lags(config: Config, sharpness: float) -> np.ndarray:
    """Smallest and largest <D^2>/l over its stationary flat value, on all curvatures; (2, looks).

    The law of (x, D) of the recursion under the schedule, from its stationary law.
    """
    rate, n_steps = config.bath_rate, config.bath_steps
    curvature = np.geomspace(1e-5, 1.0, 41) * sharpness
    momenta = CoolingMomentum(start=START, duration=n_steps)(np.arange(n_steps))
    moving = rate * _temperature(rate, START) / (1 - rate * curvature / 4)
    xx, xd, dd = moving / rate / curvature, moving / 2, moving
    found = []
    for step, momentum in enumerate(momenta, start=1):
        kick = rate * (1 + momentum) / 2
        dd, mixed = (
            momentum**2 * dd - 2 * momentum * kick * curvature * xd
            + kick**2 * (curvature**2 * xx + 1), momentum * xd - kick * curvature * xx,
        )  # fmt: skip
        xx, xd = xx + 2 * mixed + dd, mixed + dd
        if step % (n_steps // N_MOMENTS) == 0:
            ratio = dd / rate / _temperature(rate, float(momentum))
            found.append((ratio.min(), ratio.max()))
    return np.array(found).T


def claims(dataset: xarray.Dataset) -> list[Claim]:
    """Thermometers, hops, annealing, digits, the bath of minibatches."""
    return [
        *_thermometer_claims(dataset), *_hop_claims(dataset), *_funnel_claims(dataset),
        *_digit_claims(dataset), *_bath_claims(dataset),
    ]  # fmt: skip


def _estimate(row, name: str) -> Estimate:
    return Estimate(float(row[name]), float(row[f"{name}_stderr"]))


def _thermometer_claims(dataset: xarray.Dataset) -> list[Claim]:
    result = []
    for curvature, momentum in np.ndindex(dataset["hot"].shape):
        point = dataset.isel(curvature=curvature, momentum=momentum)
        k, rho = float(point["curvature"]), float(point["momentum"])
        exact = 4 * _temperature(1.0, rho, curvature=k)
        case = f"l k = {k:g}, momentum {rho:g}"
        for name, text in (("hot", "k <x^2>"), ("moving", "<D^2>/l")):
            measured = _estimate(point, name)
            result.append(Claim(f"{text}, {case}", SOURCE, exact, measured, resolution=0.02))
        result.append(Claim(f"their difference, {case}", SOURCE, 0.0,
                            _estimate(point, "difference"), scale=exact,
                            resolution=0.01))  # fmt: skip
    return [*result, *_errata(dataset)]


def _errata(dataset: xarray.Dataset) -> list[Claim]:
    """The paper's 1/(1 - momentum), and the law without its curvature, must be refuted."""
    cold, hot = (dataset.sel(curvature=0.1, momentum=momentum) for momentum in (0.0, 0.9))
    factor = _estimate(hot, "moving") / _estimate(cold, "moving")
    steep = _estimate(dataset.sel(curvature=1.0, momentum=0.9), "moving")
    return [
        Claim("T at momentum 0.9 over T at 0", SOURCE, 19.0, factor, resolution=0.02),
        Claim("the same as 1/(1 - momentum)", "BB21", 10.0, factor).refutation(),
        Claim("T at l k = 1 without curvature", "control", 19.0, steep).refutation(),
        Claim("T at l k = 1, 3 % too hot", "control", 1.03 * 19 * 4 / 3, steep).refutation(),
    ]


def _hop_claims(dataset: xarray.Dataset) -> list[Claim]:
    result = []
    for (dt, momentum), quoted in HOPS.items():
        point = dataset.sel(hop=f"{dt:g}, {momentum:g}")
        measured, exact = _estimate(point, "hop_rate"), float(point["hop_exact"])
        case = f"dt = {dt:g}, momentum {momentum:g}"
        result.append(Claim(f"hop rate, {case}", "transfer operator of SGHMC", exact, measured,
                            resolution=0.1, bias_bound=float(point["hop_error"])))  # fmt: skip
        result.append(Claim(f"hop rate, theory sheet, {case}", "theory E3.2",
                            Estimate(quoted, 0.02 * quoted), measured, resolution=0.2))  # fmt: skip
    first = dataset.isel(hop=0)
    cold = Claim("hop rate of T 5 % too low", "control", float(first["hop_cold"]),
                 _estimate(first, "hop_rate"))  # fmt: skip
    return [*result, cold.refutation()]


def _share(dataset: xarray.Dataset, name: str, **where) -> Estimate:
    """A fraction of the funnel's replicas, with its binomial error."""
    value, count = float(dataset[name].sel(**where)), dataset.attrs["funnel_replicas"]
    return Estimate(value, np.sqrt(max(value * (1 - value), 1 / count) / count))


def _funnel_claims(dataset: xarray.Dataset) -> list[Claim]:
    shortest, *_, longest = (int(n) for n in dataset["funnel_steps"].values)
    result = []
    for form in FORMS:
        ended = _share(dataset, "funnel", method=form, funnel_steps=longest)
        early = _share(dataset, "funnel", method=form, funnel_steps=shortest)
        bbk = _share(dataset, "funnel_langevin", method=form, funnel_steps=longest)
        result.append(Claim(f"{form}: success of the optimiser - of BBK", "dictionary", 0.0,
                            ended - bbk, scale=1.0, resolution=0.08))  # fmt: skip
        result.append(Claim(f"{form}: longer cooling finds more", "annealing", AtLeast(0.0),
                            ended - early, scale=1.0, resolution=0.05))  # fmt: skip
        result += [_worst_gain(dataset, form, other) for other in ("constant 0.9", "plain SGD")]
    return result


def _worst_gain(dataset: xarray.Dataset, form: str, other: str) -> Claim:
    """At the noise that suits it least a schedule finds more than a constant momentum at its."""
    worst = []
    for method in (form, other):
        hot = dataset["funnel_hot"].sel(method=method).idxmin("funnel_temperature")
        worst.append(_share(dataset, "funnel_hot", method=method, funnel_temperature=float(hot)))
    statement = f"{form} finds more than {other}, each at its worst noise"
    return Claim(statement, "annealing", AtLeast(0.0), worst[0] - worst[1], scale=1.0,
                 resolution=0.05)  # fmt: skip


def best_digits(dataset: xarray.Dataset) -> dict[str, tuple[float, Estimate]]:
    """Method -> learning rate that is best on validation examples, test accuracy at it."""
    found = {}
    for method in METHODS:
        rates = dataset.sel(method=method)
        chosen = rates.isel(digit_rate=int(rates["valid"].mean("digit_replica").argmax()))
        accuracy = Estimate.from_samples(chosen["test"].values)
        found[method] = float(chosen["digit_rate"]), accuracy
    return found


def _digit_claims(dataset: xarray.Dataset) -> list[Claim]:
    best = {method: accuracy for method, (_, accuracy) in best_digits(dataset).items()}
    result = [
        Claim(f"digits, {method}: test accuracy", "reported", AtLeast(0.94), accuracy, scale=1.0,
              resolution=0.05)
        for method, accuracy in best.items()
    ]  # fmt: skip
    for form in FORMS:
        for other in ("constant 0.9", "plain SGD"):
            result.append(Claim(f"digits: {form} is better than {other} by", "reported",
                                AtMost(0.01), best[form] - best[other], scale=1.0,
                                resolution=0.03))  # fmt: skip
    return result


def _bath_claims(dataset: xarray.Dataset) -> list[Claim]:
    """Independent batches are the bath; those of epochs are colder, and by how much at most."""
    result = []
    for index in range(dataset.sizes["window"]):
        point = dataset.isel(window=index)
        case = f"momentum {float(point['window_momentum']):.3f}"
        alone, epochs = (
            _estimate(point.sel(sampling=name), "window") for name in dataset["sampling"].values
        )
        lags = Between(float(point["window_low"]), float(point["window_high"]))
        flat = float(point["window_epochs"])
        result.append(Claim(f"independent batches, T/predicted, {case}", "recursion of BB21",
                            lags, alone, scale=1.0, resolution=0.2))  # fmt: skip
        result.append(Claim(f"epochs, T/predicted, {case}", "between flat and free",
                            Between(flat * float(point["window_low"]),
                                    float(point["window_high"])),
                            epochs, scale=1.0, resolution=0.2))  # fmt: skip
    first = _estimate(dataset.isel(window=1).sel(sampling="epochs"), "window")
    wrong = Claim("epochs are independent batches", "control", 1.0, first)
    return [*result, *_cooling_claims(dataset), wrong.refutation()]


def cooling_of_networks(dataset: xarray.Dataset, sampling: str) -> Estimate:
    """By how much the displacements cool from the second window to the last, noise divided out."""
    early, late = (
        _estimate(dataset.isel(window=index).sel(sampling=sampling), "window") for index in (1, -1)
    )
    momenta = dataset["window_momentum"].values
    return (early / late) * ll.limits.cooling_factor(float(momenta[1]), float(momenta[-1]))


def _cooling_claims(dataset: xarray.Dataset) -> list[Claim]:
    momenta = dataset["window_momentum"].values
    expected = ll.limits.cooling_factor(float(momenta[1]), float(momenta[-1]))
    lags = dataset["window_high"].values / dataset["window_low"].values
    measured = cooling_of_networks(dataset, "independent")
    paper = (1 - momenta[-1]) / (1 - momenta[1])
    return [
        Claim("network: cooling factor, second to last tenth", SOURCE, expected, measured,
              resolution=0.4, bias_bound=expected * float(lags[1] * lags[-1] - 1)),
        Claim("the same as 1/(1 - momentum)", "BB21", paper, measured).refutation(),
    ]  # fmt: skip


def cost(config: Config) -> float:
    """Seconds on two cores: kernels and operators, replicas and steps."""
    cases = len(config.curvatures) * len(config.momenta)
    harmonic = cases * config.harmonic_replicas * config.harmonic_steps
    n_steps = len(METHODS) * len(config.funnel_temperatures) * max(config.funnel_steps)
    n_steps += (len(METHODS) + len(FORMS)) * sum(config.funnel_steps)
    funnel = n_steps * config.funnel_replicas
    cells = len(METHODS) * len(config.digit_rates)
    digits = cells * config.digit_replicas * config.digit_steps
    bath = 2 * config.bath_replicas * (config.bath_steps + 2_000)
    hops = 30_000 * config.hop_replicas
    return 50.0 + 4e-9 * (harmonic + hops) + 1e-8 * funnel + 1e-5 * (digits + bath)


EXPERIMENT = Experiment(
    name="coolmomentum_annealing",
    presets={
        "quick": Config(),
        "paper": Config(
            harmonic_replicas=40_000,
            hop_replicas=8_000_000,
            funnel_steps=(100, 400, 1_600, 6_400, 25_600),
            funnel_replicas=20_000,
            digit_replicas=48,
            digit_steps=6_000,
            bath_steps=30_000,
            bath_replicas=96,
        ),
    },
    run=run,
    claims=claims,
    cost=cost,
)

if __name__ == "__main__":
    EXPERIMENT.main()
