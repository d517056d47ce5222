"""How far apart do networks of one recipe come out, and what does averaging them give?

Prediction. Many networks 2-100-1 learn the same two arms of four turns from the same 500 points by
AdLaLa [LMV19]; they differ in start, batches and noise alone. A network's accuracy is the mean over
n test points, and if its errors at different points were independent, with q_i the share of the
networks that have point i right, accuracies would scatter with the variance

    sum_i q_i (1 - q_i) / n^2

(Poisson's binomial law). Networks get whole stretches of an arm wrong, so that they scatter more
than twice as much, and most of it another test set would confirm: the covariance of accuracies on
two halves of the points, which no noise of the points enters, is more than half of the variance.
The mean of many predicted probabilities is right more often than a single network, since its
squared error is smaller by their variance (Krogh and Vedelsby 1995): by 2 points at least.

Source: [LMV19] for the training; [KV95].

Method. All networks train at once, by compiled code on the CPU or by PyTorch on a card; a few of
them train some steps by both in float64, with the same numbers drawn, and have to agree. Errors of
what is averaged over points are those of groups of points, errors of the scatter come from a
jackknife over networks. Outcomes dealt anew among the networks, point by point, are as independent
as the formula says: they have to follow it, and as networks they are the control. So are another
seed, where paths have to agree, and the one network of the mean weights, which is no average of
predictions: the same function has its hidden neurons in another order in every network.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

import numpy as np
import xarray

import langevin_lab as ll
from langevin_lab.evidence import AtLeast, AtMost, Claim, Estimate
from langevin_lab.evidence.resampling import jackknife
from langevin_lab.lab import Experiment

SOURCE = "LMV19, this file"
STEP = 0.25
N_GROUPS = 40  # of test points
N_DEALT = 2_000
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Config:
    """Sizes, and what computes.

    Attributes
    ----------
    backend, precision : str
        As `ll.simulate`.
    n_looks : int
        Times at which accuracies are taken; it divides ``epochs``.
    n_test : int
        A multiple of 80: two halves in groups.
    n_compared, compared_steps : int
        Networks and steps that compiled code and PyTorch both train.
    """

    backend: str = "cpu"
    precision: str = "float64"
    n_replicas: int = 200
    epochs: int = 1_000
    n_looks: int = 8
    turns: float = 4.0
    hidden: int = 100
    n_train: int = 500
    n_test: int = 4_000
    batch_size: int = 25
    n_compared: int = 4
    compared_steps: int = 100
    seed: int = 20_190_811

    @property
    def n_steps(self) -> int:
        """Batches of the training."""
        return self.epochs * (self.n_train // self.batch_size)


def problem(config: Config) -> tuple:
    """Network with its training points, and the test points."""
    examples = ll.potentials.spirals(
        config.n_train + config.n_test, seed=config.seed, turns=config.turns
    )
    train, test = examples.split(config.n_train)
    network = ll.potentials.multilayer_perceptron(
        train.inputs, train.targets, hidden=(config.hidden,), activation="relu",
        loss="binary_cross_entropy", batch_size=config.batch_size,
    )  # fmt: skip
    return network, test


def trained(network, start, *, seed: int, n_steps: int, **more) -> xarray.Dataset:
    """AdLaLa with the published constants, from rest."""
    dynamics = ll.dynamics.adlala(
        network, ("weights_1", "biases_1"), temperature=1e-4, epsilon=0.05, applied_noise=0.01,
        friction=0.1,
    )  # fmt: skip
    return ll.simulate(
        dynamics, "AdLaLa", dt=STEP, n_steps=n_steps, n_replicas=len(start), start=start,
        start_momentum=np.zeros(network.dim), start_thermostat=(0.1, 0.1), seed=seed, **more,
    )  # fmt: skip


def run(config: Config) -> xarray.Dataset:
    """Accuracies of all networks at all looks, of averages, of outcomes dealt anew."""
    network, test = problem(config)
    start = network.start(seed=config.seed, n_replicas=config.n_replicas)
    result = trained(
        network, start, seed=config.seed, n_steps=config.n_steps, backend=config.backend,
        precision=config.precision, save_every=config.n_steps // config.n_looks, progress=False,
    )  # fmt: skip
    alive = result["diverged_step"].values < 0
    paths = result["x"].values[:, alive]
    labels = np.asarray(test.targets).reshape(-1) > 0.5
    looks = np.stack([start[alive], *paths])
    accuracy = [network.accuracy(x, test.inputs, test.targets) for x in looks]
    right, chances = outcomes(network, looks[-1], test.inputs, labels)
    rng = np.random.default_rng(config.seed)
    # Few networks are dealt anew several times: the formula is tested the more sharply.
    deals = [rng.permuted(right, axis=0) for _ in range(max(1, N_DEALT // len(right)))]
    data = _scatter("", right) | _scatter("dealt_", np.concatenate(deals))
    data |= _averages(rng, chances, labels)
    data["accuracy"] = (("epoch", "network"), np.array(accuracy))
    data["single"] = ("group", grouped(right.mean(axis=0)))
    of_mean, _ = outcomes(network, looks[-1].mean(axis=0, keepdims=True), test.inputs, labels)
    data["mean_weights"] = ("group", grouped(of_mean[0]))
    data["quantile_value"] = (("quantile", "part"), _quantiles(rng, accuracy[-1]))
    if importlib.util.find_spec("torch"):
        data["difference"] = ("other", differences(config, network, start))
    epochs = np.arange(config.n_looks + 1) * config.epochs / config.n_looks
    coordinates = {"epoch": epochs, "quantile": list(QUANTILES), "part": ["value", "stderr"]}
    attributes = {name: result.attrs[name] for name in ("backend", "device", "precision")}
    attributes |= {"n_diverged": int((~alive).sum()), "compared_steps": config.compared_steps}
    return xarray.Dataset(data, coords=coordinates, attrs=attributes)


def outcomes(network, x, inputs, labels) -> tuple[np.ndarray, np.ndarray]:
    """Whether each network is right at each point, and its probability of arm 1."""
    chances = np.empty((len(x), len(labels)), np.float32)
    for first in range(0, len(x), 500):  # probabilities of 10,000 networks are many numbers
        chances[first : first + 500] = network.predict(x[first : first + 500], inputs)[..., 0]
    return (chances > 0.5) == labels, chances


def grouped(values: np.ndarray) -> np.ndarray:
    """Means over groups of points."""
    return np.asarray(values, float).reshape(N_GROUPS, -1).mean(axis=1)


def _scatter(name: str, right: np.ndarray) -> dict:
    """Accuracies on the halves of the points, and the variance that independent errors have."""
    halves = right.reshape(len(right), 2, -1).mean(axis=2)
    shares = right.mean(axis=0)
    # n/(n - 1): the shares are those of the same networks.
    unbiased = len(right) / (len(right) - 1)
    independent = unbiased * np.sum(shares * (1 - shares)) / right.shape[1] ** 2
    return {
        f"{name}on_half": ((f"{name}network", "half"), halves),
        f"{name}independent": ((), independent),
    }


def _averages(rng: np.random.Generator, chances: np.ndarray, labels: np.ndarray) -> dict:
    """Accuracy of the mean over 1, 2, 4, ... networks in groups of points."""
    sizes = [*(2**k for k in range(20) if 2**k < len(chances)), len(chances)]
    rows = []
    for size in sizes:
        several = [
            rng.choice(len(chances), size, replace=False) for _ in range(max(20, 800 // size))
        ]
        drawn = [grouped((chances[some].mean(axis=0) > 0.5) == labels) for some in several]
        rows.append(np.mean(drawn, axis=0))
    return {"average": (("size", "group"), np.array(rows)), "size": ("size", sizes)}


def _quantiles(rng: np.random.Generator, accuracy: np.ndarray) -> np.ndarray:
    """Quantiles over the networks and their bootstrap errors, (n_quantiles, 2)."""
    drawn = rng.choice(accuracy, (400, len(accuracy)))
    errors = np.quantile(drawn, QUANTILES, axis=1).std(axis=1)
    return np.column_stack([np.quantile(accuracy, QUANTILES), errors])


def differences(config: Config, network, start) -> np.ndarray:
    """Largest difference of weights between both programs, same seed and another."""
    few = start[: config.n_compared]
    backend = config.backend if config.backend.startswith("torch") else "torch"
    plan = {"n_steps": config.compared_steps, "progress": False}
    ours = trained(network, few, seed=1, **plan)["x_final"].values
    others = [trained(network, few, seed=s, backend=backend, **plan) for s in (1, 2)]
    return np.array([np.abs(other["x_final"].values - ours).max() for other in others])


def claims(dataset: xarray.Dataset) -> list[Claim]:
    """Agreement, scatter, averages, and the controls of each."""
    return [*_agreement(dataset), *_scatter_claims(dataset), *_average_claims(dataset)]


def _agreement(dataset: xarray.Dataset) -> list[Claim]:
    if "difference" not in dataset:
        return []
    steps = dataset.attrs["compared_steps"]
    same, other = dataset["difference"].values

    return [
        Claim(f"weights after {steps} steps, compiled and by PyTorch: largest difference",
              "same numbers drawn", AtMost(1e-9), Estimate.exact(same)),
        Claim("control: the same with another seed", "other numbers", AtLeast(1e-3),
              Estimate.exact(other)),
    ]  # fmt: skip


def variance_ratio(dataset: xarray.Dataset, name: str = "") -> Estimate:
    """Variance of accuracies over networks in units of that of independent errors."""
    accuracy = dataset[f"{name}on_half"].mean("half").values
    return _moments(accuracy, accuracy) / float(dataset[f"{name}independent"])


def confirmed_share(dataset: xarray.Dataset, name: str = "") -> Estimate:
    """Covariance of accuracies on the two halves of the points over the variance on all."""
    first, second = dataset[f"{name}on_half"].values.T
    whole = 0.5 * (first + second)
    sums = np.column_stack([np.ones_like(whole), first, second, first * second, whole, whole**2])

    def ratio(s: np.ndarray) -> float:
        n, a, b, ab, w, ww = s
        return (ab - a * b / n) / (ww - w * w / n)

    return jackknife(ratio, sums)


def _moments(first: np.ndarray, second: np.ndarray) -> Estimate:
    """Covariance, by a jackknife over networks."""
    shifted = first - first.mean(), second - second.mean()
    sums = np.column_stack([np.ones_like(first), *shifted, shifted[0] * shifted[1]])
    return jackknife(lambda s: (s[3] - s[1] * s[2] / s[0]) / s[0], sums)


def _scatter_claims(dataset: xarray.Dataset) -> list[Claim]:
    dealt = Claim("control: outcomes dealt anew scatter like networks", SOURCE, AtLeast(2.0),
                  variance_ratio(dataset, "dealt_"))  # fmt: skip
    alone = Claim("control: half of what is dealt anew is confirmed by other points", SOURCE,
                  AtLeast(0.5), confirmed_share(dataset, "dealt_"))  # fmt: skip
    return [
        Claim("variance of accuracies over that of independent errors", SOURCE, AtLeast(2.0),
              variance_ratio(dataset), resolution=0.5),
        Claim("the same of outcomes dealt anew at each point", "Poisson's binomial law", 1.0,
              variance_ratio(dataset, "dealt_"), resolution=0.5),
        Claim("share of the variance that other test points confirm", SOURCE, AtLeast(0.5),
              confirmed_share(dataset), resolution=0.5),
        dealt.refutation(),
        alone.refutation(),
    ]  # fmt: skip


def gain(dataset: xarray.Dataset, average: str = "average") -> Estimate:
    """Points by which the average of all networks is right more often than one of them."""
    whole = dataset[average]
    whole = whole.isel(size=-1) if "size" in whole.dims else whole
    return Estimate.from_samples(100 * (whole - dataset["single"]).values)


def _average_claims(dataset: xarray.Dataset) -> list[Claim]:
    n = int(dataset["size"][-1])
    weights = Claim("control: the network of the mean weights gains as much", "KV95",
                    AtLeast(2.0), gain(dataset, "mean_weights"))  # fmt: skip
    return [
        Claim(f"average of {n} networks ahead of one (points)", "KV95", AtLeast(2.0),
              gain(dataset), resolution=0.5),
        weights.refutation(),
    ]  # fmt: skip


def cost(config: Config) -> float:
    """Seconds on two cores: 4 microseconds a step of 100 neurons, kernels, test points."""
    steps = 2.1e-8 * config.hidden * config.n_replicas * config.n_steps
    return 25.0 + steps + 4e-9 * config.hidden * config.n_replicas * config.n_test * config.n_looks


EXPERIMENT = Experiment(
    name="network_ensembles",
    presets={
        "quick": Config(),
        "paper": Config(backend="torch:cuda", precision="float32", n_replicas=10_000, epochs=4_000),
    },
    run=run,
    claims=claims,
    cost=cost,
)

if __name__ == "__main__":
    EXPERIMENT.main()
