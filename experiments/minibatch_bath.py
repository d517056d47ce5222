"""Are minibatches a heat bath, and is it the one that CoolMomentum needs?

Prediction. The displacements D of CoolMomentum show the temperature of a noise that is drawn afresh
at every step,

    <D^2>/l = l s^2/4 (1 + momentum)/(1 - momentum)

with s^2 the variance of the gradient of a batch in one coordinate: from momentum 0.99 to 0 it falls
by a factor of 199, but for the lag of a cooling that is not slow, which the recursion has on every
curvature. Minibatches are such a bath if their examples are drawn independently. Those of an epoch
hold each example once and sum up to nothing, so they are colder where momentum remembers an epoch:
on a flat loss by `epoch_factor`, less on a curved one, whose oscillations are faster than epochs.

Source: Borysenko and Byshkin (2021) [BB21]; the temperature is the Lyapunov equation of their
recursion. The covariance of two batches of an epoch is that of sampling without replacement.

Method. scikit-learn's digits, a network 64-16-10 with weight decay, trained and settled at momentum
0.99; then its momentum falls to 0. At 60 moments <D^2>/l of every replica over its prediction from
the variance that the gradients of single examples have there, by backpropagation; means of tenths
of the cooling. Independent batches and 1/(1 - momentum) are the controls.

Cost on two cores: about 30 s (quick), 5 min (paper).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray

import langevin_lab as ll
from langevin_lab.dynamics import Constant, CoolingMomentum
from langevin_lab.evidence import Between, Claim, Estimate
from langevin_lab.lab import Experiment
from langevin_lab.momentum import CoolMomentum

START = 0.99
N_MOMENTS, N_WINDOWS = 60, 10  # looks at the displacements
N_EXAMPLES = 1000
SOURCE = "Lyapunov equation of BB21"


@dataclass(frozen=True)
class Config:
    """Learning rate, lengths, replicas."""

    batch_size: int = 25
    learning_rate: float = 0.003
    n_steps: int = 3_000
    n_replicas: int = 48
    weight_decay: float = 0.01
    seed: int = 20_210_521


def run(config: Config) -> xarray.Dataset:
    """Displacement temperatures of cooling networks, and what is predicted for them."""
    attributes = {name: getattr(config, name) for name in ("n_replicas", "batch_size")}
    coordinates = {"sampling": ["independent", "epochs"]}
    return xarray.Dataset(_bath(config), coords=coordinates, attrs=attributes)


def _bath(config: Config) -> dict:
    """Displacement temperature of a trained network that cools, and its prediction."""
    found = [_cooled_network(config, replacement) for replacement in (True, False)]
    n_batches = N_EXAMPLES // config.batch_size
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
    network = _network(config, replacement=replacement, weight_decay=config.weight_decay)
    rate, count, pause = config.learning_rate, config.n_replicas, config.n_steps // N_MOMENTS
    schedule = CoolingMomentum(start=START, duration=config.n_steps)
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
            _, variances = ll.training.gradient_moments(network, ended["x_final"].values)
            variance = variances.mean(axis=1)  # of a batch, over coordinates
        predicted.append(variance * _temperature(rate, momenta[-1]))
    sharp = ll.training.sharpness(network, ended["x_final"].values[0], tolerance=1e-3)
    return momenta, moving, predicted, float(sharp.value)


def _network(config: Config, **options):
    """The network on its examples."""
    train, _ = ll.potentials.load_digits(seed=config.seed).split(N_EXAMPLES)
    return ll.potentials.multilayer_perceptron(
        train.inputs, train.targets, hidden=(16,), loss="cross_entropy",
        batch_size=config.batch_size, **options,
    )  # fmt: skip


def _trained(network, config: Config) -> np.ndarray:
    """Networks that have settled at the first momentum of the cooling."""
    start = network.start(seed=config.seed, n_replicas=config.n_replicas)
    settings = {"n_replicas": config.n_replicas, "n_steps": 1_000}
    for step, (rate, momentum) in enumerate(((0.05, 0.9), (config.learning_rate, START))):
        cool = CoolMomentum(learning_rate=rate, momentum=Constant(value=momentum))
        start = ll.simulate(network, cool, start=start, seed=config.seed + 510 + step, **settings)[
            "x_final"
        ].values
    return start


def _temperature(rate: float, momentum, *, noise: float = 1.0, curvature: float = 0.0):
    return ll.limits.cool_momentum_temperature(
        learning_rate=rate, momentum=momentum, gradient_noise=noise, curvature=curvature
    )


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
    rate, n_steps = config.learning_rate, config.n_steps
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
    """Independent batches are the bath; those of epochs are colder, and by how much at most."""
    result = []
    for index in range(dataset.sizes["window"]):
        point = dataset.isel(window=index)
        case = f"momentum {float(point['window_momentum']):.3f}"
        alone, epochs = (_bath_ratio(dataset, index, name) for name in ("independent", "epochs"))
        lags = Between(float(point["window_low"]), float(point["window_high"]))
        flat = float(point["window_epochs"])
        result.append(Claim(f"independent batches, T/predicted, {case}", "recursion of BB21",
                            lags, alone, scale=1.0, resolution=0.3))  # fmt: skip
        result.append(Claim(f"epochs, T/predicted, {case}", "between flat and free",
                            Between(flat * float(point["window_low"]),
                                    float(point["window_high"])),
                            epochs, scale=1.0, resolution=0.3))  # fmt: skip
    second = _bath_ratio(dataset, 1, "epochs")
    wrong = Claim("epochs are independent batches", "control", 1.0, second)
    return [*result, *_cooling_claims(dataset), wrong.refutation()]


def _bath_ratio(dataset: xarray.Dataset, window: int, sampling: str) -> Estimate:
    point = dataset.isel(window=window).sel(sampling=sampling)
    value, error = float(point["window"]), float(point["window_stderr"])
    return Estimate(value, error, dataset.attrs["n_replicas"])


def _cooling_claims(dataset: xarray.Dataset) -> list[Claim]:
    """By how much the displacements cool from the second tenth to the last, noise divided out."""
    momenta, lags = dataset["window_momentum"].values, dataset["window_high"].values
    expected = ll.limits.cooling_factor(float(momenta[1]), float(momenta[-1]))
    early, late = (_bath_ratio(dataset, window, "independent") for window in (1, -1))
    measured = expected * early / late
    paper = float((1 - momenta[-1]) / (1 - momenta[1]))
    return [
        Claim("network: cooling factor, second to last tenth", SOURCE, expected, measured,
              resolution=0.6, bias_bound=expected * float(lags[1] * lags[-1] - 1)),
        Claim("the same as 1/(1 - momentum)", "BB21", paper, measured).refutation(),
    ]  # fmt: skip


def cost(config: Config) -> float:
    """Seconds on two cores: two kernels, replicas and steps."""
    return 25.0 + 2e-5 * config.n_replicas * (config.n_steps + 2_000)


EXPERIMENT = Experiment(
    name="minibatch_bath",
    presets={"quick": Config(), "paper": Config(n_steps=30_000, n_replicas=192)},
    run=run,
    claims=claims,
    cost=cost,
)

if __name__ == "__main__":
    EXPERIMENT.main()
