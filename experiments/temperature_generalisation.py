"""At which temperature does a small network that is given wrong labels generalise best?

Prediction. Langevin dynamics samples exp(-U/T), U the mean loss of n examples plus weight decay.
At T = 1/n that is the Bayesian posterior of the weights; far below, the network is at a minimum of
the loss and has learnt the wrong labels by heart. Whether and by how much the posterior generalises
better than the minimum, no theory says here; it is measured. What is known is the thermometer: at
any temperature

    <x . grad U>/dim = T,   <p . p>/dim = T (1 - h^2 <trace of the Hessian>/(4 dim))

the second on the steps h of BAOAB, as it is on harmonic wells.

Source: Tolman (1918) for equipartition, Leimkuhler and Matthews (2013) for BAOAB; Wenzel et al.
(2020) for the question.

Method. A network 2-20-1 on 100 points of two moons, 20 % of whose labels are wrong; BAOAB with full
batches; test on 1,000 clean points. Twenty data sets are the units of the error bars of accuracies:
what is claimed is claimed of two moons, not of one draw of them. T = 1/n is compared with T =
1/(100 n) and 10/n, all fixed beforehand; no temperature is chosen by test examples. The gap is that
of training and test accuracy under the same share w of wrong labels, where a clean test accuracy a
counts as w + (1 - 2w) a. Bias bounds of the thermometers: a quarter of the correction of the
kinetic temperature, and its whole for the virial, for what anharmonic terms do; and the heat that
the slow descent still releases, -dU/dt = friction dim (temperature above T), from the energies at
both ends of the record. Controls: they refute a temperature 3 % (kinetic) or 8 % (virial) off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray

import langevin_lab as ll
from langevin_lab.ensemble.recorders import ConfigurationalTemperature, KineticTemperature
from langevin_lab.evidence import AtLeast, Claim, Estimate
from langevin_lab.lab import Experiment
from langevin_lab.training import posterior_temperature, with_label_noise

# The recorders, in the order in which the run keeps their sums.
THERMOMETERS = {"kinetic": KineticTemperature(), "virial": ConfigurationalTemperature()}
PER_DATA_SET = (
    "test_accuracy",
    "train_accuracy",
    "average_accuracy",
    "sharpness",
    "laplacian",
    "heating",
)


@dataclass(frozen=True)
class Config:
    """Temperatures in units of the posterior's, data, network, sizes of the simulation."""

    temperature_ratios: tuple[float, ...] = (0.01, 0.1, 0.3, 1.0, 3.0, 10.0)
    n_data_sets: int = 20
    n_replicas: int = 8
    n_train: int = 100
    n_test: int = 1000
    wrong_labels: float = 0.2
    spread: float = 0.15
    hidden: int = 20
    weight_decay: float = 1e-4
    friction: float = 0.05
    dt: float = 0.5
    n_steps: int = 15_000
    burn_in: int = 10_000
    record_every: int = 5
    n_samples: int = 10
    n_hessians: int = 3
    kinetic_control: float = 1.03
    virial_control: float = 1.08
    seed: int = 20_200_713


def run(config: Config) -> xarray.Dataset:
    """All temperatures on all data sets."""
    shape = (len(config.temperature_ratios), config.n_data_sets)
    values = {name: np.zeros(shape) for name in PER_DATA_SET}
    thermal = {name: np.zeros((*shape, config.n_replicas)) for name in THERMOMETERS}
    for number in range(config.n_data_sets):
        network, test = _problem(config, number)
        posterior = posterior_temperature(network)
        for place, ratio in enumerate(config.temperature_ratios):
            # Noise of their own, so that thermometers do not err together.
            seed = config.seed + 1000 * (place + 1) + number
            found = _one(config, network, test, ratio * posterior, seed)
            for name, value in found.items():
                (thermal if name in thermal else values)[name][place, number] = value
    dims = ("temperature_ratio", "data_set")
    data = {name: (dims, array) for name, array in values.items()}
    data |= {name: ((*dims, "replica"), array) for name, array in thermal.items()}
    coordinates = {"temperature_ratio": list(config.temperature_ratios)}
    attributes = {name: getattr(config, name) for name in
                  ("dt", "kinetic_control", "virial_control", "wrong_labels")}  # fmt: skip
    return xarray.Dataset(data, coordinates, attributes | {"posterior_temperature": posterior})


def _problem(config: Config, number: int) -> tuple[ll.potentials.Network, ll.potentials.Examples]:
    """Network on noisy training examples, and clean test examples."""
    seed = config.seed + 2 * number
    moons = ll.potentials.two_moons(config.n_train, seed=seed, noise=config.spread)
    train = with_label_noise(moons, config.wrong_labels, seed=seed)
    network = ll.potentials.multilayer_perceptron(
        train.inputs, train.targets, hidden=(config.hidden,), loss="binary_cross_entropy",
        weight_decay=config.weight_decay,
    )  # fmt: skip
    return network, ll.potentials.two_moons(config.n_test, seed=seed + 1, noise=config.spread)


def _one(config: Config, network, test, temperature: float, seed: int) -> dict[str, object]:
    """One temperature on one data set."""
    dynamics = ll.Langevin(network, temperature=temperature, friction=config.friction)
    found = ll.simulate(
        dynamics, "BAOAB", dt=config.dt, n_steps=config.n_steps, n_replicas=config.n_replicas,
        seed=seed, start=network.start(seed=seed, n_replicas=config.n_replicas),
        burn_in=config.burn_in, observe=dict(THERMOMETERS),
        record_every=config.record_every, progress=False,
        save_every=(config.n_steps - config.burn_in) // config.n_samples,
    )  # fmt: skip
    x = found["x"].values[-config.n_samples :]
    ends = network.energy(x[[0, -1]]).mean(axis=1)
    elapsed = config.dt * (config.n_steps - config.burn_in) * (1.0 - 1.0 / config.n_samples)
    hessians = network.hessian(x[-1, : config.n_hessians])
    inputs, targets = np.split(network.data.values, [2], axis=1)
    mean = network.predict(x, test.inputs)[..., 0].mean(axis=(0, 1))
    n_recorded = (config.n_steps - config.burn_in) // config.record_every
    sums = found["moment_sum"].values / (n_recorded * network.dim)
    return dict(zip(THERMOMETERS, sums)) | {
        "test_accuracy": network.accuracy(x, test.inputs, test.targets).mean(),
        "train_accuracy": network.accuracy(x, inputs, targets).mean(),
        "average_accuracy": np.mean((mean > 0.5) == test.targets),
        "sharpness": np.linalg.eigvalsh(hessians)[:, -1].mean(),
        "laplacian": np.trace(hessians, axis1=1, axis2=2).mean() / network.dim,
        "heating": (ends[0] - ends[1]) / (config.friction * elapsed * network.dim),
    }


def claims(dataset: xarray.Dataset) -> list[Claim]:
    """Thermometers at every temperature, generalisation at three, controls."""
    return [*_thermometer_claims(dataset), *_generalisation_claims(dataset), *_controls(dataset)]


def _thermometer(dataset: xarray.Dataset, name: str, ratio: float) -> Estimate:
    """Measured temperature over the nominal one; replicas are independent."""
    nominal = ratio * dataset.attrs["posterior_temperature"]
    return Estimate.from_samples(
        dataset[name].sel(temperature_ratio=ratio).values.ravel() / nominal
    )


def _correction(dataset: xarray.Dataset, ratio: float) -> float:
    """h^2 <trace of the Hessian>/(4 dim)."""
    laplacian = float(dataset["laplacian"].sel(temperature_ratio=ratio).mean())
    return 0.25 * dataset.attrs["dt"] ** 2 * laplacian


def _heating(dataset: xarray.Dataset, ratio: float) -> float:
    """Temperature above the nominal one that the descent accounts for, over the nominal one."""
    nominal = ratio * dataset.attrs["posterior_temperature"]
    return abs(float(dataset["heating"].sel(temperature_ratio=ratio).mean())) / nominal


def _expected(dataset: xarray.Dataset, ratio: float) -> dict[str, tuple[float, float]]:
    """Thermometer -> temperature over nominal, bias bound."""
    low, heating = _correction(dataset, ratio), _heating(dataset, ratio)
    return {"kinetic": (1.0 - low, 0.25 * low + heating), "virial": (1.0, low + heating)}


def _thermometer_claims(dataset: xarray.Dataset) -> list[Claim]:
    return [
        Claim(
            f"{name} temperature over nominal, T = {ratio:g}/n", "Tolman, BAOAB's step", expected,
            _thermometer(dataset, name, ratio), bias_bound=bound,
            resolution=0.05 if name == "kinetic" else 0.3,
        )
        for ratio in dataset["temperature_ratio"].values
        for name, (expected, bound) in _expected(dataset, ratio).items()
    ]  # fmt: skip


def _points(dataset: xarray.Dataset, name: str, ratio: float, other: float) -> Estimate:
    """Percentage points by which a share at one temperature exceeds that at another, paired."""
    values = dataset[name]
    differences = values.sel(temperature_ratio=ratio) - values.sel(temperature_ratio=other)
    return Estimate.from_samples(100.0 * differences.values)


def with_gap(dataset: xarray.Dataset) -> xarray.Dataset:
    """The dataset and the gap of accuracies under the same share of wrong labels."""
    wrong = dataset.attrs["wrong_labels"]
    test = wrong + (1.0 - 2.0 * wrong) * dataset["test_accuracy"]
    return dataset.assign(gap=dataset["train_accuracy"] - test)


def _generalisation_claims(dataset: xarray.Dataset) -> list[Claim]:
    """At least so many points; an interval that reaches below by more than 1 settles nothing."""
    dataset = with_gap(dataset)
    statements = [
        ("T = 1/n beats T = 0.01/n, one network: points", "test_accuracy", 1.0, 0.01, 1.0),
        ("T = 1/n beats T = 10/n, one network: points", "test_accuracy", 1.0, 10.0, 6.0),
        ("T = 1/n beats T = 0.01/n, averaged predictions: points",
         "average_accuracy", 1.0, 0.01, 4.0),
        ("averaged predictions, T = 10/n against T = 0.01/n: points",
         "average_accuracy", 10.0, 0.01, 4.0),
        ("gap of training and test, T = 0.01/n against T = 1/n: points", "gap", 0.01, 1.0, 10.0),
    ]  # fmt: skip
    result = [
        Claim(text, "measured here", AtLeast(bound), _points(dataset, name, ratio, other),
              scale=1.0, resolution=1.0)
        for text, name, ratio, other, bound in statements
    ]  # fmt: skip
    sharper = 0.01 * _points(dataset, "sharpness", 0.01, 1.0)
    result.append(Claim("sharpness, T = 0.01/n less T = 1/n", "measured here", AtLeast(0.0),
                        sharper, scale=1.0, resolution=0.5))  # fmt: skip
    return result


def _controls(dataset: xarray.Dataset) -> list[Claim]:
    wrong = [
        Claim(f"control: T x {dataset.attrs[f'{name}_control']:g}, {name}", "control",
              dataset.attrs[f"{name}_control"] * expected, _thermometer(dataset, name, 1.0),
              bias_bound=bound)
        for name, (expected, bound) in _expected(dataset, 1.0).items()
    ]  # fmt: skip
    return [claim.refutation() for claim in wrong]


def cost(config: Config) -> float:
    """Seconds on two cores: 3 us a step of 100 examples, 20 ms a Hessian, the kernel."""
    runs = len(config.temperature_ratios) * config.n_data_sets
    steps = config.n_replicas * config.n_steps * config.n_train / 100
    return 25.0 + runs * (3e-6 * steps + 0.02 * config.n_hessians)


EXPERIMENT = Experiment(
    name="temperature_generalisation",
    presets={
        "quick": Config(),
        "paper": Config(n_data_sets=100, n_steps=50_000, burn_in=20_000, n_samples=40),
    },
    run=run,
    claims=claims,
    cost=cost,
)

if __name__ == "__main__":
    EXPERIMENT.main()
