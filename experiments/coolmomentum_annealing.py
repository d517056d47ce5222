"""How hot is CoolMomentum, and does its cooling find better minima than a constant momentum?

Prediction. With gradient noise of standard deviation s drawn afresh at every step the optimiser has
the temperature

    T = l s^2/(4 - l k) (1 + momentum)/(1 - momentum)

on a curvature k, of positions and of displacements alike: k <x^2> = <D^2>/l. It is the step of
SGHMC, so its hops between wells are those of a transfer operator. From momentum 0.99 to 0 it cools
by a factor of 199; that minibatches are such a bath is the matter of `minibatch_bath`. For success
of annealing there is no formula: it is reported.

Source: Borysenko and Byshkin (2021) [BB21]; the temperature is the Lyapunov equation of their
recursion, the paper's 1/(1 - momentum) the control.

Method. (1) A harmonic well: both thermometers up to three quarters of the stability limit. (2) The
double well (x^2 - 1)^2 at T = 0.2: hop rates from the decay of populations (`escape.hop_rate`).
(3) A rough funnel in two dimensions under gradient noise: the part of the replicas that end in the
central well, against the cooling time and the noise, for the three schedules and constant momenta;
and for Langevin dynamics (BBK) of the schedule's friction. (4) scikit-learn's digits, a network
64-16-10: test accuracy of the three schedules, constant momentum and plain SGD, each at the
learning rate of a grid of five that is best on validation examples.

Cost on two cores: about 60 s (quick), 20 min (paper).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray

import langevin_lab as ll
from langevin_lab.dynamics import Constant, CoolingMomentum, MomentumFriction, bbk_friction
from langevin_lab.evidence import AtLeast, AtMost, Claim, Estimate
from langevin_lab.lab import Experiment
from langevin_lab.momentum import CoolMomentum

START = 0.99
FORMS = ("published", "exponential", "linear")
METHODS = (*FORMS, "constant 0.99", "constant 0.9", "plain SGD")
HOPS = {(0.1, 0.8): 1.747e-3, (0.1, 0.9): 2.311e-3, (0.05, 0.8): 1.081e-3, (0.05, 0.9): 1.681e-3}
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
    seed: int = 20_210_521


def run(config: Config) -> xarray.Dataset:
    """Temperatures, hop rates, annealing, digits."""
    data = _thermometers(config) | _hops(config) | _funnel(config) | _digits(config)
    coordinates = {
        "curvature": list(config.curvatures),
        "momentum": list(config.momenta),
        "hop": [f"{dt:g}, {momentum:g}" for dt, momentum in HOPS],
        "schedule": list(METHODS),
        "funnel_steps": list(config.funnel_steps),
        "funnel_temperature": list(config.funnel_temperatures),
        "digit_rate": list(config.digit_rates),
    }
    names = ("funnel_replicas", "funnel_rate", "digit_replicas", "batch_size")
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
    both, count = ("schedule", "funnel_steps"), len(config.funnel_steps)
    return {
        "funnel": (both, table[:, :count]), "funnel_langevin": (both, langevin),
        "funnel_hot": (("schedule", "funnel_temperature"), table[:, count:]),
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


def _network(config: Config):
    """Training network, validation and test examples."""
    train, rest = ll.potentials.load_digits(seed=config.seed).split(1000)
    network = ll.potentials.multilayer_perceptron(
        train.inputs, train.targets, hidden=(16,), loss="cross_entropy",
        batch_size=config.batch_size,
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
    axes = ("schedule", "digit_rate", "digit_replica")
    return {"valid": (axes, valid), "test": (axes, tested), "loss": (axes, loss)}


def claims(dataset: xarray.Dataset) -> list[Claim]:
    """Thermometers, hops, annealing, digits."""
    return [
        *_thermometer_claims(dataset), *_hop_claims(dataset), *_funnel_claims(dataset),
        *_digit_claims(dataset),
    ]  # fmt: skip


def _estimate(row, name: str) -> Estimate:
    return Estimate(float(row[name]), float(row[f"{name}_stderr"]))


def _thermometer_claims(dataset: xarray.Dataset) -> list[Claim]:
    return [*_point_claims(dataset), *_errata(dataset)]


def _point_claims(dataset: xarray.Dataset) -> list[Claim]:
    """Both temperatures and their difference at every curvature and momentum."""
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
    return result


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
        result.append(Claim(f"hop rate as once measured, {case}", "theory E3.2",
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
        ended = _share(dataset, "funnel", schedule=form, funnel_steps=longest)
        early = _share(dataset, "funnel", schedule=form, funnel_steps=shortest)
        bbk = _share(dataset, "funnel_langevin", schedule=form, funnel_steps=longest)
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
        hot = dataset["funnel_hot"].sel(schedule=method).idxmin("funnel_temperature")
        worst.append(_share(dataset, "funnel_hot", schedule=method, funnel_temperature=float(hot)))
    statement = f"{form} finds more than {other}, each at its worst noise"
    return Claim(statement, "annealing", AtLeast(0.0), worst[0] - worst[1], scale=1.0,
                 resolution=0.05)  # fmt: skip


def best_digits(dataset: xarray.Dataset) -> dict[str, tuple[float, Estimate]]:
    """Method -> learning rate that is best on validation examples, test accuracy at it."""
    found = {}
    for method in METHODS:
        rates = dataset.sel(schedule=method)
        chosen = rates.isel(digit_rate=int(np.argmax(rates["valid"].values.mean(axis=1))))
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


def cost(config: Config) -> float:
    """Seconds on two cores: kernels and operators, replicas and steps."""
    cases = len(config.curvatures) * len(config.momenta)
    harmonic = cases * config.harmonic_replicas * config.harmonic_steps
    n_steps = len(METHODS) * len(config.funnel_temperatures) * max(config.funnel_steps)
    n_steps += (len(METHODS) + len(FORMS)) * sum(config.funnel_steps)
    funnel = n_steps * config.funnel_replicas
    cells = len(METHODS) * len(config.digit_rates)
    digits = cells * config.digit_replicas * config.digit_steps
    hops = 30_000 * config.hop_replicas
    return 40.0 + 4e-9 * (harmonic + hops) + 1e-8 * funnel + 1e-5 * digits


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
        ),
    },
    run=run,
    claims=claims,
    cost=cost,
)

if __name__ == "__main__":
    EXPERIMENT.main()
