"""What does a momentum that sets itself do for a network on minibatches of digits?

Prediction. The adaptive momentum reads curvature off the difference of two gradients; with
minibatches most of that difference is noise, and the momentum is small (experiment
`adaptive_momentum`). So ARSGD should train as plain gradient descent does at the same learning
rate, on the same examples from the same start. For ARAdam, whose steps are no multiple of its
gradients, no prediction is known: it is measured.

Source: Sun, Ling, Shi, Li and Wang (2021) [SLSLW21] for the rule; the collapse derived here.

Method. A perceptron 64-16-10 (tanh, cross-entropy, batches of 25) on scikit-learn's digits, 1000
for training, 400 to choose each optimiser's learning rate from a grid of four, 397 for the test;
every replica has its own start and its own examples, the same for all optimisers, so differences
are paired. Equal tuning budgets: four rates each, nothing else is tuned. Descent at two rates is
the control: that they are as good as equal has to be refuted. Cost: a minute on two cores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray

import langevin_lab as ll
from langevin_lab.evidence import AtLeast, AtMost, Between, Claim, Estimate
from langevin_lab.lab import Experiment
from langevin_lab.momentum import Adam, AdaptiveHeavyBall, ARAdam, HeavyBall

SOURCE = "SLSLW21"
N_TRAIN, N_VALIDATION = 1000, 400
OPTIMISERS: dict[str, Callable[[float], Any]] = {
    "SGD": lambda rate: HeavyBall(learning_rate=rate, momentum=0.0),
    "momentum 0.9": lambda rate: HeavyBall(learning_rate=rate, momentum=0.9),
    "ARSGD": lambda rate: AdaptiveHeavyBall(learning_rate=rate),
    "Adam": lambda rate: Adam(learning_rate=rate),
    "ARAdam": lambda rate: ARAdam(learning_rate=rate),
}
MARGIN = 0.02  # of accuracies that count as equal


@dataclass(frozen=True)
class Config:
    """Learning rates, steps and replicas."""

    descent_rates: tuple[float, ...] = (0.03, 0.1, 0.3, 1.0)
    momentum_rates: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3)
    adam_rates: tuple[float, ...] = (0.001, 0.003, 0.01, 0.03)
    n_steps: int = 400
    n_replicas: int = 16
    seed: int = 20_211_010

    def rates(self, name: str) -> tuple[float, ...]:
        """The grid of one optimiser."""
        if name in ("SGD", "ARSGD"):
            return self.descent_rates
        return self.momentum_rates if name == "momentum 0.9" else self.adam_rates


def run(config: Config) -> xarray.Dataset:
    """Accuracies of all replicas on all three parts of the data, and mean momenta."""
    train, rest = ll.potentials.load_digits(seed=config.seed).split(N_TRAIN)
    validation, test = rest.split(N_VALIDATION)
    parts = {"train": train, "validation": validation, "test": test}
    network = ll.potentials.multilayer_perceptron(
        train.inputs, train.targets, hidden=(16,), loss="cross_entropy", batch_size=25
    )
    shape = (len(OPTIMISERS), len(config.descent_rates), config.n_replicas)
    data = {name: np.zeros(shape) for name in parts}
    momentum, momentum_stderr = np.full(shape[:2], np.nan), np.full(shape[:2], np.nan)
    for i, name in enumerate(OPTIMISERS):
        for j, learning_rate in enumerate(config.rates(name)):
            found = _train(config, network, name, learning_rate)
            for part, examples in parts.items():
                data[part][i, j] = network.accuracy(
                    found["x_final"].values, examples.inputs, examples.targets
                )
            if name in ("ARSGD", "ARAdam"):
                momentum[i, j] = found["mean_momentum"]
                momentum_stderr[i, j] = found["mean_momentum_stderr"]
    names = ("optimiser", "place")
    variables: dict[str, Any] = {part: ((*names, "replica"), data[part]) for part in parts}
    variables["learning_rate"] = (names, np.array([config.rates(name) for name in OPTIMISERS]))
    variables |= {"momentum": (names, momentum), "momentum_stderr": (names, momentum_stderr)}
    return xarray.Dataset(variables, coords={"optimiser": list(OPTIMISERS)})


def _train(config: Config, network: Any, name: str, learning_rate: float) -> xarray.Dataset:
    adaptive = name in ("ARSGD", "ARAdam")
    return ll.simulate(
        network, OPTIMISERS[name](learning_rate), n_steps=config.n_steps, seed=config.seed,
        start=network.start(seed=config.seed, n_replicas=config.n_replicas),
        n_replicas=config.n_replicas, progress=False,
        observe={"mean_momentum": "momentum"} if adaptive else None,
    )  # fmt: skip


def chosen(dataset: xarray.Dataset, name: str) -> xarray.Dataset:
    """The results of one optimiser at the learning rate of its best validation accuracy."""
    rows = dataset.sel(optimiser=name)
    return rows.isel(place=int(np.argmax(rows["validation"].mean("replica").values)))


def claims(dataset: xarray.Dataset) -> list[Claim]:
    """All learn, ARSGD has little momentum and is descent, the control."""
    result = []
    for name in dataset["optimiser"].values.tolist():
        accuracy = Estimate.from_samples(chosen(dataset, name)["test"].values)
        result.append(Claim(f"{name} learns: test accuracy", SOURCE, AtLeast(0.9), accuracy))
    adaptive, descent = (dataset.sel(optimiser=name) for name in ("ARSGD", "SGD"))
    for place in range(dataset.sizes["place"]):
        row = adaptive.isel(place=place)
        rate = f"learning rate {float(row['learning_rate']):g}"
        measured = Estimate(float(row["momentum"]), float(row["momentum_stderr"]))
        result.append(Claim(f"momentum of ARSGD, {rate}", "derived", AtMost(0.3), measured))
        gap = row["test"].values - descent.isel(place=place)["test"].values
        result.append(Claim(f"ARSGD minus SGD, test accuracy, {rate}", "derived",
                            Between(-MARGIN, MARGIN), Estimate.from_samples(gap),
                            scale=1.0))  # fmt: skip
    gap = descent["test"].isel(place=1).values - descent["test"].isel(place=0).values
    wrong = Claim("control: a third of the learning rate is as good", "derived",
                  Between(-MARGIN, MARGIN), Estimate.from_samples(gap), scale=1.0)  # fmt: skip
    return [*result, wrong.refutation()]


def cost(config: Config) -> float:
    """Seconds on two cores: 4 kernels, 0.1 ms a step and replica."""
    return 45.0 + 5e-5 * 4 * len(OPTIMISERS) * config.n_steps * config.n_replicas


EXPERIMENT = Experiment(
    name="adaptive_digits",
    presets={"quick": Config(), "paper": Config(n_steps=4_000, n_replicas=64)},
    run=run,
    claims=claims,
    cost=cost,
)

if __name__ == "__main__":
    EXPERIMENT.main()
